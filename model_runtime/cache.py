"""Where what was computed once is kept, and the command line's log."""

import os
import sys
from pathlib import Path

from contract import own_folder


def cache_folder() -> Path:
    """UTTER_CACHE, else the system's place for caches."""
    if os.environ.get("UTTER_CACHE"):
        return Path(os.environ["UTTER_CACHE"])
    if sys.platform == "win32" and "LOCALAPPDATA" in os.environ:
        return Path(os.environ["LOCALAPPDATA"]) / "utter" / "cache"
    if sys.platform == "darwin":
        return home() / "Library" / "Caches" / "utter"
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "utter"
    return home() / ".cache" / "utter"


def home() -> Path:
    """The user's home, or a place for his own files where he has none, as in many containers."""
    try:
        return Path.home()
    except RuntimeError:
        return own_folder()
