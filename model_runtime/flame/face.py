"""Find the face on a mesh that nobody has described: the eyes' openings, the line where the lips touch, nose and chin.

Looked at from the front, an eye's opening is a pit in the skin, one of two that mirror each other. Where lips touch, neighbouring pixels
show places that lie close together and yet far apart along the surface; that tells lips from a crease, and shut lips from ones that were
never parted.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import ConvexHull, cKDTree

from contract import UtterError
from model_runtime.flame.register import graph
from model_runtime.flame.views import View, look

POINTS = (
    *("eye_inner_left", "eye_outer_left", "lid_upper_left", "lid_lower_left"),
    *("eye_inner_right", "eye_outer_right", "lid_upper_right", "lid_lower_right"),
    *("lip_corner_left", "lip_corner_right", "lip_inner_upper_mid", "lip_inner_lower_mid", "nose_tip", "chin"),
)
_WIDTH = 0.17  # metres: a head's, without much of its ears; what is found is measured in a head of this width
_PIXEL = 5e-4
_LEVELS = 200  # heights at which a body's width is looked at
_SHOULDERS = 1.75  # so much wider than a head
_INSIDE = 0.97  # of a piece's vertices that lie behind the skin: eyeballs, teeth
_PITS = 0.01, 0.006, 0.004, 0.0025  # metres under what surrounds it: sockets are deep, and so is all of an eye but its ball
_PIT = 0.003
_CLIFFS, _LEAKS = (2.5, 1.5, 1.0, 0.7), 3.0  # rises for each pixel; so much larger than what is seen of an eyeball no opening is
_EDGE = 0.0025  # metres that skin rises in three pixels from an opening: as a lid does that ends there
_GAP = 0.003  # metres between an eyeball and the lid
_APART = 0.035, 0.13  # metres from eye to eye
_PIT_REACH = 0.03  # metres: the widest pit's height
_EYE = (0.010, 0.065), (0.003, 0.045)  # metres: width and height of an opening, a drawn character's too
_TOUCH = 0.015  # metres: the lips of a face at rest are no further apart
_DEEP = 0.008  # metres under what surrounds it: no lip any more
_AROUND = 0.011, 1.8, 0.002  # metres along the surface from one lip to the other; at their corners so many times as far as straight
_NARROW = 0.15  # of the distance of the eyes: no mouth
_NOSE = 0.01, 0.06  # metres that a nose stands out
_BESIDE_NOSE = 0.35  # of the distance of the eyes: what it stands out of


_LINES = (  # right end, left end, through: upper, lower
    ("eye_inner_left", "eye_outer_left", "lid_upper_left", "lid_lower_left"),
    ("eye_outer_right", "eye_inner_right", "lid_upper_right", "lid_lower_right"),
    ("lip_corner_right", "lip_corner_left", "lip_inner_upper_mid", "lip_inner_lower_mid"),
)
_EYES = 0.0625  # metres from eye to eye
_NEAR = 12  # vertices about a point among which its own is looked for
_PARTED = 0.006  # metres along the surface from an upper lid or lip to the lower one
_CLOSED = (
    "has no opening between the points of the lids; cut one, or drag these",
    "has no opening between the points of the lips; part them, or drag these",
)
_BESIDE, _STRAY = 7, 0.005  # vertices of a line that tell where it runs; metres from there
_STEP = 0.002  # metres of a line for which one vertex stands


class Face(NamedTuple):
    """Where a face is, in the mesh's own units and axes (FLAME's: +Y up, +Z out of the face, +X to its left).

    points: {name of POINTS: [3]}. lids: of the left and the right eye the upper and the lower margin, lips: upper and lower where they
    touch: vertices [n], from right to left. scale: its units to a metre of a head of usual size. skin bool [V]: the piece that carries
    the face. inside bool [V]: of it what is seen through the eyes, or lies behind. box [2,3]: the head's lowest corner and its highest.
    exact: whether an artist set the points, to the very corners.
    """

    points: dict[str, np.ndarray]
    lids: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    lips: tuple[np.ndarray, np.ndarray]
    scale: float
    skin: np.ndarray
    inside: np.ndarray
    box: np.ndarray
    exact: bool = False


class NoFace(UtterError):
    """Why no face was found, to follow the mesh's name. place [3]: where what is missing should be, or None; sure: whether the rest of a
    face is there."""

    def __init__(self, sentence, place=None, sure=False):
        super().__init__(sentence)
        self.place, self.sure = place, sure


def find(vertices, faces, others=None):
    """The Face of a mesh (vertices [V,3], triangles [F,3]) that stands upright and looks towards +Z; a body may hang on it. others:
    vertices and triangles of the character's other meshes, eyes among them. NoFace where there is none, or where it has no openings."""
    low, high, scale = head_box(vertices)
    inside = ((vertices[faces] >= low) & (vertices[faces] <= high)).all(2).all(1)
    if inside.sum() < 100:
        raise NoFace("has too few faces for a head; choose its face's mesh")
    faces = faces[inside]
    view, skin, rest = _skin(vertices, faces, low, high, scale)
    meshes = [(vertices, rest), *([others] if others is not None else [])]
    return _Seen(vertices, faces, view, skin, scale, meshes).face(low, high)


