"""The bake, played in every Blender that the project names (tests/blender/bake_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play)


@pytest.mark.parametrize("scene", blender.scenes_of("bake_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_bake(version, scene):
    told = played("bake_scenes", version)[scene]
    assert not told, told
