"""What the generator learns from: aligned recordings, performed by the teacher many times over.

In the cache, as .npy, in three layers, each of which can be made again alone:

    content.npy [M, 55]                           what the ears hear in every clip, at 30 fps           (again after training the ears)
    actions.npy [N, 52], channels.npy [N, 15],    what the teacher does with it: several performances   (again after changing the teacher)
    share.npy [N, 8], strength.npy [N]            of each clip, and the feeling it plays
    values.npy [N, 65]                            the same as Motion, contact solved on each identity   (again after changing the head)

plus performances.json: for each performance its clip, content_start, start, length, seed and, in betas.npy [P, 300], its identity.
"""
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from model_runtime.emotion import LABELS
from model_runtime.motion import FPS
from model_runtime.speech import content as content_module
from model_runtime.speech.phones import ARTICULATORY, MADE_WITH, PHONES, bare
from model_runtime.training import align, teacher
from model_runtime.training.teacher import prosody

SEED = 11
PERFORMANCES = {"train": 2, "dev": 4}  # of each clip; the ears did not learn from dev, so there they doubt as they do of strangers
PER_SPEAKER = 12 * 60       # seconds at most
RATE = 16000
LONGEST = 20 * FPS          # frames of a clip; the rest is left out


@dataclass(frozen=True)
class Dataset:
    content: np.ndarray
    values: np.ndarray
    share: np.ndarray       # [N, 8] sums to 1
    strength: np.ndarray    # [N]
    betas: np.ndarray       # [P, 300]
    performances: list      # dicts
    basis: str

    def slices(self, number, start, length):
        """(content, values, share, strength) of some frames of one performance."""
        p = self.performances[number]
        heard = slice(p["content_start"] + start, p["content_start"] + start + length)
        done = slice(p["start"] + start, p["start"] + start + length)
        return self.content[heard], self.values[done], self.share[done], self.strength[done]


def load_dataset(cache):
    """FileNotFoundError before build() has run."""
    cache = Path(cache)
    read = lambda name: np.load(cache / f"{name}.npy", mmap_mode="r")
    return Dataset(read("content"), read("values"), read("share"), read("strength"), read("betas"),
                   json.loads((cache / "performances.json").read_text()), (cache / "values.basis").read_text())


def build(cache, head, encoder=None, report=print):
    """Make all three layers. encoder None: content from the phones themselves, with noise, before there are ears."""
    write_performances(cache, encoder, report)
    write_values(cache, head, report)


def choose(records, per_speaker=PER_SPEAKER):
    """The clips to learn from: of each speaker so many seconds, of every kind and length, in a fixed order."""
    left, chosen = {}, []
    for index in np.random.default_rng(SEED).permutation(len(records)):
        record = records[index]
        seconds = record["phones"][-1][1]
        if record["split"] in PERFORMANCES and left.setdefault(record["speaker"], per_speaker) >= seconds:
            left[record["speaker"]] -= seconds
            chosen.append(record)
    return chosen


