"""What goes wrong at the desk, in every Blender of the project (tests/blender/mishap_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("mishap_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_mishaps(version, scene, built_in):
    told = played("mishap_scenes", version, built_in)[scene]
    assert not told, told
