"""The mouth's loops of quads: the skin round it, the lips, their inside and the bag behind."""
import numpy as np

from tools.sculpt import surface
from tools.sculpt.surface import MOUTH_Y

MOUTH_HALF = 0.0255      # half of the mouth's width
OUTER_RINGS = 7          # from the hole's edge to the vermilion border, that one included
VERMILION_RINGS = 7      # from there to where the lips meet, that one included
INNER_RINGS = 4          # the lips' inside


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


def rings(edge):
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
