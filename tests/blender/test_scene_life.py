"""What people do to heads in real scenes, played in three Blenders (tests/blender/scene_life_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("scene_life_scenes", blender.ENDS)
def test_scene_life(version, scene, built_in):
    told = played("scene_life_scenes", version, built_in)[scene]
    assert not told, told
