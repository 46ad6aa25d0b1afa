"""The names of feelings, and what the columns of a Feeling are.

POINT    0:128  which feeling (direction) and how much of it (length, the strength)
CONTROL  128    -1 wholly held back, 0 plain, 1 let go; times the strength
MOUTH    129    how much it may have of the mouth in speech: -1 none, 0 the default, 1 all
"""

import numpy as np

from contract import LABELS as LABELS  # the names belong to this file, too

SIZE = 128  # of a point of the space
POINT, CONTROL, MOUTH = slice(0, SIZE), SIZE, SIZE + 1
MANNER = slice(SIZE, SIZE + 2)  # control and mouth: not what is felt, but how it shows
COLUMNS = SIZE + 2


def feeling(points, control=0.0, mouth=0.0):
    """points [..., 128], with control and mouth (each [...] or a number) -> Feeling float32 [..., 130]."""
    out = np.zeros((*np.shape(points)[:-1], COLUMNS), np.float32)
    out[..., POINT], out[..., CONTROL], out[..., MOUTH] = points, control, mouth
    return out
