"""What the buttons do, played in bpy (tests/blender/operator_scenes.py)."""
import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play)


@pytest.mark.parametrize("scene", blender.scenes_of("operator_scenes"))
def test_operators(scene):
    told = played("operator_scenes", blender.OWN)[scene]
    assert not told, told
