"""Training the encoder: labels stay on their sounds however these are changed, and a network learns from them."""

import argparse

import numpy as np
import pytest
import soundfile
import torch

from model_runtime.audio import RATE
from model_runtime.speech import phones
from model_runtime.speech.content import NAMES
from model_runtime.speech.encoder import Encoder, Network
from model_runtime.training import speech

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
                "split": "dev" if number >= 10 else "train",
            }
        )
    return records, argparse.Namespace(data=tmp_path, cache=tmp_path / "cache", clips=None)


def test_labels_stay_on_their_sounds_at_every_speed(material):
    records, args = material
    voices = speech.Voices(records, args, np.random.default_rng(1))
    agree = []
    for _ in range(60):
        samples, phone, made = voices.piece(100)
        assert len(samples) == len(phone) * 320 and len(phone) == len(made)
        around = np.pad(samples, (160, 160))  # a frame is centred on its moment
        loud = np.array([np.sqrt(np.mean(around[i * 320 : i * 320 + 320] ** 2)) for i in range(len(phone))]) > 0.02
        silent = phone[:, phones.PHONES.index("sil")] > 0.5
        assert (made[:, phones.ARTICULATORY.index("pause")] == silent).all()
        agree.append(np.mean(loud != silent))
    assert np.mean(agree) > 0.95


def test_batches_are_what_the_network_reads(material):
    records, args = material
    mel, phone, made = speech.Voices(records, args, np.random.default_rng(2)).batch(torch.device("cpu"))
    assert mel.shape == (speech.BATCH, 2 * speech.FRAMES, 64) and torch.isfinite(mel).all()
    assert phone.shape == (speech.BATCH, speech.FRAMES, 40) and made.shape == (speech.BATCH, speech.FRAMES, 12)
    assert torch.allclose(phone.sum(-1), torch.ones(()))
    with torch.no_grad():
        assert Network()(mel).shape == (speech.BATCH, speech.FRAMES, 52)


def test_a_network_learns_to_tell_them_apart(material, monkeypatch, capsys):
    records, args = material
    monkeypatch.setattr(speech, "BATCH", 3)
    torch.manual_seed(0)
    voices = speech.Voices(records, args, np.random.default_rng(3))
    network = speech.fit(Network(), voices, 40, float("inf"), torch.device("cpu"))
    figures = speech.report(Encoder(network, torch.device("cpu")), records, args)
    assert figures["librispeech phone"] > 0.8 and figures["librispeech sil"] > 0.8


def test_closures_are_read_between_frames():
    content = np.zeros((50, len(NAMES)), np.float32)
    content[10:13, NAMES.index("bilabial")] = 0.25, 1.0, 0.75
    ((start, end),) = speech.closed(content)
    assert start == pytest.approx((11 - 2 / 3) / 50) and end == pytest.approx((12 + 1 / 3) / 50)
    content[0:2, NAMES.index("bilabial")] = 0.9
    assert speech.closed(content)[0][0] == 0.0
