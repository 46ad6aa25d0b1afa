"""Face actions (the 52 ARKit names) to Motion and back, on a head that holds them."""

from dataclasses import replace

import numpy as np

from contract import CHANNELS, EXPRESSION, EYES, JAW, LIDS, NECK, TONGUE, UtterError, apart, read_actions
from model_runtime.flame import lbs
from model_runtime.flame.head import IDENTITY

# How much a channel counts, in millimetres over the face for one unit. That of expression is measured on the head; these are chosen:
# the jaw moves a third of the face by about 60 mm a radian, an eye turns 12 mm from its centre, a lid travels 10 mm.
_WEIGHTS = ((JAW, 20.0), (NECK, 0.0), (EYES, 12.0), (LIDS, 2.0), (TONGUE, 2.0))
_LIPS = 0.3  # and how much an opening between the lips counts beside the face: frames with shut lips stay so
_EVERY = 4  # of the skin's vertices one is looked at
NOTICED = 0.02  # millimetres over the face, as _WEIGHTS counts them
_STEP = 0.1  # of each channel, to see what it does


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
    """Motion values [T,65] to actions float32 [T,52] in 0..1: least squares within the bounds, of millimetres over the face and
    between the lips: lips that meet do, whatever else actions cannot show. The neck is no face action and is left out.

    start [T,52]: where the search begins; None: at rest."""
    values = np.asarray(getattr(values, "values", values), np.float32)
    return read_actions(_motions(head), seen_of(head), values, head.action_names, start)


def seen_of(head):
    """float64 [65, 65]: how much is seen of a change c of Motion, c @ this @ c: square millimetres over the face's skin, and over the
    openings between the inner lips. Neck excepted; of eyes, lids and tongue as _WEIGHTS says."""
    some = np.arange(0, len(head.v_template), _EVERY)
    pairs = np.zeros((2, 0), int) if head.lip_inner_upper is None else np.stack([head.lip_inner_upper, head.lip_inner_lower])
    probe = np.concatenate([np.zeros((1, CHANNELS), np.float32), _STEP * np.eye(CHANNELS, dtype=np.float32)])
    probe[1 + NECK.start :] = 0
    moved = lbs.pose(head, probe, None, np.concatenate([some, pairs.ravel()])).astype(np.float64)
    moved = (moved[1:] - moved[0]) * 1000 / _STEP
    over = moved[:, : len(some)].reshape(CHANNELS, -1)
    upper, lower = moved[:, len(some) :, 1].reshape(CHANNELS, *pairs.shape).transpose(1, 0, 2)
    chosen = np.diag([weight**2 if k >= NECK.start else 0.0 for k, weight in enumerate(_channel_weights(head).astype(np.float64))])
    return over @ over.T / len(some) + _LIPS * (upper - lower) @ (upper - lower).T / max(1, pairs.shape[1]) + chosen


def change(head, values, actions, mask):
    """[T, 65] to add to Motion values [T, 65] for the face actions [T, 52] that mask [T, 52] names; what else they read as stays, but for
    what would undo them."""
    plain = from_motion(head, values)
    mask = np.broadcast_to(mask, plain.shape)
    return to_motion(head, apart(np.where(mask, actions, plain), mask)) - to_motion(head, plain)


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
