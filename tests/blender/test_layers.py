"""Layers, in every Blender of the project (tests/blender/layers_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("layers_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_layers(version, scene, built_in):
    told = played("layers_scenes", version, built_in)[scene]
    assert not told, told
