"""Actions to Motion and back."""

import numpy as np
import pytest

from model_runtime.flame import actions


def sparse_actions(head, count, seed=0):
    """Random actions in 0..1 of which no two undo each other."""
    rng = np.random.default_rng(seed)
    values = rng.random((count, 52)).astype(np.float32) * (rng.random((count, 52)) < 0.3)
    for name in map(str, head.action_names):
        if name.startswith("eyeLook") or name == "jawRight":
            values[:, head.action(name)] = 0
    values[:, head.action("eyeLookUpLeft")] = rng.random(count)
    values[:, head.action("eyeLookOutRight")] = rng.random(count)
    return values


def test_there_and_back(head):
    wanted = sparse_actions(head, 300)
    motion = actions.to_motion(head, wanted)
    found = actions.from_motion(head, motion)
    assert found.shape == (300, 52) and found.dtype == np.float32
    assert np.abs(found - wanted).max() < 0.01
    assert np.abs(actions.to_motion(head, found) - motion).max() < 0.01


def test_channels_of_their_own(head):
    for name, channel in {"eyeBlinkLeft": 60, "eyeBlinkRight": 61, "jawOpen": 50, "tongueOut": 64, "eyeLookDownLeft": 56}.items():
        motion = np.zeros((1, 65), np.float32)
        motion[0, channel] = 0.5 * head.actions_motion[head.action(name), channel]
        found = actions.from_motion(head, motion)[0]
        assert found[head.action(name)] == pytest.approx(0.5, abs=0.01)
        assert np.delete(found, head.action(name)).max() < 0.02


def test_is_the_best_within_the_bounds(head):
    """Against scipy's bounded least squares, on motions that no actions make."""
    from scipy.optimize import lsq_linear

    motion = np.random.default_rng(2).normal(0, 0.5, (6, 65)).astype(np.float32)
    weight = actions._channel_weights(head)
    found = actions.from_motion(head, motion)
    assert found.min() >= 0 and found.max() <= 1
    for frame in range(6):
        best = lsq_linear((head.actions_motion * weight).T.astype(float), (motion[frame] * weight).astype(float), (0, 1))
        cost = 0.5 * (((found[frame] @ head.actions_motion - motion[frame]) * weight) ** 2).sum()
        assert cost <= best.cost * 1.001 + 1e-6


def test_ten_minutes_come_back_whole(head):
    wanted = np.repeat(sparse_actions(head, 30, seed=5), 600, axis=0)
    found = actions.from_motion(head, actions.to_motion(head, wanted))
    assert found.shape == (18000, 52) and np.abs(found - wanted).max() < 0.01
