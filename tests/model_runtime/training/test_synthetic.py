"""Synthetic voices: their labels fit their sound."""

import argparse
import shutil

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from contract import UtterError
from model_runtime.speech import phones
from model_runtime.training import align, corpus, speech, synthetic


def high(samples):
    """Level above 800 Hz in dB, every 5 ms."""
    found = sosfiltfilt(butter(4, 800, "high", fs=16000, output="sos"), samples.astype(float))
    found = found[: len(found) // 80 * 80].reshape(-1, 80)
    return 10 * np.log10(np.mean(found**2, 1) + 1)


def said(text, voice="en-us+m3"):
    samples, marks = synthetic.espeak(text, voice)
    told, classes, releases = synthetic.closures(samples, marks, voice.partition("-")[0].partition("+")[0])
    return samples, {"phones": told, "classes": classes, "releases": releases}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A cache of half a minute by espeak-ng alone."""
    cache, find = tmp_path_factory.mktemp("cache"), shutil.which
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic.shutil, "which", lambda name: None if name in ("flite", "festival") else find(name))
        used = synthetic.write_synthetic(cache, minutes=0.5, seed=3, data=cache)
    return cache, used


def test_it_says_every_sound_in_order():
    _, record = said("Bob put a big map on my table.")
    names = [phones.bare(name) for _, _, name in record["phones"] if name != "sil"]
    assert " ".join(names).startswith("B AA B P UH T AH B IH G M AE P AO N M AY T EY B")
    assert align.sane(record["phones"]) and len(record["classes"]) == len(record["phones"])


@pytest.mark.parametrize("voice", ["en-us+m3", "en-us+f2", "de+m7", "fr+f4", "it+klatt"])
def test_closures_are_still_and_vowels_are_not(voice):
    samples, record = said("ama apa aba ipi imi ibi. papa mama baba.", voice)
    kept = np.interp(np.arange(0, len(samples), 22050 / 16000), np.arange(len(samples)), samples)
    level = high(kept)
    _, made = speech.labels(record, len(kept) / 16000)  # 200 Hz, as level
    shut = made[: len(level), phones.ARTICULATORY.index("bilabial")] > 0
    open_ = made[: len(level), phones.ARTICULATORY.index("open")] > 0
    assert shut.sum() > 60
    assert level[open_].mean() - level[shut].mean() > 10
    # They are most silent there: not 15 ms earlier, not later.
    assert level[shut].mean() < min(np.roll(level, 3)[shut].mean(), np.roll(level, -3)[shut].mean())


def test_a_german_r_is_in_the_throat():
    _, record = said("Rote Rosen rufen.", "de+m1")
    assert ["velar", "voiced"] in record["classes"] and "R" not in [name for _, _, name in record["phones"]]


def test_an_unknown_voice_is_refused():
    with pytest.raises(UtterError, match="no voice of espeak-ng"):
        synthetic.espeak("hello", "klingonese")


def test_the_cache_holds_records_that_the_ears_can_draw(made):
    cache, used = made
    records = synthetic.load(cache)
    assert used.startswith("spoken by espeak-ng") and len({record["speaker"] for record in records}) > 3
    for record in records:
        samples = corpus.sound(record["clip"], record["path"], cache)
        assert samples.dtype == np.int16 and align.sane(record["phones"])
        kept = [split for split, variants in synthetic.KEPT.items() if record["speaker"].partition("+")[2] in variants]
        assert [record["split"]] == (kept or ["train"])
        assert record["phones"][-1][1] == pytest.approx(len(samples) / 16000, abs=0.01)
    assert {record["split"] for record in records} == {"train", "dev", "test"}
    voices = speech.Voices(records, argparse.Namespace(cache=cache, data=cache, clips=None), np.random.default_rng(0))
    samples, source, moments = voices.piece(100)
    told, known = voices.told(source, moments)
    assert len(samples) == 320 * len(told) and known.all()


def test_a_seed_names_who_speaks():
    def speakers(seed):
        clips = synthetic.espeak_clips(synthetic.texts_of("nowhere"), np.random.default_rng(seed))
        return [next(clips)[1]["speaker"] for _ in range(4)]

    assert speakers(1) == speakers(1) != speakers(2)


@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed here")
def test_flite_is_asked_where_it_is_installed():
    rng = np.random.default_rng(0)
    samples, record = next(synthetic.flite_clips({"en": ["My mother may pay for the boat."]}, rng))
    names = [phones.bare(name) for _, _, name in record["phones"]]
    assert {"M", "P", "B"} <= set(names) and align.sane(record["phones"])
    assert record["phones"][-1][1] == pytest.approx(len(samples) / 16000, abs=0.1)
