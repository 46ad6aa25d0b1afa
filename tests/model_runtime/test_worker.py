"""The worker over its real pipes: what Blender sees."""

import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
import soundfile

from contract import PROTOCOL
from model_runtime.flame.load import load_head
from model_runtime.motion import Motion, load_motion, save_motion

ROOT = Path(__file__).resolve().parents[2]


NO_TORCH = """
import sys

class NoTorch:
    def find_spec(name, *rest):
        if name == "torch":
            raise ImportError(name)

sys.meta_path.insert(0, NoTorch)
"""


class Talk:
    """A worker process and its events."""

    def __init__(self, prelude=""):
        code = prelude + "\nfrom model_runtime.worker import main; main('cpu')"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.events = Queue()
        self.errors = []
        threading.Thread(target=lambda: [self.events.put(json.loads(line)) for line in self.process.stdout], daemon=True).start()
        self.reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def send(self, **request):
        self.write(json.dumps(request))

    def write(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, *kinds, timeout=120):
        """(the event of one of those kinds, the events before it)"""
        before = []
        while True:
            event = self.events.get(timeout=timeout)
            if event["event"] in kinds:
                return event, before
            before.append(event)


@pytest.fixture
def talk():
    talk = Talk()
    yield talk
    talk.process.kill()
    talk.process.wait()


def test_hello_and_shutdown(talk):
    talk.send(request="hello")
    event, _ = talk.wait("hello")
    assert event["protocol"] == PROTOCOL and event["pid"] == talk.process.pid
    talk.send(request="shutdown")
    talk.wait("bye")
    assert talk.process.wait(10) == 0


def test_head_needs_no_torch(tmp_path):
    talk = Talk(NO_TORCH)
    talk.send(request="head", id=1, head=None, output=str(tmp_path / "bundle.npz"))
    event, _ = talk.wait("result", "error")
    assert event["event"] == "result", event
    with np.load(event["output"]) as bundle:
        assert bundle["key_deltas"].shape == (len(bundle["key_names"]), len(bundle["vertices"]), 3)
        assert {"Exp1", "jaw_x", "lid_left"} <= set(bundle["key_names"])
        plain = bundle["vertices"]
    talk.send(request="head", id=2, head=None, output=str(tmp_path / "other.npz"), identity=[1.0] + [0.0] * 299)
    event, _ = talk.wait("result", "error")
    with np.load(event["output"]) as bundle:
        assert 0.001 < np.abs(bundle["vertices"] - plain).max() < 0.05
    for number, wrong in enumerate(([1.0], ["x"] * 300, [float("nan")] * 300, "seed"), 3):
        talk.send(request="head", id=number, head=None, output=str(tmp_path / "wrong.npz"), identity=wrong)
        event, _ = talk.wait("result", "error")
        assert event["event"] == "error" and "300 numbers" in event["message"], event
    talk.process.kill()


@pytest.mark.slow
def test_perform_with_progress(talk, short_voice, tmp_path):
    output = tmp_path / "m.npz"
    talk.send(request="perform", id=7, voice=str(short_voice), output=str(output), quality="draft", seed=3)
    event, before = talk.wait("result", "error")
    assert event["event"] == "result", event
    fractions = [e["fraction"] for e in before if e["event"] == "progress"]
    assert len(fractions) > 5 and fractions == sorted(fractions) and fractions[-1] > 0.9
    motion = load_motion(output)
    assert len(motion.values) == event["frames"] == 60 and motion.seed == 3
    assert set(event["readings"]) == {""} and set(event["readings"][""]) == {"emotion", "strength", "arousal", "control"}


