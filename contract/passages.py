"""Passages: stretches of the voice that feel something of their own."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from .console import brief
from .directions import GESTURES
from .errors import UtterError
from .layout import REGIONS
from .options import is_text
from .text import find_file, is_file, read_json

AROUND = 0.25  # seconds beside a passage's fades in which the face comes to it and leaves it


@dataclasses.dataclass(frozen=True)
class Passage:
    """A stretch of the voice with a prompt of its own, with the feeling of a clip or with a gesture; seconds from the voice's beginning."""

    start: float
    end: float
    prompt: str
    # 0 to 1; or points (seconds from the voice's beginning, strength) in order, straight between them and level beyond
    strength: float | tuple[tuple[float, float], ...] = 1.0
    fade: float = 0.25  # seconds over which it comes, and goes
    clip: str = ""  # in place of a prompt: path of a film, of ARKit curves (.csv), of a Motion (.npz) or of another voice
    fade_out: float | None = None  # seconds over which it goes; None: as it comes
    gesture: str = ""  # in place of a prompt: a sound that is no word, or an accent (GESTURES)
    regions: tuple[str, ...] = tuple(REGIONS)  # what of the face it is for; the others perform as if it were not there

    @property
    def fades(self) -> tuple[float, float]:
        """Seconds over which it comes, and over which it goes."""
        return self.fade, self.fade if self.fade_out is None else self.fade_out

    def to_message(self) -> dict[str, Any]:
        own = {field.name: field.default for field in dataclasses.fields(self) if field.name in ("clip", "fade_out", "gesture", "regions")}
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in own or value != own[name]}


def read_passage(given: object, number: int) -> Passage:
    """The Passage of an object with its fields; UtterError names its number (from 1) and what it needs."""
    if isinstance(given, Passage):
        given = given.to_message()
    try:
        fields = {name: value for name, value in dict(given).items() if name != "fade_out" or value is not None}  # type: ignore[call-overload]
        unknown = set(fields) - {field.name for field in dataclasses.fields(Passage)}
        numbers: dict[str, Any] = {name: float(fields[name]) for name in ("start", "end", "fade", "fade_out") if name in fields}
        if "strength" in fields:
            numbers["strength"] = read_strength(fields["strength"])
        if "regions" in fields:
            numbers["regions"] = check_regions(fields["regions"])
        clip, gesture = (str(fields.get(name) or "").strip() for name in ("clip", "gesture"))
        prompt = str(fields.get("prompt", "") if clip or gesture else fields["prompt"]).strip()
        passage = Passage(prompt=prompt, clip=clip, gesture=gesture, **numbers)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UtterError(f"Passage {number} needs start and end in seconds and a prompt in words or a clip.", repr(error)) from error
    if len(both := [name for name in ("prompt", "clip", "gesture") if getattr(passage, name)]) > 1:
        raise UtterError(f"Passage {number} has a {both[0]} and a {both[1]}; leave out one of them.")
    if gesture and gesture not in GESTURES:
        raise UtterError(f'Passage {number} has a gesture "{brief(gesture)}" that there is not; gestures are {", ".join(GESTURES)}.')
    if not is_text(passage.prompt):
        raise UtterError(f"Passage {number} has characters in its prompt that no text can have; write it anew.")
    if unknown:
        raise UtterError(
            f'Passage {number} has a field "{brief(min(map(str, unknown)))}"; it may have '
            "start, end, prompt, strength, fade, fade_out, clip, gesture and regions."
        )
    start, end, fades = passage.start, passage.end, passage.fades
    if not (all(map(math.isfinite, (start, end, *fades))) and end > start and min(fades) >= 0):
        raise UtterError(f"Passage {number} must end after it starts, with fades of 0 or more seconds.")
    points = passage.strength if isinstance(passage.strength, tuple) else ((start, passage.strength),)
    if not (points and all(math.isfinite(time) and 0 <= strength <= 1 for time, strength in points)):
        raise UtterError(f"Passage {number} needs a strength between 0 and 1, or points of [seconds, strength].")
    if any(after[0] < before[0] for before, after in zip(points, points[1:])):
        raise UtterError(f"Passage {number} has points of its strength that are not in order of time.")
    if not passage.regions:
        raise UtterError(f"Passage {number} is for no region; choose some of {', '.join(REGIONS)}.")
    return passage


def read_strength(given: Any) -> float | tuple[tuple[float, float], ...]:
    """A strength, or its points, as a Passage has it: a number, [[seconds, strength], ...], or that as a table has it:
    "1 0.2, 2.5 0.9". TypeError and ValueError if it is neither."""
    if isinstance(given, str):
        parts = [part.split() for part in given.split(",")]
        given = parts[0][0] if len(parts) == 1 and len(parts[0]) == 1 else parts
    if isinstance(given, (list, tuple)):
        return tuple((float(time), float(strength)) for time, strength in given)
    return float(given)


def check_passages(given: object) -> tuple[Passage, ...]:
    """The passages that have a prompt, a clip or a gesture. UtterError names the first one that cannot be used."""
    if not isinstance(given, (list, tuple)):
        raise UtterError("Passages must be a list of objects with start, end and prompt.")
    passages = [read_passage(passage, number) for number, passage in enumerate(given, 1)]
    return tuple(passage for passage in passages if passage.prompt or passage.clip or passage.gesture)


def read_passages(path: str | Path) -> tuple[Passage, ...]:
    """The passages of a JSON file, to which the paths of its clips are relative. UtterError if it is no such list, or a clip is missing."""
    given = read_json(path, unreadable=f"{path} must hold a JSON list of passages, each with start, end and prompt.")
    try:
        passages = [dataclasses.replace(passage, clip=found(passage.clip, Path(path).parent)) for passage in check_passages(given)]
    except UtterError as error:
        raise UtterError(f"{path}: {error}", error.detail) from error
    return tuple(passages)


def found(clip: str, folder: Path) -> str:
    """The path of a clip (or "") that is relative to a folder. UtterError if it does not exist."""
    there = find_file(folder / clip)
    if clip and not is_file(there):
        raise UtterError(f"the clip {there} does not exist.")
    return str(there) if clip else ""


def touched(passage: Passage) -> tuple[float, float]:
    """The stretch that a change of a passage touches: the passage with its fades, and what the face needs to come to it."""
    comes, goes = passage.fades
    return passage.start - comes / 2 - AROUND, passage.end + goes / 2 + AROUND


def check_regions(given: object) -> tuple[str, ...]:
    """The names of regions, in a list or parted by commas. UtterError for one that there is not."""
    parts: list[Any] = given.split(",") if isinstance(given, str) else list(given)  # type: ignore[call-overload]
    names = tuple(filter(None, (part.strip() if isinstance(part, str) else part for part in parts)))
    if unknown := [name for name in names if name not in REGIONS]:
        raise UtterError(f"There is no region {brief(str(unknown[0]))}; regions are {', '.join(REGIONS)}.")
    return names
