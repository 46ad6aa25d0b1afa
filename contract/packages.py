"""The packages that compute, and what is said where they are not installed: a zip without wheels, a Python of the studio's own."""

import importlib.util

from .errors import UtterError

NEEDED = ("torch", "transformers", "diffusers", "numpy", "scipy", "soundfile", "safetensors")  # nothing performs without these


class NotInstalled(UtterError):
    """A package is missing, or does not start. Whoever can go on without what it brings catches this, and says so."""

    def __init__(self, package: str, detail: str = "") -> None:
        super().__init__(f"{package} is not installed; {INSTALL}.", detail)
        self.package = package


INSTALL = "install the extension with its wheels, or choose a Python that has Utter's requirements in Utter's preferences"


def lacking(error: ModuleNotFoundError) -> list[str]:
    """The package that was not found, and what else of NEEDED is not installed."""
    first = (error.name or str(error)).partition(".")[0]
    return [first, *(name for name in NEEDED if name != first and importlib.util.find_spec(name) is None)]
