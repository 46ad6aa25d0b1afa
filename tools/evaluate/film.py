"""Performances against film: what a face tracker saw of people who say the same, from their voices alone.

Lengths are those of a head whose outer eye corners are as far apart as the built-in one's: one scale per speaker. Columns beside the
models: `captured` is the film put on the head (what the fit loses), `teacher` performs the words at their known times (the learned
speaker's only), `loudness` is the voice's in place of every curve, and takes are people who say the same words (takes.py).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from contract import FPS, LIDS, NECK, PerformRequest, UtterError, say
from model_runtime.audio import load_voice
from model_runtime.capture import measures, neutral_of
from model_runtime.capture.track import TOUCH, in_face
from model_runtime.flame import lbs
from model_runtime.listener import frame_count
from model_runtime.speech import content as layout
from model_runtime.speech import words
from model_runtime.speech.content import resample
from model_runtime.speech.encoder import load_encoder
from model_runtime.speech.phones import PHONES, VOWELS
from model_runtime.speech.pronounce import pronounce
from model_runtime.training import corpus, films, teacher
from model_runtime.training import mouth as training_mouth
from tools.evaluate import life, metrics, mouth, table, takes, tracked
from tools.evaluate.measure import melody, shares

GRID = 100  # samples a second on which curves are compared
LAG = 12  # of them: how much earlier or later a curve may be
NEAR = 0.04  # seconds within which lips meet that meet on film
ALIKE = 0.15  # a spread so near to the film's is its own
OPEN = 3 * TOUCH  # lip gap on film from which lips that meet are wrong
LENGTHS = ("gap", "width", "jaw", "protrusion")
PLACES = ("lip_inner_upper_mid", "lip_inner_lower_mid", "lip_corner_left", "lip_corner_right", "lip_outer_upper_mid", "lip_outer_lower_mid")
BROWS = ("brow_inner_left", "brow_mid_left", "brow_inner_right", "brow_mid_right")


def on_head(head, values):
    """LENGTHS of Motion values [T, 65] in mm beyond the neutral head, and {"shut": lip_gap, "head": degrees a second, "brows": their
    mean height in mm, "lids": 0 to 1}, each [T]."""
    rest = np.zeros((1, values.shape[1]), np.float32)
    posed = 1000 * lbs.pose(head, np.concatenate([rest, mouth.still(values)]), None, places(head))
    lengths = {
        "gap": np.linalg.norm(posed[:, 0] - posed[:, 1], axis=1),
        "width": np.linalg.norm(posed[:, 2] - posed[:, 3], axis=1),
        "jaw": -posed[:, 6, 1],
        "protrusion": posed[:, 4:6, 2].mean(1),
    }
    found = {name: (curve - curve[0])[1:] for name, curve in lengths.items()}
    brows = posed[:, 7:, 1].mean(1)
    found |= {"shut": lbs.lip_gap(head, values), "brows": (brows - brows[0])[1:], "lids": values[:, LIDS].mean(1)}
    turns = np.degrees(values[:, NECK]).astype(float)
    return found | {"head": np.linalg.norm(np.gradient(turns, 1 / FPS, axis=0), axis=1) if len(turns) > 1 else np.zeros(len(turns))}


@cache
def places(head):
    return [head.landmark(name) for name in (*PLACES, "chin", *BROWS)]


def on_film(head, film, neutral):
    """(times, LENGTHS of a Film in mm of the head beyond the speaker's Neutral)."""
    eyes = 1000 * np.linalg.norm(head.v_template[head.landmark("eye_outer_left")] - head.v_template[head.landmark("eye_outer_right")])
    found = measures(in_face(film.track, neutral.points))
    rest = measures(neutral.points[None]) | {"gap": np.full(1, neutral.shut)}
    return film.track.times[film.track.seen], {name: eyes * (found[name] - rest[name]) for name in LENGTHS}


# ---- one clip


def together(curve, times, true):
    """A curve [T] at 30 fps and the film's at times, both on GRID."""
    grid = np.arange(times[0], min(times[-1], (len(curve) - 1) / FPS), 1 / GRID)
    return np.interp(grid, np.arange(len(curve)) / FPS, curve), np.interp(grid, times, true)


def against(curve, times, true):
    """(r at the best lag, that lag in seconds, + is a curve that is early, mean error, spread over the film's) of a curve [T] at 30 fps
    with the film's at times. Errors are of the curves about their means, without a lag."""
    ours, theirs = together(curve, times, true)
    if min(ours.std(), theirs.std()) < 1e-6:
        return 0.0, 0.0, float(np.abs(theirs - theirs.mean()).mean()), 0.0
    r = metrics.lagged(ours, theirs, range(-LAG, LAG + 1))
    best = max(r, key=r.get)
    error = np.abs(ours - ours.mean() - theirs + theirs.mean()).mean()
    return r[best], best / GRID, float(error), float(ours.std() / theirs.std())


def scaled(pairs):
    """[(mean error, spread over the film's), ...] of a speaker's clips after one scale of all of them, that which makes the spread over
    all of them the film's; pairs: [(ours, theirs), ...] of together(). Errors are of the curves about their means."""
    ours, theirs = ([curve - curve.mean() for curve in side] for side in zip(*pairs))
    power = lambda curves: sum((curve**2).sum() for curve in curves)
    scale = np.sqrt(power(theirs) / max(power(ours), 1e-12))
    return [(np.abs(scale * a - b).mean(), scale * a.std() / max(b.std(), 1e-6)) for a, b in zip(ours, theirs)]


def closures(shut, times, gap):
    """((film's contacts that meet ours within NEAR, all), (frames of the film with lips well open in which ours are shut, all))."""
    near = np.flatnonzero(np.diff(np.r_[0, gap < TOUCH, 0]))
    at = lambda first, last: shut[max(0, int((first - NEAR) * FPS)) : int((last + NEAR) * FPS) + 2]
    met = [bool((at(times[a], times[b - 1]) < mouth.SHUT).any()) for a, b in zip(near[::2], near[1::2])]
    wide = np.interp(times[gap > OPEN], np.arange(len(shut)) / FPS, shut)
    return (sum(met), len(met)), (int((wide < mouth.SHUT).sum()), len(wide))


def known_phones(film, content):
    """[[start, end, phone], ...] of a Film's words at their known times; within each, as the encoder hears them."""
    out = []
    for start, end, word in film.words:
        if word in ("sil", "sp"):
            out.append([start, end, "sil"])
            continue
        part = content[int(start * layout.FPS) : max(int(end * layout.FPS), int(start * layout.FPS) + 3)]
        found = words.align(part, [word])
        sounds = [sound.phone for _, _, sound, _ in found.phones] if found else []
        spoken = [sound.phone for sound in (pronounce([word])[0] or [[]])[0]]
        if found and len(sounds) >= len(spoken):
            inner = [start + (before[1] + after[0]) / 2 for before, after in zip(found.phones, found.phones[1:])]
        else:  # a word that is heard badly: vowels are twice as long
            sounds, share = spoken, np.cumsum([2.0 if phone in VOWELS else 1.0 for phone in spoken])
            inner = list(start + (end - start) * share[:-1] / share[-1])
        edges = [start, *np.clip(inner, start, end), end]
        out += [[a, b, phone] for a, b, phone in zip(edges, edges[1:], sounds) if b > a]
    assert all(phone in PHONES for _, _, phone in out)
    return out


# ---- all of them


@dataclass(frozen=True)
class Clip:
    """A Film and what is compared with it: times [n] s and true {name: [n]}, LENGTHS in mm; gap [n] as it was tracked; the film put on the
    head, with its curves on_head(), its Life and how long the fit took."""

    film: object
    samples: np.ndarray
    content: np.ndarray
    times: np.ndarray
    true: dict
    gap: np.ndarray
    motion: object
    captured: dict
    life: life.Life
    seconds: float

    @property
    def frames(self):
        return len(self.motion.values)


def prepare(film, neutral, performer):
    """Clip of a Film."""
    head, samples = performer.models.builtin, load_voice(film.sound)
    content = performer.models.encoder.encode(samples)
    motion, seconds = tracked.timed(film.track, neutral, head, frame_count(len(samples)))
    captured = on_head(head, motion.values)
    lives = life.life(head, motion.values, captured, melody(content))
    gap = measures(in_face(film.track, neutral.points))["gap"]
    return Clip(film, samples, content, *on_film(head, film, neutral), gap, motion, captured, lives, seconds)


class Speaker:
    """A speaker's clips: what is counted of each goes into the tally, and at last what takes all of them."""

    def __init__(self, name, tally, head):
        self.name, self.tally, self.head = name, tally, head
        self.pairs, self.lives = {}, {}

    def add(self, clip, model, seed, curves):
        """Curves {name: [T]} at 30 fps, some or all of on_head()'s."""
        counted = {}
        for name in LENGTHS:
            r, lag, error, spread = against(curves[name], clip.times, clip.true[name])
            counted |= {f"r {name}": (r, 1)}
            if model != "loudness":
                counted |= {f"error {name}": (error, 1), f"spread {name}": [spread]}
                entry = clip.film.name, together(curves[name], clip.times, clip.true[name])
                self.pairs.setdefault((model, seed, name), []).append(entry)
            if name == "gap":
                counted["lag"] = [lag]
        if "shut" in curves:
            counted["closures"], counted["false closures"] = closures(curves["shut"], clip.times, clip.gap)
        self.count(model, clip.film.name, seed, counted)

    def count(self, model, clip, seed, counted):
        for section in ("Film", f"Speaker, {self.name}"):
            self.tally.add_all(section, model, clip, seed, counted)

    def lived(self, clip, model, seed, ours):
        """A Life of that clip."""
        self.lives.setdefault((model, seed), []).append(ours)
        self.tally.add_all("Life on film", model, clip.film.name, seed, life.figures(self.head, ours, clip.life))

    def compare(self, clip, model, seed, values):
        curves = on_head(self.head, values)
        self.add(clip, model, seed, curves)
        self.lived(clip, model, seed, life.life(self.head, values, curves, melody(clip.content), seed))

    def finish(self):
        """What is told of all clips together: after one scale, and of the times between blinks."""
        for (model, seed, name), entries in self.pairs.items():
            for (clip, _), (error, spread) in zip(entries, scaled([pair for _, pair in entries])):
                alike = (abs(spread - 1) <= ALIKE, 1)
                self.count(model, clip, seed, {f"scaled {name}": (error, 1), f"evened {name}": [spread], f"alike {name}": alike})
        for (model, seed), lives in self.lives.items():
            apart = life.apart_blinks(lives, self.lives["captured", 0])
            if apart is not None:
                self.tally.add("Life on film", "apart blinks", model, self.name, seed, apart)


def find(args):
    """(all Films of --data, those of the split)."""
    whole = films.films(f"{args.data}/grid_film")
    chosen = [film for film in whole if film.split == args.split]
    if not chosen:
        raise UtterError(f"There are no films of the split {args.split} in {args.data}; name their folder with --data.")
    return whole, chosen


def measure(args, performer, models, tally, report):
    """Every film of the split into the tally; returns how many, and their seconds."""
    head = performer.models.builtin
    whole, chosen = find(args)
    names = dict.fromkeys(film.speaker for film in chosen)
    neutrals = {name: neutral_of([film.track for film in whole if film.speaker == name]) for name in names}
    again = {name: everything_said(performer, [film for film in whole if film.speaker == name], neutrals[name]) for name in names}
    for section in ("Film", *(f"Speaker, {name}" for name in names)):
        tally.counts.setdefault(section, {})  # the order in which they are told
    count, seconds, shipped = 0, 0, performer.models.encoder
    for name in names:
        speaker = Speaker(name, tally, head)
        performer.models.encoder = strangers(args, name, shipped)
        for film in corpus.spread([film for film in chosen if film.speaker == name], args.clips):
            count, seconds = count + 1, seconds + film.seconds
            clip = prepare(film, neutrals[name], performer)
            speaker.compare(clip, "captured", 0, clip.motion.values)
            figures = tracked.figures(head, film.track, neutrals[name], clip.motion.values, clip.seconds)
            tally.add_all("Capture of films", "captured", film.name, 0, figures)
            loud = resample(clip.content, FPS, clip.frames)[:, layout.NAMES.index("energy")]
            speaker.add(clip, "loudness", 0, dict.fromkeys(LENGTHS, loud))
            here = next((take for take in again[name] if take.name == film.name), None)
            for column, curves in takes.columns(here, name, again, clip.frames).items() if here else ():
                speaker.add(clip, column, 0, curves)
            perform(args, performer, models, speaker, clip)
            report(f"film: {film.name}")
        speaker.finish()
    return count, seconds


def strangers(args, speaker, shipped):
    """The encoder whose mouth curves never learned from that speaker (training/mouth.py), where there is one; else the shipped one."""
    if speaker not in films.HELD_OUT:
        return shipped
    path = training_mouth.stranger(args.cache, speaker)
    if path.is_file():
        return load_encoder(path=path)
    say(f"The mouth curves have learned from {speaker}: `python build.py train mouth` makes some that have not, in {args.cache}.")
    return shipped


def everything_said(performer, found, neutral):
    """[Take] of a speaker's Films whose words are found."""
    out = []
    for film in found:
        spoken = takes.spoken(film, lambda film=film: performer.models.encoder.encode(load_voice(film.sound)))
        if spoken:
            out.append(takes.Take(film.name, spoken, *on_film(performer.models.builtin, film, neutral)))
    return out


def perform(args, performer, models, speaker, clip):
    """Every model's performances of a clip's voice, with the prompts too, and the teacher's of its words."""
    lives = {}
    for seed in range(args.seeds):
        for name, generator in models.items():
            performer.models.generator = generator
            play = lambda prompt=None, seed=seed: (
                performer.perform(PerformRequest(voice=str(clip.film.sound), quality=args.quality, seed=seed, prompt=prompt)).values
            )
            speaker.compare(clip, name, seed, play())
            lives.setdefault(name, []).append(speaker.lives[name, seed][-1])
            for prompt in args.prompts:
                speaker.add(clip, f"{name}, {prompt}", seed, on_head(speaker.head, play(prompt)))
        if clip.film.words:
            share, strength = shares(performer.models.feelings, performer.models.feelings.voice(clip.samples, clip.frames))
            phones = known_phones(clip.film, clip.content)
            curves = resample(clip.content, FPS, clip.frames)[:, layout.MOUTH]
            values = teacher.perform(phones, melody(clip.content), share, strength, seed, speaker.head, T=clip.frames, curves=curves)
            speaker.compare(clip, "teacher", seed, values)
    for name, own in lives.items() if args.seeds > 1 else ():
        speaker.tally.add_all("Life on film", name, clip.film.name, 0, life.within(own, clip.life))


def run(args, performer, models, report):
    """The table, printed; returns what is kept of it."""
    tally = table.Tally()
    count, seconds = measure(args, performer, models, tally, report)
    rows = table.figures(tally)
    print(
        f"Films of the {args.split} split, {count} clips, {seconds / 60:.1f} min; nothing given but the voice, {args.quality}, "
        f"means of {args.seeds} seeds [95 % interval over clips].",
        "Takes are put together word by word of other clips, their time stretched to the words': one, or the mean of several.",
        *table.lines(rows),
        "",
        sep="\n",
    )
    return {"clips": count, "prompts": args.prompts, "figures": rows, "counts": tally.counts}
