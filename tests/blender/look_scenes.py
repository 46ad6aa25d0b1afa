"""Materials and studio of a head, played in every Blender (test_look.py); argument: a bundle of the built-in head."""

import json
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.node_shader_utils import PrincipledBSDFWrapper

import addon

addon.register()
from addon import compat, look  # noqa: E402
from addon.look import shaders  # noqa: E402
from addon.panels import head as heads_room  # noqa: E402
from addon.panels import studio  # noqa: E402
from addon.rigs import making  # noqa: E402

KINDS = {"skin", "lip", "mouth", "eye", "iris", "pupil", "cornea", "teeth", "gums", "tongue", "brow", "lashes"}


def with_head():
    head = making.build(sys.argv[1], name="Tester")
    heads_room.choose(bpy.context.scene, head)
    return head


def material(head, kind):
    return next(m for m in head.data.materials if m[shaders.KIND] == kind)


def scene_every_kind_has_a_material_that_shows():
    head = with_head()
    assert {m[shaders.KIND] for m in head.data.materials} >= KINDS
    for kind in [*KINDS, "hair", "tear", "caruncle", "unheard of"]:
        tree = shaders.make(kind, KINDS).node_tree
        (end,) = [node for node in tree.nodes if node.bl_idname == "ShaderNodeOutputMaterial"]
        assert end.inputs["Surface"].is_linked and all(link.is_valid for link in tree.links), kind
        reached, seen = [end], set()
        while reached:
            node = reached.pop()
            seen.add(node)
            reached += [link.from_node for socket in node.inputs for link in socket.links if link.from_node not in seen]
        assert seen == set(tree.nodes), (kind, [node.name for node in tree.nodes if node not in seen])
        assert not [node for node in tree.nodes if node.bl_idname in ("ShaderNodeTexImage", "NodeUndefined")]
    flat = {m[shaders.KIND]: tuple(m.diffuse_color) for m in head.data.materials}
    assert len({flat[kind] for kind in KINDS}) >= 10, "told apart in the solid viewport, too"


def scene_shaders_read_what_the_mesh_has():
    head = with_head()
    count = len(head.data.vertices)
    with np.load(sys.argv[1]) as bundle:
        for name, values in zip(bundle["mask_names"].tolist(), bundle["masks"]):
            attribute = head.data.attributes[name]
            assert (attribute.data_type, attribute.domain) == ("FLOAT", "POINT")
            stored = np.empty(count, np.float32)
            attribute.data.foreach_get("value", stored)
            np.testing.assert_array_equal(stored, values)
        rest = np.empty(count * 3, np.float32)
        head.data.attributes["rest"].data.foreach_get("vector", rest)
        np.testing.assert_array_equal(rest.reshape(-1, 3), bundle["vertices"])
    nodes = [node for m in head.data.materials for node in m.node_tree.nodes]
    asked = {node.attribute_name for node in nodes if node.bl_idname == "ShaderNodeAttribute"}
    assert len(asked) > 8 and all(name in head.data.attributes for name in asked), asked


def scene_settings_show_on_this_head_alone():
    head, other = with_head(), making.build(sys.argv[1], name="Other")
    head.utter.skin_tone, head.utter.eye_colour, head.utter.hair_colour = 0.9, (0.3, 0.1, 0.0), (0.5, 0.3, 0.1)
    told = lambda obj, kind, name: material(obj, kind).node_tree.nodes[name].outputs[0].default_value
    for kind in ("skin", "lip", "mouth"):
        assert abs(told(head, kind, shaders.TONE) - 0.9) < 1e-6 and told(other, kind, shaders.TONE) < 0.5
    np.testing.assert_allclose(told(head, "iris", shaders.EYES)[:3], (0.3, 0.1, 0.0), atol=1e-6)
    np.testing.assert_allclose(told(head, "brow", shaders.HAIR)[:3], (0.5, 0.3, 0.1), atol=1e-6)
    assert sum(material(head, "skin").diffuse_color[:3]) < 0.5 * sum(material(other, "skin").diffuse_color[:3])


