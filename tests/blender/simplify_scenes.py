"""Simplify: fewer keys that move the mesh alike, every closure kept; what the artist has or does stays; all keys come back. Each scene
starts from an empty file (tests/blender/test_simplify.py plays them)."""

import bpy
import numpy as np

from tests.blender.actions_scenes import builtin_as_arkit
from tests.blender.operator_scenes import refusal

# isort: split
from addon.animation import bake, fullness, simplify, tracks
from addon.panels import finish, pose
from addon.panels import head as heads_room
from addon.rigs import hair, rig_of
from contract import JAW, LIDS
from tests.blender import heads
from tests.blender.marks import once
from tests.blender.scene_life_scenes import VOICE, built_in, chosen, small

LENGTH = 90
SHUT = slice(20, 24)
hair.DEFAULT = hair.NONE  # what hair does has scenes of its own, and takes longer to make and to show than the rest of a head


def speech():
    """A performance [90, 117] that is smooth as speech is, with lips that shut for four frames and a blink."""
    time = np.arange(LENGTH)
    window = np.clip(np.abs(time - 21.5) / 3 - 0.5, 0, 1) ** 2
    motion = heads.motion(LENGTH, 3) * np.r_[np.full(50, 0.3), np.ones(15)]
    motion[:, : JAW.stop] *= window[:, None]
    motion[:, JAW] = 0
    motion[:, JAW.start] = (0.15 + 0.15 * np.sin(time / 4)) * window
    motion[:, LIDS.stop :] *= window[:, None]
    motion[:, LIDS] = 0.1
    motion[40:46, LIDS] = np.array([0.5, 0.95, 1, 0.9, 0.5, 0.2])[:, None]
    actions = (0.25 + 0.25 * np.sin(time[:, None] / np.linspace(3, 9, 52))) * window[:, None]
    return np.concatenate([motion, actions], axis=1).astype(np.float32)


def performing(head, curves="channels"):
    """The rig of a head that performs that, and the frames of it."""
    heads_room.choose(bpy.context.scene, head)
    bpy.context.scene.render.fps = 30
    head.utter.voice = VOICE
    if curves == "actions":
        rig_of(head).set_ways("actions", "keys")
    bake.bake(rig_of(head), speech())
    return rig_of(head), np.arange(1, LENGTH + 1)


def keys_of(rig):
    return {(track.path, track.index): tracks.read(curve) for track in rig.tracks() if (curve := tracks.find(track))}


def same(some, more):
    return some.keys() == more.keys() and all(
        np.array_equal(some[name][field], more[name][field]) for name in some for field in tracks.FIELDS
    )


def meshes(rig, frames):
    """[N, V, 3]: the evaluated mesh, millimetres."""
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame))
        shown = rig.obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        points = np.empty(3 * len(shown.vertices), np.float32)
        shown.vertices.foreach_get("co", points)
        found.append(1000 * points.reshape(-1, 3))
    return np.array(found)


def apart(rig, frames):
    """[N]: how far the lips are further apart than at rest, millimetres."""
    return 1000 * np.maximum(rig.lip_gap(bake.sample(rig, frames)) - rig.lip_gap(np.zeros((1, rig.columns)))[0], 0)


def no_further(now, thin, full, frames):
    """At those frames each value is as it was, or nearer to the full keys."""
    return (np.abs(now - full)[frames] <= np.abs(thin - full)[frames] + 2e-3).all()  # turns of a bone are read from all of its axes


def curve_on(rig, name):
    return tracks.find(next(track for track in rig.tracks() if name in track.path))


