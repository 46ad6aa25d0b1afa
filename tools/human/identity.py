"""Who a head is: the columns of its identity basis, and how lids shut in each identity (docs/formats.md, "Identity").

Columns 0 to 99 are the package's components of scanned people, 100 to 139 features of ours (`features.NAMES`), 140 to 159 are left to
parts that grow on the skin, the rest is zero. beta is standard normal over people. In every identity, to the first order in beta: lips
that touch stay together; eyeballs are balls that look ahead; lids keep their distance from them, open and on their way; teeth, gums and
tongue go with the lips and keep their places to each other.
"""

import numpy as np

from contract import COEFFICIENTS
from model_runtime.flame.fit import signs
from tools.human import features
from tools.human.eyes import BALL
from tools.human.fields import beside, smoothstep
from tools.human.skin import CONTACT, EYE, HALF, shares
from tools.human.source import EYE_SOCKETS, MOUTH_SOCKET, PARTS, SKIN

PEOPLE = 100  # columns of the package
LIDS = (0.0045, 0.0115)  # metres from the eyeball: skin up to the first keeps its distance to the ball, less and less up to the second
LOWER = 0.75  # of the line where lids shut is carried by the lower lid, the rest by the upper one
WAYS = 40  # features of how lids shut
MEET = 20  # how much more it counts that margins meet than where else a lid lies
REACH = 0.006  # metres: how far what a lid's margin does reaches
SOFT, CORNER, ROUNDS = 4, 0.0045, 10  # rings about the line where lips meet, metres about its ends, rounds of averaging over the mesh
MOUTH = np.array([0, -0.0400, 0.0886])  # metres: where the incisors' edges stand
DEEP = (0.009, 0.003)  # metres before the eyeball's centre: from the second on backward a socket goes where its ball goes
LINED = (
    CONTACT + 2,
    CONTACT + 12,
)  # rings of the mouth: its lining goes with the lips up to the first, with teeth and gums from the second on


def basis(source, skin, parts, lids):
    """(shapes [V + Vp,3,140], ways [V + Vp,3,2,WAYS], amounts [WAYS,300]): what a unit of beta moves, and how lids [V + Vp,3,2] change
    by ways @ (amounts @ beta)."""
    before = np.concatenate([source.identity[:, :SKIN].astype(float), features.fields(skin.vertices)])
    given = np.concatenate([source.identity[:, parts.rows].astype(float), np.zeros((len(before) - PEOPLE, len(parts.rows), 3))])
    eyes, mouth = eye_moves(source), mouth_moves(source, skin, before)
    body = together(skin, before)
    for sign, eye in zip((1, -1), eyes):
        body = on_eye(skin.vertices, body, sign, eye)
    body = lined(skin, body, mouth)
    behind = np.stack([behind_skin(source, skin, parts, *one) for one in zip(given, body - before, body, mouth, *eyes)])
    shapes = np.concatenate([body, behind], 1)
    return np.moveaxis(shapes, 0, 2), *lid_ways(skin, parts, shapes, lids, eyes)


