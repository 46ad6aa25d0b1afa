"""Every form in which arrays come in pickles and in .npz files of objects is read without the library that wrote it, and nothing is run."""

import io
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from contract import UtterError
from model_runtime.flame import files
from model_runtime.flame.files import read_fields
from tests.model_runtime.flame import stand_ins

LAYOUTS = ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
SPARSE = [getattr(sparse, f"{layout}_{form}") for layout in LAYOUTS for form in ("matrix", "array")]


def read(path, data):
    path.write_bytes(data)
    return read_fields(path, lambda name: True)


@pytest.fixture
def array():
    return np.random.default_rng(0).normal(size=(6, 8)) * (np.random.default_rng(1).random((6, 8)) < 0.4)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", SPARSE)
def test_every_sparse_layout(tmp_path, array, kind, protocol):
    data = pickle.dumps({"J_regressor": kind(array), "boxed": stand_ins.boxed(kind(array))}, protocol)
    if protocol < 3:  # as scipy before 1.8 named its modules
        data = stand_ins.renamed(data, {"scipy.sparse._": "scipy.sparse."})
    found = read(tmp_path / "model.pkl", data)
    assert np.array_equal(found["J_regressor"], array) and np.array_equal(found["boxed"], array)


def test_sparse_layouts_as_older_scipy_kept_them(tmp_path, array):
    """coo with row and col; dok as a dictionary; a shape without its underscore; blocks of several numbers; duplicates are added."""

    rows, columns = np.nonzero(array)
    whole = sparse.coo_matrix(array)
    twice = {"row": np.r_[rows, rows], "col": np.r_[columns, columns], "data": np.r_[whole.data, whole.data] / 2, "shape": (6, 8)}
    blocks = sparse.bsr_matrix(array, blocksize=(3, 4))
    olds = {
        "coo_matrix": (twice, None),
        "dok_matrix": ({"_shape": (6, 8)}, {(int(r), int(c)): array[r, c] for r, c in zip(rows, columns)}),
        "bsr_matrix": ({"indptr": blocks.indptr, "indices": blocks.indices, "data": blocks.data, "_shape": (6, 8)}, None),
    }
    for name, (state, items) in olds.items():
        class_of = f"scipy.sparse.{name[:3]}"
        data = b"\x80\x02c" + f"{class_of}\n{name}\n".encode() + b")\x81"
        data += pickle.dumps(state, 2)[2:-1] + b"b"
        if items:
            data += b"(" + b"".join(pickle.dumps(part, 2)[2:-1] for pair in items.items() for part in pair) + b"u"
        assert np.allclose(read(tmp_path / "old.pkl", b"\x80\x02}U\x01x" + data[2:] + b"s.")["x"], array), name


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("protocol", range(3))
def test_chumpy_is_read_without_chumpy(tmp_path, array, protocol, old):
    """Arrays, and those that only pick or turn others, as they come of slicing; sets of names beside them."""
    modules = stand_ins.chumpy()
    ch, order = modules["chumpy.ch"], modules["chumpy.reordering"]
    x = ch.Ch(x=array)
    part = order.Select(a=x, idxs=np.arange(array.size).reshape(array.shape)[:, 2:5].ravel(), preferred_shape=(6, 3))
    fields = {
        "v_template": x,
        "shapedirs": part,
        "posedirs": order.Reshape(a=part, newshape=(2, 9)),
        "weights": order.transpose(a=order.Reshape(a=x, newshape=(2, 3, 8)), axes=(2, 0, 1)),
        "boxed": stand_ins.boxed(x),
        "f": array.astype(np.uint32),
        "bs_style": "lbs",
    }
    data = (stand_ins.python2 if old else stand_ins.dumps_with)(modules, fields, protocol)
    assert b"__builtin__\nset" in data
    found = read(tmp_path / "generic_model.pkl", data)
    assert np.array_equal(found["v_template"], array) and np.array_equal(found["boxed"], array)
    assert np.array_equal(found["shapedirs"], array[:, 2:5]) and np.array_equal(found["posedirs"], array[:, 2:5].reshape(2, 9))
    assert np.array_equal(found["weights"], array.reshape(2, 3, 8).transpose(2, 0, 1))
    assert np.array_equal(found["f"], array.astype(np.uint32)) and found["bs_style"] == "lbs"


