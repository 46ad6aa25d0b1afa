"""The mouth's loops of quads: the skin round it, the lips, their inside and the bag behind.

Every loop runs from the left corner over the upper lip to the right corner and back along the lower lip. Loop 0 is the hole's
edge in the grid; loop OUTER_RINGS is the vermilion border; VERMILION_RINGS later the lips meet, upper and lower vertex in the
same place; INNER_RINGS later the lips' inside ends and the bag begins.

Sizes are adult means (Farkas, Anthropometry of the Head and Face, 1994): width 0.051 m, vermilion 0.0075 above and 0.0095 below.
"""

import numpy as np

from tools.sculpt import surface
from tools.sculpt.surface import MOUTH_Y

MOUTH_HALF = 0.0255  # half of the mouth's width
OUTER_RINGS = 7  # from the hole's edge to the vermilion border, that one included
VERMILION_RINGS = 7  # from there to where the lips meet, that one included
INNER_RINGS = 4  # the lips' inside
FLESH = 0.0025  # the bag keeps this far under the skin, and twice as far in the cheeks

# The lips' inside and the bag, loop by loop: how far behind the contact, and above and below it, in the middle of the mouth.
INSIDE = ((0.0009, 0, 0), (0.0018, 0.0004, 0.0004), (0.0024, 0.0026, 0.0028), (0.0026, 0.0062, 0.0068))
# Half width, height above and below the contact; distance behind the face's surface of the loops in front, z of those behind.
VESTIBULE = ((0.0290, 0.0118, 0.0122, 0.0031), (0.0315, 0.0150, 0.0166, 0.0090))
BAG = ((0.0325, 0.0166, 0.0192, 0.064), (0.0328, 0.0168, 0.0195, 0.049), (0.0310, 0.0158, 0.0180, 0.034), (0.0220, 0.0115, 0.0135, 0.021))


def lip_parameter(size):
    """For each vertex of a mouth loop: place across the mouth (+1 left corner to -1), and side (+1 upper, -1 lower, 0)."""
    k = np.arange(size)
    half = size // 2
    s = np.where(k <= half, 1 - 2 * k / half, -1 + 2 * (k - half) / half)
    side = np.where((k == 0) | (k == half), 0, np.where(k < half, 1, -1))
    return np.sin(s * np.pi / 2) * 0.35 + s * 0.65, side


def bell(x, width):
    return np.exp(-np.square(x / width))


def contact_line(s):
    """y where the lips meet: the upper lip's tubercle hangs in the middle, the corners turn up a little."""
    s = np.abs(s)
    return MOUTH_Y - 0.0008 * bell(s, 0.20) - 0.0004 * bell(s - 0.62, 0.25) + 0.0017 * s**4


def lip_height(s, side):
    """Height [K] of the vermilion over (+) or under (-) the contact: cupid's bow above, a fuller lip below."""
    s = np.abs(s)
    upper = 0.0077 * (1 - s**2.0) ** 1.06 - 0.0013 * bell(s, 0.105)
    lower = 0.0089 * (1 - s**2.4) ** 1.04 + 0.0003 * bell(s - 0.30, 0.16) - 0.0001 * bell(s, 0.12)
    blunt = 0.0007 * np.sqrt(1 - s**10)  # lips end rounded, not in a point
    return np.where(side > 0, upper + blunt, np.where(side < 0, -lower - blunt, 0))


def relief(x, y):
    """What the mouth adds to the skin around it, metres outwards: philtrum, tucked corners and the fold under the lower lip."""
    x = np.abs(x)
    above, below = y - (MOUTH_Y + 0.0075), MOUTH_Y - 0.0095 - y
    up = np.clip(above / 0.010, 0, 1.2)
    philtrum = np.clip(1.15 - up, 0, 1) * surface_step(-0.004, 0.0005, above)
    columns = 0.0055 - 0.0018 * up
    return (
        (0.0008 * bell(x - columns, 0.0022) - 0.0009 * bell(x, 0.0030)) * philtrum
        + 0.0012 * bell(x, 0.017) * bell(above, 0.0065) * (above > 0)
        + 0.0012 * bell(x, 0.017) * (above <= 0) * bell(above, 0.004)
        - 0.0012 * bell(x, 0.015) * bell(below - 0.0055, 0.0045)
        - 0.0030 * bell(x - MOUTH_HALF - 0.0002, 0.0045) * bell(y - MOUTH_Y - 0.0006, 0.0050)
        + 0.0011 * bell(x - MOUTH_HALF - 0.0085, 0.0050) * bell(y - MOUTH_Y, 0.0080)
    )


