"""A performance around an artist's keys: performed without them first, then drawn anew around them. So what is far from a key is as it is
without, to the last bit, and what a key does ends where a gesture would."""

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator

from contract import JAW, LIDS, NECK, REGIONS, TONGUE
from model_runtime.diffusion.follow import MEASURED, mouth_tensors
from model_runtime.diffusion.lips import BILABIAL, CERTAIN, inner_lips, posing
from model_runtime.diffusion.sampler import sample
from model_runtime.diffusion.scope import joined, redraw
from model_runtime.flame.regions import part
from model_runtime.speech.content import COLUMNS as CONTENT

FREE, REACHES = 15, 36  # frames from a key: up to the first all may change, from the second on nothing does
TOUCHES = 3e-4  # metres: a key that moves the lips less leaves the mouth alone
RADIUS = 0.1  # metres from the neck's joint to the face, about
LARGE = 5e-3  # metres: what a key moves by less changes its surroundings by less, in proportion
# How much the denoiser may change the performance that is bent through the keys. Two dev clips, draft, the face midway between two like
# keys of five actions 1 s apart, least and mean: .15 .72 .88, .25 .51 .79, .4 .19 .66, 1 .02 .05; p, b and m shut in all.
GUIDED = 0.2
ATTACK, DECAY = (6.0, 11.0), (8.0, 18.0)  # frames in which a gesture comes and goes, drawn by the seed
HOLDS = 30, 100  # frames between two keys: a gesture that is held up to the first, two of their own from the second on
# A gesture that parts the lips where they are to be shut gives way. Of the gap (1: jawOpen = 1) so much a frame, but in so many frames at
# least, and where a key is so near that it would be faster, it stays. 60 keys on the mouth, two dev clips, speeds above 1.5 of what there
# is without keys: 11 without this, 5 with; what goes further than 1.5 times the key: 10, 2. A smile parts no lips: none of what it moves,
# up to .03 of a pucker, but .35 and more of what opens; it stays over a p.
CLOSES, FRAMES = 0.2, 3
PARTING = 0.1, 0.3  # of what a gesture moves: what parts the lips by less stays, by more gives way
UPPER = tuple(region for region in REGIONS if region != "mouth")


def keyed(
    generator, content, feeling, prompted, beta, pins, seed=0, quality="final", progress=lambda stage, fraction: None, free=None, **more
):
    """As sample(), of which `more` are arguments, around Pins; None: the same as sample(). free: what this gives without Pins, if known."""
    if pins is None or not pins.mask.any():
        return sample(generator, content, feeling, prompted, beta, seed=seed, quality=quality, progress=progress, **more)
    T = len(content)
    stretches = around(np.flatnonzero(pins.mask.any(1)), T)
    heard = more.pop("heard", None)
    says = content if np.shape(content)[1] == CONTENT else heard
    share = lambda low, high: lambda stage, fraction: progress(stage, low + (high - low) * fraction)
    values = free
    if values is None:
        values = sample(generator, content, feeling, prompted, beta, None, seed, quality, share(0, 0.5), heard=heard, **more)
    for number, (first, stop) in enumerate(stretches):
        before = values
        bent = before + gestures(pins, before, slice(first, stop), np.random.default_rng([abs(seed), first]))
        if says is not None:
            own = slice(first, stop)
            bent[own] = yielding(generator, before[own], bent[own], says[own], beta, pins.cut(own))
        lips, face = moved_by(generator, before, pins, slice(first, stop), beta)
        values = redraw(
            generator,
            content,
            feeling,
            prompted,
            beta,
            bent,
            first,
            stop,
            regions=tuple(REGIONS) if lips > TOUCHES else UPPER,
            pins=pins,
            seeds=(seed,),
            fade=REACHES - FREE,
            change=GUIDED * min(1.0, face / LARGE),
            quality=quality,
            progress=share(0.5 + 0.5 * number / len(stretches), 0.5 + 0.5 * (number + 1) / len(stretches)),
            heard=heard,
            **more,
        )[0]
        held = pins.mask[first:stop, LIDS].any(0)
        if held.sum() == 1:  # a wink is one
            other = LIDS.start + int(held.argmin())
            values[:, other] = before[:, other]
    return values


