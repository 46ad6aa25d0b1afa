"""What differs between Blender versions; nothing else asks bpy.app.version.

4.2, 4.3   an Action holds the F-curves of one data-block
4.4        an Action has slots; each slot's F-curves lie in a channelbag of its one layer's one strip
5.0        EEVEE has its old name again; Action.fcurves and sequence_editor.sequences are gone; strips have their own; properties
           that add-ons define no longer lie among the custom properties
5.2        strips call their times otherwise (content_start, left_handle ...), the earlier names are to go in 6.0
"""

import bpy

SLOTS = bpy.app.version >= (4, 4, 0)  # one Action serves several data-blocks
EEVEE = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
ID_TYPES = {"Key": "KEY", "Object": "OBJECT"}


def attach(datablock, action, beside=()):
    """Let the Action animate the data-block (a Key or an Object); returns its bag: `.fcurves` and `.groups`. beside: data-blocks that it
    animates too, each by a slot of its own."""
    animation = datablock.animation_data or datablock.animation_data_create()
    if animation.action != action:
        animation.action = action
    if not SLOTS:
        return action
    taken = [other.animation_data.action_slot for other in beside if other != datablock and _plays(other, action)]
    if animation.action_slot is None or animation.action_slot in taken:
        id_type = ID_TYPES[datablock.bl_rna.identifier]
        fit = [slot for slot in action.slots if slot.target_id_type == id_type and slot not in taken]
        fit.sort(key=lambda slot: slot.name_display != datablock.name)
        animation.action_slot = fit[0] if fit else action.slots.new(id_type=id_type, name=datablock.name)
    return _strip(action).channelbag(animation.action_slot, ensure=True)


def _plays(datablock, action):
    return datablock.animation_data is not None and datablock.animation_data.action == action


def bag(datablock):
    """Where the F-curves that animate the data-block lie (`.fcurves`, `.groups`), or None."""
    animation = datablock.animation_data
    if animation is None or animation.action is None:
        return None
    if not SLOTS:
        return animation.action
    if animation.action_slot is None or not animation.action.layers:
        return None
    return _strip(animation.action).channelbag(animation.action_slot)


def bags(action):
    """Where the F-curves of an Action lie, of whichever data-blocks."""
    return [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags] if SLOTS else [action]


def named(path, of):
    """The name in a path like key_blocks["jawOpen"].value; "" in a path of something else than `of`."""
    begin, quote, rest = path.partition('["')
    return bpy.utils.unescape_identifier(rest.rpartition('"]')[0]) if quote and begin == of else ""


def empty(action):
    """True if no F-curve is left in the Action, for whichever data-block."""
    return not any(bag.fcurves for bag in bags(action))


def curve(bag, data_path, index, group):
    """The bag's F-curve for that property, made if it is missing and put into the named group then."""
    found = bag.fcurves.find(data_path, index=index)
    if found is None:
        found = bag.fcurves.new(data_path, index=index)
        found.group = bag.groups.get(group) or bag.groups.new(group)
    return found


def push_down(datablock, track_name):
    """Move the data-block's Action to an NLA track of that name: it plays on below the next one, where that has no curves."""
    animation = datablock.animation_data
    action, slot = animation.action, animation.action_slot if SLOTS else None
    start = action.frame_range[0]
    track = animation.nla_tracks.new()
    track.name = track_name
    strip = track.strips.new(action.name, int(start), action)
    if SLOTS and slot is not None:
        strip.action_slot = slot
    strip.frame_start = start
    animation.action = None


def pull_up(datablock, track_name):
    """Undo push_down(): the Action is active again, the track is gone. False if there is no such track."""
    animation = datablock.animation_data
    track = next((t for t in animation.nla_tracks if t.name == track_name and len(t.strips) == 1), None) if animation else None
    if track is None:
        return False
    strip = track.strips[0]
    action, slot = strip.action, strip.action_slot if SLOTS else None
    animation.nla_tracks.remove(track)
    animation.action = action
    if SLOTS and slot is not None:
        animation.action_slot = slot
    return True


def strips(scene):
    """The scene's sequencer strips, to make with .new_sound(name, filepath, channel, frame_start) and to .remove(strip). A scene
    without a sequencer gets one."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def strips_in(meta):
    """The strips of a meta strip."""
    return meta.strips if hasattr(meta, "strips") else meta.sequences


def all_strips(scene):
    """Every strip of the scene's sequencer, those in meta strips too; makes no sequencer."""
    editor = scene.sequence_editor
    return [] if editor is None else list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def first_sample(strip, fps):
    """The frame at which the first sample of a sound strip's recording lies, or would lie if it is cut away; may be a fraction."""
    new = hasattr(strip, "content_start")
    start, cut = (strip.content_start, strip.content_trim_start) if new else (strip.frame_start, strip.animation_offset_start)
    return start - cut + getattr(strip, "sound_offset", 0.0) * fps


def move_strip(strip, frames):
    """Move a strip, with its cuts. Blender puts its content on a whole frame."""
    if hasattr(strip, "content_start"):
        strip.content_start = round(strip.content_start + frames)
    else:
        strip.frame_start = round(strip.frame_start + frames)


def handles(strip):
    """The frames between which a strip is heard."""
    return (strip.left_handle, strip.right_handle) if hasattr(strip, "left_handle") else (strip.frame_final_start, strip.frame_final_end)


def cut(strip):
    """How many frames of a strip's content are cut off at its two ends; below 0 where it lasts longer than its content."""
    new = hasattr(strip, "left_handle_offset")
    return (strip.left_handle_offset, strip.right_handle_offset) if new else (strip.frame_offset_start, strip.frame_offset_end)


def end_strip(strip, frame):
    """Let a strip end before that frame."""
    setattr(strip, "right_handle" if hasattr(strip, "right_handle") else "frame_final_end", frame)


def saved(owner, name):
    """What is saved with a data-block or preferences under an add-on's property of that name, whether or not it is defined today: a
    value, a group (like a dict), or None."""
    held = owner.bl_system_properties_get() if hasattr(owner, "bl_system_properties_get") else owner
    return held.get(name) if held is not None else None


def _strip(action):
    """The one keyframe strip of a slotted Action, made if it is missing."""
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    return layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
