"""What our own head does by its 52 face actions, where a character can be compared with it: arrays of the shipped head's file."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..contract import ACTIONS, EYES

HEAD = Path(__file__).resolve().parents[2] / "blender_assets" / "head" / "utter_head.npz"
SAMPLES = 900  # vertices of the face that stand for all
RIMS = ("lid_margin_upper", "lid_margin_lower")  # edges that meet, and lie apart at rest
LIVELY = 3e-4  # metres: what no action moves further is no face


class Ours(NamedTuple):
    """Metres in FLAME's axes. places [M,3]: some vertices of the face at rest. moves [52,M,3]: where each action takes them. centres
    [52,3]: about which place each moves. apart [52]: how far each parts the lips, as a share of jawOpen's. upper_lip, lower_lip [3]:
    where these touch. lids [2,2,N,3]: of the left and the right eye the upper margin and the lower one beneath it. marks: {name: place [3]}
    of the head's landmarks, and the middles of its eyes. looks [52,4]: how far each turns the eyes, as Motion's EYES. rims [R,3], rim_moves
    [52,R,3]: the edges of the lids, and where each takes them. normals [M+R,3]: outward at places and rims."""

    places: np.ndarray
    moves: np.ndarray
    centres: np.ndarray
    apart: np.ndarray
    upper_lip: np.ndarray
    lower_lip: np.ndarray
    lids: np.ndarray
    marks: dict[str, np.ndarray]
    looks: np.ndarray
    rims: np.ndarray
    rim_moves: np.ndarray
    normals: np.ndarray


@functools.cache
def ours() -> Ours:
    """Read the shipped head. OSError if its file is missing."""
    with np.load(HEAD, allow_pickle=False) as file:
        rest, actions = file["v_template"].astype(float), file["actions"].transpose(2, 0, 1).astype(float)
        named = {str(name): row for row, name in enumerate(file["action_names"])}
        actions = actions[[named[name] for name in ACTIONS]]
        looks = file["actions_motion"][[named[name] for name in ACTIONS], EYES].astype(float)
        marks = dict(zip(map(str, file["landmark_names"]), file["landmark_vertices"]))
        eyes = dict(zip(("eye_left", "eye_right"), file["J_regressor"][3:5] @ rest))
        lids = np.stack([rest[file["lid_margin_upper"]], rest[file["lid_margin_lower"]]], axis=1)
        normals = outward(rest, file["f"])
        rims = np.concatenate([file[name].ravel() for name in RIMS])
    far = np.linalg.norm(actions, axis=2)
    face = np.flatnonzero(far.max(axis=0) > LIVELY)
    face = face[:: max(1, len(face) // SAMPLES)]
    upper, lower = (marks[f"lip_inner_{side}_mid"] for side in ("upper", "lower"))
    gaps = actions[:, upper, 1] - actions[:, lower, 1]
    return Ours(
        rest[face],
        actions[:, face],
        np.array([centre(rest, each) for each in far]),
        gaps / gaps[ACTIONS.index("jawOpen")],
        rest[upper],
        rest[lower],
        lids,
        {name: rest[vertex] for name, vertex in marks.items()} | eyes,
        looks,
        rest[rims],
        actions[:, rims],
        normals[np.concatenate([face, rims])],
    )


def outward(places: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Normals of vertices [V,3], of triangles [F,3] weighted by their areas."""
    a, b, c = places[faces].transpose(1, 0, 2)
    normals = np.zeros_like(places)
    for corner in faces.T:
        np.add.at(normals, corner, np.cross(b - a, c - a))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def centre(places: np.ndarray, far: np.ndarray) -> np.ndarray:
    """The place [3] about which something moves that moves places [V,3] by so much [V]."""
    weight = far**2
    return weight @ places / max(weight.sum(), 1e-12)
