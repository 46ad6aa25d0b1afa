"""Face actions of a FLAME head: what each is in Motion's channels, and shape keys that do it. A key is a straight line, so a sum of
channels' keys is a key as well, and a face by actions is the face that the same channels make."""

import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..contract import ACTIONS, CHANNELS, FACE_ACTIONS, UtterError
from .base import PROPERTY, key_points, neutral, object_mode

BUILT_IN = Path(__file__).resolve().parents[2] / "blender_assets" / "head" / "utter_head.npz"


def motions_of(obj: Any) -> np.ndarray | None:
    """[52, 65]: the Motion of each face action on a head of ours; None where its bundle did not tell, and it is not the built-in head."""
    told = obj[PROPERTY]
    if "actions_motion" in told:
        return np.array(told["actions_motion"], np.float32).reshape(len(ACTIONS), CHANNELS)
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
        raise UtterError(f"{obj.name} knows no face actions; select it and press Use Selected again, or choose FLAME Channels.")
    own = {column: ACTIONS[column - CHANNELS] for column in missing if ACTIONS[column - CHANNELS] in blocks}
    if len(own) < len(missing) and (obj.data.library or obj.data.override_library):
        raise UtterError(
            f"The mesh of {obj.name} is linked from another file; perform with Face Actions there once, or choose FLAME Channels."
        )
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
