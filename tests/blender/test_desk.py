"""Takes that remember, passages, directions and finishing, in three Blenders (tests/blender/desk_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("desk_scenes", blender.ENDS)
def test_desk(version, scene, built_in):
    told = played("desk_scenes", version, built_in)[scene]
    assert not told, told
