"""How far the tracks of a rig move its meshes: what an error of a key looks like, in millimetres."""

from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Matrix

from ..animation import tracks
from .base import PROPERTY, armature, key_points, neutral
from .likeness import group_weights

if TYPE_CHECKING:
    from ..animation.tracks import Track
    from .base import Rig

FACE, SMALLEST, LARGEST = 200.0, 50.0, 1000.0  # millimetres of the moving part of a face: where its unit is not known, and else
MOVED = 0.1  # of the most that shape keys move: from here on a vertex is part of the face
PROBE = 1e-3  # of a bone's channel
UNKNOWN = 500.0  # millimetres that a unit of a channel counts for of which nothing is known: 1 in 500 is seen


def moves(rig: "Rig", of: "list[Track]") -> np.ndarray:
    """[K, P, 3]: how far a unit of each track moves the P vertices of all meshes at rest, in millimetres, in each mesh's own axes."""
    return np.concatenate([_on(rig, obj, of) for obj in rig.meshes()], axis=1)


def lips(rig: "Rig", moved: np.ndarray) -> np.ndarray:
    """[K]: how far a unit of each track parts the lips, in millimetres, of what moves() gave; 0 where the rig knows none."""
    found = rig.lips()
    if found is None:
        return np.zeros(len(moved))
    upper, lower = found  # of the main mesh, whose vertices come first
    return (moved[:, upper] - moved[:, lower]) @ rig.axes()[:, 1]


def _on(rig, obj, of):
    rest, keys, rig_object = neutral(obj), obj.data.shape_keys, armature(obj)
    blocks = {tracks.value_of(key): key for key in keys.key_blocks} if keys else {}
    found = np.zeros((len(of), len(rest), 3), np.float32)
    for number, track in enumerate(of):
        if track.owner == keys and track.path in blocks:
            found[number] = key_points(blocks[track.path]) - key_points(blocks[track.path].relative_key)
    size = _millimetres(rig)
    found *= size
    for number, track in enumerate(of):
        if track.owner == rig_object:
            found[number] = _turned(obj, rig_object, track, rest) * size if track.path.startswith("pose.bones") else 0
            if obj == rig.obj and not found[number].any():
                found[number, 0, 0] = UNKNOWN
    return found


def _millimetres(rig: "Rig") -> float:
    """Of a unit of the object: as a FLAME head tells; of another one as the scene's unit has it, where its face (what shape keys move, or
    bones that pose it) is then of a size that faces have, else what makes it one of 0.2 m."""
    obj = rig.obj
    if PROPERTY in obj:
        return 1000 / float(obj[PROPERTY].get("scale", 1.0))
    rest = neutral(obj)
    if obj.data.shape_keys:
        keys = obj.data.shape_keys.key_blocks[1:]
        far = np.max([np.linalg.norm(key_points(key) - key_points(key.relative_key), axis=1) for key in keys], axis=0)
    else:
        far = sum(group_weights(obj, list(rig.by_poses())).values(), np.zeros(len(rest)))
    size = np.ptp(rest[far > MOVED * far.max()], axis=0).max() if far.any() else 0.0
    unit = 1000 * bpy.context.scene.unit_settings.scale_length * np.abs(obj.matrix_world.to_scale()).max()
    return unit if SMALLEST < unit * size < LARGEST or size == 0 else FACE / size


def _turned(obj, rig, track, rest):
    """[V, 3]: how a unit of a bone's channel moves the vertices, from its groups and those of the bones below it."""
    bone = next((bone for bone in rig.pose.bones if track.path.startswith(f"{bone.path_from_id()}.")), None)
    if bone is None:
        return np.zeros((len(rest), 3))
    below = [bone.name, *(child.name for child in bone.children_recursive)]
    weights = sum(group_weights(obj, below).values(), np.zeros(len(rest)))
    name = track.path[len(bone.path_from_id()) + 1 :]
    before = bone.matrix_basis.copy()
    values = getattr(bone, name, None)
    if values is None or not weights.any():
        return np.zeros((len(rest), 3))
    values[track.index] += PROBE
    after = bone.matrix_basis.copy()
    values[track.index] -= PROBE
    lies = (obj.matrix_world.inverted_safe() @ rig.matrix_world) @ bone.bone.matrix_local
    way = np.array(lies @ after @ before.inverted_safe() @ lies.inverted_safe() - Matrix.Identity(4)) / PROBE
    return weights.clip(0, 1)[:, None] * (rest @ way[:3, :3].T + way[:3, 3])
