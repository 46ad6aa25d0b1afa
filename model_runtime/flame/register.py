"""Lay one neutral head over another of a different topology, and carry fields (displacements, weights) across.

The other head (target) is moved onto the built-in one (source): a similarity first, from landmarks or by trimmed iterated closest
points, then non-rigidly with a smooth displacement whose stiffness is lowered step by step (Amberg et al. 2007, "Optimal step
nonrigid ICP", section 3, with a Laplacian in place of the affine stiffness). Upper lip only ever meets upper lip, though the two
touch.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from model_runtime.flame.fit import kabsch

STIFFNESS = (300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.5, 0.5)
_LANDMARK_WEIGHT = 30.0
_REACH = 0.03  # metres around the inner lips in which upper and lower are told apart
_FRAME_WIDTH = 0.012  # metres: how wide a neighbourhood a local frame is taken from; narrower ones turn with every fold
_CANDIDATES = 16  # triangles looked at for each closest point
_GRAPH_FACES = np.array([[0, 1], [1, 2], [2, 0]])


@dataclass(frozen=True)
class Registration:
    """Where each target vertex lies on the source head.

    triangles [n] (rows of source.f), barycentric [n,3]: the point; distance [n]: metres left between the two after warping;
    frames [n,3,3]: what turns and scales a displacement of the source into one of the target; rigid [n] bool: eyeballs and teeth
    inside the target mesh, which no expression moves; back [Vs]: the target vertex nearest to each source vertex.
    """

    triangles: np.ndarray
    barycentric: np.ndarray
    distance: np.ndarray
    frames: np.ndarray
    rigid: np.ndarray
    back: np.ndarray

    def sample(self, source, field):
        """A field [Vs, ...] of the source head at the target's vertices [n, ...]."""
        corners = field[source.f[self.triangles]]
        return np.einsum("nk,nk...->n...", self.barycentric, corners)

    def carry(self, source, displacement):
        """Displacements [Vs,3] or [Vs,3,K] of the source head as displacements of the target, in local frames."""
        carried = np.einsum("nab,nb...->na...", self.frames, self.sample(source, displacement))
        carried[self.rigid] = 0
        return carried.astype(np.float32)


def register(vertices, faces, source, marks=None, lips=None, placement=None):
    """Lay a neutral mesh (vertices [n,3], faces [F,3]) over the head source. -> Registration

    marks: {landmark name: vertex} where known; lips: (upper [k], lower [k]) paired inner-lip vertices, subject's left to right,
    where known; placement: the answer of find_placement, where it was called before.
    """
    vertices = np.asarray(vertices, np.float64)
    kept, place = weld(vertices, faces)
    if len(kept) < len(vertices):
        marks = {name: place[vertex] for name, vertex in (marks or {}).items()}
        lips = lips and tuple(place[line] for line in lips)
        faces = place[faces]
        faces = faces[(faces != np.roll(faces, 1, axis=1)).all(1)]
        found = register(vertices[kept], faces, source, marks, lips, placement)
        each = {name: getattr(found, name)[place] for name in ("triangles", "barycentric", "distance", "frames", "rigid")}
        return replace(found, **each, back=kept[found.back].astype(np.int32))
    template = source.v_template.astype(np.float64)
    surface = surface_of(source)
    fixed, goals = _matched(source, template, marks, vertices, lips)
    if len(fixed) >= 4:
        factor, rotation, shift = kabsch(vertices[fixed], goals, scale=True)
    else:
        factor, rotation, shift = placement or find_placement(vertices, source)
    placed = factor * vertices @ rotation.T + shift
    sides = None if lips is None else _sides(placed, faces, lips)
    warped, rigid = warp(placed, faces, surface, fixed, goals, sides)
    found = laid(vertices, warped, faces, surface, sides, rigid)
    back = found.back
    if lips is not None:  # across the lips' contact the nearest vertex may be the other lip's
        for side in (1, -1):
            ours, theirs = np.flatnonzero(surface.sides == side), np.flatnonzero((sides == side) & ~rigid)
            if len(ours) and len(theirs):
                back[ours] = theirs[cKDTree(warped[theirs]).query(template[ours])[1]]
    return found


