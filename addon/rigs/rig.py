"""The Blender objects of a head: make them from a bundle, recognise them in a scene, hand their mesh to the worker.

A head is one mesh object (skin, eyes, teeth, tongue; a shape key per channel) deformed by an armature (root, neck, jaw, eyes).
What it is stands on the mesh object as the custom property "utter_head": basis, head (file), jaw, channels {shape key: Motion channel},
bones {joint: bone}, axes (3x3, row-major: FLAME's axes to the object's), lips (upper and lower inner-lip vertex), jaw_turns (3x3x3, of
the bundle), identity (300 coefficients, once there is one).
"""

import contextlib
import re
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .. import look
from ..contract import UtterError
from ..look import shaders
from .axes import FLAME_VERTICES, TO_BLENDER, align, guess

PROPERTY = "utter_head"  # not "utter": that is where the settings of the panel lie
LIPS = ("lip_inner_upper_mid", "lip_inner_lower_mid")  # landmarks
JOINTS = ("root", "neck", "jaw", "eye_left", "eye_right")
RANGE = {"Exp": (-5, 5), "jaw": (-1, 1), "lid": (-0.5, 1.5), "ton": (-0.5, 1.5)}  # sliders, by the key name's first letters
EXPRESSION_KEY = re.compile(r"Exp(\d+)")  # Exp1.. or Exp000..: how other add-ons name FLAME's expressions
BONE_NAMES = {
    "root": ("root", "Root"),
    "neck": ("neck", "Neck"),
    "jaw": ("jaw", "Jaw"),
    "eye_left": ("eye_left", "left_eye", "left_eye_smplhf", "eye.L"),
    "eye_right": ("eye_right", "right_eye", "right_eye_smplhf", "eye.R"),
}


@dataclass(frozen=True)
class Head:
    """What an object is to Utter.

    kind: "utter" (ours, ready to perform), "flame" (a FLAME object of another add-on: adopt it first),
    "mesh" (a plain mesh: the worker can make a head of it, then adopt), "none".
    reason: one sentence that says why, and what to do; fit for a panel.
    """

    kind: str
    reason: str
    basis: str = ""  # SHA-256 of the basis that the channels mean, "" unless kind is "utter"
    path: str = ""  # head file to name in `perform`, "" for the built-in one
    jaw: str = "KEYS"  # "KEYS" or "BONE": how the jaw is baked
    identity: tuple = ()  # coefficients [300] of the built-in head, () if it is as its file has it
    jaw_turns: tuple = ()  # [27], () where the bundle told none


def build(bundle_path, name=None, collection=None, jaw="KEYS", head_path=""):
    """Make a head from the worker's bundle (.npz); returns the mesh object, its parent is the armature.

    head_path: the `head` that the worker's result named (what `perform` wants later), "" or None for the built-in one.
    collection: default the scene's active one. UtterError if the file is no bundle.
    """
    bundle = _read_bundle(bundle_path)
    name = name or bundle["name"] or "Head"
    collection = collection or bpy.context.collection or bpy.context.scene.collection
    mesh = _make_mesh(bundle, name)
    obj = bpy.data.objects.new(name, mesh)
    collection.objects.link(obj)
    armature = _make_armature(f"{name} Rig", bundle["joint_positions"] @ TO_BLENDER.T, bundle["joint_parents"], TO_BLENDER)
    collection.objects.link(armature)
    obj.parent = armature
    _bind(obj, armature, bundle["weights"])
    look.add_hair_switch(obj)
    vertices = bundle["vertices"] @ TO_BLENDER.T
    shapes = [(key, vertices + delta @ TO_BLENDER.T) for key, delta in zip(bundle["key_names"], bundle["key_deltas"])]
    _add_keys(obj, shapes)
    _remember(
        obj, bundle, head_path, jaw, TO_BLENDER, dict(zip(bundle["key_names"], bundle["key_channels"])), {joint: joint for joint in JOINTS}
    )
    return obj


