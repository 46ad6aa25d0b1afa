"""A batch list: a CSV file with a row for each voice, its columns named like the options of `perform`; and the names of files. Or one
with a row for each film, its columns named like the options of `capture`: in `options` is what the rows are lists of, first of all the
file itself.

    voice,words,prompt,out
    anna_01.wav,"No, I will not go.",holding back tears,scene1/anna
    ben_01.wav,ben_01.srt,,

Cells are separated by comma, semicolon or tab: the one that the first line has most of. An empty cell is like a missing column.
One list serves all commands: each leaves out, with a note, the columns that it cannot use.
"""

import argparse
import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .console import brief, complain
from .directions import check_directions
from .errors import Cancelled, UtterError
from .files import LONGEST, check_output, cut, same_place
from .identity import read_identity
from .options import Option
from .passages import read_passages
from .request import CAPTURE_OPTIONS, MOST_VARIATIONS, OPTIONS
from .sounds import FILM_SUFFIXES, SOUND_SUFFIXES
from .text import check_words_file, exists, find_file, find_words, hidden, is_file, is_folder, names_file, read_table, read_text

Options = dict[str, Option]


def columns_of(options: Options) -> tuple[str, ...]:
    """The columns of a list."""
    return tuple(name for name, option in options.items() if option.column)


COLUMNS = columns_of(OPTIONS)


def read_list(path: str | Path, options: Options = OPTIONS) -> list[tuple[str, dict[str, str]]]:
    """[(name of the row, {column: cell})] of a batch list, for row(); under "" what stands beyond the columns. UtterError if it is not
    such a list."""
    path = Path(path)
    unreadable = f"{path} cannot be read as a list; save it as CSV in UTF-8 and try again."
    table = read_table(path, f"The list {path} does not exist.", unreadable)
    begin = next((number for number, cells in enumerate(table) if any(map(str.strip, cells))), len(table))  # "sep=;" may come before
    columns = check_columns([cell.strip().lower() for cell in table[begin]] if begin < len(table) else [], path.name, options)
    found = [
        (f"{path.name} row {number}", {**dict(zip(columns, map(str.strip, cells))), "": "".join(cells[len(columns) :]).strip()})
        for number, cells in enumerate(table[begin + 1 :], begin + 2)
        if any(map(str.strip, cells))
    ]
    if not found:
        raise UtterError(f"{path.name} names no {subject_of(options)}s.")
    return found


def subject_of(options: Options) -> str:
    """The option that is the file itself: "voice" or "film"."""
    return next(iter(options))


def check_columns(names: list[str], source: str, options: Options = OPTIONS) -> list[str]:
    """The columns that the first line names, aliases replaced. UtterError names one that is unknown or comes twice."""
    known = columns_of(options)
    aliases = {alias: name for name in known for alias in options[name].aliases}
    columns = [aliases.get(name, name.replace("-", "_")) for name in names]
    if subject_of(options) not in columns:
        raise UtterError(f"{source} needs a first line with the names of its columns, {subject_of(options)} among them.")
    for name, column in zip(names, columns):
        if column not in known or columns.count(column) > 1:
            same = f' (which is "{column}")' if column != name else ""
            raise UtterError(f'Row 1 of {source} names a column "{name}"{same}; columns are {", ".join(known)}, each once.')
    return columns


def row(cells: dict[str, str], folder: Path, options: Options = OPTIONS) -> dict[str, str]:
    """What a row asks for: {column: text}, with its files relative to folder, the list's own. UtterError if it cannot be used."""
    asked = {column: cell for column, cell in cells.items() if cell}
    if asked.pop("", ""):
        raise UtterError("It has more cells than there are columns; put words with commas between double quotes.")
    if subject_of(options) not in asked:
        raise UtterError(f"It names no {subject_of(options)}.")
    return {column: located(column, cell, folder, options) for column, cell in asked.items()}


def located(name: str, given: str, folder: Path = Path(), options: Options = OPTIONS) -> str:
    """What is given for an option: if it is a file, its path from folder, with the capitals and accents that it has there."""
    path = options[name].path
    # Words or the name of a head are a file of another spelling only where they end like one.
    there = find_file(folder / given) if path == "always" or (path and Path(given).suffix) else folder / given
    return str(there) if path == "always" or (path == "perhaps" and exists(there)) else given


def usable(asked: dict[str, str], command: str, options: Options = OPTIONS) -> tuple[dict[str, str], str]:
    """What of a row that command (RUNTIME, BLENDER) can use, and a sentence about the columns that it leaves out ("" if none)."""
    kept = {name: cell for name, cell in asked.items() if name in (subject_of(options), "out") or command in options[name].commands}
    left = [name for name in asked if name not in kept]
    return kept, f"This command leaves out what the list says of {' and '.join(left)}." if left else ""


