"""Sounds that are no words: not heard in speech, and what a face does where one is."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from contract import ACTIONS, PerformRequest
from model_runtime.audio import RATE, load_voice
from model_runtime.emotion import hearing, sounds
from model_runtime.emotion.labels import CONTROL, LABELS, MOUTH
from model_runtime.listener import frame_count
from model_runtime.pipeline import Performer
from model_runtime.speech import content as layout
from model_runtime.training import voice

VOICES = Path(__file__).parents[3] / "blender_assets" / "voices"
BURSTS = Path(__file__).parents[4] / "shared" / "data"  # beside the project, where there is one
FRAMES = 40
LAUGH = hearing.SOUNDS.index("laugh") - 1


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


def heard(logits):
    logits = np.asarray(logits, np.float32)
    return hearing.Heard(np.zeros((len(logits), hearing.COLUMNS)), np.zeros((len(logits), hearing.COLUMNS)), logits, len(logits) * 0.24)


def laughing():
    """[T, 6]: a laugh from frame 10 to 30."""
    found = np.zeros((FRAMES, 6), np.float32)
    found[10:30, LAUGH] = 1
    return found


def speech():
    rng = np.random.default_rng(0)
    content = rng.random((FRAMES, layout.COLUMNS)).astype(np.float32)
    content[:, layout.PHONES] /= content[:, layout.PHONES].sum(1, keepdims=True)
    return content


@pytest.mark.parametrize("name", ["pie", "door", "moon"])
def test_in_a_voice_that_speaks_no_sound_is_heard(performer, name):
    samples = load_voice(VOICES / f"{name}.flac")
    found = performer.models.feelings.sounds(samples, frame_count(len(samples)))
    assert found.shape == (frame_count(len(samples)), 6) and not found.any()


def test_only_a_certain_sound_is_heard_and_one_at_a_time():
    sure, unsure = np.zeros(7), np.zeros(7)
    sure[1 + LAUGH], unsure[[1, 2]] = 9, 9
    words = np.zeros(7)
    words[0] = 9
    found = hearing.sounds(heard([sure, unsure, words]))
    assert found[0, LAUGH] > 0.95 and found[0].sum() == found[0, LAUGH] and not found[1:].any()


def test_where_no_sound_is_nothing_changes(performer):
    base, content = np.ones((FRAMES, 130), np.float32), speech()
    for silent in (sounds.felt(base, np.zeros((FRAMES, 6)), performer.models.feelings), sounds.opened(content, np.zeros((FRAMES, 6)))):
        assert silent is base or silent is content
    felt, opened = sounds.felt(base, laughing(), performer.models.feelings), sounds.opened(content, laughing())
    for before, after in ((base, felt), (content, opened)):
        np.testing.assert_array_equal(after[:10], before[:10])
        np.testing.assert_array_equal(after[30:], before[30:])
        assert not np.allclose(after[10:30], before[10:30])


def test_a_laugh_is_happy_and_let_go_and_has_the_mouth_unless_that_is_denied(performer):
    felt = sounds.felt(np.zeros((FRAMES, 130), np.float32), laughing(), performer.models.feelings)[20]
    shares, strength = performer.models.feelings.describe(felt)
    assert max(shares, key=shares.get) == "happy" and strength == pytest.approx(0.9, abs=0.01)
    assert felt[CONTROL] > 0 and felt[MOUTH] == 1
    assert sounds.felt(np.zeros((FRAMES, 130), np.float32), laughing(), performer.models.feelings, mouth=-1.0)[20][MOUTH] == 0


def test_the_mouth_opens_with_loudness_and_no_lips_meet():
    content = speech()
    loud = content[:, sounds.ENERGY] = (np.arange(FRAMES) % 5) / 4
    opened = sounds.opened(content, laughing())[10:30]
    for column in (sounds.GAP, sounds.JAW):
        assert np.corrcoef(opened[:, column], loud[10:30])[0, 1] > 0.999
    assert not opened[:, layout.BRIEF].any()
    np.testing.assert_allclose(opened[:, layout.PHONES].sum(1), 1, atol=1e-5)


def test_the_artist_is_told_what_is_heard_and_when():
    found = laughing()
    assert sounds.sentence(found) == "Heard: a laugh at 0.3 s." and sounds.sentence(0.2 * found) == ""
    found[20:30] = np.roll(found[20:30], 1, axis=1)
    assert sounds.sentence(found) == "Heard: a laugh at 0.3 s, a sob at 0.7 s."
    assert sounds.sentence(np.tile(found, (4, 1))).endswith(" and 3 more.")


def test_gestures_name_labels_and_phones():
    for gesture in sounds.GESTURES.values():
        assert set(gesture.felt) <= set(LABELS) and sum(gesture.felt.values()) == pytest.approx(1)
        assert sounds.said(gesture.loud)[: layout.PHONES.stop].sum() == sounds.said(gesture.soft)[: layout.PHONES.stop].sum() == 1


def test_a_performed_laugh_smiles_and_opens_the_jaw_while_the_words_before_it_stay(performer, monkeypatch):
    """Half a voice counts as laughter: as if it were heard so."""
    voice_file = VOICES / "pie.flac"
    samples = load_voice(voice_file)
    T = frame_count(len(samples))
    laugh = np.zeros((T, 6), np.float32)
    laugh[T // 2 :, LAUGH] = 1
    request = PerformRequest(voice=str(voice_file), quality="draft", seed=1, transcribe="off")
    spoken = performer.perform(request).actions
    monkeypatch.setattr(type(performer.models.feelings), "sounds", lambda self, voice, frames: laugh)
    notes = []
    laughed = performer.perform(request, note=notes.append).actions
    assert notes == [f"Heard: a laugh at {T // 2 / 30:.1f} s."]
    smile, jaw = ACTIONS.index("mouthSmileLeft"), ACTIONS.index("jawOpen")
    after = slice(T // 2 + 10, None)
    assert laughed[after, smile].mean() > spoken[after, smile].mean() + 0.2
    assert laughed[after, jaw].mean() > spoken[after, jaw].mean() + 0.05


def test_a_reader_learns_sounds_of_what_says_one():
    """A made-up material in which one column tells each sound."""
    rng = np.random.default_rng(1)
    names = [*voice.SOUNDING, "Pride", "calm"]
    acted = np.array([names[k % len(names)] for k in range(400)])
    statistics = rng.normal(0, 0.1, (400, hearing.READ)).astype(np.float32)
    for row, name in enumerate(acted):
        statistics[row, names.index(name)] += 1
    corpus = np.where(acted == "calm", "calm", "emogator")
    material = type("Material", (), {"statistics": statistics, "acted": acted, "corpus": corpus})
    told = voice.sounding(material)
    assert set(told[acted == "Pride"]) == {-1} and set(told[acted == "calm"]) == {0}
    reader = voice.fit_sounds(hearing.Reader(), material, np.arange(300))
    tested = np.flatnonzero((told >= 0) & (np.arange(400) >= 300))
    import torch

    found = reader.sound(torch.from_numpy(statistics[tested])).argmax(1).numpy()
    assert (found == told[tested]).mean() > 0.95


def test_a_burst_of_a_stranger_is_heard_as_what_it_is(performer):
    folder = BURSTS / "emogator"
    if not folder.is_dir():
        pytest.skip("the recordings are not here")
    laughs = [row for row in voice.listed(BURSTS, "emogator") if row[3] == "Amusement" and voice.split(row[2]) == "dev"][:8]
    most = []
    for _, path, *_ in laughs:
        samples = soundfile.read(path, dtype="float32")[0]
        found = performer.models.feelings.sounds(samples, -(-len(samples) * 30 // RATE))
        most.append(found.sum(0).argmax() if found.any() else -1)
    assert np.mean(np.array(most) == LAUGH) > 0.5
