"""Actions as clips of passages, played in every Blender that the project names (tests/blender/clips_scenes.py)."""

import functools

import pytest

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@pytest.mark.parametrize("scene", blender.scenes_of("clips_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_clips(version, scene, built_in):
    told = played("clips_scenes", version, built_in)[scene]
    assert not told, told
