"""What drawing the panels costs, in a window: run by `build.py bench --only draw` through blender-gui. Writes /out/draw.json.

Three heads, one of them a character with a rig map, a performance of a minute on each, 20 passages, 20 takes: a scene after a day's work.
Counted is the processor time of Utter's Python in one drawing of the tab: polls of panels and buttons, headers, draws, rows of lists and
what properties answer; what Blender itself does with the layout is not ours to mend. UTTER_OPEN=1: all panels are open; UTTER_MAPPED=1: the
character is the head that performs; UTTER_PROFILE=1: /out/profile.txt as well.
"""

import cProfile
import importlib
import inspect
import json
import os
import pstats
import statistics
import sys
import time
from pathlib import Path

import bpy
import numpy as np

sys.path.append("/opt/guikit")
sys.path.append("/project")
import guikit

import addon
from addon.animation import bake
from addon.panels import base, head, maps, pose, takes
from addon.rigs import rig_of
from addon.work import jobs

SECONDS, TAKES, PASSAGES, DRAWN = 60, 20, 20, 12
OPEN = os.environ.get("UTTER_OPEN") == "1"  # all panels are open, else those that are so by themselves
spent, calls, depth = {}, {}, [0]
facts = {"version": bpy.app.version_string, "open": OPEN}


def counted(name, function):
    """The function, its time noted under a name where no other counted one is at work. Blender wants the same parameters."""
    names = [*inspect.signature(function).parameters]

    def run(*given):
        depth[0] += 1
        began = time.thread_time()
        try:
            return function(*given)
        finally:
            depth[0] -= 1
            if not depth[0]:
                spent[name] = spent.get(name, 0.0) + time.thread_time() - began
                calls[name] = calls.get(name, 0) + 1

    return eval(
        f"lambda {', '.join(each + ('=0' if each in ('_index', '_flag') else '') for each in names)}: run({', '.join(names)})", {"run": run}
    )


def watch():
    """Count what Blender calls of Utter's classes while it draws."""
    for name in addon.MODULES:
        for cls in getattr(importlib.import_module(f"addon.{name}"), "CLASSES", ()):
            for method in ("poll", "draw", "draw_header", "draw_header_preset", "draw_item"):
                own = next((kind.__dict__[method] for kind in cls.__mro__ if method in kind.__dict__), None)
                if own is None or not cls.__module__.startswith("addon.panels") or cls.__name__.startswith("UTTER_FH"):
                    continue
                plain = own.__func__ if isinstance(own, classmethod) else own
                wrapped = counted(f"{cls.__name__}.{method}", plain)
                setattr(cls, method, classmethod(wrapped) if isinstance(own, classmethod) else wrapped)
    pose.row_of = counted("pose.row_of", pose.row_of)


def enable():
    for obj in [o for o in bpy.data.objects if o.type == "MESH"]:
        bpy.data.objects.remove(obj)
    for name in addon.MODULES if OPEN else ():
        for cls in getattr(importlib.import_module(f"addon.{name}"), "CLASSES", ()):
            if issubclass(cls, bpy.types.Panel):
                cls.bl_options = set(getattr(cls, "bl_options", set())) - {"DEFAULT_CLOSED"}
    watch()
    addon.register()


def performance():
    values = np.random.default_rng(0).normal(0, 0.01, (SECONDS * 30, 117)).cumsum(axis=0)
    return np.concatenate([np.sin(values[:, :65]), 0.5 + 0.5 * np.sin(values[:, 65:])], axis=1).astype(np.float32)


