"""A FLAME head that is baked by face actions: the face of the same channels, held keys that stay when the way to bake is changed, takes
of both ways. Each scene starts from an empty file (tests/blender/test_acting.py plays them)."""

import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils.kdtree import KDTree

import addon

if not addon._undo:  # scenes of others may be played together
    addon.register()
from addon import compat
from addon.animation import bake, tracks
from addon.panels import head as heads_room
from addon.panels import identity, perform, takes
from addon.rigs import acting, making, reshape, rig_of
from addon.rigs.base import armature, key_points
from addon.rigs.flame import PROPERTY
from contract import ACTIONS, CHANNELS, EXPRESSION, EYES, FACE_ACTIONS, LIDS, NECK, PERFORMANCE, TONGUE, UtterError
from tests.blender import heads
from tests.blender.bake_scenes import TO_BLENDER, evaluated, head
from tests.blender.marks import once

VOICE = str(Path(__file__).resolve().parents[2] / "blender_assets" / "voices" / "pie.flac")
FRAMES = 60


def column(name):
    return FACE_ACTIONS.start + ACTIONS.index(name)


def performance(rig, frames=FRAMES, seed=1):
    """A performance [T,117] whose Motion is what its face actions do, and the rest of Motion as it comes."""
    actions = np.random.default_rng(seed).random((frames, len(ACTIONS))).astype(np.float32)
    motion = actions @ rig.motions()
    other = heads.motion(frames, seed)
    for part in (NECK, EYES):
        motion[:, part] = other[:, part]
    motion[:, TONGUE.start : TONGUE.start + 2] = other[:, TONGUE.start : TONGUE.start + 2]
    return np.concatenate([motion, actions], axis=1)


def by(obj, curves, jaw="keys"):
    """The head's rig, baked that way from now on."""
    rig = rig_of(obj)
    rig.set_ways(curves, jaw)
    return rig


def curve_of(obj, path):
    return compat.bag(obj.data.shape_keys).fcurves.find(path)


def key_curve(obj, name):
    return curve_of(obj, f'key_blocks["{name}"].value')


def held(obj, start=1):
    """{(frame of the Motion, column): value} of what is pinned."""
    values, mask = bake.read_pins(rig_of(obj), start, FRAMES)
    return {(int(t), int(c)): round(float(values[t, c]), 5) for t, c in np.argwhere(mask)}


def scene_the_face_is_the_one_that_the_channels_make():
    obj = head()
    told = performance(rig_of(obj))
    bake.bake(by(obj, "channels"), told, 1)
    wanted = [evaluated(obj, frame) for frame in (1, 20, 45)]
    bake.bake(by(obj, "actions"), told, 1)
    rig = rig_of(obj)
    assert (rig.curves, rig.jaw, rig.columns) == ("actions", "keys", PERFORMANCE)
    names = {fcurve.data_path.split('"')[1] for fcurve in compat.bag(obj.data.shape_keys).fcurves}
    assert names == {*ACTIONS, "tongue_tip_up", "tongue_back_up"}
    for fcurve in compat.bag(obj.data.shape_keys).fcurves:
        assert all(-1e-6 <= point.co.y <= 1 + 1e-6 for point in fcurve.keyframe_points)
    for frame, points in zip((1, 20, 45), wanted):
        np.testing.assert_allclose(evaluated(obj, frame), points, atol=2e-6)
    found = bake.sample(rig, np.arange(1, FRAMES + 1))
    assert found.shape == (FRAMES, PERFORMANCE)
    np.testing.assert_allclose(found, told, atol=2e-5)
    groups = {group.name for group in compat.bag(obj.data.shape_keys).groups}
    assert {"Brows", "Eyes and Lids", "Cheeks and Nose", "Mouth and Jaw", "Tongue"} <= groups


