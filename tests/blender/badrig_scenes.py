"""Characters as they come: sliders that run backwards, drivers, odd scales and names, links and shared meshes. Each performs, or is
refused in a sentence, and nothing is lost. Each scene starts from an empty file (tests/blender/test_badrig.py plays them)."""

import tempfile
from pathlib import Path

import bpy
import numpy as np

import addon
from tests.blender import actions_scenes, bones_scenes, maps_scenes, shapes_scenes

if not addon._undo:
    addon.register()
from addon import rigs
from addon.animation import bake
from addon.animation.obstacles import obstacles
from addon.panels import shapes
from addon.rigs import axes, mapped, parts
from contract import ACTIONS, FACE_ACTIONS, UtterError

FRAMES, column, built_in, refused = actions_scenes.FRAMES, actions_scenes.column, maps_scenes.built_in, maps_scenes.refused
SKIN = [name for name in ACTIONS if name != "tongueOut"]  # of which the built-in skin has none: an empty key


def arkit(named=lambda action: action, way=1.0):
    """The built-in head's skin by its actions, under other names; way: how its keys move it."""
    return built_in({named(action): {action: way} for action in ACTIONS})


def performs(obj, but=()):
    """It performs all that was asked but those actions, read back from its curves."""
    told = actions_scenes.performance()
    baked = bake.bake(rigs.rig_of(obj), told, 1)
    found = bake.sample(rigs.rig_of(obj), np.arange(1, 1 + FRAMES))
    for action in SKIN:
        if action not in but:
            np.testing.assert_allclose(found[:, column(action)], told[:, column(action)], atol=2e-5, err_msg=action)
    return baked


def blocks_of(obj):
    return obj.data.shape_keys.key_blocks


def scene_keys_that_work_below_zero_move_the_face_the_right_way():
    obj = arkit(way=-1.0)
    for key in blocks_of(obj)[1:]:
        key.slider_min, key.slider_max = -1, 0
    told = np.zeros((FRAMES, 117), np.float32)
    told[:, column("jawOpen")], told[10:, column("mouthClose")] = 0.5, 0.5 / 1.2
    for match in (False, True):
        if match:
            assert bpy.ops.utter.match_map() == {"FINISHED"}
        rig = rigs.rig_of(obj)
        assert len(rig.rows) == 51 and all(row.gain < 0 and row.limits == (-1.0, 0.0) for row in rig.rows)
        assert not match or min(row.confidence for row in rig.map.rows if row.target in SKIN) > 0.8
        bake.bake(rig, told, 1)
        curve = maps_scenes.curve_in(obj, "jawOpen")
        assert abs(curve.evaluate(5) + 0.5) < 0.02 and blocks_of(obj)["jawOpen"].slider_max == 0
        gap = rig.lip_gap(told)
        assert gap[0] > 0.005 and gap[20] < 0.05 * gap[0], (match, gap[[0, 20]])
    assert bpy.ops.utter.forget_map() == {"FINISHED"}
    performs(obj)


def scene_sliders_that_run_both_ways_or_not_far_enough_are_widened():
    obj = arkit()
    for key in blocks_of(obj)[1:]:
        key.slider_min, key.slider_max = -1, 1
    blocks_of(obj)["jawOpen"].slider_max, blocks_of(obj)["mouthSmileLeft"].slider_min = 0.5, 0.2
    performs(obj)


def scene_keys_with_drivers_stay_the_drivers():
    obj = arkit()
    for name in ("mouthSmileLeft", "browInnerUp"):
        obj.data.shape_keys.driver_add(f'key_blocks["{name}"].value').driver.expression = "0.25"
    performs(obj, ("mouthSmileLeft", "browInnerUp"))
    assert "mouthSmileLeft" in " ".join(obstacles(rigs.rig_of(obj))) and len(obj.data.shape_keys.animation_data.drivers) == 2
    obj.data.shape_keys.driver_add('key_blocks["jawOpen"].value')
    assert rigs.recognise(obj).reason.endswith("delete these to perform.") and len(obj.data.shape_keys.animation_data.drivers) == 3


def scene_a_head_that_lies_bent_squeezed_or_mirrored_under_a_parent_is_known_by_its_keys():
    obj = arkit()
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    obj.parent = parent
    lips = None
    for scale, parented, turned in (
        ((100, 90, 120), (1.2, 0.3, 0.5), (0.2, 0, 2)),
        ((-1, 1, 1), (0, 0, 0), (0, 0, 0)),
        ((0.01, 0.01, 0.01), (np.pi / 2, 0, np.pi), (0, np.pi, 0)),
    ):
        parent.scale, parent.rotation_euler, obj.rotation_euler = scale, parented, turned
        bpy.context.view_layer.update()
        assert bpy.ops.utter.match_map() == {"FINISHED"}
        rig = rigs.rig_of(obj)
        assert [row.target for row in rig.map.rows if row.target in SKIN and row.confidence < 0.8] == []
        assert all(row.sources == {row.target: 1} for row in rig.map.rows if row.target in SKIN)
        assert lips in (None, rig.lips()) and rig.lips()
        lips = rig.lips()
        np.testing.assert_allclose(rig.axes(), axes.TO_BLENDER, atol=1e-9)
        assert bpy.ops.utter.forget_map() == {"FINISHED"}
    performs(obj)


