"""Passages: stretches of the voice with a feeling of their own, written in words."""

import bpy

from ..animation import bake
from ..work import jobs
from .base import HeadPanel, chosen


def in_seconds(settings, fps):
    """The passages as the worker wants them: seconds from the voice's beginning."""
    return [
        {
            "start": (p.start - settings.start) / fps,
            "end": (p.end - settings.start) / fps,
            "prompt": p.prompt.strip(),
            "strength": p.strength,
            "fade": p.fade / fps,
        }
        for p in settings.passages
        if p.prompt.strip()
    ]


def from_seconds(settings, passages, fps):
    """Replace the passages by ones in seconds (as in docs/protocol.md)."""
    settings.passages.clear()
    for given in passages:
        passage = settings.passages.add()
        passage.start = round(settings.start + given["start"] * fps)
        passage.end = round(settings.start + given["end"] * fps)
        passage.prompt = given["prompt"]
        passage.strength = given.get("strength", 1.0)
        passage.fade = round(given.get("fade", 0.25) * fps)


def last_frame(settings, fps):
    return settings.start + round(settings.seconds * fps)


class Edit:
    """An operator on the list of passages of the chosen head."""

    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        return jobs.allowed(cls, "Add a head first." if head is None else cls.refusal(head.utter))

    @classmethod
    def refusal(cls, settings):
        return "" if 0 <= settings.passage < len(settings.passages) else "Add a passage first."

    def execute(self, context):
        self.edit(chosen(context).utter, context.scene)
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
        passage.start, passage.end = start, min(start + round(2 * fps), last)
        passage.fade = round(0.25 * fps)
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
        split.label(text=passage.prompt or "(no words yet)")
        row = split.row(align=True)
        row.alignment = "RIGHT"
        row.active = False
        row.label(text=f"{passage.start}\u2013{passage.end}")


class UTTER_PT_feeling(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_feeling"
    bl_label = "Feeling"

    def draw(self, context):
        layout, settings = self.layout, chosen(context).utter
        layout.prop(
            settings,
            "emotion",
            text="",
            icon="OUTLINER_OB_SPEAKER" if not settings.emotion else "TEXT",
            placeholder="As heard in the voice",
        )


class UTTER_PT_passages(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_passages"
    bl_label = "Passages"
    bl_parent_id = "UTTER_PT_feeling"

    def draw(self, context):
        layout, settings = self.layout, chosen(context).utter
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
        layout.prop(passage, "prompt", text="", icon="TEXT", placeholder="Feeling, in your own words")
        column = layout.column(align=True)
        for side in ("start", "end"):
            row = column.row(align=True)
            row.prop(passage, side)
            row.operator("utter.set_passage", text="", icon="TIME").side = side
        column = layout.column(align=True)
        column.prop(passage, "strength", slider=True)
        column.prop(passage, "fade")


CLASSES = (
    UTTER_OT_add_passage,
    UTTER_OT_remove_passage,
    UTTER_OT_move_passage,
    UTTER_OT_set_passage,
    UTTER_UL_passages,
    UTTER_PT_feeling,
    UTTER_PT_passages,
)