def scene_switching_keeps_held_keys():
    obj = head()
    told = performance(rig_of(obj))
    bake.bake(by(obj, "channels"), told, 1)
    for name, frame, value in (("Exp5", 11, 1.25), ("jaw_x", 21, 0.2), ("lid_left", 31, 1.0), ("tongue_tip_up", 31, 0.5)):
        block = obj.data.shape_keys.key_blocks[name]
        block.value = value
        block.keyframe_insert("value", frame=frame)
    brow = list(rig_of(obj).holds(np.full((1, PERFORMANCE), 0.75), [column("browInnerUp")]))
    tracks.hold(bake._curve(brow[0]), np.array([41.0]), np.array([0.75]))
    neck = armature(obj).pose.bones["neck"]
    neck.rotation_euler[1] = 0.3
    neck.keyframe_insert("rotation_euler", index=1, frame=16)
    before = held(obj)
    assert len(before) == 6, before
    for curves, jaw in (("actions", "keys"), ("channels", "bone"), ("actions", "keys"), ("channels", "keys")):
        bake.rebake(by(obj, curves, jaw), told, 1)
        now = held(obj)
        assert now.keys() == before.keys() and all(abs(now[key] - before[key]) < 1e-4 for key in now), (curves, jaw, now, before)
        brow = curve_of(obj, '["browInnerUp"]') if curves == "channels" else key_curve(obj, "browInnerUp")
        assert any(abs(point.co.x - 41) < 1e-3 and point.type == "JITTER" for point in brow.keyframe_points)
    points = {point.co.x: point.co.y for point in key_curve(obj, "Exp5").keyframe_points}
    assert abs(points[11] - 1.25) < 1e-6 and not curve_of(obj, '["expression_04"]'), "held where it is seen again"


def scene_a_held_action_is_met_on_its_own_curve():
    obj = head()
    told = performance(rig_of(obj))
    bake.bake(by(obj, "actions"), told, 1)
    block = obj.data.shape_keys.key_blocks["mouthSmileLeft"]
    block.value = 0.875
    block.keyframe_insert("value", frame=12)
    assert held(obj) == {(11, column("mouthSmileLeft")): 0.875}
    again = performance(rig_of(obj), seed=4)
    again[11, column("mouthSmileLeft")] = 0.875
    bake.rebake(rig_of(obj), again, 1)
    found = bake.sample(rig_of(obj), np.arange(1, FRAMES + 1))
    np.testing.assert_allclose(found[:, FACE_ACTIONS], again[:, FACE_ACTIONS], atol=2e-5)
    assert held(obj) == {(11, column("mouthSmileLeft")): 0.875}


def scene_a_scope_renews_its_regions_alone():
    obj = head()
    bake.bake(by(obj, "actions"), performance(rig_of(obj)), 1)
    before = bake.sample(rig_of(obj), np.arange(1, FRAMES + 1))
    again = performance(rig_of(obj), seed=9)
    brows = [column(name) for name in ACTIONS if name.startswith("brow")]
    bake.redo(rig_of(obj), again, (20, 40), [*range(EXPRESSION.start, EXPRESSION.stop), *brows], 1)
    after = bake.sample(rig_of(obj), np.arange(1, FRAMES + 1))
    inside = np.arange(19, 40)
    np.testing.assert_allclose(after[np.ix_(inside, brows)], again[np.ix_(inside, brows)], atol=2e-5)
    others = [column(name) for name in ACTIONS if not name.startswith("brow")]
    np.testing.assert_allclose(after[:, others], before[:, others], atol=2e-5)
    np.testing.assert_allclose(np.delete(after, inside, 0), np.delete(before, inside, 0), atol=2e-5)


def scene_keys_of_the_artists_with_such_names_are_used_as_they_are():
    obj = head()
    own = obj.shape_key_add(name="cheekPuff", from_mix=False)
    own.value = 0
    own.data[5].co.x += 0.01
    shape = key_points(own)
    by(obj, "actions")
    assert len([key for key in obj.data.shape_keys.key_blocks if key.name.startswith("cheekPuff")]) == 1
    np.testing.assert_array_equal(key_points(obj.data.shape_keys.key_blocks["cheekPuff"]), shape)
    count = len(obj.data.shape_keys.key_blocks)
    by(obj, "channels"), by(obj, "actions")
    assert len(obj.data.shape_keys.key_blocks) == count and rig_of(obj).shape_keys()[column("cheekPuff")].name == "cheekPuff"
    obj.data.shape_keys.key_blocks["jawOpen"].name = "Mouth Open"
    assert rig_of(obj).shape_keys()[column("jawOpen")].name == "Mouth Open"


