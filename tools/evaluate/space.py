"""build.py evaluate --space: whether words, labels, voices and Motions that feel alike lie together in the space of feelings, and whether
faces that are performed of them feel so.

Nothing here was learned from: the prompts of prompts.txt ("words") and the families of phrases that are only tested; EmoDB's clips, each
heard by a reader that learned from the other speakers; bursts of the split's speakers; the teacher's performances of lines of the split's
speakers.
"""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from contract import FPS, Passage, PerformRequest
from model_runtime.diffusion import sampler
from model_runtime.emotion import LABELS, hearing
from model_runtime.emotion.labels import POINT
from model_runtime.emotion.prompts import PLAIN
from model_runtime.flame import lbs
from model_runtime.motion import Motion, save_motion
from model_runtime.training import teacher, voice
from model_runtime.training import words as corpus
from tools.evaluate import faces, material, metrics, mouth, voices_felt, words_read
from tools.evaluate.measure import places

VOICES = Path(__file__).parents[2] / "blender_assets" / "voices"
LINES = ("pie", "door")  # shipped voices that are felt over
CLIPS = 6  # of each language, whose lines the teacher performs
BURSTS = {
    "Neutral": "neutral",
    "Amusement": "happy",
    "Sadness": "sad",
    "Anger": "angry",
    "Surprise (Negative)": "surprised",
    "Surprise (Positive)": "surprised",
    "Fear": "afraid",
    "Disgust": "disgusted",
    "Contempt": "contemptuous",
}
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)  # of guidance; 0: without the feeling, 1: without emphasis
STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
SEED = 5
ALIKE = ({"words", "phrases"}, {"voice", "burst"})  # of one modality


def run(args, performer, report=print):
    """-> {figure: value}; performer: with the generator that is measured."""
    heard = voice.load(args.cache, args.data, report=report)
    moved = motions(args, performer)
    points = {
        "words": read(performer.models.feelings, words_read.prompts()["free"]),
        "phrases": read(performer.models.feelings, tested()),
        "label": (np.array(LABELS), np.stack([performer.models.feelings.label(name)[POINT] for name in LABELS])),
        "voice": voices(heard, performer.models.feelings),
        "burst": bursts(heard, performer.models.feelings, args.split),
        "motion": (moved[0], np.stack([performer.models.feelings.motion(values)[POINT] for values in moved[1]])),
    }
    found = {f"n {name}": len(names) for name, (names, _) in points.items()}
    found |= {
        f"recall@1 {one} -> {other}": recall(points[one], points[other])
        for one in points
        for other in points
        if one != other and {one, other} not in ALIKE
    }
    with tempfile.TemporaryDirectory() as folder:
        found |= guided(args, performer, sources(args, performer, moved, Path(folder)), report)
    found |= intensity(args, performer)
    for name, value in found.items():
        report(f"{name:44} {value}")
    return found


def unit(points):
    return points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-9)


def recall(asking, answering):
    """Recall@1 by emotion: of those who ask, (emotions [n], points [n, 128]), the share whose nearest by cosine among those who answer is
    of their emotion; the mean over the emotions that both have."""
    (asked, points), (names, among) = asking, answering
    nearest = names[(unit(points) @ unit(among).T).argmax(1)]
    both = [name for name in LABELS if (asked == name).any() and (names == name).any()]
    return round(float(np.mean([(nearest[asked == name] == name).mean() for name in both])), 3)


# ---- the ways into the space: (emotions [n], points [n, 128])


def tested():
    """[(label, phrase)] of the families that nothing learns from, where one label is meant."""
    phrases = [phrase for path in sorted(corpus.FOLDER.glob("*.txt")) for phrase in corpus.read_file(path)]
    clear = [phrase for phrase in phrases if corpus.fold(phrase.family) is None and phrase.shares[: len(LABELS)].max() == 1]
    return [(LABELS[phrase.shares.argmax()], phrase.text) for phrase in clear]


def read(feelings, listed):
    """[(label, text)] as the reader of prompts places them."""
    return np.array([label for label, _ in listed]), np.stack([feelings.words(text)[POINT] for _, text in listed])


def placed(feelings, shares):
    """Shares of hearing.KINDS [n, 9] -> points, as Feelings.voice makes them."""
    mixed = torch.from_numpy(shares @ hearing.SHARES).float() @ feelings.space.labels().detach().cpu()
    return F.normalize(mixed, dim=-1).numpy()


def voices(heard, feelings):
    """EmoDB's clips but the bored, each by a reader that never heard the speaker, against all of the speaker's clips."""
    plain = np.flatnonzero((heard.corpus == "emodb") & (heard.variant == 0) & (heard.acted != "boredom"))
    names, points = [], []
    for speaker in np.unique(heard.speaker[plain]):
        learn = np.flatnonzero((heard.speaker != speaker) & ((heard.corpus == "emodb") | (heard.split == "train")))
        own = plain[heard.speaker[plain] == speaker]
        rows, shares = voices_felt.clips(heard, own, voice.read(voice.fit(heard, learn), heard, own, "all")[0])
        names += [hearing.KINDS[heard.shares[row].argmax()] for row in rows]
        points.append(placed(feelings, shares))
    return np.array(names), np.concatenate(points)


def bursts(heard, feelings, split):
    """Sounds that are no words, of strangers."""
    own = np.flatnonzero((heard.corpus == "emogator") & (heard.split == split) & np.isin(heard.acted, list(BURSTS)))
    rows, shares = voices_felt.clips(heard, own, voice.read(feelings.ears, heard, own, "all")[0])
    return np.array([BURSTS[acted] for acted in heard.acted[rows]]), placed(feelings, shares)


