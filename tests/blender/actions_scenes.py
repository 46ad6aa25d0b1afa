"""A head that moves by ARKit's 52 shape keys: recognised, performed, baked, pins read back, re-diffused, exported. Each scene starts
from an empty file (tests/blender/test_actions.py plays them)."""

import tempfile
from pathlib import Path

import bpy
import numpy as np

import addon
from tests.blender import heads

if not addon._undo:  # scenes of both may be played together
    addon.register()
from addon import compat, rigs
from addon.animation import bake
from addon.panels import head as heads_room
from addon.panels import identity, perform, pins, studio, takes
from addon.rigs import making, recognise, rig_of
from addon.rigs.axes import TO_BLENDER
from addon.rigs.base import neutral
from addon.rigs.mapped import UPPER_LIP, MappedRig
from addon.work import jobs
from contract import ACTIONS, CHANNELS, FACE_ACTIONS, LIDS, PERFORMANCE, UtterError
from tests.blender.marks import once

ROOT = Path(__file__).resolve().parents[2]
VOICE = str(ROOT / "blender_assets" / "voices" / "pie.flac")
FRAMES = 90
SPEECH = [("jawOpen", 0.6), ("mouthFunnel", 0.3)]


def column(name):
    """Of a face action in a performance."""
    return FACE_ACTIONS.start + ACTIONS.index(name)


def mesh(name, vertices, polygons, keys):
    """A mesh object with shape keys {name: displacements [V,3]}, given in FLAME's axes."""
    data = bpy.data.meshes.new(name)
    data.from_pydata((vertices @ TO_BLENDER.T).tolist(), [], [[i for i in polygon if i >= 0] for polygon in polygons.tolist()])
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    obj.shape_key_add(name="Basis", from_mix=False)
    for key, delta in keys.items():
        block = obj.shape_key_add(name=key, from_mix=False)
        block.points.foreach_set("co", np.ascontiguousarray((vertices + delta) @ TO_BLENDER.T, np.float32).ravel())
        block.value = 0  # Blender 5.2 makes keys with 1
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 1
    return obj


def arkit(name="Face", without=()):
    """A made-up ARKit head: a ball with a slit of a mouth, which jawOpen opens and mouthClose shuts."""
    vertices, polygons = heads.sphere()
    random = np.random.default_rng(5)
    upper, lower = slice(1 + 13 * 32, 1 + 14 * 32), slice(1 + 14 * 32, 1 + 15 * 32)  # two rings below the equator
    slit = (vertices[lower, 2] > 0.07)[:, None]
    vertices[upper] = np.where(slit, vertices[lower] + [0, 0.0005, 0], vertices[upper])
    on_upper, on_lower = np.zeros((2, len(vertices), 1))
    on_upper[upper] = on_lower[lower] = slit * vertices[lower, 2:] / 0.1  # most in the middle
    keys = {action: random.normal(0, 0.0002, (len(vertices), 3)) * (vertices[:, [1]] > 0) for action in ACTIONS}
    keys |= {"jawOpen": on_lower * [0, -0.03, 0], "mouthClose": on_lower * [0, 0.03, 0], "mouthUpperUpLeft": on_upper * [0, 0.01, 0]}
    return mesh(name, vertices, polygons, {key: delta for key, delta in keys.items() if key not in without})


def builtin_as_arkit():
    """The built-in head's skin as a mesh that moves by its 52 actions."""
    return mesh("Face", *heads.skin(), heads.actions())


def performance(frames=FRAMES, seed=1):
    """A performance [T,117] that uses every column."""
    actions = np.random.default_rng(seed).random((frames, len(ACTIONS)))
    return np.concatenate([heads.motion(frames, seed), actions], axis=1).astype(np.float32)


def curve_of(obj, key):
    return compat.bag(obj.data.shape_keys).fcurves.find(f'key_blocks["{key}"].value')


def keys_of(curve):
    return [(tuple(p.co), tuple(p.handle_left), tuple(p.handle_right), p.type, p.interpolation) for p in curve.keyframe_points]


def values_of(obj):
    return {key: obj.data.shape_keys.key_blocks[key].value for key in ACTIONS}


def refusal(operator, **arguments):
    """What the operator says when it refuses."""
    try:
        operator(**arguments)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("it did not refuse")


# Recognition


def scene_a_head_with_the_names_is_ready():
    obj = arkit()
    seen = recognise(obj)
    assert seen.state == "ready" and seen.kind is MappedRig and seen.sure == 1 and seen.reason.endswith("with 52 ARKit shape keys.")
    assert rig_of(obj).columns == PERFORMANCE and rig_of(obj).head is None


