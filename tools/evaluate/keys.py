"""What one key, or a few, of an artist do to a performance: whether it becomes a gesture, and leaves alone what it has nothing to do with.

Every figure compares a performance with keys with the same one without (the same voice, seed and quality).

A key lies on one channel of Motion (2 standard deviations off the performance) or is a whole face action (1 more of it, in the channels
that it moves); near a closure of the lips (two frames before one) or far from all.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from contract import CHANNEL_NAMES, CHANNELS, FPS, JAW, LIDS, NECK
from model_runtime.diffusion import sample, sampler
from model_runtime.diffusion.pins import HeldPins
from model_runtime.flame import lbs
from model_runtime.held import generate_on_other_head
from model_runtime.motion import Pins
from model_runtime.speech.content import NAMES
from tools.evaluate import material

MOST = 40  # keys tried on each voice
EVERY = 24  # of the head's vertices one in so many is measured
AROUND = int(0.3 * FPS)  # frames around a key in which speed and acceleration are measured
FAR, APART = int(1.5 * FPS), int(0.5 * FPS)  # frames from a key: beyond them nothing moves; no contact of the lips changes
RATES = 0.3, 1, 4  # keys a second that an artist sets
SHUT, OPEN = 0.03, 0.06  # of the gap: lips in contact; surely not
BILABIAL = NAMES.index("bilabial")
ACTIONS_HELD = ("browInnerUp", "browDownLeft", "mouthSmileLeft", "mouthFrownLeft", "jawLeft")  # of which two keys are set, or one
ROWS = {  # figure: (label, target)
    "speed": ("speed within .3 s, of the 99th percentile without", "<= 1.5"),
    "acceleration": ("acceleration there", "<= 1.5"),
    "furthest": ("furthest that anything goes, of the key", "<= 1.5"),
    "far, mm": ("movement beyond 1.5 s, mm", "< 0.3"),
    "contacts": ("contacts of the lips changed beyond .5 s", "0"),
    "missed": ("keys missed by", "0"),
}


@dataclass
class Played:
    """A voice as it is performed without keys. render(pins) -> values [T, 65] with them."""

    render: object
    free: np.ndarray  # [T, 65]
    content: np.ndarray  # [T, 59]
    head: object  # on which values move

    def points(self, values):
        """[T, n, 3] metres of some vertices, with the neck as it is."""
        return lbs.pose(self.head, values, vertices=np.arange(0, len(self.head.v_template), EVERY))

    def gap(self, values):
        return lbs.lip_gap(self.head, values * still())

    def middles(self):
        """Middle frames of the closures that are heard, and kept without keys."""
        shut = (self.content[:, BILABIAL] > 0.5) & (self.gap(self.free) < SHUT)
        edges = np.flatnonzero(np.diff(np.r_[0, shut, 0]))
        return [(a + b - 1) // 2 for a, b in zip(edges[::2], edges[1::2])]


def still():
    mask = np.ones(CHANNELS, np.float32)
    mask[NECK] = 0
    return mask


def places(played):
    """(a frame two before a closure, a frame as far as can be from all), inside the voice."""
    T, middles = len(played.free), played.middles()
    inside = np.arange(min(12, T // 3), T - min(12, T // 3))
    near = [m - 2 for m in middles if m - 2 in inside]
    distance = np.abs(inside[:, None] - np.array(middles or [-999])).min(1)
    return (near[len(near) // 2] if near else int(inside[0])), int(inside[distance.argmax()])


def pinned(played, frames, channels, change):
    """Pins of those channels in those frames: as much as change off the performance."""
    mask, values = np.zeros_like(played.free, bool), played.free.copy()
    mask[np.ix_(np.atleast_1d(frames), np.atleast_1d(channels))] = True
    return Pins(np.where(mask, values + change, values).astype(np.float32), mask)


def on_action(played, motion, frames):
    """Pins of a face action at frames: of the channels that it moves, motion [65] off the performance."""
    return pinned(played, frames, np.flatnonzero(np.abs(motion) > 1e-6), motion)


def effects(played, pins):
    """{figure: value} of pins in one frame, against the performance without."""
    keyed = played.render(pins)
    frame = int(np.flatnonzero(pins.mask.any(1))[0])
    before, after = played.points(played.free), played.points(keyed)
    moved = np.linalg.norm(after - before, axis=2).max(1)  # [T] metres
    per_frame = lambda points, order: np.linalg.norm(np.diff(points, n=order, axis=0), axis=2).max(1)
    around = slice(max(0, frame - AROUND), frame + AROUND)
    distance = np.abs(np.arange(len(moved)) - frame)
    gaps = played.gap(played.free), played.gap(keyed)
    changed = ((gaps[0] < SHUT) & (gaps[1] > OPEN)) | ((gaps[0] > OPEN) & (gaps[1] < SHUT))
    return {
        "speed": per_frame(after, 1)[around].max() / np.quantile(per_frame(before, 1), 0.99),
        "acceleration": per_frame(after, 2)[around].max() / np.quantile(per_frame(before, 2), 0.99),
        "furthest": np.delete(moved, frame).max() / max(moved[frame], 1e-3),
        "far, mm": 1000 * moved[distance > FAR].max(initial=0),
        "contacts": float(changed[distance > APART].sum()),
        "missed": float(np.abs((keyed - pins.values)[pins.mask]).max()),
    }


def followed(played, motion, keyed):
    """How much of a face action, motion [65], there is more of in keyed than without keys, [T]: by what it moves, the head held still."""
    free = played.points(played.free * still())
    shown = played.points((played.free + motion) * still()) - free
    there = played.points(keyed * still()) - free
    return (there * shown).sum((1, 2)) / (shown**2).sum((1, 2))


def between(played, motion, seconds):
    """(how much of an action there is midway between two keys of it, share of the closures between that are lost)."""
    half, middle = int(seconds * FPS / 2), len(played.free) // 2
    if middle <= half:
        return float("nan"), float("nan")  # a voice that is too short
    keyed = played.render(on_action(played, motion, [middle - half, middle + half]))
    return float(followed(played, motion, keyed)[middle]), lost(played, keyed, range(middle - half + 1, middle + half))


def lost(played, keyed, frames=None):
    """Share of the closures (within frames) that stay open in keyed; nan if there are none."""
    gap = played.gap(keyed)
    middles = [m for m in played.middles() if frames is None or m in frames]
    return float(np.mean([gap[max(0, m - 1) : m + 2].min() > SHUT for m in middles])) if middles else float("nan")


def gesture(played, motion):
    """Seconds for which one key of an action shows more than a tenth of itself."""
    frame = places(played)[1]
    shown = followed(played, motion, played.render(on_action(played, motion, frame))) > 0.1
    before, after = np.flatnonzero(~shown[:frame]), np.flatnonzero(~shown[frame:])
    return float((after[0] if len(after) else len(shown) - frame) + (frame - before[-1] - 1 if len(before) else frame)) / FPS


def on_vowels(played, std, size):
    """Pins of the jaw, `size` deviations further open, on every second of its widest moments, at which no closure is: a key would win."""
    jaw = played.free[:, JAW.start]
    shut = {frame for middle in played.middles() for frame in range(middle - 2, middle + 3)}
    peaks = [t for t in range(2, len(jaw) - 2) if t not in shut and jaw[t] == jaw[t - 2 : t + 3].max() and jaw[t] > np.median(jaw)][::2]
    return pinned(played, peaks, JAW.start, size * std[JAW.start])


def wink(played):
    """How much the right lid shuts where the left one is held shut."""
    frame, left, right = places(played)[1], LIDS.start, LIDS.start + 1
    keyed = played.render(pinned(played, frame, left, 1 - played.free[frame, left]))
    near = slice(max(0, frame - 6), frame + 7)
    return float((keyed - played.free)[near, right].max())


def one_by_one(played, std, motions, most=None, rng=None):
    """[(what, effects)] of a key on each channel and of each face action, near a closure and far from all; most: so many, drawn."""
    deviations = dict(zip(CHANNEL_NAMES, 2 * std))
    asked = [(name, place) for name in (*deviations, *motions) for place in (0, 1)]
    if most and most < len(asked):
        asked = [asked[k] for k in sorted(rng.choice(len(asked), most, replace=False))]
    found = []
    for name, place in asked:
        frame = places(played)[place]
        if name in motions:
            pins = on_action(played, motions[name], frame)
        else:
            pins = pinned(played, frame, CHANNEL_NAMES.index(name), deviations[name])
        found.append((name, effects(played, pins)))
    return found


class Blind(torch.nn.Module):
    """A denoiser that is not shown what is pinned: masks that were not trained."""

    def __init__(self, denoiser):
        super().__init__()
        self.denoiser, self.size, self.diffuses = denoiser, denoiser.size, denoiser.diffuses

    def forward(self, noisy, step, content, feeling, beta, pins, mask, *branches):
        return self.denoiser(noisy, step, content, feeling, beta, pins * 0, mask * 0, *branches)


def ways(generator, heard, beta):
    """{name: way(free, pins, seed)} from a performance without keys to one with: what is shipped, and what it is measured against."""
    asked = heard.content30, heard.feeling, np.zeros(len(heard.content30), np.float32), beta
    blind = copy.copy(generator)
    blind.denoiser = Blind(generator.denoiser)
    bump = lambda free, pins: HeldPins(pins, len(free), 0.0, 1.0).hold(torch.from_numpy(free.copy())).numpy()
    return {
        "pasted": lambda free, pins, seed: np.where(pins.mask, pins.values, free),
        "a fixed bump": lambda free, pins, seed: bump(free, pins),
        "masks not trained": lambda free, pins, seed: sampler.sample(blind, *asked, pins, seed, "draft"),
        "shipped": lambda free, pins, seed: sample(generator, *asked, pins=pins, seed=seed, quality="draft", free=free),
    }


def compared(performer, generator, voice, seeds=(1, 2, 3)):
    """{(keys a second, way): (missed, jerk, contacts lost, way to the reference, diversity)} of whole poses as keys, as 3DiFACE
    (Thambiraja et al. 2025) and CondMDI (Cohan et al. 2024) set them: out of a reference, here the same voice performed happily.

    missed: the most that a key is missed by. jerk: mean third difference of the vertices, of that without keys. lost: share of the
    closures that open. way: of the vertices' distance from the performance without keys to the reference, what is gone between keys.
    diversity: mean deviation of a vertex among seeds, of that without keys."""
    heard = material.hear(performer, voice, material.QUIET, 0, {}, 0)
    T, beta = len(heard.content30), np.zeros(300, np.float32)
    happy = np.tile(performer.models.feelings.prompt("happy"), (T, 1))
    reference = sample(generator, heard.content30, happy, np.ones(T, np.float32), beta, seed=9, quality="draft")
    asked = heard.content30, heard.feeling, np.zeros(T, np.float32), beta
    free = {seed: sample(generator, *asked, seed=seed, quality="draft") for seed in seeds}
    played = Played(None, free[seeds[0]], heard.content30, performer.models.builtin)
    points = lambda values: played.points(values * still())
    jerk = lambda values: np.linalg.norm(np.diff(points(values), n=3, axis=0), axis=2).mean()
    spread = lambda draws: np.stack([points(values) for values in draws]).std(0).mean()
    far = lambda values, frames: np.linalg.norm(points(values)[frames] - points(reference)[frames], axis=2).mean()
    found = {}
    for rate in RATES:
        frames = np.unique(np.linspace(0, T - 1, max(1, round(rate * T / FPS)) + 2).round().astype(int)[1:-1])
        mask = np.zeros((T, CHANNELS), bool)
        mask[frames] = True
        pins, others = Pins(np.where(mask, reference, 0).astype(np.float32), mask), np.setdiff1d(np.arange(T), frames)
        for name, way in ways(generator, heard, beta).items():
            draws = {seed: way(free[seed], pins, seed) for seed in seeds}
            first = draws[seeds[0]]
            found[rate, name] = (
                float(np.abs(first - pins.values)[mask].max()),
                float(jerk(first) / jerk(played.free)),
                lost(played, first, set(others)),
                float(1 - far(first, others) / far(played.free, others)),
                float(spread(draws.values()) / spread(free.values())),
            )
    return found


def run(args, performer, models):
    """Print the figures for the first model: on the built-in head and, where its data is, on one of FLAME's topology; draft, so that many
    keys can be tried. args.clips: voices (two); args.all_keys: every channel and action, not a draw of MOST. -> what was printed."""
    generator = next(iter(models.values()))
    voices = material.voices(args.split, args.data, args.cache, args.clips or 2)
    builtin = performer.models.builtin
    std, motions = generator.std.cpu().numpy(), dict(zip(map(str, builtin.action_names), builtin.actions_motion))
    kept = {}
    flame = Path(args.data) / "flame_topology" / "template.ply"
    for head in (None, flame) if flame.exists() else (None,):
        where = "built-in head" if head is None else f"{head.name} (FLAME)"
        rng, singles, held, kept[where] = np.random.default_rng(0), [], [], {}
        for voice in voices:
            played = perform(performer, generator, voice, head)
            own = motions if head is None else carried(performer, motions, head)
            singles += one_by_one(played, std, own, None if args.all_keys else MOST, rng)
            held.append(
                {
                    "between, 1 s": [between(played, own[name], 1)[0] for name in ACTIONS_HELD],
                    "between, 2 s": [between(played, own[name], 2)[0] for name in ACTIONS_HELD],
                    "gesture": [gesture(played, own[name]) for name in ACTIONS_HELD],
                    "lost": [lost(played, played.render(on_vowels(played, std, size))) for size in (2, 3)],
                    "wink": [wink(played)],
                }
            )
        print(f"One key, {where}: {len(singles)} keys on {len(voices)} voices, draft. Median, nine of ten, worst.")
        for name, (label, target) in ROWS.items():
            values = np.array([found[name] for _, found in singles])
            worst = singles[int(values.argmax())][0]
            kept[where][name] = [float(np.median(values)), float(np.quantile(values, 0.9)), float(values.max())]
            print(f"  {label:52} {np.median(values):7.2f} {np.quantile(values, 0.9):7.2f} {values.max():7.2f} ({worst})  {target}")
        of = lambda name: np.array([x for each in held for x in each[name]])
        for name, label, target in (
            ("between, 1 s", "two like keys 1 s apart: the face between them", ">= 0.6"),
            ("between, 2 s", "2 s apart", ">= 0.3"),
            ("gesture", "seconds that one key shows", "0.4 to 1.2"),
            ("lost", "closures lost by jaw keys on vowels", "<= 0.02"),
            ("wink", "how far the other eye shuts in a wink", "0"),
        ):
            values = of(name)
            kept[where][name] = [float(x) for x in (np.nanmin(values), np.nanmean(values), np.nanmax(values))]
            print(f"  {label:52} least {np.nanmin(values):.2f}, mean {np.nanmean(values):.2f}, most {np.nanmax(values):.2f}  {target}")
    of_voices = [compared(performer, generator, voice) for voice in voices]
    print("Whole poses of a happy take as keys: missed by, jerk, closures lost, way gone to that take, diversity (1: as without keys)")
    for rate, name in of_voices[0]:
        means = np.nanmean([found[rate, name] for found in of_voices], axis=0)
        kept[f"{rate:g} a second, {name}"] = means.tolist()
        print(f"  {rate:3g} a second, {name:20}" + "".join(f"{value:8.2f}" for value in means))
    return kept


def perform(performer, generator, voice, head):
    """Played of a Voice on the built-in head, or on a head's file."""
    heard = material.hear(performer, voice, material.QUIET, 0, {}, 0)
    target, head_map, beta = performer.models.fit(head and str(head))
    asked = generator, heard.content30, heard.feeling, np.zeros(len(heard.content30), np.float32), beta
    free = sample(*asked, seed=1, quality="draft")
    render = lambda pins, *_: free if pins is None else sample(*asked, pins=pins, seed=1, quality="draft", free=free)
    if head_map is None:
        return Played(render, free, heard.content30, target)
    elsewhere = lambda pins: generate_on_other_head(render, performer.models.builtin, head_map, beta, pins)[0]
    return Played(elsewhere, head_map.apply(free, beta), heard.content30, target)


def carried(performer, motions, head):
    """The face actions' Motion [65] on another head."""
    _, head_map, _ = performer.models.fit(str(head))
    return {name: np.asarray(motion @ head_map.matrix, np.float32) for name, motion in motions.items()}
