"""How the face's soft tissue moves: patches along muscles, skin that slides over what lies beneath, folds, and the lips.

Fields are [V] or [V,3] in metres. `along` runs round the face towards the subject's left, `up` is up and `out` leads away from
the head's upright axis. Where two lips touch both must move alike unless an action parts them: so patches are functions of the
place alone, and only what parts the lips is multiplied by `upper` or `lower`.
"""

import numpy as np

from tools.sculpt import surface
from tools.sculpt.rig import BORDER, CONTACT, MARGIN, smoothstep

AXIS = 0.012  # z of the upright axis that the face is unrolled about
NEAR, FAR = 0.008, 0.025  # behind the lips' contact, metres: the mouth's inside follows the lips up to here, not beyond there


class Tissue:
    def __init__(self, rig):
        self.rig, self.p, self.loops = rig, rig.p, rig.skin.loops
        x, self.y, z = self.p.T
        self.angle, self.radius = np.arctan2(x, z - AXIS), np.maximum(np.hypot(x, z - AXIS), 0.03)
        self.arc = self.angle * self.radius
        self.fit = self.fit_sheet()
        loops = self.loops["mouth"]
        behind = np.linalg.norm(self.p[loops] - self.p[loops[CONTACT]], axis=2)
        self.follow = 1 - smoothstep(NEAR, FAR, behind)

    # ---- places

    def spot(self, x, y):
        return np.array([x, y, surface.front(np.array([x]), np.array([y]))[0]])

    def patch(self, centre, along, across, angle=0, power=1, depth=0.030):
        """exp(-(q^2)^power) about centre (x, y): q in radii along and across a line that rises by angle (degrees) outwards."""
        centre = self.spot(*centre)
        turn, tilt = np.arctan2(centre[0], centre[2] - AXIS), np.radians(angle)
        aside, out = np.array([np.cos(turn), 0, -np.sin(turn)]), np.array([np.sin(turn), 0, np.cos(turn)])
        line = np.cos(tilt) * aside + np.sin(tilt) * np.array([0, 1, 0])
        cross = -np.sin(tilt) * aside + np.cos(tilt) * np.array([0, 1, 0])
        q = self.p - centre
        return np.exp(-(((q @ line / along) ** 2 + (q @ cross / across) ** 2) ** power) - (q @ out / depth) ** 2)

    def fold(self, path, width):
        """(groove, roll): a fold of the skin along path [(x, y), ...]: 1 on the line, and 1 on the cheek's side of it, both
        fading out at the ends. Going down a path on the subject's left, the roll lies to the left."""
        ends = np.array([self.spot(*place) for place in path])
        way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(ends, axis=0), axis=1))])
        t = np.linspace(0, 1, 60)
        line = np.stack([np.interp(t * way[-1], way, axis) for axis in ends.T], -1)
        away = self.p[:, None] - line[None]
        nearest = np.linalg.norm(away, axis=2).argmin(1)
        rows = np.arange(len(self.p))
        offset, distance = away[rows, nearest], np.linalg.norm(away[rows, nearest], axis=1)
        direction = np.gradient(line, axis=0)[nearest]
        outward = np.stack([np.sin(self.angle), 0 * self.y, np.cos(self.angle)], -1)
        side = np.sign((offset * np.cross(outward, direction)).sum(1))
        ends = smoothstep(0, 0.3, t[nearest]) * smoothstep(1, 0.7, t[nearest])
        return (ends * np.exp(-((distance / width) ** 2)), ends * np.exp(-(((side * distance - 2.0 * width) / (1.4 * width)) ** 2)))

    # ---- movement

    def fit_sheet(self):
        """The face beneath nose, lips and eyes as a smooth sheet: radius as a polynomial of angle and height."""
        keep = (np.abs(self.angle) < 1.2) & (self.y > -0.084) & (self.y < 0.060)
        keep &= ~((np.abs(self.p[:, 0]) < 0.021) & (self.y > -0.024) & (self.y < 0.034))
        keep[self.loops["mouth"][BORDER:]] = False
        for name in ("eye_left", "eye_right"):
            keep[self.loops[name][MARGIN // 2 :]] = False
        return np.linalg.lstsq(self.terms(self.angle[keep], self.y[keep]), self.radius[keep], rcond=None)[0]

    def terms(self, angle, y):
        t, s = np.clip(angle, -1.2, 1.2) ** 2, (np.clip(y, -0.084, 0.060) + 0.012) / 0.072
        return np.stack([t**i * s**j for i in range(4) for j in range(5)], -1)

    def slide(self, along, up, out=0):
        """Displacement [V,3] of skin that slides over the sheet beneath it and keeps its height above it, except for out."""
        turned, raised = self.angle + along / self.radius, self.y + up
        under = (self.terms(turned, raised) - self.terms(self.angle, self.y)) @ self.fit
        radius = np.hypot(self.p[:, 0], self.p[:, 2] - AXIS) + under + out
        return np.stack([radius * np.sin(turned), raised, AXIS + radius * np.cos(turned)], -1) - self.p

    def lips(self, upper, lower, contact=(0, 0, 0)):
        """Displacement of the lips alone: [3] at border and middle of each lip (pairs), and [3] where they meet."""
        d = np.zeros_like(self.p)
        side, loops = self.rig.side[:, None], self.loops["mouth"]
        fade = (1 - np.abs(self.rig.s) ** 3)[:, None]
        border = np.where(side > 0, upper[0], lower[0]) * (side != 0)
        middle = np.where(side > 0, upper[1], lower[1]) * (side != 0)
        for k, ring in enumerate(loops[: CONTACT + 1]):
            if k <= BORDER:
                value = border * (k / BORDER) ** 2
            else:
                t = (k - BORDER) / (CONTACT - BORDER)
                value = border * (1 - t) ** 2 + 2 * middle * t * (1 - t) + np.asarray(contact) * t**2
            d[ring] = value * fade
        return self.inside(d)

    def tuck(self, upper, lower, contact):
        """The red of the lips drawn in: (share of its height lost, metres back at its border and its middle) of each lip; where
        they meet both go by contact [3]. In shares, so that no lip passes the other."""
        d, loops, side = np.zeros_like(self.p), self.loops["mouth"], self.rig.side
        fade = 1 - np.abs(self.rig.s) ** 4
        lost, border, middle = np.where(side > 0, np.array(upper)[:, None], np.array(lower)[:, None]) * (side != 0) * fade
        meet = np.asarray(contact) * fade[:, None]
        above = self.p[loops, 1] - self.p[loops[CONTACT], 1]
        for k, ring in enumerate(loops[: CONTACT + 1]):
            t = np.clip((k - BORDER) / (CONTACT - BORDER), 0, 1)
            outside = min(k / BORDER, 1) ** 2
            d[ring, 1] = -lost * above[max(k, BORDER)] * outside + t**2 * meet[:, 1]
            d[ring, 2] = -outside * (border * (1 - t) ** 2 + middle * 2 * t * (1 - t)) + t**2 * meet[:, 2]
        return self.inside(d)

    def inside(self, field, sealed=False):
        """The field with the mouth's inside following the lips, less and less towards the back; sealed: lips that touch move
        as one, by the mean of both."""
        field, loops = field.copy(), self.loops["mouth"]
        if sealed:
            ring = loops[CONTACT]
            field[ring] = 0.5 * (field[ring] + field[ring[self.rig.pair]])
        field[self.rig.bag_tip()] = 0
        for ring, follow in zip(loops[CONTACT + 1 :], self.follow[CONTACT + 1 :]):
            field[ring] = field[loops[CONTACT]] * follow[:, None]
        return field
