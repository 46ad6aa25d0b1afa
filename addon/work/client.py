"""The worker's other end: starts it, talks to it (docs/protocol.md), and survives its death. Knows nothing of Blender.

Two threads read the worker's pipes and do nothing but fill a queue; whoever calls poll() empties it on his own thread.
"""

import collections
import contextlib
import json
import logging
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal, NotRequired, TypedDict

from ..contract import (
    INSTALL,
    PROTOCOL,
    CancelledEvent,
    CaptureResult,
    ErrorEvent,
    HeadResult,
    LogFile,
    PerformResult,
    ProgressEvent,
    UtterError,
    check_protocol,
)

CANCEL_GRACE = 0.8  # seconds a worker may take to cancel before it is killed: the artist is promised one second
HELLO_GRACE = 120.0  # seconds for the first sign of life; a cold disk and a virus scanner are slow


class ReadyEvent(TypedDict):
    """The worker's greeting."""

    event: Literal["ready"]
    protocol: int
    version: str
    device: str
    pid: int


class DiedEvent(TypedDict):
    """The worker ended without being asked to."""

    event: Literal["died"]
    message: str  # one sentence
    detail: str  # its last words
    unexpected: NotRequired[bool]  # a defect, not something that the artist can mend


Event = ReadyEvent | ProgressEvent | HeadResult | PerformResult | CaptureResult | ErrorEvent | CancelledEvent | DiedEvent


class Worker:
    """One worker process.  request() and cancel() send, poll() returns what came back.

    python: path of the interpreter.  root: folder that contains model_runtime.  log: path of the log file.
    paths: further folders for its PYTHONPATH.  cache: where it keeps what it computed about heads.
    command: what to run instead of `-m model_runtime worker` (for tests).
    """

    def __init__(
        self,
        python: str | Path,
        root: str | Path,
        log: str | Path,
        paths: Sequence[str | Path] = (),
        command: Sequence[str] = ("-m", "model_runtime", "worker"),
        cache: str | Path | None = None,
    ) -> None:
        self.python, self.root, self.log, self.command = str(python), str(root), Path(log), command
        self.paths, self.cache = paths, cache
        self.hello: dict[str, Any] | None = None  # the greeting's fields, once it came
        self._process: subprocess.Popen[bytes] | None = None
        self._last_id = 0
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._tail: collections.deque[str] = collections.deque(maxlen=40)  # the last lines that it printed
        self._cancels: dict[str, float] = {}  # job -> when its worker is killed

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def cancelling(self) -> bool:
        """True while a cancelled job has not ended yet: go on calling poll()."""
        return self._process is not None and bool(self._cancels)

    def start(self) -> None:
        """Start the process, unless it runs. UtterError if the interpreter cannot be started."""
        if self.alive:
            return
        self.kill()
        self._events, self._tail, self._cancels = queue.SimpleQueue(), collections.deque(maxlen=40), {}
        self.hello, self._started = None, time.monotonic()
        try:
            self._process = subprocess.Popen(
                [self.python, *self.command],
                cwd=self.root,
                env=environment(self.root, self.paths, self.cache),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise UtterError(
                f"{self.python} cannot be started as Python; choose the runtime Python in Utter's preferences.", str(error)
            ) from error
        streams = threading.Thread(target=_read_log, args=(self._process.stderr, self.log, self._tail), daemon=True)
        streams.start()
        threading.Thread(target=_read_events, args=(self._process.stdout, self._events, self._tail, streams), daemon=True).start()
        self._send({"request": "hello", "protocol": PROTOCOL})

    def request(self, kind: str, **fields: Any) -> str:
        """Send a request and return its id; starts the worker where none runs."""
        self.start()
        self._last_id += 1
        self._send({"request": kind, "id": str(self._last_id), **fields})
        return str(self._last_id)

    def cancel(self, job: str) -> None:
        """Ask for the job's end: poll() gives its `cancelled` within a second, if need be by killing the worker."""
        if self.alive:
            self._cancels.setdefault(job, time.monotonic() + CANCEL_GRACE)
            self._send({"request": "cancel", "id": job})

    def poll(self) -> list[Event]:
        """Every event since the last call, without waiting: progress, result, error, cancelled, and two of our own:
        `ready` (the greeting) and `died` (message, detail), after which the next request starts a new worker. An error or death with
        `unexpected` is a defect, not something that the artist can mend."""
        events: list[Event] = []
        while self._process is not None:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                break
            events += self._receive(self._process, event)
        if self._process is not None and self.hello is None and time.monotonic() > self._started + HELLO_GRACE:
            self.kill()
            events.append(_died(f"{self.python} did not answer; choose the runtime Python in Utter's preferences."))
        for job, deadline in list(self._cancels.items()) if self._process is not None else ():
            if time.monotonic() > deadline:
                self.kill()
                return [*events, CancelledEvent(event="cancelled", id=job)]
        return events

    def kill(self) -> None:
        """End the process at once; no event comes from it any more."""
        process, self._process, self.hello = self._process, None, None
        if process is not None:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):  # what was still to be written has no reader
                if process.stdin is not None:
                    process.stdin.close()

    def shutdown(self, timeout: float = 2.0) -> None:
        """End the process in good order, or by force after timeout seconds."""
        if self._process is not None and self.alive:
            self._send({"request": "shutdown"})
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self.kill()

    def _send(self, message: dict[str, Any]) -> None:
        pipe = self._process.stdin if self._process is not None else None
        if pipe is not None:
            with contextlib.suppress(OSError, ValueError):  # it died: the reader's `died` event says so
                pipe.write(json.dumps(message).encode() + b"\n")
                pipe.flush()

    def _receive(self, process: subprocess.Popen[bytes], event: dict[str, Any]) -> list[Any]:
        kind = event["event"]
        if kind == "hello":
            if refusal := check_protocol(event.get("protocol"), "The worker"):
                self.kill()
                return [_died(refusal)]
            self.hello = event
            return [dict(event, event="ready")]
        if kind == "ended":  # the pipe closed without our asking
            status = process.wait()
            self.kill()
            told = explain(event["detail"], self.python)
            if told:
                return [_died(told, event["detail"])]
            told = f"The worker ended unexpectedly (status {status}); nothing was changed, try again."
            return [{**_died(told, event["detail"]), "unexpected": True}]
        if kind in ("result", "error", "cancelled"):
            self._cancels.pop(str(event.get("id")), None)
        if kind == "error":
            told = explain(str(event.get("detail", "")), self.python)
            event.update(message=told or event.get("message", "The worker failed."), unexpected=not told and bool(event.get("unexpected")))
        return [event] if kind != "bye" else []