@pytest.mark.slow
def test_capture_with_progress_and_what_is_seen_meanwhile(talk, tmp_path):
    (tmp_path / "take.csv").write_text("time,jawOpen,browInnerUp\n" + "".join(f"{frame / 60},0,0.5\n" for frame in range(60)))
    np.savez(tmp_path / "onto.npz", motion=np.zeros((1, 65), np.float32), fps=30.0, basis="")
    talk.send(request="capture", id="c", film=str(tmp_path / "take.csv"), output=str(tmp_path / "m.npz"), onto=str(tmp_path / "onto.npz"))
    event, before = talk.wait("result", "error")
    assert event["event"] == "result" and event["frames"] == 30 and event["fps"] == 30 and "lacks" in event["notes"][0], event
    assert next(e["stage"] for e in before if e["event"] == "progress") == "Looking for a face"
    motion = load_motion(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as arrays:
        np.testing.assert_allclose(arrays["shown"], motion.values, atol=0.02)
    talk.send(request="capture", id="d", film=str(tmp_path / "gone.mp4"), output=str(tmp_path / "n.npz"))
    event, _ = talk.wait("result", "error")
    assert event["id"] == "d" and "gone.mp4 does not exist" in event["message"] and not (tmp_path / "n.npz").exists()


def test_export_of_face_actions(talk, tmp_path):
    save_motion(Motion(np.zeros((31, 65), np.float32), 30.0, load_head().basis), tmp_path / "m.npz")
    talk.send(request="export", id="e", motion=str(tmp_path / "m.npz"), output=str(tmp_path / "m.csv"), fps=24)
    event, _ = talk.wait("result", "error")
    assert event["event"] == "result" and event["frames"] == 31, event
    assert len((tmp_path / "m.csv").read_text().splitlines()) == 1 + 25
    for fields, told in (({"output": "m.txt"}, "choose another name"), ({"output": "n.csv", "fps": 23}, "Frame Rate is 24")):
        talk.send(request="export", id="f", motion=str(tmp_path / "m.npz"), **{**fields, "output": str(tmp_path / fields["output"])})
        event, _ = talk.wait("result", "error")
        assert event["event"] == "error" and told in event["message"] and not (tmp_path / fields["output"]).exists()


@pytest.mark.slow
def test_stray_prints_and_nonsense_never_break_the_channel(short_voice, tmp_path):
    talk = Talk(
        "import os, model_runtime.audio as a; load = a.load_voice\n"
        "def noisy(path):\n  print('noise'); os.write(1, b'raw noise\\n'); return load(path)\n"
        "a.load_voice = noisy"
    )
    for line in ("", "not json", "[1, 2]", '{"no": "request"}', '"text"'):
        talk.write(line)
        event, _ = talk.wait("error")
        assert event["id"] is None
    talk.send(request="dance", id=2)
    event, _ = talk.wait("error")
    assert event["id"] == 2 and "dance" in event["message"]
    talk.send(request="perform", id=3, voice=str(short_voice), output=str(tmp_path / "m.npz"), quality="draft")
    event, _ = talk.wait("result", "error")
    assert event["event"] == "result" and (tmp_path / "m.npz").exists()
    talk.process.kill()


@pytest.mark.slow
def test_cancel_writes_nothing_and_the_next_job_runs(talk, sample, short_voice, tmp_path):
    samples, rate = soundfile.read(sample)
    long = tmp_path / "long.wav"
    soundfile.write(long, np.tile(samples, 12), rate)
    talk.send(request="perform", id=1, voice=str(long), output=str(tmp_path / "long.npz"))
    talk.send(request="perform", id=2, voice=str(short_voice), output=str(tmp_path / "short.npz"), quality="draft")
    while talk.wait("progress")[0]["fraction"] < 0.3:
        pass
    talk.send(request="cancel", id=1)
    event, _ = talk.wait("cancelled", "result")
    assert event == {"event": "cancelled", "id": 1}
    event, _ = talk.wait("result")
    assert event["id"] == 2
    assert [p.name for p in tmp_path.glob("*.npz")] == ["short.npz"]


def test_bad_voice_is_one_sentence(talk, bad_voices, sample, tmp_path):
    for what, path in bad_voices.items():
        talk.send(request="perform", id=what, voice=str(path), output=str(tmp_path / "m.npz"))
        event, _ = talk.wait("result", "error")
        assert event["event"] == "error" and event["id"] == what, what
        assert event["message"].endswith(".") and "\n" not in event["message"] and "Traceback" not in event["message"]
        assert "unexpected" not in event["message"], event
    talk.send(request="perform", id="encoder", voice=str(sample), output=str(tmp_path / "m.npz"), encoder=str(tmp_path / "gone"))
    event, _ = talk.wait("result", "error")
    assert event["event"] == "error" and "gone does not exist; choose the folder of a model." in event["message"]
    assert not list(tmp_path.iterdir())


def test_the_log_has_a_line_for_each_request_and_the_traceback_of_a_defect(bad_voices, tmp_path):
    talk = Talk("import model_runtime.flame.bundle as b\ndef write_bundle(*_):\n  raise KeyError('grün')\nb.write_bundle = write_bundle")
    talk.send(request="hello")
    talk.send(request="head", id=1, output=str(tmp_path / "bundle.npz"))
    event, _ = talk.wait("error")
    assert event["unexpected"] and event["message"] == "Something unexpected went wrong (KeyError: 'grün')."
    talk.send(request="perform", id=2, voice=str(bad_voices["text"]), output=str(tmp_path / "m.npz"))
    event, _ = talk.wait("error")
    assert "unexpected" not in event
    talk.send(request="shutdown")
    talk.process.wait(10)
    talk.reader.join(10)
    lines = b"".join(talk.errors).decode().splitlines()
    told = [line.split(" ", 2)[2] for line in lines if re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", line)]
    assert re.fullmatch(r"INFO hello None after \d\.\d{3} s: done", told[0]) and told[1] == "ERROR head 1", told
    assert re.fullmatch(r"INFO head 1 after \d+\.\d{3} s: failed", told[2])
    assert re.fullmatch(r"INFO perform 2 after \d+\.\d{3} s: refused: .*text\.wav.*", told[3]) and len(told) == 4, told
    assert "Traceback (most recent call last):" in lines and "KeyError: 'grün'" in lines


def test_ends_when_blender_is_gone(talk, sample, tmp_path):
    talk.send(request="perform", id=1, voice=str(sample), output=str(tmp_path / "m.npz"))
    talk.wait("progress")
    talk.process.stdin.close()
    assert talk.process.wait(15) == 0