def scene_what_lacks_some_names_says_so():
    seen = recognise(arkit("Fifty-one", without=["tongueOut"]))
    assert seen.state == "ready" and 0.9 < seen.sure < 1 and seen.reason.endswith("it lacks tongueOut."), seen
    mute = arkit("Mute", without=["jawOpen"])
    assert recognise(mute).state == "none" and "it lacks jawOpen; choose which keys open its mouth" in recognise(mute).reason
    try:
        rig_of(mute)
    except UtterError as error:
        assert str(error) == recognise(mute).reason
    few = recognise(arkit("Few", without=ACTIONS[:10]))
    assert few.state == "ready" and few.reason.endswith("it lacks eyeBlinkLeft, eyeLookDownLeft, eyeLookInLeft ...."), few
    none = recognise(arkit("None", without=ACTIONS))
    assert none.state == "usable" and none.kind is not MappedRig, "a mesh as any other"
    lower = arkit("Lower")
    for block in lower.data.shape_keys.key_blocks:
        block.name = block.name.lower()
    assert recognise(lower).state == "ready", "in any spelling"


def scene_a_head_of_ours_is_flame_though_it_has_the_names_too():
    with tempfile.TemporaryDirectory() as folder:
        heads.write(Path(folder) / "head.npz")
        ours = making.build(Path(folder) / "head.npz", "Ours")
    for key in ACTIONS:
        ours.shape_key_add(name=key, from_mix=False).value = 0
    assert rig_of(ours).name == "FLAME"
    theirs = arkit("Theirs")
    for i in range(50):  # FLAME of another add-on, to be made ready; the 52 are ready as they are
        theirs.shape_key_add(name=f"Exp{i + 1}", from_mix=False).value = 0
    assert rig_of(theirs).name == "Rig Map"


def scene_lips_are_found():
    for obj in (arkit(), builtin_as_arkit()):
        upper, lower = rig_of(obj).lips()
        rest = neutral(obj) @ TO_BLENDER  # in FLAME's axes
        opened = np.array([p.co for p in obj.data.shape_keys.key_blocks["jawOpen"].points]) @ TO_BLENDER - rest
        assert abs(rest[upper, 0]) < 0.002 and np.linalg.norm(rest[upper] - rest[lower]) < 0.001
        assert rest[upper, 1] >= rest[lower, 1] and opened[lower, 1] < -0.6 * np.abs(opened[:, 1]).max()
        some = np.zeros((3, PERFORMANCE), np.float32)
        some[1:, column("jawOpen")], some[2, column("mouthClose")] = 0.5, 0.5
        gap = rig_of(obj).lip_gap(some)
        assert gap[1] > 0.01 and gap[2] < 0.1 * gap[1] and gap[0] < 0.1 * gap[1], gap
    flat = arkit("Flat")
    flat.data.shape_keys.key_blocks["mouthClose"].points.foreach_set("co", neutral(flat).astype(np.float32).ravel())
    assert rig_of(flat).lips() is None and rig_of(flat).lip_gap(performance()) is None
    bake.bake(rig_of(flat), performance(), 1)


def scene_lips_of_a_measured_head_are_its_landmarks():
    path = ROOT.parent / "shared" / "data" / "ict_facekit" / "ict_facekit.npz"
    if not path.is_file():
        return
    sides = {"_L": "Left", "_R": "Right"}
    with np.load(path, allow_pickle=False) as file:
        keys = {}
        for name, delta in zip(file["expression_names"].tolist(), file["expression"]):
            name = name[:-2] + sides[name[-2:]] if name[-2:] in sides else name
            name = name if name in ACTIONS else name.removesuffix("Left").removesuffix("Right")  # two halves of one action
            if name in ACTIONS:
                keys[name] = keys.get(name, 0) + 0.01 * delta.astype(float)
        obj = mesh("ICT", 0.01 * file["neutral"].astype(float), file["faces"], keys)
    assert recognise(obj).reason == "ICT is ready to perform with 51 ARKit shape keys; it lacks tongueOut."
    assert rig_of(obj).lips() == (5533, 5517), "the middle ones of the 68 landmarks' inner lips"


# Bake


