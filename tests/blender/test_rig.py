"""The objects of a head, played in three Blenders (tests/blender/rig_scenes.py)."""

import functools

import numpy as np
import pytest

from model_runtime.flame import bundle, lbs
from model_runtime.flame.load import load_head
from tests.blender import blender, heads

played = functools.cache(blender.play)


@pytest.fixture(scope="module")
def built_in(tmp_path_factory):
    """Paths of the built-in head's bundle, and of a motion with the vertices that the model gives it."""
    folder, head = tmp_path_factory.mktemp("built_in"), load_head()
    bundle.write_bundle(head, folder / "bundle.npz")
    motion = heads.motion(8)
    motion[:, 0:50] *= 0.5
    motion[:, 51:60] *= 0.5
    motion[:, 62:65] *= 0.3  # a tongue all the way out keeps to its line when the jaw is keys: 6 mm off at 0.25 rad
    motion[5:] = 0
    motion[5:, 50] = 0.15, 0.3, 0.45
    posed = np.concatenate([lbs.pose(head, motion), lbs.pose_parts(head, motion)], axis=1)
    np.savez(folder / "motion.npz", motion=motion, posed=posed, openings=[5, 6, 7])
    return folder / "bundle.npz", folder / "motion.npz"


@blender.each("rig_scenes", blender.ENDS)
def test_rig(version, scene, built_in):
    told = played("rig_scenes", version, *built_in)[scene]
    assert not told, told
