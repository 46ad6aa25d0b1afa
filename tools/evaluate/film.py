"""Performances against film: what a face tracker saw of people who say the same, from their voices alone.

Lengths are those of a head whose outer eye corners are as far apart as the built-in one's: one scale per speaker. Columns beside the
models: `captured` is the film put on the head (what the fit loses), `teacher` performs the words at their known times (the learned
speaker's only), `loudness` is the voice's in place of every curve.
"""

from functools import cache

import numpy as np
from scipy.stats import wasserstein_distance

from contract import FPS, LIDS, NECK, PerformRequest, UtterError, say
from model_runtime.audio import load_voice
from model_runtime.capture import fit, measures, neutral_of
from model_runtime.capture.track import TOUCH, in_face
from model_runtime.flame import lbs
from model_runtime.pipeline import frame_count
from model_runtime.speech import content as layout
from model_runtime.speech import words
from model_runtime.speech.content import resample
from model_runtime.speech.encoder import load_encoder
from model_runtime.speech.phones import PHONES, VOWELS
from model_runtime.speech.pronounce import pronounce
from model_runtime.training import corpus, films, teacher
from model_runtime.training import mouth as training_mouth
from tools.evaluate import metrics, mouth, table
from tools.evaluate.measure import melody, shares

GRID = 100  # samples a second on which curves are compared
LAG = 12  # of them: how much earlier or later a curve may be
NEAR = 0.04  # seconds within which lips meet that meet on film
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


def against(curve, times, true):
    """(r at the best lag, that lag in seconds, + is a curve that is early, mean error, spread over the film's) of a curve [T] at 30 fps
    with the film's at times. Errors are of the curves about their means, without a lag."""
    grid = np.arange(times[0], min(times[-1], (len(curve) - 1) / FPS), 1 / GRID)
    ours, theirs = np.interp(grid, np.arange(len(curve)) / FPS, curve), np.interp(grid, times, true)
    if min(ours.std(), theirs.std()) < 1e-6:
        return 0.0, 0.0, float(np.abs(theirs - theirs.mean()).mean()), 0.0
    r = metrics.lagged(ours, theirs, range(-LAG, LAG + 1))
    best = max(r, key=r.get)
    error = np.abs(ours - ours.mean() - theirs + theirs.mean()).mean()
    return r[best], best / GRID, float(error), float(ours.std() / theirs.std())


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


def measure(args, performer, models, tally, report):
    """Every film of the split into the tally; returns how many, and their seconds."""
    head = performer.builtin
    whole = films.films(f"{args.data}/grid_film")
    found = [film for film in whole if film.split == args.split]
    if not found:
        raise UtterError(f"There are no films of the split {args.split} in {args.data}; name their folder with --data.")
    by_speaker = {}
    for film in found:
        by_speaker.setdefault(film.speaker, []).append(film)
    count, seconds, shipped = 0, 0, performer.encoder
    for speaker, clips in by_speaker.items():
        neutral = neutral_of([film.track for film in whole if film.speaker == speaker])
        performer.encoder = strangers(args, speaker, shipped)
        for film in corpus.spread(clips, args.clips):
            count, seconds = count + 1, seconds + film.seconds
            add = lambda model, seed, figures, film=film: [
                tally.add_all(section, model, film.name, seed, figures) for section in ("Film", f"Film, {film.speaker}")
            ]
            samples = load_voice(film.sound)
            T = frame_count(len(samples))
            content = performer.encoder.encode(samples)
            times, true = on_film(head, film, neutral)
            gap = measures(in_face(film.track, neutral.points))["gap"]
            motion = fit(film.track, neutral, head, T)
            captured = on_head(head, motion.values)

            def compare(model, seed, values, captured=captured, times=times, true=true, gap=gap, add=add):
                ours = on_head(head, values)
                add(model, seed, figures(ours, captured, times, true, gap))

            loud = resample(content, FPS, T)[:, layout.NAMES.index("energy")]
            add("loudness", 0, {f"r {name}": (against(loud, times, true[name])[0], 1) for name in LENGTHS})
            compare("captured", 0, motion.values)
            feeling = performer.feelings.voice(samples, T)
            for seed in range(args.seeds):
                for name, generator in models.items():
                    performer.generator = generator
                    request = PerformRequest(voice=str(film.sound), quality=args.quality, seed=seed)
                    compare(name, seed, performer.perform(request).values)
                if film.words:
                    share, strength = shares(performer.feelings, feeling)
                    phones, curves = known_phones(film, content), resample(content, FPS, T)[:, layout.MOUTH]
                    values = teacher.perform(phones, melody(content), share, strength, seed, head, T=T, curves=curves)
                    compare("teacher", seed, values)
            report(f"film: {film.name}")
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


def figures(ours, film, times, true, gap):
    """What is counted of a clip: on_head() of a performance and of the captured film; the film's own lengths and lip gap at times."""
    counted = {}
    for name in LENGTHS:
        r, lag, error, spread = against(ours[name], times, true[name])
        counted |= {f"r {name}": (r, 1), f"error {name}": (error, 1), f"spread {name}": [spread]}
        if name == "gap":
            counted["lag"] = [lag]
    counted["closures"], counted["false closures"] = closures(ours["shut"], times, gap)
    seconds = len(ours["lids"]) / FPS
    counted["blinks"] = (len(metrics.blinks(ours["lids"], FPS)), seconds)
    counted |= {"head": (ours["head"].mean(), 1), "brows": (ours["brows"].std(), 1)}
    for name in ("lids", "head", "brows"):
        there, here = (curve - (np.median(curve) if name == "brows" else 0) for curve in (film[name], ours[name]))
        counted[f"apart {name}"] = (wasserstein_distance(there, here), 1)
    return counted


def run(args, performer, models, report):
    """The table, printed; returns what is kept of it."""
    tally = table.Tally()
    count, seconds = measure(args, performer, models, tally, report)
    rows = table.figures(tally)
    print(
        f"Films of the {args.split} split, {count} clips, {seconds / 60:.1f} min; nothing given but the voice, {args.quality}, "
        f"means of {args.seeds} seeds [95 % interval over clips].",
        *table.lines(rows),
        "",
        sep="\n",
    )
    return {"clips": count, "figures": rows, "counts": tally.counts}
