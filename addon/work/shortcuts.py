"""Shortcuts: entries of Blender's keymap, which the preferences of Utter and of Blender change."""

from typing import Any, NamedTuple

import bpy


class Shortcut(NamedTuple):
    """A key with Ctrl and Alt that presses a button."""

    operator: str
    key: str


# In every editor; no entry of Blender's own has these with Ctrl and Alt.
SHORTCUTS = (
    Shortcut("utter.perform", "U"),
    Shortcut("utter.rediffuse", "R"),
    Shortcut("utter.update", "D"),
    Shortcut("utter.next_take", "PERIOD"),
    Shortcut("utter.previous_take", "COMMA"),
)
KEYMAP = "Window"

_made: list[tuple[Any, Any]] = []  # (keymap, entry)


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the entries, as the artist has them now."""
    import rna_keymap_ui  # type: ignore[import-not-found]  # of Blender with a window

    configuration = context.window_manager.keyconfigs.user
    keymap = configuration.keymaps.get(KEYMAP)
    names = {shortcut.operator for shortcut in SHORTCUTS}
    column = layout.column()
    column.use_property_split = False
    column.label(text="Shortcuts")
    for entry in keymap.keymap_items if keymap else ():
        if entry.idname in names:
            column.context_pointer_set("keymap", keymap)
            rna_keymap_ui.draw_kmi([], configuration, keymap, entry, column, 0)


def register() -> None:
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:  # without a window
        return
    keymap = configuration.keymaps.new(name=KEYMAP, space_type="EMPTY")
    for shortcut in SHORTCUTS:
        entry = keymap.keymap_items.new(shortcut.operator, shortcut.key, "PRESS", ctrl=True, alt=True)
        _made.append((keymap, entry))


def unregister() -> None:
    while _made:
        keymap, entry = _made.pop()
        keymap.keymap_items.remove(entry)


CLASSES = ()
