"""Brows and lashes of the built-in head: they lie on the skin, follow it in every movement, and are each other's mirror images."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from model_runtime.flame import identity, lbs
from model_runtime.flame.load import load_head
from model_runtime.flame.poses import pose
from tools.human import check
from tools.human.head import GROWN
from tools.human.strands import SHAPES

BROW_ROOTS, LASH_ROOTS = 5, 7  # vertices of a hair, its root's first


@pytest.fixture(scope="module")
def head():
    return load_head()


def part(head, name):
    return check.part_vertices(head, [head.part_names.tolist().index(name)])


def posed(head, beta=None, **amounts):
    values = pose(head, amounts)[None]
    return lbs.pose(head, values, beta)[0], lbs.pose_parts(head, values, beta)[0]


def far(points, skin):
    return 1000 * cKDTree(skin).query(points)[0]


@pytest.mark.parametrize("amounts", ({}, {"browInnerUp": 1}, {"browDown": 1}, {"noseSneer": 1, "eyeWide": 1}))
def test_brows_lie_on_the_skin(head, amounts):
    skin, parts = posed(head, **amounts)
    for side in ("left", "right"):
        hairs = part(head, f"brow_{side}")
        rest = far(head.parts_v[hairs], head.v_template)
        assert (far(parts[hairs], skin) < rest + 1).all(), "no hair leaves the skin by a millimetre"
        moved = parts[hairs] - head.parts_v[hairs]
        near = cKDTree(head.v_template).query(head.parts_v[hairs])[1]
        np.testing.assert_allclose(moved, (skin - head.v_template)[near], atol=0.0025)


@pytest.mark.parametrize("shut", (0, 0.5, 1))
def test_lashes_stay_on_their_lid_and_turn_with_it(head, shut):
    skin, parts = posed(head, eyeBlink=shut)
    for row, side in enumerate(("left", "right")):
        hairs = part(head, f"lashes_{side}")[: 7 * 74].reshape(-1, 7)  # those of the upper lid
        margin = cKDTree(skin[head.lid_margin_upper[row]])
        assert 1000 * margin.query(parts[hairs[:, 0]])[0].max() < 1.6
        length = lambda places: np.linalg.norm(places[hairs[:, 6]] - places[hairs[:, :3]].mean(1), axis=1)
        np.testing.assert_allclose(length(parts) / length(head.parts_v), 1, atol=0.6)
        down = (parts[hairs[:, 6]] - parts[hairs[:, 0]])[:, 1].mean() - (head.parts_v[hairs[:, 6]] - head.parts_v[hairs[:, 0]])[:, 1].mean()
        assert down < -0.002 * shut + 1e-9, "the tips of a lid that shuts go down"


def test_both_sides_are_mirror_images(head):
    for kind in ("brow", "lashes"):
        left, right = head.parts_v[part(head, f"{kind}_left")], head.parts_v[part(head, f"{kind}_right")]
        np.testing.assert_allclose(left * (-1, 1, 1), right, atol=2e-6)


@pytest.mark.parametrize("number, shape", [*enumerate(SHAPES)])
def test_a_shape_moves_brows_or_lashes_alone(head, number, shape):
    beta = np.zeros(300)
    beta[GROWN + number] = 1
    skin, parts = posed(head, beta)
    np.testing.assert_allclose(skin, head.v_template, atol=1e-7)
    moved = np.linalg.norm(parts - head.parts_v, axis=1)
    own = np.concatenate([part(head, f"{'lashes' if 'Lash' in shape else 'brow'}_{side}") for side in ("left", "right")])
    assert moved[own].max() > 2e-4 and np.delete(moved, own).max() < 1e-7


def test_they_follow_the_identity(head):
    beta = identity.random(head, 3)[1]
    skin, parts = posed(head, beta)
    for side in ("left", "right"):
        assert far(parts[part(head, f"brow_{side}")], skin).max() < 4.5
