"""build.py evaluate --voices-felt: how well feelings are heard in the voices of speakers whom the reader has not heard.

EmoDB is cross-validated: for each speaker a reader learns from all else (`training/voice.py`). "Moved": the same clips, to whose
statistics the difference of a calm English reader of the split from that speaker is added, which stands in for acted English. Bursts and
calm reading are of the split's speakers. Each clip is measured against a baseline of its speaker: of all their clips ("all"), of their
neutral ones ("neutral"), of itself ("self"). Clips count; "recall" is the mean over classes of how many are found.

Sounds that are no words are heard moment by moment, as at work; a burst counts as what it is mostly heard as. False alarms: moments of
speech in which such a sound is heard at all, of the split's calm readers and of EmoDB by left-out speaker.
"""

import numpy as np
import torch

from model_runtime.audio import RATE, load_voice
from model_runtime.emotion import LABELS, hearing, load_feelings
from model_runtime.speech.encoder import load_encoder
from model_runtime.training import corpus, voice

MODES = ("all", "neutral", "self")
SEVEN = ("neutral", "bored", "happy", "sad", "angry", "afraid", "disgusted")
SIX = ("happy", "sad", "angry", "surprised", "afraid", "disgusted")
BURSTS = ("Amusement", "Sadness", "Anger", "Surprise (Negative)", "Surprise (Positive)", "Fear", "Disgust")  # of SIX
STRONG = 0.5  # a strength from which calm reading claims too much
EXCITED, CALMER = ("anger", "fear", "happiness"), ("neutral", "boredom", "sadness")


def run(args, report=print):
    """-> {figure: value} of that split."""
    feelings = load_feelings("cpu")
    material = voice.load(args.cache, args.data, report=report)
    found = {
        **sounds(args, material, feelings),
        **emodb(material, feelings, args.split),
        **strangers(material, feelings, args.split),
        **transfer(material, args.split),
    }
    for name, value in found.items():
        report(f"{name:58} {value}")
    return found


def clips(material, rows, shares):
    """Piece by piece -> clip by clip: (first row of each, mean of shares)."""
    names, first, of = np.unique(material.clip[rows], return_index=True, return_inverse=True)
    sums = np.zeros((len(names), shares.shape[1]))
    np.add.at(sums, of, shares)
    return rows[first], sums / np.bincount(of)[:, None]


def best(shares, names):
    return np.array(names)[shares[:, [hearing.KINDS.index(name) for name in names]].argmax(1)]


def recall(guessed, acted):
    return round(float(np.mean([(guessed[acted == name] == name).mean() for name in np.unique(acted)])), 3)


def emodb(material, feelings, split):
    """Each speaker by a reader that learned from all others'."""
    plain = np.flatnonzero((material.corpus == "emodb") & (material.variant == 0))
    found, heard, excited, away = {}, *({mode: [] for mode in MODES} for _ in range(3))
    rng = np.random.default_rng(voice.SEED)
    for speaker in np.unique(material.speaker[plain]):
        learn = np.flatnonzero((material.speaker != speaker) & ((material.corpus == "emodb") | (material.split == "train")))
        reader, own = voice.fit(material, learn), plain[material.speaker[plain] == speaker]
        for mode in MODES:
            shares, arousal = voice.read(reader, material, own, mode)
            rows, columns = clips(material, own, np.concatenate([shares, arousal[:, None]], 1))
            heard[mode].append((rows, columns[:, :-1]))
            moved = np.repeat(material.elsewhere(own[:1], rng, split), len(own), 0)
            away[mode].append(clips(material, own, voice.read(reader, material, own, mode, moved)[0]))
            strong, calm = (columns[np.isin(material.acted[rows], acted), -1] for acted in (EXCITED, CALMER))
            excited[mode].append((strong[:, None] > calm[None]).ravel())
    for mode in MODES:
        rows, shares = (np.concatenate(x) for x in zip(*heard[mode]))
        acted = np.array(hearing.KINDS)[material.shares[rows].argmax(1)]
        guessed = best(shares, SEVEN)
        found[f"EmoDB by left-out speaker, seven, recall, {mode}, n {len(rows)}"] = recall(guessed, acted)
        found[f"  moved to calm readers of English, {mode}"] = recall(best(np.concatenate([x for _, x in away[mode]]), SEVEN), acted)
        if mode == "all":
            found["  by class"] = {name: round(float((guessed[acted == name] == name).mean()), 2) for name in SEVEN}
        labelled = acted != "bored"
        points = torch.nn.functional.normalize(torch.from_numpy(shares @ hearing.SHARES).float() @ feelings.space.labels().detach(), dim=-1)
        label = np.array(LABELS)[feelings.space.logits(points).argmax(1).numpy()]
        found[f"  nearest of eight labels in the space, recall, {mode}, n {labelled.sum()}"] = recall(label[labelled], acted[labelled])
        pairs = np.concatenate(excited[mode])
        found[f"  arousal of pairs (strong above calm), {mode}, n {len(pairs)}"] = round(float(pairs.mean()), 3)
        strength = hearing.strength(shares, 2.0)
        found[f"  mean strength of strong / calm, {mode}"] = [
            round(float(strength[np.isin(material.acted[rows], names)].mean()), 2) for names in (EXCITED, CALMER)
        ]
    return found


