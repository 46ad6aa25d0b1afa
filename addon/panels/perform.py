"""Perform: the head speaks the voice and feels what was asked. The panel and the command line both come through here."""

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import rigs
from ..animation import bake
from ..animation.obstacles import obstacles
from ..contract import FPS, OPTIONS, PerformRequest, UtterError, frames_covering, options_of
from ..work import jobs, paths
from . import identity, passages, sequencer, takes, voice, words
from .base import HeadPanel, Starts, chosen, not_ready, settings_of, take_over

ELSEWHERE = ("voice", "words", "language", "transcribe", "prompt", "start")  # options that another panel shows
SHOWN = [name for name, option in OPTIONS.items() if option.panel and name not in ELSEWHERE]


def usable(head: Any) -> Any:
    """The rig of a head that can be performed on as it is. UtterError says why it cannot."""
    rig = rigs.rig_of(head)
    if rig.head and not Path(rig.head).is_file():
        raise UtterError(f"The file of this head is gone ({rig.head}); select the head and press Use Selected to make it again.")
    if identity.outdated(rig):
        raise UtterError(
            f"{head.name} was made by another version of Utter, whose keys mean something else: it keeps what it performs; add the built-in"
            " head again to perform anew."
        )
    return rig


def perform_job(
    scene: Any, head: Any, rediffuse: bool = False, encoder: str | None = None, transcriber: str | None = None, tracker: str | None = None
) -> jobs.Job:
    """Job that performs head's voice with head's settings (Object.utter) and bakes the result: as a new take, to which captured keys go
    along.

    rediffuse: keep the artist's keys exactly and renew what lies between them. encoder, transcriber: folders of speech models, tracker: its
    file, None: the preferences' ones. UtterError if it cannot start.
    """
    take_over(head)
    settings, fps, rig = settings_of(head), bake.scene_fps(scene), usable(head)
    if settings.refusal:
        raise UtterError(settings.refusal)
    voice.follow(scene, head)
    start, jaw = sequencer.begins(scene, head), settings.jaw
    last = max((action.frame_range[1] for action in bake.actions(rig)), default=start)
    length = max(settings.frames, frames_covering((last - start) / fps, FPS) + 1)  # captured keys may be there before a performance
    pins = bake.read_pins(rig, start, length, fps=fps, captured=not rediffuse)
    if rediffuse and not pins[1].any():
        raise UtterError("Set or change a key on the head's curves first; the rest is performed anew around it.")

    asked = PerformRequest(
        **{
            **{name: getattr(settings, name) for name in options_of(PerformRequest) if OPTIONS[name].panel},
            "voice": voice.path_of(head),
            "words": words.of(head),
            "language": words.language(settings),
            "passages": passages.in_seconds(settings, fps),
            "head": rig.head,
            "identity": rig.identity or None,
            "encoder": encoder or paths.encoder(),
            "transcriber": transcriber or paths.transcriber(),
            "tracker": tracker or paths.tracker(),
        }
    )
    folder = jobs.temporary_folder()
    asked = dataclasses.replace(asked, output=str(folder / "motion.npz"))
    if pins[1].any():
        np.savez_compressed(folder / "pins.npz", values=pins[0], mask=pins[1])
        asked = dataclasses.replace(asked, pins=str(folder / "pins.npz"))
    references = jobs.Reference(scene), jobs.Reference(head)

    def apply(result):
        scene, head = (reference.get() for reference in references)
        performance, rig = read_performance(result["output"]), rigs.rig_of(head)
        notes = rig.separate()
        voice.follow(scene, head)  # the artist may have moved it meanwhile
        start = sequencer.begins(scene, head)
        if rediffuse or bake.only_captured(rig):
            takes.own(head)
            rig.set_jaw(jaw)
            bake.rebake(rig, performance, start, fps=bake.scene_fps(scene))
        else:
            captured = bake.captured(rig)
            earlier = takes.set_aside(head)
            try:
                rig.set_jaw(jaw)
                bake.bake(rig, performance, start, fps=bake.scene_fps(scene), kept=captured)
            except Exception:
                takes.put_back(earlier)
                raise
        takes.remember(head)
        settings = settings_of(head)
        words.keep(settings, result.get("words", ()), asked.voice)
        settings.frames = len(performance)
        voice.fit(scene, head, len(performance) / result["fps"])
        voice.include(scene, settings)
        told = *notes, *sequencer.sentences(scene, head), *obstacles(rig)[:3]
        result["notes"] = [*result.get("notes", ()), *told]
        return f"Performed {len(performance) / result['fps']:.1f} s of voice in {result['seconds']:.1f} s."

    return jobs.Job("Re-diffuse" if rediffuse else "Perform", "perform", "perform", asked, apply, folder)


def read_performance(path: Any) -> np.ndarray:
    """What the worker wrote: a performance [T,117], Motion and the face actions beside it."""
    with np.load(path, allow_pickle=False) as arrays:
        return np.concatenate([arrays["motion"], arrays["actions"]], axis=1)


def perform_now(
    scene: Any,
    head: Any,
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
    rediffuse: bool = False,
    encoder: str | None = None,
    transcriber: str | None = None,
    tracker: str | None = None,
) -> tuple[str, ...]:
    """Perform and bake before returning, calling progress(stage, fraction) on the way; returns the worker's notes (sentences).
    UtterError if it fails."""
    job = perform_job(scene, head, rediffuse, encoder, transcriber, tracker)
    jobs.run(job, progress)
    return job.notes


class UTTER_OT_perform(Starts, bpy.types.Operator):
    bl_idname = "utter.perform"
    bl_label = "Perform"
    bl_description = "Compute the performance and bake it onto the head as keyframes, in an Action of its own"

    @classmethod
    def refusal(cls, context):
        head = chosen(context)
        return not_ready(head) or settings_of(head).refusal or ("" if settings_of(head).voice else "Choose a voice first.")

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
        settings_of(chosen(context)).seed = random.randrange(10000)
        return {"FINISHED"}


class UTTER_PT_perform(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_perform"
    bl_label = "Performance"

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings = settings_of(head)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        for name in SHOWN:
            row = column.row(align=True)
            row.active = name != "jaw" or rigs.rig_of(head).jaws
            row.prop(settings, name, expand=bool(OPTIONS[name].choices))
            if name == "seed":
                row.operator("utter.new_seed", text="", icon="FILE_REFRESH")
        if not jobs.draw_progress(layout, "perform"):
            row = layout.row()
            row.scale_y = 1.6
            row.operator("utter.perform", icon="PLAY")
        jobs.draw_message(layout, "perform", context.region.width)


CLASSES = (UTTER_OT_perform, UTTER_OT_new_seed, UTTER_PT_perform)
