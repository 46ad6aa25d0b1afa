"""What is printed: any name on any console, and work goes on whatever becomes of the console."""

import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import TextIO


def say(line: str, stream: TextIO | None = None, begin: str = "", end: str = "\n") -> None:
    """Print a line to the stream (default: stdout) at once. Characters that it cannot show, and those that would break the line, are
    shown as \\x.. or \\u....; a console that is closed or gone is passed over."""
    stream = stream or sys.stdout
    if stream is None:  # a program without a console, as on Windows
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = "".join(repr(letter)[1:-1] if unicodedata.category(letter) == "Cc" else letter for letter in line)
    try:
        print(begin + shown.encode(encoding, "backslashreplace").decode(encoding), end=end, file=stream, flush=True)
    except BrokenPipeError:  # its reader went away: the rest goes nowhere, or Python would complain on its way out
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    except (OSError, ValueError):
        pass


def complain(line: str) -> None:
    """Print a line to stderr, as say() does."""
    if sys.stderr is not None:
        say(line, sys.stderr)


@contextlib.contextmanager
def muted(descriptor: int) -> Iterator[None]:
    """`with muted(2):` what libraries write to the process's stdout (1) or stderr (2) by themselves goes nowhere."""
    stream = sys.stdout if descriptor == 1 else sys.stderr
    if stream is not None:
        stream.flush()
    kept, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)


def brief(value: object, length: int = 60) -> str:
    """A value for a sentence: one of hundreds of characters only by its beginning."""
    try:
        text = str(value)
    except ValueError:  # Python turns no whole number of more than 4300 digits into text
        return "a number of thousands of digits"
    return text if len(text) <= length else f"{text[:length]}..."
