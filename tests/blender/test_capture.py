"""Captured films on heads, played in every Blender that the project names (tests/blender/capture_scenes.py)."""

import functools
import os
import sys

import pytest

from tests.blender import blender


@functools.cache
def played(version):
    os.environ["UTTER_PYTHON"] = sys.executable  # the worker runs on the tests' own Python, whatever Blender's is
    try:
        return blender.play("capture_scenes", version)
    finally:
        del os.environ["UTTER_PYTHON"]


@pytest.mark.parametrize("scene", blender.scenes_of("capture_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_capture(version, scene):
    told = played(version)[scene]
    assert not told, told
