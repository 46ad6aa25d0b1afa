"""A track: one F-curve of ours, and the keys on it.

Keys that we write have the type GENERATED, and say in fields that Blender does not read of them what we wrote: `back` is the value,
`amplitude` the frame, and `period` (MARKED less the frames between) where our next key was written. A key of any other type is the
artist's: a pin. So is one of ours of which value, frame, handles or interpolation are no longer what we wrote: keying over one of our keys,
or dragging it, leaves its type as it is. What keying over with the same value leaves behind is that the key is selected, which says
nothing; so that is not seen.

A thinned key of ours (addon/animation/simplify.py) has handles of our own, which are aligned, and the easing THINNED, which Blender reads
of no Bezier key. Its `back` and `amplitude` hold where the key and its two handles lie together, each with a share of its own (SHARES):
whichever of the three is moved, they are no longer so. Where the artist inserts a key beside it, Blender shortens the handle on that side
so that the curve stays: it counts at the length that we wrote.

Where our next key was written and is no more, the artist deleted it: from there to our next key the curve is clean, and stays so.

A pin that came from a film is a captured key: it has the type JITTER, which Blender means for keys on every frame. It goes along into
the next take, as other pins do not.

A soft key is a pin that may be missed a little, and moved: it has the type BREAKDOWN, which Blender means for what lies between poses. It
lies where it was met; `amplitude`, which Blender reads of elastic keys alone, holds what the artist asked for, as long as the
value is the one in `back`; `period` says that it was met.
"""

import bisect
from collections.abc import Callable
from typing import Any, NamedTuple

import bpy
import numpy as np

from .. import compat
from ..contract import ACTIONS

OWNED = "utter_performance"  # custom property of Actions that we made: (frame of the voice's first sample, fps); an earlier version's: True
WRITTEN = "utter_written"  # custom property of such Actions: the first and the last frame of a performance, and the paths of its curves
FULL = "utter_full"  # custom property of such Actions: all the keys of a take that was simplified (addon/animation/fullness.py)
BASIS = "utter_basis"  # custom property of such Actions: the basis of the Motion that the curves show, "" by face actions
FIELDS = (
    *("co", "handle_left", "handle_right", "type", "interpolation", "easing"),
    *("handle_left_type", "handle_right_type", "back", "amplitude", "period"),
    *("select_control_point", "select_left_handle", "select_right_handle"),
)
SELECTED = FIELDS[-3:]  # yes or no; of new keys no, though Blender selects them

WHOLE = ("type", "interpolation", "easing", "handle_left_type", "handle_right_type")  # numbers of these
SETTLED = -1.0  # in `period`, of a soft key
MARKED = -2.0  # in `period`, of a key of ours: from here down
TURNED = 2e-4  # of a value: so far Blender moves the handles of a thinned key when it aligns them anew, late in a long scene
Stretch = tuple[float, float]  # frames from the first to before the last
NEAR = 0.01  # frames: closer than this two keys are at the same
Keys = dict[str, np.ndarray]  # {field of FIELDS: [K] or [K,2]}, in order of time


def _code(field, name):
    return bpy.types.Keyframe.bl_rna.properties[field].enum_items[name].value


GENERATED, KEYFRAME, CAPTURED, SOFT = (_code("type", name) for name in ("GENERATED", "KEYFRAME", "JITTER", "BREAKDOWN"))
BEZIER, AUTO_CLAMPED, ALIGNED = _code("interpolation", "BEZIER"), *(_code("handle_left_type", name) for name in ("AUTO_CLAMPED", "ALIGNED"))
PLAIN, THINNED = (_code("easing", name) for name in ("AUTO", "EASE_IN_OUT"))
SHARES = {
    "co": 0.5,
    "handle_left": 0.2,
    "handle_right": 0.3,
}  # of a thinned key in what is written of it; their sum is 1, so it moves along


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


