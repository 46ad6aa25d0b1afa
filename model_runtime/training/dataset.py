"""What the generator learns from: aligned recordings, performed by the teacher many times over.

In the cache, as .npy, in three layers, each of which can be made again alone (and the later ones after it):

    content.npy, spoken.npy [M, 55]             each clip at 30 fps as the ears hear it, and as its phones say (after training
    the ears) actions.npy [N, 52], channels.npy [N, 15],  what the teacher does with it: several performances of each   (after
    changing the teacher) share.npy [N, 8], strength.npy [N]          clip, and the feeling it plays
    values.npy [N, 65], values.basis            the same as Motion, contact solved on each identity           (after changing
    the head)

content-*.npy [M, C] is the same heard by plug-in ears (speech/plugin.py), where a generator is to learn from them.

clips.json lists the clips with their start and length in content; performances.json lists the performances with their clip,
content_start, start, length and seed, and betas.npy [P, 300] their identities.
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
PERFORMANCES = {"train": 2, "dev": 4}  # of each clip; the ears did not learn from dev: there they doubt as they do with strangers
PER_SPEAKER = 12 * 60       # seconds at most
RATE = 16000
SHORTEST, LONGEST = 15, 20 * FPS  # frames: of shorter clips nothing is learned, of longer ones the beginning


@dataclass(frozen=True)
class Dataset:
    content: np.ndarray     # [M, 55] heard
    spoken: np.ndarray      # [M, 55] said
    values: np.ndarray
    share: np.ndarray       # [N, 8] sums to 1
    strength: np.ndarray    # [N]
    betas: np.ndarray       # [P, 300]
    performances: list      # dicts
    basis: str

    def slices(self, number, start, length, spoken=False):
        """(content, values, share, strength) of some frames of one performance; spoken: as said, where it is not as heard."""
        p = self.performances[number]
        heard = slice(p["content_start"] + start, p["content_start"] + start + length)
        done = slice(p["start"] + start, p["start"] + start + length)
        return (self.spoken if spoken else self.content)[heard], self.values[done], self.share[done], self.strength[done]


def load_dataset(cache, ears="ears"):
    """ears: the kind of those that heard. FileNotFoundError before build() has run."""
    cache = Path(cache)
    read = lambda name: np.load(cache / f"{name}.npy", mmap_mode="r")
    content = read(heard_by(ears))
    spoken = read("spoken") if content.shape[1] == content_module.COLUMNS else content  # nobody knows what hidden states should be
    return Dataset(content, spoken, read("values"), read("share"), read("strength"), read("betas"),
                   json.loads((cache / "performances.json").read_text()), (cache / "values.basis").read_text())


def build(cache, head, encoder=None, report=print):
    """Make all three layers. encoder None: content is what the phones say, before there are ears."""
    write_content(cache, encoder, report)
    write_performances(cache, report)
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


def write_content(cache, encoder, report=print):
    """The first layer: what is heard and what is said."""
    cache = Path(cache)
    heard, said, rows, at = [], [], [], 0
    records = choose(align.load(cache))
    for number, record in enumerate(records):
        try:
            samples, _ = soundfile.read(record["path"], dtype="float32", frames=LONGEST * RATE // FPS)
        except Exception as error:
            report(f"{record['clip']} is left out: {error}")
            continue
        T = -(-len(samples) * FPS // RATE)
        if T < SHORTEST:
            continue
        spoken = oracle(record["phones"], samples)
        said.append(content_module.resample(spoken, FPS, T).astype(np.float16))
        heard.append(content_module.resample(encoder.listen(samples), FPS, T).astype(np.float16) if encoder else said[-1])
        rows.append({name: record[name] for name in ("clip", "split", "path", "phones")} | {"start": at, "length": T})
        at += T
        if number % 100 == 0:
            report(f"{number} of {len(records)} clips heard")
    np.save(cache / "content.npy", np.concatenate(heard))
    np.save(cache / "spoken.npy", np.concatenate(said))
    (cache / "clips.json").write_text(json.dumps(rows))


def heard_by(ears):
    """Name of the array that ears of that kind heard."""
    return "content" if ears == "ears" else "content-" + ears.replace(":", "-")


def write_heard(cache, encoder, report=print):
    """Beside the first layer: the same clips as plug-in ears hear them, [M, C] float16, whole or not at all."""
    cache = Path(cache)
    clips, out = json.loads((cache / "clips.json").read_text()), None
    path = cache / f"{heard_by(encoder.kind)}.npy"
    for number, clip in enumerate(clips):
        samples, _ = soundfile.read(clip["path"], dtype="float32", frames=LONGEST * RATE // FPS)
        heard = content_module.resample(encoder.listen(samples), FPS, clip["length"])
        if out is None:
            size = clips[-1]["start"] + clips[-1]["length"], heard.shape[1]
            out = np.lib.format.open_memmap(path.with_suffix(".part"), "w+", np.float16, size)
        out[clip["start"]:clip["start"] + clip["length"]] = heard
        if number % 100 == 0:
            report(f"{number} of {len(clips)} clips heard")
    out.flush()
    path.with_suffix(".part").replace(path)


def write_performances(cache, report=print):
    """The second layer: the teacher plays every clip several times, each time with other feelings and another style."""
    cache = Path(cache)
    acted, channels, shares, strengths, rows, at = [], [], [], [], [], 0
    clips = json.loads((cache / "clips.json").read_text())
    for number, clip in enumerate(clips):
        samples, _ = soundfile.read(clip["path"], dtype="float32", frames=LONGEST * RATE // FPS)
        melody, T = prosody(samples), clip["length"]
        for k in range(PERFORMANCES[clip["split"]]):
            seed = SEED * 1_000_003 + number * 101 + k
            share, strength = feeling_plan(T, np.random.default_rng(seed))
            performance, more = teacher.actions(clip["phones"], melody, share, strength, seed, T)
            acted.append(performance.astype(np.float16))
            channels.append(more.astype(np.float32))
            shares.append(share.astype(np.float16))
            strengths.append(strength.astype(np.float16))
            rows.append({"clip": clip["clip"], "split": clip["split"], "content_start": clip["start"], "start": at, "length": T,
                         "seed": seed})
            at += T
        if number % 200 == 0:
            report(f"{number} of {len(clips)} clips performed")
    for name, parts in (("actions", acted), ("channels", channels), ("share", shares), ("strength", strengths)):
        np.save(cache / f"{name}.npy", np.concatenate(parts))
    rng = np.random.default_rng(SEED)
    size = np.where(rng.random(len(rows)) < 0.4, 0, rng.uniform(0.3, 1, len(rows)))  # two in five: the built-in identity itself
    np.save(cache / "betas.npy", (size[:, None] * rng.standard_normal((len(rows), 300))).astype(np.float32))
    (cache / "performances.json").write_text(json.dumps(rows))
    report(f"{len(rows)} performances, {at / FPS / 60:.0f} minutes")


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


def ensure(cache, head, report=print, encoder=None):
    """Build what is missing or belongs to another head. The ears must have been trained. encoder: plug-in ears that hear, too."""
    cache = Path(cache)
    if not (cache / "clips.json").exists():
        from model_runtime.speech.encoder import load_encoder
        write_content(cache, load_encoder("cpu"), report)
    if encoder is not None:
        path = cache / f"{heard_by(encoder.kind)}.npy"
        if not path.exists() or len(np.load(path, mmap_mode="r")) != len(np.load(cache / "content.npy", mmap_mode="r")):
            write_heard(cache, encoder, report)
    if not (cache / "performances.json").exists():
        write_performances(cache, report)
    if not (cache / "values.basis").exists() or (cache / "values.basis").read_text() != head.basis:
        write_values(cache, head, report)
