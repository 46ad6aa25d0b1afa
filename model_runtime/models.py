"""The loaded models, each of them loaded when it is first needed."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from contract import UtterError
from model_runtime.flame.calibrate import HeadMap, calibrate, identity
from model_runtime.flame.head import Head
from model_runtime.flame.load import load_head

if TYPE_CHECKING:
    import torch

    from model_runtime.diffusion.generator import Generator
    from model_runtime.emotion.feelings import Feelings
    from model_runtime.speech.encoder import Encoder as ShippedEncoder
    from model_runtime.speech.transcribe import Transcriber


class Encoder(Protocol):
    """What hears a voice: speech/encoder.py's, or one of speech/plugin.py's. kind: what a generator names that learned from it."""

    kind: str

    def encode(self, samples: np.ndarray, progress: Callable[[float], None] = ...) -> np.ndarray: ...


class Models:
    """Loads each model when it is first needed, and keeps it. Importing this module imports no torch."""

    def __init__(self, device: str = "auto") -> None:
        self.device_name = device
        # What plug() and fit() keep, and of which version of which files it is.
        self.plugged: tuple[object, tuple[Encoder, Generator]] | None = None
        self.fitted: tuple[object, tuple[Head, HeadMap | None, np.ndarray]] | None = None
        self.readers: list[tuple[Path, int | None]] = []  # the files of the text encoder that reads prompts; none: the shipped ones do
        self.loaded: tuple[object, Transcriber] | None = None  # the transcriber, and of which folder

    @cached_property
    def device(self) -> "torch.device":
        """torch.device: the one asked for, or the best there is. UtterError if it is not there."""
        import torch

        there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        name = self.device_name
        if name == "auto":
            name = next(n for n in ("cuda", "mps", "cpu") if there[n])
        if not there.get(name):
            raise UtterError(f"This machine has no {name} device for torch; choose auto or cpu.")
        return torch.device(name)

    @cached_property
    def encoder(self) -> "ShippedEncoder":
        from model_runtime.speech.encoder import load_encoder

        return load_encoder(self.device)

    @cached_property
    def feelings(self) -> "Feelings":
        from model_runtime.emotion import load_feelings

        return load_feelings(self.device, lambda: self.encoder)

    @cached_property
    def generator(self) -> "Generator":
        from model_runtime.diffusion import load_generator

        return load_generator(self.device)

    @cached_property
    def builtin(self) -> Head:
        return load_head()

    def plug(self, folder: str | Path | None) -> "tuple[Encoder, Generator]":
        """(encoder, Generator) for a folder with a speech model (speech/plugin.py); None: the shipped ones.

        Where the folder holds a generator.safetensors, that is a generator which learned from this encoder. The last ones are kept.
        """
        if not folder:
            return self.encoder, self.generator
        from model_runtime.diffusion import load_generator
        from model_runtime.speech.plugin import load_plugin

        own = Path(folder) / "generator.safetensors"
        version = version_of(own, Path(folder) / "config.json", Path(folder) / "model.safetensors")
        if self.plugged is None or self.plugged[0] != version:
            generator = load_generator(self.device, own) if own.is_file() else self.generator
            layer = int(generator.encoder.rpartition(":")[2]) if generator.encoder.startswith("hidden:") else None
            self.plugged = version, (load_plugin(folder, self.device, layer), generator)
        return self.plugged[1]

    def read_by(self, folder: str | Path | None) -> None:
        """Prompts are read by the text encoder in that folder from now on (emotion/text_encoder.py); None: by the shipped ones.

        The last one is kept; it is read again once it has changed.
        """
        from model_runtime.emotion.prompts import Prompts
        from model_runtime.emotion.text_encoder import ADAPTER, load_text_encoder

        version = version_of(*(Path(folder) / name for name in ("config.json", "model.safetensors", ADAPTER))) if folder else []
        if version != self.readers:
            self.feelings.prompts = Prompts(self.device, load_text_encoder(folder, self.device) if folder else None)
            self.readers = version

    def fit(self, head: str | Path | None) -> tuple[Head, HeadMap | None, np.ndarray]:
        """(Head, HeadMap to it or None, built-in beta [300]) of a head file, or of the built-in head where head is None.

        The last file is kept, for a batch performs many voices on one head; it is read again once it has changed.
        """
        if not head:
            return self.builtin, None, np.zeros(300, np.float32)
        version = version_of(Path(head))
        if self.fitted is None or self.fitted[0] != version:
            target = load_head(head)
            other = target.basis != self.builtin.basis
            self.fitted = (
                version,
                (
                    target,
                    calibrate(target, self.builtin) if other else None,
                    identity(target, self.builtin) if other else np.zeros(300, np.float32),
                ),
            )
        return self.fitted[1]

    def transcriber(self, folder: str | Path | None) -> "Transcriber":
        """The installed Whisper, or that of a folder. UtterError, NotInstalled: speech/transcribe.py. The last one is kept."""
        from model_runtime.speech.transcribe import load_transcriber

        if self.loaded is None or self.loaded[0] != folder:
            self.loaded = folder, load_transcriber(self.device, folder)
        return self.loaded[1]


def version_of(*paths: Path) -> list[tuple[Path, int | None]]:
    """What tells whether one of these files has changed since: when it was written, None where there is none."""
    return [(path, path.stat().st_mtime_ns if path.is_file() else None) for path in paths]


def check_encoder(encoder: Encoder, generator: "Generator") -> None:
    """UtterError where the generator has not learned from what such an encoder gives."""
    if generator.encoder.startswith("hidden:") and generator.encoder != encoder.kind:
        raise UtterError(
            f"The generator learned from the hidden states of another speech model ({generator.encoder}); choose that model's folder.",
            f"{encoder.kind}, generator {generator.encoder}",
        )
    if encoder.kind.startswith("hidden:") and generator.encoder != encoder.kind:
        raise UtterError(
            "This speech model hears no phones, and its hidden states need a generator trained on them; run python "
            "build.py train generator --encoder FOLDER, or choose a CTC model of phones.",
            f"{encoder.kind}, generator {generator.encoder}",
        )
