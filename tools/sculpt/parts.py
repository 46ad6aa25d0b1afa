"""Eyes, teeth, gums and tongue as one mesh of named parts."""
import numpy as np
from scipy.sparse import csr_matrix, vstack
from scipy.spatial import cKDTree

from tools.sculpt import surface
from tools.sculpt.surface import EYE, EYE_RADIUS, MOUTH_Y

UPPER_EDGE = MOUTH_Y - 0.0016      # the upper incisors' edge
LOWER_EDGE = MOUTH_Y - 0.0008      # the lower ones', behind it
ARCH_FRONT = 0.0815                # z of the upper incisors' face
TEETH = (0.0043, 0.0034, 0.0039, 0.0036, 0.0036, 0.0050)   # half widths from the midline: upper arch
HEIGHTS = (0.0100, 0.0090, 0.0098, 0.0085, 0.0080, 0.0075)


def arch(t, wide, deep, front):
    """Point and tangent on a dental arch, t the way from the midline in metres (to the left positive)."""
    grid = np.linspace(-np.pi / 2, np.pi / 2, 801)
    x, z = wide * np.sin(grid), front - deep * (1 - np.cos(grid))
    way = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    way -= way[400]
    point = np.array([np.interp(t, way, x), np.interp(t, way, z)])
    ahead, behind = (np.array([np.interp(t + d, way, x), np.interp(t + d, way, z)]) for d in (1e-4, -1e-4))
    tangent = (ahead - behind) / np.linalg.norm(ahead - behind)
    return point, tangent


def globe(rows=20, columns=28, latitudes=None):
    """Unit sphere with its pole along +z: vertices, triangles; latitudes: degrees from the pole of the rings."""
    theta = np.linspace(0, np.pi, rows + 1)[1:-1] if latitudes is None else np.radians(latitudes)
    rows = len(theta) + 1
    phi = np.arange(columns) * 2 * np.pi / columns
    ring = np.stack(np.broadcast_arrays(np.sin(theta)[:, None] * np.cos(phi), np.sin(theta)[:, None] * np.sin(phi),
                                        np.cos(theta)[:, None]), -1).reshape(-1, 3)
    v = np.vstack([[0, 0, 1], ring, [0, 0, -1]])
    faces = []
    at = lambda r, c: 1 + r * columns + c % columns
    for c in range(columns):
        faces.append((0, at(0, c), at(0, c + 1)))
        faces.append((len(v) - 1, at(rows - 2, c + 1), at(rows - 2, c)))
        for r in range(rows - 2):
            faces += [(at(r, c), at(r + 1, c), at(r + 1, c + 1)), (at(r, c), at(r + 1, c + 1), at(r, c + 1))]
    return v, np.array(faces)


