"""What fields over the measured mesh are made with: its net of edges, ramps, turns."""

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.spatial import cKDTree


def smoothstep(low, high, x):
    """0 .. 1 as x goes from low to high, with soft ends; low may be the greater."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def unit(v):
    """Vectors [...,3] of length 1."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def rotation(vector):
    """Rotation matrix of an axis-angle vector (Rodrigues)."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = np.asarray(vector) / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def laplacian(vertices, quads):
    """Graph Laplacian [V,V] weighted by 1/length, and each vertex's share of length [V]: stiffness and mass of a net of strings."""
    pairs = np.concatenate([quads[:, [0, 1]], quads[:, [1, 2]], quads[:, [2, 3]], quads[:, [3, 0]]])
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], 1), axis=0)
    length = np.maximum(np.linalg.norm(vertices[pairs[:, 0]] - vertices[pairs[:, 1]], axis=1), 3e-4)
    n = len(vertices)
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    weights = coo_matrix((np.tile(1 / length, 2), (i, j)), (n, n)).tocsr()
    mass = np.bincount(i, np.tile(length, 2), n) / 2
    return (diags(np.asarray(weights.sum(1)).ravel()) - weights).tocsr(), mass


def regressor(points, pools, places):
    """[J,V]: places [J,3] as weighted sums of points [V,3] in pools (J arrays of their indices), the weights as even as a place allows."""
    found = np.zeros((len(pools), len(points)))
    for row, pool, place in zip(found, pools, places):
        system = np.vstack([points[pool].T, np.ones(len(pool))])
        even = np.full(len(pool), 1 / len(pool))
        row[pool] = even + np.linalg.pinv(system) @ (np.append(place, 1) - system @ even)
    return found


def beside(vertices, places):
    """(far [N,4], nearest [N,4], weights [N,4]): the skin [V,3] that places [N,3] lie on."""
    far, nearest = cKDTree(vertices).query(places, k=4)
    weight = 1 / np.maximum(far, 1e-5)
    return far, nearest, weight / weight.sum(1, keepdims=True)


def rounded(array, step):
    """float16, rounded to whole steps: a file of round numbers packs small."""
    return (np.round(array / step) * step).astype(np.float16)
