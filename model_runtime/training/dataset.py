"""What the generator learns from: aligned recordings, each performed several times by the teacher.

In the cache, as .npy, in three layers. Each can be made again without those before it; those after it are then made again, too:

    content.npy, spoken.npy [M, 59]             each clip at 30 fps as the encoder hears it, and as its phones say
    actions.npy [N, 52], channels.npy [N, 15],  what the teacher does with it: several performances of each clip,
    share.npy [N, 8], strength.npy [N],         and the feeling it plays: where it lies between the labels' points, how strong it is,
    manner.npy [N, 2]                           how it shows (control -1 to 1, the mouth's share; emotion/labels.py)
    values.npy [N, 65], values.basis            the same as Motion, contact solved on each identity

After training the encoder the first two layers are made again, after changing the teacher the second, after changing the head the third.

A recognition's phone times are off by some hundredths of a second, and sometimes by a word. So where a clip's words fit what the encoder
hears, the teacher performs them when they are heard: the generator then learns to do what it hears when it hears it.

content-*.npy [M, C] is the same heard by a plug-in encoder (speech/plugin.py), where a generator is to learn from it.

clips.json lists the clips with their start and length in content; performances.json lists the performances with their clip,
content_start, start, length and seed, and betas.npy [P, 300] their identities.

Besides aligned recordings, of as many speakers as there are, there are rhythms (phone times without a sound, played once, faster
or slower), stretches of microphone noise alone, and recordings with such stretches before and after them.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from scipy.ndimage import gaussian_filter1d

from contract import FPS, beside
from model_runtime.emotion import LABELS
from model_runtime.flame.load import load_head
from model_runtime.speech import content as content_module
from model_runtime.speech.content import SHIPPED
from model_runtime.speech.features import loudness
from model_runtime.speech.phones import ARTICULATORY, MADE_WITH, PHONES, bare
from model_runtime.speech.words import align as align_words
from model_runtime.speech.words import fits
from model_runtime.training import align, teacher
from model_runtime.training.speech import LANGUAGES, TRUSTED
from model_runtime.training.speech import spoken as spoken_phones
from model_runtime.training.teacher import prosody, rhythm

SEED = 11
PERFORMANCES = {"train": 2, "dev": 4}  # of each clip; the encoder did not learn from dev, so it doubts there as it does with any new voice
RECORDED = 118 * 60  # seconds of recordings ...
PER_SPEAKER = 12 * 60  # ... at most so many of a speaker
RHYTHMS = 36 * 60  # seconds of phones without a sound
TEMPO = 0.78, 1.22  # ... stretched by this
QUIET = 40  # clips of noise alone
PADDED = 0.25  # share of the recordings that have noise added at both ends
MILD, WIDE = 0.4, 0.15  # share of identities that are the built-in one; that have a slider of the panel far out
MIXED = 0.3  # share of feelings that are of two emotions ...
PART = 0.2  # ... the smaller share of which is at least this, as in prompts (emotion/feelings.py)
SHOWN = 0.28  # share of feelings that are held back or let go
SHARPNESS = 13.0  # of the space of feelings, about (emotion/space.py)
RATE = 16000
SHORTEST, LONGEST = 15, 20 * FPS  # frames: shorter clips are left out, of longer ones the beginning is used


@dataclass(frozen=True)
class Dataset:
    content: np.ndarray  # [M, 59] heard
    spoken: np.ndarray  # [M, 59] said
    values: np.ndarray
    share: np.ndarray  # [N, 8] sums to 1
    strength: np.ndarray  # [N]
    betas: np.ndarray  # [P, 300]
    performances: list  # dicts
    basis: str
    manner: np.ndarray = None  # [N, 2] control and the mouth's share; None: zeros

    def manners(self, number, start, length):
        """manner of some frames of one performance, [length, 2]."""
        if self.manner is None:
            return np.zeros((length, 2), np.float32)
        first = self.performances[number]["start"] + start
        return self.manner[first : first + length]

    def slices(self, number, start, length, spoken=False):
        """(content, values, share, strength) of some frames of one performance; spoken: content as said instead of as heard."""
        p = self.performances[number]
        heard = slice(p["content_start"] + start, p["content_start"] + start + length)
        done = slice(p["start"] + start, p["start"] + start + length)
        return (self.spoken if spoken else self.content)[heard], self.values[done], self.share[done], self.strength[done]


def load_dataset(cache, encoder=SHIPPED):
    """encoder: the kind of the encoder that heard the clips. FileNotFoundError before build() has run."""
    cache = Path(cache)
    read = lambda name: np.load(cache / f"{name}.npy", mmap_mode="r")
    content = read(heard_by(encoder))
    spoken = read("spoken") if content.shape[1] == content_module.COLUMNS else content  # it is unknown what hidden states should be
    rows, betas = json.loads((cache / "performances.json").read_text()), read("betas")
    if spoken is content:  # rhythms have no sound, only what would be said
        kept = [number for number, row in enumerate(rows) if row.get("sound", True)]
        rows, betas = [rows[number] for number in kept], betas[kept]
    return Dataset(content, spoken, read("values"), read("share"), read("strength"), betas, rows, (cache / "values.basis").read_text(), read("manner"))


def build(cache, head, encoder=None, report=print):
    """Make all three layers. encoder None: content is what the phones say, before there is an encoder."""
    write_content(cache, encoder, report)
    write_performances(cache, report)
    write_values(cache, head, report)


def choose(records, seconds=RECORDED, per_speaker=PER_SPEAKER):
    """The recordings to learn from, in a fixed order: the next one is always of the speaker with the least time so far."""
    waiting, chosen, total = {}, [], 0.0
    for index in np.random.default_rng(SEED).permutation(len(records)):
        if records[index]["split"] in PERFORMANCES:
            waiting.setdefault(records[index]["speaker"], []).append(records[index])
    heard = dict.fromkeys(waiting, 0.0)
    while heard and total < seconds:
        speaker = min(heard, key=heard.get)
        record = waiting[speaker].pop()
        length = min(record["phones"][-1][1], LONGEST / FPS)
        if heard[speaker] + length <= per_speaker:
            chosen.append(record)
            heard[speaker] += length
            total += length
        if not waiting[speaker]:
            del heard[speaker]
    return chosen


def rhythms(records, rng, seconds=RHYTHMS):
    """[[start, end, phone], ...] of sentences without a sound, from the aligner's files beside the recordings; at other tempos."""
    files = sorted({path for record in records for path in Path(record["path"]).parents[1].glob("*alignments*.jsonl.gz")})
    lines = [line for path in files for line in gzip.open(path, "rt", encoding="utf-8")]
    out = []
    for index in rng.permutation(len(lines)):
        phones, slower = json.loads(lines[index])["phones"], rng.uniform(*TEMPO)
        if any(phone == "spn" for *_, phone in phones):  # it is unknown what was spoken there
            continue
        out.append([[start * slower, end * slower, phone if bare(phone) != "sil" else "sil"] for start, end, phone in phones])
        seconds -= out[-1][-1][1]
        if seconds < 0:
            break
    return out


