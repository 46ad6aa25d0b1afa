"""Speech and Feeling as layers of the NLA, and performances that were pushed down. Each scene starts from an empty file
(tests/blender/test_layers.py plays them); what the worker would have given is made up."""

import shutil

import bpy
import numpy as np

from tests.blender.actions_scenes import builtin_as_arkit
from tests.blender.operator_scenes import refusal

# isort: split
from addon import compat
from addon.animation import bake, finish, layers, tracks
from addon.panels import layers as panel
from addon.panels import perform, pose, voice
from addon.rigs import rig_of
from addon.rigs.base import armature
from contract import CHANNELS, JAW, UtterError
from tests.blender.marks import once
from tests.blender.scene_life_scenes import built_in, chosen, small
from tests.blender.simplify_scenes import LENGTH, SHUT, keys_of, same, speech

FRAMES = np.arange(1, LENGTH + 1)


def gave(job, performance):
    """Apply a job as if the worker had performed that [T, 117]."""
    np.savez(job.asked.output, motion=performance[:, :CHANNELS], actions=performance[:, CHANNELS:])
    job.apply({"output": job.asked.output, "fps": 30.0, "seconds": 0.1})
    shutil.rmtree(job.folder)


def plain():
    """The same without feelings: less of everything, but the lips, which part where they are shut in speech()."""
    values = 0.6 * speech()
    values[:, :50] += 0.1
    return values


def laid(head):
    """The head, performing by layers."""
    gave(perform.perform_job(bpy.context.scene, head), speech())
    job = panel.layers_job(bpy.context.scene, head)
    assert job.asked.intensity == 0 and job.asked.seed == head.utter.seed
    gave(job, plain())
    return rig_of(head)


def shown(rig):
    """[N, ...]: what Blender shows of all that the rig animates."""
    return np.array([at(rig, frame) for frame in FRAMES])


def at(rig, frame):
    """What it shows at a scene frame."""
    bpy.context.scene.frame_set(int(frame))
    bones = armature(rig.obj).pose.bones if armature(rig.obj) else ()
    return [key.value for key in rig.obj.data.shape_keys.key_blocks[1:]] + [x for bone in bones for x in bone.rotation_euler]


def opening(rig, values):
    """[N]: how far shape keys of those values part the lips, in the object's units."""
    blocks, (upper, lower), up = rig.obj.data.shape_keys.key_blocks, rig.lips(), rig.axes()[:, 1]
    rest = blocks[0].data
    of = lambda key: (np.subtract(key.data[upper].co, rest[upper].co) - np.subtract(key.data[lower].co, rest[lower].co)) @ up
    return values[:, : len(blocks) - 1] @ np.array([of(key) for key in blocks[1:]])


def layers_are_the_performance(head):
    gave(perform.perform_job(bpy.context.scene, head), speech())
    rig = rig_of(head)
    whole, full = shown(rig), keys_of(rig)
    gave(panel.layers_job(bpy.context.scene, head), plain())
    assert layers.layered(rig_of(head)) and not bake.actions(rig_of(head))
    np.testing.assert_allclose(shown(rig), whole, atol=1e-5)
    before = opening(rig, whole)
    for influence in (0.5, 0.0):
        head.utter.feeling = influence
        values = shown(rig)
        assert np.abs(values - whole).max() > 0.05
        assert (opening(rig, values) - before)[SHUT].max() < 2e-4, "parted"
    head.utter.feeling = 1.0
    assert bpy.ops.utter.merge_layers() == {"FINISHED"}
    assert same(full, keys_of(rig_of(head))) and len(head.utter.takes) == 1 and len(bpy.data.actions) == len(bake.actions(rig_of(head)))
    assert "no layers" in refusal(bpy.ops.utter.merge_layers)


def scene_the_layers_are_the_performance_and_shut_lips_stay_shut_when_it_is_dimmed():
    layers_are_the_performance(small())


@once
def scene_the_layers_of_a_head_and_of_a_character_are_the_performance():
    layers_are_the_performance(built_in())
    bpy.ops.wm.read_factory_settings(use_empty=True)
    layers_are_the_performance(chosen(builtin_as_arkit()))


