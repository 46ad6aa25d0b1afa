"""All fields of a head's file (docs/formats.md, "Head") from the measured package."""

import numpy as np

from contract import ACTIONS, SLIDERS
from tools.human import identity, lids, sliders
from tools.human.actions import linear_actions
from tools.human.basis import expression
from tools.human.fields import regressor, rounded, smoothstep
from tools.human.jaw import OPEN, SIDE, Jaw
from tools.human.parts import Parts
from tools.human.skin import CONTACT, EYE, HALF, Skin
from tools.human.source import EYE_SOCKETS, MIRROR, MOUTH_SOCKET, SKIN
from tools.human.strands import GROWN, SHAPES, grow
from tools.human.tongue import tongue_shapes

ROOT, NECK = np.array([0.0, -0.1650, -0.0350]), np.array([0.0, -0.1000, -0.0300])
BROWS = {"inner": (22, 21), "mid": (24, 19), "outer": (26, 17)}  # of the 68 landmarks: left, right
LANDMARKS = (
    "1225 1888 1052 367 1719 1722 2199 1447 966 3661 4390 3927 3924 2608 3272 4088 3443 "
    "268 493 1914 2044 1401 3615 4240 4114 2734 2509 978 4527 4942 4857"
)  # the package's vertices of the first 31 of Multi-PIE's 68 landmarks
MPIE = [int(vertex) for vertex in LANDMARKS.split()]
NOSE_TIP, CHIN = MPIE[30], MPIE[8]
LOWER_RED = 2  # the ring of the mouth where the red of the lower lip begins; of the upper one it is the first
EYE_PITCH, EYE_YAW = 0.40, 0.55  # radians of eyeLookUp and eyeLookOut at 1
# Displacements are rounded to so many metres (two micrometres and half of one), so that the file stays small.
COARSE, FINE = 2.0**-19, 2.0**-21


