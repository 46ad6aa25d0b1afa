"""Brows and lashes, which grow on the skin (the left ones; the right are their mirror images)."""
import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from tools.sculpt import shapes, surface


def brow(skin, columns=15):
    """The left brow, a low ridge on the skin from its inner end: vertices, triangles, weights of the skin under each."""
    t = np.linspace(0, 1, columns)
    x = 0.0105 + 0.0390 * t
    y = 0.0485 + 0.0060 * np.sin(np.pi * t ** 1.25) - 0.0030 * t ** 2
    half = 0.0033 * (1 - t) ** 0.35 * (0.75 + 0.25 * np.minimum(t / 0.2, 1)) + 0.0003
    rows = []
    for v in (-1, -0.5, 0.2, 0.8, 1):
        place = np.stack([x + 0.0010 * v, y + half * v], -1)
        rows.append(np.column_stack([place, surface.front(*place.T) + 0.0014 * (1 - v * v) - 0.0001]))
    v = np.concatenate(rows)
    far, near = cKDTree(skin.vertices).query(v, 8)
    weights = np.exp(-(far / 0.003) ** 2)
    weights /= weights.sum(1, keepdims=True)
    on = csr_matrix((weights.ravel(), near.ravel(), np.arange(len(v) + 1) * 8), (len(v), len(skin.vertices)))
    return v, shapes.strip(5, columns), on


def lashes(skin, margin):
    """The left upper lashes, a dark rim that curls out from the lid's margin [K], from outside to inside."""
    place = skin.vertices[margin]
    t = np.linspace(0, 1, len(margin))
    long = (0.0007 + 0.0026 * np.sin(np.pi * t) ** 0.6 * (1 - 0.4 * t))[:, None]
    out = np.column_stack([0.55 * (1 - 2 * t) ** 3, 0.25 + 0 * t, 1 + 0 * t])
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    v = np.concatenate([place + (0, 0.0004, 0.0001), place - (0, 0.0001, 0), place + out * 0.6 * long,
                        place + out * long + np.array([0, 0.5, 0]) * long])
    f = shapes.strip(4, len(margin))
    on = csr_matrix((np.ones(len(v)), np.tile(margin, 4), np.arange(len(v) + 1)), (len(v), len(skin.vertices)))
    return v, f, on