def scene_what_was_dimmed_or_edited_is_merged_into_a_take_of_its_own():
    head = chosen(small())
    rig = laid(head)
    head.utter.feeling = 0.4
    strip = layers.speech(rig)[0]
    curve = layers._curves(strip)['key_blocks["jaw_x"].value', 0]
    curve.keyframe_points[70].co[1] += 0.3
    curve.update()
    seen = shown(rig)
    bpy.ops.ed.undo_push(message="dimmed")
    assert bpy.ops.utter.merge_layers() == {"FINISHED"}
    head = bpy.data.objects["Head"]
    np.testing.assert_allclose(shown(rig_of(head)), seen, atol=1e-4)
    assert bake.count_pins(rig_of(head)) == 0 and len(head.utter.takes) == 2 and head.utter.take == 1
    assert not rig_of(head).owners()[0].animation_data.nla_tracks
    head.utter.take = 0
    np.testing.assert_allclose(bake.sample(rig_of(head), FRAMES)[:, :50], speech()[:, :50], atol=1e-5)
    bpy.ops.ed.undo_push(message="merged")


def scene_the_influence_can_have_keys_of_the_artist():
    head = chosen(small())
    rig = laid(head)
    for _, _, strip in layers._strips(rig, layers.FEELING):
        strip.fcurves[0].keyframe_points[0].co = (1, 0.0)
        strip.fcurves[0].keyframe_points.insert(90, 1.0)
    head.utter.feeling = 0.3
    seen = shown(rig)
    np.testing.assert_allclose(seen[-1][0], speech()[-1, 0], atol=1e-4)
    bpy.ops.utter.merge_layers()
    np.testing.assert_allclose(shown(rig_of(head)), seen, atol=1e-4)


def scene_while_it_lies_in_the_nla_each_button_says_what_to_do():
    head = chosen(small())
    laid(head)
    for operator in (bpy.ops.utter.simplify, bpy.ops.utter.rediffuse, bpy.ops.utter.select_held, bpy.ops.utter.layers):
        assert "Merge the Layers" in refusal(operator), operator
    try:
        pose.set_face(head, {JAW.start: 0.2})
    except UtterError as error:
        assert "Merge the Layers" in str(error)
    else:
        raise AssertionError("a pose over the layers")
    for panel_class in (bpy.types.UTTER_PT_takes, bpy.types.UTTER_PT_finish):
        assert panel_class.poll(bpy.context)
    head.utter.take = 0  # the take itself, over the layers
    assert bake.actions(rig_of(head)) and not layers.layered(rig_of(head))


def scene_another_performance_lets_the_layers_rest():
    head = chosen(small())
    rig = laid(head)
    gave(perform.perform_job(bpy.context.scene, head), 0.5 * speech())
    assert len(head.utter.takes) == 2 and bake.actions(rig_of(head)) and not layers._strips(rig, layers.SPEECH)
    assert [track.mute for track in rig.owners()[0].animation_data.nla_tracks] == [True, True], "nothing is lost"
    np.testing.assert_allclose(shown(rig)[:, :50], 0.5 * speech()[:, :50], atol=1e-4)


def scene_a_performance_that_the_artist_pushed_down_comes_back():
    head = chosen(small())
    gave(perform.perform_job(bpy.context.scene, head), speech())
    rig = rig_of(head)
    full = keys_of(rig)
    for owner in rig.owners():
        compat.push_down(owner, "Mine")
    assert "Bring It Back" in refusal(bpy.ops.utter.simplify) and not layers.layered(rig)
    assert len(layers.pushed_down(rig)) == 2
    assert bpy.ops.utter.bring_back() == {"FINISHED"}
    assert same(full, keys_of(rig_of(head))) and not rig.owners()[0].animation_data.nla_tracks
    assert bake.actions(rig_of(head))[0] == head.utter.takes[0].keys
    head.utter.finish.jaw = 0.5
    assert finish.RAW in bake.actions(rig_of(head))[0]
    assert "No performance lies" in refusal(bpy.ops.utter.bring_back)


