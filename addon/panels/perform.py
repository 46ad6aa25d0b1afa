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
from ..contract import FPS, FULL, OPTIONS, REGIONS, PerformRequest, UtterError, doubts, options_of, read_passage, seconds_at
from ..work import jobs, paths
from . import clips, identity, maps, passages, readings, record, scope, sequencer, stale, takes, thumbnails, voice, words
from .base import HeadPanel, Starts, chosen, locked, not_performed, not_ready, settings_of, shown_rig, take_over

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
    models: dict[str, str | None] | None = None,
    variations: int = 1,
    part: scope.Part | None = None,
) -> jobs.Job:
    """Job that performs head's voice with head's settings (Object.utter) and bakes the result: as a new take, to which captured keys go
    along.

    rediffuse: keep the artist's keys exactly and renew what lies between them, in the scope that is chosen. models: {option: path} of
    models in place of the preferences' ones (paths.models). variations: more than one become takes, of the seeds that follow the
    settings' one. part: in place of the scope that is chosen. UtterError if it cannot start.
    """
    take_over(head)
    maps.adopt(head)
    settings, fps, rig = settings_of(head), bake.scene_fps(scene), usable(head)
    if settings.refusal:
        raise UtterError(settings.refusal)
    voice.follow(scene, head)
    start, ways = sequencer.begins(scene, head), (settings.curves, settings.jaw)
    if part is None and rediffuse and not scope.whole(settings):
        part = scope.part_of(scene, rig, settings, start, fps)
    length = max(settings.frames, bake.lasts(rig, start, fps=fps))  # captured keys may be there before a performance
    pins = bake.read_pins(rig, start, length, fps=fps, captured=not rediffuse)
    if rediffuse and part is None and variations == 1 and not pins[1].any():
        raise UtterError("Set or change a key on the head's curves first; the rest is performed anew around it.")
    if part is not None:
        scope.check_voice(settings)

    script, spoken = words.of(head), voice.path_of(head)
    directions, plain = words.directions_in(script, spoken)
    if directions and directions == settings.directed:
        script = plain  # they are passages by now, as the artist wants them
    folder = jobs.temporary_folder()
    acted = clips.write(folder, head, settings.passages, fps)
    asked = PerformRequest(
        **{
            **{name: getattr(settings, name) for name in options_of(PerformRequest) if OPTIONS[name].panel},
            "voice": spoken,
            "words": script,
            "language": words.language(settings),
            "passages": passages.in_seconds(settings, fps, acted, directed=directions == settings.directed),
            "head": rig.head,
            "identity": rig.identity or None,
            **paths.models(models),
        }
    )
    asked = dataclasses.replace(asked, output=str(folder / "motion.npz"))
    if variations > 1:
        asked = dataclasses.replace(asked, variations=variations, seed=takes.unused_seed(settings))
    made_of = record.of(settings)
    earlier_record = record.read(bake.actions(rig)) if part is not None and not part.all else None
    if pins[1].any():
        soft = bake.read_soft(rig, start, pins[1], fps=fps)
        tolerance = np.where(soft, np.array(FULL, np.float32)[: soft.shape[1]] * settings.soft_tolerance, 0)
        shift = np.where(soft, round(settings.soft_shift / fps * FPS), 0)
        np.savez_compressed(folder / "pins.npz", values=pins[0], mask=pins[1], tolerance=tolerance, shift=shift)
        asked = dataclasses.replace(asked, pins=str(folder / "pins.npz"))
    told_of_keys = doubts_of(rig, settings, start, fps) if rediffuse else []
    times = () if part is None else tuple((seconds_at(first, fps, start), seconds_at(last, fps, start)) for first, last in part.spans)
    if part is not None:
        scope.write_present(folder / "onto.npz", rig, start, fps, settings.frames)
        asked = dataclasses.replace(
            asked, onto=str(folder / "onto.npz"), scope=None if part.all else times, regions=part.regions, change=part.change
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
        original = takes.branch(head) if rediffuse and settings.as_take and not several and bake.actions(rig) else None
        try:
            put_on(head, rig, performances, names, start, fps)
        except Exception:
            if original is not None:
                takes.undo_branch(head, original)
            raise
        takes.made_anew(head)
        frames = len(performances[0])
        if rediffuse and not several:
            for first, last in times or ((0.0, frames / FPS),):
                span = start + first * fps, start + last * fps
                bake.settle(rig, performances[0], read_shifted(made[0]["output"]), span, start, fps=fps)
        words.keep(settings, result.get("words", ()), asked.voice)
        words.keep_phones(settings, result.get("phones", ()), asked.voice)
        named = {path: f"Action {name}" for name, path in acted.items()}
        readings.keep(settings, {named.get(of, of): told for of, told in result.get("readings", {}).items()})
        if directions != settings.directed:
            given = [read_passage(passage, number) for number, passage in enumerate(result.get("directed", ()), 1)]
            passages.take_directions(settings, given, directions, fps)
        settings.frames = frames
        whole = {**made_of, **record.found(settings)}
        whole = stale.partly(earlier_record, whole, times)
        takes.remember(head, {**whole, "seed": made[-1]["seed"]})
        if not several:
            thumbnails.take_picture(scene, head, performances[0], start)
        for index, each in enumerate(made[:-1], before):
            takes.note_made(settings.takes[index], {**whole, "seed": each["seed"]})
        voice.fit(scene, head, frames / result["fps"])
        voice.include(scene, settings)
        outside = filter(None, [passages.beyond(settings, fps)])
        told = *notes, *told_of_keys, *outside, *sequencer.sentences(scene, head), *obstacles(rig)[:3]
        result["notes"] = [*result.get("notes", ()), *told]
        if several:
            settings.take = min(before, len(settings.takes) - 1)
            return f"{len(made)} variations are takes now, of the seeds {made[0]['seed']} to {made[-1]['seed']}; choose one under Takes."
        anew = "" if part is None else " and ".join(f"{first:.0f} to {last:.0f}" for first, last in part.spans)
        lasted = f"frames {anew} anew" if anew else f"{frames / result['fps']:.1f} s"
        return f"Performed {lasted} in {result['seconds']:.0f} s."

    def put_on(head, rig, performances, names, start, fps):
        """Put the performances onto the head, by its rig: in place of what it performs, or as takes."""
        several = len(performances) > 1
        if part is not None:
            spans = [(start + first * fps, start + last * fps) for first, last in times]
            renew(head, performances, names, spans, part.columns(), start, fps)
        elif not several and (rediffuse or bake.only_captured(rig)):
            takes.own(head)
            rig.set_ways(*ways)
            bake.rebake(rig, performances[0], start, fps=fps)
        else:
            kept = bake.held(rig, captured=not rediffuse)
            earlier = takes.set_aside(head)
            try:
                rig.set_ways(*ways)
                for performance, name in zip(performances, names):
                    takes.set_aside(head)
                    bake.bake(rig, performance, start, fps=fps, name=name, kept=kept)
                    takes.remember(head)
                    if several:
                        thumbnails.take_picture(scene, head, performance, start)
            except Exception:
                takes.put_back(earlier)
                raise

    return jobs.Job("Re-diffuse" if rediffuse else "Perform", "perform", "perform", asked, apply, folder)


def renew(head, performances, names, spans, columns, start, fps):
    """Put spans of scene frames of a performance onto the head; of several each into a copy of what it performs, as a take."""
    takes.own(head)
    rig = rigs.rig_of(head)
    if len(performances) == 1:
        for span in spans:
            bake.redo(rig, performances[0], span, columns, start, fps=fps)
        return
    original = takes.set_aside(head)
    try:
        for performance, name in zip(performances, names):
            takes.set_aside(head)
            takes.put_back(original)
            bake.twin(rig, name)
            takes.made_anew(head)
            for span in spans:
                bake.redo(rig, performance, span, columns, start, fps=fps)
            takes.remember(head)
            thumbnails.take_picture(sequencer.scene_of(head), head, performance, start)
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
    models: dict[str, str | None] | None = None,
) -> tuple[str, ...]:
    """Perform and bake before returning, calling progress(stage, fraction) on the way; returns the worker's notes (sentences).
    UtterError if it fails."""
    job = perform_job(scene, head, rediffuse, models)
    jobs.run(job, progress)
    return job.notes


