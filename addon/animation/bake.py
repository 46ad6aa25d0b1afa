"""Motion -> F-curves of our own, and back.

A *track* is one F-curve of ours: the data-block it belongs to (the mesh's shape keys, or the armature), its data path and index.
Keys that we write have the type GENERATED and carry the value we gave them once more in the field `back`, which Blender reads for
interpolation of the type BACK alone. A key of any other type is the artist's: a pin. So is a key of ours whose value is no longer
the one in `back`: keying over one of our keys, or dragging it in the Graph Editor, leaves its type as it is.
"""

from typing import NamedTuple

import bpy
import numpy as np

from .. import compat
from ..contract import UtterError
from ..rigs import rig
from . import curves
from .curves import CHANNELS, EXPRESSION, JAW, LIDS, TONGUE
from .rotations import read_rotation, write_rotation

OWNED = "utter_performance"  # custom property of Actions that we made
ASIDE = "Kept under Utter"  # NLA track that an artist's Action waits in
BONE_CHANNELS = {"neck": [53, 54, 55], "jaw": [50, 51, 52], "eye_left": [56, 57], "eye_right": [58, 59]}  # rotation about x, y, z
GROUPS = ((EXPRESSION, "Expression"), (JAW, "Jaw"), (LIDS, "Lids"), (TONGUE, "Tongue"))
WIDEST = 10.0  # Blender's limit for a shape key's slider
ROTATION_PATHS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}  # any other mode: rotation_euler
FIELDS = (
    "co",
    "handle_left",
    "handle_right",
    "type",
    "interpolation",
    "easing",
    "handle_left_type",
    "handle_right_type",
    "back",
    "amplitude",
    "period",
)


def _code(field, name):
    return bpy.types.Keyframe.bl_rna.properties[field].enum_items[name].value


GENERATED, KEYFRAME = _code("type", "GENERATED"), _code("type", "KEYFRAME")
BEZIER, AUTO_CLAMPED = _code("interpolation", "BEZIER"), _code("handle_left_type", "AUTO_CLAMPED")


class Baked(NamedTuple):
    """actions: the Actions that hold the performance (one, or two before Blender 4.4).
    set_aside: names of the artist's Actions that were active and now play below ours in the NLA (with a fake user)."""

    actions: list
    set_aside: list


class Track(NamedTuple):
    owner: object  # Key or armature Object
    path: str
    index: int
    group: str


def bake(obj, values, start_frame=1.0, *, fps=None, jaw=None, name=None, lip_gap=None):
    """Write a performance onto our head obj as F-curves of an Action of our own: Baked.

    values: Motion [T,65] at 30 fps. start_frame: scene frame of the voice's first sample. fps: the scene's, default the
    context scene's. jaw: "KEYS", "BONE" or None, as the head remembers. name: the Action's. lip_gap [T]: default from the mesh.
    Our own earlier performance on obj is replaced (its pins too); an artist's Action is never written to.
    UtterError if obj is no head of ours, or values are no Motion.

    Jaw keys are the jaw's turn made linear, with FLAME's pose correctives; the bone turns truly and has none. On the built-in head
    opened by 0.3 rad, no vertex lies further from FLAME's posed surface than 1.3 mm with keys and 5.6 mm with the bone (under the
    chin, where a corrective lets the throat give way); at 0.45 rad, 6.6 mm and 8.2 mm.
    """
    return _write(obj, values, start_frame, fps, jaw, name, lip_gap, keep_pins=False)


def rebake(obj, values, start_frame=1.0, *, fps=None, jaw=None, lip_gap=None):
    """As bake(), but the artist's keys (pins) stay as they are (frame, value, handles, type) and our keys make room: Baked.

    A key of ours that the artist moved becomes one of type KEYFRAME, so that it shows as held.
    """
    return _write(obj, values, start_frame, fps, jaw, None, lip_gap, keep_pins=True)


