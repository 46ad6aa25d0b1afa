"""Who the built-in head is, in Blender (tests/blender/test_identity.py plays these).

sys.argv: the built-in head's bundle, and those of the character of seed 5 and of one slider, as model_runtime makes them.
"""

import functools
import json
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np

import addon

addon.register()
from addon.animation import bake  # noqa: E402
from addon.batch import command  # noqa: E402
from addon.panels import head as heads_room  # noqa: E402
from addon.panels import identity, perform  # noqa: E402
from addon.rigs import hair, making, rig_of  # noqa: E402
from addon.rigs.base import armature as armature_of  # noqa: E402
from addon.rigs.base import key_points  # noqa: E402
from addon.work import jobs  # noqa: E402
from contract import CHARACTERS, SLIDERS, HeadRequest, UtterError  # noqa: E402
from tests.blender import heads  # noqa: E402
from tests.blender.marks import once  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
VOICE = str(ROOT / "blender_assets" / "voices" / "pie.flac")
BUNDLE, CHARACTER, SLIDER = sys.argv[1:4]
SEED = 5
hair.DEFAULT = hair.NONE  # what hair does has scenes of its own, and takes longer to make than the rest of a head


def built_in(name="Tester"):
    head = making.build(BUNDLE, name=name)
    heads_room.choose(bpy.context.scene, head)
    return head


def shape(head):
    """All that an identity moves: {key: points} and {bone: place}."""
    keys = {block.name: key_points(block) for block in head.data.shape_keys.key_blocks}
    vertices = np.empty(3 * len(head.data.vertices), np.float32)
    head.data.vertices.foreach_get("co", vertices)
    return (
        keys
        | {"vertices": vertices.reshape(-1, 3)}
        | {f"bone {bone.name}": np.array(bone.head_local) for bone in armature_of(head).data.bones}
    )


def away(one, other):
    """The furthest that anything lies from where it lies in the other shape, metres."""
    assert one.keys() == other.keys()
    return max(np.abs(one[key] - other[key]).max() for key in one)


@functools.cache
def of_bundle(path):
    """The shape that a head freshly made of that bundle has."""
    head = making.build(path, name="Fresh")
    found, armature = shape(head), armature_of(head)
    bpy.data.objects.remove(head), bpy.data.objects.remove(armature)
    return found


def scene_an_identity_moves_everything_as_a_fresh_bundle_has_it():
    head = built_in()
    identity.randomise(head, SEED)
    assert away(shape(head), of_bundle(CHARACTER)) < 2e-6
    told = np.array(rig_of(head).identity)
    with np.load(CHARACTER) as arrays:
        np.testing.assert_allclose(told, arrays["beta"], atol=1e-5)
    assert head.utter.identity.seed == SEED and any(getattr(head.utter.identity, identity.key(name)) for name in SLIDERS)


def scene_sliders_are_the_heads_own():
    with np.load(identity.FILE) as file:
        assert file["identity_names"].tolist() == list(SLIDERS)
    settings = bpy.types.PropertyGroup.bl_rna_get_subclass_py("Identity").bl_rna.properties.keys()
    assert {identity.key(name) for name in SLIDERS} | {"seed"} <= set(settings)


def scene_a_slider_shows_at_once_and_comes_back():
    head = built_in()
    neutral = shape(head)
    head.utter.identity.eye_distance = 0.6
    moved = shape(head)
    assert away(moved, of_bundle(SLIDER)) < 2e-6
    assert moved["bone eye_left"][0] - neutral["bone eye_left"][0] > 0.0005
    head.utter.identity.eye_distance = 0
    assert away(shape(head), neutral) < 1e-6


def scene_lids_still_shut_on_a_character():
    head = built_in()
    with np.load(identity.FILE) as file:
        margins = [file[f"lid_margin_{lid}"] for lid in ("upper", "lower")]
    for seed in (None, 1, 2, 3):
        if seed is not None:
            identity.randomise(head, seed)
        shut = shape(head)
        place = shut["lid_left"] + shut["lid_right"] - shut["Basis"]
        upper, lower = (place[margin] for margin in margins)
        for side in (0, 1):
            apart = np.linalg.norm(upper[side][:, None] - lower[side][None], axis=-1)
            assert max(apart.min(0).max(), apart.min(1).max()) < 0.0012, (seed, apart.min(0).max(), apart.min(1).max())