class Task(NamedTuple):
    """One voice, or film, of a batch: source. options: a Namespace of `perform`'s options, or the exception that says why the row cannot
    be used. note: a sentence about what is left out ("" if nothing)."""

    title: str
    source: str | None
    output: Path | None
    options: Any
    note: str


def tasks_of(
    path: str, target: Path, suffix: str, command: str, parser: argparse.ArgumentParser, given: argparse.Namespace, kinds: Options = OPTIONS
) -> list[Task]:
    """The tasks of a batch list. A row is a command line of its own, with the options given where it has none.

    target: the folder that the column `out` refers to. suffix: of the files. parser: of the command (RUNTIME, BLENDER). kinds: what
    the rows are of."""
    tasks, taken = [], dict[str, int]()
    for title, cells in read_list(path, kinds):
        source, output, note = None, None, ""
        options: Any
        try:
            asked, note = usable(row(cells, Path(path).parent, kinds), command, kinds)
            source, out = asked.pop(subject_of(kinds)), asked.pop("out", None)
            parsed = parser.parse_args([f"--{name}={cell}" for name, cell in asked.items()])
            options = argparse.Namespace(**{**vars(given), **{name: getattr(parsed, name) for name in asked}})
            output = name_output(target, out, source, suffix, taken)
        except Exception as error:
            options = error
        tasks.append(Task(title, source, output, options, note))
    return tasks


def check_task(task: Task) -> None:
    """UtterError for what can be known to be wrong with a Task before anything is computed, without numpy: its files, and their texts."""
    options, voice = task.options, str(task.source)
    check_recording(voice, "voice")
    if options.neutral_voice:
        check_recording(options.neutral_voice, "neutral voice")
    elif options.speaker:
        check_speaker(options.speaker)
    words = words_for(voice, options.words)
    if words and names_file(words):
        check_words_file(words)
        words = read_text(words, f"The file of words {words} does not exist.")
    if words:
        check_directions(words)
    if options.passages:
        read_passages(options.passages)
    if options.identity:
        read_identity(options.identity)


def check_recording(path: str | Path, what: str) -> None:
    """UtterError for a recording that is missing, or a folder. what: it is, for a sentence."""
    if not exists(path):
        raise UtterError(f"The {what} {path} does not exist; choose the recording again.")
    if is_folder(path):
        raise UtterError(f"The {what} {path} is a folder; choose a recording in it.")


def check_speaker(folder: str | Path) -> None:
    """UtterError for a speaker's recordings that are in no folder."""
    if not is_folder(folder):
        raise UtterError(f"{folder} is no folder; name the folder with the speaker's recordings.")


def inputs_of(tasks: Iterable[Task]) -> Iterator[str]:
    """The files that tasks read; not those in a folder of words, which no output is called like."""
    for source, options in ((task.source, task.options) for task in tasks if not isinstance(task.options, Exception)):
        given = [source, *(getattr(options, name, None) for name, option in (CAPTURE_OPTIONS | OPTIONS).items() if option.path)]
        with contextlib.suppress(UtterError):  # what is wrong with it is said when it is checked
            given += [passage.clip for passage in read_passages(options.passages)] if getattr(options, "passages", None) else []
        yield from (str(path) for path in given if path and is_file(path))


def perform_all(
    tasks: Sequence[Task],
    check: Callable[[Task], None],
    perform: Callable[[Task], None],
    tell: Callable[[Task, Exception], None],
    inputs: Iterable[str] = (),
    missing: bool = False,
    note: Callable[[str], None] = complain,
) -> int:
    """Perform the tasks, each whatever becomes of the others; returns how many are done.

    First all of them are checked: check(task), and that their outputs can be written, replace no file that one of them reads, nor one
    of inputs, and are not those of an earlier one. tell(task, error) hears at once what is wrong with one, and later why one failed.
    missing: those whose outputs are there count as done; note(sentence) hears how many there are. Cancelled (Ctrl-C) says what is done."""
    places = {same_place(path): path for path in (*inputs_of(tasks), *inputs)}
    written: dict[str, str] = {}  # place: title of the task whose output it is
    done, there, good = 0, 0, []
    try:
        for task in tasks:
            try:
                if isinstance(task.options, Exception):
                    raise task.options
                outputs = outputs_of(task)
                finished = all(map(is_file, outputs))
                if not (missing and finished):
                    check(task)
                for output in outputs:
                    check_output(output, places)
                    if other := written.get(same_place(output)):
                        raise UtterError(f"{output} is what {other} goes to as well; choose another name.")
                written.update((same_place(output), task.title) for output in outputs)
                there += finished
                if not (missing and finished):
                    good.append(task)
            except Exception as error:
                tell(task, error)
        if there and missing:
            done = there
            note(f"{there} of {len(tasks)} are there already, and stay.")
        elif there and len(tasks) > 1:
            note(f"{there} of {len(tasks)} are there already, and are made anew; --missing lets them stay.")
        for task in good:
            try:
                perform(task)
                done += 1
            except Exception as error:
                tell(task, error)
    except KeyboardInterrupt as interrupt:
        raise Cancelled(f"Cancelled; {done} of {len(tasks)} done, and nothing of the others was written.") from interrupt
    return done


