"""A checkpoint that cannot be used says why: missing, damaged, of a newer format, of another network."""

import json

import pytest
import torch
from torch import nn

from contract import UtterError
from model_runtime import checkpoints
from model_runtime.diffusion import generator


@pytest.fixture
def written(tmp_path):
    def write(format=1, **metadata):
        path = tmp_path / "w.safetensors"
        checkpoints.write({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, path, format, metadata)
        return path

    return write


def test_what_is_written_is_read(written):
    tensors, metadata = checkpoints.read(written(kind="x"), newest=1)
    assert metadata == {"format": "1", "kind": "x"} and torch.equal(tensors["weight"], torch.ones(2, 3))
    network = nn.Linear(3, 2)
    checkpoints.load_into(network, tensors, "w")
    assert torch.equal(network.weight, torch.ones(2, 3))


def test_a_newer_format_is_named_as_that(written):
    with pytest.raises(UtterError, match="is of format 3, and this version of Utter reads up to 1; install a newer Utter"):
        checkpoints.read(written(3), newest=1)
    with pytest.raises(UtterError, match='unknown format "new"'):
        checkpoints.read(written("new"), newest=1)


def test_missing_and_damaged_files(written, tmp_path):
    with pytest.raises(UtterError, match="none.safetensors is missing; install the extension again"):
        checkpoints.read(tmp_path / "none.safetensors", 1)
    path = written()
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UtterError, match="w.safetensors is damaged"):
        checkpoints.read(path, 1)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda t: {"weight": t["weight"]}, "it lacks bias"),
        (lambda t: {**t, "more": t["bias"]}, "it has more besides"),
        (lambda t: {**t, "bias": torch.zeros(5)}, "it has bias in another shape"),
    ],
)
def test_weights_of_another_network(written, change, reason):
    tensors, _ = checkpoints.read(written(), 1)
    with pytest.raises(UtterError, match=reason):
        checkpoints.load_into(nn.Linear(3, 2), change(tensors), "w.safetensors")


def shipped(tmp_path, **change):
    """A copy of the shipped generator with other metadata; None leaves an entry out."""
    tensors, metadata = checkpoints.read(generator.PATH, generator.FORMAT)
    metadata = {name: value for name, value in {**metadata, **change}.items() if value is not None}
    checkpoints.write(tensors, tmp_path / "g.safetensors", metadata.pop("format"), metadata)
    return tmp_path / "g.safetensors"


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"format": "2"}, "is of format 2"),
        ({"size": None}, "holds no generator: it lacks size"),
        ({"basis": "0" * 64}, "was trained for another head"),
        ({"layout": json.dumps(["one"])}, "was trained for another head"),
        ({"size": json.dumps({"width": 128, "wheels": 4})}, "is built in a way that this version of Utter does not know"),
        ({"size": json.dumps({"width": 64})}, "does not fit this version of Utter"),
    ],
)
def test_a_generator_says_what_is_wrong_with_it(tmp_path, change, reason):
    with pytest.raises(UtterError, match=reason):
        generator.load(shipped(tmp_path, **change))


def test_a_generator_of_the_first_version_is_read(tmp_path):
    """Before formats were counted, and when the shipped encoder had another name."""
    path = shipped(tmp_path, format="1", encoder="ears")
    assert generator.load(path).encoder == "utter"