def surface_step(a, b, x):
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


def skin(x, y):
    """z of the skin round the mouth, without the lips."""
    return surface.front(x, y) + relief(x, y)


def rings(edge):
    """[R,K,3] loops inward from the hole's edge [K,3], which is not among them."""
    s, side = lip_parameter(len(edge))
    border, profile = lips(s, side)
    rings = []
    for k in range(1, OUTER_RINGS + 1):  # skin round the mouth
        t = 1 - (1 - k / OUTER_RINGS) ** 1.3
        xy = edge[:, :2] * (1 - t) + border[:, :2] * t
        z = skin(*xy.T)
        rings.append(np.column_stack([xy, z + (border[:, 2] - skin(*border[:, :2].T)) * t**6]))
    rings += list(profile)
    meet = profile[-1]
    fade = 1 - np.abs(s) ** 3
    for back, up, down in INSIDE:
        ring = meet + np.stack(
            [s * 0.9 * back * np.abs(s) ** 3, np.where(side > 0, up, -down) * fade * (side != 0), -back - 0.2 * down * fade * (side < 0)],
            -1,
        )
        rings.append(ring)
    return np.array(rings + bag(len(edge)))


def lips(s, side):
    """The vermilion border [K,3] and the loops [VERMILION_RINGS,K,3] from there to the contact, evenly along each profile."""
    full = (1 - np.abs(s) ** 2.4)[:, None]  # lips thin out into the corners
    x = MOUTH_HALF * s
    meet = contact_line(s)
    height = lip_height(s, side)
    lobes = 0.0008 * bell(np.abs(x) - 0.0072, 0.0045) - 0.0005 * bell(x, 0.0028)
    tubercle = 0.0007 * bell(x, 0.0040)
    above = side > 0
    base = skin(x, meet + height)
    inner = surface.front(x, meet) + relief(x, meet) * 0.35
    # Profile of a lip as a Bezier curve of (height, z): from the border out over the swelling, then rolled in to the contact,
    # which it reaches level, so that the shut lips lie on each other instead of leaving a slit.
    swell = np.where(above, 0.0036 + tubercle, 0.0040 + lobes) * full[:, 0]
    ridge = 0.0005 * full[:, 0] ** 0.5
    points = np.array(
        [
            np.stack([height, base + ridge], -1),
            np.stack([height * np.where(above, 0.64, 0.72), base + np.where(above, 1.0, 0.92) * swell], -1),
            np.stack([0 * height, inner + 0.0012 * full[:, 0] + 1.35 * swell], -1),
            np.stack([0 * height, inner - 0.0030 * (1 - full[:, 0])], -1),
        ]
    )
    t = np.linspace(0, 1, 101)[:, None, None]
    curve = (1 - t) ** 3 * points[0] + 3 * (1 - t) ** 2 * t * points[1] + 3 * (1 - t) * t * t * points[2] + t**3 * points[3]
    way = np.concatenate([np.zeros((1, len(s))), np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=-1), 0)])
    loops = np.zeros((VERMILION_RINGS + 1, len(s), 3))
    for k in range(len(s)):
        here = np.linspace(0, 1, VERMILION_RINGS + 1) * way[-1, k]
        loops[:, k, 1], loops[:, k, 2] = (np.interp(here, way[:, k], curve[:, k, c]) for c in (0, 1))
        loops[:, k, 0] = x[k] * (1 - 0.03 * here / way[-1, k])
        loops[:, k, 1] += meet[k]
    return loops[0], loops[1:]


def bag(size):
    """Loops [K,3] of the mouth's inside behind the lips, with room for teeth, gums and tongue."""
    angle = np.arange(size) * 2 * np.pi / size
    c, s = np.cos(angle), np.sin(angle)
    across, up = np.sign(c) * np.abs(c) ** 0.65, np.sign(s) * np.abs(s) ** 0.75
    loops = []
    for wide, above, below, depth in VESTIBULE + BAG:
        x, y = wide * across, MOUTH_Y + np.where(s > 0, above, below) * up
        if (wide, above, below, depth) in VESTIBULE:  # lower teeth stand further back, so the lower lip is thicker
            depth = surface.front(x, 0 * x + MOUTH_Y) - depth - 0.0032 * (s < 0) * np.abs(s)
        z = 0 * x + depth
        loops.append(np.stack([x, y, z], -1))
    p, flesh = np.concatenate(loops), FLESH * (1 + np.tile(across**2, len(loops)))
    for _ in range(6):
        p = p - np.maximum(surface.distance(p) + flesh, 0)[:, None] * surface.gradient(p)
    return list(p.reshape(len(loops), size, 3))
