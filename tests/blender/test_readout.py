"""The bars of what was read and heard, played in every Blender that the project names (tests/blender/readout_scenes.py)."""

import functools

import pytest

from tests.blender import blender


@functools.cache
def played(version, built_in):
    return blender.play("readout_scenes", version, built_in)


@pytest.mark.parametrize("scene", blender.scenes_of("readout_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_readout(version, scene, built_in):
    told = played(version, built_in)[scene]
    assert not told, told
