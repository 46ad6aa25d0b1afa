"""Held keys: what the artist holds, by region, with a jump, and what is done with it: hold, release, clean, select."""

from collections.abc import Callable
from typing import Any

import bpy

from .. import rigs
from ..animation import bake, posing
from ..contract import ACTIONS, CHANNELS, EXPRESSION, EYES, FACE_ACTIONS, LIDS, NECK, REGIONS, UtterError, named, performed_in
from ..work import jobs
from . import pins, pose, sequencer, takes
from .base import HeadPanel, chosen, not_performed, settings_of, shown_rig

MIXED = "expression"  # of FLAME's expressions, which are of no one region
LABELS = {name: label for name, (label, _) in REGIONS.items()} | {MIXED: "Expression"}
MOST = 12  # curves that the list shows


def region_of(column: int) -> str:
    """To which region a column of a performance belongs."""
    if column >= CHANNELS:
        name = ACTIONS[column - FACE_ACTIONS.start]
        return next((region for region, (_, starts) in REGIONS.items() if name.startswith(starts)), "mouth")
    if column < EXPRESSION.stop:
        return MIXED
    return "head" if NECK.start <= column < NECK.stop else "eyes" if EYES.start <= column < LIDS.stop else "mouth"


def tracks_in(rig: Any, region: str = "", column: int = -1) -> list[Any]:
    """The tracks of a rig that belong to a region, or to a column of a performance; all of them where neither is named."""
    return [track for track, own in rig.columns_of().items() if (not region or region_of(own) == region) and (column < 0 or own == column)]


def refusal(context: Any) -> str:
    """Why there is nothing to hold on the chosen head, or ""."""
    return not_performed(chosen(context), voice=False)


class Holds:
    """An operator on the keys of a performance."""

    bl_options = {"REGISTER", "UNDO"}
    report: Callable[..., None]  # an Operator's

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, jobs.busy() or refusal(context))

    def told(self, count, done, lacking):
        """Report what was done; {"CANCELLED"} where there was nothing to do."""
        if not count:
            self.report({"ERROR"}, lacking)
            return {"CANCELLED"}
        for owner in rigs.rig_of(chosen(bpy.context)).owners():
            owner.update_tag()
        self.report({"INFO"}, done)
        return {"FINISHED"}


def frames_to_hold(scene: Any) -> list[float]:
    """The current frame; within a preview range all of it, for between two keys a performance does as it likes."""
    now, first, last = scene.frame_current_final, scene.frame_preview_start, scene.frame_preview_end
    if not scene.use_preview_range or not first <= now <= last:
        return [now]
    return [*range(first, last + 1)]


def keys_of(count: int) -> str:
    return f"{count} {'key' if count == 1 else 'keys'}"


class UTTER_OT_hold(Holds, bpy.types.Operator):
    bl_idname = "utter.hold"
    bl_label = "Hold"
    what: bpy.props.EnumProperty(
        name="What",
        items=(
            ("KEYS", "Selected Keys", "The selected keys on the head's curves, as they are"),
            ("POSE", "Whole Pose", "The whole face and the head at the current frame"),
            ("REGIONS", "Regions", "The chosen regions at the current frame, or all through a preview range that it lies in"),
        ),
    )

    @classmethod
    def description(cls, _context, properties):
        about = {
            "KEYS": "Hold the selected keys on the head's curves as they are",
            "POSE": "Hold the whole face and the head as they are at the current frame",
            "REGIONS": "Hold the chosen regions as they are at the current frame, or all through a preview range (P) around it",
        }
        return f"{about[properties.what]}: what you perform anew keeps this"

    def execute(self, context):
        head, scene = chosen(context), context.scene
        takes.own(head)
        rig = rigs.rig_of(head)
        if self.what == "KEYS":
            count, lacking = bake.keep(rig), "Select keys of the performance first, in the Dope Sheet or the Graph Editor."
        elif self.what == "POSE":
            count, lacking = bake.keep_frame(rig, scene.frame_current_final), "The performance has no curves."
        else:
            row, columns = pose.row_of(head), pose.columns_in(settings_of(head).scope_regions)
            begin, fps = sequencer.begins(scene, head), bake.scene_fps(scene)
            try:
                for frame in frames_to_hold(scene):
                    posing.pose(rig, frame, {k: float(row[k]) for k in columns}, begin, fps=fps)
            except UtterError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
            count, lacking = len(columns) * len(frames_to_hold(scene)), "Choose a region first."
        return self.told(count, f"{keys_of(count)} held.", lacking)


class UTTER_OT_let_go(Holds, bpy.types.Operator):
    bl_idname = "utter.let_go"
    bl_label = "Release"
    region: bpy.props.StringProperty(options={"HIDDEN"})
    column: bpy.props.IntProperty(default=-1, options={"HIDDEN"})
    selected: bpy.props.BoolProperty(options={"HIDDEN"})

    @classmethod
    def description(cls, _context, properties):
        what = "the selected keys" if properties.selected else "these keys of yours, and stretches that you cleaned"
        return f"Let go of {what}: the next performance replaces them"

    def execute(self, context):
        head = chosen(context)
        takes.own(head)
        rig = rigs.rig_of(head)
        count, stretches = bake.let_go(rig, tracks_in(rig, self.region, self.column), self.selected)
        also = f", {stretches} cleaned curves filled again" if stretches else ""
        lacking = "Select keys of yours first." if self.selected else "Nothing of yours is held here."
        return self.told(count + stretches, f"{keys_of(count)} released{also}.", lacking)


