"""What the buttons do, played in every Blender that the project names (tests/blender/operator_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("operator_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_operators(version, scene):
    told = played("operator_scenes", version)[scene]
    assert not told, told
