"""The objects of a head, played in every Blender that the project names (tests/blender/rig_scenes.py)."""
import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play)


@pytest.mark.parametrize("scene", blender.scenes_of("rig_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_rig(version, scene):
    told = played("rig_scenes", version)[scene]
    assert not told, told
