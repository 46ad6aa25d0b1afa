"""The prompt for the whole, and passages: stretches of the voice with a prompt of their own, with a clip or with a gesture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..animation import bake
from ..contract import ACCENT, LAST_FRAME, REGIONS, SOUND_NAMES, Passage, UtterError, frame_at, seconds_at
from ..work import jobs
from . import readings, strengths
from .base import HeadPanel, chosen, locked, settings_of

GESTURE_ITEMS = (
    ("NONE", "None", "The face feels what the prompt says", "BLANK1", 0),
    *(
        (name, name.title(), f"A {name}, as if it were heard in the voice", "OUTLINER_OB_SPEAKER", k)
        for k, name in enumerate(SOUND_NAMES, 1)
    ),
    (ACCENT, "Accent", "A word that is stressed: the brows rise, the head nods, the vowel is wider", "SOLO_ON", len(SOUND_NAMES) + 1),
)


def asks(passage):
    """Whether a passage asks for anything."""
    return passage.on and bool(passage.gesture != "NONE" or passage.action or passage.clip or passage.prompt.strip())


def in_seconds(settings, fps, acted, directed=True):
    """The passages that are on and have a prompt, a clip or a gesture, in seconds from the voice's beginning: tuple of contract.Passage.
    acted: the files of their Actions, as clips.write() gives them. directed: those that directions in the words became among them."""
    return tuple(
        Passage(
            seconds_at(passage.start, fps, settings.start),
            seconds_at(passage.end, fps, settings.start),
            "" if passage.gesture != "NONE" or passage.clip or passage.action else passage.prompt.strip(),
            strengths.in_seconds(settings, passage, fps),
            seconds_at(passage.fade, fps),
            "" if passage.gesture != "NONE" else acted[passage.action.name_full] if passage.action else clip_of(settings, passage),
            seconds_at(passage.goes, fps) if passage.goes >= 0 else None,
            "" if passage.gesture == "NONE" else passage.gesture,
            regions_of(passage),
        )
        for passage in settings.passages
        if asks(passage) and (directed or not as_directed(passage))
    )


def regions_of(passage):
    """The regions that a passage is for, in their order. UtterError for none."""
    if not passage.regions:
        raise UtterError(f"The passage {label(passage)} is for no region; choose one in Passages, or switch the passage off.")
    return tuple(name for name in REGIONS if name in passage.regions)


def clip_of(settings, passage):
    """Absolute path of a passage's clip, or "". UtterError if it is gone."""
    path = bpy.path.abspath(passage.clip, library=settings.id_data.library) if passage.clip else ""
    if path and not Path(path).is_file():
        raise UtterError(f"The clip {path} of a passage does not exist; choose it again.")
    return path


def label(passage):
    """What a passage feels, in a few words; "" for nothing yet."""
    if passage.gesture != "NONE":
        return passage.gesture.title()
    if passage.action:
        return passage.action.name
    return bpy.path.basename(passage.clip) if passage.clip else passage.prompt


def read_of(settings, passage):
    """What the reading of a passage is kept under: its Action's name, its clip's path or its prompt; "" of a gesture."""
    if passage.gesture != "NONE":
        return ""
    if passage.action:
        return f"Action {passage.action.name_full}"
    return bpy.path.abspath(passage.clip, library=settings.id_data.library) if passage.clip else passage.prompt.strip()


def from_seconds(settings, passages, fps):
    """Replace the passages by contract.Passages, which are in seconds."""
    strengths.clear(settings.id_data)
    settings.passages.clear()
    add_from_seconds(settings, passages, fps)


def add_from_seconds(settings, passages, fps):
    """Add contract.Passages, which are in seconds; returns what was added."""
    far = LAST_FRAME / fps  # beyond it lies no voice, though numbers do
    held = lambda seconds: max(-far, min(seconds, far))
    frame = lambda seconds, start=0: frame_at(held(seconds), fps, start)

    first = len(settings.passages)
    for given in passages:
        passage = settings.passages.add()
        passage.start = frame(given.start, settings.start)
        passage.end = max(frame(given.end, settings.start), passage.start + 1)
        passage.prompt, passage.fade, passage.regions = given.prompt, frame(given.fade), set(given.regions)
        if isinstance(given.strength, tuple):
            strengths.put_points(passage, [(settings.start + held(time) * fps, strength) for time, strength in given.strength])
        else:
            passage.strength = given.strength
        passage.goes = -1 if given.fade_out is None else frame(given.fade_out)
        passage.gesture = given.gesture or "NONE"
        passage.clip = str(Path(given.clip).absolute()) if given.clip else ""
    return [*settings.passages][first:]


