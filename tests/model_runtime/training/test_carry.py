"""A generator carried over to another head moves that head's face as it moved the old one's."""

import dataclasses

import numpy as np
import pytest
import torch

from contract import ACTIONS, EXPRESSION, JAW, UtterError
from model_runtime.diffusion import load_generator
from model_runtime.flame.load import load_head
from model_runtime.training.carry import carried

FACE = slice(EXPRESSION.start, JAW.stop)


@pytest.fixture(scope="module")
def turned():
    """The built-in head in another basis: its expression components turned into each other, its actions unchanged."""
    head, rng = load_head(), np.random.default_rng(5)
    turn, _ = np.linalg.qr(rng.standard_normal((48, 48)))
    shapedirs, motion = head.shapedirs.astype(np.float32), head.actions_motion.copy()
    shapedirs[..., 300:348] = shapedirs[..., 300:348] @ turn
    motion[:, :48] = motion[:, :48] @ turn
    return dataclasses.replace(head, shapedirs=shapedirs, actions_motion=motion)


def actions_of(head, values):
    """Face actions [T,52] that make these values, by least squares."""
    return values[:, FACE] @ np.linalg.pinv(head.actions_motion[:, FACE], 1e-4)


def seen(generator, clean):
    """What the denoiser makes of a little noise on these values [T,65] and of nothing heard, as values."""
    noisy = ((torch.from_numpy(clean) - generator.mean) / generator.std)[None].float()
    T = clean.shape[0]
    rest = torch.zeros(1, T, 59), torch.zeros(1, T, 130), torch.zeros(1, 300), torch.zeros_like(noisy), torch.zeros_like(noisy)
    on = torch.ones(1, dtype=torch.bool)
    with torch.inference_mode():
        out = generator.denoiser(noisy, torch.tensor([100]), *rest, on, on)[0]
    return (out * generator.std + generator.mean).numpy()


def test_it_means_the_same_face(turned):
    head, generator = load_head(), load_generator()
    other = carried(generator, head, turned)
    assert other.basis == turned.basis != head.basis
    amounts = 0.3 * np.random.default_rng(0).random((60, len(ACTIONS)), np.float32)
    old, new = (seen(g, amounts @ h.actions_motion.astype(np.float32)) for g, h in ((generator, head), (other, turned)))
    before, after = actions_of(head, old), actions_of(turned, new)
    assert np.abs(before).max() > 0.2
    assert np.abs(after - before).mean() < 0.1 * np.abs(before - amounts).mean() + 0.01


def test_another_head_than_its_own_is_refused(turned):
    with pytest.raises(UtterError, match="trained for another head"):
        carried(load_generator(), turned, load_head())
