"""What is measured of a voice to tell its feeling: log-mel, pitch and voicing of every 10 ms."""

from functools import cache

import numpy as np
import torch

from model_runtime.audio import RATE
from model_runtime.speech.features import cut

HOP = 160  # 100 Hz
WINDOW = 640  # 40 ms: two periods of the lowest voice
FFT = 1024
BANDS = 40
FEATURES = BANDS + 4  # log-mel, loudness, pitch, pitch against the clip's median, voicing
LOWEST, HIGHEST = 65.0, 420.0  # Hz, of a speaking voice
BLOCK = 3000  # frames worked on at once, half a minute: an hour in little more memory than its features


@cache
def mel_filters():
    """Triangular filters [BANDS, FFT // 2 + 1] between 60 and 7600 Hz on O'Shaughnessy's mel scale, each of unit peak."""
    from transformers.audio_utils import mel_filter_bank

    return torch.from_numpy(mel_filter_bank(FFT // 2 + 1, BANDS, 60.0, 7600.0, RATE, mel_scale="htk").T.astype(np.float32))


def measure(samples):
    """samples float32 [N] at 16 kHz -> features float32 [N / 160, FEATURES] (torch, CPU).

    Loudness is measured against the clip's own loud parts, so a recording's level does not count. Pitch: the highest peak
    of the autocorrelation over the window's own (Boersma 1993, section 2).
    """
    samples = np.asarray(samples, np.float32)
    frames = max(1, len(samples) // HOP)
    window = torch.hann_window(WINDOW)
    flat = torch.fft.irfft(torch.fft.rfft(window, FFT).abs() ** 2)
    flat = flat[: FFT // 2] / flat[0]
    shortest, longest = int(RATE / HIGHEST), int(RATE / LOWEST)
    out = torch.empty(frames, FEATURES)
    mel, (loudness, pitch, relative, voicing) = out[:, :BANDS], out[:, BANDS:].split(1, 1)
    for start in range(0, frames, BLOCK):
        stop = min(frames, start + BLOCK)
        block = torch.from_numpy(cut(samples, start * HOP - WINDOW // 2, (stop - 1) * HOP + WINDOW // 2))
        windows = block.unfold(0, WINDOW, HOP)
        power = torch.fft.rfft((windows - windows.mean(1, keepdim=True)) * window, FFT).abs() ** 2
        mel[start:stop] = torch.log10(power @ mel_filters().T + 1e-6)
        echo = torch.fft.irfft(power)[:, : FFT // 2]
        echo = echo / (echo[:, :1] + 1e-6) / flat.clamp(min=0.05)
        peak, lag = echo[:, shortest:longest].max(1)
        voicing[start:stop, 0] = peak.clamp(0, 1)
        pitch[start:stop, 0] = torch.log2(RATE / (lag + shortest) / 150)
        loudness[start:stop, 0] = mel[start:stop].mean(1)
    loud = torch.quantile(loudness[:: max(1, frames // 100000)], 0.9)
    voiced = (voicing > 0.5) & (loudness > loud - 1.5)
    median = pitch[voiced].median() if voiced.any() else torch.zeros(())
    relative.copy_((pitch - median).masked_fill_(~voiced, 0))
    pitch.masked_fill_(~voiced, 0)
    out[:, : BANDS + 1].sub_(loud).clamp_(-4, 2)  # mel and loudness
    return out
