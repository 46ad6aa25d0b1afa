"""The jaw as a true joint: what the package moves in a straight line is turned about the axis that its lower teeth turn about.

Skinning carries what a turn explains; what is left (cheeks that hollow, a throat that gives way) goes into pose correctives.
"""

import numpy as np

from tools.human.fields import rotation
from tools.human.source import PARTS, SKIN, symmetric

OPEN = 0.44  # radians at jawOpen = 1: what the lower teeth turn by in the package (their places differ from a turn by 0.18 mm at most)
SIDE = 0.033  # radians at jawLeft = 1, likewise; the rest of its way is a slide
SMOOTH = 6  # rounds of averaging the weights over the mesh
ENTRY = 9  # of the 36 pose correctives, the jaw's nine begin here: it is the second joint after the root


class Jaw:
    """joint [3], weights [V], posedirs [V,3,36]; slides {"jawLeft", "jawRight", "jawForward": [V,3]}: what expression adds to a turn.
    neck [V]: 1 on the head, 0 on the shoulders, which no jaw moves."""

    def __init__(self, source, skin, neck):
        self.skin = skin
        self.joint = hinge(source)
        opening = source.actions["jawOpen"][:SKIN]
        self.weights = neck * self.smooth(turn_share(skin.vertices, opening, self.joint))
        self.posedirs = np.zeros((SKIN, 3, 36))
        left = self.before_turn((OPEN, 0, 0), skin.vertices + opening) - skin.vertices
        sine = symmetric(left, skin.mirror) / np.sin(OPEN)
        self.posedirs[:, :, ENTRY + 7] += 0.5 * sine
        self.posedirs[:, :, ENTRY + 5] -= 0.5 * sine  # -sin
        self.slides = {"jawForward": source.actions["jawForward"][:SKIN]}
        for name, sign in (("jawLeft", 1), ("jawRight", -1)):
            moved = skin.vertices + source.actions[name][:SKIN]
            self.slides[name] = self.before_turn((0, sign * SIDE, 0), moved) - skin.vertices

    def add_half_open(self, field):
        """Let a jaw that is opened half way move what it carries by field as well, a shut or a fully opened one by nothing."""
        slope = (1 - np.cos(OPEN)) / np.sin(OPEN)
        field = field / (1 - np.cos(OPEN / 2) - slope * np.sin(OPEN / 2))  # of 1 - cos(a) - slope * sin(a)
        self.posedirs[:, :, ENTRY + 4] -= 0.5 * field
        self.posedirs[:, :, ENTRY + 8] -= 0.5 * field
        self.posedirs[:, :, ENTRY + 7] -= 0.5 * slope * field
        self.posedirs[:, :, ENTRY + 5] += 0.5 * slope * field

    def smooth(self, field):
        average = (self.skin.stiffness < 0).astype(float)
        count = np.asarray(average.sum(1)).ravel()
        for _ in range(SMOOTH):
            field = 0.5 * field + 0.5 * (average @ field) / count
        return 0.5 * (field + field[self.skin.mirror])

    def turned(self, vector, offset=0):
        """Vertices [V,3] with the jaw turned by that axis-angle after adding offset [V,3]: skinning as in FLAME."""
        turn = rotation(vector)
        rest = self.skin.vertices + offset + self.posedirs[:, :, ENTRY : ENTRY + 9] @ (turn - np.eye(3)).ravel()
        w = self.weights[:, None]
        return (1 - w) * rest + w * ((rest - self.joint) @ turn.T + self.joint)

    def before_turn(self, vector, places, rows=slice(None)):
        """Where vertices `rows` must rest for skinning with that axis-angle to carry them to places [.,3]; correctives are taken off."""
        turn, w = rotation(vector), self.weights[rows]
        blend = (1 - w)[:, None, None] * np.eye(3) + w[:, None, None] * turn
        rest = np.linalg.solve(blend, (places - w[:, None] * (self.joint - turn @ self.joint))[..., None])[..., 0]
        if hasattr(self, "posedirs"):
            rest = rest - self.posedirs[rows][:, :, ENTRY : ENTRY + 9] @ (turn - np.eye(3)).ravel()
        return rest


def turn_share(vertices, opening, joint):
    """[N]: the share of the jaw's turn about joint that comes nearest to each vertex's way opening [N,3]; 0 beyond the jaw's reach."""
    turned = (vertices - joint) @ (rotation((OPEN, 0, 0)) - np.eye(3)).T
    share = np.clip((opening * turned).sum(1) / np.maximum((turned * turned).sum(1), 1e-8), 0, 1)
    share[np.linalg.norm(opening, axis=1) < 2e-5] = 0
    return share


def lower_teeth(source):
    """Vertices [N] of the package's lower teeth: those that the jaw carries."""
    teeth = np.arange(*PARTS["teeth"])
    return teeth[np.linalg.norm(source.actions["jawOpen"][teeth], axis=1) > 1e-4]


def hinge(source):
    """The point of the middle plane that the lower teeth turn about when the jaw opens [3]."""
    rows = lower_teeth(source)
    before = source.vertices[rows]
    after = before + source.actions["jawOpen"][rows]
    a, b = before - before.mean(0), after - after.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    turn = vt.T @ np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))]) @ u.T
    slide = after.mean(0) - turn @ before.mean(0)
    joint = np.linalg.lstsq(np.eye(3) - turn, slide, rcond=0.05)[0]
    assert abs(np.arccos((np.trace(turn) - 1) / 2) - OPEN) < 0.01, "the jaw of the package turns otherwise"
    return joint * (0, 1, 1)
