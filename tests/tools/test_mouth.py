"""The mouth as the code makes it: lips that meet, and teeth, gums and tongue that stay in their places."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tools.sculpt import mouth, teeth
from tools.sculpt.rig import BORDER, CONTACT, INNER, JAW, rotation
from tools.sculpt.surface import MOUTH_Y

pytestmark = pytest.mark.slow

MM = 1e-3


@pytest.fixture(scope="module")
def parts():
    """{name: [(vertices, triangles)]} of teeth, gums and tongue."""
    found = {}
    for name, v, f, _ in teeth.rows():
        found.setdefault(name, []).append((v, f))
    v, f, _ = teeth.tongue()
    found["tongue"] = [(v, f)]
    return found


@pytest.fixture(scope="module")
def walls(rig, skin):
    """Triangles of the outer skin, and of the mouth's inside from where the lips meet."""
    q = skin.quads
    triangles = np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]])
    triangles = triangles[(triangles != np.roll(triangles, 1, 1)).all(1)]
    deep = np.zeros(len(skin.vertices), bool)
    deep[skin.loops["mouth"][CONTACT:]] = deep[rig.bag_tip()] = True
    inside = deep[triangles].all(1)
    return triangles[~inside], triangles[inside]


def within(points, vertices, triangles):
    """[N] whether points are enclosed: a ray backwards meets the triangles an odd number of times."""
    corners = vertices[triangles]
    low, high = corners.min(1), corners.max(1)
    cross = lambda p, q: p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    odd = np.zeros(len(points), bool)
    for k, point in enumerate(points + (1.3e-7, 2.1e-7, 0)):
        near = ((low[:, :2] <= point[:2]) & (high[:, :2] >= point[:2])).all(1) & (low[:, 2] <= point[2])
        a, b, c = np.moveaxis(corners[near] - point, 1, 0)
        weights = np.stack([cross(b, c), cross(c, a), cross(a, b)])
        total = weights.sum(0)
        hit = (weights * np.sign(total) >= 0).all(0) & (np.abs(total) > 1e-16)
        odd[k] = ((weights * [a[:, 2], b[:, 2], c[:, 2]]).sum(0)[hit] / total[hit] < 0).sum() % 2
    return odd


def dense(vertices, triangles, parts=5):
    """Points all over the triangles."""
    weights = np.array([(i, j, parts - i - j) for i in range(parts + 1) for j in range(parts + 1 - i)]) / parts
    return np.einsum("wk,fkd->fwd", weights, vertices[triangles]).reshape(-1, 3)


def depth(points, vertices, triangles):
    """[N] metres inside (positive) or outside a closed surface."""
    return cKDTree(dense(vertices, triangles)).query(points)[0] * np.where(within(points, vertices, triangles), 1, -1)


def bite(points, crowns):
    """How deep the deepest of the points lies in any of the crowns, metres; 0 for none."""
    deepest = 0.0
    for v, f in crowns:
        near = points[(points > v.min(0)).all(1) & (points < v.max(0)).all(1)]
        inner = near[within(near, v, f)]
        if len(inner):
            deepest = max(deepest, cKDTree(dense(v, f)).query(inner)[0].max())
    return deepest