def update_job(scene: Any, head: Any) -> jobs.Job:
    """Job that brings a head's take up to date: its passages alone where nothing else has changed, around the artist's keys. UtterError
    where nothing is out of date."""
    found, settings, start, fps = stale.of(head), settings_of(head), sequencer.begins(scene, head), bake.scene_fps(scene)
    if not found.what:
        raise UtterError("Everything is up to date.")
    if scope.of_another_length(settings):
        return perform_job(scene, head)
    if not found.all:
        return perform_job(scene, head, rediffuse=True, part=scope.Part(found.spans, found.regions, 1.0, False))
    if not bake.read_pins(rigs.rig_of(head), start, max(1, settings.frames), fps=fps)[1].any():
        return perform_job(scene, head)
    whole = (float(start), start + (settings.frames - 1) * fps / FPS)
    return perform_job(scene, head, rediffuse=True, part=scope.Part((whole,), tuple(REGIONS), 1.0, True))


class UTTER_OT_update(Starts, bpy.types.Operator):
    bl_idname = "utter.update"
    bl_label = "Bring Up to Date"
    bl_description = (
        "Perform anew what has changed since this take was made, around your keys: passages alone where only they changed, else all of it"
    )

    @classmethod
    def refusal(cls, context):
        head = chosen(context)
        if why := not_performed(head, voice=False):
            return why
        return settings_of(head).refusal or ("" if stale.of(head).what else "Everything is up to date.")

    def job(self, context):
        return update_job(context.scene, chosen(context))


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


