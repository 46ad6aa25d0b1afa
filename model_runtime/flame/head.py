"""A head: the arrays of a FLAME-format file (docs/formats.md, "Head"), read, checked and written."""

import hashlib
import pickle
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from contract import UtterError, beside, flame_landmarks
from model_runtime.flame import layouts
from model_runtime.flame.files import read_fields, widened
from model_runtime.flame.layouts import EXPRESSION as EXPRESSION  # of a Head as well
from model_runtime.flame.layouts import IDENTITY as IDENTITY
from model_runtime.motion import write_npz

BUILT_IN = Path(__file__).parents[2] / "blender_assets" / "head" / "utter_head.npz"
LIP_PAIRS = 3  # inner-lip pairs that a head needs at least
PARENTS = (-1, 0, 1, 1, 1)  # of root, neck, jaw, left eye, right eye

# field: (kind, shape); a letter stands for one size throughout the file.
REQUIRED = {
    "v_template": (float, "V3"),
    "f": (int, "F3"),
    "shapedirs": (float, "V3S"),
    "posedirs": (float, ("V", "3", 36)),
    "J_regressor": (float, "5V"),
    "weights": (float, "V5"),
    "kintree_table": (int, "25"),
}
OPTIONAL = {
    "f_quad": (int, "Q4"),
    "uv_quad": (float, "Q42"),
    "lids": (float, "V32"),
    "action_names": (str, "A"),
    "actions": (float, "V3A"),
    "actions_motion": (float, ("A", 65)),
    "landmark_names": (str, "L"),
    "landmark_vertices": (int, "L"),
    "lip_inner_upper": (int, "N"),
    "lip_inner_lower": (int, "N"),
    "lid_margin_upper": (int, "2M"),
    "lid_margin_lower": (int, "2M"),
    "region_names": (str, "R"),
    "regions": (bool, "RV"),
    "jaw_open_gap": (float, ""),
    "part_names": (str, "P"),
    "parts_v": (float, "W3"),
    "parts_f": (int, "G3"),
    "parts_face": (int, "G"),
    "parts_weights": (float, "W5"),
    "parts_shapedirs": (float, ("W", "3", 400)),
    "parts_lids": (float, "W32"),
    "parts_tongue": (float, "W33"),
    "identity_names": (str, "I"),
    "identity_directions": (float, ("I", 300)),
    "lids_identity": (float, "V32E"),
    "lids_amounts": (float, ("E", 300)),
    "parts_lids_identity": (float, "W32E"),
}
VERTEX_INDICES = ("f", "f_quad", "landmark_vertices", "lip_inner_upper", "lip_inner_lower", "lid_margin_upper", "lid_margin_lower")


@dataclass(frozen=True, eq=False, repr=False)
class Head:
    """One head. Float arrays are float32, indices int32; what the file lacks and cannot be computed is None."""

    v_template: np.ndarray
    f: np.ndarray
    shapedirs: np.ndarray
    posedirs: np.ndarray
    J_regressor: np.ndarray
    weights: np.ndarray
    kintree_table: np.ndarray
    f_quad: np.ndarray = None
    uv_quad: np.ndarray = None
    lids: np.ndarray = None
    action_names: np.ndarray = None
    actions: np.ndarray = None
    actions_motion: np.ndarray = None
    landmark_names: np.ndarray = None
    landmark_vertices: np.ndarray = None
    lip_inner_upper: np.ndarray = None
    lip_inner_lower: np.ndarray = None
    lid_margin_upper: np.ndarray = None
    lid_margin_lower: np.ndarray = None
    region_names: np.ndarray = None
    regions: np.ndarray = None
    jaw_open_gap: float = None
    part_names: np.ndarray = None
    parts_v: np.ndarray = None
    parts_f: np.ndarray = None
    parts_face: np.ndarray = None
    parts_weights: np.ndarray = None
    parts_shapedirs: np.ndarray = None
    parts_lids: np.ndarray = None
    parts_tongue: np.ndarray = None
    identity_names: np.ndarray = None
    identity_directions: np.ndarray = None
    lids_identity: np.ndarray = None
    lids_amounts: np.ndarray = None
    parts_lids_identity: np.ndarray = None
    name: str = "head"

    @cached_property
    def basis(self):
        """Which basis the coefficients belong to: SHA-256 (hex) of shapedirs as little-endian float32, C order."""
        return hashlib.sha256(np.ascontiguousarray(self.shapedirs, dtype="<f4").tobytes()).hexdigest()

    def landmark(self, name):
        """The vertex of a landmark. KeyError if this head has no such landmark."""
        return int(self.landmark_vertices[_row(self.landmark_names, name)])

    def action(self, name):
        """The column of an ARKit action. KeyError if this head has no such action."""
        return _row(self.action_names, name)

    def region(self, name):
        """bool [V]. KeyError if this head has no such region."""
        return self.regions[_row(self.region_names, name)]


