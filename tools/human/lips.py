"""Lips that stay together: every action that does not part them carries both by the same way where they meet."""

import numpy as np
from scipy.spatial import cKDTree

from tools.human.fields import smoothstep
from tools.human.geometry import areas, on_edge, signed_distance
from tools.human.skin import CONTACT, HALF

PARTING = ("jawOpen", "mouthFunnel", "mouthUpperUp", "mouthLowerDown", "mouthShrugUpper", "noseSneer")
LEADING = {"mouthRollLower": 0.65, "mouthRollUpper": 0.35}  # the share that the upper lip's way has; else half
ROUND = np.array([0.045, 0.040, 0.040])  # metres: what lies about the mouth
CLOSED = 0.22  # of the way from the upper lip to the lower one over an open jaw: where a person's meet


def together(skin, jaw, field, vector=(0, 0, 0), upper_share=0.5, corners=False):
    """The field [V,3] changed about the lips so that, with the jaw turned by vector, they meet; upper_share: 1 where the upper lip
    goes, 0 where the lower one does. Towards the corners both go half of the way, as a corner does. corners: only there."""
    contact, across = skin.contact, corner_share(skin)
    above = np.isin(contact, skin.lips()[0])
    share = upper_share + (0.5 - upper_share) * across
    much = smoothstep(0.5, 0.9, across)[:, None] if corners else 1
    for _ in range(2):
        posed = jaw.turned(vector, field)[contact]
        own, other = np.where(above, share, 1 - share)[:, None], posed[skin.pair]
        rest = jaw.before_turn(vector, own * posed + (1 - own) * other, contact)
        field = field + skin.around(contact, much * (rest - skin.vertices[contact] - field[contact]))
    return field


def corner_share(skin):
    """[74]: 0 along the lips, 1 in the corners of the mouth."""
    x = np.abs(skin.vertices[skin.contact, 0])
    return (x / x.max()) ** 4


def close(skin, jaw, field, opened):
    """mouthClose [V,3]: what shuts the lips over a jaw opened by that angle, from the package's field."""
    return together(skin, jaw, field, (opened, 0, 0), 1 - CLOSED)


def keep_sealed(skin, jaw, closing, opened):
    """Add to the jaw's correctives what keeps lips shut over a half open jaw, which a linear mouthClose shuts over an open one."""
    for _ in range(3):
        posed = jaw.turned((opened / 2, 0, 0), 0.5 * closing)[skin.contact]
        jaw.add_half_open(skin.around(skin.contact, 0.5 * (posed[skin.pair] - posed)))


def apart(skin, field, rounds=6):
    """The field [V,3] with the lower lip pushed out of the upper one, where it would lie within it; the line where both meet stays."""
    points, triangles = sides(skin)
    edge = on_edge(triangles)
    for _ in range(rounds):
        posed = skin.vertices + field
        depth = -signed_distance(posed[points], posed[triangles], edge, reach=0.005)
        deep = depth > 2e-5
        if not deep.any():
            break
        faces = np.cross(posed[triangles[:, 1]] - posed[triangles[:, 0]], posed[triangles[:, 2]] - posed[triangles[:, 0]])
        nearest = cKDTree(posed[triangles].mean(1)).query(posed[points[deep]])[1]
        out = faces[nearest] / np.linalg.norm(faces[nearest], axis=1, keepdims=True)
        push = 1.1 * depth[deep, None] * out
        held = np.r_[points[deep], skin.contact]
        field = field + skin.around(held, np.concatenate([push, np.zeros((len(skin.contact), 3))]), 0.003)
    return field


def sides(skin):
    """(points [n] of the lower lip, triangles [F,3] of the upper lip): rings about the line where they meet, away from the
    corners, which belong to neither."""
    half, count = HALF, skin.mouth.shape[1]
    column = np.arange(count)
    above = (column < half // 2 - 2) | (column > count - half // 2 + 2)
    below = np.abs(column - half) < half // 2 - 2
    points = np.delete(skin.mouth[: CONTACT + 4], CONTACT, 0)[:, below].ravel()
    upper = np.zeros(len(skin.vertices), bool)
    upper[skin.mouth[: CONTACT + 4][:, above]] = True
    quads = skin.quads[upper[skin.quads].all(1)]
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def unfolded(skin, field, rounds=12):
    """The field [V,3] made smoother where it would turn faces of the lips and round them over."""
    rest = areas(skin.vertices, skin.quads)
    average = (skin.stiffness < 0).astype(float)
    count = np.asarray(average.sum(1))
    field = field.copy()
    middle = skin.vertices[skin.contact].mean(0)
    within = np.linalg.norm((skin.vertices - middle) / ROUND, axis=1) < 1
    within[skin.contact] = False
    for _ in range(rounds):
        over = np.zeros(len(rest), bool)
        for amount in (0.75, 1, 1.25):  # other actions add to it
            now = areas(skin.vertices + amount * field, skin.quads)
            over |= (now * rest).sum(1) < 0.1 * np.linalg.norm(rest, axis=1) * np.linalg.norm(now, axis=1)
        near = np.zeros(len(field))
        near[skin.quads[over]] = 1
        if not (near * within).any():
            break
        near = within * np.minimum(1, near + 0.5 * (average @ near > 0))
        field += near[:, None] * 0.5 * (average @ field / count - field)
    return field
