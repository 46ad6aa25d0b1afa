"""Lids that lie on the eyeballs wherever these look, shut without a gap and carry their lashes along."""

import numpy as np
import pytest

from tools.sculpt import eyes, hair
from tools.sculpt.rig import joint_regressor, rotation
from tools.sculpt.surface import EYE, EYE_RADIUS

pytestmark = pytest.mark.slow

SLACK = 0.0001


@pytest.fixture(scope="module")
def balls():
    return {name: v for name, v, _, _ in eyes.balls()}


def lid_points(skin, places):
    """Points of the left lids' quads [N,3], corners and within, in front of the eyeball's middle."""
    loops = skin.loops["eye_left"]
    a, b = places[loops], places[np.roll(loops, -1, 1)]
    points = []
    for s in np.linspace(0, 1, 4):
        rows = a + (b - a) * s
        points += [rows[:-1] * (1 - t) + rows[1:] * t for t in np.linspace(0, 1, 4)]
    return np.concatenate(points).reshape(-1, 3)


@pytest.mark.parametrize("amount", np.linspace(-0.2, 1, 13).round(1))
def test_lids_stay_clear_of_eyeball_and_cornea(skin, rig, balls, amount):
    """A cornea's reach over its cap, turned to every gaze, against the lids half open or shut."""
    points = lid_points(skin, skin.vertices + amount * rig.lids[:, :, 0]) - EYE
    reach = np.linalg.norm(points, axis=1)
    assert reach.min() > EYE_RADIUS
    cap = balls["cornea_left"] - EYE
    cap_angle = np.arccos(cap[:, 2] / np.linalg.norm(cap, axis=1))
    order = np.argsort(cap_angle)
    for pitch in (-0.4, -0.2, 0, 0.2, 0.4):
        for yaw in (-0.55, -0.3, 0, 0.3, 0.55):
            angle = np.arccos(np.clip(points @ rotation((pitch, yaw, 0))[:, 2] / reach, -1, 1))
            high = np.interp(angle, cap_angle[order], np.linalg.norm(cap, axis=1)[order], right=0)
            assert (high - reach).max() < SLACK, (pitch, yaw)


def test_shut_lids_meet_and_never_cross(skin, rig):
    loops = skin.loops["eye_left"]
    half = loops.shape[1] // 2
    for ring in loops[eyes.OUTER_RINGS : eyes.OUTER_RINGS + 2]:
        upper, lower = ring[1:half], ring[:half:-1]
        for amount in np.linspace(0, 1, 11):
            face = skin.vertices + amount * rig.lids[:, :, 0]
            apart = face[upper] - face[lower]
            assert apart[:, 1].min() > -1e-9
            if amount == 1:
                assert np.linalg.norm(apart, axis=1).max() < 1e-6
            elif amount <= 0.5:
                assert apart[half // 2, 1] > 0.004


def test_the_opening_is_an_almond_that_shows_most_of_the_iris(skin):
    margin = skin.vertices[skin.loops["eye_left"][eyes.OUTER_RINGS]] - EYE
    size = len(margin)
    outer, inner, top, bottom = margin[0], margin[size // 2], margin[size // 4], margin[3 * size // 4]
    assert outer[0] - inner[0] == pytest.approx(0.029, abs=0.001)
    assert 0.0095 < top[1] - bottom[1] < 0.0120
    assert 0.001 < outer[1] - inner[1] < 0.004  # outer corner higher
    assert 0.0005 < eyes.IRIS - top[1] < 0.0020  # the upper lid covers the iris' edge
    assert -0.0005 < bottom[1] + eyes.IRIS < 0.0008  # the lower one touches it
    height = np.ptp(margin[[size // 2 - 2, size // 2 + 2], 1])
    assert height < 0.35 * (top[1] - bottom[1])  # pointed corners


def test_parts_of_an_eyeball_close_up(balls):
    for side, sign in (("left", 1), ("right", -1)):
        centre = EYE * (sign, 1, 1)
        white, iris, pupil, cornea = (balls[f"{name}_{side}"] - centre for name in ("eye", "iris", "pupil", "cornea"))
        assert np.linalg.norm(white, axis=1) == pytest.approx(EYE_RADIUS)
        wide = np.hypot(*iris[:, :2].T)
        assert 2 * wide.max() == pytest.approx(0.012, abs=0.0005)
        assert wide.min() == pytest.approx(np.hypot(*pupil[:, :2].T).max())
        assert white[:, 2].max() == pytest.approx(iris[:, 2].max())  # one edge, the limbus
        assert cornea[:, 2].max() == pytest.approx(eyes.CORNEA) and iris[:, 2].max() < cornea[:, 2].max() - 0.001
        assert np.hypot(*cornea[:, :2].T).max() > wide.max()


def test_joints_are_the_eyeballs_centres(skin, rig):
    np.testing.assert_allclose((joint_regressor(rig) @ skin.vertices)[3:], [EYE, EYE * (-1, 1, 1)], atol=1e-9)
    assert not rig.lids[skin.loops["eye_left"][-1]].any()  # the vertices that they are regressed from do not move


def test_lashes_grow_from_the_margin_and_turn_with_the_lid(skin, rig):
    v, f, on = hair.lashes(skin)
    np.testing.assert_allclose((on @ skin.vertices)[:, 1:], v[:, 1:], atol=1e-9)
    shut = v + on @ rig.lids[:, :, 0]
    root, tip = np.arange(hair.UPPER_LASHES) * 10, np.arange(hair.UPPER_LASHES) * 10 + 9
    before, after = v[tip] - v[root], shut[tip] - shut[root]
    assert (before[:, 1] > 0).all() and before[:, 2].min() > 0
    assert (after[:, 1] < before[:, 1] - 0.0005).all() and after[:, 2].min() > 0.001
    stretch = np.linalg.norm(after, axis=1) / np.linalg.norm(before, axis=1)
    assert stretch.min() > 0.6 and stretch.max() < 1.4


def test_brows_lie_on_the_skin(skin):
    v, f, on = hair.brow(skin)
    np.testing.assert_allclose(on.sum(1), 1, atol=1e-9)
    under = on @ skin.vertices
    np.testing.assert_allclose(under[:, :2], v[:, :2], atol=1e-9)
    assert (v - under)[:, 2].min() > 0 and (v - under)[:, 2].max() < 0.0015
    assert len(v) <= 500 and np.ptp(v[:, 0]) > 0.035
    assert 0.010 < v[:, 1].mean() - EYE[1] < 0.030
