"""What a shape key or a bone does, in a few numbers: by them it is found again when the artist gave it another name."""

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np

NUMBERS = 16
ALIKE = 0.5  # of a likeness's length: unrelated ones lie about 1.4 apart, the same after some sculpting well below
CLEARLY = 2  # and the next best must be so much further away


def likeness(does: np.ndarray) -> np.ndarray:
    """[16] of what something does to each vertex ([V] or [V,3]): a random projection, which keeps how far two of them are apart."""
    return _directions(does.size) @ does.ravel()


def match(known: dict[Any, np.ndarray], there: dict[str, np.ndarray]) -> dict[Any, str]:
    """{key of known: name in there} of those that do the same beyond doubt. Both hold likenesses."""
    found: dict[Any, str] = {}
    for key, one in known.items():
        apart = sorted((float(np.linalg.norm(other - one)), name) for name, other in there.items() if name not in found.values())
        if apart and apart[0][0] < ALIKE * np.linalg.norm(one) and (len(apart) == 1 or apart[1][0] > CLEARLY * apart[0][0]):
            found[key] = apart[0][1]
    return found


def group_weights(obj: Any, names: Iterable[str]) -> dict[str, np.ndarray]:
    """{name: weights [V]} of those vertex groups of a mesh object that are there."""
    weights = {obj.vertex_groups[name].index: np.zeros(len(obj.data.vertices)) for name in names if name in obj.vertex_groups}
    for vertex in obj.data.vertices:
        for group in vertex.groups:
            if group.group in weights:
                weights[group.group][vertex.index] = group.weight
    return {obj.vertex_groups[index].name: column for index, column in weights.items()}


@functools.lru_cache(4)
def _directions(size):
    return np.random.RandomState(0).standard_normal((NUMBERS, size))  # the numbers are saved: this stream never changes
