"""Mouth curves: taken from films in each speaker's own measure, kept on their moments, and learned."""

import argparse

import numpy as np
import pytest
import soundfile
import torch

from contract import ACTIONS
from model_runtime.audio import RATE
from model_runtime.speech.content import CURVES
from model_runtime.speech.encoder import READ, Head
from model_runtime.training import captures, listening, mouth


def clip(name, times, curves, path="nowhere.wav"):
    return {"clip": f"s1/{name}", "path": str(path), "times": np.asarray(times, float), "curves": np.asarray(curves, np.float32)}


def test_curves_are_in_the_speakers_own_measure():
    rng = np.random.default_rng(0)
    near, far = (scale * rng.standard_normal((400, 4)) + 3 for scale in (8.0, 0.5))
    for own in (near, far):
        together = np.concatenate(mouth.standard([own[:150], own[150:]]))
        np.testing.assert_allclose(together.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(together.std(0), 1, rtol=1e-4)
    assert mouth.standard([]) == []


def test_curves_stay_on_their_moments_and_are_not_known_beyond(tmp_path):
    clips = [clip("a", [0.5, 1.5], [[0, 0, 0, 0], [1, 2, 3, 4]]), clip("b", [0, 1], np.ones((2, 4)))]
    windows = listening.Windows(clips, mouth.SHARES, argparse.Namespace(data=tmp_path), np.random.default_rng(0))
    told, known = mouth.Curves(windows).told(np.array([0, 0, 0, 1, -1]), np.array([0.2, 1.0, 1.6, 0.5, 0.5], np.float32))
    assert known.tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(told[[1, 3]], [[0.5, 1, 1.5, 2], [1, 1, 1, 1]])
    _, known = mouth.Curves(windows, "s1").told(np.array([0, 1]), np.array([1.0, 0.5], np.float32))
    assert not known.any(), "he is left out"


def test_a_rigs_jaw_is_a_jaw(shared, tmp_path):
    if not (shared / "data" / "facegood_mocap").is_dir():
        pytest.skip("needs ../shared/data/facegood_mocap")
    (tmp_path / "facegood_mocap").symlink_to(shared / "data" / "facegood_mocap")
    found = mouth.learned(tmp_path)
    assert len(found) == 3 and not any(take in row["clip"] for take in captures.TEST_TAKES for row in found)
    actions, _, fps = captures.rigged(shared / "data" / "facegood_mocap" / "bs" / f"{found[0]['clip'].split('/')[1]}.npz")
    assert found[0]["times"][30] == pytest.approx(30 / fps)
    opened = actions[:, ACTIONS.index("jawOpen")]
    assert np.corrcoef(opened, found[0]["curves"][:, CURVES.index("jaw")])[0, 1] > 0.95


@pytest.mark.slow
def test_a_head_learns_the_curves(tmp_path):
    """Of what is heard as loud as the mouth is open."""
    rng, frames = np.random.default_rng(0), 3000
    curves = np.cumsum(rng.standard_normal((frames, 4)), 0)
    curves = ((curves - curves.mean(0)) / curves.std(0)).astype(np.float32)
    heard = (0.3 * curves @ rng.standard_normal((4, READ)) + 0.1 * rng.standard_normal((frames, READ))).astype(np.float16)
    folder = tmp_path / f"{mouth.EARS}_0000"
    folder.mkdir()
    for name, array in (("heard", heard), ("source", np.zeros(frames, int)), ("moment", np.arange(frames, dtype=np.float32) / 50)):
        np.save(folder / f"{name}.npy", array)
    (folder / "clips.json").write_text('["s1/a"]')
    args = argparse.Namespace(data=tmp_path, cache=tmp_path, seed=0)
    windows = listening.Windows([clip("a", np.arange(frames) / 50, curves)], mouth.SHARES, args, np.random.default_rng(0))
    torch.manual_seed(0)
    head = Head(4, 32, 0.1)
    mouth.fit(head, listening.Heard(mouth.Curves(windows), args, mouth.EARS), 120)
    with torch.inference_mode():
        said = head(torch.from_numpy(heard[:400].astype(np.float32))[None])[0].numpy()
    assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(said.T, curves[:400].T)) > 0.8


def test_films_are_heard_as_they_are_and_disturbed(tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(1).standard_normal(3 * RATE), RATE)
    args = argparse.Namespace(data=tmp_path, cache=tmp_path / "cache")
    clips = [clip("a", [0, 3], np.ones((2, 4)), tmp_path / "a.wav")]
    samples, source, moments = listening.Windows(clips, mouth.SHARES, args, np.random.default_rng(2)).window(250)
    assert len(samples) == 250 * 320 and len(source) == len(moments) == 250 and set(source) <= {0, -1}
    samples, source, moments = mouth.Plain(clips, mouth.SHARES, args, np.random.default_rng(2)).window(250)
    assert len(samples) == 150 * 320 and (source == 0).all() and moments[-1] == pytest.approx(149 / 50)
    assert np.corrcoef(samples, soundfile.read(tmp_path / "a.wav")[0])[0, 1] > 0.999
