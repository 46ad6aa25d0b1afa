"""The dataset's layers: what is made again when something before it changed."""
import json

import numpy as np
import pytest

from model_runtime.training import corpus, dataset

PHONES = [[0.0, 0.5, "sil"], [0.5, 0.7, "M"], [0.7, 1.0, "AA1"], [1.0, 1.5, "sil"]]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A first layer of one rhythm, and performances of it that somebody made."""
    clip = {"clip": "rhythm/0", "split": "train", "path": None, "phones": PHONES, "noise": None, "times": 1}
    monkeypatch.setattr(dataset, "listed", lambda records: [dict(clip)])
    dataset.write_content(tmp_path, None, report=lambda text: None)
    (tmp_path / "performances.json").write_text(json.dumps(["kept"]))
    return tmp_path, clip


def test_new_ears_leave_the_performances_alone(cache):
    path, _ = cache
    dataset.write_content(path, None, report=lambda text: None)
    assert json.loads((path / "performances.json").read_text()) == ["kept"]


def test_other_clips_are_performed_anew(cache):
    path, clip = cache
    clip["phones"] = PHONES[:3]
    dataset.write_content(path, None, report=lambda text: None)
    assert not (path / "performances.json").exists() and len(np.load(path / "content.npy")) < 45


def test_a_rehearsal_takes_clips_from_all_over():
    assert corpus.spread(list(range(101)), 3) == [0, 50, 100]
    assert corpus.spread([1, 2], 3) == [1, 2] and corpus.spread([1, 2, 3, 4]) == [1, 2, 3, 4]
