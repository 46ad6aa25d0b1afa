"""What goes wrong around layers, Simplify, Look At and blinks: modifiers and drivers, Actions that are shared or linked, the NLA in tweak
mode, voices and keys that are gone. Each says one sentence or works, and nothing is lost. Each scene starts from an empty file
(tests/blender/test_mishaps.py plays them)."""

import contextlib
import io
import shutil
import tempfile
from pathlib import Path

import bpy
import numpy as np

from tests.blender.gaze_scenes import before_it, marker
from tests.blender.layers_scenes import gave, plain
from tests.blender.operator_scenes import refusal
from tests.blender.simplify_scenes import LENGTH, curve_on, keys_of, same, speech

# isort: split
from addon import compat
from addon.animation import bake, layers, tracks
from addon.panels import layers as layers_panel
from addon.panels import perform, record
from addon.rigs import rig_of
from addon.work import jobs
from contract import UtterError
from tests.blender.scene_life_scenes import chosen, duplicate, overridden, saved_and_opened, small

KINDS = ("simplify", "layers", "look at", "blinks")
FRAMES = range(1, LENGTH + 1, 7)


def performing():
    """A head with a take."""
    head = chosen(small())
    gave(perform.perform_job(bpy.context.scene, head), speech())
    return head


def shown(head):
    """[N, K]: the values of its shape keys, as Blender shows them at some frames."""
    found = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        found.append([key.value for key in head.data.shape_keys.key_blocks[1:]])
    return np.array(found)


def do(what, head):
    """Do one of KINDS to a head; returns the sentence that refuses it, or ""."""
    jobs.say("finish", "")
    if what == "look at":
        target = bpy.data.objects.get("Target") or marker(before_it(rig_of(head), 5, 0, 10))
        with no_defect():
            head.utter.look_at = target
    elif what == "blinks":
        with no_defect():
            head.utter.finish.rate = 2.0 if head.utter.finish.rate == 1 else 1.0
    elif what == "simplify":
        try:
            bpy.ops.utter.simplify()
        except RuntimeError as error:
            return str(error)
    else:
        try:
            gave(layers_panel.layers_job(bpy.context.scene, head), plain())
        except UtterError as error:
            return str(error)
    return jobs.Message.text if jobs.Message.icon == "ERROR" else ""


@contextlib.contextmanager
def no_defect():
    """Blender prints what the update of a property raises, and goes on."""
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        yield
    assert "Traceback" not in printed.getvalue(), printed.getvalue()


def one_sentence(text):
    return bool(text) and text.strip().rstrip(".").count(". ") == 0 and "Traceback" not in text


def held(head, curve_name="jaw_x"):
    """Hold a key of the artist's; returns what is held."""
    curve = curve_on(rig_of(head), curve_name)
    curve.keyframe_points[59].co[1] += 0.2
    curve.update()
    return pins(head)


def pins(head):
    return sorted(zip(*map(list, rig_of(head).pins())))


def scene_curves_with_modifiers_are_seen_as_they_were():
    for what in KINDS:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        head = performing()
        was = held(head)
        curve = curve_on(rig_of(head), "jaw_x")
        adds = curve.modifiers.new("GENERATOR")
        adds.use_additive, adds.coefficients = True, (0.1, 0.0)
        seen, full = shown(head), keys_of(rig_of(head))
        assert not do(what, head), what
        if what == "layers":
            np.testing.assert_allclose(shown(head), seen, atol=1e-4, err_msg="the layers' sum")
            assert bpy.ops.utter.merge_layers() == {"FINISHED"} and len(head.utter.takes) == 1
        if what in ("layers", "simplify"):
            column = [key.name for key in head.data.shape_keys.key_blocks[1:]].index("jaw_x")
            np.testing.assert_allclose(shown(head)[:, column], seen[:, column], atol=1e-4)
        if what == "layers":
            assert same(full, keys_of(rig_of(head)))
        assert len(curve_on(rig_of(head), "jaw_x").modifiers) == 1 and pins(head) == was, what