def motions(args, performer):
    """(emotions [n], [values [T, 65]]): each line in each emotion, as strong as its plain word."""
    lines = material.voices(args.split, args.data, args.cache, args.clips or CLIPS)
    names, performed = [], []
    for number, line in enumerate(lines):
        for name in LABELS:
            strength = 0.0 if name == "neutral" else PLAIN
            seed = SEED + len(LABELS) * number + LABELS.index(name)
            names.append(name)
            performed.append(teacher.perform(line.record["phones"], None, name, strength, seed, performer.models.builtin, T=line.frames))
    return np.array(names), performed


# ---- faces that are performed of them


def sources(args, performer, moved, folder):
    """{way: {emotion: [Passage over all, one for each line]}}: audio is bursts of strangers, motion the teacher's performances."""
    listed = words_read.prompts()["free"]
    heard = [row for row in voice.listed(args.data, "emogator") if voice.split(row[2]) == args.split and row[1].exists()]
    found = {way: {} for way in ("audio", "label", "text", "motion")}
    over = lambda prompt="", clip="": Passage(-1, 1e4, prompt, fade=0.0, clip=str(clip))
    for name in LABELS[1:]:
        paths = [path for _, path, _, acted, _ in heard if BURSTS.get(acted) == name]
        mine = [values for emotion, values in zip(*moved) if emotion == name]
        for k, _ in enumerate(LINES):
            save_motion(Motion(mine[k % len(mine)], FPS, performer.models.builtin.basis), folder / f"{name}{k}.npz")
        found["audio"][name] = [over(clip=paths[k * len(paths) // len(LINES)]) for k, _ in enumerate(LINES)]
        found["label"][name] = [over(name)] * len(LINES)
        found["text"][name] = [over([text for label, text in listed if label == name][k]) for k, _ in enumerate(LINES)]
        found["motion"][name] = [over(clip=folder / f"{name}{k}.npz") for k, _ in enumerate(LINES)]
    return found


@contextlib.contextmanager
def weight(value):
    """Prompts and clips guide with that weight w: x0 = G(A) + w (G(A, P) - G(A)) (sampler.guidance)."""
    kept, sampler.EMPHASIS = sampler.EMPHASIS, value - 1
    try:
        yield
    finally:
        sampler.EMPHASIS = kept


def perform(args, performer, line, passage, seed):
    """Motion of a shipped line."""
    request = PerformRequest(
        voice=str(VOICES / f"{line}.flac"), quality=args.quality, seed=seed, passages=(passage,) if passage else (), transcribe="off"
    )
    return performer.perform(request)


def guided(args, performer, ways, report):
    """Emotional similarity and diversity by source and weight of guidance, after tables III and IV of Liu et al. 2025 ("Controllable
    Expressive 3D Facial Animation via Diffusion in a Unified Multimodal Space", arXiv 2506.10007), whose formulas were not at hand: the
    definitions are ours, in our space and on our faces, and the weights 0 and 1 stand for what is left out.

    Similarity: the cosine of the source's point with that of the face performed of it, each led into the space by its own encoder; the
    mean over emotions, lines and seeds. "named": how many faces are nearest to the source's emotion among the labels. Diversity: the mean
    distance of two seeds (metrics.diversity) of the upper face's vertices, in mm, without the head's turns."""
    feelings, (every, where) = performer.models.feelings, places(performer.models.builtin)
    labels = feelings.space.labels().detach().cpu().numpy()
    found = {}
    for way, emotions in ways.items():
        for value in WEIGHTS:
            alike, named, apart = [], [], []
            for name, passages in emotions.items():
                for line, passage in zip(LINES, passages):
                    felt = performer.clip(passage.clip, None, lambda *_: None) if passage.clip else feelings.prompt(passage.prompt)
                    with weight(value):
                        played = [perform(args, performer, line, passage, seed).values for seed in range(args.seeds)]
                    points = unit(np.stack([feelings.motion(values)[POINT] for values in played]))
                    alike += (points @ unit(felt[POINT])).tolist()
                    named += [LABELS[k] == name for k in (points @ labels.T).argmax(1)]
                    if len(played) > 1:
                        head = performer.models.builtin
                        posed = [lbs.pose(head, mouth.still(values), None, every)[:, where["upper"]] for values in played]
                        apart.append(1000 * metrics.diversity(posed))
            found[f"{way}, weight {value:g}: similarity, named, diversity"] = [
                round(float(np.mean(each)), 3) if each else None for each in (alike, named, apart)
            ]
            report(f"{way}, weight {value:g}: {found[f'{way}, weight {value:g}: similarity, named, diversity']}")
    return found


def intensity(args, performer):
    """Pearson r of the strength that is asked for and how far the emotion's own actions rise over the neutral face (faces.rise), over
    STRENGTHS: our measure of what ECAvatar (ACM MM 2024) shows as controllable intensity. By emotion, the mean over lines and seeds."""
    found, acted = {}, {}
    for line in LINES:
        for seed in range(args.seeds):
            show = lambda passage, line=line, seed=seed: perform(args, performer, line, passage, seed).actions.mean(0)
            calm = show(Passage(-1, 1e4, "neutral", fade=0.0))
            for name in faces.NAMES:
                rises = [faces.rise(show(Passage(-1, 1e4, name, strength, 0.0)) - calm, name) for strength in STRENGTHS]
                acted.setdefault(name, []).append(np.corrcoef(STRENGTHS, rises)[0, 1])
    for name, values in acted.items():
        found[f"intensity, r of {name}"] = round(float(np.mean(values)), 3)
    return {"intensity, mean r": round(float(np.mean([np.mean(values) for values in acted.values()])), 3), **found}
