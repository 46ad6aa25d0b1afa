"""Hair of the scalp, played in three Blenders (tests/blender/hair_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("hair_scenes", blender.ENDS)
def test_hair(version, scene, built_in):
    told = played("hair_scenes", version, built_in)[scene]
    assert not told, told
