"""What the artist does with keys, played in every Blender that the project names (tests/blender/held_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("held_scenes")
def test_held(version, scene):
    told = played("held_scenes", version)[scene]
    assert not told, told