def sound(clip):
    """A clip's samples float32 [N] with the noise around them; None if the clip is a rhythm."""
    samples = np.zeros(0, np.float32)
    if clip["path"]:
        samples, _ = soundfile.read(clip["path"], dtype="float32", frames=LONGEST * RATE // FPS)
    if clip.get("noise") is None:
        return samples if clip["path"] else None
    before, after, seed = clip["noise"]
    rng = np.random.default_rng(seed)
    floor = np.percentile(loudness(samples), 5) if len(samples) else rng.uniform(-85, -40)
    made = microphone(int((before + after) * RATE), np.clip(floor + rng.uniform(-3, 3), -90, -35), rng)
    at = int(before * RATE)
    return np.concatenate([made[:at], samples, made[at:]])


def microphone(samples, level, rng):
    """Noise float32 [samples] at that level in dB: a microphone's hiss, more or less brown, and sometimes mains hum."""
    frequency = np.fft.rfftfreq(max(samples, 2), 1 / RATE)
    spectrum = rng.standard_normal((2, len(frequency))).T @ [1, 1j] / np.maximum(frequency, 40) ** rng.uniform(0, 1)
    out = np.fft.irfft(spectrum, max(samples, 2))[:samples]
    out /= max(out.std(), 1e-12) if samples else 1
    if rng.random() < 0.3:
        out += rng.uniform(0.3, 1.5) * np.sin(2 * np.pi * rng.choice([50, 60]) * np.arange(samples) / RATE)
    return (out * 10 ** (level / 20)).astype(np.float32)


def listed(records):
    """What to hear, dicts: `clip`, `split`, `path`, `phones`, `noise` (seconds before, seconds after, seed; or None), `times`."""
    rng, out = np.random.default_rng(SEED), []
    for record in choose(records):
        clip = {name: record[name] for name in ("clip", "split", "path", "phones")} | {"noise": None}
        if record.get("words") and record.get("source") not in TRUSTED and record.get("language", "en") in LANGUAGES:
            clip["said"] = [word for _, _, word in record["words"]], LANGUAGES[record.get("language", "en")]
        if rng.random() < PADDED:
            before, after, seed = rng.uniform(0, 1.5), rng.uniform(0.2, 2.5), int(rng.integers(1 << 31))
            end = min(clip["phones"][-1][1], LONGEST / FPS)
            phones = [[start + before, min(stop, end) + before, phone] for start, stop, phone in clip["phones"] if start < end]
            clip |= {"phones": [[0.0, before, "sil"], *phones, [end + before, end + before + after, "sil"]], "noise": [before, after, seed]}
        out.append(clip | {"times": PERFORMANCES[clip["split"]]})
    share = sum(clip["phones"][-1][1] for clip in out) / RECORDED  # few recordings get few rhythms and little noise
    for number, phones in enumerate(rhythms(records, rng, RHYTHMS * share)):
        out.append({"clip": f"rhythm/{number}", "split": "train", "path": None, "phones": phones, "noise": None, "times": 1})
    for number in range(round(QUIET * share)):
        seconds = float(rng.uniform(1, 10))
        out.append(
            {
                "clip": f"quiet/{number}",
                "split": "train",
                "path": None,
                "phones": [[0.0, seconds, "sil"]],
                "noise": [seconds, 0.0, int(rng.integers(1 << 31))],
                "times": 2,
            }
        )
    return out


def write_content(cache, encoder, report=print):
    """The first layer: what is heard and what is said."""
    cache = Path(cache)
    heard, spoken, rows, at = [], [], [], 0
    clips = listed(align.load(cache))
    rng = np.random.default_rng(SEED)
    for number, clip in enumerate(clips):
        try:
            samples = sound(clip)
        except Exception as error:
            report(f"{clip['clip']} is left out: {error}")
            continue
        melody = prosody(samples) if samples is not None else imagined(clip["phones"], rng)
        T = -(-len(samples) * FPS // RATE) if samples is not None else len(melody) * FPS // content_module.FPS
        T = min(T, 2 * LONGEST)
        if T < SHORTEST:
            continue
        listened = encoder.encode(samples) if encoder and samples is not None else None
        if listened is not None and "said" in clip:
            clip["phones"] = retimed(clip["phones"], listened, *clip["said"])
        spoken.append(content_module.resample(said(clip["phones"], melody), FPS, T).astype(np.float16))
        heard.append(spoken[-1] if listened is None else content_module.resample(listened, FPS, T).astype(np.float16))
        spoken[-1][:, content_module.MOUTH] = heard[-1][:, content_module.MOUTH]  # text does not tell them
        rows.append({name: value for name, value in clip.items() if name != "said"} | {"start": at, "length": T})
        at += T
        if number % 100 == 0:
            report(f"{number} of {len(clips)} clips heard")
    np.save(cache / "content.npy", np.concatenate(heard))
    np.save(cache / "spoken.npy", np.concatenate(spoken))
    known, where = cache / "clips.json", lambda clips: [(clip["clip"], clip["start"], clip["phones"]) for clip in clips]
    if not known.exists() or where(json.loads(known.read_text())) != where(json.loads(json.dumps(rows))):
        (cache / "performances.json").unlink(missing_ok=True)  # of other clips, or at other times
    known.write_text(json.dumps(rows))


def retimed(phones, content, words, language):
    """phones [[start, end, phone], ...] of these words at the times when they are heard in Content [Tc, 59]; unchanged where the words do
    not fit it."""
    found = align_words(content, words, language)
    return spoken_phones(found.phones, len(content) / content_module.FPS)["phones"] if fits(found) else phones


def heard_by(encoder):
    """Name of the array that an encoder of that kind heard."""
    return "content" if encoder == SHIPPED else "content-" + encoder.replace(":", "-")


def write_heard(cache, encoder, report=print):
    """In addition to the first layer: the same clips as a plug-in encoder hears them, [M, C] float16, whole or not at all."""
    cache = Path(cache)
    clips, spoken = json.loads((cache / "clips.json").read_text()), np.load(cache / "spoken.npy", mmap_mode="r")
    path, columns = cache / f"{heard_by(encoder.kind)}.npy", encoder.encode(np.zeros(RATE, np.float32)).shape[1]
    with beside(path) as part:
        out = np.lib.format.open_memmap(part, "w+", np.float16, (len(spoken), columns))
        for number, clip in enumerate(clips):
            samples, stretch = sound(clip), slice(clip["start"], clip["start"] + clip["length"])
            if samples is not None:
                out[stretch] = content_module.resample(encoder.encode(samples), FPS, clip["length"])
            elif not encoder.kind.startswith("hidden:"):  # a rhythm: what would be heard
                out[stretch] = spoken[stretch]
            if number % 100 == 0:
                report(f"{number} of {len(clips)} clips heard")
        out.flush()


def write_performances(cache, report=print):
    """The second layer: the teacher performs every clip several times, each time with other feelings and another style."""
    cache = Path(cache)
    acted, channels, shares, strengths, manners, rows, at = [], [], [], [], [], [], 0
    clips = json.loads((cache / "clips.json").read_text())
    spoken = np.load(cache / "spoken.npy", mmap_mode="r")
    for number, clip in enumerate(clips):
        T = clip["length"]
        energy, _, f0 = np.array(spoken[clip["start"] : clip["start"] + T, content_module.PROSODY], float).T
        melody = {"energy": energy, "f0": f0, "fps": FPS}
        curves = np.array(spoken[clip["start"] : clip["start"] + T, content_module.MOUTH], float)
        for k in range(clip.get("times", PERFORMANCES[clip["split"]])):
            seed = SEED * 1_000_003 + number * 101 + k
            plan = feeling_plan(T, np.random.default_rng(seed))
            performance, more = teacher.actions(clip["phones"], melody, plan.share, plan.strength, seed, T, curves, *plan.manner.T)
            acted.append(performance.astype(np.float16))
            channels.append(more.astype(np.float32))
            shares.append(plan.place.astype(np.float16))
            strengths.append(plan.strength.astype(np.float16))
            manners.append(plan.manner.astype(np.float16))
            rows.append(
                {
                    "clip": clip["clip"],
                    "split": clip["split"],
                    "content_start": clip["start"],
                    "start": at,
                    "length": T,
                    "seed": seed,
                    "sound": bool(clip["path"] or clip.get("noise")),
                }
            )
            at += T
        if number % 200 == 0:
            report(f"{number} of {len(clips)} clips performed")
    for name, parts in (("actions", acted), ("channels", channels), ("share", shares), ("strength", strengths), ("manner", manners)):
        np.save(cache / f"{name}.npy", np.concatenate(parts))
    np.save(cache / "betas.npy", identities(len(rows), np.random.default_rng(SEED)))
    (cache / "values.basis").unlink(missing_ok=True)
    (cache / "performances.json").write_text(json.dumps(rows))
    report(f"{len(rows)} performances, {at / FPS / 60:.0f} minutes")


def identities(count, rng):
    """beta float32 [count, 300]: the built-in identity itself, identities that differ from it little or much, and sliders far out."""
    kind = rng.random(count)
    size = np.where(kind < MILD, 0, rng.uniform(0.3, 1, count))
    beta = size[:, None] * rng.standard_normal((count, 300))
    sliders = load_head().identity_directions
    if sliders is not None:
        far = np.flatnonzero(kind > 1 - WIDE)
        beta[far] = 0.5 * beta[far] + rng.uniform(-1, 1, (len(far), 1)) * sliders[rng.integers(len(sliders), size=len(far))]
    return beta.astype(np.float32)


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


class Plan(NamedTuple):
    """What a performance feels: share [T, 8] of each emotion and place [T, 8] between the labels' points, which sum to 1; strength [T];
    manner [T, 2]: control and the mouth's share."""

    share: np.ndarray
    place: np.ndarray
    strength: np.ndarray
    manner: np.ndarray


def feeling_plan(T, rng):
    """A Plan for T frames. Half of them change once or twice, in what is felt, how strongly, or how it shows."""
    beats = [beat(rng)]
    changes = []
    for _ in range(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])):
        beats.append(beat(rng))
        if rng.random() < 0.25:  # the same feeling, shown in another way
            beats[-1] = Plan(beats[-2].share, beats[-2].place, beats[-2].strength, manner(rng, 0.8))
        middle, fade = rng.uniform(0, T), rng.uniform(0.1, 1.0) * FPS
        into = np.clip((np.arange(T) - middle) / fade + 0.5, 0, 1)
        changes.append(((1 - np.cos(np.pi * into)) / 2)[:, None])

    def over_time(parts):
        out = np.tile(np.atleast_1d(parts[0]), (T, 1))
        for into, part in zip(changes, parts[1:]):
            out = out * (1 - into) + into * part
        return out

    share, place, strength, shows = (over_time(parts) for parts in zip(*beats))
    return Plan(share, place, strength[:, 0], shows)


