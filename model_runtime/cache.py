"""Where what was computed once is kept, and the command line's log."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """UTTER_CACHE, else the system's place for caches."""
    if "UTTER_CACHE" in os.environ:
        return Path(os.environ["UTTER_CACHE"])
    if sys.platform == "win32" and "LOCALAPPDATA" in os.environ:
        return Path(os.environ["LOCALAPPDATA"]) / "utter" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "utter"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "utter"
