"""Hair of the scalp, played in every Blender (test_hair.py); argument: a bundle of the built-in head."""

import sys

import bpy
import numpy as np

import addon

addon.register()
from addon import compat, look, rigs  # noqa: E402
from addon.look import shaders  # noqa: E402
from addon.panels import base, identity  # noqa: E402
from addon.panels import head as heads_room  # noqa: E402
from addon.rigs import hair, making  # noqa: E402
from addon.rigs.base import neutral  # noqa: E402
from tests.blender.marks import once  # noqa: E402


def with_head():
    head = making.build(sys.argv[1], name="Tester")
    heads_room.choose(bpy.context.scene, head)
    return head


def points(obj, evaluated=False):
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data if evaluated else obj.data
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def select(*objects):
    bpy.ops.object.select_all(action="DESELECT")
    for obj in objects:
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]


def skin_shadow(head):
    skin = next(m for m in head.data.materials if m[shaders.KIND] == "skin")
    return skin.node_tree.nodes[shaders.SCALP].outputs[0].default_value


@once
def scene_a_head_is_added_with_hair_and_every_style_grows_on_it():
    head = with_head()
    assert hair.of(head)[look.HAIR] == hair.DEFAULT.lower() and skin_shadow(head) == 1
    crown = neutral(head)[:, 2].max()
    assert set(hair.model()["styles"].tolist()) == {style.lower() for style in hair.STYLES if style != hair.NONE}
    for style in [*hair.STYLES, hair.NONE]:
        head.utter.hair_style = style
        grown = [child for child in head.children if look.HAIR in child]
        assert len(grown) == (style != hair.NONE) == skin_shadow(head), style
        if grown:
            own = points(grown[0])
            assert len(own) > 20000 and np.isfinite(own).all() and crown + 0.0005 < own[:, 2].max() < crown + 0.08, style
            assert not grown[0].data.validate(), "a whole mesh"
    assert not bpy.data.meshes.get("Tester Hair") and len([m for m in bpy.data.materials if m[shaders.KIND] == "hair"]) == 0


def scene_colour_and_grey_show_on_the_hair():
    head = with_head()
    head.utter.hair_colour, head.utter.hair_grey = (0.5, 0.3, 0.1), 0.5
    (material,) = hair.of(head).data.materials
    told = {name: material.node_tree.nodes[name].outputs[0].default_value for name in (shaders.HAIR, shaders.GREY)}
    np.testing.assert_allclose(told[shaders.HAIR][:3], (0.5, 0.3, 0.1), atol=1e-6)
    assert told[shaders.GREY] == 0.5
    np.testing.assert_allclose(material.diffuse_color[:3], 0.5 * (np.array((0.5, 0.3, 0.1)) + shaders.WHITE), atol=1e-6)
    asked = {node.attribute_name for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeAttribute"}
    assert asked <= set(hair.of(head).data.attributes.keys())


def scene_hair_goes_along_with_an_identity_and_back():
    head = with_head()
    before, roots = points(hair.of(head)), hair.model()["bound"]
    skin = neutral(head)[roots]
    identity.randomise(head, 5)
    moved, way = points(hair.of(head)) - before, neutral(head)[roots] - skin
    assert np.linalg.norm(way, axis=1).max() > 0.004, "this seed is another face"
    assert np.linalg.norm(moved, axis=1).max() < 1.05 * np.linalg.norm(way, axis=1).max()
    followed = points(hair.of(head))
    hair.dress(head, hair.DEFAULT)
    assert np.abs(points(hair.of(head)) - followed).max() < 1e-5, "hair that grows on that face lies where hair that went along does"
    identity.set_sliders(head, {})
    assert np.abs(points(hair.of(head)) - before).max() < 1e-5


def scene_long_hair_bends_with_the_neck():
    head = with_head()
    head.utter.hair_style = "LONG"
    still = points(hair.of(head), evaluated=True).copy()
    rigs.armature(head).pose.bones["neck"].rotation_euler = (0.3, 0, 0)
    bpy.context.view_layer.update()
    moved = np.linalg.norm(points(hair.of(head), evaluated=True) - still, axis=1)
    assert moved[still[:, 2].argmax()] > 0.05 > 0.02 > moved[still[:, 2].argmin()]


def scene_the_hair_leads_to_its_head():
    head = with_head()
    select(hair.of(head))
    bpy.context.scene.utter.head = None
    assert base.chosen(bpy.context) == head and rigs.find(bpy.context) == head
    assert rigs.recognise(hair.of(head)).state == "none"


def scene_duplicates_have_hair_of_their_own():
    head = with_head()
    armature = rigs.armature(head)
    select(head, armature, hair.of(head))
    bpy.ops.object.duplicate()
    twin = bpy.context.view_layer.objects.active
    assert hair.of(twin) not in (None, hair.of(head)) and hair.of(twin).modifiers["Utter"].object == rigs.armature(twin) != armature
    select(head)
    bpy.ops.object.duplicate()  # the mesh alone: it gets what belongs to it once it is changed
    alone = bpy.context.view_layer.objects.active
    rigs.rig_of(alone).separate()
    assert hair.of(alone) not in (None, hair.of(head)) and hair.of(alone).modifiers["Utter"].object == rigs.armature(alone) != armature
    before = points(hair.of(head))
    identity.randomise(alone, 5)
    assert np.array_equal(points(hair.of(head)), before) and np.abs(points(hair.of(alone)) - before).max() > 0.002


def scene_deleted_hair_is_no_error_and_grows_again():
    head = with_head()
    bpy.data.objects.remove(hair.of(head))
    head.utter.hair_colour = (0.1, 0.1, 0.1)
    identity.randomise(head, 5)
    assert hair.of(head) is None
    head.utter.hair_style = "BOB"
    assert hair.of(head)[look.HAIR] == "bob"


def scene_an_edited_hair_or_head_is_left_alone():
    head = with_head()
    mesh = hair.of(head).data
    mesh.clear_geometry()
    identity.randomise(head, 5)
    assert len(mesh.vertices) == 0
    other = bpy.data.objects.new("Other", bpy.data.meshes.new("Other"))
    other.data.from_pydata(np.random.default_rng(0).normal(size=(20000, 3)).tolist(), [], [])
    bpy.context.scene.collection.objects.link(other)
    assert not hair.fits(other) and hair.dress(other, "SHORT") is None and not other.children


def scene_a_style_is_one_step_of_undo():
    head = with_head()
    bpy.ops.ed.undo_push(message="before")
    head.utter.hair_style = "LONG"
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    head = bpy.context.scene.objects["Tester"]
    assert hair.of(head)[look.HAIR] == "short" and head.utter.hair_style == "SHORT"
    bpy.ops.ed.redo()
    assert hair.of(bpy.context.scene.objects["Tester"])[look.HAIR] == "long"


def scene_hidden_hair_of_an_earlier_version_stays_hidden():
    head = with_head()
    head.utter.take = 0  # there are settings
    compat.saved(head, "utter")["show_hair"] = False
    base.take_over(head)
    assert head.utter.hair_style == "NONE" and hair.of(head) is None and "show_hair" not in compat.saved(head, "utter")
