"""Skinning: FLAME's conventions, numpy and torch agree, identities move joints."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contract import CHANNELS, UtterError
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from tests.model_runtime.flame.conftest import make_head, moves


def one(channel, value):
    motion = np.zeros((1, CHANNELS), np.float32)
    motion[0, channel] = value
    return motion


@pytest.fixture(scope="module", params=["egg", "built-in"])
def any_head(request):
    return make_head() if request.param == "egg" else load_head()


def reference(head, motion, beta):
    """FLAME's forward pass for one frame, written plainly from the paper with 4 x 4 matrices and scipy's rotations."""
    from scipy.spatial.transform import Rotation

    expression = np.concatenate([motion[:50], np.zeros(50)])
    shaped = head.v_template + head.shapedirs @ np.concatenate([beta, expression])
    joints = head.J_regressor @ shaped
    pose = [np.zeros(3), motion[53:56], motion[50:53], np.r_[motion[56:58], 0], np.r_[motion[58:60], 0]]
    local = [Rotation.from_rotvec(each).as_matrix() for each in pose]
    posed = (
        shaped
        + head.posedirs @ np.concatenate([(r - np.eye(3)).ravel() for r in local[1:]])
        + (head.lids + head.lids_identity @ (head.lids_amounts @ beta)) @ motion[60:62]
    )
    world = []
    for joint, parent in enumerate([-1, 0, 1, 1, 1]):
        matrix = np.eye(4)
        matrix[:3, :3] = local[joint]
        matrix[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        world.append(matrix if parent < 0 else world[parent] @ matrix)
    out = np.zeros_like(posed)
    for joint, matrix in enumerate(world):
        out += head.weights[:, joint, None] * ((posed - joints[joint]) @ matrix[:3, :3].T + matrix[:3, 3])
    return out


def test_matches_the_paper(any_head):
    rng = np.random.default_rng(0)
    beta = rng.normal(size=300)
    motion = moves(any_head, 4)
    motion[:, 56:60] = rng.normal(0, 0.2, (4, 4))
    posed = lbs.pose(any_head, motion, beta)
    for frame in range(4):
        assert np.abs(posed[frame] - reference(any_head, motion[frame].astype(float), beta)).max() < 1e-5


def test_numpy_and_torch_agree(any_head):
    motion, beta = moves(any_head, 10), np.random.default_rng(1).normal(size=300).astype(np.float32)
    tensors = lbs.tensors(any_head)
    for b in (None, beta):
        expected = lbs.pose(any_head, motion, b)
        posed = lbs.pose_torch(tensors, torch.tensor(motion), None if b is None else torch.tensor(b))
        assert np.abs(posed.numpy() - expected).max() < 1e-5
    rows = [5, 900, 17]
    batch = lbs.pose_torch(tensors, torch.tensor(motion).reshape(2, 5, 65), torch.tensor(np.stack([beta, beta])), vertices=rows)
    assert np.abs(batch.numpy().reshape(10, 3, 3) - lbs.pose(any_head, motion, beta, rows)).max() < 1e-5
    subset = lbs.pose_torch(lbs.tensors(any_head, vertices=rows), torch.tensor(motion), torch.tensor(beta))
    assert np.abs(subset.numpy() - lbs.pose(any_head, motion, beta, rows)).max() < 1e-5


def test_torch_slopes_are_finite_and_right_at_neutral(head):
    tensors = lbs.tensors(head, vertices=[head.landmark("chin")])
    motion = torch.zeros(1, 65, requires_grad=True)
    lbs.pose_torch(tensors, motion)[0, 0, 1].backward()
    numeric = (lbs.pose(head, one(50, 1e-2))[0] - lbs.pose(head, one(50, -1e-2))[0])[head.landmark("chin"), 1] / 2e-2
    assert torch.isfinite(motion.grad).all()
    assert float(motion.grad[0, 50]) == pytest.approx(float(numeric), rel=1e-2)


def test_zero_is_neutral_and_shut(any_head):
    assert np.abs(lbs.pose(any_head, np.zeros((1, 65)))[0] - any_head.v_template).max() < 1e-6
    assert lbs.lip_gap(any_head, np.zeros((1, 65)))[0] < 0.01


def test_flames_habits(any_head):
    at = lambda motion, name: lbs.pose(any_head, motion, vertices=[any_head.landmark(name)])[0, 0]
    rest = lambda name: any_head.v_template[any_head.landmark(name)]
    opened = at(one(50, 0.3), "chin") - rest("chin")
    assert opened[1] < -0.005, "+x of the jaw opens: the chin goes down"
    assert lbs.lip_gap(any_head, one(50, 0.3))[0] > 0.3
    assert np.abs(at(one(50, 0.3), "nose_tip") - rest("nose_tip")).max() < 1e-3
    assert (at(one(51, 0.1), "chin") - rest("chin"))[0] > 0.003, "+y of the jaw goes to the subject's left, +X"
    assert (at(one(54, 0.2), "nose_tip") - rest("nose_tip"))[0] > 0.005, "+y of the neck turns to the subject's left"
    assert (at(one(53, 0.2), "nose_tip") - rest("nose_tip"))[1] < -0.005, "+x of the neck nods"


def test_jaw_open_is_gap_one(any_head):
    gap = lbs.lip_gap(any_head, any_head.actions_motion[[any_head.action("jawOpen")]])
    assert gap[0] == pytest.approx(1, abs=0.05)


def test_identity_moves_the_joints(head):
    """A jaw that hangs on another identity's joint opens about that joint: the reference does so, and a fixed joint would not."""
    beta = np.zeros(300)
    beta[:12] = 3
    motion = one(50, 0.4)
    assert np.abs(head.J_regressor @ (head.shapedirs[:, :, :300] @ beta)).max() > 1e-3
    assert np.abs(lbs.pose(head, motion, beta)[0] - reference(head, motion[0].astype(float), beta)).max() < 1e-5


def test_chunks_change_nothing(head, monkeypatch):
    motion = moves(head, 25)
    whole = lbs.pose(head, motion)
    monkeypatch.setattr(lbs, "CHUNK", 7 * whole[0].size)
    assert np.abs(lbs.pose(head, motion) - whole).max() < 1e-6


def test_parts_follow(head):
    rest = lbs.pose_parts(head, np.zeros((1, 65)))[0]
    eye, tongue = slice(0, 40), slice(40, 80)
    looked = lbs.pose_parts(head, one(57, 0.4))[0] - rest
    assert np.abs(looked[eye]).max() > 1e-4 and np.abs(looked[tongue]).max() < 1e-7
    out = lbs.pose_parts(head, one(64, 1))[0] - rest
    assert np.abs(out[tongue] - head.parts_tongue[tongue, :, 2]).max() < 1e-6 and np.abs(out[eye]).max() < 1e-7


def test_landmarks_and_subsets(head):
    motion = moves(head, 3)
    vertices = lbs.pose(head, motion)
    marks = lbs.landmarks(head, vertices)
    assert marks.shape == (3, len(head.landmark_names), 3)
    assert np.allclose(marks, lbs.pose(head, motion, vertices=head.landmark_vertices), atol=1e-6)


def test_bad_motion_and_beta(head):
    with pytest.raises(UtterError, match="65 channels"):
        lbs.pose(head, np.zeros((3, 64)))
    with pytest.raises(UtterError, match="300"):
        lbs.pose(head, np.zeros((3, 65)), np.zeros(301))


def test_posing_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, numpy; sys.path.insert(0, '.'); from model_runtime.flame import lbs, head, actions, calibrate, mesh, bundle, fit; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3], timeout=120)
