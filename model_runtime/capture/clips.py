"""A clip that is a file of numbers -> Motion on the built-in head: a Motion file, or face actions as the verb `actions` writes them."""

from pathlib import Path
from typing import Any

import numpy as np

from contract import EXPRESSION, JAW, LIDS, NECK, UtterError, read_json
from model_runtime.capture.arkit import as_actions
from model_runtime.flame.actions import on_builtin, to_motion
from model_runtime.flame.calibrate import HeadMap
from model_runtime.flame.head import Head
from model_runtime.motion import Motion, load_motion, read_npz

RESTS = 0.02  # of a channel: a face of which none is further from 0 rests


def read(path: str | Path, builtin: Head, head: Head | None = None, head_map: HeadMap | None = None) -> Motion:
    """The Motion of a clip with one of MOTION_SUFFIXES. head and the HeadMap to it, if any: another head, whose Motions it carries back.

    UtterError for a file that holds neither a Motion nor face actions, or the Motion of another head without face actions."""
    path = Path(path)
    if path.suffix.lower() == ".json":
        given = read_json(path, unreadable=f"{path} must hold a JSON object with names and weights, as the verb actions writes it.")
        given = given if isinstance(given, dict) else {}
        return acted(path, builtin, *(given.get(name) for name in ("weights", "names", "fps", "neck")))
    with read_npz(path) as arrays:
        if "motion" not in arrays.files and {"actions", "names"} <= set(arrays.files):
            return acted(path, builtin, arrays["actions"], arrays["names"], arrays["fps"] if "fps" in arrays.files else None)
    motion = load_motion(path)
    if not len(motion.values):
        raise UtterError(f"{path.name} holds no frame; choose another clip.")
    if head is not None and head_map is not None and motion.basis == head.basis:
        return Motion(head_map.invert(motion.values).astype(np.float32), motion.fps, builtin.basis)
    return on_builtin(builtin, motion)


def acted(path: Path, builtin: Head, weights: Any, names: Any, fps: Any, neck: Any = None) -> Motion:
    """The Motion of face actions: weights [T, K] under names [K]; neck [T, 3] in radians, if any. UtterError where they are none."""
    try:
        rows, names, rate = np.array(weights, np.float32), [str(name) for name in names], float(fps)
        turns = np.zeros((len(rows), 3), np.float32) if neck is None else np.array(neck, np.float32)
        whole = rows.shape == (len(rows), len(names)) and turns.shape == (len(rows), 3) and len(rows) and rate > 0
    except (TypeError, ValueError) as error:
        raise UtterError(f"{path.name} holds no face actions; it needs names, weights and fps.", repr(error)) from error
    if not whole or not (np.isfinite(rows).all() and np.isfinite(turns).all() and np.isfinite(rate)):
        raise UtterError(f"{path.name} is damaged: it needs a finite weight of each name in each frame, and fps.")
    actions, *_ = as_actions(rows, names, path.name)
    values = to_motion(builtin, actions)
    values[:, NECK] = turns
    return Motion(values.astype(np.float32), rate, builtin.basis, actions=actions)


def rests(values: np.ndarray) -> bool:
    """Whether the face in a Motion's values [T, 65] is at rest all the while, whatever neck and eyes do."""
    return max(np.abs(values[:, part]).max() for part in (EXPRESSION, JAW, LIDS)) < RESTS
