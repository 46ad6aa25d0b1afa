"""Training of the words' reader: phrases/*.txt, templates around them, and families of phrases held out whole.

A phrase file has families, `[name]` or `[name: kind]`, and in each lines `emotions strength control: phrase / phrase`:

    [masks]
    sad .6 held: swallowing his tears / putting on a brave face
    happy+sad .6: smiling through her tears

emotions: labels joined by +, or nothing. strength: 0 to 1, or left out where nobody said. control: held, free, or left out.
kind (adjective, noun, verb, nothing): which TEMPLATES fit. Families named "only tested" are never learned from.
"""

import json
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from contract import UtterError
from model_runtime import checkpoints
from model_runtime.emotion.labels import LABELS
from model_runtime.emotion.reader import CLASSES, FEATURES, FORMAT, NOTHING, Reader, write_changes
from model_runtime.training.sentences import Sentences, misread

FOLDER = Path(__file__).with_name("phrases")
FOLDS = 5
SEED = 7
STEPS, CHANGING = 2500, 800  # of the networks, of MiniLM's changes
CONTROL = {"held": 0.1, "free": 0.95, "": 0.5}

# How words of degree change a strength.
DEGREES = {
    "trace": lambda s: 0.3 * s,
    "less": lambda s: 0.55 * s,
    "some": lambda s: 0.8 * s,
    "same": lambda s: s,
    "more": lambda s: s + 0.5 * (1 - s),
    "most": lambda s: s + 0.9 * (1 - s),
}
TEMPLATES = {
    "adjective": {
        "trace": "barely {}|a hint of being {}|ever so slightly {}|almost imperceptibly {}|faintly {}|hardly {}|a trace {}",
        "less": "slightly {}|a little {}|a bit {}|mildly {}|a tad {}|vaguely {}|not too {}|only a little {}",
        "some": "somewhat {}|rather {}|fairly {}|kind of {}|sort of {}|moderately {}|quite {}",
        "same": "she is {}|he looks {}|feeling {}|sounding {}|a {} voice|I am {}|{} face|act {}|they seem {}|make him {}|becoming {}"
        "|you are {}",
        "more": "very {}|really {}|so {}|deeply {}|truly {}|seriously {}|more {}|visibly {}",
        "most": "utterly {}|extremely {}|absolutely {}|completely {}|insanely {}|unbelievably {}|as {} as can be|more {} than ever before",
    },
    "noun": {
        "trace": "a hint of {}|a trace of {}|the faintest {}|a flicker of {}|a whiff of {}|a shadow of {}",
        "less": "a little {}|slight {}|a touch of {}|some faint {}|mild {}|a dash of {}",
        "some": "some {}|a fair amount of {}|moderate {}",
        "same": "with {}|{} in her voice|full of {}|a feeling of {}|a look of {}|{} on his face|a moment of {}",
        "more": "great {}|deep {}|real {}|strong {}|so much {}",
        "most": "overwhelmed by {}|utter {}|extreme {}|nothing but {}|unbearable {}|consumed by {}",
    },
    "verb": {
        "less": "{} a little|{} softly",
        "same": "he {}|she {}|the old man {}|{} at the end|suddenly {}|then {}",
        "more": "{} loudly|really {}",
        "most": "{} as never before|{} with all his might",
    },
    "": {"same": "as if: {}|{}.|she is like this: {}|{}!|the scene: {}"},
}
BOTH = "{} but {}|{} and {}|half {}, half {}|{}, yet {}|{} and at the same time {}|first of all {}, but also {}|outwardly {}, underneath {}"
NOT = "not {}|not {} at all|no longer {}|anything but {}|never {}|nicht {}|pas {}|no {}"


class Phrase(NamedTuple):
    """text; shares [9] of the labels and of nothing; strength 0 to 1, NaN where nobody said; control 0 to 1; its family."""

    text: str
    shares: np.ndarray
    strength: float
    control: float
    family: str
    kind: str


def read(folder=FOLDER):
    """All Phrases of a folder. UtterError names a line that cannot be read."""
    return [phrase for path in sorted(Path(folder).glob("*.txt")) for phrase in read_file(path)]


def read_file(path):
    out, family, kind = [], "", ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            family, _, kind = (part.strip() for part in line[1:-1].partition(":"))
            if kind not in {*TEMPLATES, "nothing"}:
                raise UtterError(f"{path.name}, line {number}: after a family's colon stands its kind: adjective, noun, verb or nothing.")
            continue
        found = re.fullmatch(r"([a-z+]+)(?: ([\d.]+))?(?: (held|free))?: (.+)", line)
        names = found[1].split("+") if found else []
        if not names or not set(names) <= {*LABELS, "nothing"}:
            raise UtterError(f"{path.name}, line {number}: write emotions, strength and control, then a colon and phrases.")
        shares = np.zeros(CLASSES, np.float32)
        shares[[(*LABELS, "nothing").index(name) for name in names]] = 1 / len(names)
        strength = 0.0 if names == ["nothing"] else float(found[2] or "nan")
        out += [Phrase(text.strip(), shares, strength, CONTROL[found[3] or ""], family, kind) for text in found[4].split(" / ")]
    return out


