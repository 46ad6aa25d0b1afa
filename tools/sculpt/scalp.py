"""The hair of the head: a cap within a designed hairline and locks swept over it, which grow on the skin as one part.

Places on the scalp are directions from MIDDLE: degrees round from the front to the subject's left, and degrees down from
the crown. A short cut with a parting on the left: long on top and swept over to the right and back, short at the sides.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from tools.sculpt import shapes, surface

MIDDLE = np.array([0.0, 0.055, -0.010])
PARTING = 0.030  # x of the parting
# The hairline: degrees round, degrees down; forehead, temple, sideburn, over and behind the ear, nape.
HAIRLINE = np.array(
    [
        (0, 60),
        (15, 59),
        (28, 60),
        (38, 61),
        (48, 65),
        (56, 74),
        (62, 86),
        (66, 96),
        (69.5, 108),
        (72.5, 114),
        (76, 114),
        (79, 104),
        (84, 91),
        (94, 86),
        (104, 91),
        (110, 102),
        (116, 117),
        (122, 130),
        (138, 139),
        (160, 144),
        (180, 145),
    ],
    float,
)
COLUMNS = np.array([0, 11, 22, 32, 41, 49, 55, 61, 66, 71, 75, 79, 83, 87, 94, 102, 110, 118, 127, 139, 153, 167, 180])
DEPTHS = np.array([0.16, 0.34, 0.52, 0.69, 0.83, 0.92, 0.97, 1.0])  # of the hairline's way down
down = PchipInterpolator(*HAIRLINE.T)


def smooth(x, low, high):
    x = np.clip((x - low) / (high - low), 0, 1)
    return x * x * (3 - 2 * x)


def place(direction):
    """The skin [N,3] seen from MIDDLE along directions [N,3], without the ears."""
    direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    return surface.trace(MIDDLE + 0.2 * direction, -direction)


def aim(around, below):
    around, below = np.radians(around), np.radians(below)
    return np.stack([np.sin(below) * np.sin(around), np.cos(below) + 0 * around, np.sin(below) * np.cos(around)], -1)


def depth(p):
    """How far down its way to the hairline each place [N,3] lies: 0 the crown, 1 the hairline."""
    d = p - MIDDLE
    around = np.degrees(np.abs(np.arctan2(d[:, 0], d[:, 2])))
    return np.degrees(np.arccos(d[:, 1] / np.linalg.norm(d, axis=1))) / down(around)


def normals(p):
    g = surface.gradient(p)
    return g / np.linalg.norm(g, axis=1, keepdims=True)


def thickness(p):
    """Metres of hair over the skin at places [N,3] of the scalp."""
    x, y, z = p.T
    top = smooth(y, 0.080, 0.130)
    front = smooth(z, 0.015, 0.070) * smooth(y, 0.085, 0.112)
    part = np.exp(-(((x - PARTING) / 0.007) ** 2)) * smooth(z, -0.040, 0.010) * smooth(y, 0.090, 0.115)
    behind = smooth(-z, 0.04, 0.09) * smooth(y, -0.01, 0.05)
    return 0.0040 + 0.0080 * top + 0.0100 * front * smooth(-x, -0.035, 0.0) + 0.0025 * behind - 0.0050 * part


def flow(p):
    """The way the hair lies at places [N,3]: unit vectors along the skin."""
    x, y, z = p.T
    top = smooth(y, 0.080, 0.122)[:, None]
    over = smooth(PARTING - x, -0.004, 0.004)[:, None]
    back = smooth(-z, 0.035, 0.085)[:, None]
    crown = smooth(-z, -0.010, 0.035)[:, None]
    front = (smooth(z, 0.040, 0.068) * smooth(y, 0.08, 0.1))[:, None]
    swept = over * ((-0.85, 0.0, -0.60) * (1 - front) + front * (-0.55, 0.5, -0.75)) + (1 - over) * np.array([0.75, -0.2, -0.75])
    swept = swept * (1 - crown) + crown * (np.array([-0.35, 0.0, -1.0]) + np.column_stack([6 * x, 0 * x, 0 * x]))
    wave = np.column_stack([-4 * x + 0.30 * np.sin(90 * y), -1 + 0 * x, 0 * x])
    side = np.array([0.0, -0.62, -0.80]) * (1 - back) + back * wave
    fall = back * (wave + (-0.25, 0.0, -0.1)) + (1 - back) * swept
    d = top * fall + (1 - top) * side
    n = normals(p)
    d -= (d * n).sum(1, keepdims=True) * n
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def cap():
    """The closed cap: vertices [N,3], triangles, the skin's place under each vertex."""
    around = np.concatenate([COLUMNS, -COLUMNS[-2:0:-1]])
    below = down(np.abs(around))
    foot = place(aim(around[None], DEPTHS[:, None] * below).reshape(-1, 3))
    foot = np.vstack([foot, place(np.array([[0.0, 1, 0]]))])
    edge = np.interp(np.append(np.repeat(DEPTHS, len(around)), 0), [0, 0.76, 0.86, 0.92, 0.97, 1], [1, 1, 0.95, 0.80, 0.48, 0])
    v = foot + normals(foot) * ((thickness(foot) + 0.0015) * edge - 0.0015)[:, None]
    rows, columns = len(DEPTHS), len(around)
    grid = np.arange(rows * columns).reshape(rows, columns)
    grid = np.concatenate([grid, grid[:, :1]], 1)
    strip = grid.ravel()[shapes.strip(rows, columns + 1)]
    fan = np.stack([np.full(columns, rows * columns), grid[0, :-1], grid[0, 1:]], 1)
    return v, np.concatenate([strip, fan]), foot


