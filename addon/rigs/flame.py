"""FLAME heads: a mesh with a shape key per channel of a Motion, deformed by an armature (root, neck, jaw, eyes).

Ours and those that rigs/making.py made ready bear the custom property "utter_head": basis, head (file), jaw, channels {shape key:
Motion channel}, bones {joint: bone}, axes (3x3, row-major: FLAME's axes to the object's), lips (upper and lower inner-lip vertex),
jaw_turns (3x3x3, of the bundle), identity (300 coefficients, once there is one), and what the artist's changes are told by:
anchor_vertices and anchor_places (where some vertices lay, in FLAME's axes and metres), key_likeness {shape key: what it does},
bone_likeness {joint: what its vertex group holds}. Heads of earlier versions lack these.
"""

import re
from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

from ..animation import tracks
from ..animation.rotations import read_rotation, write_rotation
from ..animation.tracks import Track
from ..contract import ACTIONS, CHANNELS, EXPRESSION, EYES, FACE_ACTIONS, FLAME_VERTICES, JAW, LIDS, NECK, TONGUE, UtterError
from . import hair, sharing
from .axes import align
from .base import (
    OURS,
    PROPERTY,
    Find,
    Recognition,
    Rig,
    armature,
    held_keys,
    key_points,
    key_track,
    listed,
    neutral,
    sampled_keys,
    unusable,
)
from .likeness import group_weights, likeness, recall

