"""The strength of a passage over time: the artist keys it as any property, and the F-curve goes wherever the passage goes."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import compat
from ..contract import seconds_at

PATH = re.compile(r"utter\.passages\[(\d+)\]\.strength")
GROUP = "Passages"
STRAIGHT = 1e-4  # a sample that lies so near to the line between its neighbours tells nothing
Row = list[Any]  # of a key: frame, strength, interpolation, types of its two handles, frame and strength of each


def bags(head: Any) -> list[Any]:
    """Where F-curves of a head's object may lie: its Action, and those below it in the NLA, where Utter's own moves an artist's."""
    own = compat.bag(head)
    tracks = head.animation_data.nla_tracks if head.animation_data else ()
    below = [bag for track in tracks for strip in track.strips if strip.action for bag in compat.bags(strip.action)]
    return [*([] if own is None else [own]), *below]


def curves(head: Any) -> dict[int, tuple[Any, Any]]:
    """{number of a passage: (F-curve of its strength, the bag that has it)} of those that are keyed."""
    found = [(matched, curve, bag) for bag in bags(head) for curve in bag.fcurves if (matched := PATH.fullmatch(curve.data_path))]
    return {int(matched[1]): (curve, bag) for matched, curve, bag in reversed(found) if len(curve.keyframe_points)}


def curve_of(passage: Any) -> Any:
    """The F-curve of a passage's strength, or None."""
    path = passage.path_from_id("strength")
    found = (curve for bag in bags(passage.id_data) if (curve := bag.fcurves.find(path)) and len(curve.keyframe_points))
    return next(found, None)


def rows(passage: Any) -> list[Row]:
    """The keys of a passage's strength; [] where it has none."""
    curve = curve_of(passage)
    return [
        [*key.co, key.interpolation, key.handle_left_type, key.handle_right_type, *key.handle_left, *key.handle_right]
        for key in (curve.keyframe_points if curve else ())
    ]


def moved(keys: Iterable[Row], place: Callable[[float], float]) -> list[Row]:
    """Those keys at other frames."""
    return [[place(x), y, *kinds, place(left), low, place(right), high] for x, y, *kinds, left, low, right, high in keys]


def put(passage: Any, keys: list[Row]) -> None:
    """Give a passage's strength those keys in place of any it has; [] none. What is no key is left out."""
    if curve := curve_of(passage):
        next(bag for bag in bags(passage.id_data) if curve in bag.fcurves.values()).fcurves.remove(curve)
    keys = [row for row in keys if len(row) == 9]
    if not keys:
        return
    passage.keyframe_insert("strength", frame=keys[0][0], group=GROUP)
    curve = curve_of(passage)
    curve.keyframe_points.add(len(keys) - 1)
    for key, (x, y, interpolation, left_type, right_type, *handles) in zip(curve.keyframe_points, keys):
        key.co = x, y
        key.interpolation, key.handle_left_type, key.handle_right_type = interpolation, left_type, right_type
        key.handle_left, key.handle_right = handles[:2], handles[2:]
    curve.update()


def put_points(passage: Any, points: Iterable[tuple[float, float]]) -> None:
    """Key a passage's strength at points (frame, strength), straight between them."""
    put(passage, [[x, y, "LINEAR", "VECTOR", "VECTOR", x, y, x, y] for x, y in points])


def retime(passage: Any, place: Callable[[float], float]) -> None:
    """Move the keys of a passage's strength: from a frame to place(frame)."""
    if curve := curve_of(passage):
        for key in curve.keyframe_points:
            points = [(place(x), y) for x, y in (key.handle_left, key.co, key.handle_right)]
            key.co, key.handle_left, key.handle_right = points[1], points[0], points[2]
        curve.update()


def reorder(head: Any, earlier: Sequence[int | None]) -> None:
    """Let the curves follow their passages. earlier: of each passage that there is now, which number it had; None: it is new."""
    for number, (curve, bag) in curves(head).items():
        if number in earlier:
            curve.data_path = f"utter.passages[{earlier.index(number)}].strength"
        else:
            bag.fcurves.remove(curve)


def clear(head: Any) -> None:
    """Take the curves of all passages away, which are about to be others."""
    reorder(head, [])


def in_seconds(settings: Any, passage: Any, fps: float) -> float | tuple[tuple[float, float], ...]:
    """The strength of a passage as a contract.Passage has it: a number, or points in seconds from the voice's beginning."""
    curve = curve_of(passage)
    if curve is None:
        return float(passage.strength)
    first, last = passage.start - passage.fade // 2 - 1, passage.end + passage.fade_out // 2 + 1
    sampled = [(frame, min(max(curve.evaluate(frame), 0.0), 1.0)) for frame in range(first, last + 1)]
    told = sampled[:1]
    for before, (frame, strength), after in zip(sampled, sampled[1:], sampled[2:]):
        if abs(after[1] + before[1] - 2 * strength) > STRAIGHT:
            told.append((frame, strength))
    return tuple((seconds_at(frame, fps, settings.start), strength) for frame, strength in [*told, sampled[-1]])


def shown(passage: Any, frames: Iterable[float]) -> list[float]:
    """The strength at frames, as the band in the timeline shows it."""
    curve = curve_of(passage)
    return [passage.strength if curve is None else min(max(curve.evaluate(frame), 0.0), 1.0) for frame in frames]
