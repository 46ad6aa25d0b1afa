"""Actions to Motion and back."""

import numpy as np
import pytest

from contract import ACTIONS, OPPOSED_ACTIONS, apart
from model_runtime.flame import actions
from model_runtime.flame.lbs import lip_gap


def sparse_actions(head, count, seed=0):
    """Random actions in 0..1 of which no two undo each other."""
    rng = np.random.default_rng(seed)
    values = rng.random((count, 52)).astype(np.float32) * (rng.random((count, 52)) < 0.3)
    for name in map(str, head.action_names):
        if name.startswith("eyeLook") or name in ("jawRight", "mouthRight"):
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
    assert np.abs(actions.to_motion(head, found) - motion).max() < 0.03


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
    found = actions.from_motion(head, motion)
    assert found.min() >= 0 and found.max() <= 1
    amount, axes = np.linalg.eigh(actions.seen_of(head))
    seen = axes * np.sqrt(np.maximum(amount, 0))  # so that seen @ seen.T is how much is seen
    for one, other in OPPOSED_ACTIONS:
        assert not found[:, [head.action(one), head.action(other)]].min(1).any()
    for frame in range(6):
        high = np.full(52, 1e-9)  # scipy wants a range
        high[[k for k in range(52) if found[frame, k] or not undone(head, found[frame], k)]] = 1
        best = lsq_linear(seen.T @ head.actions_motion.T.astype(float), seen.T @ motion[frame].astype(float), (0, high))
        cost = 0.5 * ((seen.T @ (found[frame] @ head.actions_motion - motion[frame])) ** 2).sum()
        assert cost <= best.cost * 1.001 + 1e-6


def undone(head, found, k):
    """Whether the action k is at 0 because the one that it undoes is not."""
    return any(found[head.action(b if k == head.action(a) else a)] for a, b in OPPOSED_ACTIONS if k in (head.action(a), head.action(b)))


def test_lips_that_meet_read_as_lips_that_meet(head):
    """Motions that no actions make, brought to a shut mouth by the jaw: what actions show instead is shut as well."""
    random = np.random.default_rng(7)
    motion = np.zeros((600, 65), np.float32)
    motion[:, :50] = random.normal(0, 0.6, (600, 50))
    motion[:, 50] = random.uniform(0, 0.3, 600)
    opened = lip_gap(head, motion)
    slope = lip_gap(head, motion + 0.05 * np.eye(65, dtype=np.float32)[50]) - opened
    motion[:, 50] -= np.where(slope > 1e-4, 0.05 * opened / np.maximum(slope, 1e-4), 0)
    shut = np.abs(lip_gap(head, motion)) < 0.01  # of the widest gap of a jaw that opens
    assert shut.sum() > 100
    shown = lip_gap(head, actions.from_motion(head, motion) @ head.actions_motion)
    assert np.abs(shown[shut]).mean() < 0.02 and (np.abs(shown[shut]) < 0.05).mean() > 0.9


def test_a_held_action_goes_before_the_one_that_it_undoes(head):
    shown = np.zeros((3, 52), np.float32)
    left, right = (ACTIONS.index(name) for name in ("jawLeft", "jawRight"))
    shown[:, left], shown[:, right] = (0.5, 0.5, 0.1), (0.2, 0.2, 0.4)
    held = np.zeros(shown.shape, bool)
    held[1, right] = held[2, left] = True
    np.testing.assert_allclose(apart(shown, held)[:, [left, right]], [[0.3, 0], [0, 0.2], [0.1, 0]], atol=1e-6)


def test_ten_minutes_come_back_whole(head):
    wanted = np.repeat(sparse_actions(head, 30, seed=5), 600, axis=0)
    found = actions.from_motion(head, actions.to_motion(head, wanted))
    assert found.shape == (18000, 52) and np.abs(found - wanted).max() < 0.01
