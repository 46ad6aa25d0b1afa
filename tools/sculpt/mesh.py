"""The skin as quads: a grid round the head, with loops of quads set into it for the mouth, the eyes and the ears.

`build()` returns a Skin: vertices [V,3], quads [Q,4] (a triangle repeats its last corner), uv [V,2], and for every
place that needs naming the indices of its loops.
"""
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from tools.sculpt import ears, eyes, mouth, surface

COLUMNS = 72
# Rows of the grid from the foot of the neck to the crown: row, front y, front z, side y, back y.
ROWS = np.array([
    (0, -0.170, 0.026, -0.170, -0.170),
    (7, -0.116, 0.036, -0.118, -0.095),
    (11, -0.088, 0.074, -0.080, -0.060),
    (15, -0.068, 0.083, -0.060, -0.038),
    (23, -0.0245, 0.090, -0.022, -0.006),
    (31, 0.012, 0.085, 0.012, 0.024),
    (37, 0.044, 0.085, 0.042, 0.052),
    (40, 0.060, 0.085, 0.058, 0.065),
    (48, 0.122, 0.050, 0.116, 0.112)])
MOUTH = dict(rows=(15, 23), columns=(-8, 8))
EYES = dict(rows=(31, 37), columns=(3, 13))
EARS = dict(rows=(24, 35), columns=(22, 27))


@dataclass
class Skin:
    vertices: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    loops: dict = field(default_factory=dict)   # name -> [rings, K] vertex indices
    mirror: np.ndarray = None                   # [V] index of each vertex's mirror image


def build():
    grid = place_grid()
    rows, columns = grid.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    vertices, quads = [grid.reshape(-1, 3)], []
    inside = np.zeros((rows - 1, columns), bool)
    for hole in (MOUTH, EYES, EARS):
        (low, high), (first, last) = hole["rows"], hole["columns"]
        for j in range(first, last):
            inside[low:high, j % columns] = inside[low:high, (-1 - j) % columns] = True
    for i, j in zip(*np.nonzero(~inside)):
        k = (j + 1) % columns
        quads.append((index[i, j], index[i, k], index[i + 1, k], index[i + 1, j]))
    chart = np.stack(np.broadcast_arrays(columns_angle()[None] / (2 * np.pi) + 0.5,
                                         np.linspace(0.02, 0.86, rows)[:, None]), -1)
    charts = [chart.reshape(-1, 2)]
    count = rows * columns

    def add(points, uvs):
        nonlocal count
        vertices.append(points)
        charts.append(uvs)
        count += len(points)
        return np.arange(count - len(points), count)

    def add_rings(edge, rings, flip, close=False):
        """Quads from the loop of vertices `edge` [K] inward through rings [R,K,3]; returns loops [R+1,K]."""
        base = np.concatenate(charts)[edge]
        middle = base.mean(0)
        loops = [edge]
        for r, ring in enumerate(rings):
            loops.append(add(ring, middle + (base - middle) * (1 - 0.92 * (r + 1) / len(rings))))
        for outer, inner in zip(loops, loops[1:]):
            for a, b in zip(range(len(edge)), np.roll(range(len(edge)), -1)):
                quad = (outer[a], outer[b], inner[b], inner[a])
                quads.append(quad[::-1] if flip else quad)
        if close:
            tip = add(rings[-1].mean(0, keepdims=True), middle[None])[0]
            for a, b in zip(loops[-1], np.roll(loops[-1], -1)):
                quads.append((b, a, tip, tip) if flip else (a, b, tip, tip))
        return np.array(loops)

    loops = {}
    points = grid.reshape(-1, 3)
    edge = hole_edge(index, MOUTH)
    loops["mouth"] = add_rings(edge, mouth.rings(points[edge]), False, close=True)
    for side, sign in (("left", 1), ("right", -1)):
        for name, hole, make in (("eye", EYES, eyes.rings), ("ear", EARS, ears.rings)):
            edge = hole_edge(index, hole)
            rings = make(points[edge])
            if sign < 0:
                edge = np.array([index[i, -j % columns] for i, j in zip(*np.unravel_index(edge, index.shape))])
                rings = rings * (-1, 1, 1)
            loops[f"{name}_{side}"] = add_rings(edge, rings, sign < 0, close=name == "ear")
    cap(index[-1], np.concatenate(vertices), add, quads)

    vertices, quads, uv = np.concatenate(vertices), np.array(quads), np.concatenate(charts)
    used = np.unique(quads)
    renumber = np.full(len(vertices), -1)
    renumber[used] = np.arange(len(used))
    vertices, quads, uv = vertices[used], renumber[quads], uv[used]
    loops = {name: renumber[loop] for name, loop in loops.items()}
    loops["grid"] = renumber[index]
    return symmetric(Skin(vertices, quads, uv, loops))


