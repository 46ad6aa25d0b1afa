"""One worker and one job at a time: the only way from a button or a command to the worker and back.

While a job runs a timer drains the worker's queue on Blender's main thread; without a window, run() pumps it instead.
A job holds no reference into Blender's data, which undo and file loading replace: it remembers, and looks again at the end.
"""

import atexit
import shutil
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bpy

from ..contract import LOGGER, Request, UtterError
from . import client, log, paths

COMMAND = ("-m", "model_runtime", "worker")
INTERVAL = 0.05  # seconds between two looks into the queue
KNOWN, SOON = 0.3, 2.0  # fraction of a job, and seconds, from which on it tells how long the rest takes

current: "Job | None" = None  # the running one
worker: client.Worker | None = None  # made with the first job


class Job:
    """A request to the worker and what to do with its result.

    label: the undo step's name.  panel: the panel that shows its progress ("head" or "perform").
    kind: of the request asked.  apply(result): changes the scene, on the main thread.  folder: temporary, gone afterwards.
    error, notes: in the end, why it failed, and what else the worker has to say to the artist.
    """

    def __init__(self, label: str, panel: str, kind: str, asked: Request, apply: Callable[[Any], str | None], folder: Path) -> None:
        self.label, self.panel, self.kind, self.asked, self.apply, self.folder = label, panel, kind, asked, apply, folder
        self.id, self.stage, self.fraction, self.error = "", "Starting", 0.0, ""
        self.began = 0.0  # by time.monotonic
        self.notes: tuple[str, ...] = ()


class Message:
    """What the last job left to be read in its panel."""

    panel, text, icon = "", "", "NONE"
    notes: tuple[str, ...] = ()

    @classmethod
    def is_error(cls) -> bool:
        return cls.icon == "ERROR"


class Reference:
    """Remembers an object or a scene across undo, renaming and file loading."""

    def __init__(self, block: bpy.types.ID) -> None:
        self.collection = "scenes" if isinstance(block, bpy.types.Scene) else "objects"
        self.name, self.uid = block.name, block.session_uid

    def get(self) -> Any:
        """The block. UtterError if it is gone."""
        blocks = getattr(bpy.data, self.collection)
        found = [block for block in (blocks.get(self.name), *blocks) if block and block.session_uid == self.uid]
        if not found:
            raise UtterError(f"{self.name} was removed in the meantime; nothing was changed.")
        return found[0]


def temporary_folder() -> Path:
    """A new folder for a job's files. UtterError if there can be none."""
    try:
        return Path(tempfile.mkdtemp(prefix="utter-", dir=bpy.app.tempdir))
    except OSError as error:
        raise UtterError(f"{bpy.app.tempdir} cannot be written; choose another temporary folder in the preferences.", str(error)) from error


def do(job: Job) -> None:
    """Start the job and return at once; without a window, run it to its end. UtterError if it cannot start or fails."""
    if bpy.app.background:
        run(job)
    else:
        start(job)
        if not bpy.app.timers.is_registered(_tick):  # it still may watch over the end of a cancelled job
            bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def run(job: Job, progress: Callable[[str, float], None] = lambda stage, fraction: None) -> None:
    """Run the job to its end, calling progress(stage, fraction) whenever it moves. UtterError if it fails."""
    start(job)
    seen = None
    try:
        while current is job:
            drain()
            if seen != (job.stage, job.fraction):
                seen = job.stage, job.fraction
                progress(*seen)
            time.sleep(0.01)
    except BaseException:  # Ctrl-C
        cancel("Interrupted; nothing was changed.")
        raise
    if job.error:
        raise UtterError(job.error)


def cancel(why: str = "Cancelled; nothing was changed.") -> None:
    """Drop the current job at once; the worker ends it within a second, and start() waits for that."""
    if current is not None and worker is not None:
        worker.cancel(current.id)
        _finish(error=why, icon="INFO")


def busy() -> str:
    """A sentence that says why nothing new can start, or ""."""
    return f"{current.label} is running; wait or cancel it." if current is not None else ""


def allowed(operator: Any, reason: str) -> bool:
    """What an operator's poll() returns: whether there is no reason against it. The disabled button shows the reason."""
    if reason:
        operator.poll_message_set(reason)
    return not reason


def describe_worker() -> str:
    if worker is None or not worker.alive:
        return "Not running; starts with the first performance."
    return f"Running with {worker.python}" + (f", process {worker.hello.get('pid')}." if worker.hello else ".")


def draw_progress(layout: bpy.types.UILayout, panel: str) -> bool:
    """Draw the running job's bar with its cancel button, if it belongs to that panel; True if so."""
    if current is None or current.panel != panel:
        return False
    row = layout.row(align=True)
    row.scale_y = 1.5
    told = f"{current.stage}  {current.fraction:.0%}"
    row.progress(factor=current.fraction, type="BAR", text=", ".join(filter(None, (told, left(current)))))
    row.operator("utter.cancel", text="", icon="CANCEL")
    return True


def draw_message(layout: bpy.types.UILayout, panel: str, width: float) -> None:
    """Draw what the last job left to say, wrapped to the region's width (pixels)."""
    if Message.text and Message.panel == panel:
        box = layout.box()
        draw_text(box, Message.text, width, Message.icon, dismiss=True)
        for note in Message.notes:
            draw_text(box, note, width, "ERROR")


def draw_text(layout: bpy.types.UILayout, text: str, width: float, icon: str = "NONE", dismiss: bool = False) -> None:
    """Draw a sentence wrapped to the region's width (pixels)."""
    column = layout.column(align=True)
    scale = bpy.context.preferences.system.ui_scale
    for number, line in enumerate(textwrap.wrap(text, max(16, int((width / scale - 105) / 6.4)))):
        row = column.row()
        row.scale_y = 0.8 if number else 1.0
        row.label(text=line, icon="BLANK1" if number else icon)
        if dismiss and not number:
            row.operator("utter.dismiss", text="", icon="X", emboss=False)


