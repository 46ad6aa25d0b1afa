"""Takes: the performances made so far; each stays as an Action, remembers what made it, and can be chosen again."""

import bpy

from .. import compat, rigs
from ..animation import bake, finish, layers, tracks
from ..contract import UtterError
from ..work import jobs
from . import record, sequencer, thumbnails
from .base import HeadPanel, locked, not_ready, settings_of, shown_rig, torn
from .base import chosen as chosen_head

REMOVED = "A take goes with its Actions, unless another head has it as well"
BESIDE = "utter_beside"  # custom properties of an Action of shape keys, before Blender 4.4: the Actions of the other meshes, in order


def animated(head):
    """What a performance animates: the shape keys of each mesh, and the object that has the bones."""
    return rigs.rig_of(head).owners()


def parts_of(take, head):
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
    """Take our Actions off the head, so that the next performance leaves them alone; returns them for put_back(). Layers rest."""
    ours, taken = bake.actions(rigs.rig_of(head)), []
    layers.put_aside(rigs.rig_of(head))
    for block in animated(head):
        if block.animation_data is not None and block.animation_data.action in ours:
            taken.append((block, block.animation_data.action))
            block.animation_data.action = None
    return taken


def put_back(taken):
    """Undo set_aside()."""
    for block, action in taken:
        compat.attach(block, action, [block for block, _ in taken])


def remember(head, made=None):
    """Add the performance that is on the head to its takes, if it is none of them, and choose it. made: what made it, as record.of()
    gives it; None: what the head's settings ask for now."""
    settings, ours = settings_of(head), bake.actions(rigs.rig_of(head))
    forget_removed(settings)
    shown = next((index for index, take in enumerate(settings.takes) if take.keys in ours or take.bones in ours), None)
    if shown is None:
        _point(settings.takes.add(), head)
        shown = len(settings.takes) - 1
    note_made(settings.takes[shown], made or record.of(settings))
    settings.take = shown


def made_anew(head):
    """The keys on the head were made anew: what they hold is what its take is, and nothing of it is finished yet."""
    finish.forget(bake.actions(rigs.rig_of(head)))
    record.show_finish(settings_of(head), [])


def note_made(take, made):
    """Let a take remember what made it, as record.of() gives it."""
    record.keep(actions_of(take), made)
    record.place(take.id_data.utter, actions_of(take))
    take.made, take.face = record.told(made), str(made.get("identity", ""))


def branch(head):
    """Let the head perform a copy of its take, which is changed in its place; returns what undo_branch() needs."""
    rig = rigs.rig_of(head)
    if not any(take.keys in bake.actions(rig) or take.bones in bake.actions(rig) for take in settings_of(head).takes):
        remember(head)
    own(head)
    original = [(block, block.animation_data.action) for block in animated(head) if block is not None and block.animation_data]
    bake.twin(rig, f"{head.name} performance")
    return [(block, action) for block, action in original if tracks.owned(action)]


def undo_branch(head, original):
    """Let the head perform what it did before branch(); the copy goes."""
    copies = [action for action in bake.actions(rigs.rig_of(head)) if action not in [action for _, action in original]]
    put_back(original)
    for action in copies:
        bpy.data.actions.remove(action)


def unused_seed(settings):
    """A seed that no take of the head has, and that follows the one in the settings."""
    seeds = [told.get("seed", 0) for take in settings.takes if (told := record.read(actions_of(take)))]
    return max([settings.seed, *(seed for seed in seeds if isinstance(seed, int))]) + 1


def actions_of(take):
    """The Actions of a take that are there."""
    beside = [] if compat.SLOTS or not take.keys else [take.keys[name] for name in sorted(take.keys.keys()) if name.startswith(BESIDE)]
    return [action for action in dict.fromkeys((take.keys, *beside, take.bones)) if action is not None]


def _point(take, head):
    ours = bake.actions(rigs.rig_of(head))
    acts = lambda block: action if block.animation_data and (action := block.animation_data.action) in ours else None
    of = lambda kind: [acts(block) for block in animated(head) if isinstance(block, kind)]
    keys, bones = of(bpy.types.Key), of(bpy.types.Object)
    take.keys = next(iter(keys), None) or take.keys  # what let go of the take, as base.torn() says, still belongs to it
    take.bones = next(iter(bones), None) or take.bones
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
    if not layers.in_time(rig, begin, fps):
        copies = layers.move(rigs.rig_of(head), begin, fps)
        for take in settings_of(head).takes:
            take.keys, take.bones = copies.get(take.keys, take.keys), copies.get(take.bones, take.bones)
    record.place(settings_of(head), [*bake.actions(rigs.rig_of(head)), *layers.wholes(rigs.rig_of(head))])


