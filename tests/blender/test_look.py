"""How a head looks and the studio it sits in, played in every Blender that the project names (tests/blender/look_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play)


@pytest.mark.parametrize("scene", blender.scenes_of("look_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_look(version, scene, built_in):
    told = played("look_scenes", version, built_in)[scene]
    assert not told, told
