"""The ears' loops of quads (the left one; the right is its mirror image).

An ear is drawn in its own plane, in millimetres: u backward, v up, w out of the plane. Its size is that of adults
(Farkas: 62 mm high, 35 mm wide); it stands off the skull by about 22 degrees and leans back by 10.
Anatomy: the helix is the rolled rim, which runs into the crus above the ear canal; inside it lie the groove (scapha), the
antihelix, which forks into two crura round the triangular fossa, and the bowl (concha), guarded by tragus and antitragus.
"""

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tools.sculpt import surface

TRAGUS = 0.0160, -0.0015  # y, z of the cheek where the ear grows from it
# Unit axes of the ear's plane: it turns out by 22 degrees behind and 6 above, and leans back by 10.
BACK, UP, OUT = Rotation.from_euler("YZX", [-22, -6, -10], degrees=True).apply([(0, 0, -1), (0, 1, 0), (1, 0, 0)])
MIDDLE = surface.trace(np.array([0.14, *TRAGUS]), np.array([-1.0, 0, 0])) + 0.0105 * BACK + 0.0024 * OUT

# The rim round the ear, by the way round it from the middle of the back, upward, to the front and below:
# way, u, v, w of its edge; millimetres that it rolls in; how much it is a helix (0 a soft edge, 1 rolled in);
# how much it stands free of the head (0 grown to it).
RIM = np.array(
    [
        (0.00, 18.8, 2.5, 0.0, 4.4, 1.0, 1.0),
        (0.08, 19.3, 13.0, 0.3, 4.8, 1.0, 1.0),
        (0.165, 14.0, 25.6, 0.6, 5.2, 1.0, 1.0),
        (0.235, 3.0, 31.0, 0.8, 5.4, 1.0, 1.0),
        (0.30, -8.5, 27.0, 1.8, 5.0, 1.0, 1.0),
        (0.355, -13.0, 18.5, 1.8, 4.4, 1.0, 0.5),
        (0.415, -13.6, 10.0, 1.0, 4.0, 0.8, 0.0),
        (0.46, -12.4, 4.5, -0.8, 2.4, 0.2, 0.0),
        (0.50, -9.2, 0.0, 1.6, 2.4, 0.5, 0.0),
        (0.545, -7.2, -4.5, 2.8, 2.4, 0.6, 0.0),
        (0.60, -9.6, -10.5, -1.6, 2.2, 0.1, 0.0),
        (0.665, -11.2, -18.0, -0.6, 3.0, 0.0, 0.0),
        (0.725, -9.6, -26.0, -0.4, 3.2, 0.0, 0.5),
        (0.775, -3.0, -31.0, -0.6, 3.2, 0.0, 1.0),
        (0.83, 4.5, -26.5, -0.8, 3.2, 0.1, 1.0),
        (0.91, 12.8, -13.5, -0.4, 3.8, 0.7, 1.0),
    ]
)
# Where the ear is rooted in the head: u, v, once round the same way.
ROOT = np.array(
    [
        (8.5, 2.0),
        (8.0, 11.5),
        (2.5, 20.0),
        (-8.5, 22.5),
        (-16.0, 16.0),
        (-17.5, 8.0),
        (-17.0, 1.5),
        (-16.5, -4.0),
        (-16.0, -11.0),
        (-14.5, -18.0),
        (-10.0, -23.0),
        (-3.0, -20.0),
        (4.5, -10.0),
    ]
)
# The line in the middle that the front's loops close round: u at each v.
SLIT = PchipInterpolator([-24, -12, 0, 10, 20], [-3.0, -1.0, 0.5, 2.5, 3.0])


def closed(way, values):
    """The smooth closed curve through values [N,D] at ways [N] of 0..1 round."""
    return CubicSpline(np.append(way, way[0] + 1), np.vstack([values, values[:1]]), bc_type="periodic")


def ridge(place, points, wide, high):
    """A rounded ridge along the smooth line through points (u, v); wide and high (mm) change evenly along it."""
    way = np.linspace(0, 1, 200)
    far, near = cKDTree(CubicSpline(np.linspace(0, 1, len(points)), points)(way)).query(place)
    wide, high = (np.interp(way[near], np.linspace(0, 1, len(f)), f) for f in (wide, high))
    return high * np.exp(-((far / wide) ** 2))


def bowl(place, points, slope):
    """0 outside the smooth closed line through points (u, v), 1 from slope (mm) inside it."""
    line = closed(np.arange(len(points)) / len(points), points)
    way = np.arange(400) / 400
    samples, ahead = line(way), line(way, 1)
    far, near = cKDTree(samples).query(place)
    x = np.clip(far * np.sign(np.cross(ahead[near], place - samples[near])) / slope, 0, 1)
    return x * x * (3 - 2 * x)


def hill(place, middle, size):
    return np.exp(-(((place - middle) / size) ** 2).sum(1))


