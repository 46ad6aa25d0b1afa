"""The log, utter.log in Utter's folder: what an artist sends along with a question. Beside it lies worker.log, all that the worker says."""

import logging
import os
from pathlib import Path

from ..contract import LOGGER, LogFile
from . import paths

_file: LogFile | None = None  # the LogFile while Utter is registered


def register() -> None:
    global _file
    try:
        folder = paths.folder()
    except OSError:  # no place for any file: Utter works without a log
        folder = Path(os.devnull)
    _file = LogFile(folder / "utter.log", console=True)
    LOGGER.addHandler(_file)
    LOGGER.setLevel(logging.INFO)


def unregister() -> None:
    global _file
    if _file is not None:
        LOGGER.removeHandler(_file)
        LOGGER.setLevel(logging.NOTSET)
        _file.close()
        _file = None


def place() -> str:
    """Where to read of what was logged."""
    return "the system console tells more." if _file is None or _file.broken else f"the log tells more: {_file.path}"


def point_out(sentence: str) -> str:
    """The sentence about an unexpected defect, with the place of the log."""
    return f"{sentence.removesuffix('.')}; {place()}"
