"""Characters with rig maps, played in three Blenders (tests/blender/maps_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("maps_scenes", blender.ENDS)
def test_maps(version, scene):
    told = played("maps_scenes", version)[scene]
    assert not told, told
