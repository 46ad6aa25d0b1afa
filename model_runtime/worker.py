"""The worker: JSON lines on stdin and stdout, one job at a time (docs/protocol.md)."""

import json
import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path

from contract import PROTOCOL, VERSION, Cancelled, HeadRequest, PerformRequest, UtterError, check_protocol

REQUESTS = {"head": HeadRequest, "perform": PerformRequest}
GRACE = 2.0  # seconds a running job has to stop after stdin closed
PROGRESS_EVERY = 0.1  # seconds between two progress events of the same stage


class Channel:
    """The one writer to what was stdout. File descriptor 1 itself becomes stderr, so no library's print gets in between."""

    def __init__(self):
        self.stream = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1, newline="\n")
        os.dup2(2, 1)
        self.lock = threading.Lock()

    def send(self, event, **fields):
        with self.lock:
            try:
                self.stream.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
                self.stream.flush()
            except (BrokenPipeError, ValueError):  # Blender is gone, so end
                os._exit(0)


class Worker:
    def __init__(self, device="auto"):
        self.channel = Channel()  # before any import that might print
        from model_runtime.pipeline import Performer

        self.performer = Performer(device)
        self.jobs = queue.Queue()
        self.cancelled = set()  # ids of jobs to stop, known to both threads

    def run(self):
        """Serve until shutdown or until stdin closes."""
        threading.Thread(target=self.read, daemon=True).start()
        while (job := self.jobs.get()) is not None:
            self.answer(job)
        self.channel.send("bye")

    def read(self):
        """Reader thread: cancels at once, queues the rest."""
        for line in sys.stdin.buffer:
            try:
                request = json.loads(line)
                kind, number = request["request"], request.get("id")
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self.channel.send("error", id=None, message="The worker was sent a line that is no request.", detail=repr(error))
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

    def answer(self, request):
        """Run one request; whatever happens in it becomes an event."""
        kind, number = request["request"], request.get("id")
        try:
            if kind == "hello":
                theirs = request.get("protocol", PROTOCOL)
                if check_protocol(theirs, "Blender"):
                    raise UtterError(check_protocol(theirs, "Blender"))
                self.channel.send("hello", protocol=PROTOCOL, version=VERSION, device=self.performer.device_name, pid=os.getpid())
            elif kind in REQUESTS:
                asked = REQUESTS[kind].from_message({name: value for name, value in request.items() if name not in ("request", "id")})
                self.channel.send("result", id=number, **getattr(self, kind)(number, asked))
            else:
                raise UtterError(f"The worker does not know the request {kind}; Utter and its runtime may be of different versions.")
        except Cancelled:
            self.channel.send("cancelled", id=number)
        except UtterError as error:
            self.channel.send("error", id=number, message=str(error), detail=error.detail)
        except MemoryError:
            self.channel.send(
                "error",
                id=number,
                message="The machine ran out of memory; close other programs or use a shorter voice.",
                detail=traceback.format_exc(),
            )
        except Exception as error:  # a defect of ours: report it, keep serving
            self.channel.send(
                "error",
                id=number,
                message=f"Something unexpected went wrong ({type(error).__name__}: {error}); the log tells more.",
                detail=traceback.format_exc(),
            )
        finally:
            self.cancelled.discard(number)

    def is_cancelled(self, number):
        return number in self.cancelled or ALL in self.cancelled

    def head(self, number, asked: HeadRequest):
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
                keys = {name: mesh[name] for name in ("key_names", "key_deltas") if name in mesh.files}
                head = head_from_mesh(mesh["vertices"], mesh["faces"], self.performer.builtin, **keys)
            path = str(Path(asked.output).with_suffix(".head.npz"))
            save_head(head, path)
        else:
            head = load_head(path) if path else self.performer.builtin
        if self.is_cancelled(number):
            raise Cancelled
        write_bundle(head, asked.output, None if asked.identity is None else np.array(asked.identity, np.float32))
        return {"output": asked.output, "name": Path(path).stem if path else "Utter Head", "basis": head.basis, "head": path}

    def perform(self, number, asked: PerformRequest):
        """Perform a voice into an .npz; progress goes out as it happens."""
        from model_runtime.motion import save_motion

        began, last, notes = time.monotonic(), ["", 0.0], []

        def progress(stage, fraction):
            now = time.monotonic()
            if stage != last[0] or now - last[1] >= PROGRESS_EVERY:
                last[:] = stage, now
                self.channel.send("progress", id=number, stage=stage, fraction=round(float(fraction), 4))

        motion = self.performer.perform(asked, progress, lambda: self.is_cancelled(number), notes.append)
        save_motion(motion, asked.output)
        return {
            "output": asked.output,
            "frames": len(motion.values),
            "fps": motion.fps,
            "basis": motion.basis,
            "seconds": round(time.monotonic() - began, 3),
            "notes": notes,
        }


ALL = object()  # in Worker.cancelled: every job


def main(device="auto"):
    Worker(device).run()
    sys.stderr.flush()
    os._exit(0)  # not sys.exit: the reader thread still waits for stdin, which would disturb Python's own shutdown
