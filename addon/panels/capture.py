"""Capture: a filmed face becomes a take, held keys, or a passage's feeling. Videos, photos and ARKit curves take the same way."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import rigs
from ..animation import bake, layers
from ..contract import (
    CHANNELS,
    FACE_ACTIONS,
    FPS,
    LAST_FRAME,
    NECK,
    REGIONS,
    CaptureRequest,
    Passage,
    UtterError,
    actions_in,
    frame_at,
    frames_covering,
)
from ..work import jobs, paths
from . import perform, pins, sequencer, takes, thumbnails, voice
from .base import HeadPanel, Starts, chosen, file_of, not_ready, settings_of

USES = {
    "TAKE": ("Take", "A take of its own, as the face was filmed, from the voice's start on"),
    "RANGE": ("Held Range", "Captured keys on the chosen regions: what you perform from now on keeps them and makes room for them"),
    "KEY": ("Key", "The same from a photo, at the current frame"),
    "FEELING": ("Feeling", "A passage that feels as the filmed face does"),
}
PLACES = {"VOICE": ("Voice", "The film begins with the voice"), "FRAME": ("Playhead", "The film begins at the current frame")}
HELD = ("RANGE", "KEY")  # what takes regions
PHOTO = 2.0  # seconds of a passage that feels as a photo does


def columns_of(regions):
    """The columns of a performance that belong to regions of those names, of the head as of the face."""
    neck = range(NECK.start, NECK.stop) if "head" in regions else ()
    return [*neck, *(FACE_ACTIONS.start + k for k in actions_in(regions))]


def capture_job(scene: Any, head: Any) -> jobs.Job:
    """Job that captures head's film and makes of it what its settings (Object.utter) say. UtterError if it cannot start."""
    rig, settings, fps = perform.usable(head), settings_of(head), bake.scene_fps(scene)
    film, use, regions = file_of(head, settings.film, "film"), settings.film_as, [name for name in REGIONS if name in settings.film_regions]
    if use in HELD and (why := layers.away(rig)):
        raise UtterError(why)
    voice.follow(scene, head)
    at = scene.frame_current if use == "KEY" or (use != "TAKE" and settings.film_at == "FRAME") else sequencer.begins(scene, head)
    folder = jobs.temporary_folder()
    onto = None
    if use in HELD and rig.columns == CHANNELS:  # what is held there moves nothing by itself
        onto = meanwhile(rig, at, fps)
        np.savez_compressed(folder / "onto.npz", motion=onto, fps=float(FPS), basis=rig.basis)
    from_start = use == "TAKE" or (use == "RANGE" and settings.film_at == "VOICE")
    with_sound = Path(film).suffix.lower() == ".csv" and from_start and settings.voice and not settings.refusal
    asked = CaptureRequest(
        film=film,
        output=str(folder / "motion.npz"),
        sound=voice.path_of(head) if with_sound else None,
        head=rig.head,
        tracker=paths.models()["tracker"],
        onto=None if onto is None else str(folder / "onto.npz"),
        regions=tuple(regions),
    )
    references = jobs.Reference(scene), jobs.Reference(head)

    def apply(result):
        scene, head = (reference.get() for reference in references)
        performance, photo = perform.read_performance(result["output"]), result["frames"] == 1
        if photo and use in ("TAKE", "RANGE"):
            raise UtterError(f"{Path(film).name} is one picture; choose Key or Feeling, or a video.")
        if use == "KEY" and not photo:
            raise UtterError(f"{Path(film).name} is no photo; choose Held Range, or a photo.")
        if use == "FEELING":
            return feel(scene, head, film, at, PHOTO if photo else len(performance) / FPS)
        notes = rigs.rig_of(head).separate()
        voice.follow(scene, head)  # the artist may have moved it meanwhile
        if use == "TAKE":
            told = play(scene, head, performance)
        else:
            with np.load(result["output"], allow_pickle=False) as arrays:
                shown = arrays["shown"] if onto is not None else None
            told = hold(scene, head, performance, regions, at, None if shown is None else (last_stays(onto, len(shown)), shown))
        result["notes"] = [*result.get("notes", ()), *notes]
        return told

    return jobs.Job("Capture", "capture", "capture", asked, apply, folder)


def meanwhile(rig, first, fps):
    """What the rig does from the scene frame `first` on [T, 65] at 30 fps; a single frame of rest where there is nothing more."""
    return bake.sample(rig, first + np.arange(bake.lasts(rig, first, fps=fps)) / FPS * fps)[:, :CHANNELS]


def last_stays(values, count):
    """values [T, C] for that many frames, the last one repeated."""
    return values[np.minimum(np.arange(count), len(values) - 1)]


