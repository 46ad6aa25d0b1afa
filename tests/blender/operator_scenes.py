"""Panels' operators and jobs in bpy; test_operators.py plays each scene in an empty file, the worker being a fake unless it matters."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np

import addon
from contract import Passage
from tests.blender import heads
from tests.blender.rig_scenes import plain, template

ROOT = Path(__file__).resolve().parents[2]
FAKE = str(ROOT / "tests" / "addon" / "fake_worker.py")
VOICE = str(ROOT / "blender_assets" / "voices" / "pie.flac")

if not addon._undo:  # scenes of both may be played together
    addon.register()
from addon.animation import bake  # noqa: E402
from addon.panels import base, passages, perform, pins, takes, voice, words  # noqa: E402
from addon.panels import head as heads_room  # noqa: E402
from addon.rigs import making, rig_of  # noqa: E402
from addon.rigs.base import armature as armature_of  # noqa: E402
from addon.work import client, jobs, log, paths  # noqa: E402
from contract import LOGGER, OPTIONS  # noqa: E402

REAL = jobs.COMMAND  # the worker itself
PARKED: dict[tuple[str, ...], client.Worker | None] = {}  # {command: the worker that it started}


def use_worker(command):
    """Let jobs run with that worker. The one before waits until it is wanted again: the real one takes seconds to start."""
    if command != jobs.COMMAND:
        PARKED[jobs.COMMAND], jobs.worker = jobs.worker, PARKED.get(command)
        jobs.COMMAND = command


def with_head():
    """A small head chosen to perform; returns it. The worker is the fake one."""
    use_worker((FAKE,))
    bundle = Path(tempfile.mkdtemp()) / "bundle.npz"
    heads.write(bundle)
    head = making.build(bundle, name="Tester")
    heads_room.choose(bpy.context.scene, head)
    head.utter.quality = "draft"
    return head


def named_voice(name, folder=None):
    """A copy of the sample voice whose name tells the fake worker what to do wrong."""
    path = Path(folder or tempfile.mkdtemp()) / name
    shutil.copy(VOICE, path)
    return str(path)


def refusal(operator, **arguments):
    """What the operator says when it refuses."""
    try:
        operator(**arguments)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("it did not refuse")


def log_file():
    return paths.folder() / "utter.log"


def pump(until, seconds=20):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        jobs.drain()
        time.sleep(0.01)


def state():
    """What a failed job must leave as it was."""
    return (
        sorted(o.name for o in bpy.data.objects),
        sorted(a.name for a in bpy.data.actions),
        [[(c.data_path, len(c.keyframe_points)) for c in curves(o)] for o in bpy.data.objects if o.type == "MESH"],
    )


def curves(head):
    from addon import compat

    bag = compat.bag(head.data.shape_keys)
    return list(bag.fcurves) if bag else []


def scene_every_button_says_why():
    for operator, reason in (
        (bpy.ops.utter.perform, "Add a head first."),
        (bpy.ops.utter.rediffuse, "Perform first."),
        (bpy.ops.utter.clear, "There is no performance"),
        (bpy.ops.utter.cancel, "Nothing is running."),
        (bpy.ops.utter.choose_voice, "Add a head first."),
        (bpy.ops.utter.add_passage, "Add a head first."),
        (bpy.ops.utter.use_selected, "Select the object"),
    ):
        assert reason in refusal(operator), (reason, refusal(operator))
    with_head()
    assert "Choose a voice first." in refusal(bpy.ops.utter.perform)
    assert "Add a passage first." in refusal(bpy.ops.utter.remove_passage)


def scene_voice_goes_on_the_sequencer():
    head = with_head()
    scene = bpy.context.scene
    scene.render.fps, scene.frame_end = 24, 20
    head.utter.start = 11
    head.utter.voice = VOICE
    if not bpy.app.build_options.audaspace:
        return
    (strip,) = voice.compat.strips(scene)
    assert strip.show_waveform and strip.frame_start == 11 and head.utter.refusal == ""
    assert strip.frame_final_duration > 24 and abs(head.utter.seconds - strip.frame_final_duration / 24) < 1e-3
    assert scene.frame_end == 11 + strip.frame_final_duration
    bpy.ops.utter.add_passage()
    passage = head.utter.passages[0]
    before = passage.start, passage.end
    head.utter.start = 21
    assert strip.frame_start == 21 and (passage.start, passage.end) == (before[0] + 10, before[1] + 10)
    head.utter.voice = VOICE  # again: in place of the earlier one
    assert len(voice.compat.strips(scene)) == 1
    head.utter.voice = ""
    assert not len(voice.compat.strips(scene))


def scene_what_is_no_voice_is_refused():
    head = with_head()
    text = named_voice("notes.wav")
    Path(text).write_text("no sound at all")
    head.utter.voice = VOICE
    assert "does not exist" in refusal(bpy.ops.utter.choose_voice, filepath="/no/such/voice.wav")
    if bpy.app.build_options.audaspace:
        assert "notes.wav cannot be read as sound" in refusal(bpy.ops.utter.choose_voice, filepath=text)
        assert head.utter.strip and len(voice.compat.strips(bpy.context.scene)) == 1
    assert head.utter.voice == VOICE, "the earlier voice stays"


def scene_passages_in_frames_and_seconds():
    head = with_head()
    scene = bpy.context.scene
    scene.render.fps, head.utter.start = 25, 101
    given = [Passage(0.4, 2.0, "wütend", 0.5, 0.2), Passage(2.0, 3.0, " ", 1.0, 0.0)]
    passages.from_seconds(head.utter, given, bake.scene_fps(scene))
    assert (head.utter.passages[0].start, head.utter.passages[0].end, head.utter.passages[0].fade) == (111, 151, 5)
    (back,) = passages.in_seconds(head.utter, bake.scene_fps(scene), {})  # one without words asks for nothing
    assert back.prompt == "wütend" and np.allclose([back.start, back.end, back.strength, back.fade], [0.4, 2, 0.5, 0.2])
    head.utter.passage = 0
    bpy.ops.utter.move_passage(step=1)
    assert head.utter.passage == 1 and head.utter.passages[1].prompt == "wütend"
    scene.frame_set(140)
    bpy.ops.utter.set_passage(side="start")
    assert head.utter.passages[1].start == 140
    bpy.ops.utter.remove_passage()
    assert len(head.utter.passages) == 1 and head.utter.passage == 0


def asked(head):
    """What a performance would ask of the worker about words."""
    job = perform.perform_job(bpy.context.scene, head)
    shutil.rmtree(job.folder)
    return job.asked.words, job.asked.language


def scene_models_of_the_preferences_or_of_the_caller():
    head, get = with_head(), paths.get
    head.utter.voice = VOICE

    def performed_with(**models):
        job = perform.perform_job(bpy.context.scene, head, models=models)
        shutil.rmtree(job.folder)
        return job.asked.encoder, job.asked.text_encoder

    assert performed_with() == (None, None)
    try:
        paths.get = lambda: SimpleNamespace(encoder="/models/hubert", text_encoder="/models/clip")
        assert performed_with() == ("/models/hubert", "/models/clip")
        assert performed_with(encoder="/models/wavlm") == ("/models/wavlm", "/models/clip")
    finally:
        paths.get = get


def scene_words_of_a_field_a_file_or_a_text():
    head = with_head()
    head.utter.voice = VOICE
    assert asked(head) == (None, None)
    head.utter.words, head.utter.language = "  I like pie. ", "en"
    assert asked(head) == ("I like pie.", "en")
    folder = Path(tempfile.mkdtemp())
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    (folder / "Zeile 1.SRT").write_text("1\n00:00:00,000 --> 00:00:01,000\nHi\n")
    head.utter.words, head.utter.language = "//Zeile 1.SRT", "auto"
    assert asked(head) == (str(folder / "Zeile 1.SRT"), None)
    (folder / "Zeile 1.SRT").unlink()
    assert "Zeile 1.SRT does not exist" in refusal(bpy.ops.utter.perform)
    head.utter.words = "See readme.txt"
    assert asked(head)[0] == "See readme.txt"
    (folder / "my lines.docx").write_text("no")
    head.utter.words = "//my lines.docx"
    assert "my lines.docx is a document" in refusal(bpy.ops.utter.perform)
    assert "is a document" in refusal(bpy.ops.utter.choose_words, filepath=str(folder / "my lines.docx"))
    bpy.data.texts.new("Scene 3.txt").from_string("Ich mag\nKuchen.\n")
    head.utter.words = "Scene 3.txt"
    assert asked(head) == ("Ich mag\nKuchen.", None) and "Scene 3.txt" in words.suggest(head.utter, bpy.context, "")

    (folder / "words.txt").write_text("I like pie")
    assert "text file" in refusal(bpy.ops.utter.choose_words, filepath=VOICE)
    bpy.ops.utter.choose_words(filepath=str(folder / "words.txt"))
    assert asked(head)[0] == str(folder / "words.txt")
    head.utter.language = "pt-br"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(folder / "shot.blend"))
    settings = bpy.context.scene.utter.head.utter
    assert (settings.words, settings.language) == (str(folder / "words.txt"), "pt-br"), "saved with the file"


def scene_words_from_the_strips_name():
    head = with_head()
    assert "Choose a voice first." in refusal(bpy.ops.utter.words_from_strip)
    head.utter.voice = named_voice("take_04.flac")
    assert "not called by the words" in refusal(bpy.ops.utter.words_from_strip)
    head.utter.voice = named_voice("SC03_Das will_sie_am-Mittwoch_abgeben_02.flac")
    bpy.ops.utter.words_from_strip()
    assert head.utter.words == "Das will sie am Mittwoch abgeben"
    if bpy.app.build_options.audaspace:  # the artist's own strip of that recording
        path = bpy.path.abspath(head.utter.voice)
        voice.compat.strips(bpy.context.scene).new_sound("She wants it on Wednesday.", path, 5, 1)
        bpy.ops.utter.words_from_strip()
        assert head.utter.words == "She wants it on Wednesday"


def scene_words_that_do_not_fit_are_said_and_nothing_is_lost():
    head = with_head()
    head.utter.words = "nobody says this"
    slow_job(head)
    job = jobs.current
    finish_with_motion(job, notes=["The words do not fit the voice; the voice alone is heard."])
    assert bake.actions(rig_of(head)) and not job.error and not jobs.Message.is_error()
    assert jobs.Message.text.startswith("Performed") and jobs.Message.notes == (
        "The words do not fit the voice; the voice alone is heard.",
    )
    slow_job(head)
    assert jobs.Message.notes == (), "the next job begins with nothing said"
    finish_with_motion(jobs.current)
    assert jobs.Message.notes == ()


FOUND = [
    {"start": 0.25, "end": 0.5, "text": "Bake", "confidence": 0.97},
    {"start": 0.5, "end": 0.75, "text": "a", "confidence": 0.91},
    {"start": 1.0, "end": 1.5, "text": "plump", "confidence": 0.4},
]


def texts(head):
    return [word.text for word in head.utter.transcript]


def scene_the_words_that_were_found_are_shown_and_what_the_artist_changes_stays():
    head = with_head()
    slow_job(head)
    finish_with_motion(jobs.current, words=FOUND)
    assert texts(head) == ["Bake", "a", "plump"] and asked(head)[0] is None, "nobody typed them: they are found out again"
    assert [word.confidence < words.DOUBTED for word in head.utter.transcript] == [False, False, True]
    slow_job(head)
    finish_with_motion(jobs.current, words=FOUND[:2])
    assert texts(head) == ["Bake", "a"], "of the newest performance"
    slow_job(head)
    finish_with_motion(jobs.current, words=FOUND)

    head.utter.transcript[2].text = "plum"
    assert asked(head)[0].split("\n")[:3] == ["1", "00:00:00,250 --> 00:00:01,500", "Bake a plum"]
    slow_job(head)
    finish_with_motion(jobs.current, words=FOUND)
    assert texts(head) == ["Bake", "a", "plum"], "what was typed is kept"
    head.utter.words = "Something else"
    assert asked(head)[0] == "Something else" and texts(head) == ["Bake", "a", "plum"]
    head.utter.words = ""
    head.utter.voice = VOICE
    assert asked(head)[0] is None and texts(head) == ["Bake", "a", "plum"], "it was said in another voice"
    bpy.ops.utter.clear_transcript()
    assert not texts(head) and "no words in the list" in refusal(bpy.ops.utter.clear_transcript)


def scene_markers_of_words_come_go_and_follow_the_voice():
    head, scene = with_head(), bpy.context.scene
    scene.render.fps = 24
    assert "no words were found yet" in refusal(bpy.ops.utter.put_word_markers)
    slow_job(head)
    finish_with_motion(jobs.current, words=FOUND)
    scene.timeline_markers.new("mine", frame=7)
    bpy.ops.utter.put_word_markers()
    bpy.ops.utter.put_word_markers()  # in place of the first
    told = lambda: sorted((marker.frame, marker.name) for marker in scene.timeline_markers)
    start = head.utter.start
    assert told() == [(start + 6, "Bake"), (7, "mine"), (start + 12, "a"), (start + 24, "plump")]
    head.utter.start = start + 100
    assert told() == [(7, "mine"), (start + 106, "Bake"), (start + 112, "a"), (start + 124, "plump")]
    scene.render.fps = 48
    voice.follow(scene, head)
    assert told()[1] == (head.utter.start + 12, "Bake")
    head.utter.word = 2
    assert scene.frame_current == head.utter.start + 48, "the chosen word is shown"
    bpy.ops.utter.remove_word_markers()
    assert told() == [(7, "mine")] and "no markers of words" in refusal(bpy.ops.utter.remove_word_markers)


def scene_markers_of_phones_come_where_they_are_asked_for():
    head, scene = with_head(), bpy.context.scene
    scene.render.fps = 24
    slow_job(head)
    heard = [
        {"start": start, "end": start + 0.1, "text": text, "confidence": 0.9} for start, text in ((0.26, "B"), (0.35, "EY"), (0.42, "K"))
    ]
    finish_with_motion(jobs.current, words=FOUND[:1], phones=heard)
    told = lambda: sorted((marker.frame - head.utter.start, marker.name) for marker in scene.timeline_markers)
    bpy.ops.utter.put_word_markers()
    assert told() == [(6, "Bake")], "off by default"
    head.utter.phone_markers = True
    bpy.ops.utter.put_word_markers()
    assert told() == [(6, "Bake B"), (8, "EY"), (10, "K")]
    head.utter.transcript.clear()
    bpy.ops.utter.put_word_markers()
    assert told() == [(6, "B"), (8, "EY"), (10, "K")], "a draft finds no words"
    head.utter.start += 10
    assert told() == [(6, "B"), (8, "EY"), (10, "K")], "they follow the voice"
    bpy.ops.utter.remove_word_markers()
    assert not told()
    head.utter.voice = VOICE
    bpy.ops.utter.put_word_markers()
    assert not told(), "another voice's phones"


def scene_death_of_the_worker_changes_nothing():
    head = with_head()
    head.utter.voice = named_voice("die.wav")
    before = state()
    told = refusal(bpy.ops.utter.perform)
    assert "ended unexpectedly" in told and f"; the log tells more: {log_file()}" in told
    assert "the graphics card went away" in log_file().read_text(encoding="utf-8")
    assert state() == before and jobs.current is None and jobs.Message.is_error()
    head.utter.voice = named_voice("bad.wav")
    assert "holds no sound" in refusal(bpy.ops.utter.perform), "the next job gets a new worker"
    assert state() == before


def scene_a_defect_is_told_with_the_place_of_the_log():
    head = with_head()
    slow_job(head)
    job = jobs.current

    def apply(_result):
        raise KeyError("grün")

    job.apply = apply
    finish_with_motion(job)
    assert jobs.Message.text == f"Something unexpected went wrong (KeyError); the log tells more: {log_file()}", jobs.Message.text
    told = log_file().read_text(encoding="utf-8")
    assert "Traceback" in told and "KeyError: 'grün'" in told


def scene_a_log_that_cannot_be_written_is_no_matter():
    addon.unregister()
    assert not LOGGER.handlers, "Utter leaves no handler behind"
    folder = paths.folder
    paths.folder = lambda name="": Path(VOICE) / name  # a file, where the folder should be
    try:
        addon.register()
        LOGGER.error("to the console")
        assert log.point_out("It went wrong.") == "It went wrong; the system console tells more."
    finally:
        paths.folder = folder
        addon.unregister()
        addon.register()


def scene_a_runtime_without_torch_is_said():
    head = with_head()
    head.utter.voice = named_voice("torchless.wav")
    assert "lacks torch" in refusal(bpy.ops.utter.perform)
    runtime, os.environ["UTTER_PYTHON"] = os.environ.get("UTTER_PYTHON", ""), "/no/such/python"
    try:
        assert "/no/such/python cannot be started" in refusal(bpy.ops.utter.perform)
    finally:
        os.environ["UTTER_PYTHON"] = runtime


def slow_job(head):
    head.utter.voice = named_voice("slow.wav")
    jobs.start(perform.perform_job(bpy.context.scene, head))
    pump(lambda: jobs.current.fraction > 0)


def scene_cancel():
    head = with_head()
    before = state()
    slow_job(head)
    assert "is running" in refusal(bpy.ops.utter.perform) and "is running" in refusal(bpy.ops.utter.add_head)
    folder = jobs.current.folder
    bpy.ops.utter.cancel()
    pump(lambda: jobs.current is None, 5)
    assert jobs.Message.text == "Cancelled; nothing was changed." and state() == before
    assert not folder.exists(), "temporary files are gone"


def scene_another_file_during_a_job():
    slow_job(with_head())
    bpy.ops.wm.read_homefile(use_empty=True)
    assert jobs.current is None and "another file" in jobs.Message.text
    head = with_head()
    head.utter.voice = named_voice("bad.wav")
    assert "holds no sound" in refusal(bpy.ops.utter.perform), "the late end of the old job is not taken for the new one's"


def finish_with_motion(job, frames=60, notes=(), words=(), phones=()):
    """Apply the job's result as if the worker had sent it."""
    values = 0.2 * np.random.default_rng(1).normal(size=(frames, 65)).astype(np.float32)
    np.savez(job.asked.output, motion=values, actions=np.zeros((frames, 52), np.float32))
    found = {"words": list(words), "phones": list(phones)}
    jobs._finish({"output": job.asked.output, "fps": 30.0, "seconds": 0.1, "notes": list(notes), **found})
    return values


