"""Phones in time -> what the mouth does: targets are blended by dominance, closures kept, and the jaw follows the voice.

The times, CARRIED and the dominances (phones.py) were fitted by tools.fit_teacher, stepped up and down to the greatest sum of what they
explain of two speakers: GRID's s1 (../shared/data/grid_film; 80 training sentences at their known words; lip gap, width, jaw,
protrusion) and FACEGOOD's woman (../shared/data/facegood_mocap; phones as our encoder hears them in her Mandarin; jaw and lips of her
rig), then rounded. Both want lips that come in half the time in which they go. They differ in the jaw: his comes up to 0.5 s early and
hardly follows loudness (its power 0.3), hers 0.1 s early with a power of 1.2; the times lie between, the power is the performer's
(styles.py). Near these values the figures are flat: other times tried around them change no r by more than 0.03.

Teacher with known words against film (mean r at the best lag within 0.12 s, mean error in mm; before the fit, then after), s1 on 53
sentences left out; s26 (11 clips) and s31 (10), whose films chose no target and no time; s26 and s31 at the words that their clips' names
give:

            lip gap                 width                   jaw                     protrusion
    s1      .73 3.1, .81 2.4        .47 2.1, .55 1.3        .71 2.2, .80 1.7        .43 1.2, .62 .75
    s26     .44 5.2, .57 4.2        .52 2.3, .55 1.7        .75 2.3, .74 1.9        .46 1.4, .63 .89
    s31     .71 3.8, .79 3.1        .45 3.5, .50 2.6        .61 2.9, .61 2.3        .48 1.6, .67 .95

FACEGOOD's five takes, r within 0.1 s: jaw .81 before, .79 after; funnel and pucker .62 before, .59 after. Loudness alone predicts her
jaw with .77.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from contract import FPS
from model_runtime.speech.phones import BILABIALS, GLIDES, VOWELS
from model_runtime.training.teacher.phones import GROUPS, LABIODENTAL, PHONES, TRACK, TRACKS, name, stress

ONSET, DECAY = 0.09, 0.18  # seconds: lips come in half the time in which they go
HEAVY = 0.18  # the same of lip-heavy phones, on both sides
JAW_ONSET, JAW_DECAY = 0.20, 0.12  # a jaw comes slowly and goes with the phone
LIGHT = 0.05  # dominance left at the ends of onset and decay
HELD = 0.15, 0.9  # of the phone: where its lips are what they are ...
JAW_HELD = 0.15, 0.45  # ... and its jaw
LATE = 0.5  # frames: the jaw is that much later than the sound
CARRIED = 0.08  # how far speech holds the jaw open in every phone
PAUSE = 0.25  # a longer silence shuts the mouth
USUAL = 0.85  # loudness of a vowel, at which the jaw opens as its targets say
MIN_SHUT = 0.067  # the shortest closure that always covers two frames at 30 fps
MEET = 0.004  # seconds: lips count as shut (lip gap 0.03) that long before the ramp ends
MIN_BITE = 0.036  # the shortest f or v that always covers one frame
BITE, BITE_RAMP = (0.2, 0.75), 0.05  # of an f or v: where the lip is on the teeth; seconds in which it comes and goes
CHUNK = 600  # frames computed at once: memory stays bounded


def mouth(phones, energy, T, style, rng, jaw_gain=1.0, consonant_gain=1.0):
    """-> tracks [T, 13] (phones.TRACKS), closure [T], rest [T], breath [T], labiodental [T], aperture [T].

    closure: 1 in every p, b, m. rest: 1 in long silences; breath: 1 where one of them
    ends in an intake. aperture: the least lip gap asked for where nothing shuts.
    jaw_gain and consonant_gain [T] or scalar: the influence of the feeling.
    """
    starts, ends, targets, dominance, heavy, floor = segments(phones, loudness(phones, energy, rng), style, T)
    t = np.arange(T) / FPS
    tracks, aperture = np.zeros((T, len(TRACKS))), np.zeros(T)
    for first in range(0, T, CHUNK):
        now = t[first : first + CHUNK]
        near = (ends > now[0] - 1) & (starts < now[-1] + 1)
        s, e, w, goal = starts[near], ends[near], dominance[near], targets[near]
        shares, quick = blend(now, s, e, w, heavy[near])
        for share, columns in zip(shares, GROUPS.values()):
            tracks[first : first + CHUNK, columns] = share @ goal[:, columns]
        aperture[first : first + CHUNK] = quick @ floor[near] / (quick.sum(1) + 1e-9)
    tracks = gaussian_filter1d(tracks, 0.55, axis=0, mode="nearest")
    tracks[:, GROUPS["jaw"]] *= (following(energy, style.follows) * jaw_gain)[:, None]
    tracks[:, GROUPS["roll"]] *= np.reshape(consonant_gain, (-1, 1))
    return tracks, closure(phones, t), *rest(phones, t, style, rng), labiodental(phones, t), aperture


def blend(now, starts, ends, dominance, heavy):
    """Shares [T, N] of each of N targets in what the mouth does at times now [T], for each of GROUPS; and the lips' dominance [T, N].

    starts, ends, heavy [N]; dominance [N, 5]."""
    length, now = ends - starts, now[:, None]

    def dominant(held, onset, decay, now):
        first, last = starts + held[0] * length, starts + held[1] * length
        return fade(np.maximum(first - now, 0), onset) * fade(np.maximum(now - last, 0), decay)

    quick = dominant(HELD, ONSET, DECAY, now)
    slow = np.where(heavy, dominant(HELD, HEAVY, HEAVY, now), quick)
    late = dominant(JAW_HELD, JAW_ONSET, JAW_DECAY, now - LATE / FPS)
    weights = [{"jaw": late, "round": slow}.get(group, quick) * dominance[:, g] + 1e-9 for g, group in enumerate(GROUPS)]
    return [weight / weight.sum(1, keepdims=True) for weight in weights], quick


def following(energy, power):
    """Gain of the jaw [T] that follows that power of loudness (0 to 1), half a frame later; 1 at the loudness USUAL."""
    frames = np.arange(len(energy))
    late = np.interp(frames - LATE, frames, gaussian_filter1d(energy, 0.6, mode="nearest"))
    return (np.maximum(late, 0) / USUAL) ** power


def fade(tau, reach):
    """Cohen and Massaro (1993)'s exp(-theta |tau|^c) with c = 1 and theta such that LIGHT is left at reach."""
    return np.exp(np.log(LIGHT) / reach * tau)


