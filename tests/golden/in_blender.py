"""Bake Motions and run Utter's command in bpy, and write every key of every F-curve: python in_blender.py MOTIONS TASKS OUTPUT.

The checkout that is tested comes first on PYTHONPATH. The functions of the first part are all that this knows of the add-on's Python.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import bpy
import numpy as np

import addon

try:
    from addon.animation import bake as baking
    from addon.batch import command
    from addon.rigs import rig_of
except ModuleNotFoundError:  # commit c5d85ed, by which the files were recorded, has its modules side by side
    from addon import bake as baking
    from addon import command

    rig_of = None


def add_head():
    """The built-in head in an empty scene."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.utter.add_head()
    return chosen_head()


def chosen_head():
    return bpy.context.scene.utter.head


def bake_on(obj, values, start, fps, jaw):
    if rig_of:
        rig = rig_of(obj)
        rig.set_jaw(jaw.lower())
        baking.bake(rig, values, start, fps=fps)
    else:
        baking.bake(obj, values, start, fps=fps, jaw=jaw)


def rebake_on(obj, values, start, fps, jaw):
    if rig_of:
        rig = rig_of(obj)
        rig.set_jaw(jaw.lower())
        baking.rebake(rig, values, start, fps=fps)
    else:
        baking.rebake(obj, values, start, fps=fps, jaw=jaw)


def read_pins(obj, start, length, fps):
    return baking.read_pins(rig_of(obj) if rig_of else obj, start, length, fps=fps)


def run_command(arguments):
    return command.main(arguments)


# From here on Blender alone

FIELDS = {"co": 2, "handle_left": 2, "handle_right": 2, "type": 0, "back": 1}
FIELDS.update({"interpolation": 0, "handle_left_type": 0, "handle_right_type": 0})


def fcurves(obj):
    """{name: F-curve} of what animates the head: its shape keys and its bones."""
    owners = [obj.data.shape_keys, *(modifier.object for modifier in obj.modifiers if modifier.type == "ARMATURE")]
    found = {}
    for owner in owners:
        animation = owner.animation_data
        for layer in animation.action.layers if animation and animation.action else ():
            for strip in layer.strips:
                for curve in strip.channelbag(animation.action_slot).fcurves:
                    found[f"{curve.data_path}[{curve.array_index}]"] = curve
    return found


def keys(curve):
    """{field: array} of all keys of the F-curve; FIELDS: numbers a key, 0 for one whole number."""
    arrays = {}
    for field, size in FIELDS.items():
        array = np.zeros(len(curve.keyframe_points) * max(size, 1), np.float32 if size else np.int32)
        curve.keyframe_points.foreach_get(field, array)
        arrays[field] = array.reshape(-1, size or 1)
    return arrays


def record(obj):
    """The head's F-curves: their names, number of keys and SHA-256, and every fifth key's frame and value, to explain a mismatch."""
    curves = {name: keys(curve) for name, curve in sorted(fcurves(obj).items())}
    digests = [hashlib.sha256(b"".join(array.tobytes() for array in fields.values())).digest() for fields in curves.values()]
    return {
        "curves": np.array(list(curves)),
        "counts": np.array([len(fields["co"]) for fields in curves.values()], np.int32),
        "sha256": np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32),
        "fifth": np.concatenate([fields["co"][::5] for fields in curves.values()]),
    }


def hold(obj):
    """What an artist does: two of our keys moved, a key set between two frames, one key of another type."""
    found = fcurves(obj)
    for name, number in (('key_blocks["Exp2"].value[0]', 20), ('pose.bones["neck"].rotation_euler[0]', 30)):
        found[name].keyframe_points[number].co_ui.y += 0.125
    found['key_blocks["Exp5"].value[0]'].keyframe_points.insert(33.5, 0.75)
    found['key_blocks["lid_left"].value[0]'].keyframe_points[40].type = "BREAKDOWN"
    jaw = next(name for name in ('pose.bones["jaw"].rotation_euler[0]', 'key_blocks["jaw_x"].value[0]') if name in found)
    for number in (50, 51):
        found[jaw].keyframe_points[number].co_ui.y = 0.25
    for curve in found.values():
        curve.update()


def main(motions, tasks, output):
    addon.register()
    tasks, told = json.loads(Path(tasks).read_text()), {}

    def tell(name, arrays):
        told.update({f"{name}|{field}": array for field, array in arrays.items()})

    with np.load(motions) as arrays:
        head = add_head()
        for name, (motion, fps, jaw, start) in tasks["bakes"].items():
            bake_on(head, arrays[motion], start, fps, jaw)
            tell(f"bake {name}", record(head))
        for name, (first, second, fps, jaw, start) in tasks["rebakes"].items():
            bake_on(head, arrays[first], start, fps, jaw)
            hold(head)
            values, mask = read_pins(head, start, len(arrays[first]), fps)
            tell(f"pins {name}", {"values": values, "mask": mask})
            rebake_on(head, arrays[second], start, fps, jaw)
            tell(f"rebake {name}", record(head))
    for name, (folder, *arguments) in tasks["commands"].items():
        bpy.ops.wm.read_homefile(use_empty=True)  # the scene before must not be taken for the artist's
        code = run_command(arguments)
        assert code == 0, f"command {name} ended with {code}"
        for path in sorted(Path(folder).rglob("*.*")):
            bpy.ops.wm.open_mainfile(filepath=str(path))
            tell(f"command {name} {path.relative_to(folder).as_posix()}", record(chosen_head()))
    np.savez_compressed(output, **told)


main(*sys.argv[1:])
sys.stdout.flush()
os._exit(0)  # bpy may crash on the way out, after the work is done
