"""What a feeling does to the face, the head and the speech.

The faces themselves are flame.poses.EMOTIONS.

Measured on 40 sentences each: the mean face of a whole performance, assigned to the nearest of the eight (their means from
other seeds, scaled by strength), is right in 100 % at strength 1 and 99 % at strength 0.3.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d

from contract import FPS, UtterError
from model_runtime.emotion import LABELS
from model_runtime.flame import poses
from model_runtime.training.teacher.layout import INDEX, columns, face


@dataclass(frozen=True)
class Emotion:
    """pause: actions added while the mouth rests. The rest are gains (1) and offsets (0) of the other layers."""

    pause: dict = field(default_factory=dict)
    part: float = 0.0  # how far resting lips stay apart, 0 to 1
    jaw: float = 1.0  # gain of the jaw in speech
    consonants: float = 1.0  # gain of consonants' lips
    lids: float = 0.0  # droop
    gaze: tuple = (0.0, 0.0)  # pitch, yaw offset, radians
    restless: float = 1.0  # gain of the saccade rate
    blinks: float = 1.0  # gain of the blink rate
    head: tuple = (0.0, 0.0, 0.0)  # posture, radians
    lively: float = 1.0  # gain of head movement and brows


EMOTIONS = {
    "neutral": Emotion(),
    "happy": Emotion(pause={"mouthSmile": 0.10}, jaw=1.1, blinks=1.1, head=(-0.03, 0, 0.02), lively=1.25),
    "sad": Emotion(
        pause={"mouthShrugLower": 0.15, "mouthPress": 0.10},
        jaw=0.72,
        consonants=0.85,
        lids=0.20,
        gaze=(0.13, 0.02),
        restless=0.6,
        blinks=1.05,
        head=(0.11, 0, 0.04),
        lively=0.6,
    ),
    "angry": Emotion(
        pause={"mouthPress": 0.45, "mouthRollLower": 0.14, "mouthRollUpper": 0.10},
        jaw=1.15,
        consonants=1.25,
        restless=0.7,
        blinks=0.85,
        head=(0.05, 0, 0),
        lively=1.2,
    ),
    "surprised": Emotion(pause={"jawOpen": 0.10}, part=0.8, jaw=1.15, restless=0.8, blinks=0.85, head=(-0.07, 0, 0), lively=1.1),
    "afraid": Emotion(pause={"mouthStretch": 0.08}, part=0.6, jaw=0.9, restless=1.8, blinks=1.15, head=(-0.05, 0.02, 0), lively=0.9),
    "disgusted": Emotion(pause={"mouthShrugUpper": 0.12}, jaw=0.95, lids=0.06, gaze=(0.03, 0.05), head=(-0.05, 0.10, 0.04), lively=0.85),
    "contemptuous": Emotion(
        pause={"mouthPressRight": 0.12},
        jaw=0.9,
        lids=0.14,
        gaze=(0.05, -0.03),
        restless=0.8,
        blinks=0.85,
        head=(-0.08, 0.05, -0.06),
        lively=0.8,
    ),
}
# How much of a feeling is suppressed in rounded lips.
YIELDS = {"mouthSmile": 0.7, "mouthStretch": 0.75, "mouthDimple": 0.7, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "mouthFrown": 0.3}
INERTIA = 3.5  # frames: a face takes about half a second from one feeling to the next
FACES = np.array([face(poses.EMOTIONS[name]) for name in LABELS])  # [8, 52]
PARTED = [k for name in poses.PARTED for k in columns(name)]
PAUSES = np.array([face(EMOTIONS[name].pause) for name in LABELS])  # [8, 52]


def weights(emotion, strength, T):
    """[T, 8] how much of each emotion: from a label, or an array [T, 8] for a timeline, times strength (number or [T]); smoothed,
    because no face changes suddenly."""
    if isinstance(emotion, str):
        if emotion not in LABELS:
            raise UtterError(f"{emotion!r} is no emotion; choose one of {', '.join(LABELS)}.")
        share = np.tile(np.eye(len(LABELS))[LABELS.index(emotion)], (T, 1))
    else:
        share = np.array(emotion, float)
        if share.shape != (T, len(LABELS)):
            raise UtterError(f"An emotion is a label or weights of shape [{T}, {len(LABELS)}], not {share.shape}.")
    share = share * np.clip(np.broadcast_to(np.asarray(strength, float), (T,)), 0, 1)[:, None]
    return gaussian_filter1d(share, INERTIA, axis=0, mode="nearest")


def blend(share, field_name, neutral):
    """A gain or offset of the emotions, [T] or [T, n], as far from neutral as the shares [T, 8] say."""
    values = np.array([getattr(EMOTIONS[name], field_name) for name in LABELS], float)
    return neutral + share @ (values - neutral)


def layer(share, speaking, energy, style, rng):
    """The feeling's own actions [T, 52]: a pose that is held, grows with the voice's loudness and comes in waves.

    speaking [T]: 0 while the mouth rests, 1 in speech. Waves rise in about 0.5 s and fade in about 1 s.
    """
    T = len(share)
    wave = np.zeros(T)
    t = np.arange(T) / FPS
    at = rng.uniform(-2, 1)
    while at < T / FPS:
        hold, size = rng.uniform(0.4, 2.0), rng.uniform(0.3, 1)
        rise, fall = rng.uniform(0.3, 0.6), rng.uniform(0.6, 1.2)
        np.maximum(wave, size * np.clip(np.minimum((t - at) / rise, (at + rise + hold + fall - t) / fall), 0, 1), out=wave)
        at += rise + hold + fall + rng.uniform(0.2, 2.5)
    loud = gaussian_filter1d(energy, 6, mode="nearest")
    swell = 0.72 + 0.28 * gaussian_filter1d(wave, 4, mode="nearest") + 0.16 * (loud - loud.mean()) * speaking
    total = share.sum(1, keepdims=True)
    held = share @ FACES
    held[:, PARTED] *= poses.parting(total) / np.maximum(total, 1e-6)
    pose = held + (1 - speaking)[:, None] * (share @ PAUSES)
    return np.clip(pose * style.mix * style.expression * swell[:, None], 0, 1)


def join(speech, feeling, speaking):
    """Speech and feeling in one face, [T, 52].

    Speech decides what the mouth does: rounded lips drop the smile and whatever else spreads or bares them, and lose little of
    their own; the feeling's jaw yields to the voice's.
    """
    smile = (feeling[:, INDEX["mouthSmileLeft"]] + feeling[:, INDEX["mouthSmileRight"]]) / 2
    stretch = feeling[:, INDEX["mouthStretchLeft"]]
    speech, feeling = speech.copy(), feeling.copy()
    rounded = [INDEX["mouthFunnel"], INDEX["mouthPucker"]]
    roundness = np.clip(1.5 * speech[:, rounded].sum(1), 0, 1)
    speech[:, rounded] *= (1 - 0.12 * np.maximum(smile, stretch))[:, None]
    for name, give in YIELDS.items():
        feeling[:, columns(name)] *= 1 - give * roundness[:, None]
    feeling[:, INDEX["jawOpen"]] *= 1 - 0.5 * speaking
    return 1 - (1 - np.clip(speech, 0, 1)) * (1 - np.clip(feeling, 0, 1))
