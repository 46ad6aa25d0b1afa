"""Finishing: the keys of a take made stronger, smoother, earlier ..., live, from what they held before.

What our keys held is kept with the Action while any amount is not neutral, and taken up again exactly when all are. The artist's keys stay
as they are, and beside one the curve comes back to what it was. Where the lips were shut they stay shut: there mouth and jaw hold what
they held, whatever is asked of them.

A track belongs to the part of the face that moves it, which the rig's own plan tells. On the built-in head each expression mixes parts; how
they are taken apart is told in model_runtime/flame/regions.py.
"""

import functools
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import bpy
import numpy as np

from ..contract import ACTIONS, CHANNELS, EXPRESSION, EYES, FACE_ACTIONS, JAW, LIDS, NECK, PERFORMANCE, TONGUE, UtterError
from . import bake, blinks, fullness, gaze, tracks
from .curves import TOUCHING

if TYPE_CHECKING:
    from ..rigs.base import Rig

RAW, AMOUNTS = "utter_raw", "utter_finish"  # custom properties of an Action: what its keys held, and the amounts that they show
LARGEST = 64_000_000  # bytes of what is kept: an hour and more
NEAR_LIPS, NEAR_KEY = 0.1, 0.3  # seconds beside shut lips, and beside a key of the artist, in which finishing fades
SMOOTH = 0.12  # seconds: the deviation of the Gaussian that smoothing at 1 is
CLOSED, PARTED = 0.25, 0.25  # of a wide open mouth: how far the lips come together at 1, and apart at -1
WIDE = 90  # percentile of the lips' gap that is a wide open mouth
PROBE = 0.1  # of a channel: tells which tracks it moves
WIDEST = 10.0  # Blender's limit for a shape key's slider
SEEN = 1e-7  # a change of a key that is one
NEAR = 0.05  # frames: a key so near to a time that is kept is the one of that time


class Amounts(NamedTuple):
    """How a take is finished: factors of parts of the face about rest (strength: of all but blinks), smoothing 0 to 1, timing in frames
    of the scene, lips from -1 (parted) to 1 (shut); rate: a factor of the number of blinks; look: by how much the eyes follow what
    they look at, if anything, turn: the head's share of that."""

    strength: float = 1.0
    mouth: float = 1.0
    jaw: float = 1.0
    brows: float = 1.0
    blinks: float = 1.0
    gaze: float = 1.0
    head: float = 1.0
    smoothing: float = 0.0
    timing: int = 0
    lips: float = 0.0
    rate: float = 1.0
    look: float = 1.0
    turn: float = 0.3


NEUTRAL = Amounts()


class Sight(NamedTuple):
    """What the eyes look at. name: of the object. face: where they are. points(frames [N]) -> [N, 3]: where it is, in FLAME's axes."""

    name: str
    face: gaze.Face
    points: Callable[[np.ndarray], np.ndarray]


def _actions(*starts: str, without: tuple[str, ...] = ()) -> list[int]:
    return [
        FACE_ACTIONS.start + k for k, name in enumerate(ACTIONS) if name.startswith(starts) and not (without and name.startswith(without))
    ]


def _channels(*slices: slice) -> list[int]:
    return [channel for each in slices for channel in range(each.start, each.stop)]


PARTS = {  # the columns of a performance that are each part's; "rest": cheeks, nose, squints; "mixed": expressions of all parts
    "mouth": [*_channels(TONGUE), *_actions("mouth", "tongue")],
    "jaw": [*_channels(JAW), *_actions("jaw")],
    "brows": _actions("brow"),
    "blinks": [*_channels(LIDS), *_actions("eyeBlink")],
    "gaze": [*_channels(EYES), *_actions("eyeLook")],
    "head": _channels(NECK),
    "rest": _actions("cheek", "nose", "eyeSquint", "eyeWide"),
    "mixed": _channels(EXPRESSION),
}
NAMES = tuple(PARTS)
OPENERS = [JAW.start, FACE_ACTIONS.start + ACTIONS.index("jawOpen")]  # the columns that part the lips
ON_LIPS = ("mouth", "jaw", "rest")  # noses and cheeks move lips, too


class Raw(NamedTuple):
    """What the keys of a take held: times [N] in seconds of the voice, values [K, N] of its tracks, which are named by the number of
    their owner, path and index; part [K], places in NAMES; rest [K]: values of a face at rest; acted [K]: whether a track ends at 0 and 1;
    opener [K]: how it parts the lips, a unit of their gap; gap [N]; mixes [K]: the expression of a mixed track, -1 of others; turned
    [N, 15]: gaze.COLUMNS of the performance."""

    times: np.ndarray
    values: np.ndarray
    names: list[list[Any]]
    part: np.ndarray
    rest: np.ndarray
    acted: np.ndarray
    opener: np.ndarray
    gap: np.ndarray
    mixes: np.ndarray
    turned: np.ndarray


