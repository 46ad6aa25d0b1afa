"""Fewer keys for the same curves: which frames of many tracks keep a key, and the slopes at these. Pure numpy; knows nothing of Blender.

Between two knots of a track lies a cubic, given by their values and slopes (Hermite; a Bezier whose handles are a third of the way long).
A knot keeps its value; the slopes are those of least squares (Schneider, "An algorithm for automatically fitting digitized curves",
Graphics Gems, 1990, here with the frames of the knots given). What counts is not how far a track is off, but how far the mesh is: each
track's error moves its points by so much a unit, the sum over all tracks is looked at frame by frame, and where a point is too far off
the track that is most to blame gets a knot.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LOOSE = 0.02  # how much a slope is drawn towards that of the frames beside, where an error would draw it elsewhere
ROUNDS = 400  # in which knots are added; a few dozen are enough
SWEEPS = 24  # of Jacobi's method for the slopes: each takes a quarter of the error away
CHUNK = 256  # frames that are looked at together: memory stays bounded
LOOKED_AT = 400  # points that are looked at in every round, besides those that a track moves furthest; the others at the end
ENDS = 1e-4  # of a unit: so near to a limit a track is at it
STILL = 1e-3  # of what is allowed: a point that no track moves further by all that it does


class Curves(NamedTuple):
    """values [K, N] of tracks at each frame; limits [K, 2]: between which they are shown. free [K, N]: where a track may go without its
    key; elsewhere nothing is looked at. kept [K, N]: keys that stay in any case. slopes [K, N], a frame: those that are given; nan where
    they are to be found. moves [K, P, 3]: how far a unit of each moves points, as a share of how far these may be off. shut [N], lips [K]:
    where lips touch, and how far a unit parts them, as a share of how far they may be parted there."""

    values: np.ndarray
    limits: np.ndarray
    free: np.ndarray
    kept: np.ndarray
    slopes: np.ndarray
    moves: np.ndarray
    shut: np.ndarray
    lips: np.ndarray


class Thinned(NamedTuple):
    """knots bool [K, N]; slopes [K, N], a frame, at the knots; off: the largest error of any point, as a share of what is allowed."""

    knots: np.ndarray
    slopes: np.ndarray
    off: float


def thin(curves: Curves, step: Callable[[float], None] = lambda done: None) -> Thinned:
    """As few knots as keep every point within what is allowed, in every frame. step hears how far it is, 0 to 1."""
    values = np.asarray(curves.values, np.float64)
    count, length = values.shape
    knots = curves.kept | ~curves.free
    knots[:, [0, -1]] = True
    reach = np.ptp(values, axis=1)[:, None] * np.linalg.norm(curves.moves, axis=2)  # [K, P]
    moving = np.flatnonzero(reach.max(0) > STILL)
    moves = np.ascontiguousarray(curves.moves[:, moving], np.float32)
    limits = curves.limits[:, :1], curves.limits[:, 1:]
    at_end = (np.abs(values - limits[0]) < ENDS) | (np.abs(values - limits[1]) < ENDS)
    given = np.where(at_end & np.isnan(curves.slopes), 0.0, curves.slopes)  # or the curve would go beyond
    chosen = np.zeros(len(moving), bool)
    chosen[:: max(1, len(moving) // LOOKED_AT)] = True
    chosen[reach[:, moving].argmax(1)] = True
    first = None
    for _ in range(ROUNDS):
        slopes, error = fit(values, knots, given, curves.free)
        error = np.clip(values + error, *limits) - np.clip(values, *limits)
        over = _worst(error, moves[:, chosen], curves)
        if over.share.max() <= 1:
            over = _worst(error, moves, curves)
            chosen[over.point[over.share > 1]] = True
        if first is None:
            first = max(over.share.max(), 2.0)
        step(float(np.clip(1 - np.log(max(over.share.max(), 1.0)) / np.log(first), 0, 1)))
        more = _blamed(error, knots, values, over)
        if over.share.max() <= 1 or not more.any():
            break
        knots |= more
    return Thinned(knots, slopes, float(_worst(error, moves, curves, lips=False).share.max()))


def fit(values: np.ndarray, knots: np.ndarray, given: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(slopes [K, N] at the knots, how far the curves are off [K, N]) of values [K, N] with those knots [K, N]; given: slopes that are, or
    nan; free: see Curves."""
    frames = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(knots, frames, 0), axis=1)
    after = np.minimum.accumulate(np.where(knots, frames, frames[-1])[:, ::-1], axis=1)[:, ::-1]
    number = np.cumsum(knots.ravel()).reshape(knots.shape) - 1  # of the last knot up to each frame, over all tracks
    rows, at = np.nonzero(~knots)
    left, a, b = number[rows, at], before[rows, at], after[rows, at]
    h = (b - a).astype(float)
    t = (at - a) / h
    enter, leave = h * t * (1 - t) ** 2, -h * t * t * (1 - t)  # what a slope at the start, and at the end, adds
    start, end = values[rows, a], values[rows, b]
    rest = values[rows, at] - (start + t * t * (3 - 2 * t) * (end - start))
    count = int(knots.sum())
    total = lambda where, what: np.bincount(where, what, minlength=count)
    own = total(left, enter * enter) + total(left + 1, leave * leave)
    beside = total(left, enter * leave)  # of each knot and the next one
    wanted = total(left, enter * rest) + total(left + 1, leave * rest)
    near = np.gradient(values, axis=1)[knots]
    pull = LOOSE * (own + 1e-3)
    own, wanted = own + pull, wanted + pull * near
    told = given[knots]
    fixed = np.isfinite(told)
    slopes = np.where(fixed, told, near)
    for _ in range(SWEEPS):
        pushed = wanted.copy()
        pushed[:-1] -= beside[:-1] * slopes[1:]
        pushed[1:] -= beside[:-1] * slopes[:-1]
        slopes = np.where(fixed, told, pushed / own)
    error = np.zeros_like(values)
    error[rows, at] = enter * slopes[left] + leave * slopes[left + 1] - rest
    error[~free] = 0
    found = np.zeros_like(values)
    found[knots] = slopes
    return found, error