def test_lips_meet_along_their_whole_length_and_do_not_cross(skin):
    loops = skin.loops["mouth"]
    size = loops.shape[1]
    upper, lower = np.arange(1, size // 2), np.arange(size - 1, size // 2, -1)
    v = skin.vertices[loops]
    np.testing.assert_allclose(v[CONTACT, upper], v[CONTACT, lower], atol=1e-9)
    assert (v[BORDER:CONTACT, upper, 1] > v[BORDER:CONTACT, lower, 1]).all()
    assert (v[CONTACT : INNER + 1, upper, 1] >= v[CONTACT : INNER + 1, lower, 1] - 1e-9).all()
    # Just before they meet the lips lie nearly on each other: no open slit.
    assert (v[CONTACT - 1, upper, 1] - v[CONTACT - 1, lower, 1]).max() < 0.8 * MM


def test_lips_have_a_natural_form(skin):
    v = skin.vertices[skin.loops["mouth"]]
    size = v.shape[1]
    quarter = size // 4
    assert np.ptp(v[CONTACT, :, 0]) == pytest.approx(0.050, abs=0.004)
    height = v[BORDER, quarter, 1] - v[BORDER, 3 * quarter, 1]
    assert height == pytest.approx(0.0168, abs=0.002)
    assert v[CONTACT, quarter, 1] - v[BORDER, 3 * quarter, 1] > v[BORDER, quarter, 1] - v[CONTACT, quarter, 1]  # lower is fuller
    bow = v[BORDER, : size // 2, 1]
    assert bow.max() - v[BORDER, quarter, 1] > 0.5 * MM  # cupid's bow
    assert v[BORDER:CONTACT, quarter, 2].max() - v[CONTACT, quarter, 2] > 2 * MM  # rolled in
    assert v[CONTACT, 0, 1] > v[CONTACT, quarter, 1]  # corners turned up
    # The skin round the mouth and the lips as far as they face forwards: no quad is turned over.
    for k in range(BORDER + mouth.VERMILION_RINGS // 2):
        a, b = v[k], v[k + 1]
        along, inward = np.roll(a, -1, 0) - a, b - a
        assert (np.cross(along, inward)[:, 2] > 0).all(), k


def test_teeth_gums_and_tongue_lie_in_the_shut_mouth(skin, parts, walls):
    outer, inner = walls
    for name, least in (("teeth_upper", 0.5), ("teeth_lower", 0.5), ("gums_upper", 0.2), ("gums_lower", 0.5), ("tongue", 2.0)):
        points = np.concatenate([v for v, _ in parts[name]])
        assert depth(points, skin.vertices, inner).min() > least * MM, name
        assert depth(points, skin.vertices, outer).min() > 2.0 * MM, name


def test_the_bag_stays_under_the_skin(skin, walls):
    points = skin.vertices[skin.loops["mouth"][INNER:]].reshape(-1, 3)
    assert depth(points, skin.vertices, walls[0]).min() > 1.0 * MM


def test_bite(parts):
    upper, lower = (np.concatenate([v for v, _ in parts[f"teeth_{name}"][:2]]) for name in ("upper", "lower"))  # central incisors
    assert upper[:, 1].min() - MOUTH_Y == pytest.approx(-2.2 * MM, abs=0.5 * MM)
    assert lower[:, 1].max() - upper[:, 1].min() == pytest.approx(2 * MM, abs=0.6 * MM)  # overbite
    assert upper[:, 2].max() - lower[:, 2].max() == pytest.approx(2.2 * MM, abs=0.6 * MM)  # overjet
    points = np.concatenate([dense(v, f) for v, f in parts["teeth_lower"]])
    others = np.concatenate([dense(v, f) for v, f in parts["teeth_upper"]])
    assert bite(points, parts["teeth_upper"]) == 0 and cKDTree(others).query(points)[0].min() > 0.25 * MM
    assert bite(dense(*parts["tongue"][0]), parts["teeth_upper"] + parts["teeth_lower"]) == 0
    assert sum(len(v) for pieces in parts.values() for v, _ in pieces) <= 2600


# Phone, jaw (radians), tip up, back up, out; how deep the tongue may press on a tooth (it is soft).
USES = {
    "l": (0.076, 0.9, 0, 0, 0),
    "t": (0.042, 1, 0, 0, 0),
    "s": (0.021, 0.75, 0, 0, 0),
    "k": (0.067, 0, 1, 0, 0),
    "u": (0.118, 0, 0.5, 0, 0),
    "th": (0.105, 0, 0, 0.4, 0.5),
    "dh": (0.105, 0, 0, 0.35, 0.5),
    "th wide": (0.15, 0, 0, 0.5, 0.5),
    "tip": (0.25, 1, 0, 0, 0),
    "back": (0.25, 0, 1, 0, 0),
}


@pytest.mark.parametrize("phone", USES)
def test_tongue_reaches_its_places_and_passes_through_nothing(rig, parts, walls, phone):
    jaw, tip_up, back_up, out, press = USES[phone]
    v, f, moves = teeth.tongue()
    turn = rotation((jaw, 0, 0))
    posed = (v + moves @ (tip_up, back_up, out) - JAW) @ turn.T + JAW
    below = [((crown - JAW) @ turn.T + JAW, triangles) for crown, triangles in parts["teeth_lower"]]
    assert bite(dense(posed, f), parts["teeth_upper"] + below) <= press * MM
    tip, face = posed[0], teeth.front()
    edge = min(crown[:, 1].min() for crown, _ in parts["teeth_upper"][:2])
    if out:
        assert 0 < tip[2] - face < 6 * MM and tip[1] < edge
        return
    assert tip[2] < face - 4 * MM  # behind the teeth
    assert depth(posed, rig.turn_jaw((jaw, 0, 0)), walls[1]).min() > 0.5 * MM
    if phone in ("l", "t"):
        assert tip[1] > edge + 4 * MM  # at the gum, not at the teeth's edge
    if phone == "k":
        assert posed[:, 1].max() > MOUTH_Y + 10 * MM and tip[1] < MOUTH_Y


def test_the_tongue_put_out_passes_the_lips(rig):
    v, _, moves = teeth.tongue()
    turn = rotation((0.30, 0, 0))
    posed = (v + moves[:, :, 2] - JAW) @ turn.T + JAW
    lip = rig.turn_jaw((0.30, 0, 0))[rig.skin.loops["mouth"][CONTACT, 3 * len(rig.s) // 4]]
    assert posed[0, 2] > lip[2] + 6 * MM and posed[:, 1][posed[:, 2] > lip[2]].min() > lip[1] - 2 * MM
