"""Finish: sliders that change the present take live, without the worker."""

import functools

import bpy
import numpy as np

from .. import rigs
from ..animation import bake
from ..animation import finish as finishing
from ..contract import UtterError
from ..rigs.flame import FlameRig
from ..work import jobs
from . import identity, record, takes
from .base import HeadPanel, chosen, deafen, listen, locked, not_ready, settings_of


@functools.cache
def shapes():
    """The Motion [52, 65] that each face action is on the built-in head."""
    with np.load(identity.FILE, allow_pickle=False) as file:
        return file["actions_motion"].astype(np.float32)


def shapes_for(rig):
    """The same for a rig; None where its expressions are other ones."""
    return shapes() if not isinstance(rig, FlameRig) or rig.basis == identity.model().basis else None


def amounts(settings):
    return finishing.Amounts(*(getattr(settings.finish, name) for name in finishing.Amounts._fields))


def changed(group, _context):
    """The artist moved a slider: the present take shows it."""
    head = group.id_data
    if record.quiet() or not rigs.ready(head):
        return
    try:
        apply(head, amounts(settings_of(head)))
    except UtterError as error:
        jobs.say("finish", str(error), "ERROR")


def apply(head, wanted):
    """Finish the head's present take by finishing.Amounts. UtterError where there is none."""
    rig = rigs.rig_of(head)
    if wanted == finishing.amounts_of(bake.actions(rig)):
        return
    takes.own(head)
    rig = rigs.rig_of(head)
    finishing.finish(rig, wanted, shapes_for(rig))


class UTTER_OT_reset_finish(bpy.types.Operator):
    bl_idname = "utter.reset_finish"
    bl_label = "Reset"
    bl_description = "Let the take be as it was performed: all sliders at rest"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        why = not_ready(head) or ("" if amounts(settings_of(head)) != finishing.NEUTRAL else "All sliders are at rest.")
        return jobs.allowed(cls, jobs.busy() or why)

    def execute(self, context):
        head = chosen(context)
        if bake.actions(rigs.rig_of(head)):
            apply(head, finishing.NEUTRAL)
        record.show_finish(settings_of(head), [])
        return {"FINISHED"}


class UTTER_PT_finish(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_finish"
    bl_label = "Finish"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings, rig = settings_of(head), rigs.rig_of(head)
        layout.enabled = not locked()
        if not bake.actions(rig):
            layout.label(text="No performance yet.", icon="INFO")
            return
        layout.use_property_split = True
        layout.use_property_decorate = False
        mixed = isinstance(rig, FlameRig) and rig.basis != identity.model().basis
        layout.prop(settings.finish, "strength", slider=True)
        column = layout.column(align=True)
        for name in ("mouth", "jaw", "brows", "blinks", "gaze", "head"):
            row = column.row()
            row.active = not (mixed and name == "brows")
            row.prop(settings.finish, name, slider=True)
        column = layout.column(align=True)
        for name in ("lips", "smoothing", "timing"):
            column.prop(settings.finish, name, slider=name != "timing")
        if mixed:
            jobs.draw_text(layout, "The expressions of this head move all of the face, so Brows has none.", context.region.width, "INFO")
        layout.operator("utter.reset_finish", icon="LOOP_BACK")
        jobs.draw_message(layout, "finish", context.region.width)


@bpy.app.handlers.persistent
def _after_update(_scene, depsgraph):
    if depsgraph.id_type_updated("ACTION"):
        finishing.changed()


@bpy.app.handlers.persistent
def _forget(*_):
    finishing.changed(ours_too=True)


HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, _after_update),
    (bpy.app.handlers.undo_post, _forget),
    (bpy.app.handlers.redo_post, _forget),
    (bpy.app.handlers.load_post, _forget),
)


def register():
    listen(HANDLERS)


def unregister():
    deafen(HANDLERS)


CLASSES = (UTTER_OT_reset_finish, UTTER_PT_finish)
