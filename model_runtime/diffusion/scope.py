"""A scope: frames and regions of a present performance that are drawn anew, while all else stays to the last bit.

As RePaint does (Lugmayr et al. 2022): after each step what the denoiser predicts is laid over the present performance, by how much each
frame may change and by what the regions have of the change (flame/regions.py). So what is drawn goes on from what stays. How much may
change decides from which step on it is drawn: the present performance with the noise of that step is where it starts (SDEdit, Meng et al.
2022).
"""

import numpy as np
import torch

from contract import CHANNELS, REGIONS, performed_in
from model_runtime.diffusion import sampler
from model_runtime.diffusion.follow import AROUND, FARTHEST, follow
from model_runtime.diffusion.generator import WINDOW
from model_runtime.diffusion.lips import seal
from model_runtime.diffusion.pins import SANE, HeldPins
from model_runtime.flame.load import load_head
from model_runtime.flame.regions import part
from model_runtime.speech.content import COLUMNS as CONTENT

EDGE = 9  # frames: from what stays to what is drawn
BESIDE = 30  # frames that the denoiser sees on either side of a scope, at least
FURTHER = round(AROUND * FARTHEST)  # frames on either side that follow() reads
# Of the way to noise, where the least change starts, for from nearer the denoiser changes no less; a smaller one is a share of that. So
# brows move away about as far as is asked for (two shipped voices, draft, of the way of a free draw: .1 by .09, .3 by .28, .5 by .51,
# .7 by .62, .9 by .9), and lips stay shut on every p, b, m.
LEAST = 0.4


def beside(first, stop, T):
    """The frames (start, end) that drawing frames first to before stop of T reads."""
    return max(0, first - FURTHER), min(T, stop + FURTHER)


