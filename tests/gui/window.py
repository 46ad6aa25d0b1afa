"""What an artist does, step by step, in a windowed Blender (run by test_window.py through guikit); pictures go to /out."""

import json
import os
import sys
import time
from pathlib import Path

import bpy

sys.path.append("/opt/guikit")
import guikit

ZIP = os.environ["UTTER_ZIP"]
VOICE = "/project/blender_assets/voices/pie.flac"
facts = {"version": bpy.app.version_string}
ticks = []  # moments at which Blender's event loop was alive


def settings():
    return bpy.context.scene.utter.head.utter


def module(name):
    import importlib

    return importlib.import_module(f"bl_ext.user_default.utter.addon.{name}")


def jobs():
    return module("work.jobs")


def actions():
    return [a for a in bpy.data.actions if "utter_performance" in a]


def alive():
    ticks.append(time.monotonic())
    return 0.05


def install():
    for obj in [o for o in bpy.data.objects if o.type == "MESH"]:
        bpy.data.objects.remove(obj)
    bpy.ops.extensions.package_install_files(filepath=ZIP, repo="user_default", enable_on_install=True)
    bpy.context.preferences.addons["bl_ext.user_default.utter"].preferences.python = "/opt/site/bin/python3"
    bpy.ops.ed.undo_push(message="start of the test")


def press(name):
    """Step: what a click on the button of that operator does."""

    def step():
        with guikit.override("UI"):
            getattr(bpy.ops.utter, name)("INVOKE_DEFAULT")

    return step


def frame_head():
    with guikit.override():
        bpy.ops.view3d.view_selected()
        bpy.ops.view3d.view_axis(type="FRONT")
    _, area = guikit.view3d()
    area.spaces.active.shading.type = "SOLID"
    area.spaces.active.shading.color_type = "MATERIAL"
    area.spaces.active.overlay.show_overlays = False


def choose_voice():
    settings().voice = VOICE
    settings().emotion = "happy"
    settings().quality = "draft"
    assert settings().strip and settings().seconds > 1
    bpy.ops.utter.add_passage()
    settings().passages[0].prompt = "holding back tears"
    bpy.context.scene.frame_set(45)
    bpy.ops.utter.add_passage()
    settings().passages[1].prompt = "proud"
    bpy.context.scene.frame_set(1)
    bpy.ops.ed.undo_push(message="settings of the test")


def note_undo():
    facts["actions_before"] = len(actions())


def idle():
    return jobs().current is None


def has_head():
    assert not jobs().Message.is_error(), jobs().Message.text
    return bpy.context.scene.utter.head is not None


def working():
    assert not jobs().Message.is_error(), jobs().Message.text
    return jobs().current is not None and jobs().current.fraction > 0.2


def performed():
    assert not jobs().Message.is_error(), jobs().Message.text
    return idle() and len(actions()) > 0


def check_performance():
    head = bpy.context.scene.utter.head
    bpy.context.scene.frame_set(30)
    facts["keys"] = sum(abs(k.value) > 1e-3 for k in head.data.shape_keys.key_blocks)
    facts["message"] = jobs().Message.text
    facts["pictured"] = all(take.keys.preview and take.keys.preview.is_image_custom for take in settings().takes)
    facts["longest_freeze"] = max((b - a for a, b in zip(ticks, ticks[1:])), default=0.0)


def undo():
    bpy.ops.ed.undo()
    facts["actions_after_undo"] = len(actions())
    bpy.ops.ed.redo()
    facts["actions_after_redo"] = len(actions())
    settings().quality = "final"  # long enough to cancel


def cancel():
    asked = time.monotonic()

    def watch():
        if not idle():
            return 0.02
        facts["cancel_seconds"] = time.monotonic() - asked

    press("cancel")()
    bpy.app.timers.register(watch)


def cancelled():
    return "cancel_seconds" in facts


def check_cancel():
    facts["cancel_message"] = jobs().Message.text
    facts["actions_after_cancel"] = len(actions())


def start_clock():
    ticks.clear()
    bpy.app.timers.register(alive)


def stop_clock():
    bpy.app.timers.unregister(alive)


