"""Faces that move by bones: poses recorded, of a library, and found by what the bones move; performed, held, read back, saved. Each scene
starts from an empty file (tests/blender/test_bones.py plays them)."""

import tempfile
from pathlib import Path

import bpy
import numpy as np

import addon
from tests.blender import actions_scenes, heads, maps_scenes

if not addon._undo:
    addon.register()
from addon import compat, rigs
from addon.animation import bake
from addon.animation.obstacles import obstacles
from addon.maps import rows
from addon.maps.ours import ours
from addon.rigs import bones, mapped, parts, poses
from addon.rigs.axes import TO_BLENDER
from addon.work import jobs
from contract import ACTIONS, PERFORMANCE

ROOT = Path(__file__).resolve().parents[2]
FRAMES, column, refused = actions_scenes.FRAMES, actions_scenes.column, maps_scenes.refused
WEIGHTS = {  # Rigify's bones, and of which of our actions each has what it moves
    "jaw_master": "jawOpen",
    **{f"lips.{side[0]}": f"mouthSmile{side}" for side in ("Left", "Right")},
    **{f"lid.T.{side[0]}.002": f"eyeBlink{side}" for side in ("Left", "Right")},
    **{f"brow.T.{side[0]}.003": f"browOuterUp{side}" for side in ("Left", "Right")},
    "lip.T": "mouthRollUpper",
    "lip.B": "mouthRollLower",
}


def boned(names=lambda name: name, mode="QUATERNION"):
    """The built-in head's skin without keys, moved by bones that lie where Rigify's would: (mesh, armature). names: what each is called."""
    obj = maps_scenes.built_in({})
    obj.shape_key_clear()
    far = {name: np.linalg.norm(moves, axis=1) for name, moves in heads.actions().items()}
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    marks = {name: TO_BLENDER @ ours().marks[mark] for mark, name in bones.kinds()[0].marks.items()}
    jaw = TO_BLENDER @ [0, -0.02, 0.0]
    places = {"head": ((0, 0, -0.05), (0, 0, 0.1), ""), "jaw_master": (tuple(jaw), tuple(marks["chin.001"]), "head")}
    under = lambda name: "jaw_master" if name in ("lip.B", "chin.001") else "head"
    places |= {name: (tuple(place), tuple(place + [0, -0.01, 0]), under(name)) for name, place in marks.items()}
    maps_scenes.bones(rig, {names(name): (head, tail, names(parent) if parent else "") for name, (head, tail, parent) in places.items()})
    left = np.ones(len(obj.data.vertices))
    for name, action in WEIGHTS.items():
        weight = np.minimum(far[action] / far[action].max(), left)
        left = left - weight
        group = obj.vertex_groups.new(name=names(name))
        for vertex in np.flatnonzero(weight > 1e-3):
            group.add([int(vertex)], float(weight[vertex]), "REPLACE")
    group = obj.vertex_groups.new(name=names("head"))
    for vertex, weight in enumerate(left):
        group.add([vertex], float(weight), "REPLACE")
    obj.modifiers.new("Armature", "ARMATURE").object = rig
    obj.parent = rig
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    bpy.context.view_layer.objects.active = obj
    bpy.context.view_layer.update()
    return obj, rig


def record(obj, rig, action, **posed):
    """Pose bones {name: nine numbers}, record that, and put them to rest."""
    for name, numbers in posed.items():
        poses.put(rig.pose.bones[name], numbers)
    assert bpy.ops.utter.record_pose(action=action) == {"FINISHED"}
    for name in posed:
        poses.put(rig.pose.bones[name], (0,) * 9)


def told(**values):
    """A performance whose actions swell to these values."""
    samples = np.zeros((FRAMES, PERFORMANCE), np.float32)
    for name, value in values.items():
        samples[:, column(name)] = value * np.sin(np.linspace(0, np.pi, FRAMES))
    return samples


