"""What people do to heads in real scenes, and what must be left of them (tests/blender/test_scene_life.py plays these).

sys.argv: the built-in head's bundle.
"""

import math
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from tests.blender import heads
from tests.blender.actions_scenes import arkit  # which registers Utter

# isort: split
from addon import rigs
from addon.animation import bake
from addon.panels import base, identity, perform, takes
from addon.panels import head as heads_room
from addon.rigs import making, recognise, rig_of
from addon.rigs.base import armature as armature_of
from addon.rigs.base import neutral
from contract import ACTIONS, CHANNELS, FACE_ACTIONS, PERFORMANCE, UtterError
from tests.blender.marks import once

ROOT = Path(__file__).resolve().parents[2]
VOICE = str(ROOT / "blender_assets" / "voices" / "pie.flac")
BUNDLE = sys.argv[1]
FRAMES, MOMENTS = 30, (3, 11, 24)


# What the scenes are made of


def small(name="Head", jaw="keys"):
    path = Path(tempfile.mkdtemp()) / "bundle.npz"
    heads.write(path)
    return chosen(making.build(path, name=name, jaw=jaw))


def built_in(name="Head"):
    return chosen(making.build(BUNDLE, name=name))


def chosen(head):
    bpy.context.scene.render.fps = 30
    heads_room.choose(bpy.context.scene, head)
    head.utter.voice = VOICE
    return head


def worker_gave(job, seed, strength=1.0):
    """Write what the worker would have; returns the performance and the notes that the job then has for the artist."""
    actions = np.random.default_rng(seed).random((FRAMES, len(ACTIONS)))
    values = np.concatenate([heads.motion(FRAMES, seed) * strength, actions], axis=1).astype(np.float32)
    np.savez(job.asked.output, motion=values[:, :CHANNELS], actions=values[:, CHANNELS:])
    result = {"output": job.asked.output, "fps": 30.0, "seconds": 0.1}
    job.apply(result)
    return values, result["notes"]


def performed(head, seed=1, rediffuse=False, strength=1.0):
    return worker_gave(perform.perform_job(bpy.context.scene, head, rediffuse), seed, strength)


def world(head, frame):
    """Where the head's vertices stand in the scene at a frame [V,3]."""
    bpy.context.scene.frame_set(frame)
    layer = bpy.context.view_layer
    layer.update()
    shown = head.evaluated_get(layer.depsgraph)
    mesh = shown.to_mesh()
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    shown.to_mesh_clear()
    matrix = np.array(shown.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def shown(head):
    return np.array([world(head, frame) for frame in MOMENTS])


def duplicate(*objects, linked):
    """What Shift-D or Alt-D makes of them; returns the new mesh object."""
    for obj in bpy.context.selected_objects:
        obj.select_set(False)
    for obj in objects:
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]
    bpy.ops.object.duplicate(linked=linked)
    return next(obj for obj in bpy.context.selected_objects if obj.type == "MESH")


def refused(call, *arguments):
    try:
        call(*arguments)
    except UtterError as error:
        return str(error)
    raise AssertionError("it did not refuse")


def close(one, other, within=1e-6):
    np.testing.assert_allclose(one, other, atol=within, rtol=0)


def saved_and_opened():
    path = str(Path(tempfile.mkdtemp()) / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)


# What heads share


def scene_linked_duplicates_perform_apart():
    for kind in ("flame", "arkit"):
        one = small() if kind == "flame" else chosen(arkit())
        before, _ = performed(one, 1)
        face = shown(one)
        two = duplicate(*filter(None, (one, armature_of(one))), linked=True)
        assert two.data == one.data
        after, notes = performed(chosen(two), 2)
        columns = rig_of(one).columns if kind == "flame" else slice(*FACE_ACTIONS.indices(PERFORMANCE)[:2])
        columns = slice(columns) if isinstance(columns, int) else columns
        when = np.arange(1, FRAMES + 1)
        close(bake.sample(rig_of(one), when)[:, columns], before[:, columns], 2e-6)
        close(bake.sample(rig_of(two), when)[:, columns], after[:, columns], 2e-6)
        close(shown(one), face)
        assert np.abs(shown(two) - face).max() > 0.001
        assert "copy of its own" in " ".join(notes), notes
        assert len(one.utter.takes) == 1 and len(two.utter.takes) == 2
        assert not performed(two, 3)[1], "it is said once"
        for obj in list(bpy.data.objects):
            bpy.data.objects.remove(obj)


