"""An artist's keys on any head: of another head's channels, or of face actions. The generator knows neither, so each becomes a change of
what it performs without them."""

from collections.abc import Callable

import numpy as np
import torch

from contract import apart
from model_runtime.diffusion.pins import HeldPins
from model_runtime.flame.actions import change, from_motion, noticeable
from model_runtime.flame.calibrate import HeadMap
from model_runtime.flame.head import Head
from model_runtime.motion import Pins


def generate_on_other_head(
    generate: Callable[[Pins | None, float, float], np.ndarray],
    builtin: Head,
    head_map: HeadMap,
    beta: np.ndarray,
    pins: Pins,
    actions: Pins | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(Motion [T, 65] on another head with Pins in that head's basis, the same on the built-in head); actions: held face actions.

    The generator works in the built-in basis, and one coefficient of another basis is a mixture of all of ours. So: perform
    without pins, put the pinned values into that performance, carry the change that this is back, and re-diffuse around what it moves.
    What is lost on the way there and back is then added where it was pinned, and the neighbours follow as they do while diffusing.
    """
    free = generate(None, 0.3, 0.6)
    shown = head_map.apply(free, beta)
    touched = np.any(pins.mask, axis=1, keepdims=True)
    changes = head_map.invert(np.where(pins.mask, pins.values, shown)) - head_map.invert(shown)
    mask = touched & noticeable(builtin, changes)
    own = free + np.where(mask, changes, 0)
    if actions is not None:
        moved = change(builtin, own, actions.values, actions.mask)
        own, mask = own + moved, mask | moves(moved, actions)
    own = generate(Pins(own, mask, np.where(mask, share_missed(pins, shown) * np.abs(own - free), 0)), 0.6, 0.97)
    held = HeldPins(pins, len(free), mean=0.0, std=1.0)
    return held.put_back(held.hold(torch.from_numpy(head_map.apply(own, beta)))).numpy(), own


def generate_with_actions(
    generate: Callable[[Pins | None, float, float], np.ndarray], head: Head, pins: Pins, actions: Pins
) -> tuple[np.ndarray, np.ndarray]:
    """(Motion [T, 65], its face actions [T, 52]) on the built-in head, with Pins of channels [T, 65] and of face actions [T, 52].

    Face actions are read from the Motion. So: perform without those pins, put the pinned ones into what that performance reads as,
    and re-diffuse around the change that this is to the Motion's channels. What reading it back misses is then added where it was
    pinned, and the neighbours follow as they do while diffusing.
    """
    free = generate(pins, 0.3, 0.6)
    moved = change(head, free, actions.values, actions.mask)
    mask = moves(moved, actions) & ~pins.mask
    tolerance = np.zeros_like(pins.values) if pins.tolerance is None else pins.tolerance
    tolerance = np.where(mask, share_missed(actions, from_motion(head, free)) * np.abs(moved), tolerance)
    values = generate(Pins(np.where(mask, free + moved, pins.values), pins.mask | mask, tolerance), 0.6, 0.97)
    held = HeldPins(actions, len(values), mean=0.0, std=1.0, columns=len(head.action_names))
    shown = held.put_back(held.hold(torch.from_numpy(from_motion(head, values))).clamp(0, 1)).numpy()
    return values, apart(shown, actions.mask)


def share_missed(pins: Pins, shown: np.ndarray) -> np.ndarray:
    """[T, 1]: how much of what the Pins of a frame change in shown [T, columns] may be missed, 0 where one of them is exact, to 1."""
    if pins.tolerance is None:
        return np.zeros((len(shown), 1), np.float32)
    changed = np.abs(pins.values - shown)
    share = np.divide(pins.tolerance, changed, out=np.ones_like(changed), where=changed > 1e-6)
    return np.where(pins.mask, share, 1).min(1, keepdims=True).clip(0, 1) * pins.mask.any(1, keepdims=True)


def moves(moved: np.ndarray, actions: Pins) -> np.ndarray:
    """bool [T, 65]: which channels held actions move, by what they change [T, 65]."""
    return (np.abs(moved) > 1e-6) & actions.mask.any(axis=1, keepdims=True)