def laid(vertices, warped, faces, surface, sides, rigid):
    """The Registration of a mesh (vertices [n,3] as it is) that was warped onto a surface (warp)."""
    triangles, barycentric, distance = surface.closest(warped, _normals(warped, faces), sides)[:3]
    outer = np.flatnonzero(~rigid)
    back = outer[cKDTree(warped[outer]).query(surface.vertices)[1]]
    frames = _frames(vertices, warped, faces)
    return Registration(triangles.astype(np.int32), barycentric, distance, frames, rigid, back.astype(np.int32))


def weld(vertices, faces):
    """(kept [k] vertices, place [n] of each vertex among them): pieces of a mesh that was cut along its edges, as exporters do at the
    seams of a texture, or into single triangles, joined again. Only where exactly two open edges of different pieces coincide: lips that
    touch stay two."""
    count, piece = connected_components(graph(vertices, faces), directed=False)
    everything = np.arange(len(vertices))
    if count == 1:
        return everything, everything
    spot = np.unique(vertices, axis=0, return_inverse=True)[1].ravel()
    halves = np.sort(np.asarray(faces)[:, _GRAPH_FACES].reshape(-1, 2), axis=1)
    edges, times = np.unique(halves, axis=0, return_counts=True)
    edges = edges[times == 1]
    edges = np.take_along_axis(edges, np.argsort(spot[edges], axis=1), 1)  # the ends of two that coincide in the same order
    _, where, times = np.unique(spot[edges], axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(where.ravel(), kind="stable")
    twice = np.cumsum(times)[times == 2]
    one, other = edges[order[twice - 2]], edges[order[twice - 1]]
    apart = (piece[one[:, 0]] != piece[other[:, 0]]) & (spot[one[:, 0]] != spot[one[:, 1]])
    a, b = one[apart].ravel(), other[apart].ravel()
    same = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(len(vertices),) * 2), directed=False)[1]
    _, kept, place = np.unique(same, return_index=True, return_inverse=True)
    return kept, place.ravel()


def surface_of(source, lids=False):
    """The surface of a head, as warp() wants it; lids: whether upper and lower ones are told apart as well."""
    template = source.v_template.astype(np.float64)
    sides = _sides(template, source.f, (source.lip_inner_upper, source.lip_inner_lower))
    for eye in (0, 1) if lids else ():
        upper, lower = source.lid_margin_upper[eye], source.lid_margin_lower[eye]
        both = np.intersect1d(upper, lower)
        of_lids = _sides(template, source.f, (np.setdiff1d(upper, both), np.setdiff1d(lower, both)), 0.012)
        sides = np.where(sides == 0, of_lids, sides)
    return _Surface(template, source.f, sides, source.J_regressor[3:] @ template)


def _matched(source, template, marks, vertices, lips):
    """Target vertices that are known, and where on the source each belongs: landmarks, then the lips' lines at equal fractions of
    width."""
    fixed, goals = [], []
    for name, vertex in (marks or {}).items():
        if name in source.landmark_names and not name.startswith("lip_inner"):
            fixed.append(vertex)
            goals.append(template[source.landmark(name)])
    if lips is not None:
        for line, goal_line in zip(lips, (source.lip_inner_upper, source.lip_inner_lower)):
            at, goal_at = line_position(vertices[line]), line_position(template[goal_line])
            fixed += list(line)
            goals += list(np.stack([np.interp(at, goal_at, template[goal_line, axis]) for axis in range(3)], 1))
    return np.asarray(fixed, int), np.asarray(goals, float).reshape(-1, 3)


