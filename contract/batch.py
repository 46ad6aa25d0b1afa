"""A batch list: a CSV file with a row for each voice, its columns named like the options of `perform`; and the names of files.

    voice,words,prompt,out
    anna_01.wav,"No, I will not go.",holding back tears,scene1/anna
    ben_01.wav,ben_01.srt,,

Cells are separated by comma, semicolon or tab: the one that the first line has most of. An empty cell is like a missing column.
One list serves all commands: each leaves out, with a note, the columns that it cannot use.
"""

import argparse
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from .errors import UtterError
from .request import OPTIONS
from .sounds import SOUND_SUFFIXES
from .text import exists, find_file, find_words, hidden, is_folder, read_table

COLUMNS = tuple(name for name, option in OPTIONS.items() if option.column)
_ALIASES = {alias: name for name in COLUMNS for alias in OPTIONS[name].aliases}


def read_list(path: str | Path) -> list[tuple[str, dict[str, str]]]:
    """[(name of the row, {column: cell})] of a batch list, for row(); under "" what stands beyond the columns. UtterError if it is not
    such a list."""
    path = Path(path)
    unreadable = f"{path} cannot be read as a list; save it as CSV in UTF-8 and try again."
    table = read_table(path, f"The list {path} does not exist.", unreadable)
    begin = next((number for number, cells in enumerate(table) if any(map(str.strip, cells))), len(table))  # "sep=;" may come before
    columns = check_columns([cell.strip().lower() for cell in table[begin]] if begin < len(table) else [], path.name)
    found = [
        (f"{path.name} row {number}", {**dict(zip(columns, map(str.strip, cells))), "": "".join(cells[len(columns) :]).strip()})
        for number, cells in enumerate(table[begin + 1 :], begin + 2)
        if any(map(str.strip, cells))
    ]
    if not found:
        raise UtterError(f"{path.name} names no voices.")
    return found


def check_columns(names: list[str], source: str) -> list[str]:
    """The columns that the first line names, aliases replaced. UtterError names one that is unknown or comes twice."""
    columns = [_ALIASES.get(name, name.replace("-", "_")) for name in names]
    if "voice" not in columns:
        raise UtterError(f"{source} needs a first line with the names of its columns, voice among them.")
    for name, column in zip(names, columns):
        if column not in COLUMNS or columns.count(column) > 1:
            same = f' (which is "{column}")' if column != name else ""
            raise UtterError(f'Row 1 of {source} names a column "{name}"{same}; columns are {", ".join(COLUMNS)}, each once.')
    return columns


def row(cells: dict[str, str], folder: Path) -> dict[str, str]:
    """What a row asks for: {column: text}, with its files relative to folder, the list's own. UtterError if it cannot be used."""
    asked = {column: cell for column, cell in cells.items() if cell}
    if asked.pop("", ""):
        raise UtterError("It has more cells than there are columns; put words with commas between double quotes.")
    if "voice" not in asked:
        raise UtterError("It names no voice.")
    for column, cell in asked.items():
        path = OPTIONS[column].path
        # Words or the name of a head are a file of another spelling only where they end like one.
        there = find_file(folder / cell) if path == "always" or (path and Path(cell).suffix) else folder / cell
        if path == "always" or (path == "perhaps" and exists(there)):
            asked[column] = str(there)
    return asked


def usable(asked: dict[str, str], command: str) -> tuple[dict[str, str], str]:
    """What of a row that command (RUNTIME, BLENDER) can use, and a sentence about the columns that it leaves out ("" if none)."""
    kept = {name: cell for name, cell in asked.items() if name in ("voice", "out") or command in OPTIONS[name].commands}
    left = [name for name in asked if name not in kept]
    return kept, f"This command leaves out what the list says of {' and '.join(left)}." if left else ""


class Task(NamedTuple):
    """One voice of a batch. options: a Namespace of `perform`'s options, or the UtterError that says why the row cannot be used.
    note: a sentence about what is left out ("" if nothing)."""

    title: str
    voice: str | None
    output: Path | None
    options: Any
    note: str


def tasks_of(path: str, target: Path, suffix: str, command: str, parser: argparse.ArgumentParser, given: argparse.Namespace) -> list[Task]:
    """The tasks of a batch list. A row is a command line of its own, with the options given where it has none.

    target: the folder that the column `out` refers to. suffix: of the files. parser: of the command (RUNTIME, BLENDER)."""
    tasks, taken = [], set[str]()
    for title, cells in read_list(path):
        voice, output, note = None, None, ""
        options: Any
        try:
            asked, note = usable(row(cells, Path(path).parent), command)
            voice, out = asked.pop("voice"), asked.pop("out", None)
            options = parser.parse_args([f"--{name}={cell}" for name, cell in asked.items()], argparse.Namespace(**vars(given)))
            output = name_output(target, out, voice, suffix, taken)
        except UtterError as error:
            options = error
        tasks.append(Task(title, voice, output, options, note))
    return tasks


def find_voices(given: Iterable[str | Path]) -> list[Path]:
    """Paths of the recordings given, or in the folders given. UtterError if a folder holds none."""
    found: list[Path] = []
    for item in map(Path, given):
        if item.is_dir():
            files = (path for path in item.iterdir() if path.suffix.lower() in SOUND_SUFFIXES and not hidden(path))
            inside = sorted(path for path in files if path.is_file())
            if not inside:
                raise UtterError(f"The folder {item} holds no recordings (such as .wav or .flac).")
            found += inside
        else:
            found.append(item)
    return found


def words_for(voice: str | Path, words: str | None) -> str | None:
    """The words of one voice: as given, or in the folder given the file that is named like the voice; None without."""
    if not words or not is_folder(words):
        return words
    found = find_words(voice, words)
    return None if found is None else str(found)


def name_output(folder: Path, out: str | None, voice: str | Path, suffix: str, taken: set[str]) -> Path:
    """The file with that suffix for one voice: `out` in the folder, or named like the voice. taken: the names used so far; this
    one is added. UtterError if an earlier row has the same `out`."""
    stem = Path(voice).stem
    free = (name for number in itertools.count(1) if (name := stem + (f"_{number}" if number > 1 else "")).lower() not in taken)
    name = out.removesuffix(suffix) if out else next(free)
    if name.lower() in taken:
        raise UtterError(f"An earlier row goes to {out} as well.")
    taken.add(name.lower())
    return folder / f"{name}{suffix}"
