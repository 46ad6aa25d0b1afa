"""A batch list: a CSV file with a row for each voice, its columns called as the options of `perform`. The same as model_runtime/batch.py
reads, which this side of the wall cannot see.

    voice,words,emotion,out
    anna_01.wav,"No, I will not go.",holding back tears,scene1/anna
    ben_01.wav,ben_01.srt,,

Comma, semicolon or tab parts the cells, whichever the first line has most of. An empty cell says nothing, as a missing column does.
"""

import csv
from pathlib import Path

from ..contract import UtterError

COLUMNS = ("voice", "words", "language", "emotion", "passages", "seed", "quality", "head", "identity", "start", "jaw", "out")
FILES = ("voice", "passages")  # relative to the list
PERHAPS = ("words", "head", "identity")  # so too, where such a file is there


def read_list(path):
    """[(what the row is called, {column: cell})] of a batch list, for row(); "" is what no column has. UtterError if it is no such list."""
    path = Path(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            table = list(csv.reader(stream, delimiter=max(",;\t", key=first.count), strict=True))
    except FileNotFoundError as error:
        raise UtterError(f"The list {path} does not exist.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UtterError(f"{path} cannot be read as a list; save it as CSV in UTF-8 and try again.", str(error)) from error
    columns = [cell.strip().lower() for cell in table[0]] if table else []
    if "voice" not in columns:
        raise UtterError(f"{path.name} needs a first line with the names of its columns, voice among them.")
    for column in columns:
        if column not in COLUMNS or columns.count(column) > 1:
            raise UtterError(f'Row 1 of {path.name} names a column "{column}"; columns are {", ".join(COLUMNS)}, each once.')
    found = [
        (f"{path.name} row {number}", {**dict(zip(columns, map(str.strip, cells))), "": "".join(cells[len(columns) :]).strip()})
        for number, cells in enumerate(table[1:], 2)
        if any(map(str.strip, cells))
    ]
    if not found:
        raise UtterError(f"{path.name} names no voices.")
    return found


def row(cells, folder):
    """What a row asks for: {column: text}, its files found from folder, that of the list. UtterError if it cannot be used."""
    if cells.pop("", ""):
        raise UtterError("It has more cells than there are columns; put words with commas between double quotes.")
    asked = {column: cell for column, cell in cells.items() if cell}
    if "voice" not in asked:
        raise UtterError("It names no voice.")
    for column in FILES:
        if column in asked:
            asked[column] = str(folder / asked[column])
    for column in PERHAPS:
        if column in asked and len(asked[column]) < 256 and (folder / asked[column]).exists():
            asked[column] = str(folder / asked[column])
    return asked
