"""The worker: JSON lines on stdin and stdout, one job at a time (docs/protocol.md)."""

import json
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract import (
    INSTALL,
    LOG_LINE,
    LOGGER,
    PROTOCOL,
    VERSION,
    ByeEvent,
    Cancelled,
    CancelledEvent,
    CaptureRequest,
    CaptureResult,
    ErrorEvent,
    Event,
    ExportRequest,
    ExportResult,
    HeadRequest,
    HeadResult,
    HelloEvent,
    JobId,
    PerformRequest,
    PerformResult,
    ProgressEvent,
    ShapesRequest,
    ShapesResult,
    UtterError,
    check_protocol,
    lacking,
    variation_files,
)

GRACE = 2.0  # seconds a running job has to stop after stdin closed
PROGRESS_EVERY = 0.1  # seconds between two progress events of the same stage


class Channel:
    """The one writer to what was stdout. File descriptor 1 itself becomes stderr, so no library's print gets in between."""

    def __init__(self) -> None:
        self.stream = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1, newline="\n")
        os.dup2(2, 1)
        self.lock = threading.Lock()

    def send(self, event: Event) -> None:
        with self.lock:
            try:
                self.stream.write(json.dumps(event, ensure_ascii=False) + "\n")
                self.stream.flush()
            except (BrokenPipeError, ValueError):  # Blender is gone, so end
                os._exit(0)


