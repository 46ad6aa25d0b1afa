"""How far and when the mouth opens, widens and comes forward, from people: the teacher's tracks follow the mouth curves that the encoder
hears (speech/content.py), where these are known. Which lips meet or bite, and with which shape, stays the phones' affair.

A curve says how far a mouth is from its speaker's mean. UNIT and REST put it on our head, from GRID's three speakers (films.py), each in
their own: the standard deviation of lip gap, width, jaw and protrusion in talk, and where the mouth at rest lies. The tracks then change
by the most probable correction that brings the measured mouth there (as diffusion/lips.py seals lips).
"""

from functools import cache

import numpy as np

from contract import ACTIONS
from model_runtime.capture.solve import lengths
from model_runtime.flame.load import load_head
from model_runtime.training.teacher.layout import columns
from model_runtime.training.teacher.phones import TRACK

UNIT = np.array([5.5, 3.6, 2.7, 1.4])  # mm of lip gap, width, jaw, protrusion: means of the three, and more where what is heard falls short
STYLE = np.array([1.27, 1.5, 1.27, 1.5])  # median gains of performers (styles.py), whose targets are those of a quiet one
REST = np.array([-0.87, 0.5, -1.3, 1.0])  # of the curves: s1's, from whom they are mostly learned
SURE = np.array([0.5, 0.7, 0.7, 0.7])  # mm, standard deviation: how exactly each is followed
OPEN = 4.0  # mm of a lip gap that nothing shuts but a p, b or m
# How far a track may move for that, standard deviation; what is not named does not move.
MOVES = {
    "jawOpen": 0.2,
    "mouthFunnel": 0.15,
    "mouthPucker": 0.15,
    "mouthSmile": 0.1,
    "mouthStretch": 0.15,
    "mouthLowerDown": 0.2,
    "mouthUpperUp": 0.12,
}


def follow(tracks, rest, curves, gains):
    """(tracks [T, 13] (phones.TRACKS), rest [T]: how far a pause shuts the lips) that follow curves [T, 4]; where all four are 0 they are
    not known, and both stay. gains [T, 4]: how far this performer and feeling go, of UNIT."""
    known = np.any(curves != 0, 1)
    if not known.any():
        return tracks, rest
    slope, moved = slopes(), [TRACK[name] for name in MOVES]
    free = np.array(list(MOVES.values())) ** 2
    pull = free[:, None] * slope.T @ np.linalg.inv(slope * free @ slope.T + np.diag(SURE**2))  # [7, 4]
    out = tracks.copy()
    goal = gains / STYLE * UNIT * (curves - REST)
    for _ in range(2):  # once more for what the limits held back
        miss = goal - out[:, moved] @ slope.T
        out[np.ix_(known, moved)] += miss[known] @ pull.T
        out[:, moved] = np.clip(out[:, moved], 0, 1)
    opened = np.where(known, goal[:, 0] - SURE[0], 0)  # people open their mouths before they speak, and stay open after
    return out, rest * np.clip(1 - opened / OPEN, 0, 1)


@cache
def slopes():
    """[4, 7] mm of gap, width, jaw, protrusion that each of MOVES makes at 1, on the built-in head."""
    head = load_head()
    faces = np.zeros((len(MOVES), len(ACTIONS)), np.float32)
    for row, name in zip(faces, MOVES):
        row[columns(name)] = 0.3
    return lengths(head, faces).T / 0.3
