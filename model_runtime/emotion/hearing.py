"""How a feeling is heard in a voice: a linear reader over Whisper's hidden states and prosody, measured against what the speaker is like.

Mean and standard deviation, over 2.4 s around each moment, of the states after Whisper's second and third layer (of those that Content is
made of) and of loudness, pitch and voicing -> logits of KINDS and of arousal. They are read twice: as they are, and against the speaker's
baseline. Both readings are linear, so that each window is projected as soon as it is heard, and a baseline is a vector of COLUMNS numbers.
"""

from typing import NamedTuple

import numpy as np
import torch

from model_runtime.audio import RATE
from model_runtime.emotion.labels import LABELS
from model_runtime.emotion.voice import BANDS, measure

FORMAT = 2  # of the checkpoint
KINDS = ("neutral", "bored", "happy", "sad", "angry", "surprised", "afraid", "disgusted", "contemptuous")  # what actors act
COLUMNS = len(KINDS) + 1  # and arousal
SOUNDS = ("words", "laugh", "sob", "sigh", "gasp", "scream", "groan")  # words: or nothing
SHARES = np.zeros((len(KINDS), len(LABELS)), np.float32)  # how much of each label a kind is
SHARES[1, [LABELS.index("neutral"), LABELS.index("sad")]] = 0.6, 0.4
for _row, _kind in enumerate(KINDS):
    if _kind in LABELS:
        SHARES[_row, LABELS.index(_kind)] = 1
STATES = 2 * 512  # columns of what the encoder hands on: the first two layers of encoder.HEARD
FRAME = STATES + 4  # and loudness, pitch, pitch against the clip's median, voicing
READ = 2 * FRAME  # mean and standard deviation
FPS = 25  # frames
STEP, AROUND = 6, 10  # frames between readings; steps of a window: 2.4 s
BESIDE = 2  # steps on both sides of a moment's own in which a sound is heard: 1.2 s
CERTAIN = 0.7  # share of one sound from which it is heard
TRUST = 8.0  # seconds of a speaker that count as much as what is known of speakers in general
SHORT = 0.6  # seconds of voice below which less is felt
CALM = 0.5  # of what is not calm, the share that calm reading has now and then


class Baseline(NamedTuple):
    """What a speaker is like: own [COLUMNS] as the reader projects it, of that many seconds."""

    own: np.ndarray
    seconds: float


class Heard(NamedTuple):
    """A voice as the reader hears it, every STEP / FPS seconds: logits [n, COLUMNS] before the baseline, own [n, COLUMNS] what the
    baseline is taken from, sounds [n, 7] logits of SOUNDS; seconds it lasts."""

    logits: np.ndarray
    own: np.ndarray
    sounds: np.ndarray
    seconds: float


class Reader(torch.nn.Module):
    """The weights: whole and own [READ, COLUMNS], sounds [READ, 7], of statistics that are normalised by mean and std [READ]."""

    def __init__(self):
        super().__init__()
        for name in ("whole", "own"):
            self.register_buffer(name, torch.zeros(READ, COLUMNS))
        for name in ("mean", "std"):
            self.register_buffer(name, torch.ones(READ))
        self.register_buffer("bias", torch.zeros(COLUMNS))
        self.register_buffer("sounds", torch.zeros(READ, len(SOUNDS)))
        self.register_buffer("sounds_bias", torch.zeros(len(SOUNDS)))

    def forward(self, statistics):
        """[n, READ] -> (logits [n, COLUMNS] of a speaker who is as speakers are in general, own [n, COLUMNS])."""
        x = (statistics - self.mean) / self.std
        own = x @ self.own
        return x @ self.whole + own + self.bias, own

    def sound(self, statistics):
        """[n, READ] -> logits [n, 7] of SOUNDS."""
        return (statistics - self.mean) / self.std @ self.sounds + self.sounds_bias


def statistics(sums, squares, counts):
    """Sums [.., FRAME] of frames and of their squares, of so many frames [..] -> mean and standard deviation [.., READ]."""
    mean = sums / counts[..., None]
    return torch.cat([mean, (squares / counts[..., None] - mean * mean).clamp(min=0).sqrt()], -1)


