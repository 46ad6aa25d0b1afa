"""Styles of hair: how long it is and which way it lies. Metres, on the measured head."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.human.fields import smoothstep, unit

SETTINGS = ("count", "width", "clump", "waves", "curl", "turns", "stray", "uneven")
TIE, BUN = np.array([0.0, 0.068, -0.121]), np.array([0.0, 0.100, -0.118])


def column(x):
    return np.asarray(x)[:, None]


@dataclass(frozen=True)
class Style:
    """points: of a guide. way(p, out, along, roots) -> [n,3]: where a hair goes; length(roots) -> [n] metres;
    height(roots, along) -> [n]: how high over the skin it lies; held: 0 to 1, how firmly it is held at that height, else only above it.
    firm: 0 to 1, how much of its way a hair keeps in each step.

    For Blender's side: count of hairs, width (metres), clump (0 to 1: how far tips of a tuft come together), waves and curl (metres to
    the side, in so many turns), stray (share of hairs that stand off), uneven (share of the length that differs)."""

    points: int
    length: Any
    way: Any
    height: Any
    held: float
    firm: float = 0.45
    count: int = 8000
    width: float = 0.0007
    clump: float = 0.45
    waves: float = 0.0015
    curl: float = 0.0
    turns: float = 0.0
    stray: float = 0.04
    uneven: float = 0.25
    finish: Any = None

    def grow(self, skull, roots, vigour):
        """Guides [n, points, 3] from roots [n,3]."""
        out, _ = skull.over(roots, ears=False)
        step = column(self.length(roots) * (0.55 + 0.45 * vigour) / (self.points - 1))
        p, line = roots, [roots]
        course = unit(0.75 * out + 0.65 * unit(self.way(roots, out, 0.0, roots)))
        for k in range(1, self.points):
            along = k / (self.points - 1)
            over_ears = bool(self.points > 8)
            out, _ = skull.over(p, ears=over_ears)
            course = unit(self.firm * course + (1 - self.firm) * unit(self.way(p, out, along, roots)))
            p = p + step * course
            out, high = skull.over(p, ears=over_ears)
            wanted = self.height(roots, along)
            missing = wanted - high
            near = 1 - smoothstep(0.03, 0.05, high)
            p = p + out * column(np.where(missing > 0, missing, self.held * near * missing))
            course = unit(p - line[-1])
            line.append(p)
        line = np.stack(line, 1)
        return line if self.finish is None else self.finish(skull, line)


def along_skin(way, out):
    return way - (way * out).sum(1, keepdims=True) * out


# Short, crop, buzz


def top(p):
    return smoothstep(0.088, 0.122, p[:, 1])


def fade(roots, low, high):
    """Length at the sides: low at nape and sideburns, high where the top begins."""
    return low + (high - low) * smoothstep(-0.03, 0.095, roots[:, 1])


def downwards(p):
    """How hair of sides and back lies: back and down, round the ears."""
    x, y, z = p.T
    back = column(smoothstep(0.03, 0.085, -z))
    return np.array([0.0, -0.75, -0.55]) * (1 - back) + back * np.stack([-3 * x, -1 + 0 * x, 0 * x], 1)


def from_whorl(p, twist=0.9):
    """Away from the whorl at the back of the crown, turning about it."""
    d = p - (0.008, 0.131, -0.062)
    spin = np.stack([d[:, 2], 0 * d[:, 0], -d[:, 0]], 1)
    return unit(d) + twist * column(np.exp(-((np.linalg.norm(d, axis=1) / 0.030) ** 2))) * unit(spin)


def side_parting(p, out, _along, roots):
    x, z = roots[:, 0], roots[:, 2]
    over = column(smoothstep(-0.004, 0.004, 0.030 - x))
    front = column(smoothstep(0.030, 0.068, z))
    swept = over * ((1 - front) * np.array([-0.9, 0.0, -0.35]) + front * np.array([-0.80, 0.35, -0.25])) + (1 - over) * (0.9, -0.3, -0.45)
    crown = column(smoothstep(0.000, 0.045, -z))
    swept = swept * (1 - crown) + crown * from_whorl(p)
    t = column(top(roots))
    return along_skin(t * swept + (1 - t) * downwards(p), out)


def short_height(roots, along):
    x, z = roots[:, 0], roots[:, 2]
    front = smoothstep(0.010, 0.065, z)
    over = smoothstep(-0.010, 0.020, 0.030 - x)
    lift = 0.006 + 0.009 * over + 0.010 * front * over
    lift = top(roots) * lift + (1 - top(roots)) * 0.0028
    return lift * np.sin(np.pi * min(1, 0.12 + 0.62 * along)) * (1 - np.exp(-5 * along))


def forwards(p, out, along, roots):
    x, _, z = roots.T
    t = column(top(roots))
    ahead = np.stack([-1.5 * x, -0.35 + 0 * x, 1 + 0 * x], 1)
    behind = column(smoothstep(0.050, 0.075, -z))
    over = ahead * (1 - behind) + behind * from_whorl(p)
    temple = np.array([0.0, -0.8, 0.35])
    sides = column(smoothstep(-0.02, 0.03, z)) * temple + (1 - column(smoothstep(-0.02, 0.03, z))) * downwards(p)
    return along_skin(t * over + (1 - t) * sides, out) + 0.10 * (1 - along) * out


# Bob, long


def curtain(parting, back=0.35):
    """Falls to both sides of a parting at x = parting."""

    def way(p, out, along, roots):
        x, y, z = p.T
        side = np.sign(roots[:, 0] - parting - 0.004 * np.sin(60 * roots[:, 2]))
        behind = smoothstep(0.035, 0.075, -roots[:, 2])
        falls = smoothstep(0.0, 0.05, 0.105 - y)
        lying = np.stack([side, -0.25 + 0 * x, -back + 0 * x], 1) * column(1 - behind) + column(behind) * from_whorl(p, 0.3)
        drop = np.stack([0 * x, -1 + 0 * x, -0.30 * smoothstep(0.02, 0.07, z) * smoothstep(-0.03, 0.03, y)], 1)
        w = column(falls)
        return along_skin(lying, out) * (1 - w) + w * drop

    return way


def falling(end, over=0.035):
    """Length [n] that ends about y = end."""

    def length(roots):
        x, y, z = roots.T
        return np.maximum(y - end, 0.02) + over * smoothstep(0.06, 0.135, y)

    return length


def volume(top_height, side_height):
    def height(roots, along):
        t = top(roots)
        inner = 0.35 + 0.65 * smoothstep(-0.02, 0.12, roots[:, 1])  # hair from below lies under that from above
        return inner * (t * top_height + (1 - t) * side_height) * (1 - np.exp(-6 * along))

    return height


def turned_in(skull, line):
    """A bob's ends turn towards the neck."""
    t = np.linspace(0, 1, line.shape[1])[None, :, None]
    centre = np.array([0, 0, -0.02])
    inwards = unit((centre - line) * (1, 0, 1))
    moved = line + inwards * 0.014 * smoothstep(0.72, 1.0, t) ** 1.5
    return keep_out(skull, moved, 0.004)


