"""The bars of what was read and heard, played in three Blenders (tests/blender/readout_scenes.py)."""

import functools

from tests.blender import blender


@functools.cache
def played(version, built_in):
    return blender.play("readout_scenes", version, built_in)


@blender.each("readout_scenes", blender.ENDS)
def test_readout(version, scene, built_in):
    told = played(version, built_in)[scene]
    assert not told, told
