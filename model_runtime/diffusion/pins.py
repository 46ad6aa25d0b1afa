"""Pins: values that the artist set, kept while everything around them is diffused."""

import numpy as np
import torch

from contract import CHANNELS, NECK, UtterError

REACH = 4.0  # frames: how far a correction spreads around a pin (standard deviation)
SANE = (
    6.0  # standard deviations: what the denoiser sees of a pin, or of what stays, goes no further; some channels hardly moved in training
)


def to_nearest(known, frames):
    """How far each of frames is from the nearest of known, which rise."""
    after = np.clip(np.searchsorted(known, frames), 0, len(known) - 1)
    return np.minimum(np.abs(frames - known[after]), np.abs(frames - known[np.maximum(after - 1, 0)]))


class HeldPins:
    """Pins (model_runtime.motion) as the denoiser reads them: values and mask [T, 65], normalised, and 0 or 1. None: all zeros.

    columns: how many a row has, where they are held on something else than Motion."""

    def __init__(self, pins, T, mean, std, columns=CHANNELS):
        self.values, self.mask = torch.zeros(T, columns), torch.zeros(T, columns)
        self.exact, self.beyond, self.channels = None, None, []
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
        frames = np.arange(T)
        for channel in np.flatnonzero(mask.any(0)):
            known = frames[mask[:, channel]]
            self.channels.append((channel, known, frames, np.exp(-0.5 * (to_nearest(known, frames) / REACH) ** 2)))

    def hold(self, clean):
        """Replace the pinned part of a prediction (RePaint, Lugmayr et al. 2022, by the clean value), and let its neighbours
        follow.

        The error of the prediction at the pins is spread over the frames around them and interpolated between pins, so that the
        next step starts from a curve without a dent.
        """
        for channel, known, frames, weight in self.channels:
            missed = (self.values[known, channel] - clean[known, channel]).numpy()
            clean[:, channel] += torch.from_numpy((np.interp(frames, known, missed) * weight).astype(np.float32))
        return torch.where(self.mask > 0, self.values, clean)

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
        """values [T, columns] in units: pinned numbers themselves, bit for bit."""
        return values if self.exact is None else torch.where(self.mask > 0, self.exact, values)
