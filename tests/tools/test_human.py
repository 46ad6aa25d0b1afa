"""The built-in head: complete, made as the code says from measured people, and a face that shuts its lips and its eyes."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from contract import ACTIONS, UtterError
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from tools.human import actions, basis, source
from tools.human import head as maker
from tools.human.__main__ import HEAD, SOURCE, keep_zeros
from tools.human.eyes import BALL
from tools.human.head import COARSE, FINE
from tools.human.jaw import Jaw
from tools.human.parts import Parts
from tools.human.skin import EYE, Skin

SHUT = 0.03  # of jaw_open_gap


@pytest.fixture(scope="module")
def fields():
    with np.load(HEAD, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def measured():
    return source.read(SOURCE)


@pytest.fixture(scope="module")
def skin(measured):
    return Skin(measured)


@pytest.fixture(scope="module")
def linear(measured, skin):
    jaw = Jaw(measured, skin, maker.head_share(skin.vertices))
    return actions.linear_actions(measured, skin, jaw, Parts(measured, jaw))


def motion(fields, **amounts):
    names = fields["action_names"].tolist()
    return sum(amount * fields["actions_motion"][names.index(name)] for name, amount in amounts.items())[None]


def test_format_is_complete(fields):
    v, vp = len(fields["v_template"]), len(fields["parts_v"])
    quads = len(fields["f_quad"])
    shapes = {
        "v_template": (v, 3),
        "f_quad": (quads, 4),
        "uv_quad": (quads, 4, 2),
        "shapedirs": (v, 3, 400),
        "posedirs": (v, 3, 36),
        "J_regressor": (5, v),
        "weights": (v, 5),
        "kintree_table": (2, 5),
        "lids": (v, 3, 2),
        "action_names": (52,),
        "actions": (v, 3, 52),
        "actions_motion": (52, 65),
        "parts_weights": (vp, 5),
        "parts_lids": (vp, 3, 2),
        "parts_tongue": (vp, 3, 3),
        "jaw_open_gap": (),
    }
    for name, shape in shapes.items():
        assert fields[name].shape == shape, name
        assert fields[name].dtype.kind in "US" or np.isfinite(fields[name].astype(np.float64)).all(), name
    assert 5000 <= v <= 16000
    assert sorted(fields["action_names"].tolist()) == sorted(ACTIONS) and len(set(ACTIONS)) == 52
    assert fields["regions"].shape == (len(fields["region_names"]), v) and fields["regions"].any(1).all()
    paired = "brow_inner brow_mid brow_outer lid_upper lid_lower eye_inner eye_outer lip_corner".split()
    wanted = {f"{name}_{side}" for name in paired for side in ("left", "right")}
    wanted |= {"lip_inner_upper_mid", "lip_inner_lower_mid", "lip_outer_upper_mid", "lip_outer_lower_mid", "nose_tip", "chin"}
    assert wanted <= set(fields["landmark_names"].tolist())
    assert {"eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue"} <= set(fields["part_names"].tolist())
    assert HEAD.stat().st_size < 16e6


def test_skinning_adds_up(fields):
    for name in ("weights", "parts_weights"):
        np.testing.assert_allclose(fields[name].sum(1), 1, atol=1e-5)
        assert fields[name].min() >= -1e-6
    np.testing.assert_allclose(fields["J_regressor"].sum(1), 1, atol=1e-5)
    joints = fields["J_regressor"] @ fields["v_template"]
    np.testing.assert_allclose(joints[3:], [EYE, EYE * (-1, 1, 1)], atol=1e-5)


def test_triangles_cover_the_quads_and_face_outwards(fields):
    v, f = fields["v_template"].astype(float), fields["f"]
    triangles = sum(len(set(q)) - 2 for q in fields["f_quad"].tolist())
    assert len(f) == triangles
    a, b, c = v[f[:, 0]], v[f[:, 1]], v[f[:, 2]]
    normal = np.cross(b - a, c - a)
    forehead = fields["regions"][fields["region_names"].tolist().index("forehead")][f].all(1)
    assert (normal[forehead, 2] > 0).all()
    edges = np.sort(np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]]), 1)
    assert np.unique(edges, axis=0, return_counts=True)[1].max() == 2  # a manifold


def test_symmetric(fields):
    v = fields["v_template"].astype(float)
    distance, mirror = cKDTree(v).query(v * (-1, 1, 1))
    assert distance.max() < 1e-6
    names = fields["action_names"].tolist()
    away = ~fields["regions"][fields["region_names"].tolist().index("mouth")]  # there two vertices share a place
    assert away.mean() > 0.7
    for name in ("mouthSmile", "eyeBlink", "browDown", "mouthUpperUp"):
        left, right = (fields["actions"][:, :, names.index(name + side)] for side in ("Left", "Right"))
        np.testing.assert_allclose((left[mirror] * (-1, 1, 1))[away], right[away], atol=3e-6)
        assert np.abs(left[v[:, 0] < -0.03]).max() < 0.1 * np.abs(left).max()


def test_proportions(fields):
    """An adult's (Farkas 1994)."""
    v = fields["v_template"]
    at = dict(zip(fields["landmark_names"].tolist(), fields["landmark_vertices"]))
    scalp = fields["regions"][fields["region_names"].tolist().index("scalp")]
    assert np.ptp(v[scalp, 0]) == pytest.approx(0.152, abs=0.010)
    assert v[:, 2].max() - v[:, 2].min() > 0.19
    assert 0.043 < v[at["lip_corner_left"], 0] - v[at["lip_corner_right"], 0] < 0.056
    assert v[at["lip_outer_upper_mid"], 1] - v[at["lip_inner_upper_mid"], 1] == pytest.approx(0.009, abs=0.003)
    assert v[at["lip_inner_lower_mid"], 1] - v[at["lip_outer_lower_mid"], 1] == pytest.approx(0.011, abs=0.003)


