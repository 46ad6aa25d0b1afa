"""FLAME heads: a mesh with a shape key per channel of a Motion, deformed by an armature (root, neck, jaw, eyes).

Ours and those that rigs/making.py made ready bear the custom property "utter_head": basis, head (file), jaw, curves, channels {shape
key: column of a performance}, actions_motion (52x65: the Motion of each face action), bones {joint: bone}, axes (3x3, row-major: FLAME's
axes to the object's), lips (upper and lower inner-lip vertex), jaw_turns (3x3x3, of the bundle), identity (300 coefficients, once there
is one), and what the artist's changes are told by: anchor_vertices and anchor_places (where some vertices lay, in FLAME's axes and
metres), key_likeness {shape key: what it does}, bone_likeness {joint: what its vertex group holds}, called {a name that the
artist gave a shape key: its column}. Heads of earlier versions lack these.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..animation import tracks
from ..animation.rotations import read_rotation, write_rotation
from ..animation.tracks import Keys, Track
from ..contract import (
    ACTIONS,
    CHANNEL_NAMES,
    CHANNELS,
    EXPRESSION,
    EYES,
    FACE_ACTIONS,
    FLAME_VERTICES,
    JAW,
    LIDS,
    NECK,
    PERFORMANCE,
    REGIONS,
    TONGUE,
    UtterError,
)
from . import acting, hair, sharing
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
JAW_OPEN = FACE_ACTIONS.start + ACTIONS.index("jawOpen")
TONGUE_KEYS = [TONGUE.start, TONGUE.start + 1]  # what of the tongue is no face action
BONE_CHANNELS = {  # rotation about x, y, z
    "neck": [*range(NECK.start, NECK.stop)],
    "jaw": [*range(JAW.start, JAW.stop)],
    "eye_left": [EYES.start, EYES.start + 1],
    "eye_right": [EYES.start + 2, EYES.start + 3],
}
ANCHORS = 256  # vertices that tell how a head lies
SHOWN = 1e-5  # of a channel: what moves less is not shown
TURNED = 0.02  # radians, or of the scale: by less a head was sculpted, by more it was turned or scaled
ROTATION_PATHS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}  # any other mode: rotation_euler


class FlameRig(Rig):
    """A head of ours, or one made ready.

    curves: "channels", shape keys for a Motion's channels, or "actions", for the 52 face actions under their names, all within 0 and 1
    (and the tongue's two that are none of these); neck and eyes are bones. By actions the jaw moves by keys.

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
        self.curves = self._baked_curves() or told.get("curves", "channels")
        self.jaw = "bone" if (self._baked_jaw() or told["jaw"].lower()) == "bone" and "jaw" in self.bone_names() else "keys"
        self._settle()

    def _settle(self):
        """What follows from how the face is baked."""
        if self.curves == "actions" and JAW_OPEN in key_names(self.obj):
            self.columns, self.jaw = PERFORMANCE, "keys"
        else:
            self.columns, self.curves = CHANNELS, "channels"

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
        keys = [*self._key_tracks("channels", "keys").values(), *self._key_tracks("actions").values()]
        held = [track for column in range(PERFORMANCE) if tracks.find(track := self._held_track(column))]
        return [*dict.fromkeys(keys), *turned, *held]

    def plan(self, samples: np.ndarray, on: Collection[tuple] | None = None) -> dict[Track, np.ndarray]:
        keys, self.cut, planned = self.shape_keys(), [], {}
        for column, track in self._key_tracks().items():
            if on is not None and track[:3] not in on:
                continue
            values = samples[:, column] if self.curves == "channels" else np.clip(samples[:, column], 0, 1)
            planned[track] = self.hold(track, keys[column], values)
        for joint, (bone, rest) in self._joints(self.jaw).items():
            planned |= self._turn(joint, bone, rest, samples)
        return planned

    def _turn(self, joint, bone, rest, samples):
        """{track: values} of a bone in a performance."""
        vectors = np.zeros((len(samples), 3))
        vectors[:, : len(BONE_CHANNELS[joint])] = samples[:, BONE_CHANNELS[joint]]
        return dict(zip(self._rotation_tracks(bone), write_rotation(bone.rotation_mode, vectors, rest).T))

    def pins(self, kind: int | None = None) -> tuple[list[float], list[int], list[float]]:
        held = {column: track for column in self._apart() if tracks.find(track := self._held_track(column))}
        frames, columns, values = held_keys({**self._key_tracks(), **held}, kind)
        for joint, (bone, rest) in self._joints(self.jaw).items():
            more = self._turned(joint, bone, rest, kind)
            frames, columns, values = frames + more[0], columns + more[1], values + more[2]
        return frames, columns, values

    def _turned(self, joint, bone, rest, kind=None):
        """As pins(), those on a bone."""
        found = [tracks.find(track) for track in self._rotation_tracks(bone)]
        held = [tracks.held(curve, kind)[:, 0] for curve in found]
        moments = np.unique(np.concatenate(held))
        frames: list[float] = []
        columns: list[int] = []
        values: list[float] = []
        if not len(moments):
            return frames, columns, values
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
        """On the tracks that show them, where these show nothing else; face actions of a head that is baked by channels on custom
        properties of the shape keys' data-block, for a Motion's expressions mix the regions of a face."""
        columns, shown, keys, planned = set(columns), self._key_tracks(), self.shape_keys(), {}
        for column in sorted(columns - set(range(EXPRESSION.start, EXPRESSION.stop))):
            values = samples[:, column] if column < CHANNELS else np.clip(samples[:, column], 0, 1)
            if column in shown:
                planned[shown[column]] = self.hold(shown[column], keys[column], values)
            elif column >= CHANNELS:
                planned[self._held_track(column)] = values
        for joint, (bone, rest) in self._joints(self.jaw).items():
            if columns & set(BONE_CHANNELS[joint]):
                planned |= self._turn(joint, bone, rest, samples)
        return planned

    def face(self, frame: float) -> np.ndarray:
        """By channels, face actions are read from them, but those that are held there are as they are held."""
        row = super().face(frame)
        if self.curves == "channels":
            row[FACE_ACTIONS] = acting.read(self.obj, key_names(self.obj), row[:CHANNELS])
            for column in range(FACE_ACTIONS.start, FACE_ACTIONS.stop):
                if (value := tracks.value_at(tracks.find(self._held_track(column)), frame)) is not None:
                    row[column] = value
        return row

    def posed(self, row: np.ndarray, columns: dict[int, float]) -> np.ndarray:
        """A change of face actions moves the channels that they are made of."""
        after = super().posed(row, columns)
        after[:CHANNELS] += (after - row)[FACE_ACTIONS] @ self.motions()
        return after

    def shows(self, before: np.ndarray, after: np.ndarray) -> dict[Track, float]:
        """The channels; by actions, the eyes alone."""
        moved = {int(column) for column in np.flatnonzero(np.abs(after - before)[:CHANNELS] > SHOWN)}
        shown: dict[Track, float] = {}
        if self.curves == "channels":
            keys = self.shape_keys()
            for column, track in self._key_tracks().items():
                if column in moved:
                    shown[track] = self.widen(keys[column], float(after[column]))
        for joint, (bone, rest) in self._joints(self.jaw).items():
            if joint != "neck" and moved & set(BONE_CHANNELS[joint]):
                shown |= {track: float(values[0]) for track, values in self._turn(joint, bone, rest, after[None]).items()}
        return shown

    def columns_of(self) -> dict[Track, int]:
        found = {track: column for column, track in self._key_tracks().items()}
        found |= {self._held_track(column): column for column in self._apart()}
        for joint, (bone, _) in self._joints(self.jaw).items():
            axes = BONE_CHANNELS[joint]
            euler = bone.rotation_mode not in ROTATION_PATHS
            found |= {track: axes[min(k, len(axes) - 1)] if euler else axes[0] for k, track in enumerate(self._rotation_tracks(bone))}
        return found

    def held_only(self) -> set[Track]:
        return {self._held_track(column) for column in self._apart()}

    def housed(self, kept: dict[Track, Keys]) -> dict[Track, Keys]:
        shown = self._key_tracks()
        found: dict[Track, Keys] = {}
        column_of = {self._held_track(column): column for column in range(PERFORMANCE)}
        for some in (self._key_tracks("channels", "keys"), self._key_tracks("actions")):
            column_of |= {track: column for column, track in some.items()}
        moved = [(column_of.get(track), track, keys) for track, keys in kept.items()]
        if self.jaw == "keys" and (jaw := self._joints("bone").get("jaw")):
            turns = self._rotation_tracks(jaw[0])
            frames, columns, values = (np.array(one) for one in self._turned("jaw", *jaw))
            moved = [one for one in moved if one[1] not in turns]
            for column in np.unique(columns).astype(int) if any(track in kept for track in turns) else ():
                own = columns == column
                keys = tracks.joined(tracks.made(frames[own], values[own], tracks.KEYFRAME), tracks.made(frames[:0], values[:0], 0))
                moved.append((column, turns[0], keys))
        for column, track, keys in moved:
            to = track if column is None else shown.get(column) or self._held_track(column)
            if to in found:
                keys = tracks.joined(found[to], tracks.part(keys, ~tracks.near(keys["co"][:, 0], found[to])))
            found[to] = keys
        return found

    def sample(self, frames: np.ndarray, find: Find = OURS) -> np.ndarray:
        ours = find is OURS
        curves = self.curves if ours else self._baked_curves(find) or self.curves
        jaw = self.jaw if ours else "keys" if curves == "actions" else self._baked_jaw(find) or self.jaw
        values = sampled_keys(self._key_tracks(curves, jaw), frames, PERFORMANCE if curves == "actions" else CHANNELS, find)
        if curves == "actions":
            tongue = values[:, TONGUE_KEYS]
            values[:, :CHANNELS] = values[:, FACE_ACTIONS] @ self.motions()
            values[:, TONGUE_KEYS] = tongue
        for joint, (bone, rest) in self._joints(jaw).items():
            found = [find(track) for track in self._rotation_tracks(bone)]
            if any(found):
                vectors = read_rotation(bone.rotation_mode, _evaluate(found, frames, bone), rest)
                values[:, BONE_CHANNELS[joint]] = vectors[:, : len(BONE_CHANNELS[joint])]
        return values

    def motions(self) -> np.ndarray:
        """[52, 65]: the Motion of each face action."""
        found = acting.motions_of(self.obj)
        return np.zeros((len(ACTIONS), CHANNELS), np.float32) if found is None else found

    def rest(self) -> None:
        for key in self.every_key().values():
            key.value = 0
        for bone, _ in self._joints("bone").values():
            bone.rotation_euler = (0, 0, 0)
            bone.rotation_quaternion = (1, 0, 0, 0)
            bone.rotation_axis_angle = (0, 0, 1, 0)

    def lips(self) -> tuple[int, int] | None:
        lips = tuple(self.obj[PROPERTY]["lips"])
        return lips if len(lips) == 2 and (JAW_OPEN if self.curves == "actions" else JAW.start) in self.shape_keys() else None

    def axes(self) -> np.ndarray:
        return place(self.obj)[0]

    def shape_keys(self) -> dict[int, Any]:
        return self._keys_of(self.curves)

    def every_key(self) -> dict[int, Any]:
        """{column: shape key} of the keys that are there, by whichever curves they are baked."""
        blocks = self.obj.data.shape_keys.key_blocks
        return {column: blocks[name] for column, name in key_names(self.obj).items()}

    def _keys_of(self, curves):
        """{column: shape key} of those that are baked so."""
        shown = [*TONGUE_KEYS, *range(FACE_ACTIONS.start, FACE_ACTIONS.stop)] if curves == "actions" else range(CHANNELS)
        return {column: key for column, key in self.every_key().items() if column in shown}

    def separate(self) -> list[str]:
        said, obj, rig = super().separate(), self.obj, armature(self.obj)
        if rig:
            others = (other for other in bpy.data.objects if other.type == "MESH" and other != obj and not other.library)
            sharers = [other for other in others if PROPERTY in other and armature(other) == rig]
            said += sharing.own_armature(obj, rig, sharers)
            if sharers:
                hair.twin(obj, sharers[0])
        called, told = key_names(obj), obj[PROPERTY]
        if new := {name: column for column, name in called.items() if name not in told["channels"]}:
            told["called"] = {**(told["called"].to_dict() if "called" in told else {}), **new}
        return said

    def now(self, path: str) -> str:
        name, blocks, told = compat.named(path, "key_blocks"), self.obj.data.shape_keys.key_blocks, self.obj[PROPERTY]
        if not name or name in blocks:
            return path
        column = told["channels"].get(name, told.get("called", {}).get(name))
        key = key_names(self.obj).get(column)
        return path if key is None else tracks.value_of(blocks[key])

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
        self._settle()

    def set_ways(self, curves: str, jaw: str) -> None:
        """UtterError if it is to be baked by face actions and cannot have their shape keys, or by a jaw bone that is not there."""
        told = self.obj[PROPERTY]
        if curves == "actions":
            added = acting.add_keys(self.obj, key_names(self.obj))
            for column, name in added.items():
                told["channels"][name] = column
            for name, one in key_likeness(self.obj, added.values()).items():
                told["key_likeness"][name] = one.tolist()
        told["curves"] = self.curves = curves
        if curves == "channels":
            self.set_jaw(jaw)
        self._settle()

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

    def joints(self) -> dict[str, Any]:
        return {joint: bone for joint, (bone, _) in self.bones().items()}

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

    def _baked_curves(self, find=OURS):
        """ "channels" or "actions" as the performance on the head has it, or what find() finds; None without one."""
        told, blocks = key_names(self.obj), self.obj.data.shape_keys
        for curves, column in (("actions", JAW_OPEN), ("channels", JAW.start), ("channels", EXPRESSION.start)):
            if column in told and find(key_track(blocks, blocks.key_blocks[told[column]], "")):
                return curves
        return None

    def _key_tracks(self, curves=None, jaw=None):
        """{column: track} of what is baked as shape keys; by default as this rig is."""
        curves, jaw = curves or self.curves, jaw or self.jaw
        keys = {column: key for column, key in self._keys_of(curves).items() if not (jaw == "bone" and JAW.start <= column < JAW.stop)}
        return {column: key_track(self.obj.data.shape_keys, key, _group(column)) for column, key in keys.items()}

    def _apart(self):
        """The columns of a performance that are held apart from what shows them: no track does, or a bone's that turns about all three axes
        at once."""
        shown = {*self._key_tracks(), *range(NECK.start, EYES.stop)}
        return [column for column in range(PERFORMANCE) if column not in shown]

    def _held_track(self, column):
        """Where a column is held that is not shown."""
        if column < CHANNELS:
            return Track(self.obj.data.shape_keys, f'["{CHANNEL_NAMES[column]}"]', 0, "Held Channels")
        return Track(self.obj.data.shape_keys, f'["{ACTIONS[column - FACE_ACTIONS.start]}"]', 0, "Held Face Actions")

    def _joints(self, jaw):
        """{joint: (pose bone, rest)} of what is baked as bones."""
        joints = [joint for joint in BONE_CHANNELS if joint != "jaw" or jaw == "bone"]
        return {joint: found for joint, found in self.bones().items() if joint in joints}

    def _rotation_tracks(self, bone):
        path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].' + ROTATION_PATHS.get(bone.rotation_mode, "rotation_euler")
        count = 4 if bone.rotation_mode in ROTATION_PATHS else 3
        return [Track(armature(self.obj), path, index, bone.name) for index in range(count)]


def _group(column):
    """The group of a column's curve in the editors."""
    if column < CHANNELS:
        return next(group for part, group in GROUPS if part.start <= column < part.stop)
    return next((label for label, starts in REGIONS.values() if ACTIONS[column - CHANNELS].startswith(starts)), "Tongue")


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
    """{column of a performance: shape key} of a head of ours: of the keys that are there, found by what they do where they have other
    names now."""
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