def take_directions(settings, given, key, fps):
    """Put the passages that directions in the words became (contract.Passages) in place of those of earlier words. What the artist changed
    of these is theirs and stays. key: of the words."""
    stay = [index for index, passage in enumerate(settings.passages) if not as_directed(passage)]
    strengths.reorder(settings.id_data, stay)
    for index in reversed(range(len(settings.passages))):
        if index not in stay:
            settings.passages.remove(index)
        else:
            settings.passages[index].directed = ""
    for passage in add_from_seconds(settings, given, fps):
        passage.directed = told(passage)
    settings.directed = key
    settings.passage = max(0, min(settings.passage, len(settings.passages) - 1))


def as_directed(passage):
    """Whether a passage is as a direction in the words made it."""
    return bool(passage.directed) and passage.directed == told(passage)


def told(passage):
    """What a passage asks for but for its times: another one is the artist's."""
    strength = "keyed" if strengths.curve_of(passage) else f"{passage.strength:.3f}"
    regions = "" if len(passage.regions) == len(REGIONS) else "|".join(sorted(passage.regions) or ("none",))
    return f"{passage.prompt}|{passage.gesture}|{strength}|{passage.on}|{passage.clip}{regions}"


def beyond(settings, fps):
    """A sentence for the passages that lie outside the voice, or ""."""
    if not settings.seconds:
        return ""
    first, last = settings.start, last_frame(settings, fps)
    out = [each for each in settings.passages if asks(each) and (each.start >= last or each.end <= first)]
    across = [each for each in settings.passages if asks(each) and each not in out and each.end > last + fps / 2]
    lasts = f"the voice, which lasts from frame {first} to {last}"
    if out:
        some = f"The passage {label(out[0])} lies" if len(out) == 1 else f"{len(out)} passages lie"
        return f"{some} beyond {lasts}."
    return f"The passage {label(across[0])} goes on after {lasts}." if across else ""


def last_frame(settings, fps):
    return frame_at(settings.seconds, fps, settings.start)


LENGTH = 2.0  # seconds of a new passage


class Edit:
    """An operator on the list of passages of the chosen head."""

    bl_options = {"REGISTER", "UNDO", "INTERNAL"}
    edit: Callable[[Any, Any], None]  # (settings, scene): what the button does

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        return jobs.allowed(cls, "Add a head first." if head is None else cls.refusal(settings_of(head)))

    @classmethod
    def refusal(cls, settings):
        return "" if 0 <= settings.passage < len(settings.passages) else "Add a passage first."

    def execute(self, context):
        self.edit(settings_of(chosen(context)), context.scene)
        return {"FINISHED"}


class UTTER_OT_add_passage(Edit, bpy.types.Operator):
    bl_idname = "utter.add_passage"
    bl_label = "Add Passage"
    bl_description = "Add a passage at the current frame, two seconds long"

    @classmethod
    def refusal(cls, _settings):
        return ""

    def edit(self, settings, scene):
        fps = bake.scene_fps(scene)
        last = last_frame(settings, fps) if settings.seconds else scene.frame_end
        start = scene.frame_current if settings.start <= scene.frame_current < last else settings.start
        passage = settings.passages.add()
        passage.start, passage.end = start, min(frame_at(LENGTH, fps, start), last)
        passage.fade = frame_at(Passage.fade, fps)
        settings.passage = len(settings.passages) - 1


class UTTER_OT_remove_passage(Edit, bpy.types.Operator):
    bl_idname = "utter.remove_passage"
    bl_label = "Remove Passage"
    bl_description = "Remove the chosen passage"

    def edit(self, settings, _scene):
        strengths.reorder(settings.id_data, [index for index in range(len(settings.passages)) if index != settings.passage])
        settings.passages.remove(settings.passage)
        settings.passage = max(0, min(settings.passage, len(settings.passages) - 1))