def scene_drivers_are_named_and_stay():
    for what in KINDS:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        head = performing()
        was = held(head)
        driver = head.data.shape_keys.driver_add('key_blocks["jaw_x"].value')
        driver.driver.expression = "0.25"
        assert not do(what, head), what
        column = [key.name for key in head.data.shape_keys.key_blocks[1:]].index("jaw_x")
        assert np.abs(shown(head)[:, column] - 0.25).max() < 1e-5, "a driver wins"
        if what == "layers":
            bpy.ops.utter.merge_layers()
        assert pins(head) == was and len(head.data.shape_keys.animation_data.drivers) == 1
        bpy.ops.utter.why_still()
        assert "drivers" in " ".join([jobs.Message.text, *jobs.Message.notes])


def scene_an_action_that_two_heads_share_changes_on_one_alone():
    for what in KINDS:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        head = performing()
        was = held(head)
        other = chosen(small("Other"))
        for mine, theirs in zip(rig_of(head).owners(), rig_of(other).owners()):
            compat.attach(theirs, mine.animation_data.action, rig_of(other).owners())
            if compat.SLOTS:
                theirs.animation_data.action_slot = mine.animation_data.action_slot
        chosen(head)
        before, seen = keys_of(rig_of(other)), shown(other)
        assert not do(what, head), what
        assert same(before, keys_of(rig_of(other))), f"{what}: the other head's keys"
        np.testing.assert_allclose(shown(other), seen, atol=1e-6)
        if what == "layers":
            assert bpy.ops.utter.merge_layers() == {"FINISHED"}
        assert pins(head) == was and same(before, keys_of(rig_of(other)))


def scene_layers_of_a_duplicate_are_its_own():
    for linked in (False, True):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        head = performing()
        was = held(head)
        assert not do("layers", head)
        twin = duplicate(head, head.parent or head.find_armature(), linked=linked)
        chosen(head)
        seen = shown(twin)
        head.utter.feeling = 0.0
        np.testing.assert_allclose(shown(twin), seen, atol=1e-5, err_msg=f"dimmed with it, linked: {linked}")
        assert np.abs(shown(head) - seen).max() > 0.05
        assert bpy.ops.utter.merge_layers() == {"FINISHED"}
        assert layers.layered(rig_of(twin)), "the other head keeps its layers"
        np.testing.assert_allclose(shown(twin), seen, atol=1e-5)
        chosen(twin)
        assert bpy.ops.utter.merge_layers() == {"FINISHED"}
        np.testing.assert_allclose(shown(twin), seen, atol=1e-4)
        assert [key[:2] for key in pins(twin)] == [key[:2] for key in was]


def scene_new_layers_show_all_of_the_feeling():
    head = performing()
    assert not do("layers", head)
    head.utter.feeling = 0.4
    assert bpy.ops.utter.merge_layers() == {"FINISHED"} and not do("layers", head)
    assert head.utter.feeling == 1.0


def scene_a_linked_performance_says_so():
    head = performing()
    path = str(Path(tempfile.mkdtemp()) / "take.blend")
    ours = bake.actions(rig_of(head))
    bpy.data.libraries.write(path, set(ours))
    names = [action.name for action in ours]
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.actions = names
    for owner, own in [(owner, owner.animation_data.action) for owner in rig_of(head).owners()]:
        owner.animation_data.action = next(action for action in wanted.actions if action.name == own.name)
        if compat.SLOTS:
            owner.animation_data.action_slot = next(
                slot for slot in owner.animation_data.action.slots if slot.target_id_type == compat.ID_TYPES[owner.bl_rna.identifier]
            )
    for what in ("simplify", "look at", "blinks", "layers"):
        told = do(what, head)
        assert one_sentence(told) and "linked" in told, (what, told)
    assert "linked" in refusal(bpy.ops.utter.rediffuse)


def scene_an_override_works_as_a_head_of_the_file_does():
    for what in KINDS:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        head = chosen(*overridden(small))
        gave(perform.perform_job(bpy.context.scene, head), speech())
        was = held(head)
        marker((0, -1, 0))
        assert not do(what, head), what
        seen, name = shown(head), head.name
        saved_and_opened()
        head = chosen(bpy.data.objects[name, None])
        np.testing.assert_allclose(shown(head), seen, atol=1e-5, err_msg=f"{what}, saved and opened")
        if what == "layers":
            assert bpy.ops.utter.merge_layers() == {"FINISHED"}
        assert pins(head) == was, what


