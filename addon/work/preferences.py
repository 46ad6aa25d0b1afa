"""Preferences: which Python runs the worker, on which device, with which speech models; and the cache."""

import contextlib

import bpy

from ..contract import DEVICES, OPTIONS
from . import jobs, paths, shortcuts


class Preferences(bpy.types.AddonPreferences):
    bl_idname = paths.EXTENSION

    python: bpy.props.StringProperty(
        name="Runtime Python",
        subtype="FILE_PATH",
        description="Python interpreter that computes performances. Empty: the variable UTTER_PYTHON, or else Blender's own. "
        "It needs torch and Utter's other requirements, which the full extension brings for Blender's own",
    )
    encoder: bpy.props.StringProperty(name=OPTIONS["encoder"].label, subtype="DIR_PATH", description=OPTIONS["encoder"].help)
    text_encoder: bpy.props.StringProperty(name=OPTIONS["text_encoder"].label, subtype="DIR_PATH", description=OPTIONS["text_encoder"].help)
    transcriber: bpy.props.StringProperty(name=OPTIONS["transcriber"].label, subtype="DIR_PATH", description=OPTIONS["transcriber"].help)
    tracker: bpy.props.StringProperty(name=OPTIONS["tracker"].label, subtype="FILE_PATH", description=OPTIONS["tracker"].help)
    device: bpy.props.EnumProperty(
        name="Device", description="What the worker computes on", items=tuple((name, *told) for name, told in DEVICES.items())
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "python")
        layout.prop(self, "device")
        for name in paths.MODELS:
            layout.prop(self, name)
        column = layout.column(heading="Worker")
        column.label(text=jobs.describe_worker())
        size = sum(path.stat().st_size for path in paths.cache().glob("*") if path.is_file())
        column.label(text=f"Cache: {size / 1e6:.1f} MB in {paths.cache()}")
        row = column.row(align=True)
        row.operator("utter.restart_worker")
        row.operator("wm.path_open", text="Open Folder").filepath = str(paths.folder())
        row.operator("utter.clear_cache")
        shortcuts.draw(layout, context)


class UTTER_OT_clear_cache(bpy.types.Operator):
    bl_idname = "utter.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Remove what Utter remembers about heads other than its own, and about films; it is computed again when needed"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        for pattern in (
            "registration-*.npz",
            "capture-*.npz",
            "transcriber-checked.json",
            ".utter-*.part",
        ):  # UTTER_CACHE may name a folder that holds more than ours
            for path in paths.cache().glob(pattern):
                with contextlib.suppress(OSError):
                    path.unlink()
        self.report({"INFO"}, "The cache is empty.")
        return {"FINISHED"}


CLASSES = (Preferences, UTTER_OT_clear_cache)
