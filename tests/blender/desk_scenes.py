"""Takes that remember what made them, passages, directions in the words, and finishing. Each scene starts from an empty file
(tests/blender/test_desk.py plays them); what the worker would have given is made up."""

import json
import shutil
import tempfile
from pathlib import Path

import bpy
import numpy as np

from tests.blender.actions_scenes import builtin_as_arkit
from tests.blender.operator_scenes import refusal

# isort: split
from addon import compat
from addon.animation import bake, finish, tracks
from addon.panels import base, passage_files, passages, perform, record, sequencer, stale, takes, voice
from addon.panels import head as heads_room
from addon.rigs import rig_of
from addon.work import jobs
from contract import CHANNELS, EYES, FACE_ACTIONS, JAW, LIDS, NECK, Passage
from tests.blender import heads
from tests.blender.scene_life_scenes import FRAMES, VOICE, built_in, small

OTHER = str(Path(VOICE).with_name("door.flac"))
SOUND = bpy.app.build_options.audaspace


def gave(job, seed, **more):
    """Apply a job as if the worker had performed; more: of its result."""
    values = heads.motion(FRAMES, seed)
    np.savez(job.asked.output, motion=values, actions=np.random.default_rng(seed).random((FRAMES, 52)).astype(np.float32))
    job.apply({"output": job.asked.output, "fps": 30.0, "seconds": 0.1, **more})
    shutil.rmtree(job.folder)
    return values


def performed(head, seed, **more):
    return gave(perform.perform_job(bpy.context.scene, head), seed, **more)


def heard():
    """What the sequencer plays: [(file, first frame)]."""
    scene = bpy.context.scene
    return sorted((Path(bpy.path.abspath(strip.sound.filepath)).name, compat.first_sample(strip, 30)) for strip in compat.all_strips(scene))


def two_takes():
    """A head with two takes: of one voice with a prompt, of another with a passage."""
    head = small()
    head.utter.prompt, head.utter.seed, head.utter.quality, head.utter.words = "sad", 5, "draft", "I like pie"
    performed(head, 1, words=[{"start": 0.1, "end": 0.4, "text": "pie", "confidence": 0.9}])
    head.utter.voice, head.utter.start = OTHER, 101
    head.utter.prompt, head.utter.seed, head.utter.words, head.utter.quality = "", 6, "", "final"
    bpy.ops.utter.add_passage()
    head.utter.passages[0].prompt, head.utter.passages[0].goes = "furious", 9
    performed(head, 2)
    return head


def scene_a_take_shows_all_that_made_it_and_its_voice_sounds():
    head = two_takes()
    settings = head.utter
    span = settings.passages[0].start, settings.passages[0].end
    assert [take.made.split(", ")[0] for take in settings.takes] == ["pie.flac", "door.flac"] and "sad" in settings.takes[0].made
    settings.take = 0
    assert (settings.voice, settings.prompt, settings.seed, settings.words, settings.quality) == (VOICE, "sad", 5, "I like pie", "draft")
    assert not settings.passages and settings.start == 1 and [word.text for word in settings.transcript] == ["pie"]
    if SOUND:
        assert heard() == [("pie.flac", 1)]
    assert np.allclose(tracks.timing(bake.actions(rig_of(head))[0])[0], 1)
    settings.take = 1
    assert (settings.voice, settings.prompt, settings.seed, settings.start) == (OTHER, "", 6, 101)
    (passage,) = settings.passages
    assert (passage.prompt, passage.start, passage.end, passage.fade_out) == ("furious", *span, 9)
    if SOUND:
        assert heard() == [("door.flac", 101)]


def scene_a_take_of_the_same_voice_goes_where_the_voice_was_moved():
    head = small()
    for seed, prompt in ((1, "sad"), (2, "proud")):
        head.utter.prompt = prompt
        bpy.ops.utter.add_passage()
        performed(head, seed)
    start = head.utter.passages[0].start
    head.utter.start = 41
    bpy.context.scene.render.fps = 60
    bpy.context.scene.frame_set(2)
    head.utter.take = 0
    assert head.utter.start == 41 and head.utter.prompt == "sad" and len(head.utter.passages) == 1
    assert head.utter.passages[0].start == round(41 + (start - 1) * 2)
    assert tracks.timing(bake.actions(rig_of(head))[0]) == (41, 60)