def the_mesh_is_within(head, curves):
    rig, frames = performing(head, curves)
    before, gap, full = meshes(rig, frames), apart(rig, frames), keys_of(rig)
    done = finish.simplify(rig.obj, 0.5)
    assert done.after < done.before / 4, (curves, done)
    assert done.after == sum(len(keys["co"]) for keys in keys_of(rig).values())
    off = np.linalg.norm(meshes(rig, frames) - before, axis=2).max()
    assert off <= 0.5 and abs(off - done.off) < 0.05, (curves, off, done.off)
    now, shut = apart(rig, frames), gap <= 0.02 * gap.max()
    assert shut[SHUT].all() and (now - gap)[shut].max() <= 0.06, (curves, (now - gap)[shut].max())
    assert bake.count_pins(rig) == 0 and not bake.cleaned(rig)
    finer = finish.simplify(rig.obj, 0.1)
    assert finer.before == done.before and finer.after > done.after and finer.off <= 0.1, "from the full keys"
    assert bpy.ops.utter.full_keys() == {"FINISHED"}
    assert same(full, keys_of(rig)) and not fullness.simplified(bake.actions(rig))
    assert "has all of its keys" in refusal(bpy.ops.utter.full_keys)


def scene_the_mesh_is_within_what_was_asked_with_a_quarter_of_the_keys():
    the_mesh_is_within(small(), "channels")


@once
def scene_so_it_is_of_a_head_by_channels_and_actions_and_of_a_character():
    for make, curves in ((built_in, "channels"), (built_in, "actions"), (builtin_as_arkit, "")):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        the_mesh_is_within(make(), curves)


def scene_blinks_and_closures_have_keys():
    rig, _ = performing(built_in())
    assert bpy.ops.utter.simplify() == {"FINISHED"}
    at = lambda name: tracks.read(curve_on(rig, name))["co"][:, 0].tolist()
    assert {21.0, 24.0} <= set(at("jaw_x")) and 43.0 in at("lid_left")
    assert "off by" in finish.said(simplify.told(bake.actions(rig)))


def scene_keys_of_the_artist_stay_before_and_after():
    rig, frames = performing(small())
    curve = curve_on(rig, "jaw_x")
    curve.keyframe_points[59].co[1] += 0.2
    curve.keyframe_points.insert(65.5, 0.3)
    curve.update()
    held, shown = tracks.pins(curve), [curve.evaluate(frame) for frame in np.arange(59, 67, 0.25)]
    assert len(held["co"]) == 2
    bpy.ops.utter.simplify()
    curve = curve_on(rig, "jaw_x")
    assert len(curve.keyframe_points) < 60 and same({"": held}, {"": tracks.pins(curve)})
    np.testing.assert_allclose([curve.evaluate(frame) for frame in np.arange(60, 65.9, 0.25)], shown[4:28], atol=0.02)
    assert bake.count_pins(rig) == 2
    for change in ("value", "handle", "frame", "interpolation", "handle type"):
        point = curve.keyframe_points[2]
        if change == "value":
            point.co[1] += 0.05
        elif change == "handle":
            point.handle_right[1] += 0.05
        elif change == "frame":
            point.co[0] += 0.4
        elif change == "interpolation":
            point.interpolation = "CONSTANT"
        else:
            point.handle_right_type = point.handle_left_type = "VECTOR"
        curve.update()
        assert bake.count_pins(rig) == 3, change
        bpy.ops.utter.full_keys()
        assert bake.count_pins(rig) == 3, change
        keys = tracks.read(curve_on(rig, "jaw_x"))
        last = np.flatnonzero(tracks.own(keys) & (keys["co"][:, 0] < 59))
        tracks.release(curve_on(rig, "jaw_x"), captured=False, chosen=np.isin(np.arange(len(keys["co"])), last))
        bpy.ops.utter.simplify()
        curve = curve_on(rig, "jaw_x")
        assert bake.count_pins(rig) == 2, change
    clean = lambda: [first for stretches in bake.cleaned(rig).values() for first, _ in stretches]
    gone, before = curve.keyframe_points[9].co[0], clean()
    curve.keyframe_points.remove(curve.keyframe_points[9])
    curve.update()
    assert clean() == [*before, gone], "what is deleted stays deleted"
    bpy.ops.utter.full_keys()
    assert gone not in tracks.read(curve_on(rig, "jaw_x"))["co"][:, 0] and clean() == [*before, gone]


