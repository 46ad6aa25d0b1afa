"""Gaze, blinks and keys of sliders, in every Blender of the project (tests/blender/gaze_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("gaze_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_gaze(version, scene, built_in):
    told = played("gaze_scenes", version, built_in)[scene]
    assert not told, told
