"""The tongue's own shapes, on the package's tongue: its tip up, its back up, and out between the teeth.

Measured on the package: the palate lies 17 mm above the back of the tongue, the ridge behind the upper incisors 16 mm above its
tip, the incisors' edges meet at a height of -40 mm. Where the tongue grows on its floor it stays; it moves with the jaw besides.
"""

import numpy as np
from scipy.spatial import cKDTree

from tools.human.fields import smoothstep

FLOOR = 0.009  # metres from where the tongue grows on, over which it comes to move freely
THROAT = 0.012  # z: what lies behind it (the epiglottis) is no tongue that speaks
TIP_UP, BACK_UP, OUT = 0.0165, 0.0155, 0.036  # metres at 1
BLADE = -0.0330, 0.0060  # height of its underside when it is out: on the lower teeth, and how thick it then is


def tongue_shapes(parts):
    """[Vp,3,3]: tip up, back up, out, metres at 1."""
    rows = parts.of("tongue")
    v = parts.vertices[rows]
    y, z = v[:, 1], v[:, 2]
    grown = np.intersect1d(rows, parts.of("gums"))
    free = smoothstep(0, FLOOR, cKDTree(parts.vertices[grown]).query(v)[0]) * smoothstep(THROAT, THROAT + 0.012, z)
    low, high = outline(y, z)
    height = np.clip((y - low) / np.maximum(high - low, 1e-4), 0, 1)  # 0 on the underside, 1 on the back
    tip = smoothstep(0.050, 0.080, z) * free
    hump = np.exp(-(((z - 0.036) / 0.015) ** 2)) * height * free
    out = smoothstep(0.030, 0.076, z) * (0.35 + 0.65 * height) * free
    out = np.maximum(out, smoothstep(0.066, 0.078, z) * free)
    blade = BLADE[0] + BLADE[1] * height * np.clip((high - low) / 0.015, 0.3, 1)
    shapes = np.zeros((len(parts.rows), 3, 3))
    shapes[rows, 1, 0], shapes[rows, 2, 0] = TIP_UP * tip, -0.0025 * tip
    shapes[rows, 1, 1], shapes[rows, 2, 1] = BACK_UP * hump, -0.0030 * hump
    shapes[rows, 2, 2] = OUT * out
    shapes[rows, 1, 2] = (blade - y) * smoothstep(0.20, 0.55, out) - 0.0020 * smoothstep(0.074, 0.083, z) * free
    shapes[rows, 0, 2] = -0.30 * v[:, 0] * out
    return shapes


def outline(y, z, reach=0.004):
    """(low, high) [n] each: the heights of underside and back where the tongue lies, from its points' y and z [n]."""
    near = np.abs(z[:, None] - z) < reach
    return np.where(near, y, np.inf).min(1), np.where(near, y, -np.inf).max(1)
