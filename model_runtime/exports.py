"""Face actions of Motions as files for other programs: Live Link Face's CSV, JSON, .npz."""

import json
from pathlib import Path

import numpy as np

from contract import ACTIONS, EYES, NECK, ExportRequest, UtterError, beside
from model_runtime.capture.arkit import write_csv
from model_runtime.flame.actions import from_motion, on_builtin
from model_runtime.flame.calibrate import calibrate
from model_runtime.flame.load import load_head
from model_runtime.motion import Motion, load_motion, write_npz


def export(asked: ExportRequest) -> Motion:
    """Write what is asked for; the Motion on the built-in head that it was read from. UtterError for what cannot be read or written."""
    suffix = Path(asked.output).suffix.lower()
    if suffix not in WRITERS:
        raise UtterError(f"{asked.output} is no {' or '.join(WRITERS)}; choose another name.")
    motion, builtin = load_motion(asked.motion), load_head()
    head = load_head(asked.head) if asked.head else builtin
    if motion.actions is None and motion.basis == head.basis != builtin.basis:
        motion = Motion(calibrate(head, builtin).invert(motion.values), motion.fps, builtin.basis, voice=motion.voice)
    motion = on_builtin(builtin, motion)
    WRITERS[suffix](asked.output, motion, asked.fps)
    return motion


def weights_of(motion: Motion) -> np.ndarray:
    """Face actions float32 [T, 52] of a Motion on the built-in head: its own, or what it reads as."""
    return (from_motion(load_head(), motion.values) if motion.actions is None else motion.actions).astype(np.float32)


def as_csv(path: str | Path, motion: Motion, fps: int) -> None:
    """As Live Link Face writes a take, at that frame rate."""
    write_csv(path, motion, weights_of(motion), fps)


def as_json(path: str | Path, motion: Motion, _fps: int) -> None:
    """Rows of 6 decimals: a clip's numbers as any script reads them. neck: radians about x, y, z; eyes: pitch, yaw, left, then right."""
    rounded = lambda rows: np.round(rows.astype(float), 6).tolist()
    clip = {
        "fps": motion.fps,
        "voice": motion.voice,
        "names": ACTIONS,
        "weights": rounded(weights_of(motion)),
        "neck": rounded(motion.values[:, NECK]),
        "eyes": rounded(motion.values[:, EYES]),
    }
    with beside(path) as part:
        part.write_text(json.dumps(clip, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def as_npz(path: str | Path, motion: Motion, _fps: int) -> None:
    """actions [T, 52], names, fps."""
    write_npz(path, actions=weights_of(motion), names=np.array(ACTIONS), fps=np.float64(motion.fps))


WRITERS = {".csv": as_csv, ".json": as_json, ".npz": as_npz}
