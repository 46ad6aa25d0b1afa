"""Words with their times as files of subtitles: SubRip, WebVTT."""

import re
from collections.abc import Sequence

from .protocol import Word

PAUSE, LETTERS, SECONDS = 0.6, 80, 6.0  # a subtitle ends where a pause is longer, or before it has more
UNSPACED = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff][\u3040-\u30ff\u4e00-\u9fff]")


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
