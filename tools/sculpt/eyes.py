"""The eyes' loops of quads: lids, their margin and the way back behind it (the left eye; the right is its mirror image)."""
import numpy as np

from tools.sculpt import shapes, surface
from tools.sculpt.surface import EYE, EYE_RADIUS

LID_RADIUS = EYE_RADIUS + 0.0007
OUTER_RINGS = 7


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


def rings(edge):
    margin = lid_curve(len(edge))
    margin3 = np.column_stack([EYE[:2] + margin, EYE[2] + over_eyeball(*margin.T)])
    rings = []
    for k in range(1, OUTER_RINGS):
        t = (k / OUTER_RINGS) ** 0.85
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


def balls():
    """Yields (part name, vertices, triangles, joint) of both eyeballs, irises and pupils."""
    sphere, triangles = shapes.globe(columns=32, latitudes=(5, 10.5, 17, 23, 29.5, 38, 48, 60, 75, 90, 110, 135, 160))
    for side, sign, bone in (("left", 1, 3), ("right", -1, 4)):
        centre = EYE * (sign, 1, 1)
        nose = np.degrees(np.arccos(np.clip(sphere[triangles][:, :, 2], -1, 1))).mean(1)  # mean latitude of the corners
        yield (f"eye_{side}", centre + EYE_RADIUS * sphere, triangles[nose > 29.5], bone)
        v = centre + EYE_RADIUS * sphere
        yield (f"iris_{side}", v, triangles[(nose <= 29.5) & (nose > 10.5)], bone)
        yield (f"pupil_{side}", v, triangles[nose <= 10.5], bone)
