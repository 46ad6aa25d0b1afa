"""Every variant is what its name says, and can be trained, saved, read and sampled."""

import numpy as np
import pytest
import torch

from contract import UtterError
from model_runtime.diffusion import generator as g
from model_runtime.diffusion import sampler
from model_runtime.training.variants import VARIANTS, variant


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_performs_after_coming_back(tmp_path, name):
    net = g.Denoiser(width=32, depth=2, heads=2, **variant(name).size)
    g.save(g.Generator(net, torch.zeros(65), torch.full((65,), 0.1), torch.eye(65), "a" * 64), tmp_path / "one.safetensors")
    read = g.load(tmp_path / "one.safetensors", basis="a" * 64)
    assert read.denoiser.diffuses == (not name.startswith("regression"))
    values = sampler.sample(
        read, np.random.default_rng(0).random((40, 59)), np.zeros((40, 130)), np.zeros(40), np.zeros(300), quality="draft"
    )
    assert values.shape == (40, 65) and np.isfinite(values).all()


def test_an_ablation_leaves_out_what_it_says():
    assert {name: {part for part, there in kind._asdict().items() if not there} for name, kind in VARIANTS.items()} == {
        "full": set(),
        "regression": {"diffuses", "sync", "emotion"},
        "regression_sync": {"diffuses", "emotion"},
        "regression_sync_emotion": {"diffuses"},
        "no_mask": {"aligned"},
        "no_sync_emotion": {"sync", "emotion"},
        "no_fusion": {"fusion"},
    }


def test_an_unknown_variant_is_refused():
    with pytest.raises(UtterError, match="no_fusion"):
        variant("best")