SECTION = np.array([(-1, -0.35), (-0.42, 0.90), (0.36, 1.05), (1, -0.35)])  # across, up
STEPS = 5
ROWS = 0.97, 0.80, 0.61, 0.43, 0.26, 0.10  # rows of locks: the way to the hairline where they grow


def seeds():
    """Where locks grow: places [N,3], length [N], half width [N], height [N]."""
    places = []
    around = np.linspace(-180, 180, 361)
    for row, way in enumerate(ROWS):
        ring = place(aim(around, way * down(np.abs(around))))
        gap = 0.026 + 0.011 * smooth(-ring[:, 2], 0.0, 0.06)  # metres from lock to lock
        reach = np.append(0, np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1) / gap[1:]))
        count = round(reach[-1])
        k = np.arange(count)
        at = np.interp((k + 0.5 * (row % 2) + 0.18 * np.sin(2.4 * k + row)) * reach[-1] / count, reach, around)
        below = (way + 0.025 * np.sin(1.7 * k + 2 * row) * (row > 0)) * down(np.abs(at))
        places.append(place(aim(at, below)))
    places = np.concatenate(places)
    k = np.arange(len(places))
    top, back = smooth(places[:, 1], 0.07, 0.12), smooth(-places[:, 2], 0.0, 0.06)
    long = (0.040 + 0.026 * top + 0.034 * back) * (1 + 0.15 * np.sin(2.9 * k))
    from_ear = (np.abs(places[:, 0]) - 0.072, places[:, 1] - 0.040, places[:, 2] + 0.008)
    ear = np.exp(-((np.linalg.norm(from_ear, axis=0) / 0.032) ** 2))
    return places, long * (1 - 0.3 * ear), (0.0130 + 0.0020 * top + 0.0040 * back) * (1 - 0.5 * ear), 0.0026 + 0.0022 * top + 0.0008 * back


def sweep(p, long):
    """The way [N,4 STEPS + 1,3] over the skin from places [N,3] along the flow, for metres [N]."""
    path = [p]
    for _ in range(4 * STEPS):
        p = surface.project(p + flow(p) * long[:, None] / (4 * STEPS), 2)
        path.append(p)
    return np.stack(path, 1)


def locks():
    """Tapered locks from their seeds along the flow: vertices [N,3], triangles, the skin's place under each vertex."""
    p, long, wide, high = seeds()
    path = sweep(p, long)
    within = np.cumprod(depth(path.reshape(-1, 3)).reshape(path.shape[:2]) < 1.01, 1).mean(1)
    keep = within > 0.50  # the rest would run out over the hairline
    wide, high = wide[keep], high[keep] * (0.5 + 0.5 * within[keep])
    path = sweep(p[keep], long[keep] * within[keep])[:, ::4]  # [locks,STEPS+1,3]
    count, size = len(path), len(SECTION)
    t = np.linspace(0, 1, STEPS + 1)
    n = normals(path.reshape(-1, 3)).reshape(path.shape)
    across = np.cross(np.gradient(path, axis=1), n)
    across /= np.linalg.norm(across, axis=2, keepdims=True)
    width = wide[:, None] * np.interp(t, [0, 0.35, 0.7, 1], [0.55, 1, 0.72, 0.1])
    bulk = high[:, None] * np.interp(t, [0, 0.35, 1], [0.25, 1, 0.35])
    thick = thickness(path.reshape(-1, 3)).reshape(count, -1)
    lift = thick * np.interp(t, [0, 0.25, 1], [0.70, 0.92, 1]) - 0.0012 + 0.0030 * t
    middle = path + n * lift[..., None]
    v = (
        middle[:, :-1, None]
        + across[:, :-1, None] * (width[:, :-1, None] * SECTION[:, 0])[..., None]
        + n[:, :-1, None] * (bulk[:, :-1, None] * SECTION[:, 1])[..., None]
    ).reshape(count, -1, 3)
    v = np.concatenate([v, middle[:, -1:]], 1)
    feet, middle = (np.concatenate([np.repeat(x[:, :-1], size, 1), x[:, -1:]], 1) for x in (path, middle))
    grid = np.arange(STEPS * size).reshape(STEPS, size)
    grid = np.concatenate([grid, grid[:, :1]], 1)
    f = np.concatenate(
        [grid.ravel()[shapes.strip(STEPS, size + 1)], np.stack([grid[-1, :-1], np.full(size, STEPS * size), grid[-1, 1:]], 1)]
    )
    f = (np.arange(count)[:, None, None] * v.shape[1] + f).reshape(-1, 3)
    v = v.reshape(-1, 3)
    return v, shapes.outward(v, f, middle.reshape(-1, 3)), feet.reshape(-1, 3)


def hair(skin):
    """Vertices [N,3], triangles [M,3] and the skin that each vertex follows, a sparse [N,V] of weights."""
    (v, f, feet), (more, g, under) = cap(), locks()
    v, f, feet = np.concatenate([v, more]), np.concatenate([f, g + len(v)]), np.concatenate([feet, under])
    grows = np.setdiff1d(np.arange(len(skin.vertices)), [skin.loops["ear_left"][1:], skin.loops["ear_right"][1:]])
    far, near = cKDTree(skin.vertices[grows]).query(feet, 6)
    weights = np.exp(-((far / 0.006) ** 2)) + 1e-9
    weights /= weights.sum(1, keepdims=True)
    return v, f, csr_matrix((weights.ravel(), grows[near].ravel(), np.arange(len(v) + 1) * 6), (len(v), len(skin.vertices)))