def window(first, stop, T):
    """The frames (start, end) of T that are diffused for it: with BESIDE on either side, and a whole window where there are enough."""
    start, end = max(0, first - BESIDE), min(T, stop + BESIDE)
    lacking = max(0, WINDOW - (end - start))
    start = max(0, start - lacking // 2)
    end = min(T, max(end, start + WINDOW))
    return max(0, min(start, end - WINDOW)), end


def ramp(first, stop, T, edge=EDGE):
    """float32 [T]: how much frames may change: 0 outside first to before stop, rising to 1 over `edge` frames within. The voice's
    beginning and end are no edges."""
    frames = np.arange(T)
    left = np.full(T, edge) if first <= 0 else frames - first + 1
    right = np.full(T, edge) if stop >= T else stop - frames
    x = np.clip(np.minimum(left, right) / edge, 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


def joined(stretches):
    """[(first, stop)] of stretches of frames that are in order: those that touch are one."""
    found = []
    for first, stop in stretches:
        if found and first <= found[-1][1]:
            first, stop = found[-1][0], max(stop, found.pop()[1])
        found.append((first, stop))
    return found


class Kept:
    """What the diffusion keeps of a present performance: normalised values [T, 65], weight [T] and the regions' part [65, 65] of changes.
    edge [T]: that weight, where all may change.

    begin: how far from it the steps start, up to 1: pure noise."""

    def __init__(self, values, weight, edge, regions, begin, mean, std):
        self.values = ((values - mean) / std).clamp(-SANE, SANE)
        self.weight, self.edge = weight[:, None], edge[:, None]
        units = torch.from_numpy(part(load_head(), regions))
        self.part = None if set(regions) >= set(REGIONS) else std[:, None] * units / std
        self.begin = begin
        free = torch.zeros(CHANNELS)
        free[performed_in(regions)[0]] = 1
        self.stays = ((weight[:, None] == 0) | (free == 0)).float()

    def start(self, noise, scheduler, step):
        """The noisy Motion [n, T, 65] that the steps begin with."""
        signal = scheduler.alphas_cumprod[step]
        return noise if self.begin >= 1 else signal.sqrt() * self.values + (1 - signal).sqrt() * noise

    def shown(self, pins):
        """(values, mask) that the denoiser is given as pins: those of HeldPins, and what stays."""
        held = pins.mask > 0
        return torch.where(held, pins.values, self.values * self.stays), torch.where(held, pins.mask, self.stays)

    def around(self, pins, clean):
        """The prediction [T, 65] laid over what is kept, and HeldPins in it: what they bring along fades towards the edges as all else."""
        change = clean - self.values
        clean = self.values + self.weight * (change if self.part is None else change @ self.part)
        return pins.met(clean + self.edge * (pins.hold(clean.clone()) - clean))


@torch.no_grad()
def redraw(
    generator,
    content30,
    feeling,
    prompted,
    beta,
    present,
    first,
    stop,
    *,
    regions=tuple(REGIONS),
    change=1.0,
    pins=None,
    seeds=(0,),
    at=0,
    fade=EDGE,
    quality="final",
    progress=lambda stage, fraction: None,
    cancelled=lambda: False,
    heard=None,
    apart=False,
):
    """Draw the frames first to before stop of a present performance anew -> float32 [n, T, 65], one for each of seeds.

    present float32 [T, 65]: in the generator's basis; all outside those frames, and what the regions have no part of, keeps its bits.
    change: 0 nothing to 1 free of what is there. pins: Pins [T, 65]; those outside those frames are as the present performance is. at:
    which frame of the voice the arrays begin with; beside() says how many are needed. fade: frames from what stays to what is drawn. apart:
    the regions are taken of a whole face that is drawn so, which feels as they do; else they are drawn to fit the rest of the face, and a
    face at rest calms them (of a prompt's change brows keep a third so, the mouth two thirds). All else as sample() has it.
    """
    content, feeling, prompted, beta = sampler.arranged(generator, content30, feeling, prompted, beta)
    T, mean, std = len(content), generator.mean.cpu(), generator.std.cpu()
    present = torch.as_tensor(np.asarray(present, np.float32))
    edge = torch.from_numpy(ramp(first, stop, T, fade))
    weight = edge * min(1.0, change / LEAST)
    within = torch.zeros(T, dtype=torch.bool)
    within[first:stop] = True
    if pins is not None:
        pins = pins.only(within.numpy()[:, None])
    start, end = window(first, stop, T)
    seen = slice(start, end)
    kept = Kept(present[seen], weight[seen], edge[seen], REGIONS if apart else regions, max(change, LEAST), mean, std)
    clean = sampler.diffuse(
        generator,
        content[seen],
        feeling[seen],
        prompted[seen],
        beta,
        HeldPins(cut(pins, seen), end - start, mean, std),
        seeds,
        quality,
        progress,
        cancelled,
        at + start,
        kept,
    )
    heard = content if content.shape[1] == CONTENT else None if heard is None else torch.as_tensor(np.asarray(heard, np.float32))
    units, held, drawn, around = torch.from_numpy(part(load_head(), regions)), HeldPins(pins, T, mean, std), slice(first, stop), []
    channels = torch.zeros(CHANNELS, dtype=torch.bool)
    channels[performed_in(regions)[0]] = True
    shown = kept.values[first - start : stop - start] * std
    beyond = (present[drawn] - shown) - mean  # what the denoiser was not shown
    beyond = beyond - weight[drawn, None] * (beyond @ units)
    for own in clean:
        values = present.clone()
        new = own[first - start : stop - start] * std + mean
        values[drawn] = (shown + mean + (new - shown - mean) @ units if apart else new) + beyond
        values = held.carry(values)
        if heard is not None and "mouth" in regions:
            followed = follow(generator, values, heard, feeling, beta, held, weight)
            values[drawn] += (followed - values)[drawn] @ units
            sealed = seal(generator, values[drawn], heard[drawn], beta, HeldPins(cut(pins, drawn), stop - first, mean, std))
            values[drawn] += (sealed - values[drawn]) @ units
        around.append(held.put_back(torch.where(within[:, None] & channels, sampler.limit(values), present)))
    progress("diffusing", 1.0)
    return torch.stack(around).numpy()


def cut(pins, frames):
    """The Pins of those frames (a slice); None of none."""
    return None if pins is None else pins.cut(frames)