def scene_animation_keys_materials_and_place_stay():
    head = built_in()
    head.location, head.utter.prompt = (1, 2, 3), "happy"
    bake.bake(rig_of(head), heads.motion(60), 1, fps=30)
    block = head.data.shape_keys.key_blocks["lid_left"]
    block.keyframe_insert("value", frame=11)
    own = head.shape_key_add(name="Scar", from_mix=False)
    own.points[7].co.x += 0.01
    pins, curves = bake.read_pins(rig_of(head), 1, 60, fps=30), bake.sample(rig_of(head), [5, 11, 40])
    materials, actions = [slot.material for slot in head.material_slots], [action.name for action in bpy.data.actions]
    neutral = shape(head)
    identity.randomise(head, SEED)
    np.testing.assert_allclose(bake.sample(rig_of(head), [5, 11, 40]), curves, atol=1e-6)  # bones' axes are told anew, to a rounding
    assert [action.name for action in bpy.data.actions] == actions
    for before, after in zip(pins, bake.read_pins(rig_of(head), 1, 60, fps=30)):
        np.testing.assert_allclose(after, before, atol=1e-6)
    assert [slot.material for slot in head.material_slots] == materials and tuple(head.location) == (1, 2, 3)
    changed = shape(head)
    np.testing.assert_allclose(changed["Scar"] - changed["Basis"], neutral["Scar"] - neutral["Basis"], atol=1e-7)
    np.testing.assert_allclose(changed["Exp3"] - changed["Basis"], neutral["Exp3"] - neutral["Basis"], atol=1e-7)


def scene_performing_tells_who_it_is():
    head = built_in()
    head.utter.voice = VOICE
    assert perform.perform_job(bpy.context.scene, head).asked.identity is None
    identity.randomise(head, SEED)
    told = perform.perform_job(bpy.context.scene, head).asked.identity
    assert len(told) == 300 and json.dumps(told) and np.linalg.norm(told) > 10
    assert np.array_equal(told, rig_of(head).identity)
    bpy.ops.utter.reset_identity()
    assert perform.perform_job(bpy.context.scene, head).asked.identity is None


def scene_undo_and_redo():
    head = built_in()
    name = head.name
    bpy.ops.ed.undo_push(message="head")
    neutral = shape(head)
    bpy.ops.utter.random_identity(seed=SEED)
    bpy.ops.ed.undo_push(message="Random Identity")
    person = shape(head)
    assert away(person, neutral) > 0.002
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert away(shape(head), neutral) < 1e-9 and head.utter.identity.seed == -1 and not rig_of(head).identity
    head.utter.identity.age = 0.5  # sliders start from what undo restored
    head.utter.identity.age = 0
    assert away(shape(head), neutral) < 1e-6
    bpy.ops.ed.undo_push(message="age")
    bpy.ops.utter.random_identity(seed=SEED)
    assert away(shape(head), person) < 2e-6


