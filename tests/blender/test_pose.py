"""Poses by plain names, played in three Blenders (tests/blender/pose_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("pose_scenes", blender.ENDS)
def test_pose(version, scene):
    told = played("pose_scenes", version)[scene]
    assert not told, told
