"""A mouth that follows the curves: it moves with them, as far as it moved before, and nothing else changes."""

import numpy as np
import pytest
import torch

from contract import EXPRESSION, JAW
from model_runtime.capture.solve import on_mesh
from model_runtime.diffusion import load_generator
from model_runtime.diffusion.follow import around, follow
from model_runtime.diffusion.pins import HeldPins
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.motion import Pins
from model_runtime.speech.content import COLUMNS, MOUTH

T = 240


@pytest.fixture(scope="module")
def generator():
    return load_generator("cpu")


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture
def spoken(head):
    """(values [T, 65] of a mouth that opens and shuts, Content whose curves do so at other moments, no feeling)."""
    t = np.arange(T) / 30
    actions = np.asarray(head.actions_motion, np.float32)
    opened = 0.25 + 0.2 * np.sin(2 * np.pi * 2.3 * t)
    wide = 0.2 + 0.15 * np.sin(2 * np.pi * 1.1 * t + 2)
    smile = actions[head.action("mouthSmileLeft")] + actions[head.action("mouthSmileRight")]
    values = opened[:, None] * actions[head.action("jawOpen")] + wide[:, None] * smile
    content = torch.zeros(T, COLUMNS)
    curves = np.stack(
        [np.sin(2 * np.pi * 3.1 * t), np.cos(2 * np.pi * 1.7 * t), np.sin(2 * np.pi * 3.1 * t), np.cos(2 * np.pi * 3.1 * t)], 1
    )
    content[:, MOUTH] = torch.from_numpy(curves.astype(np.float32))
    return torch.from_numpy(values.astype(np.float32)), content, torch.zeros(T, 130)


def lengths(head, values):
    seen = on_mesh(head, np.array(values))
    return {"gap": seen[:, 0], "width": seen[:, 4], "jaw": -seen[:, 11]}


def none(generator):
    return HeldPins(None, T, generator.mean, generator.std)


def test_the_mouth_moves_with_the_curves_as_far_as_before(generator, head, spoken):
    values, content, feeling = spoken
    before = lengths(head, values)
    after = lengths(head, follow(generator, values, content, feeling, torch.zeros(300), none(generator)))
    for column, (name, least) in enumerate((("gap", 0.75), ("width", 0.85), ("jaw", 0.85))):
        curve = content[:, MOUTH.start + column].numpy()
        assert np.corrcoef(after[name], curve)[0, 1] > least > np.corrcoef(before[name], curve)[0, 1] + 0.5, name
        assert after[name].std() == pytest.approx(before[name].std(), rel=0.4) and abs(after[name].mean() - before[name].mean()) < 1.5


def test_only_the_mouth_moves_and_only_where_the_curves_are_known(generator, head, spoken):
    values, content, feeling = spoken
    content[: T // 2, MOUTH] = 0
    out = follow(generator, values, content, feeling, torch.zeros(300), none(generator))
    assert torch.equal(out[: T // 2], values[: T // 2]) and torch.equal(out[:, JAW.stop :], values[:, JAW.stop :])
    assert (out - values)[T // 2 :].abs().max() > 0.01
    brows = [head.landmark(f"brow_{part}_{side}") for part in ("inner", "mid", "outer") for side in ("left", "right")]
    moved = lbs.pose(head, out.numpy(), None, brows) - lbs.pose(head, values.numpy(), None, brows)
    assert 1000 * np.abs(moved[..., 1]).max() < 0.1
    content[:, MOUTH] = 0
    assert torch.equal(follow(generator, values, content, feeling, torch.zeros(300), none(generator)), values)


def test_a_gesture_around_a_key_stays(generator, spoken):
    values, content, feeling = spoken
    mask = np.zeros((T, 65), bool)
    mask[120, JAW.start] = True
    pins = HeldPins(Pins(values.numpy(), mask), T, generator.mean, generator.std)
    out = follow(generator, values, content, feeling, torch.zeros(300), pins)
    assert torch.equal(out[106:135], values[106:135]) and (out - values)[:60].abs().max() > 0.01
    mask[120, JAW.start], mask[120, 56] = False, True  # the eyes do not hold the mouth
    eyes = HeldPins(Pins(values.numpy(), mask), T, generator.mean, generator.std)
    assert (follow(generator, values, content, feeling, torch.zeros(300), eyes) - values)[106:135].abs().max() > 0.01


def test_a_passage_keeps_its_face(generator, head, spoken):
    """A smile that comes with another feeling is no movement of speech."""
    values, content, feeling = spoken
    actions = np.asarray(head.actions_motion, np.float32)
    smile = torch.from_numpy(0.5 * (actions[head.action("mouthSmileLeft")] + actions[head.action("mouthSmileRight")]))
    values[T // 2 :] += smile
    feeling[T // 2 :, 0] = 1.0
    out = follow(generator, values, content, feeling, torch.zeros(300), none(generator))
    width = lengths(head, out)["width"]
    step = width[T // 2 : T // 2 + 30].mean() - width[T // 2 - 30 : T // 2].mean()
    before = lengths(head, values)["width"]
    assert step == pytest.approx(before[T // 2 : T // 2 + 30].mean() - before[T // 2 - 30 : T // 2].mean(), abs=2.5) and step > 5
    assert np.abs(out[:, EXPRESSION].numpy()).max() < 20


def test_means_are_of_frames_that_feel_alike():
    x, feeling = torch.zeros(100, 1), torch.zeros(100, 130)
    x[50:], feeling[50:, 3] = 1.0, 1.0
    mean = around(x, feeling)[:, 0]
    assert mean[:50].max() < 0.01 and mean[50:].min() > 0.99
    torch.testing.assert_close(around(x, torch.zeros(100, 130))[50, 0], torch.tensor(0.5), atol=0.02, rtol=0)