def scene_save_and_reload():
    head = built_in()
    identity.randomise(head, SEED)
    head.utter.identity.age += 0.1
    before, told = shape(head), rig_of(head).identity
    path = str(Path(tempfile.mkdtemp()) / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    head = bpy.data.objects["Tester"]
    assert away(shape(head), before) < 1e-9 and rig_of(head).identity == told and head.utter.identity.seed == SEED
    bpy.ops.utter.reset_identity()
    assert away(shape(head), of_bundle(BUNDLE)) < 2e-6


def scene_duplicates_and_two_heads():
    head, other = built_in(), built_in("Other")
    identity.randomise(other, 2)
    for duplicate, linked in ((True, False), (True, True), (False, False)):
        for obj in bpy.context.selected_objects:
            obj.select_set(False)
        head.select_set(True)
        if duplicate and not linked:
            armature_of(head).select_set(True)
        bpy.context.view_layer.objects.active = head
        bpy.ops.object.duplicate(linked=linked)
        copy = bpy.context.view_layer.objects.active
        assert copy != head
        before, others = shape(head), shape(other)
        identity.randomise(copy, SEED)
        assert away(shape(head), before) == 0 and away(shape(other), others) == 0 and away(shape(copy), before) > 0.002
        assert armature_of(copy) != armature_of(head) and rig_of(head).identity == ()
        head.utter.identity.weight = 0.3
        assert away(shape(copy), of_bundle(CHARACTER)) < 2e-6
        head.utter.identity.weight = 0


def scene_modes_and_hidden_rigs():
    head = built_in()
    armature, layer = armature_of(head), bpy.context.view_layer
    layer.objects.active = armature
    bpy.ops.object.mode_set(mode="POSE")
    head.utter.identity.chin = 0.5
    assert armature.mode == "POSE" and layer.objects.active == armature
    bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = head
    bpy.ops.object.mode_set(mode="EDIT")
    head.utter.identity.chin = 1
    assert head.mode == "EDIT"
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.hide_set(True)
    armature.hide_viewport = True
    head.utter.identity.chin = 0
    assert armature.hide_viewport and layer.objects.active == head and armature.users_collection == head.users_collection
    assert away(shape(head), of_bundle(BUNDLE)) < 2e-6


def scene_other_heads_say_why_not():
    folder = Path(tempfile.mkdtemp())
    heads.write(folder / "bundle.npz", basis="ab" * 32)
    for path, word in (("/heads/mine.npz", "Only the built-in head"), ("", "another version")):
        head = making.build(folder / "bundle.npz", head_path=path)
        heads_room.choose(bpy.context.scene, head)
        before = shape(head)
        assert word in identity.refusal(head) and not bpy.ops.utter.random_identity.poll()
        head.utter.identity.age = 1
        assert away(shape(head), before) == 0
        try:
            identity.randomise(head, 1)
            raise AssertionError("it must refuse")
        except UtterError as error:
            assert word in str(error)
        head.utter.voice = VOICE
        try:
            perform.perform_job(bpy.context.scene, head)
            raise AssertionError("it must refuse")
        except UtterError as error:
            assert ("add the built-in head again" if path == "" else "Use Selected") in str(error)


@once
def scene_a_character_brings_face_and_look():
    head = built_in()
    neutral, plain = shape(head), tuple(head.utter.eye_colour)
    for name, character in CHARACTERS.items():
        assert bpy.ops.utter.character(name=name) == {"FINISHED"}
        assert away(shape(head), neutral) > 0.003 and head.utter.identity.seed == character.seed
        assert abs(head.utter.identity.age - character.sliders["Age"]) < 1e-6
        assert abs(head.utter.skin_tone - character.skin_tone) < 1e-6
        np.testing.assert_allclose((head.utter.age, head.utter.stubble), (character.age, character.stubble), atol=1e-6)
        np.testing.assert_allclose(head.utter.eye_colour, character.eye_colour, atol=1e-6)
    other = built_in("Other")
    command.take_identity(other, next(iter(CHARACTERS)).lower())
    assert away(shape(other), shape(head)) > 0.003 and tuple(other.utter.eye_colour) != plain
    assert bpy.ops.utter.reset_identity() == {"FINISHED"}


@once
def scene_the_command_line_takes_identities():
    head = built_in()
    given = tempfile.mkdtemp()
    command.take_identity(head, str(SEED))
    assert away(shape(head), of_bundle(CHARACTER)) < 2e-6
    path = Path(given) / "identity.json"
    path.write_text('{"Eye Distance": 0.6}')
    command.take_identity(head, str(path))
    assert away(shape(head), of_bundle(SLIDER)) < 2e-6
    for text in ("[1]", "no json", '{"Nonsense": 1}', '{"Age": "old"}', '{"seed": "x"}'):
        path.write_text(text)
        try:
            command.take_identity(head, str(path))
            raise AssertionError(f"{text} must be refused")
        except UtterError:
            pass
    try:
        command.take_identity(head, "nowhere.json")
        raise AssertionError("a missing file must be refused")
    except UtterError:
        pass


def scene_nothing_changes_while_a_job_runs():
    head = built_in()
    jobs.current = jobs.Job("Perform", "perform", "perform", HeadRequest(), lambda result: None, jobs.temporary_folder())
    try:
        assert not bpy.ops.utter.random_identity.poll() and not bpy.ops.utter.reset_identity.poll()
    finally:
        jobs.current = None
    assert head.utter.identity.seed == -1 and bpy.ops.utter.random_identity.poll()
