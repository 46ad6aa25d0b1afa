"""Fit a head's identity to a neutral mesh in the head's own topology."""

import numpy as np

from contract import UtterError
from model_runtime.flame.head import IDENTITY

# How many of each make a metre: a mesh near one of these sizes was modelled in it, and is then scaled by exactly that.
UNITS = {"metres": 1.0, "decimetres": 10.0, "centimetres": 100.0, "millimetres": 1000.0, "inches": 1 / 0.0254, "feet": 1 / 0.3048}
_HEAD_RATIO = 1.35  # the largest head over the usual one, and the usual one over the smallest
_NOISE = 2e-4  # metres: how far a vertex may lie from the model for reasons other than identity


def signs(columns, tolerance=1e-6):
    """[K] of 1 or -1 that make the largest entry of each of columns [N,K] positive; of entries as large within tolerance, the first.

    A decomposition leaves the signs of its components open. LAPACK's depend on the last bits of what it is given and so on the
    processor, the BLAS and its threads: whoever keeps components multiplies them by these."""
    size = np.abs(columns)
    first = (size >= (1 - tolerance) * size.max(0)).argmax(0)
    return np.where(columns[first, np.arange(columns.shape[1])] < 0, -1, 1)


def kabsch(source, target, weights=None, scale=False):
    """The similarity that brings source [n,3] nearest to target [n,3]: (factor, rotation [3,3], shift [3]) with target ~ factor *
    source @ rotation.T + shift; factor is 1 unless scale. Umeyama 1991, "Least-squares estimation of transformation parameters
    between two point patterns", equations 34-43."""
    weights = np.ones(len(source)) if weights is None else np.asarray(weights, float)
    weights = (weights / weights.sum())[:, None]
    source_centre, target_centre = (weights * source).sum(0), (weights * target).sum(0)
    a, b = source - source_centre, target - target_centre
    u, s, vt = np.linalg.svd((weights * b).T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    factor = float((s * sign).sum() / (weights * a * a).sum()) if scale else 1.0
    return factor, rotation, target_centre - factor * rotation @ source_centre


def to_metres(factor):
    """The factor that a mesh's best-fitting scale stands for: one over a unit of UNITS where that gives a human head, else
    itself."""
    unit = min(UNITS.values(), key=lambda per_metre: abs(np.log(factor * per_metre)))
    return 1 / unit if abs(np.log(factor * unit)) < np.log(_HEAD_RATIO) else factor


def fit_identity(head, vertices):
    """(beta float32 [300], rms distance in metres) of the identity nearest to a neutral mesh: vertices [V,3] in the head's order,
    at any place, turned in any way, in metres or another unit. Ridge least squares: beta is a priori standard normal. Raises UtterError
    if the mesh is not in the head's topology."""
    vertices = np.asarray(vertices, np.float64)
    if vertices.shape != head.v_template.shape:
        count = len(vertices) if vertices.ndim == 2 else 0
        raise UtterError(
            f"The mesh has {count} vertices and {head.name} has {len(head.v_template)}: choose a mesh in that "
            "head's topology, or load the mesh as a head of its own."
        )
    if not np.isfinite(vertices).all() or np.ptp(vertices, axis=0).max() == 0:
        raise UtterError("The mesh has vertices that are not finite, or all in one place; choose another neutral mesh.")
    template = head.v_template.astype(np.float64)
    vertices = vertices * to_metres(kabsch(vertices, template, scale=True)[0])
    beta, distance = nearest_identity(vertices, template, head.shapedirs[:, :, :IDENTITY], _NOISE)
    return beta, float(np.sqrt((distance**2).mean()))


def nearest_identity(points, template, shapes, noise, trust=None):
    """(beta float32 [S], distance [n]): the identity template + shapes @ beta [n,3,S] that comes nearest to points [n,3] standing
    anywhere.

    Gauss-Newton over identity and a small turn and shift together. Solved one after the other they would converge slowly, because
    identities, too, make heads taller and longer. beta is a priori standard normal; noise is the standard deviation of a coordinate,
    trust [n] weighs the points."""
    trust = np.ones(len(points)) if trust is None else trust / trust.mean()
    root = np.sqrt(trust)[:, None, None]
    shapes = shapes.astype(np.float64)
    count = shapes.shape[2]
    prior = np.diag(np.r_[np.full(count, noise**2), np.zeros(6)])
    beta, shaped = np.zeros(count), template
    for _ in range(12):
        _, rotation, shift = kabsch(points, shaped, trust)
        placed = points @ rotation.T + shift
        turn = np.stack([np.cross(axis, placed) for axis in np.eye(3)], 2)
        shifts = np.broadcast_to(np.eye(3), (len(points), 3, 3))
        a = (root * np.concatenate([shapes, -turn, -shifts], axis=2)).reshape(-1, count + 6)
        b = (root * (placed - template)[..., None]).ravel()
        before, beta = beta, np.linalg.solve(a.T @ a + prior, a.T @ b)[:count]
        shaped = template + shapes @ beta
        if np.abs(beta - before).max() < 1e-5:
            break
    _, rotation, shift = kabsch(points, shaped, trust)
    return beta.astype(np.float32), np.linalg.norm(points @ rotation.T + shift - shaped, axis=1)