def amounts_of(actions: list[Any]) -> Amounts:
    """The amounts that the keys of those Actions show."""
    for action in actions:
        try:
            told = json.loads(action.get(AMOUNTS, "{}"))
            return Amounts(**{name: type(getattr(NEUTRAL, name))(told.get(name, getattr(NEUTRAL, name))) for name in Amounts._fields})
        except (TypeError, ValueError, AttributeError):
            continue
    return NEUTRAL


def forget(actions: list[Any]) -> None:
    """Let the Actions' keys be what they are: they were made anew."""
    for action in actions:
        for name in (RAW, AMOUNTS):
            if name in action:
                del action[name]


def looks_at(actions: list[Any]) -> str:
    """The name of what the eyes look at in those Actions; "" nothing."""
    for action in actions:
        try:
            return str(json.loads(action.get(AMOUNTS, "{}")).get("at", ""))
        except (TypeError, ValueError, AttributeError):
            continue
    return ""


def finish(
    rig: "Rig",
    amounts: Amounts,
    shapes: np.ndarray | None,
    sight: Sight | None = None,
    seed: int = 0,
    keyed: dict[str, Callable[[np.ndarray], np.ndarray]] | None = None,
) -> None:
    """Let our keys on the rig show the take finished by those amounts. shapes [52, 65]: the Motion that each face action is, of the
    built-in head; None: of a head whose expressions cannot be taken apart, on which only the strength moves them. sight: what the eyes look
    at. seed: of the blinks that are added. keyed: amounts that change over time, {name: (frames [N]) -> [N]}: strength and look.

    UtterError, before anything is changed, where there is no performance, too long a one, or one that cannot be changed now."""
    ours = bake.actions(rig)
    if not ours:
        raise UtterError("Perform first.")
    bake.check_free(rig)
    begin, fps = tracks.timing(ours[0]) or (1.0, bake.scene_fps())
    if fullness.simplified(ours):
        fullness.put_back(rig, ours, begin, fps)
        _masks.clear()
    raw = _kept(rig, ours[0])
    if raw is None:
        raw = take(rig, begin, fps)
        _keep(ours[0], raw)
    grid = begin + raw.times * fps
    over = {name: of(grid) for name, of in (keyed or {}).items()}
    changed = _looking(rig, _blinking(rig, raw, amounts.rate, seed, begin, fps), amounts, grid, sight, over.get("look"))
    show(rig, raw, finished(changed, amounts, fps, shapes, over.get("strength")), begin, fps)
    if amounts == NEUTRAL and sight is None and not over:
        forget(ours)
    else:
        for action in ours:
            action[AMOUNTS] = json.dumps({**amounts._asdict(), "at": sight.name if sight else ""})


def _blinking(rig, raw, rate, seed, begin, fps):
    """The take with rate times as many blinks."""
    rows = np.flatnonzero(raw.part == NAMES.index("blinks"))
    if rate == 1 or not len(rows) or len(raw.times) < 3:
        return raw
    curves = [tracks.find(_track(rig, raw.names[row])) for row in rows]
    held = np.concatenate([(tracks.held(curve)[:, 0] - begin) / fps for curve in curves])
    values, rest = raw.values.copy(), raw.rest[rows, None]
    values[rows] = rest + blinks.rated(raw.values[rows] - rest, raw.times, raw.gap, rate, seed, held)
    return raw._replace(values=values)


def _looking(rig, raw, amounts, grid, sight, influence):
    """The take with eyes and head turned to what they look at."""
    if sight is None:
        return raw
    influence = np.full(len(grid), amounts.look) if influence is None else np.clip(influence, 0, 1)
    performances = np.zeros((2, len(grid), PERFORMANCE), np.float32)
    performances[0][:, gaze.COLUMNS] = raw.turned
    performances[1][:, gaze.COLUMNS] = gaze.look(raw.turned, sight.face, sight.points(grid), influence, amounts.turn)
    turning = {_track(rig, name)[:3]: row for row, name in enumerate(raw.names) if NAMES[raw.part[row]] in ("gaze", "head")}
    before, after = ({track[:3]: column for track, column in rig.plan(each, turning).items()} for each in performances)
    values = raw.values.copy()
    for track in turning.keys() & after.keys():
        values[turning[track]] += after[track] - before[track]
    return raw._replace(values=values)


