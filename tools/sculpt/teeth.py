"""Teeth, gums and tongue.

Crowns have the sizes of Wheeler's table (Nelson, Wheeler's Dental Anatomy, 2010). The upper incisors' edge hangs 2 mm under the
place where the lips meet and 2 mm before and over the lower ones' (overjet and overbite). Upper teeth are fixed to the skull
(joint 1), lower teeth and the tongue to the jaw (joint 2).

The tongue has three shapes, linear, on Motion's channels, made for the phones of the teacher:
tip up   t d n l (0.9 to 1, jaw 0.04 to 0.08 rad): the tip behind the upper incisors, at the gum; s z sh ch r lift it part of the way.
back up  k g ng (0.9 to 1): the back at the palate, the tip drawn back; u and w half of it.
out      th dh (0.35 to 0.5, jaw 0.1 to 0.15 rad): the tip between the teeth; 1 is the tongue put out with the jaw wide open.
"""

import numpy as np

from tools.sculpt import shapes, surface
from tools.sculpt.surface import MOUTH_Y

BEHIND_SKIN = 0.0041  # the upper incisors' face behind the face's surface, without lips, where these meet
OVERJET = 0.0024
ARCHES = {"upper": (0.0300, 0.046), "lower": (0.0275, 0.0435)}  # half width and depth
# From the midline: kind, width along the arch, height, thickness, and edge over the place where the lips meet, millimetres.
TEETH = {
    "upper": (
        ("incisor", 8.5, 10.5, 6.6, -2.2),
        ("incisor", 6.5, 9.2, 6.0, -1.7),
        ("canine", 7.6, 10.2, 7.2, -2.1),
        ("premolar", 7.0, 8.6, 8.6, -1.5),
        ("premolar", 6.8, 8.2, 8.6, -1.2),
        ("molar", 10.2, 7.5, 10.4, -0.9),
        ("molar", 9.2, 7.0, 10.2, -0.6),
    ),
    "lower": (
        ("incisor", 5.2, 8.8, 5.6, -0.3),
        ("incisor", 5.7, 9.0, 5.8, -0.4),
        ("canine", 6.8, 9.8, 6.8, -0.2),
        ("premolar", 7.0, 8.4, 7.4, -2.6),
        ("premolar", 7.1, 8.0, 7.8, -2.4),
        ("molar", 10.6, 7.4, 9.6, -2.1),
        ("molar", 9.8, 7.0, 9.4, -1.8),
    ),
}
# Crowns, row by row from under the gum (0 at the gum line) to the edge (1): share of the width, how far (mm) the outer face lies
# behind its fullest place, and share of the thickness.
BLADE = np.array(
    [
        (-0.15, 0.64, 1.0, 0.85),
        (0.08, 0.76, 0.40, 0.95),
        (0.35, 0.91, 0.0, 0.86),
        (0.62, 0.985, 0.10, 0.58),
        (0.84, 1.0, 0.38, 0.34),
        (0.96, 0.97, 0.62, 0.22),
        (1.0, 0.88, 0.85, 0.13),
    ]
)
TABLE = np.array(
    [(-0.15, 0.78, 0.8, 0.82), (0.20, 0.92, 0.15, 0.97), (0.55, 1.0, 0.0, 1.0), (0.86, 0.95, 0.50, 0.90), (1.0, 0.72, 1.5, 0.64)]
)
TONGUE_TIP = 0.0062  # behind the lower incisors' face
TONGUE_ROOT = 0.030  # z


def front():
    """z of the upper incisors' face."""
    return surface.front(np.zeros(1), np.array([MOUTH_Y]))[0] - BEHIND_SKIN


def arch(way, name):
    """Places [N,2] (x, z) on a dental arch's outer side, way [N] metres from the midline to the left, and the normals [N,2]."""
    wide, deep = ARCHES[name]
    turn = np.linspace(0, np.pi / 2, 4001)
    x, z = wide * np.sin(turn) ** (1 / 1.06), -deep * (1 - np.cos(turn) ** (1 / 1.06))
    run = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])

    def at(t):
        t = np.asarray(t, float)
        return np.stack([np.sign(t) * np.interp(np.abs(t), run, x), np.interp(np.abs(t), run, z)], -1)

    tangent = at(way + 5e-4) - at(way - 5e-4)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
    place = at(way) + (0, front() - (OVERJET if name == "lower" else 0))
    return place, np.stack([-tangent[..., 1], tangent[..., 0]], -1)