def _row(names, name):
    rows = np.flatnonzero(np.asarray([] if names is None else names) == name)
    if not len(rows):
        raise KeyError(name)
    return int(rows[0])


def read_head(path):
    """The head in a .npz or .pkl, checked, with nothing carried over from the built-in one (see load.py)."""
    found = read_fields(path, lambda name: name in REQUIRED or name in OPTIONAL or name == "name" or layouts.known(name))
    return head_from_fields(found, Path(path).name)


def head_from_fields(found, source):
    """Check the fields of a file (source: its name, for the sentence) and make them a Head."""
    found = layouts.arranged(found)
    sizes = {}
    checked = {
        key: _check(source, key, found[key], kind, shape, sizes)
        for specs, needed in ((REQUIRED, True), ({"expressiondirs": (float, "V3X")} | OPTIONAL, False))
        for key, (kind, shape) in specs.items()
        if _present(source, key, found, needed)
    }
    vertices = sizes["V"]
    joints = checked["J_regressor"] @ checked["v_template"]
    separate = checked.pop("expressiondirs", None)
    checked["shapedirs"] = layouts.joined(source, checked["shapedirs"], separate, found["counts"], checked["v_template"], joints)
    for key in VERTEX_INDICES:
        if key in checked and not 0 <= checked[key].min() <= checked[key].max() < vertices:
            raise UtterError(f"{source} is no usable head: {key} points outside its {vertices} vertices.")
    parents = checked["kintree_table"][0].copy()
    parents[0] = -1  # 2**32 - 1 in FLAME's files
    if tuple(parents) != PARENTS:
        raise UtterError(f"{source} is no FLAME head: kintree_table must be root, neck, jaw, left eye, right eye.")
    checked["kintree_table"] = np.stack([parents, np.arange(5, dtype=np.int32)])
    total = checked["weights"].sum(1, keepdims=True)
    if (np.abs(total - 1) > 0.05).any():
        raise UtterError(f"{source} is no usable head: the weights of each vertex must add up to 1.")
    checked["weights"] = np.where(np.abs(total - 1) > 1e-4, checked["weights"] / total, checked["weights"])
    head = Head(**checked, name=str(found.get("name", Path(source).stem)))
    return with_flame_landmarks(head)


def _present(source, key, found, needed):
    if key in found:
        return True
    if needed:
        raise UtterError(f"{source} is no FLAME head: it lacks {key}.")
    return False


def _check(source, key, value, kind, shape, sizes):
    array = np.asarray(value)
    expected = "[" + ", ".join({"S": "300 + 100"}.get(str(letter), str(letter)) for letter in shape) + "]"
    if (
        array.ndim != len(shape)
        or array.size == 0
        or any(
            (int(letter) if str(letter).isdigit() else sizes.setdefault(letter, size)) != size for letter, size in zip(shape, array.shape)
        )
    ):
        raise UtterError(
            f"{source} is no usable head: {key} has shape {list(array.shape)} where {expected} is needed.", f"sizes read so far: {sizes}"
        )
    if kind is str:
        return array.astype(str)
    if array.dtype.kind not in "biuf":
        raise UtterError(f"{source} is no usable head: {key} does not hold numbers.")
    array = widened(array)
    if kind is float:
        with np.errstate(over="ignore"):  # what float32 cannot hold is not finite
            array = np.ascontiguousarray(array, dtype=np.float32) if shape else np.float64(array)
    if not np.isfinite(array).all():
        raise UtterError(f"{source} is damaged: {key} holds numbers that are not finite.")
    if kind is float:
        return array if shape else float(array)
    return np.ascontiguousarray(array.astype(np.int64) if kind is int else array, dtype=np.int32 if kind is int else bool)


def with_flame_landmarks(head):
    """The head with FLAME's landmarks and inner lips, as many as its mesh tells, if it names none itself."""
    if head.landmark_names is not None:
        return head
    landmarks, pairs = flame_landmarks(head.v_template, head.f)
    if landmarks:
        head = replace(head, landmark_names=np.array(list(landmarks)), landmark_vertices=np.int32(list(landmarks.values())))
    if len(pairs) >= LIP_PAIRS and head.lip_inner_upper is None:
        upper, lower = np.int32(pairs).T
        head = replace(head, lip_inner_upper=upper.copy(), lip_inner_lower=lower.copy())
    return head


def save_head(head, path):
    """Write a head as .npz, or as .pkl of plain arrays; whole or not at all. UtterError if it cannot be written."""
    path = Path(path)
    present = {field.name: np.asarray(getattr(head, field.name)) for field in fields(head) if getattr(head, field.name) is not None}
    if path.suffix.lower() == ".npz":
        return write_npz(path, **present)
    if path.suffix.lower() != ".pkl":
        raise UtterError(f"{path.name}: a head is written as .npz or .pkl.")
    with beside(path) as part, open(part, "wb") as stream:
        pickle.dump(present, stream, protocol=2)
