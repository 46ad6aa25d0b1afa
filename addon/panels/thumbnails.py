"""Thumbnails of takes: the head at the moment at which it moves most, drawn off the screen by the viewport's own engine and kept as the
preview of the take's Action: 20 KB that are saved and undone with it. Without a window there is none."""

import time
from typing import Any

import bpy
import gpu
import numpy as np
from mathutils import Matrix, Vector

from .. import rigs
from ..animation import bake
from ..contract import ACTIONS, EXPRESSION, FACE_ACTIONS, FPS
from ..work.log import LOGGER
from . import studio

SIZE, ICON = 64, 32  # pixels each way: of the picture, and of that in the list
FINER = 2  # so many times finer it is drawn
CALM = 5  # frames of the mean in which a moment counts, so that no single one does
SLOW = 1.5  # seconds: where two pictures in turn take longer, no more are drawn in this session
LIDS_ARE = "eye"  # what the actions that show no feeling begin with: blinks and gaze
PLAIN = {"type": "SOLID", "light": "STUDIO", "color_type": "MATERIAL", "show_cavity": False, "show_xray": False}

_slow: list[float] = []  # how long the last pictures took that took too long: graphics without a card


def moment(performance: np.ndarray) -> int:
    """The frame of a performance [T, 65] or [T, 117] at which the face moves furthest from rest, blinks aside."""
    if performance.shape[1] > FACE_ACTIONS.start:
        seen = [FACE_ACTIONS.start + k for k, name in enumerate(ACTIONS) if not name.startswith(LIDS_ARE)]
        values = performance[:, seen]
    else:
        values = performance[:, EXPRESSION]
    size = np.linalg.norm(values, axis=1)
    return int(np.argmax(np.convolve(size, np.ones(CALM), "same")))


def take_picture(scene: Any, head: Any, performance: np.ndarray, start: float) -> None:
    """Keep a picture of the take that the head performs, whose performance began at frame start. What hinders that is logged: a take is no
    worse without."""
    view, actions = viewport(scene), bake.actions(rigs.rig_of(head))
    if view is None or not actions or len(_slow) > 1:
        return
    began = time.monotonic()
    shown = scene.frame_current, scene.frame_subframe
    try:
        scene.frame_set(round(start + moment(performance) * bake.scene_fps(scene) / FPS))
        keep(actions[0], draw(scene, head, *view))
    except Exception:
        LOGGER.exception("A take's picture could not be drawn")
    finally:
        scene.frame_set(shown[0], subframe=shown[1])
        lasted = time.monotonic() - began
        _slow[:] = [*_slow, lasted] if lasted > SLOW else []  # the first one compiles what draws it


def viewport(scene: Any) -> tuple[Any, Any, Any] | None:
    """(window, space, region) of a 3D viewport that shows the scene; None where there is none."""
    for window in () if bpy.app.background else bpy.context.window_manager.windows:
        for area in window.screen.areas if window.scene == scene else ():
            if area.type == "VIEW_3D":
                return window, area.spaces.active, next(region for region in area.regions if region.type == "WINDOW")
    return None


def draw(scene: Any, head: Any, window: Any, space: Any, region: Any) -> np.ndarray:
    """The head as it is now, from the front: [SIZE, SIZE, 4], 0 to 1, from the bottom up."""
    face, middle, high = studio.framed(head, "FACE")
    away = face.col[2].to_3d()
    stand = Matrix((face.col[0].to_3d(), face.col[1].to_3d(), away)).transposed().to_4x4()
    stand.translation = middle + away * 2 * high
    half = high / 2
    flat = Matrix.Diagonal(Vector((1 / half, 1 / half, -1 / (2 * high), 1)))  # a parallel view of that height, four of it deep
    flat[2][3] = -1.0
    size, shading, overlay = SIZE * FINER, space.shading, space.overlay
    before, overlays = {name: getattr(shading, name) for name in PLAIN}, overlay.show_overlays
    offscreen = gpu.types.GPUOffScreen(size, size)
    try:
        overlay.show_overlays = False
        for name, value in PLAIN.items():
            setattr(shading, name, value)
        with bpy.context.temp_override(window=window):
            offscreen.draw_view3d(scene, window.view_layer, space, region, stand.inverted(), flat, do_color_management=True)
        pixels = np.array(offscreen.texture_color.read().to_list(), np.float32).reshape(size, size, 4)
    finally:
        offscreen.free()
        overlay.show_overlays = overlays
        for name in reversed(PLAIN):  # the type last: others belong to one of it
            setattr(shading, name, before[name])
    pixels = pixels / 255 if pixels.max() > 1 else pixels
    return smaller(pixels, SIZE)


def smaller(pixels: np.ndarray, size: int) -> np.ndarray:
    """[n, n, 4] -> [size, size, 4], each the mean of those that it covers."""
    step = len(pixels) // size
    return pixels.reshape(size, step, size, step, 4).mean((1, 3))


def keep(action: Any, pixels: np.ndarray) -> None:
    """Keep a picture with the Action of a take."""
    preview = action.preview_ensure()
    preview.image_size, preview.icon_size = (SIZE, SIZE), (ICON, ICON)
    preview.image_pixels_float.foreach_set(pixels.ravel())
    preview.icon_pixels_float.foreach_set(smaller(pixels, ICON).ravel())


def icon(action: Any) -> int:
    """The number under which layouts draw the picture of a take's Action; 0 where it has none."""
    return action.preview.icon_id if action and action.preview and action.preview.is_image_custom else 0
