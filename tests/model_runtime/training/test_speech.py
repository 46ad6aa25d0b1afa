"""Training the encoder: labels stay on their sounds however these are changed, and a network learns from them."""

import argparse

import numpy as np
import pytest
import soundfile
import torch

from model_runtime.audio import RATE
from model_runtime.speech.content import NAMES
from model_runtime.speech.encoder import READ, Encoder, Network
from model_runtime.training import listening, speech

SOUNDS = {
    "AA": lambda rng, n: np.sign(np.sin(np.arange(n) * 2 * np.pi * 130 / RATE)) * 0.2,
    "S": lambda rng, n: np.diff(rng.standard_normal(n + 1)) * 0.1,
    "sil": lambda rng, n: rng.standard_normal(n) * 1e-4,
}


@pytest.fixture
def material(tmp_path):
    """Records of a language of a buzz, a hiss and silence, and where they lie."""
    rng, records = np.random.default_rng(0), []
    for number in range(12):
        spoken, parts, now = [], [], 0.0
        for name in rng.choice(list(SOUNDS), 30):
            length = round(rng.uniform(0.06, 0.3), 3)
            parts.append(SOUNDS[name](rng, int(length * RATE)))
            spoken.append([now, now + len(parts[-1]) / RATE, str(name)])
            now = spoken[-1][1]
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, np.concatenate(parts), RATE)
        records.append(
            {
                "clip": f"librispeech/{number}",
                "path": str(path),
                "speaker": f"s{number}",
                "phones": spoken,
                "language": "en",
                "split": "dev" if number >= 10 else "train",
            }
        )
    return records, argparse.Namespace(data=tmp_path, cache=tmp_path / "cache", clips=4, seed=0)


def test_labels_stay_on_their_sounds_at_every_speed(material):
    records, args = material
    voices = speech.Voices(records, args, np.random.default_rng(1))
    agree = []
    for _ in range(60):
        samples, source, moments = voices.piece(100)
        told, known = voices.told(source, moments)
        assert len(samples) == len(told) * 320 and known.all()
        around = np.pad(samples, (160, 160))  # a frame is centred on its moment
        loud = np.array([np.sqrt(np.mean(around[i * 320 : i * 320 + 320] ** 2)) for i in range(len(told))]) > 0.02
        silent = told[:, NAMES.index("sil")] > 0.5
        assert (told[:, NAMES.index("pause")] == silent).all()
        agree.append(np.mean(loud != silent))
    assert np.mean(agree) > 0.95


def test_nothing_is_learned_of_a_clip_that_nobody_knows(material):
    records, args = material
    del records[0]["phones"]
    voices = speech.Voices(records, args, np.random.default_rng(1))
    told, known = voices.told(np.array([0, -1, 1], np.int32), np.array([0.1, 0.2, 0.3], np.float32))
    assert known.tolist() == [0, 1, 1] and told[1, NAMES.index("sil")] == 1


def test_windows_last_as_long_as_asked(material):
    records, args = material
    voices = speech.Voices(records, args, np.random.default_rng(2))
    for frames in (100, 333, 500):
        samples, source, moments = voices.window(frames)
        assert len(samples) == frames * 320 and len(source) == len(moments) == frames
        assert samples.dtype == np.float32 and np.isfinite(samples).all()


def test_a_codec_moves_nothing(material):
    samples = np.sin(np.arange(2 * RATE) / 20).astype(np.float32) * np.repeat(np.arange(40) % 2, RATE // 20) * 0.1
    for seed in range(4):
        coded = listening.coded(samples, np.random.default_rng(seed))
        assert len(coded) == len(samples)
        assert np.abs(np.correlate(coded, samples, "same")).argmax() == pytest.approx(RATE, abs=16)


def test_a_head_learns_to_tell_them_apart(material, monkeypatch, capsys):
    """From what is heard once: the layers below are as they come, and know nothing."""
    records, args = material
    monkeypatch.setattr(listening, "BATCH", 3)
    monkeypatch.setattr(speech.Voices, "disturb", lambda self, samples, noisy: samples)
    torch.manual_seed(0)
    voices, network = speech.Voices(records, args, np.random.default_rng(3)), Network().eval()
    listening.listen(voices, network, args, speech.EARS, 1)
    heard = listening.Heard(voices, args, speech.EARS)
    x, told, known = heard.batch(torch.device("cpu"))
    assert x.shape == (3, listening.FRAMES, READ) and told.shape == (3, listening.FRAMES, 52) and known.all()
    speech.fit(network.head, heard, 60, float("inf"), torch.device("cpu"))
    figures = speech.report(Encoder(network, torch.device("cpu")), records, args)
    assert figures["librispeech phone"] > 0.8 and figures["librispeech sil"] > 0.8


def test_closures_are_read_between_frames():
    content = np.zeros((50, len(NAMES)), np.float32)
    content[10:13, NAMES.index("bilabial")] = 0.25, 1.0, 0.75
    ((start, end),) = speech.closed(content)
    assert start == pytest.approx((11 - 2 / 3) / 50) and end == pytest.approx((12 + 1 / 3) / 50)
    content[0:2, NAMES.index("bilabial")] = 0.9
    assert speech.closed(content)[0][0] == 0.0
