"""Make heads in the scene from the worker's bundle, adopt meshes of the artist, and hand meshes to the worker (FLAME kind)."""

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..contract import JOINTS, LIP_LANDMARKS, UtterError
from ..look import shaders
from . import PROPERTY, hair, recognise
from .axes import TO_BLENDER, align, guess
from .base import armature, key_points, neutral, triangles
from .flame import anchor, expression_keys, key_likeness
from .likeness import group_weights, likeness

RANGE = {"Exp": (-5, 5), "jaw": (-1, 1), "lid": (-0.5, 1.5), "ton": (-0.5, 1.5)}  # sliders, by the key name's first letters
BONE_NAMES = {
    "root": ("root", "Root"),
    "neck": ("neck", "Neck"),
    "jaw": ("jaw", "Jaw"),
    "eye_left": ("eye_left", "left_eye", "left_eye_smplhf", "eye.L"),
    "eye_right": ("eye_right", "right_eye", "right_eye_smplhf", "eye.R"),
}
BUNDLE: dict[str, tuple[str | int, ...]] = {  # the arrays that a bundle must hold, and their shapes: vertices, keys, polygons
    "vertices": ("N", 3),
    "polygons": ("P", 4),
    "key_names": ("K",),
    "key_channels": ("K",),
    "key_deltas": ("K", "N", 3),
    "weights": ("N", 5),
    "joint_positions": (5, 3),
    "joint_parents": (5,),
}


def build(bundle_path: Any, name: str | None = None, collection: Any = None, jaw: str = "keys", head_path: str = "") -> Any:
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
    vertices = bundle["vertices"] @ TO_BLENDER.T
    shapes = [(key, vertices + delta @ TO_BLENDER.T) for key, delta in zip(bundle["key_names"], bundle["key_deltas"])]
    _add_keys(obj, shapes)
    channels, bones = dict(zip(bundle["key_names"], bundle["key_channels"])), {joint: joint for joint in JOINTS}
    _remember(obj, bundle, head_path, jaw, (TO_BLENDER, 1.0), channels, bones)
    hair.dress(obj, hair.DEFAULT)
    return obj


def adopt(obj: Any, bundle_path: Any, head_path: str = "", jaw: str = "keys") -> Any:
    """Give a neutral mesh or a FLAME object the keys and bones it lacks, from a bundle with the same vertices; returns obj.

    Existing shape keys and bones are used under their own names; nothing else of the object changes. The bundle may be turned,
    moved and scaled against the object, and hold more vertices behind the object's own. UtterError if the vertices do not match.
    """
    seen = recognise(obj)
    if seen.state == "none":
        raise UtterError(seen.reason)
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
    names = expression_keys(obj)  # channel -> the object's own key
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
    _remember(obj, bundle, head_path, jaw, (axes, scale), channels, bones)
    if "jaw" not in bones:
        obj[PROPERTY]["jaw"] = "keys"
    return obj


def export_mesh(obj: Any, path: Any) -> None:
    """Write obj's neutral mesh (.npz) for the worker's `head` request, field `mesh`: vertices [V,3] float32, faces [F,3], and
    key_names (Exp1..), key_deltas [K,V,3] where it has FLAME's shape keys. In FLAME's axes and, by a power of ten, metres.
    UtterError if obj is no mesh."""
    if obj is None or obj.type != "MESH" or len(obj.data.polygons) == 0:
        raise UtterError("Select a mesh with faces.")
    own = neutral(obj)
    if not np.isfinite(own).all() or np.ptp(own, axis=0).max() <= 0:
        raise UtterError(f"{obj.name} has no size or broken vertices; choose another mesh.")
    faces = triangles(obj)
    to_flame = guess(own, faces, np.array(obj.matrix_world.to_3x3().normalized())).T
    unit = 10.0 ** np.round(np.log10(0.3 / np.ptp(own, axis=0).max()))
    arrays = {"vertices": (unit * own @ to_flame.T).astype(np.float32), "faces": faces}
    keys = expression_keys(obj)
    if keys:
        blocks = obj.data.shape_keys.key_blocks
        deltas = [unit * (key_points(blocks[keys[i]]) - own) @ to_flame.T for i in range(len(keys))]
        arrays |= {"key_names": np.array([f"Exp{i + 1}" for i in range(len(keys))]), "key_deltas": np.array(deltas, np.float32)}
    np.savez_compressed(path, **arrays)


# Making


def _read_bundle(path):
    """The bundle's arrays as a dict. UtterError if the file is no bundle (docs/formats.md, "Bundle")."""
    try:
        with np.load(path, allow_pickle=False) as file:
            bundle = {key: file[key] for key in file.files}
        shapes = {name: np.shape(bundle[name]) for name in BUNDLE}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UtterError(f"{path} holds no head for Blender; add the head again.", repr(error)) from error
    sizes: dict[str, int] = {"N": len(bundle["vertices"]), "K": len(bundle["key_names"]), "P": len(bundle["polygons"])}
    meant = lambda shape: tuple(sizes[size] if isinstance(size, str) else size for size in shape)
    wrong = [name for name, shape in BUNDLE.items() if shapes[name] != meant(shape)]
    if wrong or bundle["polygons"].max(initial=-1) >= sizes["N"]:
        raise UtterError(f"{path} holds no whole head for Blender; add the head again.", f"wrong: {wrong or 'polygons'}, shapes {shapes}")
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
    made: list[Any] = []
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


def _remember(obj, bundle, head_path, jaw, lies, channels, bones):
    """Write down on the object what it is. lies: FLAME's axes in the object's own, and the object's units to a metre."""
    names = [str(name) for name in bundle.get("landmark_names", ())]
    lips = [int(bundle["landmark_vertices"][names.index(lip)]) for lip in LIP_LANDMARKS if lip in names]
    obj[PROPERTY] = {
        "basis": bundle["basis"],
        "head": str(head_path or ""),
        "jaw": jaw,
        "bones": bones,
        "channels": {key: int(channel) for key, channel in channels.items()},
        "lips": lips,
        "jaw_turns": np.ravel(bundle.get("jaw_turns", ())).tolist(),
        **({"actions_motion": np.ravel(bundle["actions_motion"]).tolist()} if "actions_motion" in bundle else {}),
    }
    anchor(obj, *lies)
    obj[PROPERTY]["key_likeness"] = {key: one.tolist() for key, one in key_likeness(obj, channels).items()}
    groups = group_weights(obj, bones.values())
    moved = {joint: groups[bone] for joint, bone in bones.items() if bone in groups and groups[bone].any()}
    obj[PROPERTY]["bone_likeness"] = {joint: likeness(weights).tolist() for joint, weights in moved.items()}


# Recognising


def _bones(rig):
    """{joint: bone name} for the joints that the armature has, by the names that add-ons use."""
    found = {joint: next((name for name in names if name in rig.data.bones), None) for joint, names in BONE_NAMES.items()}
    return {joint: name for joint, name in found.items() if name}
