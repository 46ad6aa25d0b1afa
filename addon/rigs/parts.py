"""The meshes of one character: a head, and its eyes, teeth, tongue and lashes where these are meshes of their own."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from mathutils import Vector

from .. import compat
from ..maps.ours import centre
from .base import armature, key_points, neutral

STILL = 5e-4  # of a face's size: what moves less does not count, 0.1 mm of 0.2 m
PART = 0.7  # of the keys that move a head: teeth, eyes and lashes move by fewer
NEARBY = 0.1  # of a head's size: how far apart boxes of one character may lie

_moving: dict[tuple, dict[str, np.ndarray]] = {}  # by mesh and names of keys: panels ask many times a second


def keys_of(obj: Any) -> list[str]:
    """The names of a mesh object's shape keys, without the one that is at rest."""
    keys = obj.data.shape_keys if obj.type == "MESH" else None
    return keys.key_blocks.keys()[1:] if keys else []


def moving(obj: Any) -> tuple[str, ...]:
    """Those of a mesh object's shape keys that move it: more than 0.1 mm if what its keys move is a face of 0.2 m."""
    return tuple(centres(obj))


def centres(obj: Any) -> dict[str, np.ndarray]:
    """{shape key of moving(): the place [3] about which it moves a mesh object}."""
    names = keys_of(obj)
    if not names:
        return {}
    asked = obj.data.session_uid, len(obj.data.vertices), tuple(names)
    if asked not in _moving:
        if len(_moving) > 100:
            _moving.clear()
        rest, blocks = neutral(obj), obj.data.shape_keys.key_blocks
        far = {name: np.linalg.norm(key_points(blocks[name]) - key_points(blocks[name].relative_key), axis=1) for name in names}
        moved = np.any([way > 1e-9 for way in far.values()], axis=0)
        size = np.ptp(rest[moved], axis=0).max() if moved.any() else 0.0
        _moving[asked] = {name: centre(rest, way) for name, way in far.items() if way.max() > STILL * size}
    return _moving[asked]


def forget() -> None:
    """Look at the shapes anew."""
    _moving.clear()


def related(obj: Any, others: Iterable[Any]) -> list[Any]:
    """Those mesh objects that move along with obj as parts of one character: with the same armature or parent, where obj is, and with keys
    of the same names. A copy of it is none; without armature and parent, nothing that moves by as many keys (another head)."""
    own, names = armature(obj), set(keys_of(obj))
    found = []
    for other in others:
        linked = other.library or (other.data.library and not other.override_library)
        if other == obj or other.type != "MESH" or not other.data.shape_keys or linked:
            continue
        theirs = armature(other)
        if own or theirs or obj.parent or other.parent:
            together = own == theirs if own or theirs else obj.parent == other.parent or obj == other.parent or other == obj.parent
        else:
            fewer, more = sorted((len(moving(obj)), len(moving(other))))
            together = fewer < PART * more
        keys = set(keys_of(other)) if together else set()
        twin = keys == names and len(other.data.vertices) == len(obj.data.vertices)
        if keys & names and not twin and _touch(obj, other):
            found.append(other)
    return found


def _touch(one, other):
    boxes = [np.array([obj.matrix_world @ Vector(corner) for corner in obj.bound_box]) for obj in (one, other)]
    room = NEARBY * min(np.ptp(box, axis=0).max() for box in boxes)
    (low, high), (least, most) = ((box.min(0), box.max(0)) for box in boxes)
    return bool((low <= most + room).all() and (least <= high + room).all())


def driven(obj: Any) -> set[str]:
    """Those of a mesh object's shape keys whose values drivers move."""
    keys = obj.data.shape_keys
    drivers = keys.animation_data.drivers if keys and keys.animation_data else ()
    return {name for driver in drivers if not driver.mute and (name := compat.named(driver.data_path, "key_blocks"))}