def scene_curves_equal_the_actions():
    obj, told = arkit(), performance()
    told[3, FACE_ACTIONS] += 2  # whatever comes, a key holds 0 to 1
    baked = bake.bake(rig_of(obj), told, 11)
    assert len(baked.actions) == 1 and len(compat.bag(obj.data.shape_keys).fcurves) == len(ACTIONS)
    found = bake.sample(rig_of(obj), np.arange(11, 11 + FRAMES))
    assert found.shape == (FRAMES, PERFORMANCE) and not found[:, :CHANNELS].any()
    np.testing.assert_allclose(found[:, FACE_ACTIONS], np.clip(told[:, FACE_ACTIONS], 0, 1), atol=2e-6)
    assert {(key.slider_min, key.slider_max) for key in obj.data.shape_keys.key_blocks} == {(0, 1)}
    bpy.context.scene.frame_set(11 + 20)
    np.testing.assert_allclose([*values_of(obj).values()], told[20, FACE_ACTIONS], atol=2e-6)


def scene_a_motion_alone_is_refused():
    obj = arkit()
    try:
        bake.bake(rig_of(obj), heads.motion(FRAMES), 1)
        raise AssertionError("it was not refused")
    except UtterError as error:
        assert "no face actions" in str(error)
    assert not bpy.data.actions


def scene_closures_and_blinks_survive_every_frame_rate():
    closures, blinks = [7, 12, 20, 31, 33, 50, 61, 78], [15, 44]
    for fps, base in ((24, 1), (25, 1), (30, 1.001), (60, 1)):
        for obj in (arkit(), arkit("Lipless", without=UPPER_LIP)):
            bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = fps, base
            rate = bake.scene_fps()
            told = np.zeros((FRAMES, PERFORMANCE), np.float32)
            told[:, 50] = 0.3
            for name, value in SPEECH:
                told[:, column(name)] = value
            told[closures, 50:] = 0
            for blink in (column("eyeBlinkLeft"), column("eyeBlinkRight"), LIDS.start, LIDS.stop - 1):
                told[blinks, blink] = 1
            bake.bake(rig_of(obj), told, 1)
            for moments, name, whole in ((closures, "jawOpen", 0), (closures, "mouthFunnel", 0), (blinks, "eyeBlinkLeft", 1)):
                for moment in moments:
                    frame = 1 + moment / 30 * rate
                    seen = bake.sample(rig_of(obj), [np.floor(frame), np.ceil(frame)])[:, column(name)]
                    assert np.abs(seen - whole).min() < 0.02, (rate, name, moment, seen)


def scene_pins_are_read_where_they_are_and_rebaking_leaves_them():
    obj = arkit()
    bake.bake(rig_of(obj), performance(), 5)
    assert not bake.read_pins(rig_of(obj), 5, FRAMES)[1].any()
    smile, block = curve_of(obj, "mouthSmileLeft"), obj.data.shape_keys.key_blocks["jawOpen"]
    point = smile.keyframe_points.insert(5 + 30, 0.75, keyframe_type="EXTREME")
    point.type, point.handle_left_type, point.handle_right_type = "EXTREME", "FREE", "FREE"
    point.handle_left, point.handle_right = (34.1, 0.5), (35.7, 0.9)
    between = curve_of(obj, "browInnerUp").keyframe_points.insert(5 + 60.5, 0.125)
    between.type = "KEYFRAME"
    block.value = 0.625
    block.keyframe_insert("value", frame=5 + 40)
    values, mask = bake.read_pins(rig_of(obj), 5, FRAMES)
    at = {(30, "mouthSmileLeft"): 0.75, (60, "browInnerUp"): 0.125, (61, "browInnerUp"): 0.125, (40, "jawOpen"): 0.625}
    assert {(int(t), ACTIONS[c - CHANNELS]) for t, c in np.argwhere(mask)} == set(at)
    assert all(values[t, column(name)] == value for (t, name), value in at.items())
    held = {name: keys_of(curve_of(obj, name)) for _, name in at}
    new = performance(seed=7)
    new[mask] = values[mask]
    bake.rebake(rig_of(obj), new, 5)
    for name, before in held.items():
        for whole in (slice(0, 1), slice(0, 3)):  # frame and value; the handles too where they are not Blender's to choose
            theirs = [key[whole] for key in before if key[0] in {(35, 0.75), (65.5, 0.125), (45, 0.625)}]
            if whole.stop == 1 or name == "mouthSmileLeft":
                assert len(theirs) == 1 and theirs[0] in [key[whole] for key in keys_of(curve_of(obj, name))], name
    again, still = bake.read_pins(rig_of(obj), 5, FRAMES)
    np.testing.assert_array_equal(still, mask)
    np.testing.assert_array_equal(again, values)
    found = bake.sample(rig_of(obj), np.arange(5, 5 + FRAMES))
    np.testing.assert_allclose(found[:, FACE_ACTIONS], new[:, FACE_ACTIONS], atol=2e-6)