def crown(kind, width, height, thickness):
    """A crown [N,3] (along the arch, from the edge to the gum, outwards), metres, and its triangles."""
    blade = kind in ("incisor", "canine")
    columns = {"incisor": 12, "canine": 10, "premolar": 8, "molar": 8}[kind]
    phi = np.arange(columns) * 2 * np.pi / columns
    c, s = (np.sign(q) * np.abs(q) ** 0.75 for q in (np.cos(phi), np.sin(phi)))
    rows = []
    for v, wide, back, thick in BLADE if blade else TABLE:
        a = 0.5 * width * wide * c * np.where(s < 0, 1 - 0.22 * np.abs(s), 1)  # narrower on the tongue's side
        n = -back + 0.5 * thickness * thick * (s - 1)
        side, edge = np.abs(np.cos(phi)), max(v, 0) ** 3
        if kind == "incisor":
            cut = edge * np.where(a > 0, 0.9, 0.45) * side**4  # the corner away from the midline is rounder
        elif kind == "canine":
            cut = edge * np.where(a > 0, 2.1, 1.6) * side**1.2
        elif kind == "premolar":
            cut = edge * (1.3 * side**1.3 + 0.9 * (s < -0.1))
        else:
            cut = edge * 0.8 * np.cos(2 * phi) ** 2
        rows.append(np.stack([a, height * (1 - v) + cut, n], -1))
    last = rows[-1].mean(0, keepdims=True) + (0, 0 if blade else 1.1, 0)
    v = np.concatenate(rows + [last]) / 1000
    faces = [
        shapes.strip(len(rows), columns + 1) // (columns + 1) * columns + shapes.strip(len(rows), columns + 1) % (columns + 1) % columns
    ]
    k = np.arange(columns)
    faces.append(np.stack([(len(rows) - 1) * columns + k, (len(rows) - 1) * columns + (k + 1) % columns, 0 * k + len(v) - 1], -1))
    return v, np.concatenate(faces)


def rows():
    """Yields (part name, vertices, triangles, joint) of every tooth and of the gums."""
    for name, up, bone in (("upper", 1, 1), ("lower", -1, 2)):
        middle = 0.0
        for kind, width, height, thickness, edge in TEETH[name]:
            middle += width / 2000
            v, f = crown(kind, width, height, thickness)
            for sign in (1, -1):
                (x, z), (nx, nz) = arch(sign * middle, name)
                place = np.array([x, MOUTH_Y + edge / 1000, z])
                away = np.array([nz, 0, -nx]) * sign  # along the arch, from the midline
                tooth = place + v @ np.stack([away, (0, up, 0), (nx, 0, nz)])
                yield f"teeth_{name}", tooth, shapes.outward(tooth, f, 0 * tooth + tooth.mean(0)), bone
            middle += width / 2000
        v, f = gum(name, up)
        yield f"gums_{name}", v, f, bone


