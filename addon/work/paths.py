"""Where things are: the interpreter and the device that the preferences choose, and the folders that Utter keeps."""

import os
import sys
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..contract import own_folder

EXTENSION = str(__package__).removesuffix("addon.work").rstrip(".") or "addon"  # bl_ext.<repository>.utter
ROOT = Path(__file__).resolve().parents[2]  # holds addon, contract, model_runtime


def get() -> Any:
    """The Preferences, or None where Utter runs from a checkout without being installed."""
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return addon.preferences if addon else None


def device() -> str:
    return getattr(get(), "device", "auto")


def encoder() -> str | None:
    """Path of the folder of the speech model to hear with; None: the shipped encoder. Version 0.1 saved it as `ears`."""
    preferences = get()
    if preferences is None:
        return None
    return bpy.path.abspath(preferences.encoder or compat.saved(preferences, "ears") or "") or None


def transcriber() -> str | None:
    """Path of the folder of another Whisper; None: the installed one."""
    return bpy.path.abspath(getattr(get(), "transcriber", "")) or None


def tracker() -> str | None:
    """Path of the tracker's file; None: the environment's, or the one in the cache."""
    return bpy.path.abspath(getattr(get(), "tracker", "")) or None


def python() -> str:
    """Path of the interpreter for the worker: the preference, UTTER_PYTHON, or Blender's own."""
    chosen = bpy.path.abspath(getattr(get(), "python", ""))
    return chosen or os.environ.get("UTTER_PYTHON") or sys.executable


def package_paths(interpreter: str) -> list[str]:
    """Folders of packages that Blender adds for its own Python: the wheels of extensions. Nothing for another Python."""
    if os.path.realpath(interpreter) != os.path.realpath(sys.executable):
        return []
    return [path for path in sys.path if path.endswith("site-packages")]


def folder(name: str = "") -> Path:
    """Path of a folder of ours that outlives the session and an update of the extension; made where it is missing. Where there can be
    none, one among the temporary files."""
    try:
        path = Path(bpy.utils.extension_path_user(EXTENSION, path=name))
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK):
            return path
    except (ValueError, OSError):  # not installed as an extension; a home that cannot be written
        pass
    path = own_folder() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def cache() -> Path:
    """Where the worker keeps what it computed about heads; UTTER_CACHE names another place."""
    return Path(os.environ.get("UTTER_CACHE") or folder("cache"))