def scene_recorded_poses_add_up_in_every_rotation_mode():
    for mode in ("QUATERNION", "XYZ", "ZYX", "AXIS_ANGLE"):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        obj, rig = boned(lambda name: f"my {name}", mode)
        assert rigs.recognise(obj).state != "ready" and "pose the face" in refused(lambda: bpy.ops.utter.record_pose(action="jawOpen"))
        jaw, lips = "my jaw_master", "my lip.B"
        record(obj, rig, "jawOpen", **{jaw: (0, 0, 0, -0.3, 0, 0.1, 0, 0, 0), lips: (0, 0, -0.004, 0, 0, 0, 0, 0, 0)})
        record(obj, rig, "mouthFunnel", **{jaw: (0, 0.002, 0, -0.1, 0, 0, 0, 0, 0), lips: (0, 0, 0, 0, 0, 0, 0.2, 0.2, 0)})
        seen = rigs.recognise(obj)
        assert seen.state == "ready" and "2 poses of its bones" in seen.reason, seen
        assert rigs.find(bpy.context, others=False) == obj
        moved = told(jawOpen=0.5, mouthFunnel=0.8)
        baked = bake.bake(rigs.rig_of(obj), moved, 1)
        assert len(baked.actions) == 1 and not obstacles(rigs.rig_of(obj)), obstacles(rigs.rig_of(obj))
        bpy.context.scene.frame_set(31)
        open_, round_ = moved[30, column("jawOpen")], moved[30, column("mouthFunnel")]
        np.testing.assert_allclose(
            poses.now(rig.pose.bones[jaw]),
            np.multiply(open_, (0, 0, 0, -0.3, 0, 0.1, 0, 0, 0)) + np.multiply(round_, (0, 0.002, 0, -0.1, 0, 0, 0, 0, 0)),
            atol=2e-5,
        )
        np.testing.assert_allclose(poses.now(rig.pose.bones[lips])[6:], (0.2 * round_, 0.2 * round_, 0), atol=2e-5)
        found = bake.sample(rigs.rig_of(obj), np.arange(1, 1 + FRAMES))
        for name in ("jawOpen", "mouthFunnel"):
            np.testing.assert_allclose(found[:, column(name)], moved[:, column(name)], atol=0.01)
        bake.clear(rigs.rig_of(obj))
        assert not bpy.data.actions and np.abs(poses.now(rig.pose.bones[jaw])).max() < 1e-6


def scene_a_held_bone_is_met_exactly_and_read_back():
    obj, rig = boned()
    record(obj, rig, "jawOpen", jaw_master=(0, 0, 0, -0.3, 0, 0, 0, 0, 0))
    record(obj, rig, "mouthSmileLeft", **{"lips.L": (0.004, 0, 0.006, 0, 0, 0, 0, 0, 0)})
    bake.bake(rigs.rig_of(obj), told(jawOpen=0.2, mouthSmileLeft=0.5), 1)
    bone = rig.pose.bones["lips.L"]
    bone.location = (0.0036, 0, 0.0054)
    bone.keyframe_insert("location", frame=40)
    poses.put(rig.pose.bones["jaw_master"], (0, 0, 0, -0.24, 0, 0, 0, 0, 0))
    rig.pose.bones["jaw_master"].keyframe_insert("rotation_quaternion", frame=50)
    values, mask = bake.read_pins(rigs.rig_of(obj), 1, FRAMES)
    assert {(int(frame), ACTIONS[c - 65]) for frame, c in zip(*np.nonzero(mask))} == {(39, "mouthSmileLeft"), (49, "jawOpen")}
    assert abs(values[39, column("mouthSmileLeft")] - 0.9) < 1e-3 and abs(values[49, column("jawOpen")] - 0.8) < 1e-3
    bake.rebake(rigs.rig_of(obj), told(jawOpen=0.7), 1)
    bpy.context.scene.frame_set(40)
    np.testing.assert_allclose(bone.location, (0.0036, 0, 0.0054), atol=1e-7)
    bpy.context.scene.frame_set(50)
    np.testing.assert_allclose(poses.now(rig.pose.bones["jaw_master"])[3:6], (-0.24, 0, 0), atol=1e-5)
    kept = rigs.rig_of(obj)
    assert {kept.columns_of()[track] for track in bake.held(kept)} == {column("mouthSmileLeft"), column("jawOpen")}


