"""Read pickles of arrays without running any code that they name.

FLAME's older releases are Python 2 pickles that hold chumpy objects and scipy sparse matrices. Every name that such a file may ask
for is answered with a stand-in that keeps what it is given and does nothing; any other name is refused before it is looked up. `plain`
makes arrays of the stand-ins afterwards, by numpy's own checked functions: numpy's unpickling is not used, because it believes a
file that calls its bytes pointers.
"""

import pickle
import re
from collections import OrderedDict

import numpy as np

LIMIT = 1 << 26  # numbers in one array: the largest of a FLAME file has 6 million
LISTED = 1 << 23  # numbers in lists of lists
_NUMBERS = re.compile(r"[<>=|]?[biufc?SU]\d*")


class Refused(Exception):
    """The pickle asks for this name, which no head needs."""


class _Inert:
    """Keeps what it is made of, its state, and the items of a dictionary; computes nothing."""

    def __new__(cls, *args, **kwargs):
        self = object.__new__(cls)
        self.args, self.state, self.items = args, {}, {}
        return self

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        self.state = state

    def __setitem__(self, key, value):
        self.items[key] = value


class _Array(_Inert):
    """numpy's `_reconstruct`: its state is (version, shape, dtype, in Fortran's order, bytes or list); Python 2's may lack the version."""


class _Buffer(_Inert):
    """numpy's `_frombuffer`: bytes, dtype, shape, order."""


class _Scalar(_Inert):
    """numpy's `scalar`: dtype, bytes."""


class _Dtype(_Inert):
    """numpy.dtype: made of a name as "f8"; its state tells the byte order."""


class _Kind(_Inert):
    """A class that is only named: numpy.ndarray, numpy.matrix."""


class _Set(_Inert):
    """A Python 2 set: chumpy keeps names in some."""


class _Chumpy(_Inert):
    """chumpy.ch.Ch: its array is the state's x."""


class _Select(_Chumpy):
    """chumpy.reordering.Select: entries idxs of a, in preferred_shape."""


class _Reshape(_Chumpy):
    """chumpy.reordering.Reshape: a in newshape."""


class _Transpose(_Chumpy):
    """chumpy.reordering.transpose: a with its axes in the order axes."""


class _Computed(_Chumpy):
    """Any other class of chumpy: an array that only chumpy could compute."""


class _Sparse(_Inert):
    """A scipy.sparse matrix of any layout."""


class _Rebuilt(_Inert):
    """copyreg's `_reconstructor`, by which protocols 0 and 1 make an object of a class; base is object, or dict with its items."""

    def __new__(cls, kind=_Kind, base=object, state=None):
        if not (isinstance(kind, type) and issubclass(kind, _Inert)):
            raise Refused("copyreg._reconstructor")
        self = _Inert.__new__(kind)
        self.items = state if isinstance(state, dict) else {}
        return self


class _Encoded(_Inert):
    """`_codecs.encode` and `bytes`: how Python 3 writes bytes in protocols 0 to 2."""

    def __new__(cls, text="", encoding="latin1"):
        return bytes(text) if isinstance(text, (bytes, bytearray)) else text.encode("latin1")


class _Bytearray(_Encoded):
    def __new__(cls, text="", encoding="latin1"):
        return bytearray(_Encoded(text))


_ADMITTED = {
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _Scalar),
            ("numeric", "_frombuffer", _Buffer),
            ("memmap", "memmap", _Kind),
        )
    },
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Kind,
    ("numpy", "memmap"): _Kind,
    ("numpy", "matrix"): _Kind,
    **{(f"numpy.{module}", "matrix"): _Kind for module in ("matrixlib.defmatrix", "core.defmatrix")},
    **{
        (module, name): stand_in
        for module in ("builtins", "__builtin__")
        for name, stand_in in (
            ("object", object), ("dict", dict), ("set", _Set), ("frozenset", _Set), ("bytes", _Encoded), ("bytearray", _Bytearray),
        )
    },
    ("collections", "OrderedDict"): OrderedDict,
    **{(module, "_reconstructor"): _Rebuilt for module in ("copyreg", "copy_reg")},
    ("_codecs", "encode"): _Encoded,
}  # fmt: skip
_CHUMPY = {"Ch": _Chumpy, "Select": _Select, "Reshape": _Reshape, "transpose": _Transpose}
_LAYOUTS = {
    f"{layout}_{form}": type(f"_{layout}_{form}", (_Sparse,), {"layout": layout})
    for layout in ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
    for form in ("matrix", "array")
}


