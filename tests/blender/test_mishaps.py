"""What goes wrong at the desk, in every Blender of the project (tests/blender/mishap_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("mishap_scenes", blender.ENDS)
def test_mishaps(version, scene, built_in):
    told = played("mishap_scenes", version, built_in)[scene]
    assert not told, told
