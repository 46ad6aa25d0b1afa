"""What a face does where a sound is heard that is no word (hearing.SOUNDS): it feels what such sounds come of, let go, with all of the
mouth; the mouth opens in the rhythm of loudness, and no lips meet. The generator performs this as any feeling and any Content.
"""

from typing import NamedTuple

import numpy as np

from contract import FPS, SOUND_NAMES, Passage
from model_runtime.emotion.hearing import SOUNDS
from model_runtime.emotion.labels import LABELS, POINT, feeling
from model_runtime.emotion.timeline import passage_weight, strength_at
from model_runtime.speech import content as layout
from model_runtime.speech.phones import ARTICULATORY, MADE_WITH, PHONES

GAP, WIDTH, JAW, ENERGY = (layout.NAMES.index(name) for name in ("gap", "width", "jaw", "energy"))
SEEN = 0.3  # of a sound: from here on the face shows it
MANY = 5  # sounds that a sentence names
SAID = slice(0, layout.ARTICULATORY.stop)


class Gesture(NamedTuple):
    """felt: shares of LABELS; strength 0 to 1; loud, soft: the phones that the sound is like where it is loudest, and where it is silent;
    opens, width: of the mouth where it is loudest, rests: where it is silent, in standard deviations of the mouth curves."""

    felt: dict[str, float]
    strength: float
    loud: str
    soft: str
    opens: float
    rests: float
    width: float


GESTURES = {
    "laugh": Gesture({"happy": 1.0}, 0.9, "AA", "HH", 2.5, 0.5, 1.5),
    "sob": Gesture({"sad": 1.0}, 0.9, "AH", "HH", 1.2, 0.0, 0.5),
    "sigh": Gesture({"neutral": 0.5, "sad": 0.5}, 0.5, "AH", "HH", 1.0, 0.3, -0.3),
    "gasp": Gesture({"surprised": 1.0}, 0.8, "AA", "AH", 2.2, 1.0, -0.3),
    "scream": Gesture({"afraid": 0.8, "surprised": 0.2}, 1.0, "AA", "AA", 4.0, 1.0, 0.5),
    "groan": Gesture({"sad": 0.4, "angry": 0.3, "disgusted": 0.3}, 0.7, "UH", "UH", 0.8, 0.0, 0.5),
}
assert tuple(GESTURES) == SOUNDS[1:] == tuple(SOUND_NAMES)


def felt(base, sounds, feelings, mouth=0.0):
    """base [T, 130], sounds [T, 6] as Feelings.sounds gives them -> the Feeling [T, 130] with those sounds in it. mouth: -1 to 1, what is
    asked for of all."""
    how = sounds.sum(1, keepdims=True)
    if not how.any():
        return base
    points = np.stack([row(gesture, feelings, min(1.0, 1.0 + mouth)) for gesture in GESTURES.values()])
    return ((1 - how) * base + sounds @ points).astype(np.float32)


def asked(gestures: list[Passage], frames: int) -> np.ndarray:
    """Passages with gestures -> [frames, 6]: how much of each sound that is no word they ask for."""
    found = np.zeros((frames, len(GESTURES)), np.float32)
    for passage in gestures:
        if passage.gesture in GESTURES:
            column = found[:, list(GESTURES).index(passage.gesture)]
            weight = passage_weight(frames, FPS, passage.start, passage.end, *passage.fades)
            np.maximum(column, strength_at(frames, FPS, passage) * weight, out=column)
    return joined(np.zeros_like(found), found)


def joined(heard, wanted):
    """The larger of two [T, 6], all six together 1 at most."""
    if not wanted.any():
        return heard
    both = np.maximum(heard, wanted)
    return both / np.maximum(both.sum(1, keepdims=True), 1)


def row(gesture, feelings, mouth):
    """The Feeling [130] of a Gesture: let go."""
    shares = np.array([gesture.felt.get(name, 0.0) for name in LABELS], np.float32)
    return feeling(feelings.point(shares)[POINT] * gesture.strength, gesture.strength, mouth)


def opened(content, sounds):
    """Content [T, 59] at the frames of sounds [T, 6] -> with the mouth of those sounds."""
    how = sounds.sum(1)
    if not how.any():
        return content
    content = content.copy()
    loud = content[:, ENERGY]
    opens, rests, width = (sounds @ np.array([getattr(g, name) for g in GESTURES.values()]) for name in ("opens", "rests", "width"))
    content[:, SAID] *= (1 - how)[:, None]
    for amount, gesture in zip(sounds.T, GESTURES.values()):
        content[:, SAID] += np.outer(amount * loud, said(gesture.loud)) + np.outer(amount * (1 - loud), said(gesture.soft))
    for column in (GAP, JAW):
        content[:, column] = (1 - how) * content[:, column] + rests + (opens - rests) * loud
    content[:, WIDTH] = (1 - how) * content[:, WIDTH] + width * loud
    return content.astype(np.float32)


def sentence(sounds):
    """What is heard in sounds [T, 6], for the artist: "Heard: a laugh at 2.4 s, a sob at 5.0 s."; "" where there is none."""
    which = np.where(sounds.max(1) > SEEN, sounds.argmax(1), -1)
    starts = [t for t in np.flatnonzero(which >= 0) if t == 0 or which[t - 1] != which[t]]
    heard = [f"a {SOUNDS[1 + which[t]]} at {t / FPS:.1f} s" for t in starts]
    more = f" and {len(heard) - MANY} more" if len(heard) > MANY else ""
    return f"Heard: {', '.join(heard[:MANY])}{more}." if heard else ""


def said(phone):
    """Columns SAID of Content where a phone is certain."""
    made = np.array([name in MADE_WITH[phone] for name in ARTICULATORY])
    return np.concatenate([np.array(PHONES) == phone, made]).astype(np.float32)
