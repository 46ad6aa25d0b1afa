"""The map from the built-in head's Motion to another head's, found once through geometry and kept on disk.

The two neutral heads are laid over each other (register.py); what each built-in channel does to the built-in surface is carried
over in local frames; ridge least squares finds the coefficients of the other head that do the same there, the inner lips weighing
most. To carry expressions over through corresponding surfaces is expression cloning (Noh and Neumann 2001, section 3).
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from contract import CHANNELS, EXPRESSION, JAW, UtterError
from model_runtime.cache import cache_folder
from model_runtime.flame import lbs
from model_runtime.flame.fit import fit_identity, nearest_identity
from model_runtime.flame.head import IDENTITY, LIP_PAIRS, Head
from model_runtime.flame.register import Registration, graph, line_position, register, weld
from model_runtime.motion import read_npz, write_npz

VERSION = 3  # of what is kept on disk
_REFERENCE = (0.25, 0.08, 0.08)  # radians at which the jaw's three channels are compared
_LIP_WEIGHT = 1.0  # weight of the inner lips' parting against all the rest of the face
_RIDGE = 1e-4  # metres (rms over the face) that a standard deviation more of an expression must be worth
_PARTING_AXES = (0.1, 1.0, 0.5)  # how much it counts that lips part sideways, up and down, forward and back
_OVERLAY_NOISE = 15e-3  # metres: 1.5 mm of misplacement, alike over patches of a hundred vertices: ten times that each
_SHUT, _APART = 0.03, 0.25  # relative gaps: shut below the first; above the second the lips are left as they are
_LIP_CANDIDATES = 80  # vertices looked at for each pair of lip vertices
_FAR_ALONG = 0.03  # metres along the surface: greater distances count as this
_SEAL_ROUNDS = 8
_INVERSE_RIDGE = 1e-3  # against built-in coefficients that do next to nothing on the other head
_SEAL_FACE = 0.3  # the face's mean square movement against the partings'
_MIDDLE_AXES = (1.0, 4.0, 2.0)  # of the middle of the lips, where shut is told from open, against all the pairs
_SEAL_RIDGE = 1e-4  # metres of parting a pair that one standard deviation more must be worth


@dataclass(frozen=True)
class HeadMap:
    """Motion of the built-in head to Motion of another. apply() is values @ matrix [65,65] and then, where the built-in lips are
    shut or nearly so, a seal: the change of expression and jaw that parts the other head's inner lips as far as ours while
    it moves the rest of the face least (Gauss-Newton on the posed lips). A seal is needed because another basis seldom holds our
    lip shapes exactly, and a millimetre shows."""

    head: Head
    builtin: Head
    matrix: np.ndarray
    lips: np.ndarray  # [K,N] weights: the built-in inner-lip pairs' partings at this head's pairs
    closing: np.ndarray  # [3K,53] what expression and jaw do to this head's partings, times axes
    axes: np.ndarray  # [3K] how much each coordinate of each parting counts
    calm: np.ndarray  # [53,53] what a change of expression and jaw costs in movement of the face
    factor: float  # this head's size over the built-in one's

    def apply(self, values, beta=None):
        """Built-in Motion values [T,65] to this head's, float32 [T,65]. beta: the built-in identity that the values were made
        for, if any."""
        values = np.asarray(getattr(values, "values", values), np.float32)
        if self.head.basis == self.builtin.basis:
            return values.copy()
        mapped = values @ self.matrix
        gap = lbs.lip_gap(self.builtin, values, beta)
        sealing = np.flatnonzero(gap < _APART)
        if not len(sealing):
            return mapped
        gap = gap[sealing, None]
        ours = _partings(self.builtin, values[sealing], beta).reshape(len(sealing), -1, 3)
        ours = (self.factor * self.lips @ ours).reshape(len(sealing), -1)
        change = self._seal(mapped[sealing], ours * _ramp(gap, _SHUT, 2 * _SHUT))  # shut lips are as in the neutral face
        mapped[sealing, :53] += change * (1 - _ramp(gap, 3 * _SHUT, _APART))
        return mapped

    def _seal(self, start, goal):
        """[n,53] change of expression and jaw that brings the lips of start [n,65] to the partings goal [n,3K]."""
        step_of = np.linalg.solve(
            self.closing.T @ self.closing + self.calm, np.concatenate([self.closing.T * self.axes, -self.calm], axis=1)
        )
        best, change = np.zeros((2, len(start), 53), np.float32)
        least = np.full(len(start), np.inf)
        for _ in range(_SEAL_ROUNDS):
            trial = start.copy()
            trial[:, :53] += change
            missing = goal - _partings(self.head, trial)
            cost = ((missing * self.axes) ** 2).sum(1) + ((change @ self.calm) * change).sum(1)
            better = cost < least
            best[better], least[better] = change[better], cost[better]
            step = np.concatenate([missing, change], axis=1) @ step_of.T
            change = np.where(better[:, None], change + step, 0.5 * (best + change)).astype(np.float32)
        return best

    def invert(self, values):
        """This head's Motion values [T,65] to built-in ones: by ridge least squares, because the built-in basis can move in ways
        that this one hardly can. The seal is not undone: where lips were sealed here, the built-in ones are shut anyway."""
        gram = self.matrix @ self.matrix.T
        return np.asarray(values, np.float32) @ np.linalg.solve(gram + _INVERSE_RIDGE * np.eye(CHANNELS), self.matrix).T.astype(np.float32)


def _ramp(x, start, end):
    """0 up to start, 1 from end, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def _partings(head, values, beta=None):
    """How far the inner-lip pairs are apart beyond the neutral head, turned back by the neck: [T, 3K] (upper minus lower)."""
    values = values.copy()
    values[:, 53:56] = 0
    pairs = np.concatenate([head.lip_inner_upper, head.lip_inner_lower])
    upper, lower = np.split(lbs.pose(head, values, beta, pairs), 2, axis=1)
    rest = head.v_template[head.lip_inner_upper] - head.v_template[head.lip_inner_lower]
    return (upper - lower - rest).reshape(len(values), -1)


