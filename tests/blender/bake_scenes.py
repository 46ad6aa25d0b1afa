"""What must hold of a bake, whatever the Blender. Each scene starts from an empty file (tests/blender/test_bake.py plays them)."""

import tempfile
from pathlib import Path

import bpy
import numpy as np

from addon import compat
from addon.animation import bake, curves, tracks
from addon.rigs import find, making, recognise, reshape, rig_of  # noqa: F401  # noqa: E402
from addon.rigs.axes import TO_BLENDER
from addon.rigs.base import armature as armature_of
from addon.rigs.base import key_points  # noqa: F401
from addon.rigs.flame import PROPERTY
from contract import UtterError
from tests.blender import heads

FRAMES = 90


def head(name="Head", **options):
    with tempfile.TemporaryDirectory() as folder:
        heads.write(Path(folder) / "head.npz")
        obj = making.build(Path(folder) / "head.npz", name, **options)
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 1
    return obj


def evaluated(obj, frame):
    """Vertices of the deformed mesh at a scene frame, in FLAME's axes [V,3]."""
    whole = int(np.floor(frame))
    bpy.context.scene.frame_set(whole, subframe=frame - whole)
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3) @ TO_BLENDER


def baked(obj, motion, start, jaw):
    """Bake with the jaw as keys or as a bone."""
    rig = rig_of(obj)
    rig.set_jaw(jaw)
    return bake.bake(rig, motion, start)


def curve_of(obj, key):
    return compat.bag(obj.data.shape_keys).fcurves.find(f'key_blocks["{key}"].value')


def keys_of(curve):
    return [
        (tuple(p.co), tuple(p.handle_left), tuple(p.handle_right), p.type, p.handle_left_type, p.handle_right_type, p.interpolation)
        for p in curve.keyframe_points
    ]


