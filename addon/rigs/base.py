"""What a kind of rig answers. A rig is an object of the scene that performs; one file of this folder for each kind.

A kind is a subclass of Rig, listed in rigs/__init__.py. Its columns are places in a performance [T,117]: Motion's 65 channels, then
the 52 face actions (contract.layout).
"""

import abc
import contextlib
from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar, NamedTuple

import bpy
import numpy as np

from ..animation import tracks
from ..animation.tracks import Keys, Track
from ..contract import PERFORMANCE
from . import sharing

PROPERTY = "utter_head"  # of a FLAME head; not "utter": that is where the settings of the panel lie
Find = Callable[[Track], Any]  # the F-curve of a track, or None
OURS: Find = tracks.find
WIDEST = 10.0  # Blender's limit for a shape key's slider


class Recognition(NamedTuple):
    """What an object is to Utter.

    state: "ready" (it performs as it is), "usable" (*Use Selected* makes it ready), "none".
    reason: one sentence that says why, and what to do; fit for a panel. sure: 0 to 1, how sure the kind is that the object is its own.
    kind: the class of the rig that recognised it.
    """

    state: str
    reason: str
    sure: float = 0.0
    kind: "type[Rig] | None" = None


class Rig(abc.ABC):
    """One object that performs.

    name: of the kind, for people.  columns: how much of a performance it reads: 65 (Motion) or 117 (face actions as well).
    jaws: whether its face is baked by channels or by face actions, and its jaw as shape keys or as a bone, as the artist chooses.
    head, identity, basis: of the geometry that its Motion means, for the worker's request; None, (), "" for the built-in head.
    cut: names of the shape keys whose sliders end before the performance that was baked last does.
    """

    name: ClassVar[str]
    columns: int
    jaws: ClassVar[bool] = False
    head: str | None = None
    identity: tuple[float, ...] = ()
    basis: str = ""

    def __init__(self, obj: Any) -> None:
        self.obj = obj
        self.cut: list[str] = []

    @classmethod
    @abc.abstractmethod
    def recognise(cls, obj: Any) -> Recognition | None:
        """What a mesh object of this file is to this kind; None if it is none of its own."""

    def meshes(self) -> list[Any]:
        """The mesh objects that move, that which stands for the rig first."""
        return [self.obj]

    @abc.abstractmethod
    def owners(self) -> list[Any]:
        """The data-blocks that carry a performance's F-curves."""

    @abc.abstractmethod
    def tracks(self) -> list[Track]:
        """Every track that a performance may have."""

    @abc.abstractmethod
    def plan(self, samples: np.ndarray, on: Collection[tuple] | None = None) -> dict[Track, np.ndarray]:
        """Which tracks a performance at scene frames [N,C] becomes: {track: values [N]}. Sliders are widened to hold them. on: the tracks
        (owner, path, index) that are asked for; None: all. Shape keys that are not are left out."""

    @abc.abstractmethod
    def pins(self, kind: int | None = None) -> tuple[list[float], list[int], list[float]]:
        """The artist's keys, or those of a type (tracks.CAPTURED, SOFT), as places in a performance: scene frames, columns and values,
        each [K]."""

    @abc.abstractmethod
    def holds(self, samples: np.ndarray, columns: Iterable[int]) -> dict[Track, np.ndarray]:
        """On which tracks those columns of a performance at scene frames [N,117] are held: {track: values [N]}. Sliders are widened to
        hold them. A column that this kind has no track for is left out."""

    def face(self, frame: float) -> np.ndarray:
        """The performance [117] that our curves show at a scene frame: face actions where it moves by those."""
        row = np.zeros(PERFORMANCE, np.float32)
        row[: self.columns] = self.sample(np.array([frame]))[0]
        return row

    def posed(self, row: np.ndarray, columns: dict[int, float]) -> np.ndarray:
        """A row of a performance [117] with these columns in it, and whatever follows from them."""
        row = row.copy()
        row[list(columns)] = list(columns.values())
        return row

    def shows(self, before: np.ndarray, after: np.ndarray) -> dict[Track, float]:
        """What else than holds() makes the face at a frame show one row of a performance [117] in place of another: {track: value}."""
        return {}

    def columns_of(self) -> dict[Track, int]:
        """{track: the column of a performance that it shows or holds}, to name what the artist holds; of a bone the first that it turns by.
        A kind that does not say has no list of held keys."""
        return {}

    def posable(self) -> set[int]:
        """The columns of a performance that it shows, or holds, each by itself."""
        return set(self.columns_of().values())

    def moved(self, columns: Iterable[int]) -> set[Track]:
        """The tracks that those columns of a performance move."""
        samples = np.zeros((2, PERFORMANCE), np.float32)
        samples[1, list(columns)] = 0.1
        return {track for track, column in self.plan(samples).items() if column[0] != column[1]}

    def joints(self) -> dict[str, Any]:
        """{joint: pose bone} of the bones that turn head and eyes: "neck", "eye_left", "eye_right"; of a kind that has none nothing."""
        return {}

    def held_only(self) -> set[Track]:
        """Tracks that hold and move nothing by themselves: face actions of a kind that moves by Motion's channels."""
        return set()

    def by_poses(self) -> set[str]:
        """The names of bones that move by poses, whose constraints were at work when these were found."""
        return set()

    def housed(self, kept: dict[Track, Keys]) -> dict[Track, Keys]:
        """The artist's keys {track: keys} on the tracks where this rig holds them now: another way to bake has other tracks."""
        return kept

    @abc.abstractmethod
    def sample(self, frames: np.ndarray, find: Find = OURS) -> np.ndarray:
        """What our F-curves, or those that find() finds of a track, say at scene frames [N]: the performance [N, self.columns], 0 where
        there is no curve."""

    @abc.abstractmethod
    def rest(self) -> None:
        """Put every channel to rest, so that none keeps a value that no curve holds any more."""

    def now(self, path: str) -> str:
        """The path of a track that was written down earlier, as it is now: shape keys may be called otherwise. A kind that knows its keys
        by their names alone gives it back as it is."""
        return path

    @abc.abstractmethod
    def lips(self) -> tuple[int, int] | None:
        """The vertices in the middle of the upper and the lower lip's inner edge, which touch at rest; None where it knows none."""

    @abc.abstractmethod
    def axes(self) -> np.ndarray:
        """[3,3]: FLAME's axes (left, up, forward) as columns in the object's own."""

    @abc.abstractmethod
    def shape_keys(self) -> dict[int, Any]:
        """{column: shape key} of the keys that are there."""

    def separate(self) -> list[str]:
        """Give the head what it shares with others or has by a link only, so that nothing else moves when it is animated; what they
        have stays theirs. Sentences that say what was done."""
        return sharing.own_mesh(self.obj)

    def losses(self) -> list[str]:
        """What of a performance cannot show because the head lost what would show it: a sentence for each reason."""
        if not self.cut:
            return []
        if self.obj.data.override_library:
            return [
                f"Shape keys of {self.obj.name} end before its performance does ({listed(self.cut)}); widen their range in its own file."
            ]
        return [f"The performance of {self.obj.name} is cut at {WIDEST:.0f}, where Blender's shape keys end ({listed(self.cut)})."]

    def hold(self, track: Track, key: Any, column: np.ndarray) -> np.ndarray:
        """Widen a shape key's slider so that it holds the column and the artist's keys on its track: Blender clamps animated keys to
        their slider's range. Returns the column, cut to what the slider holds; cut names the keys to which that happened."""
        wanted = [column.min(), column.max(), *tracks.held(tracks.find(track))[:, 1]]
        low, high = max(np.floor(min(wanted)), -WIDEST), min(np.ceil(max(wanted)), WIDEST)
        if not key.id_data.user.override_library:  # which would not be saved with a slider's range
            key.slider_min, key.slider_max = min(key.slider_min, low), max(key.slider_max, high)
        if min(wanted) < key.slider_min or max(wanted) > key.slider_max:
            self.cut.append(key.name)
        return np.clip(column, key.slider_min, key.slider_max)

    def widen(self, key: Any, value: float) -> float:
        """Widen a shape key's slider so that it holds a value, as far as it may be; returns what it holds of it."""
        if not self.obj.data.override_library and not key.slider_min <= value <= key.slider_max:
            key.slider_min = min(key.slider_min, max(float(np.floor(value)), -WIDEST))
            key.slider_max = max(key.slider_max, min(float(np.ceil(value)), WIDEST))
        return min(max(value, key.slider_min), key.slider_max)

    def set_jaw(self, jaw: str) -> None:
        """Choose how the jaw is baked from now on, "keys" or "bone"; of kinds that have no such choice: nothing."""
        return

    def set_ways(self, curves: str, jaw: str) -> None:
        """Choose how the face is baked from now on, as "channels" or "actions", and its jaw; of kinds that have no such choice: nothing.
        UtterError if it cannot be baked so."""
        return

    def lip_gap(self, performance: np.ndarray) -> np.ndarray | None:
        """How far the lips are apart in a performance [T,C]: [T] in the object's units, 0 where they touch, from its own shape keys;
        None where the rig does not know its lips."""
        lips, keys = self.lips(), self.shape_keys()
        if lips is None:
            return None
        up = self.axes()[:, 1]
        basis = self.obj.data.shape_keys.reference_key.data
        apart = [np.subtract(basis[lips[0]].co, basis[lips[1]].co) @ up]
        opening = {c: (np.subtract(key.data[lips[0]].co, key.data[lips[1]].co) @ up) - apart[0] for c, key in keys.items()}
        gap = apart[0] + np.asarray(performance)[:, list(opening)] @ np.array(list(opening.values()))
        return np.maximum(gap, 0)


