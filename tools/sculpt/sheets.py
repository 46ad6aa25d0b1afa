"""Contact sheets of the head: a small software renderer, good enough to judge shapes by."""
import struct
import zlib

import numpy as np

COLOURS = {"skin": (0.86, 0.66, 0.56), "lips": (0.78, 0.42, 0.40), "eye": (0.95, 0.95, 0.93), "iris": (0.28, 0.42, 0.50),
           "pupil": (0.03, 0.03, 0.03), "teeth": (0.93, 0.91, 0.85), "gums": (0.75, 0.38, 0.38), "tongue": (0.78, 0.36, 0.38),
           "mouth": (0.25, 0.08, 0.08), "brow": (0.30, 0.20, 0.15), "lashes": (0.12, 0.08, 0.07)}


def render(vertices, triangles, colours, yaw=0.0, size=360, centre=(0, 0.0, 0.0), span=0.30):
    """Picture [size,size,3] of triangles [F,3] with vertex colours [V,3], orthographic, seen from the front turned by yaw."""
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    p = (vertices - centre) @ turn.T
    normals = np.zeros_like(p)
    corners = p[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for k in range(3):
        np.add.at(normals, triangles[:, k], face)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    scale = size / span
    screen = np.stack([p[:, 0] * scale + size / 2, size / 2 - p[:, 1] * scale, p[:, 2]], -1)
    picture = np.full((size, size, 3), 0.16)
    depth = np.full((size, size), -1e9)
    key, fill = np.array([0.45, 0.55, 0.70]), np.array([-0.75, 0.1, 0.5])
    key, fill = key / np.linalg.norm(key), fill / np.linalg.norm(fill)
    for (a, b, d), n in zip(triangles, face):
        if n[2] <= 0:
            continue
        q = screen[[a, b, d]]
        x0, x1 = int(np.floor(q[:, 0].min())), int(np.ceil(q[:, 0].max())) + 1
        y0, y1 = int(np.floor(q[:, 1].min())), int(np.ceil(q[:, 1].max())) + 1
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, size), min(y1, size)
        if x0 >= x1 or y0 >= y1:
            continue
        area = (q[1, 0] - q[0, 0]) * (q[2, 1] - q[0, 1]) - (q[2, 0] - q[0, 0]) * (q[1, 1] - q[0, 1])
        if abs(area) < 1e-9:
            continue
        gx, gy = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
        w1 = ((gx - q[0, 0]) * (q[2, 1] - q[0, 1]) - (q[2, 0] - q[0, 0]) * (gy - q[0, 1])) / area
        w2 = ((q[1, 0] - q[0, 0]) * (gy - q[0, 1]) - (gx - q[0, 0]) * (q[1, 1] - q[0, 1])) / area
        w0 = 1 - w1 - w2
        z = w0 * q[0, 2] + w1 * q[1, 2] + w2 * q[2, 2]
        hit = (w0 >= -1e-6) & (w1 >= -1e-6) & (w2 >= -1e-6) & (z > depth[y0:y1, x0:x1])
        if not hit.any():
            continue
        w = np.stack([w0, w1, w2], -1)[hit]
        normal = w @ normals[[a, b, d]]
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
        light = 0.22 + 0.70 * np.maximum(normal @ key, 0) + 0.22 * np.maximum(normal @ fill, 0)
        shine = 0.10 * np.maximum(normal @ ((key + (0, 0, 1)) / np.linalg.norm(key + (0, 0, 1))), 0) ** 24
        picture[y0:y1, x0:x1][hit] = (w @ colours[[a, b, d]]) * light[:, None] + shine[:, None]
        depth[y0:y1, x0:x1][hit] = z[hit]
    return np.clip(picture, 0, 1) ** (1 / 1.6)


def write_png(path, picture):
    rows = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    height, width = rows.shape[:2]
    raw = np.concatenate([np.zeros((height, 1), np.uint8), rows.reshape(height, -1)], 1).tobytes()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(raw, 6)) + chunk(b"IEND", b""))


def sheet(pictures, columns):
    """Pictures side by side, columns to a row."""
    blank = np.full_like(pictures[0], 0.1)
    pictures = list(pictures) + [blank] * (-len(pictures) % columns)
    return np.concatenate([np.concatenate(pictures[i:i + columns], 1) for i in range(0, len(pictures), columns)])


def painted(fields):
    """(triangles [F,3], colours [V+Vp,3]) of skin and parts as one mesh."""
    v, parts = fields["v_template"], fields["parts_v"]
    colours = np.tile(COLOURS["skin"], (len(v) + len(parts), 1))
    regions = dict(zip(fields["region_names"].tolist(), fields["regions"]))
    colours[:len(v)][regions["lips"]] = COLOURS["lips"]
    colours[:len(v)][regions["mouth_inside"]] = COLOURS["mouth"]
    names = fields["part_names"].tolist()
    extra = []
    triangles = [fields["f"]]
    # A vertex shared by eye and iris would blend the colours: every part gets its own copy.
    start, order = len(v), []
    for k, name in enumerate(names):
        chosen = fields["parts_f"][fields["parts_face"] == k]
        used, local = np.unique(chosen, return_inverse=True)
        triangles.append(local.reshape(chosen.shape) + start)
        order.append(used)
        extra.append(np.tile(COLOURS[name.split("_")[0]], (len(used), 1)))
        start += len(used)
    return np.concatenate(triangles), np.concatenate([colours[:len(v)]] + extra), np.concatenate(order)


