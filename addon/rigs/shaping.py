"""Heads without expressions get face actions as shape keys: meshes for the worker, points that the artist drags, keys of the result."""

from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from .. import look
from ..contract import ACTIONS, UtterError
from . import mapped, parts, sharing
from .axes import TO_BLENDER
from .base import armature, neutral, object_mode, triangles, unusable
from .turns import bones_of

POINT, PLACE = "utter_point", "utter_place_of"  # custom properties of empties
LEAST = 100  # vertices: with fewer it is no head
FROM = Vector((0.5, -0.7, 0.5)).normalized()  # from there an arrow points at a place: seen from the front and from the side
STILL = 5e-4  # of a head's size: a key that moves less is left out, 0.1 mm of 0.2 m
STIFF = ("glass", "eyewear", "spectacle", "hat", "helmet", "headwear", "outfit", "cloth", "shirt", "jewel", "earring", "horn")  # in names
LABELS = {
    **{f"eye_{where}_{side}": f"Eye {side.title()}, {where.title()} Corner" for side in ("left", "right") for where in ("inner", "outer")},
    **{f"lid_{where}_{side}": f"Eye {side.title()}, {where.title()} Lid" for side in ("left", "right") for where in ("upper", "lower")},
    **{f"lip_corner_{side}": f"Mouth, {side.title()} Corner" for side in ("left", "right")},
    **{f"lip_inner_{where}_mid": f"Mouth, {where.title()} Lip" for where in ("upper", "lower")},
    "nose_tip": "Nose, Tip",
    "chin": "Chin",
}


def refusal(obj: Any) -> str:
    """A sentence that says why a mesh object of this file cannot get face actions, or ""."""
    if obj is None or obj.type != "MESH":
        return "Select the mesh of a head."
    if obj.library or (obj.data.library and not obj.override_library):
        return f"{obj.name} is linked from another file; make it local to give it shapes."
    if obj.override_library or obj.data.override_library:
        return f"{obj.name} is a library override, which holds no new shape keys; make it local to give it shapes."
    if len(obj.data.vertices) < LEAST or not obj.data.polygons:
        return f"{obj.name} has only {len(obj.data.vertices)} vertices and is no head; select the mesh of a head."
    if next((modifier for modifier in obj.modifiers if modifier.type == "MIRROR" and modifier.show_viewport), None):
        return f"{obj.name} is half a head under a Mirror modifier; apply that, so that both sides can move by themselves."
    if obj.data.shape_keys and (reason := unusable(obj, [])):
        return reason
    if not lacking(obj):
        return f"{obj.name} has shape keys for all face actions already."
    return ""


def lacking(obj: Any) -> list[str]:
    """The face actions for which a mesh object has no shape key of that name."""
    there = set(parts.keys_of(obj))
    return [name for name in ACTIONS if name not in there]


def bare(obj: Any) -> bool:
    """Whether a mesh object could get face actions, and nothing in it is known to be an expression."""
    return not refusal(obj) and len(parts.moving(obj)) < mapped.OWN and mapped.main_of(obj) is None


# To the worker


def others_of(obj: Any) -> list[Any]:
    """The character's other meshes: those with the same armature or parent; where it has neither, those that lie in the head."""
    own, found = armature(obj), []
    for scene in obj.users_scene:
        for other in scene.objects:
            if other.type != "MESH" or other == obj or other in found or other.library or other.data.library or look.HAIR in other:
                continue
            if any(word in other.name.lower() for word in STIFF):
                continue
            theirs = armature(other)
            if own or theirs:
                together = own == theirs
            else:
                together = (obj.parent is not None and obj.parent == other.parent) or other.parent == obj or _within(other, obj)
            if together and not (other.data.shape_keys and unusable(other, [])) and len(other.data.polygons):
                found.append(other)
    return found


def _within(one, obj):
    boxes = [np.array([each.matrix_world @ Vector(corner) for corner in each.bound_box]) for each in (one, obj)]
    low, high = boxes[1].min(0), boxes[1].max(0)
    return bool((boxes[0].mean(0) > low).all() and (boxes[0].mean(0) < high).all() and (np.ptp(boxes[0], 0) < np.ptp(boxes[1], 0)).all())


def write(obj: Any, others: list[Any], path: Any) -> None:
    """Write the meshes, and the points where the artist set them, for the worker (docs/protocol.md, "Requests"). UtterError if broken."""
    vertices, faces = [], []
    for each in (obj, *others):
        places = _upright(each, neutral(each))
        if not np.isfinite(places).all():
            raise UtterError(f"{each.name} has vertices at no finite place; remove these.")
        vertices.append(places)
        faces.append(triangles(each))
    starts = np.cumsum([0, *(len(each) for each in vertices[1:])])
    arrays = {
        "vertices": vertices[0],
        "faces": faces[0],
        "other_vertices": np.concatenate([np.zeros((0, 3)), *vertices[1:]]),
        "other_faces": np.concatenate([np.zeros((0, 3), int), *(face + start for face, start in zip(faces[1:], starts))]),
    }
    if found := points_of(obj):
        places = np.array([point.matrix_world.translation for point in found.values()]) @ TO_BLENDER
        arrays |= {"point_names": np.array(list(found)), "points": places}
    np.savez(path, **arrays)


