"""The head made from measured people: what must touch touches, and its actions are what was measured."""

import numpy as np
import pytest

from contract import ACTIONS, UtterError
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.motion import write_npz
from tools.human import head, lips, source
from tools.human.__main__ import PACKAGE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PACKAGE.exists(), reason="../shared/data/ict_facekit is not there")]


@pytest.fixture(scope="module")
def measured():
    return source.read(PACKAGE)


@pytest.fixture(scope="module")
def made(measured, tmp_path_factory):
    path = tmp_path_factory.mktemp("human") / "human.npz"
    write_npz(path, compressed=False, **head.make(measured))
    return load_head(path)


def posed(made, **amounts):
    names = made.action_names.tolist()
    return lbs.pose(made, sum(amount * made.actions_motion[names.index(name)] for name, amount in amounts.items())[None])[0]


def gap(made, vertices):
    """The furthest that two vertices of the lips which touch at rest are apart, millimetres."""
    return 1000 * np.linalg.norm(vertices[made.lip_inner_upper] - vertices[made.lip_inner_lower], axis=1).max()


def test_lips_touch_at_rest_and_in_every_action_that_does_not_part_them(made):
    assert gap(made, made.v_template) < 1e-3
    for name in ACTIONS:
        if not name.startswith((*lips.PARTING, "mouthClose", "tongueOut")):
            assert gap(made, posed(made, **{name: 1})) < 0.2, name
    assert gap(made, posed(made, jawOpen=1)) > 30 and gap(made, posed(made, mouthUpperUpLeft=1)) > 3


@pytest.mark.parametrize("opened", (0.1, 0.25, 0.5, 1))
def test_mouth_close_shuts_what_the_jaw_opens(made, opened):
    assert gap(made, posed(made, jawOpen=opened, mouthClose=opened)) < 0.2


def test_the_jaw_turns_by_what_was_measured(made, measured):
    moved = posed(made, jawOpen=1) - made.v_template
    np.testing.assert_allclose(moved, measured.actions["jawOpen"][: source.SKIN], atol=0.0012)


def test_lids_shut_clear_of_the_eye(made):
    eye = made.J_regressor[3] @ made.v_template
    for shut in (0.25, 0.5, 0.75, 1):
        lids = posed(made, eyeBlinkLeft=shut)[np.r_[made.lid_margin_upper[0], made.lid_margin_lower[0]]]
        assert np.linalg.norm(lids - eye, axis=1).min() > 0.0160
    upper, lower = (posed(made, eyeBlinkLeft=1)[margin[0]] for margin in (made.lid_margin_upper, made.lid_margin_lower))
    assert np.abs(np.interp(upper[2:-4, 0], lower[::-1, 0], lower[::-1, 1]) - upper[2:-4, 1]).max() < 0.0002


def test_what_is_not_the_package_is_said(tmp_path):
    (tmp_path / "a.npz").write_text("nothing")
    with pytest.raises(UtterError, match="packed ICT-FaceKit"):
        source.read(tmp_path / "a.npz")
