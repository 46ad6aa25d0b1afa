"""Train the head of the speech encoder (speech/encoder.py) on aligned recordings: python build.py train speech.

Whisper's part is frozen, so it hears every window once: up to 10 s of speech, changed by speed (with pitch and formants), rooms, noise,
other voices, colouring, telephone bands, codecs, clipping and masks. What it hears is kept in the cache, with which moment of which
clip each frame was, and the head learns from that many times over. Loss: cross-entropy of the phone (labels smoothed by 0.1) and binary
cross-entropy of the twelve articulatory facts, where a missed lip contact counts more than a false one. Round one learns from aligned
clips. Then every clip is labelled again, clean, by the aligner, by the network and by its words aligned with what the network hears, and
round two learns to hear the same in it when it is disturbed (Xie et al. 2020, "Self-training with noisy student improves ImageNet
classification"). AdamW, one cosine cycle a round, weights averaged over the last steps.

EmoDB is not learned from: its phone times, by hand, are what German is measured by, on sentences that no training saw.
"""

import io
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.signal import fftconvolve, resample_poly
from torch.nn import functional as F

from contract import UtterError, beside
from model_runtime.audio import RATE
from model_runtime.speech import features, phones, whisper, words
from model_runtime.speech.content import ARTICULATORY, FPS, HOP, NAMES, PHONES, visemes
from model_runtime.speech.encoder import (
    CHUNK,
    EDGE,
    FLOOR,
    LOUD,
    PHONETIC,
    READ,
    VERSION,
    WEIGHTS,
    Encoder,
    Head,
    Network,
    around,
    load_encoder,
    log_mel,
    save_network,
)
from model_runtime.training import align, corpus, synthetic
from model_runtime.training.together import agree, half, rank

WINDOW = (2 * FPS, CHUNK + 2 * EDGE)  # Content frames that Whisper hears at once: the fewest, the most
EARS = f"ears{VERSION}"  # how the folders are called in which it is kept what Whisper's part heard
SHARD, SHARDS = 60_000, 9  # frames in each file of what it heard: 20 minutes; files
FRAMES, BATCH = 200, 16  # Content frames in a crop, crops a step
GRID = 200  # Hz at which labels are kept
RELEASE = 0.3  # the last part of a stop that counts as its release, where none is marked
ROUNDS = (300, 1500)  # steps
SHARES = {
    "librispeech": 3.0,
    "dbspeech": 1.0,
    "kerstin_de": 1.5,
    "speech_commands": 1.0,
    "picovoice_keywords": 0.7,
    "picovoice_coffee": 0.7,
    "misc_cc": 0.7,
    "ljspeech": 0.8,
    "pocketsphinx_librivox": 0.6,
    "jfk": 0.5,
    "grid_film": 0.3,
    "emogator": 0.5,
    "odd_voices": 0.3,
    "vctk": 0.3,
    "singing": 0.3,
    "synthetic": 2.0,
}  # how often each folder is drawn from ...
FEW = 200  # ... if it has that many clips; one with fewer is drawn from less often, in proportion
TRUSTED = ("hand", "mfa", "synthetic")  # whose phone times are left as they are
LANGUAGES = {"en": "en-us", "de": "de"}  # of clips with a text, as espeak-ng names them
CONTACT = 3.0  # how much more a missed lip contact counts than a false one: the more, the longer closures are heard
NOTHING = 0.03  # share of windows in which nobody speaks


