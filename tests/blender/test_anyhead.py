"""All of the desk on heads of every kind, played in every Blender that the project names (tests/blender/anyhead_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("anyhead_scenes", blender.ENDS)
def test_anyhead(version, scene, built_in):
    told = played("anyhead_scenes", version, built_in)[scene]
    assert not told, told
