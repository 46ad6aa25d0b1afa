"""What must hold of the objects of a head, whatever the Blender (tests/blender/test_rig.py plays them)."""

import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Euler, Matrix

from addon.animation import bake
from addon.rigs import axes, find, making, recognise, reshape, rig_of  # noqa: F401  # noqa: E402
from addon.rigs.axes import TO_BLENDER
from addon.rigs.base import armature as armature_of
from addon.rigs.base import key_points
from addon.rigs.flame import PROPERTY
from contract import JOINTS
from tests.blender import heads
from tests.blender.bake_scenes import baked, evaluated, head, refused

FLAME = Path(__file__).parents[3] / "shared" / "data" / "flame_topology" / "template.ply"


def bundle(change=None):
    """Path of a bundle file in a folder of its own, and its arrays; change: a function that edits them first."""
    path = Path(tempfile.mkdtemp()) / "kopf ä.npz"
    arrays = heads.write(path)
    if change:
        change(arrays)
        np.savez(path, **arrays)
    return path, arrays


def template():
    """Vertices and faces of the neutral head in FLAME's topology, or None where the material is missing."""
    if not FLAME.exists():
        return None
    data = FLAME.read_bytes()
    data = data[data.index(b"end_header\n") + 11 :]
    faces = np.frombuffer(data[5023 * 12 :], [("n", "u1"), ("at", "<i4", 3)])["at"]
    return np.frombuffer(data[: 5023 * 12], "<f4").reshape(-1, 3).astype(float), faces


def plain(vertices, faces, name="Scan"):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], [[i for i in face if i >= 0] for face in faces.tolist()])
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(obj)
    return obj


def exported(obj):
    path = Path(tempfile.mkdtemp()) / "mesh.npz"
    making.export_mesh(obj, path)
    with np.load(path) as file:
        return dict(file)


def scene_build_makes_what_the_bundle_says():
    path, arrays = bundle()
    obj = making.build(path, head_path="/heads/ä.npz")
    assert obj.name == "Test head" and obj.parent == armature_of(obj) and obj.name in bpy.context.scene.objects
    told = rig_of(obj)
    assert (told.name, told.basis, told.head, told.jaw) == ("FLAME", str(arrays["basis"]), "/heads/ä.npz", "keys")
    np.testing.assert_allclose(evaluated(obj, 1), arrays["vertices"], atol=1e-7)
    assert [key.name for key in obj.data.shape_keys.key_blocks] == ["Basis", *heads.KEYS]
    for channel, key in rig_of(obj).shape_keys().items():
        key.value = 0.7
        expected = arrays["vertices"] + np.float32(0.7) * arrays["key_deltas"][heads.CHANNELS.index(channel)]
        np.testing.assert_allclose(evaluated(obj, 1), expected, atol=1e-6)
        key.value = 0
    assert [bone.name for bone in armature_of(obj).data.bones] == list(JOINTS)
    np.testing.assert_allclose(
        [np.array(bone.head_local) @ TO_BLENDER for bone in armature_of(obj).data.bones], arrays["joint_positions"], atol=1e-7
    )
    for vertex in (0, 200, 400, 700):
        groups = {obj.vertex_groups[g.group].name: g.weight for g in obj.data.vertices[vertex].groups}
        for joint, weight in zip(JOINTS, arrays["weights"][vertex]):
            assert abs(groups.get(joint, 0) - weight) < 1e-3
    materials = [slot.material for slot in obj.material_slots]
    assert [m.name for m in materials] == ["Utter skin", "Utter eye"]
    for polygon, material, uv in list(zip(obj.data.polygons, arrays["polygon_material"], arrays["polygon_uv"]))[::50]:
        assert polygon.material_index == material and polygon.use_smooth
        found = [tuple(obj.data.uv_layers[0].data[i].uv) for i in polygon.loop_indices]
        np.testing.assert_allclose(found, uv[: len(found)], atol=1e-6)


