"""Why a character's target does not move: the way from a movement to what is seen, link by link, to the first that is broken."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..animation import bake, tracks
from ..animation.obstacles import obstacles
from ..maps.rows import Row, region_of, to_text
from . import channels, parts
from .base import armature

LEAST = 0.01  # of a target's range: what moves less is not seen


def first_break(rig: Any, target: str) -> str:
    """One sentence: what keeps a target of a rig's map from moving, and what to do; or how far it moves, and where most."""
    row = next((row for row in rig.map.rows if row.target == target), None)
    if row is None:
        return f"{target} has no row in the rig map of {rig.obj.name}; add one."
    return next(_breaks(rig, row))


def _breaks(rig: Any, row: Row) -> Iterator[str]:
    yield from _mapped(rig, row)
    yield from _acted(rig)
    yield from _curved(rig, row)
    for sentence in obstacles(rig, set(rig.tracks_of(row))):
        if "locked" not in sentence:
            yield sentence
    first, last = bake.span_of(bake.actions(rig)[0]) or bake.actions(rig)[0].frame_range
    frames = np.arange(first, last + 1)
    values = np.array([[tracks.find(track).evaluate(frame) for frame in frames] for track in rig.tracks_of(row) if tracks.find(track)])
    most = int(np.abs(values - values[:, :1]).max(axis=0).argmax())
    yield f"{row.target} moves from {values.min():.2g} to {values.max():.2g} in this performance, most at frame {frames[most]:.0f}."


def _mapped(rig, row):
    """The row, and what it moves."""
    name, obj = row.target, rig.obj
    if not row.enabled:
        yield f"The row of {name} is switched off; tick it."
    if not row.sources:
        yield f"{name} follows no movement; write which into its row, such as jawOpen."
    if row.gain == 0:
        yield f"The gain of {name} is 0; raise it."
    if rig.map.gains.get(region_of(row), 1.0) == 0:
        yield f"The gain of the region of {name} ({region_of(row)}) is 0; raise it below the list."
    if row.limits and row.limits[0] == row.limits[1]:
        yield f"The limits of {name} are both {row.limits[0]:g}; load a map that lets it move."
    pose = rig.map.poses.get(name)
    there = armature(obj)
    keyed = [part for part in rig.parts if name in parts.keys_of(part)]
    if pose is not None and not keyed:
        if gone := sorted(set(pose) - set(there.data.bones.keys() if there else ())):
            yield f"The armature of {obj.name} lacks {gone[0]}, which {name} poses; rename its bone so, or match anew."
        if not pose:
            yield f"The pose {name} moves no bone; record it again."
    elif not keyed and not channels.channel(name, there):
        yield f"{obj.name} has no shape key {name}; rename its key so, or match anew."
    elif keyed and not any(name in parts.moving(part) for part in keyed):
        yield f"The shape key {name} of {keyed[0].name} is empty: it moves nothing; sculpt it, or let another key do it."


def _acted(rig):
    """The Action."""
    owner = rig.owners()[0]
    if bake.actions(rig):
        return
    animation = owner.animation_data
    strips = [strip for track in animation.nla_tracks for strip in track.strips] if animation else []
    if any(tracks.owned(strip.action) for strip in strips):
        yield next(iter(obstacles(rig)), "")
    elif animation and animation.action:
        yield f"The Action {animation.action.name} is active on {rig.obj.name}, which is none of Utter's; choose a take, or press Perform."
    else:
        yield f"{rig.obj.name} has no performance yet; press Perform."


def _curved(rig, row):
    """Its curves."""
    mine = rig.tracks_of(row)
    curves = [curve for track in mine if (curve := tracks.find(track))]
    if not curves:
        yield from (sentence for sentence in obstacles(rig) if "has no slot" in sentence)
        yield f"{row.target} has no curve in the Action; press Perform."
        return
    muted = [curve for curve in curves if curve.mute or (curve.group and curve.group.mute)]
    values = [np.ptp([point.co[1] for point in curve.keyframe_points]) if len(curve.keyframe_points) else 0.0 for curve in curves]
    reach = np.ptp(row.limits) if row.limits else 1.0
    if not muted and max(values) < LEAST * max(float(reach), 1e-6) and row.target not in rig.map.poses:
        yield f"This performance has hardly any {to_text(row.sources)}; perform another voice or prompt, or raise the gain of {row.target}."
