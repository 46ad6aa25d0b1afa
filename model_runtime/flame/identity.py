"""Characters: named sliders and random people, as coefficients beta [300] of a head's identity basis.

beta is standard normal over all people by construction (tools/sculpt/identity.py). A slider is a direction in it; a random
character is a draw of all 300, of which the sliders tell what they can. What they leave is the character's own: `beta` adds it
to any sliders when given the character's seed, so that sliders move on from a random character.
"""

import numpy as np

from model_runtime.errors import UtterError
from model_runtime.flame.head import IDENTITY

FURTHEST = 0.75  # no random character lies further out than this by any slider: the last in a hundred look less like people


def names(head):
    """The names of the head's sliders; none for a head without."""
    return [] if head.identity_names is None else [str(name) for name in head.identity_names]


def beta(head, sliders, seed=None):
    """beta float32 [300] of sliders {name: -1 to 1} (left out: 0) and of what the character of that seed has besides."""
    directions = _directions(head)
    unknown = [name for name in sliders if name not in names(head)]
    if unknown:
        raise UtterError(f"There is no slider {unknown[0]}; there are {', '.join(names(head))}.")
    values = np.array([float(sliders.get(name, 0)) for name in names(head)])
    if not np.isfinite(values).all():
        raise UtterError("Every slider needs a number, usually between -1 and 1.")
    own = 0 if seed is None else _person(directions, seed)[1]
    return (values @ directions + own).astype(np.float32)


def random(head, seed):
    """(sliders {name: -1 to 1}, beta float32 [300]) of the character of that seed."""
    values, _ = _person(_directions(head), seed)
    sliders = dict(zip(names(head), values.tolist()))
    return sliders, beta(head, sliders, seed)


def read(head, told):
    """beta of {slider: value, ..., "seed": N}, as a file tells it; the seed may be missing. UtterError if it tells anything else."""
    if not isinstance(told, dict) or not all(type(value) in (int, float) for value in told.values()):
        raise UtterError('An identity is told by sliders with a number each, such as {"Age": 0.5, "seed": 3}.')
    sliders, seed = {name: value for name, value in told.items() if name != "seed"}, told.get("seed")
    if seed is not None and type(seed) is not int:
        raise UtterError("The seed of an identity is a whole number.")
    return beta(head, sliders, seed)


def _directions(head):
    if head.identity_directions is None:
        raise UtterError(f"{head.name} has no sliders for its identity; the built-in head does.")
    return head.identity_directions.astype(np.float64)


def _person(directions, seed):
    """The sliders [I] of the person drawn by that seed, and what they do not tell [300].

    addon/identity.py draws the same: it must not import this, and a test holds the two together."""
    if seed < 0:
        raise UtterError("A seed is a whole number from 0 on.")
    drawn = np.random.default_rng(seed).standard_normal(IDENTITY)
    values = drawn @ np.linalg.pinv(directions)
    return np.clip(values, -FURTHEST, FURTHEST), drawn - values @ directions
