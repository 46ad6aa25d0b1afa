"""Identity: who a head is. It is set by sliders and a seed; its coefficients are `beta` (FLAME's symbol)."""

from typing import Any

from .characters import CHARACTERS, find_character
from .console import brief
from .errors import UtterError
from .text import read_json

COEFFICIENTS = 300
FURTHEST = 0.75  # limit of a random identity's sliders: the few beyond it are people whom one would not cast
CALM = 0.75  # of what sliders do not describe of a random identity, likewise; and no coefficient of it beyond OWN
OWN = 1.6
SEX = 0.25  # how far a random identity's Masculine is from the middle at least: most people are a man or a woman
SLIDER_LIMIT = 2  # either way, of a slider set by hand; 1 is the end of what is usual
SLIDERS = {  # the names are the built-in head's own (identity_names)
    "Age": "Young or old: cheeks sink, folds deepen, nose and ears grow, lips thin",
    "Masculine": "Feminine or masculine: jaw, chin, brow ridge, nose, lips, neck",
    "Weight": "Thin or heavy: cheeks, jowls, under the chin, neck",
    "Face Length": "Short or long from the eyes to the chin",
    "Jaw Width": "Narrow or wide jaw and chin",
    "Chin": "Receding or prominent chin",
    "Nose Length": "Short or long nose",
    "Nose Width": "Narrow or wide nose",
    "Lips": "Thin or full lips",
    "Eye Size": "Small or large eyes",
    "Eye Distance": "Eyes close together or far apart",
    "Brow": "Smooth or heavy brow",
    "Eyebrow Fullness": "Thin or thick eyebrows",
    "Eyebrow Arch": "Straight or arched eyebrows",
    "Eyebrow Tilt": "Eyebrows that fall or rise outwards",
    "Lash Length": "Short or long lashes",
    "Ears": "Small or large ears",
    "Asymmetry": "One side unlike the other, one way or the other",
}


def draw_identity(directions: Any, seed: int) -> tuple[Any, Any]:
    """The random identity of a seed: its sliders [I], and the part of its beta [300] that sliders do not describe.

    directions [I,300]: the beta that each slider makes at 1. beta is standard normal over all identities.
    """
    import numpy as np

    if seed < 0:
        raise UtterError("A seed is a whole number from 0 on.")
    drawn = np.random.default_rng(seed).standard_normal(COEFFICIENTS)
    values = drawn @ np.linalg.pinv(directions)
    own = np.clip(CALM * (drawn - values @ directions), -OWN, OWN)
    sex = list(SLIDERS).index("Masculine")
    values[sex] += np.copysign(SEX, values[sex])
    return np.clip(values, -FURTHEST, FURTHEST), own


def read_identity(given: str) -> tuple[dict[str, float] | None, int | None]:
    """(sliders, seed) of what a command line gives: the seed of a random identity (sliders None: its own), the name of a character, or
    the path of a JSON file with sliders and perhaps a seed. UtterError if it is none of these."""
    if given.isdecimal():
        try:
            return None, int(given)
        except ValueError as error:  # Python reads no number of more than 4300 digits
            raise UtterError("The seed of an identity has too many digits; choose a smaller one.", str(error)) from error
    if character := find_character(given):
        return dict(character.sliders), character.seed
    told = read_json(
        given,
        missing=f"{brief(given, 1000)} is neither a seed (a whole number), nor a file, nor one of {', '.join(CHARACTERS)}.",
        unreadable=f'{brief(given, 1000)} must hold a JSON object of sliders, such as {{"Age": 0.5, "seed": 3}}.',
    )
    if not isinstance(told, dict) or not all(type(value) in (int, float) and abs(value) < 1e9 for value in told.values()):
        raise UtterError('An identity is set by sliders with a number each, such as {"Age": 0.5, "seed": 3}.')
    seed = told.pop("seed", None)
    if seed is not None and (type(seed) is not int or seed < 0):
        raise UtterError("The seed of an identity is a whole number from 0 on.")
    unknown = [name for name in told if name not in SLIDERS]
    if unknown:
        raise UtterError(f"There is no slider {brief(unknown[0])}; there are {', '.join(SLIDERS)} and seed.")
    beyond = [name for name, value in told.items() if abs(value) > SLIDER_LIMIT]
    if beyond:
        raise UtterError(f"The slider {beyond[0]} is from {-SLIDER_LIMIT} to {SLIDER_LIMIT}, not {brief(told[beyond[0]])}.")
    return {name: float(value) for name, value in told.items()}, seed
