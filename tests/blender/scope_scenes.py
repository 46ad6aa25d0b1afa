"""Parts of a performance drawn anew from the panel: what is outside keeps its keys. Each scene starts from an empty file
(tests/blender/test_scope.py plays them); the worker is the real one, in draft, unless a scene says what it gave."""

import shutil

import bpy
import numpy as np

from tests.blender.actions_scenes import builtin_as_arkit, curve_of
from tests.blender.operator_scenes import refusal

# isort: split
from addon.animation import bake, tracks
from addon.panels import head as heads_room
from addon.panels import perform, pins, scope
from addon.rigs import hair, making, rig_of
from addon.work import jobs
from contract import EXPRESSION, NECK, UtterError
from tests.blender.marks import once
from tests.blender.scene_life_scenes import BUNDLE, VOICE, small, worker_gave

BITS = ("co", "back", "type")
hair.DEFAULT = hair.NONE  # what hair does has scenes of its own, and takes longer to make and to show than the rest of a head


def performed(head, fps=30):
    """The head, once the real worker has performed the sample voice on it."""
    jobs.COMMAND = ("-m", "model_runtime", "worker")
    scene = bpy.context.scene
    scene.render.fps = fps
    heads_room.choose(scene, head)
    head.utter.voice, head.utter.quality = VOICE, "draft"
    assert bpy.ops.utter.perform() == {"FINISHED"}
    return head


def chosen(head, kind, first=0, last=0, regions=None, change=1.0):
    """Choose a scope as the panel does."""
    head.utter.scope, head.utter.scope_change = kind, change
    if regions:
        head.utter.scope_regions = set(regions)
    scene = bpy.context.scene
    scene.use_preview_range = kind == "PREVIEW"
    if kind == "PREVIEW":
        scene.frame_preview_start, scene.frame_preview_end = first, last


def keys(head):
    """{path and index: {field: bytes of each key}} of what the artist sees."""
    found = {}
    for track in rig_of(head).tracks():
        if curve := tracks.find(track):
            read = tracks.read(curve)
            found[track.path, track.index] = {field: read[field] for field in BITS}
    return found


def changed(before, after, first, last):
    """The tracks with other keys than before; every key outside of those frames must be as it was, to the bit. A curve that stood still
    has a key more where it begins to move."""
    moved = set()
    for name, was in before.items():
        there = was["co"][(was["co"][:, 0] < first) | (was["co"][:, 0] > last), 0]
        outside = lambda told, there=there: {field: array[np.isin(told["co"][:, 0], there)].tobytes() for field, array in told.items()}
        assert outside(was) == outside(after[name]), name
        if any(was[field].tobytes() != after[name][field].tobytes() for field in BITS):
            moved.add(name)
    return moved


def scene_a_preview_range_is_drawn_anew_and_nothing_else():
    for make, fps in ((lambda: making.build(BUNDLE, name="Head"), 24), (builtin_as_arkit, 30)):
        head = performed(make(), fps)
        before, length = keys(head), head.utter.frames
        sampled = bake.sample(rig_of(head), np.arange(1, 90))
        head.utter.seed = 7
        chosen(head, "PREVIEW", 20, 60)
        assert bpy.ops.utter.rediffuse() == {"FINISHED"}
        after = bake.sample(rig_of(head), np.arange(1, 90))
        moved = changed(before, keys(head), 20, 60)
        assert len(moved) > 20 and head.utter.frames == length and len(head.utter.takes) == 1
        assert np.abs(after - sampled)[22:57].max() > 0.02
        np.testing.assert_allclose(after[:18], sampled[:18], atol=1e-6)
        step = np.abs(np.diff(after, axis=0))
        assert (step[[17, 18, 59, 60]] <= np.abs(np.diff(sampled, axis=0)).max(0) + 0.02).all(), "no step where it begins and ends"
        bpy.ops.wm.read_factory_settings(use_empty=True)


