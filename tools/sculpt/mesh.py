"""The skin as quads: a grid round the head, with loops of quads set into it for the mouth, the eyes and the ears.

`build()` returns a Skin: vertices [V,3], quads [Q,4] (a triangle repeats its last corner), uv [V,2], and for every
place that needs naming the indices of its loops.
"""
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from tools.sculpt import surface
from tools.sculpt.surface import EYE, EYE_RADIUS, MOUTH_Y

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

MOUTH_HALF = 0.0262      # half of the mouth's width
OUTER_RINGS = 6          # from the hole's edge to the vermilion border, that one included
VERMILION_RINGS = 6      # from there to where the lips meet, that one included
INNER_RINGS = 3          # the lips' inside


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
    loops["mouth"] = add_rings(edge, mouth_rings(points[edge]), False, close=True)
    for side, sign in (("left", 1), ("right", -1)):
        for name, hole, make in (("eye", EYES, eye_rings), ("ear", EARS, ear_rings)):
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


# ---- mouth

def lip_parameter(size):
    """For each vertex of a mouth loop: place across the mouth (+1 left corner to -1), and side (+1 upper, -1 lower, 0)."""
    k = np.arange(size)
    half = size // 2
    s = np.where(k <= half, 1 - 2 * k / half, -1 + 2 * (k - half) / half)
    side = np.where((k == 0) | (k == half), 0, np.where(k < half, 1, -1))
    return np.sin(s * np.pi / 2) * 0.35 + s * 0.65, side


def contact_line(s):
    return MOUTH_Y - 0.0010 * np.exp(-(s / 0.22) ** 2) + 0.0006 * np.exp(-((np.abs(s) - 0.45) / 0.25) ** 2) - 0.0010 * s ** 4


def vermilion_border(s, side):
    upper = 0.0092 * (1 - np.abs(s) ** 1.5) * (1 - 0.10 * np.abs(s)) - 0.0020 * np.exp(-(s / 0.13) ** 2)
    lower = -0.0106 * (1 - np.abs(s) ** 2.6) ** 0.85
    return contact_line(s) + np.where(side > 0, upper, np.where(side < 0, lower, 0))


def mouth_rings(edge):
    s, side = lip_parameter(len(edge))
    fade = 1 - np.abs(s) ** 2.5                       # lips thin out into the corners
    x = MOUTH_HALF * s
    border = np.stack([x + 0.0012 * np.sign(s) * np.abs(s) ** 6, vermilion_border(s, side)], -1)
    contact = np.stack([x * 0.985, contact_line(s)], -1)

    def lip_z(xy, t):
        """z over the lips; t from the border (0) to the contact (1)."""
        swell = np.where(side > 0, 0.0042, 0.0050) * fade * np.sin(np.pi * t ** 0.75) + 0.0014 * fade * t * t
        ridge = 0.0008 * fade * (1 - t)
        dip = (0.0010 * fade + 0.0022 * (1 - fade)) * t ** 3
        return surface.front(*xy.T) + swell + ridge - dip

    rings = []
    for k in range(1, OUTER_RINGS + 1):               # skin round the mouth
        t = k / OUTER_RINGS
        xy = edge[:, :2] * (1 - t) + border * t
        z = surface.front(*xy.T) + 0.0008 * fade * t ** 3
        philtrum = np.where(side > 0, 1, 0) * np.sin(np.pi * np.clip(t, 0, 1) ** 1.2)
        z -= 0.0010 * philtrum * np.exp(-(xy[:, 0] / 0.0032) ** 2)
        z += 0.0006 * philtrum * np.exp(-((np.abs(xy[:, 0]) - 0.0058) / 0.0025) ** 2)
        rings.append(np.column_stack([xy, z]))
    for k in range(1, VERMILION_RINGS + 1):
        t = k / VERMILION_RINGS
        along = np.sin(t * np.pi / 2) ** 0.9
        xy = border * (1 - along) + contact * along
        rings.append(np.column_stack([xy, lip_z(xy, t)]))
    meet = rings[-1]
    for k in range(1, INNER_RINGS + 1):               # back between the lips, parting slightly
        ring = meet.copy()
        ring[:, 2] -= 0.0016 * k
        ring[:, 1] += side * fade * 0.0007 * k ** 1.5
        ring[:, 0] *= 1 + 0.012 * k
        rings.append(ring)
    start = rings[-1]
    angle = np.arange(len(edge)) * 2 * np.pi / len(edge)
    for depth, wide, up, down in ((0.25, 0.0295, 0.0090, 0.0110), (0.5, 0.0325, 0.0150, 0.0200), (0.7, 0.0335, 0.0185, 0.0240),
                                  (1.0, 0.0320, 0.0190, 0.0250), (1.5, 0.0270, 0.0165, 0.0240), (2.0, 0.0170, 0.0120, 0.0180)):
        ring = np.stack([wide * np.cos(angle), MOUTH_Y + np.where(side > 0, up, down) * np.sin(angle),
                         np.zeros_like(angle)], -1)
        ring[:, 2] = start[:, 2].max() - 0.002 - 0.026 * depth - 0.010 * np.cos(angle) ** 2 * (depth < 1.2)
        rings.append(ring)
    return np.array(rings)


