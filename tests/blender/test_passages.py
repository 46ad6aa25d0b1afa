"""Passages in every Blender that the project names (tests/blender/passages_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("passages_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_passages(version, scene, built_in):
    told = played("passages_scenes", version, built_in)[scene]
    assert not told, told