def read_pins(obj, start_frame, length, *, fps=None):
    """The artist's keys on our channels: (values [length,65] float32, mask [length,65] bool) at 30 fps.

    A pin is a key whose type is not GENERATED, or one of ours whose value was changed by hand. Empty mask if none.
    """
    head = _head(obj)
    frames, channels, values = [], [], []
    for channel, key in _key_channels(obj, head.jaw).items():
        curve = _find(_key_track(obj, channel, key))
        held = _read(curve, pins_only=True)["co"] if curve else np.empty((0, 2))
        frames.extend(held[:, 0])
        values.extend(held[:, 1])
        channels.extend([channel] * len(held))
    for joint, (bone, rest) in _joints(obj, head.jaw).items():
        tracks = _rotation_tracks(obj, bone)
        found = [_find(track) for track in tracks]
        held = [_read(curve, pins_only=True)["co"][:, 0] if curve else np.empty(0) for curve in found]
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
            channels.extend([channel] * len(touched))
    return curves.pins(frames, channels, values, start_frame, fps or scene_fps(), length)


def count_pins(obj):
    """How many keys of the artist are on our channels: those that read_pins() reads."""
    found = [_find(track) for track in _all_tracks(obj)]
    return sum(len(_read(curve, pins_only=True)["co"]) for curve in found if curve)


def clear(obj):
    """Remove our performance from obj: our F-curves go, channels return to rest, the artist's Action is active again.
    Returns False if there was none. Curves that the artist added to our Action stay, in it."""
    if rig.describe(obj).kind != "utter":
        return False
    cleared = bool(actions(obj))
    for action in _unshare(obj):
        _remove_tracks(_all_tracks(obj))
        if compat.empty(action):
            bpy.data.actions.remove(action)
    for owner in _owners(obj):
        if owner.animation_data and owner.animation_data.action is None:
            compat.pull_up(owner, ASIDE)
    if cleared:
        _rest(obj)
    return cleared


def owned(action):
    """True if the Action is one that bake() made."""
    return action is not None and OWNED in action


def actions(obj):
    """Our Actions on obj now (list; empty if none)."""
    found = [owner.animation_data.action for owner in _owners(obj) if owner.animation_data]
    return list(dict.fromkeys(action for action in found if owned(action)))


def sample(obj, frames):
    """Evaluate our F-curves at scene frames: values [len(frames),65] float32; 0 for a channel without a curve."""
    head = _head(obj)
    frames = np.asarray(frames, float)
    values = np.zeros((len(frames), CHANNELS), np.float32)
    for channel, key in _key_channels(obj, head.jaw).items():
        curve = _find(_key_track(obj, channel, key))
        if curve:
            values[:, channel] = [curve.evaluate(frame) for frame in frames]
    for joint, (bone, rest) in _joints(obj, head.jaw).items():
        found = [_find(track) for track in _rotation_tracks(obj, bone)]
        if any(found):
            vectors = read_rotation(bone.rotation_mode, _evaluate(found, frames, bone), rest)
            values[:, BONE_CHANNELS[joint]] = vectors[:, : len(BONE_CHANNELS[joint])]
    return values


def scene_fps(scene=None):
    """The scene's frames a second: render.fps / render.fps_base."""
    render = (scene or bpy.context.scene).render
    return render.fps / render.fps_base


# Writing


