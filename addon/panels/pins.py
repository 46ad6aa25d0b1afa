"""Pins: the keys that the artist set or changed. Re-diffusing keeps them exactly and performs the rest anew around them."""

import bpy

from .. import rigs
from ..animation import bake
from ..work import jobs
from . import perform, takes
from .base import HeadPanel, Starts, chosen, not_ready, settings_of

_counted: dict[int, int] = {}  # head's session uid -> pins; emptied whenever an Action changes, for panels are drawn many times a second


def count(head):
    """How many keys of the artist are on the head's performance."""
    if head.session_uid not in _counted or bpy.app.background:
        _counted[head.session_uid] = bake.count_pins(rigs.rig_of(head))
    return _counted[head.session_uid]


@bpy.app.handlers.persistent
def _forget(*_):
    _counted.clear()


@bpy.app.handlers.persistent
def _after_update(_scene, depsgraph):
    if _counted and depsgraph.id_type_updated("ACTION"):
        _counted.clear()


class UTTER_OT_rediffuse(Starts, bpy.types.Operator):
    bl_idname = "utter.rediffuse"
    bl_label = "Re-diffuse"
    bl_description = (
        "Perform anew around your keys: keys that you set or changed stay exactly as they are, everything else makes room for them"
    )

    @classmethod
    def refusal(cls, context):
        head = chosen(context)
        if head is not None and not_ready(head):
            return not_ready(head)
        if head is None or not bake.actions(rigs.rig_of(head)):
            return "Perform first."
        if not settings_of(head).voice:
            return "Choose a voice first."
        return "" if count(head) else "Set or change a key on the head's curves first."

    def job(self, context):
        return perform.perform_job(context.scene, chosen(context), rediffuse=True)


class UTTER_OT_clear(bpy.types.Operator):
    bl_idname = "utter.clear"
    bl_label = "Clear Performance"
    bl_description = "Take Utter's keys off the head; your own Actions stay"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        why = not_ready(head) if head is not None else ""
        performed = head is not None and not why and bake.actions(rigs.rig_of(head))
        return jobs.allowed(cls, jobs.busy() or why or ("" if performed else "There is no performance on this head."))

    def execute(self, context):
        takes.own(chosen(context))
        bake.clear(rigs.rig_of(chosen(context)))
        return {"FINISHED"}


class UTTER_PT_pins(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_pins"
    bl_label = "Your Keys"

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        if not bake.actions(rigs.rig_of(head)):
            layout.label(text="No performance yet.", icon="INFO")
            return
        pins = count(head)
        layout.label(
            text=f"{pins} {'keys' if pins > 1 else 'key'} of yours to keep." if pins else "None yet: edit a curve to pin it.",
            icon="KEYTYPE_KEYFRAME_VEC" if pins else "INFO",
        )
        layout.operator("utter.rediffuse", icon="MOD_WAVE")
        layout.operator("utter.clear", icon="TRASH")


def register():
    bpy.app.handlers.depsgraph_update_post.append(_after_update)
    for handlers in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post, bpy.app.handlers.load_post):
        handlers.append(_forget)


def unregister():
    for handlers in (
        bpy.app.handlers.depsgraph_update_post,
        bpy.app.handlers.undo_post,
        bpy.app.handlers.redo_post,
        bpy.app.handlers.load_post,
    ):
        for handler in (_after_update, _forget):
            if handler in handlers:
                handlers.remove(handler)
    _counted.clear()


CLASSES = (UTTER_OT_rediffuse, UTTER_OT_clear, UTTER_PT_pins)