def adopt(obj, bundle_path, head_path="", jaw="KEYS"):
    """Give a neutral mesh or a FLAME object the keys and bones it lacks, from a bundle with the same vertices; returns obj.

    Existing shape keys and bones are used under their own names; nothing else of the object changes. The bundle may be turned,
    moved and scaled against the object, and hold more vertices behind the object's own. UtterError if the vertices do not match.
    """
    head = describe(obj)
    if head.kind == "none":
        raise UtterError(head.reason)
    bundle = _read_bundle(bundle_path)
    own = neutral(obj)
    if len(bundle["vertices"]) < len(own):
        raise UtterError(
            f"{obj.name} has {len(own)} vertices and the head made for it {len(bundle['vertices'])}; "
            "apply or remove what changes its mesh and use it again."
        )
    theirs = bundle["vertices"][: len(own)]
    axes, scale, offset, error = align(theirs, own)
    if error > 0.02 * np.ptp(own, axis=0).max():
        raise UtterError(f"{obj.name} no longer has the shape that the head was made for; use it again.")
    names = _expression_keys(obj)  # channel -> the object's own key
    channels, missing = {}, []
    present = obj.data.shape_keys.key_blocks.keys() if obj.data.shape_keys else ()
    for key, channel, delta in zip(bundle["key_names"], bundle["key_channels"], bundle["key_deltas"]):
        key = names.get(channel, key)
        channels[key] = channel
        if key not in present:
            missing.append((key, own + scale * delta[: len(own)] @ axes.T))
    rig = armature(obj)
    bones = _bones(rig) if rig else {}
    if not rig:
        joints = scale * bundle["joint_positions"] @ axes.T + offset
        rig = _make_armature(f"{obj.name} Rig", joints, bundle["joint_parents"], axes)
        for collection in obj.users_collection or [bpy.context.scene.collection]:
            collection.objects.link(rig)
        rig.parent = obj  # the armature follows the mesh, whose own parent and place stay as they are
        _bind(obj, rig, bundle["weights"][: len(own)])
        bones = {joint: joint for joint in JOINTS}
    _add_keys(obj, missing)
    _remember(obj, bundle, head_path, jaw, axes, channels, bones)
    if "jaw" not in bones:
        obj[PROPERTY]["jaw"] = "KEYS"
    return obj


def find(context):
    """The mesh object that the artist means, or None: the active object if it is a head, or the head that belongs to it (its mesh,
    its armature); else the only head of ours in the scene; else the active mesh."""
    active = context.view_layer.objects.active
    meant = [active, active.parent, *active.children] if active else []
    if active and active.type == "ARMATURE":
        meant += [obj for obj in context.scene.objects if obj.type == "MESH" and armature(obj) == active]
    for kind in ("utter", "flame"):
        for obj in meant:
            if describe(obj).kind == kind:
                return obj
    ours = [obj for obj in context.scene.objects if PROPERTY in obj and describe(obj).kind == "utter"]
    if len(ours) == 1:
        return ours[0]
    return active if active and active.type == "MESH" else None


def describe(obj):
    """What sort of head obj (any object, or None) is: Head. Never raises."""
    if obj is None:
        return Head("none", "Select a head, or add the built-in one.")
    if obj.type != "MESH":
        return Head("none", f"{obj.name} is no mesh; select a head's mesh, or add the built-in one.")
    linked = obj.library or obj.data.library
    if linked:
        return Head("none", f"{obj.name} is linked from another file; make it local to animate it.")
    told = obj.get(PROPERTY)
    if told is not None and "channels" in told:
        keys = obj.data.shape_keys.key_blocks if obj.data.shape_keys else {}
        if not any(key in keys for key in told["channels"].keys()):
            return Head("none", f"{obj.name} has lost its shape keys; undo that, or add the head again.")
        jaw = told["jaw"] if told["jaw"] == "BONE" and "jaw" in told["bones"] and armature(obj) else "KEYS"
        return Head(
            "utter",
            f"{obj.name} is ready to perform.",
            told["basis"],
            told["head"],
            jaw,
            tuple(told.get("identity", ())),
            tuple(told.get("jaw_turns", ())),
        )
    if len(_expression_keys(obj)) >= 10:
        return Head("flame", f"{obj.name} is a FLAME head of another add-on; use it to make it ready.")
    count = len(obj.data.vertices)
    if count == FLAME_VERTICES:
        return Head("mesh", f"{obj.name} has FLAME's vertices; use it to give it expressions.")
    if count >= 100:
        return Head("mesh", f"{obj.name} is a mesh without expressions; use it if it is a neutral head.")
    return Head("none", f"{obj.name} has only {count} vertices and is no head; select a head, or add the built-in one.")


