"""Targets of a rig map that are no shape keys: a channel of a bone, or a custom property, of the armature that moves a character.

Written as Blender's *Copy Data Path* has them: `pose.bones["Jaw"].rotation_euler[0]`, `pose.bones["Face"]["Smile"]`, `["Smile"]`.
"""

import re
from typing import Any, NamedTuple

import bpy

from ..animation.tracks import Track

QUOTED = r'\["(?:[^"\\]|\\.)*"\]'
PATH = re.compile(rf"(pose\.bones{QUOTED})?(\.\w+|{QUOTED})(?:\[(\d)\])?")


class Channel(NamedTuple):
    """owner: the armature object. holder: it, or a bone of it. name: of the property; custom: whether it is one of the artist's. index: in
    it, or None."""

    owner: Any
    holder: Any
    name: str
    custom: bool
    index: int | None  # type: ignore[assignment]  # hides tuple.index
    path: str

    def track(self, group: str) -> Track:
        return Track(self.owner, self.path, self.index or 0, group)

    def put(self, value: float) -> None:
        if self.index is not None:
            (self.holder[self.name] if self.custom else getattr(self.holder, self.name))[self.index] = value
        elif self.custom:
            self.holder[self.name] = value
        else:
            setattr(self.holder, self.name, value)


def is_path(target: str) -> bool:
    """Whether a row's target is written as a channel."""
    return PATH.fullmatch(target) is not None


def channel(target: str, rig: Any) -> Channel | None:
    """The channel of an armature object (or None) that a target names, if it is there and a number."""
    match = PATH.fullmatch(target) if rig is not None and rig.pose is not None else None
    if match is None:
        return None
    bone, last, index = match[1], match[2], match[3]
    path = (bone or "") + (last if bone or last.startswith("[") else last[1:])
    try:
        value = rig.path_resolve(path)
        value = value[int(index)] if index else value
        holder = rig.path_resolve(bone) if bone else rig
    except (ValueError, TypeError, IndexError):
        return None
    if not isinstance(value, int | float):
        return None
    custom = last.startswith("[")
    name = bpy.utils.unescape_identifier(last[2:-2]) if custom else last[1:]
    return Channel(rig, holder, name, custom, int(index) if index else None, path)
