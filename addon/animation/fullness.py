"""The full keys of a take that was simplified: kept with its Action, and put back where they are needed.

They are kept as times in the voice, so that they stay right when the voice is moved or the frame rate changes. A thinned key is one that
stands for keys beside it; see addon/animation/tracks.py.
"""

import io
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tracks
from .tracks import FULL, Track

if TYPE_CHECKING:
    from ..rigs.base import Rig

TOLD = "utter_simplified"  # custom property of such an Action: what was done (addon/animation/simplify.py)
EVER = (-np.inf, np.inf)  # frames: all of them


def simplified(actions: list[Any]) -> bool:
    """Whether those Actions have thinned keys, for which full ones are kept."""
    return any(FULL in action for action in actions)


def keep(rig: "Rig", action: Any, on: list[Track], begin: float, fps: float) -> None:
    """Keep our keys on these tracks of the rig with an Action; begin: the frame at which the voice begins."""
    full = {track: tracks.part(keys, ~tracks.own(keys)) for track in on for keys in [tracks.read(tracks.find(track))]}
    _write(rig, action, {track: ((keys["co"][:, 0].astype(float) - begin) / fps, keys["co"][:, 1]) for track, keys in full.items()})


def put_back(
    rig: "Rig", actions: list[Any], begin: float, fps: float, span: tuple[float, float] = EVER, on: Iterable[Track] | None = None
) -> None:
    """Let the full keys stand where thinned ones do in a span of scene frames, and in all of the segments that reach into it, on these
    tracks (default all). The artist's keys stay as they are, and what they deleted of ours stays deleted."""
    wanted = None if on is None else {track[:3] for track in on}
    for track, (times, values) in _kept(rig, actions).items():
        curve = tracks.find(track)
        if curve is None or (wanted is not None and track[:3] not in wanted):
            continue
        keys = tracks.read(curve)
        when, ours = keys["co"][:, 0], ~tracks.own(keys)
        thin = ours & (keys["easing"] == tracks.THINNED)
        frames = (begin + times * fps).astype(np.float32)
        first, last = _reaching(when[thin], span)
        inside = (frames > first + tracks.NEAR) & (frames < last - tracks.NEAR)
        clean = tracks.cleaned(keys)
        replaced = thin & (when > first + tracks.NEAR) & (when < last - tracks.NEAR)
        if not thin.any():
            continue
        left = tracks.part(keys, ~replaced)
        fits = inside & ~tracks.near(frames, left) & ~tracks.free(frames, clean)
        tracks.write(curve, tracks.spaced(tracks.joined(left, tracks.made(frames[fits], values[fits], tracks.GENERATED)), clean))
    if span == EVER and on is None:
        forget(actions)


def take_in(rig: "Rig", actions: list[Any], begin: float, fps: float) -> None:
    """Let the keys of ours that are full now be what is kept of their frames: they were made anew."""
    kept = _kept(rig, actions)
    for track, (times, values) in kept.items():
        curve = tracks.find(track)
        if curve is not None:
            keys = tracks.read(curve)
            fresh = tracks.part(keys, ~tracks.own(keys) & (keys["easing"] != tracks.THINNED))
            stays = ~tracks.near((begin + times * fps).astype(np.float32), fresh)
            times = np.concatenate([times[stays], (fresh["co"][:, 0].astype(float) - begin) / fps])
            order = np.argsort(times)
            kept[track] = times[order], np.concatenate([values[stays], fresh["co"][:, 1]])[order]
    if kept:
        _write(rig, actions[0], kept)


def forget(actions: list[Any]) -> None:
    """No thinned key is left that these would stand for."""
    for action in actions:
        for name in (FULL, TOLD):
            if name in action:
                del action[name]


def _reaching(thin: np.ndarray, span: tuple[float, float]) -> tuple[float, float]:
    """A span of frames and those beside, to the thinned keys before and after it, which stay."""
    before, after = thin[thin <= span[0] - 1], thin[thin >= span[1] + 1]
    return (before[-1] if len(before) else -np.inf), (after[0] if len(after) else np.inf)


def _write(rig, action, kept):
    owners = rig.owners()
    names = [[owners.index(track.owner), track.path, track.index] for track in kept]
    stream = io.BytesIO()
    np.savez(
        stream,
        names=np.array(json.dumps(names)),
        counts=np.array([len(times) for times, _ in kept.values()]),
        times=np.concatenate([times for times, _ in kept.values()]),
        values=np.concatenate([values for _, values in kept.values()]).astype(np.float32),
    )
    if FULL in action:  # Blender 4.2 writes bytes into a property that is there only up to the first 0
        del action[FULL]
    action[FULL] = stream.getvalue()


def _kept(rig, actions):
    """{track: (times [N] in seconds of the voice, values [N])}; of what is damaged nothing."""
    data = next((action[FULL] for action in actions if isinstance(action.get(FULL), bytes)), None)
    if data is None:
        return {}
    owners = rig.owners()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            names, ends = json.loads(str(arrays["names"])), np.cumsum(arrays["counts"])[:-1]
            parts = zip(names, np.split(arrays["times"], ends), np.split(arrays["values"], ends))
            return {
                Track(owners[owner], rig.now(path), index, ""): (times, values)
                for (owner, path, index), times, values in parts
                if owner < len(owners)
            }
    except (ValueError, KeyError, OSError):
        return {}
