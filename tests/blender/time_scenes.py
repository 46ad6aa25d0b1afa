"""Voice, strip and performance in time, whatever the artist does to one of them; test_time.py plays each scene in an empty file."""

import os
import shutil
import sys
import tempfile
import wave
from pathlib import Path

import bpy
import numpy as np

import addon
from tests.blender import heads

addon.register()
from addon import compat  # noqa: E402
from addon.animation import bake, tracks  # noqa: E402
from addon.animation.obstacles import obstacles  # noqa: E402
from addon.panels import head as heads_room  # noqa: E402
from addon.panels import perform, sequencer, voice, words  # noqa: E402
from addon.rigs import making, rig_of  # noqa: E402
from addon.work import jobs  # noqa: E402

SOUND = bpy.app.build_options.audaspace  # without it Blender has no strips of sound
SECONDS = 3.0


def recording(seconds=SECONDS, name="line.wav"):
    """A recording that is silent but for its very first samples."""
    path = Path(tempfile.mkdtemp()) / name
    samples = np.zeros(round(8000 * seconds), np.int16)
    samples[:80] = 20000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return str(path)


def with_voice(fps=24, start=1):
    """A small head chosen to perform, with a recording of three seconds."""
    bundle = Path(tempfile.mkdtemp()) / "bundle.npz"
    heads.write(bundle)
    head = making.build(bundle, name="Tester")
    scene = bpy.context.scene
    scene.render.fps = fps
    heads_room.choose(scene, head)
    head.utter.start = start
    head.utter.voice = recording()
    assert not head.utter.refusal
    return scene, head


def performed(scene, head, job=None, seconds=SECONDS, seed=1):
    """The result of a job, as if the worker had sent a Motion that is different in each frame; its notes."""
    job = job or perform.perform_job(scene, head)
    if jobs.current is not job:
        jobs.current = job
    frames = round(seconds * 30)
    values = 0.3 * np.random.default_rng(seed).random((frames, 65)).astype(np.float32)
    np.savez(job.asked.output, motion=values, actions=np.zeros((frames, 52), np.float32))
    jobs._finish({"output": job.asked.output, "fps": 30.0, "seconds": 0.1})
    assert not job.error, job.error
    return job.notes


def strips(scene):
    return [strip for strip in compat.all_strips(scene) if strip.type == "SOUND"]


def first_keys(head):
    """The first frame of every curve."""
    return {round(c.keyframe_points[0].co[0], 2) for o in rig_of(head).owners() for c in compat.bag(o).fcurves}


def heard(scene, head):
    """The voice's first frame, as the strip says where there is one."""
    return compat.first_sample(strips(scene)[0], bake.scene_fps(scene)) if SOUND else head.utter.start


def together(scene, head):
    bpy.context.view_layer.update()
    assert first_keys(head) == {round(heard(scene, head), 2)}, (first_keys(head), heard(scene, head))
    assert head.utter.start == round(heard(scene, head))


def curve_of(head, channel="Exp1"):
    return tracks.find(tracks.Track(head.data.shape_keys, f'key_blocks["{channel}"].value', 0, ""))


def pin(head, frame, value):
    key = min(curve_of(head).keyframe_points, key=lambda k: abs(k.co[0] - frame))
    key.handle_left_type = key.handle_right_type = "FREE"
    key.co[1], key.handle_left, key.handle_right = value, (key.co[0] - 0.4, value), (key.co[0] + 0.6, value)
    curve_of(head).update()
    return key.co[0]


def scene_start_frame_moves_all_that_belongs_to_the_voice():
    scene, head = with_voice()
    performed(scene, head)
    at = pin(head, 30, 0.7)
    before = bake.sample(rig_of(head), np.arange(1, 60))
    passage = head.utter.passages.add()
    passage.start, passage.end = 10, 20
    head.utter.start = 101
    together(scene, head)
    assert first_keys(head) == {101} and (passage.start, passage.end) == (110, 120)
    assert np.allclose(bake.sample(rig_of(head), np.arange(101, 160)), before, atol=1e-5)
    (key,) = [k for k in curve_of(head).keyframe_points if abs(k.co[1] - 0.7) < 1e-6]
    assert np.allclose([key.co[0], key.handle_left[0], key.handle_right[0]], [at + 100, at + 99.6, at + 100.6])
    assert bake.count_pins(rig_of(head)) == 1, "a key that goes along is no new pin"
    head.utter.start = 1
    assert np.array_equal(bake.sample(rig_of(head), np.arange(1, 60)), before), "and back again, to the bit"