def scene_clearing_rests_the_keys_and_gives_the_artists_action_back():
    obj = arkit()
    keys = obj.data.shape_keys
    own = obj.shape_key_add(name="Wart", from_mix=False)
    for frame, value in ((1, 0), (50, 1)):
        for block in (own, keys.key_blocks["jawOpen"]):
            block.value = value
            block.keyframe_insert("value", frame=frame)
    theirs = keys.animation_data.action
    before = [keys_of(curve) for curve in compat.bag(keys).fcurves]
    baked = bake.bake(rig_of(obj), performance(), 1)
    assert baked.set_aside == [theirs.name] and theirs not in baked.actions
    bpy.context.scene.frame_set(50)
    obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert abs(own.value - 1) < 1e-5, "theirs plays on"
    assert bake.clear(rig_of(obj)) and not bake.clear(rig_of(obj))
    assert keys.animation_data.action == theirs and not keys.animation_data.nla_tracks
    assert [keys_of(curve) for curve in compat.bag(keys).fcurves] == before
    assert not any(values_of(obj).values())


def scene_two_heads_of_the_same_names_leave_each_other_alone():
    first, second = arkit("First"), arkit("Second")
    one, two = performance(seed=1), performance(seed=2)
    bake.bake(rig_of(first), one, 1)
    assert not any(values_of(second).values()) and second.data.shape_keys.animation_data is None
    bake.bake(rig_of(second), two, 1)
    frames = np.arange(1, 1 + FRAMES)
    np.testing.assert_allclose(bake.sample(rig_of(first), frames)[:, FACE_ACTIONS], one[:, FACE_ACTIONS], atol=2e-6)
    bpy.context.view_layer.objects.active = first
    for obj in (first, second):
        obj.select_set(obj == first)
    bpy.ops.object.duplicate()
    twin = bpy.context.view_layer.objects.active
    assert twin not in (first, second)
    bake.bake(rig_of(twin), two, 1)
    np.testing.assert_allclose(bake.sample(rig_of(first), frames)[:, FACE_ACTIONS], one[:, FACE_ACTIONS], atol=2e-6)
    np.testing.assert_allclose(bake.sample(rig_of(twin), frames)[:, FACE_ACTIONS], two[:, FACE_ACTIONS], atol=2e-6)
    bake.clear(rig_of(twin))
    assert bake.actions(rig_of(first)) and bake.actions(rig_of(second))


def scene_undo():
    obj = arkit()
    bpy.context.view_layer.objects.active = obj
    bpy.ops.ed.undo_push(message="head")
    bake.bake(rig_of(obj), performance(), 1)
    bpy.ops.ed.undo_push(message="performed")
    bpy.ops.ed.undo()
    obj = bpy.data.objects["Face"]
    assert not bake.actions(rig_of(obj)) and not any(values_of(obj).values())
    bpy.ops.ed.redo()
    found = bake.sample(rig_of(bpy.data.objects["Face"]), np.arange(1, 1 + FRAMES))
    np.testing.assert_allclose(found[:, FACE_ACTIONS], performance()[:, FACE_ACTIONS], atol=2e-6)


# Panels


def scene_use_selected_adds_nothing_and_the_panels_know_it():
    obj = arkit()
    obj.location = (3, 2, 1)
    before = obj.data.shape_keys.key_blocks.keys()
    bpy.context.view_layer.objects.active = obj
    bpy.ops.utter.use_selected()
    scene = bpy.context.scene
    assert scene.utter.head == obj and obj.data.shape_keys.key_blocks.keys() == before and len(bpy.data.objects) == 1
    assert obj.data.shape_keys.animation_data is None and not obj.modifiers
    assert identity.refusal(obj).startswith("Only the built-in head has sliders")
    assert "Only the built-in head has sliders" in refusal(bpy.ops.utter.random_identity)
    obj.utter.skin_tone = 0.9
    face = studio.face_matrix(obj)
    np.testing.assert_allclose(np.array(face.translation), [3, 2 - 0.0924, 1 - 0.0380], atol=0.001)
    bpy.ops.utter.studio()
    assert scene.camera.location.y < 1.5 and abs(scene.camera.location.z - 1) < 0.2
    assert recognise(obj).state == "ready"
    mute = arkit("Mute", without=["jawOpen"])
    scene.utter.head = None
    bpy.data.objects.remove(obj)
    bpy.context.view_layer.objects.active = mute
    assert "it lacks jawOpen" in refusal(bpy.ops.utter.use_selected)