class UTTER_OT_duplicate_passage(Edit, bpy.types.Operator):
    bl_idname = "utter.duplicate_passage"
    bl_label = "Duplicate Passage"
    bl_description = "Add a passage like the chosen one, right behind it in time"

    def edit(self, settings, _scene):
        passage, length = copied(settings), settings.passages[settings.passage].end - settings.passages[settings.passage].start
        passage.start, passage.end = passage.end, passage.end + length
        strengths.retime(passage, lambda frame: frame + length)
        settings.passage += 1


class UTTER_OT_split_passage(Edit, bpy.types.Operator):
    bl_idname = "utter.split_passage"
    bl_label = "Split Passage at Playhead"
    bl_description = "Make two passages of the chosen one, which meet at the current frame: each can feel something else"

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        settings = settings_of(chosen(context))
        passage = settings.passages[settings.passage]
        inside = passage.start < context.scene.frame_current < passage.end
        return jobs.allowed(cls, "" if inside else "Move the playhead into the chosen passage first.")

    def edit(self, settings, scene):
        later = copied(settings)
        earlier = settings.passages[settings.passage]
        later.goes = earlier.fade_out
        earlier.end = later.start = scene.frame_current
        earlier.goes = later.fade = min(earlier.fade, frame_at(Passage.fade, bake.scene_fps(scene)))  # the two blend into each other
        settings.passage += 1


def copied(settings):
    """A copy of the chosen passage, behind it in the list."""
    passage = settings.passages.add()
    earlier = settings.passages[settings.passage]
    for field in ("on", "start", "end", "prompt", "clip", "action", "strength", "fade", "goes", "gesture", "regions"):
        setattr(passage, field, getattr(earlier, field))
    keys, last, place = strengths.rows(earlier), len(settings.passages) - 1, settings.passage + 1
    strengths.reorder(settings.id_data, [*range(place), None, *range(place, last)])
    settings.passages.move(last, place)
    strengths.put(settings.passages[place], keys)
    return settings.passages[place]


class UTTER_OT_move_passage(Edit, bpy.types.Operator):
    bl_idname = "utter.move_passage"
    bl_label = "Move Passage"
    bl_description = "Move the chosen passage in the list; where passages overlap they blend, whatever their order"

    step: bpy.props.IntProperty(default=1)

    def edit(self, settings, _scene):
        to = max(0, min(settings.passage + self.step, len(settings.passages) - 1))
        order = [*range(len(settings.passages))]
        order.insert(to, order.pop(settings.passage))
        strengths.reorder(settings.id_data, order)
        settings.passages.move(settings.passage, to)
        settings.passage = to


class UTTER_OT_set_passage(Edit, bpy.types.Operator):
    bl_idname = "utter.set_passage"
    bl_label = "Set to Current Frame"
    bl_description = "Let the passage begin or end at the current frame"

    side: bpy.props.EnumProperty(items=(("start", "Start", ""), ("end", "End", "")))

    def edit(self, settings, scene):
        passage = settings.passages[settings.passage]
        setattr(passage, self.side, scene.frame_current)
        if passage.end <= passage.start:
            passage.end = passage.start + 1


class UTTER_UL_passages(bpy.types.UIList):
    bl_idname = "UTTER_UL_passages"

    def draw_item(self, _context, layout, _settings, passage, _icon, _active, _property, _index=0, _flag=0):
        row = layout.row(align=True)
        row.prop(passage, "on", text="", emboss=False, icon="CHECKBOX_HLT" if passage.on else "CHECKBOX_DEHLT")
        split = row.split(factor=0.66, align=True)
        split.active = passage.on
        gesture = next(icon for name, _, _, icon, _ in GESTURE_ITEMS if name == passage.gesture)
        icon = gesture if passage.gesture != "NONE" else "ACTION" if passage.action else "FILE_MOVIE" if passage.clip else "NONE"
        split.label(text=label(passage) or "(no words yet)", icon=icon)
        row = split.row(align=True)
        row.alignment = "RIGHT"
        row.active = False
        row.label(text=f"{passage.start}\u2013{passage.end}")


