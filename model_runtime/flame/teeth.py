"""Where the upper teeth end: what the lower lip meets in f and v."""

import numpy as np

from model_runtime.flame.head import IDENTITY

INCISORS = 0.006  # metres from the middle


def incisors(head):
    """The upper incisors: points [n, 3] and how an identity moves them [300, 3n]; None for a head without teeth."""
    if head.part_names is None or "teeth_upper" not in list(head.part_names):
        return None
    upper = np.unique(head.parts_f[head.parts_face == list(head.part_names).index("teeth_upper")])
    front = upper[np.abs(head.parts_v[upper, 0]) < INCISORS]
    return head.parts_v[front], head.parts_shapedirs[front, :, :IDENTITY].reshape(-1, IDENTITY).T


def teeth_edge(head, beta=None):
    """(height, depth) in metres of the upper incisors' edge on that identity; None for a head without teeth."""
    found = incisors(head)
    if found is None:
        return None
    points, shapes = found
    if beta is not None:
        points = points + np.reshape(np.asarray(beta) @ shapes[: len(beta)], points.shape)
    height = points[:, 1].min()
    return height, points[points[:, 1] < height + 0.002, 2].max()