def ensure(track: Track) -> None:
    """Make the custom property of a track that is one, if it is missing: a face action's from 0 to 1."""
    name = track.path[2:-2] if track.path.startswith('["') else ""
    if name and name not in track.owner:
        track.owner[name] = 0.0
        limits = {"min": 0.0, "max": 1.0} if name in ACTIONS else {}
        track.owner.id_properties_ui(name).update(**limits, description=f"{name} of the performance, which is held")


def find(track: Track) -> Any:
    """The track's F-curve in our Action, or None."""
    bag = compat.bag(track.owner) if track.owner.animation_data and owned(track.owner.animation_data.action) else None
    return bag.fcurves.find(track.path, index=track.index) if bag else None


def find_in(action: Any) -> Callable[[Track], Any]:
    """As find(), in whatever Action that is, to whomever it belongs."""
    return lambda track: next((curve for bag in compat.bags(action) if (curve := bag.fcurves.find(track.path, index=track.index))), None)


def remove(tracks: list[Track]) -> None:
    """Remove the tracks' F-curves, where there are any."""
    for track in tracks:
        curve = find(track)
        if curve:
            compat.bag(track.owner).fcurves.remove(curve)


def held(curve: Any, kind: int | None = None) -> np.ndarray:
    """The artist's keys on an F-curve (or None), or those of a type (CAPTURED, SOFT): frames and the values asked for [K,2]."""
    if curve is None:
        return np.empty((0, 2))
    keys = pins(curve, kind)
    return np.stack([keys["co"][:, 0], _asked(keys)], axis=1)


def pins(curve: Any, kind: int | None = None) -> Keys:
    """The artist's keys on an F-curve, or those of a type (CAPTURED, SOFT)."""
    keys = read(curve)
    return part(keys, own(keys) if kind is None else keys["type"] == kind)


def value_at(curve: Any, frame: float) -> float | None:
    """The value that is asked for by the artist's key at a frame of an F-curve (or None); None without one."""
    at = None if curve is None else _at(curve.keyframe_points, frame)
    if at is None or not _theirs(curve, at):
        return None
    return float(_asked(_one(curve.keyframe_points[at]))[0])


def put(curve: Any, frame: float, value: float, theirs: bool, beside: bool = True) -> None:
    """Let an F-curve have that value at a frame, by one key: the artist's, or ours, which leaves one of the artist's alone. beside: where
    there is none yet, keys of ours hold what it shows now in the frames beside."""
    points = curve.keyframe_points
    at = _at(points, frame)
    if at is None:
        if beside and not free(np.array([frame]), cleaned(read(curve)))[0]:
            show(curve, np.array([frame]), np.array([value]), np.array([frame - 1, frame + 1]))
        else:
            keys = read(curve)
            more = made(np.array([frame]), np.array([value]), KEYFRAME if theirs else GENERATED)
            write(curve, spaced(joined(keys, more), cleaned(keys)))
        at = _at(points, frame)
        assert at is not None  # it was written just now
    point = points[at]
    if not theirs and _theirs(curve, at):
        return
    way = value - point.co[1]
    point.co[1], point.handle_left[1], point.handle_right[1] = value, point.handle_left[1] + way, point.handle_right[1] + way
    if theirs:
        point.type = "KEYFRAME"
    else:
        point.back += way  # which of a key that is not thinned is its value
    curve.update()


def _at(points: Any, frame: float) -> int | None:
    """Which of the keys of an F-curve, in order of time, is at a frame."""
    at = bisect.bisect_left(points, frame - NEAR, key=lambda point: point.co[0])
    return at if at < len(points) and abs(points[at].co[0] - frame) < NEAR else None


def _theirs(curve: Any, at: int) -> bool:
    """Whether a key of an F-curve is the artist's; what lies beside it tells that of thinned keys alone."""
    one = _one(curve.keyframe_points[at])
    return bool(own(one)[0]) and (one["easing"][0] != THINNED or bool(own(read(curve))[at]))