def test_every_action_is_reproduced_by_its_motion(fields, head):
    rest = fields["v_template"]
    for k, name in enumerate(ACTIONS):
        wanted = fields["actions"][:, :, k].astype(float)  # squares of small moves fall out of half precision
        error = lbs.pose(head, fields["actions_motion"][k][None])[0] - rest - wanted
        assert np.abs(error).max() < 5e-4, name
        assert np.sqrt((error**2).mean()) <= 0.03 * np.sqrt((wanted**2).mean()) + 1e-7, name
        moves = np.abs(wanted).max() > 1e-3
        assert moves or name.startswith("eyeLook") or name == "tongueOut", name


def test_parts_follow(fields, head):
    rest = fields["parts_v"]
    names = fields["part_names"].tolist()

    def of(part):
        return np.unique(fields["parts_f"][fields["parts_face"] == names.index(part)])

    tongue = lbs.pose_parts(head, motion(fields, tongueOut=1))[0] - rest
    assert tongue[of("tongue"), 2].max() > 0.02 and np.abs(tongue[of("teeth_lower")]).max() < 1e-6
    opened = lbs.pose_parts(head, motion(fields, jawOpen=1))[0] - rest
    assert opened[of("teeth_lower"), 1].max() < -0.005 and np.abs(opened[of("teeth_upper")]).max() < 1e-6
    look = lbs.pose_parts(head, motion(fields, eyeLookOutLeft=1))[0] - rest
    assert look[of("pupil_left"), 0].min() > 0.003 and np.abs(look[of("pupil_right")]).max() < 1e-6
    up = lbs.pose_parts(head, motion(fields, eyeLookUpRight=1))[0] - rest
    assert up[of("pupil_right"), 1].min() > 0.003


def test_lips_are_shut_in_the_neutral_of_every_identity(fields, head):
    rng = np.random.default_rng(3)
    neutral = np.zeros((1, 65), np.float32)
    upper, lower = fields["lip_inner_upper"], fields["lip_inner_lower"]
    for beta in [None] + [rng.standard_normal(300).astype(np.float32) for _ in range(8)]:
        face = lbs.pose(head, neutral, beta=beta)[0]
        assert np.linalg.norm(face[upper] - face[lower], axis=1).max() < SHUT / 3 * fields["jaw_open_gap"]
        assert np.isfinite(face).all() and np.abs(face - fields["v_template"]).max() < 0.05


