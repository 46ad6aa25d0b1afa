"""Brows, eyes and lids: raises on what is stressed, blinks, and a gaze that jumps and then rests.

Measured over 265 neutral performances of GRID sentences: 0.38 blinks a second, in a clip's first two seconds as later.
Calibrated on ../shared/data/arkit_rom (67 blinks): the lid shuts in two frames (in six of
seven) and mostly opens in three to five; lids fall by 0.28 and 0.77 per radian of downward gaze in the two takes; inner and outer
brows rise as one (r 0.98) and both sides alike, in 0.13 to 0.3 s, at up to 3 a second.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from contract import FPS
from model_runtime.training.teacher.layout import columns

CLOSE, OPEN = 0.050, 0.100  # seconds a lid takes to shut and to open
SHUT = 0.034  # ... and stays shut, so that one frame at 30 fps sees it
REFRACTORY = 1.5  # seconds before the next blink
DOUBLE = 0.15  # share of blinks that are double
COUPLED = 0.4  # seconds: a blink waits that long for a saccade or a pause, or comes that much earlier
REACH = np.array([0.40, 0.55])  # radians, the farthest an eye turns: pitch, yaw; its look actions at 1


def wander(rng, T, hertz):
    """Smooth noise [T] of unit variance with almost no power above that frequency: Gaussian-filtered white noise."""
    sigma = FPS / (2 * np.pi * hertz)
    pad = int(4 * sigma) + 1
    noise = gaussian_filter1d(rng.standard_normal(T + 2 * pad), sigma, mode="wrap")
    return noise[pad : pad + T] * np.sqrt(2 * np.sqrt(np.pi) * sigma)


def brows(found, T, style, lively, rng):
    """Brow actions [T, 52] from accents [(time, weight)]: raises that lead the accent a little, and slow drift.

    Raises go with accents (Flecha-Garcia 2010: 60 ms before them on average); their size follows the accent's weight.
    """
    out = np.zeros((T, 52))
    t = np.arange(T) / FPS
    raise_, lower = np.zeros(T), np.zeros(T)
    for at, weight in found:
        if rng.uniform() > style.brow_rate * (0.5 + weight):
            continue
        rise, hold, fall = style.brow_seconds * rng.uniform(0.8, 1.3), rng.uniform(0.05, 0.35), rng.uniform(0.25, 0.6)
        begin = at - 0.06 - 0.7 * rise + 0.03 * rng.standard_normal()
        ramp = np.clip(np.minimum((t - begin) / rise, (begin + rise + hold + fall - t) / fall), 0, 1)
        bump = (0.5 - 0.5 * np.cos(np.pi * ramp)) * weight * rng.uniform(0.35, 0.85)
        if rng.uniform() < 0.15:
            lower = np.maximum(lower, 0.7 * bump)
        else:
            raise_ = np.maximum(raise_, bump)
    drift = 0.05 * wander(rng, T, 0.3)
    gain = style.brows * lively
    for name, share in (("browInnerUp", 0.85), ("browOuterUp", 1.0)):
        out[:, columns(name)] = np.clip(gain * (share * raise_ + np.maximum(drift, 0)), 0, 0.85)[:, None]
    out[:, columns("browDown")] = np.clip(gain * (lower + np.maximum(-drift, 0)), 0, 0.7)[:, None]
    out[:, columns("eyeWide")] = np.clip(0.25 * gain * raise_, 0, 0.3)[:, None]
    return out


def blinks(T, rate, moments, rng):
    """A lid's blinks [T], 0 open to 1 shut. rate [T]: blinks a second. moments: times, in order, to which the next blink moves.

    Intervals are log-normal after a refractory 1.5 s; 50 ms to shut, 100 ms to open; 15 % are double. The series starts long
    before the clip, so that its first second is like any other.
    """
    lid, t = np.zeros(T), np.arange(T) / FPS

    def mean_wait(moment):
        here = rate[min(max(int(moment * FPS), 0), T - 1)] / (1 + DOUBLE)
        return max(1 / max(here, 0.02) - REFRACTORY, 0.3)

    at = -rng.uniform(20, 25)
    while at < T / FPS:
        for start in [at] + [at + rng.uniform(0.25, 0.4)] * (rng.uniform() < DOUBLE):
            ramp = np.minimum((t - start) / CLOSE, (start + CLOSE + SHUT + OPEN * 1.3 - t) / (OPEN * 1.3))
            depth = 1.0 if rng.uniform() < 0.93 else rng.uniform(0.6, 0.9)
            lid = np.maximum(lid, depth * np.sin(np.pi / 2 * np.clip(ramp, 0, 1)))
        wait = mean_wait(at) * np.exp(0.6 * rng.standard_normal() - 0.18)
        due = at + REFRACTORY + wait
        near = [moment for moment in moments if abs(moment - due) < COUPLED] if due > COUPLED else []
        at = max(min(near, key=lambda moment: abs(moment - due)), at + REFRACTORY) if near else due
    return lid


def gaze(T, style, restless, offset, head, rng):
    """Eyes [T, 4] (left pitch, left yaw, right pitch, right yaw; radians) and the times of the big saccades.

    Fixations last 0.3 s and more (log-normal); most look at the listener's face, some aside. The eyes turn against the
    head [T, 3], so that gaze rests while the head moves (the vestibulo-ocular reflex, gain 0.9).
    """
    pitch, yaw, big, at = np.zeros(T), np.zeros(T), [], 0.0
    aside = False
    previous = np.zeros(2)
    while at < T / FPS:
        aside = rng.uniform() > (style.contact if not aside else 0.75)
        if aside:
            up = rng.choice([-0.06, 0.10]) + 0.05 * rng.standard_normal()
            goal = np.array([up, rng.choice([-1, 1]) * rng.uniform(0.09, 0.26)])
            stay = 0.35 + 0.5 * np.exp(0.4 * rng.standard_normal())
        else:
            goal = np.array([0.022, 0.03]) * rng.standard_normal(2) + [0.01, 0]
            stay = 0.3 + 0.9 * np.exp(0.6 * rng.standard_normal())
        i = int(at * FPS)
        pitch[i:], yaw[i:] = goal
        if np.abs(goal - previous).max() > 0.1 and i:
            big.append(at)
        previous = goal
        at += stay / max(restless[min(i, T - 1)], 0.2)
    kernel = np.array([0.55, 0.35, 0.1])  # a saccade takes one to three frames

    def settle(x):
        return np.convolve(np.r_[x[:1], x[:1], x], kernel, "valid")

    slow = gaussian_filter1d(head, 1, axis=0, mode="nearest") - 0.3 * head.mean(0)

    pitch = settle(pitch) + offset[:, 0] - 0.9 * slow[:, 0] + 0.004 * wander(rng, T, 2)
    yaw = settle(yaw) + offset[:, 1] - 0.9 * slow[:, 1] + 0.004 * wander(rng, T, 2)
    eye = np.clip(np.stack([pitch, yaw], 1), -REACH, REACH)
    return np.concatenate([eye, eye], 1), big


def lids(blink, eyes, droop, wide):
    """Lids [T, 2]: blinks added to a lid that follows the gaze down (about 0.3 shut at 0.35 rad) and droops or widens."""
    base = np.clip(np.maximum(eyes[:, 0], 0) * 0.9 + droop - 0.3 * wide, 0, 0.6)
    lid = base + (1 - base) * blink
    return np.stack([lid, lid], 1)