def scene_the_head_stands_up_and_looks_to_the_front_view():
    obj = head()
    arrays = bundle()[1]
    chin, crown = np.argmin(arrays["vertices"][:, 1]), np.argmax(arrays["vertices"][:, 1])
    nose = np.argmax(arrays["vertices"][:, 2])
    left = np.argmax(arrays["vertices"][:, 0])
    at = lambda i: obj.matrix_world @ obj.data.vertices[i].co
    assert at(crown).z > at(chin).z and at(nose).y < -0.09 and at(left).x > 0.09
    for polygon in obj.data.polygons:
        assert polygon.normal.dot(polygon.center) > 0, "normals point outwards"


def scene_build_is_deterministic_and_leaves_the_artists_state():
    path, _ = bundle()
    mesh = plain(np.eye(3), np.array([[0, 1, 2]]), "Other")
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.object.mode_set(mode="EDIT")
    first = making.build(path)
    assert bpy.context.view_layer.objects.active == mesh and mesh.mode == "EDIT"
    bpy.ops.object.mode_set(mode="OBJECT")
    hidden = bpy.data.collections.new("Hidden")
    bpy.context.scene.collection.children.link(hidden)
    bpy.context.view_layer.layer_collection.children["Hidden"].exclude = True
    second = making.build(path, collection=hidden)
    assert list(second.users_collection) == [hidden] == list(armature_of(second).users_collection)
    for key in first.data.shape_keys.key_blocks:
        np.testing.assert_array_equal(key_points(key), key_points(second.data.shape_keys.key_blocks[key.name]))


def scene_damaged_bundles_are_refused_and_make_nothing():
    folder = Path(tempfile.mkdtemp())
    (folder / "text.npz").write_text("hello")
    paths = [
        folder / "text.npz",
        folder / "missing.npz",
        bundle(lambda a: a.pop("weights"))[0],
        bundle(lambda a: a.update(key_deltas=a["key_deltas"][:, :5]))[0],
    ]
    for path in paths:
        assert "add the head again" in refused(making.build, path)
    assert not bpy.data.objects and not bpy.data.meshes and not bpy.data.armatures


def scene_objects_are_told_apart():
    obj = head()
    assert recognise(obj).state == "ready"
    assert recognise(None).state == "none" and "Select" in recognise(None).reason
    assert recognise(armature_of(obj)).state == "none"
    cube = plain(np.eye(3), np.array([[0, 1, 2]]), "Cube")
    assert recognise(cube).state == "none" and "3 vertices" in recognise(cube).reason
    vertices, polygons = heads.sphere()
    scan = plain(vertices, polygons)
    assert recognise(scan).state == "usable"
    for name in ("Exp%d", "Exp%03d"):
        other = plain(vertices, polygons)
        other.shape_key_add(name="Basis")
        for i in range(12):
            other.shape_key_add(name=name % (i + (name == "Exp%d")))
        assert recognise(other).state == "usable"
    obj.shape_key_clear()
    assert recognise(obj).state == "none" and "lost" in recognise(obj).reason


def scene_find_takes_what_is_meant():
    class Context:
        def __init__(self, active):
            bpy.context.view_layer.objects.active = active
            self.view_layer, self.scene = bpy.context.view_layer, bpy.context.scene

    scan = plain(*heads.sphere())
    assert find(Context(None)) is None and find(Context(scan)) == scan
    one = head("One")
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "POINT"))
    bpy.context.collection.objects.link(lamp)
    assert find(Context(lamp)) == find(Context(armature_of(one))) == find(Context(one)) == one
    two = head("Two")
    assert find(Context(armature_of(two))) == two and find(Context(lamp)) is None


def scene_a_neutral_mesh_is_adopted_where_and_as_it_stands():
    turn = np.array(Euler((0.3, -1.1, 2.0)).to_matrix())
    path, arrays = bundle()
    scan = plain(arrays["vertices"] @ turn.T * 7 + [1, 2, 3], arrays["polygons"])
    scan.matrix_world = Matrix.Translation((5, 0, 1)) @ Euler((0, 0, 1)).to_matrix().to_4x4()
    scan.modifiers.new("Smooth", "SUBSURF").show_viewport = False
    bpy.context.view_layer.update()
    place = scan.matrix_world.copy()
    before = [tuple(v.co) for v in scan.data.vertices]
    bpy.context.scene.render.fps = 30
    assert making.adopt(scan, path) == scan and recognise(scan).state == "ready"
    assert scan.matrix_world == place and scan.parent is None and [tuple(v.co) for v in scan.data.vertices] == before
    assert [m.type for m in scan.modifiers] == ["ARMATURE", "SUBSURF"]
    motion = heads.motion(30)
    motion[:, 50:53] *= 0.2
    for jaw in ("keys", "bone"):
        baked(scan, motion, 1, jaw)
        twin = head("Twin")
        baked(twin, motion, 1, jaw)
        moved = (evaluated(scan, 17) @ TO_BLENDER.T - [1, 2, 3]) / 7 @ turn
        np.testing.assert_allclose(moved, evaluated(twin, 17), atol=2e-6)


