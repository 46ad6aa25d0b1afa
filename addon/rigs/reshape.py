"""Give a head of ours another neutral face: mesh, shape keys and bones move together (FLAME kind)."""

from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ..contract import CHANNELS, JOINTS
from . import hair
from .base import PROPERTY, armature, object_mode
from .flame import FlameRig, anchor, place


def reshape(rig: FlameRig, shift: np.ndarray, joints: np.ndarray, keys: dict[int, np.ndarray], identity: Any) -> None:
    """Move the neutral face of our head obj by shift [N,3], all its shape keys with it and those of channels {channel: [N,3]} by so
    much more, its bones by joints [5,3]: metres in FLAME's axes. identity: the coefficients [300] that it then
    has, () if none.

    Animation, sculpted keys, materials and transforms stay. What obj shares with other objects it gets of its own first. The bones move
    first: all that Blender may refuse lies there."""
    obj = rig.obj
    with object_mode():
        rig.separate()
        bones, (axes, scale, _) = armature(obj), place(obj)
        to_own = scale * axes.T
        if bones is not None:
            if bones.data.users - bones.data.use_fake_user > 1:
                bones.data = bones.data.copy()
            turn = np.array(rig.to_armature().to_3x3()).T
            _move_bones(bones, {bone: Vector(joints[JOINTS.index(joint)] @ to_own @ turn) for joint, bone in rig.bone_names().items()})
        shift = (shift @ to_own).astype(np.float32)
        own = {block.name: column for column, block in rig.every_key().items()}
        for block in obj.data.shape_keys.key_blocks:
            more = _of_column(rig, own.get(block.name, -1), keys)
            _move(block.points, shift if more is None else shift + (more @ to_own).astype(np.float32))
        _move(obj.data.vertices, shift)
        obj.data.update()
        hair.follow(obj, shift)
    anchor(obj, axes, scale)
    if len(identity):
        obj[PROPERTY]["identity"] = list(identity)
    elif "identity" in obj[PROPERTY]:
        del obj[PROPERTY]["identity"]


def _of_column(rig, column, keys):
    """What keys {channel: [N,3]} are for the shape key of a column of a performance; None: nothing."""
    if column < CHANNELS:
        return keys.get(column)
    motion = rig.motions()[column - CHANNELS]
    parts = [motion[channel] * more for channel, more in keys.items() if motion[channel]]
    return sum(parts) if parts else None


def _move(points, shift):
    """Add shift [N,3] to the coordinates of mesh vertices or of a shape key's points."""
    flat = np.empty(shift.size, np.float32)
    points.foreach_get("co", flat)
    points.foreach_set("co", flat + shift.ravel())


def _move_bones(rig, shifts):
    """Move the bones of an armature object by {bone: shift}, in its own space: only edit mode can."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    hidden, unlinked = rig.hide_viewport, rig.name not in scene.collection.objects
    if unlinked:  # in a collection that may be hidden, or in another scene
        scene.collection.objects.link(rig)
    rig.hide_viewport = False
    unseen = rig.hide_get()
    rig.hide_set(False)
    layer.objects.active = rig
    mirrored, rig.data.use_mirror_x = rig.data.use_mirror_x, False  # or each eye would be moved with the other
    try:
        bpy.ops.object.mode_set(mode="EDIT")
        edit = rig.data.edit_bones
        places = [(edit[bone], edit[bone].head + by, edit[bone].tail + by) for bone, by in shifts.items()]
        for bone, head, tail in places:
            bone.head, bone.tail = head, tail
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        rig.data.use_mirror_x = mirrored
        rig.hide_set(unseen)
        rig.hide_viewport = hidden
        if unlinked:
            scene.collection.objects.unlink(rig)
