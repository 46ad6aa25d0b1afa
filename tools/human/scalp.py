"""Hair of the scalp: where it grows, and guides that show how a style lies (docs/formats.md, "Hair").

Places on the scalp are directions from MIDDLE: degrees round from the front to either side, and degrees down from the crown.
Guides grow step by step: each takes the way that its style says, and is pushed out of the skin. Blender's side (addon/rigs/hair.py)
makes thousands of hairs of them.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from tools.human import styles
from tools.human.fields import smoothstep, unit

MIDDLE = np.array([0.0, 0.055, -0.010])
# The hairline: degrees round, degrees down; forehead, temple, sideburn, round the ear, nape.
HAIRLINE = np.array(
    [(0, 57.5), (10, 57), (20, 55.5), (28, 54.5), (35, 55.5), (42, 59.5), (50, 66), (56, 74), (61, 86), (65.5, 99), (69, 111), (73, 117)]
    + [
        (76, 115),
        (80, 107),
        (86, 100.5),
        (95, 98),
        (104, 99),
        (112, 104),
        (117, 112),
        (120, 122),
        (124, 133),
        (136, 142),
        (160, 146),
        (180, 146),
    ],
    float,
)
SOFT = 0.018  # metres over which the hairline fades
APART = 0.00145, 0.0095  # metres between roots of hairs, and of guides
STEP = 2.0**-17  # metres of one unit of the guides' whole numbers
down = PchipInterpolator(*HAIRLINE.T)


def make(head):
    """{field: array} of the hair of a head (fields of its file)."""
    skull, draw = Skull(head), np.random.default_rng(1)
    corners, shares, vigour = grow_roots(skull, draw)
    roots = place(skull.v, corners, shares)
    first = thinned(roots, APART[1], vigour > 0.3)
    fields, lines = {}, {}
    for name, style in styles.STYLES.items():
        lines[name] = style.grow(skull, roots[first], vigour[first])
        fields[f"guides_{name}"] = np.round(lines[name] / STEP).astype(np.int16)
    tree = cKDTree(skull.v[skull.bare])
    near = {name: skull.bare[tree.query(line)[1]] for name, line in lines.items()}
    bound = np.unique(np.concatenate([corners.ravel(), *(rows.ravel() for rows in near.values())]))
    compact = np.searchsorted(bound, corners).astype(np.uint16)
    fields |= {f"near_{name}": np.searchsorted(bound, rows).astype(np.uint16) for name, rows in near.items()}
    weights = head["weights"][bound]
    return fields | {
        "styles": np.array(list(styles.STYLES)),
        "setting_names": np.array(styles.SETTINGS),
        "settings": np.array([[getattr(style, name) for name in styles.SETTINGS] for style in styles.STYLES.values()], np.float32),
        "step": np.float32(STEP),
        "bound": bound.astype(np.int32),
        "places": skull.v[bound].astype(np.float32),
        "neck": (1 - weights[:, 0]).astype(np.float32),
        "roots": compact,
        "shares": np.round(255 * shares[:, :2]).astype(np.uint8),
        "vigour": np.round(255 * vigour).astype(np.uint8),
        "guides": np.flatnonzero(first).astype(np.uint16),
        "scalp": np.round(255 * density(skull.v, skull.ears)).astype(np.uint8),
    }


class Skull:
    """v [V,3], normals [V,3] of the skin before the sockets; ears [V]: bool; bare: vertices that carry hair along."""

    def __init__(self, head):
        count = 11247
        self.v = head["v_template"][:count].astype(float)
        quads = head["f_quad"]
        self.quads = quads[quads.max(1) < count]
        n = np.zeros_like(self.v)
        area = np.cross(self.v[self.quads[:, 2]] - self.v[self.quads[:, 0]], self.v[self.quads[:, 3]] - self.v[self.quads[:, 1]])
        for corner in self.quads.T:
            np.add.at(n, corner, area)
        ears = head["regions"][head["region_names"].tolist().index("ears")][:count]
        above = (np.abs(self.v[:, 1] - 0.048) < 0.008) & (np.abs(self.v[:, 2]) < 0.08)  # a band round the skull over the ears
        order = np.argsort(self.v[above, 2])
        wide = np.poly1d(np.polyfit(self.v[above, 2][order], np.abs(self.v[above, 0])[order], 4))
        self.ears = ears & (np.abs(self.v[:, 0]) > wide(self.v[:, 2]) - 0.001)
        n[self.ears] = np.sign(self.v[self.ears, :1]) * (1, 0, 0) + (0, 0, -0.15)  # an ear is something that hair lies over
        self.normals = unit(n)
        self.bare = np.flatnonzero(~self.ears)
        self.tree = cKDTree(self.v)
        self.crown = cKDTree(self.v[self.bare])

    def over(self, p, ears=True):
        """(outwards [n,3], height over the skin [n]) at places [n,3]."""
        tree, rows = (self.tree, None) if ears else (self.crown, self.bare)
        far, near = tree.query(p, 8)
        near = near if rows is None else rows[near]
        share = 1 / (far + 1e-4) ** 2
        share /= share.sum(1, keepdims=True)
        out = unit(np.einsum("nk,nkc->nc", share, self.normals[near]))
        return out, ((p - np.einsum("nk,nkc->nc", share, self.v[near])) * out).sum(1)


def place(v, corners, shares):
    return np.einsum("nk,nkc->nc", shares, v[corners])


def inside(p):
    """How far places [n,3] lie within the hairline, metres; no hairline is a drawn one."""
    d = p - MIDDLE
    far = np.linalg.norm(d, axis=1)
    around = np.degrees(np.arctan2(d[:, 0], d[:, 2]))
    below = np.degrees(np.arccos(np.clip(d[:, 1] / far, -1, 1)))
    uneven = 0.0014 * np.sin(0.31 * around + 1) + 0.0011 * np.sin(0.73 * around + 0.4) + 0.0009 * np.sin(1.9 * around)
    return np.radians(down(np.abs(around)) - below) * far + uneven


def density(p, ears):
    """How thickly hair grows at places [n,3]: 0 to 1."""
    return smoothstep(-0.35 * SOFT, 0.65 * SOFT, inside(p)) ** 1.4 * ~ears


def grow_roots(skull, draw):
    """Roots evenly over the scalp, fewer and weaker towards the hairline: corners [n,3] and their shares [n,3], vigour [n] 0 to 1."""
    quads = skull.quads[~skull.ears[skull.quads].any(1)]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    triangles = triangles[(inside(skull.v[triangles].mean(1)) > -0.03)]
    a, b, c = skull.v[triangles].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = draw.choice(len(triangles), 160000, p=area / area.sum())
    u = np.sort(draw.random((len(chosen), 2)), 1)
    shares = np.stack([u[:, 0], u[:, 1] - u[:, 0], 1 - u[:, 1]], 1)
    p = place(skull.v, triangles[chosen], shares)
    thick = density(p, np.zeros(len(p), bool))
    keep = thinned(p, APART[0], np.ones(len(p), bool)) & (draw.random(len(p)) < thick)
    keep = draw.permutation(np.flatnonzero(keep))
    return triangles[chosen][keep], shares[keep], thick[keep]


def thinned(p, apart, wanted):
    """bool [n]: a choice of the wanted places no two of which are nearer than `apart`."""
    near, chosen, free = cKDTree(p), np.zeros(len(p), bool), wanted.copy()
    for k in range(len(p)):
        if free[k]:
            chosen[k] = True
            free[near.query_ball_point(p[k], apart)] = False
    return chosen
