"""What a head shares with other objects, or has only by a link: it gets data of its own before a performance or an identity changes them.

Linked duplicates share mesh and shape keys, an object of a library override has its mesh linked, duplicates without their armature
are moved by the original's. The others keep what they have.
"""

from typing import Any

from .. import compat


def own_mesh(obj: Any) -> list[str]:
    """Give obj a mesh with shape keys that it alone uses and that can be animated: sentences that say what was done."""
    mesh, said = obj.data, []
    editable(obj)
    if mesh.library:
        obj.data = mesh.override_create(remap_local_usages=False)  # another override of the same character has one of its own
        said.append(f"The mesh of {obj.name} is a library override now as well, so that its shape keys can be animated.")
    elif mesh.users - mesh.use_fake_user > 1:
        obj.data = mesh.copy()
        said.append(f"{obj.name} shared its mesh with another object, so it has a copy of its own now; the other one stays as it was.")
    return said


def own_armature(obj: Any, rig: Any, heads: list[Any]) -> list[str]:
    """Give obj an armature object of its own in place of rig, which other heads are moved by as well: sentences that say so."""
    editable(rig)
    if not heads:
        return []
    twin = rig.copy()
    for collection in rig.users_collection:
        collection.objects.link(twin)
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE" and modifier.object == rig:
            modifier.object = twin
    if obj.parent == rig:
        obj.parent = twin
        if obj.parent_type == "OBJECT" and not _travels(rig):
            _move_along(obj, twin, heads[0])
    return [f"{obj.name} shared its armature with {heads[0].name}, so it has a copy of its own now."]


def _move_along(obj: Any, rig: Any, model: Any) -> None:
    """Put the armature where it lies to obj as it lies to the head that obj was duplicated from: the artist moved the mesh alone."""
    own, wanted = (head.matrix_parent_inverse @ head.matrix_basis for head in (obj, model))
    rig.matrix_basis = rig.matrix_basis @ own @ wanted.inverted_safe()
    obj.matrix_parent_inverse, obj.matrix_basis = model.matrix_parent_inverse.copy(), model.matrix_basis.copy()


def _travels(rig: Any) -> bool:
    """Whether the armature object itself is animated or held by a constraint."""
    bag = compat.bag(rig)
    return len(rig.constraints) > 0 or any(not curve.data_path.startswith("pose.") for curve in (bag.fcurves if bag else ()))


def editable(block: Any) -> None:
    """A library override that Blender made on the way to another one is not saved unless it is said to be the artist's."""
    if block.override_library and block.override_library.is_system_override:
        block.override_library.is_system_override = False