def loudness(phones, energy, rng):
    """How far each phone opens the jaw, as a share of its own loudest opening: [P].

    JALI section 4.1: 0.1-0.2 for vowels softer than mean - 1 SD, 0.3-0.6 near the mean, 0.7-0.9 above mean + 1 SD; half of that
    spread is made here, the rest by following(). Loudness is the clip's own, nudged by the label's stress and the vowel's length.
    """
    vowel = np.array([name(label) in VOWELS for *_, label in phones], bool)
    share = np.full(len(phones), 0.6)
    if not vowel.any():
        return share
    centre = np.array([(start + end) / 2 for start, end, _ in phones])[vowel]
    length = np.array([end - start for start, end, _ in phones])[vowel]
    accent = np.array([stress(label) for *_, label in phones], float)[vowel]
    level = gaussian_filter1d(energy, 0.7)[np.clip(np.rint(centre * FPS).astype(int), 0, len(energy) - 1)]
    z = (level - level.mean()) / max(level.std(), 0.03)
    z = 0.75 * z + 0.7 * (accent - 0.5) + 0.3 * np.log(np.maximum(length, 0.02) / 0.09) + 0.1 * rng.standard_normal(len(z))
    share[vowel] = np.interp(z, [-2.5, -1, 0, 1, 2.5], [0.24, 0.34, 0.47, 0.62, 0.8])
    return share


def parts(phones, share, T):
    """Phones, diphthongs cut in two, with silence around: [(start, end, phone, opening), ...]."""
    rows = []
    for (start, end, label), opening in zip(phones, share):
        phone = name(label)
        if phone in GLIDES:
            middle = start + 0.55 * (end - start)
            rows += [(start, middle, GLIDES[phone][0], opening), (middle, end, GLIDES[phone][1], opening)]
        else:
            rows.append((start, end, phone, opening))
    first, last = (rows[0][0], rows[-1][1]) if rows else (0.0, 0.0)
    return [(-5.0, first, "sil", 0.0), *rows, (last, T / FPS + 5, "sil", 0.0)]


def strengths(names, starts, ends):
    """Dominances [N, 5] of those phones: in a short gap the mouth stays where it was."""
    dominance = np.array([PHONES[n].dominance for n in names])
    dominance[np.array([n == "sil" for n in names]) & (ends - starts < PAUSE)] *= 0.15
    return dominance


def segments(phones, share, style, T):
    """parts() as arrays: starts, ends, targets [N,13], dominance [N,5], heavy, floor."""
    rows = parts(phones, share, T)
    starts, ends, opening = (np.array([row[k] for row in rows]) for k in (0, 1, 3))
    names = [row[2] for row in rows]
    targets = np.array([PHONES[n].target for n in names]) * gains(names, opening)
    jaw, lips = style.articulation * style.jaw, style.articulation * style.lips
    targets[:, TRACK["jawOpen"]] = jaw * (targets[:, TRACK["jawOpen"]] + CARRIED * np.array([n != "sil" for n in names]))
    targets[:, BARED] *= style.articulation * style.teeth
    targets[:, [TRACK["mouthSmile"], TRACK["mouthStretch"]]] *= lips * style.spread
    targets[:, TRACK["mouthFunnel"]] *= lips * (1 - 0.15 * style.rounding)
    targets[:, TRACK["mouthPucker"]] *= lips * (1 + 0.15 * style.rounding)
    heavy = np.array([PHONES[n].heavy for n in names])
    floor = np.array([PHONES[n].aperture for n in names])
    return starts, ends, targets, strengths(names, starts, ends), heavy, floor


