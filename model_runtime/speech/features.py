"""What is measured of a sound before anything is learned: loudness, voicing and pitch at 50 Hz.

Everything here takes float32 [N] at 16 kHz and works block by block, so that an hour needs little more memory than a minute.
"""

import numpy as np

from model_runtime.audio import RATE
from model_runtime.speech.content import HOP, frames_of

FLOOR = 1e-10  # of power, so that digital silence has a logarithm
BLOCK = 10 * RATE  # samples worked on at once
PITCH_RANGE = 60.0, 500.0  # Hz
RANGE_DB = 50.0  # `energy` is 1 at the voice's loud level and 0 this far below


def cut(samples, start, stop):
    """samples[start:stop], which may begin before the voice and end after it; what lies outside is silence."""
    inside = samples[max(start, 0) : stop]
    return np.pad(inside, (max(-start, 0), stop - max(start, 0) - len(inside)))


def loudness(samples):
    """Level of each Content frame in dB below full scale, float32 [Tc]: RMS over 40 ms."""
    half, out = HOP, np.empty(frames_of(len(samples)), np.float32)
    for first in range(0, len(out), BLOCK // HOP):
        last = min(first + BLOCK // HOP, len(out))
        block = cut(samples, first * HOP - half, (last - 1) * HOP + half)
        windows = np.lib.stride_tricks.sliding_window_view(block, 2 * half)[::HOP]
        out[first:last] = 10 * np.log10(np.einsum("ij,ij->i", windows, windows) / (2 * half) + FLOOR)
    return out


def loud_level(levels):
    """The level of that voice's loud moments in dB: the 95th percentile of what is within 40 dB of the loudest."""
    return float(np.percentile(levels[levels > levels.max() - 40], 95))


def pitch(samples):
    """-> (f0 [Tc] Hz, 0 where no pitch was found; periodicity [Tc] 0..1).

    Peak of the autocorrelation of a Hann window of 50 ms, divided by the window's own (Boersma 1993, "Accurate short-term analysis
    of the fundamental frequency", eq. 9), at 8 kHz, parabolas through the peaks; of equal peaks the one of the shorter period counts
    (Boersma's octave cost, 0.02). Then the path through the candidates is chosen that jumps little from frame to frame (Boersma's
    section 4).
    """
    from scipy.signal import resample_poly

    frames = frames_of(len(samples))
    lags = np.arange(int(RATE / 2 / PITCH_RANGE[1]), int(RATE / 2 / PITCH_RANGE[0]) + 1)
    width, size = 400, 1024
    window = np.hanning(width).astype(np.float32)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)
    own = (own / own[0])[lags[0] - 1 : lags[-1] + 2]
    candidates, strengths = [], []
    step, margin = BLOCK // HOP, 4
    for first in range(0, frames, step):
        last = min(first + step, frames)
        block = resample_poly(cut(samples, (first - margin) * HOP, (last + margin) * HOP), 1, 2)
        windows = np.lib.stride_tricks.sliding_window_view(block, width)[margin * HOP // 2 - width // 2 :: HOP // 2][: last - first]
        windows = windows - windows.mean(1, keepdims=True)
        power = np.abs(np.fft.rfft(windows * window, size)) ** 2
        correlation = np.fft.irfft(power)
        correlation = correlation[:, lags[0] - 1 : lags[-1] + 2] / (correlation[:, :1] + 1e-9) / own
        left, mid, right = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
        peak = (mid >= left) & (mid > right)
        score = np.where(peak, mid - 0.02 * np.log2(lags / lags[0]), -1)
        best = np.argsort(-score, 1)[:, :4]  # four candidates a frame
        row = np.arange(len(best))[:, None]
        l, m, r = left[row, best], mid[row, best], right[row, best]
        offset = np.where(peak[row, best], (l - r) / np.minimum(2 * (l - 2 * m + r), -1e-6), 0)
        candidates.append(RATE / 2 / (lags[best] + np.clip(offset, -0.5, 0.5)))
        strengths.append(np.clip(score[row, best], 0, 1))
    hertz, strength = np.concatenate(candidates), np.concatenate(strengths)
    chosen = smooth_path(np.log2(hertz), strength)
    row = np.arange(frames)
    f0, periodicity = hertz[row, chosen], strength[row, chosen]
    return np.where(periodicity > 0, f0, 0).astype(np.float32), np.minimum(periodicity, 1).astype(np.float32)


def smooth_path(octaves, strength, jump=0.35):
    """Index [T] of one candidate a frame: the path of the most periodic ones, less `jump` for every octave between frames (dynamic
    programming)."""
    frames, count = strength.shape
    total, back = strength[0].copy(), np.zeros((frames, count), np.int8)
    for t in range(1, frames):
        cost = total[None, :] - jump * np.abs(octaves[t][:, None] - octaves[t - 1][None, :]) * (strength[t].max() > 0.3)
        back[t] = cost.argmax(1)
        total = cost.max(1) + strength[t]
    chosen = np.empty(frames, np.int64)
    chosen[-1] = total.argmax()
    for t in range(frames - 1, 0, -1):
        chosen[t - 1] = back[t, chosen[t]]
    return chosen


def prosody(samples):
    """`energy`, `voicing`, `f0` of Content: float32 [Tc, 3].

    energy: 0..1 over RANGE_DB up to the voice's loud level. voicing: how periodic, 0 in pauses. f0: octaves from the median of
    the voiced frames, within +-1.5, 0 where unvoiced.
    """
    levels = loudness(samples)
    energy = np.clip(1 + (levels - loud_level(levels)) / RANGE_DB, 0, 1)
    f0, periodicity = pitch(samples)
    voicing = np.clip((periodicity - 0.35) / 0.4, 0, 1) * np.clip((energy - 0.2) / 0.2, 0, 1)
    voiced = voicing > 0.5
    octaves = np.zeros(len(f0), np.float32)
    if voiced.any():
        octaves[voiced] = np.clip(np.log2(f0[voiced] / np.median(f0[voiced])), -1.5, 1.5)
    return np.stack([energy, voicing, octaves], 1).astype(np.float32)
