"""The head as an implicit surface: sections and profiles through published measures, with features blended in.

Distances follow published means for adults (Farkas, Anthropometry of the Head and Face, 1994): nasion to menton 0.120 m,
head breadth 0.152, head length 0.197, bizygomatic breadth 0.134, bigonial breadth 0.103, pupils 0.063 apart, wings of
the nose 0.034. The look is a young adult's: full cheeks, a soft and slightly small lower face, a slender neck.
Axes are FLAME's: +Y up, +Z out of the face, +X to the subject's left; metres. Everything is symmetric about x = 0,
so the field is written for |x|.
"""

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator, RectBivariateSpline

EYE = np.array([0.0322, 0.0300, 0.0630])  # the left eyeball's centre
EYE_RADIUS = 0.0132
MOUTH_Y = -0.0420  # where the lips meet
# The jaw's axis: not the condyles' own place but below and behind it, so that opening carries them forward and down.
JAW = np.array([0.0, -0.0160, 0.0040])
NECK = np.array([0.0, -0.1000, -0.0300])
NOSTRIL = np.array([0.0066, -0.0190, 0.0928])  # the left nostril's middle

# Horizontal sections of forehead and face, without nose and sockets: height y, then (x, z) from the midline in front
# round to the side; they close inside the skull. Millimetres.
SECTIONS = (
    (130, (0, 38), (14, 35), (25, 28), (32, 16), (34, 2), (30, -20), (0, -34)),
    (117, (0, 62), (17, 59), (34, 47), (46, 28), (53, 6), (46, -20), (0, -34)),
    (103, (0, 77), (19, 73.5), (39, 59), (54, 35), (62, 8), (52, -20), (0, -34)),
    (87, (0, 86), (20, 82.5), (41, 68), (58, 41), (67, 10), (56, -20), (0, -34)),
    (70, (0, 89.5), (20, 86.5), (40, 73.5), (58, 45), (68, 12), (58, -20), (0, -34)),
    (53, (0, 90), (20, 87), (38, 75), (57, 44), (68, 12), (58, -20), (0, -34)),
    (34, (0, 84), (20, 81.5), (37, 72.5), (57, 50), (68.5, 16), (60, -20), (0, -34)),
    (12, (0, 83.5), (20, 82), (37, 75), (57, 52), (68, 17), (60, -20), (0, -34)),
    (-8, (0, 86), (20, 83), (37, 74), (56, 51), (66.5, 16), (58, -18), (0, -32)),
    (-25, (0, 89.5), (19, 85), (35, 73), (52.5, 49), (62.5, 15), (54, -16), (0, -30)),
    (-42, (0, 89.5), (17, 84.5), (31.5, 71.5), (47.5, 47), (57.5, 14), (50, -14), (0, -28)),
    (-58, (0, 85), (16, 81), (28.5, 69.5), (43.3, 45), (54.3, 13), (46, -12), (0, -26)),
    (-74, (0, 87.5), (13.5, 83), (26, 69), (40, 43), (51, 12), (42, -10), (0, -24)),
    (-90, (0, 84), (12, 79.5), (24, 66), (38.5, 41), (49, 12), (40, -10), (0, -22)),
)
# The neck, leaning forward, and the beginning of the shoulders: height y, front z, back z, half width. Millimetres.
NECK_SECTIONS = np.array(
    [
        (20, 0, -78, 39),
        (-40, 18, -76, 40),
        (-80, 27, -71.5, 41),
        (-100, 25, -71, 42.5),
        (-113, 21.5, -73, 44),
        (-126, 17.5, -77, 47),
        (-140, 12, -84, 54),
        (-154, 8, -91, 65),
        (-168, 6, -96, 79),
        (-182, 7, -100, 90),
        (-195, 9, -102, 94),
        (-210, 9, -102, 93),
    ]
)