EXPRESSION_KEY = re.compile(r"Exp(\d+)")  # Exp1.. or Exp000..: how other add-ons name FLAME's expressions
GROUPS = ((EXPRESSION, "Expression"), (JAW, "Jaw"), (LIDS, "Lids"), (TONGUE, "Tongue"))
BONE_CHANNELS = {  # rotation about x, y, z
    "neck": [*range(NECK.start, NECK.stop)],
    "jaw": [*range(JAW.start, JAW.stop)],
    "eye_left": [EYES.start, EYES.start + 1],
    "eye_right": [EYES.start + 2, EYES.start + 3],
}
ANCHORS = 256  # vertices that tell how a head lies
TURNED = 0.02  # radians, or of the scale: by less a head was sculpted, by more it was turned or scaled
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
        self.jaw = "bone" if (self._baked_jaw() or told["jaw"].lower()) == "bone" and "jaw" in self.bone_names() else "keys"

    @classmethod
    def recognise(cls, obj: Any) -> Recognition | None:
        told = obj.get(PROPERTY)
        if told is not None and "channels" in told:
            names, rig = key_names(obj), armature(obj)
            if not names:
                return Recognition("none", f"{obj.name} has lost its shape keys; undo that, or add the head again.", 1.0, cls)
            if reason := unusable(obj, [obj.data.shape_keys.key_blocks[name] for name in names.values()]):
                return Recognition("none", reason, 1.0, cls)
            if rig and rig.library:
                reason = f"{rig.name}, the armature of {obj.name}, is linked from another file; make a library override of it as well."
                return Recognition("none", reason, 1.0, cls)
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
        return [*self._key_tracks("keys").values(), *turned, *self._action_tracks().values()]

    def plan(self, samples: np.ndarray) -> dict[Track, np.ndarray]:
        keys, self.cut = self.shape_keys(), []
        planned = {track: self.hold(track, keys[column], samples[:, column]) for column, track in self._key_tracks(self.jaw).items()}
        for joint, (bone, rest) in self._joints(self.jaw).items():
            vectors = np.zeros((len(samples), 3))
            vectors[:, : len(BONE_CHANNELS[joint])] = samples[:, BONE_CHANNELS[joint]]
            for track, column in zip(self._rotation_tracks(bone), write_rotation(bone.rotation_mode, vectors, rest).T):
                planned[track] = column
        return planned

    def pins(self, kind: int | None = None) -> tuple[list[float], list[int], list[float]]:
        frames, columns, values = held_keys({**self._key_tracks(self.jaw), **self._action_tracks()}, kind)
        for joint, (bone, rest) in self._joints(self.jaw).items():
            found = [tracks.find(track) for track in self._rotation_tracks(bone)]
            held = [tracks.held(curve, kind)[:, 0] for curve in found]
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

    def holds(self, samples: np.ndarray, columns: Iterable[int]) -> dict[Track, np.ndarray]:
        """Face actions on custom properties of the shape keys' data-block: a Motion's expressions mix the regions of a face."""
        columns = set(columns)
        planned = {self._action_track(c): np.clip(samples[:, c], 0, 1) for c in sorted(columns) if c >= FACE_ACTIONS.start}
        if columns & set(range(NECK.start, NECK.stop)) and (neck := self._joints(self.jaw).get("neck")):
            bone, rest = neck
            planned |= dict(zip(self._rotation_tracks(bone), write_rotation(bone.rotation_mode, samples[:, NECK], rest).T))
        return planned

    def held_only(self) -> set[Track]:
        return {self._action_track(column) for column in range(FACE_ACTIONS.start, FACE_ACTIONS.stop)}

    def sample(self, frames: np.ndarray, find: Find = OURS) -> np.ndarray:
        jaw = self.jaw if find is OURS else self._baked_jaw(find) or self.jaw
        values = sampled_keys(self._key_tracks(jaw), frames, self.columns, find)
        for joint, (bone, rest) in self._joints(jaw).items():
            found = [find(track) for track in self._rotation_tracks(bone)]
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
        return place(self.obj)[0]

    def shape_keys(self) -> dict[int, Any]:
        blocks = self.obj.data.shape_keys.key_blocks
        return {channel: blocks[name] for channel, name in key_names(self.obj).items()}

    def separate(self) -> list[str]:
        said, obj, rig = super().separate(), self.obj, armature(self.obj)
        if rig:
            others = (other for other in bpy.data.objects if other.type == "MESH" and other != obj and not other.library)
            sharers = [other for other in others if PROPERTY in other and armature(other) == rig]
            said += sharing.own_armature(obj, rig, sharers)
            if sharers:
                hair.twin(obj, sharers[0])
        return said

    def losses(self) -> list[str]:
        obj, rig, bones, told = self.obj, armature(self.obj), self.bone_names(), self.obj[PROPERTY]
        said = super().losses()
        names = key_names(obj)
        if lost := [key for key, channel in told["channels"].items() if int(channel) not in names]:
            said.append(f"{obj.name} has lost shape keys, so what they do is missing ({listed(lost)}); undo that, or add the head again.")
        if rig is None:
            return [*said, f"{obj.name} has lost its armature, so its head and eyes do not turn; undo that, or add the head again."]
        if lost := [joint for joint in told["bones"].keys() if joint not in bones]:
            said.append(f"{rig.name} has lost bones, so nothing turns about them ({listed(lost)}); undo that, or add the head again.")
        if lost := [bone for joint, bone in bones.items() if joint in told.get("bone_likeness", ()) and bone not in obj.vertex_groups]:
            said.append(f"No vertex groups of {obj.name} are called as its bones ({listed(lost)}), which move nothing; rename them so.")
        if self._left_behind():
            said.append(f"{obj.name} was moved without its armature, whose bones turn its eyes; move it back, and {rig.name} instead.")
        bound = [modifier for modifier in obj.modifiers if modifier.type == "ARMATURE" and modifier.object == rig]
        if not bound and told.get("bone_likeness"):
            said.append(f"The Armature modifier of {obj.name} is gone, so its head and eyes do not turn; bring it back.")
        return said

    def _left_behind(self) -> bool:
        """Whether the eyes' bones do not lie within the eyes."""
        obj, bones = self.obj, {joint: bone for joint, bone in self.bone_names().items() if joint.startswith("eye")}
        back, points = self.to_armature().inverted_safe(), neutral(obj)
        for bone, weights in group_weights(obj, bones.values()).items():
            own = weights > 0.5
            joint = np.array(back @ armature(obj).data.bones[bone].head_local)
            if own.any() and np.linalg.norm(points[own].mean(0) - joint) > np.ptp(points[own], axis=0).max():
                return True
        return False

    def bone_names(self) -> dict[str, str]:
        """{joint: bone} of the bones that are there, found by what they move if they have other names now."""
        obj, rig = self.obj, armature(self.obj)
        if rig is None:
            return {}
        names, told = obj[PROPERTY]["bones"].to_dict(), obj[PROPERTY].get("bone_likeness", {})
        bones, groups = tuple(rig.data.bones.keys()), obj.vertex_groups
        does = lambda: {bone: likeness(weights) for bone, weights in group_weights(obj, bones).items()}
        found = _recalled((obj.session_uid, bones, tuple(groups.keys())), names, told, bones, does)
        if "root" in names and "root" not in found and "neck" in found and (parent := rig.data.bones[found["neck"]].parent):
            found |= {"root": parent.name}  # it moves no vertex that would tell
        return found

    def set_jaw(self, jaw: str) -> None:
        """UtterError if it is to be a bone and there is no jaw bone."""
        if jaw == "bone" and "jaw" not in self.bone_names():
            raise UtterError(f"{self.obj.name} has no jaw bone; bake its jaw as shape keys.")
        self.obj[PROPERTY]["jaw"] = self.jaw = jaw

    def bones(self) -> dict[str, tuple[Any, np.ndarray]]:
        """{joint: (pose bone, rest [3,3])}; rest: the bone's axes as columns, in FLAME's axes.

        A rotation R in FLAME's axes is rest^T R rest in the bone's own. Our own bones point up, so that rest is the identity and
        their rotation curves show the Motion's numbers."""
        rig = armature(self.obj)
        if rig is None:
            return {}
        if rig.pose is None:  # linked to the scene just now
            bpy.context.view_layer.update()
        turn = (np.array(self.to_armature().to_3x3().normalized()) @ self.axes()).T
        rest = lambda bone: turn @ np.array(rig.data.bones[bone].matrix_local.to_3x3())
        return {joint: (rig.pose.bones[bone], rest(bone)) for joint, bone in self.bone_names().items()}

    def to_armature(self) -> Any:
        """The matrix from the object's own space to its armature's; told without matrix_world, which is stale until Blender's next
        update, where one is the other's parent."""
        obj, rig = self.obj, armature(self.obj)
        if obj.parent == rig and obj.parent_type == "OBJECT":
            return obj.matrix_parent_inverse @ obj.matrix_basis
        if rig.parent == obj and rig.parent_type == "OBJECT":
            return (rig.matrix_parent_inverse @ rig.matrix_basis).inverted_safe()
        return rig.matrix_world.inverted_safe() @ obj.matrix_world

    def _baked_jaw(self, find=OURS):
        """ "bone" or "keys" as the performance on the head has it, or what find() finds; None without one."""
        blocks, names = self.obj.data.shape_keys, key_names(self.obj)
        if JAW.start in names and find(key_track(blocks, blocks.key_blocks[names[JAW.start]], "")):
            return "keys"
        bone = armature(self.obj) and armature(self.obj).pose and armature(self.obj).pose.bones.get(self.bone_names().get("jaw", ""))
        return "bone" if bone and find(self._rotation_tracks(bone)[0]) else None

    def _key_tracks(self, jaw):
        """{channel: track} of what is baked as shape keys."""
        keys = {column: key for column, key in self.shape_keys().items() if not (jaw == "bone" and JAW.start <= column < JAW.stop)}
        group = lambda column: next(group for part, group in GROUPS if part.start <= column < part.stop)
        return {column: key_track(self.obj.data.shape_keys, key, group(column)) for column, key in keys.items()}

    def _action_track(self, column):
        return Track(self.obj.data.shape_keys, f'["{ACTIONS[column - FACE_ACTIONS.start]}"]', 0, "Held Face Actions")

    def _action_tracks(self):
        """{column: track} of the face actions that are held."""
        found = {column: self._action_track(column) for column in range(FACE_ACTIONS.start, FACE_ACTIONS.stop)}
        return {column: track for column, track in found.items() if tracks.find(track)}

    def _joints(self, jaw):
        """{joint: (pose bone, rest)} of what is baked as bones."""
        joints = [joint for joint in BONE_CHANNELS if joint != "jaw" or jaw == "bone"]
        return {joint: found for joint, found in self.bones().items() if joint in joints}

    def _rotation_tracks(self, bone):
        path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].' + ROTATION_PATHS.get(bone.rotation_mode, "rotation_euler")
        count = 4 if bone.rotation_mode in ROTATION_PATHS else 3
        return [Track(armature(self.obj), path, index, bone.name) for index in range(count)]