def _one(point: Any) -> Keys:
    """Keys with one key alone."""
    value = lambda field: getattr(point, field)
    return {field: np.array([_code(field, value(field)) if field in WHOLE else value(field)], kind_of(field)) for field in FIELDS}


def _asked(keys: Keys) -> np.ndarray:
    """[K]: the values that are asked for, those of soft keys that lie where they were met too."""
    met = (keys["type"] == SOFT) & (keys["back"] == keys["co"][:, 1]) & (keys["period"] == SETTLED)
    return np.where(met, keys["amplitude"], keys["co"][:, 1])


def settle(curve: Any, frames: np.ndarray, column: np.ndarray, moved: dict[float, float]) -> None:
    """Let the soft keys between the first and the last of these frames lie where they were met: on the column, at the frame to which they
    moved. Where one was, a key of ours shows the column."""
    keys = read(curve)
    when = keys["co"][:, 0]
    soft = np.flatnonzero((keys["type"] == SOFT) & (when >= frames[0] - NEAR) & (when <= frames[-1] + NEAR))
    if not len(soft):
        return
    asked, when = _asked(keys)[soft], when[soft]
    places = np.array([moved.get(float(frame), frame) for frame in when], np.float32)
    met = np.interp(places, frames, column).astype(np.float32)
    for handle in ("handle_left", "handle_right"):
        keys[handle][soft] += np.stack([places - when, met - keys["co"][soft, 1]], axis=1)
    keys["co"][soft] = np.stack([places, met], axis=1)
    keys["back"][soft], keys["amplitude"][soft], keys["period"][soft] = met, asked, SETTLED
    left = when[np.abs(places - when) > NEAR]
    ours = (keys["type"] == GENERATED) & near(keys["co"][:, 0], part(keys, soft))
    order = np.argsort(keys["co"][:, 0], kind="stable")
    clean = cleaned(keys)
    keys = part(keys, order[~ours[order]])
    write(curve, spaced(joined(keys, made(left, np.interp(left, frames, column).astype(np.float32), GENERATED)), clean))


def soften(curve: Any, soft: bool) -> int:
    """Make the selected keys of an F-curve soft, or the soft ones of these exact; returns how many. Captured keys stay."""
    keys = read(curve)
    fits = (keys["type"] != SOFT) & (keys["type"] != CAPTURED) if soft else keys["type"] == SOFT
    changed = np.flatnonzero(keys["select_control_point"].astype(bool) & fits)
    keys["co"][changed, 1] = _asked(keys)[changed]  # of an exact key it is met from now on
    keys["type"][changed] = SOFT if soft else KEYFRAME
    keys["period"][changed] = 0
    if len(changed):
        write(curve, keys)
    return len(changed)


def own(keys: Keys) -> np.ndarray:
    """bool [K]: which keys are the artist's."""
    places, longer = _written(keys)
    frame, value = places.T
    changed = np.abs(value - keys["back"]) > np.where(keys["easing"] == THINNED, longer * TURNED, 1e-6) * np.maximum(1, np.abs(value))
    changed |= (keys["period"] <= MARKED) & (np.abs(frame - keys["amplitude"]) > NEAR)
    changed |= keys["interpolation"] != BEZIER
    for side in ("handle_left_type", "handle_right_type"):
        changed |= keys[side] != np.where(keys["easing"] == THINNED, ALIGNED, AUTO_CLAMPED)
    return (keys["type"] != GENERATED) | changed


def lies(keys: Keys) -> np.ndarray:
    """[K, 2]: the frames and values at which keys lie, as ours say it: thinned ones with their handles."""
    return _written(keys)[0]


def _written(keys):
    """(what lies() says [K, 2], how much longer a handle is taken there than it is [K])."""
    thinned, at = keys["easing"] == THINNED, keys["co"].astype(np.float64)
    if not thinned.any():
        return keys["co"], np.ones(len(at))
    left, right = keys["handle_left"] - at, keys["handle_right"] - at
    beside_left, beside_right, gap = _inserted(keys)
    longer_right = _ratio(gap / 3, right[:, 0], beside_right)
    mixed = at + SHARES["handle_right"] * longer_right[:, None] * right
    longer_left = _ratio(keys["amplitude"] - mixed[:, 0], SHARES["handle_left"] * left[:, 0], beside_left)
    mixed += SHARES["handle_left"] * longer_left[:, None] * left
    return np.where(thinned[:, None], mixed, at).astype(np.float32), np.maximum(longer_left, longer_right)