def inserted(rig, name, frame, by=0.0):
    """Insert a key of the artist's as Blender does, so far from what the curve shows."""
    track = next(track for track in rig.tracks() if name in track.path)
    rig.obj.data.shape_keys.key_blocks[name].value = tracks.find(track).evaluate(frame) + by
    track.owner.keyframe_insert(track.path, frame=frame)
    return tracks.find(track)


def held_at(rig):
    """{(path, frame): value} of the artist's keys."""
    return {
        (track.path, round(float(frame), 2)): float(value)
        for track in rig.tracks()
        for frame, value in tracks.held(tracks.find(track))
        if tracks.find(track)
    }


def scene_a_key_inserted_between_thinned_ones_is_held_and_the_curve_stays():
    rig, frames = performing(small())
    full = keys_of(rig)
    bpy.ops.utter.simplify()
    fine = np.arange(1, LENGTH, 0.25)
    curve = curve_on(rig, "jaw_x")
    when = tracks.read(curve)["co"][:, 0].astype(float)
    wide = int(np.diff(when).argmax())  # between which two keys of ours
    at, shown = when[wide] + 0.7 * (when[wide + 1] - when[wide]), [curve.evaluate(frame) for frame in fine]
    inserted(rig, "jaw_x", at)
    np.testing.assert_allclose([curve_on(rig, "jaw_x").evaluate(frame) for frame in fine], shown, atol=1e-5)
    inserted(rig, "jaw_x", at - 0.6, by=0.1)
    inserted(rig, "jaw_x", when[wide] + 0.3, by=-0.05)  # where the handle beside is left a tenth as long, or less
    own = held_at(rig)
    assert len(own) == 3 == bake.count_pins(rig) and not bake.cleaned(rig)
    curve = curve_on(rig, "jaw_x")
    outside = (fine < when[wide]) | (fine > when[wide + 1])
    np.testing.assert_allclose(np.array([curve.evaluate(frame) for frame in fine])[outside], np.array(shown)[outside], atol=1e-5)

    for begin, fps in ((20000.0, 30.0), (1.0, 24.0), (1.0, 30.0)):  # late in a long scene, and at another frame rate
        bake.move(rig, begin, fps, 1.0)
        assert bake.count_pins(rig) == 3 and not bake.cleaned(rig), (begin, fps)
    moved = curve_on(rig, "jaw_x").keyframe_points
    point = next(point for point in moved if abs(point.co[0] - at) < 0.05)
    point.co[0] += 0.2
    curve_on(rig, "jaw_x").update()
    assert bake.count_pins(rig) == 3, "the artist moves a key of theirs"
    own = held_at(rig)

    pose.set_face(rig.obj, {LIDS.start: 0.7})  # what writes elsewhere leaves all of that
    assert bake.count_pins(rig) == 4 and own.items() <= held_at(rig).items()
    bake.redo(rig, speech() + 0.05, (when[wide] + 1, when[wide] + 3), range(65), 1.0)
    assert bake.count_pins(rig) == 4 and own.items() <= held_at(rig).items(), "drawn anew in part around them"
    assert bpy.ops.utter.full_keys() == {"FINISHED"}
    assert bake.count_pins(rig) == 4 and own.items() <= held_at(rig).items()
    keys = tracks.read(curve_on(rig, "jaw_x"))
    assert (keys["easing"] != tracks.THINNED).all() and len(keys["co"]) == LENGTH + 3
    name = next(name for name in full if "jaw_x" not in name[0] and "lid_left" not in name[0])
    assert np.array_equal(keys_of(rig)[name]["co"][:39], full[name]["co"][:39]), "before what was drawn anew"

    bpy.ops.utter.simplify()
    assert bake.count_pins(rig) == 4 and own.items() <= held_at(rig).items()
    assert fullness.simplified(bake.actions(rig)) and len(curve_on(rig, "jaw_x").keyframe_points) < LENGTH
    bake.rebake(rig, speech() + 0.1)
    assert bake.count_pins(rig) == 4 and own.items() <= held_at(rig).items(), "drawn anew as a whole"