def scene_takes_are_named_noted_and_starred_and_survive_saving_and_appending():
    head = two_takes()
    head.utter.takes[0].keys.name, head.utter.takes[0].note, head.utter.takes[0].star = "The quiet one", "director likes it", True
    path = str(Path(tempfile.mkdtemp()) / "takes.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    for open_again in (False, True):
        if open_again:
            bpy.ops.wm.read_homefile(use_empty=True)
            bpy.context.scene.render.fps = 30
            bpy.ops.wm.append(directory=path + "/Object/", filename="Head")
        settings = bpy.data.objects["Head"].utter
        assert [(take.note, take.star) for take in settings.takes] == [("director likes it", True), ("", False)]
        settings.take = 0
        assert settings.takes[0].keys.name == "The quiet one" and settings.prompt == "sad" and settings.voice == VOICE


def scene_a_part_that_let_go_of_the_take_is_said_and_chosen_again_it_plays():
    head = small()
    performed(head, 1)
    rig, frames = rig_of(head), np.arange(1, FRAMES + 1)
    for curve in (
        tracks.find(track) for track in rig.tracks() if track.path in ('key_blocks["jaw_x"].value', 'key_blocks["lid_left"].value')
    ):
        curve.keyframe_points[9].co[1] += 0.2
        curve.update()
    held, sampled = bake.count_pins(rig), bake.sample(rig, frames)
    keys = head.data.shape_keys
    mine = bpy.data.actions.new("Mine")
    for how in ("unlinked", "pushed down", "another"):
        if how == "pushed down":
            compat.push_down(keys, "By hand")
        else:
            keys.animation_data.action = None
        if how == "another":
            keys.key_blocks[1].value = 0.5
            compat.attach(keys, mine)
            keys.key_blocks[1].keyframe_insert("value", frame=5)
        before = [len(bag.fcurves) for action in (mine, head.utter.takes[0].keys) for bag in compat.bags(action)]
        head.utter.scope = "PREVIEW"
        for button in (bpy.ops.utter.rediffuse, bpy.ops.utter.simplify, bpy.ops.utter.layers, bpy.ops.utter.hold):
            assert "no longer play the take" in refusal(button), how
        head.utter.finish.jaw = 0.5
        assert "no longer play the take" in jobs.Message.text, how
        record.show_finish(head.utter, [])
        head.utter.pose.jaw_open = 0.5
        assert "no longer play the take" in jobs.Message.text, how
        assert before == [len(bag.fcurves) for action in (mine, head.utter.takes[0].keys) for bag in compat.bags(action)], how
        head.utter.start += 10  # the voice goes elsewhere meanwhile
        frames += 10
        assert takes.actions_of(head.utter.takes[0])[0] == head.utter.takes[0].keys, how
        head.utter.take = 0
        assert not base.torn(head) and bake.count_pins(rig_of(head)) == held, how
        np.testing.assert_allclose(bake.sample(rig_of(head), frames), sampled, atol=1e-5)
    assert mine.use_fake_user and [strip.action for track in keys.animation_data.nla_tracks for strip in track.strips][-1] == mine


def scene_unused_takes_go_in_one_step():
    head = small()
    for seed in range(5):
        performed(head, seed)
    head.utter.takes[1].star = True
    head.utter.take = 3
    before = len(bpy.data.actions)
    present = bake.actions(rig_of(head))[0]
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.utter.clean_takes() == {"FINISHED"}
    assert [take.star for take in head.utter.takes] == [True, False] and head.utter.take == 1
    assert bake.actions(rig_of(head))[0] == present and len(bpy.data.actions) == before - 3 * (1 if compat.SLOTS else 2)
    assert bpy.ops.utter.clean_takes() == {"CANCELLED"}
    assert bpy.ops.utter.next_take() == {"FINISHED"} and head.utter.take == 0, "after the last comes the first"
    assert bpy.ops.utter.previous_take() == {"FINISHED"} and head.utter.take == 1
    head.utter.takes[0].star = False
    bpy.ops.utter.clean_takes()
    assert "There is no other take" in refusal(bpy.ops.utter.next_take)


def scene_a_take_whose_voice_is_gone_plays_and_says_so():
    folder = Path(tempfile.mkdtemp())
    head = small()
    shutil.copy(VOICE, folder / "gone.flac")
    head.utter.voice = str(folder / "gone.flac")
    performed(head, 1)
    head.utter.voice = OTHER
    performed(head, 2)
    (folder / "gone.flac").unlink()
    head.utter.take = 0
    assert "gone.flac does not exist" in head.utter.refusal and "." not in head.utter.refusal[:-1].replace("gone.flac", "")[-20:]
    assert np.abs(bake.sample(rig_of(head), [10])).max() > 0
    if SOUND:
        assert heard() == [], "no other voice sounds with it"
    head.utter.take = 1
    assert head.utter.refusal == "" and head.utter.voice == OTHER


def scene_rediffuse_makes_a_new_take_or_changes_the_present_one():
    head = small()
    performed(head, 1)
    rig = rig_of(head)
    curve = tracks.find(next(track for track in rig.tracks() if track.path == 'key_blocks["Exp3"].value'))
    key = curve.keyframe_points[12]
    key.co[1] += 1
    curve.update()
    frames, held = np.arange(1, FRAMES + 1), key.co[1]
    first = bake.sample(rig, frames)
    for scope, count in (("EVERYTHING", 2), ("PREVIEW", 3)):
        head.utter.take, head.utter.as_take, head.utter.scope = 0, True, scope
        scene = bpy.context.scene
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 8, 20
        gave(perform.perform_job(scene, head, rediffuse=True), 7)
        assert len(head.utter.takes) == head.utter.take + 1 == count
        assert np.abs(bake.sample(rig, frames) - first).max() > 0.1 and abs(bake.sample(rig, [13])[0, 2] - held) < 1e-6
        head.utter.take = 0
        np.testing.assert_array_equal(bake.sample(rig, frames), first)
    head.utter.as_take = False
    gave(perform.perform_job(bpy.context.scene, head, rediffuse=True), 8)
    assert len(head.utter.takes) == 3 and np.abs(bake.sample(rig, frames) - first).max() > 0.1


def scene_perform_again_from_here():
    head = two_takes()
    head.utter.take = 0
    head.utter.prompt, head.utter.seed = "something else", 99
    job = perform.UTTER_OT_perform_again.job(None, bpy.context)
    assert (job.asked.prompt, job.asked.words) == ("sad", "I like pie") and job.asked.seed not in (5, 6)
    gave(job, 3)
    assert len(head.utter.takes) == 3 and record.read(takes.actions_of(head.utter.takes[2]))["seed"] == job.asked.seed
    for action in takes.actions_of(head.utter.takes[0]):
        del action[record.MADE]
    head.utter.take = 0
    assert "does not say what made it" in refusal(bpy.ops.utter.perform_again)


def scene_another_take_in_panels_of_a_damaged_record_changes_what_it_can():
    head = two_takes()
    for action in takes.actions_of(head.utter.takes[0]):
        action[record.MADE] = json.dumps(
            {"prompt": 7, "seed": "x", "quality": "best", "passages": [{"start": 3, "nonsense": 1}], "new": {}}
        )
    head.utter.take = 0
    assert head.utter.quality == "final" and head.utter.voice == OTHER and len(head.utter.passages) == 1
    for action in takes.actions_of(head.utter.takes[1]):
        action[record.MADE] = "{"
    head.utter.take = 1
    assert np.abs(bake.sample(rig_of(head), [110])).max() > 0


# Passages


def scene_passages_are_duplicated_split_and_switched_off():
    head = small()
    settings, scene = head.utter, bpy.context.scene
    passages.from_seconds(settings, [Passage(0.0, 2.0, "sad", 0.7, 0.2, fade_out=0.6)], 30)
    (asked,) = passages.in_seconds(settings, 30, {})
    assert asked.fades == (0.2, 0.6)
    settings.passages[0].fade = 12
    settings.passages[0].goes = -1
    assert settings.passages[0].fade_out == 12, "where it has none of its own, it goes as it comes"
    scene.frame_set(200)
    assert "Move the playhead" in refusal(bpy.ops.utter.split_passage)
    scene.frame_set(31)
    bpy.ops.utter.split_passage()
    assert [(p.start, p.end, p.prompt) for p in settings.passages] == [(1, 31, "sad"), (31, 61, "sad")] and settings.passage == 1
    earlier, later = settings.passages
    assert earlier.fade_out == later.fade and earlier.fade == 12 and later.fade_out == 12
    bpy.ops.utter.duplicate_passage()
    assert [(p.start, p.end) for p in settings.passages] == [(1, 31), (31, 61), (61, 91)] and settings.passage == 2
    settings.passages[1].on = False
    assert len(passages.in_seconds(settings, 30, {})) == 2
    settings.seconds = 1.5
    assert "beyond the voice, which lasts from frame 1 to 46" in passages.beyond(settings, 30)
    settings.passages[2].on = False
    assert passages.beyond(settings, 30) == ""
    settings.passages[0].gesture = "laugh"
    (asked,) = passages.in_seconds(settings, 30, {})
    assert (asked.gesture, asked.prompt) == ("laugh", "") and passages.label(settings.passages[0]) == "Laugh"


def scene_passages_come_from_files_and_markers():
    head = small()
    settings, scene, folder = head.utter, bpy.context.scene, Path(tempfile.mkdtemp())
    settings.start = 11
    (folder / "a.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\n[angry] No! [laughs]\n\n2\n00:00:02,000 --> 00:00:03,000\nproud\n")
    (folder / "b.csv").write_text("Start;End;Prompt;Strength\n0:01.5;2,5;tired;0,5\n00:00:03:15;4;proud;\n")
    assert bpy.ops.utter.import_passages(filepath=str(folder / "a.srt")) == {"FINISHED"}
    told = lambda: [(p.start, p.prompt or p.gesture, round(p.strength, 2)) for p in settings.passages]
    assert told()[0] == (26, "angry", 1) and told()[1][1] == "laugh" and told()[2] == (71, "proud", 1)
    settings.passages.clear()
    bpy.ops.utter.import_passages(filepath=str(folder / "b.csv"))
    assert told() == [(56, "tired", 0.5), (116, "proud", 1)] and settings.passages[0].end == 86
    (folder / "c.csv").write_text("a,b\n1,2\n")
    assert "it lacks start and end and prompt" in refusal(bpy.ops.utter.import_passages, filepath=str(folder / "c.csv"))
    (folder / "d.srt").write_text("nothing")
    assert "holds no times" in refusal(bpy.ops.utter.import_passages, filepath=str(folder / "d.srt"))
    settings.passages.clear()
    assert "Set markers" in refusal(bpy.ops.utter.passages_from_markers)
    for name, frame in (("sad", 20), ("sad", 40)):  # of the same name
        scene.timeline_markers.new(name, frame=frame)
    bpy.ops.utter.passages_from_markers()
    assert [(p.start, p.end, p.prompt) for p in settings.passages] == [
        (20, 40, "sad"),
        (40, max(passages.last_frame(settings, 30), 100), "sad"),
    ]


def scene_presets():
    head = small()
    settings = head.utter
    passage_files.file().unlink(missing_ok=True)
    bpy.ops.utter.add_passage()
    settings.passages[0].prompt, settings.passages[0].strength, settings.passages[0].fade = "icy calm", 0.6, 15
    assert bpy.ops.utter.save_preset(name="Ice") == {"FINISHED"}
    bpy.context.scene.render.fps = 60
    bpy.ops.utter.add_passage()
    assert bpy.ops.utter.load_preset(name="Ice") == {"FINISHED"}
    passage = settings.passages[1]
    assert (passage.prompt, round(passage.strength, 2), passage.fade, passage.goes) == ("icy calm", 0.6, 30, -1)
    assert "no preset" in refusal(bpy.ops.utter.load_preset, name="Fire")
    bpy.ops.utter.remove_preset(name="Ice")
    assert passage_files.presets() == {}
    passage_files.file().write_text("{")
    assert passage_files.presets() == {}, "damaged: none"
    passage_files.file().unlink()


def scene_directions_in_the_words_become_passages_that_the_artist_may_change():
    head = small()
    settings, scene = head.utter, bpy.context.scene
    settings.words = "[sad] I like pie [laughs] *very* much"
    directed = [
        Passage(0.0, 0.5, "sad", fade=0.3).to_message(),
        Passage(0.5, 0.7, "", fade=0.1, gesture="laugh").to_message(),
        Passage(0.7, 0.9, "", fade=0.1, gesture="accent").to_message(),
    ]
    job = perform.perform_job(scene, head)
    assert job.asked.words == settings.words and not job.asked.passages
    gave(job, 1, directed=directed)
    assert [passages.label(p) for p in settings.passages] == ["sad", "Laugh", "Accent"]
    job = perform.perform_job(scene, head)
    assert "[" not in job.asked.words and "*" not in job.asked.words and [p.gesture for p in job.asked.passages] == ["", "laugh", "accent"]
    settings.passages[0].prompt = "heartbroken"
    gave(job, 2)
    assert [passages.label(p) for p in settings.passages] == ["heartbroken", "Laugh", "Accent"], "editable after"
    settings.words = "[sad] I like pie very much"
    job = perform.perform_job(scene, head)
    assert "[sad]" in job.asked.words and [p.prompt for p in job.asked.passages] == ["heartbroken"], "the worker makes the others anew"
    gave(job, 3, directed=directed[:1])
    assert [passages.label(p) for p in settings.passages] == ["heartbroken", "sad"], "what was changed stays"
    settings.words = "I like pie very much"
    job = perform.perform_job(scene, head)
    assert [p.prompt for p in job.asked.passages] == ["heartbroken"]
    gave(job, 4, directed=[])
    assert [passages.label(p) for p in settings.passages] == ["heartbroken"]
    settings.words = "[sad I like pie"
    assert "bracket of the words is not closed" in refusal(bpy.ops.utter.perform)
    settings.words = "[sad] pie " * 1000
    assert "1000 directions" in refusal(bpy.ops.utter.perform)


# Finishing


def columns_moved(before, after):
    return set(np.flatnonzero(np.abs(after - before).max(0) > 1e-5))


def finishable():
    """Heads of both kinds that perform, and the frames of that."""
    for make in (built_in, builtin_as_arkit):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        head = make()
        heads_room.choose(bpy.context.scene, head)
        bpy.context.scene.render.fps = 30
        head.utter.voice = VOICE
        job = perform.perform_job(bpy.context.scene, head)
        values = heads.motion(90, 3) * np.r_[np.full(50, 0.3), np.ones(15)]
        values += np.random.default_rng(0).normal(0, 0.03, values.shape)
        values[:, LIDS] = 0.1
        values[40:44, LIDS] = 1
        values[:, JAW] = 0
        values[:, JAW.start] = 0.15 + 0.15 * np.sin(np.arange(90) / 4)
        values[20:23, : JAW.stop] = values[20:23, LIDS.stop :] = 0  # shut lips
        actions = 0.4 + 0.3 * np.sin(np.arange(90)[:, None] / np.linspace(3, 9, 52)) + np.random.default_rng(1).normal(0, 0.05, (90, 52))
        actions[20:23] = 0
        np.savez(job.asked.output, motion=values.astype(np.float32), actions=actions.astype(np.float32))
        job.apply({"output": job.asked.output, "fps": 30.0, "seconds": 0.1})
        shutil.rmtree(job.folder)
        yield head, rig_of(head), np.arange(1, 91)


def own_keys(rig):
    return {(track.path, track.index): tracks.read(curve)["co"].copy() for track in rig.tracks() if (curve := tracks.find(track))}


def scene_sliders_move_their_part_and_reset_is_exact():
    for _, rig, frames in finishable():
        raw, before = own_keys(rig), bake.sample(rig, frames)
        settings = rig.obj.utter.finish
        flame = rig.columns == CHANNELS
        for name, own in (
            ("jaw", range(JAW.start, JAW.stop)),
            ("blinks", range(LIDS.start, LIDS.stop)),
            ("gaze", range(EYES.start, EYES.stop)),
            ("head", range(NECK.start, NECK.stop)),
        ):
            setattr(settings, name, 0.5)
            moved = columns_moved(before, bake.sample(rig, frames))
            if flame:
                assert moved & set(own) and moved <= {*own, *range(50)}, (name, moved)  # and what expressions have of it
            elif name != "head":
                assert moved and min(moved) >= FACE_ACTIONS.start
            setattr(settings, name, 1.0)
        settings.brows = 0.0
        moved = columns_moved(before, bake.sample(rig, frames))
        assert moved and max(moved) < (50 if flame else 200)
        settings.brows, settings.strength = 1.0, 0.5
        after = bake.sample(rig, frames)
        assert np.abs(after).mean() < 0.8 * np.abs(before).mean()
        lids = slice(LIDS.start, LIDS.stop) if flame else FACE_ACTIONS.start  # eyeBlinkLeft
        np.testing.assert_allclose(after[:, lids], before[:, lids], atol=1e-6)
        assert finish.RAW in bake.actions(rig)[0]
        assert bpy.ops.utter.reset_finish() == {"FINISHED"} and settings.strength == 1.0
        now = own_keys(rig)
        assert all(np.array_equal(now[name], raw[name]) for name in raw)
        assert finish.RAW not in bake.actions(rig)[0] and bake.count_pins(rig) == 0
        assert "All sliders are at rest" in refusal(bpy.ops.utter.reset_finish)


def scene_keys_of_the_artist_and_shut_lips_stay():
    for _, rig, frames in finishable():
        settings, flame = rig.obj.utter.finish, rig.columns == CHANNELS
        wanted = 'key_blocks["jaw_x"].value' if flame else 'key_blocks["jawOpen"].value'
        curve = tracks.find(next(track for track in rig.tracks() if track.path == wanted))
        curve.keyframe_points[60].co[1] += 0.2
        curve.update()
        held, gap = curve.keyframe_points[60].co[1], rig.lip_gap(bake.sample(rig, frames))
        closed = gap - rig.lip_gap(np.zeros((1, rig.columns)))[0] <= 0.02 * gap.max()
        assert closed[20:23].all()
        steps = (("mouth", 1.7), ("jaw", 1.5), ("strength", 1.3), ("smoothing", 1.0), ("lips", -1.0), ("strength", 0.3), ("lips", 0.8))
        for name, value in steps:
            setattr(settings, name, value)
            shown = rig.lip_gap(bake.sample(rig, frames))
            assert (shown[closed] <= np.maximum(gap[closed], 0.01 * gap.max())).all(), (name, shown[closed] / gap.max())
            assert curve.keyframe_points[60].co[1] == held and bake.count_pins(rig) == 1
        settings.lips = 0.0
        beside = [key.co[1] for key in curve.keyframe_points][59:62]
        assert max(beside) - min(beside) < 0.3, "no spike"


def scene_timing_lips_and_smoothing_do_what_they_say():
    for _, rig, frames in finishable():
        settings, before = rig.obj.utter.finish, bake.sample(rig, frames)
        settings.timing = 3
        np.testing.assert_allclose(bake.sample(rig, frames)[3:], before[:-3], atol=1e-5)
        settings.timing = 0
        np.testing.assert_allclose(bake.sample(rig, frames), before, atol=1e-6)
        gap = rig.lip_gap(before)
        settings.lips = 0.7
        assert rig.lip_gap(bake.sample(rig, frames)).mean() < 0.9 * gap.mean()
        settings.lips = -0.7
        assert rig.lip_gap(bake.sample(rig, frames)).mean() > 1.05 * gap.mean()
        settings.lips, settings.smoothing = 0.0, 0.6
        jerk = lambda values: np.abs(np.diff(values, 2, axis=0)).mean()
        assert jerk(bake.sample(rig, frames)) < 0.7 * jerk(before)


def scene_finishing_is_saved_belongs_to_its_take_and_starts_anew_with_new_keys():
    head = small()
    for seed in (1, 2):
        performed(head, seed)
    rig, frames = rig_of(head), np.arange(1, FRAMES + 1)
    raw = bake.sample(rig, frames)
    head.utter.finish.head = 0.25
    shown = bake.sample(rig, frames)
    head.utter.take = 0
    assert head.utter.finish.head == 1.0
    head.utter.take = 1
    assert head.utter.finish.head == 0.25
    np.testing.assert_array_equal(bake.sample(rig, frames), shown)
    path = str(Path(tempfile.mkdtemp()) / "finished.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    head = bpy.data.objects["Head"]
    rig = rig_of(head)
    head.utter.start = 31  # the keys go along, and what is kept with them
    bpy.ops.utter.reset_finish()
    np.testing.assert_allclose(bake.sample(rig, frames + 30), raw, atol=1e-6)
    head.utter.finish.strength = 0.5
    gave(perform.perform_job(bpy.context.scene, head), 4)
    assert head.utter.finish.strength == 1.0 and finish.RAW not in bake.actions(rig)[0]


def scene_finishing_follows_undo_and_leaves_a_duplicate_alone():
    head = small()
    performed(head, 1)
    frames = np.arange(1, FRAMES + 1)
    raw = bake.sample(rig_of(head), frames)
    bpy.ops.ed.undo_push(message="performed")
    head.utter.finish.jaw = 0.4
    bpy.ops.ed.undo_push(message="finished")
    bpy.ops.ed.undo()
    head = bpy.data.objects["Head"]
    assert head.utter.finish.jaw == 1.0 and finish.RAW not in bake.actions(rig_of(head))[0]
    np.testing.assert_array_equal(bake.sample(rig_of(head), frames), raw)
    bpy.ops.object.duplicate()
    twin = bpy.context.view_layer.objects.active
    twin.utter.finish.jaw = 0.4
    assert np.abs(bake.sample(rig_of(twin), frames) - raw).max() > 0.01
    np.testing.assert_array_equal(bake.sample(rig_of(head), frames), raw)


# The panel


def scene_the_panel_holds_on_to_a_head():
    one, two = small("One"), small("Two")
    scene = bpy.context.scene
    heads_room.choose(scene, one)
    scene.utter.pinned = True
    bpy.context.view_layer.objects.active = two
    two.select_set(True)
    assert base.chosen(bpy.context) == one
    scene.utter.pinned = False
    assert base.chosen(bpy.context) == two
    scene.utter.pinned = True
    bpy.data.objects.remove(one)
    assert base.chosen(bpy.context) == two, "what is gone holds nothing"


def scene_fields_are_locked_and_a_job_says_how_long_it_takes():
    import time

    from addon.work import jobs

    head = small()
    job = perform.perform_job(bpy.context.scene, head)
    assert not base.locked()
    jobs.current = job
    try:
        assert base.locked()
        job.began, job.fraction = time.monotonic() - 10, 0.5
        assert jobs.left(job) == "10 s left"
        job.fraction = 0.1
        assert jobs.left(job) == ""
        job.began, job.fraction = time.monotonic() - 300, 0.5
        assert jobs.left(job) == "5 min left"
    finally:
        jobs.current = None
    assert sequencer.begins(bpy.context.scene, head) == head.utter.start


def scene_what_is_out_of_date_is_said_and_brought_up_to_date():
    head, scene = small(), bpy.context.scene
    settings = head.utter
    settings.quality = "draft"
    for prompt in ("furious", "proud"):
        bpy.ops.utter.add_passage()
        settings.passages[-1].prompt, settings.passages[-1].fade = prompt, 2
    settings.passages[0].start, settings.passages[0].end = 3, 6
    settings.passages[1].start, settings.passages[1].end = 26, 30
    performed(head, 1)
    assert stale.of(head) == stale.Stale() and "up to date" in refusal(bpy.ops.utter.update)
    settings.start, scene.render.fps = 21, 60  # the voice goes elsewhere: nothing is out of date
    voice.follow(scene, head)
    assert stale.of(head) == stale.Stale()
    settings.start, scene.render.fps = 1, 30
    voice.follow(scene, head)
    settings.seed += 1  # another take, if anything
    assert not stale.of(head).what

    settings.passages[1].strength = 0.4
    found = stale.of(head)
    (span,) = found.spans
    assert not found.all and found.what == "1 passage" and 12 < span[0] <= 25 and span[1] >= 30
    job = perform.update_job(scene, head)
    assert job.asked.scope == tuple(((a - 1) / 30, (b - 1) / 30) for a, b in found.spans) and job.asked.onto
    before = {track: tracks.read(tracks.find(track))["co"].tobytes() for track in rig_of(head).tracks() if tracks.find(track)}
    gave(job, 5)
    after = {track: tracks.read(tracks.find(track))["co"].tobytes() for track in rig_of(head).tracks() if tracks.find(track)}
    assert before != after and not stale.of(head).what and len(settings.takes) == 1

    settings.passages.remove(0)  # one that is gone is out of date where it was
    settings.passages[0].prompt = "sad"
    first, second = stale.of(head).spans
    assert first[0] <= 2 and 6 < first[1] < second[0]
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 20, 30
    settings.scope = "PREVIEW"
    gave(perform.perform_job(scene, head, rediffuse=True), 6)
    assert stale.of(head).spans == (first,), "what was not performed anew still is"

    settings.prompt = "whispering"
    found = stale.of(head)
    assert found.all and found.what == "prompt"
    assert not perform.update_job(scene, head).asked.onto, "without keys of the artist's all is performed"
    bpy.ops.ed.undo_push(message="x")
    settings.prompt = ""
    assert not stale.of(head).all
