"""Brows and lashes, hair by hair, which grow on the skin (the left ones; the right are their mirror images).

Each function returns vertices [N,3], triangles [M,3] and the skin that each vertex follows, a sparse [N,V] of weights.
"""

import numpy as np
from scipy.sparse import csr_matrix, vstack

from tools.sculpt import eyes, shapes
from tools.sculpt.surface import EYE

BROW_HAIRS = 84
UPPER_LASHES, LOWER_LASHES = 34, 15


def brow(skin):
    """Flat tapered hairs in layers along an arch; they point up at the inner end and lie down towards the outer one."""

    def arch(t):
        """Middle [n,2] of the brow from its inner to its outer end, and half its width [n]."""
        return (
            np.column_stack([0.0125 + 0.0375 * t, 0.0480 + 0.0058 * np.sin(np.pi * t**1.15) ** 1.2 - 0.0012 * t]),
            0.0040 * (1 - 0.85 * t**2.5) * (0.72 + 0.28 * np.minimum(t / 0.25, 1)),
        )

    k = np.arange(BROW_HAIRS)
    across = 2 * ((k * 0.6180340) % 1) - 1  # evenly scattered over the brow's width
    vary = ((k * 0.7548777) % 1) - 0.5
    t = ((k + 0.5) / BROW_HAIRS) ** 0.95
    middle, width = arch(t)
    root = middle + np.column_stack([0 * t, width * across])
    down = np.where(t < 0.5, 0, 0.9 * (t - 0.5))
    rise = np.radians(14 + 62 * (1 - np.minimum(t / 0.35, 1)) ** 1.3) - 0.35 * across * np.minimum(t / 0.2, 1) - down
    rise = rise + 0.35 * vary
    length = (0.0070 - 0.0018 * t) * (1 + 0.35 * vary)
    heading = np.column_stack([np.cos(rise), np.sin(rise)])
    bend = np.column_stack([0.30 + 0 * t, -0.25 - 0.25 * t])  # hairs curve outwards and down towards their tips
    places, lift = [], []
    for part, half, up in ((0, 0.5, 0.0), (0.5, 0.9, 0.0004), (1, 0, 0.0002)):
        middle = root + length[:, None] * (part * heading + part**2 * 0.5 * bend)
        aside = np.column_stack([-heading[:, 1], heading[:, 0]]) * 0.00050 * half
        for sign in (1, -1) if half else (0,):
            places.append(middle + sign * aside)
            lift.append(up)
    places = np.stack(places, 1)  # [hairs,5,2]
    middle, width = arch(np.linspace(0.08, 0.96, 14))  # a thin shade between the hairs, seen from afar
    shade = np.concatenate([middle + np.column_stack([0 * width, reach * width]) for reach in (-0.55, 0.65)])
    z, on = drop(skin, np.concatenate([places.reshape(-1, 2), shade]))
    tail = np.maximum(on @ skin.vertices[:, 0] - 0.036, 0)  # there the skin turns aside: the same height takes more of z
    z += np.concatenate([0.0003 + np.tile(lift, BROW_HAIRS), np.full(len(shade), 0.0002)]) + 0.04 * tail
    v = np.column_stack([np.concatenate([places.reshape(-1, 2), shade]), z])
    hair = np.array([[0, 1, 3], [0, 3, 2], [2, 3, 4]])
    return v, np.concatenate([(5 * k[:, None, None] + hair).reshape(-1, 3), 5 * BROW_HAIRS + shapes.strip(2, 14)]), on


def drop(skin, places):
    """z of the skin's foremost triangle at places [N,2], and each place's share of the corners there, a sparse [N,V]."""
    triangles = np.concatenate([skin.quads[:, [0, 1, 2]], skin.quads[:, [0, 2, 3]]])
    corners = skin.vertices[triangles]
    low, high = places.min(0), places.max(0)
    near = (corners[..., :2].max(1) >= low).all(1) & (corners[..., :2].min(1) <= high).all(1) & (corners[..., 2].min(1) > 0)
    triangles, corners = triangles[near], corners[near]
    a, b, c = (corners[None, :, k, :2] - places[:, None] for k in range(3))
    cross = lambda p, q: p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]
    share = np.stack([cross(b, c), cross(c, a), cross(a, b)], -1)
    total = share.sum(-1, keepdims=True)
    share = np.where(total > 0, share, -1) / np.maximum(np.abs(total), 1e-15)  # triangles that face the front
    z = np.where((share > -1e-9).all(-1), (share * corners[None, ..., 2]).sum(-1), -np.inf)
    best = z.argmax(1)
    n = np.arange(len(places))
    on = csr_matrix((share[n, best].ravel(), triangles[best].ravel(), np.arange(len(n) + 1) * 3), (len(n), len(skin.vertices)))
    return z[n, best], on


