"""Subtitles: SubRip, WebVTT, and what tools and hands make of them. Words with their times are written as such, cues are read."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from .protocol import Word
from .text import plain

PAUSE, LETTERS, SECONDS = 0.6, 80, 6.0  # a subtitle ends where a pause is longer, or before it has more
UNSPACED = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff][\u3040-\u30ff\u4e00-\u9fff]")
_TIME = r"([-−]?)\s*(?:(\d+)\s*:\s*)?(\d{1,2})\s*:\s*(\d{1,2})(?:\s*[.,]\s*(\d{1,3})\d*)?"
TIMES = re.compile(
    rf"^\s*{_TIME}\s*(?:-{{1,3}}>|[–—]>|[→⟶⇒])\s*{_TIME}(?![\d:])"
)  # SubRip and WebVTT, and what tools and hands make of them
BLOCK = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")  # of WebVTT, up to the next blank line
STYLED = re.compile(r"\{\\[^}]*\}")  # {\an8}
TAG = re.compile(r"</?[A-Za-z][^<>]*>|</>|<[\d:.]+>")  # <i>, <v Anna>, <00:01.500>


def subtitles(words: Sequence[Word]) -> list[list[Word]]:
    """The words of each subtitle: they end with a sentence, before a pause, and before they are too long to read."""
    cues: list[list[Word]] = []
    for word in words:
        cue = cues[-1] if cues else []
        if (
            not cue
            or cue[-1]["text"].endswith((".", "!", "?", "。", "！", "？"))
            or word["start"] - cue[-1]["end"] > PAUSE
            or word["end"] - cue[0]["start"] > SECONDS
            or sum(len(each["text"]) + 1 for each in cue) + len(word["text"]) > LETTERS
        ):
            cue = []
            cues.append(cue)
        cue.append(word)
    return cues


def to_srt(words: Sequence[Word]) -> str:
    """Words as SubRip has them."""
    return "\n".join(f"{number}\n{_times(cue, ',')}\n{text_of(cue)}\n" for number, cue in enumerate(subtitles(words), 1))


def to_vtt(words: Sequence[Word]) -> str:
    """Words as WebVTT has them."""
    return "WEBVTT\n\n" + "\n".join(f"{_times(cue, '.')}\n{text_of(cue)}\n" for cue in subtitles(words))


def text_of(words: Sequence[Word]) -> str:
    """Words as a text; between letters of scripts that write no spaces there are none."""
    text = ""
    for word in words:
        unspaced = UNSPACED.fullmatch(text[-1:] + word["text"][:1])
        text += word["text"] if unspaced or not text else " " + word["text"]
    return text


def _times(cue: Sequence[Word], point: str) -> str:
    return f"{_clock(cue[0]['start'], point)} --> {_clock(cue[-1]['end'], point)}"


def _clock(seconds: float, point: str) -> str:
    thousandths = round(max(seconds, 0) * 1000)
    hours, rest = divmod(thousandths, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


class Subtitle(NamedTuple):
    """A cue: start and end in seconds from the voice's beginning, and what it says."""

    start: float
    end: float
    text: str


def read_subtitles(text: str) -> list[Subtitle] | None:
    """The cues of subtitles in order of time; None where a text holds no times as subtitles have them."""
    lines = text.removeprefix("\ufeff").split("\n")
    vtt = lines[0].split()[:1] == ["WEBVTT"]
    if not vtt and not any(map(TIMES.match, lines)):
        return None
    return sorted((Subtitle(*times, spoken(said)) for times, said in cues_of(lines, vtt)), key=lambda cue: cue[:2])


def cues_of(lines: list[str], vtt: bool) -> list[tuple[tuple[float, float], list[str]]]:
    """[((start, end), lines that are said)] of subtitles. A cue lasts until the next line of times, whatever blank lines lie between."""
    at = [k for k, line in enumerate(lines) if TIMES.match(line)]
    if vtt:
        lines = without_blocks(lines)
    before = [line.strip() for line in lines[: at[0]] if line.strip()] if at else []
    count = int(before[-1]) if before and before[-1].isdecimal() else None  # the number of the cue; None: they have none
    found = []
    for begin, end in zip(at, [*at[1:], len(lines)]):
        said = lines[begin + 1 : end]
        if end < len(lines):
            count = drop_name(said, vtt, count)
        found.append((times_of(lines[begin]), said))
    return found


def drop_name(said: list[str], vtt: bool, count: int | None) -> int | None:
    """Take from the end of a cue's lines the number or the name of the next cue; -> its number. count: that of this cue, or None."""
    beside = bool(said) and bool(said[-1].strip())  # nothing between it and the line of times
    while said and not said[-1].strip():
        said.pop()
    last = said[-1].strip() if said else ""
    alone = len(said) > 1 and not said[-2].strip()  # a blank line before it: it is not a line of what is said
    if count is None:
        if beside and alone:
            said.pop()
    elif last.isdecimal() and (beside or int(last) == count + 1):
        said.pop()
        return int(last)
    elif vtt and beside and alone:
        said.pop()
    return None if count is None else count + 1


def without_blocks(lines: list[str]) -> list[str]:
    """The lines of a WebVTT file, those of notes and styles empty."""
    found, inside, blank = list[str](), False, False
    for line in lines:
        inside = bool(line.strip()) and not TIMES.match(line) and (inside or (blank and bool(BLOCK.match(line))))
        blank = not line.strip()
        found.append("" if inside else line)
    return found


def times_of(line: str) -> tuple[float, float]:
    """(start, end) in seconds of a line of times, from the voice's beginning on."""
    matched = TIMES.match(line)
    assert matched
    parts = matched.groups()
    start, end = seconds(*parts[:5]), seconds(*parts[5:])
    return start, max(start, end)


def spoken(lines: list[str]) -> str:
    """What is said in the lines of a cue: no tags, and the letters that entities mean."""
    text = re.sub(r"<br\s*/?>|\\[Nnh]", " ", "\n".join(lines))
    return " ".join(plain(TAG.sub("", STYLED.sub("", text))).split())


def seconds(minus: str, hours: str, minutes: str, whole: str, thousandths: str) -> float:
    if minus:
        return 0.0
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(whole) + int((thousandths or "0").ljust(3, "0")) / 1000
