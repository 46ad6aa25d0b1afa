"""A worker that answers as docs/protocol.md says but computes nothing; what it does wrong is chosen by the voice's or the film's name."""

import json
import os
import sys
import threading
import time

cancelled = set()


def send(event, **fields):
    sys.stdout.buffer.write(json.dumps({"event": event, **fields}, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


def perform(job, voice, output):
    if "die" in voice:
        print("RuntimeError: the graphics card went away", file=sys.stderr, flush=True)
        os._exit(7)
    if "torchless" in voice:
        send("error", id=job, message="Something unexpected went wrong.", detail="ModuleNotFoundError: No module named 'torch.nn'")
        return
    if "bad" in voice:
        send("error", id=job, message=f"{voice} holds no sound; choose a recording.", detail="")
        return
    steps = 400 if "slow" in voice else 4
    for step in range(steps):
        if job in cancelled and "deaf" not in voice:
            send("cancelled", id=job)
            return
        print("Loading weights: 100%|##########|")  # a library's stray print
        print(json.dumps([1, 2]), json.dumps("three"), sep="\n", flush=True)
        send("progress", id=job, stage="Zuhören …", fraction=step / steps)
        time.sleep(0.03)
    send("result", id=job, output=output, frames=30, fps=30.0, basis="b", seconds=0.1)


for line in sys.stdin.buffer:
    request = json.loads(line)
    kind = request["request"]
    if kind == "hello":
        if "mute" not in sys.argv:
            send("hello", protocol=4 if "future" in sys.argv else 3, version="0", device="cpu", pid=os.getpid())
    elif kind in ("perform", "capture"):
        told = request["id"], request.get("voice") or request["film"], request["output"]
        threading.Thread(target=perform, args=told, daemon=True).start()
    elif kind == "cancel":
        cancelled.add(request["id"])
    elif kind == "shutdown":
        send("bye")
        break
    elif kind == "environment":
        send("result", id=request["id"], path=sys.path, home=os.environ.get("PYTHONNOUSERSITE"), cache=os.environ.get("UTTER_CACHE"))