def calibrate(head, builtin):
    """The HeadMap from builtin to head; kept in the user's cache by both heads' geometry and bases."""
    if head.basis == builtin.basis:
        return HeadMap(head, builtin, np.eye(CHANNELS, dtype=np.float32), None, None, None, None, 1.0)
    head = with_lips(head, builtin)
    registration = registered(head, builtin)
    pairs = _pairs_between(head, builtin)
    matrix = _matrix(head, builtin, registration)
    scale = np.linalg.norm(registration.frames, axis=(1, 2)) / np.sqrt(3)
    return HeadMap(head, builtin, matrix, pairs, *_closing(head), float(np.median(scale)))


def identity(head, builtin):
    """beta float32 [300] of the built-in identity whose shape comes nearest to another head's neutral."""
    if head.v_template.shape == builtin.v_template.shape and np.array_equal(head.f, builtin.f):
        return fit_identity(builtin, head.v_template)[0]
    registration = registered(head, builtin)
    shapes = registration.sample(builtin, builtin.shapedirs[:, :, :IDENTITY].astype(np.float64))
    template = registration.sample(builtin, builtin.v_template.astype(np.float64))
    return nearest_identity(head.v_template.astype(np.float64), template, shapes, _OVERLAY_NOISE, _trust(registration))[0]


def complete(head, builtin):
    """The head with what its file lacked carried over from the built-in one: landmarks, inner lips, lids, regions, face actions,
    jaw_open_gap."""
    head = with_lips(head, builtin)
    registration = registered(head, builtin)
    if head.lids is None:
        head = replace(head, lids=_lids(head, builtin, registration))
    if head.regions is None and builtin.regions is not None:
        regions = registration.sample(builtin, builtin.regions.T.astype(float)).T > 0.5
        head = replace(head, region_names=builtin.region_names, regions=regions)
    motions = calibrate(head, builtin).apply(builtin.actions_motion)
    opened = motions[[builtin.action("jawOpen")]]
    gap = float(lbs.lip_gap(replace(head, jaw_open_gap=1.0), opened)[0])
    if gap < 1e-4:
        raise UtterError(f"{head.name} does not open its mouth when its jaw turns; choose a head whose jaw moves its lips apart.")
    return replace(
        head,
        action_names=builtin.action_names,
        actions_motion=motions,
        jaw_open_gap=gap,
        actions=np.ascontiguousarray(np.moveaxis(lbs.pose(head, motions) - head.v_template, 0, 2)),
    )


def _lids(head, builtin, registration):
    """Lids [V,3,2] for a head without: the built-in ones', stretched so that the two lids of an eye meet, and bent round the
    eyeball."""
    lids = registration.carry(builtin, builtin.lids)
    centres = head.J_regressor[3:] @ head.v_template
    for k, side in enumerate(("left", "right")):
        upper, lower = head.landmark(f"lid_upper_{side}"), head.landmark(f"lid_lower_{side}")
        open_by = head.v_template[upper, 1] - head.v_template[lower, 1]
        straight, stretch = lids[:, :, k].copy(), 1.0
        for _ in range(5):
            lids[:, :, k] = _bend(head.v_template, stretch * straight, centres[k])
            closes_by = lids[lower, 1, k] - lids[upper, 1, k]
            stretch = np.clip(stretch * open_by / max(closes_by, 1e-6), 0.6, 1.6)
    return lids


