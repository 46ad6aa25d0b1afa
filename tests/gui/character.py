"""Heads that nobody made for Utter, in a windowed Blender: one with VRM's keys from its file to a performance, one without expressions to
which shapes are given, one that is refused (run by test_window.py through guikit; pictures go to /out)."""

import json
import os
import sys
import time
from pathlib import Path

import bpy
import numpy as np

sys.path.append("/opt/guikit")
sys.path.append("/project")
import guikit

from addon import rigs
from addon.animation import bake
from addon.panels import words
from addon.rigs import shaping
from addon.work import jobs
from contract import ACTIONS
from tests.blender import maps_scenes, shapes_scenes  # which enable the checkout's add-on

FILE = os.environ.get("UTTER_CHARACTER", "/out/character.glb")  # another one, to look at
VOICE = "/project/blender_assets/voices/moon.flac"
CLOSED = ("M", "B", "P")  # phones of which the lips touch
facts = {}
began = [0.0]


def empty():
    bpy.data.batch_remove([*bpy.data.objects, *bpy.data.meshes, *bpy.data.armatures])


def make_file():
    """A head as VRM's are: face, teeth and lashes on an armature whose bones have VRoid's names."""
    empty()
    if FILE != "/out/character.glb":
        return
    face = maps_scenes.built_in(maps_scenes.VRM)
    others = [maps_scenes.lower_teeth("Teeth", ("aa", "oh")), maps_scenes.lower_teeth("Lashes", ("blinkLeft", "blinkRight"))]
    rig = bpy.data.objects.new("Armature", bpy.data.armatures.new("Armature"))
    bpy.context.scene.collection.objects.link(rig)
    neck, top = (0, 0, -0.03), (0, 0.02, 0.1)
    maps_scenes.bones(rig, {"J_Bip_C_Neck": ((0, 0, -0.1), neck, ""), "J_Bip_C_Head": (neck, top, "J_Bip_C_Neck")})
    for obj in (face, *others):
        maps_scenes.bind(obj, rig, {"J_Bip_C_Head": range(len(obj.data.vertices))})
    bpy.ops.export_scene.gltf(filepath=FILE)
    empty()


def open_file():
    began[0] = time.monotonic()
    bpy.ops.import_scene.gltf(filepath=FILE)
    heads = [obj for obj in bpy.data.objects if obj.type == "MESH" and rigs.ready(obj)]
    facts["known"] = {obj.name: rigs.recognise(obj).reason for obj in heads}
    choose(heads[0])


def choose(obj):
    bpy.ops.object.select_all(action="DESELECT")
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.ed.undo_push(message="chosen")


def frame_head():
    _, area = guikit.view3d()
    area.spaces.active.overlay.show_overlays = False
    with guikit.override():
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()


def press(name):
    """Step: what a click on the button of that operator does."""

    def step():
        with guikit.override("UI"):
            facts[name] = sorted(getattr(bpy.ops.utter, name)("INVOKE_DEFAULT"))

    return step


def idle():
    return jobs.current is None


def speak():
    settings = bpy.context.scene.utter.head.utter
    settings.voice, settings.quality = VOICE, "draft"
    facts["keys"] = [len(mesh.data.shape_keys.key_blocks) for mesh in rigs.rig_of(settings.id_data).meshes()]


def performed():
    assert not jobs.Message.is_error(), jobs.Message.text
    return idle() and len(bpy.data.actions) > 0


def look_at_lips():
    """How far the lips are apart in phones that shut them, as a share of how far they ever are; the first such frame is shown."""
    facts["seconds"] = time.monotonic() - began[0]
    head, scene = bpy.context.scene.utter.head, bpy.context.scene
    rig, fps = rigs.rig_of(head), bake.scene_fps(scene)
    frames = np.arange(head.utter.start, head.utter.start + head.utter.frames * fps / 30)
    gap = rig.lip_gap(bake.sample(rig, frames))
    told = words.phones_of(head.utter)
    spans = [(start, after) for (start, phone), (after, _) in zip(told, told[1:]) if phone in CLOSED]
    inside = [(frames >= head.utter.start + start * fps - 1) & (frames <= head.utter.start + after * fps + 1) for start, after in spans]
    facts["shut"] = [float(gap[near].min() / gap.max()) for near in inside]
    scene.frame_set(int(frames[inside[0]][gap[inside[0]].argmin()]))


def look_at_open_mouth():
    head, scene = bpy.context.scene.utter.head, bpy.context.scene
    rig = rigs.rig_of(head)
    frames = np.arange(head.utter.start, head.utter.start + head.utter.frames * bake.scene_fps(scene) / 30)
    scene.frame_set(int(frames[rig.lip_gap(bake.sample(rig, frames)).argmax()]))


def bare():
    """A head without expressions, its eyes beside it."""
    empty()
    obj, told = shapes_scenes.head()
    for name in ("eye_left", "eye_right", "teeth_lower"):
        if name in list(told["part_names"]):
            shapes_scenes.part(told, name)
    choose(obj)


def points():
    return [obj for obj in bpy.data.objects if shaping.POINT in obj]


def found():
    assert not jobs.Message.is_error(), jobs.Message.text
    return idle() and len(points()) > 0


def drag():
    """The tip of the chin, a little lower, as an artist moves a point."""
    facts["points"] = len(points())
    lowest = min(points(), key=lambda obj: obj.matrix_world.translation.z)
    lowest.location.z -= 0.002
    bpy.ops.ed.undo_push(message="dragged")


def made():
    assert not jobs.Message.is_error(), jobs.Message.text
    return idle() and not points()


def open_made():
    obj = bpy.context.scene.utter.head
    facts["made"] = len({key.name for key in obj.data.shape_keys.key_blocks} & set(ACTIONS))
    for key, value in (("jawOpen", 0.6), ("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.8), ("eyeBlinkLeft", 1.0)):
        obj.data.shape_keys.key_blocks[key].value = value


def refused_head():
    """Lips that are one: nothing can open between them."""
    empty()
    choose(shapes_scenes.head(parted=False)[0])


def refused():
    if not idle() or not jobs.Message.is_error():
        return False
    facts["refused"] = jobs.Message.text
    facts["places"] = [obj.name for obj in bpy.data.objects if shaping.PLACE in obj]
    facts["unchanged"] = not bpy.context.view_layer.objects.active.data.shape_keys
    return True


def with_overlays():
    guikit.view3d()[1].spaces.active.overlay.show_overlays = True


def write_facts():
    Path("/out/facts.json").write_text(json.dumps(facts, indent=1))


guikit.play(
    [
        make_file,
        open_file,
        guikit.sidebar("Utter"),
        frame_head,
        guikit.shot("1_file"),
        press("use_selected"),
        guikit.wait_for(idle, 120),
        guikit.shot("2_used"),
        speak,
        press("perform"),
        guikit.wait_for(performed, 240),
        look_at_lips,
        guikit.shot("3_shut"),
        look_at_open_mouth,
        guikit.shot("4_open"),
        write_facts,
        bare,
        frame_head,
        with_overlays,
        press("find_points"),
        guikit.wait_for(found, 120),
        guikit.shot("5_points"),
        drag,
        press("make_shapes"),
        guikit.wait_for(made, 240),
        open_made,
        guikit.shot("6_made"),
        refused_head,
        frame_head,
        with_overlays,
        press("make_shapes"),
        guikit.wait_for(refused, 120),
        guikit.shot("7_refused"),
        write_facts,
    ]
)
