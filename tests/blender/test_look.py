"""How a head looks and the studio it sits in, played in every Blender that the project names (tests/blender/look_scenes.py)."""

import functools

import pytest

from model_runtime.flame import bundle
from model_runtime.flame.load import load_head
from tests.blender import blender

played = functools.cache(blender.play)


@pytest.fixture(scope="module")
def built_in(tmp_path_factory):
    path = tmp_path_factory.mktemp("built_in") / "bundle.npz"
    bundle.write_bundle(load_head(), path)
    return path


@pytest.mark.parametrize("scene", blender.scenes_of("look_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_look(version, scene, built_in):
    told = played("look_scenes", version, built_in)[scene]
    assert not told, told
