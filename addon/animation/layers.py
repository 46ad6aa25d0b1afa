"""Layers: a performance as two NLA tracks, *Speech* (replaces) and *Feeling* (adds), whose sum it is; and what lies in the NLA otherwise.

Speech is the same voice, performed without feelings; Feeling is what the performance has besides. Where the lips of the performance touch,
Speech has its mouth, so that they touch at any influence of Feeling: shape keys are linear. The performance itself stays as it is, as an
Action that the layers remember; merged, it is active again, with what was dimmed or edited written into a copy of it.
"""

from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .. import compat
from ..contract import UtterError
from . import bake, curves, finish, tracks

if TYPE_CHECKING:
    from ..rigs.base import Rig

SPEECH, FEELING = "Speech", "Feeling"  # names of the NLA tracks
LAYER, WHOLE = "utter_layer", "utter_whole"  # custom properties of the layers' Actions: which it is; of Speech: the Action of the whole
EDITED = 1e-5  # by more than that the layers' sum differs from the performance


def layered(rig: "Rig") -> bool:
    """Whether the rig performs by layers: no Action of ours is active."""
    return not bake.actions(rig) and bool(_strips(rig, FEELING))


def pushed_down(rig: "Rig") -> list[tuple[Any, Any, Any]]:
    """(data-block, NLA track, strip) of a performance that was pushed down as it is: the uppermost of each data-block. Empty where one is
    active, or there are layers."""
    if bake.actions(rig) or layered(rig):
        return []
    found = []
    for owner in rig.owners():
        lie = [(owner, track, strip) for track, strip in _all(owner) if tracks.owned(strip.action) and LAYER not in strip.action]
        found += lie[-1:]
    return found


def tweaked(rig: "Rig") -> str:
    """A sentence where the artist is in the NLA's tweak mode, in which Actions are not what they seem; or ""."""
    tweak = any(owner.animation_data and owner.animation_data.use_tweak_mode for owner in rig.owners())
    return "The NLA is in tweak mode; leave it (Tab) first." if tweak else ""


def away(rig: "Rig") -> str:
    """A sentence that says what to do with a performance that lies in the NLA, or in another file; "" where none does."""
    if why := tweaked(rig):
        return why
    if layered(rig):
        return f"{rig.obj.name} performs by layers; press Merge the Layers under Takes first."
    if lie := pushed_down(rig):
        return f"The performance of {rig.obj.name} lies in the NLA track {lie[0][1].name}; press Bring It Back under Takes first."
    playing = [owner.animation_data.action for owner in rig.owners() if owner.animation_data and owner.animation_data.action]
    if linked := next((action.name for action in playing if action.library and tracks.OWNED in action), ""):
        return f"The performance {linked} is linked from another file; make its Action local, or press Perform."
    return ""


def split(rig: "Rig", speech: np.ndarray, start: float, fps: float, shapes: np.ndarray | None) -> list[str]:
    """Let the rig perform by layers. speech: the performance [T, C] at 30 fps of the same voice without feelings, which begins at a scene
    frame; shapes: as in finish.finish. Returns the paths of curves with modifiers, which stay in Speech as they are: what a modifier makes
    of parts does not add up. UtterError before anything is changed."""
    ours = bake.actions(rig)
    if not ours:
        raise UtterError(away(rig) or "Perform first.")
    bake.check_free(rig)
    bake.unshare(rig)
    ours = bake.actions(rig)
    frames, samples = curves.resample(np.asarray(speech, np.float32), fps, start, rig.lip_gap(speech))
    planned = {track[:3]: column for track, column in rig.plan(samples).items()}
    raw = finish.take(rig, start, fps)
    shut = np.interp(frames, start + raw.times * fps, finish.shut(raw))
    there = [track for track in rig.tracks() if track not in rig.held_only() and tracks.find(track)]
    mine = [track for track in there if not len(tracks.find(track).modifiers)]
    whole = np.array([[tracks.find(track).evaluate(frame) for frame in frames] for track in mine])
    plain = np.array([planned.get(track[:3], column) for track, column in zip(mine, whole)])
    part = {tuple(name): (int(of), int(mixed)) for name, of, mixed in zip(raw.names, raw.part, raw.mixes)}
    owners = rig.owners()
    told = [part.get((owners.index(track.owner), track.path, track.index), (0, -1)) for track in mine]
    plain = plain + shut * finish.of_lips(whole - plain, np.array(told, int).reshape(-1, 2), shapes)
    _lay(rig, ours, frames, {track: (below, above - below) for track, below, above in zip(mine, plain, whole)})
    return list(dict.fromkeys(track.path for track in there if track not in mine))


