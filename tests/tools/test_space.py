"""What `evaluate --space` counts, on spaces and faces of which it is known."""

import argparse
from types import SimpleNamespace

import numpy as np
import pytest

from contract import ACTIONS
from model_runtime.diffusion import sampler
from model_runtime.emotion import LABELS
from tools.evaluate import faces, space

AXES = np.eye(128, dtype=np.float32)


def test_recall_counts_emotions_alike_and_asks_for_those_that_both_have():
    asked = np.array(["happy"] * 3 + ["sad"] + ["angry"])
    points = AXES[[0, 0, 1, 1, 2]]  # one of the happy lies where the sad are
    among = np.array(["happy", "sad", "afraid"]), 7 * AXES[[0, 1, 3]]  # lengths say nothing
    assert space.recall((asked, points), among) == pytest.approx((2 / 3 + 1) / 2, abs=1e-3)
    assert space.recall(among, (asked, points)) == 0.5, "happy lies before sad: the nearest of two alike is the first"


def test_a_weight_guides_and_is_gone_afterwards():
    import torch

    shipped = sampler.EMPHASIS
    for value in space.WEIGHTS:
        with space.weight(value):
            bare, voice, prompted = sampler.guidance(torch.ones(1))[0].tolist()
        assert (bare, voice, prompted) == pytest.approx((0, 1 - value, value))
    with pytest.raises(ZeroDivisionError), space.weight(3):
        raise ZeroDivisionError
    assert shipped == sampler.EMPHASIS


def test_what_is_only_tested_has_one_label_and_every_emotion():
    listed = space.tested()
    assert {label for label, _ in listed} == set(LABELS) and len(listed) > 50


def performing(monkeypatch, show):
    """perform() of a face whose own actions rise as show(emotion, strength) says."""

    def perform(_args, _performer, _line, passage, _seed):
        actions = np.full((30, len(ACTIONS)), 0.1)
        if passage.prompt != "neutral":
            actions[:, faces.OWN[passage.prompt]] += show(passage.prompt, passage.strength)
        return SimpleNamespace(actions=actions)

    monkeypatch.setattr(space, "perform", perform)
    return space.intensity(argparse.Namespace(seeds=1), None)


def test_intensity_is_how_straight_the_face_rises_with_what_is_asked(monkeypatch):
    assert performing(monkeypatch, lambda name, strength: 0.5 * strength)["intensity, mean r"] == 1
    falls = performing(monkeypatch, lambda name, strength: 0.5 * (-strength if name == "angry" else strength))
    assert falls["intensity, r of angry"] == -1 and falls["intensity, r of sad"] == 1
    assert falls["intensity, mean r"] == pytest.approx(5 / 7, abs=1e-3)