def scene_names_of_which_the_sides_are_written_differently():
    named = {action: action.replace("Left", "_L") if action.endswith("Left") else action for action in ACTIONS}
    named |= {action: f"R_{action[:-5]}" for action in ACTIONS if action.endswith("Right") and action not in ("jawRight", "mouthRight")}
    obj = arkit(named.__getitem__)
    rows = {row.target: row.sources for row in rigs.rig_of(obj).rows}
    assert rows == {named[action]: {action: 1} for action in SKIN}
    performs(obj)


def scene_one_key_may_do_both_sides():
    sides = {"mouthSmile": ("mouthSmileLeft", "mouthSmileRight"), "eyesClosed": ("eyeBlinkLeft", "eyeBlinkRight")}
    both = {action for of in sides.values() for action in of}
    obj = built_in({a: {a: 1} for a in ACTIONS if a not in both} | {key: dict.fromkeys(of, 1) for key, of in sides.items()})
    rows = {row.target: row.sources for row in rigs.rig_of(obj).rows}
    assert all(rows[key] == dict.fromkeys(of, 0.5) for key, of in sides.items())
    told = actions_scenes.performance()
    bake.bake(rigs.rig_of(obj), told, 1)
    values = maps_scenes.values_at(maps_scenes.curve_in(obj, "mouthSmile"), np.arange(1, 1 + FRAMES))
    np.testing.assert_allclose(values, told[:, [column(name) for name in sides["mouthSmile"]]].mean(1), atol=1e-5)


def scene_keys_of_one_name_move_once():
    obj = arkit()
    for name in ("jawOpen", "JawOpen", "jaw_open"):
        obj.shape_key_add(name=name, from_mix=False)
    assert "jawOpen.001" in blocks_of(obj) and [row.target for row in rigs.rig_of(obj).rows if "open" in row.target.lower()] == ["jawOpen"]
    performs(obj)


def scene_a_key_that_was_renamed_after_the_performance():
    obj = arkit()
    performs(obj)
    action = bake.actions(rigs.rig_of(obj))[0]
    blocks_of(obj)["jawOpen"].name = "Kiefer"
    assert "it lacks jawOpen" in rigs.recognise(obj).reason and "Rig Map" in rigs.recognise(obj).reason
    assert obj.data.shape_keys.animation_data.action == action, "what was performed is kept"
    blocks_of(obj)["Kiefer"].name = "jawOpen"
    assert rigs.ready(obj) and bake.actions(rigs.rig_of(obj)) == [action]


def scene_a_head_without_keys_or_with_empty_ones_is_offered_shapes():
    face, _ = shapes_scenes.head()
    assert shapes.offered(face)
    for name in ("Basis", *ACTIONS):
        face.shape_key_add(name=name, from_mix=False)
    assert rigs.recognise(face).state != "ready" and not parts.moving(face)
    assert "shape keys of its own" in refused(lambda: bpy.ops.utter.match_map()) and len(blocks_of(face)) == 53


def scene_a_map_for_another_rig_is_refused_and_its_own_is_kept():
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "map.json")
        built_in(maps_scenes.VRM)
        bpy.ops.utter.match_map()
        bpy.ops.utter.save_map(filepath=path)
        bones, _ = bones_scenes.boned()
        bpy.ops.utter.use_selected()
        own = bones[mapped.PROPERTY]
        assert "map for another rig" in refused(lambda: bpy.ops.utter.load_map(filepath=path)) and bones[mapped.PROPERTY] == own


def linked(name, group):
    """What a file holds under a name, linked into an empty one."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "character.blend")
        bpy.data.libraries.write(path, {getattr(bpy.data, group)[name]})
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps = 30
        with bpy.data.libraries.load(path, link=True) as (_, into):
            setattr(into, group, [name])
        return getattr(into, group)[0]


def scene_a_linked_character_says_what_to_do():
    arkit()
    obj = linked("Face", "objects")
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    assert "make a library override of it, or make it local" in rigs.recognise(obj).reason
    assert "linked from another file" in refused(bpy.ops.utter.use_selected)
    try:
        rigs.rig_of(obj)
        raise AssertionError("a linked head performs")
    except UtterError as error:
        assert "linked from another file" in str(error)
    own = obj.override_create(remap_local_usages=True)
    bpy.context.view_layer.update()
    performs(own)


def scene_a_linked_mesh_says_what_to_do():
    arkit()
    mesh = linked("Face", "meshes")
    obj = bpy.data.objects.new("Mine", mesh)
    bpy.context.scene.collection.objects.link(obj)
    assert rigs.recognise(obj).reason == "The mesh of Mine is linked from another file; make it local to animate it."
    obj.make_local() if obj.library else mesh.make_local()
    performs(obj)


def scene_of_two_characters_that_share_a_mesh_the_other_stays_as_it_is():
    obj = arkit()
    twin = obj.copy()
    twin.location.x = 1
    bpy.context.scene.collection.objects.link(twin)
    bpy.context.view_layer.update()
    assert rigs.ready(obj) and rigs.ready(twin)
    assert "shared its mesh with another object" in " ".join(rigs.rig_of(obj).separate())
    performs(obj)
    assert twin.data != obj.data and twin.data.shape_keys.animation_data is None and not any(key.value for key in blocks_of(twin)[1:])
    performs(twin)
    assert FACE_ACTIONS.stop == 117 and not {*bake.actions(rigs.rig_of(obj))} & {*bake.actions(rigs.rig_of(twin))}
