"""Speech models of transformers as encoders: tiny random ones, saved in the real format."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from contract import Cancelled, UtterError
from model_runtime import cli
from model_runtime.speech import plugin
from model_runtime.speech.content import NAMES, PHONES, PROSODY, frames_of
from model_runtime.speech.phones import PHONES as ARPABET
from model_runtime.speech.vocabulary import sounds_of

LABELS = ("<pad>", "<s>", "</s>", "<unk>", "|", *ARPABET)
TYPES = {
    "wav2vec2": "Wav2Vec2",
    "hubert": "Hubert",
    "wavlm": "WavLM",
    "data2vec-audio": "Data2VecAudio",
    "wav2vec2-conformer": "Wav2Vec2Conformer",
    "wav2vec2-bert": "Wav2Vec2Bert",
}
SMALL = dict(
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2,
    pad_token_id=0,
    feat_extract_norm="layer",
)
LAYOUT = {
    "data2vec-audio": dict(conv_dim=(8,) * 7, num_conv_pos_embeddings=2, conv_pos_kernel_size=3),
    "wav2vec2-bert": dict(output_hidden_size=16, conv_depthwise_kernel_size=3),
}


def build(folder, kind="wav2vec2", head="ForCTC", labels=LABELS, change=lambda model: None, **config):
    """Save a tiny random model as its authors would; returns the folder (str)."""
    import transformers

    torch.manual_seed(1)
    layout = SMALL | LAYOUT.get(kind, dict(conv_dim=(8,) * 7)) | {"vocab_size": len(labels)} | config
    model = getattr(transformers, TYPES[kind] + head)(getattr(transformers, TYPES[kind] + "Config")(**layout)).eval()
    change(model)
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "vocab.json").write_text(json.dumps({label: number for number, label in enumerate(labels)}))
    mel = kind == "wav2vec2-bert"
    (transformers.SeamlessM4TFeatureExtractor if mel else transformers.Wav2Vec2FeatureExtractor)().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def phone_model(tmp_path_factory):
    return build(tmp_path_factory.mktemp("phones"))


@pytest.fixture(scope="module")
def bare_model(tmp_path_factory):
    """HuBERT without a head: it gives hidden states."""
    return build(tmp_path_factory.mktemp("hubert"), "hubert", "Model")


def talk(seconds, seed=0):
    """Noise that comes and goes."""
    rng = np.random.default_rng(seed)
    n = int(seconds * 16000)
    return (rng.standard_normal(n) * 0.1 * (1 + np.sin(np.arange(n) / 3000))).astype(np.float32)


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_model_gives_content_and_hidden_states(kind, tmp_path):
    folder = build(tmp_path, kind)
    encoder, hidden = plugin.load_plugin(folder), plugin.load_plugin(folder, layer=1)
    assert encoder.kind.startswith(f"phones:{kind}-") and hidden.kind == encoder.kind.replace("phones", "hidden") + ":1"
    for samples in (1600, 1919, 30001):
        voice = talk(2)[:samples]
        content, states = encoder.encode(voice), hidden.encode(voice)
        assert content.shape == (frames_of(samples), 59) and content.dtype == np.float32 and np.isfinite(content).all()
        assert np.allclose(content[:, PHONES].sum(1), 1, atol=1e-4) and content[:, :52].min() >= 0 and content[:, :52].max() <= 1 + 1e-5
        assert states.shape == (frames_of(samples), 16 + 3) and states.dtype == np.float32 and np.isfinite(states).all()
        assert np.allclose(states[:, :16].mean(1), 0, atol=1e-4) and np.array_equal(states[:, 16:], content[:, PROSODY])


def test_the_same_weights_have_the_same_name_with_and_without_a_head(tmp_path):
    import transformers

    one = build(tmp_path / "one")
    transformers.Wav2Vec2Model.from_pretrained(one).save_pretrained(tmp_path / "two")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "two")
    build(tmp_path / "three", change=lambda model: torch.nn.init.ones_(model.wav2vec2.encoder.layers[1].attention.k_proj.bias))
    kinds = [plugin.load_plugin(tmp_path / name, layer=2).kind for name in ("one", "two", "three")]
    assert kinds[0] == kinds[1] != kinds[2]


def alone(model):
    """Weights with which frames do not see each other, except through positions, which are convolved over 16."""
    for layer in model.base_model.encoder.layers:
        torch.nn.init.zeros_(layer.attention.out_proj.weight)


def without_positions(model):
    torch.nn.init.zeros_(model.wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original0)


@pytest.mark.parametrize("kind", ["wav2vec2", "wav2vec2-bert"])
def test_what_happens_at_a_time_is_heard_at_that_time(kind, tmp_path):
    """A click at t changes the frames that are centred within half of what a frame sees of t, and no others."""
    encoder = plugin.load_plugin(build(tmp_path, kind, **({"change": without_positions} if kind == "wav2vec2" else {})), layer=0)
    voice = talk(4) * 0.01
    for t in (16000, 24000, 24000 + 160, 31999, 40123):
        click = voice.copy()
        click[t - 8 : t + 8] += 0.5
        moved = []
        for samples in (voice, click):
            encoder.frames.level = lambda samples: (np.float32(0), np.float32(1))
            moved.append(encoder.encode(samples)[:, :16])
        frames = np.flatnonzero(np.abs(moved[1] - moved[0]).max(1) > 1e-6)
        reach = encoder.frames.sees / 2 + 8
        expected = [k for k in range(len(moved[0])) if abs(k * 320 - t) < reach]
        assert abs(frames.mean() * 320 - t) <= 160 and set(frames) <= set(expected) and len(frames) >= len(expected) - 1


@pytest.mark.parametrize("chunk", [2, 5])
def test_chunks_hear_what_the_whole_hears(chunk, tmp_path, monkeypatch):
    """The same numbers where frames do not see each other over more than the edges."""
    encoder, voice = plugin.load_plugin(build(tmp_path, change=alone), layer=2), talk(14.3)
    whole = encoder.encode(voice)
    monkeypatch.setattr(plugin, "CHUNK", chunk)
    monkeypatch.setattr(plugin, "EDGE", 1)
    assert np.abs(encoder.encode(voice) - whole).max() < 1e-4


@pytest.mark.parametrize("kind", TYPES)
def test_progress_reaches_the_end_and_a_chunk_can_be_stopped_within(kind, tmp_path):
    encoder = plugin.load_plugin(build(tmp_path, kind))
    told = []
    encoder.encode(talk(3), told.append)
    assert told == sorted(told) and len(told) >= 5 and told[-1] == 1

    def stop(fraction):
        if fraction > told[2]:
            raise Cancelled

    with pytest.raises(Cancelled):
        encoder.encode(talk(3), stop)
    assert len(encoder.encode(talk(1))) == 51  # and can still be used


def test_a_known_phone_at_a_known_time(phone_model, monkeypatch):
    """Where the model says P, Content is shut; our own encoder, which knows nothing here, does not contradict."""
    encoder = plugin.load_plugin(phone_model)
    forward = encoder.frames.model.forward

    def say(heard, **options):
        output = forward(heard, **options)
        output.logits = torch.zeros_like(output.logits)
        output.logits[..., 0] = 12
        for k, label in ((50, "AA"), (60, "P"), (61, "P"), (75, "IY")):
            output.logits[0, k, 0], output.logits[0, k, LABELS.index(label)] = 0, 12
        return output

    def unsure(samples, progress):
        content = np.full((frames_of(len(samples)), 59), 0.5, np.float32)
        content[:, PHONES] = 1 / 40
        return content

    monkeypatch.setattr(encoder.frames.model, "forward", say)
    monkeypatch.setattr(encoder.ours, "encode", unsure)
    content = encoder.encode(talk(3))
    assert [NAMES[content[k, PHONES].argmax()] for k in (50, 60, 61, 75)] == ["AA", "P", "P", "IY"]
    shut = content[:, NAMES.index("bilabial")]
    assert shut[60:62].min() > 0.7 and shut[50] < 0.3 and shut[75] < 0.3


def spoken(label, vocabulary):
    return [sound.phone for sound in dict(zip(vocabulary, sounds_of(vocabulary, "x")))[label]]


def test_vocabularies():
    arpabet = ["<pad>", "<s>", "|", "SIL", *(f"{p}1" if p in "AA AE AH AO EH IY OW UW ER AY".split() else p for p in ARPABET if p != "sil")]
    assert spoken("AA1", arpabet) == ["AA"] and spoken("SIL", arpabet) == ["sil"] and spoken("|", arpabet) == spoken("<pad>", arpabet) == []
    assert spoken("S", arpabet) == ["S"] and spoken("<s>", arpabet) == []
    timit = (
        "[PAD] [UNK] iy ih eh ey ae aa aw ay ah ao oy ow uh uw ux er ax ix axr ax-h jh ch b d g p t k dx q s sh z zh f th v dh m n ng "
        "em nx en eng el l r w y hh hv bcl dcl gcl pcl tcl kcl pau epi h#"
    ).split()
    for label, phone in dict(bcl="B", pcl="P", em="M", y="Y", s="S", hv="HH", axr="ER", ux="UW", dx="D", pau="sil").items():
        assert spoken(label, timit) == [phone], label
    assert spoken("q", timit) == [] and spoken("h#", timit) == ["sil"]
    ipa = "<s> <pad> </s> <unk> n s t ə l a i k d m ɛ ɾ e ɪ p o ɐ z ð f j v b ɹ ʁ ʊ iː r w ʌ u ɡ æ aɪ ʃ h ɔ ɑː ŋ ɚ eɪ".split()
    ipa += "β uː y ɑ̃ oʊ ai5 onɡ5 tɕh ts q".split()
    assert spoken("y", ipa) == ["UW"] and spoken("j", ipa) == ["Y"] and spoken("oʊ", ipa) == ["OW"] and spoken("tɕh", ipa) == ["CH", "HH"]
    assert spoken("onɡ5", ipa) == ["OW", "N", "G"] and spoken("β", ipa) == ["V"] and spoken("s", ipa) == ["S"]
    assert "bilabial" in dict(zip(ipa, sounds_of(ipa, "x")))["β"][0].classes


@pytest.mark.parametrize(
    "labels",
    [
        "<pad> <s> </s> <unk> | E T A O N I H S R D L U M W C F G Y P B V K ' X J Q Z".split(),
        [*"abcdefghijklmnopqrstuvwxyzäöüßæøðñç", "|", "<pad>"],
        [*"абвгдежзийклмнопрст", "<pad>"],
        ["<pad>", "▁the", "▁a", "ing", "s", "▁of", "ed", "▁to", "er", "ay", "ih"],
        ["<pad>"],
    ],
)
def test_letters_are_refused(labels, tmp_path):
    with pytest.raises(UtterError, match="vocabulary is phones: ARPAbet, TIMIT's, or IPA"):
        plugin.load_plugin(build(tmp_path, labels=labels))
    assert plugin.load_plugin(tmp_path, layer=1).kind.startswith("hidden:")  # but they still give hidden states


def pickled(folder):
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def a_file(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.touch()


def other_rate(folder):
    import transformers

    transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(folder)


def other_type(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]}))


def own_code(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "evil.py").write_text("open('ran', 'w')")
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config"}}))


def without_a_head(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in weights.items() if "lm_head" not in name}, folder / "model.safetensors", {"format": "pt"})


def another_vocabulary(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 99}))


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (lambda folder: [path.unlink() for path in folder.iterdir()] and folder.rmdir(), "does not exist"),
        (a_file, "is a file; choose the folder"),
        (lambda folder: (folder / "config.json").unlink(), "holds no config.json"),
        (lambda folder: (folder / "config.json").write_text("{ torn"), "config.json is damaged"),
        (other_type, "of type whisper, which cannot be an encoder"),
        (own_code, "of type evil, which cannot be an encoder"),
        (lambda folder: (folder / "vocab.json").unlink(), "no vocab.json"),
        (lambda folder: (folder / "vocab.json").write_text('{"eng": {"a": 1}}'), "vocabulary is phones"),
        (lambda folder: (folder / "vocab.json").write_text('["a"]'), "vocab.json is damaged"),
        (pickled, "pickled, which could run code; save them as model.safetensors"),
        (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"torn"), "cannot be loaded"),
        (without_a_head, "not all there"),
        (another_vocabulary, "not all there|cannot be loaded"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "no preprocessor_config.json"),
        (other_rate, "hears voices of 8000 Hz; choose a model for 16000 Hz"),
    ],
)
def test_what_cannot_be_ears_is_refused_in_a_sentence(spoil, sentence, tmp_path):
    folder = tmp_path / "model"
    build(folder)
    spoil(folder)
    with pytest.raises(UtterError, match=sentence) as refused:
        plugin.load_plugin(folder)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    assert not os.path.exists("ran")


def test_a_layer_that_is_not_there(phone_model):
    with pytest.raises(UtterError, match="has 2 layers; choose one from 0 to 2"):
        plugin.load_plugin(phone_model, layer=3)


@pytest.mark.slow
def test_a_voice_is_performed_with_them_on_the_command_line(phone_model, short_voice, tmp_path):
    """In a process of its own: a Motion, and nothing on stderr."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "model_runtime",
            "perform",
            str(short_voice),
            "-o",
            str(tmp_path / "m.npz"),
            "--quality",
            "draft",
            "--encoder",
            phone_model,
            "--device",
            "cpu",
        ],
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    with np.load(tmp_path / "m.npz") as arrays:
        assert arrays["motion"].shape == (60, 65) and np.isfinite(arrays["motion"]).all()


