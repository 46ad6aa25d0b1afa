"""An identity is found again from its mesh, wherever and in whatever unit the mesh stands."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from contract import UtterError
from model_runtime.flame import lbs
from model_runtime.flame.fit import fit_identity, kabsch, signs


@pytest.fixture(scope="module")
def beta():
    out = np.zeros(300, np.float32)
    out[:12] = np.random.default_rng(4).normal(size=12)
    return out


@pytest.mark.parametrize("unit", [1, 10, 100, 1000])
def test_found_again(head, beta, unit):
    mesh = lbs.pose(head, np.zeros((1, 65)), beta)[0]
    turn = Rotation.from_euler("xyz", [90, 20, -30], degrees=True).as_matrix()
    found, rms = fit_identity(head, unit * (mesh @ turn.T + [0.3, -1, 2]))
    assert rms < 3e-4 and found.shape == (300,)
    fitted = lbs.pose(head, np.zeros((1, 65)), found)[0]
    factor, rotation, shift = kabsch(fitted, mesh)
    assert np.linalg.norm(fitted @ rotation.T + shift - mesh, axis=1).max() < 1e-3
    assert np.abs(mesh - head.v_template).max() > 3e-3, "the test has an identity to find"


def test_the_template_is_no_one_in_particular(head):
    found, rms = fit_identity(head, head.v_template)
    assert np.abs(found).max() < 1e-3 and rms < 1e-5


def test_noise_is_told(head, beta):
    noise = np.random.default_rng(0).normal(0, 1e-3, head.v_template.shape)
    found, rms = fit_identity(head, lbs.pose(head, np.zeros((1, 65)), beta)[0] + noise)
    assert rms == pytest.approx(np.sqrt(3) * 1e-3, rel=0.1)
    assert np.abs(found[:12] - beta[:12]).max() < 0.5


def test_another_topology_is_refused(head):
    with pytest.raises(UtterError, match="20 vertices.*topology"):
        fit_identity(head, np.zeros((20, 3)))
    for bad in (np.full(head.v_template.shape, np.nan), np.zeros(head.v_template.shape)):
        with pytest.raises(UtterError, match="another neutral mesh"):
            fit_identity(head, bad)


def test_signs_are_a_rule_of_ours():
    rng = np.random.default_rng(2)
    columns = rng.normal(size=(50, 20))
    columns[3, :10], columns[7, :10] = 9, -9  # two are the largest
    fixed = columns * signs(columns)
    for _ in range(10):
        noisy = columns * rng.choice((-1, 1), 20) * (1 + 1e-9 * rng.normal(size=columns.shape))
        np.testing.assert_allclose(noisy * signs(noisy), fixed, rtol=1e-7)
    assert (fixed[3, :10] == 9).all() and (np.take_along_axis(fixed, np.abs(fixed).argmax(0)[None], 0) > 0).all()
