"""The eyeballs: ours, since the package's are coarse and a little askew. White, iris, pupil, and the clear cornea before them.

Measures of an adult's eye (Atchison and Smith, Optics of the Human Eye, 2000), but the ball as large as the package's sockets ask for.
"""

import numpy as np

from tools.human.skin import EYE

BALL = 0.0153  # metres: radius of the package's eyeballs behind the cornea
CORNEA = BALL + 0.0005  # farthest that an eyeball reaches: flatter than a person's, for lids move in straight lines
IRIS, PUPIL = 0.0061, 0.0021  # radii


def balls():
    """Yields (part name, vertices [n,3], triangles) of both eyeballs."""
    flat = np.sqrt(BALL**2 - IRIS**2)
    limbus = np.arcsin(IRIS / BALL)
    back = np.radians([180, 115, 80, 55, 36, 22, 12, 5, 0])
    angles = limbus + back / np.pi * (np.pi - limbus)
    white = [(BALL * np.sin(t), BALL * np.cos(t)) for t in angles]
    white[0] = (0, -BALL)
    iris = [(IRIS, flat), (0.0044, flat - 0.0003), (PUPIL, flat - 0.0005)]
    pupil = [(PUPIL, flat - 0.0005), (0, flat - 0.0006)]
    # The cornea is a sphere's cap over the limbus, through the foremost point.
    foot = 1.06 * IRIS
    rise = CORNEA - np.sqrt((BALL - 2e-5) ** 2 - foot**2)
    radius = (foot**2 + rise**2) / (2 * rise)
    cornea = [(r, CORNEA - radius + np.sqrt(radius**2 - r * r)) for r in foot * np.array([1, 0.92, 0.7, 0.35, 0])]
    for side, sign in (("left", 1), ("right", -1)):
        for name, profile in (("eye", white), ("iris", iris), ("pupil", pupil), ("cornea", cornea)):
            v, f = lathe(profile)
            yield f"{name}_{side}", EYE * (sign, 1, 1) + v, f


def lathe(profile, columns=32):
    """Vertices and triangles of rings (radius, z) turned about +z, facing outwards where z grows; radius 0 makes a tip."""
    phi = np.arange(columns) * 2 * np.pi / columns
    v, f, before = [], [], None
    for r, z in profile:
        points = np.column_stack([r * np.cos(phi), r * np.sin(phi), np.full(columns, z)])[: columns if r else 1]
        ring = np.resize(np.arange(len(points)) + sum(map(len, v)), columns)
        v.append(points)
        if before is not None:
            quads = np.column_stack([before, np.roll(before, -1), np.roll(ring, -1), ring])
            f += [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
        before = ring
    f = np.concatenate(f)
    return np.concatenate(v), f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
