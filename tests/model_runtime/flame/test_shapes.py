"""Face actions for heads that have none: their face is found, ours is laid over it, lips and lids meet, what cannot be good is refused."""

import numpy as np
import pytest

from contract import ACTIONS
from model_runtime.flame import face as finding
from model_runtime.flame import shapes
from model_runtime.flame.load import load_head
from model_runtime.flame.thinned import thin
from model_runtime.flame.views import look

pytestmark = pytest.mark.slow
HEAD = load_head()
NO_OTHERS = np.zeros((0, 3)), np.zeros((0, 3), int)
TURN = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # it looks towards +X


def eyes():
    """The built-in head's eyeballs and teeth, as another mesh."""
    kinds = [list(HEAD.part_names).index(name) for name in ("eye_left", "eye_right", "teeth_upper", "teeth_lower")]
    faces = HEAD.parts_f[np.isin(HEAD.parts_face, kinds)]
    used = np.unique(faces)
    return HEAD.parts_v[used].astype(float), np.searchsorted(used, faces), HEAD.parts_face, kinds, used


@pytest.fixture(scope="module")
def laid():
    """(vertices, faces, others, Face, Made) of the built-in head in centimetres, elsewhere, wider, on a body."""
    vertices = np.array([110.0, 95, 100]) * HEAD.v_template + [30, 160, -20]
    body = np.array([[x, y, 0.0] for x in np.linspace(-20, 80, 20) for y in np.linspace(0, 138, 20)])
    quads = [[20 * a + b, 20 * a + b + 1, 20 * a + b + 21] for a in range(19) for b in range(19)]
    everything = np.concatenate([vertices, body])
    faces = np.concatenate([HEAD.f, np.array(quads) + len(vertices)])
    parts = eyes()
    others = np.array([110.0, 95, 100]) * parts[0] + [30, 160, -20], parts[1]
    face, turn = shapes.find_face(everything, faces, others)
    assert np.allclose(turn, np.eye(3))
    return everything, faces, others, face, shapes.make(everything, faces, face, HEAD, others)


def test_what_is_seen_in_front_hides_what_lies_behind():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    vertices = np.concatenate([square, 0.5 * square + [0.25, 0.25, 1]])
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    view = look(vertices, faces, (-0.2, -0.2), (1.2, 1.2), 0.05)
    at = lambda x, y: view.triangle[round((y + 0.2) / 0.05), round((x + 0.2) / 0.05)]
    assert at(-0.1, 0.5) == -1 and at(0.1, 0.1) in (0, 1) and at(0.5, 0.4) in (2, 3)
    assert np.allclose(view.place(14, 14), [0.5, 0.5, 1])


def test_a_triangle_seen_edge_on_covers_nothing():
    view = look(np.array([[0, 0, 0], [1, 0, 0], [0.5, 0, 1]], float), np.array([[0, 1, 2]]), (-1, -1), (2, 2), 0.1)
    assert (view.triangle == -1).all()


def test_points_are_found_where_they_are(laid):
    vertices, _, _, face, _ = laid
    far = {name: np.linalg.norm(place - vertices[HEAD.landmark(name)]) / 100 for name, place in face.points.items()}
    del far["chin"]  # whatever is furthest down and out
    assert max(far.values()) < 0.006, far
    assert np.linalg.norm(face.points["chin"] - vertices[HEAD.landmark("chin")]) / 100 < 0.02


def test_actions_come_back_as_they_are_on_our_own_head(laid):
    _, _, _, _, made = laid
    count = len(HEAD.v_template)
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp", "eyeBlinkRight", "mouthFunnel", "noseSneerLeft"):
        ours = HEAD.actions[:, :, HEAD.action(name)].astype(float)[made.good[:count]].ravel()
        theirs = made.deltas[ACTIONS.index(name), :count][made.good[:count]].ravel()
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.93, name
        assert 70 < np.linalg.norm(theirs) / np.linalg.norm(ours) < 130, name


def test_the_body_stays(laid):
    _, _, _, _, made = laid
    assert not made.deltas[:, len(HEAD.v_template) :].any()


