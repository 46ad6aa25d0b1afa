"""Names and places of everything the teacher writes.

actions   [T, 52] the ARKit face actions, 0 to 1 (contract.ACTIONS)
channels  [T, 15] what face actions do not describe well, in this order:

| slice | what | unit |
|---|---|---|
| 0:3 | neck, axis-angle | radians, as in Motion |
| 3:7 | eyes: left pitch, left yaw, right pitch, right yaw | radians, as in Motion |
| 7:9 | left lid, right lid | 0 open to 1 shut |
| 9:12 | tongue: tip up, back up, out | 0 to 1 |
| 12 | closure: how far the lips must be shut, whatever the rest of the face does | 0 to 1 |
| 13 | labiodental: how far the lower lip must be on the upper teeth | 0 to 1 |
| 14 | aperture: the least lip gap that speech asks for here | share of the gap at jawOpen 1 |

The first twelve are Motion's last twelve; the other three are what contact.solve makes happen on a head.
"""

import numpy as np

from contract import ACTIONS, sides

CHANNELS = 15
NECK, EYES, LIDS, TONGUE = slice(0, 3), slice(3, 7), slice(7, 9), slice(9, 12)
CLOSURE, LABIODENTAL, APERTURE = 12, 13, 14

INDEX = {name: i for i, name in enumerate(ACTIONS)}  # contact.py looks names up, because heads have their own order


def columns(name):
    """Indices of an action named without its side: both sides of a pair, or the one."""
    return [INDEX[side] for side in sides(name)]


def face(weights):
    """{action, with or without side: value} -> [52]."""
    out = np.zeros(len(ACTIONS))
    for name, value in weights.items():
        out[columns(name)] = value
    return out
