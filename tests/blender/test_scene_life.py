"""What people do to heads in real scenes, played in every Blender that the project names (tests/blender/scene_life_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play)


@pytest.mark.parametrize("scene", blender.scenes_of("scene_life_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_scene_life(version, scene, built_in):
    told = played("scene_life_scenes", version, built_in)[scene]
    assert not told, told
