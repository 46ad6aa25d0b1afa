"""Where a rig's eyes are, and where what they look at is, in FLAME's axes of its mesh."""

from typing import TYPE_CHECKING, Any

import numpy as np
from mathutils import Vector

from .. import compat
from ..animation.gaze import Face
from ..contract import ACTIONS, FACE_ACTIONS, LIDS, UtterError
from .base import key_points, neutral

if TYPE_CHECKING:
    from .base import Rig

SHUT = 0.3  # of the most that a lid moves: those vertices lie over the eye


def face_of(rig: "Rig") -> Face:
    """Where the eyes are, and the joint of the head: by its bones, else by what shuts the lids. UtterError where nothing tells."""
    axes, joints = rig.axes(), rig.joints()
    place = lambda bone: np.array(_to_mesh(rig, bone) @ bone.bone.head_local) @ axes
    if "eye_left" in joints and "eye_right" in joints:
        eyes = np.array([place(joints["eye_left"]), place(joints["eye_right"])])
    else:
        eyes = np.array([_under_lid(rig, side) @ axes for side in ("Left", "Right")])
    return Face(eyes, place(joints["neck"]) if "neck" in joints else eyes.mean(0))


def points_of(rig: "Rig", target: Any, frames: np.ndarray) -> np.ndarray:
    """[N, 3]: where the target is at scene frames: as its own keys of location have it, else where it stands now."""
    to_mesh, axes = rig.obj.matrix_world.inverted_safe(), rig.axes()
    bag = None if target.parent or target.constraints else compat.bag(target)
    found = [bag.fcurves.find("location", index=axis) for axis in range(3)] if bag else []
    if not any(found):
        return np.tile(np.array(to_mesh @ target.matrix_world.translation) @ axes, (len(frames), 1))
    world = [[curve.evaluate(frame) if curve else target.location[axis] for axis, curve in enumerate(found)] for frame in frames]
    return np.array([to_mesh @ Vector(point) for point in world]) @ axes


def _to_mesh(rig, bone):
    return rig.obj.matrix_world.inverted_safe() @ bone.id_data.matrix_world


def _under_lid(rig, side):
    """The middle of what shuts a lid."""
    keys = rig.shape_keys()
    column = FACE_ACTIONS.start + ACTIONS.index(f"eyeBlink{side}")
    key = keys.get(column) or keys.get(LIDS.start + (side == "Right"))
    if key is None:
        raise UtterError(f"Nothing of {rig.obj.name} tells where its eyes are; it has neither bones nor lids for them.")
    rest = neutral(rig.obj)
    far = np.linalg.norm(key_points(key) - rest, axis=1)
    return rest[far > SHUT * far.max()].mean(0)
