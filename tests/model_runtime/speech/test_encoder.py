"""The encoder: any length, the same in chunks as at once, and right about real voices."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from contract import UtterError
from model_runtime.audio import RATE, load_voice
from model_runtime.speech import encoder as module
from model_runtime.speech.content import ARTICULATORY, NAMES, PHONES, frames_of

VOICES = Path(__file__).resolve().parents[3] / "blender_assets" / "voices"
EMODB = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "emodb"


@pytest.fixture(scope="module")
def shipped():
    return module.load_encoder("cpu")


def talk(seconds, seed=0):
    """Noise that comes and goes."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    return (rng.standard_normal(n) * 0.1 * (1 + np.sin(np.arange(n) / 3000))).astype(np.float32)


@pytest.mark.parametrize("samples", [1600, 1919, 1920, 16000, 55555])
def test_one_frame_every_20_ms(shipped, samples):
    heard = shipped.encode(talk(4)[:samples])
    assert heard.shape == (frames_of(samples), 55) and heard.dtype == np.float32 and np.isfinite(heard).all()
    assert np.allclose(heard[:, PHONES].sum(1), 1, atol=1e-4)
    assert heard[:, ARTICULATORY].min() >= 0 and heard[:, ARTICULATORY].max() <= 1


@pytest.mark.parametrize("chunk", [250, 500])
def test_chunks_hear_what_the_whole_hears(shipped, monkeypatch, chunk):
    voice = np.tile(load_voice(VOICES / "moon.flac"), 3)
    monkeypatch.setattr(module, "CHUNK", 10**6)
    whole = shipped.encode(voice)
    monkeypatch.setattr(module, "CHUNK", chunk)
    apart = np.abs(shipped.encode(voice) - whole).max(1)
    assert np.quantile(apart, 0.99) < 0.05 and apart.max() < 0.2  # recurrent layers forget, but never completely


def test_progress_reaches_the_end(shipped):
    told = []
    shipped.encode(talk(125), progress=told.append)
    assert told == sorted(told) and len(told) >= 3 and told[-1] == 1


def test_the_level_of_the_recording_does_not_matter(shipped):
    voice = talk(3) + talk(3, seed=1) * 0.1  # never quite still
    assert np.abs(shipped.encode(voice) - shipped.encode(voice * 0.03)).max() < 0.02


def test_stillness_is_silence(shipped):
    voice = talk(4) * 0
    voice[RATE : RATE + 8000] = talk(0.5)
    still = shipped.encode(voice)[110:]
    assert (still[:, PHONES].argmax(1) == NAMES.index("sil")).all()  # smoothed labels keep its posterior itself below 0.9
    assert still[:, NAMES.index("pause")].min() > 0.9
    assert still[:, NAMES.index("bilabial")].max() < 0.2


def test_other_weights_are_refused_in_a_sentence(tmp_path):
    with pytest.raises(UtterError, match="is missing; install Utter again"):
        module.load_encoder(path=tmp_path / "none.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"not weights")
    with pytest.raises(UtterError, match="is damaged; install Utter again"):
        module.load_encoder(path=tmp_path / "torn.safetensors")
    save_file({"x": torch.zeros(1)}, str(tmp_path / "other.safetensors"), {"names": "something else"})
    with pytest.raises(UtterError, match="another version"):
        module.load_encoder(path=tmp_path / "other.safetensors")


def test_weights_are_stored_and_read_back(tmp_path):
    network = module.Network().eval()
    module.save_network(network, tmp_path / "w.safetensors", seed="0")
    back = module.load_encoder(path=tmp_path / "w.safetensors")
    mel = torch.randn(1, 100, 64)
    with torch.no_grad():
        assert torch.allclose(back.network(mel), network(mel), atol=2e-2)


def test_lips_shut_on_p_b_m_of_speakers_never_heard(shipped):
    """EmoDB's speakers 03 and 10, hand labels: a shut-lips posterior peaks in most closures and rarely in open vowels."""
    if not EMODB.exists():
        pytest.skip("needs the recordings of ../shared/data/emodb")
    bilabial = NAMES.index("bilabial")
    shut, opened = [], []
    for row in csv.DictReader(open(EMODB / "index.csv", encoding="utf-8")):
        if row["speaker"] not in ("03", "10") or row["emotion"] not in ("neutral", "boredom") or row["has_phones"] != "1":
            continue
        heard = shipped.encode(load_voice(EMODB / "audio" / f"{row['clip']}.opus"))[:, bilabial]
        for line in (EMODB / "phones" / f"{row['clip']}.tsv").read_text(errors="replace").splitlines():
            start, end, label = (line.split("\t") + [""])[:3]
            first, last = int(float(start) * 50), int(np.ceil(float(end) * 50)) + 1
            name = label.split()[0] if label.split() else ""
            if name in ("m", "p", "b", "_p", "_b"):
                shut.append(heard[max(first - 1, 0) : last + 1].max())
            elif name in ("a", "A", "E", "O", "aI", "aU"):
                middle = (first + last) // 2
                opened.append(heard[middle])
    assert len(shut) > 30 and len(opened) > 30
    assert np.mean(np.array(shut) > 0.5) > 0.6
    assert np.mean(np.array(opened) > 0.5) < 0.05