def _track(rig, name):
    owner, path, index = name
    return tracks.Track(rig.owners()[owner], path, index, "")


def take(rig: "Rig", begin: float, fps: float) -> Raw:
    """What the keys on the rig hold now; begin: the frame at which the voice begins."""
    owners = rig.owners()
    probes = np.zeros((1 + len(PARTS) + 1, PERFORMANCE), np.float32)
    for row, columns in enumerate(PARTS.values(), 1):
        probes[row, columns] = PROBE
    probes[-1, OPENERS] = PROBE
    planned = [(track, column, curve) for track, column in rig.plan(probes).items() if (curve := tracks.find(track))]
    read = [_places(curve) for *_, curve in planned]
    grid = np.unique(np.round(np.concatenate([places[:, 0] for places in read]), 2)) if read else np.zeros(0)
    if not len(grid):
        raise UtterError("The performance has no keys; perform first.")
    if 4 * len(grid) * len(read) > LARGEST:
        raise UtterError("This take is too long to be finished; perform the voice in parts.")
    moved = np.array([np.abs(column[1:-1] - column[0]) for _, column, _ in planned])  # [K, parts]
    sampled = bake.sample(rig, grid)
    gap, opener = _lips(rig, sampled, np.array([(column[-1] - column[0]) / PROBE for _, column, _ in planned]))
    turned = np.zeros((len(grid), PERFORMANCE), np.float32)
    turned[:, : sampled.shape[1]] = sampled
    keys = {tracks.value_of(key): column for column, key in rig.shape_keys().items()}
    column_of = [keys.get(track.path, -1) for track, *_ in planned]
    part = moved.argmax(1)
    part[moved.max(1) == 0] = NAMES.index("rest")
    return Raw(
        times=(grid - begin) / fps,
        values=np.stack([np.interp(grid, places[:, 0], places[:, 1]) for places in read]).astype(np.float32),
        names=[[owners.index(track.owner), track.path, track.index] for track, *_ in planned],
        part=part,
        rest=np.array([column[0] for _, column, _ in planned], np.float32),
        acted=np.array([column >= CHANNELS for column in column_of]),
        opener=opener,
        gap=gap,
        mixes=np.array([column if NAMES[k] == "mixed" and 0 <= column < EXPRESSION.stop else -1 for k, column in zip(part, column_of)]),
        turned=turned[:, gaze.COLUMNS],
    )


def _lips(rig, sampled, opens):
    """(the lips' gap beyond that at rest [N] in a performance [N, C], how far each track moves for a unit of it [K]); opens [K]: how
    far each moves with the openers."""
    gap = rig.lip_gap(sampled)
    keys = rig.shape_keys()
    opening = next((column for column in OPENERS if column in keys and column < sampled.shape[1]), None)
    if gap is None or opening is None:
        column = next((column for column in reversed(OPENERS) if column < sampled.shape[1]), OPENERS[0])
        return np.maximum(sampled[:, column], 0), opens
    unit = np.zeros((2, sampled.shape[1]), np.float32)
    unit[1, opening] = 1
    rest, opened = rig.lip_gap(unit)
    parts = opened - rest
    return np.maximum(gap - rest, 0).astype(np.float32), opens / parts if parts > 0 else np.zeros_like(opens)


def finished(raw: Raw, amounts: Amounts, fps: float, shapes: np.ndarray | None, strength: np.ndarray | None = None) -> np.ndarray:
    """[K, N]: the values of a take by those amounts; exactly raw.values where they are neutral. strength [N]: over time, in place of the
    one of the amounts."""
    if amounts._replace(rate=NEUTRAL.rate, look=NEUTRAL.look, turn=NEUTRAL.turn) == NEUTRAL and strength is None:
        return raw.values
    free = 1 - shut(raw)  # [N]
    moved = raw.values - raw.rest[:, None]
    smoothing = _gaussian(moved, amounts.smoothing * SMOOTH, raw.times) - moved if amounts.smoothing > 0 else None
    whole = amounts.strength if strength is None else strength
    gains = {name: whole * getattr(amounts, name, 1.0) for name in NAMES} | {"blinks": amounts.blinks}
    change = np.zeros_like(moved)
    for k, name in enumerate(NAMES):
        rows = np.flatnonzero(raw.part == k)
        if name == "mixed" or not len(rows):
            continue
        part = (gains[name] - 1) * moved[rows]
        if smoothing is not None and name != "blinks":
            part += gains[name] * smoothing[rows]
        change[rows] = part * free if name in ON_LIPS else part
    rows = np.flatnonzero(raw.mixes >= 0)
    if len(rows):
        change[rows] = _mixed(
            moved[rows], None if smoothing is None else smoothing[rows], gains, free, _taken_apart(shapes, raw.mixes[rows])
        )
    if amounts.lips:
        change += np.outer(raw.opener, _bias(raw.gap, amounts.lips, free))
    out = raw.values + change
    bounded = raw.acted
    out[bounded] = np.clip(out[bounded], np.minimum(raw.values[bounded], 0), np.maximum(raw.values[bounded], 1))
    spacing = np.median(np.diff(raw.times)) * fps if len(raw.times) > 1 else 1.0
    places = np.clip(np.arange(len(raw.times)) - round(amounts.timing / spacing), 0, len(raw.times) - 1)
    return out[:, places]


