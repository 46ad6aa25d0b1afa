"""What the artist does with keys, played in three Blenders (tests/blender/held_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("held_scenes", blender.ENDS)
def test_held(version, scene):
    told = played("held_scenes", version)[scene]
    assert not told, told
