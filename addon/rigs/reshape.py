"""Give a head of ours another neutral face: mesh, shape keys and bones move together (FLAME kind)."""

import contextlib
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ..contract import JOINTS
from .base import armature
from .flame import PROPERTY, FlameRig


def reshape(rig: FlameRig, shift: np.ndarray, joints: np.ndarray, keys: dict[int, np.ndarray], identity: Any) -> None:
    """Move the neutral face of our head obj by shift [N,3], all its shape keys with it and those of channels {channel: [N,3]} by so
    much more, its bones by joints [5,3]: metres in FLAME's axes. identity: the coefficients [300] that it then
    has, () if none.

    Animation, sculpted keys, materials and transforms stay. What obj shares with other objects it gets of its own first."""
    obj, axes = rig.obj, rig.axes()
    with _object_mode():
        _unshare(obj)
        shift = (shift @ axes.T).astype(np.float32)
        own = {block.name: channel for channel, block in rig.shape_keys().items()}
        for block in obj.data.shape_keys.key_blocks:
            more = keys.get(own.get(block.name, -1))
            _move(block.points, shift if more is None else shift + (more @ axes.T).astype(np.float32))
        _move(obj.data.vertices, shift)
        obj.data.update()
        _move_bones(obj, armature(obj), joints @ axes.T)
    if len(identity):
        obj[PROPERTY]["identity"] = list(identity)
    elif "identity" in obj[PROPERTY]:
        del obj[PROPERTY]["identity"]


@contextlib.contextmanager
def _object_mode():
    """Leave the mode that the active object is in, and come back to it."""
    layer = bpy.context.view_layer
    before = layer.objects.active
    mode = before.mode if before else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        layer.objects.active = before
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)


def _unshare(obj):
    """Give obj a mesh of its own, and an armature of its own if it shares it with another head."""
    if obj.data.users - obj.data.use_fake_user > 1:
        obj.data = obj.data.copy()
    rig = armature(obj)
    if rig is None:
        return
    if any(other != obj and PROPERTY in other and armature(other) == rig for other in bpy.data.objects if other.type == "MESH"):
        twin = rig.copy()
        for collection in rig.users_collection:
            collection.objects.link(twin)
        for modifier in obj.modifiers:
            if modifier.type == "ARMATURE" and modifier.object == rig:
                modifier.object = twin
        if obj.parent == rig:
            obj.parent = twin
        rig = twin
    if rig.data.users - rig.data.use_fake_user > 1:
        rig.data = rig.data.copy()


def _move(points, shift):
    """Add shift [N,3] to the coordinates of mesh vertices or of a shape key's points."""
    flat = np.empty(shift.size, np.float32)
    points.foreach_get("co", flat)
    points.foreach_set("co", flat + shift.ravel())


def _move_bones(obj, rig, joints):
    """Move the bones of an armature object by joints [5,3], in the axes of obj: only edit mode can."""
    if rig is None:
        return
    scene, layer = bpy.context.scene, bpy.context.view_layer
    hidden, unlinked = rig.hide_viewport, rig.name not in scene.collection.objects
    if unlinked:  # in a collection that may be hidden, or in another scene
        scene.collection.objects.link(rig)
    rig.hide_viewport = False
    unseen = rig.hide_get()
    rig.hide_set(False)
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for joint, bone in obj[PROPERTY]["bones"].items():
            edit, by = rig.data.edit_bones[bone], Vector(joints[JOINTS.index(joint)].tolist())
            edit.head, edit.tail = edit.head + by, edit.tail + by
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        rig.hide_set(unseen)
        rig.hide_viewport = hidden
        if unlinked:
            scene.collection.objects.unlink(rig)
