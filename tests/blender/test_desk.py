"""Takes that remember, passages, directions and finishing, in every Blender of the project (tests/blender/desk_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("desk_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_desk(version, scene, built_in):
    told = played("desk_scenes", version, built_in)[scene]
    assert not told, told
