"""FLAME heads: a mesh with a shape key per channel of a Motion, deformed by an armature (root, neck, jaw, eyes).

Ours and those that rigs/making.py made ready bear the custom property "utter_head": basis, head (file), jaw, channels {shape key:
Motion channel}, bones {joint: bone}, axes (3x3, row-major: FLAME's axes to the object's), lips (upper and lower inner-lip vertex),
jaw_turns (3x3x3, of the bundle), identity (300 coefficients, once there is one).
"""

import re
from typing import Any

import bpy
import numpy as np

from ..animation import tracks
from ..animation.rotations import read_rotation, write_rotation
from ..animation.tracks import Track
from ..contract import CHANNELS, EXPRESSION, EYES, FLAME_VERTICES, JAW, LIDS, NECK, TONGUE, UtterError
from .base import Recognition, Rig, armature, held_keys, key_track, sampled_keys, widen

PROPERTY = "utter_head"  # not "utter": that is where the settings of the panel lie
EXPRESSION_KEY = re.compile(r"Exp(\d+)")  # Exp1.. or Exp000..: how other add-ons name FLAME's expressions
GROUPS = ((EXPRESSION, "Expression"), (JAW, "Jaw"), (LIDS, "Lids"), (TONGUE, "Tongue"))
BONE_CHANNELS = {  # rotation about x, y, z
    "neck": [*range(NECK.start, NECK.stop)],
    "jaw": [*range(JAW.start, JAW.stop)],
    "eye_left": [EYES.start, EYES.start + 1],
    "eye_right": [EYES.start + 2, EYES.start + 3],
}
ROTATION_PATHS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}  # any other mode: rotation_euler