def outputs_of(task: Task) -> list[Path]:
    """The files that a Task writes: one for each of its variations."""
    assert task.output is not None
    return variation_files(task.output, max(1, min(getattr(task.options, "variations", None) or 1, MOST_VARIATIONS)))


def add_missing(parser: argparse.ArgumentParser) -> None:
    """Give a command's parser the option of perform_all()."""
    parser.add_argument("--missing", action="store_true", help="make only what is not there yet, as after a batch that was stopped")


def exit_code(done: int, count: int) -> int:
    """Of a command that performed `done` of `count` voices: 0 all, 2 none, 3 some."""
    return 0 if done == count else 3 if done else 2


def explain(error: Exception, where: Callable[[], str]) -> str:
    """The sentence for an exception. where(): logs one that is a defect of ours, and says where to read of it."""
    if isinstance(error, UtterError):
        return str(error)
    told = where()
    if isinstance(error, MemoryError):
        return "The machine ran out of memory; close other programs or use a shorter voice."
    return f"Something unexpected went wrong ({type(error).__name__}: {brief(error, 200)}); {told}"


def find_voices(given: Iterable[str | Path]) -> list[Path]:
    """Paths of the recordings given, or in the folders given. UtterError if a folder holds none."""
    return _find(given, SOUND_SUFFIXES, "recordings (such as .wav or .flac)")


def find_films(given: Iterable[str | Path]) -> list[Path]:
    """The same of videos, photos and CSVs."""
    return _find(given, FILM_SUFFIXES, "films (such as .mp4, .jpg or .csv)")


def find_motions(given: Iterable[str | Path]) -> list[Path]:
    """The same of Motion files."""
    return _find(given, (".npz",), "Motion files (.npz)")


def _find(given: Iterable[str | Path], suffixes: tuple[str, ...], what: str) -> list[Path]:
    found: list[Path] = []
    for item in map(find_file, given):
        if not is_folder(item):
            found.append(item)
            continue
        try:
            files = [path for path in item.iterdir() if path.suffix.lower() in suffixes and not hidden(path)]
        except OSError as error:
            raise UtterError(f"The folder {item} cannot be read ({error.strerror}).", str(error)) from error
        inside = sorted(filter(is_file, files))
        if not inside:
            raise UtterError(f"The folder {item} holds no {what}.")
        found += inside
    return found


def words_for(voice: str | Path, words: str | None) -> str | None:
    """The words of one voice: as given, or in the folder given the file that is named like the voice; None without. UtterError if the
    only one that is named so is of a kind that Utter does not read."""
    if not words or not is_folder(words):
        return words
    found = find_words(voice, words)
    return None if found is None else str(found)


def name_output(folder: Path, out: str | None, voice: str | Path, suffix: str, taken: dict[str, int]) -> Path:
    """The file with that suffix for one voice: `out` in the folder, or named like the voice; so, too, in `out` where that ends like a
    folder. taken: what free_output() needs. UtterError if an earlier row has the same `out`."""
    if not out or out.endswith(("/", "\\")) or Path(out).name in ("", ".."):
        return free_output(folder / (out or ""), Path(voice).stem, suffix, taken)
    path = folder / ended(out, suffix)
    if same_place(path) in taken:
        raise UtterError(f"An earlier row goes to {out} as well.")
    taken[same_place(path)] = 1
    return path


def ended(name: str, suffix: str) -> str:
    """A name with that suffix, which is added to one that lacks it."""
    return name if name.lower().endswith(suffix) else f"{name}{suffix}"


def variation_files(path: str | Path, count: int) -> list[Path]:
    """The files of so many variations: the first is path, the others are numbered from 2 on."""
    path = Path(path)
    return [path, *(path.with_name(f"{cut(path.stem, LONGEST - 20)}_take{number}{path.suffix}") for number in range(2, count + 1))]


def free_output(folder: Path, stem: str, suffix: str, taken: dict[str, int]) -> Path:
    """The first of the files stem, stem_2, stem_3 ... with that suffix that no earlier row has; what is too long for a name is cut.

    taken {same_place(path): the last number tried for that stem}: the files of the earlier rows; this one is added."""

    def numbered(number: int) -> Path:
        ending = (f"_{number}" if number > 1 else "") + suffix
        return folder / (cut(stem, LONGEST - len(ending)) + ending)

    first = same_place(numbered(1))
    for number in itertools.count(taken.get(first, 0) + 1):
        path = numbered(number)
        if same_place(path) not in taken:
            taken[same_place(path)] = 1
            taken[first] = number
            return path
    raise AssertionError