def scene_between_two_markers():
    head, scene = performed(making.build(BUNDLE, name="Head")), bpy.context.scene
    before, head.utter.seed = keys(head), 7
    chosen(head, "MARKERS", regions=["brows"])
    assert "Select two markers" in refusal(bpy.ops.utter.rediffuse)
    for frame in (20, 60, 80):
        scene.timeline_markers.new(str(frame), frame=frame).select = False
    scene.frame_set(30)
    assert scope.between(scene) == (20, 60)
    assert bpy.ops.utter.rediffuse() == {"FINISHED"}
    assert changed(before, keys(head), 20, 60)
    for marker in scene.timeline_markers:
        marker.select = marker.frame != 20
    assert scope.between(scene) == (60, 80)


@once
def scene_regions_alone_and_a_touch_up():
    head = performed(making.build(BUNDLE, name="Head"))
    before, head.utter.seed = keys(head), 3
    chosen(head, "EVERYTHING", regions=["head"], change=0.5)
    assert bpy.ops.utter.rediffuse() == {"FINISHED"}
    moved = changed(before, keys(head), 1, 999)
    assert moved and all("neck" in path for path, _ in moved), moved
    before = keys(head)
    chosen(head, "PREVIEW", 10, 50, regions=["brows"])
    assert bpy.ops.utter.rediffuse() == {"FINISHED"}
    assert all('["Exp' in path for path, _ in changed(before, keys(head), 10, 50))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    face = performed(builtin_as_arkit())
    before = keys(face)
    chosen(face, "PREVIEW", 10, 50, regions=["brows"])
    assert bpy.ops.utter.rediffuse() == {"FINISHED"}
    assert all("brow" in path for path, _ in changed(before, keys(face), 10, 50))


def scene_keys_of_the_artist_are_met_and_their_range_is_the_scope():
    face = performed(builtin_as_arkit())
    curve = curve_of(face, "browInnerUp")
    for name in ("browInnerUp", "jawOpen"):
        for key in curve_of(face, name).keyframe_points:
            key.select_control_point = key.select_left_handle = key.select_right_handle = False
    (key,) = [point for point in curve.keyframe_points if point.co.x == 45]
    key.co.y, key.select_control_point = 0.9, True
    curve.update()
    before, value = keys(face), next(point.co.y for point in curve.keyframe_points if point.co.x == 45)
    chosen(face, "KEYS")
    assert bake.selected(rig_of(face)) == (45, 45)
    assert bpy.ops.utter.rediffuse() == {"FINISHED"}
    (key,) = [point for point in curve_of(face, "browInnerUp").keyframe_points if point.co.x == 45]
    assert key.co.y == value and pins.count(face) == 1
    assert changed(before, keys(face), 30, 60)
    assert bake.selected(rig_of(face)) == (45, 45), "so that it can be pressed again"


