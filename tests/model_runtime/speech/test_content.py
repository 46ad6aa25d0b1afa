"""Content's layout, and its resampling from 50 Hz to a motion's frame rate."""

import numpy as np

from model_runtime.speech import content, phones
from model_runtime.speech.content import ARTICULATORY, NAMES, PHONES, PROSODY, resample, visemes


def speech(frames, phone="AA"):
    """Content of one phone held throughout."""
    out = np.zeros((frames, len(NAMES)), np.float32)
    out[:, NAMES.index(phone)] = 1
    return out


def test_names_and_slices_agree():
    assert len(NAMES) == len(set(NAMES)) == 59
    assert NAMES[PHONES] == phones.PHONES and NAMES[ARTICULATORY] == phones.ARTICULATORY
    assert NAMES[PROSODY] == ("energy", "voicing", "f0")


def test_every_phone_has_a_mouth_shape_and_known_facts():
    assert set(phones.MADE_WITH) == set(phones.VISEME_OF) == set(phones.PHONES)
    assert set(phones.VISEME_OF.values()) == set(phones.VISEMES)
    assert set().union(*phones.MADE_WITH.values()) == set(phones.ARTICULATORY)
    assert {phone for phone in phones.PHONES if "bilabial" in phones.MADE_WITH[phone]} == phones.BILABIALS
    for nearest, facts in phones.GERMAN.values():
        assert nearest in phones.PHONES and facts <= set(phones.ARTICULATORY)
    assert phones.bare("AH0") == "AH" and phones.bare("SIL") == phones.bare("sp") == phones.bare("") == "sil"


def test_a_constant_stays_constant_and_time_is_kept():
    rising = speech(101)
    rising[:, NAMES.index("energy")] = np.linspace(0, 1, 101)
    out = resample(rising, 30, 61)
    assert out.shape == (61, 59) and out.dtype == np.float32
    assert np.allclose(out[:, NAMES.index("AA")], 1)
    assert np.allclose(out[:, NAMES.index("energy")], np.arange(61) / 60, atol=1e-5)


def test_past_the_end_the_last_frame_holds():
    out = resample(speech(10), 30, 20)
    assert np.allclose(out[-1], speech(1)[0])


def test_a_closure_of_one_frame_survives_wherever_it_falls():
    for at in range(20, 40):
        heard = speech(100)
        heard[at] = 0
        heard[at, [NAMES.index("P"), NAMES.index("bilabial")]] = 1
        out = resample(heard, 30, 60)
        assert out[:, NAMES.index("bilabial")].max() > 0.99
        peak = out[:, NAMES.index("bilabial")].argmax()
        assert abs(peak / 30 - at / 50) <= 1 / 60 + 1e-6
        assert np.allclose(out[:, PHONES].sum(1), 1, atol=1e-5)


def test_visemes_add_up():
    heard = np.random.default_rng(0).dirichlet(np.ones(40), 7).astype(np.float32)
    out = visemes(np.concatenate([heard, np.zeros((7, 15), np.float32)], 1))
    assert out.shape == (7, 15) and np.allclose(out.sum(1), 1, atol=1e-5)
    assert np.allclose(out[:, phones.VISEMES.index("PP")], heard[:, [phones.PHONES.index(p) for p in "PBM"]].sum(1), atol=1e-6)


def test_the_phones_that_are_heard_are_told_with_their_times():
    heard = np.zeros((30, content.COLUMNS), np.float32)
    for first, last, phone in ((0, 5, "sil"), (5, 8, "M"), (8, 20, "UW"), (20, 21, "N"), (21, 30, "sil")):
        heard[first:last, NAMES.index(phone)] = 0.8
    told = content.spoken(heard, 30)
    assert [word["text"] for word in told] == ["M", "UW", "N"]
    assert [(word["start"], word["end"]) for word in told] == [(0.15, 0.25), (0.25, 0.65), (0.65, 0.683)]
    assert all(abs(word["confidence"] - 0.8) < 1e-3 for word in told)
    assert content.spoken(np.zeros((9, 771), np.float32), 50) == (), "hidden states have no phones"


def test_content_is_written_with_its_names(tmp_path):
    content.save_content(speech(5), tmp_path / "c.npz")
    with np.load(tmp_path / "c.npz") as stored:
        assert stored["content"].shape == (5, 59) and tuple(stored["names"]) == NAMES and float(stored["fps"]) == 50
