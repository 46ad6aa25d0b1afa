"""Passages that bend: a strength that is keyed, regions of their own, ends and bodies that are dragged. Each scene starts from an empty
file (tests/blender/test_passages.py plays them); what the worker would have given is made up."""

import json
import tempfile
from pathlib import Path

import bpy
import numpy as np

from tests.blender.desk_scenes import performed
from tests.blender.operator_scenes import refusal

# isort: split
from addon import compat
from addon.animation import bake, tracks
from addon.panels import base as base_room
from addon.panels import compare, drag, passage_files, passages, perform, record, sequencer, stale, strengths, takes, thumbnails
from addon.panels import head as heads_room
from addon.rigs import base, rig_of
from contract import Passage
from tests.blender.scene_life_scenes import VOICE, small


def keyed(head, first=(10, 0.0), last=(40, 1.0)):
    """A passage whose strength rises, and one after it."""
    for number, (start, end, prompt) in enumerate(((first[0], last[0], "angry"), (30, 44, "sad"))):
        passage = head.utter.passages.add()
        passage.start, passage.end, passage.prompt, passage.fade = start, end, prompt, 6
        if not number:
            strengths.put_points(passage, [first, last])
    return head.utter.passages[0]


def asked(head):
    """The passages that a performance asks the worker for."""
    return perform.perform_job(bpy.context.scene, head).asked.passages


def frames_of(passage):
    return [row[0] for row in strengths.rows(passage)]


def scene_a_strength_that_an_artist_keys_reaches_the_worker():
    head = small()
    bpy.context.scene.render.fps = 30
    passage = keyed(head)
    given, plain = asked(head)
    seconds, values = np.array(given.strength).T
    np.testing.assert_allclose(np.interp([9 / 30, 24 / 30, 39 / 30], seconds, values), [0, 0.5, 1], atol=1e-4)
    assert len(given.strength) <= 5 and plain.strength == 1.0, "straight stretches are told by their ends"
    passage.keyframe_insert("strength", frame=25)  # as I over the field does
    curve = strengths.curve_of(passage)
    curve.keyframe_points[1].co.y = 1.0
    curve.update()
    assert max(value for _, value in asked(head)[0].strength) == 1.0
    curve.keyframe_points[1].co.y = 7.0
    curve.update()
    assert max(value for _, value in asked(head)[0].strength) == 1.0, "a strength is 1 at most, whatever the curve says"


def scene_keys_of_a_strength_go_where_their_passage_goes():
    head = small()
    settings, scene = head.utter, bpy.context.scene
    fps = bake.scene_fps(scene)
    keyed(head)
    settings.passage = 1
    assert bpy.ops.utter.move_passage(step=-1) == {"FINISHED"}
    assert [frames_of(each) for each in settings.passages] == [[], [10, 40]]
    settings.passage = 1
    assert bpy.ops.utter.duplicate_passage() == {"FINISHED"}
    assert [frames_of(each) for each in settings.passages] == [[], [10, 40], [40, 70]]
    scene.frame_set(20)
    settings.passage = 1
    assert bpy.ops.utter.split_passage() == {"FINISHED"}
    assert [frames_of(each) for each in settings.passages] == [[], [10, 40], [10, 40], [40, 70]]
    settings.passage = 0
    assert bpy.ops.utter.remove_passage() == {"FINISHED"}
    assert [frames_of(each) for each in settings.passages] == [[10, 40], [10, 40], [40, 70]]
    settings.start += 7
    assert frames_of(settings.passages[0]) == [17, 47]
    before = settings.start
    scene.render.fps = round(fps) * 2
    perform.voice.follow(scene, head)
    np.testing.assert_allclose(frames_of(settings.passages[0]), [before + 2 * (17 - before), before + 2 * (47 - before)], atol=1e-3)
    settings.passage = 0
    for _ in range(3):
        bpy.ops.utter.remove_passage()
    assert not strengths.curves(head)


