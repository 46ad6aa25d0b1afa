"""Read a pickled head without running any code that it names.

FLAME's older releases are Python 2 pickles that hold chumpy objects and scipy sparse matrices. The unpickler here admits numpy
arrays and a few stand-ins that do nothing, and refuses every other name before it is looked up, so a file cannot call anything.
"""

import pickle
from pathlib import Path

import numpy as np

from contract import UtterError


class _Inert:
    """Takes any state, computes nothing."""

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        self.state = state


class _Chumpy(_Inert):
    """chumpy.ch.Ch: its array is state["x"]."""


class _Csc(_Inert):
    """scipy.sparse.csc_matrix: state holds data, indices, indptr and _shape (shape in old files)."""


class _Csr(_Inert):
    """scipy.sparse.csr_matrix."""


def _reconstructor(kind, base, state):
    return kind.__new__(kind)  # protocols 0 and 1 make an object in this way; object itself is the only base admitted


def _encode(text, encoding="latin1"):
    return text.encode("latin1")  # how Python 3 writes bytes in protocol 2


def _numpy_names():
    """Where numpy 1 and 2 keep what an array's pickle calls."""
    array = np.zeros(1)
    reconstruct, scalar = array.__reduce__()[0], array[0].__reduce__()[0]
    frombuffer = array.__reduce_ex__(5)[0]
    for core in ("numpy.core", "numpy._core"):
        yield (f"{core}.multiarray", "_reconstruct"), reconstruct
        yield (f"{core}.multiarray", "scalar"), scalar
        yield (f"{core}.numeric", "_frombuffer"), frombuffer
    yield ("numpy", "ndarray"), np.ndarray
    yield ("numpy", "dtype"), np.dtype


ADMITTED = {
    **dict(_numpy_names()),
    **{
        (f"scipy.sparse.{dash}{kind}", f"{kind}_{form}"): stand_in
        for dash in ("", "_")
        for form in ("matrix", "array")
        for kind, stand_in in (("csc", _Csc), ("csr", _Csr))
    },
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy", "Ch"): _Chumpy,
    **{(module, "_reconstructor"): _reconstructor for module in ("copyreg", "copy_reg")},
    **{
        (module, name): kind
        for module in ("builtins", "__builtin__")
        for name, kind in (("object", object), ("bytearray", bytearray), ("bytes", bytes))
    },
    ("_codecs", "encode"): _encode,
}


class _Refused(Exception):
    pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ADMITTED:
            raise _Refused(f"{module}.{name}")
        return ADMITTED[module, name]


def _plain(value):
    """The array behind a stand-in; anything else as it is."""
    state = getattr(value, "state", None)
    if isinstance(value, _Chumpy):
        return _plain(state["x"])
    if isinstance(value, (_Csc, _Csr)):
        from scipy import sparse

        shape = state.get("_shape", state.get("shape"))
        kind = sparse.csc_matrix if isinstance(value, _Csc) else sparse.csr_matrix
        return kind((state["data"], state["indices"], state["indptr"]), shape=shape).toarray()
    return value


def load_pickle(path):
    """{field: array or plain value} of a pickled dictionary.

    Raises UtterError if the file is missing, is not a pickle of a dictionary, or names anything outside ADMITTED."""
    name = Path(path).name
    try:
        with open(path, "rb") as stream:
            fields = _Unpickler(stream, encoding="latin1").load()
        if not isinstance(fields, dict):
            raise TypeError(f"a {type(fields).__name__}, not a dictionary")
        return {(key.decode("latin1") if isinstance(key, bytes) else str(key)): _plain(value) for key, value in fields.items()}
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist.") from error
    except _Refused as error:
        raise UtterError(
            f"{name} was not loaded: it asks for {error}, which no head file needs; get it from its publisher again.", str(error)
        ) from error
    except Exception as error:
        raise UtterError(f"{name} is damaged or no FLAME file; get it from its publisher again.", repr(error)) from error
