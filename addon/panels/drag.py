"""Passages are dragged by their bands in the timeline, the dope sheet and the graph editor: an end, or the whole. A click beside a band is
Blender's own."""

from collections.abc import Callable, Sequence
from typing import Any

import bpy

from . import overlay, strengths
from .base import chosen, locked, settings_of
from .passages import label

NEAR = 7  # pixels about an end, before the interface's scale
KEYMAPS = (("Dopesheet", "DOPESHEET_EDITOR"), ("Graph Editor", "GRAPH_EDITOR"))  # the timeline has that of the dope sheet

_made: list[tuple[Any, Any]] = []  # (keymap, entry)


def under(context: Any, event: Any) -> tuple[int, str] | None:
    """The passage whose band is under the pointer, and what of it; None beside the bands."""
    head, (low, high), scale = chosen(context), overlay.band(context), context.preferences.system.ui_scale
    flat = high - low < overlay.BAND * scale
    if head is None or locked() or flat or not low <= event.mouse_region_y <= high:
        return None
    settings, region = settings_of(head), context.region
    order = sorted(range(len(settings.passages)), key=lambda number: number != settings.passage)  # the chosen one lies on top
    ends = [(settings.passages[number].start, settings.passages[number].end) for number in order]
    found = part_at(ends, lambda frame: overlay.x_of(region, frame), event.mouse_region_x, NEAR * scale)
    return (order[found[0]], found[1]) if found else None


def part_at(ends: Sequence[tuple[int, int]], x_of: Callable[[float], float], x: float, near: float) -> tuple[int, str] | None:
    """Of passages (start, end), the first on top: which is at x pixels, and what of it. Of a short one an end's reach is a third of it,
    so that it can be moved; outside it an end reaches as far as `near`."""
    for number, (start, end) in enumerate(ends):
        left, right = x_of(start), x_of(end)
        inner = min(near, (right - left) / 3)
        if left - near <= x < left + inner:
            return number, "start"
        if right - inner < x <= right + near:
            return number, "end"
        if left <= x <= right:
            return number, "body"
    return None


def place(passage: Any, what: str, was: tuple[int, int], frames: int) -> None:
    """Let an end of a passage, or all of it, lie that many frames from where it was (start, end). A keyed strength moves with the whole."""
    start, end = was
    if what == "body":
        shift = start + frames - passage.start
        passage.start, passage.end = start + frames, end + frames
        strengths.retime(passage, lambda frame: frame + shift)
    elif what == "start":
        passage.start = min(start + frames, end - 1)
    else:
        passage.end = max(end + frames, start + 1)


def redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("DOPESHEET_EDITOR", "GRAPH_EDITOR", "VIEW_3D"):
                area.tag_redraw()


class OnBands:
    """An operator that the pointer over an editor starts."""

    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context):
        in_editor = context.region is not None and context.region.type == "WINDOW"
        head = chosen(context) if in_editor else None
        return head is not None and len(settings_of(head).passages) > 0 and not head.library


class UTTER_OT_point_at_passage(OnBands, bpy.types.Operator):
    bl_idname = "utter.point_at_passage"
    bl_label = "Point at Passage"
    bl_description = "Show what of a passage the pointer would take hold of"

    def invoke(self, context, event):
        found = under(context, event)
        if found != overlay.held:
            overlay.held = found
            context.window.cursor_set("DEFAULT" if found is None else "HAND" if found[1] == "body" else "MOVE_X")
            context.area.tag_redraw()
        return {"PASS_THROUGH"}


class UTTER_OT_drag_passage(OnBands, bpy.types.Operator):
    bl_idname = "utter.drag_passage"
    bl_label = "Drag Passage"
    bl_description = "Choose a passage by its band, and move it or one of its ends, in whole frames; Esc or a right click puts it back"
    bl_options = {"UNDO", "INTERNAL"}

    def invoke(self, context, event):
        found = under(context, event)
        if found is None:
            return {"PASS_THROUGH"}
        self.number, self.what = overlay.held = found
        self.head = chosen(context).name
        settings = settings_of(chosen(context))
        settings.passage = self.number
        passage = settings.passages[self.number]
        self.was = passage.start, passage.end
        self.grip = self.frame(context, event)
        context.window.cursor_modal_set("SCROLL_X" if self.what == "body" else "MOVE_X")
        context.window_manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def frame(self, context, event):
        """The frame under the pointer, a fraction."""
        return context.region.view2d.region_to_view(event.mouse_region_x, event.mouse_region_y)[0]

    def modal(self, context, event):
        head = bpy.data.objects.get(self.head)
        if head is None or self.number >= len(settings_of(head).passages):  # undone meanwhile
            return self.end(context, {"CANCELLED"})
        passage = settings_of(head).passages[self.number]
        if event.type == "MOUSEMOVE":
            place(passage, self.what, self.was, round(self.frame(context, event) - self.grip))
            context.area.header_text_set(f"{label(passage)}   {passage.start}\u2013{passage.end}")
            redraw()
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            return self.end(context, {"FINISHED"})
        elif event.type in ("ESC", "RIGHTMOUSE"):
            place(passage, self.what, self.was, 0)
            return self.end(context, {"CANCELLED"})
        return {"RUNNING_MODAL"}

    def end(self, context, how):
        context.window.cursor_modal_restore()
        context.area.header_text_set(None)
        redraw()
        return how


def register() -> None:
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:  # without a window
        return
    for name, space in KEYMAPS:
        keymap = configuration.keymaps.new(name=name, space_type=space)
        for operator, kind, value in (("utter.point_at_passage", "MOUSEMOVE", "ANY"), ("utter.drag_passage", "LEFTMOUSE", "PRESS")):
            _made.append((keymap, keymap.keymap_items.new(operator, kind, value)))


def unregister() -> None:
    while _made:
        keymap, entry = _made.pop()
        keymap.keymap_items.remove(entry)


CLASSES = (UTTER_OT_point_at_passage, UTTER_OT_drag_passage)
