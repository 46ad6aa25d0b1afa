"""Finishing: what the eyes look at, how many blinks there are, and sliders with keys. Each scene starts from an empty file
(tests/blender/test_gaze.py plays them)."""

import bpy
import numpy as np
from mathutils import Vector

from tests.blender.actions_scenes import builtin_as_arkit, column, mesh
from tests.blender.operator_scenes import refusal

# isort: split
from addon.animation import bake, blinks, finish, gaze, tracks
from addon.panels import record
from addon.panels.finish import shapes
from addon.rigs import gazing, rig_of
from contract import EYES, JAW, LIDS, NECK
from tests.blender import heads
from tests.blender.marks import once
from tests.blender.scene_life_scenes import built_in, small
from tests.blender.simplify_scenes import keys_of, performing, same, speech


def marker(place, name="Target"):
    """An empty at a place of the scene."""
    empty = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(empty)
    empty.location = place
    bpy.context.view_layer.update()
    return empty


def before_it(rig, left, up, forward):
    """A place of the scene that lies so many times the eyes' distance from between the eyes of the rig."""
    face = gazing.face_of(rig)
    apart = np.linalg.norm(face.eyes[0] - face.eyes[1])
    point = rig.axes() @ (face.eyes.mean(0) + apart * np.array([left, up, forward]))
    return rig.obj.matrix_world @ Vector(point)


def turned(rig, frames):
    """What the eyes do [N, 4], by bones or by looks."""
    sampled = bake.sample(rig, frames)
    if np.abs(sampled[:, EYES]).max() > 0 or sampled.shape[1] <= gaze.LOOKS[-1]:
        return sampled[:, EYES]
    return gaze._of_looks(sampled[:, gaze.LOOKS])


def scene_eyes_meet_what_they_look_at_and_reset_brings_the_gaze_back():
    for make, curves in ((built_in, "channels"), (built_in, "actions"), (builtin_as_arkit, "")):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        rig, frames = performing(make(), curves)
        full, own = keys_of(rig), turned(rig, frames)
        rig.obj.utter.finish.turn = 0.0
        rig.obj.utter.look_at = marker(before_it(rig, 6, 2, 20))
        eyes, moved = turned(rig, frames), bake.sample(rig, frames)
        neck = moved[:, NECK] if rig.joints() else np.zeros((len(frames), 3))
        off = eyes - gaze.LIFE * own
        wanted = np.arctan2(6, 20) - neck[:, 1]
        assert np.abs(off[:, [1, 3]].mean(1) - wanted).max() < 0.1, (make, curves, np.abs(off[:, [1, 3]].mean(1) - wanted).max())
        assert (off[:, [0, 2]].mean(1) + neck[:, 0] < 0).all(), "up"
        assert (off[:, 1] < off[:, 3] + 1e-4).all(), "the eyes come together"
        rig.obj.utter.look_at.location = before_it(rig, -500, 0, 1)
        bpy.context.view_layer.update()
        eyes = turned(rig, frames)
        assert np.abs(eyes).max() <= gaze.YAW + 1e-4 and (eyes[:, 1] < -0.5).mean() > 0.9, "live, and no further than eyes turn"
        rig.obj.utter.finish.look = 0.0
        np.testing.assert_allclose(turned(rig, frames), own, atol=1e-4)
        assert bpy.ops.utter.reset_finish() == {"FINISHED"} and rig.obj.utter.look_at is None
        assert same(full, keys_of(rig))


def scene_the_head_goes_its_share_and_the_target_may_move():
    rig, frames = performing(built_in())
    own = bake.sample(rig, frames)[:, NECK]
    target = marker((0, 0, 0))
    for frame, left in ((1, -10), (90, 10)):
        target.location = before_it(rig, left, 0, 10)
        target.keyframe_insert("location", frame=frame)
    rig.obj.utter.finish.turn = 0.5
    rig.obj.utter.look_at = target
    way = bake.sample(rig, frames)[:, NECK] - own
    assert way[0, 1] < -0.3 and way[-1, 1] > 0.3 and np.abs(way[:, 1] + way[::-1, 1]).max() < 0.1
    assert finish.looks_at(bake.actions(rig)) == "Target"
    bpy.data.objects.remove(target)
    rig.obj.utter.finish.jaw = 0.9
    np.testing.assert_allclose(bake.sample(rig, frames)[:, NECK], own, atol=1e-5)