def shut(raw: Raw) -> np.ndarray:
    """[N]: 1 where the lips touch, falling to 0 within NEAR_LIPS."""
    touching = raw.times[raw.gap <= TOUCHING * max(raw.gap.max(), 1e-9)]
    return _beside(raw.times, touching, NEAR_LIPS)


def _beside(times, at, reach):
    """[N]: 1 at the times `at`, falling to 0 within reach on both sides."""
    if not len(at):
        return np.zeros(len(times), np.float32)
    after = np.searchsorted(at, times)
    away = np.minimum(np.abs(times - at[np.maximum(after - 1, 0)]), np.abs(times - at[np.minimum(after, len(at) - 1)]))
    x = np.clip(away / reach, 0, 1)
    return (1 - x * x * (3 - 2 * x)).astype(np.float32)


def _bias(gap, lips, free):
    """[N]: how much the lips' gap changes."""
    wide = np.percentile(gap, WIDE)
    return -np.minimum(gap, lips * CLOSED * wide) if lips > 0 else -lips * PARTED * wide * free


def _mixed(moved, smoothing, gains, free, parts):
    """The change of mixed tracks [M, N]: of each part of the face what belongs to it; parts {name: [M, M]}, None where they cannot be taken
    apart."""
    if parts is None:
        change = (gains["mixed"] - 1) * moved
        return (change if smoothing is None else change + gains["mixed"] * smoothing) * free
    change = np.zeros_like(moved)
    for name, matrix in parts.items():
        if np.all(gains[name] == 1) and smoothing is None:
            continue
        whole = (gains[name] - 1) * moved if smoothing is None else (gains[name] - 1) * moved + gains[name] * smoothing
        part = matrix @ whole
        change += part * free if name in ON_LIPS else part
    return change


def of_lips(moved: np.ndarray, told: np.ndarray, shapes: np.ndarray | None) -> np.ndarray:
    """What of a change [K, N] moves the lips. told [K, 2]: of each track its part and its expression, as in Raw; shapes: as in finish()."""
    change = np.where(np.isin(told[:, :1], [NAMES.index(name) for name in ON_LIPS]), moved, 0)
    rows = np.flatnonzero(told[:, 1] >= 0)
    if len(rows):
        parts = _taken_apart(shapes, told[rows, 1])
        change[rows] = moved[rows] if parts is None else sum(parts[name] @ moved[rows] for name in ON_LIPS if name in parts)
    return change


def _taken_apart(shapes, mixes):
    """{part: [M, M]} of the expressions mixes [M]: part @ expressions [M, N] is what that part of the face has of them."""
    if shapes is None or len(mixes) < 2:
        return None
    known = np.asarray(shapes, float)[:, mixes]  # [52, M]
    amounts = np.linalg.pinv(known, rcond=1e-4)  # [M, 52]: of the face actions in a change of expression
    named = {name: [column - FACE_ACTIONS.start for column in PARTS[name] if column >= FACE_ACTIONS.start] for name in NAMES}
    return {name: (amounts[:, actions] @ known[actions]).T.astype(np.float32) for name, actions in named.items() if actions}


