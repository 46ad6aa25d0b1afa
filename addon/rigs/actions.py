"""ARKit heads: a mesh with a shape key for each face action, under its exact name (`jawOpen`, `eyeBlinkLeft` ...), 0 at rest, 1 in full."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from mathutils.kdtree import KDTree

from ..animation.tracks import Track
from ..contract import ACTIONS, FACE_ACTIONS, PERFORMANCE
from .axes import guess
from .base import OURS, Find, Recognition, Rig, held_keys, key_points, key_track, neutral, sampled_keys, triangles, unusable

NEEDED = ("jawOpen", "mouthClose", "eyeBlinkLeft", "eyeBlinkRight")  # without these nothing speaks or blinks
ENOUGH = 40  # of 52 names: some tools leave out a few, tongueOut most often
NEAR = 0.02  # of the head's size: lips that touch at rest are no further apart
MOVED = 0.3  # of the most that an action moves: from here on a vertex follows it
TOUCH = 5  # so much less far may lips be parted by the jaw for each bit that they lie closer at rest
STILL = 0.2  # and up to here it hardly does
UPPER_LIP = ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthRollUpper", "mouthShrugUpper")  # actions of the upper lip alone


class ActionsRig(Rig):
    """A head that moves by the 52 face actions. Its neck stays still; its eyes turn by the eyeLook actions."""

    name = "ARKit"
    columns = PERFORMANCE

    @classmethod
    def recognise(cls, obj: Any) -> Recognition | None:
        keys = obj.data.shape_keys.key_blocks if obj.data.shape_keys else {}
        there = [name for name in ACTIONS if name in keys]
        lacking = [name for name in ACTIONS if name not in keys]
        if len(there) < ENOUGH:
            return None
        sure = len(there) / len(ACTIONS)
        if needed := [name for name in NEEDED if name in lacking]:
            reason = f"{obj.name} has {len(there)} of the {len(ACTIONS)} ARKit shape keys but no {needed[0]}; add that shape key."
            return Recognition("none", reason, sure, cls)
        if reason := unusable(obj, [keys[name] for name in there]):
            return Recognition("none", reason, sure, cls)
        without = f"; it lacks {', '.join(lacking[:3])}{' ...' if len(lacking) > 3 else ''}" if lacking else ""
        return Recognition("ready", f"{obj.name} is ready to perform with {len(there)} ARKit shape keys{without}.", sure, cls)

    def owners(self) -> list[Any]:
        return [self.obj.data.shape_keys]

    def tracks(self) -> list[Track]:
        return list(self._key_tracks().values())

    def plan(self, samples: np.ndarray) -> dict[Track, np.ndarray]:
        keys = self.shape_keys()
        self.cut = []
        return {track: self.hold(track, keys[column], np.clip(samples[:, column], 0, 1)) for column, track in self._key_tracks().items()}

    def pins(self, kind: int | None = None) -> tuple[list[float], list[int], list[float]]:
        return held_keys(self._key_tracks(), kind)

    def columns_of(self) -> dict[Track, int]:
        return {track: column for column, track in self._key_tracks().items()}

    def holds(self, samples: np.ndarray, columns: Iterable[int]) -> dict[Track, np.ndarray]:
        planned, own = self.plan(samples), self._key_tracks()
        return {own[column]: planned[own[column]] for column in columns if column in own}

    def sample(self, frames: np.ndarray, find: Find = OURS) -> np.ndarray:
        return sampled_keys(self._key_tracks(), frames, self.columns, find)

    def rest(self) -> None:
        for key in self.shape_keys().values():
            key.value = 0

    def lips(self) -> tuple[int, int] | None:
        """Of the upper lip (which only its own actions move) and the lower one (which follows the jaw, and closes): the two vertices
        that touch at rest and that jawOpen parts furthest. Teeth move by none of the lips' own actions."""
        rest, blocks = neutral(self.obj), self.obj.data.shape_keys.key_blocks
        moved = lambda *names: sum(np.linalg.norm(key_points(blocks[name]) - rest, axis=1) for name in names if name in blocks)
        follows, closes = moved("jawOpen"), moved("mouthClose")
        raised = moved(*UPPER_LIP) + np.zeros(len(rest))
        if not (follows.max() > 0 and closes.max() > 0 and raised.max() > 0):
            return None
        upper = np.flatnonzero((raised > MOVED * raised.max()) & (follows < STILL * follows.max()))
        lower = np.flatnonzero((closes > MOVED * closes.max()) & (follows > MOVED * follows.max()))
        if not (len(upper) and len(lower)):
            return None
        tree = KDTree(len(lower))
        for row in lower:
            tree.insert(rest[row], int(row))
        tree.balance()
        pairs = [(int(row), *tree.find(rest[row])[1:]) for row in upper]  # upper, nearest lower, distance
        near = NEAR * np.ptp(rest, axis=0).max()
        touching = [pair for pair in pairs if pair[2] < near]
        best = max(touching, key=lambda pair: follows[pair[1]] - follows[pair[0]] - TOUCH * pair[2], default=None)
        return best[:2] if best else None

    def axes(self) -> np.ndarray:
        return guess(neutral(self.obj), triangles(self.obj), np.array(self.obj.matrix_world.to_3x3().normalized()))

    def shape_keys(self) -> dict[int, Any]:
        blocks = self.obj.data.shape_keys.key_blocks
        return {FACE_ACTIONS.start + k: blocks[name] for k, name in enumerate(ACTIONS) if name in blocks}

    def _key_tracks(self):
        return {column: key_track(self.obj.data.shape_keys, key, "Face Actions") for column, key in self.shape_keys().items()}
