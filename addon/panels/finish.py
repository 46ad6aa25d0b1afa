"""Finish: sliders that change the present take live, without the worker."""

import functools

import bpy
import numpy as np

from .. import compat, rigs
from ..animation import bake, fullness, layers
from ..animation import finish as finishing
from ..animation import simplify as simplifying
from ..contract import UtterError
from ..rigs import gazing, reach
from ..rigs.flame import FlameRig
from ..work import jobs
from . import identity, record, takes
from .base import Does, HeadPanel, chosen, deafen, listen, locked, not_performed, not_ready, of_changes, settings_of, shown_rig, torn

KEYED = ("strength", "look")  # sliders that may have keys


@functools.cache
def shapes():
    """The Motion [52, 65] that each face action is on the built-in head."""
    with np.load(identity.FILE, allow_pickle=False) as file:
        return file["actions_motion"].astype(np.float32)


def shapes_for(rig):
    """The same for a rig; None where its expressions are other ones."""
    return shapes() if not isinstance(rig, FlameRig) or rig.basis == identity.model().basis else None


def amounts(settings):
    """The sliders. Rounded, because Blender keeps fewer digits than Python: 0.3 would be another number."""
    return finishing.Amounts(*(round(getattr(settings.finish, name), 6) for name in finishing.Amounts._fields))


def changed(group, _context):
    """The artist moved a slider: the present take shows it."""
    head = group.id_data
    if not record.quiet() and rigs.ready(head):
        show(head)


def show(head, anew=False):
    """Let the head's take show what the sliders and the target say, or the panel say why it cannot; anew: as in apply()."""
    try:
        apply(head, amounts(settings_of(head)), settings_of(head).look_at, anew)
    except UtterError as error:
        jobs.say("finish", str(error), "ERROR")


def changed_target(settings, context):
    """The artist chose what the eyes look at."""
    changed(settings.finish, context)


def can_be_looked_at(settings, target):
    return target != settings.id_data


def apply(head, wanted, target=None, anew=False):
    """Finish the head's present take by finishing.Amounts; target: the object that the eyes look at, or None. anew: even if they show that
    already. UtterError where there is no take."""
    rig = rigs.rig_of(head)
    ours, keyed = bake.actions(rig), keys_of(head)
    if wanted == finishing.amounts_of(ours) and (target.name if target else "") == finishing.looks_at(ours) and not keyed and not anew:
        return
    if why := torn(head) if ours else layers.away(rig) or "Perform first.":
        raise UtterError(why)
    takes.own(head)
    rig = rigs.rig_of(head)
    sight = None
    if target is not None:
        sight = finishing.Sight(target.name, gazing.face_of(rig), functools.partial(gazing.points_of, rig, target))
    told = record.read(bake.actions(rig)) or {}
    finishing.finish(rig, wanted, shapes_for(rig), sight, int(told.get("seed", 0)), keyed)


def keys_of(head):
    """{amount: (frames) -> values} of the sliders that have keys, on the head's own Action."""
    bag = compat.bag(head)
    found = {name: bag.fcurves.find(f"utter.finish.{name}") for name in KEYED} if bag else {}
    read = lambda curve: lambda frames: np.array([curve.evaluate(frame) for frame in frames])
    return {name: read(curve) for name, curve in found.items() if curve is not None}


class UTTER_OT_reset_finish(bpy.types.Operator):
    bl_idname = "utter.reset_finish"
    bl_label = "Reset"
    bl_description = "Let the take be as it was performed: all sliders at rest, all of its keys"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        return jobs.allowed(cls, jobs.busy() or not_ready(head) or ("" if _changed(head) else "All sliders are at rest."))

    def execute(self, context):
        head = chosen(context)
        if bake.actions(rigs.rig_of(head)):
            takes.own(head)
            finishing.finish(rigs.rig_of(head), finishing.NEUTRAL, shapes_for(rigs.rig_of(head)))  # whatever keys sliders have
        record.show_finish(settings_of(head), [])
        return {"FINISHED"}


def _changed(head):
    """Whether the present take is not as it was performed."""
    settings = settings_of(head)
    return (
        amounts(settings) != finishing.NEUTRAL
        or settings.look_at is not None
        or bool(keys_of(head))
        or fullness.simplified(bake.actions(shown_rig(head)))
    )


def make_full(head):
    """Let the head's take have all of its keys again, where it was simplified."""
    if fullness.simplified(bake.actions(rigs.rig_of(head))):
        takes.own(head)
        simplifying.make_full(rigs.rig_of(head))
        finishing.changed(ours_too=True)


def simplify(head, within, step=lambda done: None):
    """Leave the salient keys of the head's take, so that no vertex is off by more than within (millimetres): simplify.Simplified.
    UtterError where there is none, or it cannot be changed."""
    if why := not_performed(head, voice=False):
        raise UtterError(why)
    takes.own(head)
    rig = rigs.rig_of(head)
    done = simplifying.simplify(rig, within, lambda of: reach.moves(rig, of), lambda moved: reach.lips(rig, moved), step)
    finishing.changed(ours_too=True)
    return done


