"""Make the face actions of a head that has none: our own head's, laid over its face and carried across.

The face is found (face.py), laid over ours by its points and by the lines of lids and lips, then by nearest points (register.py); actions
are carried in local frames to the skin that is seen from outside. What is hidden, the inside of the mouth and of the lids, is stretched
between along the mesh (a harmonic field), so that nothing tears and no lip takes the other's. Lids and lips are then made to meet, and
the character's other pieces follow: eyes turn, lower teeth go with the jaw, lashes and brows with their roots.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from contract import ACTIONS
from model_runtime.flame import lbs
from model_runtime.flame.face import POINTS, NoFace, find, given, head_box, in_polygon
from model_runtime.flame.fit import kabsch
from model_runtime.flame.mesh import check_mesh
from model_runtime.flame.register import Registration, graph, laid, line_position, surface_of, warp, weld
from model_runtime.flame.thinned import thin
from model_runtime.flame.views import look
from model_runtime.motion import write_npz

_DENSE, _FEW = 30_000, 0.003  # vertices of a head: of more, one in each cell of so many metres is worked on
_MANY, _CELL = 9000, 0.003  # vertices: of more, one in each cell of so many metres is laid on our head by itself
_SOFT = 0.01  # of the first laying: how far points may be missed, so that small errors bend nothing far from them
_TURNS = (0, 55, -55), (0, 50, -50)  # degrees to the side, and up or down, from which a head is looked at
_SEEN = 0.0012  # metres to a pixel
_DEPTH = 0.09  # metres along the surface from the lips: the inside of a mouth reaches so far
_WITH_LIP = 0.002, 0.014  # metres along the surface: so far the inside of a lip goes with its edge wholly, and less and less
_HOLD = 0.05  # how much the inside of the mouth goes where it should, beside being smooth
_FAR = 0.012  # metres from our surface: skin further away follows what lies round it
_LID = 1.3  # of an opening's height: so far from its margin a lid is stretched to close it
_LIP = 0.012  # metres: so far from the other lip's edge lips are moved to meet
_LIP_INSIDE = 0.006  # metres: so far what touches the other lip takes its surroundings along
_TOUCHES, _ONE = 0.0015, 0.0005  # metres between lips that touch; of so small a cell one vertex counts
_EVEN = 0.1  # how much smoother than what is missing the mending is
_UPPER_LID = 0.85  # of what is missing to close an eye: what the upper lid does of it
_AGAIN = 3  # times that lines are brought together: what moves one is smooth along it, and leaves a little
_SMALL = 0.45, 1.0  # of our mouth's width: a smaller mouth opens less, a larger one no more
_CURTAIN, _COVERED = 0.003, 0.4  # metres behind the line from lip to lip; of an open mouth so much may be covered so
_AGREE = 0.003  # metres: an artist's points that lie no further from what is found mean the same
_ROW = 0.006  # metres above and below the lips' line that a piece reaches which has both rows of teeth
_TEETH = 0.002  # metres above the lips' line: a piece whose middle lies lower is of the lower jaw
_BALL = 1.3  # of its radius: so far from an eyeball's centre lie the parts that turn with it
_DRAWN = 0.35  # of an eye's width: so far behind it lies what a flat iris turns about
_WITHIN = 0.5  # of a piece's vertices seen in the opening between the lids: it is of the eye, and no lash
_ROOT = 0.0015  # metres from the skin: a lash's root is no further away
_ROUNDING = 5e-6  # metres: the head's file is rounded to 2 micrometres; a part that moves no further stays
_HANGS = 0.024  # metres: what begins further from the skin does not follow it
_ON_SKIN = 0.15  # of a piece lies no further from it than a third of that


@dataclass(frozen=True)
class Made:
    """deltas [52,V,3] of ACTIONS, in the units and axes of the mesh; others [52,W,3]: of the other meshes together; laid [V,3]: where each
    vertex lies on our head, metres; good bool [V]: skin that was carried across."""

    deltas: np.ndarray
    others: np.ndarray
    laid: np.ndarray
    good: np.ndarray


def answer(mesh, asked, head, progress=lambda stage, fraction: None):
    """({point: [3]}, why there are no shapes or "", the place [3] of that or None): what a ShapesRequest asks for, of the arrays in its
    mesh (docs/protocol.md); the shapes go into its output. progress(stage, fraction). UtterError for what is no mesh at all."""
    vertices, faces = check_mesh(mesh["vertices"], mesh["faces"], "The mesh")
    others = np.asarray(mesh["other_vertices"], float), np.asarray(mesh["other_faces"])
    points = dict(zip(map(str, mesh["point_names"]), np.asarray(mesh["points"], float))) if "points" in mesh else None
    progress("Finding the face", 0.0)
    kept, place = weld(vertices, faces)
    joined = place[faces]
    joined = joined[(joined != np.roll(joined, 1, axis=1)).all(1)]
    try:
        face, turn = find_face(vertices[kept], joined, others, points)
        found = {name: point @ turn for name, point in face.points.items()}
        if asked.asked == "points":
            return found, "", None
    except NoFace as none:
        return points or guess_points(vertices, head), str(none), none.place
    progress("Laying our head over it", 0.2)
    try:
        upright = vertices[kept] @ turn.T
        made = make(
            upright,
            joined,
            face,
            head,
            (others[0] @ turn.T, others[1]),
            asked.eyes == "keys",
            lambda part: progress("Shapes", 0.2 + 0.7 * part),
        )
    except NoFace as none:
        return found, str(none), none.place @ turn
    progress("Shapes", 0.95)
    write_npz(
        asked.output,
        deltas=(made.deltas @ turn.astype(np.float32))[:, place],
        others=made.others @ turn.astype(np.float32),
        compressed=False,
    )
    return found, "", None


def find_face(vertices, faces, others=None, points=None):
    """(Face, turn [3,3]) of a mesh that stands or lies in any of the usual ways; turn: what turns it upright, to look towards +Z. points:
    the artist's {name: [3]}; where they say what is found as well, the finer lines that are found are taken. NoFace where there is none."""
    first = None
    for turn in _upright():
        turned = vertices @ turn.T
        try:
            face = find(turned, faces, others and (others[0] @ turn.T, others[1]))
            break
        except NoFace as none:
            if first is None or (none.sure and not first.sure):
                first = NoFace(str(none), None if none.place is None else none.place @ turn, none.sure)
    else:
        face, turn = None, np.eye(3)
    if points is not None:
        mine = {name: turn @ place for name, place in points.items()}
        if face is None or max(_length(mine[name] - face.points[name]) for name in POINTS) > _AGREE * face.scale:
            turn = turn if face is not None else _turn_of(points)
            try:
                face = given(vertices @ turn.T, faces, {name: turn @ place for name, place in points.items()})
            except NoFace as none:
                raise NoFace(str(none), none.place @ turn) from none
    if face is None:
        raise first
    return face, turn


