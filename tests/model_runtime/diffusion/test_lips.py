"""The seal: lips that nearly meet in p, b, m do, the lower lip that is near the teeth in f and v touches them, and nothing else
moves."""

import numpy as np
import pytest
import torch

from contract import JAW
from model_runtime.diffusion import lips, load_generator
from model_runtime.diffusion.pins import HeldPins
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.flame.teeth import teeth_edge
from model_runtime.motion import Pins


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def generator():
    return load_generator("cpu")


def slightly_open(head, beta, heard):
    """(values [4, 65] with the lips a fifth open, content [4, 59] with that posterior in frames 1 and 2)."""
    values = torch.from_numpy(0.2 * np.asarray(head.actions_motion, np.float32)[head.action("jawOpen")]).repeat(4, 1)
    values[:, 54] = 0.2  # the head is turned
    content = torch.zeros(4, 59)
    content[1:3, heard] = 0.9
    return values, content


def biting(head, values, beta):
    """Millimetres from the lower lip to the teeth's edge."""
    still = values.numpy().copy()
    still[:, 53:56] = 0
    lower = lbs.pose(head, still, beta.numpy(), [head.landmark("lip_inner_lower_mid")])[:, 0, 1:]
    return np.linalg.norm(lower - np.array(teeth_edge(head, beta.numpy())), axis=1) * 1000


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_f_and_v_touch_the_teeth_and_p_b_m_shut(generator, head, seed):
    beta = torch.zeros(300) if seed is None else torch.randn(300, generator=torch.Generator().manual_seed(seed)) * 0.7
    for heard, shut in ((lips.BILABIAL, True), (lips.LABIODENTAL, False)):
        values, content = slightly_open(head, beta, heard)
        before = values.clone()
        sealed = lips.seal(generator, values, content, beta, HeldPins(None, 4, generator.mean, generator.std))
        gap = lbs.lip_gap(head, sealed.numpy(), beta.numpy())
        torch.testing.assert_close(values, before)
        torch.testing.assert_close(sealed[[0, 3]], before[[0, 3]])
        assert (gap[1:3] < 0.03).all() == shut
        if not shut:
            assert biting(head, sealed, beta)[1:3].max() < 2 < biting(head, before, beta).min()
        assert (sealed[:, 53:] - before[:, 53:]).abs().max() == 0  # head, eyes, lids and tongue


def test_a_pinned_channel_is_not_moved(generator, head):
    beta = torch.zeros(300)
    values, content = slightly_open(head, beta, lips.LABIODENTAL)
    mask = np.zeros((4, 65), bool)
    mask[:, JAW] = True
    sealed = lips.seal(generator, values, content, beta, HeldPins(Pins(values.numpy(), mask), 4, generator.mean, generator.std))
    torch.testing.assert_close(sealed[:, JAW], values[:, JAW])
    assert biting(head, sealed, beta)[1:3].max() < 2


def test_channels_that_are_left_when_nearly_all_are_held_are_not_thrown(generator, head):
    """A whole face as a key at an f: what is not held hardly moves the lips, and cannot bring the lip to the teeth."""
    beta = torch.zeros(300)
    values, content = slightly_open(head, beta, lips.LABIODENTAL)
    values[:, : JAW.start] += 0.4 * torch.tensor(head.actions_motion[head.action("mouthFunnel")][: JAW.start])
    mask = np.ones((4, 65), bool)
    mask[:, [9, 24, 34, 38]] = False
    sealed = lips.seal(generator, values, content, beta, HeldPins(Pins(values.numpy(), mask), 4, generator.mean, generator.std))
    moved = lbs.pose(head, sealed.numpy()) - lbs.pose(head, values.numpy())
    assert np.linalg.norm(moved, axis=-1).max() < 0.015
    assert (torch.abs(sealed - values) / generator.std).max() < 2.5 * lips.MOST


def test_a_jaw_that_is_slid_aside_keeps_the_face_whole(generator, head):
    """An artist's key on jaw_y beside a p: the lips shut where they are, nothing is thrown."""
    beta = torch.zeros(300)
    values, content = slightly_open(head, beta, lips.BILABIAL)
    values[:, JAW.start + 1] = 0.02
    mask = np.zeros((4, 65), bool)
    mask[0, JAW.start + 1] = True
    sealed = lips.seal(generator, values, content, beta, HeldPins(Pins(values.numpy(), mask), 4, generator.mean, generator.std))
    upper, lower = (lbs.pose(head, sealed.numpy(), None, [head.landmark(f"lip_inner_{lip}_mid")])[1:3, 0] for lip in ("upper", "lower"))
    assert np.abs(upper - lower)[:, 1:].max() < 0.0005
    moved = lbs.pose(head, sealed.numpy()) - lbs.pose(head, values.numpy())
    assert np.linalg.norm(moved, axis=-1).max() < 0.012  # no farther than shutting a mouth that is a fifth open


def test_lips_that_shut_where_nothing_shuts_them_are_kept_apart(generator, head):
    beta = torch.zeros(300)
    values, content = torch.zeros(10, 65), torch.zeros(10, 59)
    content[:5, lips.BILABIAL] = torch.tensor([0.0, 0.05, 0.15, 0.3, 0.9])
    content[5:, lips.PAUSE] = 0.9
    sealed = lips.seal(generator, values, content, beta, HeldPins(None, 10, generator.mean, generator.std))
    gap = lbs.lip_gap(head, sealed.numpy(), beta.numpy())
    assert gap[:2].min() > 0.04 and gap[1] > gap[2] > 0.01  # less where it is doubted
    assert gap[3:5].max() < 0.01 and gap[7:].max() < 0.01 < gap[5]  # p, b, m, and a pause that lasts


def test_lips_that_lie_in_each_other_part_downwards(generator, head):
    """Diffusion leaves lips crossed by a few tenths of a millimetre: the way apart is down, and short."""
    beta, actions = torch.zeros(300), np.asarray(head.actions_motion, np.float32)
    values = torch.from_numpy(np.outer(np.linspace(0, 0.02, 6), actions[head.action("mouthClose")]).astype(np.float32))
    pins = HeldPins(None, 6, generator.mean, generator.std)
    sealed = lips.seal(generator, values, torch.zeros(6, 59), beta, pins)
    names = [head.landmark("lip_inner_upper_mid"), head.landmark("lip_inner_lower_mid")]
    before, after = (1000 * (pose[:, 0, 1] - pose[:, 1, 1]) for pose in (lbs.pose(head, v.numpy(), None, names) for v in (values, sealed)))
    assert before.min() < -0.3 and after.min() > 0.5
    moved = np.linalg.norm(lbs.pose(head, sealed.numpy()) - lbs.pose(head, values.numpy()), axis=-1).max(1)
    assert (1000 * moved < 4 + 3 * np.abs(before)).all()