class UTTER_OT_clean(Holds, bpy.types.Operator):
    bl_idname = "utter.clean"
    bl_label = "Clean This Stretch"
    bl_description = (
        "Take the performance's keys off the chosen regions, within the preview range or from the first to the last selected key: yours "
        "stay, and the stretch stays free of the performance's until you release it"
    )

    def execute(self, context):
        head, scene = chosen(context), context.scene
        takes.own(head)
        rig, regions = rigs.rig_of(head), set(settings_of(head).scope_regions)
        span = (scene.frame_preview_start, scene.frame_preview_end) if scene.use_preview_range else bake.selected(rig)
        if span is None:
            self.report({"ERROR"}, "Set a preview range in the timeline (P), or select keys of the performance.")
            return {"CANCELLED"}
        mixed = {name for name in REGIONS if name != "head"}
        if rig.columns == CHANNELS and regions & mixed and not mixed <= regions:
            self.report({"ERROR"}, "FLAME's channels mix the regions of a face; choose all of them, or perform with Curves: Actions.")
            return {"CANCELLED"}
        channels, actions = performed_in(regions)
        count = bake.clean(rig, span, [*channels, *(FACE_ACTIONS.start + k for k in actions)])
        done = f"{keys_of(count)} taken off from frame {span[0]:.0f} to {span[1]:.0f}."
        return self.told(count, done, "The performance has no keys there in the chosen regions.")


class UTTER_OT_select_held(Holds, bpy.types.Operator):
    bl_idname = "utter.select_held"
    bl_label = "Select Held"
    bl_description = "Select your keys on the head's curves, and no others of its performance"
    region: bpy.props.StringProperty(options={"HIDDEN"})
    column: bpy.props.IntProperty(default=-1, options={"HIDDEN"})

    def execute(self, context):
        rig = rigs.rig_of(chosen(context))
        count = bake.select_held(rig, tracks_in(rig, self.region, self.column) if self.region or self.column >= 0 else None)
        return self.told(count, f"{keys_of(count)} selected.", "Nothing of yours is held here.")


class UTTER_OT_jump_held(Holds, bpy.types.Operator):
    bl_idname = "utter.jump_held"
    bl_label = "Jump to Held Key"
    back: bpy.props.BoolProperty(options={"HIDDEN"})

    @classmethod
    def description(cls, _context, properties):
        return f"Go to the {'previous' if properties.back else 'next'} frame at which you hold a key"

    def execute(self, context):
        now, frames = context.scene.frame_current_final, pins.frames_held(chosen(context))
        there = [frame for frame in frames if (frame < now - 0.01 if self.back else frame > now + 0.01)]
        if not there:
            self.report({"WARNING"}, f"You hold no key {'before' if self.back else 'after'} this frame.")
            return {"CANCELLED"}
        frame = there[-1] if self.back else there[0]
        context.scene.frame_set(int(frame // 1), subframe=frame % 1)
        return {"FINISHED"}


class UTTER_PT_held(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_held"
    bl_label = "Held Keys"
    bl_parent_id = "UTTER_PT_pins"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context):
        return super().poll(context) and bool(bake.actions(shown_rig(chosen(context))))

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        row = layout.row(align=True)
        row.label(text="Hold")
        row.operator("utter.hold", text="Keys").what = "KEYS"
        row.operator("utter.hold", text="Pose").what = "POSE"
        row.operator("utter.hold", text="Regions").what = "REGIONS"
        row = layout.row(align=True)
        row.operator("utter.clean", text="Clean", icon="BRUSH_DATA")
        row.operator("utter.let_go", text="Release Keys").selected = True
        held = pins.tally(head)
        row = layout.row(align=True)
        row.operator("utter.select_held", icon="RESTRICT_SELECT_OFF")
        row.operator("utter.jump_held", text="", icon="PREV_KEYFRAME").back = True
        row.operator("utter.jump_held", text="", icon="NEXT_KEYFRAME").back = False
        self.listed(layout, held)
        if cleaned := pins.count_cleaned(head):
            row = layout.row(align=True)
            row.label(text=f"{cleaned} {'curve' if cleaned == 1 else 'curves'} cleaned in parts", icon="BRUSH_DATA")
            row.operator("utter.let_go", text="", icon="X")

    def listed(self, layout, held):
        """Regions, and in them their curves, those first that hold most; each with a press that selects and one that releases."""
        for region, label in LABELS.items():
            own = {column: count for column, count in held.items() if region_of(column) == region}
            if not own:
                continue
            header, body = layout.panel(f"UTTER_PT_held_{region}", default_closed=True)
            self.line(header, f"{label}: {sum(own.values())}", region=region)
            for column, count in sorted(own.items(), key=lambda each: -each[1])[:MOST] if body else ():
                self.line(body, f"{readable(column)}: {count}", column=column)
            if body and len(own) > MOST:
                body.label(text=f"and {len(own) - MOST} more curves")

    def line(self, layout, text, **about):
        row = layout.row(align=True)
        row.label(text=text)
        for name, icon in (("utter.select_held", "RESTRICT_SELECT_OFF"), ("utter.let_go", "X")):
            button = row.operator(name, text="", icon=icon)
            for key, value in about.items():
                setattr(button, key, value)


def readable(column: int) -> str:
    """A column's name for people: the shape key that it is."""
    name = named(column)
    return f"Exp{column + 1}" if column < EXPRESSION.stop else name


CLASSES = (UTTER_OT_hold, UTTER_OT_let_go, UTTER_OT_clean, UTTER_OT_select_held, UTTER_OT_jump_held, UTTER_PT_held)
