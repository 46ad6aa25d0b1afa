"""The teacher's constants that fit captured speakers: python -m tools.fit_teacher DATA [--clips 80] [--search]

DATA holds grid_film and facegood_mocap. Prints the targets of phones (teacher.phones.TARGETS) and CARRIED; with --search first the times
of coarticulation and the dominances of phones, each stepped up and down while the mean of both speakers' explained variance grows.
Constants are copied by hand; there p, b and m share one pose, and AO and UH are rounder (phones.py says why).

Given the times, what the mouth does is linear in the targets, and so, nearly, are the film's lengths in the actions: targets are a
bounded least squares in millimetres, drawn towards PRIOR of the rules' own targets (flame.poses.PHONES), because a few words hold few
contexts. Speakers: the sentences of grid_film that films.py trains on (known words; lip gap, width, jaw, protrusion), and FACEGOOD's
woman (phones as the encoder hears them in her Mandarin; jaw, rounding, corners and lips of her rig), with targets of her own. Explained
variance is that of clips left out, one fold of four at a time.
"""

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import lsq_linear

from contract import ACTIONS, FPS
from model_runtime.audio import load_voice
from model_runtime.capture import neutral_of
from model_runtime.flame import poses
from model_runtime.flame.actions import to_motion
from model_runtime.listener import frame_count
from model_runtime.motion import read_npz
from model_runtime.pipeline import Performer
from model_runtime.speech import content as layout
from model_runtime.speech.phones import PHONES as HEARD
from model_runtime.training import captures, corpus, films
from model_runtime.training.teacher import coarticulation, voice
from model_runtime.training.teacher.layout import columns
from model_runtime.training.teacher.phones import FITTED, GROUPS, PHONES, TRACK
from tools.evaluate import film

COUNTS = {"gap": 2.0, "width": 1.0, "jaw": 1.0, "protrusion": 1.0}  # of each curve in the explained variance
RIG = {  # FACEGOOD's curves, in FITTED, and what each counts
    ("jawOpen",): 2.0,
    ("mouthFunnel", "mouthPucker"): 1.0,
    ("mouthSmile", "mouthStretch"): 0.5,
    ("mouthLowerDown",): 1.0,
    ("mouthUpperUp",): 1.0,
}
# How much of the rules' targets is expected; only the film decides more than that.
PRIOR = dict(jawOpen=0.25, mouthFunnel=0.3, mouthPucker=0.35, mouthSmile=0.6, mouthStretch=0.25, mouthLowerDown=0.8, mouthUpperUp=0.8)
FARTHEST = {"mouthLowerDown": 0.3, "mouthUpperUp": 0.4}  # gap tells them not apart, and lips have ends
CARRIED = 0.18  # what all phones share of the jaw, before the film is asked
RIDGE, LOOSE = 1500.0, 60.0  # pull of a target to PRIOR, and of CARRIED, against frames of unit variance
MORE = {"mouthPucker": 1.3}  # of what is fitted: one calm man, whose lips FACEGOOD's and the others' outdo
RARE = 15  # phones that are heard less often stay where PRIOR says
SECONDS, EVERY = 10, 33  # of FACEGOOD's takes a piece of so many seconds begins every so many
STEPS = {"ONSET": 1.25, "DECAY": 1.25, "HEAVY": 1.25, "JAW_ONSET": 1.25, "JAW_DECAY": 1.25, "LATE": 1.5}
EDGES = {"HELD": 0.15, "JAW_HELD": 0.15}
STRONGER = 1.5  # step of the dominances of a class of phones, of jaw, rounding and lips
CLASSES = ([p for p in PHONES if PHONES[p].vowel], *map(str.split, ("P B M", "F V", "T D N L K G NG", "S Z", "SH ZH CH JH", "TH DH")))
CLASSES += (["R"], ["W"], ["Y"], ["HH"], ["sil"])
FOLLOWS = 0.95  # power of loudness: the middle of styles.style


def clip_of(phones, prosody, T, curves, first, slopes, counts):
    """What is kept of a clip. curves [K, n] from frame first on; slopes [K, A] of the curves in FITTED."""
    energy, _ = voice.on_frames(prosody, phones, T, np.random.default_rng(0))
    rows = coarticulation.parts(phones, coarticulation.loudness(phones, energy, np.random.default_rng(0)), T)
    t = np.arange(T) / FPS
    return SimpleNamespace(
        rows=rows,
        energy=energy,
        shut=np.maximum(
            coarticulation.closure(phones, t), coarticulation.rest(phones, t, SimpleNamespace(breath=0), np.random.default_rng(0))[0]
        ),
        teeth=coarticulation.labiodental(phones, t),
        curves=curves - curves.mean(1, keepdims=True),
        part=slice(first, first + curves.shape[1]),
        slopes=slopes,
        counts=np.array(counts),
        lips=slopes.shape[0] == len(COUNTS),
    )


