"""Where a head's look changes: smooth weights per vertex, which shaders read as mesh attributes (docs/formats.md, "Masks")."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.spatial import cKDTree

NAMES = ("lips", "cheeks", "nose", "forehead", "ears", "lids", "beard", "inside", "gum", "eye_x", "eye_y", "eye_z")
APART = 0.065  # metres between the eyes of the head on which the lengths below were chosen
LIMBUS = 0.48  # radius of the iris over that of the eyeball, where no part tells it


def masks(head):
    """Masks float32 [len(NAMES), V + Vp] of the neutral head, skin first; zero where the head has nothing of the kind.

    lips, ears, inside (of the mouth): the regions with a soft edge; for teeth and tongue `inside` is how deep they lie.
    cheeks, nose, forehead, lids: 1 in the middle of each, fading over a centimetre or two.
    beard: where a man's grows, on upper lip, chin, jaw and throat and up to the ears.
    gum: 1 where a tooth leaves its gum.
    eye_x, eye_y, eye_z: place about the eyeball's centre; the edge of the iris is at distance 1 from the axis; +x to the temple.
    """
    skin, parts = head.v_template, np.zeros((0, 3)) if head.parts_v is None else head.parts_v
    found = {name: np.zeros(len(skin) + len(parts)) for name in NAMES}
    joints = head.J_regressor @ skin
    unit = np.linalg.norm(joints[3] - joints[4]) / APART
    _soften_regions(head, found)
    if head.landmark_names is not None:
        _fade_from_landmarks(head, joints, unit, found)
        _grow_beard(head, joints, unit, found)
    kinds = _kinds(head)
    _place_eyes(head, joints, kinds, found)
    if head.parts_v is not None:
        if head.landmark_names is not None:
            lips = skin[head.landmark("lip_inner_upper_mid")][2]
            mouth = np.isin(kinds, ("teeth", "gums", "tongue"))
            found["inside"][len(skin) :][mouth] = np.clip((lips - parts[mouth, 2] - 0.008 * unit) / (0.035 * unit), 0, 1)
        teeth, gums = kinds == "teeth", kinds == "gums"
        if teeth.any() and gums.any():
            far = cKDTree(parts[gums]).query(parts[teeth])[0]
            found["gum"][len(skin) :][teeth] = np.exp(-far / (0.002 * unit))
    return np.stack([found[name] for name in NAMES]).astype(np.float32)


def _kinds(head):
    """What each vertex of the parts belongs to ("eye", "teeth", ...): str [Vp]."""
    if head.parts_v is None:
        return np.zeros(0, str)
    kinds = np.full(len(head.parts_v), "", dtype="U16")
    names = np.array([str(name).partition("_")[0] for name in head.part_names])
    for corner in head.parts_f.T:
        kinds[corner] = names[head.parts_face]
    return kinds


def _soften_regions(head, found):
    """Regions with their edges spread over the neighbours, more for wide ones."""
    if head.regions is None:
        return
    count = len(head.v_template)
    a, b = np.concatenate([head.f[:, [0, 1]], head.f[:, [1, 2]], head.f[:, [2, 0]]]).T
    edges = coo_matrix((np.ones(len(a)), (a, b)), (count, count)).tocsr()
    edges = edges + edges.T
    degree = np.maximum(np.asarray(edges.sum(1)).ravel(), 1)
    for name, region, rounds in (("lips", "lips", 1), ("ears", "ears", 4), ("inside", "mouth_inside", 1)):
        if region in head.region_names:
            value = head.region(region).astype(float)
            for _ in range(rounds):
                value = 0.5 * value + 0.5 * (edges @ value) / degree
            found[name][:count] = value


def _fade_from_landmarks(head, joints, unit, found):
    skin = head.v_template
    at = lambda name: skin[head.landmark(name)]

    def fade(name, centre, reach):
        weight = np.exp(-((skin - centre) ** 2).sum(1) / (reach * unit) ** 2)
        found[name][: len(skin)] = np.maximum(found[name][: len(skin)], weight)

    fade("nose", at("nose_tip"), 0.015)
    fade("forehead", 0.5 * (at("brow_inner_left") + at("brow_inner_right")) + (0, 0.030 * unit, -0.006 * unit), 0.040)
    for side, eye in (("left", joints[3]), ("right", joints[4])):
        fade("cheeks", 0.40 * at(f"lid_lower_{side}") + 0.20 * at(f"eye_outer_{side}") + 0.40 * at(f"lip_corner_{side}"), 0.021)
        lids = [at(f"{name}_{side}") for name in ("lid_upper", "lid_lower")]
        radius = np.linalg.norm(lids - eye, axis=1).max()
        away = np.maximum(np.linalg.norm(skin - eye, axis=1) - radius, 0)
        found["lids"][: len(skin)] = np.maximum(found["lids"][: len(skin)], np.exp(-((away / (0.006 * unit)) ** 2)))


def _grow_beard(head, joints, unit, found):
    """Between a line that rises from the base of the nose over the corners of the mouth to the ears, and one on the throat."""
    skin = head.v_template
    at = lambda name: skin[head.landmark(name)]
    rise = lambda value, low, high: np.clip((value - low * unit) / ((high - low) * unit), 0, 1)
    corner = 0.5 * (at("lip_corner_left") + at("lip_corner_right"))
    behind = np.maximum(corner[2] - skin[:, 2] - 0.004 * unit, 0)  # of the corners of the mouth
    beside = np.maximum(np.abs(skin[:, 0] - corner[0]) - 0.016 * unit, 0)
    base = 0.5 * (at("lip_outer_upper_mid") + at("nose_tip"))[1]
    cheek = np.maximum(base - 1.1 * beside, corner[1] + 0.004 * unit) + 0.80 * np.maximum(behind - 0.020 * unit, 0)
    top = np.minimum(cheek, 0.5 * (joints[3] + joints[4])[1])
    ends = 0.5 * joints[2][2] + 0.5 * corner[2] - 0.030 * unit, at("chin")[1] - 0.040 * unit  # before the ears; on the throat
    grown = rise(top - skin[:, 1], -0.003, 0.009) * rise(skin[:, 1] - ends[1], -0.012, 0.012) * rise(skin[:, 2] - ends[0], -0.014, 0.014)
    bare = [found[name][: len(skin)] for name in ("lips", "inside", "ears")] + [1.6 * found["nose"][: len(skin)] - 0.4]
    found["beard"][: len(skin)] = grown * np.prod([1 - np.clip(part, 0, 1) for part in bare], axis=0)


def _place_eyes(head, joints, kinds, found):
    vertices = head.v_template if head.parts_v is None else np.concatenate([head.v_template, head.parts_v])
    weights = head.weights if head.parts_v is None else np.concatenate([head.weights, head.parts_weights])
    kind = np.concatenate([np.full(len(head.v_template), "eye", dtype="U16"), kinds])
    for joint, outwards in ((3, 1), (4, -1)):
        ball = (weights[:, joint] > 0.5) & np.isin(kind, ("eye", "iris", "pupil", "cornea"))
        if not ball.any():
            continue
        place = (vertices - joints[joint]) * (outwards, 1, 1)
        iris = ball & (kind == "iris")
        eye = ball & (kind == "eye") if (ball & (kind == "eye")).any() else ball
        limbus = np.hypot(*place[iris, :2].T).max() if iris.any() else LIMBUS * np.median(np.linalg.norm(place[eye], axis=1))
        for axis, name in enumerate(("eye_x", "eye_y", "eye_z")):
            found[name][ball] = place[ball, axis] / limbus