def front(place):
    """w of the ear's front at places [N,2], without the rim."""
    v = place[:, 1]
    w = -2.9 + 1.9 * np.clip((-14 - v) / 7, 0, 1)
    w += ridge(place, [(4.0, -16.5), (8.4, -10), (11.0, -1), (10.2, 7), (8.2, 11)], (2.6, 3.0, 2.8, 2.4), (1.0, 3.9, 4.2, 2.6))
    w += ridge(place, [(9.2, 9), (7.4, 15), (4.0, 20), (0.5, 24)], (2.5, 2.8, 3.0), (2.0, 3.2, 1.2))
    w += ridge(place, [(9.4, 8), (4.5, 11.5), (-2, 13.4), (-9, 13.5)], (2.0, 1.7, 1.7), (2.0, 3.4, 1.8))
    w -= 1.6 * hill(place, (-1.0, 18.0), (4, 3))  # triangular fossa
    w -= 12.0 * bowl(
        place,
        [(7.8, 3), (3.5, 9.0), (-3, 11.2), (-9.0, 10.8), (-12, 5), (-9.6, -4), (-9, -10), (-4.5, -13.5), (1.0, -11.8), (6.4, -5)],
        4.8,
    )
    w -= 3.0 * hill(place, (-6.0, -2.5), (3, 4))  # ear canal
    w += ridge(place, [(-11, 12), (-9.5, 7), (-5, 3.8), (0, 3.0), (4, 3.6)], (2.4, 2.2, 2.0), (1.0, 9.5, 7.0, 0.5))  # crus
    w += 3.4 * hill(place, (1.0, -14.2), (3.6, 2.4))  # antitragus
    w -= 2.4 * hill(place, (-5.2, -12.5), (2, 3))  # notch
    return w


def rings(edge):
    """Loops [R,K,3] from the head's surface up the ear's back, over its rim and in over its front; edge [K,3]."""
    size = len(edge)
    rim = closed(RIM[:, 0], RIM[:, 1:])
    way = np.arange(size) / size
    u, v, w, roll, helix, free = rim(way).T
    helix, free = np.clip(helix, 0, 1), np.clip(free, 0, 1)
    outline, along = np.stack([u, v], -1), rim(way, 1)[:, :2]
    inward = np.stack([-along[:, 1], along[:, 0]], -1) / np.linalg.norm(along, axis=1, keepdims=True)

    def put(place, height):
        return MIDDLE + 1e-3 * (place[:, :1] * BACK + place[:, 1:] * UP + np.reshape(height, (-1, 1)) * OUT)

    def inside(distance):
        return outline + np.reshape(distance, (-1, 1)) * inward

    # The root lies straight inward of the edge.
    local = 1e3 * (edge - MIDDLE) @ np.stack([BACK, UP], 1)
    centre = ROOT.mean(0)
    curve = closed(np.arange(len(ROOT)) / len(ROOT), ROOT)(np.arange(720) / 720)
    turn = np.unwrap(np.arctan2(*(curve - centre).T[::-1]))
    wanted = np.arctan2(*(local - centre).T[::-1])
    wanted = turn[0] + (wanted - turn[0] - 1e-9) % (2 * np.pi)
    foot = np.stack([np.interp(wanted, turn, c, period=2 * np.pi) for c in curve.T], -1)
    base = surface.trace(put(foot, np.full(size, 60.0)), -OUT)
    skin = 1e3 * (base - MIDDLE) @ OUT
    rings = [surface.project(0.5 * (edge + base)), base]

    behind = put(inside(2.4 * free - 2.2 * (1 - free)), (w - 3.4) * free + (0.6 * skin + 0.4 * w) * (1 - free))
    whole = behind - base
    rise = (whole @ OUT)[:, None] * OUT  # where free, the back climbs from the groove before it turns outward
    bend = 0.9 * rise * free[:, None] + 0.5 * whole * (1 - free[:, None])
    for t in (0.3, 0.65):
        rings.append(base + whole * t * t + 2 * t * (1 - t) * bend)
    rings.append(behind)
    rings.append(put(inside(-0.9 * (1 - free)), (w - 1.7) * free + (0.2 * skin + 0.8 * w) * (1 - free)))
    rings.append(put(inside(0.7), w + 0.2 * free + 0.3 * (1 - free)))
    rings.append(put(inside(0.25 * roll + 0.9), w + 0.7 * helix + 0.2))
    for share, drop in ((0.85, -0.5), (1.0, -2.2)):
        place = inside(roll * share)
        rings.append(put(place, (w + drop) * helix + front(place) * (1 - helix)))
    # Nothing of the back and the rim sinks into the head.
    for ring, clear in zip(rings[2:], (0.0005, 0.0010, 0.0014, 0.0020, 0.0026, 0.0030)):
        short = np.maximum(clear - surface.distance(ring), 0)
        ring += short[:, None] * surface.gradient(ring)
    start = inside(roll + 0.4 * (1 - helix))
    across = (size // 2 + 1 - np.arange(size)) % size  # the vertex that each is sewn to
    middle = np.clip(0.4 * (v + v[across]) - 0.5, -24, 21)
    middle = np.stack([SLIT(middle), middle], -1)
    middle += (outline - middle) * 0.05
    for s in (0.1, 0.26, 0.44, 0.63, 0.82, 1):
        place = start + (middle - start) * s
        rings.append(put(place, front(place)))
    return np.array(rings)
