"""Linear blend skinning with shape, expression and pose correctives: FLAME's forward pass, in numpy and torch.

Li et al. 2017, "Learning a model of facial shape and expression from 4D scans", section 3 (SMPL's formulation, Loper et al. 2015,
equations 2-10). One implementation serves both libraries: everything that a Motion moves linearly is one matrix [65, 3V], and the
operations used have the same names in numpy and torch, so the two agree. `array` stands for either library below.
"""

import numpy as np

from contract import CHANNELS, EXPRESSION, LIDS, TONGUE, UtterError
from model_runtime.flame.head import IDENTITY

CHUNK = 4_000_000  # coordinates posed at once by the numpy side: bounds memory at any length

# Motion 50:60 (jaw, neck, eyes) -> axis-angle of neck, jaw, left eye, right eye; an eye's axis-angle is (pitch, yaw, 0).
_TO_POSE = np.zeros((10, 12), np.float32)
_TO_POSE[[3, 4, 5, 0, 1, 2, 6, 7, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, 9, 10]] = 1
# w @ _CROSS is the cross-product matrix of w, row-major.
_CROSS = np.zeros((3, 9), np.float32)
_CROSS[[0, 0, 1, 1, 2, 2], [7, 5, 2, 6, 3, 1]] = [1, -1, 1, -1, 1, -1]


def _arrays(head, beta=None, vertices=None, parts=False):
    """What _pose reads, as float32 numpy: template [n,3], identity [300,3n], channels [65,3n], posedirs [36,3n] or None, weights
    [n,4], joints [4,3], joints_identity [300,12], joints_channels [65,12], and where the head has them lids_identity [2E,3n],
    lids_amounts [300,E]. With beta, the identity is folded in and left out."""
    rows = slice(None) if vertices is None else np.asarray(vertices)
    if parts:
        if head.parts_v is None:
            raise UtterError(f"{head.name} has no eyes, teeth and tongue of its own.")
        template, shapedirs, weights, lids, lids_identity, tongue, posedirs = (
            head.parts_v,
            head.parts_shapedirs,
            head.parts_weights,
            head.parts_lids,
            head.parts_lids_identity,
            head.parts_tongue,
            None,
        )
    else:
        template, shapedirs, weights, lids, lids_identity, tongue, posedirs = (
            head.v_template,
            head.shapedirs,
            head.weights,
            head.lids,
            head.lids_identity,
            None,
            head.posedirs,
        )
    identity = shapedirs[rows, :, :IDENTITY]
    template = template[rows]
    n = len(template)
    channels = np.zeros((CHANNELS, 3 * n), np.float32)
    channels[EXPRESSION] = shapedirs[rows, :, IDENTITY : IDENTITY + 50].reshape(3 * n, 50).T
    for slot, shapes in ((LIDS, lids), (TONGUE, tongue)):
        if shapes is not None:
            channels[slot] = shapes[rows].reshape(3 * n, -1).T
    behind_joints = np.flatnonzero(head.J_regressor[1:].any(0))  # a joint depends on few vertices
    regressor = head.J_regressor[1:, behind_joints]
    joints = regressor @ head.v_template[behind_joints]
    # FLAME regresses the joints from the shaped and expressing surface; lids move no joint.
    joint_shapes = np.einsum("jv,vcs->sjc", regressor, head.shapedirs[behind_joints, :, : IDENTITY + 50], optimize=True)
    joint_shapes = joint_shapes.reshape(IDENTITY + 50, 12)
    arrays = {
        "channels": channels,
        "weights": np.ascontiguousarray(weights[rows, 1:]),
        "posedirs": None if posedirs is None else np.ascontiguousarray(posedirs[rows].reshape(3 * n, 36).T),
        "joints_channels": np.concatenate([joint_shapes[IDENTITY:], np.zeros((CHANNELS - 50, 12), np.float32)]),
    }
    if lids_identity is not None:  # [2, E, 3n]
        lids_identity = np.moveaxis(lids_identity[rows].reshape(3 * n, 2, -1), 0, -1)
    if beta is None:
        if lids_identity is not None:
            arrays |= {"lids_identity": lids_identity.reshape(-1, 3 * n), "lids_amounts": head.lids_amounts.T}
        arrays |= {
            "template": template,
            "joints": joints,
            "identity": np.ascontiguousarray(identity.reshape(3 * n, -1).T),
            "joints_identity": joint_shapes[:IDENTITY],
        }
    else:
        beta = full_beta(beta)
        if lids_identity is not None:
            channels[LIDS] += np.einsum("e,sen->sn", head.lids_amounts @ beta, lids_identity)
        arrays |= {"template": template + identity @ beta, "joints": joints + (beta @ joint_shapes[:IDENTITY]).reshape(4, 3)}
    return arrays


def full_beta(beta):
    """beta of any length up to 300 as float32 [300]: the rest is 0."""
    beta = np.asarray(beta, np.float32).ravel()
    if len(beta) > IDENTITY:
        raise UtterError(f"An identity has {IDENTITY} numbers, not {len(beta)}.")
    return np.pad(beta, (0, IDENTITY - len(beta)))


def _rotations(array, w, eye, cross):
    """Axis-angle [..., 3] to matrices [..., 3, 3] (Rodrigues); sin x / x is written so that value and slope are right
    at 0, too."""
    angle = ((w * w).sum(-1)[..., None, None] + 1e-16) ** 0.5
    k = (w @ cross).reshape(*w.shape[:-1], 3, 3)
    return eye + array.sin(angle) / angle * k + 0.5 * (array.sin(angle / 2) / (angle / 2)) ** 2 * (k @ k)


