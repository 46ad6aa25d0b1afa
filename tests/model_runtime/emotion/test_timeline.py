"""Passages over a base, as an array: strengths, fades and overlaps as written. A fake space keeps the arithmetic simple."""

import numpy as np
import pytest

from contract import Passage
from model_runtime.emotion import CONTROL, MOUTH
from model_runtime.emotion.timeline import compose


class TwoFeelings:
    """Only what compose asks for: "x" and "y" point along the first two axes."""

    def prompt(self, text):
        return np.eye(130, dtype=np.float32)[{"x": 0, "y": 1}[text]]


def play(*passages, T=90, base=None, strength=1.0, mouth=0.0):
    base = np.zeros((T, 130), np.float32) if base is None else base
    passages = [Passage(*passage) for passage in passages]
    return compose(T, 30, base, strength, passages, TwoFeelings(), mouth=mouth)


def test_a_passage_holds_its_strength_and_fades_over_its_ends():
    feeling, prompted = play((1, 2, "x", 0.6, 0.4))
    strength = np.linalg.norm(feeling, axis=1)
    np.testing.assert_allclose(strength[37:54], 0.6, atol=1e-5)
    np.testing.assert_allclose(strength[[30, 60]], 0.3, atol=0.01)  # half way at its start and end
    assert strength[:24].max() == 0 and strength[67:].max() == 0
    assert (np.diff(strength[24:36]) > 0).all()
    np.testing.assert_allclose(prompted, strength / 0.6, atol=1e-6)


def test_without_passages_the_base_is_kept_and_nothing_is_prompted():
    base = np.random.default_rng(0).uniform(-1, 1, (90, 130)).astype(np.float32)
    feeling, prompted = play(base=base, strength=0.5)
    np.testing.assert_allclose(feeling[:, :129], base[:, :129] * 0.5)
    np.testing.assert_array_equal(feeling[:, MOUTH], base[:, MOUTH])  # a share, whatever the strength
    assert not prompted.any()


def test_outside_a_passage_the_base_remains():
    base = np.zeros((90, 130), np.float32)
    base[:, 5] = 0.4
    feeling, _ = play((1, 2, "x", 1, 0.1), base=base)
    np.testing.assert_allclose(feeling[[0, 80], 5], 0.4, atol=1e-6)
    assert feeling[45, 5] == pytest.approx(0) and feeling[45, 0] == pytest.approx(1)


def test_overlapping_passages_blend_and_stay_as_strong():
    feeling, prompted = play((0, 3, "x", 1, 0.1), (0, 3, "y", 1, 0.1))
    np.testing.assert_allclose(feeling[45, :2], np.sqrt([0.5, 0.5]), atol=1e-5)
    assert prompted.max() <= 1
    strengths = np.linalg.norm(play((0, 1.5, "x", 1, 0.6), (1.5, 3, "y", 1, 0.6))[0], axis=1)
    assert strengths[20:70].min() > 0.95  # a cross-fade does not dip


def test_a_hard_cut_is_possible():
    feeling, _ = play((1, 2, "x", 1, 0))
    assert feeling[29, 0] == 0 and feeling[31, 0] == pytest.approx(1)


def test_how_a_feeling_shows_is_blended_by_the_same_weights():
    class HeldBack(TwoFeelings):
        def prompt(self, text):
            feeling = super().prompt(text)
            feeling[CONTROL], feeling[MOUTH] = -1.0, 0.4
            return feeling

    feeling, prompted = compose(90, 30, np.zeros((90, 130), np.float32), 1.0, [Passage(1, 2, "x", 0.6, 0.4)], HeldBack())
    np.testing.assert_allclose(feeling[:, CONTROL], -0.6 * prompted, atol=1e-6)
    np.testing.assert_allclose(feeling[:, MOUTH], 0.4 * prompted, atol=1e-6)


def test_the_whole_has_a_strength_and_a_mouth():
    base = np.zeros((90, 130), np.float32)
    base[:, [1, MOUTH]] = 0.8, 0.3
    feeling, prompted = play((1, 2, "x", 0.6, 0.4), base=base, strength=0.5, mouth=-1)
    plain, as_plain = play((1, 2, "x", 0.6, 0.4), base=base)
    np.testing.assert_allclose(feeling[:, :MOUTH], plain[:, :MOUTH] / 2, atol=1e-6)
    np.testing.assert_array_equal(prompted, as_plain)
    np.testing.assert_allclose(feeling[[0, 45], MOUTH], [-0.7, -1], atol=1e-6)
    assert play((1, 2, "x"), base=base, mouth=1)[0][:, MOUTH].max() == 1 and base[0, MOUTH] == np.float32(0.3)


def test_a_strength_follows_its_points():
    feeling, _ = play((0, 3, "x", ((0.5, 0.2), (2.5, 1.0)), 0), mouth=0.5)
    strength = np.linalg.norm(feeling[:, :MOUTH], axis=1)
    np.testing.assert_allclose(strength[[5, 15, 45, 75, 85]], [0.2, 0.2, 0.6, 1.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(feeling[1:-1, MOUTH], 0.5, atol=1e-6)  # how much of the mouth is no strength


def test_points_of_one_strength_are_that_strength():
    level = (0, 3, "x", 0.7, 0.4)
    for strength in (((1.0, 0.7),), ((0.0, 0.7), (2.0, 0.7))):
        np.testing.assert_allclose(play((*level[:3], strength, 0.4), (1, 2, "y"))[0], play(level, (1, 2, "y"))[0], atol=1e-6)
