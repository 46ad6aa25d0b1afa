"""A neutral mesh as a head: read OBJ and PLY, and give a mesh our expressions."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from contract import UtterError
from model_runtime.flame.calibrate import complete, registered, with_lips
from model_runtime.flame.fit import kabsch, to_metres
from model_runtime.flame.head import EXPRESSION, IDENTITY, Head, with_flame_landmarks
from model_runtime.flame.register import find_placement

_MISPLACED = 0.02  # metres between the landmarks of a mesh and the built-in head's, on average
_PLY_TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "int16": "i2",
    "ushort": "u2",
    "uint16": "u2",
    "int": "i4",
    "int32": "i4",
    "uint": "u4",
    "uint32": "u4",
    "float": "f4",
    "float32": "f4",
    "double": "f8",
    "float64": "f8",
}


def load_mesh(path):
    """(vertices float64 [V,3], triangles int32 [F,3]) of an OBJ, or of a PLY in text or little-endian binary; polygons are split
    into fans. Raises UtterError in one sentence if it cannot be read or holds no surface."""
    path = Path(path)
    try:
        read = {".obj": _read_obj, ".ply": _read_ply}[path.suffix.lower()]
        vertices, polygons = read(path.read_bytes())
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist.") from error
    except UtterError:
        raise
    except Exception as error:
        raise UtterError(
            f"{path.name} cannot be read as a mesh; export it again as OBJ, or as PLY in text or little-endian binary.", repr(error)
        ) from error
    faces = np.array(
        [(polygon[0], polygon[i], polygon[i + 1]) for polygon in polygons for i in range(1, len(polygon) - 1)], np.int64
    ).reshape(-1, 3)
    return check_mesh(vertices, faces, path.name)


def check_mesh(vertices, faces, name):
    """The two arrays as load_mesh returns them, or UtterError."""
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int64)
    if vertices.shape != (len(vertices), 3) or faces.shape != (len(faces), 3) or min(len(vertices), len(faces)) < 100:
        raise UtterError(f"{name} is no head: it has too few vertices or faces.")
    if not np.isfinite(vertices).all() or np.ptp(vertices, axis=0).min() == 0:
        raise UtterError(f"{name} is no head: its vertices are not finite numbers or all lie in one plane.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise UtterError(f"{name} is damaged: its faces point outside its {len(vertices)} vertices.")
    edges = np.linalg.norm(vertices[faces] - vertices[np.roll(faces, 1, axis=1)], axis=2)
    if len(vertices) > 1000 and np.median(edges) > 0.15 * np.ptp(vertices, axis=0).max():
        raise UtterError(f"{name} is damaged: its faces join vertices that lie far apart, as if in another order; export it again.")
    return vertices, faces.astype(np.int32)


def _read_obj(data):
    vertices, polygons = [], []
    for line in data.decode("utf-8", "replace").splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif word == "f":
            corners = [int(corner.split("/")[0]) for corner in rest]
            polygons.append([c - 1 if c > 0 else len(vertices) + c for c in corners])
    return np.array(vertices, np.float64), polygons


def _read_ply(data):
    end = re.search(rb"end_header\r?\n", data)
    lines = [line.split() for line in data[: end.start()].decode("ascii").splitlines()]
    if lines[0] != ["ply"]:
        raise ValueError("no PLY file")
    form, elements = next(line[1] for line in lines if line[:1] == ["format"]), []
    for line in lines:
        if line[:1] == ["element"]:
            elements.append((line[1], int(line[2]), []))
        elif line[:1] == ["property"]:
            elements[-1][2].append(line[1:])
    read = {"ascii": _ply_text, "binary_little_endian": _ply_binary}[form]
    columns = read(data[end.end() :], elements)
    vertex = columns["vertex"]
    faces = columns["face"]
    polygons = faces["vertex_indices"] if "vertex_indices" in faces else faces["vertex_index"]
    return np.stack([np.asarray(vertex[axis], np.float64) for axis in "xyz"], 1), polygons


def _ply_text(body, elements):
    rows = iter(body.decode("ascii").split("\n"))
    columns = {}
    for name, count, properties in elements:
        table = {each[-1]: [] for each in properties}
        for _ in range(count):
            words = iter(next(rows).split())
            for each in properties:
                if each[0] == "list":
                    table[each[-1]].append([int(next(words)) for _ in range(int(next(words)))])
                else:
                    table[each[-1]].append(float(next(words)))
        columns[name] = table
    return columns


def _ply_binary(body, elements):
    columns, at = {}, 0
    for name, count, properties in elements:
        if not any(each[0] == "list" for each in properties):
            kind = np.dtype([(each[-1], "<" + _PLY_TYPES[each[0]]) for each in properties])
            columns[name] = np.frombuffer(body, kind, count, at)
            at += count * kind.itemsize
            continue
        table = {each[-1]: [] for each in properties}
        for _ in range(count):
            for each in properties:
                size = 1
                if each[0] == "list":
                    length = np.dtype("<" + _PLY_TYPES[each[1]])
                    size, at = int(np.frombuffer(body, length, 1, at)[0]), at + length.itemsize
                kind = np.dtype("<" + _PLY_TYPES[each[-2]])
                table[each[-1]].append(np.frombuffer(body, kind, size, at).tolist())
                at += size * kind.itemsize
        lists = {each[-1] for each in properties if each[0] == "list"}
        columns[name] = {key: values if key in lists else [v[0] for v in values] for key, values in table.items()}
    # A table with names for the plain elements, lists for the others: both are read by column name.
    return {name: table if isinstance(table, dict) else {key: table[key] for key in table.dtype.names} for name, table in columns.items()}


def head_from_mesh(vertices, faces, builtin, key_names=None, key_deltas=None):
    """A Head from a neutral mesh [V,3] with triangles [F,3], upright, facing any way, in any unit: brought to FLAME's axes and
    metres and given the built-in head's expressions, identity, pose correctives, weights and lids in local frames.

    key_names [K], key_deltas [K,V,3]: shape keys of a FLAME object of the scene (Exp1.. or Exp000.., displacement at value 1);
    where given they are the expression basis. Raises UtterError if the mesh is not a head with a mouth, or the keys do not
    fit it."""
    vertices, faces = check_mesh(vertices, faces, "The mesh")
    if _inside_out(vertices, faces):
        faces = faces[:, ::-1].copy()
    head = with_flame_landmarks(Head(vertices, faces, *[None] * 5, name="mesh"))
    factor, rotation, shift = _placement(head, builtin)
    known = to_metres(factor)
    placed = (known * vertices @ rotation.T + known / factor * shift).astype(np.float32)
    head = with_lips(replace(head, v_template=placed), builtin)
    registration = registered(head, builtin)
    shapedirs = registration.carry(builtin, builtin.shapedirs)
    if key_names is not None:
        expression = _expression_keys(key_names, key_deltas, len(vertices))
        shapedirs[:, :, IDENTITY:] = known * np.einsum("ab,vbk->vak", rotation, expression)
    weights = np.clip(registration.sample(builtin, builtin.weights.astype(np.float64)), 0, None)
    weights = _rigid_weights(placed, weights, builtin, registration)
    regressor = np.zeros((5, len(vertices)), np.float32)
    for joint in range(5):  # the joints depend on the same places as on the built-in head
        np.add.at(regressor[joint], registration.back, builtin.J_regressor[joint])
    return complete(
        replace(
            head,
            shapedirs=np.ascontiguousarray(shapedirs),
            posedirs=registration.carry(builtin, builtin.posedirs),
            J_regressor=regressor,
            weights=(weights / weights.sum(1, keepdims=True)).astype(np.float32),
            kintree_table=builtin.kintree_table,
        ),
        builtin,
    )


def _inside_out(vertices, faces):
    """Whether the triangles are clockwise from outside, as a mirrored mesh has them: the volume that they enclose is then negative."""
    a, b, c = np.moveaxis((vertices - vertices.mean(0))[faces], 1, 0)
    return (np.cross(a, b) * c).sum() < 0


def _placement(head, builtin):
    """find_placement; where FLAME's landmarks are known and it would bring them elsewhere than they are on the built-in head, or has to
    guess, the similarity that brings these together."""
    if head.landmark_names is None or len(head.landmark_names) < 4:
        return find_placement(head.v_template, builtin)
    own = head.v_template[head.landmark_vertices]
    theirs = builtin.v_template[[builtin.landmark(name) for name in head.landmark_names]].astype(np.float64)
    known = kabsch(own, theirs, scale=True)
    factor, rotation, shift = find_placement(head.v_template, builtin, known)
    off = np.linalg.norm(factor * own @ rotation.T + shift - theirs, axis=1)
    return known if off.mean() > _MISPLACED else (factor, rotation, shift)


def _expression_keys(names, deltas, count):
    """[V,3,100] from the keys named Exp1.. (from 1) or Exp000.. (from 0)."""
    deltas = np.asarray(deltas, np.float64)
    numbered = {name: re.fullmatch(r"[Ee]xp(?:ression)?_?(\d+)", str(name)) for name in names}
    if deltas.shape != (len(names), count, 3) or not any(numbered.values()):
        raise UtterError("The object's shape keys do not fit its mesh, or none is named Exp1 or Exp000; choose the FLAME object itself.")
    found = {int(match[1]): k for k, (name, match) in enumerate(numbered.items()) if match}
    first = 0 if 0 in found else 1
    shapes = np.zeros((count, 3, EXPRESSION))
    for number, k in found.items():
        if 0 <= number - first < EXPRESSION:
            shapes[:, :, number - first] = deltas[k]
    return shapes


def _rigid_weights(placed, weights, builtin, registration):
    """A piece under the skin moves as one: an eyeball with its eye's joint, any other as the skin nearest to it does on
    average."""
    inner = np.flatnonzero(registration.rigid)
    if not len(inner):
        return weights
    weights = weights.copy()
    joints = builtin.J_regressor @ builtin.v_template
    tree = cKDTree(placed[inner])
    piece = np.full(len(inner), -1)
    for start in range(len(inner)):  # pieces: what touches within 4 mm
        if piece[start] >= 0:
            continue
        piece[start], stack = start, [start]
        while stack:
            for other in tree.query_ball_point(placed[inner[stack.pop()]], 0.004):
                if piece[other] < 0:
                    piece[other] = start
                    stack.append(other)
    for label in np.unique(piece):
        members = inner[piece == label]
        centre = 0.5 * (placed[members].max(0) + placed[members].min(0))
        distance = np.linalg.norm(joints[3:] - centre, axis=1)
        row = np.zeros(5)
        if distance.min() < 0.015:
            row[3 + distance.argmin()] = 1
        else:
            row[weights[members].mean(0).argmax()] = 1
        weights[members] = row
    return weights
