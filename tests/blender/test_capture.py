"""Captured films on heads, played in every Blender that the project names (tests/blender/capture_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("capture_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_capture(version, scene):
    told = played("capture_scenes", version)[scene]
    assert not told, told