def test_what_only_chumpy_can_compute_is_no_head(tmp_path, array):
    modules = stand_ins.chumpy()
    x = modules["chumpy.ch"].Ch(x=array)
    data = stand_ins.dumps_with(modules, {"wanted": x, "sum": modules["chumpy.ch_ops"].add(a=x, b=x)}, 2)
    (tmp_path / "model.pkl").write_bytes(data)
    assert np.array_equal(read_fields(tmp_path / "model.pkl", lambda name: name == "wanted")["wanted"], array)
    with pytest.raises(UtterError, match="model.pkl"):
        read_fields(tmp_path / "model.pkl", lambda name: True)


@pytest.mark.filterwarnings("ignore:the matrix subclass")  # which files of others hold
@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_kind(tmp_path, array, protocol):
    fields = OrderedDict(
        plain=array,
        fortran=np.asfortranarray(array),
        big=array.astype(">f4"),
        half=array.astype(np.float16),
        whole=array.astype(np.uint16),
        truth=array > 0,
        matrix=np.matrix(array),
        lists=np.array([None, None], object),
        boxed=stand_ins.boxed(array),
        number=np.float64(2.5),
        count=300,
        name=np.str_("köpf"),
        names=np.array(["a", "bß"]),
        rows=array.tolist(),
        nothing=None,
        empty=np.zeros((0, 3)),
    )
    fields["lists"][:] = [[1.0, 2.0], [3.0, 4.0]]
    data = pickle.dumps(fields, protocol)
    versions = [data]
    if protocol < 3:
        versions = [stand_ins.renamed(data, {a: b}) for a, b in (("numpy.core", "numpy._core"), ("numpy._core", "numpy.core"))]
        versions.append(stand_ins.python2({}, fields | {"name": "k", "names": 0}, protocol))
    for version in versions:
        found = read(tmp_path / "a.pkl", version)
        for key in ("plain", "fortran", "big", "half", "whole", "truth", "matrix", "boxed", "empty"):
            assert np.array_equal(found[key], np.asarray(fields[key]) if key != "boxed" else array), key
            assert type(found[key]) is np.ndarray and found[key].dtype.isnative
        assert np.array_equal(found["lists"], [[1, 2], [3, 4]]) and np.array_equal(found["rows"], array)
        assert found["number"] == 2.5 and found["count"] == 300
    if protocol > 2:
        assert found["name"] == "köpf" and found["names"].tolist() == ["a", "bß"]


def test_an_npz_of_objects(tmp_path, array):
    """Arrays of objects in an .npz are pickles; and a file is what it holds, whatever it is called."""
    modules = stand_ins.chumpy()
    sys.modules.update(modules)
    try:
        np.savez(
            tmp_path / "objects.npz",
            plain=array,
            packed=stand_ins.boxed(sparse.csc_matrix(array)),
            rows=np.array([*map(list, array)], object),
            ch=stand_ins.boxed(modules["chumpy.ch"].Ch(x=array)),
        )
    finally:
        for name in modules:
            del sys.modules[name]
    (tmp_path / "objects.pkl").write_bytes((tmp_path / "objects.npz").read_bytes())
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(dict.fromkeys(("plain", "packed", "rows", "ch"), array)))
    for name in ("objects.npz", "objects.pkl", "pickle.npz"):
        found = read_fields(tmp_path / name, lambda name: True)
        assert all(np.array_equal(found[key], array) for key in ("plain", "packed", "rows", "ch")), name


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.pkl", "model.npz"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_torch_is_said_to_be_one(tmp_path, name, zipped):
    import torch

    from model_runtime.flame.load import load_head

    torch.save({"v_template": torch.zeros(50, 3)}, tmp_path / name, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UtterError, match=rf"^{name} is a file of torch, .* numpy.savez .* load the .npz\.$"):
        load_head(tmp_path / name)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"v_template": torch.zeros(50, 3)}))  # tensors in a pickle of Python's
    with pytest.raises(UtterError, match="is a file of torch"):
        load_head(tmp_path / "model.pkl")


