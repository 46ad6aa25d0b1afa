"""The measured skin: its rings about mouth and eyes, smooth fields over it, and lips that touch at rest.

The scans' generic head holds its lips a millimetre apart, and the vertices of the two lips do not lie opposite each other. A head of
Utter touches where its lips meet, vertex to vertex, or nothing could say when a mouth is shut.
"""

import numpy as np
from scipy.sparse import diags
from scipy.sparse.linalg import splu

from tools.human.fields import laplacian
from tools.human.rings import Edges
from tools.human.source import SKIN, symmetric

# Vertices of the package that rings are walked from.
MOUTH = (5525, 5524)  # the middle of the upper lip's border, and the next one on the way into the mouth
MOUTH_RINGS = 29
CONTACT = 7  # the ring where the lips meet; ring 0 is the border of the red
HALF = 37  # places on a ring from the middle of the upper lip to the middle of the lower one
MARGIN = 2810  # on the ring of the left eye's lids that is seen from the front: where the lashes grow
EYE = np.array([0.0310, 0.0300, 0.0620])  # centre of the left eyeball


class Skin:
    """vertices [V,3], quads [Q,4], mirror [V]; mouth [29,74]: rings from the lips' border into the mouth, each from the middle of the
    upper lip over the subject's left round; margins: rings of the left and the right eye, from the outer corner up."""

    def __init__(self, source):
        self.vertices, self.mirror = source.vertices[:SKIN].copy(), source.mirror[:SKIN]
        self.rows = np.flatnonzero(source.quads.max(1) < SKIN)
        self.quads = source.quads[self.rows]
        edges = Edges(self.quads)
        column = edges.line(*MOUTH, MOUTH_RINGS)
        to_left = lambda v: next(n for n in edges.near[v] if self.vertices[n, 0] > 1e-6)
        self.mouth = np.array([edges.ring(v, to_left(v)) for v in column])
        self.pair = (HALF - np.arange(2 * HALF)) % (2 * HALF)
        margin = np.array(eye_ring(edges, self.vertices, MARGIN))
        self.margins = margin, self.mirror[margin]
        self.stiffness, self.mass = laplacian(self.vertices, self.quads)
        self.solved = {}
        self.close_lips()

    # ---- fields

    def spread(self, held, values, reach=None):
        """Values [N,...] at vertices held [N], elsewhere the smoothest field on the mesh; with reach (metres) it dies away."""
        held, first = np.unique(held, return_index=True)
        values = np.asarray(values, float)[first]
        free = np.setdiff1d(np.arange(len(self.vertices)), held)
        key = held.tobytes(), reach
        if key not in self.solved:
            system = (self.stiffness + (diags(self.mass / reach**2) if reach else 0 * diags(self.mass))).tocsc()[free]
            self.solved[key] = system[:, held], splu(system[:, free])
        to_held, solver = self.solved[key]
        out = np.zeros((len(self.vertices), *values.shape[1:]))
        out[held], out[free] = values, solver.solve(-(to_held @ values))
        return out

    def around(self, ring, move, reach=0.012):
        """The field [V,3] that moves a ring [K] by move [K,3] and less and less what lies round it."""
        return self.spread(ring, move, reach)

    # ---- lips

    @property
    def contact(self):
        return self.mouth[CONTACT]

    def lips(self):
        """(upper [37], lower [37]): vertices where the lips meet, opposite each other, from the subject's left to right."""
        places = np.arange(HALF // 2, -HALF // 2, -1)
        return self.contact[places], self.contact[HALF - places]

    def close_lips(self):
        """Let the lips touch, each going half of the way and sliding along so that its vertices lie opposite the other's."""
        upper, lower = self.lips()
        for _ in range(2):
            places = 0.5 * (shares(self.vertices[upper]) + shares(self.vertices[lower]))
            line = 0.5 * (walked(self.vertices[upper], places) + walked(self.vertices[lower], places))
            move = np.concatenate([line - self.vertices[upper], line - self.vertices[lower]])
            self.vertices += symmetric(self.around(np.r_[upper, lower], move), self.mirror)


def shares(line):
    """How much of a line of points [K,3] lies before each: [K], 0 to 1."""
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return way / way[-1]


def walked(line, places):
    """The points [N,3] of a line [K,3] where so much of it lies behind: places [N]."""
    return np.stack([np.interp(places, shares(line), axis) for axis in line.T], -1)


def eye_ring(edges, vertices, start):
    """The ring of the lids through vertex start, from the outer corner of the left eye over the upper lid."""
    for second in edges.near[start]:
        try:
            ring = edges.ring(start, second)
        except ValueError:
            continue
        if np.linalg.norm(vertices[ring].mean(0) - EYE) < 0.025 and len(ring) < 60:
            break
    outer = int(vertices[ring, 0].argmax())
    ring = ring[outer:] + ring[:outer]
    return ring if vertices[ring[1], 1] > vertices[ring[-1], 1] else ring[:1] + ring[:0:-1]