def ellipsoid(p, centre, radii):
    q = p - np.asarray(centre)
    k0 = np.linalg.norm(q / radii, axis=-1)
    k1 = np.linalg.norm(q / np.square(radii), axis=-1)
    return np.where(k1 > 1e-9, k0 * (k0 - 1) / np.maximum(k1, 1e-9), -np.min(radii))


def capsule(p, a, b, radius_a, radius_b):
    a, b = np.asarray(a), np.asarray(b)
    t = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(p - a - t[..., None] * (b - a), axis=-1) - (radius_a + (radius_b - radius_a) * t)


def union(a, b, k):
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b + (a - b) * h - k * h * (1 - h)


def bump(p, centre, radii):
    """exp(-|q|^2) of places measured from centre in radii, and from its mirror image where that is another place."""
    total = 0
    for sign in (1, -1) if centre[0] else (1,):
        q = (p - np.multiply(centre, (sign, 1, 1))) / radii
        total = total + np.exp(-(q * q).sum(-1))
    return total


def groove(p, path, width):
    """exp(-q^2) of the distance q, in widths, from a line through two or more places."""
    d = np.min([capsule(p, a, b, 0, 0) for a, b in zip(path, path[1:])], 0)
    return np.exp(-((d / width) ** 2))


def section_radii():
    """Spline of the face's radius about the y axis, over height y and azimuth from the front (0) to the back (pi)."""
    azimuth = np.linspace(0, np.pi, 61)
    y = np.array([s[0] for s in SECTIONS[::-1]]) * 1e-3
    levels = []
    for section in SECTIONS[::-1]:
        x, z = np.transpose(section[1:]) * 1e-3
        levels.append(CubicSpline(np.arctan2(x, z), np.hypot(x, z), bc_type="clamped")(azimuth))
    return RectBivariateSpline(y, azimuth, np.array(levels))


RADII = section_radii()
NECK_SPLINE = PchipInterpolator(NECK_SECTIONS[::-1, 0] * 1e-3, NECK_SECTIONS[::-1, 1:] * 1e-3)


def face(p):
    """The mass of forehead, cheeks and jaw, cut from below by the jaw's border, which rises from the chin to the ears."""
    x, y, z = np.moveaxis(p, -1, 0)
    height = np.clip(y, SECTIONS[-1][0] * 1e-3, SECTIONS[0][0] * 1e-3)
    d = 0.92 * (np.hypot(x, z) - RADII.ev(height, np.arctan2(x, z)))
    d = -union(-d, 0.1100 - y, 0.020)  # the skull closes it above
    border = -0.0885 + 8.5 * x * x + 5.5 * np.maximum(0.060 - z, 0) ** 2
    return -union(-d, 0.72 * (y - border), 0.013 + 0.006 * np.clip((z - 0.045) / 0.030, 0, 1))  # rounder at the chin


def neck(p):
    x, y, z = np.moveaxis(p, -1, 0)
    front, back, half = np.moveaxis(NECK_SPLINE(np.clip(y, -0.210, 0.02)), -1, 0)
    deep = 0.5 * (front - back)
    d = (np.hypot(x / half, (z - 0.5 * (front + back)) / deep) - 1) * np.minimum(half, deep)
    return np.maximum(d, y - 0.02)


def nose(p):
    """Its bridge, tip and the strip between the nostrils; the wings, which a crease parts from the face."""
    d = capsule(p, (0, 0.0340, 0.0790), (0, 0.0000, 0.0955), 0.0045, 0.0054)  # bridge
    d = union(d, ellipsoid(p, (0, -0.0082, 0.0975), (0.0081, 0.0077, 0.0088)), 0.010)  # tip
    d = union(d, ellipsoid(p, (0, -0.0118, 0.0900), (0.0112, 0.0072, 0.0112)), 0.006)  # body behind it
    d = union(d, capsule(p, (0, -0.0146, 0.0992), (0, -0.0182, 0.0915), 0.0034, 0.0036), 0.005)  # between the nostrils
    wings = ellipsoid(p, (0.0117, -0.0125, 0.0870), (0.0058, 0.0067, 0.0088))
    return d, wings


