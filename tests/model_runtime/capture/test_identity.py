"""Who is filmed: our own head's identities, of which the tracker's points are known, are found again."""

import numpy as np
import pytest

from contract import SLIDERS, UtterError
from model_runtime.capture import identity
from model_runtime.capture.track import BLENDSHAPES, Track
from model_runtime.flame import identity as identities


def shown(head, beta, turn=0.0):
    """The Track of a picture of that identity, seen as the tracker does on average."""
    sight = identity.read_sight()
    slope = sight.gain.ravel()[:, None] * identity.slopes(head, sight.vertices, sight.mean)
    points = 200 * (sight.mean + (slope @ beta).reshape(-1, 3)) * (1, -1, -1)
    matrix = np.eye(4)
    matrix[[0, 0, 2, 2], [0, 2, 0, 2]] = np.cos(turn), np.sin(turn), -np.sin(turn), np.cos(turn)
    return Track(np.zeros(1), points[None], np.zeros((1, len(BLENDSHAPES))), matrix[None])


def test_sliders_are_found_again(head):
    truths, found = [], []
    for seed in range(20):
        sliders, beta = identities.random(head, seed)
        truths.append([sliders[name] for name in SLIDERS])
        found.append(list(identity.described(head, identity.identify([shown(head, beta)], head)).values()))
    for name in ("Eye Distance", "Nose Length", "Lips"):
        k = list(SLIDERS).index(name)
        assert np.corrcoef(np.array(truths)[:, k], np.array(found)[:, k])[0, 1] > 0.6, name


def test_the_average_face_is_the_built_in_one(head):
    beta = identity.identify([shown(head, np.zeros(300))], head)
    assert np.abs(beta).max() < 0.05


def test_a_face_from_the_side_is_said(head):
    with pytest.raises(UtterError, match="never seen from the front"):
        identity.identify([shown(head, np.zeros(300), np.radians(60))], head)
