"""An Action as the clip of a passage, in bpy (tests/blender/test_clips.py plays the scenes). The last scene asks the real worker."""

import tempfile
from pathlib import Path

import bpy
import numpy as np

from tests.blender import heads
from tests.blender.actions_scenes import arkit, column
from tests.blender.capture_scenes import built_in
from tests.blender.readout_scenes import bars, reading

# isort: split
from addon import compat
from addon.animation import bake
from addon.panels import clips, passages, perform
from addon.panels import head as heads_room
from addon.rigs import making, rig_of
from contract import ACTIONS, CHANNELS, FACE_ACTIONS, UtterError
from tests.blender.marks import once

ROOT = Path(__file__).resolve().parents[2]
VOICE = str(ROOT / "blender_assets" / "voices" / "pie.flac")


def chosen(head):
    bpy.context.scene.render.fps = 30
    heads_room.choose(bpy.context.scene, head)
    head.utter.voice = VOICE
    return head


def small(name="Head", jaw="keys", basis=None):
    path = Path(tempfile.mkdtemp()) / "bundle.npz"
    heads.write(path, basis=basis)
    return chosen(making.build(path, name=name, jaw=jaw))


def acted(head, values, name):
    """Bake a performance as Utter does, and take its Action off the head."""
    rig = rig_of(head)
    bake.bake(rig, values, 11, fps=30, name=name)
    (action,) = {owner.animation_data.action for owner in rig.owners()} if compat.SLOTS else {head.data.shape_keys.animation_data.action}
    for owner in rig.owners():
        owner.animation_data.action = None
    return action


def by_hand(head, frames, **keys):
    """An artist's Action on shape keys; keys: {shape key: values}."""
    blocks = head.data.shape_keys.key_blocks
    for name, values in keys.items():
        for frame, value in zip(frames, values):
            blocks[name].value = value
            blocks[name].keyframe_insert("value", frame=frame)
    action = head.data.shape_keys.animation_data.action
    head.data.shape_keys.animation_data.action = None
    return action


def passage_of(head, action, start=1, end=30):
    passage = head.utter.passages.add()
    passage.start, passage.end, passage.action = start, end, action
    return passage


def asked_of(head):
    """(the passages that the worker is asked for, what the clip of the last one holds)."""
    job = perform.perform_job(bpy.context.scene, head)
    with np.load(job.asked.passages[-1].clip, allow_pickle=False) as arrays:
        return job.asked.passages, dict(arrays)


def refused(head):
    try:
        perform.perform_job(bpy.context.scene, head)
    except UtterError as error:
        return str(error)
    return ""


def scene_a_performance_of_the_head_is_read_as_it_was_baked():
    head, values = small(), heads.motion(40, 3)
    action = acted(head, values, "Sad take")
    if not compat.SLOTS:  # the bones have an Action of their own
        values[:, 53:60] = 0
    passage = passage_of(head, action)
    passage.prompt = "in its place"
    (asked,), clip = asked_of(head)
    assert asked.prompt == "" and Path(asked.clip).stem == "Sad_take" and passages.label(passage) == "Sad take"
    assert str(clip["basis"]) == rig_of(head).basis and "actions" not in clip
    np.testing.assert_allclose(clip["motion"], values, atol=1e-4)


def scene_a_jaw_that_was_baked_as_a_bone_is_read_on_a_head_whose_jaw_is_keys():
    head, values = small(jaw="bone"), heads.motion(40, 3)
    action = acted(head, values, "Bone")
    rig_of(head).set_jaw("keys")
    if not compat.SLOTS:
        return
    np.testing.assert_allclose(clips.read(action, head, 30)[0][:, 50:53], values[:, 50:53], atol=1e-4)


def scene_another_frame_rate_is_carried_to_30():
    head = small()
    passage_of(head, by_hand(head, (1, 13), Exp1=(0.0, 1.0)))
    bpy.context.scene.render.fps = 24
    _, clip = asked_of(head)
    assert len(clip["motion"]) == 16 and clip["fps"] == 30
    assert clip["motion"][0, 0] == 0 and abs(clip["motion"][-1, 0] - 1) < 1e-6 and (np.diff(clip["motion"][:, 0]) > 0).all()


def scene_an_artists_keys_on_an_arkit_head_feel_on_any_head():
    face = arkit()
    action = by_hand(face, (1, 16, 31), mouthSmileLeft=(0, 0.8, 0), mouthSmileRight=(0, 2.0, 0))
    bpy.data.objects.remove(face)
    for head in (small(), chosen(arkit("Another"))):
        passage_of(head, action)
        _, clip = asked_of(head)
        assert list(clip["action_names"]) == list(ACTIONS) and not clip["motion"].any() and str(clip["basis"]) == ""
        for name, most in (("mouthSmileLeft", 0.8), ("mouthSmileRight", 1.0)):
            assert abs(clip["actions"][:, column(name) - CHANNELS].max() - most) < 1e-4
        assert clip["actions"].shape == (31, FACE_ACTIONS.stop - FACE_ACTIONS.start)


def scene_a_flame_heads_action_feels_on_an_arkit_head_while_that_head_is_there():
    flame, values = small(), heads.motion(30, 3)
    action = acted(flame, values, "Flame")
    face = chosen(arkit())
    passage_of(face, action)
    _, clip = asked_of(face)
    assert str(clip["basis"]) == rig_of(flame).basis
    np.testing.assert_allclose(clip["motion"][:, :50], values[:, :50], atol=1e-4)
    bpy.data.objects.remove(flame)
    assert refused(face) == "The Action Flame has no curves of a face; choose one that moves the shape keys of a head."