def scene_start_frame_changed_during_a_job():
    scene, head = with_voice()
    job = perform.perform_job(scene, head)
    head.utter.start = 50
    performed(scene, head, job)
    assert first_keys(head) == {50}
    pin(head, 70, 0.7)
    job = perform.perform_job(scene, head, rediffuse=True)
    head.utter.start = 20
    performed(scene, head, job, seed=2)
    assert first_keys(head) == {20} and abs(curve_of(head).evaluate(40) - 0.7) < 1e-6
    together(scene, head)


def scene_undo_takes_voice_and_keys_back():
    scene, head = with_voice()
    performed(scene, head)
    bpy.ops.ed.undo_push(message="performed")
    head.utter.start = 40
    bpy.ops.ed.undo_push(message="moved")
    bpy.ops.ed.undo()
    scene, head = bpy.context.scene, bpy.data.objects["Tester"]
    together(scene, head)
    assert first_keys(head) == {1}
    bpy.ops.ed.redo()
    scene, head = bpy.context.scene, bpy.data.objects["Tester"]
    together(scene, head)
    assert first_keys(head) == {40}


def scene_an_earlier_take_is_in_time_when_it_is_chosen():
    scene, head = with_voice()
    performed(scene, head)
    head.utter.start = 30
    performed(scene, head, seed=2)
    head.utter.start = 60
    for take in (0, 1, 0):
        head.utter.take = take
        together(scene, head)
    scene.render.fps = 48
    head.utter.take = 1
    together(scene, head)
    assert abs(curve_of(head).range()[1] - (head.utter.start + 89 / 30 * 48)) <= 2


def scene_a_duplicate_moves_alone():
    scene, head = with_voice()
    performed(scene, head)
    before = bake.sample(rig_of(head), np.arange(1, 60))
    for obj in (head, rig_of(head).owners()[1]):
        obj.select_set(True)
    bpy.ops.object.duplicate()
    twin = next(obj for obj in bpy.context.selected_objects if obj.type == "MESH")
    twin.utter.start = 31
    assert first_keys(twin) == {31} and first_keys(head) == {1}
    assert np.array_equal(bake.sample(rig_of(head), np.arange(1, 60)), before)
    twin.utter.take = 0
    assert first_keys(twin) == {31} and first_keys(head) == {1}, "its take is its own by now"


def scene_a_strip_that_moves_takes_the_face_along():
    if not SOUND:
        return
    scene, head = with_voice()
    performed(scene, head)
    (strip,) = strips(scene)
    for frame in (60, -20, 1):
        compat.move_strip(strip, frame - heard(scene, head))
        together(scene, head)
        assert head.utter.start == frame
    compat.move_strip(strip, 9)
    performed(scene, head)  # at once, before Blender has told that anything changed
    together(scene, head)
    strip.name = "SC03 We will not go"
    compat.move_strip(strip, 9)
    together(scene, head)
    head.utter.start = 5
    assert len(strips(scene)) == 1, "it is known by its sound, whatever it is called"
    together(scene, head)


