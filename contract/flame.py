"""FLAME's mesh, known by how its vertices are joined: in whatever order an exporter wrote them, in any unit, lying any way.

A vertex of FLAME's is told by the shape of the mesh five edges around it; its number in FLAME's own order says nothing of a mesh that
went through another program. A mesh that differs from FLAME's somewhere (a vertex more or less, a closed mouth, a cut neck) is known
wherever that is more than five edges away.
"""

from typing import Any

FLAME_VERTICES = 5023
AROUND = 5  # edges: with fewer, some of the vertices below look like others

# What `_looks` gives for FLAME's mesh at each landmark. What has two sides looks the same on both, mostly.
LANDMARKS = {
    "lip_inner_upper_mid": 0x4BB767D72F55197F,  # vertex 3531 in FLAME's own order
    "lip_inner_lower_mid": 0x4484F9889880FA86,  # 3504
    "lip_outer_upper_mid": 0x7C09FBA06E91717B,  # 3543
    "lip_outer_lower_mid": 0xE21B320C33EDA5BC,  # 3503
    "lip_corner_left": 0xA6E9BEB2A53DB822,  # 1579
    "lip_corner_right": 0xA6E9BEB2A53DB822,  # 2715
    "brow_inner_left": 0x34A7BB7A3610BC73,  # 3868
    "brow_mid_left": 0x4C47FF450D5A7744,  # 16
    "brow_outer_left": 0x1303068E0135FAA1,  # 3892
    "brow_inner_right": 0x34A7BB7A3610BC73,  # 3712
    "brow_mid_right": 0x4C47FF450D5A7744,  # 335
    "brow_outer_right": 0x1303068E0135FAA1,  # 3763
    "eye_inner_left": 0x37BAF28FC7EBBF8D,  # 3833
    "eye_outer_left": 0x2949E245CB4A5B0B,  # 1175
    "eye_inner_right": 0x37BAF28FC7EBBF8D,  # 3632
    "eye_outer_right": 0xF457CA95222A3729,  # 2437
    "lid_upper_left": 0xF545FDF2CBE45FF5,  # 1344
    "lid_lower_left": 0xD1EE0DDA010DF833,  # 878
    "lid_upper_right": 0xF545FDF2CBE45FF5,  # 2495
    "lid_lower_right": 0xD1EE0DDA010DF833,  # 2290
    "nose_tip": 0x78C5B0C999076A0E,  # 3564
    "chin": 0x3E98E1A7A1D6BFE1,  # 3400
}
# Where the lips touch in the neutral mesh, paired from the subject's left to right: 1731 1733 1736 1669 3531 2786 2851 2848 2846 over
# 1578 1776 1792 1849 3504 2938 2895 2894 2714. (The ring often used for lip distances, 1595 .. 2731 over 1572 .. 2708, lies inside the
# mouth and is 15 mm apart at rest.)
_HALF = (0xCF58E3F5EC646F6D, 0xC79B3CD6272892DA, 0xA519BFE73701D90E, 0x3B7F547F56474E7A)
LIP_UPPER = (*_HALF, 0x4BB767D72F55197F, *_HALF[::-1])
_HALF = (0x9F2FFDFDA263F2F4, 0x07B30E467E43A0A0, 0x301DB6642FD591D3, 0xC35CC7639579888C)
LIP_LOWER = (*_HALF, 0x4484F9889880FA86, *_HALF[:1:-1], 0xC81A92D7E5F2CE68, _HALF[0])

# Landmarks whose middles, over both sides, tell up and forward.
_LOW_HIGH = (
    {"chin", "lip_outer_lower_mid", "lip_inner_lower_mid", "lip_inner_upper_mid", "lip_corner_left"},
    {"brow_inner_left", "brow_mid_left", "brow_outer_left", "lid_upper_left", "eye_inner_left"},
)
_BEHIND_AHEAD = (
    {"brow_outer_left", "brow_mid_left", "lip_corner_left", "eye_inner_left", "lid_upper_left"},
    {"nose_tip", "lip_outer_upper_mid", "lip_outer_lower_mid", "lip_inner_upper_mid", "lip_inner_lower_mid", "brow_inner_left"},
)


def flame_landmarks(vertices: Any, faces: Any) -> tuple[dict[str, int], list[tuple[int, int]]]:
    """(landmarks {name: vertex}, inner-lip pairs [(upper, lower)] from the subject's left to right) of a mesh that has FLAME's topology
    there: vertices [V, 3], triangles [F, 3]. Vertices in the same place count as one. Nothing where the mesh is another."""
    import numpy as np

    _, first, same = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    looks = _looks(first[same.ravel()][np.asarray(faces)], len(vertices))
    sought = np.unique(np.array([*LANDMARKS.values(), *LIP_UPPER, *LIP_LOWER], np.uint64))
    seen = np.flatnonzero(np.isin(looks, sought) & (first[same.ravel()] == np.arange(len(vertices))))
    at: dict[int, list[int]] = {}
    for vertex in seen.tolist():
        at.setdefault(int(looks[vertex]), []).append(vertex)
    at = {look: found for look, found in at.items() if len(found) <= 2}
    centre = {name: vertices[at[look]].mean(axis=0) for name, look in LANDMARKS.items() if look in at}
    groups = [[centre[name] for name in names if name in centre] for names in (*_LOW_HIGH, *_BEHIND_AHEAD)]
    if not all(groups):
        return {}, []
    low, high, behind, ahead = (np.mean(group, axis=0) for group in groups)
    left = np.cross(high - low, ahead - behind)

    def pick(look: int, side: str, other: int = 0) -> int:
        found = at[look] + (at.get(other, []) if other != look and len(at[look]) == 1 else [])  # in a mirrored mesh they change sides
        return max(found, key=lambda vertex: float(vertices[vertex] @ left) * (-1 if side == "right" else 1))

    landmarks = {}
    for name, look in LANDMARKS.items():
        part, _, side = name.rpartition("_")
        other = f"{part}_{'right' if side == 'left' else 'left'}"
        if look in at:
            landmarks[name] = pick(look, side, LANDMARKS.get(other, 0))
    middle = len(LIP_UPPER) // 2
    pairs = [
        (pick(upper, side), pick(lower, side))
        for upper, lower, side in zip(LIP_UPPER, LIP_LOWER, ["left"] * middle + ["right"] * (middle + 1))
        if upper in at and lower in at
    ]
    return landmarks, pairs


def _looks(faces: Any, count: int) -> Any:
    """A number for each vertex [V] (uint64) that says how the mesh is joined AROUND it, and nothing else: each round mixes in what the
    neighbours looked like before (colour refinement, Weisfeiler and Leman 1968)."""
    import numpy as np

    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64), axis=1)
    keys = np.unique(edges[edges[:, 0] != edges[:, 1]] @ (count, 1))  # each edge once
    a, b = np.concatenate([keys // count, keys % count]), np.concatenate([keys % count, keys // count])
    order = np.argsort(a, kind="stable")
    a, b = a[order], b[order]
    looks = np.ones(count, np.uint64)
    for _ in range(AROUND):
        total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_mixed(looks[b]), dtype=np.uint64)])
        starts = np.searchsorted(a, np.arange(count + 1))
        looks = _mixed(looks * np.uint64(3) + total[starts[1:]] - total[starts[:-1]])
    return looks


def _mixed(numbers: Any) -> Any:
    """Each uint64 as one that tells as much and looks like no other (the end of Steele, Lea and Flood 2014, "SplitMix")."""
    import numpy as np

    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))
