"""All that a performance offers, on heads of every kind that is not ours: by a rig map, by bones, by shapes that were made. Each scene
performs with the real worker and goes on from there; it starts from an empty file (tests/blender/test_anyhead.py plays them)."""

import tempfile
from pathlib import Path

import bpy
import numpy as np

import addon
from tests.blender import actions_scenes, bones_scenes, maps_scenes, scope_scenes, shapes_scenes, simplify_scenes

if not addon._undo:
    addon.register()
from addon import rigs
from addon.animation import bake, fullness, layers, tracks
from addon.batch import command
from addon.maps import rows
from addon.panels import pins
from addon.rigs import mapped, poses
from addon.work import jobs
from contract import ACTIONS, FACE_ACTIONS

VOICE, column, refused = actions_scenes.VOICE, actions_scenes.column, maps_scenes.refused
EARLY = 40, 60  # frames of a scope


def shown(head):
    """[N, 117]: what the head performs, read back from its curves."""
    return bake.sample(rigs.rig_of(head), np.arange(1, 1 + head.utter.frames))


def pressed(operator, **arguments):
    assert operator(**arguments) == {"FINISHED"}, jobs.Message.text


def everything(head, hold, held, by_command=True):
    """Perform on a head and use all of the desk. hold(): the artist keys targets at frame 41; held(): how far these are from that."""
    head = scope_scenes.performed(head)
    settings, scene, first = head.utter, bpy.context.scene, shown(head)
    opens = column("jawOpen")
    assert np.ptp(first[:, opens]) > 0.1, "it speaks"
    keys = scope_scenes.keys(head)

    passage = settings.passages.add()
    passage.start, passage.end, passage.prompt, passage.fade = 20, 70, "delighted", 6
    settings.seed = 0
    pressed(bpy.ops.utter.perform)
    assert len(settings.takes) == 2
    smiles = [column(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
    told, gone = shown(head), np.arange(90, settings.frames)
    assert np.abs(told - first)[25:60].max() > 0.05 and np.abs(told - first)[gone].max() < np.abs(told - first)[25:60].max()
    if np.abs(first[:, smiles]).max() > 0:  # it has a target that smiles
        assert (told - first)[30:60][:, smiles].mean() > 0.02, "delighted"
    settings.take = 0
    assert scope_scenes.keys(head).keys() == keys.keys() and not scope_scenes.changed(keys, scope_scenes.keys(head), 1, 0), "as it was"

    hold()
    assert pins.count(head) >= 1 and held() < 1e-6
    before, settings.seed = scope_scenes.keys(head), 5
    scope_scenes.chosen(head, "PREVIEW", *EARLY)
    pressed(bpy.ops.utter.rediffuse)
    assert held() < 1e-6 and pins.count(head) >= 1, "met exactly"
    assert scope_scenes.changed(before, scope_scenes.keys(head), *EARLY), "and nothing else"
    scene.use_preview_range, settings.scope = False, "EVERYTHING"

    rig = rigs.rig_of(head)
    full, value, frames = simplify_scenes.keys_of(rig), shown(head), np.arange(20, 80, 4)
    meshes = simplify_scenes.meshes(rig, frames)
    settings.finish.strength = 0.5
    assert np.abs(shown(head) - value).max() > 0.05 and held() < 1e-6
    pressed(bpy.ops.utter.reset_finish)
    assert simplify_scenes.same(full, simplify_scenes.keys_of(rig))
    pressed(bpy.ops.utter.simplify)
    thin = simplify_scenes.keys_of(rig)
    off = np.linalg.norm(simplify_scenes.meshes(rig, frames) - meshes, axis=2).max()
    assert off < 0.6, off
    assert sum(len(told["co"]) for told in thin.values()) < 0.6 * sum(len(told["co"]) for told in full.values()) and held() < 1e-6
    pressed(bpy.ops.utter.full_keys)
    assert simplify_scenes.same(full, simplify_scenes.keys_of(rig)) and not fullness.simplified(bake.actions(rig))

    settings.take = 1
    whole = shown(head)
    pressed(bpy.ops.utter.layers)
    assert layers.layered(rigs.rig_of(head))
    pressed(bpy.ops.utter.merge_layers)
    np.testing.assert_allclose(shown(head), whole, atol=1e-4)

    name = head.name
    bpy.ops.ed.undo_push(message="merged")
    pressed(bpy.ops.utter.clear)
    bpy.ops.ed.undo_push(message="cleared")
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    np.testing.assert_allclose(shown(head), whole, atol=1e-6)
    with tempfile.TemporaryDirectory() as folder:
        exported(head, Path(folder))
        if by_command:
            batch(head, Path(folder))


def exported(head, folder):
    """Live Link's CSV and an .npz hold what the head shows."""
    actions = shown(head)[:, FACE_ACTIONS]
    for suffix in (".npz", ".csv"):
        pressed(bpy.ops.utter.export, filepath=str(folder / f"take{suffix}"))
    with np.load(folder / "take.npz", allow_pickle=False) as file:
        np.testing.assert_allclose(file["actions"][: len(actions)], actions[: len(file["actions"])], atol=0.02)
    head_line, *lines = (folder / "take.csv").read_text().splitlines()
    names = head_line.split(",")
    assert len(names) == 63 and names[2] == "EyeBlinkLeft" and abs(len(lines) - 2 * len(actions)) <= 4
    of = names.index("JawOpen")
    np.testing.assert_allclose([float(line.split(",")[of]) for line in lines[::2]][:60], actions[:60, ACTIONS.index("jawOpen")], atol=0.05)


def batch(head, folder):
    """The command line performs on the character of a .blend, and leaves the file that it was given."""
    path, name = folder / "mine.blend", head.name
    pressed(bpy.ops.utter.clear)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    asked = ["perform", str(path), VOICE, "--out", str(folder / "out.blend"), "--quality", "draft", "--seed", "3", "--actions", "csv"]
    assert command.main(asked) == command.OK
    bpy.ops.wm.open_mainfile(filepath=str(folder / "out.blend"))
    head = bpy.data.objects[name]
    assert bpy.context.scene.utter.head == head and len(bpy.data.meshes) == len(
        {obj.data for obj in bpy.data.objects if obj.type == "MESH"}
    )
    values = shown(head)
    assert np.ptp(values[:, column("jawOpen")]) > 0.1 and head.utter.seed == 3
    assert len((folder / "out.csv").read_text().splitlines()) > 100


def keyed(head, key, value):
    """(hold, held) of a shape key."""

    def hold():
        block = head.data.shape_keys.key_blocks[key]
        block.value = value
        block.keyframe_insert("value", frame=41)

    return hold, lambda: abs(maps_scenes.curve_in(head, key).evaluate(41) - value)


def scene_a_mapped_character_does_everything():
    head = maps_scenes.built_in(maps_scenes.VRM)
    maps_scenes.lower_teeth("Teeth", ("aa", "oh"))
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    for obj in list(bpy.context.scene.objects):
        if obj.type == "MESH":
            obj.parent = rig
    bpy.context.view_layer.objects.active = head
    pressed(bpy.ops.utter.use_selected)
    assert mapped.PROPERTY in head and len(rigs.rig_of(head).parts) == 2
    everything(head, *keyed(head, "aa", 0.75))


def scene_a_face_of_bones_does_everything():
    head, rig = bones_scenes.boned()
    pressed(bpy.ops.utter.use_selected)
    bone, turned = rig.pose.bones["jaw_master"], (0, 0, 0, -0.2, 0, 0, 0, 0, 0)
    poses.put(bone, turned)
    wanted = np.array(bone.rotation_quaternion)

    def hold():
        poses.put(bone, turned)
        bone.keyframe_insert("rotation_quaternion", frame=41)

    def held():
        told = {
            track.index: tracks.find(track)
            for track in rigs.rig_of(head).tracks()
            if track.path == bone.path_from_id("rotation_quaternion")
        }
        return max(abs(told[index].evaluate(41) - wanted[index]) for index in range(4))

    poses.put(bone, (0,) * 9)
    everything(head, hold, held)


def scene_a_head_whose_shapes_were_made_does_everything():
    head, told, _ = shapes_scenes.character()
    pressed(bpy.ops.utter.make_shapes)
    name = head.name  # undo puts another object in its place
    everything(head, *keyed(head, "jawOpen", 0.75), by_command=False)
    lips_meet_where_ours_do(bpy.data.objects[name], told)


def lips_meet_where_ours_do(head, told):
    """Of the frames shut on our head at least 95 % are shut on this one, and at most 2 % of those open."""
    actions = shown(head)[:, FACE_ACTIONS]
    ours = np.maximum(actions @ rows.ours().apart, 0)
    moved = {action: shapes_scenes.moves(head, action) for action in ACTIONS if action in head.data.shape_keys.key_blocks}
    one, other = shapes_scenes.touching(head, told, moved["jawOpen"])
    up = rigs.rig_of(head).axes()[:, 1]
    parting = np.array([(moved[action][other] - moved[action][one]) @ up if action in moved else np.zeros(len(one)) for action in ACTIONS])
    gap = np.maximum(actions @ parting, 0).max(1) / parting[ACTIONS.index("jawOpen")].max()
    shut, parted = ours < 0.02, ours > 0.08
    assert shut.sum() > 5 < parted.sum()
    assert (gap[shut] < 0.03).mean() >= 0.95 and (gap[parted] < 0.03).mean() <= 0.02