def evil(*parts):
    return b"\x80\x02" + b"".join(parts) + b"."


HUGE = 1 << 40
BOMBS = {
    "memo": b"\x80\x02}r\xff\xff\xff\xff.",  # a place in the memo that a C unpickler would reserve 64 GB for
    "text": b"\x80\x04\x8d" + HUGE.to_bytes(8, "little") + b"x.",
    "bytes": b"\x80\x04\x8e" + HUGE.to_bytes(8, "little") + b"x.",
    "bytearray": b"\x80\x05\x96" + HUGE.to_bytes(8, "little") + b"x.",
    "frame": b"\x80\x04\x95" + HUGE.to_bytes(8, "little") + b"x.",
    "ndarray": evil(b"cnumpy\nndarray\n", pickle.dumps((HUGE,), 2)[2:-1], b"\x85R"),
    "reconstruct": evil(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n", pickle.dumps((HUGE,), 2)[2:-1], b"U\x01d\x87R"),
    "bytes of a number": evil(b"c__builtin__\nbytearray\n", pickle.dumps((HUGE,), 2)[2:-1], b"R"),
    "sparse": evil(
        b"}U\x01xcscipy.sparse\ncsc_matrix\n)\x81",
        pickle.dumps({"indptr": [0], "indices": [], "data": [], "_shape": (HUGE, HUGE)}, 2)[2:-1],
        b"bs",
    ),
    "nested": evil(b"}U\x01x]q\x00(K\x01K\x01e", *(b"q%c0](h%ch%ch%ch%ch%ch%ch%ch%ce" % (i + 1, *[i + 1] * 8) for i in range(12)), b"s"),
    "texts": pickle.dumps({"x": ["y" * 1_000_000, *range(100_000)]}),
}


def test_nothing_reserves_more_memory_than_there_is_file(tmp_path):
    """Each in 3 GB of address space; what refuses it is no MemoryError that happened to be raised."""
    (tmp_path / "bombs.pickle").write_bytes(pickle.dumps(BOMBS))
    code = """
import resource, sys, pickle
from pathlib import Path
from contract import UtterError
from model_runtime.flame.files import read_fields
from tools.process import peak_memory
folder = Path(sys.argv[1])
bombs = pickle.loads((folder / "bombs.pickle").read_bytes())
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
for name, data in bombs.items():
    (folder / "head.pkl").write_bytes(data)
    try:
        read_fields(folder / "head.pkl", lambda name: True)
    except UtterError as error:
        print(name, "MemoryError" in error.detail, round(peak_memory("self")))
    else:
        print(name, "loaded", 0)
"""
    root = Path(__file__).parents[3]
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(told) == len(BOMBS)
    for line in told:
        name, outcome, megabytes = line.rsplit(" ", 2)
        assert outcome == ("loaded" if name == "memo" else "False") and int(megabytes) < 1500, told


def test_an_npz_that_unpacks_to_more_than_a_head_is_refused(tmp_path, monkeypatch):
    """A header that declares what is not there, and a zip whose members would unpack to more than the limit."""
    monkeypatch.setattr(files, "LIMIT", 1 << 20)
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 3)})
    with zipfile.ZipFile(tmp_path / "declared.npz", "w") as archive:
        archive.writestr("v_template.npy", b"\x93NUMPY\x01\x00" + stream.getvalue()[8:] + bytes(100))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v_template.npy", bytes(2 << 20))
    for name in ("declared.npz", "bomb.npz"):
        with pytest.raises(UtterError, match=name):
            read_fields(tmp_path / name, lambda name: True)


def test_a_dtype_that_calls_bytes_pointers_is_refused(tmp_path, array):
    """numpy's own unpickling would follow them."""
    dtype = b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    data = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85"
        + dtype
        + b"\x89U\x10"
        + b"A" * 16
        + b"tb"
    )
    (tmp_path / "head.pkl").write_bytes(b"\x80\x02}U\x01x" + data + b"s.")
    with pytest.raises(UtterError, match="head.pkl"):
        read_fields(tmp_path / "head.pkl", lambda name: True)