def legible(text: str) -> str:
    """Text that Blender can show and keep: letters of a file name that are not in UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def say(panel: str, text: str, icon: str = "NONE", notes: Iterable[str] = ()) -> None:
    Message.panel, Message.text, Message.icon, Message.notes = panel, legible(text), icon, tuple(map(legible, notes))
    _redraw()


def start(job: Job) -> None:
    """Send the job's request; drain() takes what comes back. UtterError if it cannot start."""
    global current, worker
    if current is not None:
        raise UtterError(busy())
    python = paths.python()
    command = (*COMMAND, "--device", paths.device())
    if worker is None or (worker.python, worker.command) != (python, command):
        stop()
        LOGGER.info("Worker: %s %s", python, " ".join(command))
        worker = client.Worker(python, paths.ROOT, paths.folder() / "worker.log", paths.package_paths(python), command, paths.cache())
    while worker.cancelling:  # less than a second; a late cancel must not hit the new job
        worker.poll()
        time.sleep(0.01)
    say("", "")
    try:
        job.id = worker.request(job.kind, **job.asked.to_message())
    except Exception:
        shutil.rmtree(job.folder, ignore_errors=True)
        raise
    job.began = time.monotonic()
    current = job


def left(job: Job) -> str:
    """How long a job will take from now on, if it goes on as it did: "12 s left"; "" as long as nobody can tell."""
    passed = time.monotonic() - job.began
    if job.fraction < KNOWN or passed < SOON:
        return ""
    seconds = passed * (1 - job.fraction) / job.fraction
    return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{max(seconds, 1):.0f} s left"


def _tick() -> float | None:
    try:
        drain()
    except Exception:  # a timer that raises is gone, and the panel would wait for ever
        LOGGER.exception("While a job ran")
        cancel(log.point_out("Something unexpected went wrong."))
    return INTERVAL if current is not None or (worker is not None and worker.cancelling) else None


def drain() -> None:
    """Take what the worker has sent, without waiting."""
    for event in worker.poll() if worker is not None else ():
        if event["event"] in ("error", "died"):
            tell = LOGGER.error if event.get("unexpected") else LOGGER.warning
            tell("\n".join(filter(None, (event["message"], event.get("detail")))))
        if current is None or (event["event"] != "died" and event.get("id") != current.id):
            continue
        if event["event"] == "progress":
            shown = current.stage, round(current.fraction, 2)
            current.stage, current.fraction = str(event["stage"]), min(max(float(event["fraction"]), current.fraction), 1.0)
            if shown != (current.stage, round(current.fraction, 2)):
                _redraw()
        elif event["event"] == "result":
            _finish(result=event)
        elif event["event"] in ("error", "died"):
            _finish(error=log.point_out(event["message"]) if event.get("unexpected") else event["message"])
        elif event["event"] == "cancelled":
            _finish(error="Cancelled; nothing was changed.", icon="INFO")


def _finish(result: Any = None, error: str = "", icon: str = "ERROR") -> None:
    """End the current job: apply its result in one undo step, or say what went wrong."""
    global current
    if current is None:
        return
    job, current = current, None
    note: str | None = ""
    if result is not None:
        try:
            note = job.apply(result)
        except UtterError as refusal:
            error = str(refusal)
        except Exception as defect:
            LOGGER.exception("%s: what the worker gave could not be used", job.label)
            error = log.point_out(f"Something unexpected went wrong ({type(defect).__name__}).")
        else:
            job.notes = tuple(result.get("notes", ()))
            if not bpy.app.background:
                bpy.ops.ed.undo_push(message=job.label)
    job.error = error
    shutil.rmtree(job.folder, ignore_errors=True)
    say(job.panel, error or note or "", icon if error else "CHECKMARK", job.notes)


def _redraw() -> None:
    for window in getattr(bpy.context.window_manager, "windows", ()):
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


@bpy.app.handlers.persistent
def _before_load(*_: Any) -> None:
    if current is None:
        say("", "")  # it was about the file that closes
    cancel("Cancelled, because another file was opened.")


def stop() -> None:
    """End the worker; with it goes the memory it holds."""
    global worker
    if worker is not None:
        worker.shutdown()
        worker = None


class UTTER_OT_cancel(bpy.types.Operator):
    bl_idname = "utter.cancel"
    bl_label = "Cancel"
    bl_description = "Stop the running job; the scene stays as it is"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return allowed(cls, "" if current else "Nothing is running.")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        cancel()
        return {"FINISHED"}


class UTTER_OT_dismiss(bpy.types.Operator):
    bl_idname = "utter.dismiss"
    bl_label = "Dismiss"
    bl_description = "Remove this message"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        say("", "")
        return {"FINISHED"}


class UTTER_OT_restart_worker(bpy.types.Operator):
    bl_idname = "utter.restart_worker"
    bl_label = "Restart Worker"
    bl_description = "End the process that computes, and free its memory; the next job starts a new one"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return allowed(cls, "" if worker is not None and worker.alive else "The worker is not running.")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        cancel("Cancelled, because the worker was ended.")
        stop()
        return {"FINISHED"}


def register() -> None:
    bpy.app.handlers.load_pre.append(_before_load)
    atexit.register(stop)


def unregister() -> None:
    atexit.unregister(stop)
    if _before_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_before_load)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    cancel("Cancelled, because Utter was disabled.")
    stop()


CLASSES = (UTTER_OT_cancel, UTTER_OT_dismiss, UTTER_OT_restart_worker)
