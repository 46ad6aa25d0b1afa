"""Plain shapes that parts are made of."""

import numpy as np


def globe(rows=20, columns=28, latitudes=None):
    """Unit sphere with its pole along +z: vertices, triangles; latitudes: degrees from the pole of the rings."""
    theta = np.linspace(0, np.pi, rows + 1)[1:-1] if latitudes is None else np.radians(latitudes)
    rows = len(theta) + 1
    phi = np.arange(columns) * 2 * np.pi / columns
    ring = np.stack(
        np.broadcast_arrays(np.sin(theta)[:, None] * np.cos(phi), np.sin(theta)[:, None] * np.sin(phi), np.cos(theta)[:, None]), -1
    ).reshape(-1, 3)
    v = np.vstack([[0, 0, 1], ring, [0, 0, -1]])
    faces = []
    at = lambda r, c: 1 + r * columns + c % columns
    for c in range(columns):
        faces.append((0, at(0, c), at(0, c + 1)))
        faces.append((len(v) - 1, at(rows - 2, c + 1), at(rows - 2, c)))
        for r in range(rows - 2):
            faces += [(at(r, c), at(r + 1, c), at(r + 1, c + 1)), (at(r, c), at(r + 1, c + 1), at(r, c + 1))]
    return v, np.array(faces)


def strip(rows, columns):
    """Triangles of a grid of vertices [rows, columns]."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1].ravel(), at[:-1, 1:].ravel(), at[1:, 1:].ravel(), at[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def lathe(profile, columns=32):
    """Vertices and triangles of rings (radius, z) turned about +z, facing outwards where z grows; radius 0 makes a tip."""
    phi = np.arange(columns) * 2 * np.pi / columns
    v, f, before = [], [], None
    for r, z in profile:
        points = np.column_stack([r * np.cos(phi), r * np.sin(phi), np.full(columns, z)])[: columns if r else 1]
        ring = np.resize(np.arange(len(points)) + sum(map(len, v)), columns)
        v.append(points)
        if before is not None:
            quads = np.column_stack([before, np.roll(before, -1), np.roll(ring, -1), ring])
            f += [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
        before = ring
    f = np.concatenate(f)
    return np.concatenate(v), f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]


def outward(vertices, triangles, middle):
    """Triangles turned to face away from the middle [V,3] of each vertex."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    away = ((a - middle[triangles[:, 0]]) * np.cross(b - a, c - a)).sum(1) < 0
    return np.where(away[:, None], triangles[:, ::-1], triangles)