def test_listening_with_hidden_states(bare_model, short_voice, tmp_path, capsys):
    assert cli.main(["listen", str(short_voice), "-o", str(tmp_path / "c.npz"), "--encoder", bare_model, "--device", "cpu"]) == 0
    with np.load(tmp_path / "c.npz") as arrays:
        assert arrays["content"].shape[1] == len(arrays["names"]) == 19 and list(arrays["names"][-3:]) == ["energy", "voicing", "f0"]
    capsys.readouterr()
    assert cli.main(["listen", str(short_voice), "-o", str(tmp_path / "gone.npz"), "--encoder", str(tmp_path / "gone")]) == 2
    assert "does not exist" in capsys.readouterr().err and not (tmp_path / "gone.npz").exists()
    assert cli.main(["perform", str(short_voice), "-o", str(tmp_path / "m.npz"), "--encoder", bare_model, "--device", "cpu"]) == 2
    assert "need a generator trained on them" in capsys.readouterr().err and not (tmp_path / "m.npz").exists()


def test_a_generator_beside_the_model_performs_from_its_hidden_states(bare_model, short_voice, tmp_path, monkeypatch, capsys):
    """generator.safetensors in the folder: trained on these states it is used, on another model's it is refused; Content seals the lips."""
    import shutil

    from model_runtime.diffusion import generator as g
    from model_runtime.diffusion import sampler
    from model_runtime.flame.load import load_head

    folder = tmp_path / "hubert"
    shutil.copytree(bare_model, folder)
    kind = plugin.load_plugin(folder, layer=1).kind

    def save(kind):
        torch.manual_seed(0)
        made = g.Generator(
            g.Denoiser(width=32, depth=1, heads=2, content=19),
            torch.zeros(65),
            torch.full((65,), 0.1),
            torch.eye(65),
            load_head().basis,
            metadata={"encoder": kind},
        )
        g.save(made, folder / "generator.safetensors")

    sealed = []
    monkeypatch.setattr(sampler, "seal", lambda generator, values, content, *rest: sealed.append(content.shape[1]) or values)
    perform = lambda: cli.main(
        ["perform", str(short_voice), "-o", str(tmp_path / "m.npz"), "--ears", str(folder), "--quality", "draft", "--device", "cpu"]
    )
    save(kind)
    assert perform() == 0 and sealed == [59]
    with np.load(tmp_path / "m.npz") as arrays:
        assert arrays["motion"].shape == (60, 65)
    capsys.readouterr()
    save("hidden:wavlm-00000000:1")
    assert perform() == 2
    assert "another speech model" in capsys.readouterr().err
