"""Actions as clips of passages, played in three Blenders (tests/blender/clips_scenes.py)."""

import functools

from tests.blender import blender

played = functools.cache(blender.play_with_worker)


@blender.each("clips_scenes", blender.ENDS)
def test_clips(version, scene, built_in):
    told = played("clips_scenes", version, built_in)[scene]
    assert not told, told
