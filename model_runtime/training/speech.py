"""Train the speech encoder (speech/encoder.py) on aligned recordings: python build.py train speech.

Crops of 3 s, changed by speed (with pitch and formants), rooms, noise, other voices, colouring, telephone bands, clipping and
masks. Loss: cross-entropy of the phone (labels smoothed by 0.1) and binary cross-entropy of the twelve articulatory facts, where a
missed lip contact counts three times. Round one learns from aligned clips. Then every clip that was not labelled by hand is labelled
again, clean, by the aligner, by the network and by its words aligned with what the network hears, and round two learns to hear the
same in it when it is disturbed (Xie et al. 2020, "Self-training with noisy student improves ImageNet
classification"). AdamW, one cosine cycle a round, weights averaged over the last steps.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
from scipy.signal import fftconvolve, resample_poly
from torch.nn import functional as F

from contract import UtterError
from model_runtime.speech import features, phones, words
from model_runtime.speech.content import ARTICULATORY, HOP, NAMES, PHONES, visemes
from model_runtime.speech.encoder import VERSION, WEIGHTS, Encoder, Network, levelled, load_encoder, save_network
from model_runtime.training import align, corpus, synthetic
from model_runtime.training.together import agree, half, rank

RATE = features.RATE
SECONDS, BATCH = 3.0, 12  # of a crop; crops a step
FRAMES = int(SECONDS * 50)  # of Content in a crop
GRID = 200  # Hz at which labels are kept
LEVEL = -20.0  # dB: every clip is brought to this loud level
RELEASE = 0.3  # the last part of a stop that counts as its release, where none is marked
ROUNDS = (900, 3300)  # steps
SHARES = {
    "librispeech": 3.0,
    "dbspeech": 1.2,
    "kerstin_de": 1.5,
    "emodb": 1.2,
    "speech_commands": 1.2,
    "picovoice_keywords": 0.8,
    "misc_cc": 0.9,
    "ljspeech": 1.0,
    "pocketsphinx_librivox": 0.8,
    "jfk": 0.8,
    "synthetic": 1.0,
}  # how often each folder is drawn from ...
FEW = 200  # ... if it has that many clips; one with fewer is drawn from less often, in proportion
TRUSTED = ("hand", "mfa", "synthetic")  # whose phone times are left as they are
LANGUAGES = {"en": "en-us", "de": "de"}  # of clips with a text, as espeak-ng names them
HEARD = {"librispeech": 3.0, "picovoice_coffee": 1.0, "misc_cc": 0.3, "odd_voices": 0.2, "vctk": 0.1}  # the same in round two


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
    first = Path(args.cache) / f"encoder{VERSION}_round1.safetensors"
    voices = Voices(records, args, np.random.default_rng(args.seed))
    if not first.exists():
        network = fit(Network().to(device), voices, steps[0], minutes[0], device)
        save_network(network, first)
        report(Encoder(network, device), records, args)
    encoder = load_encoder(device, first)
    voices.add_heard(encoder, args)
    network = fit(encoder.network, voices, steps[1], minutes[1], device)
    encoder = Encoder(network, device)
    figures = {split: report(encoder, records, args, split) for split in ("dev", "test")}
    save_network(network, WEIGHTS, trained="model_runtime/training/speech.py", seed=str(args.seed), figures=json.dumps(figures))
    (Path(args.cache) / "content.npy").unlink(missing_ok=True)  # what another encoder heard is of no use now


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


def opinions(encoder, clip, record, samples):
    """What is known of a clip, as {"clip", "path", "heard" float16 [T, 52] at 50 Hz, "opinions": how many}: the mean of what the
    network hears, what an aligner said (record, or None), and the clip's text aligned with what is heard, where it fits.

    On LibriSpeech's dev speakers PocketSphinx and the latter agree on 74 % of the frames; the network is right in 54 % by the one
    and in 68 % by the other. A third round that used the words alone heard new voices no better.
    """
    heard = encoder.hear(samples)
    seconds, told = len(samples) / RATE, [heard]
    if record:
        told.append(rows(record, seconds, len(heard)))
    if clip.kind == "text" and clip.language in LANGUAGES:
        found = words.align(heard, words.words_of(clip.text), LANGUAGES[clip.language])
        if words.fits(found):
            told.append(rows(spoken(found.phones, seconds), seconds, len(heard)))
    return {"clip": clip.name, "path": str(clip.path), "heard": np.mean(told, 0).astype(np.float16), "opinions": len(told)}


def rows(record, seconds, count):
    """A record's labels as the network would say them, float32 [count, 52] at 50 Hz: means over each frame."""
    phone_of, made = labels(record, seconds)
    each = np.concatenate([np.eye(40, dtype=np.float32)[phone_of], made], 1)
    step = GRID // 50
    each = np.pad(each, ((step // 2, max(0, count * step - len(each))), (0, 0)), mode="edge")
    return each[: count * step].reshape(count, step, -1).mean(1)


class Voices:
    """Draws batches: (log-mel [B, 2 T, BANDS], phone posteriors [B, T, 40], articulatory facts [B, T, 12])."""

    def __init__(self, records, args, rng):
        self.cache, self.rng = args.cache, rng
        self.rooms = [self.read(path) for path in sorted(Path(args.data).glob("noise_rir/RIRs/*.wav"))]
        self.noises = [self.read(path) for path in sorted(Path(args.data).glob("noise_rir/noise/*.wav"))]
        self.clips = {}  # folder -> [(name, path, seconds -> labels), ...]
        self.shares = dict(SHARES)
        for record in records:
            if record["split"] == "train":
                self.clips.setdefault(record["clip"].split("/")[0], []).append(record)

    @staticmethod
    def read(path):
        import soundfile

        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        return resample_poly(samples.mean(1), RATE, rate).astype(np.float32)

    def add_heard(self, encoder, args):
        """Label again what was not labelled by hand, from all that is known of it by now (opinions); clips that are known only by what
        is heard become folders of their own."""
        known = {record["clip"]: record for records in self.clips.values() for record in records}
        self.clips = {folder: [record for record in records if record.get("source") in TRUSTED] for folder, records in self.clips.items()}
        for clip in corpus.clips(args.data, args.clips):
            record, folder = known.get(clip.name), clip.name.split("/")[0]
            if clip.split != "train" or (record and record.get("source") in TRUSTED) or (not record and folder not in (SHARES | HEARD)):
                continue
            self.add(opinions(encoder, clip, record, self.sound(clip.name, clip.path)))

    def add(self, record):
        folder = record["clip"].split("/")[0]
        if record.get("opinions") == 1:
            share = HEARD.get(folder, SHARES.get(folder, 0) / 3)
            folder += " heard only"
            self.shares[folder] = share
        self.clips.setdefault(folder, []).append(record)

    def sound(self, name, path):
        samples = corpus.sound(name, path, self.cache).astype(np.float32) / 32768
        level = features.loud_level(features.loudness(samples))
        return samples * 10 ** ((LEVEL - max(level, -60)) / 20)

    def piece(self, frames):
        """Up to that many Content frames of a random clip at a random speed -> (samples, phones [t, 40], made [t, 12])."""
        folders = [folder for folder in self.shares if folder in self.clips]
        shares = np.array([self.shares[folder] * min(1, len(self.clips[folder]) / FEW) for folder in folders])
        clips = self.clips[self.rng.choice(folders, p=shares / shares.sum())]
        record = clips[self.rng.integers(len(clips))]
        if "samples" not in record:
            record["samples"] = (self.sound(record["clip"], record["path"]) * 32768 / 8).astype(np.int16)
            if "heard" not in record:
                record["labels"] = labels(record, len(record["samples"]) / RATE)
        samples = record["samples"]
        up, down = (1, 1) if self.rng.random() < 0.4 else (20, int(self.rng.integers(16, 26)))  # plays down / up times as fast
        length = min(int(frames * HOP * down / up) + HOP, len(samples))
        start = int(self.rng.integers(0, len(samples) - length + 1))
        samples = samples[start : start + length].astype(np.float32) * (8 / 32768)
        if up != down:
            samples = resample_poly(samples, up, down).astype(np.float32)
        count = min(len(samples) // HOP, frames)
        moments = start / RATE + np.arange(count) / 50 * down / up
        if "heard" in record:
            frame = np.minimum(moments * 50, len(record["heard"]) - 1.001).clip(0)
            part = (frame % 1)[:, None].astype(np.float32)
            low = frame.astype(int)
            told = record["heard"][low] * (1 - part) + record["heard"][np.minimum(low + 1, len(record["heard"]) - 1)] * part
            return samples[: count * HOP], told[:, PHONES], told[:, ARTICULATORY]
        phone_of, made = record["labels"]
        row = np.minimum(np.round(moments * GRID).astype(int), len(phone_of) - 1)
        return samples[: count * HOP], np.eye(40, dtype=np.float32)[phone_of[row]], made[row]

    def crop(self):
        """SECONDS of speech, of one clip or several one after another, disturbed."""
        parts, missing = [], FRAMES
        while missing > 0:
            parts.append(self.piece(missing))
            missing -= len(parts[-1][1])
        samples, phone, made = (np.concatenate(column) for column in zip(*parts))
        return self.disturb(samples), phone, made

    def disturb(self, samples):
        rng = self.rng
        if rng.random() < 0.25 and self.rooms:
            room = self.rooms[rng.integers(len(self.rooms))]
            direct = np.abs(room).argmax()  # the sound stays at the same time
            wet = fftconvolve(samples, room[direct : direct + RATE // 2] / np.abs(room[direct]))[: len(samples)]
            samples = samples + (wet - samples) * rng.uniform(0.3, 1)
        if rng.random() < 0.6:
            kind = rng.random()
            if kind < 0.4 and self.noises:
                noise = self.noises[rng.integers(len(self.noises))]
                noise = np.roll(np.resize(noise, len(samples)), rng.integers(len(samples)))
            elif kind < 0.55:
                noise = np.resize(self.piece(FRAMES)[0], len(samples)) + np.resize(self.piece(FRAMES)[0], len(samples))[::-1]
            else:  # from hiss to rumble
                spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
                noise = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** rng.uniform(0, 1), len(samples))
            loud = 10 ** ((LEVEL - rng.uniform(5, 45)) / 20)
            samples = samples + noise * (loud / (np.sqrt(np.mean(noise**2)) + 1e-6))
        if rng.random() < 0.05:
            samples = np.clip(samples, -0.15, 0.15)
        return samples.astype(np.float32)

    def batch(self, device):
        crops = zip(*(self.crop() for _ in range(BATCH)))
        samples, phone, made = (torch.from_numpy(np.stack(column)).to(device) for column in crops)
        mel = levelled(features.log_mel(samples)[:, : 2 * FRAMES], LEVEL)
        return self.colour(mel), phone, made

    def colour(self, mel):
        """Other levels, other microphones, telephone bands; short gaps in time and frequency."""
        rng, (count, length, bands) = self.rng, mel.shape
        curve = rng.standard_normal((count, 6)) * rng.uniform(0, 0.35, (count, 1))
        curve = np.stack([np.interp(np.linspace(0, 5, bands), np.arange(6), row) for row in curve])
        curve += rng.normal(0, 0.2, (count, 1))
        mel = warped(mel, rng.uniform(0.9, 1.12, count))
        mel = mel + torch.from_numpy(curve.astype(np.float32)).to(mel.device)[:, None]
        quiet = mel.amin((1, 2))
        for row in range(count):
            if rng.random() < 0.15:
                mel[row, :, int(rng.integers(40, 60)) :] = quiet[row]
            for _ in range(2):
                start, width = int(rng.integers(length)), int(rng.integers(0, 12))
                mel[row, start : start + width] = quiet[row]
                start, width = int(rng.integers(bands)), int(rng.integers(0, 9))
                mel[row, :, start : start + width] = quiet[row]
        return mel


def warped(mel, factor):
    """Log-mel [B, L, BANDS] with formants (and pitch) factor [B] times as high, times unchanged: the vocal tract of another size
    (Jaitly and Hinton 2013)."""
    bands = mel.shape[-1]
    place = (torch.arange(bands)[None] / torch.from_numpy(factor.astype(np.float32))[:, None]).clamp(0, bands - 1.001).to(mel.device)
    low, part = place.long()[:, None].expand_as(mel), place.frac()[:, None]
    return mel.gather(2, low) * (1 - part) + mel.gather(2, low + 1) * part


# ---- learning


def fit(network, voices, steps, minutes, device, rate=1.5e-3, report_every=50):
    """Train network for that many steps, or fewer if the minutes are over; returns it with averaged weights, in eval mode."""
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.02, betas=(0.9, 0.98))
    averaged = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    contacts = torch.tensor([3.0 if name in ("bilabial", "labiodental") else 1.0 for name in phones.ARTICULATORY], device=device)
    began, step, recent, done = time.monotonic(), 0, [], 0.0
    network.train()
    while done < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 60) * (0.5 + 0.5 * np.cos(np.pi * done)) + 1e-6
        mel, phone, made = voices.batch(device)
        with half(device):
            logits = network(mel)
        logits = logits.float()
        loss = F.cross_entropy(
            logits[..., PHONES].flatten(0, 1), (0.9 * phone + 0.1 / 40).flatten(0, 1)
        ) + 4 * F.binary_cross_entropy_with_logits(logits[..., ARTICULATORY], made, pos_weight=contacts)
        optimizer.zero_grad()
        loss.backward()
        step += 1
        done = agree(network, max(step / steps, (time.monotonic() - began) / 60 / minutes))
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        for name, tensor in network.state_dict().items():
            averaged[name].lerp_(tensor, max(0.003, 1 / step))
        recent.append(loss.item())
        if step % report_every == 0 and rank() == 0:
            print(f"step {step}  {done:.0%}  loss {np.mean(recent[-report_every:]):.3f}", flush=True)
    network.load_state_dict(averaged)
    return network.eval()


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
    """Frame accuracies and lip closures on clips of speakers never trained on, {"folder figure": value}; printed too."""
    right = {}
    for record in records:
        if record["split"] != split:
            continue
        content = encoder.hear(corpus.sound(record["clip"], record["path"], args.cache).astype(np.float32) / 32768)
        phone_of, made = labels(record, len(content) / 50)
        row = np.minimum(np.arange(len(content)) * GRID // 50, len(phone_of) - 1)
        truth, made = phone_of[row], made[row]
        spoken = truth != phones.PHONES.index("sil")
        shape_of = np.array([phones.VISEMES.index(phones.VISEME_OF[phone]) for phone in phones.PHONES])
        folder = record["clip"].split("/")[0]

        def tally(figure, hits):
            right.setdefault(f"{folder} {figure}", []).append((hits.sum(), hits.size))

        tally("phone", content[spoken][:, PHONES].argmax(1) == truth[spoken])
        tally("viseme", visemes(content)[spoken].argmax(1) == shape_of[truth[spoken]])
        tally("sil", (content[:, PHONES].argmax(1) != 39) == spoken)
        shut = closed(content)
        for start, end, name in record["phones"]:
            name = phones.bare(name)
            if name in phones.BILABIALS:
                tally("closures", np.array([any(a < end + 0.04 and b > start - 0.04 for a, b in shut)]))
            elif name in {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "OW"}:
                a, b = start + (end - start) / 3, end - (end - start) / 3
                tally("false closures", np.array([sum(max(0, min(b, d) - max(a, c)) for c, d in shut) >= 0.5 * (b - a)]))
    totals = {name: np.sum(pairs, 0) for name, pairs in sorted(right.items())}
    figures = {name: round(float(hits / count), 4) for name, (hits, count) in totals.items()}
    print(split, json.dumps(figures, indent=1), flush=True)
    return figures