def _write(obj, values, start_frame, fps, jaw, name, lip_gap, keep_pins):
    head = _head(obj)
    values = np.asarray(values, np.float32)
    if values.ndim != 2 or values.shape[1] != CHANNELS or not len(values) or not np.isfinite(values).all():
        raise UtterError("The performance is damaged; perform again.")
    for owner in _owners(obj):
        if owner.animation_data and owner.animation_data.use_tweak_mode:
            raise UtterError(f"{owner.name} is in the NLA's tweak mode; leave it and perform again.")
    if jaw is not None and jaw != head.jaw:
        rig.set_jaw(obj, jaw)
    jaw = jaw or head.jaw
    gap = rig.lip_gap(obj, values) if lip_gap is None else lip_gap
    frames, samples = curves.resample(values, fps or scene_fps(), start_frame, gap)

    _unshare(obj)
    action, set_aside = None, []
    for owner in _owners(obj):
        animation = owner.animation_data or owner.animation_data_create()
        if owned(animation.action):
            action = animation.action
        elif animation.action is not None:
            animation.action.use_fake_user = True
            set_aside.append(animation.action.name)
            compat.push_down(owner, ASIDE)
    for owner in _owners(obj):
        if owner.animation_data.action is None:
            if action is None or not compat.SLOTS:
                action = bpy.data.actions.new(name or f"{obj.name} performance")
                action[OWNED] = True
            compat.attach(owner, action)
    if name:
        for action in actions(obj):
            action.name = name

    plan = {}
    for channel, key in _key_channels(obj, jaw).items():
        column = np.clip(samples[:, channel], -WIDEST, WIDEST)
        key.slider_min = min(key.slider_min, max(np.floor(column.min()), -WIDEST))
        key.slider_max = max(key.slider_max, min(np.ceil(column.max()), WIDEST))
        plan[_key_track(obj, channel, key)] = column
    for joint, (bone, rest) in _joints(obj, jaw).items():
        vectors = np.zeros((len(samples), 3))
        vectors[:, : len(BONE_CHANNELS[joint])] = samples[:, BONE_CHANNELS[joint]]
        for track, column in zip(_rotation_tracks(obj, bone), write_rotation(bone.rotation_mode, vectors, rest).T):
            plan[track] = column
    stale = [track for track in _all_tracks(obj) if track not in plan]
    _remove_tracks(stale)
    _rest(obj)
    for track, column in plan.items():
        curve = compat.curve(compat.bag(track.owner), track.path, track.index, track.group)
        _fill(curve, frames, column, keep_pins)
    for owner in _owners(obj):
        owner.update_tag()
    return Baked(actions(obj), set_aside)


def _fill(curve, frames, column, keep_pins):
    """Put our keys into the F-curve, around the artist's where they are kept. A channel that stands still needs its ends only."""
    pins = _read(curve, pins_only=True) if keep_pins else None
    if np.ptp(column) < 1e-6:
        ends = sorted({0, len(frames) - 1})
        frames, column = frames[ends], column[ends]
    if pins is not None and len(pins["co"]):
        held = np.sort(pins["co"][:, 0])
        after = np.searchsorted(held, frames)
        beside = held[np.clip([after - 1, after], 0, len(held) - 1)]  # the pins on both sides of each frame
        near = np.abs(beside - frames).min(axis=0) < 0.01
        frames, column = frames[~near], column[~near]
    n = len(frames)
    ours = {
        "co": np.stack([frames, column], axis=1).astype(np.float32),
        "back": column.astype(np.float32),
        "type": np.full(n, GENERATED),
        "interpolation": np.full(n, BEZIER),
        "handle_left_type": np.full(n, AUTO_CLAMPED),
        "handle_right_type": np.full(n, AUTO_CLAMPED),
    }
    if pins is not None and len(pins["co"]):
        order = np.argsort(np.concatenate([ours["co"][:, 0], pins["co"][:, 0]]), kind="stable")
        pins["type"] = np.where(pins["type"] == GENERATED, KEYFRAME, pins["type"])
        blank = {"handle_left": ours["co"], "handle_right": ours["co"]}
        ours = {
            field: np.concatenate([ours.get(field, blank.get(field, np.zeros(n, pins[field].dtype))), pins[field]])[order]
            for field in FIELDS
        }
    points = curve.keyframe_points
    points.clear()
    points.add(len(ours["co"]))
    for field, array in ours.items():
        kind = np.float32 if array.dtype.kind == "f" else np.int32
        points.foreach_set(field, np.ascontiguousarray(array, kind).ravel())
    curve.update()