def scene_an_action_of_another_basis_or_of_no_face_is_refused():
    other = small("Other", basis="0" * 64)
    foreign = acted(other, heads.motion(30, 3), "Foreign")
    head = small()
    passage_of(head, foreign)
    assert refused(head) == "The Action Foreign was made for another head; choose one of Head, the built-in or an ARKit head."
    bpy.data.objects.remove(other)
    assert "made for another head" in refused(head), "the Action says so itself"
    head.keyframe_insert("location", frame=1)
    walk = head.animation_data.action
    assert clips.may_feel(None, foreign) and not clips.may_feel(None, walk)
    head.utter.passages[0].action = walk
    assert "has no curves of a face" in refused(head)
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    bpy.context.scene.collection.objects.link(cube)
    cube.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    for name in ("Basis", "Key 1"):
        cube.shape_key_add(name=name)
    head.utter.passages[0].action = by_hand(cube, (1, 9), **{"Key 1": (0, 1)})
    assert "has no curves of a face" in refused(head)


def scene_bars_of_an_action():
    head = small()
    action = by_hand(head, (1, 20), Exp1=(0.0, 1.0))
    passage_of(head, action)
    head.utter.passage = 0
    job = perform.perform_job(bpy.context.scene, head)
    np.savez(job.asked.output, motion=heads.motion(30, 1), actions=np.zeros((30, len(ACTIONS)), np.float32))
    told = {job.asked.passages[0].clip: reading(afraid=0.6)}
    job.apply({"output": job.asked.output, "fps": 30.0, "seconds": 0.1, "readings": told})
    assert bars(passages.UTTER_PT_passage_reading)["Afraid"] == 0.6
    head.utter.passages[0].action = None
    assert not bars(passages.UTTER_PT_passage_reading)


def scene_the_choice_is_undone_saved_and_gone_with_its_action():
    head = small()
    action = by_hand(head, (1, 20), Exp1=(0.0, 1.0))
    name = action.name
    passage = passage_of(head, None)
    bpy.ops.ed.undo_push(message="passage")
    passage.action = action
    bpy.ops.ed.undo_push(message="Action")
    bpy.ops.ed.undo()
    assert bpy.data.objects["Head"].utter.passages[0].action is None
    bpy.ops.ed.redo()
    assert bpy.data.objects["Head"].utter.passages[0].action.name == name
    path = str(Path(tempfile.mkdtemp()) / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    head = bpy.data.objects["Head"]
    assert head.utter.passages[0].action.name == name
    bpy.data.actions.remove(bpy.data.actions[name])
    assert head.utter.passages[0].action is None
    assert not perform.perform_job(bpy.context.scene, head).asked.passages, "nothing is asked for in its place"


@once
def scene_the_worker_feels_it_and_says_where_the_face_rests():
    face = arkit()
    rising = np.sin(np.linspace(0, np.pi, 16))
    smile = by_hand(face, range(1, 46, 3), **{f"mouthSmile{s}": 0.8 * rising for s in ("Left", "Right")})
    smile.name = "Smile"
    rest = by_hand(face, (1, 30), jawOpen=(0, 0))
    rest.name = "Rest"
    head = built_in()
    passage_of(head, smile, 1, 15), passage_of(head, rest, 15, 30)
    notes = perform.perform_now(bpy.context.scene, head)
    assert "A passage was left out: the face in Rest rests all the while; choose a clip in which it moves." in notes
    head.utter.passage = 0
    found = bars(passages.UTTER_PT_passage_reading)
    assert found["Happy"] > 0.5 and max(found, key=found.get) in ("Happy", "Strength")
    head.utter.passage = 1
    assert not bars(passages.UTTER_PT_passage_reading)


@once
def scene_the_performance_is_exported_as_its_curves_have_it():
    face = arkit()
    chosen(face)
    notes = perform.perform_now(bpy.context.scene, face)
    rig, folder = rig_of(face), Path(tempfile.mkdtemp())
    jaw = next(
        curve for action in bake.actions(rig) for bag in compat.bags(action) for curve in bag.fcurves if "jawOpen" in curve.data_path
    )
    for key in jaw.keyframe_points[5:9]:  # the artist opens the mouth
        key.co[1] = 0.9
    jaw.update()
    assert bpy.ops.utter.export(filepath=str(folder / "take.csv"), rate="24") == {"FINISHED"}
    names, *rows = (line.split(",") for line in (folder / "take.csv").read_text().splitlines())
    opened = np.array([float(row[names.index("JawOpen")]) for row in rows])
    begins = face.utter.start
    shown = [jaw.evaluate(begins + frame * bpy.context.scene.render.fps / 24) for frame in range(len(rows))]
    assert len(rows) >= 24 and opened.max() > 0.85 and np.abs(opened - shown).max() < 0.2, notes  # read at 30 fps, written at 24
    assert np.median(np.abs(opened - shown)) < 0.01
    try:
        bpy.ops.utter.export(filepath=str(folder / "take.txt"))
        raise AssertionError("another ending was written")
    except RuntimeError as error:
        assert "ends in .csv" in str(error)
    assert [path.name for path in folder.iterdir()] == ["take.csv"]