POSES = {
    "neutral": {}, "jawOpen 1": dict(jawOpen=1), "jawOpen .5": dict(jawOpen=0.5),
    "open + close": dict(jawOpen=0.3, mouthClose=0.3),
    "m": dict(jawOpen=0.08, mouthClose=0.08, mouthPressLeft=0.5, mouthPressRight=0.5, mouthRollLower=0.2, mouthRollUpper=0.2),
    "f": dict(jawOpen=0.10, mouthRollLower=0.75, mouthUpperUpLeft=0.35, mouthUpperUpRight=0.35, mouthClose=0.03),
    "oo": dict(jawOpen=0.16, mouthPucker=0.75, mouthFunnel=0.30), "oh": dict(jawOpen=0.35, mouthFunnel=0.8),
    "ee": dict(jawOpen=0.12, mouthStretchLeft=0.5, mouthStretchRight=0.5, mouthSmileLeft=0.3, mouthSmileRight=0.3,
               mouthUpperUpLeft=0.3, mouthUpperUpRight=0.3, mouthLowerDownLeft=0.45, mouthLowerDownRight=0.45),
    "ah": dict(jawOpen=0.5, mouthLowerDownLeft=0.2, mouthLowerDownRight=0.2, mouthUpperUpLeft=0.15, mouthUpperUpRight=0.15),
    "l": dict(jawOpen=0.25, tongue=0.9),
    "smile": dict(mouthSmileLeft=0.9, mouthSmileRight=0.9, cheekSquintLeft=0.6, cheekSquintRight=0.6),
    "frown": dict(mouthFrownLeft=1, mouthFrownRight=1, browInnerUp=0.9, mouthShrugLower=0.3),
    "blink": dict(eyeBlinkLeft=1, eyeBlinkRight=1), "wink": dict(eyeBlinkLeft=1, eyeBlinkRight=0.5),
    "angry": dict(browDownLeft=1, browDownRight=1, eyeSquintLeft=0.6, eyeSquintRight=0.6, noseSneerLeft=0.5, noseSneerRight=0.5,
                  mouthPressLeft=0.8, mouthPressRight=0.8),
    "surprised": dict(browInnerUp=1, browOuterUpLeft=1, browOuterUpRight=1, eyeWideLeft=1, eyeWideRight=1, jawOpen=0.4),
    "pucker": dict(mouthPucker=1), "funnel": dict(mouthFunnel=1), "roll": dict(mouthRollLower=1, mouthRollUpper=1),
    "puff": dict(cheekPuff=1), "tongue out": dict(jawOpen=0.3, tongueOut=1), "left": dict(mouthLeft=1, jawLeft=1),
    "look": dict(eyeLookOutLeft=1, eyeLookInRight=1, eyeLookUpLeft=0.5, eyeLookUpRight=0.5),
}


def draw(path, folder):
    """Draw the sheets of the head file at path into folder; returns their paths."""
    from model_runtime.flame import lbs
    from model_runtime.flame.head import load_head
    fields = dict(np.load(path))
    head = load_head(path)
    names = fields["action_names"].tolist()
    triangles, colours, order = painted(fields)
    neutral = np.zeros((1, 65), np.float32)

    def bodies(values, beta=None):
        skin = lbs.pose(head, values, beta=beta)
        parts = lbs.pose_parts(head, values, beta=beta)
        return np.concatenate([skin, parts[:, order]], 1)

    values = np.zeros((len(POSES), 65), np.float32)
    for row, pose in zip(values, POSES.values()):
        for name, amount in pose.items():
            if name == "tongue":
                row[62] += amount
            else:
                row += amount * fields["actions_motion"][names.index(name)]
    posed = bodies(values)
    sheets = {}
    views = [dict(yaw=np.radians(a), size=480, centre=(0, -0.012, -0.01), span=0.34) for a in (0, -40, -90)]
    close = dict(size=480, centre=(0, -0.008, 0.05), span=0.17)
    sheets["neutral"] = sheet([render(posed[0], triangles, colours, **view) for view in views]
                              + [render(posed[0], triangles, colours, yaw=np.radians(a), **close) for a in (0, -40, -90)], 3)
    face = dict(size=300, centre=(0, -0.014, 0.05), span=0.185)
    sheets["poses"] = sheet([render(p, triangles, colours, yaw=np.radians(-12), **face) for p in posed], 6)
    sheets["poses_side"] = sheet([render(p, triangles, colours, yaw=np.radians(-62), **face) for p in posed], 6)
    each = bodies(np.ascontiguousarray(fields["actions_motion"], np.float32))
    sheets["actions"] = sheet([render(p, triangles, colours, yaw=np.radians(-12), **dict(face, size=200)) for p in each], 9)
    rng = np.random.default_rng(1)
    heads = [bodies(neutral, rng.standard_normal(300).astype(np.float32))[0] for _ in range(10)]
    sheets["identities"] = sheet([render(h, triangles, colours, yaw=np.radians(-25), size=300, centre=(0, -0.012, 0), span=0.34)
                                  for h in heads], 5)
    paths = []
    for name, picture in sheets.items():
        paths.append(folder / f"head_{name}.png")
        write_png(paths[-1], picture)
    return paths