def symmetric(skin):
    distance, mirror = cKDTree(skin.vertices).query(skin.vertices * (-1, 1, 1))
    # Where the lips meet two vertices share one place: a mirror image must be on the same side.
    mouth = skin.loops["mouth"]
    size = mouth.shape[1]
    mirror[mouth] = mouth[:, (size // 2 - np.arange(size)) % size]
    assert (mirror[mirror] == np.arange(len(mirror))).all()
    skin.vertices = 0.5 * (skin.vertices + skin.vertices[mirror] * (-1, 1, 1))
    skin.mirror = mirror
    return skin


def columns_angle():
    half = PchipInterpolator([0, 3, 8, 16, 22, 36], np.radians([0, 9.5, 32, 58, 88, 180]))(np.arange(37))
    return np.concatenate([half, -half[35:0:-1]])


def place_grid():
    """Grid vertices [R,C,3] on the skin, columns from the front over the subject's left to the back and round."""
    row = np.arange(ROWS[-1, 0] + 1)
    front_y, front_z, side_y, back_y = (PchipInterpolator(ROWS[:, 0], ROWS[:, k])(row)[:, None] for k in range(1, 5))
    angle = columns_angle()[None]
    c, s = np.cos(angle), np.sin(angle)
    y = side_y + (np.where(c > 0, front_y, back_y) - side_y) * c * c
    z = np.where(c > 0, front_z * c, 0.088 * c)
    x = 0.068 * s + 0 * y
    grid = np.stack([x, y, z], -1)
    shape = grid.shape
    outward = np.stack([s[0], 0 * s[0], c[0]], -1)
    grid[14:42] = surface.trace(grid[14:42] + 0.05 * outward[None], -outward[None])
    grid = surface.project(grid.reshape(-1, 3)).reshape(shape)
    for _ in range(14):   # even out the quads, only along the surface: a thin nose would sink in
        mean = 0.25 * (np.roll(grid, 1, 1)[1:-1] + np.roll(grid, -1, 1)[1:-1] + grid[2:] + grid[:-2])
        normal = surface.gradient(grid[1:-1])
        step = 0.35 * (mean - grid[1:-1])
        step -= (step * normal).sum(-1, keepdims=True) * normal / (normal * normal).sum(-1, keepdims=True)
        grid[1:-1] += step
        grid[:, 0, 0] = grid[:, COLUMNS // 2, 0] = 0
        grid = surface.project(grid.reshape(-1, 3), 4).reshape(shape)
    # The grid is coarse for the nose's underside: round the folds off.
    x, y, z = np.moveaxis(grid[1:-1], -1, 0)
    nose = np.exp(-(x / 0.022) ** 4 - ((y + 0.0145) / 0.012) ** 4) * (z > 0.07)
    for _ in range(3):
        mean = 0.25 * (np.roll(grid, 1, 1)[1:-1] + np.roll(grid, -1, 1)[1:-1] + grid[2:] + grid[:-2])
        grid[1:-1] += 0.4 * nose[..., None] * (mean - grid[1:-1])
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
    """Close the crown: a loop of 4 n vertices filled with a square patch."""
    size = len(ring)
    n = size // 4
    shift = n // 2
    loop = np.roll(ring, shift)                     # start a quarter's half before the front, so that the patch lies square
    patch = np.full((n + 1, n + 1), -1)
    patch[0, :] = loop[0:n + 1]
    patch[:, n] = loop[n:2 * n + 1]
    patch[n, ::-1] = loop[2 * n:3 * n + 1]
    patch[::-1, 0] = np.append(loop[3 * n:], loop[0])
    u = np.linspace(0, 1, n + 1)
    p = np.zeros((n + 1, n + 1, 3))
    for (i, j) in np.ndindex(patch.shape):
        if patch[i, j] >= 0:
            p[i, j] = vertices[patch[i, j]]
    a, b = u[:, None, None], u[None, :, None]
    inner = (p[:1] * (1 - a) + p[-1:] * a + p[:, :1] * (1 - b) + p[:, -1:] * b
             - p[0, 0] * (1 - a) * (1 - b) - p[0, -1] * (1 - a) * b - p[-1, 0] * a * (1 - b) - p[-1, -1] * a * b)
    p[1:-1, 1:-1] = inner[1:-1, 1:-1]
    for _ in range(30):
        mean = 0.25 * (p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2])
        p[1:-1, 1:-1] += 0.5 * (mean - p[1:-1, 1:-1])
        p[1:-1, 1:-1] = surface.project(p[1:-1, 1:-1].reshape(-1, 3), 3).reshape(n - 1, n - 1, 3)
    fresh = p[1:-1, 1:-1].reshape(-1, 3)
    chart = np.stack(np.meshgrid(np.linspace(0.4, 0.6, n - 1), np.linspace(0.88, 0.99, n - 1)), -1).reshape(-1, 2)
    patch[1:-1, 1:-1] = add(fresh, chart).reshape(n - 1, n - 1)
    for i, j in np.ndindex(n, n):
        quads.append((patch[i, j], patch[i, j + 1], patch[i + 1, j + 1], patch[i + 1, j]))
