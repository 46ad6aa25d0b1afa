"""Teeth, gums and tongue."""
import numpy as np

from tools.sculpt import shapes
from tools.sculpt.surface import MOUTH_Y

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


def rows():
    """Yields (part name, vertices, triangles, joint) of every tooth and of the gums."""
    tooth, tooth_faces = shapes.globe(7, 10)
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
                yield (f"teeth_{name}", v, tooth_faces[:, ::-1] if flip else tooth_faces, bone)
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
        yield (f"gums_{name}", tube, shapes.outward(tube, net, tube.reshape(33, 10, 3).mean(1).repeat(10, 0)), bone)


def tongue():
    """(vertices [N,3], triangles, shapes [N,3,3]: displacement at tip up 1, back up 1, out 1)."""
    body, body_faces = shapes.globe(16, 18)
    length = (body[:, 2] + 1) / 2                     # 0 at the root, 1 at the tip
    width = 0.0185 - 0.0055 * length ** 2
    tongue = np.column_stack([body[:, 0] * width, MOUTH_Y - 0.0082 + body[:, 1] * (0.0085 - 0.0045 * length)
                              - 0.006 * (1 - length) ** 2 + 0.001 * np.sin(np.pi * length),
                              0.0300 + 0.0420 * length])
    tongue[:, 1] -= 0.0012 * (body[:, 1] > 0) * np.exp(-(tongue[:, 0] / 0.004) ** 2) * body[:, 1]
    moves = np.zeros((len(tongue), 3, 3))
    tip, back = np.clip((length - 0.35) / 0.65, 0, 1) ** 1.6, np.exp(-((length - 0.32) / 0.24) ** 2)
    moves[:, :, 0] = tip[:, None] * (0, 0.0135, -0.0015)
    moves[:, :, 1] = back[:, None] * (0, 0.0120, 0.0010) + np.clip(length - 0.5, 0, 1)[:, None] * (0, 0.0020, -0.0080)
    moves[:, :, 2] = length[:, None] ** 1.3 * (0, 0.0125, 0.0330) + (length ** 5)[:, None] * (0, -0.0035, 0)
    return tongue, body_faces, moves
