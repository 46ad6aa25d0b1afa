"""Text files as they come from artists' machines: every encoding with a mark, every kind of line end, names as any system writes them."""

import codecs
import csv
import functools
import html
import json
import os
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import UtterError
from .sounds import SOUND_SUFFIXES, WORDS_SUFFIXES

OTHER_SUFFIXES = {  # files of words that Utter does not read, and what helps
    **dict.fromkeys((".doc", ".docx", ".odt", ".rtf", ".pdf", ".pages"), "a document, not plain text; save its text as .txt in UTF-8"),
    **dict.fromkeys((".ass", ".ssa", ".sbv", ".sub", ".ttml", ".stl"), "a kind of subtitles that Utter does not read; save them as .srt"),
}
_MARKS = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_KINDS = (*WORDS_SUFFIXES, *OTHER_SUFFIXES)
SETTLED = 2_000_000_000  # nanoseconds after which a folder's time tells whether it changed again: some disks count in seconds
_ROOTED = re.compile(r"[/\\~]|\.{1,2}[/\\]|[A-Za-z]:[/\\]")  # how only paths begin; // is Blender's own
_PART = r"(?:[a-z]{2,3}(?:[-_][a-z0-9]{2,4})*|forced|default)"  # en, de_de, zh-hant-tw, sdh
_LANGUAGE = re.compile(rf"{_PART}(?:\.{_PART})?")  # en, en.sdh, forced.en


def read_text(path: str | Path, missing: str = "", unreadable: str = "") -> str:
    """What a text file says, its lines ended by \\n alone: UTF-8, or UTF-16 and UTF-32 with their mark, UTF-16 without one, too.

    missing, unreadable: the sentences of the UtterError where there is no such file, or no text in it."""
    try:
        return even(decoded(Path(path).read_bytes()))
    except FileNotFoundError as error:
        raise UtterError(missing or f"{path} does not exist.") from error
    except (OSError, ValueError) as error:
        raise UtterError(unreadable or f"{path} cannot be read as text; save it as UTF-8 and try again.", str(error)) from error


def decoded(data: bytes) -> str:
    """Bytes as text; ValueError if they are none."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    if b"\0" not in data:
        return data.decode("utf-8")
    # No text in UTF-8 has a zero byte. In UTF-16 line ends, digits and spaces have one, always on the same side.
    text = data.decode("utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be")
    if any(unicodedata.category(letter) in ("Cc", "Cn", "Co") and letter not in "\t\n\r\f" for letter in text):
        raise ValueError("It holds zero bytes and is no UTF-16.")
    return text


def even(text: str) -> str:
    """A text with lines ended by \\n alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def plain(text: str) -> str:
    """A text with the entities of HTML (&amp; &nbsp; &#39;) as the letters they mean."""
    return re.sub(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z]\w*);", lambda found: html.unescape(found[0]), text)


def read_table(path: str | Path, missing: str = "", unreadable: str = "", strict: bool = True) -> list[list[str]]:
    """The rows of a CSV file. Cells are separated by comma, semicolon or tab: the one that the first line has most of, or that a line
    "sep=;" before it names, as Excel writes it; that line is left as a row without cells. UtterError as in read_text; strict: for
    quotes that are not closed, too."""
    text = read_text(path, missing, unreadable)
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r'"?sep=(.)"?[,;\t]*', first.strip(" "), re.IGNORECASE)
    if named:
        delimiter, text = named[1], "\n" + rest
    else:
        delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(_lines(text), delimiter=delimiter, strict=strict))
    except csv.Error as error:
        raise UtterError(unreadable or f"{path} cannot be read as a table; save it as CSV in UTF-8 and try again.", str(error)) from error


def read_json(path: str | Path, missing: str = "", unreadable: str = "") -> Any:
    """What a JSON file holds. UtterError as in read_text."""
    text = read_text(path, missing, unreadable)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UtterError(unreadable or f"{path} cannot be read as JSON.", str(error)) from error


def _lines(text: str) -> list[str]:
    """Lines with their ends; splitlines() would end them at rarer signs, too."""
    return [line + "\n" for line in text.removesuffix("\n").split("\n")] if text else []