def scene_meshes_that_share_an_armature_perform_apart():
    one = small(jaw="bone")
    one.utter.jaw = "bone"
    performed(one, 1)
    face = shown(one)
    two = duplicate(one, linked=True)
    assert armature_of(two) == armature_of(one)
    notes = performed(chosen(two), 2)[1]
    assert armature_of(two) != armature_of(one) and two.parent == armature_of(two) and "armature" in " ".join(notes)
    close(shown(one), face)
    assert np.abs(shown(two) - face).max() > 0.001
    close(world(two, 11) - world(one, 11), world(two, 11) - face[1])


def scene_a_linked_duplicate_that_was_moved_keeps_its_eyes_in_its_head():
    one = built_in("One")
    two = duplicate(one, linked=True)
    two.location, two.rotation_euler = (0.3, 0.1, 0.2), (0, 0, 0.5)
    bpy.context.view_layer.update()
    place = np.array(two.matrix_world)
    notes = performed(chosen(two), 1)[1]
    bpy.context.view_layer.update()
    close(np.array(two.matrix_world), place)
    assert not any("moved without" in note for note in notes), notes
    performed(chosen(one), 1)
    turn = np.linalg.inv(place)
    for frame in MOMENTS:
        moved = world(two, frame) @ turn[:3, :3].T + turn[:3, 3]
        close(moved, world(one, frame), 1e-5)


def scene_a_head_that_was_moved_without_its_armature_is_named():
    head = built_in()
    head.location.x = 0.1
    assert any("was moved without its armature" in note for note in performed(head, 1)[1])
    head.location.x = 0
    assert not any("was moved without" in note for note in performed(head, 1)[1])


def scene_the_first_of_two_linked_duplicates_leaves_the_second_as_it_is():
    one = small()
    performed(one, 1)
    two = duplicate(one, armature_of(one), linked=True)
    face = shown(two)
    performed(chosen(one), 2)
    close(shown(two), face)
    take = two.utter.takes[0]
    assert take.keys == two.data.shape_keys.animation_data.action, "and its take is still the one that it shows"


def scene_takes_and_clearing_touch_no_linked_duplicate():
    one = small()
    performed(one, 1)
    performed(one, 2)
    face = shown(one)
    two = chosen(duplicate(one, armature_of(one), linked=True))
    two.utter.take = 0
    close(shown(one), face)
    assert np.abs(shown(two) - face).max() > 0.001
    three = chosen(duplicate(one, armature_of(one), linked=True))
    bpy.ops.utter.clear()
    close(shown(one), face)
    close(world(three, 11), world(three, 3))
    four = chosen(duplicate(one, armature_of(one), linked=True))
    bpy.ops.utter.remove_take()
    close(shown(one), face)
    assert len(four.utter.takes) == 1 and len(one.utter.takes) == 2


def scene_rediffusing_a_duplicate_keeps_its_take():
    for linked in (True, False):
        one = small()
        performed(one, 1)
        two = chosen(duplicate(one, armature_of(one), linked=linked))
        face = shown(one)
        two.data.shape_keys.key_blocks["jaw_x"].value = 0.5
        if linked:
            rig_of(two).separate()
        two.data.shape_keys.key_blocks["jaw_x"].keyframe_insert("value", frame=11)  # Shift-D shares the Action: it shows on both
        face = shown(one)
        performed(two, 2, rediffuse=True)
        close(shown(one), face)
        action = two.data.shape_keys.animation_data.action
        assert two.utter.takes[two.utter.take].keys == action, "what was re-diffused is the chosen take"
        assert action != one.data.shape_keys.animation_data.action and len(one.utter.takes) == 1
        for obj in list(bpy.data.objects):
            bpy.data.objects.remove(obj)