def distance(p):
    """Signed distance [N] (negative inside) of points [N,3] from the skin, without lips and ears."""
    p = np.concatenate([np.abs(p[..., :1]), p[..., 1:]], -1)
    d = ellipsoid(p, (0, 0.0620, -0.0170), (0.0755, 0.0830, 0.0900))  # cranium
    d = union(d, ellipsoid(p, (0, 0.0720, 0.0120), (0.0640, 0.0660, 0.0750)), 0.012)  # forehead
    d = union(d, ellipsoid(p, (0, 0.0250, -0.0420), (0.0620, 0.0520, 0.0520)), 0.030)  # occiput
    d = union(d, face(p), 0.016)
    d = union(d, neck(p), 0.011 + 0.022 * np.clip(-p[..., 2] / 0.060, 0, 1))  # softer behind
    d = union(d, capsule(p, (0.045, -0.020, -0.026), (0.011, -0.164, 0.0035), 0.008, 0.0050), 0.010)  # sternomastoids
    bone = union(
        capsule(p, (0.011, -0.170, 0.0045), (0.042, -0.167, -0.0030), 0.0060, 0.0052),
        capsule(p, (0.042, -0.167, -0.0030), (0.067, -0.165, -0.0330), 0.0052, 0.0030),
        0.004,
    )
    d = union(d, bone, 0.010)  # collar bones
    d += 0.0030 * bump(p, (0.058, 0.056, 0.052), (0.020, 0.024, 0.030))  # temples
    d -= 0.0020 * bump(p, (0.022, 0.048, 0.084), (0.020, 0.008, 0.020))  # brow ridge
    d += 0.0060 * bump(p, (0.0330, 0.0310, 0.078), (0.0175, 0.0125, 0.016))  # sockets
    d -= 0.0018 * bump(p, (0.045, 0.000, 0.060), (0.022, 0.016, 0.024))  # cheekbones
    d -= 0.0014 * bump(p, (0.036, -0.014, 0.068), (0.018, 0.018, 0.024))  # apples of the cheeks
    d -= 0.0022 * bump(p, (0, -0.0740, 0.088), (0.016, 0.011, 0.020))  # chin
    d = union(d, ellipsoid(p, EYE, np.full(3, EYE_RADIUS + 0.0016)), 0.004)  # lids over the eyeball
    middle, wings = nose(p)
    d = union(d, middle, 0.009)
    crease = ((0.0115, -0.0040, 0.0930), (0.0158, -0.0064, 0.0850), (0.0180, -0.0120, 0.0815), (0.0168, -0.0190, 0.0830))
    d += 0.0026 * groove(p, crease, 0.0034)  # behind the wings
    d = union(d, wings, 0.0022)
    d += 0.0005 * groove(p, crease, 0.0016)
    d += 0.0008 * groove(p, ((0.0190, -0.0060, 0.080), (0.0270, -0.0240, 0.078), (0.0320, -0.0400, 0.071)), 0.0055)  # nasolabial
    return d


def gradient(p, step=2e-4):
    corners = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])  # of a tetrahedron
    return sum(distance(p + step * c)[..., None] * c for c in corners) / (4 * step)


def project(p, rounds=25):
    """Points [N,3] moved along the gradient onto the skin."""
    for _ in range(rounds):
        g = gradient(p)
        p = p - 0.8 * (distance(p) / np.maximum((g * g).sum(-1), 0.1))[:, None] * g
    return p


def trace(p, direction):
    """Points [...,3] outside moved along the unit direction until they meet the skin."""
    p = np.array(np.broadcast_to(p, np.broadcast_shapes(p.shape, direction.shape)))
    for _ in range(80):
        p += 0.7 * distance(p)[..., None] * direction
    return p


def front(x, y):
    """z of the skin seen from the front at x, y (any shape)."""
    return trace(np.stack([x, y, np.full_like(x, 0.14)], -1), np.array([0.0, 0.0, -1.0]))[..., 2]
