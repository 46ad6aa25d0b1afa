"""Face actions of a FLAME head: what each is in Motion's channels, and shape keys that do it. A key is a straight line, so a sum of
channels' keys is a key as well, and a face by actions is the face that the same channels make."""

import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..contract import ACTIONS, CHANNELS, EYES, FACE_ACTIONS, UtterError, read_actions
from .base import PROPERTY, key_points, neutral, object_mode

BUILT_IN = Path(__file__).resolve().parents[2] / "blender_assets" / "head" / "utter_head.npz"

EVERY = 4  # of the vertices one is looked at
LIPS = 0.3  # how much an opening between the lips counts beside the head
EYE = 12.0  # millimetres that a radian of an eye counts for
_seen: dict[tuple[int, int], np.ndarray] = {}
_last: dict[int, np.ndarray] = {}  # by head: what was read last


def motions_of(obj: Any) -> np.ndarray | None:
    """[52, 65]: the Motion of each face action on a head of ours; None where its bundle did not tell, and it is not the built-in head."""
    told = obj[PROPERTY]
    if "actions_motion" in told:
        motions = np.array(told["actions_motion"], np.float32).reshape(len(ACTIONS), CHANNELS)
        return motions if motions.any() else None
    return None if told["head"] or told["basis"] != _built_in()[0] else _built_in()[1]


@functools.cache
def _built_in():
    """(basis, motions [52, 65]) of the built-in head."""
    with np.load(BUILT_IN, allow_pickle=False) as file:
        order = [list(file["action_names"]).index(name) for name in ACTIONS]
        return hashlib.sha256(np.ascontiguousarray(file["shapedirs"], "<f4").data).hexdigest(), file["actions_motion"][order]


def add_keys(obj: Any, names: dict[int, str]) -> dict[int, str]:
    """Give a head of ours a shape key for each face action, under its name, where it has none yet: {column: shape key} of those that were
    missing. names: {column: shape key} of what it has. One of the artist's under that name is taken as it is. UtterError if it cannot have
    them."""
    missing = [column for column in range(FACE_ACTIONS.start, FACE_ACTIONS.stop) if column not in names]
    if not missing:
        return {}
    motions, blocks = motions_of(obj), obj.data.shape_keys.key_blocks
    if motions is None:
        raise UtterError(f"{obj.name} knows no face actions; select it and press Use Selected again, or choose Curves: Channels.")
    own = {column: ACTIONS[column - CHANNELS] for column in missing if ACTIONS[column - CHANNELS] in blocks}
    if len(own) < len(missing) and (obj.data.library or obj.data.override_library):
        raise UtterError(f"{obj.name} is linked from another file; perform there once with Curves: Actions, or choose Curves: Channels.")
    rest = neutral(obj).astype(np.float32)
    channels = [channel for channel in names if channel < CHANNELS]
    does = np.array([key_points(blocks[names[channel]]).astype(np.float32) - rest for channel in channels]).reshape(len(channels), -1)
    with object_mode():
        for column in missing:
            if column not in own:
                block = obj.shape_key_add(name=ACTIONS[column - CHANNELS], from_mix=False)
                block.points.foreach_set("co", rest.ravel() + motions[column - CHANNELS, channels] @ does)
                block.value = 0  # Blender 5.2 makes keys with 1
                own[column] = block.name
    return own


def read(obj: Any, names: dict[int, str], motion: np.ndarray) -> np.ndarray:
    """The face actions [52] that a head of ours shows by Motion's channels [65]; all 0 of one that knows none."""
    motions = motions_of(obj)
    if motions is None:
        return np.zeros(len(ACTIONS), np.float32)
    start = _last.get(obj.session_uid)  # frames that are looked at one after another are alike
    found = read_actions(motions, seen_of(obj, names), motion[None], start=start)
    _last.clear()
    _last[obj.session_uid] = found
    return found[0]


def seen_of(obj: Any, names: dict[int, str]) -> np.ndarray:
    """[65, 65]: how much is seen of a change c of Motion, c @ this @ c, in square millimetres over the head, and between the lips.
    names: {column: shape key} of what it has. The neck is not looked at."""
    asked = obj.session_uid, len(obj.data.vertices)
    if asked not in _seen:
        scale, blocks, rest = 1000 / obj[PROPERTY].get("scale", 1.0), obj.data.shape_keys.key_blocks, neutral(obj)
        lips, some = list(obj[PROPERTY]["lips"]), slice(0, None, EVERY)
        moved, parted = np.zeros((CHANNELS, *rest[some].shape)), np.zeros((CHANNELS, 3))
        for channel in (channel for channel in names if channel < CHANNELS):
            does = (key_points(blocks[names[channel]]) - rest) * scale
            moved[channel] = does[some]
            parted[channel] = does[lips[0]] - does[lips[1]] if len(lips) == 2 else 0
        flat = moved.reshape(CHANNELS, -1)
        seen = flat @ flat.T / len(rest[some]) + LIPS * parted @ parted.T
        seen[range(EYES.start, EYES.stop), range(EYES.start, EYES.stop)] = EYE**2
        _seen.clear()  # of the head that is looked at
        _seen[asked] = seen
    return _seen[asked]