def write_performances(cache, encoder, report=print):
    cache = Path(cache)
    records = choose(align.load(cache))
    contents, acted, channels, shares, strengths, rows = [], [], [], [], [], []
    heard = done = 0
    for number, record in enumerate(records):
        try:
            samples, _ = soundfile.read(record["path"], dtype="float32")
        except Exception as error:
            report(f"{record['clip']} is left out: {error}")
            continue
        T = min(-(-len(samples) * FPS // RATE), LONGEST)
        if T < 15:
            continue
        content = encoder.listen(samples) if encoder else oracle(record["phones"], samples)
        content = content_module.resample(content, FPS, T)
        melody = prosody(samples)
        for k in range(PERFORMANCES[record["split"]]):
            seed = SEED * 1_000_003 + number * 101 + k
            share, strength = feeling_plan(T, np.random.default_rng(seed))
            performance, more = teacher.actions(record["phones"], melody, share, strength, seed, T)
            acted.append(performance.astype(np.float16))
            channels.append(more.astype(np.float32))
            shares.append(share.astype(np.float16))
            strengths.append(strength.astype(np.float16))
            rows.append({"clip": record["clip"], "split": record["split"], "content_start": heard, "start": done, "length": T, "seed": seed})
            done += T
        contents.append(content.astype(np.float16))
        heard += T
        if number % 200 == 0:
            report(f"{number} of {len(records)} clips performed")
    for name, parts in (("content", contents), ("actions", acted), ("channels", channels), ("share", shares), ("strength", strengths)):
        np.save(cache / f"{name}.npy", np.concatenate(parts))
    rng = np.random.default_rng(SEED)
    size = np.where(rng.random(len(rows)) < 0.4, 0, rng.uniform(0.3, 1, len(rows)))  # two in five are the built-in identity itself
    np.save(cache / "betas.npy", (size[:, None] * rng.standard_normal((len(rows), 300))).astype(np.float32))
    (cache / "performances.json").write_text(json.dumps(rows))
    report(f"{len(rows)} performances, {done / FPS / 60:.0f} minutes")


def write_values(cache, head, report=print):
    """Actions and channels -> Motion on that head, every performance on its own identity."""
    cache = Path(cache)
    rows = json.loads((cache / "performances.json").read_text())
    acted, channels = np.load(cache / "actions.npy", mmap_mode="r"), np.load(cache / "channels.npy", mmap_mode="r")
    betas = np.load(cache / "betas.npy")
    values = np.empty((len(acted), 65), np.float32)
    for number, row in enumerate(rows):
        part = slice(row["start"], row["start"] + row["length"])
        values[part] = teacher.solve(head, acted[part].astype(np.float32), np.array(channels[part]), beta=betas[number])
        if number % 400 == 0:
            report(f"{number} of {len(rows)} performances on the head")
    np.save(cache / "values.npy", values)
    (cache / "values.basis").write_text(head.basis)


def feeling_plan(T, rng):
    """A feeling for every frame: (share [T, 8] that sums to 1, strength [T] 0..1). Half of the plans change once or twice."""
    def one():
        share = np.zeros(len(LABELS))
        share[rng.integers(len(LABELS))] = 1
        if rng.random() < 0.15:
            other = rng.uniform(0.3, 0.5)
            share *= 1 - other
            share[rng.integers(len(LABELS))] += other
        return share, (1.0 if rng.random() < 0.35 else rng.uniform(0.0, 1.0))

    share, strength = one()
    share, strength = np.tile(share, (T, 1)), np.full(T, strength)
    for _ in range(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])):
        next_share, next_strength = one()
        middle, fade = rng.uniform(0, T), rng.uniform(0.1, 1.0) * FPS
        into = np.clip((np.arange(T) - middle) / fade + 0.5, 0, 1)
        into = (1 - np.cos(np.pi * into)) / 2
        share = share * (1 - into[:, None]) + into[:, None] * next_share
        strength = strength * (1 - into) + into * next_strength
    return share, strength


def oracle(phones, samples):
    """Content [Tc, 55] at 50 Hz from the phones' own times, blurred and doubted as ears would."""
    from scipy.ndimage import gaussian_filter1d
    frames = content_module.frames_of(len(samples))
    out = np.zeros((frames, content_module.COLUMNS), np.float32)
    time = np.arange(frames) / content_module.FPS
    out[:, PHONES.index("sil")] = 1
    for start, end, phone in phones:
        inside = (time >= start) & (time < end)
        phone = bare(phone)
        out[inside, :len(PHONES)] = 0
        out[inside, PHONES.index(phone)] = 1
        for column, name in enumerate(ARTICULATORY):
            out[inside, len(PHONES) + column] = name in MADE_WITH[phone]
    pause = out[:, PHONES.index("sil")] > 0
    out[pause, len(PHONES):] = 0
    out[pause, len(PHONES) + ARTICULATORY.index("pause")] = 1
    out[:, :52] = gaussian_filter1d(out[:, :52], 0.7, axis=0)
    melody = prosody(samples)[:frames]
    out[:len(melody), content_module.PROSODY] = melody
    return out


def ensure(cache, head, report=print):
    """Build what is missing or belongs to another head. The ears must have been trained."""
    cache = Path(cache)
    if not (cache / "performances.json").exists():
        from model_runtime.speech.encoder import load_encoder
        write_performances(cache, load_encoder("cpu"), report)
    if not (cache / "values.basis").exists() or (cache / "values.basis").read_text() != head.basis:
        write_values(cache, head, report)
