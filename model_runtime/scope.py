"""A scope of a performance on any head: which frames it is, what the present performance is there, and what it becomes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from contract import ACTIONS, FPS, REGIONS, UtterError, apart, performed_in
from model_runtime.diffusion.pins import HeldPins
from model_runtime.diffusion.scope import beside, cut, joined, ramp
from model_runtime.flame.actions import from_motion, to_motion
from model_runtime.flame.calibrate import HeadMap
from model_runtime.flame.head import Head
from model_runtime.motion import Motion, Pins

ROUNDING = 1e-6  # frames
Stretch = tuple[int, int]  # frames, from the first to before the last


def frames_in(stretches: Sequence[tuple[float, float]], frames: int, note: Callable[[str], None]) -> list[Stretch]:
    """The frames of stretches in seconds, in order, those that touch in one; note hears of one that is cut at the voice's beginning or end.
    UtterError for one that lies beyond it, or holds no frame."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if start * FPS > frames - 1 or end < 0:
            raise UtterError(f"The scope {start:g} to {end:g} s lies outside the voice, which lasts {frames / FPS:.1f} s.")
        first, stop = max(0, math.ceil(max(start, 0) * FPS - ROUNDING)), min(frames, math.floor(min(end, frames) * FPS + ROUNDING) + 1)
        if stop <= first:
            raise UtterError(f"The scope {start:g} to {end:g} s holds no frame; make it longer than {1 / FPS:.2f} s.")
        if math.isfinite(start) and (start < 0 or end * FPS > frames):
            note(f"The scope {start:g} to {end:g} s is cut to the voice, which lasts {frames / FPS:.1f} s.")
        found.append((first, stop))
    return joined(found)


def check_present(present: Motion, target: Head, builtin: Head, frames: int) -> Motion:
    """The present performance with its values on the target; UtterError where it belongs to another head or another voice."""
    if len(present.values) != frames:
        raise UtterError(
            f"The present performance lasts {len(present.values) / FPS:.1f} s and the voice {frames / FPS:.1f} s, so it belongs to another "
            "voice; perform this one as a whole first.",
            f"{len(present.values)} frames, {frames}",
        )
    if present.basis == target.basis:
        return present
    if not present.basis and present.actions is not None and target is builtin:  # of a head that moves by face actions alone
        return replace(present, values=to_motion(builtin, present.actions), basis=builtin.basis)
    raise UtterError("The present performance belongs to another head; perform on that head, or perform this voice as a whole first.")


def redrawn(
    perform: Callable[..., list[tuple[np.ndarray, np.ndarray]]],
    present: Motion,
    stretches: Sequence[Stretch],
    regions: Sequence[str],
    change: float,
    count: int,
    builtin: Head,
    head_map: HeadMap | None,
    beta: np.ndarray,
    pins: Pins | None,
    held: Pins | None,
) -> list[Motion]:
    """The present performance with those stretches and regions drawn anew, count times.

    perform(number, frames, own, inner, pins, held) -> count times (values [n, 65], the same on the built-in head) of the n inner frames
    (a slice) of a slice of frames, around what is pinned there: own is the present performance in that slice, on the built-in head.
    """
    channels, actions = performed_in(regions)
    copied = lambda array: None if array is None else array.copy()
    drawn = [replace(present, values=present.values.copy(), actions=copied(present.actions)) for _ in range(count)]
    for number, (first, stop) in enumerate(stretches):
        begin, end = beside(first, stop, len(present.values))
        frames, inner, within = slice(begin, end), slice(first - begin, stop - begin), slice(first, stop)
        shown = present.values[frames]
        own = shown if head_map is None else head_map.invert(shown)
        pinned, kept = limited(pins, frames, inner), limited(held, frames, inner)
        found = perform(number, frames, own, inner, pinned, kept)
        before = shown[inner] if head_map is None else head_map.apply(own[inner], beta)
        # What the map to another head loses stays as it is where anything of the present performance does.
        stays = (1 - ramp(first, stop, len(present.values)))[within, None] if set(regions) >= set(REGIONS) and change == 1 else 1.0
        if present.actions is not None:  # read from those that are there: what has not changed reads as they do
            moved = np.concatenate([own[inner], *(new for _, new in found)])
            read = from_motion(builtin, moved, np.tile(present.actions[within], (1 + count, 1)))
        for turn, (motion, (values, _)) in enumerate(zip(drawn, found), 1):
            after = values if head_map is None else values + stays * (shown[inner] - before)
            if head_map is not None and pinned is not None:
                after = HeldPins(pinned.cut(inner), stop - first, 0.0, 1.0).put_back(torch.from_numpy(after)).numpy()
            motion.values[within, channels] = after[:, channels]
            if motion.actions is not None:
                plain, acted = read[: stop - first], read[turn * (stop - first) :][: stop - first]
                acted, fixed = np.clip(motion.actions[within] + acted - plain, 0, 1), np.zeros(acted.shape, bool)
                if kept is not None:
                    pinning, fixed = HeldPins(cut(kept, inner), stop - first, 0.0, 1.0, columns=len(ACTIONS)), cut(kept, inner).mask
                    acted = pinning.put_back(pinning.hold(torch.from_numpy(acted)).clamp(0, 1)).numpy()
                acted = apart(acted, fixed)
                motion.actions[within, actions] = acted[:, actions]
    return drawn


def limited(pins: Pins | None, frames: slice, inner: slice) -> Pins | None:
    """The Pins of a slice of frames, those within its inner frames alone; None if there are none."""
    if pins is None:
        return None
    within = np.zeros_like(pins.mask[frames])
    within[inner] = True
    pinned = pins.cut(frames).only(within)
    return pinned if pinned.mask.any() else None
