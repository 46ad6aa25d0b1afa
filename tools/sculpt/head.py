"""All fields of utter_head.npz (docs/formats.md, "Head"), put together."""

import numpy as np
from scipy.spatial import cKDTree

from contract import ACTIONS
from tools.sculpt import actions, basis, identity, mesh, parts, surface
from tools.sculpt.rig import BORDER, CONTACT, EYE_PITCH, EYE_YAW, INNER, JAW_OPEN, JAW_SIDE, MARGIN, Rig, joint_regressor, smoothstep

# Displacements are rounded to so many metres (two micrometres and half of one), so that the file stays small.
COARSE, FINE = 2.0**-19, 2.0**-21


def make():
    """{field: array} of the built-in head; the same on every call and machine up to rounding (docs/architecture.md, "What holds across
    machines")."""
    skin = mesh.build()
    rig = Rig(skin)
    v = skin.vertices
    linear = actions.linear_actions(rig)
    expression, coefficients = basis.expression(linear, v)
    names, pv, pf, pface, joint, tongue, grows = parts.build(skin)
    contact, lips = v[skin.loops["mouth"][CONTACT]], v[skin.loops["mouth"][BORDER - 2 : CONTACT + 1]].reshape(-1, 3)
    eye_of = np.where(joint == 3, 0, np.where(joint == 4, 1, -1))
    shape, shape_parts, identity_names, directions, lid_ways, lid_amounts = identity.basis(
        v, pv, eye_of, contact, lips, inside_mouth(rig), rig.lids
    )
    shapedirs = np.concatenate([rounded(shape), rounded(expression, FINE)], 2)
    # Brows and lashes follow the skin that they grow on in every movement.
    hair = np.flatnonzero(np.diff(grows.indptr))
    parts_shapedirs = np.concatenate([shape_parts, np.zeros((len(pv), 3, 100))], 2)
    amounts = np.linalg.pinv(np.stack([coefficients[name] for name in linear]))  # [100,K] of each action in a component
    for name, move in actions.part_actions(pv, joint).items():
        parts_shapedirs[:, :, 300:] += move[:, :, None] * amounts[:, list(linear).index(name)]
    parts_shapedirs[hair] = (grows[hair] @ shapedirs.astype(float).reshape(len(v), -1)).reshape(-1, 3, 400)
    parts_lids, parts_lid_ways = (np.zeros((len(pv),) + way.shape[1:]) for way in (rig.lids, lid_ways))
    for way, of_skin in ((parts_lids, rig.lids), (parts_lid_ways, lid_ways)):
        way[hair] = (grows[hair] @ of_skin.reshape(len(v), -1)).reshape(way[hair].shape)

    moves, motion = np.zeros((len(v), 3, len(ACTIONS))), np.zeros((len(ACTIONS), 65))
    for k, name in enumerate(ACTIONS):
        if name in coefficients:
            motion[k, :50] = coefficients[name][:50]
            moves[:, :, k] = linear[name]
        side = 0 if name.endswith("Left") else 1
        if name == "jawOpen":
            motion[k, 50] = JAW_OPEN
            moves[:, :, k] = rig.turn_jaw((JAW_OPEN, 0, 0)) - v
        elif name in ("jawLeft", "jawRight"):
            motion[k, 51] = JAW_SIDE * (1 if name == "jawLeft" else -1)
            moves[:, :, k] = rig.turn_jaw((0, motion[k, 51], 0), linear[name]) - v
        elif name.startswith("eyeBlink"):
            motion[k, 60 + side] = 1
            moves[:, :, k] = rig.lids[:, :, side]
        elif name.startswith("eyeLook"):
            if "Up" in name or "Down" in name:
                motion[k, 56 + 2 * side] = -EYE_PITCH if "Up" in name else EYE_PITCH
            else:
                to_left = ("Out" in name) == (side == 0)
                motion[k, 57 + 2 * side] = EYE_YAW if to_left else -EYE_YAW
        elif name == "tongueOut":
            motion[k, 64] = 1

    mouth = skin.loops["mouth"]
    size = mouth.shape[1]
    half = size // 2
    upper = mouth[CONTACT, 1:half]
    lower = mouth[CONTACT, size - 1 : half : -1]
    margins = np.stack([skin.loops[name][MARGIN] for name in ("eye_left", "eye_right")])
    corner = margins.shape[1] // 2
    triangles = np.concatenate([skin.quads[:, [0, 1, 2]], skin.quads[:, [0, 2, 3]]])
    triangles = triangles[(triangles[:, 1] != triangles[:, 2]) & (triangles[:, 2] != triangles[:, 0])]
    triangles = triangles[(triangles[:, 0] != triangles[:, 1])]
    opened = rig.turn_jaw((JAW_OPEN, 0, 0))
    middle = len(upper) // 2
    landmarks = find_landmarks(skin)
    region_names, regions = find_regions(skin, rig)
    weights = np.zeros((len(pv), 5))
    weights[np.arange(len(pv)), joint] = 1
    return {
        "v_template": v.astype(np.float32),
        "f": triangles.astype(np.int32),
        "f_quad": skin.quads.astype(np.int32),
        "uv_quad": skin.uv.astype(np.float32),
        "shapedirs": shapedirs,
        "posedirs": rig.posedirs.astype(np.float32),
        "J_regressor": joint_regressor(rig).astype(np.float32),
        "weights": rig.weights.astype(np.float32),
        "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64),
        "lids": rig.lids.astype(np.float32),
        "action_names": np.array(ACTIONS),
        "actions": rounded(moves),
        "actions_motion": motion.astype(np.float32),
        "landmark_names": np.array(list(landmarks)),
        "landmark_vertices": np.array(list(landmarks.values()), np.int32),
        "lip_inner_upper": upper.astype(np.int32),
        "lip_inner_lower": lower.astype(np.int32),
        "lid_margin_upper": margins[:, 1:corner].astype(np.int32),
        "lid_margin_lower": margins[:, :corner:-1].astype(np.int32),
        "region_names": np.array(region_names),
        "regions": regions,
        "jaw_open_gap": np.float32(np.linalg.norm(opened[upper[middle]] - opened[lower[middle]])),
        "part_names": np.array(names),
        "parts_v": pv.astype(np.float32),
        "parts_f": pf.astype(np.int32),
        "parts_face": pface.astype(np.int32),
        "parts_weights": weights.astype(np.float32),
        "parts_shapedirs": rounded(parts_shapedirs),
        "parts_lids": parts_lids.astype(np.float32),
        "parts_tongue": tongue.astype(np.float32),
        "lids_identity": rounded(lid_ways),
        "parts_lids_identity": rounded(parts_lid_ways),
        "lids_amounts": lid_amounts.astype(np.float32),
        "identity_names": np.array(identity_names),
        "identity_directions": directions.astype(np.float32),
    }


