"""Encoders of the artist's own: a speech model of `transformers` in a local folder, in place of the shipped encoder.

Two kinds. A CTC model whose vocabulary is phones maps onto Content (ctc.py) and goes with any generator that learned from
Content; its kind is "phones:NAME". Any model, also one that was never taught phones, can give a layer's hidden states to a
generator trained on them: [Tc, D + 3] at 50 Hz, each frame normalised over its D features, then Content's prosody; the kind is
"hidden:NAME:LAYER". NAME is the model's type and a fingerprint of its weights. Nothing is downloaded, unpickled or run from the
folder.
"""

from pathlib import Path

import numpy as np
import torch

from contract import UtterError
from model_runtime import pretrained
from model_runtime.audio import RATE
from model_runtime.speech import ctc, features
from model_runtime.speech.content import HOP, frames_of
from model_runtime.speech.encoder import load_encoder
from model_runtime.speech.vocabulary import sounds_of

TYPES = ("wav2vec2", "wav2vec2-bert", "wav2vec2-conformer", "hubert", "wavlm", "data2vec-audio", "unispeech", "unispeech-sat")
WAVEFORM, MEL = "Wav2Vec2FeatureExtractor", "SeamlessM4TFeatureExtractor"
CHUNK, EDGE = 20, 3  # seconds heard at once, and heard with them to either side; positions are convolved over 2.5 s
DEPTH = 0.75  # of the layers: phones are clearest near there (Pasad et al. 2023, "Comparative layer-wise analysis")


