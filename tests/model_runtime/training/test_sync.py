"""The sync expert tells a mouth in time from one that is late, of another clip, or hardly moves; and it can be trained."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from contract import FPS, UtterError
from model_runtime.flame.load import load_head
from model_runtime.speech.content import resample
from model_runtime.training import sync, teacher
from model_runtime.training.dataset import Dataset, oracle

VOICES = Path(__file__).parents[3] / "blender_assets" / "voices"


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def performed(head):
    """[(content [T, 59] at 30 fps, values [T, 65])] of two shipped voices, performed by the teacher."""
    ours = {"AX": "AH", "PAU": "sil", "H#": "sil", "DX": "T", "AXR": "ER", "IX": "IH", "EL": "L", "EM": "M", "EN": "N"}
    out = []
    for path in sorted(VOICES.glob("*.flac"))[:2]:
        samples, _ = soundfile.read(path, dtype="float32")
        phones = [
            [float(start), float(end), ours.get(phone.upper(), phone.upper())]
            for start, end, phone in map(str.split, path.with_suffix(".phones").read_text().splitlines())
        ]
        T = -(-len(samples) * FPS // 16000)
        acted = teacher.actions(phones, teacher.prosody(samples), "neutral", 0.3, 1, T)
        out.append((resample(oracle(phones, samples), FPS, T), teacher.solve(head, *acted)))
    return out


def test_the_trained_expert_tells_good_from_bad(head, performed):
    expert = sync.load_expert()
    (content, values), (_, other) = performed
    true = sync.confidence(expert, content, values, head)
    length = min(len(content), len(other))
    assert true > 0.5
    assert sync.confidence(expert, content[3:], values[:-3], head) < true - 0.2
    assert abs(sync.confidence(expert, content[:length], other[:length], head)) < 0.2
    assert sync.confidence(expert, content, values.mean(0) + (values - values.mean(0)) / 4, head) < true - 0.1


def test_lip_motion_knows_no_head_turn_and_no_identity_at_rest(head):
    tensors, beta = sync.lip_tensors(head), torch.randn(2, 300, generator=torch.Generator().manual_seed(0))
    values = torch.zeros(2, 4, 65)
    values[..., 53:56] = 0.2
    assert sync.lip_motion(tensors, values, beta).abs().max() < 1e-3


def test_training_learns_and_what_it_wrote_is_read(head, performed, tmp_path):
    content, values = (np.concatenate(x) for x in zip(*performed))
    lengths = [len(c) for c, _ in performed]
    assert min(lengths) >= sync.LENGTH
    rows = [{"split": "train", "content_start": sum(lengths[:n]), "start": sum(lengths[:n]), "length": lengths[n]} for n in range(2)]
    empty = np.zeros((len(values), 8), np.float32)
    data = Dataset(content, content, values, empty, empty[:, 0], np.zeros((2, 300), np.float32), rows, head.basis)
    said = []
    trained = sync.train(data, head, steps=100, path=tmp_path / "sync.safetensors", report=said.append)
    level = float(said[0].split("contrast ")[1].split()[0])
    assert level < 5.5  # 7.1 is chance
    read = sync.load_expert(tmp_path / "sync.safetensors")
    torch.testing.assert_close(
        read.hear(torch.from_numpy(content[None])), trained.hear(torch.from_numpy(content[None])), atol=1e-2, rtol=1e-2
    )
    assert (tmp_path / "sync.safetensors").stat().st_size < 1e6 and not read.training


def test_what_cannot_be_measured_is_said(head, tmp_path):
    with pytest.raises(UtterError, match="build.py train sync"):
        sync.load_expert(tmp_path / "none.safetensors")
    with pytest.raises(UtterError, match="at least one second"):
        sync.confidence(sync.Expert(), np.zeros((20, 59)), np.zeros((20, 65)), head)
