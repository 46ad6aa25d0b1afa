"""Simplify, in every Blender of the project (tests/blender/simplify_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("simplify_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_simplify(version, scene, built_in):
    told = played("simplify_scenes", version, built_in)[scene]
    assert not told, told