class _Unpickler(pickle._Unpickler):
    """Python's own unpickler rather than the C one, which reserves as much memory as a damaged file's numbers say."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module, name):
        if module.partition(".")[0] == "chumpy":
            return _CHUMPY.get(name, _Computed)
        if re.fullmatch(r"scipy\.sparse(\._?\w+)?", module) and name in _LAYOUTS:
            return _LAYOUTS[name]
        if (module, name) not in _ADMITTED:
            raise Refused(f"{module}.{name}")
        return _ADMITTED[module, name]

    def load_bytearray8(self):
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def unpickle(stream):
    """What a pickle holds, from a stream that never gives more than there is (a file in memory); stand-ins are left as they are
    (`plain`). Refused if it asks for another name; any other exception if it is damaged."""
    return _Unpickler(stream, encoding="latin1").load()


def plain(value):
    """The array that a stand-in, or a list of some, stands for; anything else as it is. ValueError, or what numpy raises, if there is
    none."""
    if isinstance(value, _Array):
        shape, kind, fortran, data = value.state[-4:]
        if kind.args[0] in ("O", "O4", "O8"):
            items = [plain(item) for item in data]
            return np.reshape(_stacked(items), (*shape, *(np.shape(items[0]) if items else ())))
        return _from_bytes(data, kind, shape, "F" if fortran else "C")
    if isinstance(value, _Buffer):
        return _from_bytes(*value.args)
    if isinstance(value, _Scalar):
        return _from_bytes(value.args[1], value.args[0], ())[()]
    if isinstance(value, _Sparse):
        return _dense(value)
    if isinstance(value, _Chumpy):
        return _evaluated(value)
    if isinstance(value, _Inert):
        raise ValueError(f"a {type(value).__name__}, not an array")
    if isinstance(value, (list, tuple)):
        if _leaves(value, {}) > LISTED:
            raise ValueError("lists of more numbers than a head has")
        return _stacked([plain(item) for item in value])
    return value


def _leaves(value, known):
    """How many numbers nested lists hold, each list counted once however often it is held: a few bytes can hold one for each atom."""
    if not isinstance(value, (list, tuple)):
        return 1
    if id(value) not in known:
        known[id(value)] = LISTED + 1  # of a list that holds itself
        known[id(value)] = min(LISTED + 1, sum(_leaves(item, known) for item in value))
    return known[id(value)]


def _stacked(items):
    """An array of items of one shape."""
    bytes_each = max((np.asarray(item).itemsize for item in items), default=0)  # of texts, as many as the longest has
    if sum(np.size(item) for item in items) * bytes_each > 8 * LIMIT:
        raise ValueError("more numbers than a head has")
    return np.array(items)


def _from_bytes(data, kind, shape, order="C"):
    name, state = kind.args[0], kind.state or ("", "|")
    if not _NUMBERS.fullmatch(name):
        raise ValueError(f"an array of {name}")
    data = data.encode("latin1") if isinstance(data, str) else data
    dtype = np.dtype(name).newbyteorder(state[1]) if state[1] in ("<", ">") else np.dtype(name)
    return np.frombuffer(data, dtype).reshape(shape, order=order).astype(dtype.newbyteorder("="))


def _evaluated(node):
    """What a chumpy object of the kinds that only hold or reorder an array stands for."""
    state = node.state
    if isinstance(node, _Computed):
        raise ValueError("an array that only chumpy can compute")
    if isinstance(node, _Select):
        chosen = np.ravel(plain(state["a"]))[np.ravel(plain(state["idxs"])).astype(np.int64)]
        return chosen.reshape(plain(state["preferred_shape"])) if "preferred_shape" in state else chosen
    if isinstance(node, _Reshape):
        return np.reshape(plain(state["a"]), plain(state["newshape"]))
    if isinstance(node, _Transpose):
        return np.transpose(plain(state["a"]), None if state.get("axes") is None else plain(state["axes"]))
    return plain(state["x"])


def _dense(matrix):
    """A sparse matrix of any layout as an array. Places outside it are an IndexError."""
    state = matrix.state[0] if isinstance(matrix.state, tuple) else matrix.state
    shape = tuple(int(size) for size in plain(state.get("_shape", state.get("shape"))))
    if min(shape) < 0 or np.prod(shape, dtype=float) > LIMIT:
        raise ValueError(f"a sparse matrix of shape {shape}")
    rows, columns, values = {
        "csr": _compressed,
        "csc": _compressed,
        "bsr": _compressed,
        "coo": _coordinates,
        "lil": _lists,
        "dok": lambda state: _keys(state.get("_dict", matrix.items)),
        "dia": _diagonals,
    }[matrix.layout](state)
    if matrix.layout == "csc":
        rows, columns = columns, rows
    if matrix.layout == "bsr":
        tall, wide = values.shape[1:]
        rows, columns = np.broadcast_arrays(
            tall * rows[:, None, None] + np.arange(tall)[:, None], wide * columns[:, None, None] + np.arange(wide)
        )
    if matrix.layout == "dia":  # a diagonal is stored as long as the matrix is wide, whatever of it lies inside
        inside = (rows >= 0) & (rows < shape[0]) & (columns < shape[1])
        rows, columns, values = rows[inside], columns[inside], values[inside]
    rows, columns = rows.ravel().astype(np.int64), columns.ravel().astype(np.int64)
    if min(rows.min(initial=0), columns.min(initial=0)) < 0:
        raise IndexError("a place before the first")
    dense = np.zeros(shape, values.dtype)
    np.add.at(dense, (rows, columns), values.ravel())
    return dense


def _compressed(state):
    """csr's (rows, columns, values); csc's are turned round, bsr's are blocks."""
    counts, minor, values = np.diff(plain(state["indptr"])), plain(state["indices"]), plain(state["data"])
    if len(values) != len(minor) or counts.min(initial=0) < 0 or counts.sum() != len(minor):
        raise ValueError("a sparse matrix whose parts do not fit")
    return np.repeat(np.arange(len(counts)), counts), minor, values


def _coordinates(state):
    rows, columns = (plain(each) for each in state["coords"]) if "coords" in state else (plain(state["row"]), plain(state["col"]))
    return rows, columns, plain(state["data"])


def _lists(state):
    """lil: for each row a list of columns, and one of values."""
    columns, values = state["rows"].state[-1], state["data"].state[-1]
    counts = [len(each) for each in columns]
    if counts != [len(each) for each in values]:
        raise ValueError("a sparse matrix whose parts do not fit")
    flat = lambda lists: np.array([plain(item) for each in lists for item in each], float)
    return np.repeat(np.arange(len(counts)), counts), flat(columns), flat(values)


def _keys(items):
    places = np.array([[plain(index) for index in place] for place in items], np.int64).reshape(-1, 2)
    return places[:, 0], places[:, 1], np.array([plain(value) for value in items.values()], float)


def _diagonals(state):
    values, offsets = np.atleast_2d(plain(state["data"])), np.ravel(plain(state["offsets"]))
    columns = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    if len(offsets) != len(values):
        raise ValueError("a sparse matrix whose parts do not fit")
    return columns - offsets[:, None], columns, values
