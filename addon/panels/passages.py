"""The prompt for the whole, and passages: stretches of the voice with a prompt of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..animation import bake
from ..contract import LAST_FRAME, Passage, UtterError, frame_at, seconds_at
from ..work import jobs
from . import readings
from .base import HeadPanel, chosen, settings_of


def in_seconds(settings, fps, acted):
    """The passages that have a prompt or a clip, in seconds from the voice's beginning: tuple of contract.Passage. acted: the files of
    their Actions, as clips.write() gives them."""
    return tuple(
        Passage(
            seconds_at(passage.start, fps, settings.start),
            seconds_at(passage.end, fps, settings.start),
            "" if passage.clip or passage.action else passage.prompt.strip(),
            passage.strength,
            seconds_at(passage.fade, fps),
            acted[passage.action.name_full] if passage.action else clip_of(settings, passage),
        )
        for passage in settings.passages
        if passage.action or passage.clip or passage.prompt.strip()
    )


def clip_of(settings, passage):
    """Absolute path of a passage's clip, or "". UtterError if it is gone."""
    path = bpy.path.abspath(passage.clip, library=settings.id_data.library) if passage.clip else ""
    if path and not Path(path).is_file():
        raise UtterError(f"The clip {path} of a passage does not exist; choose it again.")
    return path


def label(passage):
    """What a passage feels, in a few words; "" for nothing yet."""
    if passage.action:
        return passage.action.name
    return bpy.path.basename(passage.clip) if passage.clip else passage.prompt


def read_of(settings, passage):
    """What the reading of a passage is kept under: its Action's name, its clip's path or its prompt."""
    if passage.action:
        return f"Action {passage.action.name_full}"
    return bpy.path.abspath(passage.clip, library=settings.id_data.library) if passage.clip else passage.prompt.strip()


def from_seconds(settings, passages, fps):
    """Replace the passages by contract.Passages, which are in seconds."""
    far = LAST_FRAME / fps  # beyond it lies no voice, though numbers do

    def frame(seconds, start=0):
        return frame_at(max(-far, min(seconds, far)), fps, start)

    settings.passages.clear()
    for given in passages:
        passage = settings.passages.add()
        passage.start = frame(given.start, settings.start)
        passage.end = max(frame(given.end, settings.start), passage.start + 1)
        passage.prompt, passage.strength, passage.fade = given.prompt, given.strength, frame(given.fade)
        passage.clip = str(Path(given.clip).absolute()) if given.clip else ""


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
        settings.passages.remove(settings.passage)
        settings.passage = max(0, min(settings.passage, len(settings.passages) - 1))


class UTTER_OT_move_passage(Edit, bpy.types.Operator):
    bl_idname = "utter.move_passage"
    bl_label = "Move Passage"
    bl_description = "Move the chosen passage in the list; where passages overlap they blend, whatever their order"

    step: bpy.props.IntProperty(default=1)

    def edit(self, settings, _scene):
        to = max(0, min(settings.passage + self.step, len(settings.passages) - 1))
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
        split = layout.split(factor=0.7, align=True)
        icon = "ACTION" if passage.action else "FILE_MOVIE" if passage.clip else "NONE"
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
        layout.prop(
            settings, "prompt", text="", icon="OUTLINER_OB_SPEAKER" if not settings.prompt else "TEXT", placeholder="As heard in the voice"
        )
        column = layout.column(align=True)
        column.prop(settings, "intensity", slider=True)
        column.prop(settings, "mouth", slider=True)
        prompt = settings.prompt.strip()
        readings.draw(layout, settings, prompt, "Read as" if prompt else "Heard in the voice")


class UTTER_PT_passages(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_passages"
    bl_label = "Passages"
    bl_parent_id = "UTTER_PT_prompt"

    def draw(self, context):
        layout, settings = self.layout, settings_of(chosen(context))
        row = layout.row()
        row.template_list("UTTER_UL_passages", "", settings, "passages", settings, "passage", rows=3 if settings.passages else 2)
        column = row.column(align=True)
        column.operator("utter.add_passage", text="", icon="ADD")
        column.operator("utter.remove_passage", text="", icon="REMOVE")
        if len(settings.passages) > 1:
            column.separator()
            column.operator("utter.move_passage", text="", icon="TRIA_UP").step = -1
            column.operator("utter.move_passage", text="", icon="TRIA_DOWN").step = 1
        if not 0 <= settings.passage < len(settings.passages):
            return
        passage = settings.passages[settings.passage]
        if not (passage.clip or passage.action):
            layout.prop(passage, "prompt", text="", icon="TEXT", placeholder="What to feel here, in your own words")
        if not passage.action:
            layout.prop(passage, "clip", text="", icon="FILE_MOVIE", placeholder="Or as a film, a Motion or another voice feels")
        if passage.action or not passage.clip:
            layout.prop(passage, "action", text="", icon="ACTION")
        column = layout.column(align=True)
        for side in ("start", "end"):
            row = column.row(align=True)
            row.prop(passage, side)
            row.operator("utter.set_passage", text="", icon="TIME").side = side
        column = layout.column(align=True)
        column.prop(passage, "strength", slider=True)
        column.prop(passage, "fade")
        if of := read_of(settings, passage):
            readings.draw(layout, settings, of, "Read as")


CLASSES = (
    UTTER_OT_add_passage,
    UTTER_OT_remove_passage,
    UTTER_OT_move_passage,
    UTTER_OT_set_passage,
    UTTER_UL_passages,
    UTTER_PT_prompt,
    UTTER_PT_passages,
)