def inside_mouth(rig):
    """[V]: 0 on the skin and at the lips, 1 from some rings behind them on."""
    inside = np.zeros(len(rig.p))
    for k, ring in enumerate(rig.skin.loops["mouth"]):
        inside[ring] = smoothstep(CONTACT, INNER + 3, k)
    inside[rig.bag_tip()] = 1
    return inside


def rounded(array, step=COARSE):
    return (np.round(array / step) * step).astype(np.float16)


def find_landmarks(skin):
    v, mouth = skin.vertices, skin.loops["mouth"]
    size = mouth.shape[1]
    quarter = size // 4
    found = {
        "lip_inner_upper_mid": mouth[CONTACT, quarter],
        "lip_inner_lower_mid": mouth[CONTACT, 3 * quarter],
        "lip_outer_upper_mid": mouth[BORDER, quarter],
        "lip_outer_lower_mid": mouth[BORDER, 3 * quarter],
        "lip_corner_left": mouth[CONTACT, 0],
        "lip_corner_right": mouth[CONTACT, size // 2],
    }
    grid = np.unique(skin.loops["grid"][skin.loops["grid"] >= 0])
    tree = cKDTree(v[grid])

    def nearest(x, y):
        return grid[tree.query([x, y, surface.front(np.array([x]), np.array([y]))[0]])[1]]

    for side, sign in (("left", 1), ("right", -1)):
        pick = (lambda k: k) if sign > 0 else (lambda k: skin.mirror[k])
        eye = skin.loops["eye_left"][MARGIN]
        for name, x, y in (("inner", 0.014, 0.049), ("mid", 0.028, 0.051), ("outer", 0.044, 0.049)):
            found[f"brow_{name}_{side}"] = pick(nearest(x, y))
        n = len(eye)
        for name, k in (("lid_upper", n // 4), ("lid_lower", 3 * n // 4), ("eye_inner", n // 2), ("eye_outer", 0)):
            found[f"{name}_{side}"] = pick(eye[k])
    middle = grid[np.abs(v[grid, 0]) < 1e-6]
    front = middle[v[middle, 2] > 0.05]
    found["nose_tip"] = front[v[front, 2].argmax()]
    chin = front[(v[front, 1] < -0.066)]
    found["chin"] = chin[v[chin, 2].argmax()]
    return found


def find_regions(skin, rig):
    v, mouth = skin.vertices, skin.loops["mouth"]
    x, y, z = np.abs(v[:, 0]), v[:, 1], v[:, 2]
    regions = {
        name: np.zeros(len(v), bool) for name in "lips mouth jaw nose eyes brows cheeks forehead neck scalp ears mouth_inside".split()
    }
    regions["lips"][mouth[BORDER : INNER + 1]] = True
    regions["mouth"][mouth] = True
    regions["mouth"][rig.bag_tip()] = True
    regions["mouth_inside"][mouth[INNER:]] = True
    regions["mouth_inside"][rig.bag_tip()] = True
    for side in ("left", "right"):
        regions["eyes"][skin.loops[f"eye_{side}"]] = True
        regions["ears"][skin.loops[f"ear_{side}"]] = True
    regions["ears"] |= (x > 0.070) & (np.abs(y - 0.008) < 0.035) & (np.abs(z + 0.012) < 0.030)
    regions["jaw"] = (rig.weights[:, 2] > 0.3) & ~regions["lips"]
    regions["nose"] = (x < 0.019) & (y > -0.021) & (y < 0.034) & (z > 0.075) & ~regions["mouth"]
    regions["brows"] = (y > 0.042) & (y < 0.058) & (x > 0.006) & (x < 0.056) & (z > 0.03)
    regions["forehead"] = (y >= 0.050) & (y < 0.105) & (z > 0.015) & ~regions["brows"]
    regions["cheeks"] = (y > -0.050) & (y < 0.018) & (x > 0.020) & (z > 0.020) & ~regions["mouth"] & ~regions["eyes"] & ~regions["nose"]
    regions["neck"] = (rig.weights[:, 0] > 0.02) | ((y < -0.088) & ~regions["mouth"])
    back = (z <= 0.015) & (y > 0.01) | (z < -0.045) & (y > -0.03)
    regions["scalp"] = ((y >= 0.105) | back) & ~regions["ears"] & ~regions["neck"]
    return list(regions), np.stack(list(regions.values()))
