"""Parts of a performance drawn anew, played in three Blenders (tests/blender/scope_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("scope_scenes", blender.ENDS)
def test_scope(version, scene, built_in):
    told = played("scope_scenes", version, built_in)[scene]
    assert not told, told
