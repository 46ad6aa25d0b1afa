"""Carry a generator over to another head: through the face actions, which mean the same on both."""

import numpy as np
import torch

from contract import CHANNELS, EXPRESSION, JAW, UtterError
from model_runtime.diffusion.generator import Denoiser, Generator

FACE = slice(EXPRESSION.start, JAW.stop)  # the channels whose meaning is the head's own; the others mean the same on every head
LEAST = 0.02  # of the largest singular value: what moved less in training than this is not carried back


def carried(generator, old, new, values=None):
    """The Generator for head `new` of one trained on head `old`: what goes into its network and what comes out of it is turned from
    one basis into the other; a start for training, which gets used to the rest. UtterError if it is not of that head.

    values [N,65]: Motion on the new head that it is to learn from, by which it is normalised; None: as the old Motion comes out."""
    if generator.basis != old.basis:
        raise UtterError("The weights to start from were trained for another head than the one given; give that head's file.")
    between = np.eye(CHANNELS)
    between[FACE, FACE] = np.linalg.pinv(old.actions_motion[:, FACE].astype(float), LEAST) @ new.actions_motion[:, FACE]
    mean, std = generator.mean.double().numpy() @ between, generator.std.double().numpy()
    spread = between.T @ (generator.spread.double().numpy() * std[:, None] * std) @ between
    new_std, shift = np.maximum(np.sqrt(np.diag(spread)), 1e-3), np.zeros(CHANNELS)
    if values is not None:
        new_std = np.maximum(values.std(0), 1e-3).astype(float)
        shift, mean = (mean - values.mean(0)) / new_std, values.mean(0)
    there = std[:, None] * between / new_std  # normalised: a row of old channels times this is a row of new ones
    back = np.linalg.pinv(there, LEAST)
    denoiser = Denoiser(**generator.denoiser.size)
    weights = {name: value.clone() for name, value in generator.denoiser.state_dict().items()}
    noisy, pins, mask = weights["motion_in.weight"].double().chunk(3, 1)
    share = np.abs(back) / np.maximum(np.abs(back).sum(1, keepdims=True), 1e-9)
    turned = [layer @ torch.from_numpy(by.T) for layer, by in ((noisy, back), (pins, back), (mask, share))]
    weights["motion_in.weight"] = torch.cat(turned, 1).float()
    weights["motion_out.weight"] = (torch.from_numpy(there.T) @ weights["motion_out.weight"].double()).float()
    weights["motion_out.bias"] = (weights["motion_out.bias"].double() @ torch.from_numpy(there) + torch.from_numpy(shift)).float()
    denoiser.load_state_dict(weights)
    tensors = (torch.from_numpy(np.asarray(x, np.float32)) for x in (mean, new_std, spread / new_std[:, None] / new_std))
    return Generator(denoiser.eval(), *tensors, new.basis, generator.device, dict(generator.metadata))