def _inserted(keys):
    """(to the left, to the right: whether beside each of ours a key was put where we had written none, bool [K] each; how far from each our
    next one was written [K])."""
    when, ours = keys["co"][:, 0].astype(np.float64), keys["period"] <= MARKED
    gap = np.where(ours, MARKED - keys["period"], 0)
    new = (keys["type"] != GENERATED) | ~ours  # the artist's, or ours that are about to be written
    met = (gap[:-1] > 0) & (np.abs(when[:-1] + gap[:-1] - when[1:]) < NEAR)  # each is where the next of the one before was written
    return ours & np.append(False, new[:-1] & ~met), ours & np.append(new[1:] & ~met, False), gap


def _ratio(wanted, is_, where):
    """[K]: how much longer something must be than it is, where it may be."""
    return np.where(where & (is_ != 0), wanted / np.where(is_ == 0, 1, is_), 1).clip(1)


def cleaned(keys: Keys, span: Stretch | None = None) -> list[Stretch]:
    """The stretches that the artist deleted our keys of, in order. span: of the performance, where our first key was written."""
    ours = np.flatnonzero(~own(keys) & (keys["period"] <= MARKED))
    when = keys["co"][ours, 0].astype(float)
    wanted = when + MARKED - keys["period"][ours]
    after = np.append(when[1:], np.inf)
    missing = (wanted > when + NEAR) & (wanted < after - NEAR) & ~near(wanted, keys)
    found = [(float(first), float(last)) for first, last in zip(wanted[missing], after[missing])]
    if span and len(when) and when[0] > span[0] + NEAR and not near(np.array([span[0]]), keys)[0]:
        found.insert(0, (span[0], float(when[0])))
    return found


def free(frames: np.ndarray, clean: list[Stretch]) -> np.ndarray:
    """bool [N]: which frames lie in clean stretches."""
    inside = np.zeros(len(frames), bool)
    for first, last in clean:
        inside |= (frames > first - NEAR) & (frames < last - NEAR)
    return inside


def spaced(keys: Keys, clean: list[Stretch]) -> Keys:
    """The keys, those of ours with where the next was written: beside a clean stretch, where it begins."""
    ours = np.flatnonzero((keys["type"] == GENERATED) & ~own(keys))
    when = keys["co"][ours, 0].astype(float)
    written = np.unique([*when, *(first for first, _ in clean)])
    after = np.searchsorted(written, when + NEAR)
    next_ = np.where(after < len(written), written[np.minimum(after, len(written) - 1)], when) if len(written) else when
    keys["period"][ours] = MARKED - (next_ - when)
    places, thinned = lies(keys), ours[keys["easing"][ours] == THINNED]
    keys["amplitude"][ours], keys["back"][thinned] = places[ours, 0], places[thinned, 1]
    return keys


def part(keys: Keys, chosen: np.ndarray) -> Keys:
    """Those keys that are chosen (bool [K], or places)."""
    return {field: array[chosen] for field, array in keys.items()}


def read(curve: Any) -> Keys:
    """The curve's keys."""
    points = curve.keyframe_points
    n = len(points)
    keys = {}
    for field in FIELDS:
        wide = field in ("co", "handle_left", "handle_right")
        array: np.ndarray = np.zeros(n * (2 if wide else 1), kind_of(field))
        points.foreach_get(field, array)
        keys[field] = array.reshape(n, 2) if wide else array
    return keys