def environment(root: str | Path, paths: Sequence[str | Path] = (), cache: str | Path | None = None) -> dict[str, str]:
    """The worker's environment: model_runtime from root, packages from paths, none from the artist's home."""
    variables = dict(os.environ)
    variables.pop("PYTHONHOME", None)
    variables.update(PYTHONPATH=os.pathsep.join([str(root), *map(str, paths)]), PYTHONNOUSERSITE="1", PYTHONUTF8="1", PYTHONUNBUFFERED="1")
    if cache:
        variables.setdefault("UTTER_CACHE", str(cache))
    return variables


def explain(detail: str, python: str) -> str | None:
    """A sentence for the failures that an artist can mend in the preferences, or None."""
    missing = dict.fromkeys(name.partition(".")[0] for name in re.findall("No module named '([^']+)'", detail))
    return f"{python} lacks {', '.join(missing)}; {INSTALL}." if missing else None


def _died(message: str, detail: str = "") -> DiedEvent:
    return DiedEvent(event="died", message=message, detail=detail)


def _read_events(
    stdout: IO[bytes], events: queue.SimpleQueue[dict[str, Any]], tail: collections.deque[str], streams: threading.Thread
) -> None:
    for line in stdout:
        try:
            event = json.loads(line)
            known = isinstance(event, dict) and isinstance(event.get("event"), str)
        except ValueError:
            known = False
        if known:
            events.put(event)
        elif line.strip():
            tail.append(line.decode("utf-8", "replace").rstrip())  # a library's stray print
    streams.join(1.0)  # its last words on stderr are the reason
    events.put({"event": "ended", "detail": "\n".join(tail)})


def _read_log(stream: IO[bytes], path: Path, tail: collections.deque[str]) -> None:
    """Everything that the worker says, into its log: other Blenders may write it, too, and where it cannot be written work goes on."""
    log = LogFile(path)
    log.setFormatter(logging.Formatter("%(message)s"))  # the worker's own lines
    for line in stream:
        text = line.decode("utf-8", "replace").rstrip()
        tail.append(text)
        log.handle(logging.makeLogRecord({"msg": text}))
    log.close()
