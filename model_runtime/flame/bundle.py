"""What Blender needs of a head, in one .npz (docs/formats.md, "Bundle")."""

import numpy as np
from scipy.spatial.transform import Rotation

from contract import ACTIONS, CHANNELS, JOINTS
from model_runtime.flame import lbs, masks
from model_runtime.flame.head import PARENTS
from model_runtime.motion import write_npz

STILL = 1e-6  # metres: a key that moves nothing further than this is left out
KEYS = {
    **{f"Exp{i + 1}": i for i in range(50)},
    "jaw_x": 50,
    "jaw_y": 51,
    "jaw_z": 52,
    "lid_left": 60,
    "lid_right": 61,
    "tongue_tip_up": 62,
    "tongue_back_up": 63,
    "tongue_out": 64,
}
# Radians over which a jaw key's straight line should follow the true arc: talking opens the jaw by 0 to 0.3; turns to the side are
# rare and small.
JAW_RANGES = {"jaw_x": (0.0, 0.3), "jaw_y": (-0.12, 0.12), "jaw_z": (-0.12, 0.12)}


def write_bundle(head, path, beta=None):
    """Write the bundle of a head with identity beta [300]. UtterError if it cannot be written.

    A shape key is a straight line and a turning jaw is an arc. Each jaw key is the least-squares line through the true positions
    at angles spread evenly over JAW_RANGES; on the built-in head no vertex then strays by more than 1.3 mm in talk (up to 0.3
    rad), 7 mm at 0.45 rad, the mouth wide open."""
    polygons, uv = (head.f, None) if head.f_quad is None else (head.f_quad, head.uv_quad)
    skin = len(head.v_template)
    eyeballs = (head.weights[:, 3:] > 0.5).any(1)  # FLAME's own are part of the skin mesh
    materials, material = ["skin", "eye"], eyeballs[polygons].all(1).astype(np.int32)
    for region, kind in (("lips", "lip"), ("mouth_inside", "mouth")):
        if head.regions is not None and region in head.region_names:
            material[head.region(region)[polygons].all(1)] = len(materials)
            materials.append(kind)
    if head.parts_v is not None:
        polygons = np.concatenate([_four(polygons), _four(head.parts_f + skin)])
        kinds = [str(name).partition("_")[0] for name in head.part_names]
        materials += [kind for kind in dict.fromkeys(kinds) if kind not in materials]
        material = np.concatenate([material, np.int32([materials.index(kind) for kind in kinds])[head.parts_face]])
    polygons = _four(polygons)
    polygon_uv = np.zeros((len(polygons), 4, 2), np.float32)
    if uv is not None:
        polygon_uv[: len(uv)] = uv
    vertices, deltas = _deltas(head, beta)
    deltas = {name: delta for name, delta in deltas.items() if np.abs(delta).max() > STILL}
    joints = head.J_regressor @ (head.v_template + head.shapedirs[:, :, :300] @ lbs.full_beta(() if beta is None else beta))
    write_npz(  # read once, by a Blender that waits for it: compressing would take longer than everything else here
        path,
        compressed=False,
        vertices=vertices,
        polygons=polygons.astype(np.int32),
        polygon_uv=polygon_uv,
        polygon_material=material,
        material_names=np.array(materials),
        key_names=np.array(list(deltas)),
        key_channels=np.int32([KEYS[name] for name in deltas]),
        key_deltas=np.stack(list(deltas.values())).astype(np.float32),
        joint_names=np.array(JOINTS),
        joint_positions=joints.astype(np.float32),
        joint_parents=np.int32(PARENTS),
        jaw_turns=_jaw_turns().astype(np.float32),
        weights=head.weights if head.parts_v is None else np.concatenate([head.weights, head.parts_weights]),
        mask_names=np.array(masks.NAMES),
        masks=masks.masks(head),
        actions_motion=_motions(head),
        basis=np.str_(head.basis),
        name=np.str_(head.name),
        **({} if head.landmark_names is None else {"landmark_names": head.landmark_names, "landmark_vertices": head.landmark_vertices}),
    )


def _motions(head):
    """[52, 65]: the Motion of each of ACTIONS; all 0 of a head that knows none."""
    if head.actions_motion is None:
        return np.zeros((len(ACTIONS), CHANNELS), np.float32)
    return head.actions_motion[[head.action(name) for name in ACTIONS]].astype(np.float32)


def _jaw_turns():
    """[3,3,3]: for each jaw key, the matrix by which it displaces what is weighted to the jaw alone, in metres a metre from the joint:
    the same least-squares line as in the keys. So keys follow when vertices and joint move, without posing again."""
    angles = [np.linspace(*JAW_RANGES[name], 9) for name in ("jaw_x", "jaw_y", "jaw_z")]
    turned = [Rotation.from_rotvec(of[:, None] * axis).as_matrix() - np.eye(3) for of, axis in zip(angles, np.eye(3))]
    return np.array([np.einsum("a,abc->bc", of, each) / (of @ of) for of, each in zip(angles, turned)])


def _four(polygons):
    """Polygons [P,3 or 4] as [P,4], -1 where a triangle has no fourth corner (a quad that repeats its last corner is one)."""
    if polygons.shape[1] == 3:
        return np.pad(polygons, ((0, 0), (0, 1)), constant_values=-1)
    polygons = polygons.copy()
    polygons[polygons[:, 3] == polygons[:, 2], 3] = -1
    return polygons


def _whole(head, motion, beta):
    skin = lbs.pose(head, motion, beta)
    return skin if head.parts_v is None else np.concatenate([skin, lbs.pose_parts(head, motion, beta)], axis=1)


def _deltas(head, beta):
    """Neutral vertices [N,3], and {key: [N,3] displacement for one unit of its channel}; all poses in one go."""
    angles = {name: np.linspace(*JAW_RANGES[name], 9) if name in JAW_RANGES else np.ones(1) for name in KEYS}
    motion = np.zeros((1 + sum(map(len, angles.values())), CHANNELS), np.float32)
    row, rows = 1, {}
    for name, values in angles.items():
        rows[name] = slice(row, row + len(values))
        motion[rows[name], KEYS[name]] = values
        row += len(values)
    neutral, *_ = moved = _whole(head, motion, beta)
    return neutral, {
        name: np.einsum("a,anc->nc", values, moved[rows[name]] - neutral) / (values @ values) for name, values in angles.items()
    }
