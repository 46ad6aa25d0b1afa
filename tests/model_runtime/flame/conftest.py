"""A small head made in code: an egg with a slit for a mouth, in the full format of the built-in head. Coarse, but with every array."""

from functools import lru_cache

import numpy as np
import pytest

from model_runtime.flame.head import head_from_fields

ACTION_NAMES = """eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft eyeBlinkRight
eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight jawForward jawLeft jawRight jawOpen mouthClose
mouthFunnel mouthPucker mouthLeft mouthRight mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight
mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthPressLeft mouthPressRight
mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight browDownLeft browDownRight browInnerUp browOuterUpLeft
browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut""".split()
MOUTH_HALF, MOUTH_Y = 0.024, -0.045


def egg(rows=60, columns=72):
    """Vertices, faces, and the slit's vertex pairs (upper, lower, subject's left to right) of an egg 0.15 m wide, mouth towards
    +Z."""
    elevation = np.linspace(-np.pi / 2, np.pi / 2, rows + 1)[1:-1]
    azimuth = np.linspace(-np.pi, np.pi, columns, endpoint=False)
    e, a = np.meshgrid(elevation, azimuth, indexing="ij")
    v = np.stack([0.075 * np.cos(e) * np.sin(a), 0.13 * np.sin(e), 0.075 * np.cos(e) * np.cos(a)], -1)
    index = np.arange(v[..., 0].size).reshape(v.shape[:2])
    slit = np.abs(v[:, 0, 1] - MOUTH_Y).argmin()
    cut = np.flatnonzero((np.abs(v[slit, :, 0]) < MOUTH_HALF) & (v[slit, :, 2] > 0))
    below = index.copy()
    below[slit, cut] = index.size + np.arange(len(cut))
    faces = []
    for r in range(len(index) - 1):
        top, _bottom = index[r + 1], (below if r + 1 == slit else index)[r]
        low = (index[r], below[r + 1] if r + 1 == slit else index[r + 1])
        low, top = low[0], low[1]
        nxt = np.roll(np.arange(columns), -1)
        faces += [np.stack([low, low[nxt], top[nxt]], 1), np.stack([low, top[nxt], top], 1)]
    vertices = np.concatenate([v.reshape(-1, 3), v[slit, cut]])
    order = np.argsort(-v[slit, cut, 0])
    return vertices, np.concatenate(faces), index[slit, cut][order], below[slit, cut][order]


def bump(v, centre, width):
    return np.exp(-((v - np.asarray(centre)) ** 2).sum(1) / (2 * width**2))[:, None]


