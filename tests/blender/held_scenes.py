"""A key is a key: whatever the artist does to one of ours counts as theirs, what they deleted stays deleted, and they hold, release, clean
and select as they please. Each scene starts from an empty file (tests/blender/test_held.py plays them)."""

import bpy
import numpy as np

import addon

if not addon._undo:  # scenes of others may be played together
    addon.register()
from addon import compat
from addon.animation import bake, tracks
from addon.panels import held, pins, pose
from addon.rigs import rig_of
from contract import EXPRESSION, FACE_ACTIONS, FPS
from tests.blender.acting_scenes import by, performance
from tests.blender.bake_scenes import curve_of, head
from tests.blender.pose_scenes import KINDS, column, made

FRAMES = 60


def some_curve(obj):
    """A curve with a key on every frame."""
    name = "browInnerUp" if rig_of(obj).columns > 65 else "Exp3"
    return curve_of(obj, name)


def key_at(curve, frame):
    return next((point for point in curve.keyframe_points if abs(point.co.x - frame) < 0.01), None)


def again(obj, seed=7, fps=30):
    """Perform anew around what is held, as Re-diffuse bakes it."""
    rig = rig_of(obj)
    told = performance(rig, seed=seed) if rig.name == "FLAME" else made_up(seed)
    begin = tracks.timing(bake.actions(rig)[0])[0]
    bake.rebake(rig, told, begin, fps=fps)


def made_up(seed):
    from tests.blender.actions_scenes import performance as acted

    return acted(FRAMES, seed)


EDITS = {
    "value": lambda point: setattr(point.co, "y", point.co.y + 0.05),
    "frame": lambda point: setattr(point.co, "x", point.co.x + 0.4),
    "handles": lambda point: setattr(point, "handle_left_type", "FREE"),
    "interpolation": lambda point: setattr(point, "interpolation", "CONSTANT"),
    "type": lambda point: setattr(point, "type", "EXTREME"),
}


def scene_whatever_is_done_to_a_key_counts():
    for kind in KINDS:
        for name, edit in EDITS.items():
            obj = made(kind)
            curve = some_curve(obj)
            assert not bake.count_pins(rig_of(obj))
            edit(key_at(curve, 20))
            curve.update()
            assert bake.count_pins(rig_of(obj)) == 1, (kind, name)
            there = 20.4 if name == "frame" else 20
            before = key_at(curve, there)
            told = (before.co.x, before.co.y, before.interpolation, before.handle_left_type)
            again(obj)
            now = key_at(some_curve(obj), there)
            assert now and (now.co.x, now.co.y, now.interpolation, now.handle_left_type) == told, (kind, name, told)
            assert now.type == ("EXTREME" if name == "type" else "KEYFRAME")
            assert bake.count_pins(rig_of(obj)) == 1, (kind, name)
            bpy.data.objects.remove(obj)


def scene_keys_that_travel_in_time_are_still_ours():
    obj = made("actions")
    some_curve(obj).keyframe_points[10].co.y += 0.1
    for begin, fps in ((31.0, 30), (31.0, 60), (1.0, 24), (1.0, 30)):
        bake.move(rig_of(obj), begin, fps, 1.0)
        assert bake.count_pins(rig_of(obj)) == 1 and not bake.cleaned(rig_of(obj)), (begin, fps)
    bpy.data.actions[0].copy()
    again(obj)
    assert bake.count_pins(rig_of(obj)) == 1


def scene_a_performance_is_all_ours_whatever_is_done_with_it():
    for kind in KINDS:
        obj = made(kind)
        rig = rig_of(obj)
        told = made_up(3) if kind == "ARKit" else performance(rig, seed=3)
        columns = [*range(EXPRESSION.start, EXPRESSION.stop), *range(FACE_ACTIONS.start, FACE_ACTIONS.stop)]
        bake.redo(rig, told, (20, 30), columns, 1)
        again(obj)
        bake.redo(rig_of(obj), told, (1, 5), columns, 1)
        bake.redo(rig_of(obj), told, (50, 60), columns, 1)
        assert not bake.count_pins(rig_of(obj)) and not bake.cleaned(rig_of(obj)), kind


def deleted(curve, first, last):
    for point in reversed([point for point in curve.keyframe_points if first <= point.co.x <= last]):
        curve.keyframe_points.remove(point, fast=True)
    curve.update()


