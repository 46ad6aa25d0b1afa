"""Classes that pickle themselves as chumpy's and as Python 2's do, without either."""

import io
import pickle
import struct
import sys
import types

import numpy as np


def chumpy():
    """{module name: module} with Ch, Select, Reshape, transpose and add, which keep what chumpy 0.70's keep when they are pickled: all
    of their attributes but the parents and the cache."""

    class Ch:
        terms: tuple[str, ...] = ()
        dterms: tuple[str, ...] = ("x",)

        def __init__(self, **terms):
            self.__dict__.update(
                _dirty_vars=set(terms), _itr=None, _parents={}, _cache={"r": None, "drs": {}}, _make_dense=False, _make_sparse=False
            )
            self.__dict__.update(_depends_on_deps={}, **terms)

        def __getstate__(self):
            return {name: value for name, value in self.__dict__.items() if name not in ("_parents", "_cache")}

    modules = {name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.ch_ops", "chumpy.reordering")}
    places = {"Ch": "chumpy.ch", "Select": "chumpy.reordering", "Reshape": "chumpy.reordering", "transpose": "chumpy.reordering"}
    for name, module in (places | {"add": "chumpy.ch_ops"}).items():
        made = Ch if name == "Ch" else type(name, (Ch,), {})
        made.__module__, made.__qualname__ = module, name
        setattr(modules[module], name, made)
    return modules


def dumps_with(modules, value, protocol):
    """The pickle of value while these modules are there."""
    sys.modules.update(modules)
    try:
        return pickle.dumps(value, protocol=protocol)
    finally:
        for name in modules:
            del sys.modules[name]


class _Python2(pickle._Pickler):
    """Writes what cPickle of Python 2 wrote for the same objects: its str for bytes and text, its names for modules."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_text(self, value):
        data = value.encode("latin1") if isinstance(value, str) else value
        if self.proto == 0:
            self.write(b"S" + repr(data)[1:].encode("latin1") + b"\n")
        elif len(data) < 256:
            self.write(b"U" + bytes([len(data)]) + data)
        else:
            self.write(b"T" + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_text


def python2(modules, value, protocol):
    """The pickle of value as Python 2 wrote it with numpy 1 and scipy before 1.8."""
    sys.modules.update(modules)
    try:
        stream = io.BytesIO()
        _Python2(stream, protocol).dump(value)
    finally:
        for name in modules:
            del sys.modules[name]
    return renamed(stream.getvalue(), {"numpy._core": "numpy.core", "scipy.sparse._": "scipy.sparse."})


def renamed(data, names):
    """A pickle of protocol 0 to 2 with other module names."""
    for theirs, ours in names.items():
        data = data.replace(b"c" + theirs.encode(), b"c" + ours.encode())
    return data


def boxed(value):
    """A 0-d object array around value."""
    box = np.empty((), object)
    box[()] = value
    return box