def wavy(skull, line):
    """Long hair falls in waves, of which neighbours share the beat."""
    t = np.linspace(0, 1, line.shape[1])[None]
    x, y, z = line[:, 0].T
    beat = column(25 * x + 18 * z + 1.5 * np.sin(40 * z) + 9 * np.sign(x))
    course = unit(np.gradient(line, axis=1))
    out = unit((line - (0, 0, -0.02)) * (1, 0, 1))
    side = np.cross(course, out)
    grown = smoothstep(0.15, 0.8, t) * np.sin(2 * np.pi * 2.3 * t + beat)
    lift = smoothstep(0.10, 0.6, t) * np.sin(2 * np.pi * 2.3 * t + beat + 1.3)
    return keep_out(skull, line + side * (0.0075 * grown)[..., None] + out * (0.0045 * lift)[..., None], 0.003)


def keep_out(skull, line, least):
    p = line[:, 1:].reshape(-1, 3)
    out, high = skull.over(p)
    p = p + out * column(np.maximum(least - high, 0))
    return np.concatenate([line[:, :1], p.reshape(len(line), -1, 3)], 1)


# Tied back


def tied(point):
    def way(p, out, along, roots):
        to = point - p
        low = column(smoothstep(0, 0.05, 0.03 - roots[:, 1]))
        return along_skin(to + low * (0, 0.03, -0.01), out)

    return way


def way_to(point):
    def length(roots):
        straight = np.linalg.norm(point - roots, axis=1)
        return 1.12 * straight + 0.004

    return length


def tail(skull, line):
    """From the tie the hairs rise a little, and fall down the back in one tail."""
    tied_up = keep_out(skull, gathered(line, TIE, 0.62), 0.002)
    count, points, _ = line.shape
    t = np.linspace(0, 1, points)
    first = round(0.62 * (points - 1))
    spin = np.random.default_rng(3)
    angle, radius = 2 * np.pi * spin.random(count), np.sqrt(spin.random(count))
    s = (t[first:] - t[first]) / (1 - t[first])
    spine = np.stack(
        [0 * s, TIE[1] + 0.020 * np.sin(np.pi * np.minimum(s * 2.2, 1)) - 0.185 * s**1.25, TIE[2] - 0.030 * np.minimum(3 * s, 1)], 1
    )
    thick = 0.006 + 0.018 * np.sin(np.pi * np.clip(0.08 + 0.80 * s, 0, 1))
    around = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1)
    tied_up[:, first:] = spine[None] + around[:, None] * (radius[:, None] * thick[None])[..., None]
    return tied_up


