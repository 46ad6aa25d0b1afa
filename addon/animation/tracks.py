"""A track: one F-curve of ours, and the keys on it.

Keys that we write have the type GENERATED and carry the value we gave them once more in the field `back`, which Blender reads for
interpolation of the type BACK alone. A key of any other type is the artist's: a pin. So is a key of ours whose value is no longer
the one in `back`: keying over one of our keys, or dragging it in the Graph Editor, leaves its type as it is.
"""

from typing import Any, NamedTuple

import bpy
import numpy as np

from .. import compat

OWNED = "utter_performance"  # custom property of Actions that we made: (frame of the voice's first sample, fps); an earlier version's: True
FIELDS = (
    *("co", "handle_left", "handle_right", "type", "interpolation", "easing"),
    *("handle_left_type", "handle_right_type", "back", "amplitude", "period"),
)


def _code(field, name):
    return bpy.types.Keyframe.bl_rna.properties[field].enum_items[name].value


GENERATED, KEYFRAME = _code("type", "GENERATED"), _code("type", "KEYFRAME")
BEZIER, AUTO_CLAMPED = _code("interpolation", "BEZIER"), _code("handle_left_type", "AUTO_CLAMPED")


class Track(NamedTuple):
    """owner: the data-block that carries the F-curve (a Key, an armature Object); path, index: the property; group: in the editors."""

    owner: Any
    path: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which is not needed
    group: str


def owned(action: Any) -> bool:
    """True if the Action is one that bake() made, and that can be written to."""
    return action is not None and OWNED in action and action.library is None


def timing(action: Any) -> tuple[float, float] | None:
    """Where the voice of our Action begins, in frames, and the frame rate that it is made for; None if an earlier version made it."""
    told = action[OWNED]
    return (float(told[0]), float(told[1])) if hasattr(told, "__len__") else None


def set_timing(action: Any, start_frame: float, fps: float) -> None:
    """Mark the Action as ours: see timing()."""
    action[OWNED] = (float(start_frame), float(fps))


def value_of(key: Any) -> str:
    """The path of a shape key's value, from the Key that it is in."""
    return f'key_blocks["{bpy.utils.escape_identifier(key.name)}"].value'


def find(track: Track) -> Any:
    """The track's F-curve in our Action, or None."""
    bag = compat.bag(track.owner) if track.owner.animation_data and owned(track.owner.animation_data.action) else None
    return bag.fcurves.find(track.path, index=track.index) if bag else None


def remove(tracks: list[Track]) -> None:
    """Remove the tracks' F-curves, where there are any."""
    for track in tracks:
        curve = find(track)
        if curve:
            compat.bag(track.owner).fcurves.remove(curve)


def held(curve: Any) -> np.ndarray:
    """The artist's keys on an F-curve (or None): frames and values [K,2]."""
    return read(curve, pins_only=True)["co"] if curve else np.empty((0, 2))


def read(curve: Any, pins_only: bool) -> dict[str, np.ndarray]:
    """The curve's keys: {field of FIELDS: array [K] or [K,2]}; pins_only: the artist's alone."""
    points = curve.keyframe_points
    n = len(points)
    keys = {}
    for field in FIELDS:
        wide = field in ("co", "handle_left", "handle_right")
        whole = field in ("type", "interpolation", "easing", "handle_left_type", "handle_right_type")
        array = np.zeros(n * (2 if wide else 1), np.int32 if whole else np.float32)
        points.foreach_get(field, array)
        keys[field] = array.reshape(n, 2) if wide else array
    if pins_only:
        value = keys["co"][:, 1]
        pin = (keys["type"] != GENERATED) | (np.abs(value - keys["back"]) > 1e-6 * np.maximum(1, np.abs(value)))
        keys = {field: array[pin] for field, array in keys.items()}
    return keys


def move(curve: Any, since: float, to: float, scale: float = 1.0) -> None:
    """Carry all keys of an F-curve with their handles from the frame `since` to the frame `to`, and stretch their distance to it."""
    points = curve.keyframe_points
    for field in ("co", "handle_left", "handle_right"):
        array = np.zeros(2 * len(points), np.float32)
        points.foreach_get(field, array)
        array[::2] = to + (array[::2].astype(np.float64) - since) * scale
        points.foreach_set(field, array)
    curve.update()


def fill(curve: Any, frames: np.ndarray, column: np.ndarray, keep_pins: bool) -> None:
    """Put our keys into the F-curve, around the artist's where they are kept. A channel that stands still needs its ends only.

    A key of ours that the artist moved becomes one of type KEYFRAME, so that it shows as held."""
    pins = read(curve, pins_only=True) if keep_pins else None
    if np.ptp(column) < 1e-6:
        ends = sorted({0, len(frames) - 1})
        frames, column = frames[ends], column[ends]
    if pins is not None and len(pins["co"]):
        when = np.sort(pins["co"][:, 0])
        after = np.searchsorted(when, frames)
        beside = when[np.clip([after - 1, after], 0, len(when) - 1)]  # the pins on both sides of each frame
        near = np.abs(beside - frames).min(axis=0) < 0.01
        frames, column = frames[~near], column[~near]
    n = len(frames)
    ours = {
        "co": np.stack([frames, column], axis=1).astype(np.float32),
        "back": column.astype(np.float32),
        "type": np.full(n, GENERATED),
        "interpolation": np.full(n, BEZIER),
        "handle_left_type": np.full(n, AUTO_CLAMPED),
        "handle_right_type": np.full(n, AUTO_CLAMPED),
    }
    if pins is not None and len(pins["co"]):
        order = np.argsort(np.concatenate([ours["co"][:, 0], pins["co"][:, 0]]), kind="stable")
        pins["type"] = np.where(pins["type"] == GENERATED, KEYFRAME, pins["type"])
        blank = {"handle_left": ours["co"], "handle_right": ours["co"]}
        ours = {
            field: np.concatenate([ours.get(field, blank.get(field, np.zeros(n, pins[field].dtype))), pins[field]])[order]
            for field in FIELDS
        }
    points = curve.keyframe_points
    points.clear()
    points.add(len(ours["co"]))
    for field, array in ours.items():
        kind = np.float32 if array.dtype.kind == "f" else np.int32
        points.foreach_set(field, np.ascontiguousarray(array, kind).ravel())
    curve.update()
