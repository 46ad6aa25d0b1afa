"""What shape keys do, whatever they are called: where and how each moves, beside our own face actions carried over. Arrays only.

From motor to landmark and back: every key is tried, what it moves is looked at, and which of our movements that is.
"""

from typing import NamedTuple

import numpy as np

from ..contract import ACTIONS
from .ours import Ours
from .rows import Row

REACH = 0.03  # metres: a place of ours has no counterpart further away
SPREAD = 0.03  # metres: how far the pull of a centre reaches when places are carried over
CHUNK = 128
MIDDLE = 0.005  # metres from the middle of a face: from about there on a place is of one side
BOTH, SIZES = 0.5, 1.5  # how much less alike what moves both sides is to what moves one; how far sizes may differ, as logarithms
TELLS = 0.6  # cosine: keys that are so much alike tell how large a character's movements are
PAIRS = [(name, name[:-4] + "Right") for name in ACTIONS if name.endswith("Left") and name[:-4] not in ("jaw", "mouth")]


class Fields(NamedTuple):
    """What is compared, at our places: ours [A,M*3] of candidates (names of actions that move together), theirs [K,M*3] of keys, metres in
    FLAME's axes. seen bool [M]: places that have a counterpart."""

    candidates: list[tuple[str, ...]]
    ours: np.ndarray
    theirs: np.ndarray
    seen: np.ndarray

    def alike(self) -> np.ndarray:
        """Cosines [K, A]."""
        unit = lambda rows: rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return unit(self.theirs) @ unit(self.ours).T

    def fitting(self, places: np.ndarray) -> np.ndarray:
        """Cosines [K, A] as far as sides and sizes fit as well: a key that moves both sides alike is none of one side's actions, and one
        that moves things far is none of the small ones. places [M,3]: ours."""
        alike = np.maximum(self.alike(), 0)
        alike *= 1 - BOTH * np.minimum(np.abs(leans(self.theirs, places)[:, None] - leans(self.ours, places)), 1)
        sizes = [np.log(np.maximum(np.linalg.norm(field, axis=1), 1e-9)) for field in (self.theirs, self.ours)]
        apart = sizes[0][:, None] - sizes[1]
        sure = [apart[k, best] for k, best in enumerate(alike.argmax(axis=1)) if alike[k, best] > TELLS]
        return alike * np.exp(-((apart - (np.median(sure) if sure else 0.0)) ** 2) / (2 * SIZES**2))


def leans(fields: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Of which side what is moved lies, [K] of fields [K,M*3] at places [M,3]: 1 left, -1 right, 0 both alike."""
    squares = (fields.reshape(len(fields), -1, 3) ** 2).sum(axis=2)
    return squares @ np.tanh(places[:, 0] / MIDDLE) / np.maximum(squares.sum(axis=1), 1e-12)


def assigned(scores: np.ndarray) -> list[tuple[int, int]]:
    """Which of the rows [K, A] gets which column, each at most one, so that their scores add up to the most (Kuhn 1955, by shortest
    augmenting paths)."""
    cost = -scores if len(scores) <= scores.shape[1] else -scores.T
    count, width = cost.shape
    row_of, by_row, by_column = np.full(width + 1, -1), np.zeros(count), np.zeros(width + 1)
    for row in range(count):
        row_of[width], column = row, width  # the last column is where a path begins
        least, back, seen = np.full(width, np.inf), np.full(width, width), np.zeros(width + 1, bool)
        while row_of[column] >= 0:
            seen[column] = True
            of = row_of[column]
            here = cost[of] - by_row[of] - by_column[:width]
            nearer = ~seen[:width] & (here < least)
            least[nearer], back[nearer] = here[nearer], column
            following = int(np.where(seen[:width], np.inf, least).argmin())
            step = least[following]
            by_row[row_of[seen]] += step
            by_column[seen] -= step
            least[~seen[:width]] -= step
            column = following
        while column != width:
            row_of[column] = row_of[back[column]]
            column = back[column]
    pairs = [(int(row_of[column]), column) for column in range(width) if row_of[column] >= 0]
    return pairs if len(scores) <= scores.shape[1] else [(column, row) for row, column in pairs]


def nearest(points: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of points [N,3] the nearest of among [V,3]: rows [N], distances [N]."""
    rows, far = np.empty(len(points), int), np.empty(len(points))
    squares = (among**2).sum(axis=1)
    for first in range(0, len(points), CHUNK):
        part = points[first : first + CHUNK]
        apart = squares - 2 * part @ among.T
        rows[first : first + CHUNK] = best = apart.argmin(axis=1)
        far[first : first + CHUNK] = np.linalg.norm(among[best] - part, axis=1)
    return rows, far


def carried(points: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Points [N,3] moved as the centres here [C,3] must move to lie there [C,3]: each pulls what is near (Shepard 1968, by a Gaussian)."""
    pull = np.exp(-((points[:, None] - here) ** 2).sum(axis=2) / (2 * SPREAD**2))
    return points + pull @ (there - here) / np.maximum(pull.sum(axis=1, keepdims=True), 1e-3)


def fields(ours: Ours, places: np.ndarray, moves: np.ndarray, here: np.ndarray, there: np.ndarray) -> Fields:
    """Compare: places [V,3] of the character, laid over our head, and moves [K,V,3] of its keys; centres of ours here [C,3] lie there."""
    rows, far = nearest(carried(ours.places, here, there), places)
    seen = far < REACH
    candidates: list[tuple[str, ...]] = [(name,) for name in ACTIONS]
    candidates += [pair for pair in PAIRS if pair[1] in ACTIONS]
    of = {name: (move * seen[:, None]).ravel() for name, move in zip(ACTIONS, ours.moves)}
    theirs = (moves[:, rows] * seen[None, :, None]).reshape(len(moves), -1)
    return Fields(candidates, np.array([sum(of[name] for name in names) for names in candidates]), theirs, seen)


def predicted(row: Row, ours: Ours, seen: np.ndarray) -> np.ndarray:
    """What a key should move, if its row is right: what moves it, all at once [M*3]."""
    weights = np.zeros(len(ACTIONS))
    for name, weight in row.sources.items():
        if name in ACTIONS and weight > 0:
            weights[ACTIONS.index(name)] = weight
    return (np.tensordot(weights, ours.moves, 1) * seen[:, None]).ravel()