def dim(rig: "Rig", influence: float) -> None:
    """Let that share of the feeling show, on this head alone. UtterError where the artist keyed it."""
    rig.separate()
    strips = [strip for *_, strip in _strips(rig, FEELING)]
    if any(len(strip.fcurves[0].keyframe_points) != 1 for strip in strips):
        raise UtterError("The influence of Feeling has keys of its own; change these in the NLA.")
    for strip in strips:
        point = strip.fcurves[0].keyframe_points[0]
        point.co[1] = point.handle_left[1] = point.handle_right[1] = influence
        strip.fcurves[0].update()
    for owner in rig.owners():
        owner.update_tag()


def merge(rig: "Rig") -> bool:
    """Let the rig perform by a single Action again: the one that was taken apart, or where the layers' sum differs from it by now, a
    copy of it that shows that. Returns whether it is a copy. UtterError before anything is changed."""
    bake.check_free(rig)
    if not layered(rig):
        raise UtterError("There are no layers to merge.")
    laid = [(owner, below, above) for (owner, _, below), above in zip(_strips(rig, SPEECH), [strip for *_, strip in _strips(rig, FEELING)])]
    whole = {owner: below.action.get(WHOLE) or below.action for owner, below, _ in laid}
    sums = {owner: (_curves(below), _curves(above), below, above) for owner, below, above in laid}
    for owner, action in whole.items():
        compat.attach(owner, action, rig.owners())
    bake.rename(rig)
    edits = {track: found for track in rig.tracks() if (found := _edited(track, *sums[track.owner])) is not None}
    if edits:
        bake.twin(rig, f"{rig.obj.name} merged")
    for track, (keys, way) in edits.items():
        clean = tracks.cleaned(keys)
        ours = ~tracks.own(keys)
        for field in ("co", "handle_left", "handle_right"):
            keys[field][:, 1] += way
        keys["back"][ours] += way[ours]
        tracks.write(tracks.find(track), tracks.spaced(keys, clean))
    for action in bake.actions(rig) if edits else ():
        finish.forget([action])
    for name in (SPEECH, FEELING):
        for owner, track, strip in _strips(rig, name):
            action = strip.action
            owner.animation_data.nla_tracks.remove(track)
            if not action.users and action not in whole.values():
                bpy.data.actions.remove(action)
    for owner in rig.owners():
        owner.update_tag()
    return bool(edits)


def bring_back(rig: "Rig") -> None:
    """Let a performance that was pushed down be active again. UtterError before anything is changed."""
    bake.check_free(rig)
    lie = pushed_down(rig)
    if not lie:
        raise UtterError("No performance lies in the NLA.")
    for owner, track, strip in lie:
        action, slot = strip.action, strip.action_slot if compat.SLOTS else None
        track.strips.remove(strip)
        if not track.strips:
            owner.animation_data.nla_tracks.remove(track)
        owner.animation_data.action = action
        if slot is not None:
            owner.animation_data.action_slot = slot


