"""How a head looks and the studio it sits in, played in three Blenders (tests/blender/look_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("look_scenes", blender.ENDS)
def test_look(version, scene, built_in):
    told = played("look_scenes", version, built_in)[scene]
    assert not told, told