def scene_soft_keys_are_met_nearly_lie_where_they_were_met_and_remember_what_was_asked():
    face = performed(builtin_as_arkit())
    rig = rig_of(face)
    for track in rig.tracks():
        if curve := tracks.find(track):
            curve.keyframe_points.foreach_set("select_control_point", np.zeros(len(curve.keyframe_points), bool))
    assert "Select keys" in refusal(bpy.ops.utter.soften)
    wanted = {"browInnerUp": 0.9, "mouthSmileLeft": 0.8}
    for name, value in wanted.items():
        curve = curve_of(face, name)
        (key,) = [point for point in curve.keyframe_points if point.co.x == 45]
        key.co.y, key.select_control_point = value, name == "browInnerUp"
        curve.update()
    assert bpy.ops.utter.soften() == {"FINISHED"} and bake.count_soft(rig) == 1 and pins.count(face) == 2
    face.utter.soft_tolerance, face.utter.soft_shift = 0.2, 4
    assert bpy.ops.utter.rediffuse() == {"FINISHED"}
    at = lambda name, kind: [tuple(p.co) for p in curve_of(face, name).keyframe_points if p.type == kind]
    ((frame, value),) = at("browInnerUp", "BREAKDOWN")
    assert abs(frame - 45) <= 4 and frame == round(frame) and abs(value - 0.9) <= 0.2 + 1e-5
    assert np.allclose(at("mouthSmileLeft", "KEYFRAME"), [(45, 0.8)])
    curve = curve_of(face, "browInnerUp")
    assert len({p.co.x for p in curve.keyframe_points}) == len(curve.keyframe_points) and len(curve.keyframe_points) == face.utter.frames
    near = bake.sample(rig, np.arange(frame - 6, frame + 7))[:, rig.pins(tracks.SOFT)[1][0]]
    assert near[[5, 7]].min() > 0.4 * near[6], np.round(near, 2)  # no dent
    assert np.allclose(rig.pins(tracks.SOFT)[2], [0.9]), "what was asked for is known"
    if frame != 45:
        assert any(p.co.x == 45 and p.type == "GENERATED" for p in curve.keyframe_points)
    assert bpy.ops.utter.rediffuse() == {"FINISHED"} and np.allclose(rig.pins(tracks.SOFT)[2], [0.9])
    for point in curve_of(face, "browInnerUp").keyframe_points:
        point.select_control_point = point.type == "BREAKDOWN"
    assert bpy.ops.utter.soften(soft=False) == {"FINISHED"} and bake.count_soft(rig) == 0
    assert abs(at("browInnerUp", "KEYFRAME")[0][1] - 0.9) < 1e-6


def scene_soft_keys_on_a_flame_head_lie_on_the_performance():
    head = small()
    scene = bpy.context.scene
    worker_gave(perform.perform_job(scene, head), 1)
    head.utter.frames = 30
    (track,) = [track for track in rig_of(head).tracks() if track.path == 'key_blocks["Exp3"].value']
    (key,) = [point for point in tracks.find(track).keyframe_points if point.co.x == 12]
    key.type = "BREAKDOWN"  # as Blender's own menu does; our value is what is asked for
    asked = key.co.y
    job = perform.perform_job(scene, head, rediffuse=True)
    with np.load(job.folder / "pins.npz") as file:
        assert file["mask"].sum() == 1 and abs(file["tolerance"][11, 2] - 0.1) < 1e-6 and not file["shift"].any()
        assert abs(file["values"][11, 2] - asked) < 1e-6
    worker_gave(job, 2)
    (key,) = [point for point in tracks.find(track).keyframe_points if point.co.x == 12]
    assert key.type == "BREAKDOWN" and abs(key.co.y - asked) > 1e-4 and np.allclose(tracks.held(tracks.find(track)), [(12, asked)])
    key.co.y = 2.0
    assert np.allclose(tracks.held(tracks.find(track)), [(12, 2.0)]), "what the artist changes is asked for"


def scene_doubtful_keys_are_named():
    head = small()
    scene = bpy.context.scene
    worker_gave(perform.perform_job(scene, head), 1)
    head.utter.frames, head.utter.seconds = 30, 1.0
    curve = tracks.find(next(track for track in rig_of(head).tracks() if track.path == 'key_blocks["jaw_x"].value'))
    for frame, value in ((10, 0.0), (11, 0.5), (80, 0.2)):
        curve.keyframe_points.insert(frame, value).type = "KEYFRAME"
    job = perform.perform_job(scene, head, rediffuse=True)
    outside, against, *_ = worker_gave(job, 2)[1]
    assert "outside the voice" in outside and "frame 80" in outside and "frames 10 and 11 contradict" in against


