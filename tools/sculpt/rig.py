"""What moves the head: skinning, joints, pose correctives and lids, and the smooth fields that face actions are made of.

Where two lips or lids touch, both sides must get the same displacement unless an action is meant to part them. So fields
are functions of the place alone (`bump`), and only opening actions are multiplied by `upper` or `lower`, which distinguish
the lips.
"""

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

from tools.sculpt import eyes, mouth, surface
from tools.sculpt.surface import EYE, JAW, MOUTH_Y, NECK

ROOT = np.array([0.0, -0.1650, -0.0350])
JAW_OPEN = 0.38  # radians at jawOpen = 1
JAW_SIDE = 0.085  # radians at jawLeft = 1
EYE_PITCH, EYE_YAW = 0.40, 0.55
BORDER = mouth.OUTER_RINGS  # ring of the mouth's loops at the vermilion border
CONTACT = BORDER + mouth.VERMILION_RINGS  # ring where the lips meet
INNER = CONTACT + mouth.INNER_RINGS  # last ring of the lips' inside
MARGIN = eyes.OUTER_RINGS  # ring of the eyes' loops at the lid margin


def smoothstep(a, b, x):
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


def rotation(vector):
    """Rotation matrix of an axis-angle vector (Rodrigues)."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = np.asarray(vector) / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


class Rig:
    """The fields that everything else is made of, for one Skin."""

    def __init__(self, skin):
        self.skin, self.p = skin, skin.vertices
        self.laplacian, self.mass = laplacian(skin)
        self.solved = {}  # factors of what spread was asked for before
        size = skin.loops["mouth"].shape[1]
        self.s, self.side = mouth.lip_parameter(size)
        self.pair = -np.arange(size) % size  # for each place on a mouth loop the one above or below it
        self.jaw = self.jaw_weights()
        self.lower, self.upper = smoothstep(0.15, 0.85, self.jaw), 1 - smoothstep(0.15, 0.85, self.jaw)
        self.left = smoothstep(-0.009, 0.009, self.p[:, 0])
        self.eyeless = self.away_from_lids()
        self.weights = self.skinning()
        self.posedirs = self.pose_correctives()
        self.keep_sealed()
        self.lids, self.lid_upper, self.lid_lower, self.lid_wide = self.lid_shapes()

    # ---- fields

    def spread(self, vertices, values, reach=None):
        """Values [N,...] held at vertices [N], elsewhere the smoothest field on the mesh; with reach (m) it dies away."""
        values = np.asarray(values, float)
        held = np.zeros(len(self.p), bool)
        held[vertices] = True
        out = np.zeros((len(self.p),) + values.shape[1:])
        out[vertices] = values
        key = (held.tobytes(), reach)
        if key not in self.solved:
            system = self.laplacian + (diags(self.mass / reach**2) if reach else 0 * diags(self.mass))
            rows = system.tocsc()[~held]
            self.solved[key] = rows[:, held], splu(rows[:, ~held].tocsc())
        to_held, solver = self.solved[key]
        out[~held] = solver.solve(-(to_held @ out[held]))
        return out

    def bump(self, centre, radius):
        """exp(-|q|^2) of places measured from centre (x, y; z is the skin's) in radii (a number or three)."""
        centre = np.asarray(centre, float)
        if len(centre) == 2:
            centre = np.append(centre, surface.front(centre[:1], centre[1:])[0])
        q = (self.p - centre) / np.broadcast_to(radius, 3)
        return np.exp(-(q * q).sum(1))

    def both(self, field):
        return field + field[self.skin.mirror] * (-1, 1, 1)

    def mirrored(self, field):
        return field[self.skin.mirror] * (-1, 1, 1)

    def smooth(self, field, rounds=3):
        """A few averaging steps of a field over the mesh, the two sides of the lips apart."""
        adjacency = (self.laplacian < 0).astype(float)
        average = diags(1 / np.asarray(adjacency.sum(1)).ravel()) @ adjacency
        for _ in range(rounds):
            field = 0.5 * field + 0.5 * (average @ field)
        return field

    # ---- skinning

    def jaw_weights(self):
        p, loops = self.p, self.skin.loops["mouth"]
        hold = np.full(len(p), np.nan)
        angle = np.degrees(np.arctan2(p[:, 1] - JAW[1], p[:, 2] - JAW[2]))
        hold[(angle > 0) | (p[:, 2] < -0.012) | (p[:, 1] < -0.118)] = 0
        hold[(p[:, 2] > 0.052) & (p[:, 1] < -0.066) & (np.abs(p[:, 0]) < 0.030)] = 1
        opened = 0.5 * (1 - np.abs(self.s) ** 2.2) ** 0.5  # an ellipse: the open mouth's corners are round
        for ring in loops[BORDER : INNER + 1]:
            hold[ring] = 0.5 - opened * self.side
        around = np.sin(np.arange(loops.shape[1]) * 2 * np.pi / loops.shape[1])
        for ring in loops[INNER + 1 :]:
            hold[ring] = 0.5 - 0.5 * np.sign(around) * smoothstep(0, 0.7, np.abs(around))
        hold[self.bag_tip()] = 0.5
        known = np.flatnonzero(~np.isnan(hold))
        weights = np.clip(self.spread(known, hold[known]), 0, 1)
        return 0.5 * (weights + weights[self.skin.mirror])

    def bag_tip(self):
        last = self.skin.loops["mouth"][-1]
        rows = [q for q in self.skin.quads if q[2] == q[3] and q[0] in last]
        return rows[0][2]

    def skinning(self):
        """[V,5] weights of root, neck, jaw, left eye, right eye."""
        y, z = self.p[:, 1], self.p[:, 2]
        head = smoothstep(-0.170, -0.085, y - 0.25 * np.minimum(z, 0))
        weights = np.zeros((len(self.p), 5))
        weights[:, 0] = 1 - head
        weights[:, 2] = self.jaw * head
        weights[:, 1] = head - weights[:, 2]
        return weights

    def pose_correctives(self):
        """[V,3,36]: as the jaw opens it slides forward and down, the corners come in and sink, the cheeks hollow, and the
        throat gives way under the chin."""
        jaw = self.weights[:, 2:3]
        corner = self.bump((mouth.MOUTH_HALF, MOUTH_Y), (0.015, 0.017, 0.024))
        hollow = self.bump((0.046, MOUTH_Y + 0.002), (0.017, 0.026, 0.024))
        throat = self.bump((0, -0.094, 0.034), (0.032, 0.020, 0.026))[:, None]
        slide = (
            jaw * (0, -0.0030, 0.0050)
            + self.both(corner[:, None] * (-0.0095, 0, -0.0045))
            + self.both(hollow[:, None] * (-0.0075, 0, -0.0040))
            + throat * (0, -0.0140, 0.0120)
        )
        back = self.bump((0, MOUTH_Y - 0.006), (0.030, 0.016, 0.030))[:, None] * jaw * (0, 0.008, -0.030)
        return self.opening_correctives(slide, back)

    def opening_correctives(self, sine, cosine):
        """[V,3,36] of what a jaw opened by an angle a moves: sine * sin(a) + cosine * (1 - cos(a))."""
        dirs = np.zeros((len(self.p), 3, 36))
        entry = 9  # the jaw is the second joint after the root
        dirs[:, :, entry + 7] += 0.5 * sine
        dirs[:, :, entry + 5] -= 0.5 * sine  # -sin
        dirs[:, :, entry + 4] -= 0.5 * cosine  # cos - 1
        dirs[:, :, entry + 8] -= 0.5 * cosine
        return dirs

    def turn_jaw(self, vector, offset=0):
        """Places [V,3] with the jaw turned by that axis-angle, after adding offset [V,3]: skinning as in FLAME."""
        turn = rotation(vector)
        rest = self.p + offset + self.posedirs[:, :, 9:18] @ (turn - np.eye(3)).ravel()
        w = self.weights[:, 2:3]
        return (1 - w) * rest + w * ((rest - JAW) @ turn.T + JAW)

    def meet_lips(self, vector, share):
        """Field that lets the lips meet when the jaw is turned by that axis-angle; share of the way the upper lip goes."""
        turn = rotation(vector)
        posed = self.turn_jaw(vector)
        contact = self.skin.loops["mouth"][CONTACT]
        upper = np.where((self.side >= 0)[:, None], posed[contact], posed[contact[self.pair]])
        lower = np.where((self.side >= 0)[:, None], posed[contact[self.pair]], posed[contact])
        # Towards the corners both lips go half of the way, as the corner itself does.
        target = upper + (share + (0.5 - share) * self.s**2)[:, None] * (lower - upper)
        w = self.weights[contact, 2]
        rest = np.stack([np.linalg.solve((1 - a) * np.eye(3) + a * turn, q - a * (JAW - turn @ JAW)) for a, q in zip(w, target)])
        rest -= self.posedirs[contact][:, :, 9:18] @ (turn - np.eye(3)).ravel()
        move = rest - self.p[contact]
        return self.around_lips(move)

    def around_lips(self, move):
        """The field that moves the lips where they meet by move [K,3], and less and less what is round them."""
        loops, p = self.skin.loops["mouth"], self.p
        held = [(loops[k], move * (0.90 + 0.10 * min((k - BORDER) / 3, 1))) for k in range(BORDER, INNER + 2)]
        still = np.flatnonzero((np.abs(p[:, 0]) > 0.055) | (p[:, 1] > -0.020) | (p[:, 1] < -0.078) | (p[:, 2] < 0.035))
        still = np.setdiff1d(still, loops[1:].ravel())
        vertices = np.concatenate([ring for ring, _ in held] + [still, loops[-1]])
        values = np.concatenate([v for _, v in held] + [np.zeros((len(still) + loops.shape[1], 3))])
        return self.spread(vertices, values, reach=0.03)

    def keep_sealed(self, rounds=2):
        """Add to the correctives what keeps lips that mouthClose shuts over an open jaw shut over a half open one too."""
        contact = self.skin.loops["mouth"][CONTACT]
        for _ in range(rounds):
            posed = self.turn_jaw((JAW_OPEN / 2, 0, 0), 0.5 * self.meet_lips((JAW_OPEN, 0, 0), 0.22))[contact]
            apart = posed - posed[self.pair]
            # Half open, a corrective in 1 - cos shows a quarter, of which mouthClose, being linear, takes away a half.
            move = 0.5 * apart / (0.25 * (1 - np.cos(JAW_OPEN)))
            self.posedirs += self.opening_correctives(0, self.around_lips(move))

    # ---- lids

    def away_from_lids(self):
        keep = np.ones(len(self.p))
        for name in ("eye_left", "eye_right"):
            loops = self.skin.loops[name]
            for k, ring in enumerate(loops):
                keep[ring] = 1 - smoothstep(0, MARGIN - 1, k)
        return keep

    def lid_shapes(self):
        """lids [V,3,2], and for the left eye the upper and the lower lid's part of it, and the eye opened wide."""
        loops = self.skin.loops["eye_left"]

        def moved(upper, lower):
            field = np.zeros_like(self.p)
            field[loops[1:]] = eyes.rings(self.p[loops[0]], upper, lower) - eyes.rings(self.p[loops[0]])
            return field

        total = moved(1, 1)
        above = np.zeros(len(self.p))
        above[loops] = np.sin(np.arange(loops.shape[1]) * 2 * np.pi / loops.shape[1]) > 0
        upper = total * above[:, None]
        return np.stack([total, self.mirrored(total)], -1), upper, total - upper, moved(-0.24, -0.10)


def laplacian(skin):
    """Graph Laplacian weighted by 1/length, and each vertex's share of length: stiffness and mass of a net of strings."""
    q = skin.quads
    pairs = np.concatenate([q[:, [0, 1]], q[:, [1, 2]], q[:, [2, 3]], q[:, [3, 0]]])
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], 1), axis=0)
    length = np.maximum(np.linalg.norm(skin.vertices[pairs[:, 0]] - skin.vertices[pairs[:, 1]], axis=1), 3e-4)
    n = len(skin.vertices)
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    weights = coo_matrix((np.tile(1 / length, 2), (i, j)), (n, n)).tocsr()
    mass = np.bincount(i, np.tile(length, 2), n) / 2
    return (diags(np.asarray(weights.sum(1)).ravel()) - weights).tocsr(), mass


def joint_regressor(rig):
    """[5,V]: each joint as a weighted sum of vertices near it, the weights as even as its place allows."""
    p, loops = rig.p, rig.skin.loops
    pools = [
        np.flatnonzero(p[:, 1] < -0.150),
        np.flatnonzero((p[:, 1] < -0.088) & (p[:, 1] > -0.112)),
        np.flatnonzero((np.abs(p[:, 0]) > 0.045) & (np.abs(p[:, 1] - JAW[1]) < 0.016) & (np.abs(p[:, 2] - JAW[2]) < 0.026)),
        loops["eye_left"][-1],
        loops["eye_right"][-1],
    ]
    places = [ROOT, NECK, JAW, EYE, EYE * (-1, 1, 1)]
    return regressor(p, pools, places)


def regressor(points, pools, places):
    """[J,V]: places [J,3] as weighted sums of points [V,3] in pools (J arrays of their indices), the weights as even as a place allows."""
    found = np.zeros((len(pools), len(points)))
    for row, pool, place in zip(found, pools, places):
        system = np.vstack([points[pool].T, np.ones(len(pool))])
        even = np.full(len(pool), 1 / len(pool))
        row[pool] = even + np.linalg.pinv(system) @ (np.append(place, 1) - system @ even)
    return found