def scene_a_key_put_where_a_thinned_one_was_deleted_is_held_alone():
    for share in (0.3, 0.9):  # of the way between those that are left: before and after the one that is gone
        bpy.ops.wm.read_factory_settings(use_empty=True)
        rig, frames = performing(small())
        bpy.ops.utter.simplify()
        curve = curve_on(rig, "jaw_x")
        when = tracks.read(curve)["co"][:, 0].astype(float)
        gone = 1 + int((when[2:] - when[:-2]).argmax())
        curve.keyframe_points.remove(curve.keyframe_points[gone])
        curve.update()
        assert bake.count_pins(rig) == 0 and sum(map(len, bake.cleaned(rig).values())) == 1
        at = when[gone - 1] + share * (when[gone + 1] - when[gone - 1])
        inserted(rig, "jaw_x", at, by=0.1)
        (held,) = held_at(rig).items()
        assert abs(held[0][1] - at) < 0.01, (share, held)
        bake.rebake(rig, speech() + 0.1)
        assert dict([held]) == held_at(rig)


def scene_a_handle_made_shorter_or_longer_is_the_artists():
    for factor in (0.5, 1.5):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        rig, _ = performing(small())
        bpy.ops.utter.simplify()
        curve = curve_on(rig, "jaw_x")
        point = curve.keyframe_points[int(np.diff(tracks.read(curve)["co"][:, 0]).argmax())]
        point.handle_right = [middle + factor * (end - middle) for middle, end in zip(point.co, point.handle_right)]
        curve.update()
        assert bake.count_pins(rig) == 1, factor


def scene_drawn_anew_there_are_full_keys_there_and_only_there():
    rig, frames = performing(small())
    full = bake.sample(rig, frames)
    bpy.ops.utter.simplify()
    thin = bake.sample(rig, frames)
    other = speech() + 0.1
    bake.redo(rig, other, (40.0, 60.0), range(65), 1.0)
    keys = tracks.read(curve_on(rig, "jaw_x"))
    assert set(range(40, 61)) <= set(keys["co"][:, 0].astype(int)) and len(keys["co"]) < 70
    assert bake.count_pins(rig) == 0 and not bake.cleaned(rig)
    now = bake.sample(rig, frames)
    np.testing.assert_allclose(now[39:60, JAW.start], other[39:60, JAW.start], atol=1e-4)
    assert no_further(now, thin, full, np.r_[0:38, 61:90])
    assert (np.abs(now - thin)[np.r_[0:10, 85:90]] < 1e-4).mean() > 0.5
    bpy.ops.utter.full_keys()
    now = bake.sample(rig, frames)
    np.testing.assert_allclose(now[np.r_[0:38, 61:90]], full[np.r_[0:38, 61:90]], atol=1e-5)
    np.testing.assert_allclose(now[39:60, JAW.start], other[39:60, JAW.start], atol=1e-4)
    bpy.ops.utter.simplify()
    bake.rebake(rig, other)
    assert not fullness.simplified(bake.actions(rig)) and bake.count_pins(rig) == 0