def _read(curve, pins_only):
    """The curve's keys: {field of FIELDS: array [K] or [K,2]}; pins_only: the artist's alone."""
    points = curve.keyframe_points
    n = len(points)
    keys = {}
    for field in FIELDS:
        wide = field in ("co", "handle_left", "handle_right")
        whole = field in ("type", "interpolation", "easing", "handle_left_type", "handle_right_type")
        array = np.zeros(n * (2 if wide else 1), np.int32 if whole else np.float32)
        points.foreach_get(field, array)
        keys[field] = array.reshape(n, 2) if wide else array
    if pins_only:
        value = keys["co"][:, 1]
        pin = (keys["type"] != GENERATED) | (np.abs(value - keys["back"]) > 1e-6 * np.maximum(1, np.abs(value)))
        keys = {field: array[pin] for field, array in keys.items()}
    return keys


# What belongs to a head


def _head(obj):
    head = rig.describe(obj)
    if head.kind != "utter":
        raise UtterError(head.reason)
    return head


def _owners(obj):
    """The data-blocks that carry a performance: shape keys, and the armature if there is one."""
    found = [obj.data.shape_keys if obj and obj.type == "MESH" else None, rig.armature(obj) if obj else None]
    return [owner for owner in found if owner is not None]


def _key_channels(obj, jaw):
    """{channel: shape key} of what is baked as shape keys."""
    return {channel: key for channel, key in rig.channels(obj).items() if not (jaw == "BONE" and JAW.start <= channel < JAW.stop)}


def _joints(obj, jaw):
    """{joint: (pose bone, rest)} of what is baked as bones."""
    joints = [joint for joint in BONE_CHANNELS if joint != "jaw" or jaw == "BONE"]
    return {joint: found for joint, found in rig.bones(obj).items() if joint in joints}


def _key_track(obj, channel, key):
    group = next(group for part, group in GROUPS if part.start <= channel < part.stop)
    return Track(obj.data.shape_keys, f'key_blocks["{bpy.utils.escape_identifier(key.name)}"].value', 0, group)


def _rotation_tracks(obj, bone):
    path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].' + ROTATION_PATHS.get(bone.rotation_mode, "rotation_euler")
    return [Track(rig.armature(obj), path, index, bone.name) for index in range(4 if bone.rotation_mode in ROTATION_PATHS else 3)]


def _all_tracks(obj):
    """Every track that a performance may have, whichever way its jaw is baked."""
    tracks = [_key_track(obj, channel, key) for channel, key in _key_channels(obj, "KEYS").items()]
    return tracks + [track for bone, _ in _joints(obj, "BONE").values() for track in _rotation_tracks(obj, bone)]


def _find(track):
    """The track's F-curve in our Action, or None."""
    bag = compat.bag(track.owner) if track.owner.animation_data and owned(track.owner.animation_data.action) else None
    return bag.fcurves.find(track.path, index=track.index) if bag else None


def _remove_tracks(tracks):
    for track in tracks:
        curve = _find(track)
        if curve:
            compat.bag(track.owner).fcurves.remove(curve)


def _rest(obj):
    """Every channel at 0, so that none keeps a value that no curve holds any more."""
    for key in rig.channels(obj).values():
        key.value = 0
    for bone, _ in _joints(obj, "BONE").values():
        bone.rotation_euler = (0, 0, 0)
        bone.rotation_quaternion = (1, 0, 0, 0)
        bone.rotation_axis_angle = (0, 0, 1, 0)


def _evaluate(found, frames, bone):
    """F-curves (or None: the bone's own value) of one rotation at frames: [N, len(found)]."""
    own = getattr(bone, ROTATION_PATHS.get(bone.rotation_mode, "rotation_euler"))
    return np.array([[curve.evaluate(frame) if curve else own[i] for i, curve in enumerate(found)] for frame in frames])


def _unshare(obj):
    """Give obj Actions of its own where a duplicate of it shares ours (Blender's duplicates do); returns them."""
    owners = _owners(obj)
    for action in actions(obj):
        others = bpy.data.user_map(subset={action})[action] - set(owners)
        if any(getattr(user, "animation_data", None) and user.animation_data.action == action for user in others):
            copy = action.copy()
            for owner in owners:
                if owner.animation_data and owner.animation_data.action == action:
                    compat.attach(owner, copy)
    return actions(obj)