def given(vertices, faces, points):
    """The Face of a mesh by the artist's points {name of POINTS: [3]}, in the axes that find() wants: lines run along its edges from corner
    to corner, through the points between. NoFace where lips or lids are one there."""
    where = {name: np.asarray(points[name], float) for name in POINTS}
    eyes = [(where[f"eye_inner_{side}"] + where[f"eye_outer_{side}"]) / 2 for side in ("left", "right")]
    scale = np.linalg.norm(eyes[0] - eyes[1]) / _EYES
    middle = (eyes[0] + eyes[1]) / 2
    room = np.array([0.14, 0.22, 0.2]) * scale
    low, high = np.maximum(middle - room, vertices.min(0)), np.minimum(middle + room, vertices.max(0))
    faces = faces[((vertices[faces] >= low) & (vertices[faces] <= high)).all(2).all(1)]
    if len(faces) < 100:
        raise NoFace("has too few faces where the points lie; drag them onto its face", middle)
    piece = connected_components(graph(vertices, faces), directed=False)[1]
    used = np.unique(faces)
    skin = piece == piece[used[cKDTree(vertices[used]).query(where["nose_tip"])[1]]]
    faces = faces[skin[faces[:, 0]]]
    edges, used = graph(vertices, faces), np.unique(faces)
    tree = cKDTree(vertices[used])
    at = lambda name, count=1: used[np.atleast_1d(tree.query(where[name], k=count)[1])]
    lines = []
    for right, left, upper, lower in _LINES:
        above, below = at(upper, _NEAR), at(lower, _NEAR)
        apart = np.minimum(dijkstra(edges, False, above, limit=0.05 * scale)[:, below], 0.05 * scale)
        if apart.max() < _PARTED * scale:
            raise NoFace(_CLOSED[upper.startswith("lip")], where[upper])
        far = [np.linalg.norm(vertices[line] - where[name], axis=1) for line, name in ((above, upper), (below, lower))]
        cost = far[0][:, None] + far[1][None] + np.where(apart > 0.5 * apart.max(), 0, 1e9)
        one, other = np.unravel_index(cost.argmin(), cost.shape)
        lines.append(tuple(_way(edges, at(right)[0], through, at(left)[0], vertices[through]) for through in (above[one], below[other])))
    inside = np.zeros(len(vertices), bool)
    for upper, lower in lines[:2]:
        rim = vertices[np.r_[upper, lower[::-1]]]
        inside |= skin & in_polygon(vertices, rim) & (vertices[:, 2] < rim[:, 2].mean())
        inside[np.r_[upper, lower]] = False
    return Face(where, (lines[0], lines[1]), lines[2], scale, skin, inside, np.array([low, high]), exact=True)


