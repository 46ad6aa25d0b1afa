"""Spikes of a CTC model placed in time: closures begin and end where the voice's do."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from model_runtime.audio import load_voice
from model_runtime.speech import ctc
from model_runtime.speech.content import NAMES, PHONES
from model_runtime.speech.encoder import load_encoder
from model_runtime.speech.phones import PHONES as ARPABET
from model_runtime.speech.phones import bare
from model_runtime.speech.vocabulary import sounds_of
from model_runtime.training import align, corpus

LABELS = ("<pad>", *ARPABET)
SOUNDS = sounds_of(LABELS, "test")
SHUT = NAMES.index("bilabial")
EMODB = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "emodb"


def peaky(phones, frames, rng, labels=LABELS):
    """Posteriors [frames, V] of a model that spikes for one frame somewhere in each [start, end, phone] and is blank otherwise."""
    out = np.full((frames, len(labels)), 0.02 / len(labels), np.float32)
    out[:, 0] += 0.98
    for start, end, phone in phones:
        k = min(round(50 * (start + rng.uniform(0.15, 0.85) * (end - start))), frames - 1)
        out[k] = 0.05 / len(labels)
        out[k, labels.index(phone)] += 0.95
    return out


def placed(posteriors, content, sounds=SOUNDS):
    return ctc.spread(ctc.reduce(posteriors, sounds, ctc.matrix(sounds)), content)


def closures(content):
    """[(start, end)] in seconds where the lips are heard to be shut."""
    edges = np.flatnonzero(np.diff(content[:, SHUT] > 0.5, prepend=False, append=False))
    return [((first - 0.5) / 50, (after - 0.5) / 50) for first, after in zip(edges[::2], edges[1::2])]


def onset_errors(phones, content):
    """Of each p, b, m that follows another sound: how late the closure begins that meets it, seconds; inf where none does."""
    shut, errors = closures(content), []
    for before, (start, end, phone) in zip(phones, phones[1:]):
        if phone in ("P", "B", "M") and before[2] not in ("P", "B", "M", "sil") and before[1] == start:
            meeting = [c for c in shut if c[0] < end and c[1] > start]
            errors.append(min((c[0] - start for c in meeting), key=abs, default=np.inf))
    return errors


def doubting(phones, frames, rng):
    """Content [frames, 59] of an encoder that knows the phones' times and half believes in something else, now and then."""
    out, time = np.zeros((frames, 59), np.float32), np.arange(frames) / 50
    for start, end, phone in phones:
        out[(time >= start) & (time < end), :52] = ctc.vector(SOUNDS[LABELS.index(phone)][0])
    doubt = gaussian_filter1d(rng.random(frames), 3)[:, None] * 2 - 0.5
    other = out[rng.permutation(frames)]
    return np.clip(gaussian_filter1d(out + doubt.clip(0, 0.5) * (other - out), 0.7, axis=0), 0, 1).astype(np.float32)


def sentence(rng):
    """Sixty phones [(start, end, phone)], every third a p, b or m, and a number of frames that holds them."""
    ends = np.cumsum(rng.uniform(0.05, 0.16, 60))
    names = [ARPABET[rng.integers(39)] if k % 3 else rng.choice(["P", "B", "M"]) for k in range(60)]
    return list(zip([0.0, *ends], ends, names)), int(ends[-1] * 50) + 10


def test_closures_begin_and_end_where_they_are_said():
    rng, errors = np.random.default_rng(4), []
    for _ in range(8):
        phones, frames = sentence(rng)
        errors += onset_errors(phones, placed(peaky(phones, frames, rng), doubting(phones, frames, rng)))
    assert len(errors) > 120
    assert np.median(np.abs(errors)) <= 0.010 and np.mean(np.abs(errors) <= 0.020) > 0.92


@pytest.mark.parametrize("late", [-4, -2, 3, 5])
def test_a_model_that_is_always_early_or_late_is_set_right(late):
    rng, errors = np.random.default_rng(4), []
    for _ in range(4):
        phones, frames = sentence(rng)
        posteriors = np.roll(peaky(phones, frames, rng), late, axis=0)
        errors += onset_errors(phones, placed(posteriors, doubting(phones, frames, rng)))
    assert np.median(np.abs(errors)) <= 0.010 and np.mean(np.abs(errors) <= 0.020) > 0.92