def _bend(vertices, lid, centre):
    """A lid's straight way [V,3] made to keep its distance from the eye's centre (a little more: without that the eyeball would show
    through half way)."""
    start, end, length = vertices - centre, vertices + lid - centre, np.linalg.norm(lid, axis=1, keepdims=True)
    radius = np.linalg.norm(start, axis=1, keepdims=True) + 0.1 * length
    bent = end * radius / np.maximum(np.linalg.norm(end, axis=1, keepdims=True), 1e-6) - start
    return lid + np.clip(length / (0.3 * length.max() + 1e-9), 0, 1) * (bent - lid)


def with_lips(head, builtin):
    """The head with landmarks and inner-lip pairs, found next to the built-in head's where it has none of its own. UtterError if
    it has no mouth."""
    own = [] if head.landmark_names is None else head.landmark_names.tolist()
    missing = [name for name in builtin.landmark_names.tolist() if name not in own]
    if not missing and head.lip_inner_upper is not None:
        return head
    registration = registered(head, builtin)
    if missing:
        vertices = np.int32([registration.back[builtin.landmark(name)] for name in missing])
        known = np.zeros(0, np.int32) if head.landmark_vertices is None else head.landmark_vertices
        head = replace(head, landmark_names=np.array([*own, *missing]), landmark_vertices=np.concatenate([known, vertices]))
    if head.lip_inner_upper is None:
        pairs = _find_lips(head, builtin, registration)
        if len(pairs) < LIP_PAIRS:
            raise UtterError(
                f"{head.name} is FLAME's mesh but for its mouth, where it was changed; choose one whose mouth is FLAME's."
                if own
                else f"{head.name} has no mouth that opens; choose a mesh whose lips are two separate edges."
            )
        upper, lower = pairs.T
        middle = np.abs(line_position(head.v_template[upper]) - 0.5).argmin()
        vertices = head.landmark_vertices.copy()
        vertices[head.landmark_names == "lip_inner_upper_mid"] = upper[middle]
        vertices[head.landmark_names == "lip_inner_lower_mid"] = lower[middle]
        head = replace(head, landmark_vertices=vertices, lip_inner_upper=upper, lip_inner_lower=lower)
    return head


def _find_lips(head, builtin, registration):
    """Inner-lip pairs [K, 2] (upper, lower) of a mesh that names none, subject's left to right: by the built-in head's lips, the closest
    two vertices that are near in space and far along the surface, as only the two sides of a slit are."""
    kept, place = weld(head.v_template, head.f)
    surface = graph(head.v_template, kept[place[head.f]])
    lean = np.subtract(*(dijkstra(surface, False, kept[place[head.landmark(name)]]).clip(max=9) for name in ("nose_tip", "chin")))
    at = registration.sample(builtin, builtin.v_template)
    left_out = registration.rigid | (kept[place] != np.arange(len(place)))
    tree = cKDTree(np.where(left_out[:, None], np.inf, at).clip(-9, 9))
    pairs = set()
    for centre in 0.5 * (builtin.v_template[builtin.lip_inner_upper] + builtin.v_template[builtin.lip_inner_lower]):
        far, near = tree.query(centre, min(_LIP_CANDIDATES, len(at)))  # nearest first
        near = np.sort(near[(far < 0.012) | (np.arange(len(near)) < 10)])
        straight = np.linalg.norm(head.v_template[near][:, None] - head.v_template[near], axis=2)
        along = np.minimum(dijkstra(surface, False, near, limit=_FAR_ALONG)[:, near], _FAR_ALONG)
        slit = along > np.maximum(3 * straight, 0.006)
        if not slit.any():
            continue
        off = np.linalg.norm(at[near] - centre, axis=1)
        deep = head.v_template[near, 2].max() - head.v_template[near, 2]  # where lips touch first, not further in
        cost = straight + 0.25 * (off[:, None] + off) + 0.25 * (deep[:, None] + deep)
        a, b = np.unravel_index(np.where(slit, cost, np.inf).argmin(), slit.shape)
        pairs.add(tuple(sorted((near[a], near[b]), key=lambda vertex: lean[vertex])))
    return np.array(sorted(pairs, key=lambda pair: -head.v_template[pair[0], 0]), np.int32).reshape(-1, 2)


def _pairs_between(head, builtin):
    """[K,N]: each of head's inner-lip pairs as a mixture of the built-in's neighbouring two, at equal fractions of the lips'
    width."""
    at = line_position(head.v_template[head.lip_inner_upper])
    goal = line_position(builtin.v_template[builtin.lip_inner_upper])
    return np.stack([np.interp(at, goal, row) for row in np.eye(len(goal))], 1).astype(np.float32)


