"""Feelings: words, labels, voices and Motions as points of one space."""

import json
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch.nn import functional as F

from contract import FPS, Reading, UtterError
from model_runtime import checkpoints
from model_runtime.emotion import hearing
from model_runtime.emotion.labels import CONTROL, LABELS, POINT, feeling
from model_runtime.emotion.prompts import Prompts
from model_runtime.emotion.space import Space
from model_runtime.speech.encoder import load_encoder

PATH = Path(__file__).parents[2] / "blender_assets" / "models" / "feelings.safetensors"
VOICE = PATH.with_name("voice.safetensors")
FORMAT = 1  # of the checkpoint
SMOOTH = 0.4  # seconds: the feeling of a face changes more slowly than that of a voice
BRIEFLY = 0.1  # seconds: but a laugh begins at once
TALK = 0.3  # arousal of calm talk
SWAY = 0.3  # how far control moves arousal: who holds back is calmer outside
# Where a label lies on the circumplex of affect, from drowsy -1 to excited 1 (Russell 1980, to a tenth). Disgust and contempt are none of
# his words: they stand where "frustrated" and half of "annoyed" do.
AROUSAL = dict(zip(LABELS, (0.0, 0.1, -0.5, 1.0, 0.9, 0.9, 0.6, 0.4)))


class Feelings:
    """The trained space. Every method takes and returns numpy arrays; a Feeling's columns are those of labels.py."""

    def __init__(self, space, device="cpu", metadata=None, encoder=None):
        """encoder: gives the speech encoder that listens to voices (speech/encoder.py); None: one of its own."""
        self.space, self.device, self.metadata = space.eval().to(device), device, metadata or {}
        self.prompts = Prompts(device)  # what reads prompts
        self._ears, self._encoder = None, encoder

    def read(self, text):
        """text -> Prompt (prompts.py)."""
        return self.prompts.read(text)

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
            stirred = float(np.clip(sum(share * AROUSAL[name] for name, share in emotion.items()) + SWAY * control, -1, 1))
            arousal = TALK + strength * stirred * (1 - TALK if stirred > 0 else TALK)  # from calm talk towards excited 1 or drowsy 0
        return Reading(
            emotion={name: round(share, 4) for name, share in emotion.items()},
            strength=round(strength, 4),
            arousal=round(float(arousal), 4),
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
