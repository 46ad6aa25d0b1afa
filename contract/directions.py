"""Directions in the words, as a script has them: `[holding back tears] I never said that. [laughs] *Never.*`

What stands in square brackets is not spoken. It is a prompt that holds from there on, or a sound that is no word where it names one; stars
stand around words that are stressed: an accent. `[]` ends what a prompt began.
"""

import re
from typing import NamedTuple

from .console import brief
from .errors import UtterError
from .subtitles import TIMES

ACCENT = "accent"
# The sounds that are no words, and how scripts name them. "Laughing" is a manner of speaking, so a prompt; "laughs" is a sound.
SOUND_NAMES = {
    "laugh": "laugh laughs laughter chuckle chuckles giggle giggles cackles snickers lacht lachen kichert rit rire ríe risa",
    "sob": "sob sobs cries weeps whimpers sniffles schluchzt weint sanglote pleure solloza llora",
    "sigh": "sigh sighs exhales seufzt seufzer soupire soupir suspira suspiro",
    "gasp": "gasp gasps keucht halète jadea",
    "scream": "scream screams shriek shrieks screeches kreischt crie hurle grita",
    "groan": "groan groans moan moans grunt grunts stöhnt ächzt gémit gime",
}
GESTURES = (*SOUND_NAMES, ACCENT)  # what a passage may have in place of a prompt
NOTHING = frozenset("beat pause silence music applause noise inaudible crosstalk".split())  # in brackets, and nothing for a face to do
MOST = 500  # directions in the words of one voice

_SOUND = {name: sound for sound, names in SOUND_NAMES.items() for name in names.split()}
_FEW = 4  # words of a direction that names a sound: "he laughs bitterly"
_TOKEN = re.compile(r"\[([^\[\]]*)\]|(?<![\w*])\*{1,2}(?=[^\s*])([^*\n\[\]]*?[^\s*])\*{1,2}(?![\w*])|(\[)")


class Direction(NamedTuple):
    """What a direction asks for, and where in the words that are spoken: places of letters. text: of a prompt; gesture: one of GESTURES.

    A prompt holds from `begin` to `end`, an accent too; a sound has its place at `begin`."""

    begin: int
    end: int
    text: str = ""
    gesture: str = ""


def read_directions(text: str) -> tuple[str, tuple[Direction, ...]]:
    """(what is spoken of a text, its Directions). UtterError for a bracket that is not closed, and for more than MOST."""
    spoken, found, place = "", list[Direction](), 0
    open_: tuple[int, str] | None = None  # the prompt that holds: where it began, and what it is

    def say(part: str) -> None:
        nonlocal spoken
        part = re.sub(r"\s+", " ", part)
        spoken += part.lstrip() if not spoken or spoken.endswith(" ") else part

    def close() -> None:
        if open_ is not None:
            found.append(Direction(open_[0], len(spoken), open_[1]))

    for token in _TOKEN.finditer(text):
        bracket, stressed, unclosed = token.groups()
        if unclosed:
            shown = brief(" ".join(text[token.start() :].split()), 30)
            raise UtterError(f"A bracket of the words is not closed ({shown}); close it with ], or leave it out.")
        say(text[place : token.start()])
        place = token.end()
        if stressed is not None:
            begin = len(spoken)
            say(stressed)
            found.append(Direction(begin, len(spoken), gesture=ACCENT))
            continue
        say(" ")
        asked = " ".join(bracket.split())
        if asked.lower() in NOTHING:
            continue
        if sound := sound_in(asked):
            found.append(Direction(len(spoken), len(spoken), asked, sound))
        elif not asked or any(letter.isalpha() for letter in asked):
            if open_ is not None and not spoken[open_[0] :].strip() and asked:
                open_ = open_[0], f"{open_[1]}, {asked}"  # two in a row are one
                continue
            close()
            open_ = (len(spoken), asked) if asked else None
        if len(found) > MOST:
            count = sum(1 for other in _TOKEN.finditer(text))
            raise UtterError(f"The words have {count} directions, of which a performance takes {MOST}; perform them in several voices.")
    say(text[place:])
    close()
    end = len(spoken.rstrip())
    return spoken.rstrip(), tuple(sorted(each._replace(begin=min(each.begin, end), end=min(each.end, end)) for each in found))


def sound_in(direction: str) -> str:
    """The sound that is no word that a direction names, or ""."""
    names = re.findall(r"[^\W\d_]+", direction.lower())
    return next((_SOUND[name] for name in names if name in _SOUND), "") if len(names) <= _FEW else ""


def has_directions(text: str) -> bool:
    """Whether a text has a direction, closed or not."""
    return any(token[3] or token[2] is not None or not _stands_alone(token[1]) for token in _TOKEN.finditer(text))


def _stands_alone(bracket: str) -> bool:
    """Whether what is in brackets is no direction: a number, a sign."""
    return bool(bracket.strip()) and not any(letter.isalpha() for letter in bracket)


def without_directions(text: str) -> str:
    """A text, or subtitles, without directions: line by line, as they are written."""
    return _TOKEN.sub(lambda token: token[2] or "" if not token[3] else token[0], text)


def check_directions(text: str) -> None:
    """UtterError where the directions of a text, or of subtitles, cannot be read."""
    for part in re.split(r"(?m)^.*-->.*$", text) if any(map(TIMES.match, text.split("\n"))) else [text]:
        read_directions(part)