def make(source):
    """{field: array} of the head."""
    skin = Skin(source)
    neck = head_share(skin.vertices)
    jaw = Jaw(source, skin, neck)
    parts = Parts(source, jaw)
    linear = linear_actions(source, skin, jaw, parts)  # {name: [V + Vp, 3]}
    basis, coefficients = expression(linear, SKIN)
    blink = lids.with_skin(source, skin, "eyeBlinkLeft", lids.shut(skin, source.actions["eyeBlinkLeft"][:SKIN]))
    blinks = both_sides(source, skin, parts, blink)
    weights = np.zeros((SKIN, 5))
    weights[:, 0], weights[:, 2] = 1 - neck, jaw.weights
    weights[:, 1] = neck - weights[:, 2]
    people, ways, amounts = identity.basis(source, skin, parts, blinks)
    rest = np.zeros((len(people), 3, 300 - people.shape[2]), np.float16)
    shapedirs = np.concatenate([rounded(people, COARSE), rest, rounded(basis, FINE)], 2)

    opened = jaw.turned((OPEN, 0, 0))
    moves, motion = np.zeros((SKIN, 3, len(ACTIONS))), np.zeros((len(ACTIONS), 65))
    for k, name in enumerate(ACTIONS):
        side = 0 if name.endswith("Left") else 1
        if name in coefficients:
            motion[k, :50] = coefficients[name][:50]
            moves[:, :, k] = linear[name][:SKIN]
        if name == "jawOpen":
            motion[k, 50] = OPEN
            moves[:, :, k] = opened - skin.vertices
        elif name in ("jawLeft", "jawRight"):
            motion[k, 51] = SIDE if name == "jawLeft" else -SIDE
            moves[:, :, k] = jaw.turned((0, motion[k, 51], 0), linear[name][:SKIN]) - skin.vertices
        elif name.startswith("eyeBlink"):
            motion[k, 60 + side] = 1
            moves[:, :, k] = blinks[:SKIN, :, side]
        elif name.startswith("eyeLook"):
            if "Up" in name or "Down" in name:
                motion[k, 56 + 2 * side] = -EYE_PITCH if "Up" in name else EYE_PITCH
            else:
                motion[k, 57 + 2 * side] = EYE_YAW if ("Out" in name) == (side == 0) else -EYE_YAW
        elif name == "tongueOut":
            motion[k, 64] = 1
    upper, lower = skin.lips()
    middle = HALF // 2
    triangles = np.concatenate([skin.quads[:, [0, 1, 2]], skin.quads[:, [0, 2, 3]]])
    names, regions = find_regions(skin, jaw, weights)
    found = find_landmarks(skin)
    margins = [lids.margin_lines(ring) for ring in skin.margins]
    strands = grow(skin)
    shutting = np.stack([strands.shut(skin, lid) for lid in np.moveaxis(blinks[:SKIN], 2, 0)], -1)
    bound = np.maximum(with_strands(strands, np.concatenate([weights, parts.weights])), 0)
    bound /= bound.sum(1, keepdims=True)
    parts_shapes = with_strands(strands, shapedirs)
    parts_shapes[len(parts.rows) :, :, GROWN : GROWN + len(SHAPES)] += rounded(strands.shapes, COARSE)
    return {
        "v_template": skin.vertices.astype(np.float32),
        "f": triangles.astype(np.int32),
        "f_quad": skin.quads.astype(np.int32),
        "uv_quad": source.uv[skin.rows].astype(np.float32),
        "shapedirs": shapedirs[:SKIN],
        "posedirs": jaw.posedirs.astype(np.float32),
        "J_regressor": joint_regressor(skin, jaw).astype(np.float32),
        "weights": weights.astype(np.float32),
        "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64),
        "lids": blinks[:SKIN].astype(np.float32),
        "action_names": np.array(ACTIONS),
        "actions": rounded(moves, COARSE),
        "actions_motion": motion.astype(np.float32),
        "landmark_names": np.array(list(found)),
        "landmark_vertices": np.array(list(found.values()), np.int32),
        "lip_inner_upper": upper.astype(np.int32),
        "lip_inner_lower": lower.astype(np.int32),
        "lid_margin_upper": np.stack([upper for upper, _ in margins]).astype(np.int32),
        "lid_margin_lower": np.stack([lower for _, lower in margins]).astype(np.int32),
        "region_names": np.array(names),
        "regions": regions,
        "jaw_open_gap": np.float32(np.linalg.norm(opened[upper[middle]] - opened[lower[middle]])),
        "part_names": np.array(parts.names + strands.names),
        "parts_v": np.concatenate([parts.vertices, strands.vertices]).astype(np.float32),
        "parts_f": np.concatenate([parts.faces, strands.faces + len(parts.rows)]).astype(np.int32),
        "parts_face": np.concatenate([parts.face_part, strands.part + len(parts.names)]).astype(np.int32),
        "parts_weights": bound.astype(np.float32),
        "parts_shapedirs": parts_shapes,
        "parts_lids": np.concatenate([blinks[SKIN:], shutting]).astype(np.float32),
        "parts_tongue": np.pad(tongue_shapes(parts), ((0, len(strands.vertices)), (0, 0), (0, 0))).astype(np.float32),
        "lids_identity": rounded(ways[:SKIN], COARSE),
        "parts_lids_identity": rounded(with_strands(strands, ways), COARSE),
        "lids_amounts": amounts.astype(np.float32),
        "identity_names": np.array(list(SLIDERS)),
        "identity_directions": sliders.directions(skin, people[:SKIN]).astype(np.float32),
    }


def with_strands(strands, field):
    """Of a field [V + Vp,...] what is behind the skin, and for strands what the skin has on which they grow."""
    own = strands.on @ field[:SKIN].reshape(SKIN, -1).astype(float)
    return np.concatenate([field[SKIN:], own.reshape(-1, *field.shape[1:]).astype(field.dtype)])


def both_sides(source, skin, parts, blink):
    """lids [V + Vp, 3, 2] from the left eye's blink of all the package's vertices [N,3]; the right eye's skin is its mirror image."""
    right = lids.with_skin(source, skin, "eyeBlinkRight", blink[:SKIN][skin.mirror] * MIRROR)
    return np.stack([np.concatenate([side[:SKIN], side[parts.rows]]) for side in (blink, right)], -1)


def head_share(v):
    """[V]: 1 on the head, 0 on the shoulders; between them the neck bends."""
    return smoothstep(-0.170, -0.085, v[:, 1] - 0.25 * np.minimum(v[:, 2], 0))