def scene_held_keys_of_eyes_stay_and_a_head_without_eyes_says_so():
    rig, frames = performing(built_in())
    track = next(track for track in rig.tracks() if "eye_left" in track.path and track.index == 1)
    curve = tracks.find(track)
    curve.keyframe_points[44].co[1] += 0.2
    curve.update()
    held = tracks.held(curve)
    rig.obj.utter.look_at = marker(before_it(rig, 10, 0, 10))
    np.testing.assert_array_equal(tracks.held(tracks.find(track)), held)
    assert tracks.find(track).evaluate(80) > 0.3
    bpy.ops.wm.read_factory_settings(use_empty=True)
    vertices, polygons = heads.sphere()
    keys = {
        name: np.where(vertices[:, [1]] < 0, 0.01, 0.0) * [0, -1, k] for k, name in enumerate(("jawOpen", "mouthSmileLeft", "mouthPucker"))
    }
    rig, frames = performing(mesh("Ball", vertices, polygons, keys))
    before = keys_of(rig)
    rig.obj.utter.look_at = marker((0, -1, 0))
    assert "nothing" in refusal(bpy.ops.utter.finish_again).lower() and same(before, keys_of(rig))


@once
def scene_fewer_and_more_blinks_and_none_over_held_keys():
    for make, curves in ((built_in, "channels"), (builtin_as_arkit, "")):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        values = speech()
        values = np.concatenate([values] * 4)
        lids = np.zeros(len(values), np.float32)
        for middle in (43, 140, 250, 320):
            lids[middle - 3 : middle + 5] = [0.2, 0.6, 0.9, 1.0, 0.95, 0.7, 0.4, 0.1]
        lids[318:325] *= 0.8
        values[:, LIDS], values[:, [column("eyeBlinkLeft"), column("eyeBlinkRight")]] = lids[:, None], lids[:, None]
        rig, _ = performing(make(), curves)
        bake.bake(rig, values)
        frames = np.arange(1, len(values) + 1)
        name = "lid_left" if curves else "eyeBlinkLeft"
        shut = lambda: np.array([tracks.find(track_of(rig, name)).evaluate(frame) for frame in frames])
        count = lambda: len(blinks.found(shut(), frames / 30))
        full, before = keys_of(rig), shut()
        assert count() == 4
        settings = rig.obj.utter.finish
        settings.rate = 0.75
        assert count() == 3 and shut()[319] < 0.2, "the least goes"
        settings.rate = 0.0
        assert shut().max() < 0.15
        settings.rate = 2.0
        assert count() == 8 and same_places(before, shut())
        one = shut()
        settings.rate = 1.0
        assert same(full, keys_of(rig))
        settings.rate = 2.0
        np.testing.assert_array_equal(shut(), one)
        record.keep(bake.actions(rig), {"seed": 7})
        settings.rate = 1.9
        settings.rate = 2.0
        assert count() == 8 and (not curves or np.abs(shut() - one).max() > 0.5), "another seed, other blinks"
        settings.rate = 1.0
        curve = tracks.find(track_of(rig, name))
        for frame in frames[60:300:12]:
            curve.keyframe_points[int(frame)].co[1] += 0.01
        curve.update()
        pins = tracks.held(curve)
        settings.rate = 2.0
        new = [peak for _, peak, _ in blinks.found(shut(), frames / 30) if before[peak] < 0.5]
        assert all(not 60 < peak < 300 for peak in new), new
        np.testing.assert_array_equal(tracks.held(tracks.find(track_of(rig, name))), pins)
        settings.rate = 0.0
        assert shut()[249] > 0.8, "one beside a held key stays"


def same_places(before, after):
    """Blinks that were there are as they were."""
    return all(np.abs(after - before)[middle - 4 : middle + 3].max() < 0.2 for middle in (43, 140, 250))


def track_of(rig, name):
    return next(track for track in rig.tracks() if name in track.path)


def scene_strength_may_have_keys():
    rig, frames = performing(small())
    head, before = rig.obj, bake.sample(rig, frames)
    for frame, value in ((1, 0.0), (90, 1.0)):
        head.utter.finish.strength = value
        head.keyframe_insert("utter.finish.strength", frame=frame)
    assert bpy.ops.utter.finish_again() == {"FINISHED"}
    after = bake.sample(rig_of(head), frames)
    assert np.abs(after[0, NECK]).max() < 1e-5 and np.abs(after[0, LIDS] - before[0, LIDS]).max() < 1e-5
    np.testing.assert_allclose(after[-1], before[-1], atol=1e-5)
    middle = after[44, NECK] / before[44, NECK]
    assert ((middle > 0.3) & (middle < 0.7)).all()
    assert bpy.ops.utter.reset_finish() == {"FINISHED"}
    np.testing.assert_allclose(bake.sample(rig_of(head), frames), before, atol=1e-6)
    assert np.abs(before[:, JAW]).max() > 0.1


def scene_the_looks_of_face_actions_are_the_turns_of_eyes():
    eyes = np.random.default_rng(0).uniform(-1, 1, (50, 4)) * np.tile([gaze.PITCH, gaze.YAW], 2)
    looks = gaze._looks(eyes)
    np.testing.assert_allclose(gaze._of_looks(looks), eyes, atol=1e-6)
    actions = np.zeros((50, 52))
    actions[:, [k - 65 for k in gaze.LOOKS]] = looks
    np.testing.assert_allclose((actions @ shapes())[:, EYES], eyes, atol=1e-5)