class _Over(NamedTuple):
    """Of each frame [N] the point that is furthest off, its error as a share of what is allowed, and how much of it is whose [K, N]."""

    point: np.ndarray
    share: np.ndarray
    blame: np.ndarray


def _worst(error, moves, curves, lips=True):
    count, length = error.shape
    points = moves.shape[1]
    over = _Over(np.zeros(length, int), np.zeros(length), np.zeros((count, length)))
    for first in range(0, length, CHUNK):
        part = slice(first, min(first + CHUNK, length))
        each = np.arange(part.stop - first)
        if points:
            away = (error[:, part].T.astype(np.float32) @ moves.reshape(count, -1)).reshape(len(each), points, 3)
            squared = np.einsum("npc,npc->np", away, away)
            point = squared.argmax(1)
            far = np.sqrt(squared[each, point])
            way = away[each, point] / np.maximum(far, 1e-12)[:, None]
            over.point[part], over.share[part] = point, far
            over.blame[:, part] = error[:, part] * np.einsum("knc,nc->kn", moves[:, point], way)
    parted = curves.lips @ error
    worse = lips & curves.shut & (np.abs(parted) > over.share)
    over.share[worse] = np.abs(parted)[worse]
    over.blame[:, worse] = (error * curves.lips[:, None] * np.sign(parted))[:, worse]
    return over


def _blamed(error, knots, values, over):
    """Where knots are added [K, N]: where too much is wrong for a while, on the track that is most to blame, where it is furthest off; a
    peak of the track beside is as good, and better to look at."""
    more = np.zeros(knots.shape, bool)
    share = over.share
    peaks = (share > 1) & (share >= np.r_[0, share[:-1]]) & (share > np.r_[share[1:], 0])
    blame = np.where(knots, 0, over.blame)
    last = values.shape[1] - 1
    for n in np.flatnonzero(peaks):
        k = int(blame[:, n].argmax())
        if blame[k, n] <= 0:
            continue
        at, off = int(n), np.abs(error[k])
        for way in (1, -1):
            while 0 < at < last and not knots[k, at + way] and off[at + way] > off[at]:
                at += way
        for beside in (at, at - 1, at + 1):
            if 0 < beside < last and not knots[k, beside]:
                before, here, after = values[k, beside - 1 : beside + 2]
                if (here - before) * (after - here) <= 0:
                    at = beside
                    break
        more[k, at] = True
    return more