def forget_removed(settings):
    """Drop the takes whose Actions are gone."""
    for index in reversed(range(len(settings.takes))):
        if not (settings.takes[index].keys or settings.takes[index].bones):
            settings.takes.remove(index)


def gather(head):
    """Let the present take have all that the head performs: Blender copies an Action for keys and bones each when it duplicates a head."""
    ours = set(bake.actions(rigs.rig_of(head)))
    present = [take for take in settings_of(head).takes if ours & set(actions_of(take))]
    if len(present) == 1 and not ours <= set(actions_of(present[0])):
        _point(present[0], head)


def chosen(settings, _context):
    """The artist chose another take: its Actions move the head, and the panel shows what made it."""
    if _renumbering:
        return
    if not 0 <= settings.take < len(settings.takes) or not rigs.ready(settings.id_data):  # the panel says why
        return
    take, head = settings.takes[settings.take], settings.id_data
    gather(head)
    ours = bake.actions(rigs.rig_of(head))
    if set(actions_of(take)) == set(ours) and not torn(head):
        return
    try:
        bake.check_free(rigs.rig_of(head))
    except UtterError as error:
        jobs.say("takes", str(error), "ERROR")
        present = next((index for index, one in enumerate(settings.takes) if set(actions_of(one)) & set(ours)), settings.take)
        if present != settings.take:
            settings.take = present
        return
    rigs.rig_of(head).separate()
    set_aside(head)
    rigs.rig_of(head).rest()  # the takes may move different shape keys
    for block, action in parts_of(take, head):
        if action is not None:
            bake.set_aside(block)
            compat.attach(block, action, animated(head))
    bake.rename(rigs.rig_of(head))
    if told := record.read(actions_of(take)):
        record.show(settings, told, actions_of(take))
    record.show_finish(settings, actions_of(take))
    scene = sequencer.scene_of(head)
    keep_time(head, sequencer.begins(scene, head), bake.scene_fps(scene), settings.placed)


_renumbering = False


def renumber(settings, index):
    """Let that take of the list be the chosen one; the head performs what it did, which may be layers of it."""
    global _renumbering
    _renumbering = True
    try:
        settings.take = index
    finally:
        _renumbering = False


def another_face(settings):
    """Whether the take that is chosen was made for other sliders than the head has."""
    face = settings.takes[settings.take].face if 0 <= settings.take < len(settings.takes) else ""
    return bool(face) and face != record.face(settings)


def remove(settings, indices):
    """Remove those takes, and their Actions where nobody else has them."""
    gone = {action for index in indices for action in actions_of(settings.takes[index])}
    for index in sorted(indices, reverse=True):
        settings.takes.remove(index)
    for action in gone:
        if not action.users:
            bpy.data.actions.remove(action)
    forget_removed(settings)


class OnTakes:
    """An operator on the takes of the chosen head."""

    bl_options = {"REGISTER", "UNDO"}
    least = 1  # as many takes must be there

    @classmethod
    def poll(cls, context):
        head = chosen_head(context)
        why = not_ready(head) if head is not None else ""
        count = len(settings_of(head).takes) if head is not None and not why else 0
        lacking = "There is no take." if not count else "There is no other take." if count < cls.least else ""
        return jobs.allowed(cls, jobs.busy() or why or lacking)


class UTTER_OT_remove_take(OnTakes, bpy.types.Operator):
    bl_idname = "utter.remove_take"
    bl_label = "Remove Take"
    bl_description = "Remove the chosen take and its Action"

    def execute(self, context):
        settings = settings_of(chosen_head(context))
        if not 0 <= settings.take < len(settings.takes):
            self.report({"ERROR"}, "Choose a take first.")
            return {"CANCELLED"}
        own(settings.id_data)
        take = settings.takes[settings.take]
        removed = actions_of(take)
        bake.clear(rigs.rig_of(settings.id_data))
        removed = [action for action in removed if action in bpy.data.actions.values()]
        take.keys = take.bones = None
        for action in removed:
            if not action.users:  # a duplicated head has the same takes
                bpy.data.actions.remove(action)
        forget_removed(settings)
        settings.take = max(0, min(settings.take, len(settings.takes) - 1))
        return {"FINISHED"}


