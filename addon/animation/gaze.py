"""Look at: eyes, and some of the head, turn to a point, in columns of a performance. Pure numpy; knows nothing of Blender.

Turns are those of Motion's columns: x is pitch, down above 0; y is yaw, to the subject's left above 0.
"""

from typing import NamedTuple

import numpy as np

from ..contract import ACTIONS, EYES, FACE_ACTIONS, NECK
from .rotations import from_rotation_vector

YAW, PITCH = 0.55, 0.4  # radians that an eye turns at most, as the looks of ARKit's face actions do in full
HEAD = 0.9, 0.5  # radians of yaw and pitch that the head turns at most
LIFE = 0.3  # of the take's own gaze that stays while eyes follow something: they are never still
LOOKS = [FACE_ACTIONS.start + ACTIONS.index(f"eyeLook{way}{side}") for side in ("Left", "Right") for way in ("Down", "Up", "Out", "In")]
COLUMNS = [*range(NECK.start, NECK.stop), *range(EYES.start, EYES.stop), *LOOKS]


class Face(NamedTuple):
    """Where a face turns, in FLAME's axes: eyes [2, 3], left and right, and the joint [3] about which its head turns."""

    eyes: np.ndarray
    neck: np.ndarray


def look(turned: np.ndarray, face: Face, points: np.ndarray, influence: np.ndarray, share: float) -> np.ndarray:
    """turned [N, 15]: what a performance has in COLUMNS. The same when the eyes look at points [N, 3] in FLAME's axes, by an influence [N]
    from 0 to 1; share: of the way that the head goes."""
    turned = np.asarray(turned, float)
    neck, eyes = turned[:, :3], turned[:, 3:7]
    eyes = np.where(eyes.any(), eyes, _of_looks(turned[:, 7:]))
    yaw, pitch = _angles(points - face.eyes.mean(0))
    way = np.stack([np.clip(share * pitch, -HEAD[1], HEAD[1]), np.clip(share * yaw, -HEAD[0], HEAD[0]), np.zeros(len(neck))], axis=1)
    head = neck + influence[:, None] * way
    turns = from_rotation_vector(head)
    wanted = np.empty_like(eyes)
    for side in (0, 1):
        place = face.neck + turns @ (face.eyes[side] - face.neck)
        yaw, pitch = _angles(np.einsum("nji,nj->ni", turns, points - place))
        wanted[:, 2 * side], wanted[:, 2 * side + 1] = pitch, yaw
    most = np.tile([PITCH, YAW], 2)
    eyes = eyes + influence[:, None] * (np.clip(wanted + LIFE * eyes, -most, most) - eyes)
    return np.concatenate([head, eyes, _looks(eyes)], axis=1)


def _angles(ways):
    """(yaw, pitch) [N] that turn forward (+z) to ways [N, 3]."""
    x, y, z = ways.T
    return np.arctan2(x, z), -np.arctan2(y, np.hypot(x, z))


def _looks(eyes):
    """[N, 8]: the looks of turns of the eyes [N, 4]."""
    left, right = eyes[:, :2] / [PITCH, YAW], eyes[:, 2:] / [PITCH, -YAW]
    return np.clip(np.stack([sign * each[:, axis] for each in (left, right) for axis in (0, 1) for sign in (1, -1)], axis=1), 0, 1)


def _of_looks(looks):
    """[N, 4]: the turns of the eyes that looks [N, 8] are."""
    down, up, out, into = (looks[:, k::4] for k in range(4))
    return np.stack([(down - up) * PITCH, (out - into) * [YAW, -YAW]], axis=2).reshape(len(looks), 4)