def scene_a_head_that_knows_no_actions_says_so():
    with tempfile.TemporaryDirectory() as folder:
        heads.write(Path(folder) / "head.npz", basis="another")
        obj = making.build(Path(folder) / "head.npz", head_path="/somewhere/head.npz")
    keys = len(obj.data.shape_keys.key_blocks)
    try:
        by(obj, "actions")
        raise AssertionError("it was not refused")
    except UtterError as error:
        assert "knows no face actions" in str(error) and "Curves: Channels" in str(error)
    assert len(obj.data.shape_keys.key_blocks) == keys and rig_of(obj).curves == "channels"


def scene_another_neutral_face_takes_the_actions_along():
    obj = head()
    rig = by(obj, "actions")
    random = np.random.default_rng(2)
    count = len(obj.data.vertices)
    shift, more = (0.002 * random.normal(size=(count, 3)) for _ in range(2))
    reshape.reshape(rig, shift, np.zeros((5, 3)), {50: more, 60: more}, ())
    keys, motions = rig_of(obj).every_key(), acting.motions_of(obj)
    rest = key_points(obj.data.shape_keys.reference_key)
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft"):
        row = motions[ACTIONS.index(name)]
        wanted = sum(row[channel] * (key_points(keys[channel]) - rest) for channel in keys if channel < CHANNELS and row[channel])
        np.testing.assert_allclose(key_points(keys[column(name)]) - rest, wanted, atol=2e-6)


# With the worker


def performing(**settings):
    bpy.ops.utter.add_head()
    obj = bpy.context.scene.utter.head
    obj.utter.voice, obj.utter.quality = VOICE, "draft"
    for name, value in settings.items():
        setattr(obj.utter, name, value)
    perform.perform_now(bpy.context.scene, obj)
    return obj


@once
def scene_perform_rediffuse_and_takes_of_both_ways():
    obj = performing(curves="actions")
    rig, frames = rig_of(obj), obj.utter.frames
    assert rig.curves == "actions" and len(obj[PROPERTY]["actions_motion"]) == 52 * 65
    first = bake.sample(rig, np.arange(1, frames + 1))
    assert first[:, FACE_ACTIONS].min() > -1e-6 and first[:, FACE_ACTIONS].max() < 1 + 1e-6
    assert first[:, column("jawOpen")].max() > 0.1
    block = obj.data.shape_keys.key_blocks["browInnerUp"]
    block.value = 0.9
    block.keyframe_insert("value", frame=30)
    perform.perform_now(bpy.context.scene, obj, rediffuse=True)
    after = bake.sample(rig_of(obj), np.arange(1, frames + 1))
    fps = bake.scene_fps()
    assert held(obj), "still held"
    point = next(point for point in key_curve(obj, "browInnerUp").keyframe_points if abs(point.co.x - 30) < 1e-3)
    assert abs(point.co.y - 0.9) < 1e-6
    assert abs(after[28, column("browInnerUp")] - 0.9) < 0.25 and fps > 0, "its neighbours come along"

    obj.utter.scope, bpy.context.scene.use_preview_range = "PREVIEW", True
    bpy.context.scene.frame_preview_start, bpy.context.scene.frame_preview_end = 40, 60
    obj.utter.seed = 5
    perform.perform_now(bpy.context.scene, obj, rediffuse=True)
    scoped = bake.sample(rig_of(obj), np.arange(1, frames + 1))
    np.testing.assert_allclose(scoped[:38], after[:38], atol=1e-5)
    assert np.abs(scoped[42:56, FACE_ACTIONS] - after[42:56, FACE_ACTIONS]).max() > 0.01

    obj.utter.curves = "channels"
    perform.perform_now(bpy.context.scene, obj)
    assert rig_of(obj).curves == "channels" and len(obj.utter.takes) == 2
    by_channels = evaluated(obj, 33)
    obj.utter.take = 0
    assert rig_of(obj).curves == "actions", "a take knows which it is"
    evaluated(obj, 33)
    assert not any(abs(key.value) > 1e-6 for key in obj.data.shape_keys.key_blocks if key.name.startswith("Exp"))
    obj.utter.take = 1
    np.testing.assert_allclose(evaluated(obj, 33), by_channels, atol=1e-6)
    assert not any(abs(obj.data.shape_keys.key_blocks[name].value) > 1e-6 for name in ACTIONS)


