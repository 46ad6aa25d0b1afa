"""Heads that move by face actions, played in every Blender that the project names (tests/blender/actions_scenes.py)."""

import functools
import os
import sys

import pytest

from tests.blender import blender


@functools.cache
def played(version):
    os.environ["UTTER_PYTHON"] = sys.executable  # the worker runs on the tests' own Python, whatever Blender's is
    try:
        return blender.play("actions_scenes", version)
    finally:
        del os.environ["UTTER_PYTHON"]


@pytest.mark.parametrize("scene", blender.scenes_of("actions_scenes"))
@pytest.mark.parametrize("version", blender.VERSIONS)
def test_actions(version, scene):
    told = played(version)[scene]
    assert not told, told