def scene_a_strip_that_is_cut_or_slipped():
    if not SOUND:
        return
    scene, head = with_voice()
    performed(scene, head)
    (strip,) = strips(scene)
    trim_left(strip, 24)
    together(scene, head)
    assert first_keys(head) == {1}, "what is cut away does not move the rest"
    assert sequencer.sentences(scene, head) == [
        f"The strip {strip.name} was cut: the voice is heard from frame 25 to 73 only, and the face speaks all of it."
    ]
    assert sequencer.sentences(scene, head)[0] in performed(scene, head), "said after Perform as well"
    trim_left(strip, 0)
    assert not sequencer.sentences(scene, head)
    second = strip.split(40, "SOFT") or next(s for s in strips(scene) if s.name != head.utter.strip)
    assert not sequencer.sentences(scene, head), "in two that play as one"
    compat.move_strip(second, 12)
    together(scene, head)
    assert first_keys(head) == {1} and "parts moved" in sequencer.sentences(scene, head)[0]
    compat.move_strip(second, -12)
    head.utter.start = 31
    assert {round(compat.first_sample(s, 24)) for s in strips(scene)} == {31}, "all parts go along"
    strips_of = compat.strips(scene)
    strips_of.remove(second)
    assert "was cut: the voice is heard from frame 31 to 70 only" in sequencer.sentences(scene, head)[0]
    for left in strips(scene):
        strips_of.remove(left)
    assert "no longer in the sequencer" in sequencer.sentences(scene, head)[0]
    performed(scene, head)
    assert first_keys(head) == {31}
    head.utter.voice = head.utter.voice
    assert len(strips(scene)) == 1 and not sequencer.sentences(scene, head)


def trim_left(strip, frames):
    if hasattr(strip, "left_handle_offset"):
        strip.left_handle_offset = frames
    else:
        strip.frame_offset_start = frames


def scene_a_strip_that_is_silent_retimed_or_in_a_meta_strip():
    if not SOUND:
        return
    scene, head = with_voice()
    performed(scene, head)
    (strip,) = strips(scene)
    told = lambda: " ".join(sequencer.sentences(scene, head))
    for owner, name, value in ((strip, "mute", True), (strip, "volume", 0), (scene.sequence_editor.channels[strip.channel], "mute", True)):
        before = getattr(owner, name)
        setattr(owner, name, value)
        assert "is muted" in told(), name
        setattr(owner, name, before)
    assert not told()
    meta = compat.strips(scene).new_meta("Meta", 5, 1)
    strip.move_to_meta(meta)
    compat.end_strip(meta, 73)
    bpy.context.view_layer.update()
    together(scene, head)
    assert strips(scene) == [strip]
    compat.move_strip(meta, 20)
    together(scene, head)
    meta.mute = True
    assert "is muted" in told()
    head.utter.voice = ""
    assert not strips(scene), "taken out of the meta strip"
    head.utter.voice = recording()
    scene.render.frame_map_new = 200
    assert "Time Stretching" in told()
    scene.render.frame_map_new = 100
    if bpy.app.version >= (5, 2, 0):  # before, bpy without a window crashes when it adds one
        strips(scene)[0].retiming_keys.add(timeline_frame=40)
        assert "is retimed" in told()


def scene_another_frame_rate_keeps_keys_pins_and_passages_at_their_sounds():
    scene, head = with_voice(24, 11)
    performed(scene, head)
    at = pin(head, 40, 0.7)
    passage = head.utter.passages.add()
    passage.start, passage.end, passage.fade = 11 + 24, 11 + 48, 6
    scene.render.fps = 60
    bpy.context.view_layer.update()
    job = perform.perform_job(scene, head, rediffuse=True)
    pins = np.load(job.asked.pins)
    assert np.abs(pins["values"][pins["mask"]] - 0.7).max() < 1e-6
    performed(scene, head, job, seed=2)
    together(scene, head)
    assert (passage.start, passage.end, passage.fade) == (11 + 60, 11 + 120, 15)
    assert abs(curve_of(head).evaluate(11 + (at - 11) * 2.5) - 0.7) < 1e-5, "the pin is where its sound is"
    assert abs(curve_of(head).range()[1] - (11 + 89 * 2)) <= 1
    scene.render.fps, scene.render.fps_base = 24, 1.001
    bpy.context.view_layer.update()
    performed(scene, head, seed=3)
    together(scene, head)