def prosody(samples):
    """-> [n, 4] at FPS: loudness against the clip's loud moments, pitch, pitch against the clip's median, voicing."""
    found = measure(samples)[:, BANDS:]
    if len(found) < 4:
        return found[:1]
    return found[: len(found) // 4 * 4].unflatten(0, (-1, 4)).mean(1)


class Hearing:
    """Hears a voice of known samples while an encoder listens to it: hand it to Encoder.encode, then ask for what was `heard`."""

    def __init__(self, reader, samples):
        self.reader, self.samples, self.prosody = reader, samples, prosody(samples)
        self.frames, self.left, self.steps, self.parts = 0, None, [], []

    def __call__(self, states):
        """states [n, at least STATES] at 50 Hz."""
        states = states[:, :STATES].float().cpu()
        if len(states) % 2:
            states = torch.cat([states, states[-1:]])
        states = states.unflatten(0, (-1, 2)).mean(1)
        at = torch.arange(self.frames, self.frames + len(states)).clamp(max=len(self.prosody) - 1)
        self.frames += len(states)
        frames = torch.cat([states, self.prosody[at]], 1)
        self._keep(frames if self.left is None else torch.cat([self.left, frames]))

    def _keep(self, frames, last=False):
        whole = len(frames) // STEP * STEP
        self.left = frames[whole:]
        blocks = list(frames[:whole].unflatten(0, (-1, STEP))) if whole else []
        if last and len(self.left):
            blocks.append(self.left)
        self.steps += [(block.sum(0), block.square().sum(0), len(block)) for block in blocks]
        self._read(last)

    def _read(self, last):
        """Project the windows that are complete; of the steps keep those that later windows need. With `last` all."""
        half = AROUND // 2
        done = sum(len(part[0]) for part in self.parts)
        first = max(done - half, 0)  # the step that is the first one kept
        ready = range(done, first + len(self.steps) if last else first + len(self.steps) - half)
        if not ready:
            return
        sums, squares, counts = (torch.stack(list(map(torch.as_tensor, column))).double() for column in zip(*self.steps))

        def read(before, after):
            cut = lambda x, at: x[max(at - before, 0) - first : at + after - first].sum(0)
            return torch.stack([statistics(cut(sums, at), cut(squares, at), cut(counts, at)) for at in ready]).float()

        self.parts.append([x.numpy() for x in (*self.reader(read(half, half)), self.reader.sound(read(BESIDE, BESIDE + 1)))])
        self.steps = self.steps[max(ready.stop - half, 0) - first :]

    def heard(self):
        """-> Heard, once all was handed on."""
        with torch.inference_mode():
            self._keep(self.left if self.left is not None else torch.zeros(0, FRAME), last=True)
        return Heard(*map(np.concatenate, zip(*self.parts)), len(self.samples) / RATE)


def baseline(voices):
    """Several Heard of one speaker -> their Baseline."""
    seconds = sum(voice.seconds for voice in voices)
    return Baseline(sum(voice.own.mean(0) * voice.seconds for voice in voices) / seconds, seconds)


def against(heard, speaker=None):
    """(shares of KINDS [n, 9], arousal [n] 0..1) of a Heard, against a Baseline; None: against itself. The less there is of the speaker,
    the more counts what speakers are like in general."""
    speaker = speaker or baseline([heard])
    logits = heard.logits - speaker.own * (speaker.seconds / (speaker.seconds + TRUST))
    kinds = np.exp(logits[:, :-1] - logits[:, :-1].max(1, keepdims=True))
    return kinds / kinds.sum(1, keepdims=True), 1 / (1 + np.exp(-logits[:, -1]))


def sounds(heard):
    """[n, 6] 0 to 1 of a Heard: how surely each of SOUNDS but words is heard, 0 up to CERTAIN. One at a time has more."""
    shares = np.exp(heard.sounds - heard.sounds.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return np.clip((shares[:, 1:] - CERTAIN) / (1 - CERTAIN), 0, 1)


def strength(kinds, seconds):
    """[n] 0..1 of shares of KINDS [n, 9]: how far the voice is from calm, beyond what calm reading is now and then."""
    felt = 1 - kinds[:, :2].sum(1)
    return np.clip((felt - CALM) / (1 - CALM), 0, 1) * min(1.0, seconds / SHORT)