def gum(name, up):
    """The gum of one arch as a tube round the necks: scalloped along the crowns, with a papilla between each two."""
    stations = []  # way, share of the way from a tooth's middle to its side, tooth
    way = 0.0
    for k, (_, width, *_) in enumerate(TEETH[name]):
        stations += [(way, 1, k)] * (k == 0)
        stations += [(way + width / 2000 * (1 + t), abs(t), k) for t in (-0.6, 0, 0.6, 1)]
        way += width / 1000
    stations = [(-w, t, k) for w, t, k in stations[:0:-1]] + stations
    ways, shares, teeth = (np.array(q) for q in zip(*stations))
    table = np.array([tooth[1:] for tooth in TEETH[name]])
    height, thick, edge = table[teeth, 1], table[teeth, 2], table[teeth, 3]
    beside = shares**2.2  # 0 at a crown's middle, 1 between two crowns
    neck = edge * up + height * 0.95  # mm from the lips' meeting, into the skull or the jaw
    margin = neck - beside * 0.36 * height
    top = np.full(len(ways), 11.8 if up > 0 else 12.6)
    place, normal = arch(ways, name)
    ring = (
        np.stack(
            [
                np.stack(pair, -1)
                for pair in (
                    (-2.4 + 0 * beside, top),
                    (-0.35 - 0.40 * beside, 0.45 * margin + 0.55 * top),
                    (-0.05 - 0.95 * beside, margin + 0.5),
                    (-0.5 * thick, margin - 0.2),
                    (-thick - 0.2 + 0.5 * beside, margin + 1.0),
                    (-thick - 1.6, top),
                )
            ],
            1,
        )
        / 1000
    )  # [S,6,2]: outwards, up
    v = np.stack(
        [
            place[:, None, 0] + normal[:, None, 0] * ring[..., 0],
            MOUTH_Y + up * ring[..., 1],
            place[:, None, 1] + normal[:, None, 1] * ring[..., 0],
        ],
        -1,
    )
    for end in (0, -1):
        v[end] = v[end].mean(0) + 0.2 * (v[end] - v[end].mean(0))
    rows, columns = v.shape[:2]
    f = shapes.strip(rows, columns + 1)
    f = f // (columns + 1) * columns + f % (columns + 1) % columns
    return v.reshape(-1, 3), shapes.outward(v.reshape(-1, 3), f, v.mean(1).repeat(columns, 0))


def tongue():
    """(vertices [N,3], triangles, shapes [N,3,3]: displacement at tip up 1, back up 1, out 1)."""
    ball, triangles = shapes.globe(columns=20, latitudes=(9, 20, 32, 45, 58, 71, 84, 98, 113, 130, 150, 168))
    far = (1 + ball[:, 2]) / 2  # 0 at the root, 1 at the tip
    radial = np.linalg.norm(ball[:, :2], axis=1)
    c, s = (ball[:, :2] / np.maximum(radial, 1e-9)[:, None]).T
    c, s = np.sign(c) * np.abs(c) ** 0.85, np.sign(s) * np.abs(s) ** 0.85
    pole = radial < 1e-9
    c[pole] = s[pole] = 0
    root = 1 - (1 - far) ** 10  # closes the root
    wide = 0.0178 * (1 - far**3.6) ** (1 / 2.3) * root
    above = (0.0042 + 0.0056 * np.sin(np.pi * np.clip(far / 0.75, 0, 1)) ** 0.8) * (1 - far**6) ** 0.5 * root
    below = (0.0030 + 0.0050 * (1 - far)) * (1 - far**5) ** 0.5 * root
    middle = MOUTH_Y - 0.0009 - 0.0065 * (1 - far) ** 3
    tip = front() - OVERJET - TONGUE_TIP
    tongue = np.column_stack([wide * c, middle + np.where(s > 0, above, below) * s, TONGUE_ROOT + (tip - TONGUE_ROOT) * far])
    dorsum = np.maximum(s, 0)
    tongue[:, 1] -= dorsum * 0.0024 * np.exp(-((tongue[:, 0] / 0.0048) ** 2)) * (far * (1 - far) * 4) ** 0.7
    moves = np.zeros((len(tongue), 3, 3))
    lift = np.clip((far - 0.42) / 0.58, 0, 1)[:, None] ** 1.7
    moves[:, :, 0] = lift * (0, 0.0125, -0.0006)
    back = np.exp(-(((far - 0.34) / 0.24) ** 2))[:, None]
    moves[:, :, 1] = back * (0, 0.0110, 0.0008) + np.clip((far - 0.5) / 0.5, 0, 1)[:, None] * (0, -0.0010, -0.0070)
    ahead = np.clip((far - 0.05) / 0.95, 0, 1)[:, None]
    moves[:, :, 2] = ahead**1.1 * (0, 0, 0.0355) + ahead**1.5 * np.column_stack([0 * s, 0.0087 - 0.0023 * s, 0 * s])
    moves[:, 0, 2] = -0.36 * tongue[:, 0] * ahead[:, 0] ** 1.5
    return tongue, triangles, moves
