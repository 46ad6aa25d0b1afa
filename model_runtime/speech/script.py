"""The script of a voice: what is said in it and, where it comes as subtitles, when.

Plain text is aligned with the whole voice. Subtitles are aligned cue by cue, each within its own time and a little around it: so a
long recording needs little memory, and where nobody speaks a cue only that cue is left out.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from contract import (
    UNSPOKEN,
    Direction,
    NotInstalled,
    UtterError,
    check_words_file,
    even,
    language_name,
    names_file,
    plain,
    read_directions,
    read_subtitles,
    read_text,
    whisper_code,
)
from model_runtime.speech import content as layout
from model_runtime.speech import words

SLACK = 0.5  # seconds that a cue may begin too late, or end too early
SUBTITLES = (".srt", ".vtt")  # files that must hold times; in others numbers are words


@dataclass(frozen=True)
class Cue:
    """Words, and start and end of when they are said, in seconds; both None: somewhere in the voice. directions: among the words."""

    text: str
    start: float | None = None
    end: float | None = None
    directions: tuple[Direction, ...] = ()


def read_script(source):
    """A text, or the path of a .txt, .srt or .vtt file -> [Cue] in order of time; nothing given: []. Text that holds the times of
    subtitles is read as subtitles. UtterError if a file cannot be read, or is called subtitles and holds times of another kind."""
    if not source:
        return []
    text, path = even(str(source)), None
    if isinstance(source, Path) or names_file(text):
        path = Path(str(source).strip() if isinstance(source, str) else source)
        check_words_file(source)
        text = read_text(path, f"The file of words {source} does not exist.")
    cues = read_subtitles(text)
    if cues is None:
        if path and path.suffix.lower() in SUBTITLES and re.search(r"\d\s*[:：]\s*\d", text):
            raise UtterError(f"{path.name} holds no times as subtitles have them (00:00:01,000 --> 00:00:02,500); save it as .srt again.")
        return [directed(" ".join(plain(text).split()))]
    return [directed(said, start, end) for start, end, said in cues] or [Cue("")]


def directed(text, start=None, end=None):
    """The Cue of a text with directions."""
    spoken, directions = read_directions(text)
    return Cue(spoken, start, end, directions)


@dataclass(frozen=True)
class Placed:
    """Where a script is said in a voice. phones: [start, end, Sound, fit]; words: [start, end, word, fit], both in seconds; sentence: what
    does not fit, or ""."""

    phones: list
    words: list
    sentence: str = ""


def sharpen(content, script, language=None, step=lambda: None):
    """Content [Tc,59] and the [Cue] said -> (Content [Tc,59], a sentence about what does not fit or ""). Without the packages that
    tell how words are spoken the Content stays as it is.

    language: as words.find() takes it. step() is called before every cue."""
    placed = place(content, script, language, step)
    return words.blend(content, placed.phones) if placed.phones else content, placed.sentence


def place(content, script, language=None, step=lambda: None):
    """The Placed of a [Cue] in Content; arguments as sharpen() has them."""
    if not script:
        return Placed([], [])
    code = whisper_code(language) if language else ""
    if code in UNSPOKEN:
        return Placed([], [], f"How {language_name(code)} is spoken nobody here knows; the voice alone is heard.")
    try:
        return placed(content, script, language, step)
    except NotInstalled as error:
        return Placed([], [], f"The words were left out, because {error.package} is not installed; the voice alone is heard.")


def placed(content, script, language, step):
    whole = " ".join(cue.text for cue in script)
    if all(cue.start is None for cue in script):
        found, note = words.find(content, whole, language)
        return Placed(found.phones, found.words, note) if found else Placed([], [], note)
    cues = [(number, cue, words.words_of(cue.text)) for number, cue in enumerate(script, 1)]
    cues = [cue for cue in cues if cue[2]]
    language = language or spoken_in(content, cues)
    phones, said, missed, done = [], [], [], 0
    for number, cue, text in cues:
        step()
        found = in_window(content, window_of(cue, done), text, language)
        if found is None:
            missed.append((number, cue))
            continue
        phones += found.phones
        said += found.words
        done = round(said[-1][1] * layout.FPS)
    if phones:
        return Placed(phones, said, tell(missed, len(cues)))
    found, note = words.find(content, whole, language)
    if found is None:
        return Placed([], [], note)
    return Placed(found.phones, found.words, "The times of the subtitles do not fit the voice, so their words were used without them.")


def in_window(content, window, said, language, fits=words.fits):
    """The Placed of words in a window (frames) of Content, in seconds of the whole; None where they do not fit."""
    found = words.align(content[window], said, language)
    if not fits(found):
        return None
    shift = window.start / layout.FPS
    return Placed(*([[start + shift, end + shift, *rest] for start, end, *rest in each] for each in (found.phones, found.words)))


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