def export_mesh(obj, path):
    """Write obj's neutral mesh (.npz) for the worker's `head` request, field `mesh`: vertices [V,3] float32, faces [F,3], and
    key_names (Exp1..), key_deltas [K,V,3] where it has FLAME's shape keys. In FLAME's axes and, by a power of ten, metres.
    UtterError if obj is no mesh."""
    if obj is None or obj.type != "MESH" or len(obj.data.polygons) == 0:
        raise UtterError("Select a mesh with faces.")
    own = neutral(obj)
    if not np.isfinite(own).all() or np.ptp(own, axis=0).max() <= 0:
        raise UtterError(f"{obj.name} has no size or broken vertices; choose another mesh.")
    to_flame = guess(own, np.array(obj.matrix_world.to_3x3().normalized())).T
    unit = 10.0 ** np.round(np.log10(0.3 / np.ptp(own, axis=0).max()))
    obj.data.calc_loop_triangles()
    faces = np.empty(len(obj.data.loop_triangles) * 3, np.int32)
    obj.data.loop_triangles.foreach_get("vertices", faces)
    arrays = {"vertices": (unit * own @ to_flame.T).astype(np.float32), "faces": faces.reshape(-1, 3)}
    keys = _expression_keys(obj)
    if keys:
        blocks = obj.data.shape_keys.key_blocks
        deltas = [unit * (_key_points(blocks[keys[i]]) - own) @ to_flame.T for i in range(len(keys))]
        arrays |= {"key_names": np.array([f"Exp{i + 1}" for i in range(len(keys))]), "key_deltas": np.array(deltas, np.float32)}
    np.savez_compressed(path, **arrays)


def armature(obj):
    """The armature object of a head's mesh object, or None."""
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE" and modifier.object:
            return modifier.object
    return obj.parent if obj.parent and obj.parent.type == "ARMATURE" else None


def set_jaw(obj, jaw):
    """Choose how the jaw of our head obj is baked from now on: "KEYS" or "BONE". UtterError if it has no jaw bone."""
    if describe(obj).kind != "utter":
        raise UtterError(describe(obj).reason)
    if jaw == "BONE" and ("jaw" not in obj[PROPERTY]["bones"] or armature(obj) is None):
        raise UtterError(f"{obj.name} has no jaw bone; bake its jaw as shape keys.")
    obj[PROPERTY]["jaw"] = jaw


def channels(obj):
    """{Motion channel: shape key} of our head obj, for the keys that are there."""
    blocks = obj.data.shape_keys.key_blocks
    return {int(channel): blocks[key] for key, channel in obj[PROPERTY]["channels"].items() if key in blocks}


