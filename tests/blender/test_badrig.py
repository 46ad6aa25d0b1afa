"""Characters as they come, played in every Blender that the project names (tests/blender/badrig_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play)


@blender.each("badrig_scenes", blender.ENDS)
def test_badrig(version, scene):
    told = played("badrig_scenes", version)[scene]
    assert not told, told