def scene_tweak_mode_is_said_and_nothing_changes():
    for what in KINDS:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        head = performing()
        gave(perform.perform_job(bpy.context.scene, head), 0.5 * speech())
        for owner in rig_of(head).owners():
            compat.push_down(owner, "Mine")
        owner = rig_of(head).owners()[0]
        track = owner.animation_data.nla_tracks[0]
        owner.animation_data.nla_tracks.active = track
        track.select = track.strips[0].select = True
        owner.animation_data.use_tweak_mode = True
        assert owner.animation_data.use_tweak_mode
        seen = keys_of(rig_of(head))
        told = do(what, head)
        assert one_sentence(told) and "tweak mode" in told, (what, told)
        assert same(seen, keys_of(rig_of(head)))
        jobs.say("takes", "")
        with no_defect():
            head.utter.take = 0
        assert "tweak mode" in jobs.Message.text and head.utter.take == 1, "another take waits until then"
        owner.animation_data.use_tweak_mode = False
        assert bake.actions(rig_of(head)) or layers.pushed_down(rig_of(head)), "it is still there"


def scene_a_take_whose_voice_is_gone():
    folder = Path(tempfile.mkdtemp())
    head = chosen(small())
    shutil.copy(head.utter.voice, folder / "gone.flac")
    kept = head.utter.voice
    head.utter.voice = str(folder / "gone.flac")
    gave(perform.perform_job(bpy.context.scene, head), speech())
    was = held(head)
    head.utter.voice = kept
    head.utter.prompt = "sad"
    (folder / "gone.flac").unlink()
    keys = keys_of(rig_of(head))
    told = do("layers", head)
    assert one_sentence(told) and "gone.flac" in told, told
    assert (head.utter.voice, head.utter.prompt, head.utter.refusal) == (kept, "sad", ""), "what was asked for is still asked for"
    assert "gone.flac" in refusal(bpy.ops.utter.perform_again)
    assert (head.utter.voice, head.utter.prompt, head.utter.refusal) == (kept, "sad", "")
    assert same(keys, keys_of(rig_of(head)))
    for what in ("simplify", "look at", "blinks"):
        assert not do(what, head), f"{what} needs no voice"
    assert pins(head) == was


def scene_a_strip_without_its_file():
    folder = Path(tempfile.mkdtemp())
    head = chosen(small())
    shutil.copy(head.utter.voice, folder / "gone.flac")
    head.utter.voice = str(folder / "gone.flac")
    gave(perform.perform_job(bpy.context.scene, head), speech())
    was = held(head)
    (folder / "gone.flac").unlink()
    for what in ("simplify", "look at", "blinks"):
        assert not do(what, head), what
    told = do("layers", head)
    assert one_sentence(told) and "gone.flac" in told, told
    assert pins(head) == was and record.read(bake.actions(rig_of(head)))


def scene_keys_renamed_under_layers_and_takes():
    head = performing()
    was = held(head)
    first = shown(head)
    assert not do("layers", head)
    head.data.shape_keys.key_blocks["jaw_x"].name = "CTRL_jaw"
    np.testing.assert_allclose(shown(head), first, atol=1e-4)
    assert bpy.ops.utter.merge_layers() == {"FINISHED"}
    np.testing.assert_allclose(shown(head), first, atol=1e-4, err_msg="after the layers were merged")
    assert pins(head) == was
    gave(perform.perform_job(bpy.context.scene, head), 0.5 * speech())
    head.data.shape_keys.key_blocks["CTRL_jaw"].name = "Jaw"
    head.utter.take = 0
    np.testing.assert_allclose(shown(head), first, atol=1e-4, err_msg="of another take")
    assert pins(head) == was
    assert not do("simplify", head)
    head.data.shape_keys.key_blocks["Jaw"].name = "jaw_x"
    assert bpy.ops.utter.full_keys() == {"FINISHED"}
    np.testing.assert_allclose(shown(head), first, atol=1e-4, err_msg="all keys again")
    assert pins(head) == was
    head.utter.finish.jaw = 0.5
    head.data.shape_keys.key_blocks["jaw_x"].name = "Jaw"
    head.utter.finish.jaw = 1.0
    np.testing.assert_allclose(shown(head), first, atol=1e-4, err_msg="finished, and not")
    assert pins(head) == was and not tracks.cleaned(tracks.read(curve_on(rig_of(head), "Jaw")))
