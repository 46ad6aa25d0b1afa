"""Parts of a performance drawn anew, played in every Blender that the project names (tests/blender/scope_scenes.py)."""

import functools
import os
import sys

import pytest

from tests.blender import blender


@functools.cache
def played(version, built_in):
    os.environ["UTTER_PYTHON"] = sys.executable  # the worker runs on the tests' own Python, whatever Blender's is
    try:
        return blender.play("scope_scenes", version, built_in)
    finally:
        del os.environ["UTTER_PYTHON"]


@pytest.mark.parametrize("scene", blender.scenes_of("scope_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_scope(version, scene, built_in):
    told = played(version, built_in)[scene]
    assert not told, told