def pin():
    """Lift one key of the jaw as an artist would in the Graph Editor."""
    head = bpy.context.scene.utter.head
    action = head.data.shape_keys.animation_data.action
    (curve,) = [c for c in curves_of(action) if c.data_path == 'key_blocks["jaw_x"].value']
    key = curve.keyframe_points[len(curve.keyframe_points) // 2]
    key.co[1] += 0.2
    for point in curve.keyframe_points:
        point.select_control_point = point == key
    curve.update()
    action.update_tag()
    facts["pinned"] = key.co[1]
    settings().quality = "draft"


def rediffused():
    assert not jobs().Message.is_error(), jobs().Message.text
    return idle() and jobs().Message.text.startswith("Performed")


def finish():
    """Halve the jaw by a slider, twice as in a drag, and put it back."""
    scene, shown = bpy.context.scene, []
    for value in (1.0, 0.7, 0.5, 1.0):
        settings().finish.jaw = value
        scene.frame_set(scene.frame_current)
        shown.append(max(curve_of_jaw()))
    facts["finished"] = shown
    facts["made"] = [take.made for take in settings().takes]


def curve_of_jaw():
    """The values of our keys on the jaw."""
    action = bpy.context.scene.utter.head.data.shape_keys.animation_data.action
    (curve,) = [c for c in curves_of(action) if c.data_path == 'key_blocks["jaw_x"].value']
    return [key.co[1] for key in curve.keyframe_points if key.co[1] != facts["pinned"]]


def soften():
    bpy.ops.utter.soften()
    pins = [key.type for action in actions() for curve in curves_of(action) for key in curve.keyframe_points if key.type != "GENERATED"]
    facts["pins"] = pins
    settings().soft_shift = 3


def curves_of(action):
    bags = action.layers[0].strips[0].channelbags if hasattr(action, "layers") else [action]
    return [curve for bag in bags for curve in bag.fcurves]


def change_passage():
    settings().passages[1].prompt = "bitterly disappointed"


def on_band(frame, *events):
    """Step: the pointer on the bands of the passages at that frame from the chosen one's middle, and what the buttons do there."""

    def step():
        window = bpy.context.window_manager.windows[0]
        area = max(window.screen.areas, key=lambda area: area.width * area.height)
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(area=area, region=region, space_data=area.spaces.active):
            low, high = module("panels.overlay").band(bpy.context)
        passage = settings().passages[1]
        facts.setdefault("before", [passage.start, passage.end])
        x = region.view2d.view_to_region(sum(facts["before"]) / 2 + frame, 0, clip=False)[0]
        place = {"x": int(region.x + x), "y": int(region.y + (low + high) / 2)}
        for kind, value in (("MOUSEMOVE", "NOTHING"), *events):
            window.event_simulate(type=kind, value=value, **place)

    return step


def dragged():
    facts["after"] = [settings().passages[1].start, settings().passages[1].end]


def scroll(times):
    """Step: turn the wheel over the sidebar."""
    return [guikit.click(1150, 500, "WHEELDOWNMOUSE") for _ in range(times)]


def show(editor):
    """Step: turn the 3D viewport into another editor."""

    def step():
        area = max(bpy.context.window_manager.windows[0].screen.areas, key=lambda area: area.width * area.height)
        area.ui_type = editor
        if editor == "PREFERENCES":
            bpy.context.preferences.active_section = "ADDONS"
            bpy.context.window_manager.addon_search = "Utter"
            bpy.ops.preferences.addon_expand(module="bl_ext.user_default.utter")
        elif editor == "FCURVES":
            region = next(r for r in area.regions if r.type == "WINDOW")
            with bpy.context.temp_override(area=area, region=region):
                bpy.ops.graph.view_all()

    return step


def write_facts():
    Path("/out/facts.json").write_text(json.dumps(facts))


guikit.play(
    [
        install,
        guikit.sidebar("Utter"),
        guikit.shot("1_empty"),
        press("add_head"),
        guikit.wait_for(has_head, 240),
        frame_head,
        guikit.shot("2_head"),
        choose_voice,
        guikit.shot("3_voice"),
        note_undo,
        press("perform"),
        guikit.wait_for(working, 240, 0.1),
        guikit.shot("4_working"),
        start_clock,
        guikit.wait_for(performed, 240),
        stop_clock,
        check_performance,
        guikit.shot("5_performed"),
        undo,
        press("perform"),
        guikit.wait_for(working, 240, 0.05),
        cancel,
        guikit.wait_for(cancelled, 10, 0.05),
        check_cancel,
        guikit.shot("6_cancelled"),
        pin,
        press("rediffuse"),
        guikit.wait_for(rediffused, 240),
        guikit.shot("7_rediffused"),
        finish,
        soften,
        press("rediffuse"),
        guikit.wait_for(rediffused, 240),
        *scroll(30),
        guikit.shot("7_soft"),
        show("FCURVES"),
        guikit.shot("8_curves"),
        change_passage,
        show("DOPESHEET"),
        on_band(0, ("LEFTMOUSE", "PRESS")),
        on_band(-4),
        on_band(-9),
        guikit.shot("8_stale"),
        on_band(-9, ("LEFTMOUSE", "RELEASE")),
        dragged,
        show("VIEW_3D"),
        guikit.sidebar("Utter"),
        guikit.shot("8_update"),
        show("PREFERENCES"),
        guikit.shot("9_preferences"),
        write_facts,
    ]
)