def scene_head_deleted_during_a_job():
    head = with_head()
    slow_job(head)
    job = jobs.current
    bpy.data.objects.remove(head)
    before = state()
    finish_with_motion(job)
    assert job.error == "Tester was removed in the meantime; nothing was changed." and state() == before


def scene_head_renamed_and_undo_during_a_job():
    head = with_head()
    bpy.ops.ed.undo_push(message="head")
    head.name = "Renamed"
    bpy.ops.ed.undo_push(message="renamed")
    slow_job(head)
    job = jobs.current
    bpy.ops.ed.undo()  # every object is a new one in memory now, and named Tester again
    finish_with_motion(job)
    assert not job.error and bake.actions(rig_of(bpy.data.objects["Tester"]))


def scene_takes_can_be_chosen_again():
    head = with_head()
    bpy.context.scene.render.fps = 30
    motions = []
    for _ in range(2):
        slow_job(head)
        motions.append(finish_with_motion(jobs.current, 60 + 30 * len(motions)))
    assert len(head.utter.takes) == 2 and head.utter.take == 1
    first, second = ([a.name for a in bpy.data.actions if a in (t.keys, t.bones)] for t in head.utter.takes)
    assert not set(first) & set(second)
    late = bake.sample(rig_of(head), [80])
    head.utter.take = 0
    assert [a.name for a in bake.actions(rig_of(head))] == first
    assert np.abs(late).max() > 0.01
    bpy.ops.utter.remove_take()
    assert len(head.utter.takes) == 1 and [a.name for a in bake.actions(rig_of(head))] == second
    assert np.allclose(bake.sample(rig_of(head), [80]), late)


