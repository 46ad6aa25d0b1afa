"""ICT-FaceKit light, packed: what was measured, in Utter's axes and names.

Metres, +Y up, +Z out of the face, +X to the subject's left; the origin is where the built-in head always had it, so that cameras and
lights find the new one. The mesh is symmetric, and vertices keep the package's order, which its lists refer to.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from contract import ACTIONS, UtterError

FIELDS = ("neutral", "faces", "face_uv", "uv", "material", "material_names", "identity", "expression", "expression_names")
ORIGIN = np.array([0, 0.0060, 0.0168])  # metres, in the package's axes
SKIN = 14062  # vertices of face, head, neck, mouth socket and eye sockets: one surface, cut only at the foot of the bust
MOUTH_SOCKET, EYE_SOCKETS = 11248, 13294  # of the skin: what lines the mouth begins at the first, what lines the eyes at the second
PARTS = {  # vertex ranges behind the skin
    "gums_tongue": (14062, 17039),
    "teeth": (17039, 21451),
    "eye_left": (21451, 22221),
    "eye_right": (23021, 23791),
    "wet": (24591, 24999),
}
MIRROR = (-1, 1, 1)


@dataclass(frozen=True)
class Source:
    """vertices [N,3], quads [Q,4] (a triangle ends in -1), uv [Q,4,2], actions {ARKit's name or another of the package: [N,3] at 1},
    identity [100,N,3] (at one standard deviation), mirror [SKIN]: each skin vertex's image on the other
    side."""

    vertices: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    actions: dict[str, np.ndarray]
    identity: np.ndarray
    mirror: np.ndarray


def read(path: Path) -> Source:
    """UtterError if the file is not the package, or its licence is not beside it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            fields = {name: file[name] for name in FIELDS}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UtterError(f"{path} is not the packed ICT-FaceKit; take it from its package again.", repr(error)) from error
    if "MIT License" not in licence(path):
        raise UtterError(f"{path} has no licence beside it; put the package's LICENSE into that folder.")
    vertices = 0.01 * fields["neutral"].astype(float) - ORIGIN
    mirror = cKDTree(vertices[:SKIN]).query(vertices[:SKIN] * MIRROR)[1]
    vertices[:SKIN] = symmetric(vertices[:SKIN], mirror)
    actions = {name: 0.01 * move.astype(float) for name, move in zip(map(str, fields["expression_names"]), fields["expression"])}
    actions = named(actions)
    for name, move in actions.items():
        move[:SKIN] = 0.5 * (move[:SKIN] + actions[other_side(name)][mirror] * MIRROR)
    uv = fields["uv"][np.maximum(fields["face_uv"], 0)]
    return Source(vertices, fields["faces"], uv, actions, 0.01 * fields["identity"].astype(np.float32), mirror)


def licence(path):
    """The text of LICENSE beside the package, "" if there is none."""
    beside = path.with_name("LICENSE")
    return beside.read_text(encoding="utf-8") if beside.exists() else ""


def symmetric(field, mirror):
    """The field [N,3] made its own mirror image."""
    return 0.5 * (field + field[mirror] * MIRROR)


def named(actions):
    """{name: [N,3]} under ARKit's names: ends in Left and Right, and one browInnerUp and cheekPuff for both sides."""
    found = {}
    for name, move in actions.items():
        stem, _, side = name.partition("_")
        whole = stem in ACTIONS and f"{stem}Left" not in ACTIONS
        key = stem if whole or not side else stem + {"L": "Left", "R": "Right"}[side]
        found[key] = found.get(key, 0) + move
    return found


def other_side(name):
    """mouthSmileLeft for mouthSmileRight, jawLeft for jawRight, and the other way round; what has no sides is its own."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name
