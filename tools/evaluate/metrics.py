"""What the papers measure of a facial motion, as pure functions on arrays.

Vertices are [T, V, 3] in millimetres with the head at rest. Papers and their code differ in squares and signs; here every
distance is Euclidean and never squared, and every docstring names unit and sign.
"""

from itertools import combinations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

BEAT = 0.1  # seconds: how far apart a movement and an accent may be, standard deviation
CALM = 0.07  # seconds


def lip_errors(lips, true):
    """Of every frame the largest error of a lip vertex, [T] mm. Its mean over all frames is the lip vertex error LVE (Richard et
    al. 2021, MeshTalk; FaceFormer and CodeTalker report it squared, in square metres). Less is better."""
    return np.linalg.norm(lips - true, axis=2).max(1)


def mean_errors(vertices, true):
    """Of every frame the mean error of a vertex, [T] mm. Its mean over all frames is the mean vertex error MVE (Wu et al. 2024,
    ProbTalk3D) and, on lip landmarks, their distance LMD (Chen et al. 2018, there in pixels). Less is better."""
    return np.linalg.norm(vertices - true, axis=2).mean(1)


def dynamics_deviation(upper, true, neutral):
    """Upper-face dynamics deviation FDD (Xing et al. 2023, CodeTalker): mean over the vertices of std(|motion of the truth|)
    - std(|motion|) over time, mm; motion is away from neutral [V, 3]. Signed as published: + is too little movement, - too
    much; 0 is best. (CodeTalker's code squares the motion before the std.)"""
    spread = lambda vertices: np.linalg.norm(vertices - neutral, axis=2).std(0)
    return float((spread(true) - spread(upper)).mean())


def mean_estimate_errors(samples, true):
    """lip_errors [T] mm of the mean of n samples [n, T, V, 3]: mean estimate error MEE (Yang et al. 2024; ProbTalk3D)."""
    return lip_errors(np.mean(samples, 0), true)


def coverage_errors(samples, true):
    """lip_errors [T] mm of the best of n samples [n, T, V, 3], the one nearest over the whole clip: coverage error CE (Yang et
    al. 2024; ProbTalk3D). Never more than LVE."""
    return min((lip_errors(sample, true) for sample in samples), key=np.sum)


def diversity(samples):
    """Mean distance of two of n samples [n, T, V, k], over pairs, frames and vertices, in the samples' unit (ProbTalk3D, which
    pairs each sample once; here all pairs). 0: every sample is the same."""
    return float(np.mean([np.linalg.norm(a - b, axis=-1).mean() for a, b in combinations(samples, 2)]))


def agreement(curves):
    """Mean Pearson r over all pairs of n curves [n, T]."""
    r = np.corrcoef(curves)
    return float(np.mean([r[i, j] for i, j in combinations(range(len(r)), 2)]))


def lagged(curve, true, lags=range(-2, 3)):
    """{lag: Pearson r} of a curve [T] with the true one [T]; at lag k curve[i] meets true[i + k]: + is a curve that is early."""
    curve, true = np.asarray(curve, float), np.asarray(true, float)
    T = min(len(curve), len(true))
    return {k: float(np.corrcoef(curve[max(0, -k) : T - max(0, k)], true[max(0, k) : T + min(0, k)])[0, 1]) for k in lags}


def blinks(lids, fps):
    """Times of the blinks in lids [T] (0 open to 1 shut), seconds: peaks of at least 0.5 that stand out by at least 0.3, so that
    a lid that droops or follows the gaze down does not count."""
    lids = np.r_[0.0, lids, 0.0]
    return (find_peaks(lids, height=0.5, prominence=0.3)[0] - 1) / fps


def accents(energy, f0, fps):
    """Times of a voice's beats, seconds: peaks of loudness [T] (0 to 1) that stand out by 0.1, and peaks of pitch [T] (octaves, 0
    where unvoiced) that stand out by 0.15, at least 0.2 s apart; of two that are nearer the louder one stays."""
    voiced = np.flatnonzero(f0)
    melody = np.interp(np.arange(len(f0)), voiced, f0[voiced]) if len(voiced) else np.zeros(len(f0))
    far = max(1, round(0.2 * fps))
    beats = np.union1d(find_peaks(energy, prominence=0.1, distance=far)[0], find_peaks(melody, prominence=0.15, distance=far)[0])
    kept = []
    for beat in sorted(beats, key=lambda i: -energy[i]):
        if all(abs(beat - other) >= far for other in kept):
            kept.append(beat)
    return np.sort(np.array(kept, float)) / fps


def movement_beats(motion, fps):
    """Times where a motion [T, k] comes to rest: local minima of its speed, seconds (kinematic beats, Li et al. 2021, AIST++);
    after a Gaussian of CALM seconds, those that stand out by half of the mean speed: a tremor is no beat."""
    speed = np.linalg.norm(np.diff(gaussian_filter1d(motion, CALM * fps, axis=0), axis=0), axis=1)
    return (find_peaks(-speed, prominence=speed.mean() / 2)[0] + 0.5) / fps


def beat_consistency(beats, movements):
    """Mean over the voice's beats of exp(-d^2 / 2 BEAT^2), d seconds to the nearest movement beat: 0 to 1, more is better (Park
    and Cho 2024, SAiD). Frequent movements score by chance: compare with movements at other times."""
    if not len(beats) or not len(movements):
        return 0.0
    nearest = np.abs(np.asarray(beats)[:, None] - np.asarray(movements)).min(1)
    return float(np.exp(-(nearest**2) / (2 * BEAT**2)).mean())


def action_spread(actions):
    """Mean over actions [T, n] (0 to 1) of the standard deviation over time: AU-std. More is livelier; the teacher's is
    the goal."""
    return float(np.std(actions, 0).mean())


def cosine(a, b):
    """Emo-sim of two points of the space of feelings: 1 is the same feeling."""
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))