def in_time(rig: "Rig", start: float, fps: float) -> bool:
    """Whether what lies in the NLA begins at that scene frame, at that frame rate; so does nothing."""
    timings = [tracks.timing(_whole(strip)) for *_, strip in _ours(rig)]
    return all(told is None or bake.same_time(told, (start, fps)) for told in timings)


def move(rig: "Rig", start: float, fps: float) -> dict[Any, Any]:
    """As bake.move(), of what lies in the NLA: the strips go along, as do the keys of their influence. -> {an Action: the copy that the rig
    has now} of those that other heads play, too."""
    copies = _unshare(rig)
    curves: dict[Any, Any] = {}  # where each F-curve begins now, and by how much time stretches
    for owner, _, strip in _ours(rig):
        whole = _whole(strip)
        if (told := tracks.timing(whole)) is None:
            continue
        since, scale = told[0], fps / told[1]
        for curve in (*_all_curves(strip.action), *_all_curves(whole), *strip.fcurves):
            curves[curve.as_pointer()] = curve, since, scale
        _place(strip, lambda frame, since=since, scale=scale: start + (frame - since) * scale)
        owner.update_tag()
    for curve, since, scale in curves.values():
        tracks.move(curve, since, start, scale)
    for whole in wholes(rig):
        bake.set_time(whole, start, fps)
    return copies


def wholes(rig: "Rig") -> list[Any]:
    """The Actions of the performances that lie in the NLA."""
    return list(dict.fromkeys(_whole(strip) for *_, strip in _ours(rig)))


def put_aside(rig: "Rig") -> None:
    """Let layers rest while another performance is shown."""
    for name in (SPEECH, FEELING):
        for _, track, _ in _strips(rig, name):
            track.mute = True


def speech(rig: "Rig") -> list[Any]:
    """The strips of Speech."""
    return [strip for *_, strip in _strips(rig, SPEECH)]


def _all(owner):
    """(NLA track, strip) of a data-block, from below, that play."""
    lies = owner.animation_data.nla_tracks if owner.animation_data else ()
    return [(track, strip) for track in lies for strip in track.strips if not track.mute and not strip.mute]


def _ours(rig):
    """(data-block, NLA track, strip) of the layers, and of performances that were pushed down."""
    return [(own, track, strip) for own in rig.owners() for track, strip in _all(own) if strip.action and tracks.owned(_whole(strip))]


def _whole(strip):
    """The Action of the performance that a strip plays, or a layer of."""
    return strip.action.get(WHOLE) if LAYER in strip.action else strip.action


def _all_curves(action):
    return [curve for bag in compat.bags(action) for curve in bag.fcurves]


def _place(strip, moved):
    """Let a strip lie where moved(frame) says, and play its Action from there."""
    begin, end, first, last = (moved(x) for x in (strip.frame_start, strip.frame_end, strip.action_frame_start, strip.action_frame_end))
    later = [("action_frame_end", last), ("action_frame_start", first), ("frame_end", end), ("frame_start", begin)]
    for name, value in later if begin > strip.frame_start else later[::-1]:  # a strip may not end before it begins
        setattr(strip, name, value)


def _unshare(rig):
    """Give the rig its own copies of the Actions in the NLA that others play, too -> {Action: copy}."""
    blocks = {*rig.owners(), rig.obj}
    copies: dict[Any, Any] = {}

    def own(action):
        if action not in copies:
            users = bpy.data.user_map(subset={action})[action]
            others = {user for user in users if user not in blocks and not isinstance(user, bpy.types.Action)}
            copies[action] = action.copy() if others else action
        return copies[action]

    for *_, strip in _ours(rig):
        slot = strip.action_slot.identifier if compat.SLOTS and strip.action_slot else ""
        whole, action = own(_whole(strip)), own(strip.action)
        if action != strip.action:
            strip.action = action
            if slot:
                strip.action_slot = action.slots[slot]
        if LAYER in action and action[WHOLE] != whole:
            action[WHOLE] = whole
    return {action: copy for action, copy in copies.items() if copy != action}