@lru_cache
def make_head(rows=60, columns=72, seed=0, squeeze=(1.0, 1.0, 1.0)):
    rng = np.random.default_rng(seed)
    v, f, upper, lower = egg(rows, columns)
    below = np.zeros(len(v), bool)
    below[lower] = True
    below |= v[:, 1] < v[lower[0], 1] - 1e-6
    chin = (below * np.clip((v[:, 2] + 0.02) / 0.05, 0, 1)) * np.clip((v[:, 1] + 0.13) / 0.03, 0, 1)
    lips = bump(v, (0, MOUTH_Y, 0.066), 0.018)
    actions = np.zeros((len(v), 3, 52))
    motions = np.zeros((52, 65), np.float32)
    side = {"Left": 1, "Right": -1}
    places = {
        "mouth": (0.022, MOUTH_Y, 0.06),
        "brow": (0.025, 0.045, 0.065),
        "cheek": (0.04, 0.0, 0.06),
        "nose": (0.008, 0.0, 0.075),
        "eyeS": (0.03, 0.02, 0.066),
        "eyeW": (0.03, 0.03, 0.066),
    }
    for k, name in enumerate(ACTION_NAMES):
        sign = next((s for word, s in side.items() if name.endswith(word)), 0)
        place = next((p for word, p in places.items() if name.startswith(word)), None)
        if place is not None:
            centre = np.array(place) * [sign if sign else 0, 1, 1] + rng.normal(0, 0.012, 3)
            direction = {"mouthSmile": (0.5 * sign, 1, -0.3), "mouthFrown": (0.2 * sign, -1, -0.2)}.get(name.rstrip("LeftRigh"))
            direction = np.array(direction) if direction else rng.normal(size=3)
            width = rng.uniform(0.008, 0.016)
            mask = below if "Lower" in name else ~below if "Upper" in name else np.ones(len(v), bool)
            actions[:, :, k] = 0.006 * bump(v, centre, width) * mask[:, None] * direction / np.linalg.norm(direction)
    close = ACTION_NAMES.index("mouthClose")
    actions[:, :, close] = 0.5 * lips * (below[:, None] * [0, 0.006, 0] - ~below[:, None] * [0, 0.006, 0])
    free = np.flatnonzero(np.abs(actions).sum((0, 1)) > 0)
    u, s, vt = np.linalg.svd(actions[:, :, free].reshape(-1, len(free)), full_matrices=False)
    expression = np.zeros((len(v), 3, 100))
    spread = s / np.sqrt(12)
    expression[:, :, : len(free)] = (u * spread).reshape(len(v), 3, -1)
    motions[free, : len(free)] = (vt * np.sqrt(12)).T
    chosen = {
        "eyeBlinkLeft": {60: 1},
        "eyeBlinkRight": {61: 1},
        "jawOpen": {50: 0.4},
        "jawLeft": {51: 0.1},
        "jawRight": {51: -0.1},
        "jawForward": {52: 0.05},
        "tongueOut": {64: 1},
    }
    for s_name, (pitch, yaw) in {"Left": (56, 57), "Right": (58, 59)}.items():
        out = side[s_name]
        chosen |= {
            f"eyeLookDown{s_name}": {pitch: 0.4},
            f"eyeLookUp{s_name}": {pitch: -0.4},
            f"eyeLookIn{s_name}": {yaw: -0.5 * out},
            f"eyeLookOut{s_name}": {yaw: 0.5 * out},
        }
    for name, channels in chosen.items():
        for channel, value in channels.items():
            motions[ACTION_NAMES.index(name), channel] = value
    lids = np.stack([0.01 * bump(v, (s * 0.03, 0.028, 0.066), 0.008) * [0, -1, 0] for s in (1, -1)], -1)
    actions[:, :, 0], actions[:, :, 7] = lids[..., 0], lids[..., 1]
    identity = np.zeros((len(v), 3, 300))
    for k in range(12):
        identity[:, :, k] = 0.003 * bump(v, rng.normal(size=3) * [0.04, 0.08, 0.05], 0.05) * rng.normal(size=3)
    neck = np.clip((v[:, 1] + 0.12) / 0.03, 0, 1)
    eyes = [0.5 * bump(v, (s * 0.03, 0.025, 0.068), 0.004)[:, 0] for s in (1, -1)]
    jaw = chin * 0.98
    rest = np.clip(neck - jaw - eyes[0] - eyes[1], 0, 1)
    weights = np.stack([1 - rest - jaw - eyes[0] - eyes[1], rest, jaw, *eyes], 1)
    regressor = np.zeros((5, len(v)))
    for j, at in enumerate([(0, -0.13, 0), (0, -0.1, -0.01), (0, -0.01, -0.01), (0.03, 0.025, 0.045), (-0.03, 0.025, 0.045)]):
        nearest = np.argsort(np.linalg.norm(v - at, axis=1))[:24]
        a = np.vstack([v[nearest].T, np.ones(24)])
        regressor[j, nearest] = np.linalg.lstsq(a, np.array([*at, 1.0]), rcond=None)[0]
    vertex = lambda x, y: int(np.linalg.norm((v - (x, y, 0.06)) * [1, 1, 0.2], axis=1).argmin())
    middle = len(upper) // 2
    marks = {
        "lip_inner_upper_mid": upper[middle],
        "lip_inner_lower_mid": lower[middle],
        "lip_outer_upper_mid": vertex(0, -0.035),
        "lip_outer_lower_mid": vertex(0, -0.055),
        "nose_tip": vertex(0, 0),
        "chin": vertex(0, -0.09),
    }
    for name, s in side.items():
        low = name.lower()
        marks |= {
            f"lip_corner_{low}": vertex(s * 0.028, MOUTH_Y),
            f"brow_inner_{low}": vertex(s * 0.012, 0.045),
            f"brow_mid_{low}": vertex(s * 0.03, 0.047),
            f"brow_outer_{low}": vertex(s * 0.045, 0.043),
            f"lid_upper_{low}": vertex(s * 0.03, 0.03),
            f"lid_lower_{low}": vertex(s * 0.03, 0.018),
            f"eye_inner_{low}": vertex(s * 0.017, 0.023),
            f"eye_outer_{low}": vertex(s * 0.043, 0.023),
        }
    regions = {
        "lips": lips[:, 0] > 0.5,
        "mouth": lips[:, 0] > 0.2,
        "jaw": chin > 0.3,
        "nose": bump(v, (0, 0, 0.075), 0.015)[:, 0] > 0.4,
        "eyes": np.abs(v[:, 1] - 0.025) < 0.012,
        "brows": np.abs(v[:, 1] - 0.046) < 0.008,
        "cheeks": np.abs(v[:, 1]) < 0.01,
        "forehead": (v[:, 1] > 0.055) & (v[:, 2] > 0),
        "neck": v[:, 1] < -0.1,
        "scalp": v[:, 2] < -0.02,
        "ears": np.abs(v[:, 0]) > 0.07,
    }
    scale = np.array(squeeze)
    parts = np.concatenate([v[:40] * 0.2 + (0.03, 0.025, 0.045), v[:40] * 0.2 + (0, -0.05, 0.04)])
    posedirs = 0.0004 * rng.normal(size=36) * bump(v, (0, -0.05, 0.04), 0.04)[..., None] * rng.normal(size=3)[None, :, None]
    fields = dict(
        v_template=v * scale,
        f=f,
        shapedirs=np.concatenate([identity, expression], 2) * scale[:, None],
        posedirs=posedirs,
        J_regressor=regressor,
        weights=weights,
        kintree_table=[[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]],
        lids=lids * scale[:, None],
        action_names=ACTION_NAMES,
        actions=actions * scale[:, None],
        actions_motion=motions,
        landmark_names=list(marks),
        landmark_vertices=list(marks.values()),
        lip_inner_upper=upper,
        lip_inner_lower=lower,
        region_names=list(regions),
        regions=np.array(list(regions.values())),
        jaw_open_gap=0.02,
        part_names=["eye_left", "tongue"],
        parts_v=parts * scale,
        parts_f=[[0, 1, 2], [40, 41, 42]],
        parts_face=[0, 1],
        parts_weights=np.repeat(np.eye(5)[[3, 2]], 40, 0),
        parts_shapedirs=np.zeros((80, 3, 400)),
        parts_lids=np.zeros((80, 3, 2)),
        lids_identity=lids[..., None] * scale[:, None, None] * rng.normal(size=2),
        lids_amounts=0.2 * rng.normal(size=(2, 300)),
        parts_lids_identity=np.zeros((80, 3, 2, 2)),
        parts_tongue=0.01 * rng.normal(size=(80, 3, 3)) * np.repeat([0, 1], 40)[:, None, None],
        name="egg",
    )
    head = head_from_fields(fields, "egg")
    # The true jawOpen on this head: what the skinning does, so that actions, motions and gap agree.
    from dataclasses import replace

    from model_runtime.flame import lbs

    shown = np.moveaxis(lbs.pose(head, head.actions_motion) - head.v_template, 0, 2)
    gap = np.linalg.norm(
        np.diff(lbs.pose(head, head.actions_motion[[head.action("jawOpen")]], vertices=[upper[middle], lower[middle]])[0], axis=0)
    )
    return replace(head, actions=shown, jaw_open_gap=float(gap))