def line_position(points):
    """0..1 along a line of points [n,3] by length, with the middle of the line (half way in x) at 0.5, so that the middles of
    two lips correspond."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    x = points[:, 0]
    centre = np.interp(0.5 * (x[0] + x[-1]), np.sort(x), along[np.argsort(x)])
    return np.where(along <= centre, 0.5 * along / centre, 0.5 + 0.5 * (along - centre) / (along[-1] - centre))


def _edges(faces):
    edges = np.sort(np.asarray(faces, np.int64)[:, _GRAPH_FACES].reshape(-1, 2), axis=1)
    many = int(edges.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(edges[:, 0] * many + edges[:, 1]), many), 1)  # as np.unique of rows, and ten times as fast


def graph(vertices, faces):
    """The mesh's edges as a sparse matrix of lengths, for scipy.sparse.csgraph."""
    a, b = _edges(faces).T
    length = np.linalg.norm(vertices[a] - vertices[b], axis=1) + 1e-9
    return coo_matrix((np.r_[length, length], (np.r_[a, b], np.r_[b, a])), shape=(len(vertices),) * 2).tocsr()


def _sides(vertices, faces, lips, reach=_REACH):
    """+1 for what belongs to the upper lip, -1 for the lower, 0 elsewhere [n]: the nearer line along the surface, within
    reach."""
    upper, lower = (dijkstra(graph(vertices, faces), False, line, min_only=True, limit=reach) for line in lips)
    nearer = np.where(np.isfinite(upper) | np.isfinite(lower), np.nan_to_num(lower, posinf=9) - np.nan_to_num(upper, posinf=9), 0)
    return np.where(np.abs(nearer) > 0.0015, np.sign(nearer), 0).astype(int)


def _normals(vertices, faces):
    """Unit normals [n,3], by area."""
    corners = vertices[faces]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-20)


class _Surface:
    """Closest points on a triangle mesh, with a preference for facing the same way and for the same lip."""

    def __init__(self, vertices, faces, sides, eyes):
        self.eyes = eyes
        self.vertices, self.faces, self.sides = vertices, np.asarray(faces), sides
        self.corners = vertices[self.faces]
        self.normals = _normals(vertices, self.faces)[self.faces].mean(1)
        self.face_sides = np.sign(sides[self.faces].sum(1))
        self.tree = cKDTree(self.corners.mean(1))
        self.size = np.linalg.norm(np.ptp(vertices, axis=0))
        halves, count = np.unique(np.sort(self.faces[:, _GRAPH_FACES].reshape(-1, 2), axis=1), axis=0, return_counts=True)
        self.open = np.zeros(len(vertices), bool)
        self.open[halves[count == 1].ravel()] = True

    def closest(self, points, normals=None, sides=None):
        """(triangle [n], barycentric [n,3], distance [n], agreement of normals [n], on an open edge [n])."""
        near = self.tree.query(points, k=_CANDIDATES)[1]
        weights = _barycentric(self.corners[near], points[:, None])
        offset = points[:, None] - (weights[..., None] * self.corners[near]).sum(2)
        distance = np.linalg.norm(offset, axis=2)
        agreement = np.ones_like(distance) if normals is None else (self.normals[near] * normals[:, None]).sum(2)
        cost = distance + 0.01 * np.clip(0.5 - agreement, 0, None)
        if sides is not None:
            cost = cost + 0.05 * (self.face_sides[near] * sides[:, None] < 0)
        row, best = np.arange(len(points)), cost.argmin(1)
        weights = weights[row, best]
        at_edge = (self.open[self.faces[near[row, best]]] | (weights < 1e-3)).all(1)
        return near[row, best], weights, distance[row, best], agreement[row, best], at_edge