def scene_a_head_whose_voice_has_no_strip_keeps_pace_with_the_frame_rate():
    scene, head = with_voice(24, 11)
    performed(scene, head)
    at, last = pin(head, 40, 0.7), curve_of(head).range()[1]
    for strip in strips(scene):
        compat.strips(scene).remove(strip)
    for fps in (60, 24):
        scene.render.fps = fps
        bpy.context.view_layer.update()
        scene.frame_set(scene.frame_current)
        assert abs(curve_of(head).evaluate(11 + (at - 11) * fps / 24) - 0.7) < 1e-5 and bake.count_pins(rig_of(head)) == 1
        assert abs(curve_of(head).range()[1] - (11 + (last - 11) * fps / 24)) < 0.01 and head.utter.start == 11
    other = bpy.data.scenes.new("Other")
    other.collection.objects.link(head)
    other.render.fps = 50
    bpy.context.window.scene = other
    other.frame_set(1)
    assert abs(curve_of(head).range()[1] - last) < 0.01, "a head in two scenes keeps to neither's"


def scene_a_trimmed_strip_at_another_frame_rate_begins_on_a_fraction():
    if not SOUND:
        return
    scene, head = with_voice(24, 10)
    trim_left(strips(scene)[0], 25)
    scene.render.fps = 60  # Blender keeps the cut where it is
    bpy.context.view_layer.update()
    begin = heard(scene, head)
    assert abs(begin - (35 - 25 * 2.5)) < 0.1, begin
    performed(scene, head)
    frame = np.ceil(begin) + 30
    curve = curve_of(head)
    values = 0.3 * np.random.default_rng(1).random((90, 65)).astype(np.float32)
    u = (frame - begin) / 2
    low, high = sorted(values[[int(np.floor(u)), int(np.ceil(u))], 0])
    assert low - 1e-3 <= curve.evaluate(frame) <= high + 1e-3
    assert tracks.timing(bake.actions(rig_of(head))[0])[0] == begin


def scene_ten_minutes_do_not_drift():
    for fps, base in ((24, 1.001), (30, 1.001), (60, 1.001)):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene, head = with_voice(fps)
        scene.render.fps_base = base
        head.utter.voice = recording(600)
        length, rate = 18000, fps / base
        values = np.zeros((length, 65), np.float32)
        marks = np.array([0, 300, 9000, 17000])
        values[marks, 0] = 1
        bake.bake(rig_of(head), values, sequencer.begins(scene, head), fps=rate)
        around = np.arange(-1, 2)
        for mark in marks[1:]:
            frame = round(1 + mark / 30 * rate)
            shown = [curve_of(head).evaluate(frame + step) for step in around]
            assert around[int(np.argmax(shown))] == 0, (rate, mark, shown)
        if SOUND:
            begin, end = compat.handles(strips(scene)[0])
            assert begin == 1 and abs((end - begin) / rate - 600) < 1 / rate, (rate, begin, end)


def scene_a_strip_as_long_as_what_is_heard():
    """Blender believes a header that tells three seconds; two were heard."""
    if not SOUND:
        return
    scene, head = with_voice()
    (strip,) = strips(scene)
    performed(scene, head, seconds=2.0)
    assert compat.handles(strip) == (1, 49) and abs(head.utter.seconds - 2) < 1e-6
    assert not sequencer.sentences(scene, head)
    performed(scene, head, seconds=2.0)
    assert compat.handles(strip) == (1, 49)
    head.utter.voice = recording()
    (strip,) = strips(scene)
    compat.end_strip(strip, 30)
    performed(scene, head)
    assert compat.handles(strip) == (1, 30), "the artist's cut stays"


def scene_a_file_that_moves_finds_its_voice():
    scene, head = with_voice()
    folder = Path(tempfile.mkdtemp()) / "shot"
    folder.mkdir()
    shutil.copy(head.utter.voice, folder / "line.wav")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    head.utter.voice = "//line.wav"
    assert not head.utter.refusal
    bpy.ops.wm.save_mainfile()
    folder = folder.rename(folder.with_name("shot moved"))
    bpy.ops.wm.open_mainfile(filepath=str(folder / "shot.blend"))
    head = bpy.data.objects["Tester"]
    assert voice.path_of(head) == str(folder / "line.wav")
    for strip in strips(bpy.context.scene):
        assert bpy.path.abspath(strip.sound.filepath) == str(folder / "line.wav"), "and is heard"
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene, head = with_voice()
    head.utter.voice = "//line.wav"
    assert "line.wav" in head.utter.refusal and "does not exist" in head.utter.refusal


