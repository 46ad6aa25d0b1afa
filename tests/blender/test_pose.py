"""Poses by plain names, played in every Blender that the project names (tests/blender/pose_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play)


@pytest.mark.parametrize("scene", blender.scenes_of("pose_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_pose(version, scene):
    told = played("pose_scenes", version)[scene]
    assert not told, told
