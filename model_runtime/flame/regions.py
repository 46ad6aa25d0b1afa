"""What of a change of Motion belongs to regions of the face (contract.REGIONS), which share the expression's channels."""

from functools import lru_cache

import numpy as np

from contract import ACTIONS, CHANNELS, EXPRESSION, REGIONS, performed_in


@lru_cache(maxsize=16)
def _part(regions, motions):
    matrix = np.zeros((CHANNELS, CHANNELS))
    channels, actions = performed_in(regions)
    matrix[channels, channels] = 1
    matrix[EXPRESSION] = 0
    shapes = np.frombuffer(motions, np.float32).reshape(len(ACTIONS), CHANNELS)[:, EXPRESSION].astype(np.float64)
    amounts = np.linalg.pinv(shapes, rcond=1e-4)  # [50, 52]: of the face actions in a change of expression
    matrix[EXPRESSION, EXPRESSION] = amounts[:, actions] @ shapes[actions]
    return matrix.astype(np.float32)


def part(head, regions):
    """[65, 65]: change [T, 65] @ this is what those regions have of a change of Motion on the built-in head.

    A change of expression is a sum of face actions in one way alone (least squares; the 48 actions that move expression are independent of
    each other), and a face action belongs to one region. All regions have all of it.
    """
    if set(regions) >= set(REGIONS):
        return np.eye(CHANNELS, dtype=np.float32)
    return _part(frozenset(regions), head.actions_motion.astype(np.float32).tobytes())