@pytest.fixture(scope="session")
def head():
    return make_head()


def moves(head, count=60, seed=1):
    """A motion [count,65] of smooth random actions within 0..1 and some neck, from neutral."""
    rng = np.random.default_rng(seed)
    actions = np.clip(rng.normal(0.1, 0.35, (count, 52)), 0, 1) * (rng.random((count, 52)) < 0.4)
    motion = actions.astype(np.float32) @ head.actions_motion
    motion[:, 53:56] = rng.normal(0, 0.1, (count, 3))
    motion[0] = 0
    return motion


def flame_fields(vertices, faces, seed=3, numbers=50):
    """FLAME-format fields for a neutral mesh in FLAME's topology, with an expression basis of the tests' own: smooth bumps, lips
    that part and close, corners that pull; mixed, so that no coefficient is one action."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components, dijkstra

    rng = np.random.default_rng(seed)
    v = np.asarray(vertices, float)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    graph = coo_matrix((np.linalg.norm(v[edges[:, 0]] - v[edges[:, 1]], axis=1), edges.T), shape=(len(v),) * 2).tocsr()
    piece = connected_components(graph, directed=False)[1]
    skin = piece == np.bincount(piece).argmax()
    upper, lower = (
        np.minimum(dijkstra(graph, False, line, min_only=True), 1) for line in ([3531, 3543, 1669, 2786], [3504, 3503, 1849, 2938])
    )
    below = 1 / (1 + np.exp(np.clip((lower - upper) / 0.003, -50, 50))) * skin  # 1 on the lower lip and all that hangs on it
    low = (
        np.exp(-np.clip(v[:, 1] + 0.040, 0, None) / 0.02) * np.clip((v[:, 1] + 0.16) / 0.06, 0, 1) * np.clip((v[:, 2] + 0.03) / 0.06, 0, 1)
    )
    jaw = below * low
    eyes = [~skin & (v[:, 0] * s > 0) for s in (1, -1)]
    neck = np.clip((v[:, 1] + 0.17) / 0.05, 0, 1) * (1 - jaw) * skin
    weights = np.stack([skin * (1 - neck - jaw), neck, jaw, *eyes], 1)
    shapes = []
    for x in (-0.018, 0, 0.018):  # each lip by thirds, up and out; the corners; the rest at random
        for mask in (below, (1 - below) * skin):
            shapes += [
                0.004 * bump(v, (x, -0.0425, 0.058), 0.012) * mask[:, None] * [0, 1, 0],
                0.003 * bump(v, (x, -0.0425, 0.058), 0.014) * mask[:, None] * [0, 0, 1],
            ]
    for s in (1, -1):
        for direction in np.eye(3):
            shapes.append(0.005 * bump(v, (s * 0.026, -0.044, 0.045), 0.014) * direction)
            shapes.append(0.004 * bump(v, (s * 0.03, 0.043, 0.042), 0.014) * direction)
            shapes.append(0.003 * bump(v, (s * 0.04, -0.005, 0.045), 0.018) * direction)
            shapes.append(0.002 * bump(v, (s * 0.012, -0.01, 0.062), 0.01) * direction)
    while len(shapes) < 100:
        shapes.append(0.003 * bump(v, v[rng.choice(np.flatnonzero(v[:, 2] > 0.02))], rng.uniform(0.012, 0.03)) * rng.normal(size=3))
    shapes = np.stack(shapes, 2) * skin[:, None, None]
    mix = np.linalg.qr(rng.normal(size=(numbers, numbers)))[0]
    shapes[:, :, :numbers] = shapes[:, :, :numbers] @ mix
    identity = np.stack([0.004 * bump(v, rng.normal(size=3) * [0.05, 0.08, 0.06], 0.06) * rng.normal(size=3) for _ in range(300)], 2)
    regressor = np.zeros((5, len(v)))
    for j, at in enumerate([(0, -0.15, -0.02), (0, -0.1, -0.02), (0, -0.015, -0.01), (0.032, 0.022, 0.026), (-0.032, 0.022, 0.026)]):
        nearest = np.argsort(np.linalg.norm(v - at, axis=1))[:40]
        regressor[j, nearest] = np.linalg.lstsq(np.vstack([v[nearest].T, np.ones(40)]), np.array([*at, 1.0]), rcond=None)[0]
    posedirs = 0.0004 * bump(v, (0, -0.05, 0.04), 0.03)[..., None] * rng.normal(size=(1, 3, 36)) * skin[:, None, None]
    return {
        "v_template": v,
        "f": np.asarray(faces, np.uint32),
        "shapedirs": np.concatenate([identity, shapes], 2),
        "posedirs": posedirs,
        "J_regressor": regressor,
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
    }