def _pose(array, a, motion, template, joints):
    """Motion [..., 65] to vertices [..., n, 3]; template [..., 3n] and joints [..., 12] broadcast against motion."""
    lead = motion.shape[:-1]
    shaped = template + motion @ a["channels"]
    joints = (joints + motion @ a["joints_channels"]).reshape(*lead, 4, 3)
    local = _rotations(array, (motion[..., 50:60] @ a["to_pose"]).reshape(*lead, 4, 3), a["eye"], a["cross"])
    if a["posedirs"] is not None:
        shaped = shaped + (local - a["eye"]).reshape(*lead, 36) @ a["posedirs"]
    shaped = shaped.reshape(*lead, -1, 3)

    # Neck first, then jaw and eyes under it: x -> neck(child(x)), each turning about its own joint. Root does not move.
    neck, children = local[..., :1, :, :], local[..., 1:, :, :]
    at, child_at = joints[..., :1, :, None], joints[..., 1:, :, None]
    turns = array.concatenate([neck, neck @ children], -3)
    shifts = array.concatenate([at - neck @ at, neck @ (child_at - children @ child_at - at) + at], -3)[..., 0]

    # Blend the joints' matrices per vertex (the rest of the weight is the root's, which does not move), then move each vertex by its own.
    moves = array.concatenate([turns - a["eye"], shifts[..., None]], -1).reshape(*lead, 4, 12)
    blended = (a["weights"] @ moves).reshape(*shaped.shape, 4)
    return shaped + array.einsum("...ab,...b->...a", blended[..., :3], shaped) + blended[..., 3]


_CONSTANTS = {"to_pose": _TO_POSE, "cross": _CROSS, "eye": np.eye(3, dtype=np.float32)}


def _values(motion):
    values = np.asarray(getattr(motion, "values", motion), dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != CHANNELS:
        raise UtterError(f"A motion has {CHANNELS} channels a frame; this one has shape {list(values.shape)}.")
    return values


def _pose_numpy(arrays, motion):
    values, a = _values(motion), arrays | _CONSTANTS
    out = np.empty((len(values), *a["template"].shape), np.float32)
    step = max(1, CHUNK // (out[:1].size or 1))
    for start in range(0, len(values), step):
        part = slice(start, start + step)
        out[part] = _pose(np, a, values[part], a["template"].ravel(), a["joints"].ravel())
    return out


def pose(head, motion, beta=None, vertices=None):
    """Vertices float32 [T,V,3] in metres of a head under motion [T,65] (or a Motion); beta [300] or shorter; vertices: indices of
    a subset."""
    return _pose_numpy(_arrays(head, np.zeros(0) if beta is None else beta, vertices), motion)


def pose_parts(head, motion, beta=None):
    """Vertices float32 [T,Vp,3] of eyes, teeth and tongue. UtterError if the head has none."""
    return _pose_numpy(_arrays(head, np.zeros(0) if beta is None else beta, parts=True), motion)


def tensors(head, vertices=None, device="cpu"):
    """What pose_torch reads: float32 torch tensors of the head, or of a subset of its vertices."""
    import torch

    return {
        key: None if value is None else torch.tensor(np.asarray(value, np.float32), device=device)
        for key, value in (_arrays(head, vertices=vertices) | _CONSTANTS).items()
    }


def pose_torch(tensors, motion, beta=None, vertices=None):
    """pose() on torch tensors (see tensors()), differentiable: motion [..., T, 65], beta [..., 300] -> [..., T, n, 3].

    vertices: indices among those that tensors() was given. Not chunked: the caller chooses the batch."""
    import torch

    a, template, joints = tensors, tensors["template"].reshape(-1), tensors["joints"].reshape(-1)
    if beta is not None:
        template = template + (beta @ a["identity"]).unsqueeze(-2)
        if "lids_identity" in a:
            lids = motion[..., LIDS, None] * (beta @ a["lids_amounts"])[..., None, None, :]
            template = template + lids.flatten(-2) @ a["lids_identity"]
        joints = joints + (beta @ a["joints_identity"]).unsqueeze(-2)
    if vertices is not None:
        index = torch.as_tensor(vertices, device=motion.device)
        columns = (3 * index[:, None] + torch.arange(3, device=motion.device)).reshape(-1)
        a = a | {"weights": a["weights"][index]} | {key: None if a[key] is None else a[key][:, columns] for key in ("channels", "posedirs")}
        template = template[..., columns]
    return _pose(torch, a, motion, template, joints)


def landmarks(head, vertices):
    """The named landmarks [T,L,3] of posed vertices [T,V,3], in the order of head.landmark_names."""
    return np.asarray(vertices)[..., head.landmark_vertices, :]


def lip_gap(head, motion, beta=None):
    """How far the lips are parted, [T]: the inner-lip midpoints' distance beyond that of the neutral head, over jaw_open_gap.

    0 is shut, 1 is jawOpen = 1. On the built-in head the neutral distance is 0; other heads' midpoints touch only nearly."""
    pair = [head.landmark("lip_inner_upper_mid"), head.landmark("lip_inner_lower_mid")]
    posed = pose(head, motion, beta, pair)
    rest = np.linalg.norm(head.v_template[pair[0]] - head.v_template[pair[1]])
    return np.maximum(np.linalg.norm(posed[:, 0] - posed[:, 1], axis=1) - rest, 0) / head.jaw_open_gap
