"""Poses by plain names on heads of every kind: what a slider sets is seen at once and held, undone in one step, copied, flipped. Each
scene starts from an empty file (tests/blender/test_pose.py plays them)."""

import json

import bpy
import numpy as np

import addon

if not addon._undo:  # scenes of others may be played together
    addon.register()
from addon import compat
from addon.animation import bake, tracks
from addon.contract import UtterError
from addon.panels import head as heads_room
from addon.panels import pose
from addon.rigs import rig_of
from addon.rigs.base import armature
from contract import ACTIONS, EMOTIONS, FACE_ACTIONS, NECK, PERFORMANCE, VISEMES
from tests.blender.acting_scenes import by, performance
from tests.blender.actions_scenes import arkit
from tests.blender.actions_scenes import performance as acted
from tests.blender.bake_scenes import evaluated, head

FRAME = 20


def made(kind):
    """A head that performs: "channels", "actions" (FLAME, baked so) or "ARKit"; at FRAME."""
    if kind == "ARKit":
        obj = arkit()
        bake.bake(rig_of(obj), acted(60), 1)
    else:
        obj = head()
        rig = by(obj, kind)
        told = performance(rig)
        told[:, FACE_ACTIONS] *= 0.5
        told[:, :53] *= 0.5
        bake.bake(rig, told, 1)
    bpy.context.view_layer.update()
    heads_room.choose(bpy.context.scene, obj)
    bpy.context.scene.frame_set(FRAME)
    return obj


KINDS = ("channels", "actions", "ARKit")


def column(name):
    return FACE_ACTIONS.start + ACTIONS.index(name)


def held(obj):
    """{(scene frame, column): value} of the artist's keys."""
    return {(round(float(f), 3), int(c)): round(float(v), 4) for f, c, v in zip(*rig_of(obj).pins())}


def moved(obj, change):
    """How far the mesh moves at FRAME when change() is done."""
    before = evaluated(obj, FRAME)
    change()
    return evaluated(obj, FRAME) - before


def scene_a_slider_shows_at_once_and_is_held():
    for kind in KINDS:
        obj = made(kind)
        assert not held(obj)
        others = {frame: evaluated(obj, frame) for frame in (FRAME - 3, FRAME + 3)}
        bpy.context.scene.frame_set(FRAME)
        before = obj.utter.pose.sneer
        assert 0 <= before <= 1, (kind, before)
        way = moved(obj, lambda: setattr(obj.utter.pose, "sneer", 0.9))
        assert np.abs(way).max() > 1e-5, kind
        assert held(obj) == {(FRAME, column(f"noseSneer{side}")): 0.9 for side in ("Left", "Right")}, (kind, held(obj))
        assert abs(obj.utter.pose.sneer - 0.9) < 1e-4 and abs(obj.utter.pose.sneer_left - 0.9) < 1e-4
        for frame, points in others.items():
            np.testing.assert_allclose(evaluated(obj, frame), points, atol=1e-6)
        bpy.context.scene.frame_set(FRAME)
        obj.utter.pose.sneer_left = 0.2
        assert held(obj)[FRAME, column("noseSneerLeft")] == 0.2 and held(obj)[FRAME, column("noseSneerRight")] == 0.9
        assert abs(obj.utter.pose.sneer - 0.55) < 1e-4, "the mean of both"


def scene_a_channel_head_moves_as_its_actions_say():
    obj = made("channels")
    rig = rig_of(obj)
    motion = rig.motions()[ACTIONS.index("cheekPuff")]
    before, shown = obj.utter.pose.puff, bake.sample(rig, [FRAME])[0]
    obj.utter.pose.puff = before + 0.3
    after = bake.sample(rig_of(obj), [FRAME])[0]
    np.testing.assert_allclose(after - shown, 0.3 * motion, atol=2e-4)
    curves = [curve for curve in compat.bag(obj.data.shape_keys).fcurves if curve.data_path.startswith("key_blocks")]
    assert not any(len(tracks.held(curve)) for curve in curves), "what shows it is ours: the next performance replaces it"
    values, mask = bake.read_pins(rig_of(obj), 1, 60)
    assert mask.sum() == 1 and mask[FRAME - 1, column("cheekPuff")] and values.shape[1] == PERFORMANCE


def scene_one_slider_after_another():
    for kind in KINDS:
        obj = made(kind)
        before = bake.sample(rig_of(obj), [FRAME])[0]
        for name in ("puff", "sneer", "brows_down"):
            setattr(obj.utter.pose, name, 0.5)
        for name in ("puff", "sneer", "brows_down"):
            assert abs(getattr(obj.utter.pose, name) - 0.5) < 1e-4
        bpy.context.view_layer.update()
        shown = bake.sample(rig_of(obj), [FRAME])[0]
        names = ("cheekPuff", "noseSneerLeft", "noseSneerRight", "browDownLeft", "browDownRight")
        if kind == "channels":
            read = pose.row_of(obj)  # of the Motion as it was
            pose._forget()
            again = rig_of(obj).face(FRAME)
            np.testing.assert_allclose(again[[column(name) for name in names]], 0.5, atol=1e-4)
            np.testing.assert_allclose(again[:65], read[:65], atol=1e-4)
            assert np.abs(shown - before).max() > 0.05
        else:
            np.testing.assert_allclose(shown[[column(name) for name in names]], 0.5, atol=1e-4)


