"""Poses of bones: what a rigger posed for a movement (or Utter found), added up in the channels of the bones.

A pose in full is nine numbers for each of its bones (addon/maps/rows.py, Map); so much of it as its row says moves, turns and scales
the bone, whatever rotation mode the bone has: turns add up as axis times angle.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import bpy
import numpy as np

from .. import compat
from ..animation import tracks
from ..animation.rotations import read_rotation, write_rotation
from ..animation.tracks import Track
from ..maps.rows import Pose, Row
from .base import OURS, Find

ROTATIONS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}  # any other mode: rotation_euler
STILL = 1e-4  # of a bone's numbers: what is less is rest
OWN = np.eye(3)  # a bone's own axes


def turn_path(bone: Any) -> str:
    """The property that turns a pose bone in its rotation mode."""
    return ROTATIONS.get(bone.rotation_mode, "rotation_euler")


def channel_tracks(owner: Any, bone: Any, name: str) -> list[Track]:
    """The tracks of a pose bone's property, such as "location"."""
    path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].{name}'
    return [Track(owner, path, index, bone.name) for index in range(len(getattr(bone, name)))]


def now(bone: Any) -> tuple[float, ...]:
    """The nine numbers of a pose bone as it is posed."""
    turned = read_rotation(bone.rotation_mode, np.array([getattr(bone, turn_path(bone))]), OWN)[0]
    return tuple(float(number) for number in (*bone.location, *turned, *(np.array(bone.scale) - 1)))


def put(bone: Any, numbers: Sequence[float] | np.ndarray) -> None:
    """Pose a bone by nine numbers."""
    bone.location, bone.scale = numbers[:3], np.array(numbers[6:]) + 1
    setattr(bone, turn_path(bone), write_rotation(bone.rotation_mode, np.array([numbers[3:6]]), OWN)[0])


def recorded(owner: Any, but: Iterable[str] = ()) -> Pose:
    """What an armature is posed as now: of the bones that are not at rest. but: bones that do not count."""
    left = set(but)
    posed = {bone.name: now(bone) for bone in owner.pose.bones if bone.name not in left}
    return {name: numbers for name, numbers in posed.items() if np.abs(numbers).max() > STILL}


def library(owner: Any) -> dict[str, Pose]:
    """{name: pose} of the Actions of this file that are assets of a pose library and pose bones of an armature, at their first frame."""
    found = {}
    for action in bpy.data.actions:
        if action.asset_data is not None and (pose := of_action(owner, action)):
            found[action.name] = pose
    return found


def of_action(owner: Any, action: Any) -> Pose:
    """What an Action poses the bones of an armature as, at its first frame."""
    find, frame, pose = tracks.find_in(action), action.frame_range[0], {}
    named = {compat.named(curve.data_path, "pose.bones") for bag in compat.bags(action) for curve in bag.fcurves}
    for bone in (bone for bone in owner.pose.bones if bone.name in named):
        rest: dict[str, tuple[int, ...]] = {"location": (0, 0, 0), "scale": (1, 1, 1), "rotation_euler": (0, 0, 0)}
        rest |= {"rotation_quaternion": (1, 0, 0, 0), "rotation_axis_angle": (0, 0, 1, 0)}
        value = lambda name: [
            curve.evaluate(frame) if (curve := find(track)) else still
            for track, still in zip(channel_tracks(owner, bone, name), rest[name])
        ]
        turned = read_rotation(bone.rotation_mode, np.array([value(turn_path(bone))]), OWN)[0]
        numbers = (*value("location"), *turned, *(np.array(value("scale")) - 1))
        if np.abs(numbers).max() > STILL:
            pose[bone.name] = tuple(float(number) for number in numbers)
    return pose


class Part(NamedTuple):
    """One property of a bone that poses move. start: of its three numbers among the nine. full [K,3]: what each pose in full adds to it."""

    owner: Any
    bone: Any
    start: int
    full: np.ndarray

    @property
    def path(self) -> str:
        return turn_path(self.bone) if self.start == 3 else "location" if self.start == 0 else "scale"

    def tracks(self) -> list[Track]:
        return channel_tracks(self.owner, self.bone, self.path)

    def write(self, added: np.ndarray) -> dict[Track, np.ndarray]:
        """{track: values [N]} of what poses add to it [N, 3]."""
        columns = write_rotation(self.bone.rotation_mode, added, OWN) if self.start == 3 else added + (self.start == 6)
        return dict(zip(self.tracks(), columns.T))

    def read(self, frames: np.ndarray, find: Find = OURS) -> np.ndarray | None:
        """What the curves add to it [N, 3]; None where it has none."""
        curves = [find(track) for track in self.tracks()]
        if not any(curves):
            return None
        own = getattr(self.bone, self.path)
        values = np.array([[curve.evaluate(frame) if curve else own[i] for i, curve in enumerate(curves)] for frame in frames])
        return read_rotation(self.bone.rotation_mode, values, OWN) if self.start == 3 else values - (self.start == 6)

    def held(self, kind: int | None = None) -> np.ndarray:
        """The frames of the artist's keys on it."""
        return np.unique(np.concatenate([tracks.held(tracks.find(track), kind)[:, 0] for track in self.tracks()]))

    def rows(self, of: Sequence[Row]) -> list[Row]:
        """What its three numbers follow, as shares of the most that a pose moves it: rows to be read backwards. of [K]: the poses."""
        made = []
        for axis, name in enumerate("xyz"):
            sources: dict[str, float] = {}
            for row, weight in zip(of, self.full[:, axis] / self.size()):
                for source, share in row.sources.items() if weight else ():
                    sources[source] = sources.get(source, 0.0) + weight * row.gain * share
            made.append(Row(f"{self.bone.name} {self.path} {name}", sources, limits=None))
        return made

    def size(self) -> float:
        return float(np.abs(self.full).max())

    def rest(self) -> None:
        numbers = np.array(now(self.bone))
        numbers[self.start : self.start + 3] = 0
        put(self.bone, numbers)


def parts_of(owner: Any, posed: Sequence[Pose]) -> list[Part]:
    """The properties of an armature's bones that these poses [K] move."""
    found = []
    for name in dict.fromkeys(bone for pose in posed for bone in pose if bone in owner.pose.bones):
        full = np.array([pose.get(name, (0,) * 9) for pose in posed])
        for start in (0, 3, 6):
            if np.abs(full[:, start : start + 3]).max() > 0:
                found.append(Part(owner, owner.pose.bones[name], start, full[:, start : start + 3]))
    return found
