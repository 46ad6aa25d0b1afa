"""Motion: one layout everywhere (docs/architecture.md, "Motion").

values is float32 [T, 65] at fps frames a second; frame i is the moment i / fps of the voice.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_runtime.errors import UtterError

CHANNELS = 65
FPS = 30

EXPRESSION = slice(0, 50)  # FLAME expression coefficients, standard deviations of the head's basis
JAW = slice(50, 53)  # axis-angle, radians; +x opens, +y to the subject's left
NECK = slice(53, 56)  # axis-angle, radians
EYES = slice(56, 60)  # left pitch, left yaw, right pitch, right yaw, radians
LIDS = slice(60, 62)  # left, right; 0 open to 1 shut
TONGUE = slice(62, 65)  # tip up, back up, out; 0 to 1

NAMES = (
    *(f"expression_{i:02d}" for i in range(50)),
    "jaw_x",
    "jaw_y",
    "jaw_z",
    "neck_x",
    "neck_y",
    "neck_z",
    "eye_left_pitch",
    "eye_left_yaw",
    "eye_right_pitch",
    "eye_right_yaw",
    "lid_left",
    "lid_right",
    "tongue_tip_up",
    "tongue_back_up",
    "tongue_out",
)


@dataclass(frozen=True)
class Motion:
    """A performance: values float32 [T, 65], fps, and basis, the SHA-256 of the head's shapedirs (hex)."""

    values: np.ndarray
    fps: float
    basis: str
    seed: int = 0
    voice: str = ""


def save_motion(motion, path):
    """Write motion as .npz, whole or not at all: written beside, then renamed."""
    values = np.ascontiguousarray(motion.values, dtype=np.float32)
    assert values.ndim == 2 and values.shape[1] == CHANNELS
    write_npz(
        path,
        motion=values,
        fps=np.float64(motion.fps),
        basis=np.str_(motion.basis),
        seed=np.int64(motion.seed),
        voice=np.str_(motion.voice),
    )


def load_motion(path):
    """Read a Motion that save_motion wrote. UtterError if the file is not one."""
    with read_npz(path) as arrays:
        missing = {"motion", "fps", "basis"} - set(arrays.files)
        if missing:
            raise UtterError(f"{Path(path).name} is not a Motion file: it lacks {', '.join(sorted(missing))}.")
        values = arrays["motion"]
        if values.ndim != 2 or values.shape[1] != CHANNELS or not np.isfinite(values).all():
            raise UtterError(f"{Path(path).name} is damaged: motion must be finite numbers of shape [T, {CHANNELS}].")
        return Motion(
            values.astype(np.float32),
            float(arrays["fps"]),
            str(arrays["basis"]),
            int(arrays["seed"]) if "seed" in arrays.files else 0,
            str(arrays["voice"]) if "voice" in arrays.files else "",
        )


def write_npz(path, *, compressed=True, **arrays):
    """np.savez_compressed (or np.savez) that never leaves a half-written file. UtterError if the folder cannot be written."""
    path = Path(path)
    beside = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as stream:
            (np.savez_compressed if compressed else np.savez)(stream, **arrays)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise UtterError(f"{path} cannot be written ({error.strerror}); choose another folder.", str(error)) from error


def read_npz(path):
    """Open an .npz without pickles. UtterError if it is missing or no such file."""
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist.") from error
    except Exception as error:
        raise UtterError(f"{path} cannot be read as an .npz file.", str(error)) from error