def _way(edges, start, through, end, where):
    """The vertices of the shortest way from start through another to the end."""
    _, before = dijkstra(edges, False, [through], return_predecessors=True)
    way = []
    for tip in (start, end):
        one = [tip]
        while one[-1] != through:
            if before[0, one[-1]] < 0:
                raise NoFace("is in pieces between two of the points; join what lies between them", where)
            one.append(before[0, one[-1]])
        way.append(one)
    return np.array(way[0] + way[1][-2::-1])


def in_polygon(places, rim):
    """bool [n]: whether places lie in a polygon, seen from the front."""
    x, y = places[:, :1], places[:, 1:2]
    (x0, y0), (x1, y1) = rim[:, :2].T, np.roll(rim[:, :2], -1, axis=0).T
    crosses = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / np.where(y1 == y0, 1e-12, y1 - y0) + x0)
    return crosses.sum(1) % 2 == 1


def head_box(vertices):
    """(lowest corner [3], highest corner [3], units to a metre) of the head: what stands above the shoulders, or all."""
    top, bottom = vertices[:, 1].max(), vertices[:, 1].min()
    level = np.clip(((top - vertices[:, 1]) / (top - bottom + 1e-12) * _LEVELS).astype(int), 0, _LEVELS - 1)
    width = np.zeros(_LEVELS)
    for row in np.unique(level):
        x = vertices[level == row, 0]
        width[row] = np.ptp(np.percentile(x, [2, 98])) if len(x) > 4 else 0.0
    widest, head, cut = 0.0, 0.0, bottom
    for row in range(_LEVELS):
        depth = (row + 1) / _LEVELS * (top - bottom)
        if widest > 0 and width[row] > _SHOULDERS * widest and depth > 0.9 * widest:
            cut = top - row / _LEVELS * (top - bottom)
            break
        if depth < 1.2 * widest or widest == 0:
            head = max(head, width[row])
        widest = max(widest, width[row])
    above = vertices[vertices[:, 1] >= cut]
    middle = np.median(above[:, 0])
    unit = max(head, 1e-9) / _WIDTH
    near = above[np.abs(above[:, 0] - middle) < 0.14 * unit]
    return near.min(0) - 1e-6 * unit, near.max(0) + 1e-6 * unit, unit


def _skin(vertices, faces, low, high, scale):
    """(view of the piece that most is seen of, bool [V] of its vertices, the other triangles)."""
    piece = connected_components(graph(vertices, faces), directed=False)[1]
    whole = look(vertices, faces, low[:2], high[:2], 4 * _PIXEL * scale)
    seen = whole.triangle[whole.triangle >= 0]
    if len(seen) < 100:
        raise NoFace("has too few faces for a head; choose its face's mesh")
    of = piece[faces[:, 0]]
    most = np.bincount(of[seen]).argmax()
    kept = np.flatnonzero(of == most)
    view = look(vertices, faces[kept], low[:2], high[:2], _PIXEL * scale)
    triangle = np.where(view.triangle >= 0, kept[view.triangle], -1)
    return view._replace(triangle=triangle), piece == most, faces[of != most]