def test_jaw_opens_in_proportion_and_mouth_close_shuts_it(fields, head):
    amounts = np.linspace(0, 1, 9)
    opened = np.concatenate([motion(fields, jawOpen=a) for a in amounts])
    gap = lbs.lip_gap(head, opened)
    assert (np.diff(gap) > 0.05).all() and gap[-1] == pytest.approx(1, abs=0.01) and gap[0] < 1e-3
    assert 0.025 < fields["jaw_open_gap"] < 0.045
    shut = np.concatenate([motion(fields, jawOpen=a, mouthClose=a) for a in amounts])
    assert lbs.lip_gap(head, shut).max() < SHUT
    face = lbs.pose(head, shut)
    upper, lower = fields["lip_inner_upper"], fields["lip_inner_lower"]
    assert np.linalg.norm(face[:, upper] - face[:, lower], axis=-1).max() < SHUT * fields["jaw_open_gap"]
    chin = dict(zip(fields["landmark_names"].tolist(), fields["landmark_vertices"]))["chin"]
    assert face[-1, chin, 1] < face[0, chin, 1] - 0.015  # the chin stays down


@pytest.mark.parametrize(
    "name",
    (
        "mouthSmileLeft mouthFrownRight mouthPucker mouthRollLower mouthRollUpper mouthPressLeft mouthShrugLower "
        "mouthStretchLeft mouthDimpleRight cheekPuff jawLeft jawForward"
    ).split(),
)
def test_closing_actions_keep_the_lips_together(fields, head, name):
    assert lbs.lip_gap(head, motion(fields, **{name: 1.0}))[0] < SHUT


def test_the_jaw_turns_by_what_was_measured(head, measured):
    names = head.action_names.tolist()
    moved = lbs.pose(head, head.actions_motion[names.index("jawOpen")][None])[0] - head.v_template
    np.testing.assert_allclose(moved, measured.actions["jawOpen"][: source.SKIN], atol=0.0025)
    assert np.sqrt(((moved - measured.actions["jawOpen"][: source.SKIN]) ** 2).mean()) < 2e-4


def test_lids_cover_the_eyeballs(fields, head):
    """Seen from the front, no part of an eyeball lies before the skin when the lids are shut; much of it does when open."""
    names = fields["part_names"].tolist()

    def seen(amount):
        values = np.zeros((1, 65), np.float32)
        values[0, 60] = amount
        face = lbs.pose(head, values)[0]
        count = 0
        for x in np.linspace(-0.0095, 0.0095, 21):
            for y in np.linspace(-0.007, 0.007, 15):
                eye = EYE + (x, y, np.sqrt(BALL**2 - x * x - y * y))
                count += not in_front(face, fields["f"], eye)
        return count

    def in_front(face, triangles, point):
        corners = face[triangles].astype(float) - point
        near = (np.abs(corners[:, :, :2]) < 0.02).all((1, 2))
        a, b, c = np.moveaxis(corners[near], 1, 0)
        cross = lambda p, q: p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
        wa, wb, wc = cross(b, c), cross(c, a), cross(a, b)
        total = wa + wb + wc
        inside = (np.stack([wa, wb, wc]) * np.sign(total) >= 0).all(0) & (np.abs(total) > 1e-14)
        depth = (wa * a[:, 2] + wb * b[:, 2] + wc * c[:, 2])[inside] / total[inside]
        return (depth > 0).any()

    assert {"eye_left", "eye_right"} <= set(names)
    assert seen(1.0) == 0
    assert seen(0.0) > 100


def test_basis_is_ordered_and_of_unit_scale(fields, linear):
    expression = fields["shapedirs"][:, :, 300:].astype(np.float64)
    rms = np.sqrt((expression**2).sum(1).mean(0))
    assert (rms[: len(linear)] > 0).all() and not rms[len(linear) :].any() and len(linear) <= 50
    assert np.sqrt((fields["shapedirs"][:, :, :100].astype(np.float64) ** 2).sum(1).mean(0)).max() > 1e-3