@once
def scene_variations_are_takes_and_the_first_performance_stays():
    head = performed(making.build(BUNDLE, name="Head"))
    before, frames = keys(head), np.arange(1, 90)
    head.utter.variations = 3
    chosen(head, "PREVIEW", 20, 60)
    assert bpy.ops.utter.variations() == {"FINISHED"}
    assert len(head.utter.takes) == 4 and head.utter.seed == 1 and head.utter.take == 1, "the panel shows what made the take"
    assert [take.keys.name for take in head.utter.takes][1:] == [f"Head seed {seed}" for seed in (1, 2, 3)]
    seen = []
    for take in (1, 2, 3):
        head.utter.take = take
        assert changed(before, keys(head), 20, 60)
        seen.append(bake.sample(rig_of(head), frames))
    assert all(np.abs(one - other)[:, NECK].max() > 0.002 for one, other in ((seen[0], seen[1]), (seen[1], seen[2])))
    head.utter.take = 0
    assert not changed(before, keys(head), 0, 0)
    head.utter.scope, head.utter.variations = "EVERYTHING", 2
    assert bpy.ops.utter.variations() == {"FINISHED"}
    assert [take.keys.name for take in head.utter.takes][4:] == [f"Head seed {seed}" for seed in (4, 5)], "seeds that no take has"
    assert head.utter.take == 4 and head.utter.seed == 4


def scene_a_changed_passage_is_asked_for_with_its_fades():
    head = small()
    worker_gave(perform.perform_job(bpy.context.scene, head), 1)
    head.utter.frames, head.utter.seconds = 90, 3.0
    passage = head.utter.passages.add()
    passage.start, passage.end, passage.fade, passage.prompt = 31, 61, 6, "happy"
    chosen(head, "PASSAGE", regions=["brows", "mouth"], change=0.25)
    job = perform.perform_job(bpy.context.scene, head, rediffuse=True)
    assert job.asked.onto and job.asked.regions == ("brows", "mouth") and job.asked.change == 0.25
    (span,) = job.asked.scope
    np.testing.assert_allclose(span, (1 - 0.1 - 0.25 + 0.5 / 30, 2 + 0.1 + 0.25 - 0.5 / 30), atol=0.02)
    shutil.rmtree(job.folder)


def scene_a_curve_that_stood_still_stays_so_outside():
    head = small()
    worker_gave(perform.perform_job(bpy.context.scene, head), 1)
    head.utter.frames = 30
    rig, frames = rig_of(head), np.arange(1, 31)
    (track,) = [track for track in rig.tracks() if track.path == 'key_blocks["Exp3"].value']
    tracks.fill(tracks.find(track), frames, np.full(30, 0.25))
    before = bake.sample(rig, frames)
    chosen(head, "PREVIEW", 12, 18)
    worker_gave(perform.perform_job(bpy.context.scene, head, rediffuse=True), 2)
    after = bake.sample(rig, frames)
    outside = np.r_[0:10, 18:30]
    np.testing.assert_allclose(after[outside, 2], 0.25, atol=1e-6)
    assert np.abs(after - before)[11:18, EXPRESSION].max() > 0.05


def scene_what_cannot_be_is_said():
    head = small()
    scene = bpy.context.scene
    assert "Perform first." in refusal(bpy.ops.utter.variations)
    worker_gave(perform.perform_job(scene, head), 1)
    head.utter.frames = 30
    chosen(head, "PREVIEW", 100, 200)
    scene.use_preview_range = False
    assert "Set a preview range" in refusal(bpy.ops.utter.rediffuse)
    scene.use_preview_range = True
    assert "hold nothing of the performance" in refusal(bpy.ops.utter.rediffuse)
    chosen(head, "PASSAGE")
    assert "Choose a passage first." in refusal(bpy.ops.utter.rediffuse)
    chosen(head, "KEYS")
    for track in rig_of(head).tracks():
        if curve := tracks.find(track):
            curve.keyframe_points.foreach_set("select_control_point", np.zeros(len(curve.keyframe_points), bool))
    assert "Select keys" in refusal(bpy.ops.utter.rediffuse)
    chosen(head, "EVERYTHING", change=0)
    assert "Nothing may change" in refusal(bpy.ops.utter.rediffuse)
    head.utter.scope_regions = set()
    assert "Choose a region first." in refusal(bpy.ops.utter.rediffuse)
    chosen(head, "PREVIEW", 5, 20, regions=["head"])
    head.utter.seconds = 9.0
    try:
        perform.perform_job(scene, head, rediffuse=True)
        raise AssertionError("it did not refuse")
    except UtterError as error:
        assert "perform the voice as a whole first" in str(error)