def scene_poses_of_a_library_are_known_by_their_names():
    obj, rig = boned(lambda name: f"my {name}")
    assert "no pose asset" in refused(bpy.ops.utter.read_poses)
    wanted = {"Jaw_Open": ("my jaw_master", 3, -0.3), "Blink_L": ("my lid.T.L.002", 2, -0.006), "Wink": ("my lips.L", 0, 0.01)}
    for name, (bone, place, value) in wanted.items():
        poses.put(rig.pose.bones[bone], tuple(value if k == place else 0.0 for k in range(9)))
        action = bpy.data.actions.new(name)
        (rig.animation_data or rig.animation_data_create()).action = action
        for path in ("location", "rotation_quaternion"):
            rig.pose.bones[bone].keyframe_insert(path, frame=1)
        action.use_fake_user = True
        action.asset_mark()
        rig.animation_data.action = None
        poses.put(rig.pose.bones[bone], (0,) * 9)
    assert bpy.ops.utter.read_poses() == {"FINISHED"}
    told_ = {row.target: row for row in rigs.rig_of(obj).rows}
    assert set(told_) == {"Jaw_Open", "Blink_L"} and told_["Blink_L"].sources == {"eyeBlinkLeft": 1}
    bake.bake(rigs.rig_of(obj), told(jawOpen=1, eyeBlinkLeft=1), 1)
    bpy.context.scene.frame_set(45)
    assert abs(poses.now(rig.pose.bones["my jaw_master"])[3] + 0.3) < 1e-3
    assert abs(poses.now(rig.pose.bones["my lid.T.L.002"])[2] + 0.006) < 1e-5