def refused(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except UtterError as error:
        return str(error)
    raise AssertionError("it was not refused")


def rotation(vector):
    """Rodrigues, written out once more."""
    angle = np.linalg.norm(vector)
    x, y, z = vector / angle if angle else vector
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def skinned(arrays, row, jaw):
    """FLAME's linear blend skinning of the made-up head for one row of a Motion: [V,3]."""
    values = row.copy()
    if jaw == "bone":
        values[50:53] = 0
    vertices = arrays["vertices"] + np.einsum("k,kvc->vc", values[arrays["key_channels"]], arrays["key_deltas"])
    joints = arrays["joint_positions"]
    local = [np.zeros(3), row[53:56], row[50:53] if jaw == "bone" else np.zeros(3), np.r_[row[56:58], 0], np.r_[row[58:60], 0]]
    chain = []
    for j, parent in enumerate(arrays["joint_parents"]):
        world = np.eye(4)
        world[:3, :3] = rotation(local[j])
        world[:3, 3] = joints[j] - world[:3, :3] @ joints[j]
        chain.append(chain[parent] @ world if parent >= 0 else world)
    per_vertex = np.einsum("vj,jab->vab", arrays["weights"] / arrays["weights"].sum(1, keepdims=True), chain)
    return np.einsum("vab,vb->va", per_vertex[:, :3, :3], vertices) + per_vertex[:, :3, 3]


def scene_curves_equal_the_motion():
    for jaw in ("keys", "bone"):
        obj, motion = head(jaw=jaw), heads.motion(FRAMES)
        bake.bake(rig_of(obj), motion, 11)
        found = bake.sample(rig_of(obj), np.arange(11, 11 + FRAMES))
        np.testing.assert_allclose(found, motion, atol=2e-6)


def scene_the_mesh_moves_as_flame_says():
    with tempfile.TemporaryDirectory() as folder:
        arrays = heads.write(Path(folder) / "head.npz")
    motion = heads.motion(FRAMES)
    for jaw in ("keys", "bone"):
        obj = head(jaw=jaw)
        bake.bake(rig_of(obj), motion, 1)
        for i in (0, 17, 60):
            np.testing.assert_allclose(evaluated(obj, 1 + i), skinned(arrays, motion[i], jaw), atol=2e-6)


def scene_closures_and_blinks_survive_every_frame_rate():
    for fps, base in ((24, 1), (25, 1), (24, 1.001), (60, 1)):
        obj = head()
        bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = fps, base
        rate = bake.scene_fps()
        motion = np.zeros((FRAMES, 65), np.float32)
        motion[:, 50] = 0.3
        closures, blinks = [7, 12, 20, 31, 33, 50, 61, 78], [15, 44]
        motion[closures, 50] = 0
        motion[blinks, 60:62] = 1
        bake.bake(rig_of(obj), motion, 1)
        told = obj[PROPERTY]["lips"]
        rest = np.diff(np.array([obj.data.shape_keys.reference_key.data[i].co for i in told]), axis=0)
        widest = evaluated(obj, 1)
        widest = np.linalg.norm(widest[told[0]] - widest[told[1]]) - np.linalg.norm(rest)
        for closure in closures:
            frame = 1 + closure / 30 * rate
            shut = min(
                (evaluated(obj, n) for n in {int(np.floor(frame)), int(np.ceil(frame))}),
                key=lambda v: np.linalg.norm(v[told[0]] - v[told[1]]),
            )
            gap = np.linalg.norm(shut[told[0]] - shut[told[1]]) - np.linalg.norm(rest)
            assert gap < 0.02 * widest, f"open by {gap / widest:.2f} at frame {frame} of {rate} fps"
        for blink in blinks:
            frame = 1 + blink / 30 * rate
            lids = bake.sample(rig_of(obj), [np.floor(frame), np.ceil(frame)])[:, 60:62]
            assert lids.max(axis=0).min() > 0.98, (rate, blink, lids)


def scene_an_artists_action_plays_on_untouched_and_comes_back():
    obj = head()
    keys, armature = obj.data.shape_keys, armature_of(obj)
    own = obj.shape_key_add(name="Wart")
    for frame, value in ((1, 0), (50, 1)):
        own.value = value
        own.keyframe_insert("value", frame=frame)
        keys.key_blocks["Exp1"].value = 3 * value
        keys.key_blocks["Exp1"].keyframe_insert("value", frame=frame)
        armature.location.z = value
        armature.keyframe_insert("location", index=2, frame=frame)
    theirs = keys.animation_data.action, armature.animation_data.action
    before = [keys_of(curve) for owner in (keys, armature) for curve in compat.bag(owner).fcurves]
    motion = heads.motion(FRAMES)
    baked = bake.bake(rig_of(obj), motion, 1)
    assert set(baked.set_aside) == {action.name for action in theirs}
    assert all(action not in baked.actions and action.use_fake_user for action in theirs)
    np.testing.assert_allclose(bake.sample(rig_of(obj), np.arange(1, 1 + FRAMES)), motion, atol=2e-6)
    bpy.context.scene.frame_set(50)
    obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert abs(keys.key_blocks["Wart"].value - 1) < 1e-5 and abs(armature.location.z - 1) < 1e-5, "theirs stopped playing"
    assert abs(keys.key_blocks["Exp1"].value - motion[49, 0]) < 1e-5, "ours must win on our channels"
    bake.bake(rig_of(obj), heads.motion(FRAMES, seed=9), 1)
    assert bake.clear(rig_of(obj))
    assert (keys.animation_data.action, armature.animation_data.action) == theirs
    assert [keys_of(curve) for owner in (keys, armature) for curve in compat.bag(owner).fcurves] == before
    assert not keys.animation_data.nla_tracks and not armature.animation_data.nla_tracks


def scene_pins_are_read_exactly_and_rebaking_leaves_them():
    obj = head()
    bake.bake(rig_of(obj), heads.motion(FRAMES), 5)
    values, mask = bake.read_pins(rig_of(obj), 5, FRAMES)
    assert not mask.any()
    smile = curve_of(obj, "Exp3")
    point = smile.keyframe_points.insert(5 + 30, 2.75, keyframe_type="EXTREME")
    point.type, point.handle_left_type, point.handle_right_type = "EXTREME", "FREE", "FREE"
    point.handle_left, point.handle_right = (34.1, 2.5), (35.7, 2.9)
    between = curve_of(obj, "jaw_x").keyframe_points.insert(5 + 60.5, 0.42)
    between.type, between.handle_left_type, between.handle_right_type = "KEYFRAME", "VECTOR", "VECTOR"
    neck = armature_of(obj).pose.bones["neck"]
    neck.rotation_euler = (0.25, 0, 0)
    neck.keyframe_insert("rotation_euler", index=0, frame=5 + 12.5)
    values, mask = bake.read_pins(rig_of(obj), 5, FRAMES)
    assert {(int(t), int(c)) for t, c in np.argwhere(mask)} == {(30, 2), (60, 50), (61, 50), (12, 53), (13, 53)}
    assert values[30, 2] == np.float32(2.75) and values[60, 50] == values[61, 50] == np.float32(0.42)
    assert abs(values[12, 53] - 0.25) < 0.03  # beside yaw and roll, an Euler angle is nearly the axis-angle's x

    held = [keys_of(smile), keys_of(curve_of(obj, "jaw_x"))]
    new = heads.motion(FRAMES, seed=7)
    new[mask] = values[mask]
    bake.rebake(rig_of(obj), new, 5)
    after = [keys_of(curve_of(obj, "Exp3")), keys_of(curve_of(obj, "jaw_x"))]
    pins = [[key for key in keys if key[3] != "GENERATED"] for keys in after]
    assert pins == [[key for key in keys if key[3] != "GENERATED"] for keys in held] and [len(p) for p in pins] == [1, 1]
    assert len(after[0]) == FRAMES and len(after[1]) == FRAMES + 1
    bones = [
        p
        for c in compat.bag(armature_of(obj)).fcurves
        if c.data_path == 'pose.bones["neck"].rotation_euler'
        for p in c.keyframe_points
        if p.type != "GENERATED"
    ]
    assert [tuple(p.co) for p in bones] == [(17.5, 0.25)]
    found = bake.sample(rig_of(obj), np.arange(5, 5 + FRAMES))
    others = np.ones(65, bool)
    others[53:56] = False
    np.testing.assert_allclose(found[:, others], new[:, others], atol=2e-6)
    again, still = bake.read_pins(rig_of(obj), 5, FRAMES)
    np.testing.assert_array_equal(still, mask)
    bake.bake(rig_of(obj), new, 5)  # performing anew takes pins away
    assert not bake.read_pins(rig_of(obj), 5, FRAMES)[1].any()


def scene_keying_over_or_moving_one_of_our_keys_pins_it():
    obj = head()
    bake.bake(rig_of(obj), heads.motion(FRAMES), 1)
    block = obj.data.shape_keys.key_blocks["Exp5"]
    block.value = 4.5
    block.keyframe_insert("value", frame=20)  # Blender keeps the type of a key it replaces
    curve_of(obj, "lid_left").keyframe_points[40].co.y = 1.25  # as dragging does
    values, mask = bake.read_pins(rig_of(obj), 1, FRAMES)
    assert [tuple(map(int, at)) for at in np.argwhere(mask)] == [(19, 4), (40, 60)]
    assert values[19, 4] == 4.5 and values[40, 60] == 1.25
    new = heads.motion(FRAMES, seed=3)
    bake.rebake(rig_of(obj), new, 1)
    again, still = bake.read_pins(rig_of(obj), 1, FRAMES)
    np.testing.assert_array_equal(still, mask)
    np.testing.assert_array_equal(again, values)
    assert curve_of(obj, "Exp5").keyframe_points[19].type == "KEYFRAME"
    new[mask] = values[mask]
    np.testing.assert_allclose(bake.sample(rig_of(obj), np.arange(1, 1 + FRAMES)), new, atol=2e-6)


def scene_pins_at_24_fps():
    obj = head()
    bpy.context.scene.render.fps = 24
    bake.bake(rig_of(obj), heads.motion(FRAMES), 1)
    curve = curve_of(obj, "Exp2")
    for frame, value in ((1 + 8, 2.0), (1 + 33, -1.0)):  # at 30 fps: 10 exactly, and 41.25
        curve.keyframe_points.insert(frame, value)
        curve.update()
    values, mask = bake.read_pins(rig_of(obj), 1, FRAMES)
    assert [tuple(map(int, at)) for at in np.argwhere(mask)] == [(10, 1), (41, 1), (42, 1)]
    assert values[10, 1] == 2 and values[41, 1] == values[42, 1] == -1
    new = heads.motion(FRAMES, seed=3)
    new[mask] = values[mask]
    bake.rebake(rig_of(obj), new, 1)
    assert abs(curve_of(obj, "Exp2").evaluate(9) - 2) < 1e-6 and abs(curve_of(obj, "Exp2").evaluate(34) + 1) < 1e-6
    assert len(curve_of(obj, "Exp2").keyframe_points) == len(curve_of(obj, "Exp1").keyframe_points)


def scene_sliders_are_widened_before_blender_clamps():
    obj = head()
    motion = heads.motion(FRAMES)
    motion[:, 0] = np.linspace(-9.5, 8, FRAMES)
    motion[:, 1] = np.linspace(-30, 30, FRAMES)  # beyond what Blender's sliders reach
    bake.bake(rig_of(obj), motion, 1)
    block = obj.data.shape_keys.key_blocks
    bpy.context.scene.frame_set(1)
    assert abs(block["Exp1"].value + 9.5) < 1e-5 and block["Exp2"].value == -10
    bpy.context.scene.frame_set(FRAMES)
    assert abs(block["Exp1"].value - 8) < 1e-5 and block["Exp2"].value == 10
    assert block["lid_left"].slider_max < 5, "a lid's slider stays usable by hand"


def scene_one_action_where_blender_has_slots():
    obj = head()
    baked = bake.bake(rig_of(obj), heads.motion(FRAMES), 1, name="Line 12")
    owners = obj.data.shape_keys, armature_of(obj)
    assert all(tracks.owned(action) for action in baked.actions)
    if compat.SLOTS:
        assert len(baked.actions) == 1 and sorted(slot.target_id_type for slot in baked.actions[0].slots) == ["KEY", "OBJECT"]
        assert all(owner.animation_data.action == baked.actions[0] and owner.animation_data.action_slot for owner in owners)
        assert baked.actions[0].name == "Line 12"
    else:
        assert len(baked.actions) == 2 and [owner.animation_data.action for owner in owners] == baked.actions
    again = bake.bake(rig_of(obj), heads.motion(30, seed=2), 1)
    assert again.actions == baked.actions and len(bpy.data.actions) == len(baked.actions)
    assert max(p.co.x for p in curve_of(obj, "Exp1").keyframe_points) == 30, "nothing of the longer performance is left"


def scene_every_key_is_generated_and_a_still_channel_needs_two():
    obj = head()
    motion = heads.motion(FRAMES)
    motion[:, 62:65] = 0
    bake.bake(rig_of(obj), motion, 1)
    curves_made = [*compat.bag(obj.data.shape_keys).fcurves, *compat.bag(armature_of(obj)).fcurves]
    assert {p.type for c in curves_made for p in c.keyframe_points} == {"GENERATED"}
    assert len(curve_of(obj, "tongue_out").keyframe_points) == 2 and len(curve_of(obj, "Exp1").keyframe_points) == FRAMES
    ours = {p.handle_left_type for p in curve_of(obj, "Exp1").keyframe_points}
    assert ours == {"AUTO_CLAMPED"}


def scene_changing_the_jaw_leaves_no_second_jaw():
    obj = head()
    motion = heads.motion(FRAMES)
    baked(obj, motion, 1, "keys")
    baked(obj, motion, 1, "bone")
    assert curve_of(obj, "jaw_x") is None and rig_of(obj).jaw == "bone"
    assert obj.data.shape_keys.key_blocks["jaw_x"].value == 0
    np.testing.assert_allclose(bake.sample(rig_of(obj), np.arange(1, 1 + FRAMES)), motion, atol=2e-6)
    baked(obj, motion, 1, "keys")
    assert not [c for c in compat.bag(armature_of(obj)).fcurves if '"jaw"' in c.data_path]
    np.testing.assert_allclose(bake.sample(rig_of(obj), np.arange(1, 1 + FRAMES)), motion, atol=2e-6)


def scene_clearing_leaves_the_head_as_it_was():
    obj = head()
    assert not bake.clear(rig_of(obj))
    rest = evaluated(obj, 1)
    bake.bake(rig_of(obj), heads.motion(FRAMES), 1)
    assert np.abs(evaluated(obj, 20) - rest).max() > 1e-3
    assert bake.clear(rig_of(obj)) and not bpy.data.actions and not bake.actions(rig_of(obj))
    np.testing.assert_array_equal(evaluated(obj, 20), rest)


def scene_what_the_artist_keyed_into_our_action_survives():
    obj = head()
    bake.bake(rig_of(obj), heads.motion(FRAMES), 1)
    armature = armature_of(obj)
    wart = obj.shape_key_add(name="Wart")
    wart.keyframe_insert("value", frame=3)
    armature.keyframe_insert("location", frame=3)
    bake.bake(rig_of(obj), heads.motion(FRAMES, seed=4), 1)
    bake.clear(rig_of(obj))
    assert [c.data_path for c in compat.bag(obj.data.shape_keys).fcurves] == ['key_blocks["Wart"].value']
    assert {c.data_path for c in compat.bag(armature).fcurves} == {"location"}


def scene_a_duplicate_gets_a_performance_of_its_own():
    obj = head()
    first, second = heads.motion(FRAMES), heads.motion(FRAMES, seed=8)
    bake.bake(rig_of(obj), first, 1)
    copy, armature = obj.copy(), armature_of(obj).copy()
    copy.data = obj.data.copy()
    copy.parent = copy.modifiers[0].object = armature
    for new in (copy, armature):
        bpy.context.collection.objects.link(new)
    bake.bake(rig_of(copy), second, 1)
    np.testing.assert_allclose(bake.sample(rig_of(obj), np.arange(1, 1 + FRAMES)), first, atol=2e-6)
    np.testing.assert_allclose(bake.sample(rig_of(copy), np.arange(1, 1 + FRAMES)), second, atol=2e-6)


def scene_bones_of_other_rest_poses_and_modes_turn_alike():
    with tempfile.TemporaryDirectory() as folder:
        arrays = heads.write(Path(folder) / "head.npz")
    motion = heads.motion(FRAMES)
    tails = {"neck": ((0, -0.05, 0), 0.4), "jaw": ((0.02, -0.03, -0.01), 1.1), "eye_left": ((0, -1, 0), 0)}
    for mode in ("QUATERNION", "AXIS_ANGLE", "ZYX", "YXZ", "XZY"):
        obj = head(jaw="bone")
        armature = armature_of(obj)
        bpy.context.view_layer.objects.active = armature
        bpy.ops.object.mode_set(mode="EDIT")
        for bone, (direction, roll) in tails.items():
            edit = armature.data.edit_bones[bone]
            edit.tail = edit.head + type(edit.head)(direction)
            edit.roll = roll
        bpy.ops.object.mode_set(mode="OBJECT")
        for bone in armature.pose.bones:
            bone.rotation_mode = mode
        bake.bake(rig_of(obj), motion, 1)
        for i in (0, 33):
            np.testing.assert_allclose(evaluated(obj, 1 + i), skinned(arrays, motion[i], "bone"), atol=3e-6)
        np.testing.assert_allclose(bake.sample(rig_of(obj), np.arange(1, 1 + FRAMES)), motion, atol=5e-6)
        bake.clear(rig_of(obj))
        np.testing.assert_allclose(evaluated(obj, 40), arrays["vertices"], atol=1e-6)


def scene_takes_and_starts_that_are_not_whole():
    obj = head()
    motion = heads.motion(FRAMES)
    bake.bake(rig_of(obj), motion, -3.5)
    found = bake.sample(rig_of(obj), np.arange(-3, -3 + FRAMES - 1))
    expected = curves.interpolate(motion, np.arange(FRAMES - 1) + 0.5)
    np.testing.assert_allclose(found[:, 53:60], expected[:, 53:60], atol=2e-6)


def scene_a_motion_of_one_frame_is_one_key():
    obj = head()
    bake.bake(rig_of(obj), heads.motion(1), 4)
    assert [tuple(p.co) for p in curve_of(obj, "jaw_x").keyframe_points] == [(4, heads.motion(1)[0, 50])]


def scene_refusals_change_nothing():
    obj = head()
    motion = heads.motion(FRAMES)
    broken = motion.copy()
    broken[3, 4] = np.nan
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    for bad in (broken, motion[:, :60], motion[:0]):
        assert "perform again" in refused(bake.bake, rig_of(obj), bad, 1)
    assert refused(rig_of, cube) and refused(rig_of, None)
    assert not bpy.data.actions and obj.data.shape_keys.animation_data is None
