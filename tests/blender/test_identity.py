"""Sliders and characters, played in three Blenders (tests/blender/identity_scenes.py)."""

import functools

import numpy as np
import pytest

from model_runtime.flame import bundle, identity
from model_runtime.flame.load import load_head
from tests.blender import blender

played = functools.cache(blender.play)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Paths of three bundles that model_runtime makes: the built-in head, the character of seed 5, one slider."""
    folder, head = tmp_path_factory.mktemp("bundles"), load_head()
    paths = []
    for name, beta in (
        ("neutral", np.zeros(300)),
        ("character", identity.random(head, 5)[1]),
        ("slider", identity.beta(head, {"Eye Distance": 0.6})),
    ):
        paths.append(folder / f"{name}.npz")
        bundle.write_bundle(head, paths[-1], beta)
        with np.load(paths[-1]) as arrays:
            np.savez(paths[-1], **arrays, beta=beta)
    return tuple(paths)


@blender.each("identity_scenes", blender.ENDS)
def test_identity(version, scene, bundles):
    told = played("identity_scenes", version, *bundles)[scene]
    assert not told, told
