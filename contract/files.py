"""Files that are written: whole or not at all, under names that no other program, machine or row has."""

import contextlib
import errno
import functools
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import UtterError
from .text import exists, is_file, same_name

LONGEST = 255  # bytes of a name that nearly every file system can hold


@contextlib.contextmanager
def beside(path: str | Path, ending: str = ".part") -> Iterator[Path]:
    """`with beside(path) as part:` part is a new path in the same folder; what is written there takes path's place where the block
    ends, and is removed where it fails. The folder is made. Its name is random: machines that share a folder may have the same process
    ids. UtterError if it cannot be written."""
    path = Path(path)
    part = path.with_name(f".utter-{secrets.token_hex(8)}{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _unwritable(path: str | Path, error: OSError) -> UtterError:
    """The UtterError that says why a file cannot be written."""
    if error.errno == errno.ENAMETOOLONG:
        return UtterError(f"{path} is longer than a name may be; choose a shorter one.", str(error))
    return UtterError(f"{path} cannot be written ({error.strerror or error}); choose another folder.", str(error))


def check_output(path: str | Path, inputs: Mapping[str, str]) -> None:
    """UtterError if no file can be written to path, before an hour's work rather than after it, or if it would replace one of the
    inputs {same_place(path): path}. Nothing is left behind."""
    path = Path(path)
    try:
        longest = max(len(os.fsencode(part)) for part in path.absolute().parts)
    except UnicodeEncodeError:
        longest = 0
    if not longest or "\0" in str(path):
        raise UtterError(f"{path} has characters that no name of a file can have; choose another name.")
    if longest > LONGEST:
        raise UtterError(f"{path} has a name of more than {LONGEST} bytes; choose a shorter one.")
    if exists(path) and not is_file(path):
        raise UtterError(f"{path} is a folder, or no file that can be replaced; name a file.")
    if same_place(path) in inputs:
        raise UtterError(f"{path} would replace {inputs[same_place(path)]}, which is read; choose another name.")
    folder = next(parent for parent in Path(os.path.realpath(path)).parents if exists(parent) or parent == parent.parent)
    probe = folder / f".utter-{secrets.token_hex(8)}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UtterError(f"{path} cannot be written ({error.strerror}); choose another folder.", str(error)) from error


def own_folder() -> Path:
    """A folder of this user's alone among the system's temporary files; made where it is missing. OSError if there can be none."""
    return _own_folder(tempfile.gettempdir())


@functools.cache
def _own_folder(temporary: str) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else None  # where users have no number they have temporary folders of their own
    path = Path(temporary) / ("utter" if user is None else f"utter-{user}")
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if user is None or path.lstat().st_uid == user:
            with tempfile.TemporaryFile(dir=path):
                return path
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="utter-", dir=temporary))  # somebody else was there first: one for this process


def same_place(path: str | Path) -> str:
    """A path as it is compared: a/../b and b, capitals, accents and links name the same file."""
    try:
        return same_name(os.path.realpath(path))
    except (OSError, ValueError):
        return same_name(str(path))


def cut(name: str, bytes: int) -> str:
    """The beginning of a name that has at most that many bytes, whole characters only."""
    while len(name.encode("utf-8", "surrogatepass")) > bytes:
        name = name[:-1]
    return name
