"""Perform: the head speaks the voice and feels what was asked. The panel and the command line both come through here."""

import random
from pathlib import Path

import bpy
import numpy as np

from ..animation import bake
from ..contract import UtterError
from ..rigs import rig
from ..work import jobs, paths
from . import passages, takes, voice, words
from .base import HeadPanel, Starts, chosen


def perform_job(scene, head, rediffuse=False, ears=None):
    """Job that performs head's voice with head's settings (Object.utter) and bakes the result.

    rediffuse: keep the artist's keys exactly and renew what lies between them. ears: folder of a speech model to hear with, None: the
    preferences' one. UtterError if it cannot start.
    """
    settings, fps, seen = head.utter, bake.scene_fps(scene), rig.describe(head)
    if seen.kind != "utter":
        raise UtterError(seen.reason)
    if seen.path and not Path(seen.path).is_file():
        raise UtterError(f"The file of this head is gone ({seen.path}); select the head and press Use Selected to make it again.")
    if settings.refusal:
        raise UtterError(settings.refusal)
    start, jaw, quality = settings.start, settings.jaw, settings.quality
    fields = {
        "voice": voice.path_of(head),
        "head": seen.path or None,
        "emotion": settings.emotion.strip() or None,
        "passages": passages.in_seconds(settings, fps),
        "pins": None,
        "seed": settings.seed,
        "quality": quality,
        "identity": list(seen.identity) or None,
        "words": words.of(head),
        "language": words.language(settings),
        "ears": ears or paths.ears(),
    }
    pins = bake.read_pins(head, start, settings.frames, fps=fps) if rediffuse else None
    if rediffuse and not pins[1].any():
        raise UtterError("Set or change a key on the head's curves first; the rest is performed anew around it.")

    folder = jobs.temporary_folder()
    if rediffuse:
        fields["pins"] = str(folder / "pins.npz")
        np.savez_compressed(fields["pins"], values=pins[0], mask=pins[1])
    fields["output"] = str(folder / "motion.npz")
    references = jobs.Reference(scene), jobs.Reference(head)

    def apply(result):
        scene, head = (reference.get() for reference in references)
        with np.load(result["output"], allow_pickle=False) as arrays:
            values = arrays["motion"]
        if rediffuse:
            bake.rebake(head, values, start, fps=bake.scene_fps(scene), jaw=jaw)
        else:
            earlier = takes.set_aside(head)
            try:
                bake.bake(head, values, start, fps=bake.scene_fps(scene), jaw=jaw)
            except Exception:
                takes.put_back(earlier)
                raise
            takes.remember(head)
        head.utter.frames = len(values)
        head.utter.seconds = head.utter.seconds or len(values) / result["fps"]
        voice.include(scene, head.utter)
        return f"Performed {len(values) / result['fps']:.1f} s of voice in {result['seconds']:.1f} s."

    return jobs.Job("Re-diffuse" if rediffuse else "Perform", "perform", "perform", apply, folder, **fields)


def perform_now(scene, head, progress=lambda stage, fraction: None, rediffuse=False, ears=None):
    """Perform and bake before returning, calling progress(stage, fraction) on the way; returns the worker's notes (sentences).
    UtterError if it fails."""
    job = perform_job(scene, head, rediffuse, ears)
    jobs.run(job, progress)
    return job.notes


class UTTER_OT_perform(Starts, bpy.types.Operator):
    bl_idname = "utter.perform"
    bl_label = "Perform"
    bl_description = "Compute the performance and bake it onto the head as keyframes, in an Action of its own"

    @classmethod
    def refusal(cls, context):
        head = chosen(context)
        if head is None:
            return "Add a head first."
        return head.utter.refusal or ("" if head.utter.voice else "Choose a voice first.")

    def job(self, context):
        return perform_job(context.scene, chosen(context))


class UTTER_OT_new_seed(bpy.types.Operator):
    bl_idname = "utter.new_seed"
    bl_label = "New Seed"
    bl_description = "Draw another seed, for another take"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, "" if chosen(context) else "Add a head first.")

    def execute(self, context):
        chosen(context).utter.seed = random.randrange(10000)
        return {"FINISHED"}


class UTTER_PT_perform(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_perform"
    bl_label = "Performance"

    def draw(self, context):
        layout, settings = self.layout, chosen(context).utter
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.row().prop(settings, "quality", expand=True)
        column.row().prop(settings, "jaw", expand=True)
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("utter.new_seed", text="", icon="FILE_REFRESH")
        if not jobs.draw_progress(layout, "perform"):
            row = layout.row()
            row.scale_y = 1.6
            row.operator("utter.perform", icon="PLAY")
        jobs.draw_message(layout, "perform", context.region.width)


CLASSES = (UTTER_OT_perform, UTTER_OT_new_seed, UTTER_PT_perform)
