"""Simplify: the salient keys of a take alone, with handles that reproduce the curves, by how far the mesh may be off.

Lips that touch and lids that are shut have a key where that begins and where it ends; all else is told by the mesh
(addon/animation/thinning.py). The artist's keys stay as they are, and so do the handles of ours that lie beside one. All keys are kept with
the Action (addon/animation/fullness.py).
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..contract import UtterError
from . import bake, finish, fullness, thinning, tracks
from .curves import TOUCHING

if TYPE_CHECKING:
    from ..rigs.base import Rig
    from .tracks import Track

LIPS, PARTED = 0.1, 0.1  # lips that touch are parted by so much of the tolerance, and millimetres, at most
OPENS = 0.2  # of how far the foremost track parts the lips: from here on one has a key at each closure
BLINK = 0.5  # of the furthest: a peak of the lids that high has a key
ROOM = 0.95  # of the tolerance: bones turn, and do not go straight as is reckoned
OUT = 3.0  # frames to a key that is not there: handles before the first and behind the last key are a third of it
STILL = 1e-6  # a track that moves less has its ends alone


class Simplified(NamedTuple):
    """within: millimetres that were asked for; off: how far the mesh is off at most; keys of ours before and after, on all tracks; left:
    names of curves with modifiers, which keep their keys."""

    within: float
    off: float
    before: int
    after: int
    left: tuple[str, ...] = ()


def told(actions: list[Any]) -> Simplified | None:
    """What was done to those Actions; None where they have all of their keys."""
    for action in actions if fullness.simplified(actions) else ():
        try:
            return Simplified(**json.loads(action.get(fullness.TOLD, "")))
        except (TypeError, ValueError):
            continue
    return None


def simplify(
    rig: "Rig",
    within: float,
    moves: "Callable[[list[Track]], np.ndarray]",
    lips: Callable[[np.ndarray], np.ndarray],
    step: Callable[[float], None] = lambda done: None,
) -> Simplified:
    """Leave the salient keys of the take on the rig, so that no vertex is further off than within (millimetres) in any frame. moves,
    lips: as in rigs/reach.py. step hears how far it is, 0 to 1.

    UtterError, before anything is changed, where there is no performance, or none that can be changed now."""
    ours = bake.actions(rig)
    if not ours:
        raise UtterError("Perform first.")
    bake.check_free(rig)
    bake.unshare(rig)
    ours = bake.actions(rig)
    begin, fps = tracks.timing(ours[0]) or (1.0, bake.scene_fps())
    fullness.put_back(rig, ours, begin, fps)
    raw = finish.take(rig, begin, fps)
    if len(raw.times) < 3:
        raise UtterError("This take has too few frames to be simplified.")
    owners = rig.owners()
    of = [tracks.Track(owners[owner], path, index, "") for owner, path, index in raw.names]
    count = lambda: sum(int((~tracks.own(tracks.read(curve))).sum()) for track in of if (curve := tracks.find(track)))
    before, grid = count(), begin + raw.times * fps
    left = [track for track in of if len(tracks.find(track).modifiers)]
    rows = [row for row in range(len(of)) if of[row] not in left and np.ptp(raw.values[row]) > STILL]
    spacing = float(np.median(np.diff(grid)))
    found = [_Row(tracks.read(tracks.find(of[row])), grid, spacing) for row in rows]
    together = _alike([(*raw.names[row][1:], raw.values[row].tobytes(), one.free.tobytes()) for row, one in zip(rows, found)])
    moved = moves([of[row] for row in rows])
    groups = [np.flatnonzero(together == group) for group in range(together.max() + 1 if len(rows) else 0)]
    heads = np.array([group[0] for group in groups], int)
    shown = raw.values[rows][heads]
    summed = np.array([moved[group].sum(0) for group in groups]) / (ROOM * within)
    parting = np.array([lips(moved)[group].sum() for group in groups])
    closed = raw.gap <= TOUCHING * max(raw.gap.max(), 1e-9)
    kept = np.array([found[head].kept for head in heads])
    far = np.abs(parting) * np.ptp(shown, axis=1) if parting.any() else np.abs(raw.opener[rows][heads])
    kept[far >= OPENS * max(far.max(), 1e-9)] |= _ends(closed)
    for number in np.flatnonzero(raw.part[rows][heads] == finish.NAMES.index("blinks")):
        kept[number] |= _peaks(shown[number] - raw.rest[rows][heads][number])
    free = np.array([found[head].free for head in heads])
    slopes = np.array([found[head].slopes for head in heads])
    given = thinning.Curves(
        shown,
        _limits(rig, [of[rows[head]] for head in heads]),
        free,
        kept & free,
        slopes,
        summed,
        closed,
        parting / min(LIPS * within, PARTED),
    )
    thinned = thinning.thin(given, step)
    fullness.keep(rig, ours[0], [of[row] for row in rows], begin, fps)
    for place, row in enumerate(rows):
        number = together[place]
        found[place].write(tracks.find(of[row]), thinned.knots[number], thinned.slopes[number] / spacing)
    for owner in owners:
        owner.update_tag()
    done = Simplified(within, thinned.off * ROOM * within, before, count(), tuple(dict.fromkeys(track.path for track in left)))
    ours[0][fullness.TOLD] = json.dumps(done._asdict())
    return done


def make_full(rig: "Rig") -> None:
    """Let the take on the rig have all of its keys again."""
    ours = bake.actions(rig)
    if fullness.simplified(ours):
        bake.unshare(rig)
        ours = bake.actions(rig)
        begin, fps = tracks.timing(ours[0]) or (1.0, bake.scene_fps())
        fullness.put_back(rig, ours, begin, fps)
        for owner in rig.owners():
            owner.update_tag()


class _Row:
    """The keys of one curve on a grid of frames [N]. free [N]: ours are there; kept [N]: those beside what is not ours, whose slopes [N]
    are given (of a step of the grid)."""

    def __init__(self, keys, grid, spacing):
        self.keys, self.ours = keys, ~tracks.own(keys)
        when = keys["co"][:, 0]
        self.at = np.clip(np.round((when - grid[0]) / spacing).astype(int), 0, len(grid) - 1)  # on the grid
        self.ours &= np.abs(grid[self.at] - when) < finish.NEAR
        self.free = np.zeros(len(grid), bool)
        self.free[self.at[self.ours]] = True
        edges = np.zeros(len(grid), bool)
        edges[1:] |= self.free[1:] & ~self.free[:-1]
        edges[:-1] |= self.free[:-1] & ~self.free[1:]
        for place in (when[~self.ours] - grid[0]) / spacing:  # of the artist, between two of ours
            for near in (int(np.floor(place)), int(np.ceil(place))):
                if 0 <= near < len(grid):
                    edges[near] |= self.free[near]
        self.kept = edges
        self.slopes = np.full(len(grid), np.nan)
        rise = (keys["handle_right"] - keys["handle_left"]).astype(float)
        beside = np.flatnonzero(self.ours & edges[self.at] & (rise[:, 0] > 0))
        self.slopes[self.at[beside]] = spacing * rise[beside, 1] / rise[beside, 0]

    def write(self, curve, knots, slopes):
        """Leave those of our keys that are knots [N], with slopes [N] a frame."""
        stays = ~self.ours | knots[self.at]
        keys, ours = tracks.part(self.keys, stays), self.ours[stays]
        clean, at = tracks.cleaned(self.keys), self.at[stays]
        when = keys["co"][:, 0].astype(float)
        away = np.diff(when)
        near = np.concatenate([[OUT], away]), np.concatenate([away, [OUT]])
        theirs = np.concatenate([[False], ~ours[:-1]]), np.concatenate([~ours[1:], [False]])
        for side, sign, far, other in zip(("handle_left", "handle_right"), (-1, 1), near, theirs):
            free = ours & ~other & ~_beside_clean(when, clean, sign)
            reach = sign * far[free] / 3
            keys[side][free] = keys["co"][free] + np.stack([reach, reach * slopes[at[free]]], axis=1)
            keys[f"{side}_type"][ours] = tracks.ALIGNED
        keys["easing"][ours] = tracks.THINNED
        keys["back"][ours], keys["period"][ours] = tracks.lies(keys)[ours, 1], 0  # ours, wherever the handles went
        tracks.write(curve, tracks.spaced(keys, clean))
        settled = tracks.read(curve)  # Blender aligns the handles, to the last bit
        settled["back"][ours] = tracks.lies(settled)[ours, 1]
        curve.keyframe_points.foreach_set("back", settled["back"])


def _beside_clean(when, clean, sign):
    """Which keys have a clean stretch on that side."""
    edges = np.array([first if sign > 0 else last for first, last in clean] or [np.inf])
    if sign < 0:
        return np.abs(when[:, None] - edges).min(1) < tracks.NEAR
    after = np.append(when[1:], np.inf)
    return ((edges >= when[:, None] - tracks.NEAR) & (edges < after[:, None] - tracks.NEAR)).any(1)


def _limits(rig, of):
    """[K, 2]: between which values a track is shown, which Blender sees to of shape keys."""
    shaped = [mesh for mesh in rig.meshes() if mesh.data.shape_keys]  # others move by bones
    keys = {tracks.value_of(key): key for mesh in shaped for key in mesh.data.shape_keys.key_blocks}
    return np.array([(keys[t.path].slider_min, keys[t.path].slider_max) if t.path in keys else (-np.inf, np.inf) for t in of])


def _alike(names):
    """[K]: numbers from 0 on, the same of what is the same."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], int)


def _ends(closed):
    """[N]: the first and the last frame of each stretch."""
    steps = np.diff(closed.astype(int), prepend=0, append=0)
    ends = np.zeros(len(closed), bool)
    ends[np.flatnonzero(steps == 1)] = ends[np.flatnonzero(steps == -1) - 1] = True
    return ends


def _peaks(column):
    """[N]: where the lids are shut furthest, the first and the last frame of that."""
    far = np.abs(column)
    high = far > BLINK * max(far.max(), 1e-9)
    before, after = np.append(-np.inf, far[:-1]), np.append(far[1:], -np.inf)
    return high & (((far >= before) & (far > after)) | ((far > before) & (far >= after)))