def scene_a_take_brings_its_keyed_strength_back():
    head = small()
    passage = keyed(head)
    curve = strengths.curve_of(passage)
    curve.keyframe_points[0].interpolation, curve.keyframe_points[1].handle_left_type = "BEZIER", "FREE"
    curve.keyframe_points[1].handle_left = (30, 0.2)
    curve.update()
    performed(head, 1)
    made = strengths.rows(passage)
    bpy.context.scene.frame_set(30)
    assert not stale.of(head).what, "the playhead changes no strength that was asked for"
    curve.keyframe_points[1].co.y = 0.5
    assert stale.of(head).what == "1 passage"
    settings = head.utter
    settings.passages.clear()
    strengths.clear(head)
    settings.seed = 9
    performed(head, 2)
    settings.take = 0
    np.testing.assert_allclose([row[0] for row in strengths.rows(settings.passages[0])], [row[0] for row in made], atol=1e-4)
    assert [row[2:5] for row in strengths.rows(settings.passages[0])] == [row[2:5] for row in made]
    assert strengths.curve_of(settings.passages[0]).evaluate(25) == strengths.curve_of(settings.passages[0]).evaluate(25)
    settings.take = 1
    assert not len(settings.passages) and not strengths.curves(head)
    json.dumps(record.of(settings))


def scene_undo_brings_a_passage_back_with_its_keys():
    head = small()
    keyed(head)
    bpy.ops.ed.undo_push(message="before")
    head.utter.passage = 0
    bpy.ops.utter.remove_passage()
    bpy.ops.ed.undo_push(message="removed")
    assert not strengths.curves(bpy.data.objects[head.name])
    bpy.ops.ed.undo()
    (head,) = (obj for obj in bpy.data.objects if obj.type == "MESH" and len(obj.utter.passages))
    assert [frames_of(each) for each in head.utter.passages] == [[10, 40], []]


def scene_a_list_may_bring_points_and_regions():
    head = small()
    given = Passage(1, 3, "proud", ((1.0, 0.25), (2.0, 0.75)), 0.2, regions=("brows",))
    passages.from_seconds(head.utter, [given], 24)
    (passage,) = head.utter.passages
    assert set(passage.regions) == {"brows"} and len(strengths.rows(passage)) == 2
    bpy.context.scene.render.fps = 24
    (told,) = asked(head)
    assert told.regions == ("brows",)
    np.testing.assert_allclose(np.interp([1.0, 1.5, 2.0], *np.array(told.strength).T), [0.25, 0.5, 0.75], atol=0.01)
    passages.from_seconds(head.utter, [Passage(1, 3, "sad")], 24)
    assert not strengths.curves(head) and asked(head)[0].strength == 1.0


def scene_regions_of_a_passage_are_asked_for_and_brought_up_to_date_alone():
    head = small()
    keyed(head)
    performed(head, 1)
    head.utter.passages[1].regions = {"brows", "head"}
    found = stale.of(head)
    assert found.what == "1 passage" and set(found.regions) == {"brows", "eyes", "cheeks", "mouth", "head"}, "what it left is anew, too"
    performed(head, 2)
    head.utter.passages[1].prompt = "overjoyed"
    assert stale.of(head).regions == ("brows", "head")
    job = perform.update_job(bpy.context.scene, head)
    assert job.asked.regions == ("brows", "head") and job.asked.passages[1].regions == ("brows", "head")
    head.utter.passages[1].regions = set()
    assert "The passage overjoyed is for no region" in refusal(bpy.ops.utter.perform)
    head.utter.passages[1].on = False
    assert len(asked(head)) == 1


def scene_a_preset_keeps_the_regions():
    head = small()
    passage = keyed(head)
    passage.regions = {"mouth"}
    head.utter.passage = 0
    bpy.ops.utter.save_preset(name="jaw")
    assert passage_files.presets()["jaw"]["regions"] == ["mouth"]
    passage.regions = {"brows"}
    bpy.ops.utter.load_preset(name="jaw")
    assert set(passage.regions) == {"mouth"} and not strengths.rows(passage), "a preset has one strength"


def scene_directions_made_anew_leave_the_keys_of_others():
    head = small()
    settings = head.utter
    passages.take_directions(settings, [Passage(0, 1, "calm"), Passage(1, 2, "angry")], "one", 24)
    strengths.put_points(settings.passages[1], [(5, 0.1), (9, 0.9)])
    passages.take_directions(settings, [Passage(0, 1, "shy")], "two", 24)
    assert [each.prompt for each in settings.passages] == ["angry", "shy"]
    assert [frames_of(each) for each in settings.passages] == [[5, 9], []]


