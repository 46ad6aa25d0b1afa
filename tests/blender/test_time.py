"""Sound and keys stay together, played in every Blender that the project names (tests/blender/time_scenes.py)."""

import functools

from tests.blender import blender


@functools.cache
def played(version):
    return blender.play("time_scenes", version)


@blender.each("time_scenes")
def test_time(version, scene):
    told = played(version)[scene]
    assert not told, told
