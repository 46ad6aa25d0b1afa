"""Shapes made for heads that have none, played in three Blenders (tests/blender/shapes_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("shapes_scenes", blender.ENDS)
def test_shapes(version, scene):
    told = played("shapes_scenes", version)[scene]
    assert not told, told