class UTTER_OT_clean_takes(OnTakes, bpy.types.Operator):
    bl_idname = "utter.clean_takes"
    bl_label = "Remove Unused Takes"
    bl_description = f"Remove every take that has no star and is not the present one. {REMOVED}"
    least = 2

    def execute(self, context):
        settings = settings_of(chosen_head(context))
        gather(settings.id_data)
        ours = bake.actions(rigs.rig_of(settings.id_data))
        present = [index for index, take in enumerate(settings.takes) if take.keys in ours or take.bones in ours] or [settings.take]
        unused = [index for index, take in enumerate(settings.takes) if not take.star and index not in present]
        kept = settings.takes[present[0]].keys if present[0] < len(settings.takes) else None
        remove(settings, unused)
        renumber(settings, next((index for index, take in enumerate(settings.takes) if take.keys == kept), 0))
        stars = sum(take.star for take in settings.takes)
        starred = f"; {stars} with a star {'stay' if stars > 1 else 'stays'}" if stars else ""
        self.report({"INFO"}, f"{len(unused)} {'take' if len(unused) == 1 else 'takes'} removed{starred}.")
        return {"FINISHED"} if unused else {"CANCELLED"}


class Steps(OnTakes):
    """An operator that chooses a take beside the present one."""

    least = 2
    step = 1

    def execute(self, context):
        settings = settings_of(chosen_head(context))
        settings.take = (settings.take + self.step) % len(settings.takes)
        return {"FINISHED"}


class UTTER_OT_next_take(Steps, bpy.types.Operator):
    bl_idname = "utter.next_take"
    bl_label = "Next Take"
    bl_description = "Choose the next take; after the last one comes the first"


class UTTER_OT_previous_take(Steps, bpy.types.Operator):
    bl_idname = "utter.previous_take"
    bl_label = "Previous Take"
    bl_description = "Choose the previous take; before the first one comes the last"
    step = -1


class UTTER_UL_takes(bpy.types.UIList):
    bl_idname = "UTTER_UL_takes"

    def draw_item(self, _context, layout, _settings, take, _icon, _active, _property, _index=0, _flag=0):
        row = layout.row(align=True)
        row.prop(take, "star", text="", emboss=False, icon="SOLO_ON" if take.star else "SOLO_OFF")
        action = take.keys or take.bones
        if action is None:
            row.label(text="(removed)", icon="GHOST_DISABLED")
        else:
            if picture := thumbnails.icon(action):
                row.label(text="", icon_value=picture)
            row.prop(action, "name", text="", emboss=False)
        if take.note:
            row.label(text="", icon="TEXT")


class UTTER_PT_takes(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_takes"
    bl_label = "Takes"

    @classmethod
    def poll(cls, context):
        return super().poll(context) and len(settings_of(chosen_head(context)).takes) > 0

    def draw(self, context):
        layout, settings = self.layout, settings_of(chosen_head(context))
        layout.enabled = not locked()
        row = layout.row()
        row.template_list("UTTER_UL_takes", "", settings, "takes", settings, "take", rows=4 if len(settings.takes) > 2 else 2)
        column = row.column(align=True)
        column.operator("utter.previous_take", text="", icon="TRIA_UP")
        column.operator("utter.next_take", text="", icon="TRIA_DOWN")
        column.operator("utter.remove_take", text="", icon="REMOVE")
        column.operator("utter.clean_takes", text="", icon="BRUSH_DATA")
        if not 0 <= settings.take < len(settings.takes):
            return
        take, width = settings.takes[settings.take], context.region.width
        about = layout
        if picture := thumbnails.icon(take.keys or take.bones):
            split = layout.split(factor=0.25)
            split.template_icon(icon_value=picture, scale=3.4)
            about, width = split.column(), 0.75 * width
        about.prop(take, "note", text="", icon="TEXT", placeholder="A note on this take")
        if take.made:
            jobs.draw_text(about, take.made, width, "INFO")
        if another_face(settings):
            layout.label(text="Made for another identity", icon="ERROR")
        layout.operator("utter.perform_again", icon="LOOP_BACK")
        rig = shown_rig(settings.id_data)
        if layers.layered(rig):
            layout.prop(settings, "feeling", slider=True)
            layout.operator("utter.merge_layers", icon="NLA_PUSHDOWN")
        elif layers.pushed_down(rig):
            jobs.draw_text(layout, layers.away(rig), context.region.width, "INFO")
            layout.operator("utter.bring_back", icon="NLA_PUSHDOWN")
        else:
            layout.operator("utter.layers", icon="NLA")
        jobs.draw_message(layout, "takes", context.region.width)


CLASSES = (UTTER_OT_remove_take, UTTER_OT_clean_takes, UTTER_OT_next_take, UTTER_OT_previous_take, UTTER_UL_takes, UTTER_PT_takes)
