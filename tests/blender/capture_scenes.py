"""Captured films on heads, in bpy; test_capture.py plays each scene in an empty file. A CSV of ARKit curves takes the same way as a video
and needs no tracker, so the worker is the real one."""

import csv
import tempfile
from pathlib import Path

import bpy
import numpy as np

from tests.blender import heads
from tests.blender.actions_scenes import arkit, column
from tests.blender.operator_scenes import REAL, VOICE, named_voice, pump, refusal, state, use_worker, with_head

from addon import compat  # isort: skip
from addon.animation import bake, tracks  # isort: skip
from addon.batch import command  # isort: skip
from addon.panels import capture, passages, perform, pins, takes  # isort: skip
from addon.panels import head as heads_room  # isort: skip
from addon.rigs import rig_of  # isort: skip
from addon.work import jobs  # isort: skip
from contract import ACTIONS, CHANNELS, FACE_ACTIONS, NECK, PERFORMANCE, Passage  # isort: skip
from tests.blender.marks import once  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 1.0
BROWS = [name for name in ACTIONS if name.startswith("brow")]


def film(seconds=SECONDS, name="brows.csv", **curves):
    """A CSV of ARKit curves at 60 frames a second: brows that go up and down, and what more is given as name=function of seconds."""
    path = Path(tempfile.mkdtemp()) / name
    moving = {"jawOpen": lambda t: 0.1, "browInnerUp": lambda t: 0.5 - 0.5 * np.cos(6 * t), "browDownLeft": lambda t: 0.3 * t, **curves}
    with open(path, "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["time", *moving])
        for frame in range(round(60 * seconds)):
            rows.writerow([frame / 60, *(moved(frame / 60) for moved in moving.values())])
    return str(path)


def built_in(fps=30):
    """The built-in head with a voice, from the real worker."""
    bpy.context.scene.render.fps = fps
    use_worker(REAL)
    jobs.run(heads_room.add_job(bpy.context))
    head = bpy.context.scene.utter.head
    head.utter.quality, head.utter.voice, head.utter.transcribe = "draft", VOICE, "off"
    return head


def face(fps=30):
    """An ARKit head with a voice."""
    head = arkit()
    bpy.context.scene.render.fps = fps
    use_worker(REAL)
    heads_room.choose(bpy.context.scene, head)
    head.utter.quality, head.utter.voice, head.utter.transcribe = "draft", VOICE, "off"
    return head


def held(head):
    """{path: [(frame, value)]} of the captured keys."""
    return {track.path: [tuple(place) for place in keys["co"].tolist()] for track, keys in bake.captured(rig_of(head)).items()}


def take_in(head, path, use="RANGE", regions=("brows",), at=None):
    """Capture as an artist does."""
    head.utter.film, head.utter.film_as, head.utter.film_regions = path, use, set(regions)
    head.utter.film_at = "VOICE" if at is None else "FRAME"
    if at is not None:
        bpy.context.scene.frame_set(at)
    assert bpy.ops.utter.capture() == {"FINISHED"}


def off(head, frames, filmed):
    """By how many millimetres the right brow's inner end is off from where browInnerUp alone has it; filmed [N]: that action."""
    end = heads.array("landmark_vertices")[heads.array("landmark_names").tolist().index("brow_inner_right")]
    up = heads.actions()["browInnerUp"][end, 1]
    shapes = heads.array("shapedirs")[end, 1, 300:350].astype(float)
    return 1000 * np.abs(bake.sample(rig_of(head), frames)[:, :50] @ shapes - filmed * up).max()


def scene_held_brows_stay_to_the_bit_on_the_built_in_head():
    head = built_in(24)
    take_in(head, film(browDownLeft=lambda t: 0.0), at=11)
    before = held(head)
    assert len(before) == len(BROWS) and all(path[2:-2] in BROWS for path in before), before.keys()
    frames = np.array([frame for frame, _ in before['["browInnerUp"]']])
    assert frames[0] == 11 and abs(frames[-1] - (11 + 24 * (SECONDS - 1 / 30))) <= 1 and (np.diff(frames) == 1).all()
    filmed = np.array([value for _, value in before['["browInnerUp"]']])
    assert np.abs(filmed - (0.5 - 0.5 * np.cos(6 * (frames - 11) / 24)))[1:-1].max() < 0.02
    assert pins.count(head) == sum(map(len, before.values()))
    assert off(head, frames, filmed) < 0.1, (off(head, frames, filmed), "seen before anything is performed")
    for seed, press in ((1, bpy.ops.utter.perform), (2, bpy.ops.utter.rediffuse), (3, bpy.ops.utter.perform)):
        head.utter.seed = seed
        assert press() == {"FINISHED"}
        assert held(head) == before, "to the bit"
        assert off(head, frames, filmed) < 0.5, off(head, frames, filmed)
        jaw = bake.sample(rig_of(head), frames)[:, 50]
        assert np.ptp(jaw) > 0.03, "the mouth speaks"
    assert len(head.utter.takes) == 3, [take.keys.name for take in head.utter.takes]
    bpy.ops.utter.clear()
    assert not bake.actions(rig_of(head)) and not held(head)


@once
def scene_held_brows_stay_to_the_bit_on_an_arkit_head():
    head = face(25)
    bpy.ops.utter.perform()
    take_in(head, film(), at=10)
    before = held(head)
    assert {path.split('"')[1] for path in before} == set(BROWS)
    for seed, press in ((5, bpy.ops.utter.rediffuse), (6, bpy.ops.utter.perform)):
        head.utter.seed = seed
        press()
        assert held(head) == before
        jaw = bake.sample(rig_of(head), np.arange(10, 30))[:, column("jawOpen")]
        assert np.ptp(jaw) > 0.05
    own = bake.sample(rig_of(head), np.arange(1, 60))[:, column("browInnerUp")]
    assert np.abs(np.diff(own)).max() < 0.3, "without a step where the range begins and ends"


def scene_a_take_is_one_step_of_undo():
    head = face()
    bpy.ops.utter.perform()
    bpy.ops.ed.undo_push(message="performed")
    was, actions = state(), len(bpy.data.actions)
    take_in(head, film(jawOpen=lambda t: t / 2), "TAKE")
    bpy.ops.ed.undo_push(message="Capture")
    assert len(head.utter.takes) == 2 and len(bpy.data.actions) == actions + 1
    found = bake.sample(rig_of(head), np.arange(1, 29))
    assert np.abs(found[:, column("jawOpen")] - np.arange(28) / 60).max() < 0.02 and not pins.count(head)
    assert not held(head) and head.utter.frames == 30
    bpy.ops.ed.undo()
    head = bpy.context.scene.utter.head
    assert state() == was and len(head.utter.takes) == 1
    head.utter.start = 41  # the voice moves, and what was captured with it
    take_in(head, film(), "TAKE")
    assert bake.actions(rig_of(head))[0].frame_range[0] == 41


@once
def scene_a_passage_feels_as_the_film_does():
    head = built_in()
    smile = {name: lambda t: 0.8 for name in ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight")}
    path = film(name="smile.csv", **smile)
    take_in(head, path, "FEELING", at=21)
    (passage,) = head.utter.passages
    assert (passage.start, passage.end, passage.clip, passage.prompt) == (21, 51, path, "") and passages.label(passage) == "smile.csv"
    (asked,) = passages.in_seconds(head.utter, 30, {})
    assert asked == Passage(20 / 30, 50 / 30, "", 1.0, passage.fade / 30, path)
    bpy.ops.utter.perform()
    passages.from_seconds(head.utter, [asked], 30)
    assert (head.utter.passages[0].start, head.utter.passages[0].clip) == (21, path)
    Path(path).unlink()
    assert "smile.csv of a passage does not exist" in refusal(bpy.ops.utter.perform)


def finish(job, frames, values=None, shown=None):
    """Apply the job's result as if the worker had sent it: face actions at 0.25, the head turned."""
    motion, actions = np.zeros((frames, CHANNELS), np.float32), np.full((frames, len(ACTIONS)), 0.25, np.float32)
    motion[:, NECK.start + 1] = 0.2
    more = {} if job.asked.onto is None else {"shown": np.full((frames, CHANNELS), 0.1, np.float32)}
    np.savez(job.asked.output, motion=motion, actions=actions, **more)
    jobs.current = job
    jobs._finish({"output": job.asked.output, "fps": 30.0, "frames": frames, "seconds": 0.1})
    return job.error


def begun(head, path, use, regions=("brows",)):
    head.utter.film, head.utter.film_as, head.utter.film_regions = path, use, set(regions)
    return capture.capture_job(bpy.context.scene, head)


def scene_a_photo_is_a_key_at_the_current_frame():
    head = with_head()
    photo = named_voice("face.jpg")
    bpy.context.scene.render.fps = 30
    bake.bake(rig_of(head), np.random.default_rng(0).normal(0, 0.1, (60, PERFORMANCE)).astype(np.float32), 1)
    bpy.context.scene.frame_set(20)
    was = {curve.data_path: len(curve.keyframe_points) for curve in compat.bag(head.data.shape_keys).fcurves}
    assert not finish(begun(head, photo, "KEY", ("brows", "head")), 1)
    before = held(head)
    assert {len(keys) for keys in before.values()} == {1} and all(keys[0][0] == 20 for keys in before.values())
    assert before['["browInnerUp"]'] == [(20, 0.25)] and any("rotation" in path for path in before)
    now = {path: len(compat.bag(head.data.shape_keys).fcurves.find(path).keyframe_points) for path in was}
    assert now == was, {path: (was[path], now[path]) for path in was if was[path] != now[path]}
    assert np.allclose(bake.sample(rig_of(head), [20])[0, :50], 0.1, atol=1e-5), "it is seen at once"
    values, mask = bake.read_pins(rig_of(head), 1, 60, fps=30)
    assert mask.shape == (60, PERFORMANCE) and mask[19].any() and mask.sum() == len(BROWS) + 3
    assert "choose Key or Feeling" in finish(begun(head, photo, "RANGE"), 1)
    assert "choose Held Range" in finish(begun(head, photo, "KEY"), 30)
    assert held(head) == before
    assert not finish(begun(head, photo, "FEELING"), 1) and head.utter.passages[0].end - head.utter.passages[0].start == 60


def scene_all_of_a_face_and_what_is_released():
    head = with_head()
    path = named_voice("talk.mp4")
    assert not finish(begun(head, path, "RANGE", ("brows", "eyes", "cheeks", "mouth", "head")), 30)
    assert len(held(head)) == 51 + 1, [*held(head)]
    head.utter.film_regions = {"mouth", "head"}
    assert bpy.ops.utter.release() == {"FINISHED"}
    assert not any("mouth" in path or "jaw" in path or "rotation" in path for path in held(head)) and len(held(head)) == 5 + 14 + 5
    assert bpy.ops.utter.release() == {"CANCELLED"}
    bpy.ops.utter.clear()
    assert "No captured key" in refusal(bpy.ops.utter.release)


def scene_keys_of_the_artists_beside_captured_ones():
    """An own key of another channel goes only through Re-diffuse, a captured one through Perform too; a change of it stays."""
    head = face()
    bpy.ops.utter.perform()
    take_in(head, film())
    curve = tracks.find(next(track for track in rig_of(head).tracks() if "browInnerUp" in track.path))
    point = curve.keyframe_points[5]
    point.co[1] = 0.875
    curve.update()
    bpy.ops.utter.rediffuse()
    curve = tracks.find(next(track for track in rig_of(head).tracks() if "browInnerUp" in track.path))
    assert curve.keyframe_points[5].co[1] == 0.875
    bpy.ops.utter.perform()
    assert 0.875 in [value for _, value in held(head)[curve.data_path]]


def scene_the_command_performs_around_what_a_file_holds():
    head = face(25)
    take_in(head, film())
    before, folder = held(head), Path(tempfile.mkdtemp())
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    voices = [VOICE, named_voice("again.flac", folder)]
    told = ["perform", str(folder / "shot.blend"), *voices, "--out", str(folder / "out"), "--quality", "draft", "--transcribe", "off"]
    assert command.main(told) == 0
    for name in ("pie", "again"):
        bpy.ops.wm.open_mainfile(filepath=str(folder / "out" / f"{name}.blend"))
        head = bpy.context.scene.utter.head
        assert held(head) == before and len(bake.actions(rig_of(head))) == len(bpy.data.actions) == 1
        assert np.ptp(bake.sample(rig_of(head), np.arange(1, 60))[:, column("jawOpen")]) > 0.05


def scene_cancel_and_errors_change_nothing():
    head = with_head()
    before = state()
    assert "Choose a film first." in refusal(bpy.ops.utter.capture)
    head.utter.film = "//gone.mp4"
    assert "gone.mp4 does not exist" in refusal(bpy.ops.utter.capture)
    head.utter.film_as, head.utter.film_regions = "RANGE", set()
    assert "Choose a region first." in refusal(bpy.ops.utter.capture)
    head.utter.film_regions = {"brows"}
    head.utter.film = named_voice("bad.mp4")
    assert "holds no sound" in refusal(bpy.ops.utter.capture) and state() == before
    head.utter.film = named_voice("slow.mp4")
    jobs.start(capture.capture_job(bpy.context.scene, head))
    pump(lambda: jobs.current.fraction > 0)
    assert "is running" in refusal(bpy.ops.utter.capture)
    bpy.ops.utter.cancel()
    pump(lambda: jobs.current is None, 5)
    assert jobs.Message.text == "Cancelled; nothing was changed." and state() == before
    use_worker(REAL)
    other = Path(tempfile.mkdtemp()) / "shopping.csv"
    other.write_text("item,price\napples,3\npears,4\n")
    head.utter.film = str(other)
    assert "holds no column jawOpen" in refusal(bpy.ops.utter.capture) and state() == before


def scene_the_panel_is_drawn():
    head = with_head()
    assert capture.UTTER_PT_capture.poll(bpy.context)
    for use in capture.USES:
        head.utter.film_as = use
    assert set(capture.labels(["brows", "head"])) == {"Brows", "Head"} and FACE_ACTIONS.start == CHANNELS
    assert perform.usable(head).obj == head and takes.animated(head)