def move(curve: Any, since: float, to: float, scale: float = 1.0) -> None:
    """Carry all keys of an F-curve with their handles from the frame `since` to the frame `to`, and stretch their distance to it."""
    keys = read(curve)
    there = lambda frames: to + (frames.astype(np.float64) - since) * scale
    for field in ("co", "handle_left", "handle_right"):
        keys[field][:, 0] = there(keys[field][:, 0])
    ours = (keys["type"] == GENERATED) & (keys["period"] <= MARKED)
    keys["amplitude"][ours] = there(keys["amplitude"][ours])
    keys["period"][ours] = MARKED + (keys["period"][ours] - MARKED) * scale
    for field in ("co", "handle_left", "handle_right", "amplitude", "period"):
        curve.keyframe_points.foreach_set(field, keys[field].ravel())
    curve.update()


def fill(curve: Any, frames: np.ndarray, column: np.ndarray, kept: Keys | None = None, clean: list[Stretch] | None = None) -> None:
    """Put our keys into the F-curve, around those of the artist's that are kept and outside of what is clean; all others go. A channel that
    stands still needs its ends only.

    A key of ours that the artist changed becomes one of type KEYFRAME, so that it shows as held."""
    clean = clean or []
    shown = ~free(frames, clean)
    if np.ptp(column) < 1e-6:
        runs = np.diff(shown.astype(int), prepend=0, append=0)
        shown[:] = False
        shown[[*np.flatnonzero(runs == 1), *np.flatnonzero(runs == -1) - 1]] = True
    keys = made(frames[shown], column[shown], GENERATED)
    if kept is not None and len(kept["co"]):
        kept = {**kept, "type": np.where(kept["type"] == GENERATED, KEYFRAME, kept["type"])}
        keys = part(keys, ~near(frames[shown], kept))
        write(curve, spaced(joined(keys, kept), clean))
    else:
        write(curve, spaced(joined(keys, made(frames[:0], column[:0], KEYFRAME)), clean))


def hold(curve: Any, frames: np.ndarray, column: np.ndarray) -> None:
    """Put captured keys onto an F-curve in place of whatever keys lie between the first and the last of these frames."""
    keys = read(curve)
    when, clean = keys["co"][:, 0], cleaned(keys)
    kept = part(keys, (when < frames[0] - NEAR) | (when > frames[-1] + NEAR))
    write(curve, spaced(joined(kept, made(frames, column, CAPTURED)), clean))


def show(curve: Any, frames: np.ndarray, column: np.ndarray, beside: np.ndarray | None = None, clean: list[Stretch] | None = None) -> None:
    """Put keys of ours onto an F-curve in place of ours between the first and the last of these frames, but for what is clean; the artist's
    stay. At the frames beside, if any, keys of ours hold what it shows now, where there are none."""
    keys = read(curve)
    clean = cleaned(keys) if clean is None else clean
    when, pinned = keys["co"][:, 0], own(keys)
    kept = part(keys, pinned | (when < frames[0] - NEAR) | (when > frames[-1] + NEAR))
    if beside is not None:
        beside = beside[~near(beside, keys) & ~free(beside, clean)]
        now = np.array([curve.evaluate(frame) for frame in beside], np.float32)
        kept = joined(kept, made(beside, now, GENERATED))
    apart = ~near(frames, part(keys, pinned)) & ~free(frames, clean)
    write(curve, spaced(joined(kept, made(frames[apart], column[apart], GENERATED)), clean))


def selected(curve: Any) -> np.ndarray:
    """The frames of the keys on an F-curve that the artist selected."""
    keys = read(curve)
    return keys["co"][keys["select_control_point"], 0]


def release(curve: Any, captured: bool = True, chosen: np.ndarray | None = None) -> int:
    """Make the captured keys on an F-curve, or all of the artist's, keys of ours; returns how many. chosen: bool [K], those keys alone."""
    keys = read(curve)
    clean = cleaned(keys)
    held = keys["type"] == CAPTURED if captured else own(keys)
    held &= True if chosen is None else chosen
    keys["co"][held, 1] = _asked(keys)[held]
    keys["type"][held], keys["back"][held], keys["period"][held] = GENERATED, keys["co"][held, 1], 0
    keys["interpolation"][held], keys["easing"][held] = BEZIER, PLAIN
    keys["handle_left_type"][held] = keys["handle_right_type"][held] = AUTO_CLAMPED
    write(curve, spaced(keys, clean))
    return int(held.sum())