def scene_a_duplicate_keeps_its_own_edits_when_takes_are_cleaned_or_stepped_through():
    """Blender gives a duplicate a copy of the Action for its keys and another for its bones: both are the take's."""
    head = small()
    for seed in (1, 2):
        head.utter.seed = seed
        performed(head, seed)
    bpy.ops.object.select_all(action="DESELECT")
    for obj in (head, base.armature(head)):
        obj.select_set(True)
    bpy.ops.object.duplicate()
    twin = next(obj for obj in bpy.context.selected_objects if obj.type == "MESH")
    heads_room.choose(bpy.context.scene, twin)
    rig = rig_of(twin)
    before = bake.actions(rig)
    curve = next(curve for track in rig.tracks() if (curve := tracks.find(track)) and len(curve.keyframe_points) > 9)
    curve.keyframe_points[4].co.y = 0.77
    path = curve.data_path
    assert bpy.ops.utter.clean_takes() == {"FINISHED"}
    assert bake.actions(rig) == before
    kept = next(curve for track in rig.tracks() if (curve := tracks.find(track)) and curve.data_path == path)
    assert abs(kept.keyframe_points[4].co.y - 0.77) < 1e-6


def scene_another_head_of_the_takes_is_left_alone():
    """Two heads, each with a keyed strength: the one that is selected performs, and its passages are the ones that change."""
    head = small()
    keyed(head)
    performed(head, 1)
    other = small()
    keyed(other, (12, 1.0), (30, 0.0))
    other.utter.passage = 0
    bpy.ops.utter.remove_passage()
    assert frames_of(head.utter.passages[0]) == [10, 40] and not strengths.curves(other)
    assert VOICE and takes.actions_of(head.utter.takes[0])


def scene_ends_and_bodies_are_found_under_the_pointer():
    x_of = lambda frame: 10.0 * frame
    part = lambda x, *ends: drag.part_at(ends or ((10, 20), (15, 40)), x_of, x, 7)
    assert part(94) == (0, "start") and part(106) == (0, "start") and part(92) is None
    assert part(108) == (0, "body") and part(192) == (0, "body")
    assert part(194) == (0, "end") and part(206) == (0, "end") and part(230) == (1, "body")
    short = (10, 11)
    assert [part(x, short)[1] for x in (95, 102, 105, 108, 116)] == ["start", "start", "body", "end", "end"], "of 10 pixels, too"


def scene_a_dragged_passage_takes_its_keys_along_and_can_be_put_back():
    head = small()
    passage = keyed(head)
    was = passage.start, passage.end
    drag.place(passage, "body", was, 5)
    drag.place(passage, "body", was, 9)
    assert (passage.start, passage.end) == (19, 49) and frames_of(passage) == [19, 49]
    drag.place(passage, "body", was, 0)
    assert (passage.start, passage.end) == was and frames_of(passage) == [10, 40]
    drag.place(passage, "start", was, 99)
    assert (passage.start, passage.end) == (39, 40), "an end stops at the other one"
    drag.place(passage, "start", was, 0)
    drag.place(passage, "end", was, -99)
    assert (passage.start, passage.end) == (10, 11) and frames_of(passage) == [10, 40], "an end moves no keys"


