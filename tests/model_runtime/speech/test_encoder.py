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
from model_runtime.speech import features
from model_runtime.speech.content import ARTICULATORY, MOUTH, NAMES, PHONES, frames_of
from model_runtime.speech.phones import BILABIALS, VOWELS, bare
from model_runtime.training import speech

VOICES = Path(__file__).resolve().parents[3] / "blender_assets" / "voices"
BILABIAL = NAMES.index("bilabial")
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
    assert heard.shape == (frames_of(samples), 59) and heard.dtype == np.float32 and np.isfinite(heard).all()
    assert np.allclose(heard[:, PHONES].sum(1), 1, atol=1e-4)
    assert heard[:, ARTICULATORY].min() >= 0 and heard[:, ARTICULATORY].max() <= 1


@pytest.mark.parametrize("chunk", [150, 300])
def test_shorter_windows_hear_what_longer_ones_hear(shipped, monkeypatch, chunk):
    voice = np.concatenate([load_voice(VOICES / f"{name}.flac") for name in ("moon", "door")])
    whole = shipped.hear(voice)
    monkeypatch.setattr(module, "CHUNK", chunk)
    apart = np.abs(shipped.hear(voice) - whole)
    assert np.median(apart[:, : MOUTH.start].max(1)) < 0.1 and np.median(apart[:, MOUTH].max(1)) < 0.3
    assert np.quantile(apart[:, BILABIAL], 0.99) < 0.3  # Whisper looks at all of a window


def test_a_window_is_cut_from_the_voice_itself():
    """The mel frames of a window are those of the whole voice, so nothing is heard of where it was cut."""
    voice = talk(4)
    whole = module.log_mel(torch.from_numpy(module.around(voice, 0, 200)))
    assert whole.shape == (400, module.BANDS)
    assert torch.equal(module.log_mel(torch.from_numpy(module.around(voice, 50, 120))), whole[100:240])


def test_whispers_own_features():
    """What Whisper's own feature extractor makes of a voice at the level that log_mel brings it to."""
    from transformers import WhisperFeatureExtractor

    voice = load_voice(VOICES / "moon.flac")
    level = features.loud_level(features.loudness(voice))
    scaled = voice * 10 ** ((module.LOUD - level) / 20)
    own = WhisperFeatureExtractor()(scaled, sampling_rate=RATE, padding="do_not_pad", return_tensors="pt").input_features[0].T
    ours = module.log_mel(torch.from_numpy(module.around(voice, 0, frames_of(len(voice)))), level)[: len(own)]
    heard = (own > own.min() + 0.05) & (ours > ours.min() + 0.05)  # above where silence begins for either
    heard[:2], heard[-2:] = False, False  # Whisper mirrors the sound at both ends
    assert heard.float().mean() > 0.6 and (own - ours)[heard].abs().max() < 1e-3


def test_the_layers_below_are_whispers():
    """The same hidden states as transformers' own WhisperEncoder of these weights gives."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    ours = module.Whisper()
    size = {"d_model": 512, "encoder_layers": 4, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048}
    theirs = WhisperEncoder(WhisperConfig(**size, max_source_positions=500)).eval()
    theirs.layer_norm = torch.nn.Identity()
    theirs.load_state_dict(ours.state_dict())
    mel = torch.randn(1, 1000, module.BANDS)
    with torch.no_grad():
        assert torch.allclose(ours(mel)[-1], theirs(mel.transpose(1, 2)).last_hidden_state, atol=1e-4)


def test_a_click_shows_in_the_mel_frame_of_its_time():
    for second in (0.5, 0.73, 1.0):
        sound = np.zeros(2 * RATE, np.float32)
        sound[int(second * RATE)] = 1
        mel = module.log_mel(torch.from_numpy(module.around(sound, 0, 101)))
        assert abs(int(mel.sum(1).argmax()) - second * 100) <= 1


def test_progress_reaches_the_end(shipped):
    told = []
    shipped.encode(talk(25), progress=told.append)
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
    assert still[:, BILABIAL].max() < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_noise_shuts_no_lips(shipped, seed):
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(6 * RATE)) / np.arange(1, 3 * RATE + 2) ** (seed / 2)  # from hiss to rumble
    noise = np.fft.irfft(spectrum)
    assert shipped.hear((0.05 * noise / noise.std()).astype(np.float32))[:, BILABIAL].max() < 0.3


@pytest.mark.parametrize("name", ["moon", "pie", "door"])
def test_lips_shut_in_the_sample_voices(shipped, name):
    """On every p, b and m that the synthesiser says it spoke, and hardly on any vowel."""
    shut = np.array(speech.closed(shipped.encode(load_voice(VOICES / f"{name}.flac"))))
    said = [line.split() for line in (VOICES / f"{name}.phones").read_text().splitlines()]
    spoken = [(float(start), float(end), bare(phone.upper())) for start, end, phone in said]
    met = [((shut[:, 0] < end + 0.04) & (shut[:, 1] > start - 0.04)).any() for start, end, phone in spoken if phone in BILABIALS]
    inside = [(start + end) / 2 for start, end, phone in spoken if phone in VOWELS]
    wrong = [((shut[:, 0] < middle) & (shut[:, 1] > middle)).any() for middle in inside]
    assert len(met) > 3 and np.mean(met) >= 0.9
    assert np.mean(wrong) < 0.1


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
    mel = torch.randn(1, 100, module.BANDS)
    with torch.no_grad():
        for stored, own in zip(back.network(mel), network(mel)):
            assert torch.allclose(stored, own, atol=2e-2)


def test_lips_shut_on_p_b_m_of_speakers_never_heard(shipped):
    """EmoDB's speakers 03 and 10, hand labels: a shut-lips posterior peaks in most closures and rarely in open vowels."""
    if not EMODB.exists():
        pytest.skip("needs the recordings of ../shared/data/emodb")
    shut, opened = [], []
    for row in csv.DictReader(open(EMODB / "index.csv", encoding="utf-8")):
        if row["speaker"] not in ("03", "10") or row["emotion"] not in ("neutral", "boredom") or row["has_phones"] != "1":
            continue
        heard = shipped.encode(load_voice(EMODB / "audio" / f"{row['clip']}.opus"))[:, BILABIAL]
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
    assert np.mean(np.array(shut) > 0.5) > 0.9
    assert np.mean(np.array(opened) > 0.5) < 0.02
