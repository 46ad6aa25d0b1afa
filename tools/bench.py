"""Speed and memory, measured in one run: a table, and out/bench.json.

Ratios are between two things measured here one after the other, so that they can be compared between machines; seconds and
megabytes are this machine's. The worker is held to two processor cores where the system allows it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from addon.work import client
from tools.process import peak_memory, processor_time

ROOT = Path(__file__).resolve().parent.parent
VOICE = ROOT / "blender_assets" / "voices" / "moon.flac"
CORES = 2


def main(argv):
    parser = argparse.ArgumentParser(prog="build.py bench", description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=BENCHES, nargs="+", default=list(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--quick", action="store_true", help="a tenth of every length: for a quick look, not for figures to quote")
    parser.add_argument("--full", action="store_true", help="perform an hour of voice too")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER")
    args = parser.parse_args(argv)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    figures = []
    print(f"{'figure':<72}{'value':>18}   target")
    for name in args.only:
        for what, value, unit, target in BENCHES[name](args):
            figures.append({"bench": name, "figure": what, "value": round(float(value), 4), "unit": unit, "target": target})
            print(f"{name + ': ' + what:<72}{f'{value:.3g} {unit}':>18}   {target}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    machine = {
        "system": platform.platform(),
        "processor": platform.processor(),
        "cores": CORES,
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    record = {"quick": args.quick, "full": args.full, "machine": machine, "figures": figures}
    (args.out / "bench.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(args.out / "bench.json")
    return 0


def bench_bake(args):
    """Ten minutes on all channels: our bake against keyframe_insert, which writes the same keys on every eighth curve; its time
    for all is scaled by the share of keys, because a curve's cost does not depend on the others."""
    import bpy

    from addon import compat
    from addon.animation import bake
    from addon.panels import head
    from addon.rigs import rig_of
    from addon.rigs.base import armature
    from addon.work import jobs
    from tools.bake import enabled

    minutes = 1 if args.quick else 10
    values = np.random.default_rng(0).normal(0, 0.01, (minutes * 60 * 30, 65)).cumsum(axis=0)
    values = np.sin(values).astype(np.float32)  # smooth, and within every channel's range
    with enabled():
        bpy.context.scene.render.fps = 30
        jobs.run(head.add_job(bpy.context))
        obj = bpy.context.scene.utter.head
        runs = []
        for _ in range(3):
            bake.clear(rig_of(obj))
            began = time.perf_counter()
            bake.bake(rig_of(obj), values)
            runs.append(time.perf_counter() - began)
        ours = statistics.median(runs)
        blocks = obj.data.shape_keys, armature(obj)
        curves = [read_curve(block, curve) for block in blocks for curve in compat.bag(block).fcurves]
        bake.clear(rig_of(obj))
        began = time.perf_counter()
        for owner, attribute, index, moments, column in curves[::8]:
            vector = None if attribute == "value" else getattr(owner, attribute)
            for moment, value in zip(moments, column):
                if vector is None:
                    owner.value = value
                    owner.keyframe_insert("value", frame=moment)
                else:
                    vector[index] = value
                    owner.keyframe_insert(attribute, index=index, frame=moment)
        theirs = (time.perf_counter() - began) * len(curves) / len(curves[::8])  # all curves have equally many keys
    count = sum(len(moments) for *_, moments, _ in curves)
    yield f"{minutes} min on {len(curves)} curves, {count} keys", ours, "s", ""
    yield "the same with keyframe_insert, from every eighth curve", theirs, "s", ""
    yield "times faster than keyframe_insert", theirs / ours, "x", ">= 50"


def read_curve(block, curve):
    """(owner: shape key or pose bone, its attribute, index, frames, values) of a performance's F-curve on a data-block."""
    points = np.empty(len(curve.keyframe_points) * 2, np.float32)
    curve.keyframe_points.foreach_get("co", points)
    owner, _, attribute = curve.data_path.rpartition(".")
    return block.path_resolve(owner), attribute, curve.array_index, points[0::2].tolist(), points[1::2].tolist()


def bench_enable(args):
    """Enabling the add-on in a fresh bpy; both clock time and processor time, which a busy machine changes less."""
    script = (
        "import sys, time, bpy; began = time.perf_counter(), time.process_time(); import addon; addon.register(); "
        "print('FIGURE', time.perf_counter() - began[0], time.process_time() - began[1], 'torch' in sys.modules); "
        "addon.unregister()"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(3 if args.quick else 9)
    ]
    answers = [run.partition("FIGURE")[2].split() for run in runs]
    yield "enabling the add-on, median", statistics.median(float(a[0]) for a in answers) * 1000, "ms", "< 100"
    yield "the same in processor time, median", statistics.median(float(a[1]) for a in answers) * 1000, "ms", ""
    yield "enabling the add-on imports torch (runs)", sum(a[2] == "True" for a in answers), "", "0"


