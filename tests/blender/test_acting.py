"""FLAME heads that are baked by face actions, played in three Blenders (tests/blender/acting_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("acting_scenes", blender.ENDS)
def test_acting(version, scene):
    told = played("acting_scenes", version)[scene]
    assert not told, told
