"""A performance -> F-curves of an Action of our own, and back. Knows tracks only: what they are is the rig's to say (addon/rigs)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import bpy
import numpy as np

from .. import compat
from ..contract import CHANNELS, FPS, PERFORMANCE, UtterError, frames_covering
from . import curves, fullness, tracks

if TYPE_CHECKING:
    from ..rigs.base import Rig
    from .tracks import Track

ASIDE = "Kept under Utter"  # NLA track that an artist's Action waits in
FRAME_STEP, RATE_STEP = 1e-3, 1e-3  # frames and frames a second that make no difference
SHOWN = 1e-5  # of a channel: what moves less is not shown


class Baked(NamedTuple):
    """actions: the Actions that hold the performance (one, or two before Blender 4.4).
    set_aside: names of the artist's Actions that were active and now play below ours in the NLA (with a fake user)."""

    actions: list[Any]
    set_aside: list[str]


def bake(
    rig: "Rig",
    performance: np.ndarray,
    start_frame: float = 1.0,
    *,
    fps: float | None = None,
    name: str | None = None,
    lip_gap: np.ndarray | None = None,
    kept: "dict[Track, tracks.Keys] | None" = None,
) -> Baked:
    """Write a performance onto a rig as F-curves of an Action of our own.

    performance: Motion [T,65] at 30 fps, with the face actions beside it [T,117] where the rig needs them. start_frame: scene frame of
    the voice's first sample. fps: the scene's, default the context scene's. name: the Action's. lip_gap [T]: how far the lips are
    apart, default as the rig says. kept: keys to bake around, as captured() gives them.
    Our own earlier performance is replaced (its pins too); an artist's Action is never written to.
    UtterError, before anything is changed, if it is no performance or the rig cannot be animated now.
    """
    return _write(rig, performance, start_frame, fps, name, lip_gap, lambda: (kept or {}, {}))


def rebake(
    rig: "Rig", performance: np.ndarray, start_frame: float = 1.0, *, fps: float | None = None, lip_gap: np.ndarray | None = None
) -> Baked:
    """As bake(), but the artist's keys (pins) stay as they are (frame, value, handles, type) and our keys make room; what the artist
    cleaned of our keys stays clean."""

    def pins():
        move(rig, start_frame, fps or scene_fps(), start_frame)
        return {track: tracks.pins(curve) for track in rig.tracks() if (curve := tracks.find(track))}, cleaned(rig)

    return _write(rig, performance, start_frame, fps, None, lip_gap, pins)