def scene_a_duplicated_head_leaves_its_originals_voice_and_takes_alone():
    head = with_head()
    slow_job(head)
    finish_with_motion(jobs.current)
    values = bake.sample(rig_of(head), [20])
    assert np.abs(values).max() > 0
    armature_of(head).select_set(True)
    bpy.ops.object.duplicate()
    twin = next(obj for obj in bpy.context.selected_objects if obj.type == "MESH")
    heads_room.choose(bpy.context.scene, twin)
    twin.utter.start = 31
    if bpy.app.build_options.audaspace:
        strips = {strip.frame_start for strip in voice.compat.strips(bpy.context.scene)}
        assert strips == {1, 31} and head.utter.strip != twin.utter.strip
    bpy.ops.utter.remove_take()
    assert len(twin.utter.takes) == 0 and len(head.utter.takes) == 1
    assert np.array_equal(bake.sample(rig_of(head), [20]), values)


def scene_one_class_that_fails_takes_all_back():
    addon.unregister()

    class Broken(bpy.types.Panel):
        bl_space_type = "NOWHERE"

    takes.CLASSES += (Broken,)
    failed = False
    try:
        addon.register()
    except Exception:
        failed = True
    takes.CLASSES = takes.CLASSES[:-1]
    assert failed
    assert not hasattr(bpy.types.Scene, "utter") and not hasattr(bpy.types, "UTTER_PT_head")
    assert jobs._before_load not in bpy.app.handlers.load_pre and not LOGGER.handlers
    addon.register()
    assert hasattr(bpy.types, "UTTER_PT_head")


