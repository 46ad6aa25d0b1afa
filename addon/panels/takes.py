"""Takes: the performances made so far; each stays as an Action and can be chosen again."""

import bpy

from .. import compat, rigs
from ..animation import bake
from ..work import jobs
from . import sequencer
from .base import HeadPanel, not_ready, settings_of
from .base import chosen as chosen_head


def animated(head):
    """What a performance animates: the shape keys and the object that has the bones (either may be None)."""
    owners = rigs.rig_of(head).owners()
    return tuple(next((owner for owner in owners if isinstance(owner, kind)), None) for kind in (bpy.types.Key, bpy.types.Object))


def own(head):
    """Give the head what it shares with a duplicate, the Actions of its takes too, before they are changed."""
    rig = rigs.rig_of(head)
    earlier = bake.actions(rig)
    bake.unshare(rig)
    for take in settings_of(head).takes:  # Blender copies an Action for keys and bones each, and the take has one of these
        if {take.keys, take.bones} & {*earlier, *bake.actions(rig)}:
            _point(take, head)


def set_aside(head):
    """Take our Actions off the head, so that the next performance leaves them alone; returns them for put_back()."""
    ours, taken = bake.actions(rigs.rig_of(head)), []
    for block in animated(head):
        if block is not None and block.animation_data is not None and block.animation_data.action in ours:
            taken.append((block, block.animation_data.action))
            block.animation_data.action = None
    return taken


def put_back(taken):
    """Undo set_aside()."""
    for block, action in taken:
        compat.attach(block, action)


def remember(head):
    """Add the performance that is on the head to its takes, if it is none of them, and choose it."""
    settings, ours = settings_of(head), bake.actions(rigs.rig_of(head))
    forget_removed(settings)
    shown = next((index for index, take in enumerate(settings.takes) if take.keys in ours or take.bones in ours), None)
    if shown is None:
        _point(settings.takes.add(), head)
        shown = len(settings.takes) - 1
    settings.take = shown


def _point(take, head):
    ours = bake.actions(rigs.rig_of(head))
    for name, block in zip(("keys", "bones"), animated(head)):
        action = block.animation_data.action if block is not None and block.animation_data is not None else None
        setattr(take, name, action if action in ours else None)


def keep_time(head, begin, fps, was):
    """Let the performance on the head begin with the voice, at the scene's frame rate; see bake.move()."""
    if head.library or not rigs.ready(head):
        return
    rig = rigs.rig_of(head)
    if not bake.in_time(rig, begin, fps):
        own(head)
        bake.move(rigs.rig_of(head), begin, fps, was)


def forget_removed(settings):
    """Drop the takes whose Actions are gone."""
    for index in reversed(range(len(settings.takes))):
        if not (settings.takes[index].keys or settings.takes[index].bones):
            settings.takes.remove(index)


def chosen(settings, _context):
    """The artist chose another take: its Actions move the head."""
    if 0 <= settings.take < len(settings.takes):
        take, head = settings.takes[settings.take], settings.id_data
        if not rigs.ready(head):  # the panel says why
            return
        rigs.rig_of(head).separate()
        set_aside(head)
        rigs.rig_of(head).rest()  # the takes may move different shape keys
        for block, action in zip(animated(head), (take.keys, take.bones)):
            if block is not None and action is not None:
                compat.attach(block, action)
        scene = sequencer.scene_of(head)
        keep_time(head, sequencer.begins(scene, head), bake.scene_fps(scene), settings.placed)


class UTTER_OT_remove_take(bpy.types.Operator):
    bl_idname = "utter.remove_take"
    bl_label = "Remove Take"
    bl_description = "Remove the chosen take and its Action"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen_head(context)
        why = not_ready(head) if head is not None else ""
        taken = head and 0 <= settings_of(head).take < len(settings_of(head).takes)
        return jobs.allowed(cls, jobs.busy() or why or ("" if taken else "There is no take."))

    def execute(self, context):
        settings = settings_of(chosen_head(context))
        own(settings.id_data)
        take = settings.takes[settings.take]
        bake.clear(rigs.rig_of(settings.id_data))
        removed = {take.keys, take.bones} - {None}
        take.keys = take.bones = None
        for action in removed:
            if not action.users:  # a duplicated head has the same takes
                bpy.data.actions.remove(action)
        forget_removed(settings)
        settings.take = max(0, min(settings.take, len(settings.takes) - 1))
        return {"FINISHED"}


class UTTER_UL_takes(bpy.types.UIList):
    bl_idname = "UTTER_UL_takes"

    def draw_item(self, _context, layout, _settings, take, _icon, _active, _property, _index=0, _flag=0):
        action = take.keys or take.bones
        if action is None:
            layout.label(text="(removed)", icon="GHOST_DISABLED")
        else:
            layout.prop(action, "name", text="", emboss=False, icon="ACTION")


class UTTER_PT_takes(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_takes"
    bl_label = "Takes"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context):
        return super().poll(context) and len(settings_of(chosen_head(context)).takes) > 0

    def draw(self, context):
        settings = settings_of(chosen_head(context))
        row = self.layout.row()
        row.template_list("UTTER_UL_takes", "", settings, "takes", settings, "take", rows=2)
        row.operator("utter.remove_take", text="", icon="REMOVE")


CLASSES = (UTTER_OT_remove_take, UTTER_UL_takes, UTTER_PT_takes)