def fold(family):
    """Which fifth a family belongs to, by its name alone; None: only tested."""
    return None if family.endswith("only tested") else zlib.crc32(family.encode()) % FOLDS


def varied(phrases, rng, each=6, pairs=1500, denials=500):
    """The phrases, and templates around some of them: degrees, two emotions at once, denials, chance letters."""
    out = list(phrases)
    for phrase in phrases:
        if phrase.kind == "nothing" or fold(phrase.family) is None:
            continue
        choices = [(degree, text) for degree, texts in TEMPLATES[phrase.kind].items() for text in texts.split("|")]
        for k in rng.permutation(len(choices))[: each if phrase.kind else 1]:
            degree, text = choices[k]
            out.append(phrase._replace(text=text.format(phrase.text), strength=DEGREES[degree](phrase.strength)))
    words = [p for p in phrases if (p.kind == "adjective" or p.family.endswith(" words")) and 0 < p.shares[:NOTHING].max() == 1]
    felt = [p for p in words if p.shares[0] == 0]
    language = lambda phrase: phrase.family.partition(" ")[0] if phrase.family.endswith(" words") else "english"
    for _ in range(pairs if felt else 0):
        a = felt[rng.integers(len(felt))]
        others = [p for p in felt if language(p) == language(a) and p.shares.argmax() != a.shares.argmax()]
        if not others:
            continue
        b = others[rng.integers(len(others))]
        text = str(rng.choice(BOTH.split("|"))) if language(a) == "english" else "{}, {}"
        mean = float(max(a.strength, b.strength))
        out.append(a._replace(text=text.format(a.text, b.text), shares=(a.shares + b.shares) / 2, strength=mean, kind=""))
    calm = np.eye(CLASSES, dtype=np.float32)[0]
    for _ in range(denials if felt else 0):
        a = felt[rng.integers(len(felt))]
        out.append(a._replace(text=str(rng.choice(NOT.split("|"))).format(a.text), shares=calm, strength=0.15, kind=""))
    return out + chance_letters(rng)


def chance_letters(rng, n=500):
    """Nonsense: letters, keys beside each other, syllables, numbers, signs."""
    keys, shares = "qwertyuiop asdfghjkl zxcvbnm", np.eye(CLASSES, dtype=np.float32)[NOTHING]
    pick = lambda letters, k: "".join(rng.choice(list(letters), k))
    syllable = lambda: pick("bcdfghjklmnprstvwz", 1) + pick("aeiou", 1) + (pick("nrlkptx", 1) if rng.random() < 0.4 else "")
    kinds = (
        lambda: pick("abcdefghijklmnopqrstuvwxyz", rng.integers(3, 12)),
        lambda: keys[(at := int(rng.integers(0, 20))) : at + int(rng.integers(3, 8))].replace(" ", "") * int(rng.integers(1, 3)),
        lambda: " ".join("".join(syllable() for _ in range(rng.integers(2, 4))) for _ in range(rng.integers(1, 5))),
        lambda: pick("0123456789", rng.integers(1, 12)),
        lambda: pick("0123456789abcdefxyzABC-_/.:;=()[]{}<>#%&*+", rng.integers(4, 20)),
        lambda: " ".join(pick("abcdefghijklmnopqrstuvwxyz", rng.integers(2, 8)) for _ in range(rng.integers(2, 6))),
    )
    return [Phrase(kinds[k % len(kinds)](), shares, 0.0, 0.5, "chance letters", "nothing") for k in range(n)]


def weigh(phrases):
    """-> [n]: how often each is drawn: each class as much as any other."""
    classes = np.stack([p.shares for p in phrases])
    return (classes / classes.sum(0).clip(1)).sum(1)


def targets(phrases):
    """What is to be read in n phrases: shares [n, 9], strength [n] (NaN where nobody said), control [n]."""
    numbers = ([getattr(p, name) for p in phrases] for name in ("shares", "strength", "control"))
    return tuple(torch.from_numpy(np.array(column, np.float32)) for column in numbers)