def place(obj: Any) -> tuple[np.ndarray, float, float]:
    """How a head of ours lies in its object's axes now, wherever the artist applied a rotation or a scale: FLAME's axes as columns
    [3,3], the object's units to a metre, and how far its vertices are from where they were (metres, root mean square)."""
    told = obj[PROPERTY]
    axes, scale = np.array(told["axes"]).reshape(3, 3), told.get("scale", 1.0)
    chosen, places = list(told.get("anchor_vertices", ())), np.array(told.get("anchor_places", ())).reshape(-1, 3)
    if not chosen or max(chosen) >= len(obj.data.vertices):
        return axes, scale, 0.0
    now = neutral(obj)[chosen]
    turned, scaled, _, error = align(places, now)
    if np.abs(turned - axes).max() > TURNED or abs(scaled / scale - 1) > TURNED:
        axes, scale = turned, scaled
    return axes, scale, error / scale


def anchor(obj: Any, axes: np.ndarray, scale: float) -> None:
    """Remember how a head of ours lies: for place()."""
    own, told = neutral(obj), obj[PROPERTY]
    chosen = np.unique(np.linspace(0, len(own) - 1, ANCHORS).astype(int))
    told["axes"], told["scale"] = np.ravel(axes).tolist(), float(scale)
    told["anchor_vertices"], told["anchor_places"] = chosen.tolist(), np.ravel(own[chosen] @ axes / scale).tolist()