def scene_an_object_of_the_same_mesh_keeps_it():
    head = small()
    other = bpy.data.objects.new("Statue", head.data)
    bpy.context.collection.objects.link(other)
    mesh, rest = head.data, world(other, 11)
    performed(head, 1)
    assert other.data == mesh and head.data != mesh and mesh.shape_keys.animation_data is None
    close(world(other, 11), rest)


def scene_instances_of_a_collection_perform_with_it():
    head = small()
    cast = bpy.data.collections.new("Cast")
    for obj in (head, armature_of(head)):
        cast.objects.link(obj)
    empty = bpy.data.objects.new("Instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", cast
    bpy.context.scene.collection.objects.link(empty)
    mesh, notes = head.data, performed(head, 1)[1]
    assert head.data == mesh and not notes, notes


def scene_copied_scenes():
    head = small()
    performed(head, 1)
    face = shown(head)
    first = bpy.context.scene
    bpy.ops.scene.new(type="FULL_COPY")
    copy = bpy.context.scene
    twin = copy.utter.head
    assert copy != first and twin != head and base.chosen(bpy.context) == twin
    performed(twin, 2)
    bpy.context.window.scene = first
    close(shown(head), face)
    bpy.ops.scene.new(type="LINK_COPY")
    assert base.chosen(bpy.context) == head and not performed(head, 3)[1], "a head in two scenes is one head"
    bpy.ops.scene.new(type="EMPTY")
    assert base.chosen(bpy.context) is None and rigs.find(bpy.context) is None


def scene_sliders_of_linked_duplicates_are_apart():
    one = built_in()
    two = duplicate(one, armature_of(one), linked=True)
    face, bones = shown(one), bones_of(one)
    two.utter.identity.age = 0.5
    close(shown(one), face)
    close(bones_of(one), bones)
    assert np.abs(shown(two) - face).max() > 0.001
    two.utter.identity.age = 0
    close(shown(two), face, 1e-5)


def bones_of(head):
    return np.array([bone.head_local for bone in armature_of(head).data.bones])


# Library overrides


def overridden(make, instances=1):
    """Heads of a character in another file, linked and overridden in a new one; the mesh is linked still."""
    head = make()
    char = bpy.data.collections.new("CHAR")
    bpy.context.scene.collection.children.link(char)
    for obj in filter(None, (head, armature_of(head))):
        char.objects.link(obj)
        bpy.context.scene.collection.objects.unlink(obj)
    path = str(Path(tempfile.mkdtemp()) / "char.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_, here):
        here.collections = ["CHAR"]
    found = []
    for _ in range(instances):
        root = here.collections[0].override_hierarchy_create(bpy.context.scene, bpy.context.view_layer, do_fully_editable=not found)
        found.append(next(obj for obj in root.all_objects if obj.type == "MESH" and "utter_hair" not in obj))
    return found


def scene_an_overridden_character_performs_and_keeps_its_settings():
    for make in (small, lambda: chosen(arkit())):
        (head,) = overridden(make)
        assert head.data.library and recognise(head).state == "ready"
        chosen(head)
        head.utter.seed, head.utter.prompt, head.utter.start = 5, "sad", 4
        passage = head.utter.passages.add()
        passage.start, passage.end, passage.prompt, passage.strength = 3, 20, "angry", 0.25
        values, notes = performed(head)
        assert "library override" in " ".join(notes)
        face, name = shown(head), head.name
        saved_and_opened()
        head = bpy.data.objects[name, None]
        told = head.utter
        assert (told.voice, told.seed, told.prompt, told.start) == (VOICE, 5, "sad", 4)
        assert [(p.start, p.end, p.prompt, p.strength) for p in told.passages] == [(3, 20, "angry", 0.25)]
        assert len(told.takes) == 1 and told.takes[0].keys == head.data.shape_keys.animation_data.action
        close(shown(head), face)
        told.passages.add()
        assert not performed(chosen(head), 2)[1]
        saved_and_opened()
        assert len(bpy.data.objects[name, None].utter.takes) == 2 and len(bpy.data.objects[name, None].utter.passages) == 2
        bpy.ops.wm.read_factory_settings(use_empty=True)


def scene_a_character_that_never_knew_utter_keeps_its_settings_too():
    (head,) = overridden(arkit)
    name = head.name
    chosen(head).utter.seed = 7
    passage = head.utter.passages.add()
    passage.prompt, passage.end = "proud", 9
    performed(head)
    face = shown(head)
    bpy.ops.ed.undo_push(message="before")
    head.utter.seed = 8
    bpy.ops.ed.undo_push(message="seed")
    bpy.ops.ed.undo()
    for _ in range(3):
        head = bpy.data.objects[name, None]
        assert (head.utter.seed, head.utter.voice, head.utter.passages[0].prompt, len(head.utter.takes)) == (7, VOICE, "proud", 1)
        close(shown(head), face)
        saved_and_opened()


def scene_an_overridden_jaw_stays_as_it_was_baked():
    (head,) = overridden(small)
    chosen(head).utter.jaw = "bone"
    performed(head)
    name = head.name
    saved_and_opened()
    head = bpy.data.objects[name, None]
    assert rig_of(head).jaw == "bone" and head.utter.jaw == "bone"
    assert np.abs(bake.sample(rig_of(head), [3, 11])[:, 50]).max() > 0.1


def scene_two_overrides_of_one_character_perform_apart():
    one, two = overridden(small, 2)
    performed(chosen(one), 1)
    face = shown(one)
    performed(chosen(two), 2)
    close(shown(one), face)
    other = shown(two)
    names = one.name, two.name
    saved_and_opened()
    one, two = (bpy.data.objects[name, None] for name in names)
    close(shown(one), face)
    close(shown(two), other)


def scene_sliders_of_an_override_end_where_they_did_and_that_is_said():
    (head,) = overridden(small)
    notes = performed(chosen(head), strength=8)[1]
    assert "Exp1" in " ".join(notes) and "range" in " ".join(notes), notes
    face, name = shown(head), head.name
    saved_and_opened()
    close(shown(bpy.data.objects[name, None]), face)


def scene_the_identity_of_an_override_is_its_files():
    (head,) = overridden(built_in)
    face = shown(chosen(head))
    assert "override" in refused(identity.randomise, head, 1)
    head.utter.identity.age = 0.5
    close(shown(head), face)
    assert not rig_of(head).identity


def scene_linked_heads_say_what_to_do():
    (head,) = overridden(small)
    linked = head.override_library.reference
    bpy.context.scene.collection.objects.link(linked)
    assert "library override" in recognise(linked).reason and "library override" in refused(rig_of, linked)
    local = bpy.data.objects.new("Local", linked.data)
    bpy.context.scene.collection.objects.link(local)
    assert "linked from another file" in recognise(local).reason
    armature_of(head)
    head.modifiers["Utter"].object = armature_of(linked)
    head.parent = None
    before = len(bpy.data.actions)
    assert "library override" in recognise(head).reason
    bpy.context.scene.utter.head = head
    head.utter.voice = VOICE
    assert "armature" in refused(perform.perform_job, bpy.context.scene, head)
    assert len(bpy.data.actions) == before and head.data.library


# Keys and bones under other names


def scene_renamed_keys_are_found_by_what_they_do():
    head = small()
    values, _ = performed(head, 1)
    face = shown(head)
    order = np.random.default_rng(3).permutation(len(heads.KEYS))
    for place in order:
        head.data.shape_keys.key_blocks[heads.KEYS[place]].name = f"Morph {place}"
    assert recognise(head).state == "ready"
    when = np.arange(1, FRAMES + 1)
    close(bake.sample(rig_of(head), when), values[:, :CHANNELS], 2e-6)
    assert not performed(head, 1)[1]
    close(shown(head), face)
    head.active_shape_key_index = 5
    bpy.ops.object.shape_key_move(type="BOTTOM")
    performed(head, 1)
    close(shown(head), face)


def scene_keys_that_are_gone_are_named():
    head = small()
    for name in ("Exp3", "jaw_y"):
        head.shape_key_remove(head.data.shape_keys.key_blocks[name])
    head.data.shape_keys.key_blocks["Exp5"].mute = True
    told = " ".join(performed(head, 1)[1])
    assert "Exp3, jaw_y" in told and "Exp5" in told, told
    assert np.abs(shown(head) - world(head, 100)).max() > 0.001
    head.shape_key_clear()
    assert "lost its shape keys" in recognise(head).reason and "lost its shape keys" in refused(
        perform.perform_job, bpy.context.scene, head
    )


def scene_a_key_on_top_of_the_basis_is_refused():
    for make, name in ((small, "jaw_x"), (lambda: chosen(arkit()), "jawOpen")):
        head = make()
        bpy.context.view_layer.objects.active = head
        head.active_shape_key_index = head.data.shape_keys.key_blocks.find(name)
        bpy.ops.object.shape_key_move(type="TOP")
        bpy.ops.object.shape_key_move(type="UP")
        if head.data.shape_keys.reference_key.name != name:  # Blender 5.2 leaves the basis where it is
            continue
        assert name in recognise(head).reason and "Basis" in recognise(head).reason
        bpy.ops.object.shape_key_move(type="DOWN")
        assert recognise(head).state == "ready"


def scene_absolute_keys_are_refused():
    for head in (small(), chosen(arkit())):
        head.data.shape_keys.use_relative = False
        assert "Relative" in refused(rig_of, head)


def scene_renamed_bones_are_found_by_what_they_move():
    for jaw in ("keys", "bone"):
        head = small(jaw=jaw)
        head.utter.jaw = jaw
        values, _ = performed(head, 1)
        face = shown(head)
        for bone, name in (("jaw", "DEF-jaw"), ("neck", "DEF-neck"), ("eye_left", "DEF-eye.L"), ("eye_right", "jaw"), ("root", "Root")):
            armature_of(head).data.bones[bone].name = name
        close(shown(head), face)
        close(bake.sample(rig_of(head), np.arange(1, FRAMES + 1)), values[:, :CHANNELS], 5e-6)
        assert not performed(head, 1)[1]
        close(shown(head), face)


def scene_bones_and_groups_that_are_gone_are_named():
    head = small()
    armature, layer = armature_of(head), bpy.context.view_layer
    head.vertex_groups["neck"].name = "Hals"
    assert "(neck)" in " ".join(performed(head, 1)[1])
    head.vertex_groups["Hals"].name = "neck"
    assert not performed(head, 1)[1]
    layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    armature.data.edit_bones.remove(armature.data.edit_bones["eye_left"])
    bpy.ops.object.mode_set(mode="OBJECT")
    assert "eye_left" in " ".join(performed(head, 1)[1])
    head.modifiers.remove(head.modifiers["Utter"])
    assert "Armature modifier" in " ".join(performed(head, 1)[1])
    bpy.data.objects.remove(armature)
    head.utter.jaw = "bone"
    before = shown(head)
    assert "no jaw bone" in refused(performed, head, 2)
    close(shown(head), before)
    head.utter.jaw = "keys"
    assert "lost its armature" in " ".join(performed(head, 2)[1])


def scene_a_renamed_bone_and_a_slider_leave_the_neutral_face():
    head = built_in()
    face, bones = neutral(head), bones_of(head)
    armature_of(head).data.bones["jaw"].name = "DEF-jaw"
    head.utter.identity.age = 0.5
    assert len(rig_of(head).identity) and np.abs(bones_of(head) - bones).max() > 0.0002
    for age in (0.6, -1, 0):
        head.utter.identity.age = age
    close(neutral(head), face, 1e-5)
    close(bones_of(head), bones, 1e-5)


@once
def scene_what_an_identity_cannot_move_is_refused_before_anything_moves():
    def without_a_bone(head):
        bpy.context.view_layer.objects.active = armature_of(head)
        bpy.ops.object.mode_set(mode="EDIT")
        edit = armature_of(head).data.edit_bones
        edit.remove(edit["eye_left"])
        bpy.ops.object.mode_set(mode="OBJECT")

    def reordered(head):
        points = np.empty(3 * len(head.data.vertices), np.float32)
        for block in [*head.data.shape_keys.key_blocks]:
            block.points.foreach_get("co", points)
            block.points.foreach_set("co", points.reshape(-1, 3)[::-1].ravel())

    def one_vertex_more(head):
        bpy.context.view_layer.objects.active = head
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.primitive_plane_add()
        bpy.ops.object.mode_set(mode="OBJECT")

    for change, word in ((without_a_bone, "eye_left"), (reordered, "edited"), (one_vertex_more, "edited")):
        head = built_in()
        change(head)
        face, bones = neutral(head), bones_of(head)
        assert word in refused(identity.randomise, head, 1), (change.__name__, identity.refusal(head))
        head.utter.identity.age = 0.5
        assert np.array_equal(neutral(head), face) and np.array_equal(bones_of(head), bones) and not rig_of(head).identity
        bpy.data.objects.remove(head)


def scene_a_sculpted_face_keeps_what_was_sculpted():
    head = built_in()
    for block in head.data.shape_keys.key_blocks:
        for vertex in range(3000, 3400):
            block.points[vertex].co.x += 0.004
    face = neutral(head)
    identity.randomise(head, 3)
    assert np.abs(neutral(head) - face).max() > 0.002
    bpy.ops.utter.reset_identity()
    close(neutral(head), face, 1e-5)


def scene_eyes_that_mirror_each_other_move_once():
    head = built_in()
    bones = bones_of(head)
    head.utter.identity.eye_distance = 0.6
    moved = bones_of(head)
    head.utter.identity.eye_distance = 0
    armature_of(head).data.use_mirror_x = True
    head.utter.identity.eye_distance = 0.6
    assert armature_of(head).data.use_mirror_x
    close(bones_of(head), moved, 1e-5)
    head.utter.identity.eye_distance = 0
    close(bones_of(head), bones, 1e-5)


@once
def scene_an_applied_turn_or_scale_changes_nothing_that_is_seen():
    """Object > Apply, of the mesh, of the armature, of both: performing and sliders give in the scene what they gave before."""
    for who in ("mesh", "armature", "both"):
        plain, turned = built_in("Plain"), built_in("Turned")
        for head in (plain, turned):
            armature_of(head).matrix_world = Matrix.LocRotScale((0.3, 0, 0.1), Matrix.Rotation(math.radians(35), 3, "Z"), (2, 2, 2))
            head.matrix_basis = Matrix.LocRotScale((0, 0, 0), Matrix.Rotation(math.radians(25), 3, "X"), (1.5,) * 3)
        bpy.context.view_layer.update()
        for obj in bpy.context.selected_objects:
            obj.select_set(False)
        meant = {"mesh": [turned], "armature": [armature_of(turned)], "both": [armature_of(turned), turned]}[who]
        for obj in meant:
            obj.select_set(True)
        bpy.context.view_layer.objects.active = meant[0]
        bpy.ops.object.transform_apply(location=True, rotation=True, scale=True)
        for head in (plain, turned):
            head.utter.jaw = "bone"
            performed(head, 1)
        close(shown(turned), shown(plain), 2e-5)
        rest = neutral(turned)
        for head in (plain, turned):
            identity.randomise(head, 4)
        close(shown(turned), shown(plain), 5e-5)
        identity.set_sliders(turned, {})
        close(neutral(turned), rest, 1e-5)
        for obj in list(bpy.data.objects):
            bpy.data.objects.remove(obj)


# Sliders


def scene_an_artists_value_beyond_a_slider_is_kept():
    for make, key, value in ((lambda: chosen(arkit()), "jawOpen", 1.2), (small, "Exp4", 7.5), (small, "lid_left", -1.5)):
        head = make()
        performed(head, 1)
        curve = next(c for c in bake.compat.bag(head.data.shape_keys).fcurves if c.data_path == f'key_blocks["{key}"].value')
        curve.keyframe_points.insert(11, value)
        performed(head, 2, rediffuse=True)
        bpy.context.scene.frame_set(11)
        assert abs(head.data.shape_keys.key_blocks[key].value - value) < 1e-5, (key, head.data.shape_keys.key_blocks[key].value)


def scene_narrowed_sliders_and_what_goes_beyond_all():
    head = small()
    narrow = head.data.shape_keys.key_blocks["Exp1"]
    narrow.slider_min, narrow.slider_max = -0.1, 0.1
    values, notes = performed(head, 1)
    assert not notes
    for frame in MOMENTS:
        bpy.context.scene.frame_set(frame)
        assert abs(narrow.value - values[frame - 1, 0]) < 1e-5
    notes = performed(head, 1, strength=30)[1]
    assert "Exp1" in " ".join(notes) and "10" in " ".join(notes), notes


# Whichever head is meant


def scene_a_head_is_found_wherever_it_is():
    one, two = small("One"), small("Two")
    scene, layer = bpy.context.scene, bpy.context.view_layer
    scene.utter.head = None
    layer.objects.active = armature_of(two)
    bpy.ops.object.mode_set(mode="POSE")
    assert rigs.find(bpy.context) == two and base.chosen(bpy.context) == two
    bpy.ops.object.mode_set(mode="EDIT")
    assert rigs.find(bpy.context) == two
    bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = one
    bpy.ops.object.mode_set(mode="EDIT")
    assert rigs.find(bpy.context) == one
    performed(one, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = None
    assert rigs.find(bpy.context) is None, "which of the two is not said"
    scene.utter.head = two
    away = bpy.data.collections.new("Away")
    scene.collection.children.link(away)
    for obj in (two, armature_of(two)):
        away.objects.link(obj)
        for collection in list(obj.users_collection):
            if collection != away:
                collection.objects.unlink(obj)
    layer.layer_collection.children["Away"].exclude = True
    assert base.chosen(bpy.context) == two
    performed(two, 1)
    away.hide_viewport = two.hide_viewport = True
    layer.layer_collection.children["Away"].exclude = False
    performed(two, 2)
    assert np.abs(bake.sample(rig_of(two), [3])).max() > 0


def scene_sliders_move_a_head_wherever_it_is():
    head = built_in()
    scene, layer = bpy.context.scene, bpy.context.view_layer
    face, bones = neutral(head), bones_of(head)
    away = bpy.data.collections.new("Away")
    scene.collection.children.link(away)
    for obj in (head, armature_of(head)):
        away.objects.link(obj)
        scene.collection.objects.unlink(obj)
    other = small("Other")
    layer.objects.active = other
    for mode in ("OBJECT", "EDIT", "SCULPT"):
        bpy.ops.object.mode_set(mode=mode)
        for hidden in (True, False):
            layer.layer_collection.children["Away"].exclude = hidden
            other.hide_viewport = hidden and mode == "OBJECT"
            head.utter.identity.age = 0.5
            assert np.abs(neutral(head) - face).max() > 0.001 and np.abs(bones_of(head) - bones).max() > 1e-4
            head.utter.identity.age = 0
            close(neutral(head), face, 1e-5)
            close(bones_of(head), bones, 1e-5)
            assert layer.objects.active == other and other.mode == mode
            other.hide_viewport = False
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.window.scene = bpy.data.scenes.new("Elsewhere")
    head.utter.identity.age = 0.5
    assert np.abs(neutral(head) - face).max() > 0.001 and not bpy.context.scene.objects


def scene_panels_outlive_a_broken_head():
    head = small()
    performed(head, 1)
    head.shape_key_clear()
    for operator in (bpy.ops.utter.perform, bpy.ops.utter.rediffuse, bpy.ops.utter.clear, bpy.ops.utter.remove_take):
        assert not operator.poll()
    head.utter.take = 0
    for panel in (perform.UTTER_PT_perform, takes.UTTER_PT_takes):
        assert not panel.poll(bpy.context)
