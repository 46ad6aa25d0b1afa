"""Identities: named sliders and random draws, as coefficients beta [300] of a head's identity basis.

beta is standard normal over all identities by construction (tools/sculpt/identity.py). A slider is a direction in it. A random
identity is a draw of all 300 coefficients; its sliders describe a part of it. Given the seed of the draw, `beta` adds the rest, so
that sliders can start from a random identity.
"""

import numpy as np

from contract import UtterError, draw_identity


def names(head):
    """The names of the head's sliders; none for a head without."""
    return [] if head.identity_names is None else [str(name) for name in head.identity_names]


def beta(head, sliders, seed=None):
    """beta float32 [300] of sliders {name: -1 to 1} (left out: 0) and of what the sliders do not describe of that seed's random
    identity."""
    directions = _directions(head)
    unknown = [name for name in sliders if name not in names(head)]
    if unknown:
        raise UtterError(f"There is no slider {unknown[0]}; there are {', '.join(names(head))}.")
    values = np.array([float(sliders.get(name, 0)) for name in names(head)])
    if not np.isfinite(values).all():
        raise UtterError("Every slider needs a number, usually between -1 and 1.")
    own = 0 if seed is None else draw_identity(directions, seed)[1]
    return (values @ directions + own).astype(np.float32)


def random(head, seed):
    """(sliders {name: -1 to 1}, beta float32 [300]) of the random identity of that seed."""
    values, _ = draw_identity(_directions(head), seed)
    sliders = dict(zip(names(head), values.tolist()))
    return sliders, beta(head, sliders, seed)


def _directions(head):
    if head.identity_directions is None:
        raise UtterError(f"{head.name} has no sliders for its identity; the built-in head does.")
    return head.identity_directions.astype(np.float64)
