"""Passages over the timeline, the dope sheet and the graph editor: where each begins, holds and fades."""

from typing import Any

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from .. import rigs
from ..animation import bake
from ..contract import FPS
from . import stale
from .base import chosen, settings_of
from .passages import label

COLOURS = ((0.35, 0.62, 0.95), (0.95, 0.66, 0.30))  # in turn, so that neighbours can be told apart
OUTDATED = (0.95, 0.32, 0.25, 0.8)
LINE = (14, 18)  # pixels from the foot: above the scroll bar
SCRUB = 24  # height of the frame numbers at the top, before the interface's scale
SIZE = 11  # of the words
FOOT = 22  # where they stand: above the scroll bar, clear of the Summary row at the top

_handlers: list[tuple[Any, Any]] = []


def draw():
    """Draw the chosen head's passages behind the keys' frames; the region is the context's."""
    context = bpy.context
    head = chosen(context)
    if head is None:
        return
    mark_stale(context.region, head)
    if not settings_of(head).passages:
        return
    scale = context.preferences.system.ui_scale
    region, top = context.region, context.region.height - SCRUB * scale
    x_of = lambda frame: region.view2d.view_to_region(frame, 0, clip=False)[0]
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    for number, passage in enumerate(settings_of(head).passages):
        length = passage.end - passage.start
        comes, goes = (min(frames, length) / 2 for frames in (passage.fade, passage.fade_out))  # a fade is centred on its end
        if not passage.on:
            continue
        alpha = (0.06 + 0.12 * passage.strength) * (1.5 if number == settings_of(head).passage else 1.0)
        colour = COLOURS[number % len(COLOURS)]
        corners, colours = [], []
        for frame, shown in ((passage.start - comes, 0), (passage.start + comes, 1), (passage.end - goes, 1), (passage.end + goes, 0)):
            x = x_of(frame)
            corners += [(x, 0, 0), (x, top, 0)]
            colours += [(*colour, alpha * shown)] * 2
        gpu.state.blend_set("ALPHA")  # again for each: drawing words ends it
        batch_for_shader(shader, "TRI_STRIP", {"pos": corners, "color": colours}).draw(shader)
        left, right = max(x_of(passage.start), 0), min(x_of(passage.end), region.width)
        words = fitting(label(passage), right - left - 8 * scale, scale)
        if words and top > 60 * scale:  # in the flat timeline they would cover the keys
            blf.position(0, left + 4 * scale, FOOT * scale, 0)
            blf.color(0, *(0.5 + 0.5 * part for part in colour), 0.95)
            blf.draw(0, words)
    gpu.state.blend_set("NONE")


def mark_stale(region, head):
    """Draw a line under the frames whose performance is out of date."""
    if not rigs.ready(head) or not (found := stale.of(head)).what:
        return
    begin, length = settings_of(head).start, settings_of(head).frames * bake.scene_fps(bpy.context.scene) / FPS
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", OUTDATED)
    gpu.state.blend_set("ALPHA")
    for first, last in ((begin, begin + length),) if found.all else found.spans:
        left, right = (region.view2d.view_to_region(frame, 0, clip=False)[0] for frame in (first, last))
        corners = [(x, y, 0) for x in (left, right) for y in (LINE[0], LINE[1])]
        batch_for_shader(shader, "TRI_STRIP", {"pos": corners}).draw(shader)
    gpu.state.blend_set("NONE")


def fitting(words, width, scale):
    """As much of the words as the width (pixels) holds; "" if that is nothing to read. Sets the font's size."""
    blf.size(0, SIZE * scale)
    if blf.dimensions(0, words)[0] <= width:
        return words
    while words and blf.dimensions(0, words + "\u2026")[0] > width:
        words = words[:-1]
    return words.rstrip() + "\u2026" if len(words) > 2 else ""


def register():
    if not bpy.app.background:
        for space in (bpy.types.SpaceDopeSheetEditor, bpy.types.SpaceGraphEditor):
            _handlers.append((space, space.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")))


def unregister():
    while _handlers:
        space, handler = _handlers.pop()
        space.draw_handler_remove(handler, "WINDOW")