class _Seen:
    """The skin from the front."""

    def __init__(self, vertices, faces, view: View, skin, scale, meshes):
        self.vertices, self.faces, self.view, self.skin, self.scale = vertices, faces, view, skin, scale
        self.there = view.triangle >= 0
        floor = view.depth[self.there].min()
        size = self.pixels(_PIT_REACH)
        self.closed = ndimage.grey_closing(np.where(self.there, view.depth, floor), size=(size, size // 2))
        self.inner = self._inner(meshes)

    def pixels(self, metres):
        return max(1, round(metres * self.scale / self.view.pixel))

    def face(self, low, high):
        eyes = self.eyes()
        lids = tuple(self.margins(eye) for eye in eyes)
        at = lambda line: self.view.place(*line)
        apart = at(lids[0][0]).mean(0) - at(lids[1][0]).mean(0)
        middle = (at(lids[0][0]).mean(0) + at(lids[1][0]).mean(0)) / 2
        lips = self.lips(middle, np.linalg.norm(apart[:2]))
        points = {}
        for side, lines in zip(("left", "right"), lids):
            upper, lower = map(at, lines)
            inner, outer = (0, -1) if side == "left" else (-1, 0)
            points[f"eye_inner_{side}"], points[f"eye_outer_{side}"] = upper[inner], upper[outer]
            points[f"lid_upper_{side}"], points[f"lid_lower_{side}"] = (line[len(line) // 2] for line in (upper, lower))
        upper, lower = map(at, lips)
        points["lip_corner_right"], points["lip_corner_left"] = upper[0], upper[-1]
        centre = np.abs(upper[:, 0] - middle[0]).argmin()
        points["lip_inner_upper_mid"], points["lip_inner_lower_mid"] = upper[centre], lower[centre]
        points["nose_tip"] = self.nose(middle, upper[centre], np.abs(apart[0]))
        points["chin"] = self.chin(lower[centre], middle)
        lines = [tuple(map(self.vertices_at, pair)) for pair in (*lids, lips)]
        return Face(points, (lines[0], lines[1]), lines[2], self.scale, self.skin, self.within(eyes), np.array([low, high]))

    def vertices_at(self, line):
        """The vertices of the triangles in a line of pixels that lie nearest to it, each once."""
        corners, places = self.faces[self.view.triangle[line]], self.view.place(*line)
        far = np.linalg.norm(self.vertices[corners] - places[:, None], axis=2)
        best = far.argmin(1)
        found, far = corners[np.arange(len(corners)), best], far.min(1)
        usual = ndimage.median_filter(self.vertices[found], size=(_BESIDE, 1), mode="nearest")
        far = np.where(
            np.linalg.norm(self.vertices[found] - usual, axis=1) < _STRAY * self.scale, far, np.inf
        )  # deep inside, through a gap
        x = self.vertices[found, 0]
        part = np.floor((x - x.min()) / (_STEP * self.scale)).astype(int)
        order = np.lexsort((far, part))
        first = order[np.unique(part[order], return_index=True)[1]]  # a rim is thick: of each part of the line the nearest vertex
        first = np.unique(np.r_[first, 0, len(found) - 1])
        line = list(dict.fromkeys(found[first[np.isfinite(far[first])]].tolist()))
        return np.array(line)

    def within(self, eyes):
        """bool [V]: vertices behind an eye's opening."""
        column, row = np.round((self.vertices[:, :2] - self.view.low) / self.view.pixel).astype(int).T
        row, column = np.clip(row, 0, len(self.there) - 1), np.clip(column, 0, self.there.shape[1] - 1)
        return (eyes[0] | eyes[1])[row, column] & (self.vertices[:, 2] < self.closed[row, column])

    def _inner(self, meshes):
        """Depth [H,W] of what lies behind the skin, eyes and teeth, -inf where it is not seen through an opening."""
        view, deepest = self.view, np.full(self.view.depth.shape, -np.inf)
        high = view.low + view.pixel * (np.array(self.there.shape[::-1]) - 1.5)
        for vertices, faces in meshes:
            if not len(faces):
                continue
            count, piece = connected_components(graph(vertices, faces), directed=False)
            column, row = np.round((vertices[:, :2] - view.low) / view.pixel).astype(int).T
            on = (row >= 0) & (row < self.there.shape[0]) & (column >= 0) & (column < self.there.shape[1])
            behind = np.zeros(len(vertices), bool)
            behind[on] = self.closed[row[on], column[on]] - vertices[on, 2] > 0
            share = np.bincount(piece, behind, count) / np.maximum(np.bincount(piece), 1)
            inside = faces[share[piece[faces[:, 0]]] > _INSIDE]
            deepest = np.maximum(deepest, look(vertices, inside, view.low, high, view.pixel).depth)
        return np.where(deepest > np.where(self.there, view.depth, -np.inf), deepest, -np.inf)

    def eyes(self):
        """The eyes' openings, left and right: bool [H,W] each. Eyeballs show through them; where there are none, they are pits."""
        silhouette = ndimage.binary_fill_holes(self.there)
        deep = self.closed - np.where(self.there, self.view.depth, -np.inf)
        tries = [silhouette & (np.isfinite(self.inner) | ~self.there)]
        tries += [silhouette & (deep > pit * self.scale) for pit in _PITS]
        best, pair = 0.0, None
        for number, mask in enumerate(tries):
            labels = ndimage.label(ndimage.binary_opening(mask))[0]
            score, found = self._pair(labels)
            if score > 2 * best:  # a later one must be clearly better
                eyes = [self._opening(labels == row) for row in found]
                if number == 0 or all(self._cut(eye) for eye in eyes):
                    best, pair = score, eyes
        if pair is None:
            raise NoFace("shows no openings of the eyes; cut them between its lids, or drag the points to where they are", self._guess(0.6))
        return pair

    def _cut(self, eye):
        """Whether the skin ends round a pit, and does not just sink into it."""
        depth = np.where(self.there, self.view.depth, self.view.depth[self.there].min())
        edge = eye & ~ndimage.binary_erosion(eye, iterations=2)
        around = ndimage.maximum_filter(depth, size=7)
        return (around - depth > _EDGE * self.scale)[edge].mean() > 0.5

    def _opening(self, patch):
        """An eye's whole opening: what cliffs bound round a patch of it, where they do all round, else the patch without dents."""
        rows, columns = np.nonzero(patch)
        hull = ConvexHull(np.stack([rows, columns], 1))
        every = np.stack(np.meshgrid(*(np.arange(size) for size in patch.shape), indexing="ij"), -1)
        whole = (every @ hull.equations[:, :2].T + hull.equations[:, 2] <= 1e-9).all(-1)
        depth = np.maximum(np.where(self.there, self.view.depth, -1e9), np.where(np.isfinite(self.inner), self.inner, -1e9))
        for steep in _CLIFFS:
            cliff = np.zeros_like(patch)
            for axis in (0, 1):
                step = np.abs(np.diff(depth, axis=axis)) > steep * self.view.pixel
                cliff |= np.pad(step, [(0, 1) if k == axis else (0, 0) for k in (0, 1)])
            labels = ndimage.label(~cliff)[0]
            around = np.bincount(labels[patch]).argmax()
            bounded = ndimage.binary_fill_holes(labels == around) if around else whole
            if patch.sum() < bounded.sum() < _LEAKS * patch.sum():
                return bounded
        return whole

    def _pair(self, labels):
        """(score, (left, right)) of the two patches that are most like two eyes."""
        unit, found = self.view.pixel / self.scale, []
        for row, box in enumerate(ndimage.find_objects(labels), 1):
            tall, wide = ((side.stop - side.start) * unit for side in box)
            if _EYE[0][0] < wide < _EYE[0][1] and _EYE[1][0] < tall < _EYE[1][1] and wide > 0.9 * tall:
                y, x = ((side.start + side.stop) / 2 * unit for side in box)
                found.append((row, x, y, wide, (labels[box] == row).sum() * unit**2))
        centre = np.flatnonzero(self.there.any(0)).mean() * unit
        best, pair = 0.05, ()
        for right in found:
            for left in found:
                apart = left[1] - right[1]
                if not _APART[0] < apart < _APART[1] or apart < 1.1 * left[3]:
                    continue
                unlike = abs(left[2] - right[2]) / 0.01 + abs(np.log(left[4] / right[4])) + abs(np.log(left[3] / right[3]))
                score = np.exp(-unlike - abs((left[1] + right[1]) / 2 - centre) / 0.02)
                if score > best:
                    best, pair = score, (left[0], right[0])
        return (best, pair) if pair else (0.0, ())

    def _guess(self, height):
        """[3]: where something should be, on the middle of the head at that share of its height."""
        rows, columns = np.flatnonzero(self.there.any(1)), np.flatnonzero(self.there.any(0))
        row, column = int(rows[0] + height * (rows[-1] - rows[0])), int(columns.mean())
        return self._place(row, column)

    def _place(self, row, column):
        """[3] of a pixel, or of the one of skin that is nearest."""
        seen = np.argwhere(self.there)
        row, column = seen[np.square(seen - [row, column]).sum(1).argmin()]
        return self.view.place(row, column)

    def margins(self, eye):
        """(upper, lower) pixels (rows, columns) round an opening, from right to left: the skin just outside it."""
        columns = np.flatnonzero(eye.any(0))
        top, bottom = (np.array([find(np.flatnonzero(eye[:, c])) for c in columns]) for find in (max, min))
        lines = [[self._skin_at(row + step, c, step) for row, c in zip(rows, columns)] for rows, step in ((top, 1), (bottom, -1))]
        ends = [self._skin_at((top[k] + bottom[k]) // 2, columns[k] + step, 0, step) for k, step in ((0, -1), (-1, 1))]
        return tuple(tuple(np.array([ends[0], *line, ends[1]]).T) for line in lines)

    def _skin_at(self, row, column, step, aside=0):
        """The first pixel of skin from one on in that direction, that lies before what is inside; or else the first of any skin."""
        tall, wide = self.there.shape
        way = [(row + k * step, column + k * aside) for k in range(max(tall, wide))]
        way = [(r, c) for r, c in way if 0 <= r < tall and 0 <= c < wide and self.there[r, c]]
        near = [(r, c) for r, c in way if abs(r - row) + abs(c - column) < self.pixels(_GAP)]
        before = [spot for spot in near if self.closed[spot] - self.view.depth[spot] < _PIT * self.scale]
        if not way:
            raise NoFace("has no skin round its eyes; choose its face's mesh")
        return (before or way)[0]

    def lips(self, middle, apart):
        """(upper, lower) pixels (rows, columns), from right to left, where the lips touch beneath the eyes (middle [3], apart)."""
        band = self.view.low[1], middle[1] - 0.45 * apart
        top = min(int((band[1] - band[0]) / self.view.pixel), self.there.shape[0])
        bottom = max(0, int((middle[1] - 2.2 * apart - band[0]) / self.view.pixel))
        left, right = (int((middle[0] + side * 0.75 * apart - self.view.low[0]) / self.view.pixel) for side in (-1, 1))
        seam, under, sure = self.seam(slice(bottom, top), slice(max(left, 0), right))
        joined, count = ndimage.label(ndimage.binary_dilation(seam, np.ones((5, 7))))
        centre = int((middle[0] - self.view.low[0]) / self.view.pixel)
        best, found = 0, None
        for label in range(1, count + 1):
            of = (joined == label) & seam
            columns = np.flatnonzero(of.any(0))
            width = (of & sure).any(0).sum()
            if columns[0] < centre < columns[-1] and width > best:
                best, found = width, of
        if found is None or best * self.view.pixel < _NARROW * apart:
            row = int((middle[1] - 1.1 * apart - self.view.low[1]) / self.view.pixel)
            place = self._place(row, centre)
            raise NoFace(
                "shows no line between two lips; part the upper from the lower one, or drag the points to where they meet",
                place,
                self._juts(middle, apart),
            )
        columns = np.flatnonzero(found.any(0))
        rows = np.array([np.flatnonzero(found[:, c]).max() for c in columns])
        return (rows, columns), (under[rows, columns], columns)

    def seam(self, rows, columns):
        """Pixels in that part beneath which skin is seen that is near and yet far along the surface: bool [H,W], the row [H,W] where that
        is, and bool [H,W] whether it is sure. What lies deep between the two, the inside of a mouth, does not count."""
        front = self.there & (self.closed - np.where(self.there, self.view.depth, -np.inf) < _DEEP * self.scale)
        height = np.arange(len(front))[:, None]
        last = np.maximum.accumulate(np.where(front, height, -1), axis=0)  # the row of the highest skin up to here
        under = np.vstack([np.full((1, front.shape[1]), -1), last[:-1]])
        part = np.zeros_like(front)
        part[rows, columns] = True
        row, column = np.nonzero(front & part & (under >= 0))
        below = under[row, column]
        upper, lower = self.view.triangle[row, column], self.view.triangle[below, column]
        straight = np.hypot(self.view.depth[row, column] - self.view.depth[below, column], (row - below) * self.view.pixel)
        near = np.flatnonzero((upper != lower) & (straight < _TOUCH * self.scale))
        kinds, which = np.unique(np.stack([lower[near], upper[near]], 1), axis=0, return_inverse=True)
        shared = (self.faces[kinds[:, 0]][:, :, None] == self.faces[kinds[:, 1]][:, None]).any((1, 2))
        way = np.where(shared, 0.0, np.inf)
        apart = np.flatnonzero(~shared)
        starts, of = np.unique(self.faces[kinds[apart, 0], 0], return_inverse=True)
        edges = graph(self.vertices, self.faces)
        for first in range(0, len(starts), 200):
            ways = dijkstra(edges, False, starts[first : first + 200], limit=_AROUND[0] * self.scale)
            mine = np.flatnonzero((of >= first) & (of < first + 200))
            way[apart[mine]] = ways[(of[mine] - first)[:, None], self.faces[kinds[apart[mine], 1]]].min(1)
        around = way[which.ravel()]
        sure, seam = np.zeros_like(front), np.zeros_like(front)
        sure[row[near], column[near]] = ~np.isfinite(around)
        seam[row[near], column[near]] = around > np.maximum(_AROUND[1] * straight[near], _AROUND[2] * self.scale)
        return seam, under, sure

    def nose(self, middle, mouth, apart):
        """The foremost place between eyes and mouth, near the middle."""
        rows = [int((y - self.view.low[1]) / self.view.pixel) for y in (mouth[1] + 0.1 * (middle[1] - mouth[1]), middle[1])]
        columns = [int((middle[0] + side * 0.25 * apart - self.view.low[0]) / self.view.pixel) for side in (-1, 1)]
        part = self.view.depth[max(rows[0], 0) : rows[1], max(columns[0], 0) : columns[1]]
        if not np.isfinite(part).any():
            raise NoFace("has no nose between its eyes and its mouth; choose its face's mesh", mouth)
        row, column = np.unravel_index(part.argmax(), part.shape)
        return self.view.place(max(rows[0], 0) + row, max(columns[0], 0) + column)

    def _juts(self, middle, apart):
        """Whether something like a nose stands out beneath the eyes: two dents in the back of a head are no face."""
        row = lambda share: max(int((middle[1] - share * apart - self.view.low[1]) / self.view.pixel), 0)
        depth = lambda share: self.view.depth[row(1.0) : row(0.2), int((middle[0] + share * apart - self.view.low[0]) / self.view.pixel)]
        beside = (depth(-_BESIDE_NOSE) + depth(_BESIDE_NOSE)) / 2
        seen = np.isfinite(beside)
        far = (depth(0)[seen] - beside[seen]).max(initial=0) / self.scale
        return bool(_NOSE[0] < far < _NOSE[1])

    def chin(self, mouth, middle):
        """Beneath the mouth, where the profile turns back: the place that is furthest down and out."""
        column = int((mouth[0] - self.view.low[0]) / self.view.pixel)
        reach = 0.75 * (middle[1] - mouth[1])
        last = int((mouth[1] - 0.25 * reach - self.view.low[1]) / self.view.pixel)
        first = max(0, int((mouth[1] - 1.2 * reach - self.view.low[1]) / self.view.pixel))
        rows = np.arange(first, last)[self.there[first:last, column]]
        if not len(rows):
            return mouth - [0, 0.6 * reach, 0]
        places = self.view.place(rows, np.full(len(rows), column))
        return places[(places @ [0, -0.5, 0.87]).argmax()]