def beat(rng):
    """One feeling of a Plan: share and place [8], strength, manner [2]."""
    share = np.zeros(len(LABELS))
    share[rng.integers(len(LABELS))] = 1
    if rng.random() < MIXED:
        other = rng.uniform(PART, 0.5)
        share *= 1 - other
        share[rng.integers(len(LABELS))] += other
    return Plan(share, place(share), 1.0 if rng.random() < 0.35 else rng.uniform(0.0, 1.0), manner(rng, SHOWN))


def manner(rng, likely):
    """[2] control and the mouth's share: each is 0, or with that probability anything, often one of its ends."""
    drawn = [rng.choice([-1.0, 1.0]) if rng.random() < 0.3 else rng.uniform(-1, 1) for _ in range(2)]
    return np.array([value * (rng.random() < chance) for value, chance in zip(drawn, (likely, 0.6 * likely))])


def place(share):
    """share [8] of each emotion in a prompt -> how much of each label's point its own point is made of, [8], sums to 1: where
    Feelings.point(share) lies, were the labels' points at right angles. A small share moves it far, for shares are read by a softmax."""
    chosen = share > 0
    wanted = np.log(share[chosen]) / SHARPNESS
    mean = wanted.mean()
    height = np.sqrt(max(mean**2 - (np.square(wanted).sum() - 1) / len(wanted), 0)) - mean  # so that the point has length 1
    out = np.zeros(len(share))
    out[chosen] = np.maximum(wanted + height, 0)
    return out / out.sum()