def _strips(rig, name):
    """(data-block, NLA track, strip) of a layer."""
    return [(own, track, strip) for own in rig.owners() for track, strip in _all(own) if strip.action and strip.action.get(LAYER) == name]


def _lay(rig, ours, frames, columns):
    """Two NLA tracks for each data-block, with {track: (values of Speech [N], of Feeling [N])}, in place of our Actions."""
    owners = [owner for owner in rig.owners() if owner.animation_data and owner.animation_data.action in ours]
    slots = {owner: owner.animation_data.action_slot.identifier if compat.SLOTS else "" for owner in owners}
    for name, place in ((SPEECH, 0), (FEELING, 1)):
        made: dict[Any, Any] = {}
        for owner in owners:
            animation, before = owner.animation_data, owner.animation_data.action
            whole = before if name == SPEECH else before.get(WHOLE)
            if whole not in made:
                made[whole] = whole.copy() if name == SPEECH else bpy.data.actions.new("")
                action = made[whole]
                action.name = f"{rig.obj.name} {name.lower()}"
                for told in [told for told in action.keys() if told.startswith("utter_")]:
                    del action[told]
                action[LAYER], action[WHOLE] = name, whole
        for owner in owners:
            animation = owner.animation_data
            action = made[animation.action if name == SPEECH else animation.action[WHOLE]]
            if name == SPEECH:
                animation.action = action
                if compat.SLOTS:
                    animation.action_slot = action.slots[slots[owner]]
                bag = compat.bag(owner)
            else:
                below, slot = animation.action, animation.action_slot if compat.SLOTS else None
                _strip(owner, SPEECH, below, slot, "REPLACE")
                bag = compat.attach(owner, action, owners)
            for track, values in columns.items():
                if track.owner == owner:
                    curve = compat.curve(bag, track.path, track.index, track.group or name)
                    tracks.fill(curve, frames, values[place].astype(np.float32))
            if name == FEELING:
                slot = animation.action_slot if compat.SLOTS else None
                strip = _strip(owner, FEELING, action, slot, "ADD")
                strip.use_animated_influence = True
                strip.fcurves[0].keyframe_points[0].co[1] = 1.0
                strip.fcurves[0].update()
                owner.update_tag()


def _strip(owner, name, action, slot, blend):
    """A strip of an Action in an NLA track of its own, above all others; no Action is active then."""
    animation = owner.animation_data
    animation.action = None
    track = animation.nla_tracks.new()
    track.name = name
    start = action.frame_range[0]
    strip = track.strips.new(action.name, int(start), action)
    if slot is not None:
        strip.action_slot = slot
    strip.frame_start = start
    strip.blend_type = blend
    strip.extrapolation = "HOLD"
    return strip


def _curves(strip):
    """{(path, index): F-curve} that a strip plays."""
    if compat.SLOTS:
        bags = [bag for bag in compat.bags(strip.action) if bag.slot == strip.action_slot]
    else:
        bags = compat.bags(strip.action)
    return {(curve.data_path, curve.array_index): curve for bag in bags for curve in bag.fcurves}


def _edited(track, below, above, speech, feeling):
    """(keys of a track, by how much the layers' sum differs at each [K]); None where it does not."""
    curve, name = tracks.find(track), (track.path, track.index)
    if curve is None or name not in below:
        return None
    keys, moved = tracks.read(curve), []
    influence = feeling.fcurves[0]
    for frame in keys["co"][:, 0].astype(float):
        seen = lambda strip: frame - strip.frame_start + strip.action_frame_start
        added = influence.evaluate(frame) * above[name].evaluate(seen(feeling)) if name in above else 0.0
        moved.append(below[name].evaluate(seen(speech)) + added - curve.evaluate(frame))
    way = np.array(moved, np.float32)
    return (keys, way) if len(way) and np.abs(way).max() > EDITED else None
