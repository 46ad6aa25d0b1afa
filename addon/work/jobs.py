"""One worker and one job at a time: the only way from a button or a command to the worker and back.

While a job runs a timer drains the worker's queue on Blender's main thread; without a window, run() pumps it instead.
A job holds no reference into Blender's data, which undo and file loading replace: it remembers, and looks again at the end.
"""

import atexit
import shutil
import tempfile
import textwrap
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..contract import Request, UtterError
from . import client, paths

COMMAND = ("-m", "model_runtime", "worker")
INTERVAL = 0.05  # seconds between two looks into the queue

current = None  # the running Job
worker = None  # client.Worker, made with the first job


class Job:
    """A request to the worker and what to do with its result.

    label: the undo step's name.  room: the panel that shows its progress ("head" or "perform").
    kind: of the request asked.  apply(result): changes the scene, on the main thread.  folder: temporary, gone afterwards.
    error, notes: in the end, why it failed, and what else the worker has to say to the artist.
    """

    def __init__(
        self, label: str, room: str, kind: str, asked: Request, apply: Callable[[dict[str, Any]], str | None], folder: Path
    ) -> None:
        self.label, self.room, self.kind, self.asked, self.apply, self.folder = label, room, kind, asked, apply, folder
        self.id, self.stage, self.fraction, self.error, self.notes = None, "Starting", 0.0, "", ()


class Message:
    """What the last job left to be read in its panel."""

    room, text, icon, notes = "", "", "NONE", ()

    @classmethod
    def is_error(cls):
        return cls.icon == "ERROR"


class Reference:
    """Remembers an object or a scene across undo, renaming and file loading."""

    def __init__(self, block):
        self.collection = "scenes" if isinstance(block, bpy.types.Scene) else "objects"
        self.name, self.uid = block.name, block.session_uid

    def get(self):
        """The block. UtterError if it is gone."""
        blocks = getattr(bpy.data, self.collection)
        found = [block for block in (blocks.get(self.name), *blocks) if block and block.session_uid == self.uid]
        if not found:
            raise UtterError(f"{self.name} was removed in the meantime; nothing was changed.")
        return found[0]


def temporary_folder():
    return Path(tempfile.mkdtemp(prefix="utter-", dir=bpy.app.tempdir))


def do(job):
    """Start the job and return at once; without a window, run it to its end. UtterError if it cannot start or fails."""
    if bpy.app.background:
        run(job)
    else:
        start(job)
        if not bpy.app.timers.is_registered(_tick):  # it still may watch over the end of a cancelled job
            bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def run(job, progress=lambda stage, fraction: None):
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


def cancel(why="Cancelled; nothing was changed."):
    """Drop the current job at once; the worker ends it within a second, and start() waits for that."""
    if current is not None:
        worker.cancel(current.id)
        _finish(error=why, icon="INFO")


def busy():
    """A sentence that says why nothing new can start, or ""."""
    return f"{current.label} is running; wait or cancel it." if current is not None else ""


def allowed(operator, reason):
    """What an operator's poll() returns: whether there is no reason against it. The disabled button shows the reason."""
    if reason:
        operator.poll_message_set(reason)
    return not reason


def describe_worker():
    if worker is None or not worker.alive:
        return "Not running; starts with the first performance."
    return f"Running with {worker.python}" + (f", process {worker.hello.get('pid')}." if worker.hello else ".")


def draw_progress(layout, room):
    """Draw the running job's bar with its cancel button, if it belongs to that panel; True if so."""
    if current is None or current.room != room:
        return False
    row = layout.row(align=True)
    row.scale_y = 1.5
    row.progress(factor=current.fraction, type="BAR", text=f"{current.stage}  {current.fraction:.0%}")
    row.operator("utter.cancel", text="", icon="CANCEL")
    return True


def draw_message(layout, room, width):
    """Draw what the last job left to say, wrapped to the region's width (pixels)."""
    if Message.text and Message.room == room:
        box = layout.box()
        draw_text(box, Message.text, width, Message.icon, dismiss=True)
        for note in Message.notes:
            draw_text(box, note, width, "ERROR")