def bun(skull, line):
    """From the tie the hairs wind round a ball."""
    wound = keep_out(skull, gathered(line, BUN, 0.55), 0.002)
    count, points, _ = line.shape
    first = round(0.55 * (points - 1))
    s = np.linspace(0, 1, points - first + 1)[1:]
    spin = np.random.default_rng(4)
    axis = unit(np.array([0.0, 0.62, -0.78]))
    one = np.array([1.0, 0, 0])
    two = np.cross(axis, one)
    start, tilt = 2 * np.pi * spin.random(count), spin.uniform(-1, 1, count)
    turn = start[:, None] + 3.6 * s[None]
    layer = column(0.022 + 0.009 * np.sqrt(spin.random(count)))
    lat = 0.95 * tilt[:, None] + 0.25 * np.sin(2 * turn)
    ring = np.cos(lat)[..., None] * (np.cos(turn)[..., None] * one + np.sin(turn)[..., None] * two) + 0.72 * np.sin(lat)[..., None] * axis
    ball = BUN + 0.018 * axis + layer[..., None] * ring
    grown = smoothstep(0, 0.22, s)[None, :, None]
    wound[:, first:] = (1 - grown) * wound[:, first - 1 : first] + grown * ball
    return wound


def gathered(line, point, share):
    """Lines whose first `share` is the way to the tie: each ends there, as far as it had come."""
    points = line.shape[1]
    first = round(share * (points - 1))
    t = np.linspace(0, points - 1, first + 1)
    low = np.minimum(t.astype(int), points - 2)
    part = (t - low)[None, :, None]
    way = (1 - part) * line[:, low] + part * line[:, low + 1]
    miss = point - way[:, -1]
    out = line.copy()
    out[:, : first + 1] = way + miss[:, None] * (np.linspace(0, 1, first + 1) ** 2)[None, :, None] * 0.93
    return out


def tied_back(point, finish, uneven):
    """A style whose hairs go to that point and on from there as finish says."""
    return Style(
        16,
        way_to(point),
        tied(point),
        volume(0.006, 0.005),
        held=0.8,
        count=8000,
        clump=0.25,
        waves=0.0008,
        stray=0.025,
        uneven=uneven,
        finish=finish,
    )


# Round


def ball(centre, radii):
    """Length to the surface of an ellipsoid."""

    def length(roots):
        d = (roots - centre) / radii
        return np.maximum((1 / np.linalg.norm(d, axis=1) - 1) * np.linalg.norm(roots - centre, axis=1), 0.006)

    return length


STYLES = {
    "buzz": Style(
        3,
        lambda roots: 0.006 + 0.003 * top(roots),
        lambda p, out, along, roots: out + 1.1 * along_skin(top(p)[:, None] * from_whorl(p) + (1 - top(p)[:, None]) * downwards(p), out),
        lambda roots, along: 0.002 * along + 0 * roots[:, 0],
        held=0,
        count=13000,
        width=0.00045,
        clump=0.0,
        waves=0.0004,
        stray=0,
    ),
    "short": Style(
        8,
        lambda roots: top(roots) * 0.062 + (1 - top(roots)) * fade(roots, 0.008, 0.030),
        side_parting,
        short_height,
        held=0.75,
        count=9500,
        width=0.0007,
        clump=0.5,
        waves=0.0013,
    ),
    "crop": Style(
        7,
        lambda roots: top(roots) * 0.046 + (1 - top(roots)) * fade(roots, 0.006, 0.022),
        forwards,
        lambda roots, along: (
            (top(roots) * 0.011 + (1 - top(roots)) * 0.0025) * np.sin(np.pi * min(1, 0.2 + 0.5 * along)) * min(1, 3 * along)
        ),
        held=0.5,
        count=9500,
        clump=0.7,
        waves=0.0022,
        uneven=0.35,
    ),
    "curly": Style(
        14,
        ball(np.array([0, 0.062, -0.020]), np.array([0.122, 0.124, 0.128])),
        lambda p, out, along, roots: unit(p - np.array([0, 0.045, -0.020])) + (0, -0.10 * along, 0),
        lambda roots, along: 0.002 * along + 0 * roots[:, 0],
        held=0,
        count=6500,
        width=0.0008,
        clump=0.35,
        waves=0.004,
        curl=0.0042,
        turns=3.5,
        stray=0.08,
        uneven=0.3,
    ),
    "bob": Style(
        12,
        falling(-0.078),
        curtain(0.012),
        volume(0.011, 0.015),
        held=0.55,
        count=8500,
        clump=0.4,
        waves=0.0018,
        uneven=0.10,
        finish=turned_in,
    ),
    "long": Style(
        16,
        falling(-0.185),
        curtain(-0.018),
        volume(0.012, 0.016),
        held=0.45,
        count=8500,
        width=0.0008,
        clump=0.35,
        waves=0.004,
        uneven=0.2,
        finish=wavy,
    ),
    "ponytail": tied_back(TIE, tail, uneven=0.08),
    "bun": tied_back(BUN, bun, uneven=0.05),
}
