"""The ears' loops of quads (the left one; the right is its mirror image).

An ear is drawn in its own plane, in millimetres: u backward, v up, w out of the plane. Its size is that of adults
(Farkas: 62 mm high, 35 mm wide); it stands off the skull by about 22 degrees and leans back by 10.
Anatomy: the helix is the rolled rim, which runs into the crus above the ear canal; inside it lie the groove (scapha), the
antihelix, which forks into two crura round the triangular fossa, and the bowl (concha), guarded by tragus and antitragus.
"""
import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial import cKDTree

from tools.sculpt import surface

MIDDLE = np.array([0.0735, 0.0160, -0.0110])
BACK, UP = np.array([0.375, 0.0, -0.927]), np.array([0.17, 0.97, -0.17])
OUT = np.cross(UP, BACK)
UP, OUT = UP - UP @ BACK * BACK, OUT / np.linalg.norm(OUT)
UP /= np.linalg.norm(UP)
OUT = np.cross(BACK, UP) * np.sign(np.cross(BACK, UP)[0])

# The rim round the ear, in eighths of the way from the middle of the back, upward, to the front and below:
# way, u, v, w of its edge; millimetres that it rolls in; how sharply (0 a soft edge, 1 a helix).
RIM = np.array([
    (0.00, 17.5, 2.0, 0.0, 4.2, 1.0),
    (0.07, 18.3, 12.0, 0.3, 4.6, 1.0),
    (0.15, 13.5, 25.0, 0.5, 5.0, 1.0),
    (0.23, 2.0, 31.0, 0.6, 5.0, 1.0),
    (0.31, -8.5, 26.5, 0.4, 4.6, 1.0),
    (0.38, -13.0, 17.0, 0.0, 4.2, 0.9),
    (0.44, -12.5, 8.0, -0.6, 3.4, 0.3),
    (0.50, -10.2, 1.5, 0.3, 2.6, 0.5),
    (0.55, -8.8, -4.0, 0.8, 2.4, 0.6),
    (0.61, -8.8, -11.5, -2.6, 2.6, 0.0),
    (0.68, -10.5, -19.5, -2.4, 3.4, 0.0),
    (0.75, -8.5, -27.5, -1.4, 3.4, 0.0),
    (0.80, -2.5, -31.0, -0.8, 3.4, 0.0),
    (0.86, 4.5, -26.5, -0.6, 3.4, 0.1),
    (0.93, 12.0, -13.5, -0.4, 3.6, 0.7)])
# Where the ear is rooted in the head, by the same way: u, v.
ROOT = np.array([
    (0.00, 4.5, 2.0), (0.10, 5.0, 12.0), (0.20, 0.5, 20.5), (0.30, -9.5, 21.5), (0.38, -15.5, 15.0), (0.44, -16.0, 8.0),
    (0.50, -15.5, 1.5), (0.55, -15.0, -4.0), (0.61, -14.5, -11.0), (0.68, -13.0, -19.0), (0.78, -8.5, -22.5),
    (0.86, -3.0, -19.0), (0.93, 2.0, -9.0)])
# The line in the middle that the loops of the front close round: v, u.
SLIT = PchipInterpolator([-24, -12, 0, 10, 20], [-3.0, -1.0, 0.5, 2.5, 3.0])


def closed(table):
    """A smooth function of the way round through rows (way, values)."""
    return CubicSpline(np.append(table[:, 0], table[0, 0] + 1), np.vstack([table[:, 1:], table[:1, 1:]]), bc_type="periodic")


def line(*points):
    """(samples [N,2], way along them 0..1 [N]) of a smooth curve through points (u, v)."""
    points = np.array(points, float)
    t = np.linspace(0, 1, len(points))
    way = np.linspace(0, 1, 200)
    return CubicSpline(t, points)(way), way


def ridge(place, curve, wide, high):
    """A rounded ridge along a curve [line]: high and wide are functions (or numbers) along its way."""
    samples, way = curve
    far, near = cKDTree(samples).query(place)
    along = way[near]
    value = lambda f: np.interp(along, np.linspace(0, 1, len(f)), f)
    return value(high) * np.exp(-(far / value(wide)) ** 2)


def bowl(place, outline, slope):
    """0 outside a closed outline, rising to 1 within the slope (mm) inside it."""
    points = np.array(outline, float)
    way = np.linspace(0, 1, len(points) + 1)
    samples = CubicSpline(way, np.vstack([points, points[:1]]), bc_type="periodic")(np.linspace(0, 1, 400, endpoint=False))
    far, near = cKDTree(samples).query(place)
    ahead = samples[(near + 1) % 400] - samples[near - 1]
    inside = np.sign(np.cross(ahead, place - samples[near]))
    x = np.clip(far * inside / slope, 0, 1)
    return x * x * (3 - 2 * x)