class Frames:
    """A model of `transformers` that gives an array per frame: any length, in bounded memory.

    The voice is shifted by half of what a frame sees, so that frame k is centred on k * stride / 16000 s exactly.
    """

    def __init__(self, model, extractor, device):
        self.model, self.extractor, self.device = model.eval().to(device), extractor, device
        config = model.config
        if type(extractor).__name__ == MEL:  # windows of 25 ms every 10 ms, some of them together
            self.sees, self.stride = 400 + 160 * (extractor.stride - 1), 160 * extractor.stride
        else:
            self.sees = self.stride = 1
            for kernel, stride in zip(config.conv_kernel, config.conv_stride):
                self.sees, self.stride = self.sees + (kernel - 1) * self.stride, self.stride * stride
        if getattr(config, "add_adapter", False):  # leaves frames out; the first stays where it is
            self.stride *= config.adapter_stride**config.num_adapter_layers
        base = model.base_model
        self.parts = [*getattr(getattr(base, "feature_extractor", None), "conv_layers", ()), *base.encoder.layers]
        self.working = lambda: None
        for part in self.parts:  # a large model needs seconds for a chunk; it can be stopped between two layers
            part.register_forward_pre_hook(lambda *_: self.working())

    @torch.inference_mode()
    def __call__(self, samples, answer, progress, **options):
        """Yield answer(model's output) [n, C] of the voice's next frames, until its last Content frame. progress hears 0..1."""
        frames = -(-(frames_of(len(samples)) - 1) * HOP // self.stride) + 1
        step, edge = CHUNK * RATE // self.stride, EDGE * RATE // self.stride
        mean, deviation = self.level(samples)
        for first in range(0, frames, step):
            last = min(first + step, frames)
            start, stop = max(first - edge, 0), min(last + edge, frames)
            done = iter(range(len(self.parts)))
            self.working = lambda: progress((first + (last - first) * next(done, 0) / len(self.parts)) / frames)
            heard = torch.from_numpy((self.given(samples, start, stop) - mean) / deviation)[None].to(self.device)
            yield answer(self.model(heard, **options))[0, first - start : last - start].float().cpu().numpy()
            progress(last / frames)

    def given(self, samples, start, stop):
        """What the model is given for frames start to stop: float32 samples or bands [n, B]; silence before and after the voice."""
        begin = start * self.stride - self.sees // 2
        end = (stop - 1) * self.stride - self.sees // 2 + self.sees
        heard = np.pad(samples[max(begin, 0) : end], (max(-begin, 0), max(end - max(len(samples), begin), 0)))
        if type(self.extractor).__name__ != MEL:
            return heard
        bands = self.extractor(heard, sampling_rate=RATE, do_normalize_per_mel_bins=False, return_tensors="np")
        return bands["input_features"][0]

    def level(self, samples):
        """(mean, deviation) float32 over the whole voice, of the samples or of each band: the model expects input normalised by them."""
        if type(self.extractor).__name__ != MEL:
            normal = self.extractor.do_normalize
            return np.float32(samples.mean() if normal else 0), np.float32(np.sqrt(samples.var() + 1e-7) if normal else 1)
        count, total, square = 0, 0.0, 0.0
        step = CHUNK * RATE // self.stride
        for start in range(0, max(len(samples) // self.stride, 1), step):
            bands = self.given(samples, start, min(start + step, max(len(samples) // self.stride, 1))).astype(np.float64)
            bands = bands.reshape(-1, bands.shape[1] // self.extractor.stride)
            count, total, square = count + len(bands), total + bands.sum(0), square + np.square(bands).sum(0)
        variance = (square - total**2 / count) / (count - 1)
        return [np.tile(x, self.extractor.stride).astype(np.float32) for x in (total / count, np.sqrt(variance + 1e-7))]


class Phones:
    """An encoder that hears phones: it gives Content, as the shipped one does."""

    def __init__(self, frames, sounds, name):
        self.frames, self.sounds, self.kind = frames, sounds, f"phones:{name}"
        self.meaning, self.ours = ctc.matrix(sounds), load_encoder(frames.device)

    def encode(self, samples, progress=lambda fraction: None):
        """Content float32 [frames_of(N), 59] of float32 [N] at 16 kHz, any length, in bounded memory. progress hears 0..1."""
        samples = np.ascontiguousarray(samples, np.float32)
        content = self.ours.encode(samples, lambda fraction: progress(0.1 * fraction))
        outputs = self.frames(samples, lambda output: output.logits.softmax(-1), lambda fraction: progress(0.1 + 0.85 * fraction))
        reduced = ctc.joined([ctc.reduce(posteriors, self.sounds, self.meaning) for posteriors in outputs])
        heard = ctc.spread(ctc.resample(reduced, self.frames.stride, len(content)), content)
        progress(1.0)
        return heard


class Hidden:
    """An encoder that gives the hidden states of one layer."""

    def __init__(self, frames, layer, name):
        self.frames, self.layer, self.kind = frames, layer, f"hidden:{name}:{layer}"

    def encode(self, samples, progress=lambda fraction: None):
        """Hidden states and prosody, float32 [frames_of(N), D + 3], of float32 [N] at 16 kHz. progress hears 0..1."""
        samples = np.ascontiguousarray(samples, np.float32)

        def normal(output):
            states = output.hidden_states[self.layer]
            return torch.nn.functional.layer_norm(states, states.shape[-1:])

        states = np.concatenate(list(self.frames(samples, normal, progress, output_hidden_states=True)))
        time = np.arange(frames_of(len(samples))) * (HOP / self.frames.stride)
        left = np.minimum(time.astype(int), max(len(states) - 2, 0))
        part = (time - left)[:, None].astype(np.float32)
        out = states[left] * (1 - part) + states[np.minimum(left + 1, len(states) - 1)] * part
        return np.concatenate([out, features.prosody(samples)], 1)


def load_plugin(folder, device="cpu", layer=None):
    """The encoder in a folder as save_pretrained() of `transformers` writes it: Phones of a CTC model, Hidden of a bare one.

    layer: the layer whose hidden states are wanted, of any model; None: phones, or of a bare model the layer where phones should be
    clearest. UtterError in a sentence for anything that cannot be such an encoder.
    """
    folder = Path(folder)
    config = pretrained.read_config(folder, TYPES, "an encoder")
    taught = any(str(name).endswith("ForCTC") for name in config.get("architectures") or ())
    sounds = read_sounds(folder, config) if taught and layer is None else None
    model = pretrained.read_model(folder, "AutoModelForCTC" if sounds else "AutoModel")
    extractor = read_extractor(folder)
    name = f"{config['model_type']}-{pretrained.fingerprint(model.base_model)}"
    if not sounds:
        depth = model.config.num_hidden_layers
        layer = round(DEPTH * depth) if layer is None else layer
        if not 0 <= layer <= depth:
            raise UtterError(f"{folder.name} has {depth} layers; choose one from 0 to {depth}.", f"layer {layer}")
    frames = Frames(model, extractor, torch.device(device))
    return Phones(frames, sounds, name) if sounds else Hidden(frames, layer, name)


def read_sounds(folder, config):
    """What each output of a CTC model means, as vocabulary.sounds_of gives it."""
    if not (folder / "vocab.json").is_file():
        raise UtterError(f"{folder.name} has no vocab.json; without it Utter cannot know which phones the model hears.")
    numbers = pretrained.read_json(folder / "vocab.json")
    if (folder / "added_tokens.json").is_file():
        numbers |= pretrained.read_json(folder / "added_tokens.json")
    labels = [None] * int(config.get("vocab_size", 32))
    for label, number in numbers.items():
        if not isinstance(number, int):  # a vocabulary for each of many languages; those are letters
            sounds_of([], folder.name)
        if 0 <= number < len(labels):
            labels[number] = label
    if not any(labels):
        raise UtterError(f"The vocab.json of {folder.name} does not belong to its weights; copy the model's folder again.")
    blank = config.get("pad_token_id")
    if isinstance(blank, int) and 0 <= blank < len(labels):
        labels[blank] = None
    return sounds_of(labels, folder.name)


def read_extractor(folder):
    """What prepares a voice for the model."""
    from transformers import AutoFeatureExtractor

    try:
        extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise UtterError(
            f"{folder.name} has no preprocessor_config.json that says how it is given a voice; copy the model's folder again.", repr(error)
        ) from error
    if type(extractor).__name__ not in (WAVEFORM, MEL):
        raise UtterError(f"{folder.name} is given voices by {type(extractor).__name__}, which Utter does not know; choose another model.")
    if extractor.sampling_rate != RATE:
        raise UtterError(f"{folder.name} hears voices of {extractor.sampling_rate} Hz; choose a model for {RATE} Hz.")
    return extractor
