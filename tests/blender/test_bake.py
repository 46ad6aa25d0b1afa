"""The bake, played in every Blender that the project names (tests/blender/bake_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("bake_scenes")
def test_bake(version, scene):
    told = played("bake_scenes", version)[scene]
    assert not told, told
