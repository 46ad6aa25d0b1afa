"""Pins: values that the artist set, kept while everything around them is diffused."""

import numpy as np
import torch

from contract import CHANNELS, NECK, UtterError
from model_runtime.motion import Pins

REACH = 4.0  # frames: how far a correction spreads around a pin (standard deviation)
SANE = (
    6.0  # standard deviations: what the denoiser sees of a pin, or of what stays, goes no further; some channels hardly moved in training
)


def to_nearest(known, frames):
    """How far each of frames is from the nearest of known, which rise."""
    after = np.clip(np.searchsorted(known, frames), 0, len(known) - 1)
    return np.minimum(np.abs(frames - known[after]), np.abs(frames - known[np.maximum(after - 1, 0)]))


def settled(pins, values):
    """(Pins without shift, int [n, 2]: from which frame to which they moved): what may be moved goes where values [T, columns], performed
    without Pins, come nearest to it, in their own deviations. It passes no other key on its channels."""
    if pins.shift is None:
        return pins, np.zeros((0, 2), int)
    tolerance = np.zeros_like(pins.values) if pins.tolerance is None else pins.tolerance
    placed, moved = Pins(pins.values.copy(), pins.mask.copy(), tolerance.copy()), []
    deviation = values.std(0) + 1e-3
    for frame in np.flatnonzero((pins.mask & (pins.shift > 0)).any(1)):
        channels = np.flatnonzero(pins.mask[frame] & (pins.shift[frame] > 0))
        keyed = np.flatnonzero(placed.mask[:, channels].any(1))
        first = max(frame - pins.shift[frame].max(), max(keyed[keyed < frame], default=-1) + 1)
        last = min(frame + pins.shift[frame].max(), min(keyed[keyed > frame], default=len(values)) - 1)
        frames = np.arange(first, last + 1)
        off = (((values[frames][:, channels] - pins.values[frame, channels]) / deviation[channels]) ** 2).mean(1)
        to = frames[np.lexsort((np.abs(frames - frame), off))[0]]
        if to != frame:
            moved.append((frame, to))
            for array in (placed.values, placed.mask, placed.tolerance):
                array[to, channels], array[frame, channels] = array[frame, channels], 0
    return placed, np.array(moved, int).reshape(-1, 2)


class HeldPins:
    """Pins (model_runtime.motion) as the denoiser reads them: values and mask [T, 65], normalised, and 0 or 1. None: all zeros.

    columns: how many a row has, where they are held on something else than Motion."""

    def __init__(self, pins, T, mean, std, columns=CHANNELS):
        self.values, self.mask = torch.zeros(T, columns), torch.zeros(T, columns)
        self.exact, self.beyond, self.channels = None, None, []
        self.slack, self.tolerance = torch.zeros(T, columns), None
        if pins is None:
            return
        values, mask = np.asarray(pins.values, np.float32), np.asarray(pins.mask, bool)
        if values.shape != (T, columns) or mask.shape != (T, columns):
            raise UtterError(
                f"Pins must have one row for each of the {T} frames and {columns} channels.", f"values {values.shape}, mask {mask.shape}"
            )
        if not np.isfinite(values[mask]).all():
            raise UtterError("A pinned value is not a finite number; remove that key.")
        held = torch.from_numpy(mask)
        self.exact = torch.from_numpy(np.where(mask, values, 0).astype(np.float32))
        self.mask = held.float()
        self.values = torch.where(held, ((self.exact - mean) / std).clamp(-SANE, SANE), 0)
        self.beyond = torch.where(held, self.exact - (self.values * std + mean), 0)
        if pins.tolerance is not None:
            self.tolerance = torch.where(held, torch.from_numpy(np.asarray(pins.tolerance, np.float32)), 0)
            self.slack = self.tolerance / std
        frames = np.arange(T)
        for channel in np.flatnonzero(mask.any(0)):
            known = frames[mask[:, channel]]
            self.channels.append((channel, known, frames, np.exp(-0.5 * (to_nearest(known, frames) / REACH) ** 2)))

    @property
    def fixed(self):
        """[T, columns], 0 or 1: what is pinned and not soft."""
        return self.mask * (self.slack == 0)

    def met(self, clean):
        """clean [T, columns], normalised, with the pinned part within what it may be missed by."""
        return torch.where(self.mask > 0, torch.clamp(clean, self.values - self.slack, self.values + self.slack), clean)

    def hold(self, clean):
        """Replace the pinned part of a prediction (RePaint, Lugmayr et al. 2022, by the clean value), and let its neighbours
        follow.

        The error of the prediction at the pins is spread over the frames around them and interpolated between pins, so that the
        next step starts from a curve without a dent.
        """
        for channel, known, frames, weight in self.channels:
            missed = (self.values[known, channel] - clean[known, channel]).numpy()
            slack = self.slack[known, channel].numpy()
            missed -= np.clip(missed, -slack, slack)
            clean[:, channel] += torch.from_numpy((np.interp(frames, known, missed) * weight).astype(np.float32))
        return self.met(clean)

    def carry(self, values):
        """values [T, columns] in units with what of the pins the denoiser was not shown: a gesture over the frames around them."""
        if self.beyond is None or not self.beyond.any():
            return values
        values = values.clone()
        for channel, known, frames, weight in self.channels:
            rest = self.beyond[known, channel].numpy()
            if rest.any():
                values[:, channel] += torch.from_numpy((np.interp(frames, known, rest) * weight).astype(np.float32))
        return values

    def away(self, near, far):
        """[T]: 0 up to so many frames from a pin on what moves the mouth, 1 from `far` frames on."""
        held = torch.nonzero(self.mask[:, : NECK.start].any(1))[:, 0].numpy()
        if not len(held):
            return torch.ones(len(self.mask))
        distance = torch.from_numpy(to_nearest(held, np.arange(len(self.mask))))
        return ((distance - near) / (far - near)).clamp(0, 1)

    def put_back(self, values):
        """values [T, columns] in units: pinned numbers themselves, bit for bit; soft ones within their tolerance."""
        if self.exact is None:
            return values
        met = self.exact if self.tolerance is None else torch.clamp(values, self.exact - self.tolerance, self.exact + self.tolerance)
        return torch.where(self.mask > 0, met, values)