def oracle(phones, samples):
    """Content [Tc, 59] at 50 Hz from the phones' own times, blurred and doubted as an encoder's would be."""
    return said(phones, prosody(samples))


def said(phones, melody):
    """The same with that prosody [Tc, 3]."""
    out = np.zeros((len(melody), content_module.COLUMNS), np.float32)
    time = np.arange(len(out)) / content_module.FPS
    out[:, PHONES.index("sil")] = 1
    for start, end, phone in phones:
        inside = (time >= start) & (time < end)
        phone = bare(phone)
        out[inside, : len(PHONES)] = 0
        out[inside, PHONES.index(phone)] = 1
        for column, name in enumerate(ARTICULATORY):
            out[inside, len(PHONES) + column] = name in MADE_WITH[phone]
    pause = out[:, PHONES.index("sil")] > 0
    out[pause, len(PHONES) :] = 0
    out[pause, len(PHONES) + ARTICULATORY.index("pause")] = 1
    out[:, :52] = gaussian_filter1d(out[:, :52], 0.7, axis=0)
    out[:, content_module.PROSODY] = melody
    return out


def imagined(phones, rng):
    """Prosody [Tc, 3] for phones without a sound, in a room that is never quite silent."""
    melody = rhythm(phones, rng)
    room = rng.uniform(0, 0.35) + 0.03 * rng.standard_normal(len(melody))
    melody[:, 0] = np.clip(np.maximum(melody[:, 0], room), 0, 1)
    return melody


def ensure(cache, head, report=print, encoder=None):
    """Build what is missing or belongs to another head. The shipped encoder must have been trained.
    encoder: a plug-in encoder that hears the clips, too."""
    cache = Path(cache)
    if not (cache / "clips.json").exists() or not (cache / "content.npy").exists():
        from model_runtime.speech.encoder import load_encoder

        write_content(cache, load_encoder("cpu"), report)
    if encoder is not None:
        path = cache / f"{heard_by(encoder.kind)}.npy"
        if not path.exists() or len(np.load(path, mmap_mode="r")) != len(np.load(cache / "content.npy", mmap_mode="r")):
            write_heard(cache, encoder, report)
    if not (cache / "performances.json").exists() or not (cache / "manner.npy").exists():  # older ones had no manner
        write_performances(cache, report)
    if not (cache / "values.basis").exists() or (cache / "values.basis").read_text() != head.basis:
        write_values(cache, head, report)
