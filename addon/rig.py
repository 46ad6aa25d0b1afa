"""The Blender objects of a head: make them from a bundle, recognise them in a scene, hand their mesh to the worker.

(signatures; bodies follow)
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Head:
    """What an object is to Utter.

    kind: "utter" (ours, ready to perform), "flame" (a FLAME object of another add-on: adopt it first),
    "mesh" (a plain mesh: the worker can make a head of it, then adopt), "none".
    reason: one sentence that says why, and what to do; fit for a panel.
    """

    kind: str
    reason: str
    basis: str = ""     # SHA-256 of the basis that the channels mean, "" unless kind is "utter"
    path: str = ""      # head file to name in `perform`, "" for the built-in one
    jaw: str = "KEYS"   # "KEYS" or "BONE": how the jaw is baked


def build(bundle_path, name=None, collection=None, jaw="KEYS", head_path=""):
    """Make a head from the worker's bundle (.npz); returns the mesh object, its parent is the armature.

    head_path: the `head` that the worker's result named (what `perform` wants later), "" or None for the built-in one.
    collection: default the scene's active one. UtterError if the file is no bundle.
    """
    raise NotImplementedError


def find(context):
    """The mesh object that the artist means (active object, its mesh child or parent, or the only head), or None."""
    raise NotImplementedError


def describe(obj):
    """What sort of head obj (any object, or None) is: Head. Never raises."""
    raise NotImplementedError


def adopt(obj, bundle_path, head_path="", jaw="KEYS"):
    """Give a neutral mesh or a FLAME object the keys it lacks and bind it to a bundle with the same vertices; returns obj.

    Existing shape keys are reused by name; nothing else of the object changes. UtterError if the vertices do not match.
    """
    raise NotImplementedError


def export_mesh(obj, path):
    """Write obj's neutral mesh for the worker's `head` request (field `mesh`): vertices, faces in FLAME's axes,
    and key_names, key_deltas where it has FLAME's shape keys."""
    raise NotImplementedError


def armature(obj):
    """The armature object of a head's mesh object, or None."""
    raise NotImplementedError


def set_jaw(obj, jaw):
    """Choose how the jaw of our head obj is baked from now on: "KEYS" or "BONE"."""
    raise NotImplementedError