def furnish():
    """Three heads that perform; the last one with all that a day brings."""
    made = performance()
    for _ in range(2):
        jobs.run(head.add_job(bpy.context))
    others = [obj for obj in bpy.data.objects if obj.type == "MESH" and base.rigs.ready(obj)]
    from tests.blender import maps_scenes

    mapped, *_ = maps_scenes.character()
    maps.adopt(mapped)
    for obj in (mapped, *others):
        bake.bake(rig_of(obj), made)
        takes.remember(obj)
    obj = mapped if os.environ.get("UTTER_MAPPED") == "1" else others[-1]
    settings = obj.utter
    settings.voice = "/project/blender_assets/voices/moon.flac"
    settings.frames = len(made)
    for number in range(PASSAGES):
        passage = settings.passages.add()
        passage.start, passage.end, passage.prompt = 60 * number + 1, 60 * number + 50, f"proud, number {number}"
    for number in range(200):
        word = settings.transcript.add()
        word.text = word.heard = f"word{number}"
        word.start, word.end, word.confidence = number * 0.3, number * 0.3 + 0.25, 0.9
    for _ in range(TAKES - 1):
        takes.branch(obj)
        takes.remember(obj)
    head.choose(bpy.context.scene, obj)
    action = bake.actions(rig_of(obj))[0]
    for curve in [*curves_of(action)][::7]:
        curve.keyframe_points[100].co[1] += 0.2
        curve.update()
    bpy.ops.ed.undo_push(message="scene to measure")
    facts["head"], facts["keys"] = obj.name, sum(len(curve.keyframe_points) for curve in curves_of(action))


def curves_of(action):
    bags = action.layers[0].strips[0].channelbags if hasattr(action, "layers") else [action]
    return [curve for bag in bags for curve in bag.fcurves]


def look_away():
    """What the viewport shows is no concern of this, and slow without graphics."""
    for obj in bpy.context.scene.objects:
        obj.hide_viewport = obj.type in ("CURVES", "ARMATURE")
        obj.display_type = "BOUNDS"
    guikit.view3d()[1].spaces.active.shading.type = "WIREFRAME"


def drawn(what, change=lambda number: None):
    """Steps: let Blender's own loop draw the tab, some times; before each something may change."""
    rounds = []

    def ask(number):
        def step():
            note()
            change(number)
            spent.clear(), calls.clear()
            for region in guikit.view3d()[1].regions:
                if region.type == "UI":
                    region.tag_redraw()
            return 0.05

        return step

    def note():
        if spent:
            rounds.append((sum(spent.values()), dict(spent), dict(calls)))
        spent.clear(), calls.clear()

    def tell():
        note()
        seconds = [each[0] for each in rounds]
        _, typical, counts = sorted(rounds, key=lambda each: each[0])[len(rounds) // 2]
        dearest = sorted(typical.items(), key=lambda each: -each[1])[:12]
        facts[what] = {
            "median_ms": 1000 * statistics.median(seconds),
            "worst_ms": 1000 * max(seconds),
            "calls": sum(counts.values()),
            "dearest_ms": {name: f"{1000 * took:.2f} in {counts[name]}" for name, took in dearest},
        }

    return [*(ask(number) for number in range(DRAWN)), tell]


def another_frame(number):
    bpy.context.scene.frame_set(10 + 5 * number)


def change_key(number):
    action = bake.actions(rig_of(base.chosen(bpy.context)))[0]
    curves_of(action)[0].keyframe_points[5 + number].co[1] += 0.01
    action.update_tag()


profiler = cProfile.Profile()


def begin_profile():
    profiler.enable()


def end_profile():
    profiler.disable()
    with open("/out/profile.txt", "w") as out:
        for order in ("cumulative", "tottime"):
            pstats.Stats(profiler, stream=out).sort_stats(order).print_stats(90)


def write_facts():
    Path("/out/draw.json").write_text(json.dumps(facts, indent=2))


guikit.play(
    [
        enable,
        furnish,
        guikit.sidebar("Utter"),
        guikit.shot("draw"),
        look_away,
        *drawn("at rest"),
        *drawn("another frame", another_frame),
        *drawn("a key changed", change_key),
        *([begin_profile, *drawn("profiled"), end_profile] if os.environ.get("UTTER_PROFILE") == "1" else []),
        write_facts,
    ]
)
