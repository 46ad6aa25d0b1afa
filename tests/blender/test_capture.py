"""Captured films on heads, played in every Blender that the project names (tests/blender/capture_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("capture_scenes")
def test_capture(version, scene):
    told = played("capture_scenes", version)[scene]
    assert not told, told