def scene_the_real_worker_performs_and_rediffuses():
    use_worker(REAL)
    bpy.ops.utter.add_head()
    scene = bpy.context.scene
    head = scene.utter.head
    scene.render.fps = 30
    head.utter.voice, head.utter.quality, head.utter.start = VOICE, "draft", 1
    bpy.ops.utter.perform()
    length = head.utter.frames
    assert length > 30 and abs(length / 30 - head.utter.seconds) < 0.1, "as long as the voice"
    frames = np.arange(1, length + 1)
    before = bake.sample(rig_of(head), frames)
    assert np.ptp(before[:, 50]) > 0.02, "the jaw moves"
    assert head.utter.start + length <= scene.frame_end + 1
    assert "Set or change a key" in refusal(bpy.ops.utter.rediffuse)

    (curve,) = [c for c in curves(head) if c.data_path == 'key_blocks["Exp1"].value']
    key = min(curve.keyframe_points, key=lambda k: abs(k.co[0] - 40))
    frame, value = key.co[0], key.co[1] + 3
    key.co[1] = value
    curve.update()
    assert pins.count(head) == 1
    assert jobs.Message.notes == ()
    head.utter.words = "nobody utters any of these extraordinary syllables today or tomorrow"
    bpy.ops.utter.rediffuse()
    assert jobs.Message.notes[0].startswith("The words do not fit the voice"), jobs.Message
    after = bake.sample(rig_of(head), frames)
    assert abs(after[int(frame) - 1, 0] - value) < 1e-4, "the pinned value is met exactly"
    assert np.abs(after[int(frame) - 3, 0] - before[int(frame) - 3, 0]) > 0.05, "its neighbours follow"
    bpy.ops.utter.clear()
    assert not bake.actions(rig_of(head))


