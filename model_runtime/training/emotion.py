"""Training of Feelings: phrases, voices and Motions that share an emotion are drawn together.

One recipe, fixed seed: supervised contrast over every modality at once (Khosla et al. 2020, eq. 2, with soft positives) plus
the cross-entropy of the label points. Writes blender_assets/models/feelings.safetensors.
"""

import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch.nn import functional as F

from contract import UtterError
from model_runtime import checkpoints
from model_runtime.emotion import LABELS
from model_runtime.emotion.feelings import FORMAT, PATH
from model_runtime.emotion.space import MotionEncoder, Space
from model_runtime.emotion.voice import measure
from model_runtime.emotion.words import SentenceEncoder
from model_runtime.training import corpus
from model_runtime.training.words import FOLDER, fold, read_file

PHRASES = FOLDER / "first.txt"
SEED = 7
STEPS = 2500
HELD_OUT_SPEAKERS = ("03", "10")
EMODB = {  # acted emotion -> what it counts as
    "neutral": {"neutral": 1.0},
    "happiness": {"happy": 1.0},
    "sadness": {"sad": 1.0},
    "anger": {"angry": 1.0},
    "fear": {"afraid": 1.0},
    "disgust": {"disgusted": 1.0},
    "boredom": {"neutral": 0.6, "sad": 0.4},
}
WRAPPERS = (
    "{}",
    "{}",
    "{}",
    "{}.",
    "very {}",
    "sounding {}",
    "as if {}",
    "{} voice",
    "with {}",
    "she is {}",
    "he speaks, {}",
    "I am {}",
    "slightly {}",
    "a bit {}",
    "a hint of {}",
    "extremely {}",
    "the mood: {}",
    "act {}",
    "feeling {}",
    "say it {}",
    "more {}",
    "{} face",
)


def target(shares):
    """{label: share} -> [8] float32 that sums to 1."""
    out = np.zeros(len(LABELS), np.float32)
    for name, share in shares.items():
        out[LABELS.index(name)] = share
    return out / out.sum()


def read_phrases(path=PHRASES):
    """-> ([(phrase, target [8])] to learn from, the same held out). These are the phrases that the shipped space was learned from."""
    phrases = [(phrase.text, phrase.shares[: len(LABELS)], fold(phrase.family) is None) for phrase in read_file(path)]
    return [(text, share) for text, share, tested in phrases if not tested], [(text, share) for text, share, tested in phrases if tested]


# ------------------------------------------------------------------------------------------------ voices
def varied(samples, rng):
    """The voice changed as by another room and another speaker: speed and pitch, spectral tilt, noise."""
    from scipy.signal import lfilter, resample_poly

    up = int(rng.integers(85, 118))
    samples = resample_poly(samples, 100, up).astype(np.float32)
    tilt = rng.uniform(-0.5, 0.5)
    samples = lfilter([1, tilt], [1], samples).astype(np.float32)
    level = np.sqrt(np.mean(samples**2)) + 1e-6
    return samples + rng.normal(0, level * 10 ** rng.uniform(-3, -1.2), len(samples)).astype(np.float32)


def read_voices(data, variants=6, neutral=160, most=None):
    """-> (features, target, held out) of every EmoDB clip (varied, unless held out) and of some read speech, which counts as neutral."""
    data, rng, out = Path(data), np.random.default_rng(SEED), []
    acted = corpus.rows(data / "emodb")
    if not acted:
        raise UtterError(f"{data} holds no acted voices to learn feelings from; put EmoDB in its folder emodb.")
    for row in corpus.spread(acted, most):
        samples, _ = soundfile.read(data / "emodb" / "audio" / f"{row['clip']}.opus", dtype="float32")
        held = row["speaker"] in HELD_OUT_SPEAKERS
        shares = target(EMODB[row["emotion"]])
        out += [(measure(samples if k == 0 else varied(samples, rng)), shares, held) for k in range(1 if held else variants)]
    read = sorted((data / "dbspeech" / "audio").glob("*"))[::20] + sorted((data / "kerstin_de" / "audio").glob("*"))[::28]
    read += sorted((data / "librispeech").rglob("*.opus"))[::12]
    for path in corpus.spread(read[:neutral], most):
        samples, rate = soundfile.read(path, dtype="float32")
        out.append((measure(varied(samples[: 8 * rate], rng)), target({"neutral": 0.8, "happy": 0.1, "sad": 0.1}), False))
    return out


