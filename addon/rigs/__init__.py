"""Rigs: the objects that perform, a file for each kind. A new kind is a subclass of base.Rig, named in KINDS."""

from typing import Any

from .. import look
from ..contract import UtterError
from .base import PROPERTY, Recognition, Rig, armature
from .flame import FlameRig
from .mapped import PROPERTY as MAP
from .mapped import MappedRig, main_of

KINDS: tuple[type[Rig], ...] = (FlameRig, MappedRig)
CERTAIN = 0.6  # from here on an object is taken for a head without being asked


def recognise(obj: Any) -> Recognition:
    """What an object (or None) is to Utter, as the kind says that is surest. Never raises."""
    if obj is None:
        return Recognition("none", "Select a head, or add the built-in one.")
    if obj.type != "MESH":
        return Recognition("none", f"{obj.name} is no mesh; select a head's mesh, or add the built-in one.")
    if obj.library:
        reason = f"{obj.name} is linked from another file; make a library override of it, or make it local, to animate it."
        return Recognition("none", reason)
    if obj.data.library and not obj.override_library:
        return Recognition("none", f"The mesh of {obj.name} is linked from another file; make it local to animate it.")
    if look.HAIR in obj:
        return Recognition("none", f"{obj.name} is the hair of a head; select the head.")
    found = [seen for kind in KINDS if (seen := kind.recognise(obj)) is not None]
    return max(found, key=lambda seen: (seen.state == "ready", seen.sure))


def rig_of(obj: Any) -> Rig:
    """The rig of an object that is ready to perform. UtterError says why it is not."""
    seen = recognise(obj)
    if seen.state != "ready" or seen.kind is None:
        raise UtterError(seen.reason)
    return seen.kind(obj)


def ready(obj: Any) -> bool:
    """Whether an object can perform as it is."""
    return recognise(obj).state == "ready"


def find(context: Any, others: bool = True) -> Any:
    """The mesh object that the artist means, or None: the active object if it is a head, or the head that belongs to it (its mesh, its
    armature, the face whose eyes or teeth are active); else, with others, the only head in the scene that is ready; else the active
    mesh."""
    active = context.view_layer.objects.active
    meant = [active, active.parent, *active.children] if active else []
    if active and active.type == "ARMATURE":
        meant += [obj for obj in context.scene.objects if obj.type == "MESH" and armature(obj) == active]
    mains = [main for obj in meant if obj and obj.type == "MESH" and (main := main_of(obj)) and main not in meant]  # of eyes, teeth, lashes
    seen = [(recognise(obj), obj) for obj in [*meant, *dict.fromkeys(mains)]]
    for state, least in (("ready", 0), ("usable", CERTAIN)):
        for told, obj in seen:
            if told.state == state and told.sure >= least:
                return obj
    heads = [
        obj for obj in context.scene.objects if obj.type == "MESH" and (PROPERTY in obj or MAP in obj or obj.data.shape_keys) and ready(obj)
    ]
    if others and len(heads) == 1:
        return heads[0]
    return active if active and active.type == "MESH" else None
