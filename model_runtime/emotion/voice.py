"""What a voice tells of its feeling: log-mel, pitch and voicing of every 10 ms."""
from functools import cache

import numpy as np
import torch

from model_runtime.audio import RATE

HOP = 160          # 100 Hz
WINDOW = 640       # 40 ms: two periods of the lowest voice
FFT = 1024
BANDS = 40
FEATURES = BANDS + 4  # log-mel, loudness, pitch, pitch against the clip's median, voicing
LOWEST, HIGHEST = 65.0, 420.0  # Hz, of a speaking voice


@cache
def mel_filters():
    """Triangular filters [BANDS, FFT // 2 + 1] between 60 and 7600 Hz on O'Shaughnessy's mel scale, each of unit peak."""
    from transformers.audio_utils import mel_filter_bank
    return torch.from_numpy(mel_filter_bank(FFT // 2 + 1, BANDS, 60.0, 7600.0, RATE, mel_scale="htk").T.astype(np.float32))


def listen(samples):
    """samples float32 [N] at 16 kHz -> features float32 [N / 160, FEATURES] (torch, CPU).

    Loudness is measured against the clip's own loud parts, so a recording's level says nothing. Pitch: the highest peak
    of the autocorrelation over the window's own (Boersma 1993, section 2).
    """
    samples = torch.as_tensor(np.asarray(samples, np.float32))
    frames = max(1, len(samples) // HOP)
    samples = torch.nn.functional.pad(samples, (WINDOW // 2, WINDOW))
    window = torch.hann_window(WINDOW)
    flat = torch.fft.irfft(torch.fft.rfft(window, FFT).abs() ** 2)
    flat = flat[: FFT // 2] / flat[0]
    shortest, longest = int(RATE / HIGHEST), int(RATE / LOWEST)
    parts = []
    for start in range(0, frames, 3000):  # half a minute at a time: an hour in bounded memory
        stop = min(frames, start + 3000)
        windows = samples[start * HOP:(stop - 1) * HOP + WINDOW].unfold(0, WINDOW, HOP)[: stop - start]
        power = torch.fft.rfft((windows - windows.mean(1, keepdim=True)) * window, FFT).abs() ** 2
        mel = torch.log10(power @ mel_filters().T + 1e-6)                          # [n, 40]
        echo = torch.fft.irfft(power)[:, : FFT // 2]
        echo = echo / (echo[:, :1] + 1e-6) / flat.clamp(min=0.05)
        voicing, lag = echo[:, shortest:longest].max(1)
        parts.append(torch.cat([mel, voicing.clamp(0, 1)[:, None], (lag + shortest).float()[:, None]], 1))
    parts = torch.cat(parts)
    mel, voicing, lag = parts[:, :BANDS], parts[:, -2:-1], parts[:, -1:]
    loudness = mel.mean(1, keepdim=True)
    loud = torch.quantile(loudness[:: max(1, frames // 100000)], 0.9)
    voiced = (voicing > 0.5) & (loudness > loud - 1.5)
    pitch = torch.log2(RATE / lag / 150)
    median = pitch[voiced].median() if voiced.any() else torch.zeros(())
    mel = (mel - loud).clamp(-4, 2)
    return torch.cat([mel, (loudness - loud).clamp(-4, 2), torch.where(voiced, pitch, 0), torch.where(voiced, pitch - median, 0),
                      voicing], 1)