def bones(obj):
    """{joint: (pose bone, rest [3,3])} of our head obj; rest: the bone's axes as columns, in FLAME's axes.

    A rotation R in FLAME's axes is rest^T R rest in the bone's own. Our own bones point up, so that rest is the identity and
    their rotation curves show the Motion's numbers."""
    rig = armature(obj)
    if rig is None:
        return {}
    if rig.pose is None:  # linked to the scene just now
        bpy.context.view_layer.update()
    axes = np.array(obj[PROPERTY]["axes"]).reshape(3, 3)
    if obj.parent == rig:  # told without matrix_world, which is stale until Blender's next update
        place = obj.matrix_parent_inverse @ obj.matrix_basis
    elif rig.parent == obj:
        place = (rig.matrix_parent_inverse @ rig.matrix_basis).inverted_safe()
    else:
        place = rig.matrix_world.inverted_safe() @ obj.matrix_world
    turn = np.array(place.to_3x3().normalized())
    found = {}
    for joint, bone in obj[PROPERTY]["bones"].items():
        if bone in rig.pose.bones:
            found[joint] = rig.pose.bones[bone], (turn @ axes).T @ np.array(rig.data.bones[bone].matrix_local.to_3x3())
    return found


def lip_gap(obj, values):
    """How far the lips of our head obj are apart for Motion values [T,65]: [T] in the object's units, 0 where they touch, from its
    own shape keys (the jaw's too); None where the head does not know its lips."""
    lips = list(obj[PROPERTY]["lips"])
    keys = channels(obj)
    if len(lips) != 2 or 50 not in keys:
        return None
    up = np.array(obj[PROPERTY]["axes"]).reshape(3, 3)[:, 1]
    basis = obj.data.shape_keys.reference_key.data
    apart = [np.subtract(basis[lips[0]].co, basis[lips[1]].co) @ up]
    opening = {c: (np.subtract(key.data[lips[0]].co, key.data[lips[1]].co) @ up) - apart[0] for c, key in keys.items()}
    gap = apart[0] + np.asarray(values)[:, list(opening)] @ np.array(list(opening.values()))
    return np.maximum(gap, 0)


# Changing


def reshape(obj, shift, joints, keys, identity):
    """Move the neutral face of our head obj by shift [N,3], all its shape keys with it and those of channels {channel: [N,3]} by so
    much more, its bones by joints [5,3]: metres in FLAME's axes. identity: the coefficients [300] that it then
    has, () if none.

    Animation, sculpted keys, materials and transforms stay. What obj shares with other objects it gets of its own first."""
    axes = np.array(obj[PROPERTY]["axes"]).reshape(3, 3)
    with _object_mode():
        _unshare(obj)
        shift = (shift @ axes.T).astype(np.float32)
        own = {block.name: channel for channel, block in channels(obj).items()}
        for block in obj.data.shape_keys.key_blocks:
            more = keys.get(own.get(block.name))
            _move(block.points, shift if more is None else shift + (more @ axes.T).astype(np.float32))
        _move(obj.data.vertices, shift)
        obj.data.update()
        _move_bones(obj, armature(obj), joints @ axes.T)
    if len(identity):
        obj[PROPERTY]["identity"] = list(identity)
    elif "identity" in obj[PROPERTY]:
        del obj[PROPERTY]["identity"]


@contextlib.contextmanager
def _object_mode():
    """Leave the mode that the active object is in, and come back to it."""
    layer = bpy.context.view_layer
    before = layer.objects.active
    mode = before.mode if before else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        layer.objects.active = before
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)


def _unshare(obj):
    """Give obj a mesh of its own, and an armature of its own if it shares it with another head."""
    if obj.data.users - obj.data.use_fake_user > 1:
        obj.data = obj.data.copy()
    rig = armature(obj)
    if rig is None:
        return
    if any(other != obj and PROPERTY in other and armature(other) == rig for other in bpy.data.objects if other.type == "MESH"):
        twin = rig.copy()
        for collection in rig.users_collection:
            collection.objects.link(twin)
        for modifier in obj.modifiers:
            if modifier.type == "ARMATURE" and modifier.object == rig:
                modifier.object = twin
        if obj.parent == rig:
            obj.parent = twin
        rig = twin
    if rig.data.users - rig.data.use_fake_user > 1:
        rig.data = rig.data.copy()