def _barycentric(corners, points):
    """Barycentric weights of the point of each triangle [...,3,3] closest to points [...,3]: those of the plane's point where it lies
    inside, else of the nearest point of the three edges."""
    a, ab, ac = corners[..., 0, :], corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    ap = points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = d00 * d11 - d01 * d01
    area = np.where(area < 1e-20, 1e-20, area)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = np.stack([1 - v - w, v, w], -1)
    best, nearest = inside, np.where((inside >= 0).all(-1), 0, np.inf)
    for i, j in _GRAPH_FACES:
        start, edge = corners[..., i, :], corners[..., j, :] - corners[..., i, :]
        t = np.clip(((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-20), 0, 1)
        distance = ((points - start - t[..., None] * edge) ** 2).sum(-1)
        weights = np.zeros_like(inside)
        weights[..., i], weights[..., j] = 1 - t, t
        take = distance < nearest
        best, nearest = np.where(take[..., None], weights, best), np.where(take, distance, nearest)
    return best


def find_placement(vertices, source, known=None):
    """(factor, rotation, shift) that bring a mesh onto the head source (factor * vertices @ rotation.T + shift): trimmed closest points
    from several guesses of axes and size; the best one wins. known: such a similarity, where landmarks tell it; it is taken for a mesh
    that does not stand in FLAME's axes and metres already."""
    goals = source.v_template.astype(np.float64)
    chosen = np.random.default_rng(0).permutation(len(vertices))[:1500]
    goal_tree = cKDTree(goals)
    height = np.ptp(goals[:, 1])
    results = [_trimmed_icp(vertices[chosen], goals, goal_tree, 1.0, np.eye(3), np.zeros(3))]
    if results[0][0] < 0.04 * height:  # it already stands in FLAME's axes and metres
        return results[0][1:]
    if known is not None:
        return known
    for upright in (np.eye(3), np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])):  # Y up, and Blender's Z up
        for quarter in range(4):
            c, s = (1, 0, -1, 0)[quarter], (0, 1, 0, -1)[quarter]
            turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ upright
            turned = vertices @ turn.T
            for share in (1.0, 0.7):  # the mesh may have a longer neck, or shoulders
                top, tall = turned[:, 1].max(), np.ptp(turned[:, 1]) * share
                factor = height / tall
                upper = turned[:, 1] > top - tall
                middle = 0.5 * (turned[upper].max(0) + turned[upper].min(0))
                middle[1] = top - tall / 2
                goal = 0.5 * (goals.max(0) + goals.min(0))
                results.append(_trimmed_icp(vertices[chosen], goals, goal_tree, factor, turn, goal - factor * middle))
    return min(results, key=lambda result: result[0])[1:]


def _trimmed_icp(points, goals, tree, factor, rotation, shift, rounds=25, keep=0.7):
    """(error over head size, factor, rotation, shift). Distances count in both directions, because a mesh shrunk to a point would lie
    well on any surface."""
    for _ in range(rounds):
        placed = factor * points @ rotation.T + shift
        distance, nearest = tree.query(placed)
        near = distance <= np.quantile(distance, keep)
        other, back = cKDTree(placed).query(goals[::4])
        back_near = other <= np.quantile(other, keep)
        source = np.concatenate([points[near], points[back[back_near]]])
        target = np.concatenate([goals[nearest[near]], goals[::4][back_near]])
        factor, rotation, shift = kabsch(source, target, scale=True)
    return np.mean(distance[near]) + np.mean(other[back_near]), factor, rotation, shift


