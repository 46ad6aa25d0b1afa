"""Passages in every Blender that the project names (tests/blender/passages_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("passages_scenes")
def test_passages(version, scene, built_in):
    told = played("passages_scenes", version, built_in)[scene]
    assert not told, told
