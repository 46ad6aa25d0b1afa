"""Clips that are files of numbers: Motion files of any head, and face actions as `actions` writes them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from contract import ACTIONS, CHANNELS, NECK, Passage, UtterError
from model_runtime import cli, exports
from model_runtime.capture import clips
from model_runtime.flame.actions import to_motion
from model_runtime.flame.calibrate import HeadMap
from model_runtime.flame.load import load_head
from model_runtime.motion import Motion, save_motion
from model_runtime.pipeline import Performer

QUIET = lambda stage, fraction: None


@pytest.fixture(scope="module")
def builtin():
    return load_head()


@pytest.fixture(scope="module")
def smile(builtin):
    """A Motion with its face actions: a smile that comes and goes, and a nod."""
    rising = np.sin(np.linspace(0, np.pi, 45))[:, None]
    actions = np.zeros((45, len(ACTIONS)), np.float32)
    actions[:, [ACTIONS.index(name) for name in ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight")]] = (
        0.8 * rising
    )
    values = to_motion(builtin, actions)
    values[:, NECK] = 0.1 * rising
    return Motion(values.astype(np.float32), 30.0, builtin.basis, actions=actions)


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


@pytest.mark.parametrize("suffix", [".npz", ".json", ".csv"])
def test_what_actions_writes_feels_as_the_motion_it_was_written_of(smile, performer, tmp_path, suffix):
    save_motion(smile, tmp_path / "smile.npz")
    assert cli.main(["actions", str(tmp_path / "smile.npz"), "-o", str(tmp_path / f"exported{suffix}")]) == 0
    felt, own = (performer.clip(str(tmp_path / name), None, QUIET) for name in (f"exported{suffix}", "smile.npz"))
    assert performer.models.feelings.reading(own)["emotion"]["happy"] > 0.5
    assert felt @ own > 0.97 * np.linalg.norm(felt) * np.linalg.norm(own)
    if suffix == ".json":
        assert performer.feel(str(tmp_path / "exported.json"))["emotion"]["happy"] > 0.5


def test_json_and_npz_give_back_the_motion(smile, builtin, tmp_path):
    exports.as_json(tmp_path / "a.json", smile, 60)
    exports.as_npz(tmp_path / "a.npz", smile, 60)
    np.testing.assert_allclose(clips.read(tmp_path / "a.json", builtin).values, smile.values, atol=1e-4)
    still = clips.read(tmp_path / "a.npz", builtin).values  # which holds no neck
    assert not still[:, NECK].any()
    still[:, NECK] = smile.values[:, NECK]
    np.testing.assert_allclose(still, smile.values, atol=1e-4)


def test_a_motion_of_the_head_that_performs_needs_no_face_actions(smile, builtin, tmp_path):
    other = replace(builtin, shapedirs=2 * builtin.shapedirs)
    matrix, none = np.diag([0.5] * 50 + [1.0] * (CHANNELS - 50)), np.zeros(0)
    half = HeadMap(other, builtin, matrix, none, none, none, none, 1.0)
    moved = Motion((smile.values @ matrix).astype(np.float32), 30.0, other.basis)
    save_motion(moved, tmp_path / "other.npz")
    np.testing.assert_allclose(clips.read(tmp_path / "other.npz", builtin, other, half).values, smile.values, atol=0.05)
    with pytest.raises(UtterError, match="made for another head"):
        clips.read(tmp_path / "other.npz", builtin)


def test_a_face_at_rest_is_left_out_with_a_sentence_though_the_head_turns(builtin, performer, tmp_path):
    values, notes = np.zeros((30, CHANNELS), np.float32), []
    values[:, NECK] = 0.3
    save_motion(Motion(values, 30.0, builtin.basis), tmp_path / "still.npz")
    passages = [Passage(0, 1, "sad"), Passage(1, 2, "", clip=str(tmp_path / "still.npz"))]
    assert performer.clips(passages, None, QUIET, notes.append) == ({}, passages[:1])
    assert notes == ["A passage was left out: the face in still rests all the while; choose a clip in which it moves."]


@pytest.mark.parametrize(
    "given, sentence",
    [
        ("[1, 2]", "holds no face actions"),
        ("not JSON", "must hold a JSON object"),
        (json.dumps({"names": ["jawOpen"], "weights": [[0.1], [0.2, 0.3]], "fps": 30}), "holds no face actions"),
        (json.dumps({"names": ["jawOpen"], "weights": [], "fps": 30}), "is damaged"),
        (json.dumps({"names": ["jawOpen"], "weights": [[0.1]], "fps": 0}), "is damaged"),
        (json.dumps({"names": ["jawOpen"], "weights": [[float("nan")]], "fps": 30}), "is damaged"),
        (json.dumps({"names": ["jawOpen"], "weights": [[80]], "fps": 30}), "scale them"),
        (json.dumps({"names": ["nose"], "weights": [[0.1]], "fps": 30}), "no column jawOpen"),
        (json.dumps({"names": ["jawOpen"], "weights": [[0.1]], "fps": 30, "neck": [[0.1]]}), "is damaged"),
    ],
)
def test_what_holds_no_face_actions_is_said(builtin, tmp_path, given, sentence):
    (tmp_path / "clip.json").write_text(given)
    with pytest.raises(UtterError, match=sentence):
        clips.read(tmp_path / "clip.json", builtin)
