"""Random sessions in Blender, as artists have them: whatever is done, in whatever order, faces and settings are what they should be.

A session does some twenty things at random to one or more heads. It notes beside Blender what each head then should be (undo and redo
included), and compares in the end: the neutral face, the joints, every setting, the takes. After each thing that is no edit of keys it
compares the artist's keys: each is where it was in the voice, within half a frame. An operator may refuse with a sentence; nothing else may
be raised, and what was refused must have changed nothing.
"""

import contextlib
import copy
import io
import random
import shutil
import tempfile
import traceback
from pathlib import Path

import bpy
import numpy as np

from addon import compat, rigs
from addon.animation import bake, fullness, layers, tracks
from addon.contract import EYES, JAW, REGIONS, SLIDERS, UtterError
from addon.panels import base, drag, identity, record, sequencer, strengths, takes
from addon.panels import head as heads_room
from addon.rigs import making
from addon.rigs.axes import TO_BLENDER
from addon.rigs.base import armature, neutral

ROOT = Path(__file__).resolve().parents[2]
VOICES = [str(ROOT / "blender_assets" / "voices" / name) for name in ("pie.flac", "door.flac")]
STEPS = 20
NEAR = 1e-5  # metres that a neutral face may be off: 0.01 mm
SETTINGS = ("voice", "prompt", "seed", "start", "quality")
KEYS_CHANGE = {  # things after which the artist's keys of the present take may be others
    *("do_key_by_hand", "do_insert_key", "do_delete_keys", "do_key_and_rediffuse"),
    *("do_pose", "do_pose_operator", "do_hold", "do_release", "do_clean"),
    *(
        "do_rename_key",
        "do_rename_bone",
        "do_delete_key",
        "do_clear",
        "do_soften",
        "do_something_in_a_mode",
        "do_curves",
        "do_swap_action",
        "do_push_down",
    ),
}
TURN = ("do_look_at", "do_finish")  # what moves the other axes of a bone, of which the turn that a key means is read, too
TURNS = range(JAW.start, EYES.stop)
LOCAL = ("do_rename_key", "do_rename_bone", "do_delete_key")  # what an artist cannot do to a linked character