def hold(
    rig: "Rig",
    performance: np.ndarray,
    columns: Iterable[int],
    first_frame: float,
    start_frame: float,
    *,
    fps: float | None = None,
    name: str | None = None,
    onto: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[Any]:
    """Put columns of a captured performance [T,117] at 30 fps onto the rig as captured keys, from first_frame on; returns the frames of the
    first and the last. Where there is no performance of ours, an Action of that name is made for them.

    start_frame: of the voice. onto: what the rig does meanwhile [T,65] and what it is to show [T,65], until it performs around those keys:
    keys of ours, where the two differ. UtterError before anything is changed if the rig cannot be animated now."""
    rate, columns = fps or scene_fps(), list(columns)
    check_free(rig)
    frames, samples = curves.resample(performance, rate, first_frame, rig.lip_gap(performance))
    unshare(rig)
    own_action(rig, start_frame, rate, name)
    fullness.put_back(rig, actions(rig), start_frame, rate, (frames[0], frames[-1]))
    if onto is not None:
        before, after = (rig.plan(curves.resample(values, rate, first_frame, rig.lip_gap(values))[1]) for values in onto)
        for track, column in after.items():
            if np.abs(column - before[track]).max() > SHOWN:
                tracks.show(_curve(track), frames, column)
    for track, column in rig.holds(samples, columns).items():
        tracks.hold(_curve(track), frames, column)
    fullness.take_in(rig, actions(rig), start_frame, rate)
    for owner in rig.owners():
        owner.update_tag()
    return [frames[0], frames[-1]]


def redo(
    rig: "Rig", performance: np.ndarray, span: tuple[float, float], columns: Iterable[int], start_frame: float, *, fps: float | None = None
) -> list[Any]:
    """Put what columns of a performance [T,C] show in a span of scene frames onto the rig, in place of our keys there. The artist's keys
    stay, and so does every key outside of the span. Returns the Actions. UtterError before anything is changed if it cannot be animated."""
    check_free(rig)
    rate = fps or scene_fps()
    frames, samples = curves.resample(np.asarray(performance, np.float32), rate, start_frame, rig.lip_gap(performance))
    unshare(rig)
    inside = np.flatnonzero(within(frames, span))
    if not len(inside):
        return actions(rig)
    # Where a curve stood still it has no keys beside the span, and would lean towards it.
    beside = frames[[k for k in (inside[0] - 1, inside[-1] + 1) if 0 <= k < len(frames)]]
    fullness.put_back(rig, actions(rig), start_frame, rate, span)
    moved, clean = rig.moved(columns), cleaned(rig)
    for track, column in rig.plan(samples).items():
        if track in moved and not (track in clean and tracks.free(frames[inside], clean[track]).all()):
            tracks.show(_curve(track), frames[inside], column[inside], beside, clean.get(track))
    fullness.take_in(rig, actions(rig), start_frame, rate)
    for owner in rig.owners():
        owner.update_tag()
    return actions(rig)


def lasts(rig: "Rig", start_frame: float, *, fps: float | None = None) -> int:
    """How many frames at 30 fps our Actions last from a scene frame on; 1 where there is nothing."""
    last = max((action.frame_range[1] for action in actions(rig)), default=start_frame)
    return max(1, frames_covering((last - start_frame) / (fps or scene_fps()), FPS) + 1)


def twin(rig: "Rig", name: str) -> None:
    """Let copies of our Actions be active on the rig, under that name; those that were stay as they are."""
    for action in actions(rig):
        copy = action.copy()
        copy.name = name
        for owner in rig.owners():
            if owner.animation_data and owner.animation_data.action == action:
                compat.attach(owner, copy, rig.owners())


def selected(rig: "Rig") -> tuple[float, float] | None:
    """The first and the last frame of the keys on our tracks that the artist selected, or None."""
    found = [tracks.selected(curve) for track in rig.tracks() if (curve := tracks.find(track))]
    chosen = np.concatenate(found) if found else np.zeros(0)
    return (float(chosen.min()), float(chosen.max())) if len(chosen) else None


def release(rig: "Rig", columns: Iterable[int]) -> int:
    """Let go of the captured keys of those columns: they become keys of ours, and of what only holds they go. Returns how many."""
    unshare(rig)
    count, only = 0, rig.held_only()
    for track in rig.holds(np.zeros((1, PERFORMANCE), np.float32), columns):
        if curve := tracks.find(track):
            count += len(tracks.held(curve, tracks.CAPTURED))
            tracks.remove([track]) if track in only else tracks.release(curve)
    return count


def rename(rig: "Rig") -> None:
    """Let F-curves of our Actions move their shape keys again, of those that were renamed while other Actions were active."""
    for owner in rig.owners():
        if (bag := compat.bag(owner)) is None or not tracks.owned(owner.animation_data.action):
            continue
        for curve in bag.fcurves:
            path = rig.now(curve.data_path)
            if path != curve.data_path and bag.fcurves.find(path, index=curve.array_index) is None:
                curve.data_path = path


def keep(rig: "Rig") -> int:
    """Make the selected keys of ours the artist's; returns how many."""
    unshare(rig)
    count = 0
    for track in rig.tracks():
        if curve := tracks.find(track):
            count += tracks.keep(curve, tracks.read(curve)["select_control_point"].astype(bool))
    return count


def keep_frame(rig: "Rig", frame: float) -> int:
    """Make what every curve of ours shows at a scene frame a key of the artist's there; returns how many."""
    unshare(rig)
    curves = [curve for track in rig.tracks() if track not in rig.held_only() and (curve := tracks.find(track))]
    for curve in curves:
        tracks.put(curve, frame, curve.evaluate(frame), theirs=True, beside=False)
    return len(curves)


def let_go(rig: "Rig", on: "Iterable[Track]", selected: bool = False) -> tuple[int, int]:
    """Make the artist's keys on these tracks (or those of them that are selected) ours, and what is clean of them ours again; returns how
    many keys, and how many stretches. Of what only holds they go."""
    unshare(rig)
    on, only, keys, stretches = list(on), rig.held_only(), 0, 0
    for track in on:
        curve = tracks.find(track)
        if curve is not None:
            there = tracks.read(curve)
            chosen = there["select_control_point"].astype(bool) if selected else np.ones(len(there["co"]), bool)
            if track in only:
                keys += int(chosen.sum())
                tracks.remove([track]) if chosen.all() else tracks.write(curve, tracks.part(there, ~chosen))
            else:
                keys += tracks.release(curve, captured=False, chosen=chosen)
    if not selected:
        stretches = sum(len(found) for track, found in cleaned(rig).items() if track in on)
        for action in actions(rig):
            if tracks.WRITTEN in action:
                names = {track_name(track) for track in on if not tracks.find(track)}
                left = [name for name in written(rig, action) if name not in names]
                action[tracks.WRITTEN]["curves"] = "\n".join(left)
                for track in (track for track in on if track not in only and (curve := tracks.find(track))):
                    tracks.fill_in(tracks.find(track), span_of(action))
    return keys, stretches


def clean(rig: "Rig", span: tuple[float, float], columns: Iterable[int]) -> int:
    """Take our keys between two scene frames off the tracks that these columns of a performance move; returns how many. They stay clean."""
    unshare(rig)
    return sum(tracks.clean(curve, *span) for track in rig.moved(columns) if (curve := tracks.find(track)))


def select_held(rig: "Rig", on: "Iterable[Track] | None" = None) -> int:
    """Select the artist's keys on these tracks (default all), and no other keys of the rig; returns how many."""
    count, on = 0, None if on is None else set(on)
    for track in rig.tracks():
        if curve := tracks.find(track):
            count += tracks.select(curve, on is None or track in on)
    return count


def captured(rig: "Rig") -> "dict[Track, tracks.Keys]":
    """The captured keys on the rig."""
    return held(rig, captured=True)


def held(rig: "Rig", captured: bool = False) -> "dict[Track, tracks.Keys]":
    """The artist's keys on the rig, or the captured ones of these."""
    found = {track: tracks.pins(curve, tracks.CAPTURED if captured else None) for track in rig.tracks() if (curve := tracks.find(track))}
    return {track: keys for track, keys in found.items() if len(keys["co"])}


def move(rig: "Rig", start_frame: float, fps: float, was: float) -> None:
    """Let the performance on the rig begin at start_frame, at that frame rate: all keys on our tracks, the artist's among them, keep
    their places in the voice. was: where an Action begins that an earlier version made."""
    if in_time(rig, start_frame, fps):
        return
    unshare(rig)
    for action in actions(rig):
        since, rate = tracks.timing(action) or (was, fps)
        scale = 1.0 if abs(fps - rate) < RATE_STEP else fps / rate
        for track in rig.tracks():
            if _plays(track.owner, action) and (curve := tracks.find(track)):
                tracks.move(curve, since, start_frame, scale)
        for curve in _let_go(rig, action):
            tracks.move(curve, since, start_frame, scale)
        set_time(action, start_frame, fps, was)
    for owner in rig.owners():
        owner.update_tag()


def _plays(owner, action):
    return owner.animation_data is not None and owner.animation_data.action == action


def _let_go(rig, action):
    """The F-curves in our Action of what of the rig does not play it now, but may again."""
    names = {(track.path, track.index) for track in rig.tracks() if not _plays(track.owner, action)} if compat.SLOTS else ()
    playing = [owner.animation_data.action_slot for owner in rig.owners() if _plays(owner, action)] if names else []
    left = [bag for bag in compat.bags(action) if bag.slot not in playing] if names else []
    return [curve for bag in left for curve in bag.fcurves if (curve.data_path, curve.array_index) in names]


def set_time(action: Any, start_frame: float, fps: float, was: float = 0.0) -> None:
    """Write down in our Action, whose keys were moved, where the performance begins now; was: as in move()."""
    since, rate = tracks.timing(action) or (was, fps)
    if span := span_of(action):
        action[tracks.WRITTEN]["span"] = [start_frame + (frame - since) * fps / rate for frame in span]
    tracks.set_timing(action, start_frame, fps)


def cleaned(rig: "Rig") -> "dict[Track, list[tracks.Stretch]]":
    """{track: the stretches that the artist cleaned of our keys}, of a curve that is gone all of it."""
    found = {}
    for track in rig.tracks():
        action = track.owner.animation_data and track.owner.animation_data.action
        if not tracks.owned(action) or tracks.WRITTEN not in action:
            continue
        span, curve = span_of(action), tracks.find(track)
        keys = None if curve is None else tracks.read(curve)
        if keys is None or tracks.own(keys).all():
            stretches = [(-np.inf, np.inf)] if track_name(track) in written(rig, action) else []
        else:
            stretches = tracks.cleaned(keys, span)
        if stretches:
            found[track] = stretches
    return found


def span_of(action: Any) -> tuple[float, float] | None:
    """The first and the last frame of the performance in our Action; None where an earlier version made it."""
    return tuple(action[tracks.WRITTEN]["span"]) if tracks.WRITTEN in action else None


def written(rig: "Rig", action: Any) -> list[str]:
    """The names of the tracks that our Action has curves of, or had; as they are called now."""
    parts = (name.rpartition(" ") for name in action[tracks.WRITTEN]["curves"].split("\n"))
    return [f"{rig.now(path)} {index}" for path, _, index in parts]


def track_name(track: "Track") -> str:
    """How an Action of ours remembers a track."""
    return f"{track.path} {track.index}"


def _remember(rig, frames, written):
    """Write down in our Actions what was written, so that what the artist deletes of it is known. No key in them is a thinned one now."""
    fullness.forget(actions(rig))
    for action in actions(rig):
        names = "\n".join(track_name(track) for track in written)
        action[tracks.WRITTEN] = {"span": (float(frames[0]), float(frames[-1])), "curves": names}


def in_time(rig: "Rig", start_frame: float, fps: float) -> bool:
    """Whether the performance on the rig begins at start_frame, at that frame rate; so does none."""
    timings = [tracks.timing(action) for action in actions(rig)]
    return all(told is not None and same_time(told, (start_frame, fps)) for told in timings)


def same_time(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two pairs of a frame and a frame rate are the same."""
    return abs(one[0] - other[0]) < FRAME_STEP and abs(one[1] - other[1]) < RATE_STEP


def read_pins(
    rig: "Rig", start_frame: float, length: int, *, fps: float | None = None, captured: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The artist's keys on our tracks, or the captured ones of these: (values [length,C] float32, mask [length,C] bool) at 30 fps,
    C = rig.columns of a performance, or all of its columns where face actions are held.

    A pin is a key whose type is not GENERATED, or one of ours that was changed by hand. Empty mask if none. A soft one pins the
    frame of the Motion that is nearest.
    """
    rate = fps or scene_fps()
    frames, columns, values = rig.pins(tracks.CAPTURED if captured else None)
    if not captured:
        soft = set(zip(*rig.pins(tracks.SOFT)[:2]))
        frames = [onto_motion(frame, start_frame, rate) if (frame, column) in soft else frame for frame, column in zip(frames, columns)]
    width = PERFORMANCE if max(columns, default=0) >= CHANNELS else rig.columns
    return curves.pins(frames, columns, values, start_frame, rate, length, width)


def read_soft(rig: "Rig", start_frame: float, mask: np.ndarray, *, fps: float | None = None) -> np.ndarray:
    """Which pins of a mask that read_pins() gave are soft: bool, of its shape."""
    rate = fps or scene_fps()
    frames, columns, values = rig.pins(tracks.SOFT)
    frames = [onto_motion(frame, start_frame, rate) for frame in frames]
    return curves.pins(frames, columns, values, start_frame, rate, *mask.shape)[1]


def nearest(frame: float, start_frame: float, fps: float) -> int:
    """The frame of the Motion that is nearest to a scene frame."""
    return round((frame - start_frame) / fps * FPS)


def onto_motion(frame: float, start_frame: float, fps: float) -> float:
    """A scene frame, moved to where that frame of the Motion is."""
    return start_frame + nearest(frame, start_frame, fps) / FPS * fps


def within(frames: Any, span: tuple[float, float]) -> Any:
    """Whether scene frames (one, or an array) lie in a span of them."""
    return (frames >= span[0] - FRAME_STEP) & (frames <= span[1] + FRAME_STEP)


def settle(
    rig: "Rig", performance: np.ndarray, shifted: np.ndarray, span: tuple[float, float], start_frame: float, *, fps: float | None = None
) -> None:
    """Let the soft keys in a span of scene frames lie where a performance [T,C] met them; shifted int [n, 2]: which of its frames moved
    where."""
    rate = fps or scene_fps()
    soft = {frame for frame in rig.pins(tracks.SOFT)[0] if within(frame, span)}
    if not soft:
        return
    frames, samples = curves.resample(np.asarray(performance, np.float32), rate, start_frame, rig.lip_gap(performance))
    inside = np.flatnonzero(within(frames, span))
    ways = {int(one): (int(other) - int(one)) / FPS * rate for one, other in shifted}
    moved = {}
    for frame in soft:
        way = ways.get(nearest(frame, start_frame, rate), 0.0)
        moved[frame] = round(frame + way) if frame == round(frame) else frame + way
    for track, column in (rig.plan(samples) | rig.holds(samples, range(samples.shape[1]))).items():
        if curve := tracks.find(track):
            tracks.settle(curve, frames[inside], column[inside], moved)
    for owner in rig.owners():
        owner.update_tag()


def soften(rig: "Rig", soft: bool) -> int:
    """Make the selected keys on our tracks soft, or exact; returns how many changed."""
    unshare(rig)
    return sum(tracks.soften(curve, soft) for track in rig.tracks() if (curve := tracks.find(track)))


def count_soft(rig: "Rig") -> int:
    """How many of the artist's keys on our tracks are soft."""
    return sum(len(tracks.held(tracks.find(track), tracks.SOFT)) for track in rig.tracks())


def count_pins(rig: "Rig") -> int:
    """How many keys of the artist are on our tracks: those that read_pins() reads."""
    return sum(len(tracks.held(tracks.find(track))) for track in rig.tracks())


def only_captured(rig: "Rig") -> bool:
    """Whether there is an Action of ours, and no other key on our tracks than captured ones."""
    found = [curve for track in rig.tracks() if (curve := tracks.find(track))]
    return bool(found) and all(len(tracks.held(curve, tracks.CAPTURED)) == len(curve.keyframe_points) for curve in found)


def clear(rig: "Rig", but_captured: bool = False) -> bool:
    """Remove our performance: our F-curves go, the rig returns to rest, the artist's Action is active again. but_captured: where there are
    captured keys, these stay, in our Action. Returns False if there was none. Curves that the artist added to our Action stay, in it."""
    cleared = bool(actions(rig))
    unshare(rig)
    kept = captured(rig) if but_captured else {}
    fullness.forget(actions(rig))
    for action in actions(rig):
        tracks.remove(rig.tracks())
        if tracks.WRITTEN in action:
            del action[tracks.WRITTEN]
        for track, keys in kept.items():
            tracks.write(_curve(track), keys)
        if compat.empty(action):
            bpy.data.actions.remove(action)
    for owner in rig.owners():
        if owner.animation_data and owner.animation_data.action is None:
            compat.pull_up(owner, ASIDE)
    if cleared:
        rig.rest()
    return cleared


def actions(rig: "Rig") -> list[Any]:
    """Our Actions on the rig now (empty if none)."""
    found = [owner.animation_data.action for owner in rig.owners() if owner.animation_data]
    return list(dict.fromkeys(action for action in found if tracks.owned(action)))


def sample(rig: "Rig", frames: Any) -> np.ndarray:
    """Our F-curves at scene frames, as the performance that they mean: values [len(frames), rig.columns] float32; 0 without a curve."""
    return rig.sample(np.asarray(frames, float))


def scene_fps(scene: Any = None) -> float:
    """The scene's frames a second: render.fps / render.fps_base."""
    render = (scene or bpy.context.scene).render
    return render.fps / render.fps_base


def _write(rig, performance, start_frame, fps, name, lip_gap, keep):
    performance = np.asarray(performance, np.float32)
    if performance.ndim != 2 or performance.shape[1] < CHANNELS or not len(performance) or not np.isfinite(performance).all():
        raise UtterError("The performance is damaged; perform again.")
    if performance.shape[1] < rig.columns:
        raise UtterError(f"The performance holds no face actions, by which {rig.obj.name} moves; perform again.")
    check_free(rig)
    gap = rig.lip_gap(performance) if lip_gap is None else lip_gap
    frames, samples = curves.resample(performance, fps or scene_fps(), start_frame, gap)

    unshare(rig)
    kept, clean = keep()
    kept = rig.housed(kept)
    aside = own_action(rig, start_frame, fps or scene_fps(), name)
    if name:
        for action in actions(rig):
            action.name = name

    plan, only = rig.plan(samples), rig.held_only()
    tracks.remove([track for track in rig.tracks() if track not in plan and not (track in only and track in kept)])
    rig.rest()
    for track, column in plan.items():
        if track not in clean or len(kept.get(track, {"co": ()})["co"]) or not tracks.free(frames, clean[track]).all():
            tracks.fill(_curve(track), frames, column, kept.get(track), clean.get(track))
    _remember(rig, frames, plan)
    for track, keys in kept.items():
        if track in only:
            tracks.write(_curve(track), keys)
    for owner in rig.owners():
        owner.update_tag()
    return Baked(actions(rig), aside)


def check_free(rig: "Rig") -> None:
    """UtterError if the rig cannot be animated now."""
    for owner in rig.owners():
        if owner.animation_data and owner.animation_data.use_tweak_mode:
            raise UtterError(f"{owner.name} is in the NLA's tweak mode; leave it and try again.")


def own_action(rig: "Rig", start_frame: float, fps: float, name: str | None = None) -> list[str]:
    """Let an Action of ours be active on every owner of the rig, in time with the voice; returns the names of the artist's Actions that
    were."""
    action, names = None, []
    for owner in rig.owners():
        animation = owner.animation_data or owner.animation_data_create()
        if tracks.owned(animation.action):
            action = animation.action
        elif name_aside := set_aside(owner):
            names.append(name_aside)
    for owner in rig.owners():
        if owner.animation_data.action is None:
            if action is None or not compat.SLOTS:
                action = bpy.data.actions.new(name or f"{rig.obj.name} performance")
                tracks.set_timing(action, start_frame, fps)
            compat.attach(owner, action, rig.owners())
    for action in actions(rig):
        tracks.set_timing(action, start_frame, fps)
        action[tracks.BASIS] = rig.basis
    return names


def set_aside(owner: Any) -> str:
    """Let an Action of the artist's that is active on a data-block play on below ours, in the NLA; returns its name, or ""."""
    action = owner.animation_data and owner.animation_data.action
    if action is None or tracks.owned(action):
        return ""
    action.use_fake_user = True
    compat.push_down(owner, ASIDE)
    return action.name


def _curve(track):
    """The track's F-curve in our Action, made if it is missing; so is a custom property."""
    tracks.ensure(track)
    return compat.curve(compat.bag(track.owner), track.path, track.index, track.group)


def unshare(rig: "Rig") -> None:
    """Give the rig data and Actions of its own where a duplicate of it shares ours (Blender's duplicates do)."""
    rig.separate()
    owners = rig.owners()
    for action in actions(rig):
        others = bpy.data.user_map(subset={action})[action] - set(owners)
        if any(getattr(user, "animation_data", None) and user.animation_data.action == action for user in others):
            copy = action.copy()
            for owner in owners:
                if owner.animation_data and owner.animation_data.action == action:
                    compat.attach(owner, copy, owners)