def scene_takes_can_be_chosen_again():
    obj, frames = arkit(), np.arange(1, 1 + FRAMES)
    for seed in (1, 2):
        takes.set_aside(obj)
        bake.bake(rig_of(obj), performance(seed=seed), 1)
        takes.remember(obj)
    assert len(obj.utter.takes) == 2 and not obj.utter.takes[0].bones
    for take, seed in ((0, 1), (1, 2)):
        obj.utter.take = take
        found = bake.sample(rig_of(obj), frames)[:, FACE_ACTIONS]
        np.testing.assert_allclose(found, performance(seed=seed)[:, FACE_ACTIONS], atol=2e-6)


def scene_the_studio_stands_round_a_head_whose_lips_are_not_known():
    obj = arkit("Lipless", without=UPPER_LIP)
    obj.location = (3, 2, 1)
    bpy.context.view_layer.update()
    assert rig_of(obj).lips() is None
    np.testing.assert_allclose(np.array(studio.face_matrix(obj).translation), [3, 2, 1], atol=0.01)
    studio.build(bpy.context.scene, obj)


# Whole


@once
def scene_the_real_worker_performs_rediffuses_and_it_is_exported():
    jobs.COMMAND = ("-m", "model_runtime", "worker")
    obj, scene = builtin_as_arkit(), bpy.context.scene
    heads_room.choose(scene, obj)
    obj.utter.voice, obj.utter.quality, obj.utter.start = VOICE, "draft", 1
    perform.perform_now(scene, obj)
    rig, frames = rig_of(obj), np.arange(1, 1 + obj.utter.frames)
    before = bake.sample(rig, frames)[:, FACE_ACTIONS]
    assert np.ptp(before[:, ACTIONS.index("jawOpen")]) > 0.1 and before.min() >= 0 and before.max() <= 1
    held = {("jawOpen", 41): 0.8, ("mouthSmileLeft", 61): 0.9}
    for (name, frame), value in list(held.items()):
        block = obj.data.shape_keys.key_blocks[name]
        block.value = value
        block.keyframe_insert("value", frame=frame)
        held[name, frame] = next(p.co.y for p in curve_of(obj, name).keyframe_points if p.co.x == frame)  # 4.2 rounds differently
        assert abs(held[name, frame] - value) < 1e-6
    assert pins.count(obj) == 2
    assert bpy.ops.utter.rediffuse() == {"FINISHED"}, jobs.Message.text
    after = bake.sample(rig, frames)[:, FACE_ACTIONS]
    for (name, frame), value in held.items():
        k, at = ACTIONS.index(name), frame - 1
        (key,) = [p for p in curve_of(obj, name).keyframe_points if p.co.x == frame]
        assert key.co.y == value and key.type == "KEYFRAME", (name, key.co.y)
        moved = np.abs(after - before)[:, k]
        assert moved[at - 1] > 0.1 and moved[at + 1] > 0.1, "its neighbours follow"
        assert np.abs(np.diff(after[at - 3 : at + 4, k])).max() < 0.35, "without a dent"
    assert pins.count(obj) == 2
    jobs.stop()
    exported(obj, after)


def exported(obj, weights):
    """The performance lies in a .glb that Blender writes and reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "face.glb")
        bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, len(weights)
        bpy.ops.export_scene.gltf(filepath=path, export_format="GLB", export_morph=True, export_animations=True)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps = 30
        bpy.ops.import_scene.gltf(filepath=path)
    (face,) = [obj for obj in bpy.data.objects if obj.type == "MESH" and obj.data.shape_keys]
    blocks = face.data.shape_keys.key_blocks
    assert recognise(face).kind is MappedRig and face.data.shape_keys.animation_data.action
    offset = face.data.shape_keys.animation_data.action.frame_range[0] - 1
    for i in range(0, len(weights), 7):
        bpy.context.scene.frame_set(int(1 + i + offset))
        read = np.array([blocks[name].value for name in ACTIONS])
        assert np.abs(read - weights[i]).max() < 1e-4, (i, np.abs(read - weights[i]).max())
        assert read.min() >= 0 and read.max() <= 1


def scene_a_kind_of_rig_is_three_files():
    """Nothing but its own file, the list of kinds and its tests names this kind."""
    naming = {
        str(path.relative_to(ROOT))
        for path in [*(ROOT / "addon").rglob("*.py"), *(ROOT / "contract").rglob("*.py"), *(ROOT / "model_runtime").rglob("*.py")]
        if "MappedRig" in path.read_text(encoding="utf-8")
    }
    panels = {Path("addon/panels/maps.py"), Path("addon/panels/shapes.py")}  # its own, and what makes keys for it
    own = {Path("addon/rigs/mapped.py"), Path("addon/rigs/__init__.py"), *panels}
    assert naming == {*map(str, own)}, naming
    assert rigs.KINDS[-1] is MappedRig
