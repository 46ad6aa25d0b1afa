"""The teacher's mouth follows what is heard of how people move theirs, and its contacts stay."""

import numpy as np
import pytest

from contract import ACTIONS
from model_runtime.capture.solve import lengths
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.training import teacher
from model_runtime.training.teacher.follow import REST, follow, slopes
from model_runtime.training.teacher.phones import TRACK, TRACKS

# "My papa" and a pause, in made-up times.
PHONES = [[0, 0.3, "sil"], [0.3, 0.4, "M"], [0.4, 0.7, "AY1"], [0.7, 0.8, "P"], [0.8, 1.1, "AA1"], [1.1, 1.2, "P"], [1.2, 1.5, "AH0"]]
PHONES += [[1.5, 2.2, "sil"]]
T = 66


@pytest.fixture(scope="module")
def curves():
    """Of somebody who opens his mouth before he speaks, [T, 4]."""
    t = np.arange(T) / 30
    opened = np.clip(np.minimum((t - 0.05) / 0.15, (1.8 - t) / 0.2), 0, 1)
    wave = 1 + 0.8 * np.sin(9 * t)
    return REST + opened[:, None] * np.stack([1.4 * wave, -0.5 + 0.8 * np.cos(7 * t), 1.4 * wave, -0.8 * np.cos(7 * t)], 1)


def test_the_mouth_goes_where_the_curves_say(curves):
    tracks = np.full((T, len(TRACKS)), 0.1)
    out, _ = follow(tracks, np.zeros(T), curves, np.ones((T, 4)))
    seen = out[:, [TRACK[name] for name in ("jawOpen",)]]
    assert np.corrcoef(seen[:, 0], curves[:, 2])[0, 1] > 0.9
    actions, _ = teacher.actions(PHONES, None, "neutral", 1.0, 0, T, curves)
    found = lengths(load_head(), actions)
    speaking = slice(6, 50)
    assert np.corrcoef(found[speaking, 0], curves[speaking, 0])[0, 1] > 0.7
    assert np.corrcoef(found[speaking, 1], curves[speaking, 1])[0, 1] > 0.6


def test_lips_meet_in_p_and_m_whatever_the_curves_say(curves):
    head = load_head()
    for shift in (0.0, 1.0):
        gap = lbs.lip_gap(head, teacher.perform(PHONES, None, "neutral", 1.0, 1, head, T=T, curves=curves + shift))
        assert (gap[[10, 11, 22, 23, 34, 35]] < 0.03).all()


def test_a_mouth_opens_before_it_speaks_only_where_people_do(curves):
    head = load_head()
    with_curves, without = (
        lbs.lip_gap(head, teacher.perform(PHONES, None, "neutral", 1.0, 2, head, T=T, curves=c)) for c in (curves, None)
    )
    assert with_curves[5:8].max() > 0.08 and without[2:7].max() < 0.03
    assert with_curves[:2].max() < 0.03 and with_curves[-4:].max() < 0.03


def test_curves_that_are_not_known_change_nothing():
    a, b = (teacher.actions(PHONES, None, "happy", 0.7, 3, T, curves) for curves in (None, np.zeros((T, 4))))
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])


def test_slopes_are_those_of_the_head():
    jaw = np.zeros((1, len(ACTIONS)), np.float32)
    jaw[0, ACTIONS.index("jawOpen")] = 0.3
    np.testing.assert_allclose(lengths(load_head(), jaw)[0], 0.3 * slopes()[:, 0], atol=1e-6)