def test_lips_shut_what_the_jaw_opens_and_lids_shut(laid):
    vertices, _, _, _, made = laid
    opened, shut = (
        vertices + sum(made.deltas[ACTIONS.index(name)] for name in names) for names in (["jawOpen"], ["jawOpen", "mouthClose"])
    )
    apart = lambda posed: np.linalg.norm(posed[HEAD.lip_inner_upper] - posed[HEAD.lip_inner_lower], axis=1) / 100
    assert apart(opened).max() > 0.02 and apart(shut).max() < 0.002 and apart(shut).mean() < 0.0005
    for side, name in enumerate(("eyeBlinkLeft", "eyeBlinkRight")):
        posed = vertices + made.deltas[ACTIONS.index(name)]
        lids = posed[HEAD.lid_margin_upper[side]] - posed[HEAD.lid_margin_lower[side]]
        assert np.linalg.norm(lids, axis=1).max() / 100 < 0.003


def test_eyes_turn_and_the_lower_teeth_alone_go_with_the_jaw(laid):
    _, _, others, _, made = laid
    _, _, of, kinds, used = eyes()
    owner = np.zeros(len(HEAD.parts_v), int)
    owner[HEAD.parts_f] = of[:, None]
    of_part = [np.flatnonzero(owner[used] == kind) for kind in kinds]
    moved = lambda name, part: np.linalg.norm(made.others[ACTIONS.index(name)][of_part[part]], axis=1).mean() / 100
    assert moved("jawOpen", 3) > 0.015 and moved("jawOpen", 2) == 0
    assert moved("eyeLookUpLeft", 0) > 0.002 and moved("eyeLookUpLeft", 1) < 1e-6
    assert moved("eyeBlinkLeft", 0) < 1e-6 and moved("mouthSmileLeft", 3) < 1e-9


def test_a_head_that_looks_aside_is_turned():
    face, turn = shapes.find_face(HEAD.v_template.astype(float) @ TURN.T, HEAD.f, NO_OTHERS)
    back = np.array([face.points[name] for name in ("nose_tip", "lid_upper_left")])
    ours = HEAD.v_template[[HEAD.landmark(name) for name in ("nose_tip", "lid_upper_left")]]
    assert np.abs(back - ours).max() < 0.006 and np.allclose(turn, TURN.T)


def test_the_artists_points_count():
    vertices = HEAD.v_template.astype(float)
    own = {name: vertices[HEAD.landmark(name)] for name in finding.POINTS}
    face = finding.given(vertices, HEAD.f, own)
    for line, ours in zip(face.lips, (HEAD.lip_inner_upper, HEAD.lip_inner_lower)):
        assert np.linalg.norm(vertices[line][:, None] - vertices[ours][None], axis=2).min(1).mean() < 0.0025
    moved = own | {"lip_corner_left": own["lip_corner_left"] + [0.01, 0.004, -0.004]}
    assert np.abs(shapes.find_face(vertices, HEAD.f, NO_OTHERS, moved)[0].points["lip_corner_left"] - moved["lip_corner_left"]).max() < 1e-9


def test_lips_that_were_never_parted_are_refused_with_the_place():
    joined = np.arange(len(HEAD.v_template))
    joined[HEAD.lip_inner_lower] = HEAD.lip_inner_upper
    faces = joined[HEAD.f]
    with pytest.raises(finding.NoFace, match="two lips") as told:
        shapes.find_face(HEAD.v_template.astype(float), faces, NO_OTHERS)
    assert np.linalg.norm(told.value.place - HEAD.v_template[HEAD.landmark("lip_inner_upper_mid")]) < 0.02


def test_a_head_without_openings_of_the_eyes_is_refused():
    vertices, faces = HEAD.v_template.astype(float), HEAD.f
    patches = [np.r_[HEAD.lid_margin_upper[side], HEAD.lid_margin_lower[side][::-1]] for side in (0, 1)]
    centres = len(vertices) + np.arange(2)
    lids = [[a, b, centre] for patch, centre in zip(patches, centres) for a, b in zip(patch, np.roll(patch, 1))]
    closed = np.concatenate([vertices, [vertices[patch].mean(0) + [0, 0, 0.004] for patch in patches]])
    with pytest.raises(finding.NoFace, match="openings of the eyes"):
        shapes.find_face(closed, np.concatenate([faces, lids]), NO_OTHERS)