def joint_regressor(skin, jaw):
    """[5,V]: each joint as a weighted sum of vertices near it, the weights as even as its place allows."""
    p, x = skin.vertices, np.abs(skin.vertices[:, 0])
    sockets = [np.flatnonzero(identity.in_socket(p, sign) == 1) for sign in (1, -1)]
    near_jaw = (x > 0.05) & (np.abs(p[:, 1] - jaw.joint[1]) < 0.02) & (np.abs(p[:, 2] - jaw.joint[2]) < 0.03)
    pools = [np.flatnonzero(p[:, 1] < -0.150), np.flatnonzero((p[:, 1] < -0.088) & (p[:, 1] > -0.112) & (p[:, 2] < 0.03))]
    pools += [np.flatnonzero(near_jaw), *sockets]
    return regressor(p, pools, (ROOT, NECK, jaw.joint, EYE, EYE * MIRROR))


def find_landmarks(skin):
    """{name: vertex}."""
    upper, lower = skin.lips()
    middle = HALF // 2
    found = {
        "lip_inner_upper_mid": upper[middle],
        "lip_inner_lower_mid": lower[middle],
        "lip_outer_upper_mid": skin.mouth[0, 0],
        "lip_outer_lower_mid": skin.mouth[LOWER_RED, HALF],
        "lip_corner_left": upper[0],
        "lip_corner_right": upper[-1],
    }
    for number, side in enumerate(("left", "right")):
        for name, pair in BROWS.items():
            found[f"brow_{name}_{side}"] = MPIE[pair[number]]
        ring = skin.margins[number]
        y = skin.vertices[ring, 1]
        found |= {f"lid_upper_{side}": ring[y.argmax()], f"lid_lower_{side}": ring[y.argmin()]}
        found |= {f"eye_inner_{side}": ring[len(ring) // 2], f"eye_outer_{side}": ring[0]}
    return found | {"nose_tip": NOSE_TIP, "chin": CHIN}


def find_regions(skin, jaw, weights):
    v, mouth = skin.vertices, skin.mouth
    x, y, z = np.abs(v[:, 0]), v[:, 1], v[:, 2]
    names = "lips mouth jaw nose eyes brows cheeks forehead neck scalp ears mouth_inside".split()
    regions = {name: np.zeros(len(v), bool) for name in names}
    regions["lips"][mouth[: CONTACT + 4]] = True
    regions["lips"][mouth[:LOWER_RED, HALF // 2 + 1 : 2 * HALF - HALF // 2]] = False
    regions["mouth_inside"][MOUTH_SOCKET:EYE_SOCKETS] = True
    regions["mouth_inside"][mouth[CONTACT + 4 :]] = True
    regions["mouth"][mouth] = True
    regions["mouth"] |= regions["mouth_inside"]
    for sign in (1, -1):
        regions["eyes"] |= np.linalg.norm(v - EYE * (sign, 1, 1), axis=1) < 0.022
    regions["eyes"][EYE_SOCKETS:SKIN] = True
    regions["ears"] = (x > 0.069) & (y > -0.045) & (y < 0.035) & (z > -0.055) & (z < 0.006)
    regions["jaw"] = (weights[:, 2] > 0.3) & ~regions["lips"] & ~regions["mouth_inside"]
    regions["nose"] = (x < 0.019) & (y > -0.022) & (y < 0.034) & (z > 0.078) & ~regions["mouth"]
    regions["brows"] = (y > 0.042) & (y < 0.062) & (x > 0.006) & (x < 0.056) & (z > 0.04) & ~regions["eyes"]
    regions["forehead"] = (y >= 0.055) & (y < 0.105) & (z > 0.015) & ~regions["brows"]
    regions["cheeks"] = (y > -0.055) & (y < 0.018) & (x > 0.020) & (z > 0.020)
    regions["cheeks"] &= ~(regions["mouth"] | regions["eyes"] | regions["nose"])
    regions["neck"] = (weights[:, 0] > 0.02) | ((y < -0.088) & ~regions["mouth"])
    back = (z <= 0.015) & (y > 0.01) | (z < -0.045) & (y > -0.03)
    regions["scalp"] = ((y >= 0.105) | back) & ~(regions["ears"] | regions["neck"] | regions["mouth_inside"])
    return list(regions), np.stack(list(regions.values()))
