"""Heads are read from every kind of FLAME file, and what is not a head is refused in a sentence."""

import os
import pickle

import numpy as np
import pytest
from scipy import sparse

from contract import UtterError
from model_runtime.flame.head import head_from_fields, read_head, save_head
from tests.model_runtime.flame import stand_ins
from tests.model_runtime.flame.conftest import make_head

REQUIRED = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")


@pytest.fixture(scope="module")
def head():
    return make_head(24, 40)  # a small file


@pytest.fixture()
def fields(head):
    """Only what FLAME's own files hold."""
    return {key: np.array(getattr(head, key)) for key in REQUIRED}


def same(a, b, keys=REQUIRED):
    return all(np.allclose(getattr(a, key), getattr(b, key), atol=1e-6) for key in keys)


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_a_saved_head_comes_back_whole(head, tmp_path, suffix):
    save_head(head, tmp_path / f"head{suffix}")
    back = read_head(tmp_path / f"head{suffix}")
    for key in head.__dataclass_fields__:
        assert np.array_equal(getattr(back, key), getattr(head, key)), key
    assert back.basis == head.basis
    assert os.listdir(tmp_path) == [f"head{suffix}"]  # nothing left beside it


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("kind", [sparse.csc_matrix, sparse.csr_matrix])
def test_chumpy_pickles_load_without_chumpy(head, fields, tmp_path, protocol, kind):
    """As FLAME's releases of 2017 to 2020 are."""
    modules = stand_ins.chumpy()
    ch = modules["chumpy.ch"].Ch
    fields |= {key: ch(x=fields[key].astype(float)) for key in ("v_template", "shapedirs", "posedirs", "weights")}
    fields |= {"J_regressor": kind(fields["J_regressor"].astype(float)), "bs_style": "lbs", "f": fields["f"].astype(np.uint32)}
    fields["kintree_table"] = np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(stand_ins.dumps_with(modules, fields, protocol))
    assert same(read_head(path), head)
    if protocol < 3:
        path.write_bytes(stand_ins.python2(modules, fields, protocol))
        assert same(read_head(path), head)


class Calls:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize("where", ["field", "inside"])
@pytest.mark.parametrize("function", [os.system, eval, __import__, getattr, pickle.loads, np.load])
def test_a_pickle_that_calls_something_is_refused_and_calls_nothing(fields, tmp_path, function, where):
    trace = tmp_path / "ran"
    arguments = {os.system: f"touch {trace}", eval: f"open({str(trace)!r}, 'w')"}.get(function, "os")
    bad = Calls(function, arguments, *(["system"] if function is getattr else []))
    fields["v_template"] = bad if where == "field" else [bad]
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(fields))
    with pytest.raises(UtterError, match="model.pkl was not loaded: it asks for"):
        read_head(path)
    assert not trace.exists()


def test_fewer_identity_components_are_padded_and_the_last_hundred_are_expression(head, fields):
    fields["shapedirs"] = np.concatenate([head.shapedirs[:, :, :50], head.shapedirs[:, :, 300:]], axis=2)
    loaded = head_from_fields(fields, "flame")
    assert loaded.shapedirs.shape[2] == 400
    assert np.array_equal(loaded.shapedirs[:, :, 300:], head.shapedirs[:, :, 300:])
    assert np.array_equal(loaded.shapedirs[:, :, :50], head.shapedirs[:, :, :50]) and not loaded.shapedirs[:, :, 50:300].any()


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_field_is_named(fields, key):
    del fields[key]
    with pytest.raises(UtterError, match=f"lacks {key}"):
        head_from_fields(fields, "model.npz")


@pytest.mark.parametrize(
    "key, value",
    [
        ("v_template", np.zeros((7, 3))),
        ("f", np.zeros((5, 4), int)),
        ("shapedirs", np.zeros((9, 3, 400))),
        ("posedirs", np.zeros((4, 3, 9))),
        ("J_regressor", np.zeros((24, 9))),
        ("weights", np.zeros(5)),
        ("kintree_table", np.zeros((2, 24))),
        ("weights", "words"),
    ],
)
def test_a_wrong_shape_is_named(fields, key, value):
    fields[key] = value
    with pytest.raises(UtterError, match="model.npz is no usable head: "):
        head_from_fields(fields, "model.npz")


def test_other_damage_is_named(head, fields):
    broken = {
        "shapedirs": np.where(np.arange(head.shapedirs.size).reshape(head.shapedirs.shape) == 5, np.nan, head.shapedirs),
        "f": head.f + len(head.v_template),
        "weights": head.weights * 3,
        "kintree_table": np.array([[-1, 0, 1, 2, 3], [0, 1, 2, 3, 4]]),
    }
    for key, value in broken.items():
        with pytest.raises(UtterError, match=key):
            head_from_fields(fields | {key: value}, "model.npz")
    for count in (20, 100, 500):
        with pytest.raises(UtterError, match="300 identity and 100 expression"):
            head_from_fields(fields | {"shapedirs": np.zeros((len(head.v_template), 3, count))}, "model.npz")


def test_files_that_are_no_heads(tmp_path):
    from model_runtime.flame.load import load_head

    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "text.pkl").write_text("hello")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    (tmp_path / "cut.pkl").write_bytes(pickle.dumps({"v_template": np.zeros((50, 3))})[:100])
    np.savez(tmp_path / "objects.npz", v_template=np.array([{}], dtype=object))
    for name in ("text.npz", "text.pkl", "list.pkl", "cut.pkl", "objects.npz", "missing.npz", "missing.pkl", "head.fbx", "head.ply"):
        with pytest.raises(UtterError) as error:
            load_head(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)


def test_a_place_that_cannot_be_written_is_said(head, tmp_path):
    for suffix in (".npz", ".pkl"):
        (tmp_path / f"taken{suffix}").mkdir()
        with pytest.raises(UtterError, match="cannot be written"):
            save_head(head, tmp_path / f"taken{suffix}")
    assert sorted(os.listdir(tmp_path)) == ["taken.npz", "taken.pkl"]
