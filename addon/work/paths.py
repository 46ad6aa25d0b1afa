"""Where things are: the interpreter and the device that the preferences choose, and the folders that Utter keeps."""

import os
import sys
from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..contract import own_folder

EXTENSION = str(__package__).removesuffix("addon.work").rstrip(".") or "addon"  # bl_ext.<repository>.utter
MODELS = ("encoder", "text_encoder", "transcriber", "tracker")  # options that name a model of the artist's; the last is a file
ROOT = Path(__file__).resolve().parents[2]  # holds addon, contract, model_runtime


def get() -> Any:
    """The Preferences, or None where Utter runs from a checkout without being installed."""
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return addon.preferences if addon else None


def device() -> str:
    return getattr(get(), "device", "auto")


def models(chosen: dict[str, str | None] | None = None) -> dict[str, str | None]:
    """{option: path} of MODELS: those that are chosen, else the preferences'; None: the shipped or installed one."""
    preferences = get()
    saved = {name: getattr(preferences, name, "") for name in MODELS}
    saved["encoder"] = saved["encoder"] or (compat.saved(preferences, "ears") if preferences else "")  # as version 0.1 called it
    return {name: (chosen or {}).get(name) or bpy.path.abspath(saved[name] or "") or None for name in MODELS}


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
