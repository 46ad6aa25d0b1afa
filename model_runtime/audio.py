"""Voices: any recording, read block by block, as 16 kHz mono."""

import os
from math import gcd
from pathlib import Path

import numpy as np

from contract import UtterError

RATE = 16000  # Hz, of every voice inside Utter
SHORTEST = 0.1  # seconds
LONGEST = 2 * 3600
SILENT = 1e-4  # peak, -80 dBFS

FORMATS = "WAV, FLAC, OGG, Opus, AIFF or MP3"
# How containers of pictures and sound begin, and at which byte.
VIDEO = {b"ftyp": 4, b"moov": 4, b"mdat": 4, b"\x1aE\xdf\xa3": 0, b"AVI ": 8, b"FLV\x01": 0}


def load_voice(path):
    """A recording as float32 [N] at 16 kHz, mono, without its constant offset. Channels are averaged.

    Reads what libsndfile reads, at any rate from 4 kHz up, in memory bounded by the result. UtterError, in a sentence, for a file
    that is missing, empty, not a recording, a video, cut off, damaged, silent, under 0.1 s or over two hours.
    """
    import soundfile

    path = Path(path)
    name = path.name
    try:
        with open(reachable(path), "rb") as stream:
            head = stream.read(16)
            if not head:
                raise UtterError(f"{name} is empty; record or export the voice again.")
            if any(head[at : at + len(mark)] == mark for mark, at in VIDEO.items()):
                raise UtterError(f"{name} is a video container; export its sound as WAV and choose that.")
            stream.seek(0)
            with soundfile.SoundFile(stream) as sound:
                samples = read(sound, name)
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist; choose the recording again.") from error
    except (IsADirectoryError, PermissionError) as error:
        if path.is_dir():
            raise UtterError(f"{path} is a folder; choose a recording in it.") from error
        raise UtterError(f"{name} may not be read; check its permissions.", str(error)) from error
    except soundfile.LibsndfileError as error:
        raise UtterError(f"{name} is not a recording that can be read; save the voice as {FORMATS}.", str(error)) from error
    except OSError as error:
        raise UtterError(f"{name} cannot be read ({error.strerror}).", str(error)) from error
    samples -= samples.mean(dtype=np.float64).astype(np.float32)
    if max(samples.max(), -samples.min()) < SILENT:
        raise UtterError(f"{name} is silent; choose a recording with a voice in it.")
    return samples


def reachable(path):
    """The path as the system opens it, however long (Windows stops at 260 characters without the prefix)."""
    return "\\\\?\\" + os.path.abspath(path) if os.name == "nt" else os.fspath(path)


def read(sound, name):
    """All of an open soundfile.SoundFile as float32 [N] at RATE, mono."""
    import soundfile

    rate, frames = sound.samplerate, sound.frames
    if frames < SHORTEST * rate:
        raise UtterError(f"{name} is shorter than {SHORTEST} s; choose a recording with speech in it.")
    if frames > LONGEST * rate:
        raise UtterError(f"{name} is longer than two hours; cut it into parts.")
    if rate < 4000:
        raise UtterError(f"{name} has a sample rate of {rate} Hz; at least 4000 Hz are needed to hear speech.")
    resample = Resampler(rate)
    samples, heard, done = np.empty(-(-frames * resample.up // resample.down), np.float32), 0, 0
    while heard < frames:
        try:
            block = sound.read(min(resample.block, frames - heard), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise cut_off(name, heard / rate, frames / rate) from error
        if not len(block):
            break
        if not np.isfinite(block).all():
            raise UtterError(f"{name} holds values that are no numbers, at about {heard / rate:.1f} s; export it again.")
        heard += len(block)
        piece = resample(block.mean(1), last=heard >= frames)
        samples[done : done + len(piece)] = piece
        done += len(piece)
    if heard < frames:
        raise cut_off(name, heard / rate, frames / rate)
    return samples[:done]


def cut_off(name, heard, promised):
    return UtterError(f"{name} is cut off: of the {promised:.1f} s it promises only {heard:.1f} s can be read; export it again.")


class Resampler:
    """scipy.signal.resample_poly over a stream: blocks in, blocks out, the same numbers as for the whole at once."""

    def __init__(self, rate):
        from scipy.signal import firwin

        common = gcd(rate, RATE)
        self.up, self.down = RATE // common, rate // common
        longest = max(self.up, self.down)
        reach = 10 * longest  # of the filter to either side, in upsampled samples
        self.filter = firwin(2 * reach + 1, 1 / longest, window=("kaiser", 5.0)).astype(np.float32) if longest > 1 else None
        self.margin = -(-reach // (self.up * self.down)) + 1  # in steps: `down` samples in, `up` samples out
        self.block = max(1, 10 * rate // self.down) * self.down  # samples to feed at once
        self.kept, self.started = np.zeros(0, np.float32), False

    def __call__(self, samples, last=False):
        """The next samples -> the samples of the result that no later input can change; all the rest if these are the last."""
        from scipy.signal import resample_poly

        if self.filter is None:
            return samples
        self.kept = np.concatenate([self.kept, samples])
        if not last and len(self.kept) < 3 * self.margin * self.down:
            return np.zeros(0, np.float32)
        result = resample_poly(self.kept, self.up, self.down, window=self.filter)
        begin = self.margin * self.up if self.started else 0
        if last:
            return result[begin:]
        settled = len(self.kept) // self.down - self.margin  # steps
        self.kept = self.kept[(settled - self.margin) * self.down :]
        self.started = True
        return result[begin : settled * self.up]
