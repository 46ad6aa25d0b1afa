"""The script of a voice: what is said in it and, where it comes as subtitles, when.

Plain text is aligned with the whole voice. Subtitles are aligned cue by cue, each within its own time and a little around it: so a
long recording needs little memory, and where nobody speaks a cue only that cue is left out.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from contract import WORDS_SUFFIXES, UtterError
from model_runtime.speech import content as layout
from model_runtime.speech import words

SLACK = 0.5  # seconds that a cue may begin too late, or end too early
_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
TIMES = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")  # SubRip and WebVTT


@dataclass(frozen=True)
class Cue:
    """Words, and start and end of when they are said, in seconds; both None: somewhere in the voice."""

    text: str
    start: float | None = None
    end: float | None = None


def read_script(source):
    """A text, or the path of a .txt, .srt or .vtt file -> [Cue] in order of time; nothing given: []. Text that holds the times of
    subtitles is read as subtitles. UtterError if a file cannot be read."""
    if not source:
        return []
    text = str(source)
    if "\n" not in text and text.lower().endswith(WORDS_SUFFIXES):
        text = read_text(source)
    lines = text.splitlines()
    if not any(map(TIMES.match, lines)):
        return [Cue(" ".join(text.split()))]
    cues, said = [], None
    for line in lines:
        times = TIMES.match(line)
        if times:
            said = []
            cues.append((seconds(*times.groups()[:4]), seconds(*times.groups()[4:]), said))
        elif not line.strip():
            said = None  # what follows is the next cue's number, or a comment
        elif said is not None:
            said.append(line.strip())
    return [Cue(" ".join(said), start, max(start, end)) for start, end, said in sorted(cues, key=lambda cue: cue[:2])]


def read_text(path):
    try:
        data = Path(path).read_bytes()
        return data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")
    except FileNotFoundError as error:
        raise UtterError(f"The file of words {path} does not exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UtterError(f"{path} cannot be read as text; save it as UTF-8 and try again.", str(error)) from error


def seconds(hours, minutes, whole, thousandths):
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(whole) + int(thousandths.ljust(3, "0")) / 1000


def sharpen(content, script, language=None, step=lambda: None):
    """Content [Tc,55] and the [Cue] said -> (Content [Tc,55], a sentence about what does not fit or "").

    language: as words.find() takes it. step() is called before every cue."""
    if not script:
        return content, ""
    if all(cue.start is None for cue in script):
        found, note = words.find(content, " ".join(cue.text for cue in script), language)
        return words.blend(content, found.phones) if found else content, note
    cues = [(number, cue, words.words_of(cue.text)) for number, cue in enumerate(script, 1)]
    cues = [cue for cue in cues if cue[2]]
    language = language or spoken_in(content, cues)
    phones, missed, done = [], [], 0
    for number, cue, said in cues:
        step()
        window = window_of(cue, done)
        found = words.align(content[window], said, language)
        if not words.fits(found):
            missed.append((number, cue))
            continue
        shift = window.start / layout.FPS
        phones += [[start + shift, end + shift, sound, fit] for start, end, sound, fit in found.phones]
        done = window.start + round(found.words[-1][1] * layout.FPS)
    if phones:
        return words.blend(content, phones), tell(missed, len(cues))
    found, note = words.find(content, " ".join(cue.text for _, cue, _ in cues), language)
    if found is None:
        return content, note
    return words.blend(content, found.phones), "The times of the subtitles do not fit the voice, so their words were used without them."


def window_of(cue, done=0):
    """Frames of Content in which the cue may be said: around its time, after what was found before it."""
    start = max(round((cue.start - SLACK) * layout.FPS), done, 0)
    return slice(start, max(round((cue.end + SLACK) * layout.FPS), start))


def spoken_in(content, cues):
    """The language in which the first cues fit best."""
    if words.share_known([word for _, _, said in cues for word in said]) > words.ENGLISH_ENOUGH:
        return words.ENGLISH
    fit = dict.fromkeys((words.ENGLISH, *words.LANGUAGES), 0.0)
    seen = 0
    for _, cue, said in cues:
        for language in fit:
            found = words.align(content[window_of(cue)], said, language)
            fit[language] += max(found.fit, found.covered) * len(said) if found else 0
        seen += len(said)
        if seen > words.FEW:
            break
    return max(fit, key=fit.get)


def tell(missed, cues):
    """A sentence about the cues (number, Cue) that do not fit."""
    if not missed:
        return ""
    if len(missed) == 1:
        ((number, cue),) = missed
        return f"Subtitle {number} ({clock(cue.start)}) does not fit the voice; there the voice alone is heard."
    named = ", ".join(f"{number} ({clock(cue.start)})" for number, cue in missed[:6]) + (", ..." if len(missed) > 6 else "")
    return f"{len(missed)} of {cues} subtitles do not fit the voice: {named}; there the voice alone is heard."


def clock(time):
    return f"{int(time) // 60}:{int(time) % 60:02d}"