def lashes(skin):
    """Curved tapered lashes in a row on each lid's margin, longest at the outside.

    A lash turns with its lid, about x: its weights are the affine coordinates of its vertices, at the root's x, in the lid's
    vertices near the root.
    """
    loops = skin.loops["eye_left"]
    size = loops.shape[1]
    v, f, weights, count = [], [], [], 0

    def add(points, triangles, near, root):
        nonlocal count
        corners = np.vstack([skin.vertices[near].T, np.ones(len(near))])
        places = np.column_stack([0 * points[:, 0] + root[0], points[:, 1:], np.ones(len(points))])
        row = np.linalg.pinv(corners) @ places.T  # [near, points]
        v.append(points)
        f.append(triangles + count)
        weights.append(
            csr_matrix(
                (row.T.ravel(), np.tile(near, len(points)), np.arange(len(points) + 1) * len(near)), (len(points), len(skin.vertices))
            )
        )
        count += len(points)

    front, inner = skin.vertices[loops[eyes.OUTER_RINGS : eyes.OUTER_RINGS + 2]]
    edge = front * 0.75 + inner * 0.25
    half = size // 2
    for number, start, end, lengths, thick, droop, curl in (
        (UPPER_LASHES, 1.0, half - 2.6, (0.0066, 0.0074, 0.0060, 0.0034), 0.00016, -0.25, 0.85),
        (LOWER_LASHES, size - 1.5, half + 4.0, (0.0026, 0.0032, 0.0028, 0.0018), 0.00009, -0.45, -0.10),
    ):
        for n, q in enumerate(np.linspace(start, end, number)):
            c = int(q)
            near = loops[eyes.OUTER_RINGS - 1 : eyes.OUTER_RINGS + 2][:, [c, c + 1]].ravel()
            root = edge[c] + (edge[c + 1] - edge[c]) * (q - c)
            vary = (n * 0.6180340) % 1 - 0.5
            length = np.interp(n / (number - 1), np.linspace(0, 1, 4), lengths) * (1 + 0.25 * vary)
            fan = (root[0] - EYE[0] - 0.001) / 0.0135
            heading = np.array([0.75 * fan + 0.18 * vary, droop, 0.85])
            heading /= np.linalg.norm(heading)
            sections = []
            for part in (0, 0.4, 0.75):
                middle = root + length * (part * heading + part**2 * np.array([0.10 * fan, curl, -0.12]))
                forward = heading + 2 * part * np.array([0, curl, 0])
                a = np.cross(forward, (1, 0, 0))
                a /= np.linalg.norm(a)
                b = np.cross(forward, a) / np.linalg.norm(forward)
                turn = np.radians([90, 210, 330])[:, None]
                sections.append(middle + thick * (1 - 0.75 * part) * (np.cos(turn) * a + np.sin(turn) * b))
            tip = root + length * (heading + np.array([0.10 * fan, curl, -0.12]))
            add(np.vstack(sections + [tip]), CONE, near, root)
    # The line that the roots make, a ribbon along the upper margin's edge.
    for c in range(1, half - 5):
        near = loops[eyes.OUTER_RINGS - 1 : eyes.OUTER_RINGS + 2][:, [c, c + 1]]
        lower = front[c : c + 2] * 0.55 + inner[c : c + 2] * 0.45
        upper = front[c : c + 2] * 0.85 + skin.vertices[near[0]] * 0.15
        out = (front[c : c + 2] - EYE) * 0.015
        ribbon = np.vstack([upper + out, lower - (0, 0.00015, 0)])
        add(ribbon, np.array([[0, 1, 3], [0, 3, 2]]), near.ravel(), ribbon.mean(0))
    return np.concatenate(v), np.concatenate(f), vstack(weights)


def cone(sections):
    """Triangles of a tapered three-sided hair: sections of 3 vertices, then its tip."""
    out = []
    for s in range(sections - 1):
        for i in range(3):
            a, b = 3 * s + i, 3 * s + (i + 1) % 3
            out += [(a, b, b + 3), (a, b + 3, a + 3)]
    last = 3 * (sections - 1)
    return np.array(out + [(last + i, last + (i + 1) % 3, last + 3) for i in range(3)])


CONE = cone(3)
