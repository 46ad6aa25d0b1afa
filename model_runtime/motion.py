"""Motion: one layout everywhere (docs/formats.md, "Motion").

values is float32 [T, 65] at fps frames a second; frame i is the moment i / fps of the voice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from contract import ACTIONS, CHANNELS, PERFORMANCE, Passage, Reading, UtterError, Word, beside


@dataclass(frozen=True)
class Motion:
    """A performance: values float32 [T, 65], fps, and basis, the SHA-256 of the head's shapedirs (hex).

    actions: the same performance as face actions float32 [T, 52] in 0..1 (contract.ACTIONS), for heads that move by those.
    words: what was found to be said in the voice, in order of time; transcribed: whether Utter found some of it out itself.
    phones: that are heard in it, in order of time, as Words; no file keeps them.
    filmed: captured from a film, on which no tongue is seen.
    readings: what the prompts, clips and voice read as that it was made from, as PerformResult has them; no file keeps them.
    shifted: soft pins that were moved, int [n, 2]: from which frame to which.
    directed: the passages that the directions in the words became; no file keeps them.
    """

    values: np.ndarray
    fps: float
    basis: str
    seed: int = 0
    voice: str = ""
    actions: np.ndarray | None = None
    words: tuple[Word, ...] = ()
    phones: tuple[Word, ...] = ()
    transcribed: bool = False
    filmed: bool = False
    readings: Mapping[str, Reading] = field(default_factory=dict)
    shifted: np.ndarray | None = None
    directed: tuple[Passage, ...] = ()


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
    shifted: dict[str, Any] = {} if motion.shifted is None else {"shifted": motion.shifted.astype(np.int32)}
    write_npz(
        path,
        **actions,
        **said,
        **filmed,
        **shifted,
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

    Or of a whole performance [T, 117]: the last 52 columns are face actions.

    A pin is exact, or soft. tolerance [T, 65]: by how much a soft one may be missed, in the units of its channel; 0 where it is exact.
    shift [T, 65], whole numbers: by how many frames it may be moved, all that is soft in a frame together. None: 0 everywhere."""

    values: np.ndarray
    mask: np.ndarray
    tolerance: np.ndarray | None = None
    shift: np.ndarray | None = None

    def part(self, columns: slice) -> "Pins":
        """The Pins of some columns."""
        return self._each(lambda array: array[:, columns])

    def cut(self, frames: slice) -> "Pins":
        """The Pins of some frames."""
        return self._each(lambda array: array[frames])

    def only(self, mask: np.ndarray) -> "Pins":
        """Those of the Pins that a mask [T, 65] has too."""
        return replace(self, mask=self.mask & mask)

    def _each(self, what: Callable[[np.ndarray], np.ndarray]) -> "Pins":
        arrays = (self.values, self.mask, self.tolerance, self.shift)
        return Pins(*(None if array is None else what(array) for array in arrays))  # type: ignore[arg-type]


def load_pins(path: str | Path, frames: int | None = None, basis: str = "") -> Pins:
    """The Pins of an .npz with values and mask [T, 65] or [T, 117], cut or filled up to that many frames (None: as it is).

    basis: of the head that they are for. UtterError if the file holds no pins, or says that they are of another head."""
    with read_npz(path) as arrays:
        if not {"values", "mask"} <= set(arrays.files):
            raise UtterError(f"{Path(path).name} holds no pins: it needs values and mask.")
        values, mask = arrays["values"], arrays["mask"]
        more = {name: arrays[name] for name in ("tolerance", "shift") if name in arrays.files}
        if basis and "basis" in arrays.files and str(arrays["basis"]) != basis:
            raise UtterError(f"The pins in {Path(path).name} belong to another head; perform on that head, or leave them out.")
    if values.ndim != 2 or values.shape[1] not in (CHANNELS, PERFORMANCE) or values.shape != mask.shape:
        raise UtterError(
            f"{Path(path).name} holds no pins: values and mask must both have the shape [T, {CHANNELS}] or [T, {PERFORMANCE}]."
        )
    values, mask = values[:frames].astype(np.float32), mask[:frames].astype(bool)
    if not np.isfinite(values[mask]).all():
        raise UtterError(f"{Path(path).name} has pins that are not finite numbers.")
    for name, array in more.items():
        if array.shape[1:] != values.shape[1:] or len(array) < len(values) or not np.isfinite(array).all() or (array < 0).any():
            raise UtterError(f"{Path(path).name}: {name} must hold a number of 0 or more for each of the values.")
    frames = len(values) if frames is None else frames
    full = lambda array, kind: np.pad(array[:frames].astype(kind), ((0, max(0, frames - len(array))), (0, 0)))
    tolerance, shift = (full(more[name], kind) if name in more else None for name, kind in (("tolerance", np.float32), ("shift", np.int32)))
    return Pins(full(np.where(mask, values, 0), np.float32), full(mask, bool), tolerance, shift)


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