def bench_perform(args):
    """Voices of growing length in draft and final, each in a worker of its own that has performed a short one before: warm."""
    short, middle, long = (seconds / (10 if args.quick else 1) for seconds in (10, 60, 600))
    with tempfile.TemporaryDirectory() as folder:
        for asked, enough in (("draft", 20), ("draft with a transcript", 6), ("final", 5)):
            quality, _, more = asked.partition(" ")
            took, held = {}, {}
            for length in (short, middle, long):
                took[length], busy, held[length] = performed(folder, length, quality, "on" if more else "auto")
                yield f"{asked}, {length:g} s of voice", length / took[length], "x real time", f">= {enough}"
                if busy:
                    yield f"{asked}, {length:g} s of voice, in processor time of one core", length / busy, "x real time", ""
            yield (
                f"{asked}, a second's time at {long:g} s over that at {middle:g} s",
                (took[long] / long / (took[middle] / middle)),
                "x",
                "<= 1.2 (linear)",
            )
            if held[long]:
                yield f"{asked}, {long:g} s of voice, peak memory", held[long], "MB", ""
                yield f"{asked}, the same over that at {middle:g} s", held[long] / held[middle], "x", "<= 1.5"
                yield f"{asked}, memory for ten minutes more", (held[long] - held[middle]) / (long - middle) * 600, "MB", ""
        if args.full:
            took, _, held = performed(folder, 3600, "draft", "on")
            yield "draft with a transcript, an hour of voice", 3600 / took, "x real time", ">= 6"
            if held:
                yield "draft with a transcript, an hour of voice, peak memory", held, "MB", "< 2000"