def play(scene, head, performance):
    """Bake a captured performance as a take; says so."""
    rig, settings, fps = rigs.rig_of(head), settings_of(head), bake.scene_fps(scene)
    earlier = takes.set_aside(head)
    try:
        rig.set_ways(settings.curves, settings.jaw)
        bake.bake(rig, performance, sequencer.begins(scene, head), fps=fps, name=f"{head.name} captured")
    except Exception:
        takes.put_back(earlier)
        raise
    takes.made_anew(head)
    takes.remember(head)
    thumbnails.take_picture(scene, head, performance, sequencer.begins(scene, head))
    settings.frames = len(performance)
    scene.frame_end = max(scene.frame_end, settings.start + frames_covering(len(performance) / FPS, fps))
    return f"Captured {len(performance) / FPS:.1f} s as a take."


def hold(scene, head, performance, regions, first, onto):
    """Put the regions of a captured performance onto the head as captured keys, from the scene frame `first` on; says what is held."""
    takes.own(head)
    rig, fps = rigs.rig_of(head), bake.scene_fps(scene)
    frames = bake.hold(
        rig, performance, columns_of(regions), first, sequencer.begins(scene, head), fps=fps, name=f"{head.name} captured", onto=onto
    )
    takes.made_anew(head)
    takes.remember(head)
    names = " and ".join(filter(None, (", ".join(labels(regions)[:-1]), labels(regions)[-1])))
    when = f"at frame {frames[0]:.0f}" if len(performance) == 1 else f"from frame {frames[0]:.0f} to {frames[1]:.0f}"
    return f"{names}: held {when}. Perform and Re-diffuse keep this."


def labels(regions):
    return [REGIONS[name][0] for name in regions]


def feel(scene, head, film, first, seconds):
    """Add a passage with the feeling of the film, and choose it; says so."""
    settings, fps = settings_of(head), bake.scene_fps(scene)
    start = round(first)
    end = min(max(frame_at(seconds, fps, start), start + 1), LAST_FRAME)
    passage = settings.passages.add()
    passage.start, passage.end, passage.fade, passage.clip = start, end, frame_at(Passage.fade, fps), jobs.legible(film)
    settings.passage = len(settings.passages) - 1
    return f"From frame {start} to {end} the face feels as {Path(film).name} does, once you perform."


class UTTER_OT_capture(Starts, bpy.types.Operator):
    bl_idname = "utter.capture"
    bl_label = "Capture"
    bl_description = "Follow the filmed face, and make of it what is chosen above. A film that was followed before is not followed again"

    @classmethod
    def refusal(cls, context):
        head = chosen(context)
        if not_ready(head):
            return not_ready(head)
        settings = settings_of(head)
        if not settings.film.strip():
            return "Choose a film first."
        return "Choose a region first." if settings.film_as in HELD and not settings.film_regions else ""

    def job(self, context):
        return capture_job(context.scene, chosen(context))


class UTTER_OT_release(bpy.types.Operator):
    bl_idname = "utter.release"
    bl_label = "Release"
    bl_description = "Let go of the captured keys on the chosen regions: the next performance replaces them"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        why = not_ready(head) or ("" if pins.any_captured(head) or pins.unsure() else "No captured key is on this head.")
        return jobs.allowed(cls, jobs.busy() or why)

    def execute(self, context):
        head = chosen(context)
        takes.own(head)
        count = bake.release(rigs.rig_of(head), columns_of(settings_of(head).film_regions))
        self.report({"INFO"} if count else {"WARNING"}, f"{count} captured keys released." if count else "These regions hold none.")
        return {"FINISHED"} if count else {"CANCELLED"}


class UTTER_PT_capture(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_capture"
    bl_label = "Capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings = settings_of(head)
        layout.prop(settings, "film", text="", icon="FILE_MOVIE", placeholder="Video, photo or ARKit CSV")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "film_as")
        if settings.film_as in ("RANGE", "FEELING"):
            column.row().prop(settings, "film_at", expand=True)
        if settings.film_as in HELD:
            column.column(align=True).prop(settings, "film_regions", expand=True)
        if not jobs.draw_progress(layout, "capture"):
            row = layout.row()
            row.scale_y = 1.3
            row.operator("utter.capture", icon="REC")
        if settings.film_as in HELD and pins.any_captured(head):
            layout.operator("utter.release", icon="UNPINNED")
        jobs.draw_message(layout, "capture", context.region.width)


CLASSES = (UTTER_OT_capture, UTTER_OT_release, UTTER_PT_capture)
