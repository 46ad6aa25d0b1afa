"""Heads that move by face actions, played in three Blenders (tests/blender/actions_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("actions_scenes", blender.ENDS)
def test_actions(version, scene):
    told = played("actions_scenes", version)[scene]
    assert not told, told