# ---- eyes (the left one; the right is its mirror image)

LID_RADIUS = EYE_RADIUS + 0.0007
EYE_OUTER_RINGS = 7


def over_eyeball(dx, dy, radius=LID_RADIUS):
    """z above the eyeball's centre of a sheet lying on it, leaving it tangentially towards the corners of the eye."""
    d = np.hypot(dx, dy)
    edge = 0.82 * radius
    slope = edge / np.sqrt(radius ** 2 - edge ** 2)
    return np.where(d < edge, np.sqrt(np.maximum(radius ** 2 - d ** 2, radius ** 2 - edge ** 2)),
                    np.sqrt(radius ** 2 - edge ** 2) - slope * 0.75 * (d - edge))


def lid_curve(size, shut=False):
    """The lids' margin [K,2] about the eyeball's centre, from the outer corner up and round; where it lies when shut."""
    angle = np.arange(size) * 2 * np.pi / size
    c, s = np.cos(angle), np.sin(angle)
    x = 0.0136 * np.sign(c) * np.abs(c) ** 0.85
    slant = 0.0010 * x / 0.0136
    upper = 0.0056 * np.abs(s) ** 0.95 * (1 - 0.08 * c)
    lower = -0.0048 * np.abs(s) ** 0.95 * (1 + 0.10 * c)
    closed = -0.0032 * np.abs(s)
    return np.stack([x, slant + (closed if shut else np.where(s >= 0, upper, lower))], -1)


def eye_rings(edge):
    margin = lid_curve(len(edge))
    margin3 = np.column_stack([EYE[:2] + margin, EYE[2] + over_eyeball(*margin.T)])
    rings = []
    for k in range(1, EYE_OUTER_RINGS):
        t = (k / EYE_OUTER_RINGS) ** 0.85
        xy = edge[:, :2] * (1 - t) + (EYE[:2] + margin) * t
        z = surface.front(*xy.T)
        over = EYE[2] + over_eyeball(xy[:, 0] - EYE[0], xy[:, 1] - EYE[1], LID_RADIUS + 0.0006)
        blend = np.clip((t - 0.6) / 0.4, 0, 1)
        rings.append(np.column_stack([xy, np.maximum(z * (1 - blend) + over * blend, over)]))
    rings.append(margin3 + (0, 0, 0.0010))
    # The margin's thickness, then in between lid and eyeball, closing the corners on the eyeball's side.
    reach = np.linalg.norm(margin, axis=1, keepdims=True)
    for short, depth in ((0.0, 0.0), (0.5, 0.0012), (1.0, 0.0050)):
        flat = margin * ((1 - short) + short * np.minimum(1, 0.975 * EYE_RADIUS / reach))
        z = np.minimum(over_eyeball(*flat.T, EYE_RADIUS + 0.0003), over_eyeball(*margin.T) - depth * (reach[:, 0] > 0.009))
        ring = np.column_stack([EYE[:2] + flat, EYE[2] + z - depth * 0.4])
        away = ring - EYE
        length = np.linalg.norm(away, axis=1, keepdims=True)
        rings.append(np.where(length < EYE_RADIUS + 0.0002, EYE + away / length * (EYE_RADIUS + 0.0002), ring))
    return np.array(rings)


# ---- ears (the left one)

def ear_rings(edge):
    angle = np.arange(len(edge)) * 2 * np.pi / len(edge)
    # From the back edge, upward, to the front and round below: the loop starts at the greatest column, which is behind.
    back, up = np.cos(angle), np.sin(angle)
    root = edge.mean(0)
    outward = np.array([0.94, 0.02, -0.25])
    outward /= np.linalg.norm(outward)
    width = np.where(up > 0, 0.0165, 0.0165 - 0.0065 * up ** 2)
    height = np.where(up > 0, 0.0285, 0.0275)
    rings = []
    for scale, out, lean in ((0.72, 0.002, 0.0), (0.76, 0.007, 0.002), (0.92, 0.011, 0.004), (1.0, 0.0145, 0.005),
                             (0.97, 0.0165, 0.005), (0.86, 0.0165, 0.005), (0.76, 0.0135, 0.005),
                             (0.66, 0.0135, 0.0045), (0.50, 0.0105, 0.003), (0.34, 0.0070, 0.001), (0.16, 0.0060, 0.0)):
        flat = np.zeros((len(edge), 3))
        flat[:, 2] = -back * width * scale - 0.001 - up * 0.004 * scale
        flat[:, 1] = up * height * scale
        lift = out + lean * back - 0.004 * (back < 0) * back ** 2 * np.minimum(scale, 1)
        rings.append(root + flat + outward * lift[:, None])
    return np.array(rings)


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