def bench_ears(args):
    """What hearing, the words and whole performances cost on lines of a few lengths, once all is loaded: in this process, processor time of
    one core, the median of some lines. Loading the ears: beside torch, in a process of its own."""
    import torch

    from contract import PerformRequest
    from model_runtime.audio import load_voice
    from model_runtime.pipeline import Performer

    load = "import time, torch; b = time.process_time(); from model_runtime.speech.encoder import load_encoder; load_encoder()"
    script = f"{load}; print(time.process_time() - b)"
    run = lambda: float(subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    yield "loading the ears beside torch, median", statistics.median(run() for _ in range(3)), "s", "< 1.5"
    torch.set_num_threads(1)
    performer = Performer("cpu")
    models = performer.models
    asked = (("draft", "off", 20), ("draft", "on", 6), ("final", "on", 5))
    with tempfile.TemporaryDirectory() as folder:
        for length, runs in ((3, 5), (10, 3), (60, 1)):
            took = {}
            for number in range(runs + 1):  # the first warms up
                voice = write_voice(Path(folder) / f"{number}.wav", length, number * length)
                samples = load_voice(voice)
                contents = []
                hear = lambda: contents.append(models.encoder.encode(samples))
                took.setdefault("hearing", []).append(timed(hear, time.process_time))
                listen = lambda: models.transcriber(None).transcribe(samples, contents[0])
                took.setdefault("the words", []).append(timed(listen, time.process_time))
                for quality, transcribe, _ in asked:
                    performer.listener.memory.kept.clear()
                    request = PerformRequest(voice=str(voice), quality=quality, transcribe=transcribe)
                    took.setdefault((quality, transcribe), []).append(timed(lambda: performer.perform(request), time.process_time))
            each = {name: statistics.median(seconds[1:]) for name, seconds in took.items()}
            for name in ("hearing", "the words"):
                yield f"{name}, {length} s of voice, processor time a second", each[name] / length, "s", ""
            for quality, transcribe, enough in asked:
                with_ = "with its words found out" if transcribe == "on" else "without words"
                yield f"{quality}, {with_}, {length} s of voice", length / each[quality, transcribe], "x real time", f">= {enough}"


def bench_scope(args):
    """From a request to the file, in a worker that has performed that voice: a part drawn anew, another seed; median of five."""
    minute, ten = (seconds / (10 if args.quick else 1) for seconds in (60, 10))
    with tempfile.TemporaryDirectory() as folder, running_worker(folder) as worker:
        process = worker.hello["pid"]
        voices = {length: str(write_voice(Path(folder) / f"{length:g}.flac", length)) for length in (minute, ten)}
        for length, voice in voices.items():
            ask(worker, "perform", voice=voice, output=f"{folder}/{length:g}.npz", quality="draft")
        onto = {"voice": voices[minute], "onto": f"{folder}/{minute:g}.npz"}
        short = [[minute / 3, minute / 3 + minute / 30]]
        passage = [{"start": minute / 3, "end": minute / 3 + minute / 12, "prompt": "proud"}]
        rows = (
            (f"{minute / 30:g} s of {minute:g} s", onto | {"scope": short}, "< 0.5"),
            (f"the brows of {minute / 30:g} s of {minute:g} s", onto | {"scope": short, "regions": ["brows"]}, "< 0.5"),
            (f"a changed passage of {minute / 12:g} s of {minute:g} s", onto | {"scope": [1], "passages": passage}, "< 1"),
            (f"four variations of {minute / 30:g} s of {minute:g} s", onto | {"scope": short, "variations": 4}, ""),
            (f"another seed of {ten:g} s", {"voice": voices[ten]}, "< 0.5"),
        )
        for what, asked, enough in rows:
            took, busy = [], []
            for seed in range(1, 7):
                began, worked = time.perf_counter(), processor_time(process)
                ask(worker, "perform", output=f"{folder}/m.npz", quality="draft", seed=seed, **asked)
                took.append(time.perf_counter() - began)
                busy.append(worked and processor_time(process) - worked)
            yield f"draft, {what}, median", statistics.median(took[1:]), "s", enough
            if busy[0]:
                yield f"draft, {what}, in processor time", statistics.median(busy[1:]), "s", ""


def performed(folder, length, quality, transcribe="auto"):
    """(seconds, seconds of processor time, peak memory in MB) of a worker that has warmed up and performs a voice that long; the last
    two None where the system does not tell."""
    short, voice = write_voice(Path(folder) / "short.wav", 2.0), write_voice(Path(folder) / "voice.flac", length)
    with running_worker(folder) as worker:
        process = worker.hello["pid"]
        ask(worker, "perform", voice=str(short), output=f"{folder}/m.npz", seed=0, quality=quality, transcribe=transcribe)
        began, busy = time.perf_counter(), processor_time(process)
        ask(worker, "perform", voice=str(voice), output=f"{folder}/m.npz", seed=0, quality=quality, transcribe=transcribe)
        return time.perf_counter() - began, busy and processor_time(process) - busy, peak_memory(process)


def bench_head(args):
    """The built-in head: loaded, added to a scene by a worker that has started, and played with every channel moving. Playing is
    what Blender computes for a frame (frame_set), without the drawing, which the graphics card does."""
    import bpy

    from addon.animation import bake
    from addon.panels import head
    from addon.rigs import rig_of
    from addon.rigs.base import armature
    from addon.work import jobs
    from model_runtime.flame.head import BUILT_IN, read_head
    from tools.bake import enabled

    runs = 3 if args.quick else 9
    load = lambda: read_head(BUILT_IN)  # load_head() keeps it
    loads = [timed(load) for _ in range(runs)]
    worked = [timed(load, time.process_time) for _ in range(runs)]
    yield "loading the built-in head, median", statistics.median(loads), "s", "< 0.2"
    yield "the same in processor time, median", statistics.median(worked), "s", ""
    with enabled():
        jobs.run(head.add_job(bpy.context))  # starts the worker
        adds = [timed(lambda: jobs.run(head.add_job(bpy.context))) for _ in range(runs)]
        yield "adding it to a scene, median", statistics.median(adds), "s", "< 1"
        obj, scene = bpy.context.scene.utter.head, bpy.context.scene
        for other in [other for other in scene.objects if other not in (obj, armature(obj))]:
            bpy.data.objects.remove(other)
        scene.render.fps, length = 30, 300
        values = np.sin(np.random.default_rng(0).normal(0, 0.1, (length, 65)).cumsum(axis=0)).astype(np.float32)
        bake.bake(rig_of(obj), values, 1)

        def play():
            for frame in range(1, length + 1):
                scene.frame_set(frame)

        rate, worked = (
            length / statistics.median(timed(play, clock) for _ in range(3)) for clock in (time.perf_counter, time.process_time)
        )
    keys, vertices = len(obj.data.shape_keys.key_blocks) - 1, len(obj.data.vertices)
    yield f"playing {keys} keys on {vertices} vertices, frames a second", rate, "", ">= 60"
    yield "the same per second of processor time", worked, "", ""


def timed(function, clock=time.perf_counter):
    """Seconds that a call takes, by the clock's time or the processor's."""
    began = clock()
    function()
    return clock() - began


def bench_worker(args):
    """How soon a fresh worker answers."""
    starts, firsts, seconds = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(1 if args.quick else 5):
            began = time.perf_counter()
            with running_worker(folder) as worker:
                starts.append(time.perf_counter() - began)
                for record in (firsts, seconds):
                    began = time.perf_counter()
                    ask(worker, "head", head=None, output=f"{folder}/bundle.npz")
                    record.append(time.perf_counter() - began)
    yield "start to greeting, median", statistics.median(starts), "s", ""
    yield "first `head` request, median", statistics.median(firsts), "s", ""
    yield "`head` request once it is loaded, median", statistics.median(seconds), "s", ""


def bench_desk(args):
    """What a step of an artist's costs on a performance of a minute, as in a window: processor time, the median of five."""
    import bpy

    from addon.animation import bake, finish
    from addon.panels import head as heads
    from addon.panels import takes
    from addon.rigs import rig_of
    from addon.work import jobs
    from tools.bake import enabled

    frames = 180 if args.quick else 1800
    performances = np.sin(np.random.default_rng(0).normal(0, 0.02, (2, frames, 117)).cumsum(axis=1)).astype(np.float32)
    with enabled():
        finish.watched = True
        bpy.context.scene.render.fps = 30
        jobs.run(heads.add_job(bpy.context))
        head = bpy.context.scene.utter.head
        target = bpy.data.objects.new("Target", None)
        bpy.context.scene.collection.objects.link(target)
        target.location = (0.5, -3.0, 1.5)
        for performance in performances:
            takes.set_aside(head)
            bake.bake(rig_of(head), performance)
            takes.remember(head)

        def step(owner, name, *values):
            """The median time of moving a slider."""
            took = []
            for number in range(6):
                began = time.process_time()
                setattr(owner, name, values[number % len(values)])
                bpy.context.view_layer.update()
                took.append(time.process_time() - began)
            return statistics.median(took[1:]) * 1000  # the first one also keeps the take as it was

        for name, label in (("mouth", "Mouth"), ("smoothing", "Smoothing"), ("rate", "Blink Rate")):
            yield f"Finish, a step of {label}", step(head.utter.finish, name, 0.8, 0.6), "ms", "< 50"
        head.utter.look_at = target
        yield "Finish, a step of Look At's influence", step(head.utter.finish, "look", 0.5, 0.7), "ms", "< 50"
        head.utter.look_at = None
        yield "Pose, a step of Smile", step(head.utter.pose, "smile", 0.4, 0.5), "ms", "< 50"
        yield "choosing another take", step(head.utter, "take", 0, 1), "ms", "< 300"
        finish.watched = not bpy.app.background


def bench_draw(args):
    """One drawing of the panels in a window of Blender, in processor time of Utter's Python (tests/gui/drawing.py); nothing where
    ../shared/gui is not set up."""
    gui, home = ROOT.parent / "shared" / "gui" / "blender-gui", Path(os.environ.get("BLENDER_GUI_HOME", "/var/tmp/blender-gui"))
    if not gui.exists() or not (home / "sid" / ".ready").exists():
        return
    for opened in ("0", "1"):
        with tempfile.TemporaryDirectory() as folder:
            told = dict(os.environ, UTTER_OPEN=opened, UTTER_PYTHON="/opt/site/bin/python3", BLENDER_USER_RESOURCES="/out/user")
            call = [gui, "run", "5.2", "-o", folder, "--python-exit-code", "1", "--python", "/project/tests/gui/drawing.py"]
            subprocess.run(call, cwd=ROOT, env=told, check=True, capture_output=True)
            found = json.loads((Path(folder) / "draw.json").read_text())
        panels = "all panels open" if opened == "1" else "panels as they are at first"
        for when in ("at rest", "another frame", "a key changed"):
            yield f"{panels}, {when}, median", found[when]["median_ms"], "ms", "< 3"


BENCHES = {
    "bake": bench_bake,
    "desk": bench_desk,
    "enable": bench_enable,
    "head": bench_head,
    "worker": bench_worker,
    "ears": bench_ears,
    "perform": bench_perform,
    "scope": bench_scope,
    "draw": bench_draw,
}


class running_worker:
    """A fresh worker that has greeted us; ended on leaving."""

    def __init__(self, folder):
        self.worker = client.Worker(sys.executable, ROOT, Path(folder) / "worker.log")

    def __enter__(self):
        self.worker.start()
        wait_for(self.worker, lambda event: event["event"] == "ready")
        return self.worker

    def __exit__(self, *_):
        self.worker.shutdown()


def ask(worker, kind, **fields):
    """Send a request and return its result. RuntimeError if it fails."""
    job = worker.request(kind, **fields)
    return wait_for(worker, lambda event: event["event"] == "result" and event["id"] == job)


def wait_for(worker, wanted):
    while True:
        for event in worker.poll():
            if event["event"] in ("error", "died"):
                raise RuntimeError(f"{event['message']}\n{event.get('detail', '')}")
            if wanted(event):
                return event
        time.sleep(0.002)


def write_voice(path, seconds, start=0.0):
    """The sample voice from that second on, and again and again until it is that long."""
    samples, rate = soundfile.read(VOICE, dtype="float32")
    samples, left = np.roll(samples, -round(start * rate)), round(seconds * rate)
    with soundfile.SoundFile(path, "w", rate, 1) as sound:
        while left > 0:
            sound.write(samples[:left])
            left -= len(samples)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