def _closing(head):
    """HeadMap.closing, .axes and .calm: the seal minimises |axes (goal - parting)|^2 + _SEAL_FACE * (mean square movement of the
    face)."""
    shapes = np.concatenate([head.shapedirs[:, :, IDENTITY : IDENTITY + 50], _jaw_shapes(head)], axis=2).astype(np.float64)
    pairs = len(head.lip_inner_upper)
    axes = np.tile(np.array(_PARTING_AXES), (pairs, 1)) / np.sqrt(pairs)
    axes[np.abs(line_position(head.v_template[head.lip_inner_upper]) - 0.5).argmin()] = _MIDDLE_AXES
    axes = axes.ravel()
    closing = axes[:, None] * (shapes[head.lip_inner_upper] - shapes[head.lip_inner_lower]).reshape(-1, 53)
    face = shapes.reshape(-1, 53)
    calm = _SEAL_FACE / len(shapes) * face.T @ face + _SEAL_RIDGE**2 * np.eye(53)
    return closing.astype(np.float32), axes.astype(np.float32), calm.astype(np.float32)


def _trust(registration):
    """[n] how much a target vertex's counterpart counts: 1 where the overlay meets, 0 where it is centimetres off or inside."""
    return np.exp(-((registration.distance / 0.004) ** 2)) * ~registration.rigid + 1e-6


def _jaw_shapes(head):
    """[V,3,3] what a radian of each jaw channel does to the head, linearised at the reference angles."""
    motions = np.zeros((3, CHANNELS), np.float32)
    motions[:, JAW] = np.diag(_REFERENCE)
    return np.moveaxis(lbs.pose(head, motions) - head.v_template, 0, 2) / np.float32(_REFERENCE)


def _matrix(head, builtin, registration):
    """[65,65]: expression of the built-in head in terms of the other's, and a gain for each turn of the jaw; neck, eyes, lids and
    tongue mean the same on every head."""
    # A vertex counts by how much expressions move it; scalp and neck hardly count.
    shapes = builtin.shapedirs[:, :, IDENTITY : IDENTITY + 50]
    liveliness = np.sqrt((shapes**2).sum((1, 2)))
    weight = _trust(registration) * (0.02 + registration.sample(builtin, liveliness / liveliness.max()))
    weight = np.sqrt(weight / weight.sum())[:, None, None]
    upper, lower = head.lip_inner_upper, head.lip_inner_lower
    lip = np.sqrt(_LIP_WEIGHT / len(upper)) * np.array(_PARTING_AXES)[:, None]

    def rows(displacement):
        """[3V + 3K, n] face and partings of the lips, weighted."""
        parting = lip * (displacement[upper] - displacement[lower])
        return np.concatenate([weight * displacement, parting]).reshape(-1, displacement.shape[2]).astype(np.float64)

    matrix = np.eye(CHANNELS, dtype=np.float32)
    a, b = rows(head.shapedirs[:, :, IDENTITY : IDENTITY + 50]), rows(registration.carry(builtin, shapes))
    matrix[EXPRESSION, EXPRESSION] = np.linalg.solve(a.T @ a + _RIDGE**2 * np.eye(50), a.T @ b).T
    a, b = rows(_jaw_shapes(head)), rows(registration.carry(builtin, _jaw_shapes(builtin)))
    matrix[JAW, JAW] = np.diag(np.clip((a * b).sum(0) / np.maximum((a * a).sum(0), 1e-12), 0.5, 2))
    return matrix


def registered(head, builtin):
    """The Registration of head onto builtin, from the cache where it was found before."""
    key = hashlib.sha256(f"{VERSION}".encode())
    for each in (head, builtin):
        for array in (each.v_template, each.f, each.lip_inner_upper, each.lip_inner_lower, each.landmark_vertices):
            key.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    path = cache_folder() / f"registration-{key.hexdigest()[:32]}.npz"
    try:
        with read_npz(path) as arrays:
            return Registration(**{name: arrays[name] for name in Registration.__dataclass_fields__})
    except Exception:  # absent or damaged: computed again and written over
        pass
    marks = None if head.landmark_names is None else dict(zip(head.landmark_names.tolist(), head.landmark_vertices.tolist()))
    lips = None if head.lip_inner_upper is None else (head.lip_inner_upper, head.lip_inner_lower)
    registration = register(head.v_template, head.f, builtin, marks, lips)
    with suppress(UtterError, OSError):  # an unwritable cache only costs time
        write_npz(path, **{name: getattr(registration, name) for name in Registration.__dataclass_fields__})
    return registration