def scene_names_that_are_not_in_utf_8():
    if sys.platform != "linux":  # elsewhere there are none
        return
    scene, head = with_voice()
    folder = tempfile.mkdtemp()
    latin = lambda name: os.fsdecode(os.fsencode(folder) + b"/" + name)
    shutil.copy(head.utter.voice, latin(b"gr\xfcn we are now.wav"))
    before = head.utter.voice
    for chosen in (latin(b"gr\xfcn we are now.wav"), latin(b"gone \xfc.wav")):
        try:
            bpy.ops.utter.choose_voice(filepath=chosen)
        except RuntimeError as refused:
            assert "rename" in str(refused) or "gone \ufffd.wav does not exist" in str(refused), refused
        else:
            assert not SOUND, "Blender cannot play it"
            assert perform.perform_job(scene, head).asked.voice == chosen, "but it is heard"
            words.sentence_in(words.name_of(head)).encode()
        head.utter.voice = before
        assert not head.utter.refusal
    Path(latin(b"w\xf6rter.txt")).write_text("hello")
    try:
        bpy.ops.utter.choose_words(filepath=latin(b"w\xf6rter.txt"))
    except RuntimeError as refused:
        assert "w\ufffdrter.txt has letters that are not in UTF-8; rename" in str(refused)
    assert head.utter.words == ""
    os.mkdir(latin(b"m\xe4rz"))
    shutil.copy(before, latin(b"m\xe4rz/line.wav"))
    bpy.ops.wm.save_as_mainfile(filepath=latin(b"m\xe4rz/shot.blend"))
    head.utter.voice = "//line.wav"
    assert not head.utter.refusal and len(strips(scene)) == SOUND
    performed(scene, head, perform.perform_job(scene, head))
    jobs.say("perform", latin(b"\xfc"), notes=[latin(b"\xfc")])
    assert [text.encode() for text in (jobs.Message.text, *jobs.Message.notes)]


def shape(head, frame=30):
    """Where the vertices of a head are in a frame."""
    bpy.context.scene.frame_set(frame)
    bpy.context.view_layer.update()
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    return points


def told(head):
    return " ".join(obstacles(rig_of(head)))


def in_the_way(head, setting, reset, *words, seen=True):
    """That the setting changes what is seen, that the words are told then, and nothing any more once it is reset."""
    before = shape(head)
    assert told(head) == "", told(head)
    setting()
    assert np.abs(shape(head) - before).max() > 1e-4 or not seen, words
    for word in words:
        assert word in told(head), (word, told(head))
    reset()
    assert np.allclose(shape(head), before, atol=1e-6) and told(head) == "", (words, told(head))


def switched(owner, name, value):
    """A setting and its reset."""
    before = getattr(owner, name)
    return lambda: setattr(owner, name, value), lambda: setattr(owner, name, before)


def scene_obstacles_of_the_mesh_and_its_bones():
    scene, head = with_voice()
    assert told(head) == "", "nothing was performed"
    performed(scene, head)
    armature = rig_of(head).owners()[1]
    keys = head.data.shape_keys
    in_the_way(head, *switched(keys.key_blocks["jaw_x"], "mute", True), "Shape key jaw_x of Tester is muted")
    in_the_way(head, *switched(head, "show_only_shape_key", True), "Only one shape key of Tester is shown")
    in_the_way(head, *switched(armature.data, "pose_position", "REST"), "Tester Rig is in Rest Position")
    modifier = next(m for m in head.modifiers if m.type == "ARMATURE")
    in_the_way(head, *switched(modifier, "show_viewport", False), f"The modifier {modifier.name} of Tester is disabled in the viewport")
    in_the_way(head, *switched(head, "hide_viewport", True), "Tester is hidden", seen=False)
    in_the_way(head, *switched(keys.key_blocks["jaw_x"], "slider_max", 0.01), "range of shape key jaw_x of Tester is too small")

    bone = armature.pose.bones["neck"]
    constraint = bone.constraints.new("LIMIT_ROTATION")
    constraint.use_limit_x = constraint.use_limit_y = constraint.use_limit_z = True
    constraint.owner_space = "LOCAL"
    constraint.influence = 0
    in_the_way(head, *switched(constraint, "influence", 1.0), f"The constraint {constraint.name} turns the bone neck of Tester Rig")


