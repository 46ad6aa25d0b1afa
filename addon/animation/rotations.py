"""Rotations of a bone <-> Motion's axis-angle, in whatever rotation mode the bone has. Pure numpy.

vectors [N,3]: axis-angle in FLAME's axes. rest [3,3]: the bone's axes as columns in FLAME's axes. A rotation R of the joint is
rest^T R rest in the bone's own axes, because a pose bone's rotation is relative to its rest.
"""

import numpy as np


def write_rotation(mode, vectors, rest):
    """-> columns of the bone's rotation property: [N,3] Euler angles in that order, or [N,4] quaternion, or angle and axis."""
    own = np.asarray(vectors, float) @ rest  # an axis turns like a point: rest^T v
    if mode == "QUATERNION":
        angle = np.linalg.norm(own, axis=1, keepdims=True)
        return np.hstack([np.cos(angle / 2), own * np.sinc(angle / (2 * np.pi)) / 2])
    if mode == "AXIS_ANGLE":
        angle = np.linalg.norm(own, axis=1, keepdims=True)
        return np.hstack([angle, np.where(angle > 1e-9, own / np.maximum(angle, 1e-9), [0, 1, 0])])
    i, j, k, sign = _order(mode)
    r = from_rotation_vector(own)
    first = np.arctan2(sign * r[:, k, j], r[:, k, k])
    second = np.arcsin(np.clip(-sign * r[:, k, i], -1, 1))
    third = np.arctan2(sign * r[:, j, i], r[:, i, i])
    euler = np.empty((len(r), 3))
    euler[:, i], euler[:, j], euler[:, k] = first, second, third
    return euler


def read_rotation(mode, columns, rest):
    """The inverse of write_rotation: columns of the bone's rotation property -> vectors [N,3]."""
    columns = np.asarray(columns, float)
    if mode == "QUATERNION":
        q = columns / np.maximum(np.linalg.norm(columns, axis=1, keepdims=True), 1e-12)
        q = np.where(q[:, :1] < 0, -q, q)
        sine = np.linalg.norm(q[:, 1:], axis=1, keepdims=True)
        angle = 2 * np.arctan2(sine, q[:, :1])
        own = q[:, 1:] * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2)
    elif mode == "AXIS_ANGLE":
        own = columns[:, :1] * columns[:, 1:] / np.maximum(np.linalg.norm(columns[:, 1:], axis=1, keepdims=True), 1e-12)
    else:
        i, j, k, _ = _order(mode)
        about = [from_rotation_vector(columns[:, [axis]] * np.eye(3)[axis]) for axis in (i, j, k)]
        own = to_rotation_vector(about[2] @ about[1] @ about[0])
    return own @ np.asarray(rest).T


def from_rotation_vector(vectors):
    """Axis-angle [N,3] -> matrices [N,3,3] (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = np.asarray(vectors, float).T
    o = np.zeros_like(x)
    cross = np.array([[o, -z, y], [z, o, -x], [-y, x, o]]).transpose(2, 0, 1)
    return np.eye(3) + np.sinc(angle / np.pi) * cross + np.sinc(angle / (2 * np.pi)) ** 2 / 2 * cross @ cross


def to_rotation_vector(matrices):
    """Matrices [N,3,3] -> axis-angle [N,3], for angles below half a turn."""
    m = np.asarray(matrices)
    twice_sine = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], axis=1)
    sine = np.linalg.norm(twice_sine, axis=1, keepdims=True) / 2
    angle = np.arctan2(sine, (np.trace(m, axis1=1, axis2=2)[:, None] - 1) / 2)
    return twice_sine / 2 * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1)


def _order(mode):
    """Blender's Euler order ("XYZ": about X first): its axes, and +1 if they are an even permutation."""
    i, j, k = ("XYZ".index(letter) for letter in mode)
    return i, j, k, 1 if (j - i) % 3 == 1 else -1