def _gaussian(values, deviation, times):
    """values [K, N] smoothed by a Gaussian of that many seconds."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    reach = min(int(np.ceil(3 * deviation / step)), len(times) - 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / max(deviation, 1e-6)) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    padded = np.pad(values, ((0, 0), (reach, reach)), mode="edge")
    out = np.zeros_like(values)
    for k, weight in enumerate(weights):
        out += weight * padded[:, k : k + values.shape[1]]
    return out


def show(rig: "Rig", raw: Raw, values: np.ndarray, begin: float, fps: float) -> None:
    """Let our keys on the rig hold values [K, N], but beside keys of the artist what they held."""
    grid, owners = begin + raw.times * fps, rig.owners()
    keys = {tracks.value_of(key): key for key in rig.shape_keys().values()}
    global _written
    for row, (owner, path, index) in enumerate(raw.names):
        if owner >= len(owners):
            continue
        track = tracks.Track(owners[owner], path, index, "")
        curve = tracks.find(track)
        if curve is None:
            continue
        column = values[row]
        if len(curve.keyframe_points) < len(grid) / 2 and np.ptp(column) > SEEN and np.ptp(raw.values[row]) < SEEN:
            tracks.show(curve, grid, np.full(len(grid), raw.values[row, 0], np.float32))  # it stood still, and moves now
        ours = _ours(curve)
        points = curve.keyframe_points
        places = np.zeros(2 * len(points), np.float32)
        points.foreach_get("co", places)
        when, shown = places[::2], places[1::2]
        if len(when) == len(grid) and (np.abs(grid - when) < NEAR).all():
            at: Any = slice(None)  # as the worker gave it, and nearly all curves are
        else:
            after = np.minimum(np.searchsorted(grid, when), len(grid) - 1)
            before = np.maximum(after - 1, 0)
            at = np.where(np.abs(grid[before] - when) < np.abs(grid[after] - when), before, after)
            ours = ours & (np.abs(grid[at] - when) < NEAR)
        wanted = column[at]
        held = np.sort(when[~ours])
        if len(held):
            wanted = wanted + _beside(when, held, NEAR_KEY * fps) * (raw.values[row, at] - wanted)
        if not (ours & (np.abs(wanted - shown) > SEEN)).any():
            continue
        if track.path in keys:
            _widen(rig, keys[track.path], wanted[ours])
        shown[ours] = wanted[ours]
        points.foreach_set("co", places)
        meant = shown  # what tells a key of ours from one that was changed
        if not ours.all():
            meant = np.zeros(len(points), np.float32)
            points.foreach_get("back", meant)
            meant[ours] = shown[ours]
        points.foreach_set("back", np.ascontiguousarray(meant))
        curve.update()
        _written = True
    for owner in owners:
        owner.update_tag()


def _widen(rig, key, column):
    """Let a shape key's slider hold a column, as far as Blender does."""
    if rig.obj.data.override_library:
        return
    low, high = max(np.floor(column.min()), -WIDEST), min(np.ceil(column.max()), WIDEST)
    key.slider_min, key.slider_max = min(key.slider_min, low), max(key.slider_max, high)


# Which keys of a curve are ours is asked at each step of a slider, and told by all of their fields; it is known until an Action is changed
# by somebody else. In the background nobody tells of that (build.py bench sets it to measure what a window has).
watched = not bpy.app.background
_masks: dict[tuple[int, str, int], np.ndarray] = {}
_written = False  # by us, since an Action changed


def _ours(curve: Any) -> np.ndarray:
    key = curve.id_data.session_uid, curve.data_path, curve.array_index
    found = _masks.get(key)
    if found is None or len(found) != len(curve.keyframe_points) or not watched:
        found = _masks[key] = ~tracks.own(tracks.read(curve))
    return found


def changed(ours_too: bool = False) -> None:
    """Some Action changed; ours_too: whatever changed it, as undo does."""
    global _written
    if _written and not ours_too:
        _written = False
    else:
        _masks.clear()


def _places(curve: Any) -> np.ndarray:
    places = np.zeros(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", places)
    return places.reshape(-1, 2)


def _keep(action: Any, raw: Raw) -> None:
    stream = io.BytesIO()
    np.savez(stream, **{**raw._asdict(), "names": np.array(json.dumps(raw.names))})
    action[RAW] = stream.getvalue()


def _kept(rig: "Rig", action: Any) -> Raw | None:
    """What is kept with an Action, its tracks as they are called now, or None; also where it is damaged."""
    data = action.get(RAW)
    raw = _read_raw(data) if isinstance(data, bytes) else None
    return raw and raw._replace(names=[[owner, rig.now(path), index] for owner, path, index in raw.names])


@functools.lru_cache(maxsize=1)  # each step of a slider asks for it
def _read_raw(data: bytes) -> Raw | None:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            told: dict[str, Any] = {
                "turned": np.zeros((len(arrays["times"]), len(gaze.COLUMNS)), np.float32)
            }  # an earlier version kept none
            told |= {name: json.loads(str(arrays[name])) if name == "names" else arrays[name] for name in arrays.files}
            for array in told.values():
                if isinstance(array, np.ndarray):
                    array.setflags(write=False)  # it is given again
            return Raw(**told)
    except (ValueError, KeyError, OSError, TypeError):
        return None