def scene_a_deleted_stretch_stays_deleted():
    for kind in KINDS:
        for first, last in ((20, 30), (1, 8), (50, 60)):
            obj = made(kind)
            deleted(some_curve(obj), first, last)
            for seed in (7, 8):
                again(obj, seed)
                frames = {round(point.co.x) for point in some_curve(obj).keyframe_points}
                assert frames == set(range(1, 61)) - set(range(first, last + 1)), (kind, first, frames)
            key = some_curve(obj).keyframe_points.insert((first + last) / 2, 0.3)
            key.type = "KEYFRAME"
            told = made_up(2) if kind == "ARKit" else performance(rig_of(obj), seed=2)
            bake.redo(rig_of(obj), told, (15, 55), [column("browInnerUp"), 2], 1)
            assert len([p for p in some_curve(obj).keyframe_points if first <= p.co.x <= last]) == 1, "the artist's alone"
            count, curves = bake.let_go(rig_of(obj), rig_of(obj).columns_of())
            assert count == 1 and curves == 1
            again(obj)
            assert len(some_curve(obj).keyframe_points) in (60, 61) and not bake.cleaned(rig_of(obj)), (kind, first)
            bpy.data.objects.remove(obj)


def scene_a_deleted_curve_stays_deleted_until_it_is_released():
    for kind in KINDS:
        obj = made(kind)
        path = some_curve(obj).data_path
        compat.bag(obj.data.shape_keys).fcurves.remove(some_curve(obj))
        again(obj)
        assert some_curve(obj) is None, kind
        track = next(track for track in rig_of(obj).tracks() if track.path == path)
        assert bake.let_go(rig_of(obj), [track]) == (0, 1)
        again(obj)
        assert len(some_curve(obj).keyframe_points) == FRAMES and not bake.cleaned(rig_of(obj)), kind


def scene_a_channel_that_stands_still_is_cleaned_where_it_was():
    obj = head()
    rig = by(obj, "actions")
    told = performance(rig)
    told[:, column("cheekPuff")] = 0.25
    bake.bake(rig, told, 1)
    curve = curve_of(obj, "cheekPuff")
    assert [point.co.x for point in curve.keyframe_points] == [1, 60] and not bake.cleaned(rig)
    deleted(curve_of(obj, "browInnerUp"), 20, 30)
    still = told.copy()
    still[:, column("browInnerUp")] = 0.5
    bake.rebake(rig_of(obj), still, 1)
    assert [point.co.x for point in curve_of(obj, "browInnerUp").keyframe_points] == [1, 19, 31, 60]
    bake.rebake(rig_of(obj), told, 1)
    assert {point.co.x for point in curve_of(obj, "browInnerUp").keyframe_points} == set(range(1, 61)) - set(range(20, 31))


def scene_own_keys_that_are_deleted_leave_nothing_clean():
    obj = made("actions")
    curve = some_curve(obj)
    point = key_at(curve, 20)
    point.type = "KEYFRAME"
    again(obj)
    curve = some_curve(obj)
    curve.keyframe_points.remove(key_at(curve, 20))
    assert not bake.cleaned(rig_of(obj))
    again(obj)
    assert len(some_curve(obj).keyframe_points) == FRAMES


# Operators


def selecting(curve, *frames):
    for point in curve.keyframe_points:
        point.select_control_point = any(abs(point.co.x - frame) < 0.01 for frame in frames)
        point.select_left_handle = point.select_right_handle = False


def refused(operator, **arguments):
    try:
        operator(**arguments)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("it did not refuse")


def scene_hold_and_release():
    for kind in KINDS:
        obj = made(kind)
        assert "Select keys" in refused(bpy.ops.utter.hold, what="KEYS")
        selecting(some_curve(obj), 12, 13, 14)
        bpy.ops.utter.hold(what="KEYS")
        assert bake.count_pins(rig_of(obj)) == 3, kind
        selecting(some_curve(obj), 13)
        bpy.ops.utter.let_go(selected=True)
        assert [point.co.x for point in some_curve(obj).keyframe_points if point.type == "KEYFRAME"] == [12, 14], kind
        bpy.ops.utter.let_go()
        assert not bake.count_pins(rig_of(obj))
        before = bake.sample(rig_of(obj), [20])
        bpy.ops.utter.hold(what="POSE")
        frames, columns, _ = rig_of(obj).pins()
        assert set(frames) == {20} and len(set(columns)) >= 52
        again(obj)
        np.testing.assert_allclose(bake.sample(rig_of(obj), [20]), before, atol=2e-5)
        bpy.ops.utter.let_go()
        obj.utter.scope_regions = {"brows"}
        bpy.ops.utter.hold(what="REGIONS")
        assert {held.region_of(c) for c in rig_of(obj).pins()[1]} == {"brows"}
        bpy.ops.utter.let_go(region="brows")
        assert not bake.count_pins(rig_of(obj)) and "Nothing of yours" in refused(bpy.ops.utter.let_go)


