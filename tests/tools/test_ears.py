"""The ears have an ear's form and size and pass through nothing; the hair covers the scalp and leaves face and ears free."""

import numpy as np
import pytest

from tools.sculpt import ears, scalp, surface

pytestmark = pytest.mark.slow

RIM = 6  # the ring of the ear's edge


@pytest.fixture(scope="module")
def triangles(skin):
    f = np.concatenate([skin.quads[:, [0, 1, 2]], skin.quads[:, [0, 2, 3]]])
    return f[(f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0]) & (f[:, 0] != f[:, 1])]


@pytest.fixture(scope="module")
def hair(skin):
    return scalp.hair(skin)


@pytest.fixture(scope="module")
def ear_triangles(skin, triangles):
    return triangles[np.isin(triangles, skin.loops["ear_left"]).all(1)]


def way(start, along, vertices, triangles):
    """How far along each ray (start [R,3], along [R,3]) it first meets a triangle that it does not start or end in."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    first = np.full(len(start), np.inf)
    for k, (o, d) in enumerate(zip(start, along)):
        p = np.cross(d, c - a)
        inverse = 1 / np.where(np.abs(((b - a) * p).sum(1)) < 1e-22, np.inf, ((b - a) * p).sum(1))
        u = ((o - a) * p).sum(1) * inverse
        q = np.cross(o - a, b - a)
        v, t = q @ d * inverse, ((c - a) * q).sum(1) * inverse
        met = (u > 1e-6) & (v > 1e-6) & (u + v < 1 - 1e-6) & (t > 1e-6) & (inverse != 0)
        first[k] = t[met].min(initial=np.inf)
    return first


def edges(triangles):
    return np.unique(np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1), axis=0)


def crossings(one, faces, other, triangles):
    """How many edges of one surface pass through triangles of another (or of itself)."""
    pair = edges(faces)
    return (way(one[pair[:, 0]], one[pair[:, 1]] - one[pair[:, 0]], other, triangles) < 1 - 1e-6).sum()


def test_size_and_stance(skin):
    local = (skin.vertices[skin.loops["ear_left"][RIM:]].reshape(-1, 3) - ears.MIDDLE) * 1e3
    high, wide = np.ptp(local @ ears.UP), np.ptp(local @ ears.BACK)
    assert 58 < high < 65 and 31 < wide < 37, (high, wide)
    place = skin.vertices[skin.loops["ear_left"][RIM]]
    assert 0.038 < place[:, 1].max() < 0.054 and -0.024 < place[:, 1].min() < -0.010  # brow to the nose's base
    lean, flare = np.degrees([np.arctan2(-ears.UP[2], ears.UP[1]), np.arctan2(ears.BACK[0], -ears.BACK[2])])
    assert 5 < lean < 12 and 18 < flare < 26
    stand = surface.distance(place)
    behind = ((place - ears.MIDDLE) @ ears.BACK) > 0.010
    assert stand[behind].min() > 0.006 and stand.min() > 0.001, "the rim stands off the skull and sinks nowhere"


def test_the_folds_are_there(skin):
    height = lambda *place: ears.front(np.array([place], float))[0]
    groove, antihelix, bowl, canal = height(15.5, 4), height(10.6, 1), height(0, -6), height(-6, -2.5)
    assert antihelix > groove + 2.5 and bowl < antihelix - 10 and canal < bowl - 1
    fossa, upper, lower = height(0, 18), height(6.5, 16), height(0, 12.8)
    assert fossa < upper - 2 and fossa < lower - 1, "the fork encloses a hollow"
    crus = height(-4, 3.6)
    assert crus > height(-2, 8) + 1 and crus > height(-4, -3) + 1, "the crus parts the bowl"
    assert height(1, -14.2) > height(-5.2, -12.5) + 2, "antitragus and the notch before it"
    rim = (skin.vertices[skin.loops["ear_left"][7]] - ears.MIDDLE) @ ears.OUT * 1e3
    assert rim[:8].min() > groove + 2, "the helix stands over its groove"


def test_faces_look_out_and_join_the_head(skin, ear_triangles):
    directed = np.concatenate([skin.quads[:, [0, 1]], skin.quads[:, [1, 2]], skin.quads[:, [2, 3]], skin.quads[:, [3, 0]]])
    directed = directed[directed[:, 0] != directed[:, 1]]
    directed = directed[np.isin(directed, skin.loops["ear_left"]).all(1)]
    assert len(np.unique(directed, axis=0)) == len(directed), "no edge is used twice the same way"
    inner = directed[~np.isin(directed, skin.loops["ear_left"][0]).all(1)]
    assert {tuple(e) for e in inner} == {tuple(e[::-1]) for e in inner}, "every edge has a face on both sides"
    a, b, c = (skin.vertices[ear_triangles[:, k]] for k in range(3))
    front = np.isin(ear_triangles, skin.loops["ear_left"][11:]).all(1)
    assert (np.cross(b - a, c - a)[front] @ ears.OUT > 0).all(), "no face of the front is turned over"


def test_mirror_image(skin):
    left, right = (skin.vertices[skin.loops[f"ear_{side}"]] for side in ("left", "right"))
    np.testing.assert_allclose(right, left * (-1, 1, 1), atol=1e-9)


def test_ear_does_not_cross_itself(skin, ear_triangles):
    assert crossings(skin.vertices, ear_triangles, skin.vertices, ear_triangles) == 0


def test_hair_covers_the_scalp(skin, triangles, hair):
    v, f, _ = hair
    assert len(v) <= 2600
    around = np.arange(-174, 180, 12.0)
    out = np.concatenate([scalp.aim(around, way * scalp.down(np.abs(around))) for way in (0.02, 0.2, 0.4, 0.6, 0.8, 0.94)])
    start = scalp.MIDDLE + 0.3 * out
    thick = way(start, -out, skin.vertices, triangles) - way(start, -out, v, f)
    assert thick.min() > 0.0005 and 0.004 < np.median(thick) < 0.020


def test_hair_leaves_face_and_ears_free(skin, hair, ear_triangles):
    v, f, _ = hair
    face = np.unique(skin.quads)
    face = face[(skin.vertices[face, 2] > 0.03) & (scalp.depth(skin.vertices[face]) > 1.06)][::7]
    ahead = np.tile([0.0, 0.0, 1.0], (len(face), 1))
    assert len(face) > 200 and np.isinf(way(skin.vertices[face], ahead, v, f)).all()
    near = f[(v[f][:, :, 0] > 0.05).all(1)]
    ear = ear_triangles[np.isin(ear_triangles, skin.loops["ear_left"][2:]).all(1)]
    assert crossings(v, near, skin.vertices, ear) == 0 and crossings(skin.vertices, ear, v, near) == 0


def test_hair_follows_the_skin_under_it(skin, hair):
    v, _, on = hair
    np.testing.assert_allclose(on.sum(1), 1, atol=1e-9)
    assert np.linalg.norm(on @ skin.vertices - v, axis=1).max() < 0.035
    assert not np.isin(on.indices, skin.loops["ear_left"][1:]).any()
