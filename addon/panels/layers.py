"""Speech and Feeling as two layers of the NLA, and a performance that was pushed down there: under Takes."""

import dataclasses

import bpy

from .. import rigs
from ..animation import bake, layers
from ..contract import PerformRequest, UtterError
from ..work import jobs
from . import finish, perform, record, sequencer, takes
from .base import Does, Starts, chosen, not_performed, not_ready, settings_of, shown_rig


def layers_job(scene, head):
    """Job that performs the head's take without feelings, and makes two layers of the two. UtterError if it cannot start."""
    settings, rig = settings_of(head), rigs.rig_of(head)
    if why := layers.away(rig):
        raise UtterError(why)
    told = record.read(bake.actions(rig))
    if told is None:
        raise UtterError("This take does not say what made it, because an earlier version of Utter made it; press Perform.")
    record.check_voice(told)
    record.show(settings, told, bake.actions(rig))
    job = perform.perform_job(scene, head)
    assert isinstance(job.asked, PerformRequest)
    references, spoken = (jobs.Reference(scene), jobs.Reference(head)), dataclasses.replace(job.asked, intensity=0.0)

    def apply(result):
        scene, head = (each.get() for each in references)
        takes.own(head)
        rig = rigs.rig_of(head)
        plain = perform.read_performance(result["output"])
        left = layers.split(rig, plain, sequencer.begins(scene, head), bake.scene_fps(scene), finish.shapes_for(rig))
        settings_of(head).feeling = 1.0
        if left:
            which = f"{left[0]}{' ...' if len(left) > 1 else ''}"
            result["notes"] = [*result.get("notes", ()), f"Curves with modifiers stay in Speech, and do not dim ({which})."]
        return "Speech and Feeling are two tracks of the NLA now; Feeling dims."

    return jobs.Job("Layers", "perform", "perform", spoken, apply, job.folder)


def dimmed(settings, _context):
    """The artist moved the slider: so much of the feeling shows."""
    head = settings.id_data
    if not rigs.ready(head):
        return
    rig = rigs.rig_of(head)
    try:
        if layers.layered(rig):
            layers.dim(rig, settings.feeling)
    except UtterError as error:
        jobs.say("takes", str(error), "ERROR")


class UTTER_OT_layers(Starts, bpy.types.Operator):
    bl_idname = "utter.layers"
    bl_label = "Speech and Feeling as Layers"
    bl_description = (
        "Take the performance apart into two tracks of the NLA: Speech, the same voice without feelings, and Feeling, what there is"
        " besides; the influence of Feeling dims it. The take itself stays as it is"
    )

    @classmethod
    def refusal(cls, context):
        return not_performed(chosen(context))

    def job(self, context):
        return layers_job(context.scene, chosen(context))


class UTTER_OT_merge_layers(Does, bpy.types.Operator):
    bl_idname = "utter.merge_layers"
    bl_label = "Merge the Layers"
    bl_description = (
        "Let the head perform by the single Action again. Where Feeling was dimmed or a layer edited, that becomes a take of its own, "
        "and the first one stays as it was"
    )

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        why = not_ready(head) or ("" if layers.layered(shown_rig(head)) else "There are no layers to merge.")
        return jobs.allowed(cls, jobs.busy() or why)

    def do(self, head):
        told = record.read([strip.action.get(layers.WHOLE) for strip in layers.speech(rigs.rig_of(head))])
        if layers.merge(rigs.rig_of(head)):
            takes.remember(head, told)
            self.report({"INFO"}, "The layers are merged into a new take; the one before them stays as it was.")
        record.show_finish(settings_of(head), bake.actions(rigs.rig_of(head)))


class UTTER_OT_bring_back(Does, bpy.types.Operator):
    bl_idname = "utter.bring_back"
    bl_label = "Bring It Back"
    bl_description = "Make the performance that was pushed down into the NLA the active one again, so that it can be worked on here"

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        why = not_ready(head) or ("" if layers.pushed_down(shown_rig(head)) else "No performance lies in the NLA.")
        return jobs.allowed(cls, jobs.busy() or why)

    def do(self, head):
        layers.bring_back(rigs.rig_of(head))
        takes.keep_time(
            head, sequencer.begins(sequencer.scene_of(head), head), bake.scene_fps(sequencer.scene_of(head)), settings_of(head).placed
        )


CLASSES = (UTTER_OT_layers, UTTER_OT_merge_layers, UTTER_OT_bring_back)
