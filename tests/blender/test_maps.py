"""Characters with rig maps, played in every Blender that the project names (tests/blender/maps_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("maps_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_maps(version, scene):
    told = played("maps_scenes", version)[scene]
    assert not told, told
