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


def recall(names: dict[Any, str], known: dict[Any, np.ndarray], there: dict[str, np.ndarray]) -> dict[Any, str]:
    """{key: name} of what had these names once and did what is known (likenesses), among what is there under whichever name now.
    A name counts unless what bears it does something else; what cannot be told beyond doubt is left out."""
    apart = lambda key, name: float(np.linalg.norm(there[name] - known[key]))
    same = lambda key, name: apart(key, name) < ALIKE * np.linalg.norm(known[key])
    found = {key: name for key, name in names.items() if name in there and (key not in known or same(key, name))}
    for key in known:
        free = sorted((name for name in there if name not in found.values()), key=lambda name: apart(key, name))
        clear = len(free) == 1 or (free and apart(key, free[1]) > CLEARLY * apart(key, free[0]))
        if key not in found and clear and same(key, free[0]):
            found[key] = free[0]
    return found | {key: name for key, name in names.items() if key not in found and name in there and name not in found.values()}


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
