"""Feelings that were asked for come in waves; what a voice feels by itself does not get more of them."""

import numpy as np
import pytest

from contract import FPS
from model_runtime.emotion.labels import CONTROL, MOUTH, POINT, feeling
from model_runtime.emotion.life import alive, surges
from model_runtime.speech.content import COLUMNS, PROSODY

T = 20 * FPS


@pytest.fixture
def content():
    """Talk that is loud twice a second."""
    content = np.zeros((T, COLUMNS), np.float32)
    content[:, PROSODY.start] = 0.6 + 0.3 * np.sin(np.arange(T) / FPS * 4 * np.pi)
    return content


def felt(control=0.0):
    point = np.zeros(POINT.stop)
    point[3] = 1
    return np.tile(feeling(point, control), (T, 1)).astype(np.float32)


def lengths(values):
    return np.linalg.norm(values[:, POINT], axis=1)


def test_a_feeling_swells_and_ebbs_about_as_strong_as_asked(content):
    strength = lengths(alive(felt(), 1.0, content, 5))
    assert 0.25 < strength.std() / strength.mean() < 0.6
    assert 0.7 < strength.mean() < 1.1
    assert strength.min() > 0.02
    assert np.abs(np.diff(strength)).max() < 0.4  # no jump: a wave takes six frames at least


def test_another_seed_is_another_life_and_the_same_seed_the_same(content):
    one, same, other = (alive(felt(), 1.0, content, seed) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert np.corrcoef(lengths(one), lengths(other))[0, 1] < 0.7


def test_only_what_was_asked_for_has_waves(content):
    prompted = np.zeros(T, np.float32)
    assert np.array_equal(alive(felt(), prompted, content, 5), felt())
    prompted[T // 2 :] = 1
    lived = alive(felt(), prompted, content, 5)
    assert np.array_equal(lived[: T // 2], felt()[: T // 2])
    assert lengths(lived[T // 2 :]).std() > 0.2
    assert np.array_equal(lived[:, [CONTROL, MOUTH]], felt()[:, [CONTROL, MOUTH]])


def test_who_holds_back_is_stiller(content):
    plain, held = (lengths(alive(felt(control), 1.0, content, 5)) for control in (0.0, -1.0))
    assert held.std() < 0.7 * plain.std()


def test_waves_come_with_accents():
    u = np.arange(T) / FPS
    accents, peaks = np.arange(1, 20.0), []
    for seed in range(20):
        wave = surges(u, accents, np.random.default_rng(seed))
        peaks += list(u[1:-1][(wave[1:-1] > wave[:-2]) & (wave[1:-1] >= wave[2:])])
    near = np.abs(accents[:, None] - 0.1 - peaks).min(0) < 0.05
    assert near.mean() > 0.5  # by chance .1