class UTTER_OT_perform_again(takes.OnTakes, Starts, bpy.types.Operator):
    bl_idname = "utter.perform_again"
    bl_label = "Perform Again From Here"
    bl_description = (
        "Put back all that made the chosen take (voice, words, prompt, passages, quality) and perform it with a seed that no take has: "
        "a new take, to go on from here"
    )
    bl_options = {"REGISTER"}

    def job(self, context):
        head = chosen(context)
        settings = settings_of(head)
        take = settings.takes[settings.take] if 0 <= settings.take < len(settings.takes) else None
        told = record.read(takes.actions_of(take)) if take is not None else None
        if told is None:
            raise UtterError("This take does not say what made it, because an earlier version of Utter made it; press Perform.")
        record.check_voice(told)
        record.show(settings, told, takes.actions_of(take))
        settings.seed = takes.unused_seed(settings)
        return perform_job(context.scene, head)


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

    def draw_header_preset(self, _context):
        self.layout.popover("UTTER_PT_more", text="", icon="PREFERENCES")

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings = settings_of(head)
        row = layout.split(factor=0.52)
        row.enabled = not locked()
        row.row(align=True).prop(settings, "quality", expand=True)
        seed = row.row(align=True)
        seed.prop(settings, "seed")
        seed.operator("utter.new_seed", text="", icon="FILE_REFRESH")
        if not jobs.draw_progress(layout, "perform"):
            row = layout.row()
            row.scale_y = 1.4
            row.operator("utter.perform", icon="PLAY")
            row = layout.row(align=True)
            row.operator("utter.rediffuse", text="Re-diffuse Around My Keys", icon="MOD_WAVE")
            row.prop(settings, "as_take", text="", icon="ADD")
            stale.draw(layout, head)
        jobs.draw_message(layout, "perform", context.region.width)


class UTTER_PT_more(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_more"
    bl_label = "More"
    bl_description = "The speaker's own voice, which curves are baked, how the jaw is"
    bl_options = {"INSTANCED"}  # shown by a button
    bl_ui_units_x = 16

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings = settings_of(head)
        layout.enabled = not locked()
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in (name for name in SHOWN if name not in ("quality", "seed")):
            row = layout.row(align=True)
            by_actions = name == "jaw" and settings.curves == "actions"
            row.active = name not in ("curves", "jaw") or (shown_rig(head).jaws and not by_actions)
            row.prop(settings, name, expand=bool(OPTIONS[name].choices))


CLASSES = (UTTER_OT_update, UTTER_OT_perform, UTTER_OT_perform_again, UTTER_OT_new_seed, UTTER_PT_perform, UTTER_PT_more)
