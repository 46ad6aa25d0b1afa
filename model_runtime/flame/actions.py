"""Face actions (the 52 ARKit names) to Motion and back, on a head that holds them."""

from dataclasses import replace

import numpy as np

from contract import CHANNELS, EXPRESSION, EYES, JAW, LIDS, NECK, PAIRED_ACTIONS, TONGUE, UtterError
from model_runtime.flame.head import IDENTITY

# How much a channel counts when actions are read back, in millimetres over the face for one unit. That of expression is measured on
# the head; these are chosen: the jaw moves a third of the face by about 60 mm a radian, an eye turns 12 mm from its centre, a lid
# travels 10 mm.
_WEIGHTS = ((JAW, 20.0), (NECK, 0.0), (EYES, 12.0), (LIDS, 2.0), (TONGUE, 2.0))
NOTICED = 0.02  # millimetres over the face, as _WEIGHTS counts them
_ROUNDS, _SWEEPS, _STILL = 30, 16, 1e-4
_CHUNK, _TOGETHER = 4096, 512  # frames; of Newton steps


def sides(name):
    """The actions that a name stands for: both sides of a pair that is named without its side, or the one action."""
    return (name + "Left", name + "Right") if name in PAIRED_ACTIONS else (name,)


def to_motion(head, actions):
    """Actions [T,52] in 0..1, in the order of head.action_names, to Motion values [T,65]. Exact on the built-in head.

    Lids that follow the gaze give way to a blink: shut lids are shut wherever the eye looks."""
    actions, motions, names = np.asarray(actions, np.float32), _motions(head), list(head.action_names)
    values = actions @ motions
    for side in ("Left", "Right"):
        shut = actions[:, names.index("eyeBlink" + side)]
        for k in (k for k, name in enumerate(names) if name.startswith("eyeLook") and name.endswith(side)):
            values[:, EXPRESSION] -= (shut * actions[:, k])[:, None] * motions[k, EXPRESSION]
    return values


def from_motion(head, values, start=None):
    """Motion values [T,65] to actions float32 [T,52] in 0..1: least squares within the bounds, each channel weighted by how far
    it moves the face. The neck is no face action and is left out. Of actions that undo each other (jawLeft, jawRight) only one is
    used. start [T,52]: where the search begins; None: at rest."""
    motions = _motions(head)
    values = np.asarray(getattr(values, "values", values), np.float32)
    weight = _channel_weights(head)
    weighted = (motions * weight).astype(np.float64)
    hessian = weighted @ weighted.T
    hessian[np.diag_indices_from(hessian)] *= 1 + 1e-6  # so that there is one answer even if an action moves nothing, or two move the same
    hessian[np.diag_indices_from(hessian)] += 1e-9
    out = np.empty((len(motions), len(values)), np.float32)
    for first in range(0, len(values), _CHUNK):
        part = slice(first, first + _CHUNK)
        begin = None if start is None else start[part].T.astype(np.float64)
        out[:, part] = bounded(hessian, weighted @ (values[part] * weight).T, begin)
    return np.ascontiguousarray(out.T)


def change(head, values, actions, mask):
    """[T, 65] to add to Motion values [T, 65] for the face actions [T, 52] that mask [T, 52] names; what else they read as stays."""
    plain = from_motion(head, values)
    return to_motion(head, np.where(mask, actions, plain)) - to_motion(head, plain)


def noticeable(head, changes):
    """bool [T, 65]: which channels of changes of Motion [T, 65] move the face by more than NOTICED millimetres."""
    weight = _channel_weights(head)
    weight[NECK] = weight[JAW]
    return np.abs(changes) * weight > NOTICED


def on_builtin(builtin, motion):
    """A Motion carried to the built-in head, as it is if it is made for it: by its face actions, and by what neck, eyes, lids and tongue
    mean on every head. UtterError for the Motion of another head, or of another version's built-in one, without face actions."""
    if motion.basis == builtin.basis:
        return motion
    if motion.actions is None:
        raise UtterError(
            "This Motion was made for another head, or by another version of Utter, and holds no face actions; name that head with "
            "--head, or perform the voice again."
        )
    values = to_motion(builtin, motion.actions)
    for shared in (NECK, EYES, LIDS, TONGUE):
        values[:, shared] = motion.values[:, shared]
    return replace(motion, values=values, basis=builtin.basis)


def bounded(hessian, target, start=None):
    """argmin of x H x / 2 - target x within 0..1, for each column of target [52,T], from start (or 0), all frames at once: cyclic
    coordinate descent, which finds what lies at its bounds, and in turn with it a Newton step of the rest (Bertsekas 1982, "Projected
    Newton methods"), without which actions that nearly undo each other take hundreds of sweeps. Frames that stand still leave."""
    x = np.zeros_like(target) if start is None else start.copy()
    moving = np.arange(target.shape[1])
    for _ in range(_ROUNDS):
        now, goal = x[:, moving], target[:, moving]
        for _ in range(_SWEEPS):
            before = now.copy()
            for row, diagonal in enumerate(np.diag(hessian)):
                now[row] = np.minimum(np.maximum(now[row] + (goal[row] - hessian[row] @ now) / diagonal, 0), 1)
        going = np.abs(now - before).max(0) > _STILL
        x[:, moving] = now
        moving = moving[going]
        if not len(moving):
            break
        for part in np.array_split(moving, -(-len(moving) // _TOGETHER)):
            x[:, part] = newton(hessian, target[:, part], x[:, part])
    return x


def newton(hessian, target, x):
    """x [52,T] with what is free to move where its slope is zero, clipped to 0..1; frames that this makes no better stay as they are."""
    slope = hessian @ x - target
    free = (((x > 0) | (slope < 0)) & ((x < 1) | (slope > 0))).T
    held = np.where(free, 0, x.T)
    equations = np.where(free[:, :, None] & free[:, None, :], hessian, np.eye(len(x)))
    moved = np.linalg.solve(equations, np.where(free, target.T - held @ hessian, held)[..., None])[..., 0].clip(0, 1).T
    error = lambda x: ((0.5 * (hessian @ x) - target) * x).sum(0)
    return np.where(error(moved) < error(x), moved, x)


def _motions(head):
    if head.actions_motion is None:
        raise UtterError(f"{head.name} knows no face actions; load it with load_head, which carries over the built-in head's.")
    return head.actions_motion


def _channel_weights(head):
    weight = np.zeros(CHANNELS, np.float32)
    for channels, value in _WEIGHTS:
        weight[channels] = value
    shapes = head.shapedirs[:, :, IDENTITY : IDENTITY + 50]
    weight[EXPRESSION] = 1000 * np.sqrt((shapes**2).sum((0, 1)) / len(shapes))
    return weight