class FlameRig(Rig):
    """A head of ours, or one made ready.

    jaw: "keys" or "bone". Jaw keys are the jaw's turn made linear, with FLAME's pose correctives; the bone turns truly and has none. On
    the built-in head opened by 0.3 rad, no vertex lies further from FLAME's posed surface than 1.3 mm with keys and 5.6 mm with the bone
    (under the chin, where a corrective lets the throat give way); at 0.45 rad, 6.6 mm and 8.2 mm.
    """

    name = "FLAME"
    columns = CHANNELS
    jaws = True

    def __init__(self, obj: Any) -> None:
        super().__init__(obj)
        told = obj[PROPERTY]
        self.basis, self.head, self.identity = told["basis"], told["head"] or None, tuple(told.get("identity", ()))
        self.jaw_turns = tuple(told.get("jaw_turns", ()))  # [27], () where the bundle told none
        self.jaw = "bone" if told["jaw"].lower() == "bone" and "jaw" in told["bones"] and armature(obj) else "keys"

    @classmethod
    def recognise(cls, obj: Any) -> Recognition | None:
        told = obj.get(PROPERTY)
        if told is not None and "channels" in told:
            keys = obj.data.shape_keys.key_blocks if obj.data.shape_keys else {}
            if not any(key in keys for key in told["channels"].keys()):
                return Recognition("none", f"{obj.name} has lost its shape keys; undo that, or add the head again.", 1.0, cls)
            return Recognition("ready", f"{obj.name} is ready to perform.", 1.0, cls)
        if len(expression_keys(obj)) >= 10:
            return Recognition("usable", f"{obj.name} is a FLAME head of another add-on; use it to make it ready.", 0.8, cls)
        count = len(obj.data.vertices)
        if count == FLAME_VERTICES:
            return Recognition("usable", f"{obj.name} has as many vertices as FLAME; use it to give it expressions.", 0.5, cls)
        if count >= 100:
            return Recognition("usable", f"{obj.name} is a mesh without expressions; use it if it is a neutral head.", 0.1, cls)
        reason = f"{obj.name} has only {count} vertices and is no head; select a head, or add the built-in one."
        return Recognition("none", reason, 0.0, cls)

    def owners(self) -> list[Any]:
        return [block for block in (self.obj.data.shape_keys, armature(self.obj)) if block]

    def tracks(self) -> list[Track]:
        turned = [track for bone, _ in self._joints("bone").values() for track in self._rotation_tracks(bone)]
        return [*self._key_tracks("keys").values(), *turned]

    def plan(self, samples: np.ndarray) -> dict[Track, np.ndarray]:
        keys = self.shape_keys()
        planned = {track: widen(keys[column], samples[:, column]) for column, track in self._key_tracks(self.jaw).items()}
        for joint, (bone, rest) in self._joints(self.jaw).items():
            vectors = np.zeros((len(samples), 3))
            vectors[:, : len(BONE_CHANNELS[joint])] = samples[:, BONE_CHANNELS[joint]]
            for track, column in zip(self._rotation_tracks(bone), write_rotation(bone.rotation_mode, vectors, rest).T):
                planned[track] = column
        return planned

    def pins(self) -> tuple[list[float], list[int], list[float]]:
        frames, columns, values = held_keys(self._key_tracks(self.jaw))
        for joint, (bone, rest) in self._joints(self.jaw).items():
            found = [tracks.find(track) for track in self._rotation_tracks(bone)]
            held = [tracks.held(curve)[:, 0] for curve in found]
            moments = np.unique(np.concatenate(held))
            if not len(moments):
                continue
            vectors = read_rotation(bone.rotation_mode, _evaluate(found, moments, bone), rest)
            for component, channel in enumerate(BONE_CHANNELS[joint]):
                touched = moments
                if bone.rotation_mode not in ROTATION_PATHS:  # an Euler angle pins the axis it turns about, the others all of them
                    turned = [held[axis] for axis in range(3) if abs(rest[component, axis]) > 0.1]
                    touched = np.unique(np.concatenate(turned))
                frames.extend(touched)
                values.extend(vectors[np.searchsorted(moments, touched), component])
                columns.extend([channel] * len(touched))
        return frames, columns, values

    def sample(self, frames: np.ndarray) -> np.ndarray:
        values = sampled_keys(self._key_tracks(self.jaw), frames, self.columns)
        for joint, (bone, rest) in self._joints(self.jaw).items():
            found = [tracks.find(track) for track in self._rotation_tracks(bone)]
            if any(found):
                vectors = read_rotation(bone.rotation_mode, _evaluate(found, frames, bone), rest)
                values[:, BONE_CHANNELS[joint]] = vectors[:, : len(BONE_CHANNELS[joint])]
        return values

    def rest(self) -> None:
        for key in self.shape_keys().values():
            key.value = 0
        for bone, _ in self._joints("bone").values():
            bone.rotation_euler = (0, 0, 0)
            bone.rotation_quaternion = (1, 0, 0, 0)
            bone.rotation_axis_angle = (0, 0, 1, 0)

    def lips(self) -> tuple[int, int] | None:
        lips = tuple(self.obj[PROPERTY]["lips"])
        return lips if len(lips) == 2 and JAW.start in self.shape_keys() else None

    def axes(self) -> np.ndarray:
        return np.array(self.obj[PROPERTY]["axes"]).reshape(3, 3)

    def shape_keys(self) -> dict[int, Any]:
        blocks = self.obj.data.shape_keys.key_blocks
        return {int(channel): blocks[key] for key, channel in self.obj[PROPERTY]["channels"].items() if key in blocks}

    def set_jaw(self, jaw: str) -> None:
        """UtterError if it is to be a bone and there is no jaw bone."""
        if jaw == "bone" and ("jaw" not in self.obj[PROPERTY]["bones"] or armature(self.obj) is None):
            raise UtterError(f"{self.obj.name} has no jaw bone; bake its jaw as shape keys.")
        self.obj[PROPERTY]["jaw"] = self.jaw = jaw

    def bones(self) -> dict[str, tuple[Any, np.ndarray]]:
        """{joint: (pose bone, rest [3,3])}; rest: the bone's axes as columns, in FLAME's axes.

        A rotation R in FLAME's axes is rest^T R rest in the bone's own. Our own bones point up, so that rest is the identity and
        their rotation curves show the Motion's numbers."""
        obj, rig = self.obj, armature(self.obj)
        if rig is None:
            return {}
        if rig.pose is None:  # linked to the scene just now
            bpy.context.view_layer.update()
        if obj.parent == rig:  # told without matrix_world, which is stale until Blender's next update
            place = obj.matrix_parent_inverse @ obj.matrix_basis
        elif rig.parent == obj:
            place = (rig.matrix_parent_inverse @ rig.matrix_basis).inverted_safe()
        else:
            place = rig.matrix_world.inverted_safe() @ obj.matrix_world
        turn = np.array(place.to_3x3().normalized())
        found = {}
        for joint, bone in obj[PROPERTY]["bones"].items():
            if bone in rig.pose.bones:
                found[joint] = rig.pose.bones[bone], (turn @ self.axes()).T @ np.array(rig.data.bones[bone].matrix_local.to_3x3())
        return found

    def _key_tracks(self, jaw):
        """{channel: track} of what is baked as shape keys."""
        keys = {column: key for column, key in self.shape_keys().items() if not (jaw == "bone" and JAW.start <= column < JAW.stop)}
        group = lambda column: next(group for part, group in GROUPS if part.start <= column < part.stop)
        return {column: key_track(self.obj.data.shape_keys, key, group(column)) for column, key in keys.items()}

    def _joints(self, jaw):
        """{joint: (pose bone, rest)} of what is baked as bones."""
        joints = [joint for joint in BONE_CHANNELS if joint != "jaw" or jaw == "bone"]
        return {joint: found for joint, found in self.bones().items() if joint in joints}

    def _rotation_tracks(self, bone):
        path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].' + ROTATION_PATHS.get(bone.rotation_mode, "rotation_euler")
        count = 4 if bone.rotation_mode in ROTATION_PATHS else 3
        return [Track(armature(self.obj), path, index, bone.name) for index in range(count)]


def expression_keys(obj: Any) -> dict[int, str]:
    """{channel: shape key name} of FLAME's expressions as other add-ons name them, counted from their lowest number."""
    blocks = obj.data.shape_keys.key_blocks if obj.type == "MESH" and obj.data.shape_keys else ()
    numbered = sorted((int(match[1]), block.name) for block in blocks if (match := EXPRESSION_KEY.fullmatch(block.name)))
    first = 0 if numbered and numbered[0][0] == 0 else 1
    names = {number - first: name for number, name in numbered}
    return {i: names[i] for i in range(EXPRESSION.stop) if all(j in names for j in range(i + 1))}


def _evaluate(found, frames, bone):
    """F-curves (or None: the bone's own value) of one rotation at frames: [N, len(found)]."""
    own = getattr(bone, ROTATION_PATHS.get(bone.rotation_mode, "rotation_euler"))
    return np.array([[curve.evaluate(frame) if curve else own[i] for i, curve in enumerate(found)] for frame in frames])
