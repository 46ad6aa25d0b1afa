"""Which components of a file are expression: by what it says, else by geometry, else it is asked; and FLAME's fields under other names."""

import numpy as np
import pytest

from contract import UtterError
from model_runtime.flame.head import REQUIRED, head_from_fields
from model_runtime.flame.load import load_head


@pytest.fixture(scope="module")
def builtin():
    return load_head()


@pytest.fixture
def fields(builtin):
    """What a FLAME file holds, of a part of the built-in head: every eighth vertex is enough of its geometry."""
    some = np.unique(np.r_[np.arange(0, len(builtin.v_template), 8), np.flatnonzero(builtin.J_regressor.any(0))])
    kept = {key: getattr(builtin, key)[some] for key in ("v_template", "posedirs", "weights")}
    kept["shapedirs"] = np.concatenate(
        [as_flames(builtin.shapedirs[some, :, :300], 300), as_flames(builtin.shapedirs[some, :, 300:], 100)], 2
    )
    faces = np.arange(3 * (len(some) // 3), dtype=np.int32).reshape(-1, 3)
    return kept | {"J_regressor": builtin.J_regressor[:, some], "f": faces, "kintree_table": builtin.kintree_table}


def as_flames(shapes, count):
    """count components [V,3,count] in the order of how much they move, none of them empty: as FLAME's files hold them."""
    size = np.sqrt((shapes.astype(float) ** 2).sum((0, 1)))
    own = shapes[..., np.argsort(-size)][..., : (size > 0).sum()]
    more = np.random.default_rng(0).standard_normal((own.shape[2], count - own.shape[2])) / np.sqrt(own.shape[2])
    fading = 0.5 * np.sqrt(np.sort(size[size > 0])[0] / size.max()) * 0.99 ** np.arange(more.shape[1])
    more = own[..., -1:] * 0 + own @ more * fading
    more *= np.linalg.norm(own[..., -1]) / max(np.linalg.norm(more[..., :1]), 1e-12) * 0.99
    return np.concatenate([own, more], 2).astype(np.float32)


def trimmed(fields, identity, expression):
    shapes = fields["shapedirs"]
    return np.concatenate([shapes[..., :identity], shapes[..., 300 : 300 + expression]], 2)


def meets(head, fields, identity, expression):
    """Whether head holds that many components of each, in their places, and zeros beyond."""
    shapes, whole = head.shapedirs, fields["shapedirs"]
    return (
        shapes.shape == whole.shape
        and np.array_equal(shapes[..., :identity], whole[..., :identity])
        and np.array_equal(shapes[..., 300 : 300 + expression], whole[..., 300 : 300 + expression])
        and not shapes[..., identity:300].any()
        and not shapes[..., 300 + expression :].any()
    )


@pytest.mark.parametrize(
    "identity, expression",
    [(300, 100), (300, 50), (300, 10), (200, 50), (150, 50), (100, 100), (100, 50), (50, 100), (50, 50), (10, 10), (64, 37), (299, 51)],
)
def test_the_split_is_found_by_geometry(fields, identity, expression):
    head = head_from_fields(fields | {"shapedirs": trimmed(fields, identity, expression)}, "cut.npz")
    assert meets(head, fields, identity, expression)


@pytest.mark.parametrize("unlike", ["shuffled", "identity only", "expression only", "noise", "expression first"])
def test_where_nothing_tells_the_split_is_asked_for(fields, unlike):
    rng = np.random.default_rng(0)
    shapes = {
        "shuffled": trimmed(fields, 100, 50)[..., rng.permutation(150)],
        "identity only": fields["shapedirs"][..., :300],
        "expression only": fields["shapedirs"][..., 300:],
        "expression first": np.roll(fields["shapedirs"], 100, 2),  # 400, as FLAME's own
        "noise": rng.normal(size=(len(fields["v_template"]), 3, 150)),
    }[unlike]
    with pytest.raises(UtterError, match=rf"which of its {shapes.shape[2]} components .* \(expressiondirs\), or with num_betas"):
        head_from_fields(fields | {"shapedirs": shapes}, "cut.npz")


@pytest.mark.parametrize(
    "counts",
    [
        {"num_betas": 120, "num_expressions": 30},
        {"num_betas": np.int64(120), "num_expression_coeffs": np.array(30)},
        {"n_shape": np.array([120])},
        {"n_exp": 30},
        {"shape_params": 120, "expression_params": 30},
    ],
)
def test_counts_in_the_file_decide(fields, counts):
    """Even against the geometry: these components are shuffled."""
    order = np.random.default_rng(0).permutation(400)
    mixed = fields | {"shapedirs": fields["shapedirs"][..., order]}
    assert meets(head_from_fields(mixed | {"shapedirs": trimmed(mixed, 120, 30)} | counts, "cut.npz"), mixed, 120, 30)


def test_counts_that_do_not_fit_are_said(fields):
    cut = fields | {"shapedirs": trimmed(fields, 100, 50)}
    with pytest.raises(UtterError, match="says 10 identity and 10 expression components and holds 150 in shapedirs; save it with"):
        head_from_fields(cut | {"num_betas": 10, "num_expressions": 10}, "cut.npz")
    used = {"num_betas": 10, "num_expression_coeffs": 10}  # of a whole model: how many somebody used
    assert meets(head_from_fields(fields | used, "flame.npz"), fields, 300, 100)


@pytest.mark.parametrize("name", ["expressiondirs", "expression_dirs", "exprdirs", "expr_dirs", "exp_base", "expressionblendshapes"])
def test_expression_in_a_field_of_its_own(fields, name):
    whole, own = fields["shapedirs"], fields["shapedirs"][..., 300:350]
    assert meets(head_from_fields(fields | {"shapedirs": whole[..., :300], name: own}, "two.npz"), fields, 300, 50)
    assert meets(head_from_fields(fields | {"shapedirs": whole[..., :20], name: own}, "two.npz"), fields, 20, 50)
    assert meets(head_from_fields(fields | {name: own}, "both.npz"), fields, 300, 50)  # and in shapedirs as well


def test_a_field_of_expression_without_any_is_said(fields):
    with pytest.raises(UtterError, match="two.npz holds no expression"):
        head_from_fields(fields | {"expressiondirs": np.zeros_like(fields["shapedirs"][..., :50])}, "two.npz")


def test_the_state_of_a_module_in_torch_is_read(fields):
    """Names and arrangement as a FLAME layer keeps them in its buffers."""
    count = len(fields["v_template"])
    state = {
        "v_template": fields["v_template"],
        "faces_tensor": fields["f"].astype(np.int64),
        "shapedirs": fields["shapedirs"][..., :100],
        "expr_dirs": fields["shapedirs"][..., 300:350],
        "posedirs": fields["posedirs"].reshape(3 * count, 36).T,
        "J_regressor": fields["J_regressor"],
        "lbs_weights": fields["weights"],
        "parents": np.array([-1, 0, 1, 1, 1]),
        "betas": np.zeros((1, 100)),
    }
    head = head_from_fields(state, "layer.npz")
    assert meets(head, fields, 100, 50)
    for key in set(REQUIRED) - {"shapedirs"}:
        assert np.array_equal(getattr(head, key), fields[key]), key