class UTTER_PT_prompt(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_prompt"
    bl_label = "Prompt"

    def draw(self, context):
        layout, settings = self.layout, settings_of(chosen(context))
        layout.enabled = not locked()
        layout.prop(
            settings, "prompt", text="", icon="OUTLINER_OB_SPEAKER" if not settings.prompt else "TEXT", placeholder="As heard in the voice"
        )
        row = layout.row(align=True)
        row.prop(settings, "intensity", slider=True)
        row.prop(settings, "mouth", slider=True)
        draw_line(layout, settings, settings.prompt.strip(), "Read as" if settings.prompt.strip() else "Heard:", "UTTER_PT_reading")


class UTTER_PT_passages(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_passages"
    bl_label = "Passages"
    bl_parent_id = "UTTER_PT_prompt"

    def draw(self, context):
        layout, settings = self.layout, settings_of(chosen(context))
        layout.enabled = not locked()
        row = layout.row()
        row.template_list(
            "UTTER_UL_passages", "", settings, "passages", settings, "passage", rows=3 if len(settings.passages) > 2 else 2, maxrows=3
        )
        column = row.column(align=True)
        column.operator("utter.add_passage", text="", icon="ADD")
        column.operator("utter.remove_passage", text="", icon="REMOVE")
        column.menu("UTTER_MT_passages", text="", icon="DOWNARROW_HLT")
        if told := beyond(settings, bake.scene_fps(context.scene)):
            jobs.draw_text(layout, told, context.region.width, icon="ERROR")
        if 0 <= settings.passage < len(settings.passages):
            draw_passage(layout, settings, settings.passages[settings.passage])


def draw_passage(layout, settings, passage):
    """The fields of a passage: what it feels first, of which it has one."""
    column = layout.column(align=True)
    felt = passage.gesture == "NONE"
    if felt and not (passage.clip or passage.action):
        column.prop(passage, "prompt", text="", icon="TEXT", placeholder="What to feel here, in your own words")
    if felt and not passage.action and not passage.prompt.strip():
        column.prop(passage, "clip", text="", icon="FILE_MOVIE", placeholder="Or as a film, a Motion or another voice feels")
    if felt and not (passage.clip or passage.prompt.strip()):
        column.prop(passage, "action", text="", icon="ACTION")
    if not felt or not (passage.clip or passage.action or passage.prompt.strip()):
        column.prop(passage, "gesture", text="Gesture" if felt else "")
    column = layout.column(align=True)
    row = column.row(align=True)
    for side in ("start", "end"):
        row.prop(passage, side)
        row.operator("utter.set_passage", text="", icon="TIME").side = side
    row = column.row(align=True)
    row.prop(passage, "fade")
    row.prop(passage, "fade_out")
    column.prop(passage, "strength", text="Strength (keyed)" if strengths.curve_of(passage) else "Strength", slider=True)
    row = column.row(align=True)
    for name, (shown, _) in REGIONS.items():
        row.prop_enum(passage, "regions", name, text=shown.partition(" and ")[0])
    if of := read_of(settings, passage):
        draw_line(layout, settings, of, "Read as", "UTTER_PT_passage_reading")


def draw_line(layout, settings, of, heading, more):
    """What was read or heard, in a line; more: the panel behind its button."""
    if told := readings.line(settings, of, heading):
        row = layout.row()
        row.active = False
        row.label(text=told)
        row.popover(more, text="", icon="INFO")


class Readings(HeadPanel):
    """A panel that a button shows: bars."""

    bl_label = "Readings"
    bl_options = {"INSTANCED"}


class UTTER_PT_reading(Readings, bpy.types.Panel):
    bl_idname = "UTTER_PT_reading"
    bl_description = "What was read in the prompt, or heard in the voice"

    def draw(self, context):
        settings = settings_of(chosen(context))
        prompt = settings.prompt.strip()
        readings.draw(self.layout, settings, prompt, "Read as" if prompt else "Heard in the voice")


class UTTER_PT_passage_reading(Readings, bpy.types.Panel):
    bl_idname = "UTTER_PT_passage_reading"
    bl_description = "What was read in the passage's prompt, or in its clip"

    def draw(self, context):
        settings = settings_of(chosen(context))
        if 0 <= settings.passage < len(settings.passages) and (of := read_of(settings, settings.passages[settings.passage])):
            readings.draw(self.layout, settings, of, "Read as")


CLASSES = (
    UTTER_OT_add_passage,
    UTTER_OT_remove_passage,
    UTTER_OT_duplicate_passage,
    UTTER_OT_split_passage,
    UTTER_OT_move_passage,
    UTTER_OT_set_passage,
    UTTER_UL_passages,
    UTTER_PT_prompt,
    UTTER_PT_passages,
    UTTER_PT_reading,
    UTTER_PT_passage_reading,
)