def together(skin, body):
    """Fields [K,V,3] with lips that touch at rest together in every identity. About that line, and in the corners of the mouth, faces
    are narrow: the fields are made smooth there, or one lip would come through the other in people with other lips."""
    share = np.zeros(SKIN)
    for k, ring in enumerate(skin.mouth[: CONTACT + SOFT]):
        share[ring] = np.exp(-(((k - CONTACT) / SOFT) ** 2))
    for corner in skin.vertices[skin.contact[[HALF // 2, -(HALF // 2)]]]:
        share = np.maximum(share, np.exp(-((np.linalg.norm(skin.vertices - corner, axis=1) / CORNER) ** 4)))
    rows = np.flatnonzero(share > 0.01)
    average = (skin.stiffness < 0)[rows].astype(float)
    average = average.multiply(share[rows, None] / average.sum(1)).tocsr()
    flat = np.moveaxis(body, 0, 2).reshape(SKIN, -1)
    for _ in range(ROUNDS):
        flat[rows] = (1 - share[rows, None]) * flat[rows] + average @ flat
    body = np.moveaxis(flat.reshape(SKIN, 3, -1), 2, 0)
    move = 0.5 * (body[:, skin.contact[skin.pair]] - body[:, skin.contact])
    spread = skin.around(skin.contact, np.moveaxis(move, 0, 2).reshape(len(skin.contact), -1))
    return body + np.moveaxis(spread.reshape(SKIN, 3, -1), 2, 0)


# Eyes


def eye_moves(source):
    """For the left and the right eye [(shift [3], growth)] of each column: an eyeball moves and grows, and always looks ahead."""
    found = []
    for side, sign in (("left", 1), ("right", -1)):
        rows = np.arange(*PARTS[f"eye_{side}"])
        q = source.vertices[rows] - EYE * (sign, 1, 1)
        system = np.zeros((3 * len(q), 4))
        system[:, 0] = q.ravel()
        system[:, 1:] = np.tile(np.eye(3), (len(q), 1))
        people = (np.linalg.pinv(system) @ source.identity[:, rows].reshape(PEOPLE, -1).T.astype(float)).T
        own = features.fields(EYE[None] * (sign, 1, 1))[:, 0] * np.isin(features.NAMES, features.MOVE_EYES)[:, None]
        found.append([(row[1:], row[0]) for row in people] + [(row, 0.0) for row in own])
    return found


def of_eye(places, sign, eye):
    """[N,3]: what an eye's move does to places [N,3] as if they were part of its ball."""
    shift, growth = eye
    return shift + growth * (places - EYE * (sign, 1, 1))


def on_eye(v, body, sign, eyes):
    """Fields [K,V,3] with the skin next to an eyeball keeping its distance to it, and the depth of the socket going with it."""
    q = v - EYE * (sign, 1, 1)
    r = np.linalg.norm(q, axis=1, keepdims=True)
    out, near, deep = q / r, 1 - smoothstep(*LIDS, r - BALL), in_socket(v, sign)[:, None]
    found = []
    for field, eye in zip(body, eyes):
        wrong = field - of_eye(v, sign, eye)
        off = out * (wrong * out).sum(1, keepdims=True)
        found.append(field - np.maximum(near, deep) * off - deep * (wrong - off))
    return np.stack(found)


def in_socket(v, sign):
    """[V]: 1 where the skin lines the depth of an eye's socket, 0 outside it and towards its lids."""
    share = smoothstep(*DEEP, v[:, 2] - EYE[2])
    share[:EYE_SOCKETS] = 0
    return share * (v[:, 0] * sign > 0)


# The mouth


def mouth_moves(source, skin, body):
    """[K,3,4]: the affine map by which each column moves teeth, gums and tongue. They grow as the package's teeth do, and go where the
    line goes on which the lips meet: along, up and down, forward, and tilted as it is."""
    rows = np.arange(*PARTS["teeth"])
    q = source.vertices[rows] - source.vertices[rows].mean(0)
    growth = np.zeros(len(body))
    growth[:PEOPLE] = (source.identity[:, rows] * q).sum((1, 2)) / (q * q).sum()
    contact = skin.vertices[skin.contact]
    level = np.column_stack([contact[:, 0], np.ones(len(contact))])
    moves = body[:, skin.contact]
    (tilt, up), (_, aside), (_, out) = (np.linalg.pinv(level) @ moves[..., axis].T for axis in (1, 0, 2))
    found = np.zeros((len(body), 3, 4))
    found[:, [0, 1, 2], [0, 1, 2]] = growth[:, None]
    found[:, 1, 0], found[:, 0, 1] = tilt, -tilt
    found[:, :, 3] = np.stack([aside, up, out], 1)
    # The whole mouth tells how far forward it stands: an upper lip alone may be fuller.
    around = skin.mouth[: CONTACT + 1].ravel()
    found[:, 2, 3] = 0.5 * (out + body[:, around, 2].mean(1)) - growth * (contact[:, 2].mean() - MOUTH[2])
    return found


def in_mouth(places, move):
    return (places - MOUTH) @ move[:, :3].T + move[:, 3]


def lined(skin, body, mouth):
    """Fields [K,V,3] with the mouth's lining going with teeth and gums, more and more from the lips inward."""
    share = np.zeros(SKIN)
    share[MOUTH_SOCKET:EYE_SOCKETS] = 1
    for k, ring in enumerate(skin.mouth):
        share[ring] = smoothstep(*LINED, k)
    rows = np.flatnonzero(share)
    body = body.copy()
    for field, move in zip(body, mouth):
        field[rows] += share[rows, None] * (in_mouth(skin.vertices[rows], move) - field[rows])
    return body


def behind_skin(source, skin, parts, given, change, body, mouth, *eyes):
    """[Vp,3]: what a column moves the parts by. given [Vp,3]: the package's; change, body [V,3]: what was added to the skin's and the
    skin's own."""
    out = in_mouth(parts.vertices, mouth)
    for side, sign, eye in zip(("left", "right"), (1, -1), eyes):
        own = within(parts.rows, f"eye_{side}")
        out[own] = of_eye(parts.vertices[own], sign, eye)
    lying = within(parts.rows, "wet")
    _, nearest, weight = beside(skin.vertices, parts.vertices[lying])
    out[lying] = given[lying] + (weight[..., None] * change[nearest]).sum(1)
    return out


def within(rows, part):
    return (rows >= PARTS[part][0]) & (rows < PARTS[part][1])


# Lids


def lid_ways(skin, parts, shapes, lids, eyes):
    """(ways [V + Vp,3,2,WAYS], amounts [WAYS,K]): the principal ways in which lids [V + Vp,3,2] shut otherwise in each column."""
    change = np.zeros((len(shapes), *lids.shape))
    rims = [Rim(skin, lids[..., side], ring) for side, ring in enumerate(skin.margins)]
    for side, (sign, rim) in enumerate(zip((1, -1), rims)):
        near = np.flatnonzero(np.linalg.norm(skin.vertices - EYE * (sign, 1, 1), axis=1) < 0.035)
        own = shut(skin, rim, shapes[:, :SKIN], lids[:SKIN, :, side], eyes[side], sign)
        change[..., side][:, near] = own[:, near]
        lying = np.flatnonzero(within(parts.rows, "wet") & (parts.vertices[:, 0] * sign > 0))
        _, nearest, weight = beside(skin.vertices, parts.vertices[lying])
        change[..., side][:, SKIN + lying] = (weight[..., None] * change[..., side][:, nearest]).sum(2)
    rows = np.flatnonzero(np.abs(change).max((0, 2, 3)) > 1e-7)
    parting = [MEET * rim.parting(change[..., side]) for side, rim in enumerate(rims)]
    seen = np.concatenate([*parting, change[:, rows].reshape(len(shapes), -1)], 1)
    amounts = np.linalg.svd(seen, full_matrices=False)[0]
    amounts = amounts[:, :WAYS] * signs(amounts[:, :WAYS])
    ways = np.zeros((*lids.shape, WAYS))
    ways[rows] = np.tensordot(change[:, rows], amounts, (0, 0))
    return ways, np.pad(amounts.T, ((0, 0), (0, COEFFICIENTS - len(shapes))))


class Rim:
    """The margin of an eye's lids, with the line where they meet when they shut. ring [R]: vertices from the outer corner up and round;
    upper, lower: from the outer corner to the inner one, both with these two."""

    def __init__(self, skin, lid, ring):
        self.ring, self.corner = ring, len(ring) // 2
        self.upper, self.lower = ring[: self.corner + 1], np.r_[ring[0], ring[: self.corner - 1 : -1]]
        self.before = np.zeros(SKIN)  # how much of the line lies before a place
        for line in (self.lower, self.upper):
            self.before[line] = shares((skin.vertices + lid[:SKIN])[line])

    def along(self, values, line):
        """[R,n]: what values [V,n] are on one margin, at all places of the ring."""
        return np.stack([np.interp(self.before[self.ring], self.before[line], column) for column in values[line].T], 1)

    def parting(self, change):
        """[K,2R]: by how much the upper margin's way changes [K,V,3] more than the lower one's, up and forward."""
        return np.stack([(self.along(one[:, 1:], self.upper) - self.along(one[:, 1:], self.lower)).ravel() for one in change])


def shut(skin, rim, shapes, lid, eyes, sign):
    """[K,V,3]: how an eye's lid (its way [V,3] when it shuts) changes in each column, so that both margins come to lie on one line
    and the lids clear the eye on their way: at half of it, where a straight way comes nearest to a ball."""
    v, centre, ring = skin.vertices, EYE * (sign, 1, 1), rim.ring
    half, whole = v + lid / 2 - centre, v + lid - centre
    reach = np.linalg.norm(whole, axis=1, keepdims=True)
    out, out_half = whole / reach, half / np.linalg.norm(half, axis=1, keepdims=True)
    near = (1 - smoothstep(0.003, 0.008, reach - BALL)) * (np.linalg.norm(lid, axis=1, keepdims=True) > 1e-5)
    found = []
    for field, eye in zip(shapes, eyes):
        line = LOWER * rim.along(field, rim.lower) + (1 - LOWER) * rim.along(field, rim.upper)
        change = skin.spread(ring, line - field[ring], REACH)
        # At half of the way it keeps its distance; what that asks for at its end goes into the margins' line, too.
        wrong = (field + change / 2 - of_eye(half + centre, sign, eye)) * out_half
        lift = -2 * near * out * (wrong.sum(1, keepdims=True) / np.maximum((out * out_half).sum(1, keepdims=True), 0.5))
        raised = rim.along(lift, rim.upper)
        raised[[0, rim.corner]] = 0
        change = change + lift
        found.append(change + skin.spread(ring, line + raised - field[ring] - change[ring], REACH / 2))
    return np.stack(found)
