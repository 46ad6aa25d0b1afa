"""What people do to heads in real scenes, played in every Blender that the project names (tests/blender/scene_life_scenes.py)."""

import functools

import pytest

from model_runtime.flame import bundle
from model_runtime.flame.load import load_head
from tests.blender import blender

played = functools.cache(blender.play)


@pytest.fixture(scope="module")
def built_in(tmp_path_factory):
    """Path of the built-in head's bundle."""
    path = tmp_path_factory.mktemp("built_in") / "bundle.npz"
    bundle.write_bundle(load_head(), path)
    return path


@pytest.mark.parametrize("scene", blender.scenes_of("scene_life_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_scene_life(version, scene, built_in):
    told = played("scene_life_scenes", version, built_in)[scene]
    assert not told, told