def _move(points, shift):
    """Add shift [N,3] to the coordinates of mesh vertices or of a shape key's points."""
    flat = np.empty(shift.size, np.float32)
    points.foreach_get("co", flat)
    points.foreach_set("co", flat + shift.ravel())


def _move_bones(obj, rig, joints):
    """Move the bones of an armature object by joints [5,3], in the axes of obj: only edit mode can."""
    if rig is None:
        return
    scene, layer = bpy.context.scene, bpy.context.view_layer
    hidden, unlinked = rig.hide_viewport, rig.name not in scene.collection.objects
    if unlinked:  # in a collection that may be hidden, or in another scene
        scene.collection.objects.link(rig)
    rig.hide_viewport = False
    unseen = rig.hide_get()
    rig.hide_set(False)
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for joint, bone in obj[PROPERTY]["bones"].items():
            edit, by = rig.data.edit_bones[bone], Vector(joints[JOINTS.index(joint)].tolist())
            edit.head, edit.tail = edit.head + by, edit.tail + by
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        rig.hide_set(unseen)
        rig.hide_viewport = hidden
        if unlinked:
            scene.collection.objects.unlink(rig)


# Making


def _read_bundle(path):
    """The bundle's arrays as a dict. UtterError if the file is no bundle (docs/architecture.md, "Bundle")."""
    try:
        with np.load(path, allow_pickle=False) as file:
            bundle = {key: file[key] for key in file.files}
        n, k = len(bundle["vertices"]), len(bundle["key_names"])
        assert bundle["vertices"].shape == (n, 3) and bundle["key_deltas"].shape == (k, n, 3)
        assert bundle["key_channels"].shape == (k,) and bundle["weights"].shape == (n, 5) and bundle["joint_positions"].shape == (5, 3)
        assert bundle["polygons"].shape[1] == 4 and bundle["polygons"].max() < n
    except (OSError, ValueError, KeyError, AssertionError, EOFError) as error:
        raise UtterError(f"{path} holds no head for Blender; add the head again.") from error
    for text in ("name", "basis"):
        bundle[text] = str(bundle.get(text, ""))
    bundle["key_names"] = [str(name) for name in bundle["key_names"]]
    bundle["key_channels"] = [int(channel) for channel in bundle["key_channels"]]
    bundle["vertices"], bundle["key_deltas"] = bundle["vertices"].astype(float), bundle["key_deltas"].astype(np.float32)
    return bundle


def _make_mesh(bundle, name):
    """Mesh with faces, UVs, materials and what they read: masks."""
    polygons = bundle["polygons"]
    corners = polygons >= 0
    mesh = bpy.data.meshes.new(name)
    faces = [[i for i in polygon if i >= 0] for polygon in polygons.tolist()]
    mesh.from_pydata((bundle["vertices"] @ TO_BLENDER.T).tolist(), [], faces)
    if "polygon_uv" in bundle:
        layer = mesh.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", bundle["polygon_uv"][corners].astype(np.float32).ravel())
    kinds = [str(kind) for kind in bundle.get("material_names", ())]
    for material in shaders.make_all(kinds):
        mesh.materials.append(material)
    if "polygon_material" in bundle:
        mesh.polygons.foreach_set("material_index", bundle["polygon_material"].astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(polygons), bool))
    mesh.update()
    rest = mesh.attributes.new("rest", "FLOAT_VECTOR", "POINT")  # FLAME's axes: where a point of the skin is, however it moves
    rest.data.foreach_set("vector", bundle["vertices"].astype(np.float32).ravel())
    for mask, values in zip(bundle.get("mask_names", ()), bundle.get("masks", ())):
        mesh.attributes.new(str(mask), "FLOAT", "POINT").data.foreach_set("value", values.astype(np.float32))
    return mesh