def scene_other_takes_are_removed_and_the_layers_play_on():
    head = chosen(small())
    head.utter.seed = 3
    gave(perform.perform_job(bpy.context.scene, head), speech() * 0.5)
    head.utter.seed = 4
    rig = laid(head)
    assert len(head.utter.takes) == 2 and head.utter.take == 1
    values = shown(rig)
    assert bpy.ops.utter.clean_takes() == {"FINISHED"}
    assert len(head.utter.takes) == 1 and head.utter.take == 0 and layers.layered(rig_of(head))
    np.testing.assert_array_equal(shown(rig), values)


def scene_tweak_mode_is_said():
    head = chosen(small())
    rig = laid(head)
    owner = rig.owners()[0]
    animation = owner.animation_data
    for track in animation.nla_tracks:
        track.select = False
    track = animation.nla_tracks[0]
    animation.nla_tracks.active = track
    track.select = track.strips[0].select = True
    animation.use_tweak_mode = True
    if animation.use_tweak_mode:
        assert "tweak mode" in refusal(bpy.ops.utter.merge_layers) or "no layers" in refusal(bpy.ops.utter.merge_layers)
        animation.use_tweak_mode = False
    assert layers.layered(rig_of(head)) and bpy.ops.utter.merge_layers() == {"FINISHED"}
    assert tracks.owned(bake.actions(rig_of(head))[0])


def scene_what_lies_in_the_nla_goes_where_the_voice_goes():
    head = chosen(small())
    rig = laid(head)
    strip = layers._strips(rig, layers.FEELING)[0][2]
    strip.fcurves[0].keyframe_points[0].co = (30, 0.2)
    strip.fcurves[0].keyframe_points.insert(60, 1.0)
    before = shown(rig)
    bpy.ops.ed.undo_push(message="laid")
    head.utter.start += 40
    assert strip.fcurves[0].keyframe_points[0].co[0] == 70
    after = np.array([at(rig, frame + 40) for frame in FRAMES])
    np.testing.assert_allclose(after, before, atol=1e-4)
    head.utter.start -= 60  # before the scene's first frame, too
    np.testing.assert_allclose([at(rig, frame - 20) for frame in FRAMES], before, atol=1e-4)
    assert layers.layered(rig) and bpy.ops.utter.merge_layers() == {"FINISHED"}
    np.testing.assert_allclose([at(rig, frame - 20) for frame in FRAMES], before, atol=1e-4)
    head.utter.take = 0  # the whole went along
    np.testing.assert_allclose(bake.sample(rig_of(head), FRAMES - 20)[:, :50], speech()[:, :50], atol=1e-5)


def scene_a_slower_frame_rate_stretches_the_layers():
    head = chosen(small())
    rig, scene = laid(head), bpy.context.scene
    before, start = shown(rig), head.utter.start
    scene.render.fps = 60
    voice.follow(scene, head)
    np.testing.assert_allclose([at(rig, start + (frame - start) * 2) for frame in FRAMES], before, atol=2e-3)


def scene_a_duplicate_that_performs_by_layers_has_a_time_of_its_own():
    head = chosen(small())
    rig = laid(head)
    before = shown(rig)
    bpy.ops.object.select_all(action="DESELECT")
    head.select_set(True)
    armature(head).select_set(True)
    bpy.context.view_layer.objects.active = head
    bpy.ops.object.duplicate()
    other = bpy.context.view_layer.objects.active
    assert other != head and layers.layered(rig_of(other))
    other.utter.start += 25
    np.testing.assert_allclose(shown(rig), before, atol=1e-5)
    np.testing.assert_allclose([at(rig_of(other), frame + 25) for frame in FRAMES], before, atol=1e-4)


def scene_a_pushed_down_performance_goes_along_as_well():
    head = chosen(small())
    gave(perform.perform_job(bpy.context.scene, head), speech())
    rig = rig_of(head)
    before = shown(rig)
    for owner in rig.owners():
        animation = owner.animation_data
        if animation and animation.action:
            slot, action = animation.action_slot if compat.SLOTS else None, animation.action
            strip = animation.nla_tracks.new().strips.new(action.name, int(action.frame_range[0]), action)
            if slot is not None:
                strip.action_slot = slot
            animation.action = None
    head.utter.start += 12
    np.testing.assert_allclose([at(rig, frame + 12) for frame in FRAMES], before, atol=1e-4)