@once
def scene_the_built_in_heads_face_looks_the_same_by_both():
    obj = performing(curves="channels")
    lips = rig_of(obj).lips()
    frames = range(1, obj.utter.frames, 7)
    wanted = {frame: evaluated(obj, frame) for frame in frames}
    obj.utter.curves = "actions"
    perform.perform_now(bpy.context.scene, obj)
    apart = lambda points: points[lips[0], 1] - points[lips[1], 1]
    for frame, points in wanted.items():
        shown = evaluated(obj, frame)
        assert np.linalg.norm(shown - points, axis=1).max() < 0.005, frame
        if abs(apart(points)) < 0.0003:
            assert abs(apart(shown)) < 0.0007, frame
    identity.set_sliders(obj, {"Age": 0.5})
    heads_room.choose(bpy.context.scene, obj)
    assert rig_of(obj).curves == "actions" and takes.animated(obj)[0] is obj.data.shape_keys
    keys, motions, rest = rig_of(obj).every_key(), acting.motions_of(obj), key_points(obj.data.shape_keys.reference_key)
    row = motions[ACTIONS.index("jawOpen")]
    wanted = sum(row[c] * (key_points(keys[c]) - rest) for c in keys if c < CHANNELS and row[c])
    np.testing.assert_allclose(key_points(keys[column("jawOpen")]) - rest, wanted, atol=2e-6)
    assert LIDS.start in keys


def scene_exporters_carry_the_face_without_loss():
    """What glTF, FBX and USD give back lies where the bake does, lips and all, to a tenth of a millimetre."""
    obj, scene = head(), bpy.context.scene
    rig = by(obj, "actions")
    scene.render.fps, scene.frame_start, scene.frame_end = 30, 1, FRAMES
    bake.bake(rig, performance(rig), 1, fps=30)
    moments = (1, FRAMES // 3, FRAMES // 2, FRAMES)
    meant = {frame: placed(obj, frame) for frame in moments}
    folder = Path(tempfile.mkdtemp())
    bpy.ops.preferences.addon_enable(module="io_scene_fbx")
    merged = {} if compat.SLOTS else {"export_animation_mode": "ACTIVE_ACTIONS"}  # docs/manual.md, "To other programs"
    bpy.ops.export_scene.gltf(filepath=str(folder / "a.glb"), export_format="GLB", export_morph=True, export_animations=True, **merged)
    bpy.ops.export_scene.fbx(filepath=str(folder / "a.fbx"), bake_anim_simplify_factor=0)
    bpy.ops.wm.usd_export(filepath=str(folder / "a.usdc"), export_animation=True)
    for name, read in (("a.glb", bpy.ops.import_scene.gltf), ("a.fbx", bpy.ops.import_scene.fbx), ("a.usdc", bpy.ops.wm.usd_import)):
        for block in [*bpy.data.objects, *bpy.data.actions]:
            bpy.data.batch_remove([block])
        read(filepath=str(folder / name))
        face = max(
            (other for other in bpy.data.objects if other.type == "MESH" and other.data.shape_keys), key=lambda o: len(o.data.vertices)
        )
        tree = KDTree(len(face.data.vertices))  # exporters split vertices at seams
        for number, point in enumerate(placed(face, 1)):
            tree.insert(point, number)
        tree.balance()
        same = [tree.find(point)[1] for point in meant[1]]
        apart = [np.linalg.norm(placed(face, frame)[same] - meant[frame], axis=1).max() for frame in moments]
        assert max(apart) < 1e-4, (name, apart)


def placed(obj, frame):
    """Where a mesh's vertices are in the world at a frame [V, 3]."""
    return evaluated(obj, frame) @ TO_BLENDER.T @ np.array(obj.matrix_world)[:3, :3].T + np.array(obj.matrix_world)[:3, 3]