def build(skin, margin):
    """names [P], vertices [Vp,3], triangles [Fp,3], part of each triangle [Fp], joint of each vertex [Vp],
    tongue shapes [Vp,3,3], and the skin that brows and lashes grow on, a sparse [Vp,V] of weights.
    margin [K]: the left upper lid's vertices, from outside.
    """
    names, vertices, faces, part, joint = [], [], [], [], []
    count, grows = 0, []

    def add(name, v, f, bone, on=None):
        nonlocal count
        used, f = np.unique(f, return_inverse=True)
        v, f, on = v[used], f.reshape(-1, 3), None if on is None else on[used]
        if name not in names:
            names.append(name)
        vertices.append(v)
        faces.append(f + count)
        part.append(np.full(len(f), names.index(name)))
        joint.append(np.full(len(v), bone))
        grows.append(csr_matrix((len(v), len(skin.vertices))) if on is None else on)
        count += len(v)

    sphere, triangles = globe(columns=32, latitudes=(5, 10.5, 17, 23, 29.5, 38, 48, 60, 75, 90, 110, 135, 160))
    for side, sign, bone in (("left", 1, 3), ("right", -1, 4)):
        centre = EYE * (sign, 1, 1)
        nose = np.degrees(np.arccos(np.clip(sphere[triangles][:, :, 2], -1, 1))).mean(1)  # mean latitude of the corners
        add(f"eye_{side}", centre + EYE_RADIUS * sphere, triangles[nose > 29.5], bone)
        v = centre + EYE_RADIUS * sphere
        add(f"iris_{side}", v, triangles[(nose <= 29.5) & (nose > 10.5)], bone)
        add(f"pupil_{side}", v, triangles[nose <= 10.5], bone)
    tooth, tooth_faces = globe(7, 10)
    box = np.sign(tooth) * np.abs(tooth) ** 0.55
    for name, scale, front, edge, up, bone in (("upper", 0.94, ARCH_FRONT, UPPER_EDGE, 1, 1),
                                               ("lower", 0.84, ARCH_FRONT - 0.0030, LOWER_EDGE, -1, 2)):
        way = 0.0
        for width, height in list(zip(TEETH, HEIGHTS))[:6 if up > 0 else 5]:
            width, height = width * scale, height * (0.9 if up < 0 else 1)
            way += width
            for sign in (1, -1):
                (x, z), (tx, tz) = arch(sign * way, 0.0255 * (0.95 if up < 0 else 1), 0.046, front)
                u, n = np.array([tx, 0, tz]), np.array([-tz, 0, tx])
                n = n if n[2] > 0 or abs(n[0]) > 0.5 and n[0] * x > 0 else -n
                q = box * (width * 0.97, height / 2, 0.0028)
                frame = np.stack([u, (0, 1, 0), n])
                flip = np.linalg.det(frame) < 0
                v = np.array([x, edge + up * height / 2, z]) - 0.0028 * n + q @ frame
                add(f"teeth_{name}", v, tooth_faces[:, ::-1] if flip else tooth_faces, bone)
            way += width
        ts = np.linspace(-way, way, 33)
        ring = np.arange(10) * 2 * np.pi / 10
        tube = []
        for t in ts:
            (x, z), (tx, tz) = arch(t, 0.0255 * (0.95 if up < 0 else 1), 0.046, front)
            n = np.array([-tz, 0, tx])
            n = n if n[2] > 0 or abs(n[0]) > 0.5 and n[0] * x > 0 else -n
            tube.append(np.array([x, edge + up * 0.0115, z]) - 0.0040 * n
                        + 0.0042 * np.cos(ring)[:, None] * n + 0.0046 * np.sin(ring)[:, None] * np.array([0, 1, 0]))
        tube = np.array(tube).reshape(-1, 3)
        net = [(i * 10 + k, i * 10 + (k + 1) % 10, (i + 1) * 10 + (k + 1) % 10, (i + 1) * 10 + k)
               for i in range(32) for k in range(10)]
        net = np.array([t for q in net for t in ((q[0], q[1], q[2]), (q[0], q[2], q[3]))])
        add(f"gums_{name}", tube, outward(tube, net, tube.reshape(33, 10, 3).mean(1).repeat(10, 0)), bone)
    body, body_faces = globe(16, 18)
    length = (body[:, 2] + 1) / 2                     # 0 at the root, 1 at the tip
    width = 0.0185 - 0.0055 * length ** 2
    tongue = np.column_stack([body[:, 0] * width, MOUTH_Y - 0.0082 + body[:, 1] * (0.0085 - 0.0045 * length)
                              - 0.006 * (1 - length) ** 2 + 0.001 * np.sin(np.pi * length),
                              0.0300 + 0.0420 * length])
    tongue[:, 1] -= 0.0012 * (body[:, 1] > 0) * np.exp(-(tongue[:, 0] / 0.004) ** 2) * body[:, 1]
    start = count
    add("tongue", tongue, body_faces, 2)
    shapes = np.zeros((count, 3, 3))
    tip, back = np.clip((length - 0.35) / 0.65, 0, 1) ** 1.6, np.exp(-((length - 0.32) / 0.24) ** 2)
    shapes[start:, :, 0] = tip[:, None] * (0, 0.0135, -0.0015)
    shapes[start:, :, 1] = back[:, None] * (0, 0.0120, 0.0010) + np.clip(length - 0.5, 0, 1)[:, None] * (0, 0.0020, -0.0080)
    shapes[start:, :, 2] = length[:, None] ** 1.3 * (0, 0.0125, 0.0330) + (length ** 5)[:, None] * (0, -0.0035, 0)
    for name, (v, f, on) in (("brow", brow(skin)), ("lashes", lashes(skin, margin))):
        add(f"{name}_left", v, f, 1, on)
        add(f"{name}_right", v * (-1, 1, 1), f[:, ::-1], 1, on[:, skin.mirror])
    v, f = np.concatenate(vertices), np.concatenate(faces)
    shapes = np.concatenate([shapes, np.zeros((len(v) - len(shapes), 3, 3))])
    return names, v, f, np.concatenate(part), np.concatenate(joint), shapes, vstack(grows).tocsr()


def strip(rows, columns):
    """Triangles of a grid of vertices [rows, columns]."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1].ravel(), at[:-1, 1:].ravel(), at[1:, 1:].ravel(), at[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def brow(skin, columns=15):
    """The left brow, a low ridge on the skin from its inner end: vertices, triangles, weights of the skin under each."""
    t = np.linspace(0, 1, columns)
    x = 0.0105 + 0.0390 * t
    y = 0.0485 + 0.0060 * np.sin(np.pi * t ** 1.25) - 0.0030 * t ** 2
    half = 0.0033 * (1 - t) ** 0.35 * (0.75 + 0.25 * np.minimum(t / 0.2, 1)) + 0.0003
    rows = []
    for v in (-1, -0.5, 0.2, 0.8, 1):
        place = np.stack([x + 0.0010 * v, y + half * v], -1)
        rows.append(np.column_stack([place, surface.front(*place.T) + 0.0014 * (1 - v * v) - 0.0001]))
    v = np.concatenate(rows)
    far, near = cKDTree(skin.vertices).query(v, 8)
    weights = np.exp(-(far / 0.003) ** 2)
    weights /= weights.sum(1, keepdims=True)
    on = csr_matrix((weights.ravel(), near.ravel(), np.arange(len(v) + 1) * 8), (len(v), len(skin.vertices)))
    return v, strip(5, columns), on


def lashes(skin, margin):
    """The left upper lashes, a dark rim that curls out from the lid's margin [K], from outside to inside."""
    place = skin.vertices[margin]
    t = np.linspace(0, 1, len(margin))
    long = (0.0007 + 0.0026 * np.sin(np.pi * t) ** 0.6 * (1 - 0.4 * t))[:, None]
    out = np.column_stack([0.55 * (1 - 2 * t) ** 3, 0.25 + 0 * t, 1 + 0 * t])
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    v = np.concatenate([place + (0, 0.0004, 0.0001), place - (0, 0.0001, 0), place + out * 0.6 * long,
                        place + out * long + np.array([0, 0.5, 0]) * long])
    f = strip(4, len(margin))
    on = csr_matrix((np.ones(len(v)), np.tile(margin, 4), np.arange(len(v) + 1)), (len(v), len(skin.vertices)))
    return v, f, on


def outward(vertices, triangles, middle):
    """Triangles turned to face away from the middle [V,3] of each vertex."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    away = ((a - middle[triangles[:, 0]]) * np.cross(b - a, c - a)).sum(1) < 0
    return np.where(away[:, None], triangles[:, ::-1], triangles)
