"""An Action as the clip of a passage: of a head that Utter performed, or that an artist did. The worker reads it as a Motion file."""

import re
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import compat, rigs
from ..animation import curves, tracks
from ..contract import ACTIONS, FACE_ACTIONS, FPS, PERFORMANCE, UtterError, frames_covering
from . import identity

VALUE = re.compile(r'key_blocks\["(.+)"\]\.value')


def keys_in(action: Any) -> dict[str, Any]:
    """{shape key: F-curve of its value} of an Action, whoever's keys they are."""
    return {match[1]: curve for bag in compat.bags(action) for curve in bag.fcurves if (match := VALUE.fullmatch(curve.data_path))}


def may_feel(_passage: Any, action: Any) -> bool:
    """Whether an Action is offered as a clip: it moves shape keys."""
    return any(VALUE.fullmatch(curve.data_path) for bag in compat.bags(action) for curve in bag.fcurves)


def write(folder: Path, head: Any, passages: Any, fps: float) -> dict[str, str]:
    """Write the Actions of a head's passages as Motion files into the folder: {full name of the Action: path}. UtterError for one that
    cannot be read."""
    written: dict[str, str] = {}
    for action in dict.fromkeys(passage.action for passage in passages if passage.action):
        performance, basis = read(action, head, fps)
        path = folder / f"clip {len(written)}" / f"{bpy.path.clean_name(action.name)}.npz"  # the name is said where the face rests
        path.parent.mkdir()
        curves.write(path, performance, basis)
        written[action.name_full] = str(path)
    return written


def read(action: Any, head: Any, fps: float) -> tuple[np.ndarray, str]:
    """(The performance that an Action means, [N, 65], or [N, 117] by face actions, at 30 fps; the basis of its Motion), for a passage of
    that head. UtterError where it has no curves of a face, or means another head's."""
    first, last = action.frame_range
    frames = first + np.arange(frames_covering((last - first) / fps, FPS) + 1) / FPS * fps
    acted = {name: curve for name, curve in keys_in(action).items() if name in ACTIONS}
    if acted:  # an ARKit head's: the names say it all, no head need be there
        performance = np.zeros((len(frames), PERFORMANCE), np.float32)
        for name, curve in acted.items():
            performance[:, FACE_ACTIONS.start + ACTIONS.index(name)] = np.clip([curve.evaluate(frame) for frame in frames], 0, 1)
        return performance, ""
    rig = reader_of(action, head)
    return rig.sample(frames, tracks.find_in(action)), rig.basis


def reader_of(action: Any, head: Any) -> Any:
    """The rig whose curves an Action of FLAME's channels has: of a head that it moves now, of this one, or of another in the file."""
    others = [obj for obj in bpy.data.objects if obj.type == "MESH" and obj != head and rigs.ready(obj)]
    found, own, animated = [rigs.rig_of(obj) for obj in (head, *others)], rigs.rig_of(head), keys_in(action)
    found = [rig for rig in found if any(key.name in animated for key in rig.shape_keys().values())]
    if not found:
        raise UtterError(f"The Action {action.name} has no curves of a face; choose one that moves the shape keys of a head.")
    moved = lambda rig: any(owner.animation_data and owner.animation_data.action == action for owner in rig.owners())
    told = action.get(tracks.BASIS)
    fitting = [rig for rig in sorted(found, key=moved, reverse=True) if told in (None, rig.basis)]
    if not fitting or fitting[0].basis not in (own.basis, identity.model().basis):
        raise UtterError(f"The Action {action.name} was made for another head; choose one of {head.name}, the built-in or an ARKit head.")
    return fitting[0]