def read_number(text: str) -> float:
    """A number with a decimal point or comma. ValueError if it is none."""
    return float(text.replace(",", ".")) if text.count(",") == 1 and "." not in text else float(text)


def exists(path: str | Path) -> bool:
    """Whether there is such a file or folder; words longer than any name are none."""
    return _asked(Path.exists, path)


def is_file(path: str | Path) -> bool:
    return _asked(Path.is_file, path)


def is_folder(path: str | Path) -> bool:
    return _asked(Path.is_dir, path)


def _asked(question: Callable[[Path], bool], path: str | Path) -> bool:
    try:
        return question(Path(path))
    except (OSError, ValueError):
        return False


def names_file(words: str, path: str | Path | None = None) -> bool:
    """Whether words are meant as the path of a file of words. They are if there is such a file (path: where it would be), and if they
    can be nothing else: they end like a file and begin like a path, or have no spaces."""
    words = words.strip()
    if "\n" in words or Path(words).suffix.lower() not in (*WORDS_SUFFIXES, *OTHER_SUFFIXES):
        return False
    return is_file(path or words) or bool(_ROOTED.match(words)) or not re.search(r"\s", words)


def check_words_file(path: str | Path) -> None:
    """UtterError if a file of words is of a kind that Utter does not read."""
    path = Path(path)
    other = OTHER_SUFFIXES.get(path.suffix.lower())
    if other:
        raise UtterError(f"{path.name} is {other}.")


def same_name(name: str) -> str:
    """A name as it is compared: systems differ in capitals and in how they write accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def hidden(path: Path) -> bool:
    """Whether a file is hidden, as macOS's "._voice.wav" are: no recordings, though they are called so."""
    return path.name.startswith(".")


def find_file(path: str | Path) -> Path:
    """That path, or, if there is nothing, what is called the same beside it but for capitals and the writing of accents."""
    path = Path(path)
    if exists(path) or path == path.parent:
        return path
    folder = find_file(path.parent)
    try:
        return next((other for other in sorted(folder.iterdir()) if same_name(other.name) == same_name(path.name)), path)
    except (OSError, ValueError):
        return path


@functools.lru_cache(maxsize=4)
def _words_in(folder: Path, changed: int) -> dict[str, list[Path]]:
    """{how it begins: files} of the files in a folder that could be words. changed: when the folder last did."""
    found: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS and not hidden(path)):
        found.setdefault(_begins(path.name), []).append(path)
    return found


def _begins(name: str) -> str:
    return same_name(name).partition(".")[0]


def find_words(voice: str | Path, folder: str | Path) -> Path | None:
    """The file of words in a folder that is named like the voice, for ben.wav: ben.txt, ben.srt, ben.vtt, else ben.wav.srt or
    ben.en.srt. None without. UtterError if the only one is of a kind that Utter does not read."""
    voice = Path(voice)
    try:
        changed = os.stat(folder).st_mtime_ns
        known = time.time_ns() - changed > SETTLED  # a batch asks for each of ten thousand voices
        files = (_words_in if known else _words_in.__wrapped__)(Path(folder), changed).get(_begins(voice.name), [])
    except OSError as error:
        raise UtterError(f"The folder {folder} cannot be read ({error.strerror}).", str(error)) from error

    def rank(path: Path) -> tuple[int, int] | None:
        kind = _KINDS.index(path.suffix.lower())
        if path.stem == voice.stem:
            return (0 if path.suffix in WORDS_SUFFIXES else 1), kind
        mine, theirs = same_name(voice.stem), same_name(path.stem)
        if theirs == mine:
            return 2, kind
        if theirs == same_name(voice.name):
            return 3, kind
        ending = theirs.removeprefix(f"{mine}.") if theirs.startswith(f"{mine}.") else ""
        return (4, kind) if f".{ending}" in SOUND_SUFFIXES or _LANGUAGE.fullmatch(ending) else None

    ranked = sorted((place, path) for path in files if (place := rank(path)) is not None and is_file(path))
    readable = [path for _, path in ranked if path.suffix.lower() in WORDS_SUFFIXES]
    if ranked and not readable:
        check_words_file(ranked[0][1])
    return readable[0] if readable else None