def _upright(obj, places):
    """Places [V,3] of an object as they stand in the scene, in FLAME's axes."""
    world = np.array(obj.matrix_world)
    return (places @ world[:3, :3].T + world[:3, 3]) @ TO_BLENDER


def turns_by_bones(obj: Any) -> bool:
    """Whether the character has bones for both eyes."""
    rig = armature(obj)
    found = bones_of(tuple(rig.data.bones.keys())) if rig else {}
    return {"eye_left", "eye_right"} <= set(found)


# Points


def points_of(obj: Any) -> dict[str, Any]:
    """{name: empty} of the points that guide the making of a head's shapes; {} unless all are there."""
    found = {str(child[POINT]): child for child in obj.children if POINT in child}
    return found if set(found) >= set(LABELS) else {}


def show_points(obj: Any, points: dict[str, Any]) -> None:
    """Put the points (where the worker has them) on a head, as empties that the artist drags."""
    remove_points(obj)
    size = 0.015 * max(obj.dimensions) if max(obj.dimensions) < 1 else 0.004 * max(obj.dimensions)
    for name, place in points.items():
        _empty(obj, f"{obj.name}: {LABELS[name]}", place, size, "SPHERE")[POINT] = name


def show_place(obj: Any, place: Any) -> None:
    """Point an arrow at a place on a head (where the worker has it): that is what cannot be good."""
    if place is not None:
        size = 0.2 * min(max(obj.dimensions), 1.0)
        mark = _empty(obj, f"{obj.name}: Look Here", place, size, "SINGLE_ARROW")
        mark.rotation_euler = (-FROM).to_track_quat("Z", "Y").to_euler()
        mark.location += size * FROM  # its tip is at the place
        mark.show_name = True
        mark[PLACE] = obj.name


def _empty(obj, name, place, size, shape):
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type, empty.empty_display_size, empty.show_in_front = shape, size, True
    for collection in obj.users_collection:
        collection.objects.link(empty)
    empty.parent = obj
    empty.matrix_parent_inverse = obj.matrix_world.inverted_safe()
    empty.location = TO_BLENDER @ np.asarray(place, float)
    return empty


def remove_points(obj: Any) -> None:
    """Take the points, and what marks a place, off a head."""
    for child in [child for child in obj.children if POINT in child or PLACE in child]:
        bpy.data.objects.remove(child)


# What comes back


def add(obj: Any, others: list[Any], path: Any) -> tuple[list[str], list[str]]:
    """Give a head and the character's other meshes the shape keys that the worker wrote: (names of the new ones on the head, sentences).
    Keys of these names that are there stay as they are. UtterError if the meshes are others by now."""
    with np.load(path, allow_pickle=False) as file:
        deltas, rest = file["deltas"], file["others"]
    counts = [len(each.data.vertices) for each in others]
    if deltas.shape[1] != len(obj.data.vertices) or rest.shape[1] != sum(counts):
        raise UtterError(f"{obj.name} was changed in the meantime; make its shapes again.")
    ends = np.cumsum([0, *counts])
    fields = [(obj, deltas), *((each, rest[:, ends[k] : ends[k + 1]]) for k, each in enumerate(others))]
    still = STILL * np.ptp(_upright(obj, neutral(obj))[np.abs(deltas).max(axis=(0, 2)) > 0], axis=0).max(initial=0)
    said, made = [], []
    with object_mode():
        for each, field in fields:
            back = np.linalg.inv(np.array(each.matrix_world)[:3, :3]) @ TO_BLENDER
            there = set(parts.keys_of(each))
            moving = [k for k, name in enumerate(ACTIONS) if name not in there and np.linalg.norm(field[k], axis=1).max(initial=0) > still]
            if not moving:
                continue
            said += sharing.own_mesh(each)
            own = neutral(each)
            if each.data.shape_keys is None:
                each.shape_key_add(name="Basis", from_mix=False)
            for k in moving:
                block = each.shape_key_add(name=ACTIONS[k], from_mix=False)
                block.points.foreach_set("co", np.ascontiguousarray(own + field[k] @ back.T, np.float32).ravel())
                block.slider_min, block.slider_max, block.value = 0.0, 1.0, 0.0  # Blender 5.2 makes keys with 1
                if each == obj:
                    made.append(block.name)
            each.data.update()
    parts.forget()
    mapped.keep(obj, None)
    return made, said