def scene_known_bones_are_tried_out():
    obj, rig = boned()
    rig.pose.bones["lips.L"].location = (0.01, 0, 0)
    rig.pose.bones["lips.R"].lock_location = (True, True, True)
    seen = rigs.recognise(obj)
    assert seen.state == "usable" and "face bones of Rigify" in seen.reason
    bpy.context.view_layer.objects.active = rig
    assert rigs.find(bpy.context, others=False) == obj, "its armature stands for it"
    assert bpy.ops.utter.use_selected() == {"FINISHED"} and len(bpy.data.objects) == 2 and not obj.data.shape_keys
    assert abs(rig.pose.bones["lips.L"].location.x - 0.01) < 1e-6, "it was put back as it was posed"
    rig.pose.bones["lips.L"].location = (0, 0, 0)
    mover = rigs.rig_of(obj)
    assert rigs.ready(obj) and mover.lips() and len(mover.rows) >= 15, [row.target for row in mover.rows]
    assert not any(numbers[:3] != (0, 0, 0) for pose in mover.map.poses.values() for name, numbers in pose.items() if name == "lips.R")
    jaw = mover.map.poses["jawOpen"]["jaw_master"]
    assert np.linalg.norm(jaw[3:6]) > 0.1, jaw
    with bones.tried(obj) as skin:
        shown = lambda **values: _shown(skin, mover, told(**values)[FRAMES // 2 : FRAMES // 2 + 1])
        upper, lower = mover.lips()
        apart = lambda moved: moved[upper, 2] - moved[lower, 2]
        full = apart(shown(jawOpen=1))
        assert full > 0.01 and apart(shown(jawOpen=0.4, mouthClose=0.4 / 1.2)) < 0.05 * full, "lips meet where ours do"
        lids = [np.argmin(np.linalg.norm(skin.rest - TO_BLENDER @ ours().marks[f"lid_{side}_left"], axis=1)) for side in ("upper", "lower")]
        open_ = (skin.rest[lids[0]] - skin.rest[lids[1]])[2]
        shut = (skin.rest + shown(eyeBlinkLeft=1))[lids]
        assert abs(shut[0, 2] - shut[1, 2]) < 0.2 * open_, ("the lids are shut", shut, open_)


def _shown(skin, mover, samples):
    """How far a performance of one frame moves each vertex."""
    values = rows.solve(mover.rows, samples)[0][mover.posing]
    pose = {}
    for part in mover.bones:
        numbers = list(pose.get(part.bone.name, (0.0,) * 9))
        numbers[part.start : part.start + 3] = values @ part.full
        pose[part.bone.name] = tuple(numbers)
    return skin.posed(pose)


def scene_a_map_of_poses_is_saved_and_shared():
    obj, rig = boned()
    record(obj, rig, "jawOpen", jaw_master=(0, 0, 0, -0.3, 0, 0, 0, 0, 0))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "map.json")
        assert bpy.ops.utter.save_map(filepath=path) == {"FINISHED"}
        bpy.ops.wm.read_factory_settings(use_empty=True)
        obj, rig = boned()
        mapped.keep(obj, rows.Map("own", ()))
        assert bpy.ops.utter.load_map(filepath=path) == {"FINISHED"}
        np.testing.assert_allclose(rigs.rig_of(obj).map.poses["jawOpen"]["jaw_master"], (0, 0, 0, -0.3, 0, 0, 0, 0, 0))
        bpy.ops.wm.read_factory_settings(use_empty=True)
        other, _ = boned(lambda name: f"my {name}")
        mapped.keep(other, rows.Map("own", ()))
        assert "a map for another rig" in refused(lambda: bpy.ops.utter.load_map(filepath=path))
    obj, rig = boned()
    record(obj, rig, "jawOpen", jaw_master=(0, 0, 0, -0.3, 0, 0, 0, 0, 0))
    bake.bake(rigs.rig_of(obj), told(jawOpen=1), 1)
    rig.data.bones["jaw_master"].name = "chewer"
    assert any("lacks bones that its poses move (jaw_master)" in sentence for sentence in rigs.MappedRig(obj).losses())


def scene_what_keeps_a_target_still_is_named_first_break_first():
    obj = maps_scenes.built_in(maps_scenes.VRM | {"browUp": {}})
    bpy.ops.utter.match_map()

    def why(target="aa"):
        obj.utter.map_row = obj.utter.map_rows.find(target)
        assert bpy.ops.utter.why_row_still() == {"FINISHED"}
        return jobs.Message.text

    blocks, item = obj.data.shape_keys.key_blocks, lambda: obj.utter.map_rows["aa"]
    assert why() == "Face has no performance yet; press Perform."
    other = bpy.data.actions.new("Walk")
    obj.data.shape_keys.animation_data_create().action = other
    assert "The Action Walk is active on Face, which is none of Utter's" in why()
    bake.bake(rigs.rig_of(obj), told(jawOpen=0.8), 1)
    moved = why()
    assert moved.startswith("aa moves from 0 to") and "most at frame " in moved, moved
    assert "has hardly any eyeBlinkLeft" in why("blinkLeft")
    animation, curve = obj.data.shape_keys.animation_data, maps_scenes.curve_in(obj, "aa")
    breaks = [  # (what breaks it, what mends it, what is said)
        (lambda: setattr(item(), "enabled", False), lambda: setattr(item(), "enabled", True), "row of aa is switched off"),
        (lambda: setattr(item(), "gain", 0), lambda: setattr(item(), "gain", 1), "gain of aa is 0"),
        (lambda: setattr(item(), "sources", ""), lambda: setattr(item(), "sources", "jawOpen"), "follows no movement"),
        (lambda: setattr(obj.utter, "map_gain_mouth", 0), lambda: setattr(obj.utter, "map_gain_mouth", 1), "region of aa (mouth) is 0"),
        (lambda: setattr(blocks["aa"], "name", "ah"), lambda: setattr(blocks["ah"], "name", "aa"), "has no shape key aa"),
        (lambda: setattr(curve, "mute", True), lambda: setattr(curve, "mute", False), "muted"),
        (lambda: setattr(curve.group, "mute", True), lambda: setattr(curve.group, "mute", False), "muted"),
        (lambda: setattr(blocks["aa"], "mute", True), lambda: setattr(blocks["aa"], "mute", False), "aa of Face is muted"),
        (lambda: setattr(blocks["aa"], "slider_max", 0.1), lambda: setattr(blocks["aa"], "slider_max", 1), "range of shape key aa"),
        (lambda: blocks["aa"].driver_add("value"), lambda: blocks["aa"].driver_remove("value"), "moved by drivers"),
        (lambda: setattr(obj, "hide_viewport", True), lambda: setattr(obj, "hide_viewport", False), "is hidden"),
    ]
    for break_, mend, said in breaks:
        break_()
        assert said in why(), (said, why())
        mend()
        assert why() == moved, (said, why())
    if compat.SLOTS:
        slot, animation.action_slot = animation.action_slot, None
        assert "has no slot chosen" in why(), why()
        animation.action_slot = slot
    blocks["aa"].points.foreach_set("co", np.ravel([point.co for point in blocks[0].points]))
    parts.forget()
    assert "aa of Face is empty: it moves nothing" in why()


def scene_wiggle_plays_a_pose_and_puts_it_back():
    obj, rig = boned()
    record(obj, rig, "jawOpen", jaw_master=(0, 0, 0, -0.3, 0, 0, 0, 0, 0))
    bpy.context.view_layer.objects.active = obj
    rig.pose.bones["lip.B"].location = (0.001, 0, 0)
    assert bpy.ops.utter.wiggle() == {"FINISHED"} and np.abs(poses.now(rig.pose.bones["jaw_master"])).max() < 1e-6
    assert rig.pose.bones["lip.B"].location.x > 0 and not rig.animation_data
