"""The bones by which a character turns head and eyes, and its jaw where no shape key opens its mouth: found by their names, on the armature
that moves its face."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import bpy
import numpy as np

from ..animation import tracks
from ..animation.rotations import read_rotation, write_rotation
from ..animation.tracks import Track
from ..contract import EYES, JAW, NECK
from ..maps.names import words_of
from .base import OURS, Find, armature, key_points, neutral
from .likeness import group_weights
from .poses import channel_tracks, turn_path

COLUMNS = {  # of a performance: rotation about x, y, z
    "neck": [*range(NECK.start, NECK.stop)],
    "jaw": [*range(JAW.start, JAW.stop)],
    "eye_left": [EYES.start, EYES.start + 1],
    "eye_right": [EYES.start + 2, EYES.start + 3],
}
REGION = {"neck": "head", "jaw": "mouth", "eye_left": "eyes", "eye_right": "eyes"}
INNER = {"org", "def", "mch", "vis", "tweak"}  # what Rigify's bones are called that nobody animates
MOVED = 0.1  # of a key's furthest way: it moves an eyeball


class Turn(NamedTuple):
    """A bone that turns. joint: of COLUMNS. share: of that turn. rest [3,3]: the bone's axes as columns, in FLAME's axes."""

    owner: Any
    bone: Any
    joint: str
    share: float
    rest: np.ndarray

    def tracks(self) -> list[Track]:
        return channel_tracks(self.owner, self.bone, turn_path(self.bone))

    def write(self, samples: np.ndarray) -> dict[Track, np.ndarray]:
        """{track: values [N]} in a performance at scene frames."""
        vectors = np.zeros((len(samples), 3))
        vectors[:, : len(COLUMNS[self.joint])] = self.share * samples[:, COLUMNS[self.joint]]
        return dict(zip(self.tracks(), write_rotation(self.bone.rotation_mode, vectors, self.rest).T))

    def read(self, frames: np.ndarray, find: Find = OURS) -> np.ndarray | None:
        """Its rotation vectors [N, 3] in FLAME's axes as the curves have them; None where it has none."""
        curves = [find(track) for track in self.tracks()]
        if not any(curves):
            return None
        own = getattr(self.bone, turn_path(self.bone))
        values = [[curve.evaluate(frame) if curve else own[i] for i, curve in enumerate(curves)] for frame in frames]
        return read_rotation(self.bone.rotation_mode, np.array(values), self.rest)

    def held(self, kind: int | None = None) -> np.ndarray:
        """The frames of the artist's keys on it."""
        found = [tracks.held(tracks.find(track), kind)[:, 0] for track in self.tracks()]
        return np.unique(np.concatenate(found))


def read(turns: Iterable[Turn], frames: np.ndarray, find: Find = OURS) -> dict[int, np.ndarray]:
    """{column of a performance: values [N]} that the curves of bones mean. Bones that share a turn tell it together."""
    total: dict[str, tuple[np.ndarray, float]] = {}
    for turn in turns:
        vectors = turn.read(frames, find)
        if vectors is not None:
            before, weight = total.get(turn.joint, (np.zeros((len(frames), 3)), 0.0))
            total[turn.joint] = before + turn.share * vectors, weight + turn.share**2
    return {
        column: (vectors / weight)[:, axis]
        for joint, (vectors, weight) in total.items()
        for axis, column in enumerate(COLUMNS[joint])
        if weight
    }


def rest(turns: Iterable[Turn]) -> None:
    for turn in turns:
        turn.bone.rotation_euler = (0, 0, 0)
        turn.bone.rotation_quaternion = (1, 0, 0, 0)
        turn.bone.rotation_axis_angle = (0, 0, 1, 0)


_known: dict[tuple, list[tuple[str, str, float, np.ndarray]]] = {}  # as turns_of() finds them: panels ask many times a second


def turns_of(obj: Any, meshes: list[Any], axes: Callable[[], np.ndarray], jaw: bool, gains: dict[str, float]) -> list[Turn]:
    """The bones of a character that turn: its head by neck and head bone, half each where there are both, and its eyes where shape keys do
    not. axes(): [3,3], FLAME's in the mesh's own. jaw: whether its jaw, too. gains: {region: how strongly}."""
    rig = armature(obj)
    if rig is None or rig.library or not rig.data.bones:
        return []
    if rig.pose is None:
        bpy.context.view_layer.update()
    lies = rig.matrix_world.inverted_safe() @ obj.matrix_world
    names = tuple(rig.data.bones.keys())
    asked = obj.session_uid, len(obj.data.vertices), rig.session_uid, names, jaw, tuple(np.round(np.array(lies).ravel(), 4))
    if asked not in _known:
        if len(_known) > 100:
            _known.clear()
        found = bones_of(names)
        heads = [found[part] for part in ("neck", "head") if part in found]
        turning = [(bone, "neck", 1 / len(heads)) for bone in heads]
        eyes = {side: found[f"eye_{side}"] for side in ("left", "right") if f"eye_{side}" in found}
        if len(eyes) == 2 and _free(rig, meshes, [*eyes.values()]):
            turning += [(bone, f"eye_{side}", 1.0) for side, bone in eyes.items()]
        if jaw and "jaw" in found:
            turning.append((found["jaw"], "jaw", 1.0))
        turn = (np.array(lies.to_3x3().normalized()) @ axes()).T
        own = lambda bone: turn @ np.array(rig.data.bones[bone].matrix_local.to_3x3())
        _known[asked] = [(bone, joint, share, own(bone)) for bone, joint, share in turning]
    strong = lambda joint: gains.get(REGION[joint], 1.0)
    return [
        Turn(rig, rig.pose.bones[bone], joint, share * strong(joint), rest)
        for bone, joint, share, rest in _known[asked]
        if strong(joint) > 0
    ]


def bones_of(names: Iterable[str]) -> dict[str, str]:
    """{part: bone} of head, neck, jaw, eye_left and eye_right by names: `J_Bip_C_Head`, `mixamorig:Neck`, `LeftEye`, `eye.L`."""
    found: dict[str, str] = {}
    for name in sorted(names, key=len):  # the plainest name first
        words = [word for word in words_of(name) if not word.isdigit()]
        sides = [word for word in words if word in ("left", "right")]
        plain = [word for word in words if word not in ("left", "right")]
        if not plain or INNER & set(plain):
            continue
        part = "neck" if plain[-1] == "twist" and "neck" in plain else plain[-1]
        part = "jaw" if part == "root" and "jaw" in plain else part  # as Character Creator calls it
        if part in ("head", "neck", "jaw") and not sides:
            found.setdefault(part, name)
        if part == "eye" and len(sides) == 1:
            found.setdefault(f"eye_{sides[0]}", name)
    return found


def _free(rig, meshes, bones):
    """Whether the eyes' bones move anything, and no shape key of a look moves the same."""
    bound = [obj for obj in rig.children if obj.type == "MESH" and any(bone in obj.vertex_groups for bone in bones)]
    balls = {obj: np.max([*group_weights(obj, bones).values(), np.zeros(len(obj.data.vertices))], axis=0) > 0.5 for obj in bound}
    if not any(ball.any() for ball in balls.values()):
        return False
    for obj in meshes:
        for key in obj.data.shape_keys.key_blocks if obj.data.shape_keys else ():
            if "look" in words_of(key.name) and obj in balls:
                far = np.linalg.norm(key_points(key) - neutral(obj), axis=1)
                if far.max() > 0 and (far[balls[obj]] > MOVED * far.max()).any():
                    return False
    return True
