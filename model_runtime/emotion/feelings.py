"""Feelings: words, labels, voices and Motions as points of one space."""

import json
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch.nn import functional as F

from contract import FPS, UtterError
from model_runtime import checkpoints
from model_runtime.emotion.labels import LABELS
from model_runtime.emotion.space import Space
from model_runtime.emotion.voice import measure
from model_runtime.emotion.words import SentenceEncoder, degree, split_denial

PATH = Path(__file__).parents[2] / "blender_assets" / "models" / "feelings.safetensors"
FORMAT = 1  # of the checkpoint
VOICE_FPS = 25
SMOOTH = 0.4  # seconds: the feeling of a face changes more slowly than that of a voice


class Feelings:
    """The trained space. Every method takes and returns numpy arrays; a vector's direction says which feeling, its length how much."""

    def __init__(self, space, device="cpu", metadata=None):
        self.space, self.device, self.metadata = space.eval().to(device), device, metadata or {}
        self._sentences = None

    def sentence_encoder(self):
        if self._sentences is None:
            self._sentences = SentenceEncoder(self.device)
        return self._sentences

    @torch.inference_mode()
    def words(self, text):
        """text -> [128] unit: the direction alone; `degree(text)` in words.py says how much of it is meant.

        What the words deny is taken out: the part of the direction that points towards it.
        """
        rest, denied = split_denial(text)
        points = self.space.words(self.sentence_encoder()([rest, *denied]).to(self.device))
        wanted = points[0]
        for other in points[1:]:
            wanted = wanted - (wanted @ other).clamp(min=0) * other * 0.7
        return F.normalize(wanted, dim=-1).cpu().numpy()

    @torch.inference_mode()
    def label(self, name):
        """One of LABELS -> [128] unit. UtterError for another name."""
        if name not in LABELS:
            raise UtterError(f"There is no emotion called {name!r}; use one of {', '.join(LABELS)}.")
        return self.space.labels()[LABELS.index(name)].cpu().numpy()

    @torch.inference_mode()
    def voice(self, samples, T):
        """samples float32 [N] at 16 kHz -> [T, 128] at 30 fps: each frame from the two seconds around it.

        Length: how far from neutral the voice is (1 - the probability of neutral).
        """
        features = measure(samples)
        parts, step, margin = [], 6000, 400  # a minute of 100 Hz features at a time, overlapping by more than the window
        for start in range(0, len(features), step):
            first = max(0, start - margin)
            points = self.space.voice(features[None, first : start + step + margin].to(self.device))[0]
            skip = (start - first) // 4
            parts.append(points[skip : skip + step // 4].cpu())
        points = torch.cat(parts)
        strength = 1 - self.space.logits(points.to(self.device)).softmax(-1)[:, :1].cpu()
        heard = (points * strength).numpy()
        at = np.arange(T) / FPS * VOICE_FPS
        low = np.clip(np.floor(at).astype(int), 0, len(heard) - 1)
        high, mix = np.clip(low + 1, 0, len(heard) - 1), (at - np.floor(at))[:, None].astype(np.float32)
        felt, after = heard[low], heard[high]
        felt *= 1 - mix
        after *= mix
        felt += after
        return gaussian_filter1d(felt, SMOOTH * FPS, axis=0, mode="nearest").astype(np.float32)

    @torch.inference_mode()
    def motion(self, values):
        """values [T, 65] in the built-in head's basis -> [128]; length: how far from neutral the performance is."""
        point = self.space.motion(torch.as_tensor(np.asarray(values, np.float32))[None].to(self.device))[0]
        strength = 1 - self.space.logits(point).softmax(-1)[0]
        return (point * strength).cpu().numpy()

    @torch.inference_mode()
    def describe(self, vector):
        """[128] -> ({name: probability}, strength 0..1). A zero vector is neutral."""
        vector = torch.as_tensor(np.asarray(vector, np.float32)).to(self.device)
        strength = float(vector.norm())
        if strength < 1e-3:
            return {name: float(name == "neutral") for name in LABELS}, 0.0
        probabilities = self.space.logits(vector / strength).softmax(-1)
        return dict(zip(LABELS, probabilities.cpu().tolist())), min(1.0, strength)

    def prompt(self, text):
        """Feeling of a prompt -> [128], direction times degree. A text that is only the name of a label gives that label's point."""
        text = text.strip()
        name = text.lower()
        return self.label(name) if name in LABELS else self.words(text) * degree(text)


def load(path=PATH, device="cpu"):
    """Read a checkpoint (safetensors only). UtterError if it is missing, damaged or of another version."""
    tensors, metadata = checkpoints.read(path, FORMAT)
    if json.loads(metadata.get("labels", "[]")) != list(LABELS):
        raise UtterError(f"{Path(path).name} belongs to another version of Utter; install the extension again.", str(metadata))
    space = Space()
    checkpoints.load_into(space, tensors, Path(path).name)
    return Feelings(space, device, metadata)