def scene_obstacles_of_curves_and_drivers():
    scene, head = with_voice()
    performed(scene, head)
    armature, keys = rig_of(head).owners()[1], head.data.shape_keys
    curve = curve_of(head, "jaw_x")

    def drive(owner, path, index):
        def setting():
            made = owner.driver_add(path, index)
            made.driver.expression = "0.0"

        return setting, lambda: owner.driver_remove(path, index)

    in_the_way(head, *drive(keys, 'key_blocks["jaw_x"].value', -1), "Channel jaw_x of Tester is moved by drivers")
    in_the_way(head, *drive(armature, 'pose.bones["neck"].rotation_euler', 0), "Channel neck of Tester Rig is moved by drivers")
    in_the_way(head, *switched(curve, "lock", True), "F-curve jaw_x of Tester is locked", seen=False)
    in_the_way(head, *switched(curve.group, "mute", True), "Channel group Jaw of Tester is muted", seen=False)

    def mute(value):
        for name in ("Exp1", "Exp2", "Exp3", "jaw_x"):
            curve_of(head, name).mute = value

    keys.key_blocks["jaw_x"].driver_remove("value")
    mute(True)
    assert "4 F-curves (Exp1, Exp2 ...) of Tester are muted" in told(head), told(head)
    mute(False)
    assert told(head) == ""


def scene_obstacles_of_the_nla():
    scene, head = with_voice()
    performed(scene, head)
    keys = head.data.shape_keys
    animation, action = keys.animation_data, keys.animation_data.action
    own = bpy.data.actions.new("Smile")
    compat.curve(compat.attach(keys, own), 'key_blocks["jaw_x"].value', 0, "Jaw").keyframe_points.insert(1, 0.9)
    compat.push_down(keys, "Smiles")
    compat.attach(keys, action)
    track = animation.nla_tracks["Smiles"]
    assert told(head) == "", "below ours it does no harm"
    in_the_way(head, *switched(animation, "action_influence", 0.0), f"The Action {action.name} has an influence of 0 on Tester")
    in_the_way(head, *switched(track, "is_solo", True), "NLA track Smiles of Tester plays solo")
    in_the_way(head, *switched(animation, "action_blend_type", "ADD"), "blends by Add on Tester", seen=False)
    if compat.SLOTS:
        slot = animation.action_slot
        in_the_way(
            head,
            lambda: setattr(animation, "action_slot", None),
            lambda: setattr(animation, "action_slot", slot),
            "no slot chosen for Tester",
        )

    compat.push_down(keys, "Ours")  # as the artist does with the button of that name
    ours = animation.nla_tracks["Ours"]
    assert "The performance of Tester is a strip in the NLA track Ours" in told(head)
    ours.mute = True
    assert "The NLA track Ours of Tester is muted" in told(head)
    ours.mute = False
    above = animation.nla_tracks.new()
    above.name = "Above"
    over = above.strips.new("Over", 1, own)
    over.frame_end = 50
    assert f"The strip {over.name} in the NLA track Above of Tester replaces" in told(head)
    over.blend_type = "ADD"
    assert "replaces" not in told(head)
    animation.use_nla = False
    assert "The NLA of Tester is switched off" in told(head)


def scene_why_does_it_not_move_says_all_of_it():
    scene, head = with_voice()
    assert bpy.ops.utter.why_still() == {"FINISHED"} and "perform first" in jobs.Message.text
    performed(scene, head)
    bpy.ops.utter.why_still()
    assert jobs.Message.text == "Nothing is in its way."
    curve_of(head).mute = True
    rig_of(head).owners()[1].data.pose_position = "REST"
    bpy.ops.utter.why_still()
    assert "Rest Position" in jobs.Message.text and "Exp1" in jobs.Message.notes[0]
    assert jobs.Message.text in performed(scene, head), "the first is said after Perform"
