"""Simplify, in three Blenders (tests/blender/simplify_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("simplify_scenes", blender.ENDS)
def test_simplify(version, scene, built_in):
    told = played("simplify_scenes", version, built_in)[scene]
    assert not told, told