# What one BLAS or processor computes otherwise than another: measured over nine of them it is under a picometre and a millionth of a
# standard deviation. But the file's numbers are rounded, and one that lies half way may go up or down.
NOISE = 1e-9  # metres
SPREAD = 1e-5  # standard deviations


def same_displacements(made, stored, step):
    """Whether made [...] metres, rounded to whole steps and to float16, may have become stored."""
    np.testing.assert_array_less(np.abs(made - stored), step / 2 + np.spacing(np.abs(stored)).astype(float) / 2 + NOISE)


def turned_eigh(a, eigh=np.linalg.eigh):
    """What another BLAS might make of it: other signs, in another order."""
    values, vectors = eigh(a)
    rng = np.random.default_rng(len(a))
    order = rng.permutation(len(values))
    return values[order], vectors[:, order] * rng.choice((-1, 1), len(values))


def turned_qr(a, qr=np.linalg.qr):
    q, r = qr(a)
    turn = np.random.default_rng(len(r)).choice((-1, 1), len(r))
    return q * turn, r * turn[:, None]


def apart(shapes):
    """By what share of it at least the variance of one component [V,3,K] is less than that of the one before."""
    variance = (shapes**2).sum((0, 1))
    return (1 - variance[1:] / variance[:-1]).min()


@pytest.mark.slow
def test_the_file_is_what_the_code_makes(fields, skin, linear):
    """Cheap part of the recipe, run again: same mesh, same actions, same expressions with the same signs."""
    np.testing.assert_allclose(skin.vertices, fields["v_template"], atol=1e-7)
    np.testing.assert_array_equal(skin.quads, fields["f_quad"])
    names = fields["action_names"].tolist()
    for name in ("mouthPucker", "mouthClose", "browDownLeft"):
        same_displacements(linear[name][: source.SKIN], fields["actions"][:, :, names.index(name)], COARSE)
    shapes, coefficients = basis.expression(linear, len(skin.vertices))
    same_displacements(shapes[: source.SKIN], fields["shapedirs"][:, :, 300:], FINE)
    for name in linear:
        np.testing.assert_allclose(coefficients[name][:50], fields["actions_motion"][names.index(name), :50], atol=SPREAD)


@pytest.mark.slow
def test_no_sign_or_order_of_expressions_is_left_to_the_blas(skin, linear, monkeypatch):
    shapes, coefficients = basis.expression(linear, len(skin.vertices))
    monkeypatch.setattr(np.linalg, "qr", turned_qr)
    monkeypatch.setattr(np.linalg, "eigh", turned_eigh)
    other, amounts = basis.expression(linear, len(skin.vertices))
    np.testing.assert_allclose(other, shapes, atol=NOISE)
    for name in linear:
        np.testing.assert_allclose(amounts[name], coefficients[name], atol=SPREAD)
    assert apart(shapes[: source.SKIN, :, : len(linear)]) > 5e-3  # rounding would mix two of nearly the same variance, in any order


def test_zeros_keep_their_signs():
    made, shipped = np.array([0.0, -0.0, 1, -0.0], np.float16), np.array([-0.0, 0.0, 1, 2], np.float16)
    kept = keep_zeros(made, shipped)
    assert kept.tobytes() == np.array([-0.0, 0.0, 1, -0.0], np.float16).tobytes()
    assert keep_zeros(made[:2], shipped).tobytes() == made[:2].tobytes()  # a head of another size


def test_what_is_not_the_package_is_said(tmp_path):
    (tmp_path / "a.npz").write_text("nothing")
    with pytest.raises(UtterError, match="packed ICT-FaceKit"):
        source.read(tmp_path / "a.npz")


def test_a_package_without_its_licence_is_refused(tmp_path):
    (tmp_path / "ict_facekit.npz").write_bytes(SOURCE.read_bytes())
    with pytest.raises(UtterError, match="LICENSE"):
        source.read(tmp_path / "ict_facekit.npz")
