"""The measurements, section by section of the table. Each goes over the same clips and seeds for every model."""

import sys
import time
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from contract import ACTIONS, EYES, FPS, JAW, LIDS, NECK, UtterError
from model_runtime.audio import load_voice
from model_runtime.diffusion import sample
from model_runtime.emotion import LABELS, POINT
from model_runtime.emotion.labels import feeling as as_feeling
from model_runtime.emotion.life import alive
from model_runtime.emotion.prompts import CALM
from model_runtime.flame import actions, lbs, poses
from model_runtime.listener import frame_count
from model_runtime.speech import content as layout
from model_runtime.speech import phones
from model_runtime.training import corpus, speech, sync, teacher
from tools.evaluate import closures, faces, material, metrics, mouth

DRAWS = 3  # performances of the teacher that count as the truth
FIRST_DRAW = 1000  # first seed of those; performances that are compared with them have smaller seeds
TEN = 10
SHOWN = 2 / 3  # strength of what is held back or let go
UPPER = ("brows", "eyes", "forehead")
FACE = ("lips", "mouth", "jaw", "nose", "cheeks", *UPPER)
EVERY = 8  # of the vertices of face and upper face one in so many is measured, of the lips all
UPPER_ACTIONS = ("brow", "eyeSquint", "eyeWide", "eyeBlink", "cheekSquint", "noseSneer")
CAPTURED_JAW = "mouth_stretch_c"


@dataclass
class Bench:
    """What every measurement needs. models: {name: Generator}, the first is measured in every condition."""

    args: object
    performer: object
    models: dict
    tally: object
    voices: list
    noise: dict
    played: dict = field(default_factory=dict)  # (model, clip): [values of each seed], voice only
    began: float = field(default_factory=time.monotonic)

    @property
    def head(self):
        return self.performer.models.builtin

    @property
    def seeds(self):
        return range(self.args.seeds)

    def say(self, sentence):
        print(f"{time.monotonic() - self.began:6.0f} s  {sentence}", file=sys.stderr, flush=True)

    def play(self, model, heard, seed, feeling=None):
        """values [T, 65] of that model for what was heard; feeling [130]: asked for, instead of the voice's own."""
        T = len(heard.content30)
        asked = feeling is not None
        return sample(
            self.models[model],
            heard.content30,
            alive(np.tile(feeling, (T, 1)), 1.0, heard.content30, seed) if asked else heard.feeling,
            np.full(T, float(asked), np.float32),
            np.zeros(300, np.float32),
            seed=seed,
            quality=self.args.quality,
        )

    def teach(self, voice, seed, feeling=None):
        """The teacher's performance of the clip's labels, with the feeling heard in the voice, or a label's at full strength."""
        heard = self.hear(voice)
        share, strength = (feeling, 1.0) if feeling else shares(self.performer.models.feelings, heard.feeling)
        return teacher.perform(voice.record["phones"], melody(heard.content), share, strength, seed, self.head, T=voice.frames)

    def hear(self, voice, condition=material.QUIET, seed=0):
        return material.hear(self.performer, voice, condition, seed, self.noise, self.voices.index(voice))


def melody(content):
    return np.asarray(content[:, layout.PROSODY], float)


def shares(feelings, feeling):
    """A Feeling [T, 130] as the teacher is told them: (weights of the labels [T, 8], strength [T])."""
    import torch

    feeling = feeling[:, POINT]
    strength = np.linalg.norm(feeling, axis=1)
    points = torch.from_numpy((feeling / np.maximum(strength, 1e-6)[:, None]).astype(np.float32))
    with torch.inference_mode():
        return feelings.space.logits(points).softmax(-1).numpy().astype(float), np.minimum(strength, 1)


# ---- English and German, in every condition


def voices(bench):
    """What is heard and what the lips do, against the labels."""
    for number, voice in enumerate(bench.voices):
        for condition in (material.CONDITIONS[name] for name in bench.args.conditions):
            section = f"{voice.language}, {condition}"
            for seed in bench.seeds:
                heard = bench.hear(voice, condition, seed)
                known = hearing(voice, heard.content)
                heard_shut = known.pop("met")
                bench.tally.add_all(section, "encoder", voice.name, seed, known)
                for model in bench.models if condition == material.QUIET else list(bench.models)[:1]:
                    values = bench.play(model, heard, seed)
                    bench.tally.add_all(section, model, voice.name, seed, lips(bench.head, voice, values, heard_shut))
                    if condition == material.QUIET:
                        bench.played.setdefault((model, voice.name), []).append(values)
                if condition == material.QUIET:
                    values = bench.teach(voice, seed)
                    bench.tally.add_all(section, "teacher", voice.name, seed, lips(bench.head, voice, values, heard_shut))
                    bench.played.setdefault(("teacher", voice.name), []).append(values)
        bench.say(f"voices: {number + 1} of {len(bench.voices)}, {voice.name}")