def gestures(pins, values, frames, rng):
    """What the Pins of those frames (a slice) are off values [T, 65], as gestures that come, are held between keys that are near each
    other, and go: float32 [T, 65], 0 farther away."""
    out, time = np.zeros_like(values), np.arange(len(values))
    attack, decay = rng.uniform(*ATTACK), rng.uniform(*DECAY)
    for channel in np.flatnonzero(pins.mask[frames].any(0)):
        keys = frames.start + np.flatnonzero(pins.mask[frames, channel])
        off = pins.values[keys, channel] - values[keys, channel]
        since = time[:, None] - keys
        share = np.clip(1 + since / attack, 0, 1) * np.clip(1 - since / decay, 0, 1)
        share = (0.5 - 0.5 * np.cos(np.pi * share)).max(1)
        for one, next_ in zip(keys, keys[1:]):
            held = np.clip((HOLDS[1] - (next_ - one)) / (HOLDS[1] - HOLDS[0]), 0, 1)
            share[one:next_] = np.maximum(share[one:next_], held)
        curve = PchipInterpolator(keys, off)(np.clip(time, keys[0], keys[-1])) if len(keys) > 1 else off
        out[:, channel] = share * curve
    return out


def yielding(generator, before, bent, content, beta, pins):
    """bent [T, 65] with less of what its gestures, off before [T, 65], do to the mouth around frames in which lips are to be shut (content
    [T, 59]) and the gestures part them. Pinned frames stay."""
    _, opening, head = inner_lips(generator)
    pose = posing(mouth_tensors(generator), torch.as_tensor(np.asarray(beta, np.float32)))
    here, there = (pose(torch.from_numpy(values))[:, :MEASURED].numpy() for values in (before, bent))
    apart = lambda posed: np.linalg.norm((posed[:, 1] - posed[:, 0])[:, 1:], axis=1)  # of the middles of the inner lips
    parted, moved = apart(there) - apart(here), np.linalg.norm(there - here, axis=2).max(1)
    share = np.clip((parted / np.maximum(moved, 1e-6) - PARTING[0]) / (PARTING[1] - PARTING[0]), 0, 1)
    parted, keys = parted / opening, np.flatnonzero(pins.mask.any(1))
    shut = np.flatnonzero((np.asarray(content)[:, BILABIAL] > np.mean(CERTAIN)) & (parted > 0) & (share > 0))
    far = np.abs(shut[:, None] - keys)
    near = (far > 0).all(1) & (CLOSES * far >= parted[keys]).all(1)
    shut, far = shut[near], far[near].min(1)
    if not len(shut):
        return bent
    over = np.minimum(np.maximum(parted[shut] / CLOSES, FRAMES), far)  # frames over which it gives way
    give = (share[shut] * (1 - np.abs(np.arange(len(bent))[:, None] - shut) / over)).max(1).clip(0)
    return (bent - give[:, None] * ((bent - before) @ part(head, ("mouth",)))).astype(np.float32)


def moved_by(generator, values, pins, frames, beta):
    """How far, in metres, the Pins of those frames (a slice) move the lips and the whole face from where values [T, 65] have them, at most.
    The jaw and the tongue count as lips that move."""
    mask, here = pins.mask[frames], values[frames]
    rows = np.flatnonzero(mask.any(1))
    here = here[rows]
    there = np.where(mask[rows], pins.values[frames][rows], here).astype(np.float32)
    pose = posing(mouth_tensors(generator), torch.as_tensor(np.asarray(beta, np.float32)))
    far = (pose(torch.from_numpy(there)) - pose(torch.from_numpy(here))).norm(dim=-1)
    turned = RADIUS * np.linalg.norm((there - here)[:, NECK], axis=1).max()
    lips = 2 * TOUCHES if mask[:, JAW].any() or mask[:, TONGUE].any() else 0.0
    return max(lips, float(far[:, :MEASURED].max())), max(float(turned), float(far.max()))


def around(frames, T):
    """[(first, stop)] of T: what is at most REACHES from one of those frames, in order; those that touch are one."""
    return joined((max(0, int(frame) - REACHES), min(T, int(frame) + REACHES + 1)) for frame in frames)
