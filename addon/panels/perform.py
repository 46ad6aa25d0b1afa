"""Perform: the head speaks the voice and feels what was asked. The panel and the command line both come through here."""

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import rigs
from ..animation import bake, tracks
from ..animation.obstacles import obstacles
from ..contract import FPS, FULL, OPTIONS, PerformRequest, UtterError, doubts, frames_covering, options_of, seconds_at
from ..work import jobs, paths
from . import clips, identity, maps, passages, readings, scope, sequencer, takes, voice, words
from .base import HeadPanel, Starts, chosen, not_ready, settings_of, take_over

ELSEWHERE = ("voice", "words", "language", "transcribe", "prompt", "intensity", "mouth", "start")  # options that another panel shows
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
    scene: Any,
    head: Any,
    rediffuse: bool = False,
    encoder: str | None = None,
    transcriber: str | None = None,
    tracker: str | None = None,
    variations: int = 1,
) -> jobs.Job:
    """Job that performs head's voice with head's settings (Object.utter) and bakes the result: as a new take, to which captured keys go
    along.

    rediffuse: keep the artist's keys exactly and renew what lies between them, in the scope that is chosen. encoder, transcriber: folders
    of speech models, tracker: its file, None: the preferences' ones. variations: more than one become takes, of the seeds that follow the
    settings' one. UtterError if it cannot start.
    """
    take_over(head)
    maps.adopt(head)
    settings, fps, rig = settings_of(head), bake.scene_fps(scene), usable(head)
    if settings.refusal:
        raise UtterError(settings.refusal)
    voice.follow(scene, head)
    start, jaw = sequencer.begins(scene, head), settings.jaw
    part = scope.part_of(scene, rig, settings, start, fps) if rediffuse and not scope.whole(settings) else None
    last = max((action.frame_range[1] for action in bake.actions(rig)), default=start)
    length = max(settings.frames, frames_covering((last - start) / fps, FPS) + 1)  # captured keys may be there before a performance
    pins = bake.read_pins(rig, start, length, fps=fps, captured=not rediffuse)
    if rediffuse and part is None and variations == 1 and not pins[1].any():
        raise UtterError("Set or change a key on the head's curves first; the rest is performed anew around it.")
    if part is not None:
        scope.check_voice(settings)

    folder = jobs.temporary_folder()
    acted = clips.write(folder, head, settings.passages, fps)
    asked = PerformRequest(
        **{
            **{name: getattr(settings, name) for name in options_of(PerformRequest) if OPTIONS[name].panel},
            "voice": voice.path_of(head),
            "words": words.of(head),
            "language": words.language(settings),
            "passages": passages.in_seconds(settings, fps, acted),
            "head": rig.head,
            "identity": rig.identity or None,
            "encoder": encoder or paths.encoder(),
            "transcriber": transcriber or paths.transcriber(),
            "tracker": tracker or paths.tracker(),
        }
    )
    asked = dataclasses.replace(asked, output=str(folder / "motion.npz"))
    if variations > 1:
        asked = dataclasses.replace(asked, variations=variations, seed=asked.seed + 1)
    if pins[1].any():
        soft = bake.read_soft(rig, start, pins[1], fps=fps)
        tolerance = np.where(soft, np.array(FULL, np.float32)[: soft.shape[1]] * settings.soft_tolerance, 0)
        shift = np.where(soft, round(settings.soft_shift / fps * FPS), 0)
        np.savez_compressed(folder / "pins.npz", values=pins[0], mask=pins[1], tolerance=tolerance, shift=shift)
        asked = dataclasses.replace(asked, pins=str(folder / "pins.npz"))
    told_of_keys = doubts_of(rig, settings, start, fps) if rediffuse else []
    times = (0.0, 0.0) if part is None else (seconds_at(part.first, fps, start), seconds_at(part.last, fps, start))
    if part is not None:
        scope.write_present(folder / "onto.npz", rig, start, fps, settings.frames)
        asked = dataclasses.replace(
            asked, onto=str(folder / "onto.npz"), scope=None if part.all else (times,), regions=part.regions, change=part.change
        )
    references = jobs.Reference(scene), jobs.Reference(head)

    def apply(result):
        scene, head = (reference.get() for reference in references)
        made = result.get("variations") or [{"output": result["output"], "seed": asked.seed}]
        performances, rig = [read_performance(each["output"]) for each in made], rigs.rig_of(head)
        notes = rig.separate()
        voice.follow(scene, head)  # the artist may have moved it meanwhile
        start, fps, settings = sequencer.begins(scene, head), bake.scene_fps(scene), settings_of(head)
        several, before = len(made) > 1, len(settings.takes)
        names = [f"{head.name} seed {each['seed']}" if several else None for each in made]
        if part is not None:
            renew(head, performances, names, (start + times[0] * fps, start + times[1] * fps), part.columns(), start, fps)
        elif not several and (rediffuse or bake.only_captured(rig)):
            takes.own(head)
            rig.set_jaw(jaw)
            bake.rebake(rig, performances[0], start, fps=fps)
        else:
            kept = bake.held(rig, captured=not rediffuse)
            earlier = takes.set_aside(head)
            try:
                rig.set_jaw(jaw)
                for performance, name in zip(performances, names):
                    takes.set_aside(head)
                    bake.bake(rig, performance, start, fps=fps, name=name, kept=kept)
                    takes.remember(head)
            except Exception:
                takes.put_back(earlier)
                raise
        takes.remember(head)
        frames = len(performances[0])
        if rediffuse and not several:
            span = (start, start + frames / FPS * fps) if part is None else (start + times[0] * fps, start + times[1] * fps)
            bake.settle(rig, performances[0], read_shifted(made[0]["output"]), span, start, fps=fps)
        words.keep(settings, result.get("words", ()), asked.voice)
        named = {path: f"Action {name}" for name, path in acted.items()}
        readings.keep(settings, {named.get(of, of): told for of, told in result.get("readings", {}).items()})
        settings.frames = frames
        voice.fit(scene, head, frames / result["fps"])
        voice.include(scene, settings)
        told = *notes, *told_of_keys, *sequencer.sentences(scene, head), *obstacles(rig)[:3]
        result["notes"] = [*result.get("notes", ()), *told]
        if several:
            settings.seed, settings.take = made[-1]["seed"], min(before, len(settings.takes) - 1)
            return f"{len(made)} variations are takes now, of the seeds {made[0]['seed']} to {made[-1]['seed']}; choose one under Takes."
        lasted = f"{frames / result['fps']:.1f} s of voice" if part is None else f"frames {part.first:.0f} to {part.last:.0f} anew"
        return f"Performed {lasted} in {result['seconds']:.1f} s."

    return jobs.Job("Re-diffuse" if rediffuse else "Perform", "perform", "perform", asked, apply, folder)