class UTTER_OT_finish_again(Does, bpy.types.Operator):
    bl_idname = "utter.finish_again"
    bl_label = "Read Again"
    bl_description = "Let the take show the keys of the sliders, and what the eyes look at, as they are now"

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, jobs.busy() or not_performed(chosen(context), voice=False))

    def do(self, head):
        apply(head, amounts(settings_of(head)), settings_of(head).look_at, anew=True)


class UTTER_OT_simplify(bpy.types.Operator):
    bl_idname = "utter.simplify"
    bl_label = "Simplify"
    bl_description = (
        "Leave the salient keys of the take, with handles that follow its curves, so that nothing of the face is off by more than the"
        " tolerance. Lips that shut stay shut, your keys stay as they are, and all keys can be brought back"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, jobs.busy() or not_performed(chosen(context), voice=False))

    def execute(self, context):
        head, manager = chosen(context), context.window_manager
        manager.progress_begin(0, 100)
        try:
            done = simplify(head, settings_of(head).within, lambda share: manager.progress_update(100 * share))
        except UtterError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            manager.progress_end()
        self.report({"INFO"}, said(done))
        if done.left:
            curves = (
                "A curve has modifiers and keeps its keys"
                if len(done.left) == 1
                else f"{len(done.left)} curves have modifiers and keep their keys"
            )
            self.report({"WARNING"}, f"{curves} ({done.left[0]}{' ...' if len(done.left) > 1 else ''}).")
        return {"FINISHED"}


class UTTER_OT_full_keys(Does, bpy.types.Operator):
    bl_idname = "utter.full_keys"
    bl_label = "All Keys Again"
    bl_description = "Bring back all keys of the take that Simplify left out; yours stay as they are"

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        why = not_ready(head) or ("" if fullness.simplified(bake.actions(shown_rig(head))) else "The take has all of its keys.")
        return jobs.allowed(cls, jobs.busy() or why)

    def do(self, head):
        make_full(head)


def said(done):
    """A line about what Simplify did."""
    return f"{done.after:,} of {done.before:,} keys; the face is off by {done.off:.2f} mm at most."


class UTTER_PT_finish(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_finish"
    bl_label = "Finish"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings, rig = settings_of(head), shown_rig(head)
        layout.enabled = not locked()
        if not bake.actions(rig):
            jobs.draw_text(layout, layers.away(rig) or "No performance yet.", context.region.width, "INFO")
            return
        layout.use_property_split = True
        layout.use_property_decorate = False
        mixed = isinstance(rig, FlameRig) and rig.basis != identity.model().basis
        row = layout.row(align=True)
        row.use_property_decorate = True
        row.prop(settings.finish, "strength", slider=True)
        if keys_of(head):
            row.operator("utter.finish_again", text="", icon="FILE_REFRESH")
        column = layout.column(align=True)
        for name in ("mouth", "jaw", "brows", "blinks", "rate", "gaze", "head"):
            row = column.row()
            row.active = not (mixed and name == "brows")
            row.prop(settings.finish, name, slider=True)
        column = layout.column(align=True)
        column.prop(settings, "look_at")
        if settings.look_at is not None:
            row = column.row(align=True)
            row.use_property_decorate = True
            row.prop(settings.finish, "look", slider=True)
            row.operator("utter.finish_again", text="", icon="FILE_REFRESH")
            column.prop(settings.finish, "turn", slider=True)
        column = layout.column(align=True)
        for name in ("lips", "smoothing", "timing"):
            column.prop(settings.finish, name, slider=name != "timing")
        if mixed:
            jobs.draw_text(layout, "The expressions of this head move all of the face, so Brows has none.", context.region.width, "INFO")
        layout.operator("utter.reset_finish", icon="LOOP_BACK")
        layout.separator()
        layout.prop(settings, "within", text="Tolerance (mm)")
        row = layout.row(align=True)
        row.operator("utter.simplify", icon="IPO_BEZIER")
        done = simplifying.told(bake.actions(rig))
        if done is not None:
            row.operator("utter.full_keys", text="All Keys Again", icon="LOOP_BACK")
            jobs.draw_text(layout, f"{said(done)} A slider of Finish brings all keys back.", context.region.width, "INFO")
        jobs.draw_message(layout, "finish", context.region.width)


@bpy.app.handlers.persistent
def _after_update(_scene, depsgraph):
    if depsgraph.id_type_updated("ACTION"):
        finishing.changed()
    if depsgraph.id_type_updated("OBJECT"):
        follow(
            {update.id.original for update in depsgraph.updates if update.is_updated_transform and isinstance(update.id, bpy.types.Object)}
        )


def follow(moved):
    """Let the heads whose eyes look at one of these objects follow it."""
    if not moved:
        return
    for head in [head for head in bpy.context.scene.objects if head.type == "MESH" and head.utter.look_at in moved]:
        if rigs.ready(head) and jobs.current is None and finishing.looks_at(bake.actions(rigs.rig_of(head))):
            show(head, anew=True)


@bpy.app.handlers.persistent
def _forget(*_):
    finishing.changed(ours_too=True)


HANDLERS = of_changes(_after_update, _forget)


def register():
    listen(HANDLERS)


def unregister():
    deafen(HANDLERS)


CLASSES = (UTTER_OT_reset_finish, UTTER_OT_finish_again, UTTER_OT_simplify, UTTER_OT_full_keys, UTTER_PT_finish)