def warp(placed, faces, surface, fixed, goals, sides, seen=None):
    """Move placed vertices [n,3] (over the source, in its metres) onto a surface (surface_of), smoothly. fixed [k], goals [k,3]: vertices
    and where they belong; sides [n]: +1 upper lip, -1 lower, or None; seen bool [n]: what may be drawn to the surface, where that is
    known. -> (warped [n,3], rigid [n]: inner parts that were left out and follow their nearest neighbours only)."""
    n = len(placed)
    rigid = _inner_parts(placed, faces, surface) if seen is None else np.zeros(n, bool)
    edges = _edges(faces)
    edges = edges[~rigid[edges].any(1)]
    a, b = edges.T
    adjacency = coo_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(n, n)).tocsr()
    degree = np.asarray(adjacency.sum(1)).ravel()
    laplacian = diags(np.ones(n)) - diags(1 / np.maximum(degree, 1)) @ adjacency
    smooth = (laplacian.T @ laplacian).tocsc()
    outer = ~rigid if seen is None else seen
    pinned = np.zeros(n)
    pinned[fixed] = _LANDMARK_WEIGHT
    pins = np.zeros_like(placed)
    pins[fixed] = goals - placed[fixed]
    warped = placed.copy()
    reach = 0.15 * surface.size
    for stiffness in STIFFNESS:
        triangles, weights, distance, agreement, at_edge = surface.closest(warped, _normals(warped, faces), sides)
        points = (weights[..., None] * surface.corners[triangles]).sum(1)
        trust = (outer & ~at_edge & (agreement > 0.4) & (distance < reach)).astype(float)
        reach = max(0.6 * reach, 0.006)
        system = diags(trust + pinned + 1e-6) + stiffness * smooth
        moved = splu(system.tocsc()).solve(trust[:, None] * (points - placed) + pinned[:, None] * pins)
        warped = placed + np.where(rigid[:, None], 0, moved)
    return warped, rigid


def _inner_parts(placed, faces, surface):
    """bool [n]: loose pieces of the mesh that no expression moves: eyeballs (round an eye's joint) and what lies deep under the
    skin (teeth, a tongue). Loose pieces on the skin (brows, lashes) do not count."""
    count, piece = connected_components(graph(placed, faces), directed=False)
    sizes = np.bincount(piece)
    triangles, weights, *_ = surface.closest(placed)
    offset = placed - (weights[..., None] * surface.corners[triangles]).sum(1)
    depth = -(offset * surface.normals[triangles]).sum(1)
    inside = np.bincount(piece, depth, count) / sizes > 0.003
    for eye in surface.eyes:
        near = np.linalg.norm(placed - eye, axis=1) < 0.03
        centre = np.stack([np.bincount(piece, placed[:, axis], count) / sizes for axis in range(3)], 1)
        inside |= (np.bincount(piece, near, count) == sizes) & (np.linalg.norm(centre - eye, axis=1) < 0.01)
    inside[sizes.argmax()] = False
    return inside[piece]


def _frames(original, warped, faces):
    """[n,3,3]: rotation times scale from the warped (source) to the original neighbourhood of each vertex, over _FRAME_WIDTH."""
    a, b = _edges(faces).T
    to, frm = original[a] - original[b], warped[a] - warped[b]
    sums = np.concatenate(
        [(to[:, :, None] * frm[:, None, :]).reshape(-1, 9), (to**2).sum(1, keepdims=True), (frm**2).sum(1, keepdims=True)], axis=1
    )
    middle = 0.5 * (warped[a] + warped[b])
    _, cell = np.unique(np.floor(middle / (0.5 * _FRAME_WIDTH)).astype(int), axis=0, return_inverse=True)
    count = np.bincount(cell.ravel())
    sums, centres = (np.stack([np.bincount(cell.ravel(), column) for column in table.T], 1) for table in (sums, middle))
    near = cKDTree(warped).sparse_distance_matrix(cKDTree(centres / count[:, None]), 2.5 * _FRAME_WIDTH, output_type="coo_matrix")
    near = near.tocsr()
    near.data = np.exp(-0.5 * (near.data / _FRAME_WIDTH) ** 2)
    sums = near @ sums
    u, _, vt = np.linalg.svd(sums[:, :9].reshape(-1, 3, 3))
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    scale = np.sqrt(sums[:, 9] / np.maximum(sums[:, 10], 1e-20))
    usual = np.median(scale)
    return (u @ vt) * np.clip(scale, 0.7 * usual, 1.4 * usual)[:, None, None]
