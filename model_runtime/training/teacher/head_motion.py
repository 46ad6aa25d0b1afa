"""The head in talk: slow sway, responses to melody and loudness, nods on accents, breath.

People differ in how much they move (styles.py): on film (../shared/data/grid_film, three who read calmly) the head turns at 2.9, 3.3 and
5.0 degrees a second and strays 0.2 to 1 degrees within three seconds, but 1 to 2 between clips, so it mostly rests in a posture and drifts.
Over 265 performances of the same sentences the speed is 5.2 in the median, 2.2 to 14 in nine of ten (before it was fitted: 15; 7 to
30 in sixty); ten seeds hold s1's speed in 13 of 15 clips, s26's in 14, s31's in all. The neck's standard deviation over them is 5.0 5.7
4.1 degrees about x, y, z (SD asks for 6 7 5), and 99 % of its speeds lie below 34.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from contract import FPS
from model_runtime.training.teacher.upper_face import wander

SD = np.radians([6.0, 7.0, 5.0])  # about x, y, z over many performances (ANCHORS)
FARTHEST = 2.3  # in SDs, before the feeling's own posture
LAG = 1  # frames: about 30 ms behind the voice
POSTURE, SWAY, MIDDLE = 0.75, 1.0, 0.3  # shares of SD: a performance's own posture, slow drift, and livelier movement


def neck(found, energy, f0, speaking, style, lively, posture, rng, pace=1.0):
    """Neck axis-angle [T, 3], radians; +x looks down, +y to the subject's left.

    found: accents; energy, f0, speaking, lively [T]; posture [T, 3] of the feeling; pace [T]: how fast it sways, 1 as people do. F0 lifts the head and moves it aside
    (Munhall et al. 2004: F0 and loudness explain most of the head's movement in talk); nods come down on accents.
    """
    T = len(energy)
    t = np.arange(T) / FPS
    voiced = np.abs(f0) > 1e-6
    melody = np.interp(np.arange(T), np.flatnonzero(voiced), f0[voiced]) if voiced.any() else np.zeros(T)
    loud = (energy - energy.mean()) / (energy.std() + 1e-6)
    voice = np.stack([gaussian_filter1d(melody, 3, mode="nearest") / 0.25, gaussian_filter1d(loud, 4, mode="nearest")], 1)
    answers = np.roll(voice, LAG, 0) @ style.sway.T * (0.3 + 0.7 * speaking[:, None])
    still = POSTURE * rng.standard_normal(3) * SD
    when = np.cumsum(np.broadcast_to(pace, (T,))) - 1
    sway = lambda hertz: np.interp(when, np.arange(int(when[-1]) + 2), wander(rng, int(when[-1]) + 2, hertz))
    slow = np.stack([sway(hertz) for hertz in (0.10, 0.09, 0.08)], 1) * SWAY * SD
    middle = np.stack([sway(hertz) for hertz in (0.8, 0.7, 0.7)], 1) * MIDDLE * SD
    nods = np.zeros(T)
    for at, weight in found:
        if rng.uniform() < style.nod_rate * (0.5 + weight):
            down, up = rng.uniform(0.1, 0.18), rng.uniform(0.2, 0.4)
            size = weight * rng.uniform(0.025, 0.07)
            ramp = np.clip(np.minimum((t - at + 0.7 * down) / down, (at + 0.3 * down + up - t) / up), 0, 1)
            nods += size * (0.5 - 0.5 * np.cos(np.pi * ramp))
    breath = 0.006 * np.sin(2 * np.pi * (rng.uniform(0.2, 0.3) * t + rng.uniform()))
    moving = answers + middle * (0.35 + 0.65 * speaking[:, None])
    moving[:, 0] += nods
    out = still + style.head * lively[:, None] * ((0.6 + 0.4 * speaking.mean()) * slow + moving)
    out = FARTHEST * SD * np.tanh(out / (FARTHEST * SD)) + posture  # talk does not bring the head to the shoulder
    out[:, 0] += breath
    return np.clip(gaussian_filter1d(out, 1.0, axis=0, mode="nearest"), -0.5, 0.5)