def scene_the_panel_shows_the_contracts_options():
    """Object.utter has each option that a panel shows, with the contract's label, tooltip, default and limits."""
    shown = bpy.types.Object.bl_rna.properties["utter"].fixed_type.properties
    for name, told in OPTIONS.items():
        if not told.panel:
            continue
        found = shown[name]
        assert found.name == told.label and found.description == told.help, name
        if told.choices:
            assert [(item.identifier, item.name, item.description) for item in found.enum_items] == [
                (value, *named) for value, named in told.choices.items()
            ]
        if name != "language":  # a list of languages of its own, "auto" first
            assert found.default == (told.default or type(found.default)()), name
    head = with_head()
    assert (shown["seed"].hard_min, shown["seed"].hard_max) == (0, 2**31 - 1)
    head.utter.voice, head.utter.seed, head.utter.quality, head.utter.prompt = VOICE, 9, "draft", "  proud "
    job = perform.perform_job(bpy.context.scene, head)
    shutil.rmtree(job.folder)
    assert (job.asked.seed, job.asked.quality, job.asked.prompt) == (9, "draft", "proud")


def scene_what_an_earlier_version_saved_is_taken_over():
    """0.1 kept the prompt as `emotion` and the seed of an identity as `character`."""
    head = with_head()
    held = head.bl_system_properties_get(do_create=True) if hasattr(head, "bl_system_properties_get") else head
    head.utter.voice = VOICE
    del head.utter["voice"]  # the group is there, and lies where properties are saved
    group = held["utter"]
    group["emotion"], group["identity"] = "holding back tears", {"character": 7, "age": 0.5}
    path = str(Path(tempfile.mkdtemp()) / "earlier.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    settings = bpy.data.objects["Tester"].utter
    assert settings.prompt == "holding back tears" and settings.identity.seed == 7 and abs(settings.identity.age - 0.5) < 1e-6
    settings.prompt = "proud"
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bpy.data.objects["Tester"].utter.prompt == "proud", "once taken over, it is not taken again"


def scene_an_appended_head_keeps_its_settings():
    head = with_head()
    held = head.bl_system_properties_get(do_create=True) if hasattr(head, "bl_system_properties_get") else head
    head.utter.seed = 3
    held["utter"]["emotion"] = "holding back tears"
    path = str(Path(tempfile.mkdtemp()) / "earlier.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.append(directory=path + "/Object/", filename="Tester")
    head = bpy.data.objects["Tester"]
    head.utter.voice = VOICE
    job = perform.perform_job(bpy.context.scene, head)
    shutil.rmtree(job.folder)
    assert job.asked.prompt == head.utter.prompt == "holding back tears" and job.asked.seed == 3


def scene_use_selected_uses_what_is_selected():
    """With another head in the scene, a mesh that is selected is still the one that is meant."""
    ready = with_head()
    bpy.context.scene.utter.head = ready
    bpy.ops.mesh.primitive_uv_sphere_add()
    asked = heads_room.UTTER_OT_use_selected.job(SimpleNamespace(add_keys=False, make_shapes=False), bpy.context)
    shutil.rmtree(asked.folder)
    assert asked.asked.mesh and bpy.context.scene.utter.head == ready


def scene_the_panel_follows_the_selection():
    """The head that is selected performs; where none is, the one that was chosen in the panel, which selects it."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    one, two = with_head(), with_head()
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    assert base.chosen(bpy.context) == scene.utter.head == two
    for head in (one, two):
        cube.select_set(False)
        head.select_set(True)
        layer.objects.active = head
        assert base.chosen(bpy.context) == head
        head.select_set(False)
    assert base.chosen(bpy.context) == two, "deselected: the scene's choice"
    layer.objects.active = cube
    scene.utter.head = one
    assert base.chosen(bpy.context) == layer.objects.active == one and one.select_get() and not two.select_get()


def scene_heads_stand_clear_of_what_is_there():
    """A head is added beside the default cube and beside other heads; a cursor that the artist placed is where it goes."""
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.mesh.primitive_plane_add(size=20)
    added = [bpy.context.view_layer.objects.active]
    use_worker(REAL)
    for _ in range(2):
        bpy.ops.utter.add_head()
        added.append(scene.utter.head)
    boxes = sorted((heads_room.box(obj) for obj in added[1:]), key=lambda box: box[0][0])
    assert boxes[0][0][0] > 1 and boxes[1][0][0] > boxes[0][1][0], "beside the cube, then beside the first"
    scene.cursor.location = (0.2, 0, 0)
    bpy.ops.utter.add_head()
    least, most = heads_room.box(scene.utter.head)
    assert least[0] < 0.2 < most[0]


def scene_use_selected_makes_a_head_of_flames_mesh_in_any_order():
    """Its vertices shuffled, and lying on its side; and where no head can be made, the mesh stays as it was."""
    told = template()
    if told is None:
        return
    use_worker(REAL)
    vertices, faces = told
    order = np.random.default_rng(0).permutation(len(vertices))
    side = 10 * vertices[order] @ np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]).T
    mesh = plain(side, np.argsort(order)[faces])
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.utter.use_selected()
    rig = rig_of(mesh)
    assert bpy.context.scene.utter.head == mesh and [*order[list(rig.lips())]] == [3531, 3504]
    np.testing.assert_allclose([tuple(v.co) for v in mesh.data.vertices], side, atol=1e-6)
    keys = mesh.data.shape_keys.key_blocks
    opened = np.array([tuple(point.co) for point in keys["jaw_x"].data])[np.argsort(order)] - side[np.argsort(order)]
    assert np.linalg.norm(opened[3504]) > 10 * np.linalg.norm(opened[3531]), "the jaw opens the lower lip"

    broken = plain(vertices[order], faces, "Broken")
    bpy.context.view_layer.objects.active = broken
    assert "export it again" in refusal(bpy.ops.utter.use_selected)
    assert broken.data.shape_keys is None and not broken.modifiers and making.PROPERTY not in broken