def front(place):
    """w of the ear's front at places [N,2], rim aside."""
    u, v = place.T
    w = -2.6 - 0.6 * np.exp(-((u - 14) / 5) ** 2)
    w += 2.0 * np.clip((-14 - v) / 8, 0, 1) - 0.8 * np.exp(-(((u + 2) / 5) ** 2 + ((v + 26) / 5) ** 2))   # lobe
    w += ridge(place, line((4.5, -15.5), (8.6, -9), (10.6, -1), (9.6, 7), (7.5, 11)), (2.6, 3.0, 2.8, 2.4), (2.6, 3.4, 3.6, 2.6))
    w += ridge(place, line((8.8, 9), (6.8, 15), (3.5, 20), (0.5, 24)), (2.4, 2.8, 3.0), (1.8, 3.0, 1.2))
    w += ridge(place, line((8.8, 8), (4.5, 11.2), (-2, 13.2), (-9, 13.5)), (1.9, 1.7, 1.7), (1.8, 3.0, 1.8))
    w -= 1.4 * np.exp(-(((u + 1.0) / 4) ** 2 + ((v - 17.5) / 3) ** 2))                                    # triangular fossa
    w -= 10.0 * bowl(place, [(7.6, 3), (3.5, 8.8), (-3, 11.0), (-9.0, 10.5), (-11, 5), (-9.6, -4), (-8, -10),
                             (-3.5, -13.5), (2.0, -11.8), (6.6, -5)], 5.5)
    w -= 4.0 * np.exp(-(((u + 6.5) / 3.0) ** 2 + ((v + 2.0) / 4) ** 2))                                   # ear canal
    w += ridge(place, line((-11, 12), (-9, 7), (-5, 3.6), (0, 3.2), (4, 4)), (2.2, 2.0, 1.8), (2.0, 6.0, 4.0, 0.5))  # crus
    w += 1.8 * np.exp(-(((u - 1.5) / 3.2) ** 2 + ((v + 14.5) / 2.4) ** 2))                                # antitragus
    w -= 2.2 * np.exp(-(((u + 5.5) / 2.0) ** 2 + ((v + 12.5) / 3.0) ** 2))                                # notch
    return w


def rings(edge):
    way = np.arange(len(edge)) / len(edge)
    rim, root = closed(RIM), ROOT
    u, v, w, roll, sharp = rim(way).T
    sharp = np.clip(sharp, 0, 1)
    outline = np.stack([u, v], -1)
    tangent = rim(way, 1)[:, :2]
    inward = np.stack([-tangent[:, 1], tangent[:, 0]], -1) / np.linalg.norm(tangent, axis=1, keepdims=True)
    if (inward * (outline.mean(0) - outline)).sum() < 0:
        inward = -inward

    def put(place, height):
        return MIDDLE + 1e-3 * (place[:, :1] * BACK + place[:, 1:] * UP + np.reshape(height, (-1, 1)) * OUT)

    foot = closed(root)(way)
    base = surface.trace(put(foot, np.full(len(foot), 60.0)), -OUT)
    behind = put(outline + 2.2 * inward, w - 3.4)
    found = [surface.project(0.5 * (edge + base)), base]
    free = np.clip((np.linalg.norm(foot - outline, axis=1) - 7) / 5, 0, 1)[:, None]
    groove = (base - put(foot, np.zeros(len(foot)))) @ OUT
    for t in (0.3, 0.65):
        straight = base + (behind - base) * t
        hollow = straight - 1e-3 * OUT * (4 * t * (1 - t) * 1.5) * free
        found.append(hollow)
    found.append(behind)
    found.append(put(outline, w - 1.7))
    found.append(put(outline + 0.7 * inward, w + 0.1))
    found.append(put(outline + (0.25 * roll + 0.9)[:, None] * inward, w + 0.7 * sharp + 0.2))
    for share, drop in ((0.85, -0.5), (1.0, -2.0)):
        place = outline + (roll * share)[:, None] * inward
        found.append(put(place, (w + drop) * sharp + front(place) * (1 - sharp)))
    start = outline + (roll * 1.0 + 0.5 * (1 - sharp))[:, None] * inward
    middle_v = np.clip(v * 0.80 - 0.5, -24, 21)
    middle = np.stack([SLIT(middle_v), middle_v], -1)
    middle += (outline - middle) * 0.06
    for s in np.linspace(0.10, 1, 9):
        place = start + (middle - start) * s
        found.append(put(place, front(place)))
    return np.array(found)
