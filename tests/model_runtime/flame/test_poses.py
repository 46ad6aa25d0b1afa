"""Visemes and emotions on the built-in head: told apart, shut where they must be, growing with their strength."""

import numpy as np
import pytest

from contract import UtterError
from model_runtime.emotion import LABELS
from model_runtime.flame import lbs, poses
from model_runtime.flame.load import load_head
from model_runtime.speech.phones import VISEMES


@pytest.fixture(scope="module")
def head():
    return load_head()


def posed(head, *faces):
    return lbs.pose(head, np.stack([poses.pose(head, face) for face in faces]))


def test_the_names_are_those_of_speech_and_feeling(head):
    assert tuple(poses.VISEMES) == VISEMES and set(poses.EMOTIONS) == set(LABELS)
    known = set(head.action_names) | set(poses.TONGUE_CHANNELS)
    for face in [*poses.VISEMES.values(), *poses.EMOTIONS.values()]:
        assert set(face) <= known and all(0 <= amount <= 1 for amount in face.values())
    with pytest.raises(UtterError, match="yawn"):
        poses.pose(head, "yawn")
    with pytest.raises(UtterError, match="mouthYawn"):
        poses.pose(head, {"mouthYawnLeft": 1.0})


def test_sil_and_neutral_are_the_neutral(head):
    assert not poses.pose(head, "sil").any() and not poses.pose(head, "neutral").any() and not poses.pose(head, "happy", 0).any()


def test_lips_meet_in_pp_and_part_in_vowels(head):
    gap = dict(zip(poses.VISEMES, lbs.lip_gap(head, np.stack([poses.pose(head, name) for name in poses.VISEMES]))))
    assert gap["sil"] < 1e-3 and gap["PP"] < 0.03
    assert gap["aa"] > gap["E"] > gap["ih"] > 0.08 and gap["oh"] > gap["ou"]


def test_ou_narrows_the_mouth_and_ih_widens_it(head):
    corners = [head.landmark("lip_corner_left"), head.landmark("lip_corner_right")]
    sil, ou, ih = np.ptp(posed(head, "sil", "ou", "ih")[:, corners, 0], axis=1)
    assert ou < 0.8 * sil and ih > 1.08 * sil


def test_every_two_visemes_differ(head):
    bodies = lbs.pose_parts(head, np.stack([poses.pose(head, name) for name in poses.VISEMES]))
    faces = np.concatenate([posed(head, *poses.VISEMES), bodies], 1)
    away = np.linalg.norm(faces[:, None] - faces[None], axis=-1).max(-1)
    assert away[~np.eye(len(faces), dtype=bool)].min() > 0.001


def test_emotions_grow_with_their_strength_and_mild_ones_keep_the_lips_together(head):
    for name in set(poses.EMOTIONS) - {"neutral"}:
        faces = lbs.pose(head, np.stack([poses.pose(head, name, s) for s in (0, *poses.STRENGTHS)]))
        moved = np.linalg.norm(faces - faces[0], axis=2).max(1)
        assert (np.diff(moved) > 0.0005).all(), name
        assert moved[-1] > 0.004, name
    mild = np.stack([poses.pose(head, name, poses.STRENGTHS[0]) for name in ("happy", "surprised", "afraid")])
    assert lbs.lip_gap(head, mild).max() < 0.03


def test_a_look_does_not_open_shut_lids(head):
    lid = [head.landmark(f"lid_{which}_left") for which in ("upper", "lower")]
    shut, down, up = posed(head, {"eyeBlinkLeft": 1}, {"eyeBlinkLeft": 1, "eyeLookDownLeft": 1}, {"eyeBlinkLeft": 1, "eyeLookUpLeft": 1})
    np.testing.assert_allclose(down[lid], shut[lid], atol=1e-5)
    np.testing.assert_allclose(up[lid], shut[lid], atol=1e-5)
