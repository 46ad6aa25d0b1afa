"""Loudness and melody, as Content has them: measured from a recording, or invented from the rhythm of the phones alone.

Prosody is [Tc, 3] at 50 Hz: energy (log loudness, 0 to 1), voicing (0 to 1), f0 (octaves from the speaker's median, 0 where
unvoiced).
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from contract import FPS
from model_runtime.speech.content import FPS as CONTENT_FPS
from model_runtime.speech.features import prosody
from model_runtime.speech.phones import VOWELS
from model_runtime.training.teacher.phones import name, stress

__all__ = ["accents", "on_frames", "prosody", "rhythm"]

SONORANT = {"M", "N", "NG", "L", "R", "W", "Y"}
VOICED = {"B", "D", "G", "V", "DH", "Z", "ZH", "JH"}


def rhythm(phones, rng):
    """Prosody float32 [Tc, 3] invented for phones without sound: loudness by phone class and stress; F0 that declines over a
    phrase with bumps on some stressed vowels (the shapes of Pierrehumbert 1981: declination and accents)."""
    t = np.arange(int(phones[-1][1] * CONTENT_FPS) + 1) / CONTENT_FPS
    energy, voicing, f0 = np.zeros(len(t)), np.zeros(len(t)), np.zeros(len(t))
    phrase = 0.0
    for start, end, label in phones:
        phone = name(label)
        if phone == "sil":
            phrase = end if end - start > 0.15 else phrase
            continue
        inside = (t >= start - 0.01) & (t < end + 0.01)
        fall = np.clip((start - phrase) / 4, 0, 1)
        if phone in VOWELS:
            weight = stress(label)
            energy[inside] = 0.86 + 0.12 * (weight - 0.5) + 0.06 * rng.standard_normal() - 0.10 * fall
            f0 += 0.30 * weight * rng.uniform(0, 1.4) * np.exp(-(((t - (start + end) / 2) / 0.12) ** 2))
        else:
            level = 0.76 if phone in SONORANT else 0.55
            energy[inside] = np.maximum(energy[inside], level + 0.04 * rng.standard_normal() - 0.10 * fall)
        if phone in VOWELS or phone in SONORANT or phone in VOICED:
            voicing[inside] = 0.95 if phone not in VOICED else 0.7
            f0[inside] += 0.12 - 0.40 * fall
    energy = np.clip(gaussian_filter1d(energy, 1.2), 0, 1)
    return np.stack([energy, voicing, np.where(voicing > 0.5, f0, 0)], 1).astype(np.float32)


def on_frames(given, phones, T, rng):
    """(energy [T], f0 [T]) at 30 fps. given: prosody [Tc, 3]; a dict of `energy`, `f0`, `fps`; or None: the phones' rhythm."""
    if given is None:
        given = rhythm(phones, rng)
    if not isinstance(given, dict):
        given = {"energy": np.asarray(given)[:, 0], "f0": np.asarray(given)[:, 2], "fps": CONTENT_FPS}
    energy, f0 = np.asarray(given["energy"], float), np.asarray(given["f0"], float)
    here = np.arange(T) / FPS * float(given["fps"])
    nearest = np.clip(np.rint(here).astype(int), 0, len(f0) - 1)
    return np.interp(here, np.arange(len(energy)), energy), f0[nearest]


def accents(phones, energy, f0, rng):
    """The vowels that stand out: [(time, weight 0..1), ...], at least 0.3 s apart, in order.

    A vowel stands out by its stress, its loudness and its F0 against the other vowels of the clip.
    """
    vowels = [(start, end, label) for start, end, label in phones if name(label) in VOWELS]
    if not vowels:
        return []
    middle = np.array([(start + end) / 2 for start, end, _ in vowels])
    frame = np.clip((middle * FPS).astype(int), 0, len(energy) - 1)
    melody = gaussian_filter1d(f0, 1.5)

    def standing(x):
        return (x - x.mean()) / (x.std() + 1e-6)

    score = (
        0.6 * standing(energy[frame])
        + 0.6 * standing(melody[frame])
        + 1.4 * (np.array([stress(label) for *_, label in vowels]) - 0.5)
        + 0.25 * rng.standard_normal(len(vowels))
    )
    chosen = []
    for i in np.argsort(-score):
        if score[i] > 0.5 and all(abs(middle[i] - middle[j]) > 0.3 for j in chosen):
            chosen.append(i)
    return [(vowels[i][0], float(np.clip(score[i] / 2.2, 0.2, 1))) for i in sorted(chosen)]
