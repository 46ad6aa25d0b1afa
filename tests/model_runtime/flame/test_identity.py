"""Sliders and random identities: each slider does what its name says, and every identity is a sound head."""

import json

import numpy as np
import pytest

from contract import CHARACTERS, FURTHEST, SLIDERS, UtterError, read_identity
from model_runtime.flame import identity, lbs
from model_runtime.flame.load import load_head

NEUTRAL = np.zeros((1, 65), np.float32)


@pytest.fixture(scope="module")
def builtin():
    return load_head()


@pytest.fixture(scope="module")
def measured(builtin):
    """measured(beta) -> {what: metres} of that head's neutral face."""
    v = builtin.v_template
    neck = np.flatnonzero(builtin.region("neck") & (np.abs(v[:, 1] + 0.12) < 0.008))
    jaw = np.flatnonzero((np.abs(v[:, 1] + 0.055) < 0.008) & (v[:, 2] > -0.03) & (v[:, 2] < 0.05) & ~builtin.region("mouth_inside"))
    cheeks = np.flatnonzero((np.abs(v[:, 1] + 0.032) < 0.008) & (np.abs(v[:, 0]) > 0.035) & builtin.region("cheeks"))
    nose = np.flatnonzero((np.abs(v[:, 1] + 0.012) < 0.006) & (np.abs(v[:, 0]) < 0.02) & builtin.region("nose"))
    brow = [builtin.landmark(f"brow_mid_{side}") for side in ("left", "right")]
    ears = np.flatnonzero(builtin.region("ears"))

    def measure(beta):
        face = lbs.pose(builtin, NEUTRAL, beta)[0]
        at = {str(name): face[vertex] for name, vertex in zip(builtin.landmark_names, builtin.landmark_vertices)}
        eyes = (builtin.J_regressor @ (v + builtin.shapedirs[:, :, :300] @ beta))[3:]
        lips = (at["lip_outer_upper_mid"] - at["lip_inner_upper_mid"])[1] + (at["lip_inner_lower_mid"] - at["lip_outer_lower_mid"])[1]
        width = lambda vertices: np.ptp(face[vertices, 0])
        return {
            "face": eyes[0, 1] - at["chin"][1],
            "jaw": width(jaw),
            "chin": at["chin"][2] - at["lip_outer_lower_mid"][2],
            "tip": -at["nose_tip"][1] + at["nose_tip"][2] + eyes[0, 1],
            "nose": width(nose),
            "lips": lips,
            "eye": at["eye_outer_left"][0] - at["eye_inner_left"][0],
            "eyes": eyes[0, 0] - eyes[1, 0],
            "neck": width(neck),
            "cheeks": width(cheeks),
            "brow": face[brow, 2].mean() - eyes[0, 2],
            "ears": np.ptp(face[ears, 1]),
            "lopsided": at["chin"][0],
        }

    return measure


@pytest.mark.parametrize(
    "slider, what, sign, least",
    (
        ("Age", "lips", -1, 0.002),
        ("Age", "ears", 1, 0.002),
        ("Age", "tip", 1, 0.002),
        ("Masculine", "jaw", 1, 0.004),
        ("Masculine", "neck", 1, 0.005),
        ("Masculine", "brow", 1, 0.002),
        ("Masculine", "lips", -1, 0.001),
        ("Weight", "neck", 1, 0.005),
        ("Weight", "cheeks", 1, 0.006),
        ("Face Length", "face", 1, 0.004),
        ("Jaw Width", "jaw", 1, 0.004),
        ("Chin", "chin", 1, 0.003),
        ("Nose Length", "tip", 1, 0.004),
        ("Nose Width", "nose", 1, 0.003),
        ("Lips", "lips", 1, 0.002),
        ("Eye Size", "eye", 1, 0.001),
        ("Eye Distance", "eyes", 1, 0.003),
        ("Brow", "brow", 1, 0.001),
        ("Ears", "ears", 1, 0.003),
        ("Asymmetry", "lopsided", 1, 0.001),
    ),
)
def test_a_slider_does_what_it_says(builtin, measured, slider, what, sign, least):
    down, rest, up = (measured(identity.beta(builtin, {slider: value}))[what] * sign for value in (-1, 0, 1))
    assert rest - down > least / 2 and up - rest > least / 2 and up - down > least
    if slider != "Asymmetry":
        assert abs(measured(identity.beta(builtin, {slider: 1}))["lopsided"]) < 2e-4


def test_sliders_at_rest_are_the_template(builtin):
    beta = identity.beta(builtin, {})
    assert beta.dtype == np.float32 and beta.shape == (300,) and not beta.any()
    assert 12 <= len(identity.names(builtin)) <= 20 and len(set(identity.names(builtin))) == len(identity.names(builtin))
    assert np.abs(lbs.pose(builtin, NEUTRAL, beta)[0] - builtin.v_template).max() < 1e-7


def test_one_is_two_or_three_standard_deviations(builtin):
    """Each slider alone, or a few together: far out, but believable."""
    length = np.linalg.norm(builtin.identity_directions, axis=1)
    assert (length > 1.9).all() and (length < 6).all()