def scene_a_frown_is_held_all_through_a_preview_range():
    for kind in KINDS:
        obj, scene = made(kind), bpy.context.scene
        obj.utter.scope_regions = {"brows"}
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 10, 30
        scene.frame_set(20)
        obj.utter.pose.brows_down = 0.8
        shown = [float(pose.row_of(obj)[k]) for k in pose.columns_in(["brows"])]
        assert bpy.ops.utter.hold(what="REGIONS") == {"FINISHED"}
        frames, columns, values = rig_of(obj).pins()
        assert {*frames} == {*range(10, 31)}, (kind, frames)
        assert {held.region_of(column) for column in columns} == {"brows"}
        for frame in sorted({*frames}):
            at = {column: value for when, column, value in zip(frames, columns, values) if when == frame}
            np.testing.assert_allclose([at[k] for k in pose.columns_in(["brows"])], shown, atol=1e-5)
        bpy.ops.utter.let_go()
        scene.frame_set(40)
        bpy.ops.utter.hold(what="REGIONS")
        assert {*rig_of(obj).pins()[0]} == {40}, "outside the range the current frame alone"
        scene.use_preview_range = False


def scene_a_smoothed_curve_is_released_in_one_press():
    obj = made("channels")
    other = key_at(curve_of(obj, "Exp7"), 20)
    other.type = "KEYFRAME"
    curve = some_curve(obj)
    for point in curve.keyframe_points:
        point.co.y *= 0.5
    curve.update()
    assert bake.count_pins(rig_of(obj)) == FRAMES + 1
    assert {held.readable(column): count for column, count in pins.tally(obj).items()} == {"Exp3": FRAMES, "Exp7": 1}
    bpy.ops.utter.let_go(column=2)
    assert bake.count_pins(rig_of(obj)) == 1 and other.type == "KEYFRAME"


def scene_clean_a_stretch():
    for kind in KINDS:
        obj = made(kind)
        obj.utter.scope_regions = {"brows"}
        scene = bpy.context.scene
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 20, 30
        if kind == "channels":
            assert "Curves: Actions" in refused(bpy.ops.utter.clean)
            obj.utter.scope_regions = {"brows", "eyes", "cheeks", "mouth"}
        point = key_at(some_curve(obj), 25)
        point.type = "KEYFRAME"
        bpy.ops.utter.clean()
        left = [round(p.co.x) for p in some_curve(obj).keyframe_points if 20 <= p.co.x <= 30]
        assert left == [25], (kind, left)
        again(obj)
        assert [round(p.co.x) for p in some_curve(obj).keyframe_points if 20 <= p.co.x <= 30] == [25], kind
        assert pins.count_cleaned(obj) >= 1
        bpy.ops.utter.let_go()
        again(obj)
        assert len(some_curve(obj).keyframe_points) == FRAMES
        scene.use_preview_range = False


def scene_select_and_jump():
    obj = made("actions")
    for name, frame in (("browInnerUp", 12), ("jawOpen", 40)):
        key_at(curve_of(obj, name), frame).type = "EXTREME"
    selecting(curve_of(obj, "mouthFunnel"), 5)
    bpy.ops.utter.select_held()
    curves = compat.bag(obj.data.shape_keys).fcurves
    points = [(curve.data_path.split('"')[1], point) for curve in curves for point in curve.keyframe_points]
    chosen = {(name, point.co.x) for name, point in points if point.select_control_point}
    assert chosen == {("browInnerUp", 12), ("jawOpen", 40)}
    bpy.ops.utter.select_held(region="mouth")
    assert not key_at(curve_of(obj, "browInnerUp"), 12).select_control_point and key_at(curve_of(obj, "jawOpen"), 40).select_control_point
    assert bpy.context.scene.frame_current == 20
    bpy.ops.utter.jump_held()
    assert bpy.context.scene.frame_current == 40
    bpy.ops.utter.jump_held(back=True)
    assert bpy.context.scene.frame_current == 12


def scene_soft_keys_work_as_before():
    obj = made("actions")
    curve = some_curve(obj)
    selecting(curve, 20, 21)
    bpy.ops.utter.soften()
    assert bake.count_soft(rig_of(obj)) == 2
    told = performance(rig_of(obj), seed=5)
    bake.rebake(rig_of(obj), told, 1, fps=FPS)
    bake.settle(rig_of(obj), told, np.zeros((0, 2), int), (1, 60), 1, fps=FPS)
    found = bake.sample(rig_of(obj), [20, 21])[:, column("browInnerUp")]
    np.testing.assert_allclose(found, told[19:21, column("browInnerUp")], atol=1e-4)
    assert bake.count_soft(rig_of(obj)) == 2 and not bake.cleaned(rig_of(obj))
    curve = some_curve(obj)
    selecting(curve, 20, 21)
    bpy.ops.utter.soften(soft=False)
    assert bake.count_pins(rig_of(obj)) == 2 and not bake.count_soft(rig_of(obj))