def renew(head, performances, names, span, columns, start, fps):
    """Put a span of scene frames of a performance onto the head; of several each into a copy of what it performs, as a take."""
    takes.own(head)
    rig = rigs.rig_of(head)
    if len(performances) == 1:
        bake.redo(rig, performances[0], span, columns, start, fps=fps)
        return
    original = takes.set_aside(head)
    try:
        for performance, name in zip(performances, names):
            takes.set_aside(head)
            takes.put_back(original)
            bake.twin(rig, name)
            bake.redo(rig, performance, span, columns, start, fps=fps)
            takes.remember(head)
    except Exception:
        takes.put_back(original)
        raise


def doubts_of(rig: Any, settings: Any, start: float, fps: float) -> list[str]:
    """A sentence for each kind of doubt about the artist's keys."""
    frames, columns, values = rig.pins()
    captured = set(zip(*rig.pins(tracks.CAPTURED)[:2]))
    lasts = settings.seconds * FPS if settings.seconds else settings.frames
    said = doubts([key for key in zip(frames, columns, values) if key[:2] not in captured], fps, start, start + (lasts - 1) / FPS * fps)
    if settings.frames and scope.of_another_length(settings):
        said.append("Your keys were set on a voice of another length; they stay where they are in time.")
    return said


def read_shifted(path: Any) -> np.ndarray:
    """Of what the worker wrote: which soft pins were moved, int [n, 2], from which frame of the Motion to which."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["shifted"] if "shifted" in arrays.files else np.zeros((0, 2), int)


def read_performance(path: Any) -> np.ndarray:
    """What the worker wrote: a performance [T,117], Motion and the face actions beside it; [T,65] where it has none."""
    with np.load(path, allow_pickle=False) as arrays:
        return np.concatenate([arrays[name] for name in ("motion", "actions") if name in arrays.files], axis=1)


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