def crop(features, rng, length=204):
    """-> [length, FEATURES]: two seconds from a random place; a shorter clip is repeated."""
    if len(features) < length:
        features = features.repeat(-(-length // len(features)), 1)
    start = int(rng.integers(0, len(features) - length + 1))
    return features[start : start + length]


# ------------------------------------------------------------------------------------------------ motions
def read_motions(cache):
    """Teacher performances from the generator's dataset -> ([(values, target, held out)], basis), or ([], "") before there is
    one."""
    from model_runtime.training.dataset import load_dataset

    try:
        data = load_dataset(cache)
    except FileNotFoundError:
        return [], ""
    out = []
    for number, row in enumerate(data.performances):
        _, values, share, strength = data.slices(number, 0, row["length"])
        best = int(share[0].argmax())
        keep = np.flatnonzero((share[:, best] > 0.9) & ((strength > 0.4) | (best == 0)))
        if len(keep) >= 60:
            out.append((torch.from_numpy(np.array(values[keep])), target({LABELS[best]: 1.0}), row["split"] != "train"))
    return out, data.basis


# ------------------------------------------------------------------------------------------------ training
def contrast(points, targets, temperature=0.1):
    """Supervised contrast: points [n, 128] unit, targets [n, 8]; how much two share an emotion is the product of their
    targets."""
    likeness = points @ points.T / temperature
    likeness = likeness - 1e9 * torch.eye(len(points))
    positive = (targets @ targets.T) * (1 - torch.eye(len(points)))
    return -(positive * likeness.log_softmax(-1)).sum() / positive.sum()


def main(args):
    """build.py train emotion."""
    from model_runtime.flame.load import load_head
    from model_runtime.training.dataset import ensure

    ensure(args.cache, load_head())
    train(args.cache, args.data, steps=args.steps or STEPS, most=args.clips)


def train(cache=".cache/training", data="../shared/data", path=PATH, steps=STEPS, report=print, keep=None, most=None):
    """Learn the space from phrases/first.txt, EmoDB and the teacher's motions; write path. Returns the held-out accuracies.

    keep: a Space whose labels, words and voices stay as they are, so that a generator trained on them still fits. Only the
    motion encoder learns, which is needed after the head was made again. most: acted voices at most, with twenty phrases for each.
    """
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    encoder = SentenceEncoder()
    learn, held = (corpus.spread(phrases, most and 20 * most) for phrases in read_phrases())
    wrapped = [(wrapper.format(phrase), share) for phrase, share in learn for wrapper in ["{}", *rng.choice(WRAPPERS, 7, replace=False)]]
    sentences = encoder([text for text, _ in wrapped])
    sentence_targets = torch.from_numpy(np.stack([share for _, share in wrapped]))
    voices = read_voices(data, most=most)
    motions, basis = read_motions(cache)
    report(f"{len(learn)} phrases, {len(voices)} voices, {len(motions)} motions")

    space = Space().train()
    if keep is not None:
        space.load_state_dict(keep.state_dict())
        space.motion = MotionEncoder()
    heard = torch.cat([features for features, _, held_out in voices if not held_out])
    if keep is None:
        space.voice.mean.copy_(heard.mean(0))
        space.voice.std.copy_(heard.std(0) + 1e-3)
    if motions:
        moved = torch.cat([values for values, _, held_out in motions if not held_out])
        space.motion.mean.copy_(moved.mean(0))
        space.motion.std.copy_(moved.std(0) + 1e-3)
    pick = lambda items: by_label([item for item in items if not item[2]])
    voice_groups, motion_groups = pick(voices), pick(motions)
    word_groups = [np.flatnonzero(sentence_targets[:, k].numpy() > 0.3) for k in range(len(LABELS))]
    learning = space if keep is None else space.motion
    optimizer = torch.optim.AdamW(learning.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        chosen = np.concatenate([rng.choice(group, 12) for group in word_groups])
        points = [space.words(sentences[chosen] + 0.02 * torch.randn(len(chosen), sentences.shape[1])), space.labels()]
        targets = [sentence_targets[chosen], torch.eye(len(LABELS))]
        clips = [group[i] for group in voice_groups if group for i in rng.integers(0, len(group), 8)]
        features = torch.stack([crop(clip[0], rng) for clip in clips])
        features = features + 0.3 * torch.randn(len(clips), 1, features.shape[2]) * space.voice.std * 0.5
        points.append(space.voice(features)[:, features.shape[1] // 8])
        targets.append(torch.from_numpy(np.stack([clip[1] for clip in clips])))
        if motions:
            clips = [group[i] for group in motion_groups if group for i in rng.integers(0, len(group), 6)]
            starts = [int(rng.integers(0, max(1, len(clip[0]) - 90))) for clip in clips]
            pieces = [clip[0][s : s + 90] for clip, s in zip(clips, starts)]
            longest = max(map(len, pieces))
            pieces = torch.stack([F.pad(p.T[None], (0, longest - len(p)), mode="replicate")[0].T for p in pieces])
            points.append(space.motion(pieces))
            targets.append(torch.from_numpy(np.stack([clip[1] for clip in clips])))
        points, targets = torch.cat(points), torch.cat(targets)
        guess = -(targets * space.logits(points).log_softmax(-1)).sum(-1).mean()
        loss = guess + 0.3 * contrast(points, targets)
        space.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0 or step == steps - 1:
            report(f"step {step}: loss {loss.item():.3f}")
    scores = evaluate(space.eval(), encoder, held, voices, motions)
    report(json.dumps(scores))
    save(space, path, basis, scores, steps)
    return scores


def by_label(items):
    return [[item for item in items if item[1][k] > 0.5] for k in range(len(LABELS))]


@torch.inference_mode()
def evaluate(space, encoder, held, voices, motions):
    """Held-out accuracies: phrases (8 ways), EmoDB clips of unheard speakers (EmoDB's 6 emotions, 8 ways), motions (8 ways)."""
    right = lambda logits, share: share[int(logits.argmax())] > 0.3
    words = [right(space.logits(space.words(encoder([text])))[0], share) for text, share in held]
    voice = [right(space.logits(space.voice(features[None])[0]).softmax(-1).mean(0), share) for features, share, h in voices if h]
    motion = [right(space.logits(space.motion(values[None]))[0], share) for values, share, h in motions if h]
    found = {"words": words, "voice": voice, "motion": motion}
    return {name: round(float(np.mean(hits)), 3) for name, hits in found.items() if hits}


def save(space, path, basis, scores, steps):
    about = {
        "labels": json.dumps(LABELS),
        "basis": basis,
        "recipe": f"training/emotion.py, {steps} steps",
        "seed": str(SEED),
        "sentence_encoder": "all-MiniLM-L6-v2",
        "held_out": json.dumps(scores),
    }
    checkpoints.write({name: tensor.contiguous() for name, tensor in space.state_dict().items()}, path, FORMAT, about)