def grid(folder, performer, count):
    """Clips of the films to learn from."""
    head, whole = performer.models.builtin, films.films(folder)
    neutrals = {s: neutral_of([f.track for f in whole if f.speaker == s]) for s in {f.speaker for f in whole if f.split == "train"}}
    probe = np.zeros((len(FITTED), len(ACTIONS)), np.float32)
    for row, name in zip(probe, FITTED):
        row[columns(name)] = 0.2
    moved = film.on_head(head, to_motion(head, probe[:, [ACTIONS.index(str(name)) for name in head.action_names]]))
    slopes = np.stack([moved[name] for name in COUNTS]) / 0.2
    out = []
    for found in corpus.spread([f for f in whole if f.split == "train"], count):
        samples = load_voice(found.sound)
        content = performer.models.encoder.encode(samples)
        times, true = film.on_film(head, found, neutrals[found.speaker])
        first, last = int(np.ceil(times[0] * FPS)), int(times[-1] * FPS)
        moments = np.arange(first, min(last, frame_count(len(samples)))) / FPS
        curves = np.stack([np.interp(moments, times, true[name]) for name in COUNTS])
        phones = film.known_phones(found, content)
        out.append(clip_of(phones, content[:, layout.PROSODY], frame_count(len(samples)), curves, first, slopes, list(COUNTS.values())))
    return out