def strangers(material, feelings, split):
    """Bursts and calm reading by the shipped reader."""
    found = {}
    bursts = np.flatnonzero((material.corpus == "emogator") & (material.split == split) & np.isin(material.acted, BURSTS))
    calm = np.flatnonzero((material.corpus == "calm") & (material.split == split))
    noise = np.flatnonzero(material.corpus == "noise")
    for mode in MODES:
        shares, _ = voice.read(feelings.ears, material, bursts, mode)
        acted = np.array(hearing.KINDS)[material.shares[bursts].argmax(1)]
        speakers = len(set(material.speaker[bursts]))
        found[f"bursts of {speakers} strangers, six, recall, {mode}, n {len(bursts)}"] = recall(best(shares, SIX), acted)
        rows, shares = clips(material, calm, voice.read(feelings.ears, material, calm, mode)[0])
        speakers = len(set(material.speaker[rows]))
        claimed = hearing.strength(shares, 2.0) > STRONG
        found[f"calm reading of {speakers} strangers, strong emotion, {mode}, n {len(rows)}"] = round(float(claimed.mean()), 3)
    strength = hearing.strength(voice.read(feelings.ears, material, noise, "self")[0], 2.0)
    found[f"noise and chords (learned from), strong emotion, n {len(noise)}"] = round(float((strength > STRONG).mean()), 3)
    return found


def sounds(args, material, feelings):
    """Bursts that are mostly one of hearing.SOUNDS, and speech that is none, of recordings."""
    encoder, found = load_encoder("cpu"), {}

    def heard(path, reader, seconds=None):
        samples = load_voice(path)[: seconds and seconds * RATE]
        listening = hearing.Hearing(reader, samples)
        encoder.encode(samples, hand=listening)
        return listening.heard()

    def of(name):
        rows = voice.listed(args.data, name)
        return [row for row in corpus.spread(rows, args.clips and 4 * args.clips) if row[1].exists()]

    bursts = [row for row in of("emogator") if voice.split(row[2]) == args.split and row[3] in voice.SOUNDING]
    told = np.array([voice.SOUNDING[acted] for *_, acted, _ in bursts])
    each = [hearing.sounds(heard(path, feelings.ears)) for _, path, *_ in bursts]
    most = np.array([hearing.SOUNDS[1 + shares.sum(0).argmax()] if shares.any() else "words" for shares in each])
    if len(bursts):
        found[f"sounds of {len({row[2] for row in bursts})} strangers, six, recall, n {len(bursts)}"] = recall(most, told)
        found["  heard as a sound at all"] = round(float((most != "words").mean()), 3)
        found["  by sound"] = {name: round(float((most[told == name] == name).mean()), 2) for name in np.unique(told).tolist()}
    calm = [row for row in of("calm") if voice.split(row[2]) == args.split]
    false = {f"calm reading, {len(calm)} clips": [heard(path, feelings.ears, seconds) for _, path, _, _, seconds in calm]}
    acted = of("emodb")
    false[f"EmoDB by left-out speaker, {len(acted)} clips"] = []
    for speaker in sorted({row[2] for row in acted}):
        learn = np.flatnonzero((material.speaker != speaker) & ((material.corpus == "emodb") | (material.split == "train")))
        reader = voice.fit_sounds(voice.fit(material, learn, rounds=1), material, learn)
        false[f"EmoDB by left-out speaker, {len(acted)} clips"] += [heard(row[1], reader) for row in acted if row[2] == speaker]
    for name, clips in false.items():
        if clips:
            moments = np.concatenate([hearing.sounds(each).any(1) for each in clips])
            found[f"  moments with a sound in {name}, n {len(moments)}"] = round(float(moments.mean()), 4)
    return found


def transfer(material, split):
    """What is learned of acted sentences alone, heard in bursts, and the other way round."""
    found = {}
    for other, kinds in (("emodb", SEVEN), ("emogator", SIX)):
        learn = np.flatnonzero(((material.split == "train") | (material.corpus == "emodb")) & (material.corpus != other))
        reader = voice.fit(material, learn)
        rows = np.flatnonzero((material.corpus == other) & (material.variant == 0))
        if other == "emogator":
            rows = rows[(material.split[rows] == split) & np.isin(material.acted[rows], BURSTS)]
        acted = np.array(hearing.KINDS)[material.shares[rows].argmax(1)]
        keep = np.isin(acted, [kind for kind in kinds if kind != "bored"])
        kinds = tuple(kind for kind in kinds if kind != "bored")
        for mode in MODES:
            shares, _ = voice.read(reader, material, rows[keep], mode)
            found[f"learned without {other}, heard there, {len(kinds)}, {mode}, n {keep.sum()}"] = recall(best(shares, kinds), acted[keep])
    return found
