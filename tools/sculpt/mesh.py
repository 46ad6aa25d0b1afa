"""The skin as quads: a grid round the head, with loops of quads set into it for the mouth, the eyes and the ears.

`build()` returns a Skin: vertices [V,3], quads [Q,4] (a triangle repeats its last corner), uv [Q,4,2] of their corners,
and for every place that needs naming the indices of its loops.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from tools.sculpt import ears, eyes, mouth, nose, surface

# The grid's columns from the front round the left to the back: column, degrees round the head's axis.
COLUMNS = [(0, 0), (6, 9.6), (10, 23), (18, 45.5), (26, 83), (32, 114), (44, 180)]
BACK = COLUMNS[-1][0]
# Its rows from the foot of the bust to the crown: row, y in front, at the side and behind, z of the axis it is seen from.
ROWS = np.array(
    [
        (0, -0.213, -0.206, -0.202, -0.045),
        (1, -0.203, -0.196, -0.192, -0.045),
        (8, -0.118, -0.118, -0.098, -0.030),
        (11, -0.098, -0.095, -0.076, -0.010),
        (14, -0.087, -0.077, -0.058, 0.000),
        (18, -0.066, -0.056, -0.038, 0.000),
        (26, -0.0230, -0.031, -0.010, 0.000),
        (27, -0.0210, -0.0285, -0.0075, 0.000),
        (31, -0.0135, -0.018, 0.002, 0.000),
        (34, -0.0060, -0.006, 0.010, 0.000),
        (40, 0.0120, 0.019, 0.028, 0.000),
        (48, 0.0480, 0.049, 0.054, 0.000),
        (52, 0.064, 0.066, 0.069, -0.005),
        (60, 0.120, 0.115, 0.110, -0.015),
    ]
)
MOUTH = dict(rows=(18, 26), columns=(-10, 10))  # a loop of 56
NOSTRILS = dict(rows=(27, 30), columns=(1, 4))  # of 12
EYES = dict(rows=(40, 48), columns=(6, 18))  # of 40
EARS = dict(rows=(32, 46), columns=(26, 32))  # of 40


@dataclass
class Skin:
    vertices: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    loops: dict = field(default_factory=dict)  # name -> [rings, K] vertex indices
    mirror: np.ndarray = None  # [V] index of each vertex's mirror image


def build():
    grid = place_grid()
    rows, columns = grid.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    vertices, quads = [grid.reshape(-1, 3)], []
    inside = np.zeros((rows - 1, columns), bool)
    for hole in (MOUTH, NOSTRILS, EYES, EARS):
        (low, high), (first, last) = hole["rows"], hole["columns"]
        for j in range(first, last):
            inside[low:high, j % columns] = inside[low:high, (-1 - j) % columns] = True
    for i, j in zip(*np.nonzero(~inside)):
        k = (j + 1) % columns
        quads.append((index[i, j], index[i, k], index[i + 1, k], index[i + 1, j]))
    chart = np.stack(np.broadcast_arrays(columns_angle()[None] / (2 * np.pi) + 0.5, np.linspace(0.02, 0.86, rows)[:, None]), -1)
    charts = [chart.reshape(-1, 2)]
    count = rows * columns

    def add(points, uvs):
        nonlocal count
        vertices.append(points)
        charts.append(uvs)
        count += len(points)
        return np.arange(count - len(points), count)

    def add_rings(edge, rings, flip, close=None):
        """Quads from the loop of vertices `edge` [K] inward through rings [R,K,3]; returns loops [R+1,K].

        close: what the last ring ends in, "tip" (one vertex), "seam" (its two halves sewn together) or nothing.
        """
        base = np.concatenate(charts)[edge]
        middle = base.mean(0)
        loops = [edge]
        for r, ring in enumerate(rings):
            loops.append(add(ring, middle + (base - middle) * (1 - 0.92 * (r + 1) / len(rings))))
        for outer, inner in zip(loops, loops[1:]):
            for a, b in zip(range(len(edge)), np.roll(range(len(edge)), -1)):
                quad = (outer[a], outer[b], inner[b], inner[a])
                quads.append(quad[::-1] if flip else quad)
        if close == "seam":
            last, half = np.roll(loops[-1], len(edge) // 4 - 1), len(edge) // 2
            for k in range(half - 1):
                quad = (last[k], last[k + 1], last[-2 - k], last[-1 - k])
                quads.append(quad[::-1] if flip else quad)
        if close == "tip":
            tip = add(rings[-1].mean(0, keepdims=True), middle[None])[0]
            for a, b in zip(loops[-1], np.roll(loops[-1], -1)):
                quads.append((b, a, tip, tip) if flip else (a, b, tip, tip))
        return np.array(loops)

    loops = {}
    points = grid.reshape(-1, 3)
    edge = hole_edge(index, MOUTH)
    loops["mouth"] = add_rings(edge, mouth.rings(points[edge]), False, close="tip")
    for side, sign in (("left", 1), ("right", -1)):
        for name, hole, make in (("nostril", NOSTRILS, nose.rings), ("eye", EYES, eyes.rings), ("ear", EARS, ears.rings)):
            edge = hole_edge(index, hole)
            rings = make(points[edge])
            if sign < 0:
                edge = np.array([index[i, -j % columns] for i, j in zip(*np.unravel_index(edge, index.shape))])
                rings = rings * (-1, 1, 1)
            loops[f"{name}_{side}"] = add_rings(edge, rings, sign < 0, close={"nostril": "tip", "ear": "seam"}.get(name))
    crown = cap(index[-1], np.concatenate(vertices), add, quads)

    vertices, quads = np.concatenate(vertices), np.array(quads)
    uv = np.concatenate([quad_uv(np.concatenate(charts)[quads[: -len(crown)]]), crown])
    used = np.unique(quads)
    renumber = np.full(len(vertices), -1)
    renumber[used] = np.arange(len(used))
    vertices, quads = vertices[used], renumber[quads]
    loops = {name: renumber[loop] for name, loop in loops.items()}
    loops["grid"] = renumber[index]
    return symmetric(Skin(vertices, quads, uv, loops))


def symmetric(skin):
    mirror = cKDTree(skin.vertices).query(skin.vertices * (-1, 1, 1))[1]
    # Where the lips meet two vertices share one place: a mirror image must be on the same side.
    mouth = skin.loops["mouth"]
    size = mouth.shape[1]
    mirror[mouth] = mouth[:, (size // 2 - np.arange(size)) % size]
    assert (mirror[mirror] == np.arange(len(mirror))).all()
    skin.vertices = 0.5 * (skin.vertices + skin.vertices[mirror] * (-1, 1, 1))
    skin.mirror = mirror
    return skin


def columns_angle():
    half = np.radians(PchipInterpolator(*zip(*COLUMNS))(np.arange(BACK + 1)))
    return np.concatenate([half, -half[-2:0:-1]])


def place_grid():
    """Grid vertices [R,C,3] on the skin, columns from the front over the subject's left to the back and round."""
    row = np.arange(ROWS[-1, 0] + 1)
    front, side, back, axis = (PchipInterpolator(ROWS[:, 0], ROWS[:, k])(row)[:, None] for k in range(1, 5))
    angle = columns_angle()[None]
    c, s = np.cos(angle), np.sin(angle)
    y = side + (np.where(c > 0, front, back) - side) * c * c
    outward = np.stack(np.broadcast_arrays(s, 0, c + 0 * y), -1)
    grid = surface.trace(np.stack(np.broadcast_arrays(0, y, axis), -1) + 0.16 * outward, -outward)
    shape = grid.shape
    index = np.arange(shape[0] * shape[1]).reshape(shape[:2])
    nostril, size = nose.edge(), shape[1]
    for _ in range(20):  # even out the quads along the surface; the foot stays as cut
        mean = 0.25 * (np.roll(grid, 1, 1)[2:-1] + np.roll(grid, -1, 1)[2:-1] + grid[3:] + grid[1:-2])
        normal = surface.gradient(grid[2:-1])
        step = 0.35 * (mean - grid[2:-1])
        step -= (step * normal).sum(-1, keepdims=True) * normal / (normal * normal).sum(-1, keepdims=True)
        grid[2:-1] += step
        grid[:, [0, BACK], 0] = 0
        grid[2:] = surface.project(grid[2:].reshape(-1, 3), 2).reshape(shape[0] - 2, shape[1], 3)
        grid.reshape(-1, 3)[hole_edge(index, NOSTRILS)] = nostril
        grid[:, -1 : size // 2 : -1] = grid[:, 1 : size // 2] * (-1, 1, 1)
    grid[2:] = surface.project(grid[2:].reshape(-1, 3), 4).reshape(shape[0] - 2, shape[1], 3)
    middle = grid[1].mean(0)
    grid[0] = middle + 0.86 * (grid[1] - middle) + (0, 0.0030, 0)  # the cut, turned under
    return grid


def hole_edge(index, hole):
    """The hole's edge as a loop [K], from the middle of its outer side (greatest column), upward and round."""
    (low, high), (first, last) = hole["rows"], hole["columns"]
    middle = (low + high) // 2
    path = [(i, last) for i in range(middle, high)]
    path += [(high, j) for j in range(last, first, -1)]
    path += [(i, first) for i in range(high, low, -1)]
    path += [(low, j) for j in range(first, last)]
    path += [(i, last) for i in range(low, middle)]
    return np.array([index[i, j % index.shape[1]] for i, j in path])


def cap(ring, vertices, add, quads):
    """Close the crown: a loop of 4 n vertices filled with a square patch, a chart of its own; returns its uv [n*n,4,2]."""
    size = len(ring)
    n = size // 4
    shift = n // 2
    loop = np.roll(ring, shift)  # start a quarter's half before the front, so that the patch lies square
    patch = np.full((n + 1, n + 1), -1)
    patch[0, :] = loop[0 : n + 1]
    patch[:, n] = loop[n : 2 * n + 1]
    patch[n, ::-1] = loop[2 * n : 3 * n + 1]
    patch[::-1, 0] = np.append(loop[3 * n :], loop[0])
    u = np.linspace(0, 1, n + 1)
    p = np.zeros((n + 1, n + 1, 3))
    for i, j in np.ndindex(patch.shape):
        if patch[i, j] >= 0:
            p[i, j] = vertices[patch[i, j]]
    a, b = u[:, None, None], u[None, :, None]
    inner = (
        p[:1] * (1 - a)
        + p[-1:] * a
        + p[:, :1] * (1 - b)
        + p[:, -1:] * b
        - p[0, 0] * (1 - a) * (1 - b)
        - p[0, -1] * (1 - a) * b
        - p[-1, 0] * a * (1 - b)
        - p[-1, -1] * a * b
    )
    p[1:-1, 1:-1] = inner[1:-1, 1:-1]
    for _ in range(30):
        mean = 0.25 * (p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2])
        p[1:-1, 1:-1] += 0.5 * (mean - p[1:-1, 1:-1])
        p[1:-1, 1:-1] = surface.project(p[1:-1, 1:-1].reshape(-1, 3), 3).reshape(n - 1, n - 1, 3)
    fresh = p[1:-1, 1:-1].reshape(-1, 3)
    patch[1:-1, 1:-1] = add(fresh, np.zeros((len(fresh), 2))).reshape(n - 1, n - 1)
    uv = []
    for i, j in np.ndindex(n, n):
        corners = np.array(((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)))
        quads.append(tuple(patch[tuple(corners.T)]))
        uv.append((0.44, 0.875) + 0.12 * corners[:, ::-1] / n)
    return np.array(uv)


def quad_uv(uv):
    """[Q,4,2] with the seam at the back of the head mended: no quad reaches across the chart."""
    u = uv[:, :, 0]
    across = u.max(1) - u.min(1) > 0.5
    u[across] = np.where(u[across] > 0.5, u[across] - 1, u[across])
    return uv