def test_skin_across_the_mouth_is_refused_with_the_place():
    vertices = HEAD.v_template.astype(float)
    rim = HEAD.lip_inner_upper
    hem = len(vertices) + np.arange(len(rim))
    curtain = [[a, b, c] for a, b, c in zip(rim[:-1], rim[1:], hem[:-1])] + [[b, d, c] for b, c, d in zip(rim[1:], hem[:-1], hem[1:])]
    hanging = np.concatenate([vertices, vertices[rim] + [0, -0.03, -0.002]])
    faces = np.concatenate([HEAD.f, curtain])
    face, _ = shapes.find_face(hanging, faces, NO_OTHERS)
    with pytest.raises(finding.NoFace, match="wrong lip") as told:
        shapes.make(hanging, faces, face, HEAD)
    assert np.linalg.norm(told.value.place - vertices[rim].mean(0)) < 0.01


@pytest.mark.parametrize("made", ["ball", "cube"])
def test_what_is_no_head_is_refused(made):
    if made == "ball":
        a, b = np.meshgrid(np.linspace(0.01, np.pi - 0.01, 40), np.linspace(0, 2 * np.pi, 60, endpoint=False), indexing="ij")
        vertices = 0.1 * np.stack([np.sin(a) * np.cos(b), np.cos(a), np.sin(a) * np.sin(b)], -1).reshape(-1, 3)
        at = lambda r, s: 60 * r + s % 60
        faces = np.array([[at(r, s), at(r, s + 1), at(r + 1, s)] for r in range(39) for s in range(60)])
    else:
        grid = np.array([[x, y, z] for x in (0, 1) for y in np.linspace(0, 1, 12) for z in np.linspace(0, 1, 12)], float)
        vertices, faces = grid, np.array([[12 * a + b, 12 * a + b + 1, 12 * a + b + 12] for a in range(11) for b in range(11)])
    with pytest.raises(finding.NoFace, match=r"eyes|few faces"):
        shapes.find_face(vertices, faces, NO_OTHERS)


def test_a_dense_mesh_is_worked_on_in_few_of_its_vertices(laid, monkeypatch):
    vertices, faces, others, face, made = laid
    monkeypatch.setattr(shapes, "_DENSE", 1000)
    thinned = shapes.make(vertices, faces, face, HEAD, others)
    assert thinned.deltas.shape == made.deltas.shape and not thinned.deltas[:, len(HEAD.v_template) :].any()
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp", "eyeBlinkRight"):
        theirs, own = thinned.deltas[ACTIONS.index(name)].ravel(), made.deltas[ACTIONS.index(name)].ravel()
        assert theirs @ own / np.linalg.norm(theirs) / np.linalg.norm(own) > 0.97, name
    shut = vertices + sum(thinned.deltas[ACTIONS.index(name)] for name in ("jawOpen", "mouthClose"))
    apart = np.linalg.norm(shut[HEAD.lip_inner_upper] - shut[HEAD.lip_inner_lower], axis=1) / 100
    assert apart.max() < 0.002 and apart.mean() < 0.0005
    np.testing.assert_allclose(thinned.others, made.others, atol=0.2)


def test_a_field_comes_back_from_few_vertices_to_all():
    vertices, faces = HEAD.v_template.astype(float), HEAD.f
    few = thin(vertices, faces, 0.006, HEAD.lip_inner_upper)
    assert set(HEAD.lip_inner_upper) <= set(few.kept) and len(few.kept) < 0.6 * len(vertices)
    field = np.sin(30 * vertices)
    back = few.back @ field[few.kept]
    np.testing.assert_allclose(back[few.kept], field[few.kept], atol=0.02)
    assert np.abs(back - field).mean() < 0.01