def key_track(owner: Any, key: Any, group: str) -> Track:
    """The track of a shape key's value."""
    return Track(owner, tracks.value_of(key), 0, group)


def unusable(obj: Any, keys: Iterable[Any]) -> str:
    """A sentence that says why these shape keys of obj, all that could perform, cannot; or ""."""
    data = obj.data.shape_keys
    if not data.use_relative:
        return f"The shape keys of {obj.name} are absolute; switch on Relative at its shape keys."
    first = next((key for key in keys if key == data.reference_key), None)
    if first:
        return f"{first.name} has come to the top of the shape keys of {obj.name}, where its basis belongs; move Basis to the top again."
    return ""


def listed(names: list[str]) -> str:
    """The first of many names, for a sentence."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def held_keys(shape_tracks: dict[int, Track], kind: int | None = None) -> tuple[list[float], list[int], list[float]]:
    """The artist's keys, or those of a type, on tracks {column: track}: scene frames, columns, values."""
    frames: list[float] = []
    columns: list[int] = []
    values: list[float] = []
    for column, track in shape_tracks.items():
        keys = tracks.held(tracks.find(track), kind)
        frames.extend(keys[:, 0])
        values.extend(keys[:, 1])
        columns.extend([column] * len(keys))
    return frames, columns, values