def scene_a_flame_object_keeps_its_own_keys_and_bones():
    path, arrays = bundle()
    obj = plain(arrays["vertices"] @ TO_BLENDER.T, arrays["polygons"])
    obj.shape_key_add(name="Basis")
    own = {}
    for i in range(20):
        key = obj.shape_key_add(name=f"Exp{i:03d}", from_mix=False)
        own[key.name] = key_points(key) + np.random.default_rng(i).normal(0, 0.001, arrays["vertices"].shape)
        key.data.foreach_set("co", own[key.name].ravel())
    rest = head("Donor").parent
    armature = bpy.data.objects.new("FLAME", rest.data.copy())
    bpy.context.collection.objects.link(armature)
    armature.data.bones["eye_left"].name = "left_eye"
    armature.data.bones["eye_right"].name = "right_eye"
    for joint, name in zip(JOINTS, ("root", "neck", "jaw", "left_eye", "right_eye")):
        led = np.flatnonzero(arrays["weights"][:, JOINTS.index(joint)] > 0.5)
        obj.vertex_groups.new(name=name).add(led.tolist(), 1, "REPLACE")
    obj.modifiers.new("Armature", "ARMATURE").object = armature
    assert recognise(obj).state == "usable"
    making.adopt(obj, path)
    names = [key.name for key in obj.data.shape_keys.key_blocks]
    assert names[:21] == ["Basis", *own] and "Exp1" not in names and {"Exp21", "jaw_x", "lid_right"} < set(names)
    for name, points in own.items():
        np.testing.assert_allclose(key_points(obj.data.shape_keys.key_blocks[name]), points, atol=1e-7)
    assert len(obj.modifiers) == 1 and set(rig_of(obj).bones()) == set(JOINTS)
    motion = heads.motion(30)
    bpy.context.scene.render.fps = 30
    bake.bake(rig_of(obj), motion, 1)
    np.testing.assert_allclose(bake.sample(rig_of(obj), np.arange(1, 31)), motion, atol=2e-6)
    bpy.context.scene.frame_set(12)
    assert abs(obj.data.shape_keys.key_blocks["Exp003"].value - motion[11, 3]) < 1e-5


def scene_a_mesh_that_changed_is_not_adopted():
    path, arrays = bundle()
    other = plain(np.random.default_rng(0).permutation(arrays["vertices"]), arrays["polygons"])
    assert "no longer has the shape" in refused(making.adopt, other, path)
    more = plain(np.vstack([arrays["vertices"], arrays["vertices"]]), arrays["polygons"])
    assert "vertices" in refused(making.adopt, more, path)
    assert other.data.shape_keys is None and not other.modifiers and PROPERTY not in other


def scene_a_mesh_goes_out_in_flames_axes_and_metres():
    vertices, polygons = heads.sphere()
    vertices[vertices[:, 2] > 0.05] *= [1, 1, 1.4]
    for world, unit in ((Matrix(), 1), (Euler((0.2, 0, 0.5)).to_matrix().to_4x4(), 100)):
        obj = plain(vertices @ TO_BLENDER.T * unit, polygons)  # Blender's way: upright, towards -Y
        obj.matrix_world = world
        bpy.context.view_layer.update()
        out = exported(obj)
        np.testing.assert_allclose(out["vertices"], vertices, atol=1e-6)
        assert out["faces"].shape == (2 * len(polygons) - 64, 3) and "key_names" not in out
    raw = plain(vertices, polygons)  # FLAME's way, stood up by its object
    raw.matrix_world = Matrix(TO_BLENDER.tolist()).to_4x4()
    bpy.context.view_layer.update()
    np.testing.assert_allclose(exported(raw)["vertices"], vertices, atol=1e-6)
    assert "faces" in refused(making.export_mesh, None, "x.npz")