def _make_armature(name, joints, parents, axes):
    """Armature object with a bone per joint; every bone points along FLAME's up, its own axes FLAME's. In no collection yet."""
    data = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, data)
    scene, layer = bpy.context.scene, bpy.context.view_layer
    before = layer.objects.active
    mode = before.mode if before else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    scene.collection.objects.link(rig)  # bones are edited in edit mode, which needs the object in the view layer
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    length = 0.15 * np.ptp(joints, axis=0).max() or 0.02
    rest = Matrix(axes.tolist()).to_4x4()
    made = []
    for i, joint in enumerate(JOINTS):
        bone = data.edit_bones.new(joint)
        bone.length = length
        bone.matrix = Matrix.Translation(joints[i].tolist()) @ rest
        if 0 <= parents[i] < i:
            bone.parent = made[int(parents[i])]
        made.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ"
    layer.objects.active = before
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode=mode)
    scene.collection.objects.unlink(rig)
    data.display_type = "STICK"
    rig.show_in_front = True
    return rig


def _bind(obj, rig, weights):
    """Vertex groups and an Armature modifier before all others. weights [V,5]."""
    for joint, column in zip(JOINTS, np.round(weights, 4).T):
        group = obj.vertex_groups.get(joint) or obj.vertex_groups.new(name=joint)
        order = np.argsort(column, kind="stable")
        for run in np.split(order, np.flatnonzero(np.diff(column[order])) + 1):  # vertices of one weight go in together
            if column[run[0]] > 0:
                group.add(run.tolist(), float(column[run[0]]), "REPLACE")
    modifier = obj.modifiers.new("Utter", "ARMATURE")
    modifier.object = rig
    obj.modifiers.move(len(obj.modifiers) - 1, 0)


def _add_keys(obj, keys):
    """Add shape keys (name, points [V,3]) with sliders wide enough to animate by hand."""
    if obj.data.shape_keys is None:
        obj.shape_key_add(name="Basis", from_mix=False)
    for name, points in keys:
        block = obj.shape_key_add(name=name, from_mix=False)
        block.points.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
        block.slider_min, block.slider_max = RANGE.get(name[:3], (-5, 5))
        block.value = 0


def _remember(obj, bundle, head_path, jaw, axes, channels, bones):
    """Write down on the object what it is."""
    names = [str(name) for name in bundle.get("landmark_names", ())]
    lips = [int(bundle["landmark_vertices"][names.index(lip)]) for lip in LIPS if lip in names]
    obj[PROPERTY] = {
        "basis": bundle["basis"],
        "head": str(head_path or ""),
        "jaw": jaw,
        "bones": bones,
        "channels": {key: int(channel) for key, channel in channels.items()},
        "axes": np.ravel(axes).tolist(),
        "lips": lips,
        "jaw_turns": np.ravel(bundle.get("jaw_turns", ())).tolist(),
    }


# Recognising


def _expression_keys(obj):
    """{channel: shape key name} of FLAME's expressions as other add-ons name them, counted from their lowest number."""
    blocks = obj.data.shape_keys.key_blocks if obj.type == "MESH" and obj.data.shape_keys else ()
    numbered = sorted((int(match[1]), block.name) for block in blocks if (match := EXPRESSION_KEY.fullmatch(block.name)))
    first = 0 if numbered and numbered[0][0] == 0 else 1
    names = {number - first: name for number, name in numbered}
    return {i: names[i] for i in range(50) if all(j in names for j in range(i + 1))}


def _bones(rig):
    """{joint: bone name} for the joints that the armature has, by the names that add-ons use."""
    found = {joint: next((name for name in names if name in rig.data.bones), None) for joint, names in BONE_NAMES.items()}
    return {joint: name for joint, name in found.items() if name}


def neutral(obj):
    """Vertices of the mesh at rest [V,3], in the object's own axes."""
    if obj.data.shape_keys:
        return _key_points(obj.data.shape_keys.reference_key)
    points = np.empty(len(obj.data.vertices) * 3, np.float32)
    obj.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3).astype(float)


def _key_points(block):
    points = np.empty(len(block.points) * 3, np.float32)
    block.points.foreach_get("co", points)
    return points.reshape(-1, 3).astype(float)