def facegood(folder, performer):
    """Pieces of FACEGOOD's takes; phones are the likeliest of each frame."""
    slopes = np.array([[float(name in names) for name in FITTED] for names in RIG])
    out = []
    for take in sorted((Path(folder) / "bs").glob("*.npz")):
        with read_npz(take) as arrays:
            weights, names = np.clip(arrays["weights"], 0, 1), list(arrays["names"])
        actions = np.zeros((len(weights), len(ACTIONS)))
        for channel, shares in captures.RIG.items():
            for action, share in shares.items():
                actions[:, ACTIONS.index(action)] += share * weights[:, names.index(channel)]
        content = performer.models.encoder.encode(load_voice(Path(folder) / "audio" / f"{take.stem}.opus"))
        curves = np.stack([sum(actions[:, columns(name)].mean(1) for name in names) for names in RIG])
        for begin in range(SECONDS, len(weights) // FPS - SECONDS, EVERY):
            here = content[begin * layout.FPS : (begin + SECONDS) * layout.FPS]
            best = here[:, layout.PHONES].argmax(1)
            edges = np.flatnonzero(np.diff(best, prepend=-1, append=-1))
            phones = [[a / layout.FPS, b / layout.FPS, HEARD[best[a]]] for a, b in zip(edges, edges[1:])]
            part = slice(begin * FPS, (begin + SECONDS) * FPS)
            out.append(clip_of(phones, here[:, layout.PROSODY], SECONDS * FPS, curves[:, part], 0, slopes, list(RIG.values())))
    return out


def design(clip):
    """[K, n, A * (P + 1)]: the clip's curves by the targets of each of FITTED in each phone, and by what all phones but silence share."""
    rows, T = clip.rows, len(clip.energy)
    names = [row[2] for row in rows]
    starts, ends, opening = (np.array([row[k] for row in rows]) for k in (0, 1, 3))
    gains = coarticulation.gains(names, opening)
    dominance, heavy = coarticulation.strengths(names, starts, ends), np.array([PHONES[name].heavy for name in names])
    shares, _ = coarticulation.blend(np.arange(T) / FPS, starts, ends, dominance, heavy)
    known = list(PHONES)
    which = np.array([[name == phone for phone in known] for name in names], float)
    spoken = np.array([name != "sil" for name in names], float)
    bite = clip.teeth * (1 - clip.shut)
    left = {  # what perform.shut_lips leaves of an action
        "jawOpen": coarticulation.following(clip.energy, FOLLOWS) * (1 - 0.35 * clip.shut) * (1 - 0.4 * bite),
        "mouthFunnel": (1 - 0.75 * clip.shut) * (1 - 0.6 * clip.teeth),
        "mouthPucker": 1 - 0.6 * clip.teeth,
        "mouthStretch": 1 - 0.3 * clip.shut,
        "mouthLowerDown": 1 - clip.shut,
        "mouthUpperUp": 1 - clip.shut,
    }
    out = []
    for k, name in enumerate(FITTED):
        group = next(g for g, place in enumerate(GROUPS.values()) if place.start <= TRACK[name] < place.stop)
        weight = shares[group] * gains[:, TRACK[name]]
        acts = np.concatenate([weight @ which, (shares[group] @ spoken)[:, None]], 1)
        acts = gaussian_filter1d(acts, 0.55, axis=0, mode="nearest") * np.reshape(left.get(name, 1.0), (-1, 1))
        curves = clip.slopes[:, k, None, None] * acts
        if clip.lips:
            curves[0] *= ((1 - clip.shut) * (1 - 0.6 * bite))[:, None]
        out.append(curves[:, clip.part])
    found = np.concatenate(out, 2)
    return found - found.mean(1, keepdims=True)


def prior(clips):
    """(expected targets, pull to them, greatest), each [A * (P + 1)]."""
    expected = np.array([[PRIOR[name] * poses.PHONES[phone].get(name, 0.0) for phone in PHONES] + [0.0] for name in FITTED])
    pull = np.full(expected.shape, RIDGE)
    heard = [row[2] for clip in clips for row in clip.rows]
    pull[:, :-1][:, [heard.count(phone) < RARE for phone in PHONES]] *= 1000
    pull[:, -1], expected[0, -1] = LOOSE, CARRIED
    most = np.array([[FARTHEST.get(name, 1.0)] * expected.shape[1] for name in FITTED])
    most[:, list(PHONES).index("sil")] = 1e-9
    most[1:, -1] = 1e-9  # only the jaw is carried
    return expected.ravel(), pull.ravel(), most.ravel()


def squares(clips):
    """Of each clip (gram [M, M], moment [M], the curves' weighted power), curves in their speaker's mean variance."""
    variance = np.mean([clip.curves.var(1) for clip in clips], 0)
    out = []
    for clip in clips:
        weight = np.sqrt(clip.counts / variance)[:, None]
        X = (design(clip) * weight[:, :, None]).reshape(clip.curves.size, -1)
        y = (clip.curves * weight).ravel()
        out.append((X.T @ X, X.T @ y, float(y @ y)))
    return out


def targets(found, aims):
    """Bounded least squares of some clips' squares, drawn to aims of prior(): [A * (P + 1)]."""
    expected, pull, most = aims
    H = sum(gram for gram, _, _ in found) + np.diag(pull)
    root = np.linalg.cholesky(H).T
    aim = np.linalg.solve(root.T, sum(moment for _, moment, _ in found) + pull * expected)
    return lsq_linear(root, aim, (np.zeros(len(aim)), np.maximum(most, 1e-9)), lsmr_tol="auto", max_iter=60).x


def explained(clips, folds=4):
    """Share of the variance of clips left out that the others' targets explain."""
    found, aims, missed = squares(clips), prior(clips), 0.0
    for fold in range(folds):
        theta = targets([s for k, s in enumerate(found) if k % folds != fold], aims)
        missed += sum(power - 2 * theta @ moment + theta @ gram @ theta for gram, moment, power in found[fold::folds])
    return 1 - missed / sum(power for _, _, power in found)


def search(speakers, rounds=3):
    """Steps the times of coarticulation and the dominances of CLASSES while the speakers' explained variance grows, in place."""
    best = sum(map(explained, speakers))

    def try_out(change, undo, what):
        nonlocal best
        while change():
            now = sum(map(explained, speakers))
            if now < best + 4e-4:
                undo()
                return
            best = now
            print(f"{what()}: {best / len(speakers):.4f}", flush=True)

    for _ in range(rounds):
        before = best
        for name, side in [(name, 0) for name in STEPS] + [(name, side) for name in EDGES for side in (0, 1)]:
            for sign in (1, -1):

                def step(sign, name=name, side=side):
                    now = getattr(coarticulation, name)
                    if name in STEPS:
                        new = now * STEPS[name] ** sign
                    else:
                        new = tuple(edge + sign * EDGES[name] * (k == side) for k, edge in enumerate(now))
                    possible = name in STEPS or 0 <= new[0] <= new[1] <= 1
                    if possible:
                        setattr(coarticulation, name, new)
                    return possible

                try_out(lambda: step(sign), lambda: step(-sign), lambda: f"{name} = {getattr(coarticulation, name)}")
        for phones in CLASSES:
            for group in range(3):
                for sign in (1, -1):

                    def stronger(sign, phones=phones, group=group):
                        for phone in phones:
                            PHONES[phone].dominance[group] *= STRONGER**sign
                        return True

                    now = lambda: [round(float(x), 2) for x in PHONES[phones[0]].dominance]
                    try_out(lambda: stronger(sign), lambda: stronger(-sign), lambda: f"{' '.join(phones)} {now()}")
        if best < before + 1e-3:
            break


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--clips", type=int, default=80)
    parser.add_argument("--search", action="store_true")
    args = parser.parse_args()
    performer = Performer("cpu")
    speakers = [grid(f"{args.data}/grid_film", performer, args.clips), facegood(f"{args.data}/facegood_mocap", performer)]
    if args.search:
        search(speakers)
    print("explained of clips left out: " + ", ".join(f"{explained(clips):.3f}" for clips in speakers))
    theta = targets(squares(speakers[0]), prior(speakers[0])).reshape(len(FITTED), -1)
    print(f"CARRIED = {theta[0, -1]:.2f}")
    for p, phone in enumerate(PHONES):
        given = {name: round(float(theta[k, p]) * MORE.get(name, 1), 2) for k, name in enumerate(FITTED) if theta[k, p] >= 0.005}
        print(f'    "{phone}": dict({", ".join(f"{name}={value}" for name, value in given.items())}),')


if __name__ == "__main__":
    main()
