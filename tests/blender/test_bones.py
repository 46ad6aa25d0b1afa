"""Faces that move by bones, played in three Blenders (tests/blender/bones_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("bones_scenes", blender.ENDS)
def test_bones(version, scene):
    told = played("bones_scenes", version)[scene]
    assert not told, told
