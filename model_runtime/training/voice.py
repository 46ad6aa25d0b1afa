"""Training of the reader of feelings in voices (emotion/hearing.py): a logistic regression over what Whisper hears of acted sentences
(EmoDB), bursts that are no words (EmoGator), calm reading of many speakers, and sounds that are no voices.

Statistics of pieces of about 2.4 s are kept in CACHE/voice. Each piece is measured against a baseline as it may be at work: of the
clip itself, of a few pieces of the speaker, of all of them. L-BFGS from nothing: the same weights every time on one machine.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch.nn import functional as F

from contract import UtterError
from model_runtime import checkpoints
from model_runtime.audio import RATE
from model_runtime.emotion import hearing
from model_runtime.emotion.feelings import VOICE
from model_runtime.training import corpus
from model_runtime.training.emotion import varied

SEED = 7
PIECE = 60  # frames of hearing.FPS
SECONDS = 6  # of each calm clip
PENALTY, ROUNDS = 0.06, 60  # of the squared weights; of L-BFGS
SHARE = {"emodb": 1.0, "emogator": 0.5, "calm": 0.3, "noise": 0.1}  # how much a corpus counts
VARIANTS = 3  # of EmoDB: as recorded, and twice as by other speakers in other rooms
MOVED = 3  # how often each piece of acted speech is learned from as if a calm reader had spoken it
TESTED = ("emodb_03", "emodb_10")
SOUNDING = {  # what is acted in a burst -> the sound that it mostly is
    "Amusement": "laugh",
    "Sadness": "sob",
    "Relief": "sigh",
    "Surprise (Negative)": "gasp",
    "Fear": "scream",
    "Pain": "groan",
}
SOUND_PENALTY = 3e-3
# what is acted -> (shares of KINDS, arousal 0 to 1)
ACTED = {
    "neutral": ({"neutral": 1}, 0.35),
    "boredom": ({"bored": 1}, 0.1),
    "happiness": ({"happy": 1}, 0.8),
    "sadness": ({"sad": 1}, 0.2),
    "anger": ({"angry": 1}, 0.95),
    "fear": ({"afraid": 1}, 0.85),
    "disgust": ({"disgusted": 1}, 0.55),
    "calm": ({"neutral": 1}, 0.3),
    "noise": ({"neutral": 1}, 0.3),
    "Amusement": ({"happy": 1}, 0.7),
    "Elation": ({"happy": 0.8, "surprised": 0.2}, 0.9),
    "Anger": ({"angry": 1}, 0.85),
    "Awe": ({"surprised": 0.6, "happy": 0.2, "neutral": 0.2}, 0.5),
    "Contempt": ({"contemptuous": 1}, 0.45),
    "Disappointment": ({"sad": 0.7, "contemptuous": 0.1, "neutral": 0.2}, 0.3),
    "Disgust": ({"disgusted": 1}, 0.5),
    "Distress": ({"afraid": 0.5, "sad": 0.5}, 0.75),
    "Fear": ({"afraid": 1}, 0.9),
    "Neutral": ({"neutral": 1}, 0.25),
    "Pain": ({"sad": 0.4, "afraid": 0.3, "disgusted": 0.1, "angry": 0.2}, 0.75),
    "Pride": ({"happy": 0.5, "neutral": 0.5}, 0.5),
    "Relief": ({"neutral": 0.5, "happy": 0.3, "sad": 0.2}, 0.3),
    "Sadness": ({"sad": 1}, 0.5),
    "Surprise (Negative)": ({"surprised": 1}, 0.75),
    "Surprise (Positive)": ({"surprised": 1}, 0.75),
}


def split(speaker):
    """train, dev or test: EmoDB's 03 and 10; a fifth each of EmoGator's, LibriSpeech's and Speech Commands' speakers; whole corpora."""
    if speaker in TESTED or speaker in corpus.TEST_SPEAKERS or speaker.startswith(("misc", "lj", "ps", "vctk")):
        return "test"
    if speaker.startswith("eg"):
        number = int(speaker[2:]) % 5
    elif speaker.startswith(("libri_", "sc_")):
        number = zlib.crc32(speaker.encode()) % 5
    else:
        return "train"
    return {4: "test", 3: "dev"}.get(number, "train")


# ------------------------------------------------------------------------------------------------ what is heard
def listed(data, name):
    """Clips of a corpus: (name, path, speaker, what is acted, seconds to hear or None)."""
    data = Path(data)
    if name == "emodb":
        return [
            (r["clip"], data / "emodb" / "audio" / f"{r['clip']}.opus", f"emodb_{r['speaker']}", r["emotion"], None)
            for r in corpus.rows(data / "emodb")
        ]
    if name == "emogator":
        folder = data / "emogator"
        return [(r["clip"], folder / "audio" / r["clip"], r["speaker"], r["emotion"], None) for r in corpus.rows(folder)]
    out, seen = [], {}

    def add(prefix, folder, rows, speaker, suffix=""):
        for r in rows:
            path = data / folder / "audio" / f"{r['clip']}{suffix}"
            out.append((f"{prefix}/{r['clip']}", path, speaker(r), "calm", SECONDS))

    for r in corpus.rows(data / "librispeech"):
        seen[r["speaker"]] = seen.get(r["speaker"], 0) + 1
        if seen[r["speaker"]] <= 3:
            path = data / "librispeech" / r["subset"] / f"{r['clip']}.opus"
            out.append((f"libri/{r['clip']}", path, f"libri_{r['speaker']}", "calm", SECONDS))
    for folder, step in (("dbspeech", 40), ("kerstin_de", 46)):
        add(folder, folder, corpus.rows(data / folder)[::step][:30], lambda r, folder=folder: folder)
    films = corpus.rows(data / "grid_film")
    for speaker in sorted({r["speaker"] for r in films}):
        add("grid", "grid_film", [r for r in films if r["speaker"] == speaker][::15][:20], lambda r: f"grid_{r['speaker']}", ".opus")
    add("misc", "misc_cc", corpus.rows(data / "misc_cc"), lambda r: f"misc_{r['speaker']}")
    add("sc", "speech_commands", corpus.rows(data / "speech_commands")[::25], lambda r: f"sc_{r['speaker']}")
    for path in sorted((data / "picovoice_coffee").rglob("*.opus"))[::10][:80]:
        out.append((f"pico/{path.stem}", path, "pico", "calm", SECONDS))
    return out


def noises():
    """(name, samples) of sounds that are no voices: noise of several colours, hum, chords, silence with a click."""
    rng, time = np.random.default_rng(SEED), np.arange(4 * RATE) / RATE
    for number in range(24):
        spectrum = np.fft.rfft(rng.normal(size=len(time)))
        spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** rng.uniform(0, 1.2)
        noise = np.fft.irfft(spectrum)
        yield f"noise{number}", (0.1 * noise / noise.std() * (1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * rng.uniform(0.2, 4) * time)))
        notes = np.zeros(len(time))
        for start in np.arange(0, 4, rng.uniform(0.2, 1)):
            for base in 110 * 2 ** (rng.integers(0, 36, 3) / 12):
                for overtone in range(1, 6):
                    notes += np.where(time >= start, np.exp(-3 * (time - start)), 0) * np.sin(2 * np.pi * base * overtone * time) / overtone
        yield f"chords{number}", 0.1 * notes / notes.std()


def pieces(encoder, samples):
    """samples -> statistics [n, READ] of pieces of about PIECE frames, and how many frames each has."""
    kept, prosody = [], hearing.prosody(samples)
    for *_, states in encoder.listen(samples, lambda beside, own: beside[0, own, : hearing.STATES].float().cpu()):
        kept.append(torch.cat([states, states[-1:]]) if len(states) % 2 else states)
    states = torch.cat(kept).unflatten(0, (-1, 2)).mean(1)
    frames = torch.cat([states, prosody[torch.arange(len(states)).clamp(max=len(prosody) - 1)]], 1).double()
    count = max(1, round(len(frames) / PIECE)) if len(frames) > 1.5 * PIECE else 1
    cuts = [frames[k * len(frames) // count : (k + 1) * len(frames) // count] for k in range(count)]
    lengths = torch.tensor([len(cut) for cut in cuts])
    rows = hearing.statistics(torch.stack([x.sum(0) for x in cuts]), torch.stack([x.square().sum(0) for x in cuts]), lengths)
    return rows.numpy().astype(np.float16), lengths.tolist()


def gather(cache, data, name, encoder, variant=0, most=None, report=print):
    """(statistics float16 [n, READ], rows [[clip, speaker, acted, frames], ...]) of a corpus, computed once and kept in CACHE/voice."""
    path = Path(cache) / "voice" / f"{name}{variant}{f'_{most}' if most else ''}"
    if path.with_suffix(".json").exists():
        return np.load(path.with_suffix(".npy")), json.loads(path.with_suffix(".json").read_text())
    path.parent.mkdir(parents=True, exist_ok=True)
    rng, found, rows = np.random.default_rng([SEED, variant]), [], []
    sounds = [(n, s, n, "noise", None) for n, s in noises()] if name == "noise" else listed(data, name)
    for clip, source, speaker, acted, seconds in corpus.spread(sounds, most):
        if acted not in ACTED or (not isinstance(source, np.ndarray) and not source.exists()):
            continue
        samples = source if isinstance(source, np.ndarray) else soundfile.read(source, dtype="float32")[0]
        samples = np.ascontiguousarray(samples[: seconds * RATE if seconds else None], np.float32)
        if len(samples) < RATE // 5 or np.abs(samples).max() < 1e-4:
            continue
        part, lengths = pieces(encoder, varied(samples, rng) if variant else samples)
        found.append(part)
        rows += [[clip, speaker, acted, n] for n in lengths]
    report(f"{name}: {len(rows)} pieces")
    found = np.concatenate(found) if found else np.zeros((0, hearing.READ), np.float16)
    np.save(path.with_suffix(".npy"), found)
    path.with_suffix(".json").write_text(json.dumps(rows))
    return found, rows


class Material:
    """All pieces: statistics [n, READ], clip, speaker, acted, seconds, corpus, variant, split, each [n]."""

    def __init__(self, parts):
        self.statistics = np.concatenate([found for _, _, found, _ in parts]).astype(np.float32)
        rows = [[*row, name, variant] for name, variant, _, found in parts for row in found]
        self.clip, self.speaker, self.acted, frames, self.corpus, self.variant = map(np.array, zip(*rows))
        self.seconds = frames / hearing.FPS
        self.split = np.array([split(speaker) for speaker in self.speaker])
        shares = np.zeros((len(rows), len(hearing.KINDS)), np.float32)
        for row, acted in enumerate(self.acted):
            for kind, share in ACTED[acted][0].items():
                shares[row, hearing.KINDS.index(kind)] = share
        self.shares, self.arousal = shares, np.array([ACTED[acted][1] for acted in self.acted], np.float32)
        self.groups = {}
        for row, key in enumerate(zip(self.speaker, self.variant)):
            self.groups.setdefault(key, []).append(row)
        self.groups = {key: np.array(own) for key, own in self.groups.items()}

    def baselines(self, rows, mode, mean, rng=None, moved=None):
        """What each of these pieces is measured against [n, READ]. mode: "self" (its clip), "all" (of its speaker), "neutral" (the
        speaker's neutral clips, but itself), "any" (as it may be at work: drawn). moved [n, READ]: what was added to the pieces."""
        out = np.empty((len(rows), self.statistics.shape[1]), np.float32)
        for k, row in enumerate(rows):
            group = self.groups[self.speaker[row], self.variant[row]]
            own = self.clip[group] == self.clip[row]
            chosen = group
            if mode == "self":
                chosen = group[own]
            elif mode == "neutral":
                chosen = group[np.isin(self.acted[group], ("neutral", "Neutral", "calm")) & ~own]
            elif mode == "any":
                few = int(rng.choice([0, 1, 2, 4, 999]))
                chosen = group[own] if few == 0 else group if few >= len(group) else np.append(rng.choice(group, few, replace=False), row)
            seconds = self.seconds[chosen]
            shift = 0 if moved is None else moved[k] * seconds.sum()
            out[k] = (seconds @ self.statistics[chosen] + shift + hearing.TRUST * mean) / (seconds.sum() + hearing.TRUST)
        return out

    def elsewhere(self, rows, rng, split="train"):
        """What to add [n, READ] to pieces of acted speech, so that they are of another speaker, in another language and room: the mean of
        a calm reader of that split, less the speaker's own when neutral; nothing where there is no reader, or no neutral piece."""
        calm = [own for key, own in self.groups.items() if self.acted[own[0]] == "calm" and self.split[own[0]] == split and len(own) > 2]
        out = np.zeros((len(rows), self.statistics.shape[1]), np.float32)
        if not calm:
            return out
        readers = np.stack([self.statistics[own].mean(0) for own in calm])
        for key, group in self.groups.items():
            here = np.array([(self.speaker[row], self.variant[row]) == key for row in rows])
            neutral = group[self.acted[group] == "neutral"]
            if here.any() and len(neutral):
                out[here] = readers[rng.integers(0, len(readers), here.sum())] - self.statistics[neutral].mean(0)
        return out

    def weights(self, rows):
        """[n] that sum to 1: corpora by SHARE, within each what is acted counts alike."""
        out = np.zeros(len(rows), np.float32)
        names = {name for name in SHARE if (self.corpus[rows] == name).any()}
        for name in names:
            here = self.corpus[rows] == name
            acted, counts = np.unique(self.acted[rows][here], return_counts=True)
            out[here] = SHARE[name] / len(acted) / counts[np.searchsorted(acted, self.acted[rows][here])]
        return out / out.sum()


def load(cache, data, most=None, report=print):
    """The Material of that folder of data. UtterError where it has no acted voices."""
    from model_runtime.speech.encoder import load_encoder

    encoder = load_encoder("cpu")
    wanted = [("emodb", k) for k in range(VARIANTS)] + [("emogator", 0), ("calm", 0), ("noise", 0)]
    parts = [(name, variant, *gather(cache, data, name, encoder, variant, most, report)) for name, variant in wanted]
    if not len(parts[0][2]):
        raise UtterError(f"{data} holds no acted voices to learn feelings from; put EmoDB in its folder emodb.")
    return Material(parts)


def fit(material, rows, rounds=ROUNDS):
    """-> hearing.Reader that learned from those pieces."""
    rng, reader = np.random.default_rng(SEED), hearing.Reader()
    x = material.statistics[rows]
    mean, std = x.mean(0), x.std(0) + 1e-3
    spoken = np.repeat(rows[material.corpus[rows] == "emodb"], MOVED)
    moved = np.concatenate([np.zeros_like(x), material.elsewhere(spoken, rng)])
    rows = np.concatenate([rows, spoken])
    x = material.statistics[rows] + moved
    against = (x - material.baselines(rows, "any", mean, rng, moved)) / std
    x = torch.from_numpy(np.concatenate([(x - mean) / std, against], 1))
    shares, arousal, weight = (torch.from_numpy(y) for y in (material.shares[rows], material.arousal[rows], material.weights(rows)))

    def wrong(out):
        shared = -(shares * out[:, :-1].log_softmax(1)).sum(1)
        return (weight * (shared + F.binary_cross_entropy_with_logits(out[:, -1], arousal, reduction="none"))).sum()

    matrix, bias = regress(x, hearing.COLUMNS, wrong, PENALTY, rounds)
    tensors = {"whole": matrix[: hearing.READ], "own": matrix[hearing.READ :], "mean": mean, "std": std, "bias": bias}
    reader.load_state_dict({name: torch.as_tensor(x) for name, x in tensors.items()}, strict=False)  # of sounds: fit_sounds
    return reader


def regress(x, columns, wrong, penalty, rounds):
    """(matrix [k, columns], bias [columns]) with which x @ matrix + bias is least wrong(out), x [n, k]; penalty: of its squares."""
    matrix, bias = torch.zeros(x.shape[1], columns, requires_grad=True), torch.zeros(columns, requires_grad=True)
    optimizer = torch.optim.LBFGS([matrix, bias], max_iter=rounds, line_search_fn="strong_wolfe", history_size=8)

    def loss():
        optimizer.zero_grad()
        total = wrong(x @ matrix + bias) + penalty * matrix.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return matrix.detach(), bias.detach()


def sounding(material):
    """[n] places in hearing.SOUNDS, -1 for bursts that may be any: speech and noise are words."""
    places = {acted: hearing.SOUNDS.index(sound) for acted, sound in SOUNDING.items()}
    return np.array([places.get(acted, -1) if of == "emogator" else 0 for acted, of in zip(material.acted, material.corpus)])


def fit_sounds(reader, material, rows, rounds=ROUNDS):
    """Let a reader tell sounds that are no words, by those of these pieces that say one. Classes count alike."""
    told = sounding(material)
    rows = rows[told[rows] >= 0]
    x = (torch.from_numpy(material.statistics[rows]) - reader.mean) / reader.std
    wanted = torch.from_numpy(told[rows])
    weight = 1 / torch.bincount(wanted, minlength=len(hearing.SOUNDS)).clamp(min=1)[wanted]
    wrong = lambda out: (weight * F.cross_entropy(out, wanted, reduction="none")).sum() / weight.sum()
    matrix, bias = regress(x, len(hearing.SOUNDS), wrong, SOUND_PENALTY, rounds)
    reader.sounds.copy_(matrix)
    reader.sounds_bias.copy_(bias)
    return reader


def read(reader, material, rows, mode, moved=None):
    """(shares of KINDS [n, 9], arousal [n]) of pieces (with moved [n, READ] added), each measured against a baseline of that mode."""
    with torch.inference_mode():
        statistics = torch.from_numpy(material.statistics[rows] + (0 if moved is None else moved))
        baselines = torch.from_numpy(material.baselines(rows, mode, reader.mean.numpy(), moved=moved))
        logits = reader(statistics)[0] - reader(baselines)[1]
    return logits[:, :-1].softmax(1).numpy(), logits[:, -1].sigmoid().numpy()


def main(args):
    """build.py train voice."""
    train(args.cache, args.data, most=args.clips)


def train(cache=".cache/training", data="../shared/data", path=VOICE, most=None, report=print):
    """Learn from all speakers but those of `split`'s dev and test; write path."""
    material = load(cache, data, most, report)
    rows = np.flatnonzero(material.split == "train")
    report(f"{len(rows)} pieces of {len(set(material.speaker[rows]))} speakers")
    save(fit_sounds(fit(material, rows), material, rows), path)


def save(reader, path):
    about = {"kinds": json.dumps(hearing.KINDS), "recipe": f"training/voice.py, {ROUNDS} rounds", "seed": str(SEED)}
    half = {name: (x.half() if name in ("whole", "own", "sounds") else x).contiguous() for name, x in reader.state_dict().items()}
    checkpoints.write(half, path, hearing.FORMAT, about)
