"""What training learns from: many speakers, rhythms without a sound, noise alone and noise around voices."""

import gzip
import json

import numpy as np
import pytest
import soundfile

from model_runtime.speech.content import FPS as CONTENT_FPS
from model_runtime.speech.content import NAMES
from model_runtime.training import corpus, dataset


def record(path, speaker, number, seconds=4.0, split="train"):
    return {
        "clip": f"{speaker}/{number}",
        "path": str(path),
        "speaker": speaker,
        "split": split,
        "phones": [[0.0, 0.5, "sil"], [0.5, 0.6, "M"], [0.6, seconds - 0.5, "AA1"], [seconds - 0.5, seconds, "sil"]],
    }


@pytest.fixture
def records(tmp_path):
    """A voice of one sound, as if it were many recordings of one talker and one of each of nine others; and aligned sentences."""
    time = np.arange(4 * 16000) / 16000
    voice = 0.3 * np.sin(2 * np.pi * 150 * time) * ((time > 0.5) & (time < 3.5)) + 1e-3 * np.sin(2 * np.pi * 50 * time)
    (tmp_path / "audio").mkdir()
    path = tmp_path / "audio" / "voice.wav"
    soundfile.write(path, voice, 16000)
    with gzip.open(tmp_path / "some_alignments.jsonl.gz", "wt") as stream:
        for _ in range(30):
            print(json.dumps({"phones": [[0.0, 0.4, "P"], [0.4, 1.0, "AE1"], [1.0, 2.0, "sp"], [2.0, 3.0, "T"]]}), file=stream)
        print(json.dumps({"phones": [[0.0, 9.0, "spn"]]}), file=stream)
    return (
        [record(path, "talker", number) for number in range(100)]
        + [record(path, f"guest{n}", 0) for n in range(9)]
        + [record(path, "unheard", 0, split="test")]
    )


def test_whoever_was_heard_least_comes_next(records):
    chosen = dataset.choose(records, seconds=80, per_speaker=40)
    speakers = [r["speaker"] for r in chosen]
    assert set(speakers) == {"talker", *(f"guest{n}" for n in range(9))} and speakers.count("talker") == 10
    assert len(dataset.choose(records, seconds=1e9, per_speaker=1e9)) == 109  # all but the test's


def test_rhythms_keep_their_order_and_change_their_tempo(records):
    made = dataset.rhythms(records, np.random.default_rng(0), seconds=30)
    lengths = [phones[-1][1] for phones in made]
    assert 30 <= sum(lengths) < 34 and min(lengths) < 2.8 and max(lengths) > 3.2
    for phones in made:
        assert [label for *_, label in phones] == ["P", "AE1", "sil", "T"]
        melody = dataset.imagined(phones, np.random.default_rng(1))
        loud = melody[int(phones[1][0] * CONTENT_FPS) + 3 : int(phones[1][1] * CONTENT_FPS) - 3, 0]
        still = melody[int(phones[2][0] * CONTENT_FPS) + 5 : int(phones[2][1] * CONTENT_FPS) - 5, 0]
        assert loud.min() > still.max()


def test_noise_lies_around_the_voice_and_is_as_soft_as_its_pauses(records, monkeypatch):
    monkeypatch.setattr(dataset, "PADDED", 1.0)
    clip = next(c for c in dataset.listed(records) if c["path"])
    before, after, _ = clip["noise"]
    samples = dataset.sound(clip)
    assert len(samples) == pytest.approx((4 + before + after) * 16000, abs=2) and np.array_equal(samples, dataset.sound(clip))
    at = int(before * 16000)
    voice, _ = soundfile.read(clip["path"], dtype="float32")
    assert np.array_equal(samples[at : at + len(voice)], voice)
    assert 1e-5 < samples[at + len(voice) :].std() < 0.01
    assert clip["phones"][2][2] == "M" and clip["phones"][2][0] == pytest.approx(before + 0.5)
    assert all(a[1] == pytest.approx(b[0]) for a, b in zip(clip["phones"], clip["phones"][1:]))


def test_every_kind_of_clip_becomes_content(records, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "RECORDED", 60)
    monkeypatch.setattr(dataset, "RHYTHMS", 12)
    monkeypatch.setattr(dataset, "QUIET", 3)
    (tmp_path / "alignments.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    dataset.write_content(tmp_path, None, report=lambda text: None)
    dataset.write_performances(tmp_path, report=lambda text: None)
    spoken, clips = np.load(tmp_path / "spoken.npy"), json.loads((tmp_path / "clips.json").read_text())
    rows = json.loads((tmp_path / "performances.json").read_text())
    assert {clip["clip"].split("/")[0] for clip in clips} >= {"talker", "rhythm", "quiet"}
    assert sum(clip["length"] for clip in clips) == len(spoken) and np.isfinite(spoken).all()
    quiet = next(clip for clip in clips if clip["clip"].startswith("quiet"))
    assert (spoken[quiet["start"] : quiet["start"] + quiet["length"], NAMES.index("sil")] > 0.9).all()
    assert [row["sound"] for row in rows] == [not row["clip"].startswith("rhythm") for row in rows]
    assert np.load(tmp_path / "betas.npy").shape == (len(rows), 300)
    assert sum(row["length"] for row in rows) == len(np.load(tmp_path / "actions.npy"))


# ---- what is made again when something before it changed

SPOKEN = [[0.0, 0.5, "sil"], [0.5, 0.7, "M"], [0.7, 1.0, "AA1"], [1.0, 1.5, "sil"]]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A first layer of one rhythm, and performances of it."""
    clip = {"clip": "rhythm/0", "split": "train", "path": None, "phones": SPOKEN, "noise": None, "times": 1}
    monkeypatch.setattr(dataset, "listed", lambda records: [dict(clip)])
    dataset.write_content(tmp_path, None, report=lambda text: None)
    (tmp_path / "performances.json").write_text(json.dumps(["kept"]))
    return tmp_path, clip


def test_new_ears_leave_the_performances_alone(cache):
    path, _ = cache
    dataset.write_content(path, None, report=lambda text: None)
    assert json.loads((path / "performances.json").read_text()) == ["kept"]


def test_other_clips_are_performed_anew(cache):
    path, clip = cache
    clip["phones"] = SPOKEN[:3]
    dataset.write_content(path, None, report=lambda text: None)
    assert not (path / "performances.json").exists() and len(np.load(path / "content.npy")) < 45


def test_a_rehearsal_takes_clips_from_all_over():
    assert corpus.spread(list(range(101)), 3) == [0, 50, 100]
    assert corpus.spread([1, 2], 3) == [1, 2] and corpus.spread([1, 2, 3, 4]) == [1, 2, 3, 4]


def test_the_teacher_performs_words_when_they_are_heard():
    sounds = ["sil", "M", "AY", "B", "EY", "B", "IY", "M", "EH", "T", "P", "AH", "P", "AH", "sil"]  # my baby met papa
    heard = [[0.12 * k, 0.12 * (k + 1), sound] for k, sound in enumerate(sounds)]
    content = dataset.said(heard, np.full((round(0.12 * len(sounds) * CONTENT_FPS), 3), 0.5, np.float32))
    early = [[max(0, start - 0.1), end - 0.1, sound] for start, end, sound in heard]
    found = dataset.retimed(early, content, ["my", "baby", "met", "papa"], "en-us")
    shut = lambda phones: np.array([[start, end] for start, end, sound in phones if sound in ("M", "B", "P")])
    assert len(shut(found)) == 6 and np.abs(shut(found) - shut(heard)).max() < 0.035
    assert dataset.retimed(early, content, "something quite else about elephants and oranges".split(), "en-us") == early
