"""Gaze, blinks and keys of sliders, in three Blenders (tests/blender/gaze_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("gaze_scenes", blender.ENDS)
def test_gaze(version, scene, built_in):
    told = played("gaze_scenes", version, built_in)[scene]
    assert not told, told
