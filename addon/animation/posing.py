"""Poses at one frame: the artist says what the face does there, in columns of a performance; it shows at once, and is held."""

from typing import TYPE_CHECKING

import numpy as np

from ..contract import UtterError
from . import bake, fullness, layers, tracks

if TYPE_CHECKING:
    from ..rigs.base import Rig


def pose(
    rig: "Rig",
    frame: float,
    columns: dict[int, float],
    start_frame: float,
    *,
    before: np.ndarray | None = None,
    fps: float | None = None,
    name: str | None = None,
) -> np.ndarray:
    """Let the face show these columns of a performance {column: value} at a scene frame, by keys of the artist's; returns the row that it
    shows then. What else must move for
    it to be seen moves by keys of ours, which the next performance replaces; keys of the artist's that are there stay.

    start_frame: of the voice. before: the row of a performance [117] that it shows there, where that is known. name: of the Action that is
    made where there is none of ours. UtterError before anything is changed if the rig cannot be animated now."""
    bake.check_free(rig)
    if not bake.actions(rig):
        if why := layers.away(rig):
            raise UtterError(why)
        bake.unshare(rig)
        bake.own_action(rig, start_frame, fps or bake.scene_fps(), name)
    before = rig.face(frame) if before is None else before
    after = rig.posed(before, columns)
    apart, shown = rig.held_only(), rig.shows(before, after)
    held, rate = rig.holds(after[None], columns), fps or bake.scene_fps()
    fullness.put_back(rig, bake.actions(rig), start_frame, rate, (frame, frame), on=[*held, *shown])
    for track, values in held.items():
        tracks.put(bake._curve(track), frame, float(values[0]), theirs=True, beside=track not in apart)
    for track, value in shown.items():
        tracks.put(bake._curve(track), frame, value, theirs=False)
    for block in (*rig.owners(), *bake.actions(rig)):
        block.update_tag()
    return after
