"""Brows and lashes, hair by hair, that grow on the skin: the left eye's; the right one's are their mirror images.

Every vertex follows the skin under it in all that moves it (`Strands.on`, weights of skin vertices), so brows ride on a raised forehead
and lashes turn with a lid that shuts.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.sparse import csr_matrix, vstack
from scipy.spatial import cKDTree

from tools.human.rings import Edges
from tools.human.skin import EYE
from tools.human.source import MIRROR

# The brow's middle line on the left, from its inner to its outer end: x, y in metres, 20 to 24 mm above the eye's centre.
COURSE = np.array([(0.0105, 0.0498), (0.0170, 0.0516), (0.0260, 0.0533), (0.0360, 0.0540), (0.0460, 0.0515), (0.0555, 0.0455)])
BROW_HAIRS = 220
UPPER_LASHES, LOWER_LASHES = 74, 40
NEAR = 6  # of the lid's vertices about a lash's root
SPAN = 0.002  # metres: how far the lid's vertices lie apart that a lash turns with
SEED = 11
GROWN = 140  # the first column of identity that tells of them
SHAPES = ("Brow Fullness", "Brow Arch", "Brow Height", "Brow Tilt", "Brow Gap", "Lash Length")  # how people's brows and lashes differ


@dataclass(frozen=True)
class Strands:
    """names [P]; vertices [N,3], faces [F,3], part [F] (index of names), on: sparse [N,V], shapes [N,3,len(SHAPES)]: metres at one
    standard deviation; near [N,NEAR]: the lid's vertices about a lash's root, -1 for brows."""

    names: list
    vertices: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    on: csr_matrix
    shapes: np.ndarray
    near: np.ndarray

    def shut(self, skin, lid):
        """[N,3]: the way of every vertex when a lid goes its way [V,3]: lashes turn with the lid about their roots and keep their length
        (the rotation that carries the lid's vertices best: Kabsch 1976)."""
        way = (self.on @ lid.reshape(len(lid), -1)).reshape(-1, 3)
        own = np.flatnonzero(self.near[:, 0] >= 0)
        before = skin.vertices[self.near[own]]
        after = before + lid[self.near[own]]
        p, q = (places - places.mean(1, keepdims=True) for places in (before, after))
        u, _, vt = np.linalg.svd(np.einsum("nki,nkj->nij", p, q))
        flip = np.sign(np.linalg.det(u) * np.linalg.det(vt))
        vt[:, 2] *= flip[:, None]
        turn = np.einsum("nki,njk->nij", vt, u)
        lever = self.vertices[own] - before.mean(1)
        way[own] = after.mean(1) + np.einsum("nij,nj->ni", turn, lever) - self.vertices[own]
        return way


def grow(skin):
    """Strands of both brows and all lashes."""
    surface = Surface(skin)
    names, places, faces, part, on, shapes, near, count = [], [], [], [], [], [], [], 0
    for kind, (points, triangles, weights, moves, lid) in (("brow", brow(surface)), ("lashes", lashes(skin))):
        for side, mirrored in (("left", False), ("right", True)):
            names.append(f"{kind}_{side}")
            places.append(points * MIRROR if mirrored else points)
            faces.append((triangles[:, ::-1] if mirrored else triangles) + count)
            part.append(np.full(len(triangles), len(names) - 1))
            on.append(weights[:, np.argsort(skin.mirror)] if mirrored else weights)
            shapes.append(moves * np.array(MIRROR)[:, None] if mirrored else moves)
            near.append(np.where(lid < 0, -1, skin.mirror[lid]) if mirrored else lid)
            count += len(points)
    return Strands(names, *map(np.concatenate, (places, faces, part)), vstack(on).tocsr(), *map(np.concatenate, (shapes, near)))


# Brows


class Surface:
    """The skin about the left brow, to lay points on."""

    def __init__(self, skin):
        v = skin.vertices
        near = (v[:, 0] > -0.012) & (v[:, 0] < 0.075) & (v[:, 1] > 0.034) & (v[:, 1] < 0.085) & (v[:, 2] > 0.02)
        quads = skin.quads[near[skin.quads].all(1)]
        self.triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        self.corners, self.count = v[self.triangles], len(v)
        self.middles = cKDTree(self.corners.mean(1))
        faces = np.cross(self.corners[:, 1] - self.corners[:, 0], self.corners[:, 2] - self.corners[:, 0])
        at = np.zeros_like(v)
        for corner in range(3):
            np.add.at(at, self.triangles[:, corner], faces)
        self.normals = at / np.maximum(np.linalg.norm(at, axis=1, keepdims=True), 1e-15)

    def under(self, points):
        """(place on the skin [n,3], its normal [n,3], on: sparse [n,V]) that is nearest to each of points [n,3]."""
        near = self.middles.query(points, 12)[1]
        a, ab, ac = self.corners[near, 0], self.corners[near, 1] - self.corners[near, 0], self.corners[near, 2] - self.corners[near, 0]
        normal = np.cross(ab, ac)
        square = (normal**2).sum(-1)
        q = points[:, None] - a
        second, third = (np.cross(q, ac) * normal).sum(-1) / square, (np.cross(ab, q) * normal).sum(-1) / square
        share = np.clip(np.stack([1 - second - third, second, third], -1), 0, 1)
        share /= share.sum(-1, keepdims=True)
        place = (share[..., None] * self.corners[near]).sum(2)
        best = np.linalg.norm(place - points[:, None], axis=2).argmin(1)
        rows = np.arange(len(points))
        share, corners = share[rows, best], self.triangles[near[rows, best]]
        on = csr_matrix((share.ravel(), corners.ravel(), 3 * np.arange(len(points) + 1)), (len(points), self.count))
        out = on @ self.normals
        return place[rows, best], out / np.linalg.norm(out, axis=1, keepdims=True), on


def brow(surface):
    """(vertices, triangles, on, shapes, near) of the left brow: flat tapered hairs in a band along COURSE."""
    places, on = brow_places(surface, {})
    shapes = np.stack([brow_places(surface, {name: 1})[0] - places for name in SHAPES], -1)
    hair = np.array([[0, 1, 3], [0, 3, 2], [2, 3, 4]])
    faces = (5 * np.arange(BROW_HAIRS)[:, None, None] + hair).reshape(-1, 3)
    return places, faces, on, shapes, np.full((len(places), NEAR), -1)


def brow_places(surface, shape):
    """(places [5 BROW_HAIRS,3], on) of the hairs of a brow of that shape {name of SHAPES: standard deviations}.

    Hairs stand up at the inner end, lie along the band towards its tail, and meet over its middle: those below point up, those
    above down (Blume-Peytavi et al., Hair Growth and Disorders, 2008)."""
    full, arch, height, tilt, gap = (shape.get(name, 0) for name in SHAPES[:5])
    rng = np.random.default_rng(SEED)
    k = np.arange(BROW_HAIRS)
    t = np.clip((k + rng.uniform(0, 1, len(k))) / len(k), 0, 1)
    across = 0.62 * (2 * ((k * 0.6180340) % 1) - 1) + 0.38 * rng.uniform(-1, 1, len(k))
    vary, turned, lift = rng.uniform(-1, 1, (3, len(k)))

    course = COURSE.copy()
    along = np.linspace(0, 1, len(course))
    course[:, 1] += 0.0013 * arch * np.exp(-(((along - 0.62) / 0.25) ** 2)) + 0.0014 * height + 0.0013 * tilt * (2 * along - 0.9)
    course[:, 0] += 0.0016 * gap * (1 - along) ** 2
    middle, _, _ = surface.under(np.column_stack([course, [0.088, 0.087, 0.086, 0.081, 0.075, 0.066]]))
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(middle, axis=0), axis=1))])
    line = CubicSpline(way / way[-1], middle)
    wide = np.interp(t, [0, 0.08, 0.35, 0.65, 0.88, 1], [0.0022, 0.0036, 0.0040, 0.0030, 0.0014, 0.0003]) * (1 + 0.20 * full)
    tangent = line(t, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    _, out, _ = surface.under(line(t))
    up = np.cross(out, tangent)
    root, out, _ = surface.under(line(t) + up * (wide * across)[:, None])
    aside = tangent - out * (tangent * out).sum(1, keepdims=True)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    up = np.cross(out, aside)

    rise = np.interp(t, [0, 0.07, 0.2, 0.45, 0.75, 1], [88, 70, 46, 26, 12, 4]) - 18 * across * np.clip(t / 0.2, 0, 1) + 9 * turned
    length = np.interp(t, [0, 0.1, 0.4, 0.75, 1], [0.0062, 0.0082, 0.0086, 0.0072, 0.0050]) * (1 + 0.22 * vary) * (1 + 0.12 * full)
    thick = 0.00017 * (1 + 0.25 * full) * np.interp(t, [0, 0.1, 0.9, 1], [0.75, 1, 1, 0.7])
    found = []
    for part, width in ((0.0, 0.8), (0.5, 1.0), (1.0, 0.0)):
        heading = np.radians(rise - 22 * part)
        go = length[:, None] * part * (np.cos(heading)[:, None] * aside + np.sin(heading)[:, None] * up)
        beside = -np.sin(heading)[:, None] * aside + np.cos(heading)[:, None] * up
        high = 0.00015 + 0.0005 * part * (1 - 0.4 * part) * (1 + 0.5 * lift)
        for sign in (1, -1) if width else (0,):
            found.append((root + go + sign * (width * thick)[:, None] * beside, high))
    points = np.stack([place for place, _ in found], 1).reshape(-1, 3)
    place, out, on = surface.under(points)
    return place + out * np.stack([high for _, high in found], 1).reshape(-1, 1), on


# Lashes


def lashes(skin):
    """(vertices, triangles, on, shapes, near) of the left eye's lashes: curved tapered cones from the lids' margins, in small tufts,
    and the dark line that their roots make.

    A lash turns with its lid about the line along it: its weights are the affine coordinates of its vertices, at the root's x, in the
    lid's vertices near the root."""
    ring, edges = skin.margins[0], Edges(skin.quads)
    v = skin.vertices
    away = np.linalg.norm(v - EYE, axis=1)

    def beside(c, outward):
        """The neighbour of a place on the margin that lies off it: away from the eye, or towards it."""
        others = [n for n in edges.near[ring[c]] if n not in ring]
        return max(others, key=lambda n: away[n] if outward else -away[n])

    size = len(ring)
    outer, inner = (np.array([beside(c, outward) for c in range(size)]) for outward in (True, False))
    edge = 0.7 * v[ring] + 0.3 * v[inner]
    rng = np.random.default_rng(SEED)
    places, faces, on, shapes, about, count = [], [], [], [], [], 0

    def add(points, triangles, c, root, move):
        nonlocal count
        near = np.unique(np.r_[ring[[c, c + 1]], outer[[c, c + 1]], inner[[c, c + 1]]])
        corners = np.vstack([v[near].T - root[:, None], np.full(len(near), SPAN)])
        flat = np.column_stack([0 * points[:, 0], points[:, 1:] - root[1:], np.full(len(points), SPAN)])
        row = (np.linalg.pinv(corners, 0.10) @ flat.T).T
        row /= row.sum(1, keepdims=True)
        places.append(points)
        faces.append(triangles + count)
        on.append(csr_matrix((row.ravel(), np.tile(near, len(points)), len(near) * np.arange(len(points) + 1)), (len(points), len(v))))
        shapes.append(move)
        about.append(np.tile(np.resize(near, NEAR), (len(points), 1)))
        count += len(points)

    half = size // 2
    for upper, number, first, last, lengths, thick in (
        (True, UPPER_LASHES, 0.6, half - 6.0, (0.0062, 0.0078, 0.0074, 0.0062, 0.0038), 0.00014),
        (False, LOWER_LASHES, size - 1.2, half + 5.5, (0.0030, 0.0036, 0.0034, 0.0030, 0.0020), 0.00008),
    ):
        at = np.linspace(first, last, number) + rng.uniform(-0.15, 0.15, number)
        tuft = np.round(np.arange(number) / 3) * 3  # tips lean to that of their tuft
        for n, q in enumerate(at):
            c = int(np.clip(q, 0, size - 2))
            root = edge[c] + (edge[c + 1] - edge[c]) * (q - c)
            lean = 0.10 * (tuft[n] - n) + rng.uniform(-0.10, 0.10)
            long = np.interp(n / (number - 1), np.linspace(0, 1, 5), lengths) * (1 + rng.uniform(-0.22, 0.18))
            fan = (root[0] - EYE[0] - 0.001) / 0.0135
            heading = np.array([0.70 * fan - lean, -0.22 if upper else -0.50, 0.85])
            heading /= np.linalg.norm(heading)
            bend = np.array([0.10 * fan, 0.95 if upper else -0.05, -0.15])

            def cone(long, root=root, heading=heading, bend=bend, thick=thick):
                sections = []
                for part in (0, 0.5):
                    forward = heading + 2 * part * bend
                    a = np.cross(forward, (1, 0, 0))
                    a /= np.linalg.norm(a)
                    b = np.cross(forward, a) / np.linalg.norm(forward)
                    turn = np.radians([90, 210, 330])[:, None]
                    sections.append(
                        root + long * (part * heading + part**2 * bend) + thick * (1 - 0.5 * part) * (np.cos(turn) * a + np.sin(turn) * b)
                    )
                return np.vstack([*sections, root + long * (heading + bend)])

            points, move = cone(long), np.zeros((7, 3, len(SHAPES)))
            move[..., SHAPES.index("Lash Length")] = cone(1.15 * long) - points
            add(points, CONE, c, root, move)
    for c in range(1, half - 5):  # the line of the upper roots
        out = (v[ring[c : c + 2]] - EYE) * 0.006
        low, high = 0.35 * v[ring[c : c + 2]] + 0.65 * v[inner[c : c + 2]], 0.75 * v[ring[c : c + 2]] + 0.25 * v[outer[c : c + 2]]
        ribbon = np.vstack([high + out, low])
        add(ribbon, np.array([[0, 1, 3], [0, 3, 2]]), c, ribbon.mean(0), np.zeros((4, 3, len(SHAPES))))
    return np.concatenate(places), np.concatenate(faces), vstack(on), *map(np.concatenate, (shapes, about))


CONE = np.array([(0, 1, 4), (0, 4, 3), (1, 2, 5), (1, 5, 4), (2, 0, 3), (2, 3, 5), (3, 4, 6), (4, 5, 6), (5, 3, 6)])