def scene_sliders_of_two_directions():
    for kind in KINDS:
        obj = made(kind)
        for name, up, down in (("jaw_left", "jawLeft", "jawRight"), ("mouth_left", "mouthLeft", "mouthRight")):
            setattr(obj.utter.pose, name, -0.4)
            now = held(obj)
            assert now[FRAME, column(up)] == 0 and now[FRAME, column(down)] == 0.4, (kind, now)
            assert abs(getattr(obj.utter.pose, name) + 0.4) < 1e-4
        obj.utter.pose.look_left = 0.5
        now = held(obj)
        assert now[FRAME, column("eyeLookOutLeft")] == now[FRAME, column("eyeLookInRight")] == 0.5
        if kind != "ARKit":
            eye = armature(obj).pose.bones["eye_left"]
            bpy.context.scene.frame_set(FRAME)
            assert eye.rotation_euler[1] > 0.1, "the eye turns along"


def scene_the_head_turns():
    for kind in ("channels", "actions"):
        obj = made(kind)
        obj.utter.pose.turn = 0.25
        now = held(obj)
        assert (now[FRAME, NECK.start + 1] == 0.25 and len(now) == 1) or kind, now
        assert abs(obj.utter.pose.turn - 0.25) < 1e-4
    obj = made("ARKit")
    assert NECK.start not in pose.columns_of(rig_of(obj)) and column("jawOpen") in pose.columns_of(rig_of(obj))


def scene_undo_takes_one_step():
    obj = made("actions")
    name = obj.name
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.utter.pose_as(pose="happy")
    assert held(obj)
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert not held(bpy.data.objects[name])
    bpy.ops.ed.redo()
    assert held(bpy.data.objects[name])


def scene_visemes_and_emotions():
    for kind in KINDS:
        obj = made(kind)
        obj.utter.pose_strength = 0.5
        bpy.ops.utter.pose_as(pose="ou")
        now = held(obj)
        assert now[FRAME, column("mouthPucker")] == round(0.5 * VISEMES["ou"]["mouthPucker"], 4)
        assert now[FRAME, column("mouthSmileLeft")] == 0 and (FRAME, column("browInnerUp")) not in now
        bpy.context.scene.frame_set(FRAME + 10)
        obj.utter.pose_strength, obj.utter.pose_regions = 1, {"brows"}
        bpy.ops.utter.pose_as(pose="sad")
        new = {key: value for key, value in held(obj).items() if key[0] == FRAME + 10}
        assert new[FRAME + 10, column("browInnerUp")] == EMOTIONS["sad"]["browInnerUp"]
        assert {ACTIONS[k - FACE_ACTIONS.start][:4] for _, k in new} == {"brow"}, new


def scene_copy_and_paste_between_frames_and_heads():
    first = made("actions")
    bpy.ops.utter.copy_face()
    text = bpy.context.window_manager.clipboard or json.dumps(
        {pose.CLIPBOARD: {name: float(pose.row_of(first)[column(name)]) for name in ACTIONS}, "neck": pose.row_of(first)[NECK].tolist()}
    )
    copied = pose.pasted(text, np.zeros(PERFORMANCE, np.float32))
    np.testing.assert_allclose(copied[FACE_ACTIONS], pose.row_of(first)[FACE_ACTIONS], atol=1e-4)
    np.testing.assert_allclose(copied[NECK], pose.row_of(first)[NECK], atol=1e-4)
    for kind in KINDS:
        obj = made(kind)
        obj.utter.pose_regions = {"mouth", "cheeks"}
        wanted = pose.pasted(text, pose.row_of(obj))
        pose.set_face(obj, {k: float(wanted[k]) for k in pose.columns_in(pose.regions_of(obj))})
        now = held(obj)
        assert abs(now[FRAME, column("mouthFunnel")] - copied[column("mouthFunnel")]) < 1e-3
        assert not any(ACTIONS[k - FACE_ACTIONS.start].startswith("brow") for _, k in now if k >= FACE_ACTIONS.start)
    for text in (
        "",
        "hello",
        "{}",
        '{"utter_face": {"noSuch": 1}, "neck": [0, 0, 0]}',
        '{"utter_face": {"jawOpen": NaN}, "neck": [0, 0, 0]}',
    ):
        try:
            pose.pasted(text, np.zeros(PERFORMANCE, np.float32))
            raise AssertionError(text)
        except UtterError as error:
            assert "no face" in str(error)


def scene_flip_sides():
    obj = made("actions")
    row = pose.row_of(obj)
    obj.utter.pose_regions = {"brows", "mouth", "head"}
    bpy.ops.utter.flip_face()
    after = pose.row_of(obj)
    for one, other in (("browDownLeft", "browDownRight"), ("mouthSmileRight", "mouthSmileLeft"), ("jawLeft", "jawRight")):
        assert abs(after[column(one)] - row[column(other)]) < 1e-4
    assert abs(after[column("eyeWideLeft")] - row[column("eyeWideLeft")]) < 1e-4, "not in the chosen regions"
    np.testing.assert_allclose(after[NECK], row[NECK] * [1, -1, -1], atol=1e-3)


def scene_posing_needs_no_performance_and_keeps_the_artists_action():
    obj = head()
    heads_room.choose(bpy.context.scene, obj)
    bpy.context.scene.frame_set(FRAME)
    way = moved(obj, lambda: setattr(obj.utter.pose, "smile", 0.8))
    assert np.abs(way).max() > 1e-5 and len(obj.utter.takes) == 1
    assert np.abs(evaluated(obj, FRAME + 5) - evaluated(obj, FRAME - 5)).max() < 1e-6, "around it the face rests"
    assert len(held(obj)) == 2


def scene_a_channel_that_the_artist_holds_stays():
    obj = made("channels")
    block = obj.data.shape_keys.key_blocks["Exp1"]
    block.value = 1.5
    block.keyframe_insert("value", frame=FRAME)
    obj.utter.pose.smile = 0.9
    assert held(obj)[FRAME, 0] == 1.5
