"""What keeps a performed head still, or moves it otherwise than its keys say: settings of the artist's that Blender obeys silently."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .. import compat
from . import tracks
from .tracks import value_of

if TYPE_CHECKING:
    from ..rigs.base import Rig
    from .tracks import Track

TURNS = {  # constraints that turn a bone, or put it elsewhere
    *("COPY_ROTATION", "COPY_TRANSFORMS", "LIMIT_ROTATION", "TRANSFORM", "ACTION", "ARMATURE", "CHILD_OF", "DAMPED_TRACK", "IK"),
    *("LOCKED_TRACK", "SPLINE_IK", "STRETCH_TO", "TRACK_TO", "FOLLOW_PATH", "PIVOT", "SHRINKWRAP", "GEOMETRY_ATTRIBUTE"),
}


def obstacles(rig: "Rig", on: "set[Track] | None" = None) -> list[str]:
    """A sentence for each thing that keeps the rig's performance (or what these tracks have of it) from being seen as it was baked; what
    hides all of it comes first."""
    if not any(tracks.owned(action) for owner in rig.owners() for action in _playing(owner)):
        return []
    found = [(track, curve) for track in rig.tracks() if (on is None or track in on) and (curve := tracks.find(track))]
    parts = _shown(rig, found), rig.losses(), _played(rig), _curves(rig, found), _driven(rig, found), _bones(rig, found)
    return list(dict.fromkeys(sentence for part in parts for sentence in part))


def _playing(owner: Any) -> list[Any]:
    """The Actions that a data-block has, the active one and those in its NLA."""
    animation = owner.animation_data
    return [animation.action, *(strip.action for track in animation.nla_tracks for strip in track.strips)] if animation else []


def _shown(rig, found):
    """The meshes and what deforms them."""
    for obj in rig.meshes():
        keys = obj.data.shape_keys
        paths = {track.path for track, _ in found if track.owner == keys}
        if obj.mode == "EDIT":
            yield f"{obj.name} is in Edit Mode, in which shape keys stand still; leave it."
        if obj.show_only_shape_key:
            yield f"Only one shape key of {obj.name} is shown; switch the pin below the list of shape keys off."
        if keys and (muted := [key.name for key in keys.key_blocks if key.mute and value_of(key) in paths]):
            yield f"{_some('Shape key', muted)} of {obj.name} {_are(muted)} muted; tick {_them(muted)} in the list of shape keys."
        if keys and (other := [key.name for key in keys.key_blocks if key.relative_key != keys.reference_key and value_of(key) in paths]):
            said = f"{_some('Shape key', other)} of {obj.name} {_are(other)} relative to another key than the first one"
            yield f"{said}; choose that one again."
        if obj.hide_viewport or obj.hide_get():
            yield f"{obj.name} is hidden; show it."
    for armature in (owner for owner in rig.owners() if isinstance(owner, bpy.types.Object)):
        if armature.data.pose_position == "REST":
            yield f"{armature.name} is in Rest Position; choose Pose Position in the armature's properties."
        if armature.mode == "EDIT":
            yield f"{armature.name} is in Edit Mode, in which bones stand still; leave it."
        for modifier in rig.obj.modifiers:
            if modifier.type == "ARMATURE" and modifier.object == armature and not (modifier.show_viewport and modifier.show_render):
                where = "viewport" if not modifier.show_viewport else "render"
                yield f"The modifier {modifier.name} of {rig.obj.name} is disabled in the {where}; its bones move nothing there."


def _played(rig):
    """The Action and the NLA of each data-block."""
    for owner in rig.owners():
        animation = owner.animation_data
        if animation is None:
            continue
        name, action, nla = _name(rig, owner), animation.action, animation.nla_tracks
        solo = next((track.name for track in nla if track.is_solo), None) if animation.use_nla else None
        if tracks.owned(action):
            if compat.SLOTS and animation.action_slot is None:
                yield f"The Action {action.name} has no slot chosen for {name}; choose one in the Action Editor."
            if solo is not None:
                yield f"The NLA track {solo} of {name} plays solo, and the performance does not; switch its star off."
            if animation.use_nla and len(nla) and animation.action_influence < 1:
                yield f"The Action {action.name} has an influence of {animation.action_influence:.2g} on {name}; set it to 1 in the NLA."
            if animation.use_nla and len(nla) and animation.action_blend_type not in ("REPLACE", "COMBINE"):
                yield f"The Action {action.name} blends by {animation.action_blend_type.title()} on {name}; choose Replace in the NLA."
            continue
        for number, track in enumerate(nla):
            for strip in (strip for strip in track.strips if tracks.owned(strip.action)):
                yield from _pushed_down(name, animation, number, track, strip, solo)


def _pushed_down(name, animation, number, track, strip, solo):
    """A performance that the artist pushed down into the NLA."""
    yield f"The performance of {name} is a strip in the NLA track {track.name}; Utter leaves it there, and does not move it with the voice."
    if not animation.use_nla:
        yield f"The NLA of {name} is switched off, which has the performance; switch it on."
    if track.mute or strip.mute:
        yield f"The NLA track {track.name} of {name} is muted, or its strip; the performance in it does not play."
    if solo not in (None, track.name):
        yield f"The NLA track {solo} of {name} plays solo, and the performance does not; switch its star off."
    for above in [*animation.nla_tracks][number + 1 :]:
        for other in above.strips if not above.mute else ():
            if (
                not other.mute
                and other.blend_type == "REPLACE"
                and other.frame_start < strip.frame_end
                and strip.frame_start < other.frame_end
            ):
                yield f"The strip {other.name} in the NLA track {above.name} of {name} replaces what the performance below it does."


def _curves(rig, found):
    """Our F-curves, and how far shape keys may go."""
    for owner in rig.owners():
        own, name = [(track, curve) for track, curve in found if track.owner == owner], _name(rig, owner)
        if muted := _names(track.path for track, curve in own if curve.mute):
            yield f"{_some('F-curve', muted)} of {name} {_are(muted)} muted; tick {_them(muted)} in the Graph Editor."
        if muted := _names(curve.group.name for _, curve in own if curve.group and curve.group.mute):
            yield f"{_some('Channel group', muted)} of {name} {_are(muted)} muted; tick {_them(muted)} in the Graph Editor."
        if short := [key.name for key, curve in _keyed(owner, own) if _outside(key, curve)]:
            yield f"The range of {_some('shape key', short)} of {name} is too small for the performance; widen {_them(short)}."
        if locked := _names(track.path for track, curve in own if curve.lock):
            yield f"{_some('F-curve', locked)} of {name} {_are(locked)} locked: to be seen, not to be edited."


def _keyed(owner, own):
    """The shape keys of our F-curves: (key, curve) each."""
    curves = {track.path: curve for track, curve in own}
    return [(key, curves[value_of(key)]) for key in getattr(owner, "key_blocks", ()) if value_of(key) in curves]


def _outside(key, curve):
    places = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", places)
    values = places[1::2]
    return len(values) and (values.max() > key.slider_max + 1e-4 or values.min() < key.slider_min - 1e-4)


def _driven(rig, found):
    """Drivers come after F-curves and win."""
    for owner in rig.owners():
        ours = {(track.path, track.index) for track, _ in found if track.owner == owner}
        drivers = owner.animation_data.drivers if owner.animation_data else ()
        if driven := _names(driver.data_path for driver in drivers if (driver.data_path, driver.array_index) in ours and not driver.mute):
            name = _name(rig, owner)
            yield f"{_some('Channel', driven)} of {name} {_are(driven)} moved by drivers instead; delete these to see the performance."


def _bones(rig, found):
    """Constraints of bones come after their keys."""
    for owner in (owner for owner in rig.owners() if isinstance(owner, bpy.types.Object)):
        names = {bpy.utils.unescape_identifier(_short(track.path)) for track, _ in found if track.owner == owner}
        for bone in (bone for bone in owner.pose.bones if bone.name in names - rig.by_poses()):
            for constraint in bone.constraints:
                if constraint.type in TURNS and not constraint.mute and constraint.influence > 0:
                    yield f"The constraint {constraint.name} turns the bone {bone.name} of {owner.name} after its keys; disable it."


def _name(rig, owner):
    """What an artist calls an owner: of shape keys, the mesh object that has them."""
    return next((obj.name for obj in rig.meshes() if obj.data.shape_keys == owner), owner.name)


def _names(paths: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(_short, paths)))


def _short(path: str) -> str:
    """What a path belongs to: the name between its quotes, or the path."""
    return path.partition('["')[2].rpartition('"]')[0] or path


def _some(what: str, names: list[str]) -> str:
    return f"{what} {names[0]}" if len(names) == 1 else f"{len(names)} {what}s ({', '.join(names[:2])}{' ...' if len(names) > 2 else ''})"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"
