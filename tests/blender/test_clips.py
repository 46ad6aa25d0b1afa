"""Actions as clips of passages, played in every Blender that the project names (tests/blender/clips_scenes.py)."""

import functools
import os
import sys

import pytest

from tests.blender import blender


@functools.cache
def played(version, built_in):
    os.environ["UTTER_PYTHON"] = sys.executable  # the worker runs on the tests' own Python, whatever Blender's is
    try:
        return blender.play("clips_scenes", version, built_in)
    finally:
        del os.environ["UTTER_PYTHON"]


@pytest.mark.parametrize("scene", blender.scenes_of("clips_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_clips(version, scene, built_in):
    told = played(version, built_in)[scene]
    assert not told, told
