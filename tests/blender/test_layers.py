"""Layers, in three Blenders (tests/blender/layers_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("layers_scenes", blender.ENDS)
def test_layers(version, scene, built_in):
    told = played("layers_scenes", version, built_in)[scene]
    assert not told, told
