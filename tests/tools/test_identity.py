"""Whatever identity the built-in head has: lids shut on the eyeballs, lips touch, teeth stay inside."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from contract import CHARACTERS
from model_runtime.flame import identity, lbs
from model_runtime.flame.load import load_head
from model_runtime.flame.poses import pose
from tools.human import check

NEAR = 1.25  # of a slider: 2.5 standard deviations


@pytest.fixture(scope="module")
def head():
    return load_head()


def identities():
    sliders = identity.names(load_head())
    return [f"random {seed}" for seed in range(6)] + [*CHARACTERS] + [f"{name} {sign}" for name in sliders for sign in (1, -1)]


def beta_of(head, name):
    if name in CHARACTERS:
        return identity.beta(head, CHARACTERS[name].sliders, CHARACTERS[name].seed)
    name, _, number = name.rpartition(" ")
    return identity.random(head, int(number))[1] if name == "random" else identity.beta(head, {name: NEAR * int(number)})


@pytest.mark.parametrize("name", identities())
def test_contact_holds(head, name):
    beta = beta_of(head, name)
    poses = {
        "neutral": {},
        "half shut": dict(eyeBlinkLeft=0.5, eyeBlinkRight=0.5),
        "shut": dict(eyeBlinkLeft=1, eyeBlinkRight=1),
        "looking down": dict(eyeLookDownLeft=1, eyeLookDownRight=1, eyeBlinkLeft=0.4, eyeBlinkRight=0.4),
    }
    names, values = list(poses), np.stack([pose(head, amounts) for amounts in poses.values()])
    skin, parts = lbs.pose(head, values, beta), lbs.pose_parts(head, values, beta)
    assert np.isfinite(skin).all() and np.abs(skin[0] - head.v_template).max() < 0.04
    for finding in check.lids(head, values, names, skin, parts):
        assert finding.worst < 0.15, finding  # millimetres
    apart = np.linalg.norm(skin[0][head.lip_inner_upper] - skin[0][head.lip_inner_lower], axis=1)
    template = np.linalg.norm(head.v_template[head.lip_inner_upper] - head.v_template[head.lip_inner_lower], axis=1)
    assert (apart - template).max() < 5e-5
    for finding in check.inside(head, names, skin, parts):
        assert finding.worst <= 0, finding


def test_the_eyeballs_stay_round_and_in_their_sockets(head):
    """Each eyeball moves and grows as a whole, its joint at its centre, and the skin round it comes along."""
    for seed in range(6):
        beta = identity.random(head, seed)[1]
        balls = head.parts_v + head.parts_shapedirs[:, :, :300] @ beta
        joints = head.J_regressor @ (head.v_template + head.shapedirs[:, :, :300] @ beta)
        for side, joint in (("left", 3), ("right", 4)):
            row = head.part_names.tolist().index(f"eye_{side}")
            ball = check.part_vertices(head, [row])
            centre = check.sphere_centre(balls[ball].astype(float))
            radius = np.linalg.norm(balls[ball] - centre, axis=1)
            middle = check.sphere_centre(head.parts_v[ball].astype(float))
            rest = np.linalg.norm(head.parts_v[ball] - middle, axis=1)
            grown = radius.mean() / rest.mean()
            assert 0.85 < grown < 1.15 and np.abs(radius / grown - rest).max() < 1e-4
            offset = middle - head.J_regressor[joint] @ head.v_template
            np.testing.assert_allclose(centre - joints[joint], grown * offset, atol=2e-4)


def test_people_differ_as_people_do(head):
    """140 columns, each of which moves something; heads differ by some millimetres, and left from right by one or two."""
    shapes = head.shapedirs[:, :, :300].astype(np.float64)
    size = np.sqrt((shapes**2).sum(1)).max(0)
    assert (size[:140] > 1e-4).all() and not size[160:].any()
    face = head.region("cheeks") | head.region("nose") | head.region("jaw") | head.region("brows")
    v = head.v_template[face]
    mirror = cKDTree(v).query(v * (-1, 1, 1))[1]
    assert 0.004 < np.sqrt((shapes[face] ** 2).sum((1, 2)).mean()) < 0.009
    unlike = shapes[face] - shapes[face][mirror] * np.array([-1, 1, 1])[:, None]
    assert 0.001 < np.sqrt((unlike**2).sum((1, 2)).mean()) < 0.0035