def scene_a_picture_of_a_take_survives_saving():
    """Drawing one needs a window (tests/gui/window.py); keeping it does not."""
    head = small()
    values = performed(head, 1)
    (action, *_) = takes.actions_of(head.utter.takes[0])
    assert thumbnails.icon(action) == 0, "without a window there is none"
    pixels = np.random.default_rng(0).random((64, 64, 4)).astype(np.float32)
    thumbnails.keep(action, pixels)
    assert action.preview.is_image_custom and action.copy().preview
    path = str(Path(tempfile.mkdtemp()) / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    (head,) = (obj for obj in bpy.data.objects if obj.type == "MESH" and len(obj.utter.takes))
    (action, *_) = takes.actions_of(head.utter.takes[0])
    kept = np.array(action.preview.image_pixels_float[:]).reshape(64, 64, 4)
    assert np.abs(kept - pixels).max() < 1 / 250
    felt = np.zeros_like(values)
    felt[20:30, 3] = 2.0
    assert 20 <= thumbnails.moment(felt) < 30


def scene_two_takes_stand_side_by_side_until_they_are_compared():
    head = small()
    scene = bpy.context.scene
    for seed in (1, 2):
        head.utter.seed = seed
        performed(head, seed)
    present = bake.actions(rig_of(head))
    before = {name: len(getattr(bpy.data, name)) for name in ("objects", "meshes", "armatures", "actions", "shape_keys", "sounds")}
    places, strips = {obj.name: obj.matrix_world.copy() for obj in bpy.data.objects}, len(compat.all_strips(scene))
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.utter.compare_takes() == {"FINISHED"}
    (twin,) = (obj for obj in compare.copies(head) if obj.type == "MESH")
    assert base_room.chosen(bpy.context) == head, "the panel stays with the head"
    assert bake.actions(rig_of(head)) == present and bake.actions(rig_of(twin)) == takes.actions_of(head.utter.takes[0])
    frames = np.arange(head.utter.start, head.utter.start + 30)
    assert np.abs(bake.sample(rig_of(head), frames) - bake.sample(rig_of(twin), frames)).max() > 0.01
    bpy.context.view_layer.update()
    (low, high), (twin_low, twin_high) = heads_room.box(head), heads_room.box(twin)
    assert max(twin_low[0] - high[0], low[0] - twin_high[0]) > 0, "they do not touch"
    assert len(compat.all_strips(scene)) == strips, "the voice sounds once"

    heads_room.choose(scene, twin)
    assert base_room.chosen(bpy.context) == twin, "the one that is selected performs"
    job = perform.perform_job(scene, twin)
    assert job.asked.voice and bpy.ops.utter.end_comparing() == {"FINISHED"}
    assert base_room.chosen(bpy.context) == head and not compare.copies(head)
    assert before == {name: len(getattr(bpy.data, name)) for name in before}, "nothing is left of the copy"
    assert all(bpy.data.objects[name].matrix_world == place for name, place in places.items())
    assert bake.actions(rig_of(head)) == present

    assert bpy.ops.utter.compare_takes() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="compared")
    bpy.ops.ed.undo()
    (head,) = (obj for obj in bpy.data.objects if obj.type == "MESH" and len(obj.utter.takes))
    assert len(bpy.data.objects) == before["objects"], "one step of undo"
    bpy.ops.utter.compare_takes()
    assert bpy.ops.utter.end_comparing(keep=True) == {"FINISHED"}
    assert bake.actions(rig_of(head)) == takes.actions_of(head.utter.takes[0])
    head.utter.takes[1].star = True
    bpy.ops.utter.clean_takes()
    assert len(head.utter.takes) == 2
    bpy.ops.utter.remove_take()
    assert "There is no other take" in refusal(bpy.ops.utter.compare_takes)


def scene_markers_of_one_name_and_frame_are_passages_as_far_as_they_last():
    head = small()
    marks = bpy.context.scene.timeline_markers
    for frame in (5, 5, 20):
        marks.new("sad", frame=frame)
    assert bpy.ops.utter.passages_from_markers() == {"FINISHED"}
    assert [(each.prompt, each.start) for each in head.utter.passages] == [("sad", 5), ("sad", 20)]
    performed(head, 1, words=[{"start": 0.1, "end": 0.4, "text": "sad", "confidence": 0.9}] * 2)
    assert bpy.ops.utter.put_word_markers() == {"FINISHED"} and len(marks) == 5
    said = [mark.frame for mark in marks][3:]
    head.utter.start += 10
    moved = sorted(mark.frame for mark in marks)
    assert moved == sorted([5, 5, 20, *(frame + 10 for frame in said)]), (said, moved)
    assert bpy.ops.utter.remove_word_markers() == {"FINISHED"} and len(marks) == 3


def scene_a_strip_without_its_file_is_said():
    head = small()
    strips = sequencer.pieces(bpy.context.scene, head)
    if not strips:  # this build of bpy has no sound
        return
    assert sequencer.sentences(bpy.context.scene, head) == []
    strips[0].sound.filepath = "//gone.wav"
    (said,) = sequencer.sentences(bpy.context.scene, head)
    assert "gone.wav" in said and said.endswith("choose the voice again.")


def scene_an_action_that_two_heads_share_is_changed_for_one_alone():
    head, other = small(), small()
    performed(head, 1)
    action = bake.actions(rig_of(head))[0]
    for here, there in zip(rig_of(head).owners(), rig_of(other).owners()):
        if here.animation_data and here.animation_data.action == action:
            compat.attach(there, action, rig_of(other).owners())
    frames = np.arange(head.utter.start, head.utter.start + 30)
    before = bake.sample(rig_of(head), frames)
    heads_room.choose(bpy.context.scene, other)
    bpy.context.scene.frame_set(head.utter.start + 5)
    other.utter.pose.smile = 0.9
    assert np.array_equal(before, bake.sample(rig_of(head), frames)), "a pose"
    curve = tracks.find(next(track for track in rig_of(other).tracks() if tracks.find(track)))
    curve.keyframe_points[3].co.y += 0.2
    performed(other, 2)
    after = bake.sample(rig_of(head), frames)
    assert np.abs(before - after).max() < 0.21 and action in bake.actions(rig_of(head)), "what the artist did to both is the artist's"
    assert not set(bake.actions(rig_of(other))) & {action}
