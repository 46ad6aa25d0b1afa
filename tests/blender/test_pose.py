"""Poses by plain names, played in every Blender that the project names (tests/blender/pose_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("pose_scenes")
def test_pose(version, scene):
    told = played("pose_scenes", version)[scene]
    assert not told, told