def scene_flames_topology_is_known_whichever_way_it_lies():
    told = template()
    if told is None:
        return
    vertices, faces = told
    for turn in (np.eye(3), TO_BLENDER, TO_BLENDER @ TO_BLENDER, axes.quarter_turns()[7]):
        obj = plain(vertices @ turn.T, faces)
        obj.shape_key_add(name="Basis")
        for i in range(12):
            key = obj.shape_key_add(name=f"Exp{i + 1}", from_mix=False)
            key.data[i].co.x += 0.01
        out = exported(obj)
        np.testing.assert_allclose(out["vertices"], vertices, atol=1e-6)
        np.testing.assert_array_equal(out["faces"], faces)
        assert list(out["key_names"]) == [f"Exp{i + 1}" for i in range(12)]
        np.testing.assert_allclose(out["key_deltas"][3, 3], turn.T @ [0.01, 0, 0], atol=1e-6)
        assert np.abs(np.delete(out["key_deltas"][3], 3, axis=0)).max() < 1e-6


def scene_the_lips_gap_is_told_from_the_keys():
    obj = head()
    motion = np.zeros((4, 65))
    motion[:, 50] = [0, 0.1, 0.2, 0]
    gap = rig_of(obj).lip_gap(motion)
    assert gap[0] == gap[3] and gap[2] - gap[1] > 0.002 and gap[1] - gap[0] > 0.002
    told = obj[PROPERTY]["lips"]
    obj.data.shape_keys.key_blocks["jaw_x"].value = 0.2
    moved = evaluated(obj, 1)
    assert abs((moved[told[0]] - moved[told[1]])[1] - gap[2]) < 1e-6


def scene_the_built_in_head_moves_as_the_model_says():
    """Millimetres, by how the jaw is baked (a bone turns the throat, which in people gives way). argv: the head's bundle; an .npz of a talking motion [T,65], the model's own vertices
    [T,V,3] and the frames where the jaw opens and nothing else moves."""
    with np.load(sys.argv[2]) as told:
        motion, posed, openings = told["motion"], told["posed"], told["openings"]
    bpy.context.scene.render.fps = 30
    for jaw, (talking, at_03, at_045) in (("keys", (3.5, 1.3, 7.0)), ("bone", (13.0, 13.0, 19.0))):
        obj = making.build(sys.argv[1], jaw=jaw)
        assert len(obj.data.vertices) == posed.shape[1] and not obj.data.validate(), "the mesh is sound as it comes"
        bake.bake(rig_of(obj), motion, 1)
        for i in range(len(motion)):
            off = 1000 * np.linalg.norm(evaluated(obj, 1 + i) - posed[i], axis=1).max()
            limit = talking if i not in openings else at_03 if motion[i, 50] < 0.31 else at_045
            assert off < limit, f"{off:.2f} mm off in frame {i} with the jaw as {jaw}"


def scene_the_built_in_heads_eyes_sit_in_its_face():
    obj = making.build(sys.argv[1])
    bones = armature_of(obj).data.bones
    assert bones["eye_left"].head_local.x > 0.02 and bones["eye_right"].head_local.x < -0.02
    names = [slot.material.name.removeprefix("Utter ") for slot in obj.material_slots]
    assert {"skin", "eye", "teeth", "tongue"} <= set(names)
    front = {
        name: min(
            (obj.data.vertices[i].co.y for polygon in obj.data.polygons if names[polygon.material_index] == name for i in polygon.vertices),
            default=0,
        )
        for name in names
    }
    assert front["iris"] < bones["eye_left"].head_local.y, "irises look to the front"
    assert front["skin"] < front["teeth"] < 0
    outward = sum(polygon.normal.dot(polygon.center) > 0 for polygon in obj.data.polygons if names[polygon.material_index] == "skin")
    skin = sum(names[polygon.material_index] == "skin" for polygon in obj.data.polygons)
    assert outward > 0.7 * skin, "normals point outwards"
