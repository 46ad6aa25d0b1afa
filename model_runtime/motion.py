"""Motion: one layout everywhere (docs/formats.md, "Motion").

values is float32 [T, 65] at fps frames a second; frame i is the moment i / fps of the voice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contract import ACTIONS, CHANNELS, PERFORMANCE, Reading, UtterError, Word, beside


@dataclass(frozen=True)
class Motion:
    """A performance: values float32 [T, 65], fps, and basis, the SHA-256 of the head's shapedirs (hex).

    actions: the same performance as face actions float32 [T, 52] in 0..1 (contract.ACTIONS), for heads that move by those.
    words: what was found to be said in the voice, in order of time; transcribed: whether Utter found some of it out itself.
    filmed: captured from a film, on which no tongue is seen.
    readings: what the prompts, clips and voice read as that it was made from, as PerformResult has them; no file keeps them.
    """

    values: np.ndarray
    fps: float
    basis: str
    seed: int = 0
    voice: str = ""
    actions: np.ndarray | None = None
    words: tuple[Word, ...] = ()
    transcribed: bool = False
    filmed: bool = False
    readings: Mapping[str, Reading] = field(default_factory=dict)


def save_motion(motion: Motion, path: str | Path, **more: Any) -> None:
    """Write motion as .npz, and more arrays with it; whole or not at all: written beside, then renamed."""
    values = np.ascontiguousarray(motion.values, dtype=np.float32)
    assert values.ndim == 2 and values.shape[1] == CHANNELS
    actions: dict[str, Any] = (
        {} if motion.actions is None else {"actions": motion.actions.astype(np.float32), "action_names": np.array(ACTIONS)}
    )
    said: dict[str, Any] = {
        "words": np.array([word["text"] for word in motion.words], np.str_),
        "word_times": np.array([[word["start"], word["end"]] for word in motion.words], np.float32).reshape(-1, 2),
        "word_confidence": np.array([word["confidence"] for word in motion.words], np.float32),
    }
    filmed: dict[str, Any] = {"filmed": np.bool_(True)} if motion.filmed else {}
    write_npz(
        path,
        **actions,
        **said,
        **filmed,
        **more,
        motion=values,
        fps=np.float64(motion.fps),
        basis=np.str_(motion.basis),
        seed=np.int64(motion.seed),
        voice=np.str_(motion.voice),
    )


def load_motion(path: str | Path) -> Motion:
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
            arrays["actions"].astype(np.float32) if "actions" in arrays.files else None,
            read_words(arrays) if "words" in arrays.files else (),
            filmed="filmed" in arrays.files and bool(arrays["filmed"]),
        )


def read_words(arrays: Any) -> tuple[Word, ...]:
    """The words that a Motion file holds."""
    rows = zip(arrays["words"], arrays["word_times"], arrays["word_confidence"])
    return tuple(
        Word(start=float(start), end=float(end), text=str(text), confidence=float(confidence)) for text, (start, end), confidence in rows
    )


@dataclass(frozen=True)
class Pins:
    """Motion to keep exactly: values float32 [T, 65], and mask bool [T, 65] that says which of them. The rest of values is 0.

    Or of a whole performance [T, 117]: the last 52 columns are face actions."""

    values: np.ndarray
    mask: np.ndarray

    def part(self, columns: slice) -> "Pins":
        """The Pins of some columns."""
        return Pins(self.values[:, columns], self.mask[:, columns])


def load_pins(path: str | Path, frames: int) -> Pins:
    """The Pins of an .npz with values and mask [T, 65] or [T, 117], cut or filled up to that many frames. UtterError if the file
    holds no pins."""
    with read_npz(path) as arrays:
        if not {"values", "mask"} <= set(arrays.files):
            raise UtterError(f"{Path(path).name} holds no pins: it needs values and mask.")
        values, mask = arrays["values"], arrays["mask"]
    if values.ndim != 2 or values.shape[1] not in (CHANNELS, PERFORMANCE) or values.shape != mask.shape:
        raise UtterError(
            f"{Path(path).name} holds no pins: values and mask must both have the shape [T, {CHANNELS}] or [T, {PERFORMANCE}]."
        )
    values, mask = values[:frames].astype(np.float32), mask[:frames].astype(bool)
    if not np.isfinite(values[mask]).all():
        raise UtterError(f"{Path(path).name} has pins that are not finite numbers.")
    short = frames - len(values)
    values = np.pad(np.where(mask, values, 0), ((0, short), (0, 0)))
    return Pins(values.astype(np.float32), np.pad(mask, ((0, short), (0, 0))))


def write_npz(path: str | Path, *, compressed: bool = True, **arrays: Any) -> None:
    """np.savez_compressed (or np.savez) that never leaves a half-written file. UtterError if the folder cannot be written."""
    with beside(path) as part, open(part, "wb") as stream:
        (np.savez_compressed if compressed else np.savez)(stream, **arrays)


def read_npz(path: str | Path) -> Any:
    """Open an .npz without pickles. UtterError if it is missing or no such file."""
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist.") from error
    except Exception as error:
        raise UtterError(f"{path} cannot be read as an .npz file.", str(error)) from error
