"""Faces that move by bones, played in every Blender that the project names (tests/blender/bones_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("bones_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_bones(version, scene):
    told = played("bones_scenes", version)[scene]
    assert not told, told
