"""Checkpoints: weights as safetensors (no pickle), with metadata that says what they are and in which format."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from contract import UtterError, beside

if TYPE_CHECKING:
    from torch import Tensor, nn


def read(path: str | Path, newest: int, again: str = "install the extension again") -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """(tensors {name: float tensor as stored}, metadata {name: text}) of a checkpoint.

    newest: the newest format that the caller reads; a file that names none is of the first. again: what to do about a file that
    cannot be read. UtterError if it is missing, damaged, or of a newer format.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError as error:
        raise UtterError(f"{path.name} is missing; {again}.", str(path)) from error
    except (OSError, SafetensorError) as error:
        raise UtterError(f"{path.name} is damaged; {again}.", repr(error)) from error
    told = metadata.get("format", "1")
    if not told.isdecimal():
        raise UtterError(f'{path.name} is of an unknown format "{told[:20]}"; {again}.')
    if int(told) > newest:
        raise UtterError(f"{path.name} is of format {told}, and this version of Utter reads up to {newest}; install a newer Utter.")
    return tensors, metadata


def load_into(network: "nn.Module", tensors: "Mapping[str, Tensor]", name: str) -> None:
    """network.load_state_dict(tensors), in which every tensor must fit. UtterError says which of the file `name` does not."""
    own = network.state_dict()
    lacking, unknown = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    other = [key for key in own if key in tensors and own[key].shape != tensors[key].shape]
    if lacking or unknown or other:
        reason = f"lacks {lacking[0]}" if lacking else f"has {unknown[0]} besides" if unknown else f"has {other[0]} in another shape"
        raise UtterError(
            f"{name} does not fit this version of Utter: it {reason}; install the version that it was made with, or train it again.",
            f"lacking {lacking}, unknown {unknown}, of another shape {other}",
        )
    network.load_state_dict(tensors)


def write(tensors: "dict[str, Tensor]", path: str | Path, format: int, metadata: Mapping[str, str]) -> None:
    """Write tensors {name: tensor} and metadata {name: text} as safetensors, whole or not at all."""
    from safetensors.torch import save_file

    with beside(path) as part:
        save_file(tensors, str(part), {"format": str(format), **metadata})
        part.chmod(0o644)  # safetensors lets only the owner read
