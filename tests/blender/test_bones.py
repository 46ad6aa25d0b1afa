"""Faces that move by bones, played in every Blender that the project names (tests/blender/bones_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("bones_scenes")
def test_bones(version, scene):
    told = played("bones_scenes", version)[scene]
    assert not told, told