def main(args):
    device = torch.device("cuda" if args.device == "cuda" or (args.device == "auto" and torch.cuda.is_available()) else "cpu")
    torch.manual_seed(args.seed)
    records = align.load(args.cache)
    if not records:
        align.main(args)
        records = align.load(args.cache)
    records += synthetic.load(args.cache)
    if not records:
        raise UtterError(f"{args.data} holds no voices to learn from; docs/training.md names the folders that are read.")
    minutes = [(args.minutes or float("inf")) * steps / sum(ROUNDS) for steps in ROUNDS]
    steps = [-(-(args.steps or sum(ROUNDS)) * steps // sum(ROUNDS)) for steps in ROUNDS]
    network = (pretrained(args.whisper) if args.whisper else load_encoder().network).to(device)
    network.head = Head(ARTICULATORY.stop, *PHONETIC).to(device)
    voices = Voices(records, args, np.random.default_rng(args.seed))
    listen(voices, network, args)
    heard = Heard(voices, args)
    first = Path(args.cache) / f"encoder{VERSION}_round1.safetensors"
    if not first.exists():
        fit(network.head, heard, steps[0], minutes[0], device)
        save_network(network, first)
        report(Encoder(network, device), records, args)
    encoder = load_encoder(device, first)
    voices.label_again(encoder, heard.clips(), args)
    fit(encoder.network.head, heard, steps[1], minutes[1], device)
    about = {"trained": "model_runtime/training/speech.py", "seed": str(args.seed)}
    save_network(encoder.network, WEIGHTS, **about)
    figures = {split: report(encoder, records, args, split) for split in ("dev", "test")}
    save_network(encoder.network, WEIGHTS, **about, figures=json.dumps(figures))
    (Path(args.cache) / "content.npy").unlink(missing_ok=True)  # what another encoder heard is of no use now


def pretrained(folder):
    """A Network with Whisper's weights of that folder (speech/whisper.py), whose head knows nothing yet."""
    whole, parts = Path(folder) / "model.bin", sorted(Path(folder).glob("model.bin.part*"))
    state = whisper.encoder_state(whisper.read(parts if parts and not whole.exists() else whole))
    network = Network()
    own = network.whisper.state_dict()
    if any(name not in state or state[name].shape[1:] != tensor.shape[1:] for name, tensor in own.items()):
        raise UtterError(f"The Whisper in {folder} is of another size; its base model, which knows many languages, is needed.")
    network.whisper.load_state_dict({name: torch.from_numpy(state[name][: len(tensor)]) for name, tensor in own.items()})
    return network


# ---- what is known of a clip, frame by frame


def spoken(phones, seconds):
    """The phones of a words.Alignment as records hold them, pauses between them."""
    told, made, at = [], [], 0.0
    for start, end, sound, _ in phones:
        start, end = max(start, at), min(end, seconds)
        if start - at > 0.005:
            told.append([at, start, "sil"]), made.append(None)
        if end > start:
            told.append([start, end, sound.phone]), made.append(None if sound.exact else sorted(sound.classes))
            at = end
    if seconds - at > 0.005:
        told.append([at, seconds, "sil"]), made.append(None)
    return {"phones": told, "classes": made}


def labels(record, seconds):
    """-> (phone index uint8 [n], articulatory facts float32 [n, 12]) at GRID Hz."""
    count = int(seconds * GRID) + 1
    phone_of, made = np.full(count, phones.PHONES.index("sil"), np.uint8), np.zeros((count, 12), bool)
    made[:, phones.ARTICULATORY.index("pause")] = True
    sounds = record.get("classes") or record.get("sounds") or [None] * len(record["phones"])

    def put(start, end, classes):
        made[at(start) : at(end)] = [name in classes for name in phones.ARTICULATORY]

    at = lambda second: int(np.ceil(second * GRID - 0.5))
    place = set("bilabial labiodental dental alveolar postalveolar velar".split())
    for (start, end, name), sound in zip(record["phones"], sounds):
        phone = phones.bare(name)
        phone_of[at(start) : at(end)] = phones.PHONES.index(phone)
        if isinstance(sound, list):
            put(start, end, sound)
        elif sound in phones.GERMAN:
            put(start, end, phones.GERMAN[sound][1])
        elif phone in phones.GLIDES:
            middle = start + 0.55 * (end - start)
            put(start, middle, phones.MADE_WITH[phones.GLIDES[phone][0]])
            put(middle, end, phones.MADE_WITH[phones.GLIDES[phone][1]])
        else:
            put(start, end, phones.MADE_WITH[phone])
            if phone in phones.STOPS and "releases" not in record and phone not in ("CH", "JH"):
                put(end - RELEASE * (end - start), end, phones.MADE_WITH[phone] - place)
    for start, end in record.get("releases", ()):
        made[at(start) : at(end), :6] = False
    return phone_of, made.astype(np.float32)


def opinions(encoder, record, samples):
    """What is known of a clip, float16 [T, 52] at 50 Hz: the mean of what the network hears, what an aligner said, if it did, and the
    clip's text aligned with what is heard, where it fits."""
    heard, clip = encoder.hear(samples)[:, : ARTICULATORY.stop], record["about"]
    seconds, told = len(samples) / RATE, [heard]
    if "phones" in record:
        told.append(rows(record, seconds, len(heard)))
    if clip.kind == "text" and clip.language in LANGUAGES:
        found = words.align(heard, words.words_of(clip.text), LANGUAGES[clip.language])
        if words.fits(found):
            told.append(rows(spoken(found.phones, seconds), seconds, len(heard)))
    return np.mean(told, 0).astype(np.float16)


def rows(record, seconds, count):
    """A record's labels as the network would say them, float32 [count, 52] at 50 Hz: means over each frame."""
    phone_of, made = labels(record, seconds)
    each = np.concatenate([np.eye(40, dtype=np.float32)[phone_of], made], 1)
    step = GRID // 50
    each = np.pad(each, ((step // 2, max(0, count * step - len(each))), (0, 0)), mode="edge")
    return each[: count * step].reshape(count, step, -1).mean(1)


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


class Voices(Windows):
    """The voices to learn from: what is said when is known of most."""

    def __init__(self, records, args, rng):
        known = {record["clip"]: record for record in records}
        clips = [
            known.get(clip.name, {"clip": clip.name, "path": str(clip.path), "split": clip.split}) | {"about": clip}
            for clip in corpus.clips(args.data, args.clips)
        ]
        clips += [record for record in records if record["clip"] not in {clip["clip"] for clip in clips}]
        clips = [record for record in clips if record["split"] == "train" and folder_of(record) in SHARES]
        count = Counter(map(folder_of, clips))
        super().__init__(clips, {folder: SHARES[folder] * min(1, count[folder] / FEW) for folder in count}, args, rng)

    def label_again(self, encoder, numbers, args):
        """Label those clips again that have no times that are trusted, from all that is known of them by now (opinions)."""
        path = Path(args.cache) / f"opinions{VERSION}.npz"
        told = dict(np.load(path)) if path.exists() else {}
        for record in (self.clips[number] for number in numbers):
            if record.get("source") not in TRUSTED and record["clip"] not in told:
                samples = corpus.sound(record["clip"], record["path"], args.cache).astype(np.float32) / 32768
                told[record["clip"]] = opinions(encoder, record, samples)
        with beside(path) as part, open(part, "wb") as stream:
            np.savez(stream, **told)
        for record in self.clips:
            record["heard"] = told.get(record["clip"])

    def told(self, source, moments):
        """What is known of those moments (s) of those clips (numbers; -1 nobody speaks), both [T]: (posteriors and facts [T, 52],
        whether anything is known [T])."""
        out, known = np.zeros((len(source), ARTICULATORY.stop), np.float32), np.ones(len(source), np.float32)
        out[:, [NAMES.index("sil"), NAMES.index("pause")]] = 1
        for number in set(source.tolist()) - {-1}:
            record, rows = self.clips[number], source == number
            if record.get("heard") is not None:
                heard, frame = record["heard"], np.clip(moments[rows] * FPS, 0, len(record["heard"]) - 1.001)
                low, part = frame.astype(int), (frame % 1)[:, None].astype(np.float32)
                out[rows] = heard[low] * (1 - part) + heard[np.minimum(low + 1, len(heard) - 1)] * part
            elif "phones" in record:
                if "labels" not in record:
                    record["labels"] = labels(record, record["phones"][-1][1])
                phone_of, made = record["labels"]
                row = np.minimum(np.round(moments[rows] * GRID).astype(int), len(phone_of) - 1)
                out[rows] = np.concatenate([np.eye(40, dtype=np.float32)[phone_of[row]], made[row]], 1)
            else:
                known[rows] = 0
        return out, known


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


# ---- what Whisper hears, once


def listen(windows, network, args, name=EARS, shards=SHARDS, before=0):
    """Fill the cache with what the frozen part hears of disturbed windows: `ears3_0000/`: `heard` float16 [SHARD, D], `source` int32
    and `moment` float32 [SHARD]; `clips.json`: what the numbers in source mean. name: of the folders; before: so many samples earlier."""
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

    def __init__(self, voices, args, name=EARS):
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


# ---- learning


def fit(head, heard, steps, minutes, device, rate=2e-3, report_every=50):
    """Train a Head for that many steps, or fewer if the minutes are over; it ends with averaged weights, in eval mode."""
    optimizer = torch.optim.AdamW(head.parameters(), rate, weight_decay=0.02, betas=(0.9, 0.98))
    averaged = {name: tensor.detach().clone() for name, tensor in head.state_dict().items()}
    contacts = torch.tensor([CONTACT if name in ("bilabial", "labiodental") else 1.0 for name in phones.ARTICULATORY], device=device)
    began, step, recent, done = time.monotonic(), 0, [], 0.0
    head.train()
    while done < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 60) * (0.5 + 0.5 * np.cos(np.pi * done)) + 1e-6
        x, told, known = heard.batch(device)
        with half(device):
            logits = head(x)
        logits = logits.float()
        phone = F.cross_entropy(logits[..., PHONES].flatten(0, 1), (0.9 * told[..., PHONES] + 0.1 / 40).flatten(0, 1), reduction="none")
        made = F.binary_cross_entropy_with_logits(logits[..., ARTICULATORY], told[..., ARTICULATORY], pos_weight=contacts, reduction="none")
        loss = ((phone + 4 * made.mean(-1).flatten()) * known.flatten()).sum() / known.sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        step += 1
        done = agree(head, max(step / steps, (time.monotonic() - began) / 60 / minutes))
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        for name, tensor in head.state_dict().items():
            averaged[name].lerp_(tensor, max(0.003, 1 / step))
        recent.append(loss.item())
        if step % report_every == 0 and rank() == 0:
            print(f"step {step}  {done:.0%}  loss {np.mean(recent[-report_every:]):.3f}", flush=True)
    head.load_state_dict(averaged)
    head.eval()


# ---- measuring


def closed(content, threshold=0.5):
    """Intervals [[start, end], ...] in seconds where the lips are heard to be shut; edges interpolated between frames."""
    p = content[:, NAMES.index("bilabial")]
    shut = np.concatenate([[False], p >= threshold, [False]]).astype(int)
    out = []
    for first, last in zip(np.flatnonzero(np.diff(shut) == 1), np.flatnonzero(np.diff(shut) == -1) - 1):
        start = first if first == 0 else first - (p[first] - threshold) / (p[first] - p[first - 1])
        end = last if last == len(p) - 1 else last + (p[last] - threshold) / (p[last] - p[last + 1])
        out.append([start / 50, end / 50])
    return out


def report(encoder, records, args, split="dev"):
    """Frame accuracies and lip closures on clips that were never trained on, {"folder figure": value}; printed too."""
    right, onsets = {}, {}
    for record in records:
        folder = folder_of(record)
        if (record["split"] == "test") != (split == "test") or (record["split"] == "train" and folder != "emodb"):
            continue
        folder += f" {record['language']}" if folder == "synthetic" else ""
        samples = corpus.sound(record["clip"], record["path"], args.cache).astype(np.float32) / 32768
        content = encoder.hear(samples)
        phone_of, made = labels(record, len(content) / 50)
        row = np.minimum(np.arange(len(content)) * GRID // 50, len(phone_of) - 1)
        truth, made = phone_of[row], made[row]
        spoken = truth != phones.PHONES.index("sil")
        shape_of = np.array([phones.VISEMES.index(phones.VISEME_OF[phone]) for phone in phones.PHONES])

        def tally(figure, hits):
            right.setdefault(f"{folder} {figure}", []).append((hits.sum(), hits.size))

        tally("phone", content[spoken][:, PHONES].argmax(1) == truth[spoken])
        tally("viseme", visemes(content)[spoken].argmax(1) == shape_of[truth[spoken]])
        tally("sil", (content[:, PHONES].argmax(1) != 39) == spoken)
        shut = closed(content)
        for start, end, name in record["phones"]:
            name = phones.bare(name)
            if name in phones.BILABIALS:
                met = [a for a, b in shut if a < end + 0.04 and b > start - 0.04]
                tally("closures", np.array([bool(met)]))
                onsets.setdefault(f"{folder} onset ms", []).extend(abs(1000 * (a - start)) for a in met[:1])
            elif name in {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "OW"}:
                a, b = start + (end - start) / 3, end - (end - start) / 3
                tally("false closures", np.array([sum(max(0, min(b, d) - max(a, c)) for c, d in shut) >= 0.5 * (b - a)]))
    totals = {name: np.sum(pairs, 0) for name, pairs in sorted(right.items())}
    figures = {name: round(float(hits / count), 4) for name, (hits, count) in totals.items()}
    figures |= {name: round(float(np.median(errors)), 1) for name, errors in onsets.items() if errors}
    figures |= {f"{name} n": int(count) for name, (_, count) in totals.items() if name.endswith("closures")}
    print(split, json.dumps(dict(sorted(figures.items())), indent=1), flush=True)
    return figures
