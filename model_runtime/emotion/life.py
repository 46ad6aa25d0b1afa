"""How a feeling that was asked for lives: it comes, swells and ebbs with what is said, where a steady one is a mask.

The generator makes of a steady Feeling the mean of what people might do with it, so the waves are in the Feeling that it is given.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from contract import FPS
from model_runtime.emotion.labels import CONTROL, POINT
from model_runtime.speech.content import PROSODY

NEAR = 0.45  # seconds: a wave waits for an accent that is no further away
# Of a feeling's strength, between its waves and at their height. Four dev clips, draft, seven emotions at full strength: how much their
# own actions vary over time as a share of their mean (the teacher's .41), and that mean (asked .60): .35 and .66; .16 and .76 without
# waves; .29 and .70 with (.25, 1.5), .37 and .65 with (0, 1.5). Strengths above 1 keep to the prototypes (cosine .86 and more).
EBB, FLOOD = 0.1, 1.4
HELD = 0.5  # how much less of the waves who holds a feeling back has
BREATH = 0.35  # how far loudness moves it
SMOOTH, APART, STANDS_OUT = 8, round(0.3 * FPS), 0.05  # of accents: frames that are smoothed over and lie between, and their prominence


def surges(u, accents, rng):
    """A wave [T], 0 to 1, of times u [T] (seconds, as fast as the feeling goes): it comes in 0.2 to 0.5 s, stays, and goes in about
    1 s, at a moment of the accents (their u, which rise) where one is near."""
    wave, at, accents = np.zeros(len(u)), u[0] - rng.uniform(0, 2.5), np.asarray(accents, float)
    while at < u[-1]:
        first = int(np.searchsorted(accents, at - NEAR, "right"))
        at = accents[first] - 0.1 if first < len(accents) and accents[first] < at + NEAR else at
        rise, hold, fall = rng.uniform(0.2, 0.5), rng.uniform(0.1, 0.9), rng.uniform(0.6, 1.3)
        own = slice(*np.searchsorted(u, (at - rise, at + hold + fall)))
        ramp = np.clip(np.minimum((u[own] - at + rise) / rise, (at + hold + fall - u[own]) / fall), 0, 1)
        wave[own] = np.maximum(wave[own], rng.uniform(0.5, 1) * (0.5 - 0.5 * np.cos(np.pi * ramp)))
        at += hold + rng.uniform(0.5, 1) * fall + rng.uniform(0.1, 0.9)
    return wave


def alive(feeling, prompted, content, seed):
    """feeling [T, 130] in waves where it was asked for: prompted [T], 0 to 1; content [T, 59] at 30 fps, whose loud moments they come with;
    another seed, other waves. What the voice itself feels goes its own way, and control and the mouth's share stay."""
    prompted = np.broadcast_to(prompted, len(feeling))
    if not prompted.any():
        return feeling
    loud = gaussian_filter1d(content[:, PROSODY.start].astype(float), SMOOTH / 2, mode="nearest")
    accents = find_peaks(loud, distance=APART, prominence=STANDS_OUT)[0] / FPS
    wave = surges(np.arange(len(feeling)) / FPS, accents, np.random.default_rng([abs(seed), 7]))
    breath = gaussian_filter1d(loud, SMOOTH, mode="nearest")
    share = EBB + (FLOOD - EBB) * wave + BREATH * (breath - breath.mean())
    still = HELD * np.clip(-feeling[:, CONTROL] / np.maximum(np.linalg.norm(feeling[:, POINT], axis=1), 1e-6), 0, 1)
    share = share + still * (share.mean() - share)
    out = np.array(feeling)
    out[:, POINT] *= (1 + prompted * (np.maximum(share, 0.1) - 1))[:, None].astype(np.float32)
    return out
