"""Where the look changes: each mask lies where its name says, fades, and is zero on a head without such a part."""

from dataclasses import replace

import numpy as np
import pytest

from model_runtime.flame import bundle, masks
from model_runtime.flame.load import load_head


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def made(head):
    return dict(zip(masks.NAMES, masks.masks(head)))


def kind(head, *kinds):
    """Vertices of skin and parts that belong to those kinds of part."""
    rows = [k for k, name in enumerate(head.part_names.tolist()) if name.partition("_")[0] in kinds]
    return len(head.v_template) + np.unique(head.parts_f[np.isin(head.parts_face, rows)])


def test_each_lies_where_it_should(head, made):
    v = np.concatenate([head.v_template, head.parts_v])
    at = lambda name: v[head.landmark(name)]
    even = ("lips", "cheeks", "nose", "forehead", "ears", "lids")
    centre = {name: (made[name][:, None] * v).sum(0) / made[name].sum() for name in even}
    assert all(abs(centre[name][0]) < 0.002 for name in even), "on both sides alike"
    assert np.linalg.norm(centre["nose"] - at("nose_tip")) < 0.012
    top = {name: v[made[name].argmax()] for name in ("forehead", "cheeks")}
    assert top["forehead"][1] > at("brow_mid_left")[1] + 0.015
    assert at("lip_corner_left")[1] < top["cheeks"][1] < at("lid_lower_left")[1]
    assert made["lips"][head.landmark("lip_outer_upper_mid")] > 0.3 and made["lips"][head.landmark("lip_inner_lower_mid")] > 0.9
    assert made["lids"][head.landmark("lid_upper_left")] > 0.9 and made["lids"][head.landmark("chin")] < 0.01
    assert max(made[name][head.landmark("chin")] for name in ("lips", "cheeks", "nose", "inside", "scalp")) < 0.05


def test_they_fade(head, made):
    """Nowhere does a wide mask jump between neighbours."""
    a, b = np.concatenate([head.f[:, [0, 1]], head.f[:, [1, 2]]]).T
    for name in ("cheeks", "nose", "forehead", "lids", "ears"):
        assert made[name].max() > 0.85 and np.abs(made[name][a] - made[name][b]).max() < 0.8, name
    assert all(made[name].min() >= 0 and made[name].max() <= 1.001 for name in made if not name.startswith(("eye", "strand")))


def test_the_iris_is_one_wide(head, made):
    iris = kind(head, "iris")
    assert abs(np.hypot(made["eye_x"][iris], made["eye_y"][iris]).max() - 1) < 1e-5
    assert (made["eye_z"][iris] > 0.5).all() and np.hypot(made["eye_x"], made["eye_y"])[kind(head, "eye")].max() > 1.8
    eyes = kind(head, "eye", "iris", "pupil", "cornea")
    others = np.setdiff1d(np.arange(len(made["eye_x"])), eyes)
    assert not made["eye_x"][others].any() and not made["eye_z"][others].any()


def test_teeth_know_their_gums(head, made):
    teeth, skin = kind(head, "teeth"), len(head.v_template)
    assert made["gum"][teeth].max() > 0.5 > 0.1 > made["gum"][teeth].min() and not made["gum"][:skin].any()


def test_a_head_without_regions_landmarks_and_parts_is_plain(head):
    optional = "region_names regions landmark_names landmark_vertices part_names".split()
    parts = "parts_v parts_f parts_face parts_weights parts_shapedirs parts_lids parts_tongue".split()
    bare = replace(head, **dict.fromkeys(optional + parts))
    assert not masks.masks(bare).any()


def test_flames_own_eyeballs_get_irises(head):
    """FLAME's eyeballs are part of its skin."""
    weights = head.weights.copy()
    ball = np.argsort(np.linalg.norm(head.v_template - (0.033, 0.03, 0.062), axis=1))[:60]
    weights[ball] = [0, 0, 0, 1, 0]
    own = replace(
        head,
        weights=weights,
        part_names=None,
        parts_v=None,
        parts_f=None,
        parts_face=None,
        parts_weights=None,
        parts_shapedirs=None,
        parts_lids=None,
        parts_tongue=None,
    )
    made = dict(zip(masks.NAMES, masks.masks(own)))
    assert made["eye_x"][ball].any() and not np.delete(made["eye_x"], ball).any()


def test_the_bundle_holds_them(head, tmp_path):
    bundle.write_bundle(head, tmp_path / "bundle.npz")
    with np.load(tmp_path / "bundle.npz") as file:
        assert file["mask_names"].tolist() == list(masks.NAMES)
        assert file["masks"].shape == (len(masks.NAMES), len(file["vertices"])) and file["masks"].dtype == np.float32
