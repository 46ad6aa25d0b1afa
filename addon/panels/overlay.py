"""Passages in the timeline, the dope sheet and the graph editor: where each comes, holds and fades, behind the keys; and bands at the foot,
which show their strength and are taken hold of (panels.drag)."""

from typing import Any

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..animation import bake
from ..contract import FPS
from . import stale, strengths
from .base import chosen, settings_of, shown_rig
from .passages import label

COLOURS = ((0.35, 0.62, 0.95), (0.95, 0.66, 0.30))  # in turn, so that neighbours can be told apart
OUTDATED = (0.95, 0.32, 0.25, 0.8)
GROUND = (0.08, 0.08, 0.08, 0.55)  # behind a band: keys under it stay dim
GRIP = 3  # pixels of the end that is shown as taken hold of
LINE = (14, 18)  # pixels from the foot: above the scroll bar
SCRUB = 24  # height of the frame numbers at the top, before the interface's scale
SIZE = 11  # of the words
BAND = 18  # height of the bands
FOOT = 20  # where they lie: above the scroll bar, clear of the Summary row at the top
MARKERS = 44  # the same where Blender shows markers at the foot
LEAST = 30  # above the bands; a flatter editor, as the timeline is at first, has
FLAT = (1, 8)  # thin ones at its very foot, without words, where the scroll bar has the mouse
STEPS = 24  # parts of a band whose strength changes

_handlers: list[tuple[Any, Any]] = []
held: tuple[int, str] | None = None  # the passage under the pointer, and what of it: "start", "end" or "body"


def band(context: Any) -> tuple[float, float]:
    """The heights (pixels) between which the bands lie in the context's region."""
    scale, height = context.preferences.system.ui_scale, context.region.height
    marked = context.scene.timeline_markers and getattr(context.space_data, "show_markers", True)
    foot = MARKERS if marked else FOOT
    low, high = (foot, foot + BAND) if (foot + BAND + LEAST + SCRUB) * scale < height else FLAT
    return low * scale, high * scale


def draw():
    """Draw the chosen head's passages behind the keys' frames; the region is the context's."""
    context = bpy.context
    head = chosen(context)
    if head is None:
        return
    mark_stale(context.region, head)
    if not settings_of(head).passages:
        return
    scale, heights = context.preferences.system.ui_scale, band(context)
    top = context.region.height - SCRUB * scale
    for number, passage in enumerate(settings_of(head).passages):
        colour, present = COLOURS[number % len(COLOURS)], number == settings_of(head).passage
        if passage.on:
            draw_behind(context.region, passage, colour, present, top)
        draw_band(context, number, passage, colour, present, heights)
    gpu.state.blend_set("NONE")


def draw_behind(region, passage, colour, present, top):
    """Where a passage comes, holds and goes, from foot to top."""
    alpha = 0.12 * (1.5 if present else 1.0)
    corners, colours = [], []
    for frame, share in fades(passage):
        x = x_of(region, frame)
        corners += [(x, 0, 0), (x, top, 0)]
        colours += [(*colour, alpha * share)] * 2
    fill(corners, colours)


def draw_band(context, number, passage, colour, present, heights):
    """The band of a passage: as high as it is strong, with its words."""
    region, scale, (foot, head) = context.region, context.preferences.system.ui_scale, heights
    left, right = x_of(region, passage.start), x_of(region, passage.end)
    fill([(x, y, 0) for x in (left, right) for y in (foot, head)], [GROUND] * 4)
    alpha = (0.85 if present else 0.6) * (1.0 if passage.on else 0.35)
    corners = []
    ends = fades(passage)
    first, last = ends[0][0], ends[-1][0]
    frames = sorted({first, last, *(frame for frame, _ in ends), *(first + (last - first) * k / STEPS for k in range(STEPS))})
    for frame, strength in zip(frames, strengths.shown(passage, frames)):
        x = x_of(region, frame)
        corners += [(x, foot, 0), (x, foot + (head - foot) * strength * share_at(ends, frame), 0)]
    fill(corners, [(*colour, alpha)] * len(corners))
    if held and held[0] == number:
        bright = tuple(0.5 + 0.5 * part for part in colour)
        grips = (
            [(left, right)]
            if held[1] == "body"
            else [(left, left + GRIP * scale)]
            if held[1] == "start"
            else [(right - GRIP * scale, right)]
        )
        for low, high in grips:
            shade = (*bright, 0.35 if held[1] == "body" else 1.0)
            fill([(x, y, 0) for x in (low, high) for y in (foot, head)], [shade] * 4)
    low, high = max(left, 0), min(right, region.width)
    words = fitting(label(passage), high - low - 8 * scale, scale) if head - foot > SIZE * scale else ""
    if words:
        blf.position(0, low + 4 * scale, foot + 5 * scale, 0)
        blf.color(0, 1, 1, 1, 0.95 if passage.on else 0.5)
        blf.draw(0, words)


def fades(passage):
    """[(frame, share of the passage)] at which its fades begin and end; a fade is centred on its end."""
    length = passage.end - passage.start
    comes, goes = (min(frames, length) / 2 for frames in (passage.fade, passage.fade_out))
    return (passage.start - comes, 0), (passage.start + comes, 1), (passage.end - goes, 1), (passage.end + goes, 0)


def share_at(ends, frame):
    """How much a passage with those fades() counts at a frame."""
    for (before, low), (after, high) in zip(ends, ends[1:]):
        if before <= frame <= after:
            return low + (high - low) * (frame - before) / (after - before) if after > before else high
    return 0.0


def x_of(region, frame):
    return region.view2d.view_to_region(frame, 0, clip=False)[0]


def fill(corners, colours):
    """Fill a strip of triangles, a colour at each corner."""
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    gpu.state.blend_set("ALPHA")  # again for each: drawing words ends it
    batch_for_shader(shader, "TRI_STRIP", {"pos": corners, "color": colours}).draw(shader)


def mark_stale(region, head):
    """Draw a line under the frames whose performance is out of date."""
    if not shown_rig(head) or not (found := stale.of(head)).what:
        return
    begin, length = settings_of(head).start, settings_of(head).frames * bake.scene_fps(bpy.context.scene) / FPS
    for first, last in ((begin, begin + length),) if found.all else found.spans:
        fill([(x_of(region, frame), y, 0) for frame in (first, last) for y in LINE], [OUTDATED] * 4)
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
