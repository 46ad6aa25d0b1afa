"""What the artist does with keys, played in every Blender that the project names (tests/blender/held_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play)


@pytest.mark.parametrize("scene", blender.scenes_of("held_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_held(version, scene):
    told = played("held_scenes", version)[scene]
    assert not told, told
