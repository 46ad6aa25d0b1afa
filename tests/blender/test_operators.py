"""What the buttons do, played in every Blender that the project names (tests/blender/operator_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("operator_scenes")
def test_operators(version, scene):
    told = played("operator_scenes", version)[scene]
    assert not told, told
