"""Passages out of what other programs write: subtitles, tables, lists of ours. Each becomes a contract.Passage."""

import re
from pathlib import Path

from .console import brief
from .directions import read_directions
from .errors import UtterError
from .passages import Passage, read_passage, read_passages
from .subtitles import read_subtitles
from .text import read_number, read_table, read_text

IMPORTED_SUFFIXES = (".srt", ".vtt", ".csv", ".json")
COLUMN_NAMES = {  # of a table, by what others call them
    "start": ("start", "begin", "in", "from"),
    "end": ("end", "out", "to", "stop"),
    "prompt": ("prompt", "emotion", "text", "name", "note", "comment"),
    "strength": ("strength",),
    "fade": ("fade", "fade_in"),
    "fade_out": ("fade_out",),
    "gesture": ("gesture",),
    "regions": ("regions", "region"),
}
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+)(?:[.,](\d+)|:(\d+))?")  # 1:02.5, 0:01:02, 00:00:01:12 (frames)


def import_passages(path: str | Path, fps: float = 24) -> list[Passage]:
    """The passages of a file: a cue of subtitles says what to feel in its time, in brackets or in all of it; a table has columns start, end
    and prompt; a JSON list is as read_passages() takes it. fps: of time codes that end in frames. UtterError where there is none."""
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".json":
        found = list(read_passages(path))
    elif kind == ".csv":
        found = of_table(path, fps)
    elif kind in IMPORTED_SUFFIXES:
        found = of_subtitles(path)
    else:
        raise UtterError(f"{path.name} is no list of passages; choose subtitles (.srt, .vtt), a table (.csv) or a list (.json).")
    if not found:
        raise UtterError(f"{path.name} holds no passages.")
    return found


def of_subtitles(path: Path) -> list[Passage]:
    """The passages of subtitles."""
    cues = read_subtitles(read_text(path))
    if cues is None:
        raise UtterError(f"{path.name} holds no times as subtitles have them (00:00:01,000 --> 00:00:02,500); save it as .srt again.")
    found = []
    for cue in cues:
        spoken, directions = read_directions(cue.text)
        end = max(cue.end, cue.start + 0.1)
        letter = (end - cue.start) / max(len(spoken), 1)  # seconds
        for direction in directions:
            begin = cue.start + direction.begin * letter
            last = max(cue.start + direction.end * letter if direction.end > direction.begin else end, begin + 0.1)
            prompt = "" if direction.gesture else direction.text
            found.append(Passage(begin, last, prompt, gesture=direction.gesture))
        if spoken and not directions:
            found.append(Passage(cue.start, end, spoken))
    return found


def of_table(path: Path, fps: float) -> list[Passage]:
    """The passages of a table."""
    rows = [row for row in read_table(path) if any(map(str.strip, row))]
    named = [cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in rows[0]] if rows else []
    places = {name: next((named.index(other) for other in others if other in named), None) for name, others in COLUMN_NAMES.items()}
    if lacking := [name for name in ("start", "end", "prompt") if places[name] is None and not (name == "prompt" and places["gesture"])]:
        raise UtterError(f"{path.name} needs a first line with the columns start, end and prompt; it lacks {' and '.join(lacking)}.")
    found = []
    for number, row in enumerate(rows[1:], 1):
        cells = {name: row[place].strip() for name, place in places.items() if place is not None and place < len(row)}
        fields: dict[str, object] = {name: cell for name, cell in cells.items() if cell}
        try:
            for name in fields:
                changes = name == "strength" and " " in str(fields[name])  # points of it
                if name not in ("prompt", "gesture", "regions") and not changes:
                    fields[name] = seconds(str(fields[name]), fps)
            found.append(read_passage({"prompt": "", **fields}, number))
        except (UtterError, ValueError) as error:
            told = str(error) if isinstance(error, UtterError) else f"Passage {number} has a time or number that cannot be read."
            raise UtterError(f"{path.name}: {told}", brief(repr(row))) from error
    return [passage for passage in found if passage.prompt or passage.gesture]


def seconds(text: str, fps: float) -> float:
    """A time as tables have it: seconds, h:mm:ss with a fraction, or a time code that ends in frames. ValueError if it is none."""
    if ":" not in text:
        return read_number(text.removesuffix("s").strip())
    matched = _CLOCK.fullmatch(text.strip())
    if matched is None:
        raise ValueError(text)
    hours, minutes, whole, fraction, frames = matched.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(whole) + float(f"0.{fraction or 0}") + int(frames or 0) / fps
