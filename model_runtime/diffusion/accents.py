"""What a face does on a word that is stressed: the brows rise, the head nods, the vowel is wider.

Stress in the voice moves the generator little (a pitch higher by half an octave: brows by .05, the nod by .5 degrees, the jaw by .05 to .1,
over two lines and four seeds each), so the voice is taken to be so, for the mouth, and the gesture that actors make is laid over it:
as large as the teacher's large ones (model_runtime/training/teacher/upper_face.py, head_motion.py), which lead the word a little.
"""

import numpy as np

from contract import ACCENT, ACTIONS, CHANNELS, EXPRESSION, FPS, NECK
from model_runtime.diffusion.pins import to_nearest
from model_runtime.emotion.timeline import passage_weight, strength_at
from model_runtime.flame.regions import part
from model_runtime.speech import content as layout

HIGHER, LOUDER, WIDER = 0.5, 0.25, 0.5  # of the word in Content: octaves, share of loudness, share of the mouth curves
BROWS = {"browInnerUp": 0.3, "browOuterUpLeft": 0.35, "browOuterUpRight": 0.35}
NOD = 0.06  # radians
RISE, FALL = 0.2, 0.4  # seconds: of brows, before and after the word
DOWN, UP = 0.14, 0.3  # of the nod, about the middle of the word
CLEAR = 8  # frames beside an artist's keys in which there is none of it
GAP, JAW, ENERGY, VOICING, F0 = (layout.NAMES.index(name) for name in ("gap", "jaw", "energy", "voicing", "f0"))


def stressed(content, gestures):
    """Content [T, 59] at 30 fps with the accents among Passages: such words are higher, louder and wider."""
    accents = [passage for passage in gestures if passage.gesture == ACCENT]
    if not accents:
        return content
    content, T = content.copy(), len(content)
    how = np.max([strength_at(T, FPS, each) * passage_weight(T, FPS, each.start, each.end, *each.fades) for each in accents], axis=0)
    content[:, F0] += HIGHER * how * content[:, VOICING]
    content[:, ENERGY] = np.minimum(content[:, ENERGY] + LOUDER * how * content[:, VOICING], 1)
    for column in (GAP, JAW):
        content[:, column] += WIDER * how * np.maximum(content[:, column], 0)
    return content


def gesture(head, gestures, frames, pins=()):
    """The change [frames, 65] of Motion on the built-in head that the accents among Passages are, or None; none beside Pins."""
    accents = [passage for passage in gestures if passage.gesture == ACCENT]
    if not accents:
        return None
    time = np.arange(frames) / FPS
    brows, nod = np.zeros(frames), np.zeros(frames)
    for each in accents:
        middle, strength = (each.start + each.end) / 2, strength_at(frames, FPS, each)
        brows = np.maximum(brows, strength * bump(time, each.start - RISE, RISE, each.end + FALL, FALL))
        nod = np.maximum(nod, strength * bump(time, middle - 0.7 * DOWN, DOWN, middle + 0.3 * DOWN + UP, UP))
    free = clear_of(pins, frames)
    change = np.zeros((frames, CHANNELS), np.float32)
    shape = sum(amount * head.actions_motion[ACTIONS.index(name), EXPRESSION] for name, amount in BROWS.items())
    change[:, EXPRESSION] = np.outer(brows * free, shape)
    change[:, NECK.start] = NOD * nod * free
    return change


def within(change, head, regions, weight):
    """That change [T, 65] in regions alone, by a weight [T]."""
    return change @ part(head, regions) * weight[:, None]


def bump(time, begin, rise, end, fall):
    """[T]: rises within `rise` seconds from begin on, is 1, and has fallen in `fall` seconds by end."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum((time - begin) / rise, (end - time) / fall), 0, 1))


def clear_of(pins, frames):
    """[frames]: 0 at frames that Pins hold, rising to 1 CLEAR frames beside them."""
    held = np.zeros(frames, bool)
    for each in pins:
        if each is not None:
            held |= each.mask.any(1)
    at = np.flatnonzero(held)
    if not len(at):
        return np.ones(frames)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(to_nearest(at, np.arange(frames)) / CLEAR, 0, 1))