def hearing(voice, content):
    """The encoder: phones and visemes of speech frames (as training/speech.py's report counts them), closures of the bilabial posterior
    at 0.5; "met": which p, b, m were heard to be shut."""
    phone_of, _ = speech.labels(voice.record, len(content) / layout.FPS)
    truth = phone_of[np.minimum(np.arange(len(content)) * speech.GRID // layout.FPS, len(phone_of) - 1)]
    spoken = truth != phones.PHONES.index("sil")
    shape_of = np.array([phones.VISEMES.index(phones.VISEME_OF[phone]) for phone in phones.PHONES])
    shut = speech.closed(content)
    return {
        "phone": ((content[spoken][:, layout.PHONES].argmax(1) == truth[spoken]).sum(), spoken.sum()),
        "viseme": ((layout.visemes(content)[spoken].argmax(1) == shape_of[truth[spoken]]).sum(), spoken.sum()),
        **closures.score(voice.units, shut, voice.seconds),
        "met": met(voice, shut),
    }


def met(voice, shut):
    shut = closures.cut(closures.union(shut), 0, voice.seconds)
    return [closures.meets(*span, shut, closures.TOLERANCE) for span in voice.units["bilabial"]]


def lips(head, voice, values, heard_shut):
    """closures.score of a performance, and which p, b, m it misses: those that were not heard, those that were."""
    found = mouth.events(mouth.curves(head, values))
    missed = [heard for heard, shut in zip(heard_shut, met(voice, found["closed"])) if not shut]
    return {
        **closures.score(voice.units, found["closed"], voice.seconds, found["labiodental"], found["rounded"]),
        "unheard": (len(missed) - sum(missed), len(heard_shut)),
        "unperformed": (sum(missed), len(heard_shut)),
    }


# ---- against the teacher's performance of the same labels


@cache
def places(head):
    """{"lips", "face", "upper": rows of posed[:, "all"]}, and those vertices; landmarks of the lips and of the brows."""
    inside = head.region("mouth_inside")
    lips_ = np.flatnonzero(head.region("lips"))
    part = lambda names: np.flatnonzero(np.any([head.region(name) for name in names], 0) & ~inside)[::EVERY]
    marks = lambda start: np.array([head.landmark(name) for name in head.landmark_names if str(name).startswith(start)])
    sets = {
        "lips": lips_,
        "face": part(FACE),
        "upper": part(UPPER),
        "brows": marks("brow_"),
        "lip landmarks": np.r_[marks("lip_"), head.lip_inner_upper[::2], head.lip_inner_lower[::2]],
    }
    every = np.unique(np.concatenate(list(sets.values())))
    return every, {name: np.searchsorted(every, rows) for name, rows in sets.items()}


def motion(bench):
    """Distances to the teacher's draws of the same labels (captured FLAME motion is not available), liveliness, beats. The column
    `teacher` compares other draws of the teacher with these: a model that does not know the draw cannot come nearer."""
    every, where = places(bench.head)
    neutral = bench.head.v_template[every] * 1000
    pose = lambda values: lbs.pose(bench.head, mouth.still(values), None, every) * 1000
    expert = sync_expert()
    for number, voice in enumerate(bench.voices):
        true = np.stack([pose(bench.teach(voice, FIRST_DRAW + k)) for k in range(DRAWS)])
        prosody = melody(bench.hear(voice).content)
        for model in (*bench.models, "teacher"):
            performances = bench.played[model, voice.name]
            samples = np.stack([pose(values) for values in performances])
            add = lambda figure, seed, hits, count=1.0: bench.tally.add("Motion", figure, model, voice.name, seed, hits, count)
            T = voice.frames
            for seed, (values, vertices) in enumerate(zip(performances, samples)):
                part = lambda name: (vertices[:, where[name]], draw[:, where[name]])
                totals = {"LVE": 0, "MVE": 0, "LMD": 0, "FDD": 0}
                for draw in true:  # noqa: B007 (part reads it)
                    totals["LVE"] += metrics.lip_errors(*part("lips")).sum() / DRAWS
                    totals["MVE"] += metrics.mean_errors(*part("face")).sum() / DRAWS
                    totals["LMD"] += metrics.mean_errors(*part("lip landmarks")).sum() / DRAWS
                    totals["FDD"] += metrics.dynamics_deviation(*part("upper"), neutral[where["upper"]]) / DRAWS
                for figure, total in totals.items():
                    add(figure, seed, total, 1 if figure == "FDD" else T)
                add("blinks", seed, len(metrics.blinks(values[:, LIDS].mean(1), FPS)), T / FPS)
                for figure, score in beats(prosody, voice.seconds, values, vertices[:, where["brows"]], seed).items():
                    add(figure, seed, score)
                if expert and T > FPS:
                    add("sync", seed, expert(bench.hear(voice).content30, values, bench.head))
            lip_samples, lip_true = samples[:, :, where["lips"]], true[:, :, where["lips"]]
            add("MEE", 0, np.mean([metrics.mean_estimate_errors(lip_samples, draw).sum() for draw in lip_true]), T)
            add("CE", 0, np.mean([metrics.coverage_errors(lip_samples, draw).sum() for draw in lip_true]), T)
            if len(samples) > 1:
                add("diversity lips", 0, metrics.diversity(lip_samples) * T, T)
                add("diversity upper face", 0, metrics.diversity(samples[:, :, where["upper"]]) * T, T)
            acted = actions.from_motion(bench.head, performances[0][::2])
            upper = [k for k, name in enumerate(bench.head.action_names) if str(name).startswith(UPPER_ACTIONS)]
            add("AU-std", 0, metrics.action_spread(acted))
            add("AU-std upper face", 0, metrics.action_spread(acted[:, upper]))
        bench.say(f"motion: {number + 1} of {len(bench.voices)}, {voice.name}")


def beats(prosody, seconds, values, brows, seed, rotations=20):
    """Beat consistency of head and brows (values [T, 65], brows [T, n, 3]) with the accents of a voice of so many seconds
    (prosody [Tc, 3]), and of the same movements at other times."""
    heard = metrics.accents(prosody[:, 0], prosody[:, 2], layout.FPS)
    rng, found = np.random.default_rng(seed), {}
    for name, motion_ in (("head", values[:, NECK]), ("brow", brows.reshape(len(brows), -1))):
        moved = metrics.movement_beats(motion_, FPS)
        found[f"{name} beats"] = metrics.beat_consistency(heard, moved)
        found[f"{name} beats by chance"] = np.mean(
            [metrics.beat_consistency(heard, (moved + shift) % seconds) for shift in rng.uniform(0, seconds, rotations)]
        )
    return found


def sync_expert():
    """confidence(content30, values, head) of the sync expert, or None where none was trained."""
    try:
        expert = sync.load_expert()
    except UtterError:
        return None
    return lambda *performance: sync.confidence(expert, *performance)


# ---- feelings asked for


def feelings(bench):
    """Every label, asked for by its point at full strength, on a few voices; the motion encoder of the same space tells what is felt."""
    space = bench.performer.models.feelings
    for voice in few(bench, 2):
        for model in (*bench.models, "teacher"):
            for seed, name in enumerate(LABELS):
                point = space.label(name)
                values = bench.teach(voice, seed, name) if model == "teacher" else bench.play(model, bench.hear(voice), seed, point)
                felt = space.motion(values)
                likely, _ = space.describe(felt)
                clip = f"{voice.name} {name}"
                bench.tally.add("Feelings asked for", "Emo-sim", model, clip, 0, metrics.cosine(felt, point))
                bench.tally.add("Feelings asked for", "felt as asked", model, clip, 0, max(likely, key=likely.get) == name)
        bench.say(f"feelings: {voice.name}")


# ---- the faces of feelings


def expressions(bench):
    """Every emotion at three strengths, and held back or let go, against its prototype (faces.py), and against itself."""
    for voice in few(bench, 3):
        for model in (*bench.models, "teacher"):
            act = lambda *asked: acted(bench, model, voice, *asked)
            neutral = act("neutral", CALM, 0.0)
            for name in faces.NAMES:
                done = {strength: act(name, strength, 0.0) for strength in poses.STRENGTHS}
                shown = {strength: (performed - neutral).mean(0) for strength, performed in done.items()}
                rises = [faces.rise(face, name) for face in shown.values()]
                back, loose = ((act(name, SHOWN, control) - neutral).mean(0) for control in (-1.0, 1.0))
                plain = shown[poses.STRENGTHS[1]]
                figures = {
                    f"cosine {name}": (faces.cosine(shown[1.0], name), 1),
                    f"rise {name}": (rises[-1], 1),
                    "rise": (rises[-1], 1),
                    "variation": (faces.variation(done[1.0], name), 1),
                    "nearest": (np.mean([faces.nearest(face) == name for face in shown.values()]), 1),
                    "lasting": faces.lasting(done[1.0], neutral, name),
                    "monotone": (bool(np.all(np.diff(rises) > 0)), 1),
                    "let go": (faces.rise(loose, name), faces.rise(plain, name)),
                }
                if name not in ("happy", "contemptuous"):  # which have no brows and lids of their own
                    upper = ~faces.MOUTH
                    figures["held back, upper"] = (faces.rise(back, name, upper), faces.rise(plain, name, upper))
                    figures["held back, mouth"] = (faces.rise(back, name, faces.MOUTH), faces.rise(plain, name, faces.MOUTH))
                bench.tally.add_all("Faces", model, f"{voice.name} {name}", 0, figures)
        bench.say(f"expressions: {voice.name}")


def acted(bench, model, voice, name, strength, control):
    """Face actions [T, 52] of that emotion at that strength and control (-1 to 1)."""
    if model == "teacher":
        heard = bench.hear(voice)
        performed = teacher.perform(
            voice.record["phones"], melody(heard.content), name, strength, 0, bench.head, T=voice.frames, control=control
        )
    else:
        point = bench.performer.models.feelings.label(name)[POINT]
        performed = bench.play(model, bench.hear(voice), 0, as_feeling(strength * point, strength * control))
    order = [list(bench.head.action_names).index(action) for action in ACTIONS]
    return actions.from_motion(bench.head, performed)[:, order].astype(float)


def few(bench, most):
    """So many voices of each language, those of middle length; for a quick look the shortest alone."""
    if bench.args.quick:
        return [min(bench.voices, key=lambda voice: voice.seconds)]
    chosen = []
    for language in material.LANGUAGES:
        own = sorted((voice for voice in bench.voices if voice.language == language), key=lambda voice: voice.seconds)
        middle = max(0, (len(own) - most) // 2)
        chosen += own[middle : middle + most]
    return chosen


# ---- ten seeds of one voice


def seeds(bench):
    """How similar the lips of several seeds are, and how different the rest, compared with the teacher's own draws."""
    _, where = places(bench.head)
    count = 2 if bench.args.quick else TEN
    brow_rows = np.array([bench.head.landmark(name) for name in bench.head.landmark_names if str(name).startswith("brow_")])

    def moved(values):
        """What is compared: brows in mm, head and gaze in degrees, each [T, n, k]."""
        return {
            "brows": lbs.pose(bench.head, mouth.still(values), None, brow_rows) * 1000,
            "head": np.degrees(values[:, None, NECK]),
            "gaze": np.degrees(values[:, None, EYES]),
        }

    def spread(performances):
        each = [moved(values) for values in performances]
        return {name: metrics.diversity([one[name] for one in each]) for name in each[0]}

    for voice in few(bench, 2):
        draws = [bench.teach(voice, FIRST_DRAW + k) for k in range(count)]
        own = spread(draws)
        for model in (*bench.models, "teacher"):
            ready = bench.played.get((model, voice.name), [])
            performances = (
                draws
                if model == "teacher"
                else [ready[seed] if seed < len(ready) else bench.play(model, bench.hear(voice), seed) for seed in range(count)]
            )
            gaps = [lbs.lip_gap(bench.head, values) for values in performances]
            bench.tally.add("Ten seeds", "lips", model, voice.name, 0, metrics.agreement(gaps))
            for name, distance in spread(performances).items():
                bench.tally.add("Ten seeds", name, model, voice.name, 0, distance, own[name])
        bench.say(f"seeds: {voice.name}")


# ---- real capture


def capture(bench):
    """Jaw opening against FACEGOOD's captured mouth, from audio alone. Column `loudness`: the voice's loudness in place of a jaw."""
    takes = [clip for clip in corpus.clips(bench.args.data) if clip.name.startswith("facegood_mocap/")]
    for take in takes[:1] if bench.args.quick else takes:
        with np.load(take.path.parent.parent / "bs" / f"{take.path.stem}.npz", allow_pickle=False) as kept:
            true = kept["weights"][:, list(kept["names"]).index(CAPTURED_JAW)].astype(float)
        samples = load_voice(take.path)
        if bench.args.quick:
            samples = samples[: 20 * material.RATE]
        content = bench.performer.models.encoder.encode(samples)
        T = frame_count(len(samples))
        heard = material.Heard(content, layout.resample(content, FPS, T), bench.performer.models.feelings.voice(samples, T))
        compare(bench, "loudness", take.name, 0, {"jaw": heard.content30[:, layout.NAMES.index("energy")]}, true)
        for model in bench.models:
            for seed in bench.seeds:
                values = bench.play(model, heard, seed)
                opened = {"jaw": values[:, JAW.start], "gap": lbs.lip_gap(bench.head, values)}
                compare(bench, model, take.name, seed, opened, true)
                bench.played.setdefault((model, take.name), []).append(values)
        bench.played["capture", take.name] = true
        bench.say(f"capture: {take.name}")


def compare(bench, model, clip, seed, curves, true):
    for name, curve in curves.items():
        r = metrics.lagged(curve, true)
        best = max(r, key=r.get)
        bench.tally.add_all("Capture", model, clip, seed, {name: (r[0], 1), f"{name}, best lag": (r[best], 1), f"{name} lag": (best, 1)})


SECTIONS = {"voices": voices, "motion": motion, "feelings": feelings, "expressions": expressions, "seeds": seeds, "capture": capture}