def test_identities_come_again_and_differ(builtin):
    seeds = range(12)
    drawn = [identity.random(builtin, seed) for seed in seeds]
    for seed, (sliders, beta) in zip(seeds, drawn):
        again, same = identity.random(builtin, seed)
        assert sliders == again and np.array_equal(beta, same)
        assert list(sliders) == identity.names(builtin) and all(-1 <= value <= 1 for value in sliders.values())
        np.testing.assert_allclose(identity.beta(builtin, sliders, seed), beta, atol=1e-6)
    face = ~builtin.region("neck") & ~builtin.region("mouth_inside")
    faces = np.array([lbs.pose(builtin, NEUTRAL, beta)[0][face] for _, beta in drawn])
    apart = np.sqrt(((faces[:, None] - faces[None]) ** 2).sum(-1).mean(-1))[np.triu_indices(len(drawn), 1)]
    assert apart.min() > 0.002 and apart.max() < 0.025
    values = np.array([list(identity.random(builtin, seed)[0].values()) for seed in range(200)])
    assert (values.std(0) > 0.15).all() and (np.abs(values.mean(0)) < 0.15).all()


def test_what_sliders_leave_of_an_identity_stays_when_they_move(builtin):
    sliders, beta = identity.random(builtin, 4)
    moved = identity.beta(builtin, sliders | {"Age": sliders["Age"] + 0.5}, 4)
    np.testing.assert_allclose(moved - beta, 0.5 * builtin.identity_directions[identity.names(builtin).index("Age")], atol=1e-5)
    own = beta - identity.beta(builtin, sliders)
    if max(map(abs, sliders.values())) < FURTHEST:
        np.testing.assert_allclose(builtin.identity_directions @ own, 0, atol=1e-3)
    assert np.linalg.norm(own) > 10


def test_lids_follow_the_identity(builtin):
    """Other eyes need lids that shut another way: the margins meet where the template's lids would leave a gap."""
    beta = identity.beta(builtin, {"Eye Size": 1.25})
    shut = NEUTRAL.copy()
    shut[0, 60:62] = 1
    face = lbs.pose(builtin, shut, beta)[0]
    plain = lbs.pose(builtin, NEUTRAL, beta)[0] + builtin.lids.sum(2)

    def gap(v):
        apart = []
        for upper, lower in zip(v[builtin.lid_margin_upper], v[builtin.lid_margin_lower]):
            between = np.linspace(0, 1, 20)[:, None, None]
            line = ((1 - between) * lower[:-1] + between * lower[1:]).reshape(-1, 3)
            apart.append(np.linalg.norm(upper[:, None] - line, axis=-1).min(1).max())
        return max(apart)

    assert gap(face) < 2e-4 and gap(plain) > 8e-4


def test_characters_are_people_of_their_own(builtin):
    """Twelve faces that differ as much as people do, none further out than the sliders alone reach."""
    shapes = builtin.shapedirs[..., :300]
    betas = np.array([identity.beta(builtin, character.sliders, character.seed) for character in CHARACTERS.values()])
    face = ~builtin.region("neck") & ~builtin.region("mouth_inside")
    faces = (betas @ np.moveaxis(shapes[face], 2, 0).reshape(300, -1)).reshape(len(betas), -1, 3)
    apart = np.sqrt(((faces[:, None] - faces[None]) ** 2).sum(-1).mean(-1))[np.triu_indices(len(faces), 1)]
    assert len(betas) == 12 and apart.min() > 0.002 and np.linalg.norm(faces, axis=2).max() < 0.03
    assert np.abs(betas[:, :100]).max() < 4


def test_a_slider_leaves_what_others_measure(builtin, measured):
    """Each of these moves its own measure by far more than it moves another's, in what people vary by."""
    own = {"Face Length": "face", "Jaw Width": "jaw", "Nose Width": "nose", "Lips": "lips", "Eye Distance": "eyes", "Ears": "ears"}
    people = [measured(0.9 * np.random.default_rng(seed).standard_normal(300).astype(np.float32)) for seed in range(40)]
    spread = {what: np.std([person[what] for person in people]) for what in own.values()}
    rest = measured(identity.beta(builtin, {}))
    for slider, what in own.items():
        moved = measured(identity.beta(builtin, {slider: 1}))
        change = {other: abs(moved[other] - rest[other]) / spread[other] for other in own.values()}
        assert change.pop(what) > 1.5 * max(change.values()), (slider, change)


def test_told_in_a_file(builtin, tmp_path):
    file = tmp_path / "i.json"
    file.write_text(json.dumps({"Age": 0.5, "Lips": -1, "seed": 3}))
    assert read_identity(str(file)) == ({"Age": 0.5, "Lips": -1}, 3) and read_identity("7") == (None, 7)
    for wrong in ({"Age": "old"}, {"Nonsense": 1}, {"seed": 0.5}, {"seed": -1}, [1, 2], {"Age": float("nan")}, {"Age": None}):
        file.write_text(json.dumps(wrong))
        with pytest.raises(UtterError):
            read_identity(str(file))


def test_the_sliders_are_the_heads_own(builtin):
    assert tuple(identity.names(builtin)) == tuple(SLIDERS)


def test_a_head_without_sliders_says_so(head):
    assert identity.names(head) == []
    with pytest.raises(UtterError, match="no sliders"):
        identity.random(head, 1)