class Worker:
    """Serves requests, one after another, with one Performer."""

    def __init__(self, device: str = "auto") -> None:
        self.channel = Channel()  # before any import that might print
        from model_runtime.pipeline import Performer

        self.performer = Performer(device)
        self.jobs: queue.Queue[dict[str, Any] | None] = queue.Queue()  # requests; None: the end
        self.cancelled: set[object] = set()  # ids of jobs to stop, known to both threads

    def run(self) -> None:
        """Serve until shutdown or until stdin closes."""
        threading.Thread(target=self.read, daemon=True).start()
        while (job := self.jobs.get()) is not None:
            self.answer(job)
        self.channel.send(ByeEvent(event="bye"))

    def read(self) -> None:
        """Reader thread: cancels at once, queues the rest."""
        for line in sys.stdin.buffer:
            try:
                request = json.loads(line)
                kind, number = request["request"], request.get("id")
                if not isinstance(number, (str, int, type(None))):
                    raise TypeError(f"an id is a text or a number, not {number!r}")
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                self.fail(None, "The worker was sent a line that is no request.", repr(error))
                continue
            if kind == "cancel":
                self.cancelled.add(number)
            elif kind == "shutdown":
                self.jobs.put(None)
            else:
                self.jobs.put(request)
        self.cancelled.add(ALL)
        self.jobs.put(None)
        time.sleep(GRACE)
        os._exit(0)

    def fail(self, number: JobId, message: str, detail: str) -> None:
        self.channel.send(ErrorEvent(event="error", id=number, message=message, detail=detail))

    def answer(self, request: dict[str, Any]) -> None:
        """Run one request; whatever happens in it becomes an event."""
        kind, number = request["request"], request.get("id")
        fields = {name: value for name, value in request.items() if name not in ("request", "id")}
        began, outcome = time.monotonic(), "done"
        try:
            if kind == "hello":
                theirs = request.get("protocol", PROTOCOL)
                if check_protocol(theirs, "Blender"):
                    raise UtterError(check_protocol(theirs, "Blender"))
                device = self.performer.models.device_name
                self.channel.send(HelloEvent(event="hello", protocol=PROTOCOL, version=VERSION, device=device, pid=os.getpid()))
            elif kind == "head":
                self.channel.send(self.head(number, HeadRequest.from_message(fields)))
            elif kind == "perform":
                self.channel.send(self.perform(number, PerformRequest.from_message(fields)))
            elif kind == "capture":
                self.channel.send(self.capture(number, CaptureRequest.from_message(fields)))
            elif kind == "export":
                self.channel.send(self.export(number, ExportRequest.from_message(fields)))
            elif kind == "shapes":
                self.channel.send(self.shapes(number, ShapesRequest.from_message(fields)))
            else:
                raise UtterError(f"The worker does not know the request {kind}; Utter and its runtime may be of different versions.")
        except Cancelled:
            outcome = "cancelled"
            self.channel.send(CancelledEvent(event="cancelled", id=number))
        except UtterError as error:
            outcome = " ".join(filter(None, ("refused:", str(error), error.detail)))
            self.fail(number, str(error), error.detail)
        except ModuleNotFoundError as error:
            outcome = "refused: " + name_missing(error)
            self.fail(
                number, f"This Python lacks {', '.join(lacking(error))}; {INSTALL}.", f"{traceback.format_exc()}\n{name_missing(error)}"
            )
        except MemoryError:
            outcome = "failed: out of memory"
            LOGGER.exception("%s %s", kind, number)
            self.fail(number, "The machine ran out of memory; close other programs or use a shorter voice.", traceback.format_exc())
        except Exception as error:  # a defect of ours: report it, keep serving
            outcome = "failed"
            LOGGER.exception("%s %s", kind, number)
            self.channel.send(
                ErrorEvent(
                    event="error",
                    id=number,
                    message=f"Something unexpected went wrong ({type(error).__name__}: {error}).",
                    detail=traceback.format_exc(),
                    unexpected=True,
                )
            )
        finally:
            self.cancelled.discard(number)
            LOGGER.info("%s %s after %.3f s: %s", kind, number, time.monotonic() - began, outcome)

    def is_cancelled(self, number: JobId) -> bool:
        return number in self.cancelled or ALL in self.cancelled

    def head(self, number: JobId, asked: HeadRequest) -> HeadResult:
        """Write the bundle of a head file, or of a mesh of the scene; see docs/protocol.md."""
        import numpy as np

        from model_runtime.flame.bundle import write_bundle
        from model_runtime.flame.head import save_head
        from model_runtime.flame.load import load_head
        from model_runtime.flame.mesh import head_from_mesh
        from model_runtime.motion import read_npz

        path = asked.head
        if asked.mesh:
            with read_npz(asked.mesh) as mesh:
                if not {"vertices", "faces"} <= set(mesh.files):
                    raise UtterError(f"{asked.mesh} holds no mesh: it needs vertices and faces.")
                keys = {name: mesh[name] for name in ("key_names", "key_deltas") if name in mesh.files}
                head = head_from_mesh(mesh["vertices"], mesh["faces"], self.performer.models.builtin, **keys)
            path = str(Path(asked.output).with_suffix(".head.npz"))
            save_head(head, path)
        else:
            head = load_head(path) if path else self.performer.models.builtin
        if self.is_cancelled(number):
            raise Cancelled
        write_bundle(head, asked.output, None if asked.identity is None else np.array(asked.identity, np.float32))
        name = Path(path).stem if path else "Utter Head"
        return HeadResult(event="result", id=number, output=asked.output, name=name, basis=head.basis, head=path)

    def progress(self, number: JobId) -> Callable[[str, float], None]:
        """progress(stage, fraction) of a job: an event for each new stage, and now and then within one."""
        last = "", 0.0  # the stage last told of, and when

        def tell(stage: str, fraction: float) -> None:
            nonlocal last
            now = time.monotonic()
            if stage != last[0] or now - last[1] >= PROGRESS_EVERY:
                last = stage, now
                self.channel.send(ProgressEvent(event="progress", id=number, stage=stage, fraction=round(float(fraction), 4)))

        return tell

    def perform(self, number: JobId, asked: PerformRequest) -> PerformResult:
        """Perform a voice into an .npz; progress goes out as it happens."""
        from model_runtime.motion import save_motion

        began, notes = time.monotonic(), list[str]()
        motions = self.performer.variations(asked, self.progress(number), lambda: self.is_cancelled(number), notes.append)
        motion, outputs = motions[0], variation_files(asked.output, len(motions))
        for each, output in zip(motions, outputs):
            save_motion(each, output)
        return PerformResult(
            event="result",
            id=number,
            output=asked.output,
            frames=len(motion.values),
            fps=motion.fps,
            basis=motion.basis,
            seconds=round(time.monotonic() - began, 3),
            words=list(motion.words),
            phones=list(motion.phones),
            transcribed=motion.transcribed,
            notes=notes,
            variations=[{"output": str(output), "seed": each.seed} for each, output in zip(motions, outputs)],
            directed=[passage.to_message() for passage in motion.directed],
            readings=dict(motion.readings),
        )

    def capture(self, number: JobId, asked: CaptureRequest) -> CaptureResult:
        """Write a filmed face as a Motion into an .npz, with `shown` where that is asked for; progress goes out as it happens."""
        from model_runtime.motion import save_motion

        began, notes = time.monotonic(), list[str]()
        motion, shown = self.performer.capture(asked, self.progress(number), lambda: self.is_cancelled(number), notes.append)
        save_motion(motion, asked.output, **({} if shown is None else {"shown": shown}))
        return CaptureResult(
            event="result",
            id=number,
            output=asked.output,
            frames=len(motion.values),
            fps=motion.fps,
            basis=motion.basis,
            seconds=round(time.monotonic() - began, 3),
            notes=notes,
        )

    def export(self, number: JobId, asked: ExportRequest) -> ExportResult:
        """Write the face actions of a Motion as a file for other programs."""
        from model_runtime.exports import export

        motion = export(asked)
        return ExportResult(event="result", id=number, output=asked.output, basis=motion.basis, frames=len(motion.values))

    def shapes(self, number: JobId, asked: ShapesRequest) -> ShapesResult:
        """Make the face actions of a head that has none, or find its face; what cannot be good is no error, but says where."""
        from model_runtime.flame.shapes import answer
        from model_runtime.motion import read_npz

        progress = self.progress(number)

        def going(stage: str, fraction: float) -> None:
            if self.is_cancelled(number):
                raise Cancelled
            progress(stage, fraction)

        with read_npz(asked.mesh) as mesh:
            points, refused, place = answer(mesh, asked, self.performer.models.builtin, going)
        return ShapesResult(
            event="result",
            id=number,
            output=asked.output,
            basis=self.performer.models.builtin.basis,
            points={name: [float(x) for x in point] for name, point in points.items()},
            refused=refused,
            place=None if place is None else [float(x) for x in place],
        )


def name_missing(error: ModuleNotFoundError) -> str:
    """A line for each package that is not installed, as Python writes it: by these Blender's side knows them (client.explain)."""
    return "\n".join(f"No module named '{name}'" for name in lacking(error))


ALL = object()  # in Worker.cancelled: every job


def main(device: str = "auto") -> None:
    log = logging.StreamHandler()  # to stderr, which Blender writes to worker.log
    log.setFormatter(LOG_LINE)
    LOGGER.addHandler(log)
    LOGGER.setLevel(logging.INFO)
    try:
        Worker(device).run()
    except ModuleNotFoundError as error:  # before the first request: say all that is missing, not only the first
        sys.stderr.write(name_missing(error) + "\n")
        raise
    sys.stderr.flush()
    os._exit(0)  # not sys.exit: the reader thread still waits for stdin, which would disturb Python's own shutdown