def draw_text(layout, text, width, icon="NONE", dismiss=False):
    """Draw a sentence wrapped to the region's width (pixels)."""
    column = layout.column(align=True)
    scale = bpy.context.preferences.system.ui_scale
    for number, line in enumerate(textwrap.wrap(text, max(16, int((width / scale - 105) / 6.4)))):
        row = column.row()
        row.scale_y = 0.8 if number else 1.0
        row.label(text=line, icon="BLANK1" if number else icon)
        if dismiss and not number:
            row.operator("utter.dismiss", text="", icon="X", emboss=False)


def say(room, text, icon="NONE", notes=()):
    Message.room, Message.text, Message.icon, Message.notes = room, text, icon, notes
    _redraw()


def start(job):
    """Send the job's request; drain() takes what comes back. UtterError if it cannot start."""
    global current, worker
    if current is not None:
        raise UtterError(busy())
    python = paths.python()
    command = (*COMMAND, "--device", paths.device())
    if worker is None or (worker.python, worker.command) != (python, command):
        stop()
        worker = client.Worker(python, paths.ROOT, paths.folder() / "worker.log", paths.package_paths(python), command, paths.cache())
    while worker.cancelling:  # less than a second; a late cancel must not hit the new job
        worker.poll()
        time.sleep(0.01)
    say("", "")
    try:
        job.id = worker.request(job.kind, **job.asked.to_message())
    except UtterError:
        shutil.rmtree(job.folder, ignore_errors=True)
        raise
    current = job


def _tick():
    try:
        drain()
    except Exception:  # a timer that raises is gone, and the panel would wait for ever
        traceback.print_exc()
        cancel("Something unexpected went wrong; the system console tells more.")
    return INTERVAL if current is not None or (worker is not None and worker.cancelling) else None


def drain():
    """Take what the worker has sent, without waiting."""
    for event in worker.poll() if worker is not None else ():
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
            if event.get("detail"):
                print(f"Utter: {event['detail']}")
            _finish(error=event["message"])
        elif event["event"] == "cancelled":
            _finish(error="Cancelled; nothing was changed.", icon="INFO")


def _finish(result=None, error="", icon="ERROR"):
    """End the current job: apply its result in one undo step, or say what went wrong."""
    global current
    job, current = current, None
    note = ""
    if result is not None:
        try:
            note = job.apply(result)
        except UtterError as refusal:
            error = str(refusal)
        except Exception as defect:
            traceback.print_exc()
            error = f"Something unexpected went wrong ({type(defect).__name__}); the system console tells more."
        else:
            job.notes = tuple(result.get("notes", ()))
            if not bpy.app.background:
                bpy.ops.ed.undo_push(message=job.label)
    job.error = error
    shutil.rmtree(job.folder, ignore_errors=True)
    say(job.room, error or note or "", icon if error else "CHECKMARK", job.notes)


def _redraw():
    for window in getattr(bpy.context.window_manager, "windows", ()):
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


@bpy.app.handlers.persistent
def _before_load(*_):
    if current is None:
        say("", "")  # it was about the file that closes
    cancel("Cancelled, because another file was opened.")


def stop():
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
    def poll(cls, _context):
        return allowed(cls, "" if current else "Nothing is running.")

    def execute(self, _context):
        cancel()
        return {"FINISHED"}


class UTTER_OT_dismiss(bpy.types.Operator):
    bl_idname = "utter.dismiss"
    bl_label = "Dismiss"
    bl_description = "Remove this message"
    bl_options = {"INTERNAL"}

    def execute(self, _context):
        say("", "")
        return {"FINISHED"}


class UTTER_OT_restart_worker(bpy.types.Operator):
    bl_idname = "utter.restart_worker"
    bl_label = "Restart Worker"
    bl_description = "End the process that computes, and free its memory; the next job starts a new one"

    @classmethod
    def poll(cls, _context):
        return allowed(cls, "" if worker is not None and worker.alive else "The worker is not running.")

    def execute(self, _context):
        cancel("Cancelled, because the worker was ended.")
        stop()
        return {"FINISHED"}


def register():
    bpy.app.handlers.load_pre.append(_before_load)
    atexit.register(stop)


def unregister():
    atexit.unregister(stop)
    if _before_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_before_load)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    cancel("Cancelled, because Utter was disabled.")
    stop()


CLASSES = (UTTER_OT_cancel, UTTER_OT_dismiss, UTTER_OT_restart_worker)