def guess_points(vertices, head):
    """{name: [3]} of POINTS, about where they should be on a mesh that stands upright and looks towards +Z, for the artist to drag."""
    low, high, scale = head_box(vertices)
    ours = {name: head.v_template[head.landmark(name)].astype(float) for name in POINTS}
    top, front = head.v_template[:, 1].max(), head.v_template[head.landmark("nose_tip"), 2]
    move = np.array([(low[0] + high[0]) / 2, high[1] - top * scale, high[2] - front * scale])
    return {name: place * scale + move for name, place in ours.items()}


def _upright():
    """The ways in which a mesh may stand: as it is, turned about its height, lying on its back or its face."""
    yield np.eye(3)
    for degrees in (180, 90, -90):
        a = np.radians(degrees)
        yield np.round([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    yield np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    yield np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def _turn_of(points):
    """What turns a face upright of which the points are known."""
    left = points["eye_outer_left"] - points["eye_outer_right"]
    eyes = (points["eye_outer_left"] + points["eye_outer_right"]) / 2
    up = eyes - (points["lip_corner_left"] + points["lip_corner_right"]) / 2
    left = left / _length(left)
    front = np.cross(left, up)
    front /= _length(front)
    return np.array([left, np.cross(front, left), front])


def make(vertices, faces, face, head, others=None, eyes=True, progress=lambda fraction: None):
    """The face actions of a mesh (vertices [V,3], triangles [F,3]) on which a face was found, and of the character's other meshes
    (vertices, triangles) together. eyes: whether eyeballs turn as well; not, where bones turn them. -> Made. NoFace where they could not be
    good. Of a dense mesh they are made on few of its vertices and carried back to all."""
    if _here(vertices, face).sum() > _DENSE:
        return _thinly(vertices, faces, face, head, others, eyes, progress)
    return _made(vertices, faces, face, head, others, eyes, progress)


def _made(vertices, faces, face, head, others, eyes, progress):
    laying = _Laying(vertices, faces, face, head)
    progress(0.4)
    deltas = laying.carried()
    progress(0.6)
    deltas = laying.meeting(deltas)
    _check(laying, deltas)
    progress(0.8)
    pieces = _Pieces(laying, deltas, others)
    deltas, rest = pieces.follow(eyes)
    return Made(deltas.astype(np.float32), rest.astype(np.float32), laying.warped, laying.good)


def _here(vertices, face):
    """bool [V]: the skin of the head."""
    return ((vertices >= face.box[0]) & (vertices <= face.box[1])).all(1) & face.skin


def _thinly(vertices, faces, face, head, others, eyes, progress):
    """_made() of few of the skin's vertices, carried back to all; the mesh's other pieces follow as they are."""
    skin = faces[_here(vertices, face)[faces].all(1)]
    few = thin(vertices, skin, _FEW * face.scale, np.concatenate([*face.lips, *face.lids[0], *face.lids[1]]))
    rest = faces[~face.skin[faces[:, 0]]]
    loose = np.unique(rest)
    soup = vertices[loose], np.searchsorted(loose, rest)
    if others is not None:
        soup = np.concatenate([soup[0], others[0]]), np.concatenate([soup[1], others[1] + len(loose)])
    at = lambda line: np.searchsorted(few.kept, line)
    lids, lips = tuple((at(upper), at(lower)) for upper, lower in face.lids), tuple(map(at, face.lips))
    thinned = face._replace(lids=lids, lips=lips, skin=face.skin[few.kept], inside=face.inside[few.kept])
    made = _made(vertices[few.kept], few.faces, thinned, head, soup, eyes, progress)
    flat = few.back @ made.deltas.transpose(1, 0, 2).reshape(len(few.kept), -1)
    deltas = flat.reshape(-1, len(ACTIONS), 3).transpose(1, 0, 2)
    deltas[:, loose] = made.others[:, : len(loose)]
    laid, good = few.back @ made.laid, few.back @ made.good.astype(np.float32) > 0.5
    return Made(deltas, made.others[:, len(loose) :], laid, good)


def _check(laying, deltas):
    """NoFace where skin hangs across the mouth that opens."""
    vertices, face = laying.vertices + deltas[ACTIONS.index("jawOpen")], laying.face
    upper, lower = (vertices[line][np.argsort(vertices[line, 0])] for line in face.lips)
    low, high = lower.min(0), upper.max(0)
    view = look(vertices, laying.faces, low[:2], high[:2], _SEEN * face.scale / 2)
    rows, columns = np.indices(view.depth.shape)
    x, y = view.low[0] + columns * view.pixel, view.low[1] + rows * view.pixel
    between = lambda line, axis: np.interp(x, line[:, 0], line[:, axis])
    top, bottom = between(upper, 1), between(lower, 1)
    wide = np.ptp(upper[:, 0])
    gap = (y < top - 0.1 * (top - bottom)) & (y > bottom + 0.25 * (top - bottom)) & (np.abs(x - upper[:, 0].mean()) < 0.3 * wide)
    share = (y - bottom) / np.maximum(top - bottom, 1e-9)
    front = between(lower, 2) + share * (between(upper, 2) - between(lower, 2))
    hangs = gap & (view.triangle >= 0) & (view.depth > front - _CURTAIN * face.scale)
    if gap.any() and hangs.sum() > _COVERED * gap.sum():
        raise NoFace(
            "has skin across its mouth that hangs on the wrong lip, or joins the two; mend it there", laying.vertices[face.lips[0]].mean(0)
        )


def _fields(head):
    """Our face actions [V,3,52]. As shape keys add up, a jaw that turns by one would not stay shut by another: of mouthClose what is
    missing of the two together."""
    fields = head.actions[:, :, [head.action(name) for name in ACTIONS]].astype(float)
    opens, closes = (ACTIONS.index(name) for name in ("jawOpen", "mouthClose"))
    both = head.actions_motion[head.action("jawOpen")] + head.actions_motion[head.action("mouthClose")]
    fields[:, :, closes] = lbs.pose(head, both[None])[0] - head.v_template - fields[:, :, opens]
    return fields


@functools.lru_cache(2)
def _found(head):
    """The Face that is found on our own head: what it is compared with."""
    return find(head.v_template.astype(float), head.f, (head.parts_v.astype(float), head.parts_f))


def _length(vectors):
    return np.linalg.norm(vectors, axis=-1)


class _Laying:
    """The mesh laid over our head."""

    def __init__(self, vertices, faces, face, head):
        self.vertices, self.face, self.head = vertices, face, head
        self.here = _here(vertices, face)
        self.all_faces = faces
        self.faces = faces[self.here[faces].all(1)]
        names = [name for name in face.points if name in head.landmark_names]
        self.ours = _found(head)
        ours = np.array([head.v_template[head.landmark(name)] if face.exact else self.ours.points[name] for name in names], float)
        theirs = np.array([face.points[name] for name in names])
        self.factor, self.rotation, self.shift = kabsch(theirs, ours, scale=True)
        self.placed = self.over(vertices)
        self.fields = self._sized()
        self.fixed, self.goals = self._fixed(names, ours)
        near = RBFInterpolator(self.placed[self.fixed], self.goals, kernel="thin_plate_spline", smoothing=_SOFT, degree=1)
        bent = self.placed.copy()
        bent[self.here] = near(self.placed[self.here])
        reach = cKDTree(self.placed[self.fixed]).query(self.placed)[0]
        share = np.exp(-((reach / 0.06) ** 2))[:, None]  # far from all points the similarity holds
        self.start = self.placed + share * (bent - self.placed)
        self.sides = self._sides()
        self.seen = self._seen()
        self.surface = surface_of(head, lids=True)
        self.everything = np.flatnonzero(self.here)
        self.warped = self.start.copy()
        self.warped[self.everything] = self._warped()
        place = np.full(len(vertices), -1)
        place[self.everything] = np.arange(len(self.everything))
        mine, no = self.everything, np.zeros(len(self.everything), bool)
        self.registration: Registration = laid(vertices[mine], self.warped[mine], place[self.faces], self.surface, self.sides[mine], no)
        self.good = np.zeros(len(vertices), bool)
        self.good[mine] = self.seen[mine] & (self.registration.distance < _FAR)
        self.good[self.fixed] = True

    def _warped(self):
        """[n,3]: where the skin lies on our head. Of a dense mesh a thinned one is laid, and the rest goes with it."""
        mine = self.everything
        keys = np.c_[np.floor(self.start[mine] / _CELL).astype(np.int64), self.sides[mine], self.seen[mine]]
        keys = np.c_[keys, np.where(np.isin(mine, self.fixed), mine, -1)]  # what is fixed stays by itself
        if len(mine) > _MANY:
            _, first, cluster = np.unique(keys, axis=0, return_index=True, return_inverse=True)
            cluster = cluster.ravel()
        else:
            first = cluster = np.arange(len(mine))
        whole = np.full(len(self.vertices), -1)
        whole[mine] = cluster
        faces = whole[self.faces]
        faces = faces[(faces != np.roll(faces, 1, axis=1)).all(1)]
        count = np.bincount(cluster)
        start = np.stack([np.bincount(cluster, self.start[mine, axis]) for axis in range(3)], 1) / count[:, None]
        fixed, kept = whole[self.fixed], self.here[self.fixed]
        sides, seen = self.sides[mine][first], self.seen[mine][first]
        warped, _ = warp(start, faces, self.surface, fixed[kept], self.goals[kept], sides, seen)
        if len(start) == len(mine):
            return warped[cluster]
        far, near = cKDTree(start).query(self.start[mine], k=8)
        weight = np.exp(-((far / _CELL) ** 2)) * (sides[near] * self.sides[mine][:, None] >= 0) + 1e-12
        return self.start[mine] + np.einsum("nk,nkd->nd", weight / weight.sum(1, keepdims=True), (warped - start)[near])

    def _sized(self):
        """Our face actions, those of mouth and jaw as large as the mouth is."""
        wide, ours = np.ptp(self.placed[self.face.lips[0], 0]), np.ptp(self.head.v_template[self.head.lip_inner_upper, 0])
        self.size = float(np.clip(wide / ours, *_SMALL))
        fields = _fields(self.head)
        for column, name in enumerate(ACTIONS):
            if name.startswith(("mouth", "jaw")):
                fields[:, :, column] *= self.size
        return fields

    def over(self, points):
        """Points of the mesh's, over our head by the similarity."""
        return self.factor * points @ self.rotation.T + self.shift

    def _lines(self):
        """(vertices of a line, where each lies on ours [n,3]), lips and lids, upper and lower."""
        face, head = self.face, self.head
        ours = [(head.lip_inner_upper, head.lip_inner_lower), *zip(head.lid_margin_upper, head.lid_margin_lower)]
        for pair, of_ours, found in zip((face.lips, *face.lids), ours, (self.ours.lips, *self.ours.lids)):
            for vertices, line, seen in zip(pair, of_ours, found):
                yield vertices, self._on(line, vertices, seen, head.v_template[line].astype(float))

    def _on(self, line, vertices, seen, field):
        """A field [m,...] on one of our lines (vertices [m]), at places of the mesh's line (vertices [n]): [n,...]. seen: the vertices that
        are found of ours, which like those of the mesh do not reach to the very corners."""
        places = self.head.v_template[line].astype(float)
        order = np.argsort(places[:, 0])
        goal, at = line_position(places[order]), self.along(vertices)
        if not self.face.exact:
            ends = np.interp(self.head.v_template[seen[[0, -1]], 0], places[order, 0], goal)
            at = ends[0] + at * (ends[1] - ends[0])
        flat = field[order].reshape(len(order), -1)
        return np.stack([np.interp(at, goal, column) for column in flat.T], 1).reshape(len(at), *field.shape[1:])

    def _fixed(self, names, ours):
        fixed, goals = [], []
        for vertices, places in self._lines():
            fixed += list(vertices)
            goals += list(places)
        tree = cKDTree(np.where(self.here[:, None], self.vertices, np.inf)[self.here])
        here = np.flatnonzero(self.here)
        for name, goal in zip(names, ours):
            if name in ("nose_tip", "chin"):
                fixed.append(here[tree.query(self.face.points[name])[1]])
                goals.append(goal)
        fixed, first = np.unique(fixed, return_index=True)
        return fixed, np.array(goals)[first]

    def along(self, line):
        """0..1 along a line of vertices [n]."""
        return line_position(self.placed[line])

    def _sides(self):
        """+1 for what belongs to an upper lip or lid, -1 for a lower one, 0 elsewhere: the nearer line along the surface."""
        edges = graph(self.placed, self.faces)
        found = np.zeros(len(self.placed), int)
        for reach, (upper, lower) in ((0.012, self.face.lids[0]), (0.012, self.face.lids[1]), (0.03, self.face.lips)):
            both = np.intersect1d(upper, lower)
            ways = [dijkstra(edges, False, np.setdiff1d(line, both), min_only=True, limit=reach) for line in (upper, lower)]
            apart = np.nan_to_num(ways[1], posinf=9) - np.nan_to_num(ways[0], posinf=9)
            found = np.where(np.abs(apart) > 0.0005, np.sign(apart), found).astype(int)
        return found

    def _seen(self):
        """bool [V]: skin that can be seen from outside, and not through the eyes' openings."""
        seen = np.zeros(len(self.vertices), bool)
        for side, up in [(side, 0) for side in _TURNS[0]] + [(0, up) for up in _TURNS[1][1:]]:
            a, b = np.radians([side, up])
            turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
            turn = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]) @ turn
            turned = self.placed @ turn.T
            used = turned[self.here]
            view = look(turned, self.faces, used[:, :2].min(0), used[:, :2].max(0), _SEEN)
            hit = np.unique(view.triangle[view.triangle >= 0])
            normal = np.cross(*(turned[self.faces[hit, k]] - turned[self.faces[hit, 0]] for k in (1, 2)))[:, 2]
            seen[self.faces[hit[normal > 0]]] = True
        return seen & ~self.face.inside

    def carried(self):
        """Deltas [52,V,3] on all skin."""
        deltas = np.zeros((len(self.vertices), 3, len(ACTIONS)))
        deltas[self.everything] = self.registration.carry(self.head, self.fields)
        return self._stretched(deltas).transpose(2, 0, 1)

    def _stretched(self, deltas):
        """What is hidden takes what lies round it: a harmonic field over the mesh."""
        a, b = np.unique(np.sort(self.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0).T
        weight = 1 / np.maximum(np.linalg.norm(self.placed[a] - self.placed[b], axis=1), 1e-5)
        size = len(self.vertices)
        pull = coo_matrix((np.r_[weight, weight], (np.r_[a, b], np.r_[b, a])), shape=(size, size)).tocsr()
        laplacian = (diags(np.asarray(pull.sum(1)).ravel()) - pull).tocsr()
        free, given = np.flatnonzero(self.here & ~self.good), np.flatnonzero(self.good)
        if not len(free):
            return deltas
        known = deltas[given].reshape(len(given), -1)
        goals, trust = self._mouth(deltas, free)
        trust = trust * _HOLD * np.asarray(pull.sum(1)).ravel()[free] + 1e-6
        system = laplacian[free][:, free] + diags(trust)
        solved = splu(system.tocsc()).solve(trust[:, None] * goals.reshape(len(free), -1) - laplacian[free][:, given] @ known)
        deltas[free] = solved.reshape(len(free), *deltas.shape[1:])
        return deltas

    def _mouth(self, deltas, free):
        """Where the inside of the mouth is to go: (deltas [n,3,52], trust [n]) of free vertices. Near a lip with that lip; deeper the roof
        stays, and the floor goes with the jaw. Trust is 0 for what is no inside of a mouth."""
        upper, lower = self.face.lips
        rims = np.r_[upper, lower]
        ring = np.r_[free, rims]
        edges = graph(self.placed, self.faces)[ring][:, ring]
        starts = np.arange(len(free), len(ring))
        way, _, source = dijkstra(edges, False, starts, min_only=True, return_predecessors=True, limit=_DEPTH)
        of_upper, of_lower = (
            dijkstra(edges, False, part, min_only=True, limit=2 * _DEPTH)[: len(free)] for part in np.split(starts, [len(upper)])
        )
        inside = np.isfinite(way[: len(free)])
        of_upper, of_lower = (np.where(np.isfinite(each), each, 1.0) for each in (of_upper, of_lower))
        share = of_upper / np.maximum(of_upper + of_lower, 1e-9)
        low = np.clip((share - 0.3) / 0.4, 0, 1)
        low = (low * low * (3 - 2 * low))[:, None, None]
        near = np.where(inside, ring[np.where(source[: len(free)] < 0, 0, source[: len(free)])], rims[0])
        follow = np.clip((_WITH_LIP[1] - np.where(inside, way[: len(free)], 0)) / (_WITH_LIP[1] - _WITH_LIP[0]), 0, 1)
        follow = (follow * follow * (3 - 2 * follow))[:, None, None]
        jaw = self.with_jaw(self.vertices[free]).transpose(1, 2, 0)
        return follow * deltas[near] + (1 - follow) * low * jaw, inside.astype(float)

    def with_jaw(self, places):
        """[52,n,3]: how places [n,3] move that are fast to the lower jaw."""
        return self.size * rigid(self.part_moves("teeth_lower"), places)

    @functools.cache  # noqa: B019 - it lives as long as one making
    def part_moves(self, name):
        """How a part of our head is moved by each action: (rotations [52,3,3], shifts [52,3]) in the mesh's units and axes."""
        head = self.head
        vertices = np.unique(head.parts_f[head.parts_face == list(head.part_names).index(name)])
        rest = head.parts_v[vertices].astype(float)
        posed = lbs.pose_parts(head, head.actions_motion[[head.action(action) for action in ACTIONS]])[:, vertices].astype(float)
        posed = np.where(np.abs(posed - rest).max((1, 2), keepdims=True) < _ROUNDING, rest, posed)
        turns, shifts = (np.array(each) for each in zip(*(kabsch(rest, one)[1:] for one in posed)))
        return self.rotation.T @ turns @ self.rotation, (turns @ self.shift + shifts - self.shift) @ self.rotation / self.factor

    def meeting(self, deltas):
        """Deltas with which lips part as far as ours and lids shut."""
        deltas = deltas.copy()
        edges = graph(self.placed, self.faces) / self.factor
        lips, ours, found = self.face.lips, (self.head.lip_inner_upper, self.head.lip_inner_lower), self.ours.lips
        moves = [[self._at(ours[lip], lips[k], found[lip]) for lip in (k, 1 - k)] for k in (0, 1)]  # ours, and ours across from it
        touching = tuple(self._touching(edges))
        for k, closely in ((0, False), (1, False)) * _AGAIN + ((0, True), (1, True)) * _AGAIN:
            line, against = lips[k], lips[1 - k]
            missing = _missing(deltas[:, line] - self._across(deltas, line, against), *moves[k])
            missing *= np.sin(np.pi * np.clip(self.along(line), 0, 1))[None, :, None] ** 0.25  # corners stay one
            if not closely:
                self._add(deltas, edges, line, against, missing, _LIP / self.factor)
                continue
            touch, other = touching[k]
            at = [_along_x(self.placed[touch, 0], self.placed[line, 0], field) for field in moves[k]]
            beside = _missing(deltas[:, touch] - deltas[:, other], *at)
            every, first = np.unique(np.r_[touch, line], return_index=True)
            missing = np.concatenate([beside, missing], axis=1)[:, first]
            self._add(deltas, edges, every, np.r_[against, other], missing, _LIP_INSIDE / self.factor)
        for side, (upper, lower) in zip(("Left", "Right"), self.face.lids):
            blink = deltas[ACTIONS.index(f"eyeBlink{side}")][None]
            open_ = self._across(self.vertices[None], upper, lower)[0] - self.vertices[upper]
            tall = _length(open_).max()
            way = open_.sum(0) / _length(open_.sum(0))  # lids meet along it; what they are thick is not touched
            for line, against, share in ((upper, lower, _UPPER_LID), (lower, upper, 1.0)) * _AGAIN:
                posed = self.vertices + blink[0]
                missing = (self._across(posed[None], line, against)[0] - posed[line]) @ way
                self._add(blink, edges, line, against, share * missing[None, :, None] * way, _LID * tall)
        return deltas

    def _touching(self, edges):
        """Of the upper and of the lower lip the vertices [n] that touch the other one at rest, before and behind the line that is
        seen, each with the nearest of the other lip [n]."""
        upper, lower = (np.setdiff1d(line, np.intersect1d(*self.face.lips)) for line in self.face.lips)
        ways = [dijkstra(edges, False, line, min_only=True, limit=_LIP / self.factor) for line in (upper, lower)]
        both = [np.flatnonzero((near < far) & self.here) for near, far in (ways, ways[::-1])]
        coarse = edges[np.concatenate(both)].data * self.factor
        reach = max(_TOUCHES, 0.7 * np.median(coarse)) if len(coarse) else _TOUCHES
        for mine, other in (both, both[::-1]):
            if not len(mine) or not len(other):
                yield np.zeros(0, int), np.zeros(0, int)
                continue
            far, nearest = cKDTree(self.placed[other]).query(self.placed[mine])
            _, first = np.unique(np.floor(self.placed[mine] / _ONE), axis=0, return_index=True)
            first = first[far[first] < reach]
            yield mine[first], other[nearest[first]]

    def _at(self, ours, line, seen):
        """How a line of our head's vertices is moved by each action [52,n,3], in the mesh's units and axes, at a line of the mesh."""
        return self._on(ours, line, seen, self.fields[ours]).transpose(2, 0, 1) @ self.rotation / self.factor

    def _across(self, fields, line, against):
        """Fields [K,V,3] at the places of the other line [K,n,3] that lie across from the vertices of a line."""
        at, other = self.along(line), self.along(against)
        order = np.argsort(other)
        values = fields[:, against[order]]
        return np.stack([[np.interp(at, other[order], values[k, :, axis]) for axis in range(3)] for k in range(len(fields))]).transpose(
            0, 2, 1
        )

    def _add(self, deltas, edges, line, against, missing, reach):
        """Move a line of vertices by what is missing [K,n,3], and what lies round it on its side less and less."""
        if not len(line):
            return
        ways = dijkstra(edges, False, line, limit=reach)
        nearest = ways.min(0)
        mine = np.flatnonzero(np.isfinite(nearest))
        ways = ways[:, mine]
        other = dijkstra(edges, False, np.setdiff1d(against, line), min_only=True, limit=2 * reach)[mine]
        near = nearest[mine]
        spread = 0.15 * reach
        pull = np.where(np.isfinite(ways), np.exp(-0.5 * ((ways - near) / spread) ** 2), 0)
        pull /= pull.sum(0)
        on_line = pull[:, np.searchsorted(mine, line)].T + _EVEN * np.eye(len(line))  # what is spread adds up to what is missing
        flat = (1 + _EVEN) * missing.transpose(1, 0, 2).reshape(len(line), -1)
        missing = np.linalg.solve(on_line, flat).reshape(len(line), -1, 3).transpose(1, 0, 2)
        fall = 0.5 + 0.5 * np.cos(np.pi * np.clip(near / reach, 0, 1))
        other = np.where(np.isfinite(other), other, 1e9)
        ours = np.clip((other - near) / (other + near + 1e-12) * 2, 0, 1)  # between the two lines neither
        ours[np.isin(mine, line)] = 1
        deltas[:, mine] += np.einsum("lv,kld->kvd", pull * (fall * ours), missing)


class _Pieces:
    """What is no skin: pieces of the same mesh and of the character's others, as one soup of vertices."""

    def __init__(self, laying, deltas, others):
        self.laying, self.deltas, self.own = laying, deltas, len(laying.vertices)
        vertices, faces = others if others is not None else (np.zeros((0, 3)), np.zeros((0, 3), int))
        self.vertices = np.concatenate([laying.vertices, vertices])
        rest = laying.all_faces[~laying.face.skin[laying.all_faces[:, 0]]]
        self.edges = _sewn(self.vertices, graph(self.vertices, np.concatenate([rest, faces + self.own])))
        self.count, self.piece = connected_components(self.edges, directed=False)
        self.skin = np.flatnonzero(laying.good)
        self.tree = cKDTree(laying.vertices[self.skin])
        lips = laying.vertices[np.concatenate(laying.face.lips)]
        self.mouth, self.wide, self.front = lips.mean(0), np.ptp(lips[:, 0]), lips[:, 2].max()
        self.metre = laying.face.scale
        self.eyes = [laying.vertices[np.concatenate(pair)] for pair in laying.face.lids]

    def follow(self, eyes):
        """(deltas of the mesh [52,V,3], of the others [52,W,3])."""
        moved = np.concatenate([self.deltas, np.zeros((len(ACTIONS), len(self.vertices) - self.own, 3))], axis=1)
        box = self.laying.face.box
        skin = np.zeros(len(self.vertices), bool)
        skin[: self.own] = self.laying.face.skin
        order = np.argsort(self.piece, kind="stable")
        turned: dict[int, list] = {}
        for piece in np.split(order, np.flatnonzero(np.diff(self.piece[order])) + 1):
            if skin[piece[0]] or (self.vertices[piece].max(0) < box[0]).any() or (self.vertices[piece].min(0) > box[1]).any():
                continue
            side = self._eye(piece)
            if side is not None:
                turned.setdefault(side, []).append(piece)
            elif self._in_mouth(piece):
                moved[:, piece] = self._lower(piece)[None, :, None] * self.laying.with_jaw(self.vertices[piece])
            else:
                self._rooted(moved, piece)
        for side, pieces in turned.items():
            centre, balls, stay = self._eyeball(side, pieces)
            for piece in pieces:
                if not any(piece is one for one in (*balls, *stay)):
                    self._rooted(moved, piece)
            turns = self.laying.part_moves(("eye_left", "eye_right")[side])[0] if eyes else np.eye(3)[None]
            for piece in balls:
                moved[:, piece] = np.einsum("kab,nb->kna", turns - np.eye(3), self.vertices[piece] - centre)
        return moved[:, : self.own], moved[:, self.own :]

    def _eye(self, piece):
        """0 for what may be a piece of the left eye, 1 of the right one, None for neither: behind the lids, about as far as they open."""
        places = self.vertices[piece]
        middle = (places.max(0) + places.min(0)) / 2
        for side, lids in enumerate(self.eyes):
            wide, centre = np.ptp(lids[:, 0]), lids.mean(0)
            small = np.ptp(places, axis=0).max() < 2.2 * wide
            behind = places[:, 2].max() < lids[:, 2].max() + 0.15 * wide
            behind &= middle[2] < lids[:, 2].mean() + 0.1 * wide or self._drawn(piece, side)
            if small and behind and np.abs(middle - centre)[:2].max() < 0.45 * wide:
                return side
        return None

    def _eyeball(self, side, pieces):
        """(centre [3], those of the pieces that turn about it, those that no lid moves). Of a drawn eye, which is flat, the white stays
        and the iris turns about a place not far behind it."""
        lids = self.eyes[side]
        wide = np.ptp(lids[:, 0])
        extents = [np.ptp(self.vertices[piece], axis=0) for piece in pieces]
        centre, radius = lids.mean(0) - [0, 0, _DRAWN * wide], 0.0
        balls = [k for k, extent in enumerate(extents) if extent.min() > 0.4 * wide]
        if balls:
            ball = max(balls, key=lambda k: extents[k].min())
            places = self.vertices[pieces[ball]]
            rows = np.c_[2 * places, np.ones(len(places))]
            *middle, rest = np.linalg.lstsq(rows, (places**2).sum(1), rcond=None)[0]
            fits = np.sqrt(max(rest + np.dot(middle, middle), 0))  # the radius of the sphere that fits best
            bulges = middle[2] < places[:, 2].mean() + 0.2 * fits  # a drawn eye's white is a bowl
            if bulges and 0.4 * extents[ball].max() < fits < 1.2 * extents[ball].max():
                centre, radius = np.array(middle), fits
        if not radius:
            drawn = sorted((piece for piece in pieces if self._drawn(piece, side)), key=lambda piece: -self._wide(piece))
            return centre, drawn[1:] or drawn, drawn
        return centre, [piece for piece in pieces if _length(self.vertices[piece] - centre).max() < _BALL * radius], []

    def _wide(self, piece):
        """How much of the picture a piece covers, about."""
        return np.ptp(self.vertices[piece][:, :2], axis=0).prod()

    def _drawn(self, piece, side):
        """Whether a piece is seen in an eye's opening: its white or its iris, which may be pieces of their own."""
        upper, lower = self.laying.face.lids[side]
        rim = self.laying.vertices[np.r_[upper, lower[::-1]]]
        return bool(in_polygon(self.vertices[piece], rim).mean() > _WITHIN)

    def _in_mouth(self, piece):
        places = self.vertices[piece]
        small = np.ptp(places[:, 0]) < 2.2 * self.wide and np.ptp(places[:, 1]) < 1.5 * self.wide
        behind = np.percentile(places[:, 2], 90) < self.front + 0.001 * self.metre
        return bool(small and behind and np.linalg.norm(places.mean(0) - self.mouth) < 1.3 * self.wide)

    def _lower(self, piece):
        """How far each vertex of a piece in the mouth goes with the jaw, 0 to 1: as one, but for a piece that has both rows of teeth or
        gums: that is stretched where it is as far from the highest places as from the lowest."""
        height = (self.vertices[piece][:, 1] - self.mouth[1]) / self.metre
        both = height.max() > _ROW and height.min() < -_ROW and min((height > 0).mean(), (height < 0).mean()) > 0.2
        if not both:
            return np.full(len(piece), float(np.median(height) < _TEETH))
        edges = self.edges[piece][:, piece]
        ends = height > np.percentile(height, 85), height < np.percentile(height, 15)
        above, below = (dijkstra(edges, False, np.flatnonzero(end), min_only=True) for end in ends)
        share = np.clip((above / np.maximum(above + below, 1e-12) - 0.3) / 0.4, 0, 1)
        return share * share * (3 - 2 * share)

    def _rooted(self, moved, piece):
        """Lashes, brows, beards: each vertex goes as the place of the skin that its root lies on; less, the further that is."""
        places = self.vertices[piece]
        far = self.tree.query(places, distance_upper_bound=_HANGS * self.metre)[0]
        if (far < _HANGS / 3 * self.metre).mean() < _ON_SKIN:
            return
        roots = np.flatnonzero(far <= max(np.percentile(far[np.isfinite(far)], 25), _ROOT * self.metre))
        edges = self.edges[piece][:, piece]
        _, _, root = dijkstra(edges, False, roots, min_only=True, return_predecessors=True)
        root = np.where(root < 0, np.arange(len(piece)), root)
        distance, near = self.tree.query(places[roots], k=6)
        sides = self.laying.sides[self.skin[near]]
        weight = 1 / np.maximum(distance, 1e-4 * self.metre) ** 2 * (sides * sides[:, :1] >= 0)
        weight /= weight.sum(1, keepdims=True)
        of_roots = np.zeros((len(ACTIONS), len(piece), 3))
        of_roots[:, roots] = np.einsum("rk,arkd->ard", weight, self.deltas[:, self.skin[near]])
        fall = np.exp(-((far[root] / (_HANGS / 3 * self.metre)) ** 2)) if len(piece) else far
        moved[:, piece] = of_roots[:, root] * np.nan_to_num(fall)[None, :, None]


def _missing(own, wanted, other):
    """What a lip [52,n,3] lacks that moves by so much against the other one: of what it should (ours against our other one), as much as
    ours is the lip that moves."""
    share = _length(wanted) / np.maximum(_length(wanted) + _length(other), 1e-9)
    return (wanted - other - own) * share[..., None]


def _along_x(at, x, fields):
    """Fields [K,n,3] of a line's vertices (their x [n]), at other places [m] -> [K,m,3]."""
    order = np.argsort(x)
    flat = fields[:, order].transpose(1, 0, 2).reshape(len(order), -1)
    return np.stack([np.interp(at, x[order], column) for column in flat.T], 1).reshape(len(at), -1, 3).transpose(1, 0, 2)


def _sewn(vertices, edges):
    """Edges with those between vertices of one place, as exporters leave them at the seams of a texture."""
    _, first, same = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    double = np.flatnonzero(first[same.ravel()] != np.arange(len(vertices)))
    double = double[edges[double].getnnz(1) > 0]
    return edges + coo_matrix((np.full(len(double), 1e-9), (double, first[same.ravel()][double])), shape=edges.shape)


def rigid(movement, places):
    """[K,n,3]: how places [n,3] are moved by (rotations [K,3,3], shifts [K,3])."""
    turns, shifts = movement
    return np.einsum("kab,nb->kna", turns - np.eye(3), places) + shifts[:, None]
