"""What a voice tells of its feeling: log-mel, pitch and voicing of every 10 ms."""
import numpy as np
import torch

RATE = 16000
HOP = 160          # 100 Hz
WINDOW = 640       # 40 ms: two periods of the lowest voice
FFT = 1024
BANDS = 40
FEATURES = BANDS + 4  # log-mel, loudness, pitch, pitch against the clip's median, voicing
LOWEST, HIGHEST = 65.0, 420.0  # Hz, of a speaking voice


def mel_filters(bands=BANDS, low=60.0, high=7600.0):
    """-> [bands, FFT / 2 + 1] triangles on the mel scale (2595 log10(1 + f / 700))."""
    mel = lambda hertz: 2595 * np.log10(1 + hertz / 700)
    edges = 700 * (10 ** (np.linspace(mel(low), mel(high), bands + 2) / 2595) - 1)
    bins = np.arange(FFT // 2 + 1) * RATE / FFT
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.from_numpy(np.clip(np.minimum(rise, fall), 0, None).astype(np.float32))


FILTERS = mel_filters()


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
        mel = torch.log10(power @ FILTERS.T + 1e-6)                                # [n, 40]
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
