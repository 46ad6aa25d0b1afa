"""Captured films on heads, played in three Blenders (tests/blender/capture_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("capture_scenes", blender.ENDS)
def test_capture(version, scene):
    told = played("capture_scenes", version)[scene]
    assert not told, told
