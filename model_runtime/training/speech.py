"""Train the head of the speech encoder (speech/encoder.py) on aligned recordings: python build.py train speech.

Whisper's part is frozen, and hears the recordings once, disturbed (listening.py). Loss: cross-entropy of the phone (labels smoothed by
0.1) and binary cross-entropy of the twelve articulatory facts, where a missed lip contact counts more than a false one. Round one learns
from aligned clips. Then every clip is labelled again, clean, by the aligner, by the network and by its words aligned with what the network
hears, and round two learns to hear the same in it when it is disturbed (Xie et al. 2020, "Self-training with noisy student improves
ImageNet classification"). AdamW, one cosine cycle a round, weights averaged over the last steps.

EmoDB is not learned from: its phone times, by hand, are what German is measured by, on sentences that no training saw.
"""

import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from contract import UtterError, beside
from model_runtime.audio import RATE
from model_runtime.speech import phones, whisper, words
from model_runtime.speech.content import ARTICULATORY, FPS, NAMES, PHONES, visemes
from model_runtime.speech.encoder import PHONETIC, VERSION, WEIGHTS, Encoder, Head, Network, load_encoder, save_network
from model_runtime.training import align, corpus, synthetic
from model_runtime.training.listening import Heard, Windows, folder_of, listen
from model_runtime.training.together import agree, half, rank

EARS, SHARDS = f"ears{VERSION}", 9  # how the folders are called in which it is kept what Whisper's part heard, and how many there are
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
    listen(voices, network, args, EARS, SHARDS)
    heard = Heard(voices, args, EARS)
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
