"""The fields of a head's file: of an .npz or a pickle, told apart by what the file holds, whatever it is called."""

import io
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from contract import UtterError
from model_runtime.flame.pickles import Refused, plain, unpickle

LIMIT = 1 << 29  # bytes that a file may hold, unpacked: FLAME's own are 50 to 100 MB
# All float16 numbers as float32: to look them up takes a third of the time of numpy's conversion.
_HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
_ZIP = b"PK\x03\x04"
_TORCH_BEFORE_ZIP = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # its magic number, pickled
TORCH = (
    "{name} is a file of torch, which Utter does not read; load it with torch, write its arrays with numpy.savez (each value's "
    ".detach().cpu().numpy(), under its own name), and load the .npz."
)


def read_fields(path, wanted):
    """{name: array or plain value} of the fields whose names wanted(name) accepts. UtterError in one sentence if the file is missing,
    damaged, too large, of another kind, or asks for anything that no head needs."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > LIMIT:
            raise UtterError(f"{path.name} is too large for a head ({size >> 20} MB); choose a FLAME model (.npz or .pkl).")
        data = path.read_bytes()
        if data.startswith(_TORCH_BEFORE_ZIP):
            raise UtterError(TORCH.format(name=path.name))
        return _of_zip(data, path.name, wanted) if data.startswith(_ZIP) else _of_pickle(data, wanted)
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist.") from error
    except UtterError:
        raise
    except Refused as error:
        if str(error).partition(".")[0] == "torch":
            raise UtterError(TORCH.format(name=path.name), str(error)) from error
        raise UtterError(
            f"{path.name} was not loaded: it asks for {error}, which no head file needs; get it from its publisher again.", str(error)
        ) from error
    except OSError as error:
        raise UtterError(f"{path} cannot be read ({error.strerror or error}); choose another file.", repr(error)) from error
    except Exception as error:
        raise UtterError(f"{path.name} is damaged or no FLAME file; get it from its publisher again.", repr(error)) from error


def _of_pickle(data, wanted):
    fields = unpickle(io.BytesIO(data))
    if not isinstance(fields, dict):
        raise TypeError(f"a {type(fields).__name__}, not a dictionary")
    named = {(key.decode("latin1") if isinstance(key, bytes) else str(key)): value for key, value in fields.items()}
    return {key: plain(value) for key, value in named.items() if wanted(key)}


def _of_zip(data, name, wanted):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if any(member.filename.rpartition("/")[2] in ("data.pkl", "constants.pkl") for member in members):
            raise UtterError(TORCH.format(name=name))
        chosen = {member.filename.removesuffix(".npy"): member for member in members if wanted(member.filename.removesuffix(".npy"))}
        if sum(member.file_size for member in chosen.values()) > LIMIT:
            raise UtterError(f"{name} is too large for a head once it is unpacked; choose a FLAME model (.npz or .pkl).")
        if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in chosen.values()):
            raise ValueError("packed in a way that numpy does not use")  # others may ask for gigabytes to unpack a few bytes
        with ThreadPoolExecutor() as pool:  # unpacking takes nearly all of the time, and releases the lock
            return dict(zip(chosen, pool.map(lambda member: _of_npy(archive.read(member)), chosen.values())))


def _of_npy(data):
    """The array of an .npy, or what one of objects (a pickle in it) stands for."""
    stream = io.BytesIO(data)
    read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = read_header[np.lib.format.read_magic(stream)[0]](stream)
    if dtype.hasobject:
        return plain(unpickle(stream))
    count = math.prod(shape)
    array = np.frombuffer(data, dtype, count, stream.tell()) if count else np.zeros(0, dtype)
    return widened(array.reshape(shape, order="F" if fortran else "C"))


def widened(array):
    """A float16 array as float32, any other as a copy that can be written to."""
    return _HALVES[array.view(np.uint16)] if array.dtype == np.float16 else array.copy()