def key_names(obj: Any) -> dict[int, str]:
    """{channel: shape key} of a head of ours: of the keys that are there, found by what they do if they have other names now."""
    if obj.data.shape_keys is None:
        return {}
    told, there = obj[PROPERTY], tuple(obj.data.shape_keys.key_blocks.keys())
    names = {int(channel): key for key, channel in told["channels"].items()}
    known = told.get("key_likeness", {})
    known = {channel: known[key] for channel, key in names.items() if key in known}
    return _recalled((obj.session_uid, there), names, known, there, lambda: key_likeness(obj, there))


def key_likeness(obj: Any, names: Iterable[str]) -> dict[str, np.ndarray]:
    """{name: likeness} of shape keys of a head of ours, in FLAME's axes and metres."""
    axes, scale, _ = place(obj)
    rest, blocks = neutral(obj), obj.data.shape_keys.key_blocks
    return {name: likeness((key_points(blocks[name]) - rest) @ axes / scale) for name in names}


_remembered: dict[tuple, dict] = {}  # by object and names: panels ask many times a second


def _recalled(asked, names, known, there, does):
    """{key: name} of names, those of them that there are now; does(): their likenesses, looked at only if a name is gone."""
    if not set(names.values()) - set(there):
        return names
    if not known:
        return {key: name for key, name in names.items() if name in there}
    if asked not in _remembered:
        if len(_remembered) > 100:
            _remembered.clear()
        _remembered[asked] = recall(names, {key: np.array(one) for key, one in known.items()}, does())
    return _remembered[asked]


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