def scene_age_blush_stubble_and_freckles_show():
    head, other = with_head(), making.build(sys.argv[1], name="Other")
    shown = lambda obj, name: material(obj, "skin").node_tree.nodes[name].outputs[0].default_value
    before = {name: shown(head, name) for name in look.SKIN}
    for name, setting in look.SKIN.items():
        assert abs(getattr(head.utter, setting) - before[name]) < 1e-6, "a new head shows what its panel says"
        setattr(head.utter, setting, 0.75)
        assert shown(head, name) == 0.75 and abs(shown(other, name) - before[name]) < 1e-6


def scene_files_for_other_programs_hold_the_plain_colours():
    head = with_head()
    head.utter.skin_tone, head.utter.eye_colour, head.utter.hair_colour = 0.9, (0.3, 0.1, 0.05), (0.5, 0.3, 0.1)
    materials = [m for part in (head, *head.children) if part.type == "MESH" for m in part.data.materials]
    plain = {m.name: tuple(m.diffuse_color) for m in materials}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "head.glb")
        bpy.ops.export_scene.gltf(filepath=path, export_format="GLB", export_morph=False, export_extras=False)
        data = Path(path).read_bytes()
    written = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])["materials"]
    assert {m["name"] for m in written} == set(plain)
    for told in written:
        np.testing.assert_allclose(told["pbrMetallicRoughness"].get("baseColorFactor", (1, 1, 1, 1)), plain[told["name"]], atol=1e-4)
        assert (told.get("alphaMode") == "BLEND") == (plain[told["name"]][3] < 1), "one looks through the cornea"
    for m in materials:  # FBX and OBJ
        np.testing.assert_allclose(PrincipledBSDFWrapper(m).base_color, plain[m.name][:3], atol=1e-6)
    lips, skin = (np.array(material(head, kind).diffuse_color[:3]) for kind in ("lip", "skin"))
    assert (lips < skin).all() and lips[0] / lips[1] > skin[0] / skin[1], "redder than this head's own skin"


def studio_of(scene):
    return [c for c in scene.collection.children_recursive if c.get(studio.MARK)]


def scene_the_studio_stands_once_and_leaves_what_was_there():
    scene = bpy.context.scene
    lamp = bpy.data.objects.new("Mine", bpy.data.lights.new("Mine", "SUN"))
    camera = bpy.data.objects.new("Mine too", bpy.data.cameras.new("Mine too"))
    scene.collection.objects.link(lamp)
    scene.collection.objects.link(camera)
    scene.camera, engine, world = camera, scene.render.engine, scene.world
    head = with_head()
    for turn in (0.1, -0.5):
        assert bpy.ops.utter.studio(turn=turn) == {"FINISHED"}
        (collection,) = studio_of(scene)
        types = sorted(obj.type for obj in collection.objects)
        assert types == ["CAMERA", *4 * ["LIGHT"], "MESH"], types
        assert scene.camera in list(collection.objects) and scene.camera != camera
        assert (scene.camera.location.x > 0.05) == (turn > 0), "the camera goes round to the head's left"
    assert {lamp, camera} <= set(scene.objects) and (scene.render.engine, scene.world) == (engine, world)
    assert (len(bpy.data.lights), len(bpy.data.cameras)) == (5, 2)
    assert len([m for m in bpy.data.materials if "backdrop" in m.name]) == 1
    assert all(obj.data.use_shadow_jitter for obj in collection.objects if obj.type == "LIGHT"), "no specks in EEVEE"
    from bpy_extras.object_utils import world_to_camera_view

    bpy.context.view_layer.update()
    for vertex in list(head.data.vertices)[::97]:
        x, y, z = world_to_camera_view(scene, scene.camera, head.matrix_world @ vertex.co)
        assert z > 0 and (y < 0.99), "the crown is in the picture"
    bpy.ops.utter.studio(engine="EEVEE", frame="FACE")
    assert scene.render.engine == compat.EEVEE
    bpy.ops.utter.studio(engine="CYCLES")
    assert scene.render.engine == "CYCLES"


def scene_the_studio_is_one_step_of_undo():
    with_head()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.utter.studio("EXEC_DEFAULT", True)  # as the button does: the operator leaves its own step
    assert studio_of(bpy.context.scene)
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert not studio_of(scene) and scene.camera is None and not [obj for obj in scene.objects if obj.type == "LIGHT"]
