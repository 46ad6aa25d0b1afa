"""Sound and keys stay together, played in every Blender that the project names (tests/blender/time_scenes.py)."""

import functools

import pytest

from tests.blender import blender


@functools.cache
def played(version):
    return blender.play("time_scenes", version)


@pytest.mark.parametrize("scene", blender.scenes_of("time_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_time(version, scene):
    told = played(version)[scene]
    assert not told, told
