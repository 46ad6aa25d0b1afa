"""The eyes: loops of quads for the lids, and the eyeballs (the left eye; the right is its mirror image).

Measures of the opening follow Farkas (1994), a little larger than life: 29 mm wide, 11 mm high, its outer corner 2.6 mm above
its inner one. Places are (x, y) about the eyeball's centre seen from the front, and z from the sheets that lie over the eyeball.
"""

import numpy as np
from scipy.sparse import csr_matrix

from tools.sculpt import shapes, surface
from tools.sculpt.surface import EYE, EYE_RADIUS

CORNEA = EYE_RADIUS + 0.00035  # farthest that an eyeball reaches from its centre, wherever it looks
IRIS = 0.0061  # radius of the iris
PUPIL = 0.0022
THICK = 0.0013  # of the lids at their margin
CREST = 6  # ring at the fold over the upper lid; the next is the crease
OUTER_RINGS = 10  # ring at the lids' margin; the next is the margin's inner edge


def smooth_max(a, b, k):
    return -surface.union(-a, -b, k)


def sheet(x, y, clearance):
    """z above the eyeball's centre of a sheet over it, which runs level to the inner corner of the eye."""
    ball = np.sqrt(np.maximum((EYE_RADIUS + clearance) ** 2 - x * x - y * y, 0))
    level = 0.0055 - 0.0032 * np.clip(x / 0.013, -1, 1) + clearance
    return smooth_max(ball, level, 0.0016)


def margin(size, upper=0.0, lower=0.0):
    """The lids' margin [size,2] from the outer corner up and round; upper, lower: 0 open, 1 shut."""
    angle = np.arange(size) * 2 * np.pi / size
    u, s = np.cos(angle), np.sin(angle)
    x = -0.0014 + 0.0144 * u
    line = -0.0002 + 0.0013 * u - 0.0005 * np.maximum(-u, 0) ** 3
    arch = np.abs(s) ** (1.15 + np.where(u > 0, 0.35, 0.5) * u * u)
    above = 0.0051 * arch * (1 - 0.10 * u)
    below = -0.0058 * arch * (1 + 0.12 * u)
    shut = -0.0034 * np.abs(s) ** 1.9 * (1 + 0.05 * u)
    y = np.where(s >= 0, above + (shut - above) * upper, below + (shut - below) * lower)
    return np.column_stack([x, line + y])


def rings(edge, upper=0.0, lower=0.0):
    """Places [OUTER_RINGS + 4,K,3] of the rings inside the hole's edge [K,3]: outside, margin, and four behind it.

    upper, lower: how far each lid is shut (0 open, 1 shut, below 0 opened wider). Both lids' margins have the same x, column
    by column, so shut lids meet vertex to vertex.
    """
    size = len(edge)
    angle = np.arange(size) * 2 * np.pi / size
    s = np.sin(angle)
    top = np.clip(s, 0, 1)  # 0 at the corners and below, 1 above the pupil
    amount = np.where(s > 0, upper, lower)
    lid = margin(size, upper, lower)
    rest = margin(size)
    outer = edge[:, :2] - EYE[:2]
    away = outer - rest
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    up = np.clip(s / 0.35, -1, 1)[:, None] * (0, 1)
    along = away * (1 - np.abs(up[:, 1:])) + up  # from the margin out: up and down, but sideways at the corners
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    # The crease lies 3 mm over the resting margin; below, a shallow furrow under the lower lid.
    fold = np.where(s > 0, 0.0018 + 0.0018 * top**0.7, 0.0018 + 0.0030 * np.abs(s))[:, None]
    slide = 0.16 * (lid - rest) * np.abs(s)[:, None]
    crease = rest + along * fold + slide
    crest = rest + along * (fold + np.where(s > 0, 0.0006, 0.0012)[:, None]) + 0.6 * slide
    # A lid's way from open to shut is straight and would cut through the eyeball, so it keeps clear at both ends.
    clear = 0.00045 + np.where(s > 0, 0.0004, 0.0001) * np.minimum(1, np.abs(s) / 0.3)
    clear = clear + (0.00045 + 0.0012 * np.minimum(1, np.abs(s) / 0.3) - clear) * np.maximum(amount, 0)
    skin = clear + THICK - 0.0003 * np.maximum(amount, 0)
    unfolded = 1 - 0.75 * np.clip(amount, 0, 1)
    sink = 0.0012 * np.clip(-s / 0.35, 0, 1)  # the lower lid fades into the cheek
    depth = np.where(s > 0, 0.0008 * np.minimum(1, top / 0.35) * unfolded, 0.7 * sink)

    def over(xy, clearance):
        """z of the lids' outside; the lower lid falls off less steeply than the eyeball does, and so is a little full."""
        y = np.where(s < 0, rest[:, 1] + 0.80 * (xy[:, 1] - rest[:, 1]), xy[:, 1])
        return sheet(xy[:, 0], y, clearance)

    out = []
    for k in range(1, CREST):
        t = (k / CREST) ** 0.8
        xy = outer * (1 - t) + (crest - 0.6 * slide) * t + 0.6 * slide * t**3
        face = surface.front(*(xy + EYE[:2]).T) - EYE[2]
        z = face + (smooth_max(face, over(xy, skin - sink), np.where(s < 0, 0.0030, 0.0012)) - face) * t * t * (3 - 2 * t)
        out.append(np.column_stack([xy, z]))
    hood = 0.0010 * np.minimum(1, top / 0.35) * unfolded
    out.append(np.column_stack([crest, over(crest, skin + hood - sink)]))
    out.append(np.column_stack([crease, over(crease, skin - depth)]))
    # Even out the lower lid's way into the cheek.
    column = np.array([edge[:, 2] - EYE[2]] + [ring[:, 2] for ring in out])
    for _ in range(8):
        column[1:-1] += 0.5 * np.clip(-s / 0.4, 0, 1) * (0.5 * (column[2:] + column[:-2]) - column[1:-1])
    for ring, z in zip(out, column[1:]):
        ring[:, 2] = z
    near = lid + (along * 0.0009)
    for xy in (0.5 * (crease + near), near):
        out.append(np.column_stack([xy, over(xy, skin + 0.0001)]))
    out.append(np.column_stack([lid, sheet(*lid.T, skin - 0.0001)]))
    # The margin's inner edge, and the back of the lids round to the eyeball's sides.
    rim = np.where(s < 0, 0.0004, -0.0002)
    rim = (rim + (0.0006 - rim) * amount) * np.minimum(1, (s / 0.5) ** 2)  # the upper rim turns down, then in, as it shuts
    xy = lid + np.column_stack([0 * s, rim])
    inside = np.column_stack([xy, sheet(*xy.T, clear)])
    out.append(inside)
    reach = np.linalg.norm(inside, axis=1, keepdims=True)
    side = np.column_stack([np.cos(angle), s, 0.12 * np.cos(2 * angle)])  # not flat: the joint is regressed from these
    for t in (0.22, 0.57, 1.0):
        course = inside / reach * (1 - t) + side * t
        course /= np.linalg.norm(course, axis=1, keepdims=True)
        lift = 0.0003 * (1 - t) * (1 + 3 * np.maximum(amount, 0))[:, None]
        out.append(course * (reach + (EYE_RADIUS + 0.0012 - reach) * t + lift))
    return np.array(out) + EYE


