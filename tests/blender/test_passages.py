"""Passages in three Blenders (tests/blender/passages_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("passages_scenes", blender.ENDS)
def test_passages(version, scene, built_in):
    told = played("passages_scenes", version, built_in)[scene]
    assert not told, told
