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
from model_runtime.emotion.prompts import PATH
from model_runtime.emotion.reader import CLASSES, FORMAT, NOTHING, Reader, own_reader, write_changes
from model_runtime.emotion.text_encoder import ADAPTER, TextEncoder
from model_runtime.emotion.words import cut, installed_encoders, plain
from model_runtime.training.corpus import spread
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


def learn(features, phrases, steps=STEPS, seed=SEED, make=Reader):
    """features {encoder: [n, its size]} of n phrases -> the Reader that make() gives, taught. Each network learns alone and together with
    the others."""
    torch.manual_seed(seed)
    shares, strength, control = targets(phrases)
    chance = torch.from_numpy(weigh(phrases)).double()
    reader = make().train()
    optimizer = torch.optim.AdamW(reader.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        batch = torch.multinomial(chance, 256, replacement=True)
        seen = {name: features[name][batch] + 0.01 * torch.randn(len(batch), size) for name, size in reader.features.items()}
        wanted = shares[batch], strength[batch], control[batch]
        parts = (seen, *({name: x} for name, x in seen.items())) if len(seen) > 1 else (seen,)
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
    return {name: encoder([plain(text) for text in texts]) for name, encoder in installed_encoders("cpu").items()}


def main(args):
    """build.py train words."""
    steps = args.steps or STEPS
    most, folds = args.clips and 20 * args.clips, 1 if args.steps else FOLDS  # few steps are a trial
    if args.text_encoder:
        teach(args.text_encoder, args.device, steps, folds, most=most)
    else:
        train(steps=steps, changing=min(CHANGING, steps), folds=folds, most=most)


class Lesson:
    """The phrases, what is put around them (`everything`), and which of it is held out. most: phrases at most, spread over all."""

    def __init__(self, most=None):
        self.phrases = spread(read(), most)
        self.everything = varied(self.phrases, np.random.default_rng(SEED))
        folds = [fold(p.family) for p in self.everything]
        self.places = np.array([-1 if k is None else k for k in folds])
        self.chance = np.array([p.family == "chance letters" for p in self.everything])  # never held out
        self.own = np.arange(len(self.everything)) < len(self.phrases)  # the phrases themselves
        self.texts = [p.text for p in self.everything]

    def part(self, features, chosen):
        return {name: x[chosen] for name, x in features.items()}, [self.everything[i] for i in chosen]

    def learners(self, chosen):
        """Indices of what is learned from, chance letters among it, where a mask chooses families."""
        return np.flatnonzero(chosen | self.chance)

    def remember(self, reader, features, chosen):
        """The phrases themselves vote."""
        voters, spoken = self.part(features, np.flatnonzero(chosen & self.own))
        shares, _, control = targets(spoken)
        reader.remember(voters, shares, control)

    def held_out(self, learned, features, folds, report):
        """-> (the reader that learned from all, its figures: families that were held out, each fifth of them once, and those only tested).

        learned(mask of everything) -> a reader taught from it, after which features {encoder: [n, its size]} are as that reader takes them.
        """
        rows = []
        for k in range(folds):
            reader = learned((self.places != k) & (self.places >= 0))
            known = {p.text.lower() for p in self.phrases if fold(p.family) not in (None, k)}
            new = np.array([text.lower() not in known for text in self.texts])  # some are written in more than one family
            rows += score(reader, *self.part(features, np.flatnonzero((self.places == k) & self.own & new)))
            report(f"{k + 1} of {folds} parts: {json.dumps(summary(rows)['all'])}")
        reader = learned(self.places >= 0)
        tested = score(reader, *self.part(features, np.flatnonzero((self.places < 0) & self.own)))
        figures = {f"held out, {folds} of {FOLDS} parts": summary(rows), "only tested": summary(tested)}
        report(json.dumps(figures, indent=1))
        return reader, figures


def train(path=PATH, steps=STEPS, changing=CHANGING, report=print, folds=FOLDS, features=None, most=None):
    """Write words.safetensors; returns the figures of Lesson.held_out.

    changing: steps in which MiniLM changes; folds: how many of the fifths are held out in turn, before all are learned from.
    """
    lesson = Lesson(most)
    features = encode(lesson.texts) if features is None else features
    if len(features) < 2:
        raise UtterError("Both sentence encoders have to be installed to train the words' reader; run python build.py install.")
    sentences = Sentences(lesson.texts)

    def learned(chosen):
        """MiniLM's changes and the networks learn from phrases and what is put around them."""
        learners = lesson.learners(chosen)
        often = weigh([lesson.everything[i] for i in learners]) * (1 + 2 * lesson.own[learners])
        sentences.learn(learners.tolist(), targets(lesson.everything), torch.from_numpy(often).double(), changing, SEED)
        features["changed"] = sentences.all()
        reader = learn(*lesson.part(features, learners), steps)
        lesson.remember(reader, features, chosen)
        return reader

    reader, figures = lesson.held_out(learned, features, folds, report)
    recipe = f"training/words.py, {changing} and {steps} steps"
    about = {"labels": json.dumps(LABELS), "recipe": recipe, "seed": str(SEED), "figures": json.dumps(figures)}
    small = {name: x if x.dtype == torch.int8 else x.half() for name, x in reader.state_dict().items()}
    small |= write_changes(sentences.changes())
    checkpoints.write({name: x.contiguous() for name, x in small.items()}, path, FORMAT, about)
    return figures


def teach(folder, device="auto", steps=STEPS, folds=FOLDS, report=print, most=None):
    """Teach the text encoder in a folder (emotion/text_encoder.py) to read prompts: writes its adapter there, returns the figures of
    Lesson.held_out."""
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    encoder, lesson = TextEncoder(folder, device), Lesson(most)
    said = lambda done: done % 6400 < 64 and report(f"{done} of {len(lesson.texts)} texts are encoded")
    given = encoder.encode([cut(plain(text))[0] for text in lesson.texts], said)
    features = {}

    def learned(chosen):
        learners = lesson.learners(chosen)
        encoder.measure(given[learners])
        features["text"] = encoder.normal(given)
        reader = learn(*lesson.part(features, learners), steps, make=lambda: own_reader(given.shape[1]))
        lesson.remember(reader, features, chosen)
        return reader

    reader, figures = lesson.held_out(learned, features, folds, report)
    about = {"recipe": f"training/words.py, {steps} steps", "seed": str(SEED), "figures": json.dumps(figures)}
    encoder.write(reader, about)
    report(f"{encoder.folder / ADAPTER} reads prompts now: perform --text-encoder {encoder.folder}")
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