class Session:
    """One session. notes: {head's name: what it should be}; past, place: the notes at each undo step, and which one is now."""

    def __init__(self, seed, bundle):
        self.random, self.bundle, self.folder = random.Random(seed), bundle, Path(tempfile.mkdtemp())
        self.notes, self.log, self.refused, self.in_mode = {}, [f"seed {seed}"], [], None
        self.linked = seed % 4 == 3  # every fourth is in a shot, with a linked character
        self.add_character() if self.linked else self.add_head()
        self.past, self.place = [], -1
        self.push()

    # What is noted

    def push(self):
        bpy.ops.ed.undo_push(message="step")
        self.past[self.place + 1 :] = [copy.deepcopy(self.notes)]
        self.place += 1

    def heads(self):
        return [bpy.data.objects[name] for name in self.notes]

    def pick(self):
        """A head at random, which is then chosen; while one is in a mode, the panel stays with it."""
        head = self.in_mode or self.random.choice(self.heads())
        heads_room.choose(bpy.context.scene, head)
        return head

    def note(self, head):
        return self.notes[head.name]

    def new_note(self, head):
        sliders = {name: getattr(head.utter.identity, identity.key(name)) for name in SLIDERS}
        settings = {name: getattr(head.utter, name) for name in SETTINGS}
        self.notes[head.name] = {"sliders": sliders, "seed": -1, "settings": settings, "passages": [], "takes": 0, "edited": False}

    def tried(self, function, *arguments, **keywords):
        """Whether the function did its work; a refusal is a sentence, and is kept."""
        try:
            return function(*arguments, **keywords) not in ({"CANCELLED"}, False)
        except (UtterError, RuntimeError) as error:
            assert "Traceback" not in str(error), error
            self.refused.append(str(error).strip())
            return False

    # What is done

    def add_head(self):
        head = making.build(self.bundle, name=f"Head {len(bpy.data.objects)}")
        heads_room.choose(bpy.context.scene, head)
        head.utter.quality = "draft"
        self.new_note(head)

    def add_character(self):
        """A head of a library file, linked into this file and overridden with all that is its own."""
        self.add_head()
        (head,) = self.heads()
        group = bpy.data.collections.new("Character")
        bpy.context.scene.collection.children.link(group)
        for obj in (head, armature(head)):
            group.objects.link(obj)
            bpy.context.scene.collection.objects.unlink(obj)
        path = str(self.folder / "character.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with bpy.data.libraries.load(path, link=True) as (_, wanted):
            wanted.collections = ["Character"]
        root = wanted.collections[0].override_hierarchy_create(
            bpy.context.scene, bpy.context.view_layer, reference=None, do_fully_editable=True
        )
        head = next(obj for obj in root.all_objects if obj.type == "MESH")
        heads_room.choose(bpy.context.scene, head)
        self.notes = {}
        self.new_note(head)

    def do_another_head(self):
        if len(self.notes) < 3:
            self.add_head()

    def do_slider(self):
        head = self.pick()
        name, value = self.random.choice(list(SLIDERS)), round(self.random.uniform(-1, 1), 2)
        if refusal := identity.refusal(head):  # the panel shows this instead of sliders
            self.refused.append(refusal)
            return
        setattr(head.utter.identity, identity.key(name), value)
        self.note(head)["sliders"][name] = value

    def do_random_identity(self):
        head, seed = self.pick(), self.random.randrange(1000)
        if self.tried(bpy.ops.utter.random_identity, seed=seed):
            self.note(head)["seed"], self.note(head)["sliders"] = seed, identity.sliders_of(seed)

    def do_reset_identity(self):
        head = self.pick()
        if self.tried(bpy.ops.utter.reset_identity):
            self.note(head)["seed"], self.note(head)["sliders"] = -1, dict.fromkeys(SLIDERS, 0)

    def do_settings(self):
        head = self.pick()
        for name, value in (
            ("prompt", self.random.choice(("sad", "overjoyed", ""))),
            ("seed", self.random.randrange(100)),
            ("start", self.random.randrange(-10, 200)),
        ):
            setattr(head.utter, name, value)
            self.note(head)["settings"][name] = value

    def do_voice(self):
        head, voice = self.pick(), self.random.choice(VOICES)
        if self.tried(bpy.ops.utter.choose_voice, filepath=voice):
            self.note(head)["settings"]["voice"] = voice

    def do_passage(self):
        head = self.pick()
        if self.tried(bpy.ops.utter.add_passage):
            text = self.random.choice(("angry", "afraid"))
            head.utter.passages[-1].prompt = text
            self.note(head)["passages"].append(text)

    def do_perform(self):
        head = self.pick()
        if self.tried(bpy.ops.utter.perform):
            self.note(head)["takes"] += 1

    def do_key_and_rediffuse(self):
        head = self.pick()
        keys = head.data.shape_keys.key_blocks
        name = self.random.choice(list(keys.keys())[1:])
        if keys[name].id_data.animation_data and keys[name].id_data.animation_data.action:
            keys[name].value = self.random.uniform(0, 0.5)
            keys[name].keyframe_insert("value", frame=head.utter.start + self.random.randrange(60))
        if self.tried(bpy.ops.utter.rediffuse) and head.utter.as_take:
            self.note(head)["takes"] = takes_of(head)

    def performing(self):
        """A head at random that performs, and its rig; or None twice."""
        head = self.pick()
        rig = rigs.rig_of(head) if rigs.ready(head) else None
        return (head, rig) if rig and bake.actions(rig) else (None, None)

    def track(self, rig, least=20):
        """A track of the performance at random that has more keys than that, or None."""
        found = [track for track in rig.tracks() if (curve := tracks.find(track)) and len(curve.keyframe_points) > least]
        return self.random.choice(found) if found else None

    def curve(self, rig, least=20):
        track = self.track(rig, least)
        return track and tracks.find(track)

    def do_key_by_hand(self):
        """Drag, slide, retype, give handles to a key of ours, thinned or not."""
        head, rig = self.performing()
        if head and (curve := self.curve(rig, least=3)):
            point = self.random.choice(list(curve.keyframe_points))
            what = self.random.choice(("value", "frame", "interpolation", "handle_left_type", "type"))
            if what == "value":
                point.co.y = min(max(point.co.y + 0.1, 0.0), 0.9)
            elif what == "frame":
                point.co.x += 0.25
            else:
                setattr(point, what, {"interpolation": "LINEAR", "handle_left_type": "VECTOR", "type": "EXTREME"}[what])
            curve.update()

    def do_insert_key(self):
        """A key between two of ours, as Blender inserts it: one more is the artist's, and no other."""
        head, rig = self.performing()
        if head and (track := self.track(rig, least=3)):
            points = tracks.find(track).keyframe_points
            at = self.random.randrange(len(points) - 1)
            frame = (points[at].co.x + points[at + 1].co.x) / 2
            before, held = bake.count_pins(rig), tracks.near(np.array([frame]), tracks.read(tracks.find(track)))[0]
            bpy.context.scene.frame_set(int(np.floor(frame)), subframe=frame - np.floor(frame))
            shown, bent = tracks.find(track).evaluate(frame), self.random.random() < 0.5
            if bent and track.path.startswith("key_blocks"):
                name = compat.named(track.path, "key_blocks")
                track.owner.key_blocks[name].value = shown + 0.05
            of_several = hasattr(track.owner.path_resolve(track.path), "__len__")
            track.owner.keyframe_insert(track.path, index=track.index if of_several else -1, frame=frame)
            assert bake.count_pins(rig) == before + (not held), f"{bake.count_pins(rig)} keys are held, {before} were, on {track.path}"

    def do_delete_keys(self):
        head, rig = self.performing()
        if head and (curve := self.curve(rig, least=3)):
            many = 6 if len(curve.keyframe_points) > 20 else 1
            first = self.random.randrange(len(curve.keyframe_points) - many)
            for point in list(curve.keyframe_points)[first : first + many][::-1]:
                curve.keyframe_points.remove(point)

    def do_pose(self):
        head, rig = self.performing()
        if head:
            bpy.context.scene.frame_set(head.utter.start + self.random.randrange(60))
            setattr(head.utter.pose, self.random.choice(("smile", "brows_up", "blink", "jaw_open", "look_left")), self.random.random())

    def do_pose_operator(self):
        head, _ = self.performing()
        if head:
            bpy.context.scene.frame_set(head.utter.start + self.random.randrange(60))
            self.tried(self.random.choice((lambda: bpy.ops.utter.pose_as(pose="angry"), bpy.ops.utter.copy_face, bpy.ops.utter.flip_face)))

    def do_hold(self):
        head, _ = self.performing()
        if head:
            bpy.context.scene.frame_set(head.utter.start + self.random.randrange(60))
            self.tried(bpy.ops.utter.hold, what=self.random.choice(("KEYS", "POSE", "REGIONS")))

    def do_release(self):
        head, rig = self.performing()
        if head and self.tried(bpy.ops.utter.let_go):
            assert not bake.count_pins(rigs.rig_of(head)) and not bake.cleaned(rigs.rig_of(head)), "all of it is released"

    def do_clean(self):
        head, _ = self.performing()
        if head:
            scene = bpy.context.scene
            scene.use_preview_range = True
            scene.frame_preview_start = head.utter.start + 10
            scene.frame_preview_end = head.utter.start + 20
            self.tried(bpy.ops.utter.clean)
            scene.use_preview_range = False

    def do_curves(self):
        head = self.pick()
        head.utter.curves = self.random.choice(("channels", "actions"))
        head.utter.jaw = self.random.choice(("keys", "bone"))

    def do_rediffuse(self):
        head, rig = self.performing()
        if head:
            self.rediffuse(head, rig)

    def rediffuse(self, head, rig):
        """What is held, and what is clean, is held and clean afterwards, whichever way the head is baked then."""
        before, clean = self.held(rig), bake.cleaned(rig)
        done = self.tried(bpy.ops.utter.rediffuse)
        self.note(head)["takes"] = takes_of(head)
        if done and rigs.ready(head):
            rig = rigs.rig_of(head)
            after = self.held(rig)
            lost = [key for key, value in before.items() if abs(after.get(key, np.inf) - value) > 1e-3]
            assert not lost, f"keys of the artist's are lost: {lost[:5]}"
            there = set(bake.cleaned(rig))
            assert there >= {track for track in clean if track in rig.columns_of() and tracks.find(track)}, "what was clean is filled"

    def held(self, rig):
        """{(frame, column): value} of what the artist holds."""
        return {(round(float(frame), 2), int(column)): float(value) for frame, column, value in zip(*rig.pins())}

    def keys_in_voice(self, head):
        """{name of the Action that a head performs: (columns, seconds from the voice's beginning, values) of the artist's keys}."""
        if not rigs.ready(head) or not bake.actions(rig := rigs.rig_of(head)):
            return {}
        scene = bpy.context.scene
        frames, columns, values = (np.array(each, float) for each in rig.pins())
        seconds = (frames - sequencer.begins(scene, head)) / bake.scene_fps(scene)
        return {bake.actions(rig)[0].name: (columns, seconds, values)}

    def compare_keys(self, doing):
        """What the artist holds in the Actions that heads perform is where it was in the voice, unless this was an edit of keys."""
        bpy.context.scene.frame_set(bpy.context.scene.frame_current)  # as a window would, before anybody sees it
        near = 0.5 / bake.scene_fps() + 1e-4
        for head in self.heads():
            self.in_time(head)
            known = self.note(head).setdefault("held", {})
            within = lambda column: np.inf if doing in TURN and column in TURNS else 1e-3
            for removed in set(known) - set(bpy.data.actions.keys()):  # its name may soon be another take's
                del known[removed]
            for action, after in self.keys_in_voice(head).items():
                before = known.get(action)
                if before is not None and doing not in KEYS_CHANGE:
                    there = lambda column, second, value: (
                        (after[0] == column) & (np.abs(after[1] - second) <= near) & (np.abs(after[2] - value) < within(column))
                    ).any()
                    lost = [key for key in zip(*before) if not there(*key)]
                    assert not lost, f"{head.name}, {action}: {len(lost)} keys are lost or elsewhere: {lost[:3]} of {[*zip(*after)][:3]}"
                known[action] = after

    def do_clear(self):
        head = self.pick()
        if self.tried(bpy.ops.utter.clear):  # an Action that holds nothing more goes, and with it the take
            self.note(head)["takes"] = takes_of(head)

    def do_choose_take(self):
        head = self.pick()
        if len(head.utter.takes):
            self.chose(head, lambda: setattr(head.utter, "take", self.random.randrange(len(head.utter.takes))))
            assert not rigs.ready(head) or not base.torn(head)

    def do_step_take(self):
        head = self.pick()
        self.chose(head, lambda: self.tried(self.random.choice((bpy.ops.utter.next_take, bpy.ops.utter.previous_take))))

    def chose(self, head, choose):
        """The panel then shows what made the take, unless it was the present one, and all of the head performed that."""
        before, torn = (bake.actions(rigs.rig_of(head)), base.torn(head)) if rigs.ready(head) else (None, "")
        choose()
        after = bake.actions(rigs.rig_of(head)) if rigs.ready(head) else []
        if not after or (before == after and base.torn(head) == torn):
            return
        ours = takes.actions_of(head.utter.takes[head.utter.take])
        self.shows(head, record.read(ours), ours[0].get(record.PLACED))

    def shows(self, head, made, placed):
        """The panel shows a record; its voice lies where it last lay with the take."""
        note = self.note(head)
        if note["settings"]["voice"] != made["voice"]:
            note["settings"]["start"] = placed
        note["settings"].update({name: made[name] for name in ("voice", "prompt", "seed", "quality")})
        note["passages"] = [passage["prompt"] for passage in made["passages"]]

    def do_star_and_clean(self):
        head = self.pick()
        if len(head.utter.takes):
            self.random.choice(head.utter.takes).star = True
        present = bake.actions(rigs.rig_of(head)) if rigs.ready(head) else []
        starred = [take.keys for take in head.utter.takes if take.star and take.keys]
        if self.tried(bpy.ops.utter.clean_takes):
            assert bake.actions(rigs.rig_of(head)) == present and set(starred) <= {take.keys for take in head.utter.takes}
            self.note(head)["takes"] = takes_of(head)

    def do_finish(self):
        """A slider, back and forth: what was there is there again; of a simplified take its full keys."""
        head = self.pick()
        if not rigs.ready(head) or not bake.actions(rigs.rig_of(head)):
            return
        slider, value = self.random.choice(
            (
                *(("strength", 0.5), ("mouth", 1.5), ("brows", 0.0), ("smoothing", 0.7), ("timing", 4), ("lips", 0.5)),
                *(("rate", 0.0), ("rate", 2.0), ("blinks", 0.5)),
            )
        )
        was, thin = getattr(head.utter.finish, slider), fullness.simplified(bake.actions(rigs.rig_of(head)))
        pins, before = bake.count_pins(rigs.rig_of(head)), self.at_keys(head)
        setattr(head.utter.finish, slider, value)
        assert not fullness.simplified(bake.actions(rigs.rig_of(head))) or value == was
        assert bake.count_pins(rigs.rig_of(head)) == pins, "a slider is no edit of keys"
        if self.random.random() < 0.5 and not thin:
            setattr(head.utter.finish, slider, was)
            after = self.at_keys(head, before)
            assert all(np.abs(after[track] - before[track])[:, 1].max() < 1e-6 for track in before), slider

    def at_keys(self, head, of=None):
        """{path, index: (frames, values) [K, 2] of its keys}; of: at the frames of these."""
        found = {(track.path, track.index): curve for track in rigs.rig_of(head).tracks() if (curve := tracks.find(track))}
        places = {name: tracks.read(curve)["co"] for name, curve in found.items()} if of is None else of
        return {name: np.array([(frame, found[name].evaluate(frame)) for frame, _ in places[name]]) for name in places if len(places[name])}

    def do_look_at(self):
        """Set, move, take off what the eyes look at: none of the artist's keys is another one."""
        head, rig = self.performing()
        if not head:
            return
        scene, pins = bpy.context.scene, bake.count_pins(rig)
        target = scene.objects.get("Target")
        how = self.random.choice(("set", "set", "move", "off"))
        if target is None:
            target = bpy.data.objects.new("Target", None)
            scene.collection.objects.link(target)
        if how == "off":
            head.utter.look_at = None
        else:
            target.location = [self.random.uniform(-2, 2) for _ in range(3)]
            bpy.context.view_layer.update()  # as a window would: who looks at it follows
            if how == "set":
                head.utter.look_at = target
        assert bake.count_pins(rigs.rig_of(head)) == pins, how

    def do_layers(self):
        """Two layers are the performance; each with its own Action, in time with the voice."""
        head, rig = self.performing()
        if not head:
            return
        keys, seen, ours = self.keys_in_voice(head), self.seen(head), bake.actions(rig)
        made, placed = record.read(ours), ours[0].get(record.PLACED)
        if self.tried(bpy.ops.utter.layers):
            assert layers.layered(rigs.rig_of(head)) and self.note(head)["takes"] == takes_of(head)
            self.shows(head, made, placed)
            assert np.abs(self.seen(head) - seen).max() < 2e-3, f"the layers' sum is off by {np.abs(self.seen(head) - seen).max()}"
            self.note(head)["laid"] = keys

    def do_dim(self):
        head = self.pick()
        if rigs.ready(head) and layers.layered(rigs.rig_of(head)):
            head.utter.feeling = self.random.choice((0.0, 0.5, 1.0))

    def do_merge(self):
        """Merged, the head shows what the layers did, and holds what was held before these."""
        head = self.pick()
        if not rigs.ready(head) or not layers.layered(rigs.rig_of(head)):
            return
        strip = layers.speech(rigs.rig_of(head))[0]  # at another frame rate its keys lie between frames
        keys = max((tracks.read(curve)["co"][:, 0] for curve in layers._curves(strip).values()), key=len)
        frames = strip.frame_start + keys[:60:7].astype(float) - strip.action_frame_start
        seen = self.seen(head, frames)
        if self.tried(bpy.ops.utter.merge_layers):
            self.note(head)["takes"] = takes_of(head)
            off = np.abs(self.seen(head, frames) - seen).max()
            assert off < 2e-3, f"merged it is off by {off}"
            (after,) = self.keys_in_voice(head).values()
            near = 0.5 / bake.scene_fps() + 1e-4
            for columns, seconds, _ in self.note(head).pop("laid", {}).values():
                lost = [key for key in zip(columns, seconds) if not ((after[0] == key[0]) & (np.abs(after[1] - key[1]) <= near)).any()]
                assert not lost, f"keys of the artist's are lost in the layers: {lost[:5]}"

    def seen(self, head, frames=None):
        """[N, K]: the shape keys' values as Blender shows them, at some frames, or of the voice."""
        scene = bpy.context.scene
        now, begin, found = scene.frame_current, sequencer.begins(scene, head), []
        for frame in begin + np.arange(0, 60, 7) if frames is None else frames:
            scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))
            found.append([key.value for key in head.data.shape_keys.key_blocks[1:]])
        scene.frame_set(now)
        return np.array(found)

    def in_time(self, head):
        """The layers begin where the voice does."""
        rig = rigs.rig_of(head) if rigs.ready(head) else None
        if rig is None or not layers.layered(rig):
            return
        names, begin = {(track.path, track.index) for track in rig.tracks()}, sequencer.begins(bpy.context.scene, head)
        for name in (layers.SPEECH, layers.FEELING):
            for _, _, strip in layers._strips(rig, name):
                starts = [curve.keyframe_points[0].co.x for key, curve in layers._curves(strip).items() if key in names]
                lies = [strip.frame_start + start - strip.action_frame_start for start in starts]
                assert all(abs(place - begin) < 0.5 for place in lies), f"{name} begins at {lies[:3]}, the voice at {begin}"
                assert abs(strip.scale - 1) < 1e-3, f"{name} is stretched by {strip.scale}"

    def do_simplify(self):
        """Fewer keys, or all of them again: the artist's stay, and what was there is there again, to the bit."""
        head = self.pick()
        if not rigs.ready(head) or not bake.actions(rigs.rig_of(head)):
            return
        full = lambda: fullness.simplified(bake.actions(rigs.rig_of(head)))
        keys = lambda: [tracks.read(curve)["co"] for track in rigs.rig_of(head).tracks() if (curve := tracks.find(track))]
        if full():
            return self.tried(bpy.ops.utter.full_keys)
        before, pins, within = keys(), bake.count_pins(rigs.rig_of(head)), self.random.choice((0.1, 0.5, 2.0))
        head.utter.within = within
        bpy.context.view_layer.objects.active = head
        if self.tried(bpy.ops.utter.simplify) and full():
            assert bake.count_pins(rigs.rig_of(head)) == pins
            if self.random.random() < 0.5 and self.tried(bpy.ops.utter.full_keys):
                assert len(before) == len(keys()) and all(np.array_equal(one, other) for one, other in zip(before, keys()))
        return None

    def do_new_take(self):
        head = self.pick()
        head.utter.as_take = not head.utter.as_take

    def do_trim_strip(self):
        """The sound is cut at its beginning or end: the voice, and with it the face, stays where it is."""
        head = self.pick()
        if strips := sequencer.pieces(bpy.context.scene, head):
            left, right = compat.handles(strips[0])
            if right - left > 20:
                names = ("left_handle", "right_handle") if hasattr(strips[0], "left_handle") else ("frame_final_start", "frame_final_end")
                name, by = self.random.choice(((names[0], 4), (names[1], -4)))
                setattr(strips[0], name, round(getattr(strips[0], name) + by))

    def do_cut_strip(self):
        head, scene = self.pick(), bpy.context.scene
        if strips := sequencer.pieces(scene, head):
            left, right = compat.handles(strips[0])
            strips[0].split(frame=round((left + right) / 2), split_method="SOFT")

    def do_delete_strip(self):
        head, scene = self.pick(), bpy.context.scene
        for strip in sequencer.pieces(scene, head):
            compat.strips(scene).remove(strip)

    def do_swap_action(self):
        """The artist gives the face an Action of their own, or takes ours off and puts it back."""
        head, _ = self.performing()
        if head and head.data.shape_keys.animation_data:
            animation = head.data.shape_keys.animation_data
            ours = animation.action
            animation.action = None
            if self.random.random() < 0.5:
                compat.attach(head.data.shape_keys, ours, takes.animated(head))
            else:
                keys = head.data.shape_keys.key_blocks
                keys[1].value = 0.3
                keys[1].keyframe_insert("value", frame=head.utter.start)

    def do_push_down(self):
        head, _ = self.performing()
        keys = head.data.shape_keys if head else None
        if keys and keys.animation_data and keys.animation_data.action:
            compat.push_down(keys, "By hand")

    def do_variations(self):
        head, _ = self.performing()
        if head:
            head.utter.variations = 2
            head.utter.scope, head.utter.scope_regions = "EVERYTHING", set(self.random.sample(["brows", "eyes", "mouth"], 2))
            self.chose(head, lambda: self.tried(bpy.ops.utter.variations))
            head.utter.scope_regions = {"brows", "eyes", "cheeks", "mouth", "head"}
            self.note(head)["takes"] = takes_of(head)

    def do_rediffuse_passage(self):
        head, rig = self.performing()
        if head and len(head.utter.passages):
            head.utter.scope = "PASSAGE"
            self.rediffuse(head, rig)
            head.utter.scope = "EVERYTHING"

    def do_rediffuse_thinned(self):
        """Some frames of a simplified take are drawn anew: it stays simplified, unless all of it was."""
        head, rig = self.performing()
        if not head or not (fullness.simplified(bake.actions(rig)) or self.tried(bpy.ops.utter.simplify)):
            return
        scene = bpy.context.scene
        first = head.utter.start + self.random.randrange(5, 30)
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, first, first + 20
        head.utter.scope = "PREVIEW"
        self.rediffuse(head, rigs.rig_of(head))
        head.utter.scope, scene.use_preview_range = "EVERYTHING", False

    def do_update(self):
        head, _ = self.performing()
        if head:
            self.tried(bpy.ops.utter.update)
            self.note(head)["takes"] = takes_of(head)

    def do_perform_again(self):
        head = self.pick()
        if len(head.utter.takes) and head.utter.takes[head.utter.take].keys:
            made = record.read(takes.actions_of(head.utter.takes[head.utter.take]))
            begins = head.utter.start if made and made["voice"] == head.utter.voice else None
            if self.tried(bpy.ops.utter.perform_again):
                note = self.note(head)
                note["settings"].update({name: made[name] for name in ("voice", "prompt", "quality")})
                note["settings"]["seed"] = head.utter.seed
                note["settings"]["start"] = head.utter.start if begins is None else begins
                note["passages"] = [passage["prompt"] for passage in made["passages"]]
                note["takes"] = takes_of(head)

    def do_remove_take(self):
        """The one that is chosen then is shown."""
        head = self.pick()
        self.chose(head, lambda: self.tried(bpy.ops.utter.remove_take))
        self.note(head)["takes"] = takes_of(head)

    def do_edit_passage(self):
        """Duplicate, split, move, remove, switch, stretch a passage."""
        head = self.pick()
        settings, scene = head.utter, bpy.context.scene
        if not len(settings.passages):
            return
        settings.passage = self.random.randrange(len(settings.passages))
        passage = settings.passages[settings.passage]
        scene.frame_set((passage.start + passage.end) // 2)
        how = self.random.choice(("duplicate", "split", "move", "remove", "set", "on"))
        if how == "on":
            passage.on = not passage.on
        elif how == "set":
            self.tried(bpy.ops.utter.set_passage, side=self.random.choice(("start", "end")))
        elif how == "move":
            self.tried(bpy.ops.utter.move_passage, step=self.random.choice((-1, 1)))
        else:
            self.tried(getattr(bpy.ops.utter, f"{how}_passage"))
        self.note(head)["passages"] = [each.prompt for each in settings.passages]

    def do_bend_passage(self):
        """Key its strength, drag it, choose its regions."""
        head = self.pick()
        if not len(head.utter.passages):
            return
        passage = self.random.choice(list(head.utter.passages))
        how = self.random.choice(("key", "drag", "regions"))
        if how == "key":
            passage.strength = self.random.random()
            passage.keyframe_insert("strength", frame=self.random.randint(passage.start, passage.end))
        elif how == "drag":
            what = self.random.choice(("start", "end", "body"))
            drag.place(passage, what, (passage.start, passage.end), self.random.randint(-20, 20))
        else:
            passage.regions = set(self.random.sample(sorted(REGIONS), self.random.randint(1, 5)))

    def do_word_markers(self):
        head = self.pick()
        self.tried(self.random.choice((bpy.ops.utter.put_word_markers, bpy.ops.utter.remove_word_markers)))
        marks = bpy.context.scene.timeline_markers
        if self.random.random() < 0.3:  # two of one name, as an artist has them
            marks.new("here", frame=10), marks.new("here", frame=10)
        head.utter.word = 0

    def do_soften(self):
        head, rig = self.performing()
        if head and (curve := self.curve(rig)):
            for point in list(curve.keyframe_points)[3:6]:
                point.select_control_point = True
            self.tried(bpy.ops.utter.soften)

    def do_rename_head(self):
        head = self.pick()
        before, head.name = head.name, f"Renamed {self.random.randrange(1000)}"
        self.notes[head.name] = self.notes.pop(before)

    def do_rename_key(self):
        keys = self.pick().data.shape_keys.key_blocks
        key = keys[self.random.randrange(1, len(keys))]
        key.name = f"CTRL_{key.name}"

    def do_rename_bone(self):
        bones = armature(self.pick()).data.bones
        bone = self.random.choice(list(bones))
        bone.name = f"DEF-{bone.name}"

    def do_delete_key(self):
        head = self.pick()
        head.shape_key_remove(self.random.choice(list(head.data.shape_keys.key_blocks)[1:]))

    def do_duplicate(self, linked=False):
        head = self.pick()
        if len(self.notes) > 3 or head not in bpy.context.selected_objects:
            return
        armature(head).select_set(True)
        bpy.ops.object.duplicate(linked=linked)
        twin = next(obj for obj in bpy.context.selected_objects if obj.type == "MESH")
        self.notes[twin.name] = copy.deepcopy(self.note(head))

    def do_alt_d(self):
        self.do_duplicate(linked=True)

    def do_delete_head(self):
        if len(self.notes) > 1:
            head = self.pick()
            del self.notes[head.name]
            bpy.data.objects.remove(head)

    def do_move_strip(self):
        head = self.pick()
        scene = bpy.context.scene
        if strips := sequencer.pieces(scene, head):
            compat.move_strip(strips[0], self.random.randrange(-20, 50))
            scene.frame_set(scene.frame_current)
            self.note(head)["settings"]["start"] = round(sequencer.begins(scene, head))

    def do_something_in_a_mode(self):
        """As an artist who left a head in Edit, Sculpt or Pose Mode and goes on in the panel. (What is done there is one step of undo
        here: Blender's own steps in those modes hold nothing but the mesh or the bones.)"""
        head = self.pick()
        obj = self.random.choice((head, armature(head)))
        bpy.context.view_layer.objects.active = obj
        modes = ("POSE", "EDIT") if obj.type == "ARMATURE" else ("SCULPT", "EDIT")
        if not obj.library and not obj.data.library and not obj.override_library:
            bpy.ops.object.mode_set(mode=self.random.choice(modes))
        self.in_mode = head
        getattr(self, self.random.choice(("do_slider", "do_random_identity", "do_settings", "do_perform", "do_key_and_rediffuse")))()
        self.in_mode = None
        if bpy.context.view_layer.objects.active:
            bpy.ops.object.mode_set(mode="OBJECT")

    def do_fps(self):
        scene = bpy.context.scene
        scene.render.fps = self.random.choice((24, 25, 30, 60))
        scene.frame_set(scene.frame_current)
        for head in self.heads():  # a strip that is trimmed keeps its trimmed end, so that its first sample goes elsewhere
            if (strips := sequencer.pieces(scene, head)) and compat.cut(strips[0])[0]:
                self.note(head)["settings"]["start"] = round(sequencer.begins(scene, head))

    def do_undo(self):
        if self.place > 0:
            bpy.ops.ed.undo()
            self.place -= 1
            self.notes = copy.deepcopy(self.past[self.place])
        return "no step"

    def do_redo(self):
        if self.place < len(self.past) - 1:
            bpy.ops.ed.redo()
            self.place += 1
            self.notes = copy.deepcopy(self.past[self.place])
        return "no step"

    def do_save_and_load(self):
        path = str(self.folder / "scene.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        self.past, self.place = [], -1

    # What must hold

    def check(self):
        bpy.context.scene.frame_set(1)
        for name, note in self.notes.items():
            head = bpy.data.objects[name]
            told = {setting: getattr(head.utter, setting) for setting in SETTINGS}
            assert told == note["settings"], (name, told, note["settings"])
            sliders = {slider: getattr(head.utter.identity, identity.key(slider)) for slider in SLIDERS}
            assert all(abs(sliders[slider] - note["sliders"][slider]) < 1e-4 for slider in SLIDERS), (name, sliders, note["sliders"])
            assert [passage.prompt for passage in head.utter.passages] == note["passages"], name
            assert set(strengths.curves(head)) <= set(range(len(head.utter.passages))), f"{name}: a strength of no passage is keyed"
            assert takes_of(head) == note["takes"], (name, takes_of(head), note["takes"])
            if rigs.ready(head):
                rig = rigs.rig_of(head)
                if rig.columns > 65 and bake.actions(rig):
                    shown = bake.sample(rig, np.arange(head.utter.start, head.utter.start + 60))[:, 65:]
                    assert shown.min() > -1e-3 and shown.max() < 1 + 1e-3, "face actions lie within 0 and 1"
                for action in bake.actions(rigs.rig_of(head)):
                    begin = sequencer.begins(bpy.context.scene, head)
                    assert abs(tracks.timing(action)[0] - begin) < 0.01, f"{name}: keys from {tracks.timing(action)}, sound from {begin}"
            off = np.abs(neutral(head) - self.expected(note)).max()
            assert off < NEAR, f"{name}: its neutral face is {1000 * off:.3f} mm off"

    def expected(self, note):
        """The neutral face [N,3] that a head of that note should have."""
        directions = identity.model().directions
        beta = np.array([note["sliders"][name] for name in SLIDERS]) @ directions
        if note["seed"] >= 0:
            beta = beta + identity.draw_identity(directions, note["seed"])[1]
        with np.load(self.bundle) as arrays:
            vertices = arrays["vertices"].astype(float)
        return (vertices + identity.model().shapes @ beta[identity.model().used].astype(np.float32)) @ TO_BLENDER.T


def takes_of(head):
    """How many takes of a head still have their Action."""
    return sum(bool(take.keys or take.bones) for take in head.utter.takes)


WEIGHTS = {
    "slider": 4,
    "settings": 3,
    "perform": 4,
    "voice": 3,
    "undo": 3,
    "key_and_rediffuse": 3,
    "rediffuse": 3,
    "key_by_hand": 2,
    "pose": 2,
    **dict.fromkeys(("simplify", "insert_key", "delete_keys", "look_at", "layers", "dim", "merge", "finish", "rediffuse_thinned"), 2),
}
DOINGS = [name for name in vars(Session) if name.startswith("do_")]


def play(seed, bundle):
    """Play the session of that seed; returns "" or what went wrong, with all that was done before."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    session = Session(seed, bundle)
    doings = [name for name in DOINGS if not (session.linked and name in LOCAL)]
    weights = [WEIGHTS.get(name[3:], 1) for name in doings]
    errors = io.StringIO()  # Blender prints what a property's update raises
    try:
        with contextlib.redirect_stderr(errors):
            for _ in range(STEPS):
                (doing,) = session.random.choices(doings, weights)
                session.log.append(doing)
                step = getattr(session, doing)()
                if step != "no step":
                    session.compare_keys(doing)
                    session.push()
                assert "Traceback" not in errors.getvalue()
            session.log.append("check")
            session.check()
    except Exception:
        return f"{' '.join(session.log)}\n{session.refused}\n{traceback.format_exc()}\n{errors.getvalue()[-3000:]}"
    finally:
        shutil.rmtree(session.folder, ignore_errors=True)
    return ""