def scene_sliders_bring_all_keys_back_and_reset_is_exact():
    rig, frames = performing(small())
    raw, sampled = keys_of(rig), bake.sample(rig, frames)
    settings = rig.obj.utter.finish
    settings.jaw = 0.5
    finished = keys_of(rig)
    bpy.ops.utter.simplify()
    assert len(curve_on(rig, "jaw_x").keyframe_points) < 45
    bpy.ops.utter.full_keys()
    assert same(finished, keys_of(rig))
    bpy.ops.utter.simplify()
    settings.jaw = 0.7
    assert simplify.told(bake.actions(rig)) is None and len(curve_on(rig, "jaw_x").keyframe_points) == LENGTH
    bpy.ops.utter.simplify()
    assert bpy.ops.utter.reset_finish() == {"FINISHED"} and settings.jaw == 1.0
    assert same(raw, keys_of(rig)) and not fullness.simplified(bake.actions(rig))
    bpy.ops.utter.simplify()
    assert bpy.ops.utter.reset_finish() == {"FINISHED"} and same(raw, keys_of(rig))
    np.testing.assert_array_equal(bake.sample(rig, frames), sampled)


def scene_it_travels_in_time_with_undo_and_leaves_a_duplicate_alone():
    rig, frames = performing(small())
    sampled = bake.sample(rig, frames)
    bpy.ops.ed.undo_push(message="performed")
    bpy.ops.utter.simplify()
    thin = bake.sample(rig_of(bpy.data.objects["Head"]), frames)
    bpy.ops.ed.undo_push(message="simplified")
    bpy.ops.ed.undo()
    rig = rig_of(bpy.data.objects["Head"])
    assert not fullness.simplified(bake.actions(rig))
    np.testing.assert_array_equal(bake.sample(rig, frames), sampled)
    bpy.ops.utter.simplify()
    bake.move(rig, 31.0, 24.0, 1.0)
    at = 31 + (frames - 1) * 24 / 30
    np.testing.assert_allclose(bake.sample(rig, at), thin, atol=1e-4)
    assert bake.count_pins(rig) == 0 and not bake.cleaned(rig)
    bpy.ops.object.duplicate()
    twin = rig_of(bpy.context.view_layer.objects.active)
    finish.make_full(twin.obj)
    np.testing.assert_allclose(bake.sample(rig_of(twin.obj), at), sampled, atol=1e-4)
    assert fullness.simplified(bake.actions(rig)) and not fullness.simplified(bake.actions(twin))


def scene_what_cannot_be_simplified_is_said_and_nothing_is_lost():
    head = chosen(small())
    assert "Perform first" in refusal(bpy.ops.utter.simplify)
    rig, _ = performing(head)
    before = keys_of(rig)
    curve = curve_on(rig, "jaw_x")
    curve.modifiers.new("NOISE")
    assert finish.simplify(head, 0.5).left == (curve.data_path,)
    assert len(curve_on(rig, "jaw_x").keyframe_points) == LENGTH, "it keeps its keys"
    bpy.ops.utter.full_keys()
    assert same(before, keys_of(rig))
    owner = rig.owners()[0]
    track = owner.animation_data.nla_tracks.new()
    track.strips.new("Another", 200, bpy.data.actions.new("Another"))
    action = owner.animation_data.action
    owner.animation_data.action = None
    track.select = track.strips[0].select = True
    owner.animation_data.nla_tracks.active = track
    owner.animation_data.use_tweak_mode = True
    if owner.animation_data.use_tweak_mode:
        assert "Perform first" in refusal(bpy.ops.utter.simplify) or "tweak mode" in refusal(bpy.ops.utter.simplify)
    owner.animation_data.use_tweak_mode = False
    assert action.users or action in bpy.data.actions.values()


def scene_a_pose_on_a_simplified_take_is_local():
    rig, frames = performing(small())
    full = bake.sample(rig, frames)
    bpy.ops.utter.simplify()
    thin = bake.sample(rig, frames)
    bpy.context.scene.frame_set(50)
    pose.set_face(rig.obj, {JAW.start: 0.4})
    now = bake.sample(rig_of(rig.obj), frames)
    assert abs(now[49, JAW.start] - 0.4) < 1e-5 and bake.count_pins(rig) == 1
    assert no_further(now, thin, full, np.r_[0:48, 51:90])