def sampled_keys(shape_tracks: dict[int, Track], frames: np.ndarray, columns: int, find: Find = OURS) -> np.ndarray:
    """What the F-curves that find() finds of tracks {column: track} say at scene frames [N]: [N,columns] float32, 0 without a curve."""
    values = np.zeros((len(frames), columns), np.float32)
    for column, track in shape_tracks.items():
        curve = find(track)
        if curve:
            values[:, column] = [curve.evaluate(frame) for frame in frames]
    return values


@contextlib.contextmanager
def object_mode():
    """Leave the mode that the active object is in, and come back to it."""
    layer = bpy.context.view_layer
    before = layer.objects.active
    mode = before.mode if before else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        layer.objects.active = before
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)


def neutral(obj: Any) -> np.ndarray:
    """Vertices of a mesh object at rest [V,3], in its own axes."""
    if obj.data.shape_keys:
        return key_points(obj.data.shape_keys.reference_key)
    points = np.empty(len(obj.data.vertices) * 3, np.float32)
    obj.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3).astype(float)


def triangles(obj: Any) -> np.ndarray:
    """The faces of a mesh object as triangles [F,3]."""
    obj.data.calc_loop_triangles()
    faces = np.empty(len(obj.data.loop_triangles) * 3, np.int32)
    obj.data.loop_triangles.foreach_get("vertices", faces)
    return faces.reshape(-1, 3)


def key_points(block: Any) -> np.ndarray:
    """Points of a shape key [V,3]."""
    points = np.empty(len(block.points) * 3, np.float32)
    block.points.foreach_get("co", points)
    return points.reshape(-1, 3).astype(float)


def armature(obj: Any) -> Any:
    """The armature object of a head's mesh object, or None."""
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE" and modifier.object:
            return modifier.object
    return obj.parent if obj.parent and obj.parent.type == "ARMATURE" else None