@pytest.mark.skipif(not EMODB.is_dir(), reason="needs ../shared, the folder of real voices")
def test_real_voices_with_hand_labels():
    """A speaker that the encoder did not learn from: single spikes anywhere in each phone become closures within 20 ms of the label."""
    encoder, rng, errors, heard = load_encoder("cpu"), np.random.default_rng(1), [], []
    for clip in [clip for clip in corpus.emodb(EMODB) if clip.split == "dev" and clip.kind == "phones"][:10]:
        phones = [[start, end, bare(phone)] for start, end, phone in align.read_emodb(clip)["phones"]]
        content = encoder.encode(load_voice(clip.path))
        spread = placed(peaky([row for row in phones if row[2] != "sil"], len(content), rng), content)
        errors += onset_errors(phones, spread)
        heard += [ARPABET[spread[round(25 * (start + end)), PHONES].argmax()] == phone for start, end, phone in phones if phone != "sil"]
    assert len(errors) >= 10 and np.isfinite(errors).all()
    assert np.median(np.abs(errors)) <= 0.015 and np.mean(np.abs(errors) <= 0.020) >= 0.8 and np.mean(heard) > 0.85


def flat(frames):
    """Content of an encoder that knows nothing."""
    out = np.full((frames, 59), 0.5, np.float32)
    out[:, PHONES] = 1 / 40
    return out


def test_doubts_between_labels_and_about_any_stay():
    posteriors = np.zeros((40, len(LABELS)), np.float32)
    posteriors[:, 0] = 1
    posteriors[10:14] = posteriors[25:29] = 0
    posteriors[10:14, LABELS.index("P")], posteriors[10:14, LABELS.index("B")] = 0.5, 0.5
    posteriors[25:29, 0], posteriors[25:29, LABELS.index("M")] = 0.6, 0.4
    out = placed(posteriors, flat(40))
    assert out[12, NAMES.index("P")] == pytest.approx(0.5, abs=0.05) and out[12, NAMES.index("B")] == pytest.approx(0.5, abs=0.05)
    assert out[12, SHUT] > 0.95 and out[12, NAMES.index("voiced")] == pytest.approx(0.5, abs=0.05)
    assert out[27, SHUT] == pytest.approx(0.4 + 0.6 * 0.5, abs=0.05)
    assert np.allclose(out[:, PHONES].sum(1), 1, atol=1e-4)


def test_frame_classifiers_without_blanks_pass_unchanged():
    rng = np.random.default_rng(0)
    label = np.repeat(rng.integers(1, 40, 30), rng.integers(2, 9, 30))
    out = placed(np.eye(len(LABELS), dtype=np.float32)[label], flat(len(label)))
    assert (out[:, PHONES].argmax(1) == label - 1).mean() > 0.97


def test_every_sound_has_its_place_however_crowded():
    """Labels of several sounds, frame on frame; the path never goes back, and a label of one frame is one sound."""
    labels = ("<pad>", *"n s t ə l a i k d m ɛ ɾ ɪ p ʃ ŋ ɡ ai5 onɡ5 tɕh".split())
    sounds = sounds_of(labels, "test")
    rng = np.random.default_rng(2)
    for density in (0.1, 0.5, 1.0):
        label = np.where(rng.random(300) < density, rng.integers(1, len(labels), 300), 0)
        reduced = ctc.reduce(np.eye(len(labels), dtype=np.float32)[label], sounds, ctc.matrix(sounds))
        found = ctc.spikes(reduced)
        assert sum(len(spike.sounds) for spike in found) <= 300
        out = ctc.spread(reduced, flat(300))
        assert out.shape == (300, 59) and np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1 + 1e-5
        assert (out[[spike.first for spike in found], :40].sum(1) > 0.99).all()


@pytest.mark.parametrize("stride", [160, 320, 640])
def test_other_frame_rates_keep_every_spike_in_its_time(stride):
    frames = 100 * 320 // stride
    for at in range(10, 90):
        k = round(at * 320 / stride)
        heard = np.zeros(frames, np.float32)
        heard[k] = 1
        reduced = ctc.Reduced(heard, np.arange(frames), np.zeros((frames, 52), np.float32), [])
        out = ctc.resample(reduced, stride, 100)
        where = np.flatnonzero(out.heard)
        assert len(where) and (out.label[where] == k).all() and np.abs(where * 320 - k * stride).max() <= max(stride, 320) / 2


def test_a_model_that_hears_nothing_leaves_it_to_our_ears():
    posteriors = np.zeros((20, len(LABELS)), np.float32)
    posteriors[:, 0] = 1
    assert placed(posteriors, flat(20)) is not None and np.array_equal(placed(posteriors, flat(20)), flat(20))