def learn(features, phrases, steps=STEPS, seed=SEED):
    """features {encoder: [n, its size]} of n phrases -> Reader. Each network learns alone and together with the other."""
    torch.manual_seed(seed)
    shares, strength, control = targets(phrases)
    chance = torch.from_numpy(weigh(phrases)).double()
    reader = Reader().train()
    optimizer = torch.optim.AdamW(reader.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        batch = torch.multinomial(chance, 256, replacement=True)
        seen = {name: features[name][batch] + 0.01 * torch.randn(len(batch), size) for name, size in FEATURES.items()}
        wanted = shares[batch], strength[batch], control[batch]
        parts = (seen, *({name: x} for name, x in seen.items()))
        loss = sum(misread(reader.outputs(part), *wanted, amounts=2.0) for part in parts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return reader.eval()


def right(shares, wanted):
    """Whether the emotion read first is wanted."""
    return bool(wanted[int(np.argmax(shares))] > 0.3)


@torch.inference_mode()
def score(reader, features, phrases):
    """-> rows (family, first right, each of a mixture among the first two, strength read, strength written, label)."""
    reading = reader(features)
    out = []
    for phrase, shares, strength in zip(phrases, reading.shares.numpy(), reading.strength.numpy()):
        wanted = set(np.flatnonzero(phrase.shares))
        out.append((phrase.family, right(shares, phrase.shares), wanted <= set(np.argsort(-shares)[:2]), strength, phrase.strength, wanted))
    return out


def encode(texts):
    """{encoder: float32 [n, its size]} of those sentence encoders that are installed."""
    from model_runtime.emotion.words import installed_encoders, plain

    return {name: encoder([plain(text) for text in texts]) for name, encoder in installed_encoders("cpu").items()}


def main(args):
    """build.py train words."""
    steps = args.steps or STEPS
    train(args.output, steps=steps, changing=min(CHANGING, steps), folds=1 if args.steps else FOLDS)  # few steps are a trial


def train(path=None, steps=STEPS, changing=CHANGING, report=print, folds=FOLDS, features=None):
    """Write words.safetensors; returns the figures of families that were held out, each fifth of them once.

    changing: steps in which MiniLM changes; folds: how many of the fifths are held out in turn, before all are learned from.
    """
    from model_runtime.emotion.feelings import WORDS

    rng = np.random.default_rng(SEED)
    phrases = read()
    everything = varied(phrases, rng)
    features = encode([p.text for p in everything]) if features is None else features
    if len(features) < 2:
        raise UtterError("Both sentence encoders have to be installed to train the words' reader; run python build.py install.")
    sentences = Sentences([p.text for p in everything])
    places = np.array([-1 if fold(p.family) is None else fold(p.family) for p in everything])
    chance = np.array([p.family == "chance letters" for p in everything])  # never held out
    own = np.arange(len(everything)) < len(phrases)  # the phrases themselves
    rows = []
    part = lambda chosen: ({name: x[chosen] for name, x in features.items()}, [everything[i] for i in chosen])

    def learned(chosen):
        """MiniLM's changes and the networks learn from phrases and what is put around them, the phrases themselves vote."""
        learners = np.flatnonzero(chosen | chance)
        often = weigh([everything[i] for i in learners]) * (1 + 2 * own[learners])
        sentences.learn(learners.tolist(), targets(everything), torch.from_numpy(often).double(), changing, SEED)
        features["changed"] = sentences.all()
        reader = learn(*part(learners), steps)
        voters, spoken = part(np.flatnonzero(chosen & own))
        shares, _, control = targets(spoken)
        reader.remember(voters, shares, control)
        return reader

    for k in range(folds):
        reader = learned((places != k) & (places >= 0))
        known = {p.text.lower() for p in phrases if fold(p.family) not in (None, k)}
        new = np.array([p.text.lower() not in known for p in everything])  # some are written in more than one family
        rows += score(reader, *part(np.flatnonzero((places == k) & own & new)))
        report(f"{k + 1} of {folds} parts: {json.dumps(summary(rows)['all'])}")
    reader = learned(places >= 0)
    tested = score(reader, *part(np.flatnonzero((places < 0) & own)))
    figures = {f"held out, {folds} of {FOLDS} parts": summary(rows), "only tested": summary(tested)}
    report(json.dumps(figures, indent=1))
    recipe = f"training/words.py, {changing} and {steps} steps"
    about = {"labels": json.dumps(LABELS), "recipe": recipe, "seed": str(SEED), "figures": json.dumps(figures)}
    small = {name: x if x.dtype == torch.int8 else x.half() for name, x in reader.state_dict().items()}
    small |= write_changes(sentences.changes())
    checkpoints.write({name: x.contiguous() for name, x in small.items()}, path or WORDS, FORMAT, about)
    return figures


def summary(rows):
    """{family: (share right, n)}, of each label alone, of both emotions of a mixture, of all."""
    rate = lambda hits: [round(float(np.mean(hits)), 3), len(hits)] if len(hits) else None
    single = [row for row in rows if len(row[5]) == 1]
    names = (*LABELS, "nothing")
    return {
        "all": rate([row[1] for row in single]),
        "labels": {name: rate([row[1] for row in single if row[5] == {k}]) for k, name in enumerate(names)},
        "both": rate([row[2] for row in rows if len(row[5]) == 2]),
        "strength, mean error": rate([abs(row[3] - row[4]) for row in rows if not np.isnan(row[4])]),
        "families": {name: rate([row[1] for row in rows if row[0] == name]) for name in sorted({row[0] for row in rows})},
    }
