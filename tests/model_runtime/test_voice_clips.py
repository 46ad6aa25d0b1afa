"""A passage that feels as another voice does, and recordings in which there is none."""

import numpy as np
import pytest
import soundfile

from contract import Passage
from model_runtime.audio import RATE
from model_runtime.pipeline import Performer


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


def test_a_voice_is_a_clip_and_noise_or_silence_are_left_out_with_a_sentence(performer, short_voice, tmp_path):
    rng, notes = np.random.default_rng(0), []
    white = rng.standard_normal(2 * RATE)
    brown = np.cumsum(white) - np.linspace(0, white.sum(), len(white))
    sounds = {"white": white / 10, "brown": brown / np.abs(brown).max() / 2, "silence": np.zeros(RATE)}
    for name, samples in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", samples.clip(-1, 1), RATE)
    passages = [Passage(0, 1, "sad"), *(Passage(1, 2, "", clip=str(tmp_path / f"{name}.wav")) for name in sounds)]
    passages.append(Passage(0, 1, "", clip=str(short_voice)))
    clips, kept = performer.clips(passages, None, lambda stage, fraction: None, notes.append)
    assert kept == [passages[0], passages[-1]] and set(clips) == {str(short_voice)}
    assert clips[str(short_voice)].shape == (130,)
    assert [next(name for name in sounds if name in note) for note in notes] == list(sounds)


def test_a_clip_feels_as_the_performance_of_that_voice_would(performer, short_voice):
    felt = performer.feel(str(short_voice))
    clip = performer.models.feelings.reading(performer.clip(str(short_voice), None, lambda stage, fraction: None))
    assert clip["emotion"] == pytest.approx(felt["emotion"], abs=1e-3) and clip["strength"] == pytest.approx(felt["strength"], abs=1e-3)
