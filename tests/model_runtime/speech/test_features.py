"""Loudness and pitch are right, in time and in value."""

import tracemalloc

import numpy as np

from model_runtime.audio import RATE
from model_runtime.speech import features
from model_runtime.speech.content import frames_of


def voice(hertz, seconds=2.0, loud=0.1):
    """A buzz whose pitch follows hertz(t), with falling harmonics like a voice's."""
    t = np.arange(int(RATE * seconds)) / RATE
    phase = 2 * np.pi * np.cumsum(hertz(t)) / RATE
    return (loud * sum(np.sin(k * phase) / k for k in range(1, 15))).astype(np.float32)


def test_pitch_follows_a_glide_within_half_a_percent():
    for low in (70, 120, 220):
        glide = lambda t: low * 2 ** (t / 2)
        f0, periodicity = features.pitch(voice(glide))
        truth = glide(np.arange(len(f0)) / 50)
        assert np.abs(f0 / truth - 1)[4:-4].max() < 0.005
        assert periodicity[4:-4].min() > 0.85


def test_noise_and_pauses_are_unvoiced_and_f0_is_relative_to_the_speaker():
    rng = np.random.default_rng(0)
    low, high = voice(lambda t: 100 + 0 * t), voice(lambda t: 200 + 0 * t, 1)
    sound = np.concatenate([low, 0.05 * rng.standard_normal(RATE), np.zeros(RATE), low, high])
    energy, voicing, f0 = features.prosody(sound.astype(np.float32)).T
    at = lambda a, b: slice(int(a * 50) + 4, int(b * 50) - 4)
    assert voicing[at(0, 2)].min() > 0.9 and voicing[at(2, 3)].mean() < 0.1 and voicing[at(3, 4)].max() == 0
    assert np.abs(f0[at(0, 2)]).max() < 0.01 and np.abs(f0[at(6, 7)] - 1).max() < 0.01
    assert f0[at(3, 4)].max() == 0 and energy[at(3, 4)].max() == 0 and energy[at(0, 2)].min() > 0.9


def test_energy_ignores_the_recording_level():
    speech = voice(lambda t: 150 + 0 * t) * (0.1 + np.abs(np.sin(np.arange(2 * RATE) / 5000))).astype(np.float32)
    assert np.allclose(features.prosody(speech)[:, 0], features.prosody(speech * 0.05)[:, 0], atol=2e-3)


def test_blocks_join_without_a_trace():
    sound = voice(lambda t: 110 + 30 * np.sin(t), seconds=70)  # longer than one block
    around = features.BLOCK // 320
    part = sound[(around - 50) * 320 : (around + 50) * 320]
    assert np.allclose(features.loudness(sound)[around - 40 : around + 40], features.loudness(part)[10:90], atol=1e-3)
    assert np.allclose(features.pitch(sound)[0][around - 40 : around + 40], features.pitch(part)[0][10:90], rtol=1e-3)


def test_a_longer_voice_needs_little_more_memory(monkeypatch):
    monkeypatch.setattr(features, "BLOCK", 10 * RATE)
    most = []
    for seconds in (20, 60):
        sound = np.random.default_rng(0).standard_normal(seconds * RATE).astype(np.float32)
        tracemalloc.start()
        features.prosody(sound)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] - most[0] < 0.3 * 40 * RATE * 4, "a copy of all samples is too much"


def test_the_shortest_voice_has_features():
    tiny = voice(lambda t: 100 + 0 * t, seconds=0.1)
    assert features.prosody(tiny).shape == (frames_of(len(tiny)), 3) and np.isfinite(features.prosody(tiny)).all()