def caruncle(skin):
    """The left eye's inner corner, a moist mound that dips under the eyeball: vertices, triangles, weights of the skin."""
    loop = skin.loops["eye_left"][OUTER_RINGS + 1]
    half, rows, columns = len(loop) // 2, 7, 7
    j = np.arange(rows)
    upper, lower = skin.vertices[loop[half - j]] - EYE, skin.vertices[loop[half + j]] - EYE
    t = np.linspace(-0.3, 1.3, columns)[None, :, None]
    x, y = np.moveaxis(lower[:, None, :2] * (1 - t) + upper[:, None, :2] * t, -1, 0)
    depth = 0.0003 + 0.0030 * (j[:, None] / (rows - 1)) ** 1.6
    mound = 0.0011 * np.exp(-(((x + 0.0138) / 0.0011) ** 2) - ((y + 0.0016) / 0.0009) ** 2)
    v = EYE + np.stack([x, y, sheet(x, y, 0) - depth + mound], -1).reshape(-1, 3)
    on = np.zeros((len(v), len(skin.vertices)))
    on[:, loop[half]] = 1
    return v, shapes.strip(rows, columns), csr_matrix(on)


def balls():
    """Yields (part name, vertices, triangles, joint) of both eyeballs: white, iris, pupil and the clear cornea before them."""
    flat = np.sqrt(EYE_RADIUS**2 - IRIS**2)
    limbus = np.arcsin(IRIS / EYE_RADIUS)
    back = np.radians([180, 115, 80, 55, 36, 22, 12, 5, 0])
    angles = limbus + back / np.pi * (np.pi - limbus)
    white = [(EYE_RADIUS * np.sin(t), EYE_RADIUS * np.cos(t)) for t in angles]
    white[0] = (0, -EYE_RADIUS)
    iris = [(IRIS, flat), (0.0044, flat - 0.0003), (PUPIL, flat - 0.0005)]
    pupil = [(PUPIL, flat - 0.0005), (0, flat - 0.0006)]
    # The cornea is a sphere's cap over the limbus, through the foremost point.
    foot = 1.06 * IRIS
    rise = CORNEA - np.sqrt((EYE_RADIUS - 2e-5) ** 2 - foot**2)
    radius = (foot**2 + rise**2) / (2 * rise)
    cornea = [(r, CORNEA - radius + np.sqrt(radius**2 - r * r)) for r in foot * np.array([1, 0.92, 0.7, 0.35, 0])]
    for side, sign, bone in (("left", 1, 3), ("right", -1, 4)):
        for name, profile in (("eye", white), ("iris", iris), ("pupil", pupil), ("cornea", cornea)):
            v, f = shapes.lathe(profile)
            yield f"{name}_{side}", EYE * (sign, 1, 1) + v, f, bone