def keep(curve: Any, chosen: np.ndarray) -> int:
    """Make those keys of ours on an F-curve that are chosen (bool [K]) the artist's; returns how many."""
    keys = read(curve)
    clean = cleaned(keys)
    ours = chosen & ~own(keys)
    keys["type"][ours] = KEYFRAME
    write(curve, spaced(keys, clean))
    return int(ours.sum())


def clean(curve: Any, first: float, last: float) -> int:
    """Take our keys between two frames, both included, off an F-curve, as if the artist had deleted them; returns how many."""
    keys = read(curve)
    when = keys["co"][:, 0]
    gone = ~own(keys) & (when > first - NEAR) & (when < last + NEAR)
    write(curve, part(keys, ~gone))
    return int(gone.sum())


def fill_in(curve: Any, span: Stretch | None) -> int:
    """Let what is clean of an F-curve be ours again; returns how many stretches. Our next performance puts keys there."""
    keys = read(curve)
    found = cleaned(keys, span)
    if found and span and found[0][0] == span[0]:
        first = np.array([span[0]])
        keys = joined(keys, made(first, np.array([curve.evaluate(span[0])]), GENERATED))
    if found:
        write(curve, spaced(keys, []))
    return len(found)


def select(curve: Any, held: bool = True) -> int:
    """Let the artist's keys on an F-curve be selected, or none, and no others; returns how many."""
    keys = read(curve)
    chosen = own(keys) if held else np.zeros(len(keys["co"]), bool)
    for field in SELECTED:
        curve.keyframe_points.foreach_set(field, chosen)
    curve.update()
    return int(chosen.sum())


def near(frames: np.ndarray, keys: Keys) -> np.ndarray:
    """bool [N]: frames at which there is one of the keys."""
    when = np.sort(keys["co"][:, 0])
    if not len(when):
        return np.zeros(len(frames), bool)
    after = np.searchsorted(when, frames)
    beside = when[np.clip([after - 1, after], 0, len(when) - 1)]  # the keys on both sides of each frame
    return np.abs(beside - frames).min(axis=0) < NEAR


def made(frames: np.ndarray, column: np.ndarray, kind: int) -> Keys:
    """New keys of that type, without what Blender fills in."""
    n = len(frames)
    return {
        "co": np.stack([frames, column], axis=1).astype(np.float32),
        "back": column.astype(np.float32),
        "type": np.full(n, kind),
        "interpolation": np.full(n, BEZIER),
        "handle_left_type": np.full(n, AUTO_CLAMPED),
        "handle_right_type": np.full(n, AUTO_CLAMPED),
    }


def joined(some: Keys, more: Keys) -> Keys:
    """All of these keys, in order of time."""
    order = np.argsort(np.concatenate([some["co"][:, 0], more["co"][:, 0]]), kind="stable")
    blank = lambda keys, field: keys["co"] if field.startswith("handle") else np.zeros(len(keys["co"]))
    return {field: np.concatenate([keys.get(field, blank(keys, field)) for keys in (some, more)])[order] for field in FIELDS}


def write(curve: Any, keys: Keys) -> None:
    """Let these be the F-curve's keys."""
    points = curve.keyframe_points
    points.clear()
    points.add(len(keys["co"]))
    unselected = {field: np.zeros(len(keys["co"])) for field in SELECTED}
    for field, array in (unselected | keys).items():
        points.foreach_set(field, np.ascontiguousarray(array, kind_of(field)).ravel())
    curve.update()


def kind_of(field: str) -> type:
    """The kind of number that a field of keys holds."""
    return bool if field in SELECTED else np.int32 if field in WHOLE else np.float32
