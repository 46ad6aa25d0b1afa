"""Distances and crossings of points, lines and triangles, for measuring heads (check.py). Metres."""

import numpy as np
from scipy.sparse import csr_matrix, vstack
from scipy.spatial import cKDTree


def sphere_centre(points):
    """Centre of the sphere through points [n,3], by least squares."""
    a = np.column_stack([2 * points, np.ones(len(points))])
    return np.linalg.lstsq(a, (points**2).sum(1), rcond=None)[0][:3]


def along(upper, lower):
    """(largest way from a point of either line to the other, how far the lower lies above the upper at most): lines [n,3]."""
    gap, cross = 0.0, 0.0
    for points, line, sign in ((upper, lower, 1), (lower, upper, -1)):
        a, b = line[:-1], line[1:]
        t = np.clip(((points[:, None] - a) * (b - a)).sum(2) / np.maximum(((b - a) ** 2).sum(1), 1e-18), 0, 1)
        away = points[:, None] - a - t[..., None] * (b - a)
        best = np.linalg.norm(away, axis=2).argmin(1)
        away = away[np.arange(len(points)), best]
        tangent = (b - a)[best] * np.sign(line[0, 0] - line[-1, 0])
        up = np.stack([tangent[:, 1], -tangent[:, 0], 0 * tangent[:, 0]], -1)  # across the line, seen from the front: it may stand upright
        up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-12)
        gap = max(gap, np.linalg.norm(away, axis=1).max())
        cross = max(cross, (-sign * (away * up).sum(1)).max())
    return gap, cross


def between_corners(quads, size):
    """Sparse [n,size]: the corners and nine places within each quad, as weighted sums of vertices."""
    t = np.array([0.25, 0.5, 0.75])
    u, v = (grid.ravel() for grid in np.meshgrid(t, t))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], 1)
    rows = np.repeat(np.arange(9 * len(quads)), 4)
    inner = csr_matrix((np.tile(weights.ravel(), len(quads)), (rows, np.repeat(quads, 9, 0).ravel())), (9 * len(quads), size))
    used = np.unique(quads)
    corner = csr_matrix((np.ones(len(used)), (np.arange(len(used)), used)), (len(used), size))
    return vstack([corner, inner]).tocsr()


def apply(weights, fields):
    """Sparse [n,V] on fields [T,V,3] -> [T,n,3]."""
    count, size = len(fields), fields.shape[1]
    return (weights @ fields.transpose(1, 0, 2).reshape(size, -1)).reshape(-1, count, 3).transpose(1, 0, 2)


def on_edge(triangles):
    """bool [F,3]: whether the edge from corner k to the next is a border of the patch."""
    edges = np.sort(np.stack([triangles, np.roll(triangles, -1, 1)], -1), -1)
    _, where, count = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    return (count[where] == 1).reshape(-1, 3)


def signed_distance(points, corners, edge, reach, candidates=8):
    """How far points [n,3] stand before a patch of triangles [F,3,3], negative behind it: [n] metres.

    0 where that has no meaning: further than reach, or the nearest place is on the patch's border (edge [F,3] tells the sides of
    triangles that are). Closest points on triangles after Ericson, Real-Time Collision Detection, 2005, section 5.1.5.
    """
    height = np.zeros(len(points))
    far, near = cKDTree(corners.mean(1)).query(points, min(candidates, len(corners)), distance_upper_bound=reach + 0.003)
    some = np.flatnonzero(np.isfinite(far[:, 0]))
    near = np.where(near[some] < len(corners), near[some], near[some, :1])
    t = corners[near].astype(float)  # [n,K,3 corners,3]
    q = points[some, None].astype(float)
    a, ab, ac = t[:, :, 0], t[:, :, 1] - t[:, :, 0], t[:, :, 2] - t[:, :, 0]
    normal = np.cross(ab, ac)
    square = np.maximum((normal**2).sum(-1), 1e-24)
    v = (np.cross(q - a, ac) * normal).sum(-1) / square
    w = (np.cross(ab, q - a) * normal).sum(-1) / square
    best = a + v[..., None] * ab + w[..., None] * ac
    within = (v >= 0) & (w >= 0) & (v + w <= 1)
    length = np.where(within, ((q - best) ** 2).sum(-1), np.inf)
    border = np.zeros(length.shape, bool)
    for k in range(3):
        start, side = t[:, :, k], t[:, :, (k + 1) % 3] - t[:, :, k]
        s = np.clip(((q - start) * side).sum(-1) / np.maximum((side**2).sum(-1), 1e-24), 0, 1)
        on = start + s[..., None] * side
        d = ((q - on) ** 2).sum(-1)
        closer = d < length
        border = np.where(closer, edge[near, k], border)
        length, best = np.where(closer, d, length), np.where(closer[..., None], on, best)
    least = length.min(1)
    ties = np.sqrt(length) < np.sqrt(least)[:, None] + 1e-8
    unit = normal / np.sqrt(square)[..., None]
    facing = (unit * ties[..., None]).sum(1)
    offset = q[:, 0] - best[np.arange(len(some)), length.argmin(1)]
    known = ~(border & ties).any(1) & (least < reach**2)
    height[some] = np.where(known, np.sign((offset * facing).sum(1)) * np.sqrt(least), 0)
    return height


def crosses(start, end, corners):
    """bool [n]: whether the straight way from start to end [n,3] crosses a triangle [F,3,3] (Moeller and Trumbore 1997)."""
    hit = np.zeros(len(start), bool)
    low, high = np.minimum(start, end).min(0), np.maximum(start, end).max(0)
    corners = corners[((corners.max(1) >= low) & (corners.min(1) <= high)).all(1)]
    ab, ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    for k, (p, d) in enumerate(zip(start, end - start)):
        h = np.cross(d, ac)
        det = (ab * h).sum(1)
        det = np.where(np.abs(det) < 1e-18, 1e-18, det)
        s = p - corners[:, 0]
        u = (s * h).sum(1) / det
        q = np.cross(s, ab)
        v = (q @ d) / det
        t = (ac * q).sum(1) / det
        hit[k] = ((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-9) & (t <= 1)).any()
    return hit


def areas(vertices, quads):
    """Area vectors [Q,3] of quads [Q,4]."""
    return 0.5 * np.cross(vertices[quads[:, 2]] - vertices[quads[:, 0]], vertices[quads[:, 3]] - vertices[quads[:, 1]])


def slivers(corners, slim):
    """bool [Q]: quads [Q,4,3] that are under `slim` of a rectangle with their mean sides."""
    sides = np.linalg.norm(np.roll(corners, -1, 1) - corners, axis=2)
    area = np.linalg.norm(np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]), axis=1) / 2
    return area < slim * (sides[:, 0] + sides[:, 2]) * (sides[:, 1] + sides[:, 3]) / 4
