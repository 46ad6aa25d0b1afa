"""Lids that shut along one line and keep clear of the eye on their way.

The package's blink leaves the lids' margins a millimetre or two apart. A lid's way from open to shut is straight, as every shape key's:
it would cut through a round eye, so the cornea is flat (eyes.CORNEA) and the lids keep their distance at both ends.
"""

import numpy as np

from tools.human.eyes import BALL
from tools.human.fields import beside
from tools.human.skin import EYE
from tools.human.source import PARTS, SKIN

CLEAR = 0.0004  # metres that a lid keeps from the eye
CORNER = 5  # places of each margin about the inner corner, where it turns back
REACH = 0.006  # metres: how far what is done to a margin reaches


def shut(skin, blink):
    """[V,3]: the left eye's blink, its lids meeting on one line. blink: the package's [V,3]."""
    upper, lower = margin_lines(skin.margins[0])
    field = blink.copy()
    for _ in range(3):
        posed = skin.vertices + field
        move = meeting(posed[upper], posed[lower])
        rows = np.concatenate([upper, lower])
        field = field + skin.spread(rows, np.concatenate(move), REACH)
        # What has come too near to the eye goes out again, the lids' edges first.
        posed = skin.vertices + field
        field = field + skin.spread(rows, clear(posed[rows]), REACH)
    return field


def margin_lines(ring):
    """(upper [M], lower [M]) of an eye's margin, a ring from the outer corner up: both from the outer corner to the inner one. The
    inner corner has four places more below than above: they are counted half and half."""
    corner = len(ring) // 2
    return ring[1:corner], ring[:corner:-1]


def meeting(upper, lower):
    """How two margins [M,3] each, from the outer corner to the inner one, move to lie on the line midway: keeping their x, but in the
    inner corner each place meets the one opposite."""
    order = lambda line: line[np.argsort(line[:, 0])]
    at = lambda line, x: np.stack([np.interp(x, order(line)[:, 0], order(line)[:, k]) for k in (1, 2)], -1)
    found = []
    for own, other in ((upper, lower), (lower, upper)):
        way = 0.5 * (at(other, own[:, 0]) - own[:, 1:])
        found.append(np.column_stack([0 * own[:, 0], way]))
        found[-1][-CORNER:] = 0.5 * (other - own)[-CORNER:]
    return found


def clear(points):
    """How points [N,3] of the left lids move outward to be CLEAR of the ball."""
    away = points - EYE
    r = np.linalg.norm(away, axis=1, keepdims=True)
    return away / r * np.maximum(BALL + CLEAR + 0.0011 - r, 0)


def with_skin(source, skin, name, field, near=0.004):
    """[N,3]: an action of all vertices, the wet line, which lies on the lids, following what was done to the skin."""
    out = source.actions[name].copy()
    change = field - out[:SKIN]
    out[:SKIN] = field
    rows = np.arange(*PARTS["wet"])
    far, nearest, weight = beside(skin.vertices, source.vertices[rows])
    out[rows] += (weight[..., None] * change[nearest]).sum(1) * (far[:, :1] < near)
    return out
