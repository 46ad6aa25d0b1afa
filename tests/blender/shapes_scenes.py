"""Heads that nobody gave expressions: points on their faces, shapes made for them, what cannot be good refused. Each scene starts from an
empty file (tests/blender/test_shapes.py plays them)."""

import functools
import tempfile
from pathlib import Path

import bpy
import numpy as np

import addon
from tests.blender import actions_scenes, heads

if not addon._undo:
    addon.register()
from addon import rigs
from addon.animation import bake
from addon.panels import shapes
from addon.rigs import axes, mapped, parts, shaping
from addon.rigs.base import key_points, neutral
from contract import ACTIONS, FACE_ACTIONS, PERFORMANCE, UtterError
from tests.blender.marks import once

ROOT = Path(__file__).resolve().parents[2]
COUNT = 3600  # vertices that are left of the built-in head's


def bare_mesh(name, vertices, polygons):
    """A mesh object without shape keys, given in FLAME's axes."""
    data = bpy.data.meshes.new(name)
    data.from_pydata((np.asarray(vertices, float) @ axes.TO_BLENDER.T).tolist(), [], [[i for i in p if i >= 0] for p in polygons.tolist()])
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    return obj


@functools.cache
def built_in():
    """The arrays of the built-in head's file but for its shapes."""
    with np.load(ROOT / "blender_assets" / "head" / "utter_head.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files if not name.startswith(("shapedirs", "posedirs", "parts_shapedirs", "lids_id"))}


def head(count=COUNT, parted=True):
    """The built-in head's skin in other triangles, without keys: (object, the file's arrays). parted: whether its lips are two."""
    told = built_in()
    faces = told["f"]
    if not parted:
        joined = np.arange(len(told["v_template"]))
        joined[told["lip_inner_lower"]] = told["lip_inner_upper"]
        faces = joined[faces]
        faces = faces[(faces != np.roll(faces, 1, axis=1)).all(1)]
    obj = bare_mesh("Face", told["v_template"], faces)
    if count:
        thin = obj.modifiers.new("Thin", "DECIMATE")
        thin.ratio = count / len(told["v_template"])
        with bpy.context.temp_override(object=obj, active_object=obj):
            bpy.ops.object.modifier_apply(modifier=thin.name)
    return obj, told


def part(told, name, title=None):
    """A part of the built-in head as a mesh of its own."""
    faces = told["parts_f"][told["parts_face"] == list(told["part_names"]).index(name)]
    used = np.unique(faces)
    return bare_mesh(title or name, told["parts_v"][used], np.searchsorted(used, faces))


def character():
    """A head of another topology with eyes and teeth, turned, in centimetres, under an armature without bones for its eyes."""
    face, told = head()
    others = [part(told, name) for name in ("eye_left", "eye_right", "teeth_upper", "teeth_lower")]
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    rig.rotation_euler, rig.scale, rig.location = (0, 0, 0.2), (100, 100, 100), (30, -20, 150)
    for obj in (face, *others):
        obj.parent = rig
    choose(face)
    bpy.context.view_layer.update()
    return face, told, others


def choose(obj):
    for other in bpy.context.scene.objects:
        other.select_set(other == obj)
    bpy.context.view_layer.objects.active = obj
    bpy.context.view_layer.update()


def refused(operator, **arguments):
    try:
        operator(**arguments)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("nothing was refused")


def moves(obj, name):
    blocks = obj.data.shape_keys.key_blocks
    return key_points(blocks[name]) - neutral(obj)


def nearest(obj, told, vertices):
    """The vertices of a head that lie nearest to those of the built-in one."""
    places = told["v_template"][vertices] @ axes.TO_BLENDER.T
    return np.linalg.norm(neutral(obj)[:, None] - places[None], axis=2).argmin(0)


def touching(obj, told, opened):
    """Vertices [n] of the lower lip that touch the upper one, but for the corners, and the nearest of that [n]. opened [V,3]: jawOpen."""
    line = told["v_template"][told["lip_inner_lower"][6:-6]] @ axes.TO_BLENDER.T
    near = np.linalg.norm(neutral(obj)[:, None] - line[None], axis=2).min(1) < 0.0025
    falls = np.linalg.norm(opened, axis=1) > 0.008
    lower, upper = np.flatnonzero(near & falls), np.flatnonzero(near & ~falls)
    far = np.linalg.norm(neutral(obj)[lower][:, None] - neutral(obj)[upper][None], axis=2)
    parts = np.linalg.norm(opened[lower] - opened[upper[far.argmin(1)]], axis=1) > 0.01
    touch = (far.min(1) < 0.0025) & parts
    return lower[touch], upper[far.argmin(1)[touch]]


def scene_shapes_are_made_for_a_head_of_another_topology():
    face, told, (left, _, upper, lower) = character()
    face.shape_key_add(name="Basis", from_mix=False)
    own = face.shape_key_add(name="Warts", from_mix=False)
    own.data[5].co.z += 0.01
    before, rest = key_points(own).copy(), neutral(face).copy()
    assert shapes.offered(face) and not rigs.ready(face)
    assert bpy.ops.utter.make_shapes() == {"FINISHED"}
    keys = face.data.shape_keys.key_blocks
    assert set(ACTIONS) - set(keys.keys()) == {"tongueOut"} and np.array_equal(key_points(own), before) and np.allclose(neutral(face), rest)
    made = [key for key in keys if key.name in ACTIONS]
    assert all((key.slider_min, key.slider_max, key.value) == (0, 1, 0) for key in made)
    assert rigs.recognise(face).kind is rigs.MappedRig and rigs.ready(face) and bpy.context.scene.utter.head == face

    chin = nearest(face, told, told["landmark_vertices"][list(told["landmark_names"]).index("chin")])
    assert moves(face, "jawOpen")[chin][0, 2] < -0.02 and abs(moves(face, "browInnerUp")[chin]).max() < 1e-4
    opened, shut = moves(face, "jawOpen"), moves(face, "jawOpen") + moves(face, "mouthClose")
    of = list(told["landmark_names"]).index
    lips = [nearest(face, told, told["landmark_vertices"][[of(f"lip_outer_{side}_mid")]]) for side in ("upper", "lower")]
    outer = shut[lips[0]] - shut[lips[1]]  # 9 mm on our own head as well: what the jaw parts is closed by lips that grow tall
    assert (opened[lips[0]] - opened[lips[1]])[0, 2] > 0.02 and 0.006 < outer[0, 2] < 0.012
    one, other = touching(face, told, opened)
    assert len(one) > 10 and np.linalg.norm(opened[one] - opened[other], axis=1).max() > 0.03
    assert np.linalg.norm(shut[one] - shut[other], axis=1).max() < 0.002
    smile = np.linalg.norm(moves(face, "mouthSmileLeft"), axis=1)
    assert smile[neutral(face)[:, 0] > 0.002].sum() > 0.9 * smile.sum()

    assert moves(lower, "jawOpen")[:, 2].mean() < -0.01 and not upper.data.shape_keys
    assert set(parts.keys_of(left)) == {name for name in ACTIONS if name.startswith("eyeLook") and name.endswith("Left")}

    rig = rigs.rig_of(face)
    assert set(rig.meshes()) >= {face, lower}
    performance = np.zeros((12, PERFORMANCE), np.float32)
    performance[4:8, FACE_ACTIONS.start + ACTIONS.index("jawOpen")] = 0.5
    bpy.context.scene.render.fps = 30
    bake.bake(rig, performance, 1)
    bpy.context.scene.frame_set(7)
    assert keys["jawOpen"].value > 0.4 < lower.data.shape_keys.key_blocks["jawOpen"].value


@once
def scene_points_are_found_dragged_and_gone():
    face, told, _ = character()
    assert bpy.ops.utter.find_points() == {"FINISHED"}
    points = shaping.points_of(face)
    assert set(points) == set(shaping.LABELS) and not face.data.shape_keys
    bpy.context.view_layer.update()
    back = face.matrix_world.inverted()
    for name in ("lid_upper_left", "eye_outer_right", "lip_inner_upper_mid", "lip_corner_left", "nose_tip"):
        ours = told["v_template"][told["landmark_vertices"][list(told["landmark_names"]).index(name)]] @ axes.TO_BLENDER.T
        assert np.linalg.norm(np.array(back @ points[name].matrix_world.translation) - ours) < 0.006, name
    choose(points["chin"])
    assert shapes.head_of(bpy.context) == face
    points["lip_corner_left"].location.x += 1.0  # a centimetre
    bpy.context.view_layer.update()
    assert bpy.ops.utter.make_shapes() == {"FINISHED"}
    assert not shaping.points_of(face) and "jawOpen" in face.data.shape_keys.key_blocks


@once
def scene_lips_that_were_never_parted_are_shown():
    face, told = head(0, parted=False)
    choose(face)
    assert "two lips" in refused(bpy.ops.utter.make_shapes) and not face.data.shape_keys
    marks = [child for child in face.children if shaping.PLACE in child]
    assert len(marks) == 1 and set(shaping.points_of(face)) == set(shaping.LABELS)
    bpy.context.view_layer.update()
    mouth = told["v_template"][told["lip_inner_upper"]].mean(0) @ axes.TO_BLENDER.T
    tip = np.array(marks[0].matrix_world)[:3] @ (0, 0, marks[0].empty_display_size, 1)
    assert np.linalg.norm(tip - mouth) < 0.03
    assert bpy.ops.utter.remove_points() == {"FINISHED"} and not face.children


@once
def scene_what_is_no_head_is_refused_in_a_sentence():
    bpy.context.view_layer.objects.active = None
    assert "Select the mesh" in refused(bpy.ops.utter.make_shapes)
    bpy.ops.mesh.primitive_cube_add()
    assert "only 8 vertices" in refused(bpy.ops.utter.make_shapes)
    ball = bare_mesh("Ball", *heads.sphere())
    choose(ball)
    assert "openings of the eyes" in refused(bpy.ops.utter.make_shapes) and not ball.data.shape_keys
    bpy.ops.object.light_add()
    assert "Select the mesh" in refused(bpy.ops.utter.make_shapes)


def scene_what_would_be_lost_is_refused():
    face, _ = head()
    choose(face)
    face.modifiers.new("Half", "MIRROR")
    assert "Mirror modifier" in refused(bpy.ops.utter.make_shapes)
    face.modifiers.clear()
    face.shape_key_add(name="Basis", from_mix=False)
    face.data.shape_keys.use_relative = False
    assert "absolute" in refused(bpy.ops.utter.make_shapes)
    face.data.shape_keys.use_relative = True
    for name in ACTIONS:
        face.shape_key_add(name=name, from_mix=False)
    assert "already" in refused(bpy.ops.utter.make_shapes)


def scene_what_is_there_stays_and_a_shared_mesh_becomes_its_own():
    face, _, _ = character()
    face.shape_key_add(name="Basis", from_mix=False)
    own = face.shape_key_add(name="jawOpen", from_mix=False)
    own.data[7].co.z -= 0.02
    own.driver_add("value").driver.expression = "0.25"
    before = key_points(own).copy()
    twin = face.copy()
    bpy.context.scene.collection.objects.link(twin)
    twin.location.x += 1
    face.modifiers.new("Smooth", "SUBSURF")
    choose(face)
    assert bpy.ops.utter.use_selected(make_shapes=True) == {"FINISHED"}
    keys = face.data.shape_keys.key_blocks
    assert np.array_equal(key_points(keys["jawOpen"]), before) and parts.driven(face) == {"jawOpen"} and "mouthSmileLeft" in keys
    assert face.data != twin.data and twin.data.shape_keys.key_blocks.keys() == ["Basis", "jawOpen"]
    assert [modifier.type for modifier in face.modifiers] == ["SUBSURF"]


def scene_use_selected_offers_it_for_heads_without_expressions_alone():
    face, _ = head()
    assert shapes.offered(face) and mapped.main_of(face) is None
    character_of_its_own = actions_scenes.builtin_as_arkit()
    assert not shapes.offered(character_of_its_own)
    bpy.ops.object.light_add()
    assert not shapes.offered(bpy.context.object)


def scene_a_mesh_that_changed_meanwhile_is_left_alone():
    face, _ = head()
    path = Path(tempfile.mkdtemp()) / "shapes.npz"
    np.savez(path, deltas=np.zeros((len(ACTIONS), len(face.data.vertices) + 1, 3)), others=np.zeros((len(ACTIONS), 0, 3)))
    try:
        shaping.add(face, [], path)
    except UtterError as error:
        assert "meantime" in str(error) and not face.data.shape_keys
    else:
        raise AssertionError("a changed mesh got shapes")
