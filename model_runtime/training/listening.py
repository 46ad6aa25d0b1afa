"""What Whisper's part of the encoder hears of recordings, disturbed as the world disturbs them: the ears (speech.py) and the mouth curves
(mouth.py) learn from it.

That part is frozen, so it hears every window once: up to 10 s of speech, changed by speed (with pitch and formants), rooms, noise, other
voices, colouring, telephone bands, codecs, clipping and masks. What it hears is kept in the cache, with which moment of which clip each
frame was, and a head learns from that many times over.
"""

import io
import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.signal import fftconvolve, resample_poly

from contract import beside
from model_runtime.audio import RATE
from model_runtime.speech import features
from model_runtime.speech.content import FPS, HOP
from model_runtime.speech.encoder import CHUNK, EDGE, FLOOR, LOUD, READ, around, log_mel
from model_runtime.training import corpus
from model_runtime.training.together import half

WINDOW = (2 * FPS, CHUNK + 2 * EDGE)  # Content frames that Whisper hears at once: the fewest, the most
NOTHING = 0.03  # share of windows in which nobody speaks
SHARD = 60_000  # frames in each file of what it heard: 20 minutes
FRAMES, BATCH = 200, 16  # Content frames in a crop, crops a step


class Windows:
    """Draws windows of clips to learn from, disturbed; knows which moment of which clip each frame is. clips: dicts with `clip` (its folder
    before a slash) and `path`; shares: how often each folder is drawn from."""

    def __init__(self, clips, shares, args, rng):
        self.clips, self.shares, self.args, self.rng = clips, shares, args, rng
        self.rooms = [self.read(path) for path in sorted(Path(args.data).glob("noise_rir/RIRs/*.wav"))]
        self.noises = [self.read(path) for path in sorted(Path(args.data).glob("noise_rir/noise/*.wav"))]
        self.number = {record["clip"]: number for number, record in enumerate(self.clips)}
        self.folders = {}  # folder -> numbers of its clips
        for number, record in enumerate(self.clips):
            self.folders.setdefault(folder_of(record), []).append(number)

    @staticmethod
    def read(path):
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        return resample_poly(samples.mean(1), RATE, rate).astype(np.float32)

    def piece(self, frames):
        """Up to that many Content frames of a random clip at a random speed -> (samples, its number [t], moments [t] s)."""
        folders = list(self.folders)
        shares = np.array([self.shares[folder] for folder in folders])
        number = int(self.rng.choice(self.folders[self.rng.choice(folders, p=shares / shares.sum())]))
        record = self.clips[number]
        samples = corpus.sound(record["clip"], record["path"], self.args.cache).astype(np.float32) / 32768
        level = features.loud_level(features.loudness(samples))
        up, down = (1, 1) if self.rng.random() < 0.4 else (20, int(self.rng.integers(16, 26)))  # plays down / up times as fast
        length = min(int(frames * HOP * down / up) + HOP, len(samples))
        start = int(self.rng.integers(0, len(samples) - length + 1))
        samples = samples[start : start + length] * 10 ** ((LOUD - max(level, -60)) / 20)
        if up != down:
            samples = resample_poly(samples, up, down).astype(np.float32)
        count = min(len(samples) // HOP, frames)
        moments = start / RATE + np.arange(count, dtype=np.float32) / FPS * down / up
        return samples[: count * HOP], np.full(count, number, np.int32), moments

    def window(self, frames):
        """That many frames of speech, of one clip or several one after another, disturbed -> (samples, numbers, moments)."""
        if self.rng.random() < NOTHING:
            return self.disturb(np.zeros(frames * HOP, np.float32), 1), np.full(frames, -1, np.int32), np.zeros(frames, np.float32)
        parts, missing = [], frames
        while missing > 0:
            parts.append(self.piece(missing))
            missing -= len(parts[-1][1])
        samples, source, moments = (np.concatenate(column) for column in zip(*parts))
        return self.disturb(samples, 0.5), source, moments

    def disturb(self, samples, noisy):
        rng = self.rng
        if rng.random() < 0.25 and self.rooms:
            room = self.rooms[rng.integers(len(self.rooms))]
            direct = np.abs(room).argmax()  # the sound stays at the same time
            wet = fftconvolve(samples, room[direct : direct + RATE // 2] / np.abs(room[direct]))[: len(samples)]
            samples = samples + (wet - samples) * rng.uniform(0.3, 1)
        if rng.random() < noisy:
            kind = rng.random()
            if kind < 0.4 and self.noises:
                noise = self.noises[rng.integers(len(self.noises))]
                noise = np.roll(np.resize(noise, len(samples)), rng.integers(len(samples)))
            elif kind < 0.5 and noisy < 1:
                noise = np.resize(self.piece(WINDOW[1])[0], len(samples)) + np.resize(self.piece(WINDOW[1])[0], len(samples))[::-1]
            else:  # from hiss to rumble
                spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
                noise = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** rng.uniform(0, 1), len(samples))
            loud = 10 ** ((LOUD - rng.uniform(*((0, 40) if noisy == 1 else (5, 45)))) / 20)
            samples = samples + noise * (loud / (np.sqrt(np.mean(noise**2)) + 1e-6))
        if rng.random() < 0.06:
            samples = np.clip(samples, -0.15, 0.15)
        if rng.random() < 0.12:
            samples = coded(samples, rng)
        return samples.astype(np.float32)

    def colour(self, mel):
        """Other levels, other microphones, telephone bands; short gaps in time and frequency. mel: [B, L, BANDS]"""
        rng, (count, length, bands) = self.rng, mel.shape
        curve = rng.standard_normal((count, 6)) * rng.uniform(0, 0.15, (count, 1))
        curve = np.stack([np.interp(np.linspace(0, 5, bands), np.arange(6), row) for row in curve])
        curve += rng.normal(0, 0.09, (count, 1))
        mel = warped(mel, np.where(rng.random(count) < 0.5, 1.0, rng.uniform(0.9, 1.12, count)))
        mel = mel + torch.from_numpy(curve.astype(np.float32)).to(mel.device)[:, None]
        quiet = FLOOR / 4 + 1
        for row in range(count):
            if rng.random() < 0.15:
                mel[row, :, int(rng.integers(48, 72)) :] = quiet
            if rng.random() < 0.3:
                for _ in range(length // 300):
                    start, width = int(rng.integers(length)), int(rng.integers(0, 8))
                    mel[row, start : start + width] = quiet
                start, width = int(rng.integers(bands)), int(rng.integers(0, 10))
                mel[row, :, start : start + width] = quiet
        return mel.clamp(min=quiet)


def folder_of(record):
    return record["clip"].split("/")[0]


def coded(samples, rng):
    """Samples after a codec that keeps little: Opus, or eight bits by mu-law as on the telephone."""
    if rng.random() < 0.5:
        small = np.sign(samples) * np.log1p(255 * np.abs(np.clip(samples, -1, 1))) / np.log(256)
        small = np.round(small * 127) / 127
        return np.sign(small) * (256 ** np.abs(small) - 1) / 255
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), RATE, format="OGG", subtype="OPUS", compression_level=rng.uniform(0.9, 1))
    file.seek(0)
    return np.resize(soundfile.read(file, dtype="float32")[0], len(samples))


def warped(mel, factor):
    """Log-mel [B, L, BANDS] with formants (and pitch) factor [B] times as high, times unchanged: the vocal tract of another size
    (Jaitly and Hinton 2013)."""
    bands = mel.shape[-1]
    place = (torch.arange(bands)[None] / torch.from_numpy(factor.astype(np.float32))[:, None]).clamp(0, bands - 1.001).to(mel.device)
    low, part = place.long()[:, None].expand_as(mel), place.frac()[:, None]
    return mel.gather(2, low) * (1 - part) + mel.gather(2, low + 1) * part


def listen(windows, network, args, name, shards, before=0):
    """Fill the cache with what the frozen part hears of windows, in so many shards NAME_0000/ and so on: `heard` float16 [SHARD, D],
    `source` int32 and `moment` float32 [SHARD]; `clips.json`: what the numbers in source mean. before: so many samples earlier."""
    device = next(network.parameters()).device
    few = args.clips and max(1, args.clips // 100)
    for number in range(few or shards):
        folder = Path(args.cache) / f"{name}_{number:04d}"
        if folder.exists():
            continue
        windows.rng = np.random.default_rng((args.seed, number))
        size, at = SHARD if not args.clips else 2000, 0
        heard = np.empty((size, READ), np.float16)
        source, moment = np.empty(size, np.int32), np.empty(size, np.float32)
        while at < size:
            samples, numbers, moments = windows.window(min(int(windows.rng.integers(WINDOW[0], WINDOW[1] + 1)), size - at))
            frames = len(numbers)
            source[at : at + frames], moment[at : at + frames] = numbers, moments
            mel = log_mel(torch.from_numpy(around(samples, 0, frames, before)).to(device))[None]
            with torch.inference_mode(), half(device):
                heard[at : at + frames] = network.listen(windows.colour(mel))[0].cpu().numpy()
            at += frames
        with beside(folder) as part:
            part.mkdir()
            np.save(part / "heard.npy", heard), np.save(part / "source.npy", source), np.save(part / "moment.npy", moment)
            (part / "clips.json").write_text(json.dumps([record["clip"] for record in windows.clips]))
        print(f"listened to {(number + 1) * size / FPS / 60:.0f} min", flush=True)


class Heard:
    """Draws batches of what listen() kept, [B, FRAMES, ...]: what was heard [D], what voices.told() says of it."""

    def __init__(self, voices, args, name):
        self.voices, self.rng, self.shards = voices, np.random.default_rng(args.seed), []
        for folder in sorted(Path(args.cache).glob(f"{name}_*")):
            names = json.loads((folder / "clips.json").read_text())
            number = np.array([voices.number[name] for name in names] + [-1])
            source = number[np.load(folder / "source.npy")]
            self.shards.append((np.load(folder / "heard.npy", mmap_mode="r"), source, np.load(folder / "moment.npy")))

    def clips(self):
        """The numbers of the clips that were listened to."""
        return sorted(set(np.concatenate([source for _, source, _ in self.shards]).tolist()) - {-1})

    def batch(self, device):
        columns = []
        for _ in range(BATCH):
            heard, source, moment = self.shards[self.rng.integers(len(self.shards))]
            start = int(self.rng.integers(len(heard) - FRAMES + 1))
            frames = slice(start, start + FRAMES)
            columns.append((heard[frames].astype(np.float32), *self.voices.told(source[frames], moment[frames])))
        return tuple(torch.from_numpy(np.stack(column)).to(device) for column in zip(*columns))
