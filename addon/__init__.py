"""Utter in Blender. A file for each thing an artist does, with its operators and panel; below them the plain ones."""

import atexit
import functools
import importlib
from collections.abc import Callable

# In the order in which they register and their panels appear. A module may have CLASSES, register() and unregister().
MODULES = (
    "work.log", "work.preferences", "settings", "work.jobs", "panels.base", "panels.head", "panels.voice", "panels.words",
    "panels.passages", "panels.passage_files", "panels.perform", "panels.takes", "panels.compare", "panels.layers",
    "panels.finish", "panels.pose", "panels.pins", "panels.held", "panels.capture", "panels.export", "panels.maps", "panels.shapes",
    "panels.identity", "panels.studio", "panels.overlay", "panels.drag", "work.shortcuts", "batch.command",
)  # fmt: skip

_undo: list[Callable[[], object]] = []  # what takes the registration back, newest last


def register():
    """Register everything, or nothing: what was done before a failure is taken back."""
    import bpy  # here, so that the modules below that know nothing of Blender can be used without it

    try:
        for name in MODULES:
            module = importlib.import_module(f"{__package__}.{name}")
            for cls in getattr(module, "CLASSES", ()):
                bpy.utils.register_class(cls)
                _undo.append(functools.partial(bpy.utils.unregister_class, cls))
            if hasattr(module, "register"):
                _undo.append(module.unregister)
                module.register()
    except Exception:
        unregister()
        raise
    if not bpy.app.binary_path:  # bpy as a module does not disable add-ons when it ends, and crashes on their classes
        atexit.register(unregister)


def unregister():
    """Take back, in reverse order, whatever register() did."""
    while _undo:
        _undo.pop()()