BARED = [TRACK["mouthLowerDown"], TRACK["mouthUpperUp"]]


def gains(names, opening):
    """Of the targets of those phones, [N, 13]: of a vowel's jaw and of what bares its teeth, by its opening [N]."""
    out, vowel = np.ones((len(names), len(TRACKS))), np.array([PHONES[n].vowel for n in names])
    out[vowel, TRACK["jawOpen"]] = opening[vowel]
    out[np.ix_(vowel, BARED)] = (0.55 + 0.25 * opening[vowel])[:, None]
    return out


def bilabials(phones):
    """[[start, end], ...] of the lips' closures: p, b, m in a row make one; stops part the lips at their burst."""
    shut = []
    for start, end, label in phones:
        if name(label) not in BILABIALS:
            continue
        if name(label) != "M":
            end = end - 0.15 * (end - start)
        if shut and start - shut[-1][1] < 0.06:
            shut[-1][1] = end
        else:
            shut.append([start, end])
    return shut


def closure(phones, t):
    """1 while p, b or m hold the lips shut, with ramps of at most 100 ms (beside a shorter phone 0.7 of it, beside f and v 20 ms)."""
    out = np.zeros(len(t))
    shut = bilabials(phones)
    sounds = [
        (start, end, 0.02 if name(label) in LABIODENTAL else max(0.7 * (end - start), 0.045))
        for start, end, label in phones
        if name(label) not in BILABIALS
    ]
    for start, end in shut:
        closing = min([ramp for s, e, ramp in sounds if abs(e - start) < 0.02] + [0.10])
        opening = min([ramp for s, e, ramp in sounds if abs(s - end) < 0.05] + [0.10])
        lack = max(0.0, MIN_SHUT - (end - start)) / 2
        start, end = start - lack + MEET, end + lack
        window(out, t, start, end, closing, opening, soft=False)
    return out


def rest(phones, t, style, rng):
    """(rest, breath): 1 in silences longer than PAUSE, where the lips come together; 1 where they part for the next breath.

    On film (s1, 53 clips) lips are parted from 0.23 s before a sentence (median; quarter to three quarters: 0.10 to 0.41 s)."""
    out, breathing = np.zeros(len(t)), np.zeros(len(t))
    sounds = [(start, end) for start, end, label in phones if name(label) != "sil"]
    if not sounds:
        return np.ones(len(t)), breathing
    spans = [(-9.0, sounds[0][0])] + [(a[1], b[0]) for a, b in zip(sounds, sounds[1:])] + [(sounds[-1][1], t[-1] + 9)]
    for start, end in spans:
        if end - start <= PAUSE:
            continue
        inhale, quiet = rng.uniform() < style.breath, end - max(start, 0)
        breath = min(rng.uniform(0.2, 0.65), 0.6 * quiet) if inhale and quiet > 0.6 else rng.uniform(0.06, 0.16)
        last = end > t[-1]
        window(out, t, start + rng.uniform(0.02, 0.12), end + 9 if last else end - breath, 0.1, 0.1)
        if breath > 0.15 and not last:
            window(breathing, t, end - 0.7 * breath, end - 0.3 * breath, 0.3 * breath, 0.3 * breath)
    return out, breathing


def labiodental(phones, t):
    """1 while the lower lip is on the upper teeth for f or v, over the middle of the sound: for one frame at least, which it does not take
    from p, b, m. Lips on film touch the teeth for two to three frames of an f or v, ramps and all."""
    out = np.zeros(len(t))
    names = [name(label) for *_, label in phones]
    for (start, end, _), before, here in zip(phones, ["sil", *names], names):
        if here in LABIODENTAL:
            start, end = start + BITE[0] * (end - start), start + BITE[1] * (end - start)
            lack = max(0.0, MIN_BITE - (end - start))
            first = start - (0 if before in BILABIALS else lack / 2)
            window(out, t, first, max(end, first + MIN_BITE), BITE_RAMP, BITE_RAMP)
    return out


def window(out, t, start, end, rise, fall, soft=True):
    """Raise out to 1 between start and end, with cosine ramps before and after: whole ones, or, if not soft, halves that reach 1 at
    full speed, as lips do (Lofqvist and Gracco 1997: their speed is near its peak when they touch)."""
    if end <= start:
        return
    i, j = np.searchsorted(t, [start - rise, end + fall])
    ramp = np.clip(np.minimum((t[i:j] - start) / rise, (end - t[i:j]) / fall) + 1, 0, 1)
    np.maximum(out[i:j], 0.5 - 0.5 * np.cos(np.pi * ramp) if soft else 1 - np.cos(np.pi / 2 * ramp), out=out[i:j])
