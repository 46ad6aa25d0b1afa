"""Ways in which people differ that the scans' components carry weakly or not at all: what age does, lids, and left unlike right.

A feature is a smooth field over places, in millimetres, that one standard deviation of it moves. Spreads follow published ones of
adults (Farkas, Anthropometry of the Head and Face, 1994). What age does follows Mendelson and Wong, Changes in the facial skeleton
with aging, 2012, and Coleman and Grover, The anatomy of the aging face, 2006; where folds lie, landmarks of the mesh say. The fields
are as fine as the mesh allows: a furrow is no narrower than two of its edges.
"""

import numpy as np

from tools.human.fields import smoothstep
from tools.human.skin import EYE

MM = 0.001


def bump(centre, radius, vector, odd=False):
    """Field: a soft push by vector about centre, on both sides unless centre lies in the middle; odd: against each other."""
    centre, vector = np.asarray(centre, float), np.asarray(vector, float)

    def field(p):
        d = np.zeros_like(p)
        for sign in (1, -1) if centre[0] else (1,):
            q = (p - centre * (sign, 1, 1)) / radius
            d += np.exp(-(q * q).sum(-1, keepdims=True)) * vector * (sign, 1, 1) * (sign if odd else 1)
        return d

    return field


def line(points, width, vector, odd=False):
    """Field: a soft push by vector along a line through points, on both sides of the face; width: a number or one per axis."""
    points, vector, width = np.asarray(points, float), np.asarray(vector, float), np.broadcast_to(width, 3)

    def field(p):
        d = np.zeros_like(p)
        for sign in (1, -1) if points[:, 0].any() else (1,):
            q, nearest = p * (sign, 1, 1) / width, np.full(len(p), np.inf)
            for a, b in zip(points / width, points[1:] / width):
                t = np.clip((q - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
                nearest = np.minimum(nearest, ((q - a - t[:, None] * (b - a)) ** 2).sum(1))
            d += np.exp(-nearest)[:, None] * vector * (sign, 1, 1) * (sign if odd else 1)
        return d

    return field


def grow(centre, radius, amount):
    """Field: growth about centre by amount [3] a metre, on both sides unless centre lies in the middle."""
    centre = np.asarray(centre, float)

    def field(p):
        d = np.zeros_like(p)
        for sign in (1, -1) if centre[0] else (1,):
            q = p - centre * (sign, 1, 1)
            d += np.exp(-((q / radius) ** 2).sum(-1, keepdims=True)) * q * amount
        return d

    return field


def together(*fields):
    """Field: the sum of fields."""
    return lambda p: sum(field(p) for field in fields)


def neck(p):
    """Field: the neck grows thicker, 1 at its skin."""
    q = p - (0, 0, -0.030)
    q = q * (1, 0, 1)
    across = np.linalg.norm(q, axis=1, keepdims=True)
    amount = smoothstep(-0.085, -0.115, p[:, 1]) * smoothstep(-0.200, -0.165, p[:, 1])
    return amount[:, None] * q / 0.055 * np.exp(-(np.maximum(across / 0.070 - 1, 0) ** 2) * 8)


def opened(p):
    """Field: both upper lids lie higher and the lower ones a little lower, 1 on the upper margin; they turn about the eyeball."""
    d = np.zeros_like(p)
    for sign in (1, -1):
        q = (p - EYE * (sign, 1, 1)) * (sign, 1, 1)
        amount = smoothstep(-0.002, 0.004, q[:, 1]) * (1 - 0.6 * smoothstep(0.006, 0.013, q[:, 1]))
        amount = (amount - 0.4 * smoothstep(-0.001, -0.005, q[:, 1])) * np.exp(-((q[:, 0] / 0.0115) ** 4))
        amount = amount * smoothstep(-0.002, 0.008, q[:, 2]) * np.exp(-((np.maximum(np.linalg.norm(q, axis=1) - 0.020, 0) / 0.005) ** 2))
        d += amount[:, None] * np.cross((-1, 0, 0), q) / 0.0155 * (sign, 1, 1)
    return d


def slanted(p):
    """Field: the outer corners of the eyes lie higher, the inner ones lower, 1 at a corner."""
    d = np.zeros_like(p)
    for sign in (1, -1):
        q = (p - EYE * (sign, 1, 1)) * (sign, 1, 1)
        near = np.exp(-((np.maximum(np.linalg.norm(q, axis=1, keepdims=True) - 0.017, 0) / 0.009) ** 2)) * smoothstep(
            -0.002, 0.008, q[:, 2:]
        )
        d += near * np.cross((0, 0, 1), q) / 0.0150 * (sign, 1, 1)
    return d


BROW = [(0.012, 0.051, 0.090), (0.024, 0.054, 0.087), (0.038, 0.0545, 0.080), (0.050, 0.050, 0.070)]
FOLD = [(0.0165, -0.014, 0.090), (0.0225, -0.023, 0.088), (0.0290, -0.036, 0.083), (0.0305, -0.044, 0.080)]  # nasolabial
OVER_FOLD = [(0.0235, -0.010, 0.086), (0.0300, -0.021, 0.083), (0.0365, -0.035, 0.076)]
MARIONETTE = [(0.0265, -0.045, 0.083), (0.0290, -0.055, 0.079), (0.0300, -0.065, 0.074)]
TROUGH = [(0.0185, 0.0165, 0.078), (0.0260, 0.0100, 0.079), (0.0360, 0.0080, 0.076)]
BAG = [(0.0220, 0.0185, 0.078), (0.0310, 0.0160, 0.079), (0.0400, 0.0180, 0.074)]
HOOD = [(0.0240, 0.0420, 0.081), (0.0330, 0.0430, 0.080), (0.0430, 0.0400, 0.074), (0.0490, 0.0360, 0.066)]
CREASE = [(0.0190, 0.0370, 0.082), (0.0270, 0.0420, 0.083), (0.0360, 0.0420, 0.079), (0.0440, 0.0380, 0.072)]
JAWLINE = [(0.058, -0.048, 0.040), (0.044, -0.066, 0.054), (0.030, -0.074, 0.069)]
EAR = (0.080, 0.004, -0.020)
UPPER_LIP, LOWER_LIP = (0.0, -0.0315, 0.101), (0.0, -0.0490, 0.099)

# name: (millimetres at one standard deviation, field of one millimetre). The names are words of this file alone.
AGE = {  # what age brings, each at the pace of its own
    "nasolabial fold": (
        0.80,
        together(line(FOLD, (0.0050, 0.006, 0.03), (-0.15, 0.1, -1)), line(OVER_FOLD, (0.007, 0.009, 0.03), (0.15, -0.25, 0.75))),
    ),
    "marionette line": (0.60, line(MARIONETTE, (0.0045, 0.006, 0.03), (0, 0, -1))),
    "jowls": (
        1.60,
        together(
            bump((0.041, -0.068, 0.058), (0.013, 0.014, 0.026), (0.55, -0.85, 0.25)),
            bump((0.029, -0.071, 0.070), (0.007, 0.010, 0.02), (-0.1, 0.15, -0.45)),
        ),
    ),
    "jaw line": (1.00, line(JAWLINE, 0.013, (-0.5, 0.4, -0.3))),
    "tear trough": (0.70, line(TROUGH, (0.006, 0.0045, 0.03), (0, 0, -1))),
    "bags under the eyes": (0.55, line(BAG, (0.006, 0.0042, 0.03), (0.1, -0.2, 1))),
    "hooded lids": (1.10, line(HOOD, (0.007, 0.0055, 0.03), (0, -0.9, 0.35))),
    "hollow temples": (1.20, bump((0.066, 0.056, 0.045), (0.030, 0.022, 0.028), (-1, 0, -0.3))),
    "hollow cheeks": (1.40, bump((0.051, -0.030, 0.058), (0.017, 0.022, 0.030), (-0.8, 0, -0.6))),
    "sunken midface": (1.10, bump((0.033, -0.004, 0.078), (0.015, 0.014, 0.026), (-0.1, -0.5, -0.9))),
    "low brows": (1.00, line(BROW, (0.014, 0.010, 0.04), (0, -1, -0.15))),
    "low outer brows": (0.90, bump((0.050, 0.050, 0.068), (0.014, 0.012, 0.04), (0, -1, -0.2))),
    "thin upper lip": (0.65, bump(UPPER_LIP, (0.019, 0.0050, 0.020), (0, -0.55, -0.85))),
    "thin lower lip": (0.65, bump(LOWER_LIP, (0.017, 0.0055, 0.020), (0, 0.55, -0.75))),
    "low mouth corners": (0.80, bump((0.0250, -0.0415, 0.084), (0.009, 0.010, 0.022), (0, -1, 0))),
    "hanging nose tip": (1.20, bump((0, -0.004, 0.112), (0.010, 0.011, 0.015), (0, -1, -0.1))),
    "long ear lobes": (1.80, bump((0.076, -0.024, -0.004), (0.016, 0.014, 0.018), (0, -1, 0))),
    "large ears": (1.30, grow(EAR, (0.024, 0.042, 0.036), (0, 36, 26))),
    "loose throat": (
        1.80,
        together(
            bump((0.011, -0.104, 0.036), (0.007, 0.020, 0.02), (0.1, -0.2, 0.8)),
            bump((0, -0.095, 0.042), (0.024, 0.012, 0.024), (0, -0.6, 0.3)),
        ),
    ),
    "slack eyelids": (0.50, lambda p: -opened(p)),
}
BUILD = {  # people of one age differ in these, too
    "full under the chin": (3.00, bump((0, -0.095, 0.042), (0.036, 0.020, 0.034), (0, -0.9, 0.35))),
    "full cheeks": (2.00, bump((0.052, -0.034, 0.056), (0.020, 0.022, 0.032), (0.8, -0.1, 0.5))),
    "thick neck": (3.60, neck),
    "larynx": (1.50, bump((0, -0.116, 0.032), (0.010, 0.012, 0.03), (0, 0, 1))),
    "brow ridge": (1.20, line(BROW, (0.012, 0.009, 0.03), (0, -0.15, 1))),
    "jaw angles": (1.90, bump((0.063, -0.044, 0.022), (0.020, 0.018, 0.022), (0.9, -0.45, 0))),
    "cleft chin": (0.40, bump((0, -0.077, 0.092), (0.0045, 0.010, 0.03), (0, 0, -1))),
    "ears that stand out": (1.90, bump((0.090, 0.010, -0.034), (0.020, 0.034, 0.022), (1, 0, 0.35))),
    "full upper lids": (0.90, line(CREASE, (0.008, 0.0050, 0.03), (0, -0.35, 0.9))),
    "cheekbones": (1.60, bump((0.053, 0.004, 0.058), (0.020, 0.014, 0.026), (0.75, 0.15, 0.6))),
    "open eyes": (0.60, opened),
    "slanted eyes": (0.90, slanted),
}
ODD = {  # left unlike right, by some 3 mm in most people: Farkas and Cheung, Facial asymmetry in healthy North American Caucasians, 1981
    "chin aside": (0.80, bump((0, -0.080, 0.075), 0.032, (1, 0, 0))),
    "nose bent": (0.80, bump((0, -0.002, 0.104), (0.016, 0.022, 0.030), (1, 0, 0))),
    "mouth tilted": (0.70, bump((0.0250, -0.0410, 0.084), (0.015, 0.015, 0.030), (0, 1, 0), odd=True)),
    "brows uneven": (0.90, line(BROW, (0.014, 0.010, 0.04), (0, 1, -0.15), odd=True)),
    "jaw uneven": (0.90, bump((0.055, -0.050, 0.035), 0.028, (1, 0, 0), odd=True)),
    "eyes uneven": (0.50, bump(EYE + (0, 0, 0.005), 0.024, (0, 1, 0), odd=True)),
    "ears uneven": (1.10, bump((0.090, 0.010, -0.034), (0.020, 0.034, 0.022), (1, 0, 0.35), odd=True)),
}
FEATURES = AGE | BUILD | ODD
MOVE_EYES = ("eyes uneven",)  # all others leave the eyeballs where they are


COMMON = 0.8  # how far the features of AGE go together: their correlation with the one column that stands for all of them
NAMES = ("age", *FEATURES)  # of the columns


def fields(places):
    """[40,N,3]: what one standard deviation of each column moves places [N,3] by, metres: age itself, then each feature's own part."""
    own = {name: size * MM * field(places) for name, (size, field) in FEATURES.items()}
    age = COMMON * sum(own[name] for name in AGE)
    return np.stack([age, *((np.sqrt(1 - COMMON**2) if name in AGE else 1) * field for name, field in own.items())])
