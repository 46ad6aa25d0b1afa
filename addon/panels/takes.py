"""Takes: the performances made so far; each stays as an Action and can be chosen again."""

import bpy

from .. import compat, rigs
from ..animation import bake
from ..work import jobs
from . import sequencer
from .base import HeadPanel, not_ready, settings_of
from .base import chosen as chosen_head

BESIDE = "utter_beside"  # custom properties of an Action of shape keys, before Blender 4.4: the Actions of the other meshes, in order


def animated(head):
    """What a performance animates: the shape keys of each mesh, and the object that has the bones."""
    return rigs.rig_of(head).owners()


def actions_of(take, head):
    """[(what it animates, the take's Action for it, or None)]."""
    keys = [block for block in animated(head) if isinstance(block, bpy.types.Key)]
    found = [(block, take.bones) for block in animated(head) if isinstance(block, bpy.types.Object)]
    beside = lambda number: take.keys if compat.SLOTS or not number or not take.keys else take.keys.get(f"{BESIDE}_{number}")
    return [(block, beside(number)) for number, block in enumerate(keys)] + found


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
        if block.animation_data is not None and block.animation_data.action in ours:
            taken.append((block, block.animation_data.action))
            block.animation_data.action = None
    return taken


def put_back(taken):
    """Undo set_aside()."""
    for block, action in taken:
        compat.attach(block, action, [block for block, _ in taken])


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
    acts = lambda block: action if block.animation_data and (action := block.animation_data.action) in ours else None
    of = lambda kind: [acts(block) for block in animated(head) if isinstance(block, kind)]
    keys, bones = of(bpy.types.Key), of(bpy.types.Object)
    take.keys, take.bones = next(iter(keys), None), next(iter(bones), None)
    for number, action in enumerate(keys):
        if number and take.keys and action and not compat.SLOTS:
            take.keys[f"{BESIDE}_{number}"] = action


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
        for block, action in actions_of(take, head):
            if action is not None:
                compat.attach(block, action, animated(head))
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
        removed = {action for _, action in actions_of(take, settings.id_data)} | {take.keys, take.bones}
        bake.clear(rigs.rig_of(settings.id_data))
        removed = {action for action in removed if action is not None and action in bpy.data.actions.values()}
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
