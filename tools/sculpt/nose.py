"""The nostrils' loops of quads (the left one): a rim on the underside of the nose and a dark pocket behind it."""

import numpy as np

from tools.sculpt import surface
from tools.sculpt.surface import NOSTRIL

LONG, WIDE = 0.0040, 0.0022  # half axes of the opening
FORWARD = np.array([-0.28, 0.22, 0.93])  # along it, towards the tip
FORWARD /= np.linalg.norm(FORWARD)
SIDEWAYS = np.array([0.95, 0.12, 0.25])  # across it, towards the wing
SIDEWAYS -= FORWARD * (SIDEWAYS @ FORWARD)
SIDEWAYS /= np.linalg.norm(SIDEWAYS)
INWARD = np.cross(FORWARD, SIDEWAYS)


def outline(size, scale):
    """Loop [size,3] round the opening, from the wing's side forward and round."""
    angle = (np.arange(size) - 0.5) * 2 * np.pi / size
    return (
        NOSTRIL
        + scale * LONG * np.sin(angle)[:, None] * FORWARD
        + scale * WIDE * (np.cos(angle) * (1 - 0.18 * np.sin(angle)))[:, None] * SIDEWAYS
    )


def edge(size=12):
    """Where the grid's loop round the nostril lies on the skin."""
    return surface.project(outline(size, 1.5))


def rings(edge):
    rim = surface.project(outline(len(edge), 1.05))
    rings = [rim]
    for scale, depth in ((0.86, 0.0005), (0.78, 0.0020), (0.70, 0.0042), (0.45, 0.0060)):
        rings.append(rim.mean(0) + (rim - rim.mean(0)) * scale + depth * INWARD)
    return np.array(rings)
