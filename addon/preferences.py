"""Preferences: which Python runs the worker, on which device, with which ears, and where Utter keeps its files."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import bpy

EXTENSION = __package__.rpartition(".")[0] or __package__  # bl_ext.<repository>.utter
ROOT = Path(__file__).resolve().parent.parent  # holds model_runtime


class Preferences(bpy.types.AddonPreferences):
    bl_idname = EXTENSION

    python: bpy.props.StringProperty(
        name="Runtime Python",
        subtype="FILE_PATH",
        description="Python interpreter that computes performances. Empty: the variable UTTER_PYTHON, or else Blender's own. "
        "It needs torch and Utter's other requirements, which the full extension brings for Blender's own",
    )
    ears: bpy.props.StringProperty(
        name="Ears",
        subtype="DIR_PATH",
        description="Folder of a speech model in the format of transformers (wav2vec2, HuBERT, WavLM ...) that hears phones. "
        "Empty: Utter's own ears. Larger ones hear better and need longer",
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="What the worker computes on",
        items=(
            ("auto", "Automatic", "The graphics card where there is one, else the processor"),
            ("cpu", "Processor", "Works everywhere"),
            ("cuda", "NVIDIA", "An NVIDIA graphics card"),
            ("mps", "Apple", "Apple's graphics processor"),
        ),
    )

    def draw(self, _context):
        from . import jobs

        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "python")
        layout.prop(self, "device")
        layout.prop(self, "ears")
        column = layout.column(heading="Worker")
        column.label(text=jobs.describe_worker())
        size = sum(path.stat().st_size for path in cache().glob("*") if path.is_file())
        column.label(text=f"Cache: {size / 1e6:.1f} MB in {cache()}")
        row = column.row(align=True)
        row.operator("utter.restart_worker")
        row.operator("wm.path_open", text="Open Folder").filepath = str(folder())
        row.operator("utter.clear_cache")


class UTTER_OT_clear_cache(bpy.types.Operator):
    bl_idname = "utter.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Remove what Utter remembers about heads other than its own; it is computed again when needed"

    def execute(self, _context):
        shutil.rmtree(cache(), ignore_errors=True)
        self.report({"INFO"}, "The cache is empty.")
        return {"FINISHED"}


def get():
    """The Preferences, or None where Utter runs from a checkout without being installed."""
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return addon.preferences if addon else None


def device():
    return getattr(get(), "device", "auto")


def ears():
    """Path of the folder of the speech model to hear with; None: the shipped ears."""
    return bpy.path.abspath(getattr(get(), "ears", "")) or None


def python():
    """Path of the interpreter for the worker: the preference, UTTER_PYTHON, or Blender's own."""
    chosen = bpy.path.abspath(getattr(get(), "python", ""))
    return chosen or os.environ.get("UTTER_PYTHON") or sys.executable


def package_paths(interpreter):
    """Folders of packages that Blender adds for its own Python: the wheels of extensions. Nothing for another Python."""
    if os.path.realpath(interpreter) != os.path.realpath(sys.executable):
        return []
    return [path for path in sys.path if path.endswith("site-packages")]


def folder(name=""):
    """Path of a folder of ours that outlives the session and an update of the extension; made where it is missing."""
    try:
        path = Path(bpy.utils.extension_path_user(EXTENSION, path=name))
    except ValueError:  # not installed as an extension
        path = Path(tempfile.gettempdir()) / "utter" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def cache():
    """Where the worker keeps what it computed about heads; UTTER_CACHE names another place."""
    return Path(os.environ.get("UTTER_CACHE") or folder("cache"))


CLASSES = (Preferences, UTTER_OT_clear_cache)
