"""The client against a worker that dies, babbles, is deaf, or speaks another version."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from addon.work import client
from contract import PROTOCOL

ROOT = Path(__file__).resolve().parents[2]
FAKE = str(Path(__file__).with_name("fake_worker.py"))


@pytest.fixture
def start(tmp_path):
    workers = []

    def make(*arguments, python=sys.executable, paths=()):
        workers.append(client.Worker(python, tmp_path, tmp_path / "log" / "worker.log", paths, (FAKE, *arguments)))
        return workers[-1]

    yield make
    for worker in workers:
        worker.kill()


def collect(worker, until, timeout=20.0):
    """Poll until an event of one of these kinds came; returns all events."""
    events, deadline = [], time.monotonic() + timeout
    while not any(event["event"] in until for event in events):
        assert time.monotonic() < deadline, f"none of {until} within {timeout} s, only {events[-3:]}"
        events += worker.poll()
        time.sleep(0.01)
    return events


def perform(worker, voice="a.wav"):
    return worker.request("perform", voice=voice, output="out.npz")


def test_result_and_progress_pass_through_stray_prints(start):
    worker = start()
    job = perform(worker, "Stimme – 声.wav")
    events = collect(worker, {"result"})
    assert events[0]["event"] == "ready" and worker.hello["protocol"] == PROTOCOL
    progress = [e for e in events if e["event"] == "progress"]
    assert [e["stage"] for e in progress] == ["Zuhören …"] * 4
    assert [e["fraction"] for e in progress] == [0, 0.25, 0.5, 0.75]
    assert events[-1]["id"] == job and events[-1]["output"] == "out.npz"


def test_error_names_the_job_and_the_worker_lives_on(start):
    worker = start()
    job = perform(worker, "böse bad.wav")
    error = collect(worker, {"error"})[-1]
    assert error["id"] == job and error["message"] == "böse bad.wav holds no sound; choose a recording."
    perform(worker)
    assert collect(worker, {"result", "died"})[-1]["event"] == "result"


def test_a_missing_package_is_said_with_its_interpreter(start):
    worker = start()
    perform(worker, "torchless.wav")
    message = collect(worker, {"error"})[-1]["message"]
    assert message.startswith(f"{sys.executable} lacks torch;") and "preferences" in message


def test_death_is_one_sentence_and_the_next_request_starts_another(start):
    worker = start()
    perform(worker, "die.wav")
    died = collect(worker, {"died"})[-1]
    assert died["message"].count(".") == 1 and "status 7" in died["message"] and died["unexpected"]
    assert "the graphics card went away" in died["detail"]
    assert "the graphics card went away" in worker.log.read_text(encoding="utf-8")
    assert not worker.alive and worker.poll() == []
    perform(worker)
    assert collect(worker, {"result"})


def test_killed_from_outside_mid_job(start):
    worker = start()
    perform(worker, "slow.wav")
    pid = next(e for e in collect(worker, {"progress"}) if e["event"] == "ready")["pid"]
    os.kill(pid, signal.SIGTERM)
    events = collect(worker, {"died"})
    assert not any(e["event"] == "result" for e in events)


def test_a_worker_without_requirements_says_which(start, tmp_path):
    script = tmp_path / "needy.py"
    script.write_text("import no_such_package_here")
    worker = client.Worker(sys.executable, tmp_path, tmp_path / "w.log", (), (str(script),))
    worker.start()
    assert "lacks no_such_package_here" in collect(worker, {"died"})[-1]["message"]


@pytest.mark.parametrize("hidden", [["scipy"], ["scipy", "torch"], ["torch", "diffusers", "safetensors"]])
def test_the_real_worker_names_all_that_is_missing(tmp_path, hidden):
    """Whether it dies of it (scipy, when it starts) or with the first job."""
    (tmp_path / "start.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "class Finder:\n"
        f"    find_spec = lambda name, *rest: None if name in {hidden} else Path.find_spec(name, *rest)\n"
        "Path = sys.meta_path[-1]\n"
        "sys.meta_path[-1] = Finder\n"
        "from model_runtime.worker import main\n"
        "main('cpu')\n"
    )
    worker = client.Worker(sys.executable, tmp_path, tmp_path / "w.log", (), (str(tmp_path / "start.py"),))
    worker.request("perform", voice=str(ROOT / "blender_assets" / "voices" / "pie.flac"), output=str(tmp_path / "out.npz"))
    message = collect(worker, {"died", "error"}, timeout=60)[-1]["message"]
    worker.kill()
    named = message.partition(" lacks ")[2].partition(";")[0].split(", ")
    assert sorted(named) == sorted(hidden) and "\n" not in message


def test_cancel_is_heard(start):
    worker = start()
    job = perform(worker, "slow.wav")
    collect(worker, {"progress"})
    worker.cancel(job)
    assert collect(worker, {"cancelled"})[-1]["id"] == job
    assert worker.alive


def test_a_deaf_worker_is_killed_and_still_cancelled(start):
    worker = start()
    job = perform(worker, "slow deaf.wav")
    collect(worker, {"progress"})
    worker.cancel(job)
    events = collect(worker, {"cancelled"})
    assert events[-1] == {"event": "cancelled", "id": job}
    assert not worker.alive and worker.poll() == []
    perform(worker)
    assert collect(worker, {"result"})[-1]["id"] != job


def test_another_protocol_is_refused(start):
    worker = start("future")
    perform(worker)
    died = collect(worker, {"died"})[-1]
    assert "newer protocol (4)" in died["message"] and not worker.alive


def test_no_greeting_is_a_death(start, monkeypatch):
    monkeypatch.setattr(client, "HELLO_GRACE", 0.3)
    worker = start("mute")
    worker.start()
    assert "did not answer" in collect(worker, {"died"})[-1]["message"]


@pytest.mark.parametrize("python", ["/no/such/python", "."])
def test_an_interpreter_that_cannot_start(start, python):
    with pytest.raises(client.UtterError, match="choose the runtime Python"):
        perform(start(python=python))


def test_environment(start, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/wrong")
    monkeypatch.setenv("PYTHONPATH", "/of/another/tool")
    worker = start(paths=[tmp_path / "Päckchen"])
    worker.cache = tmp_path / "cache"
    worker.request("environment")
    answer = collect(worker, {"result"})[-1]
    assert str(tmp_path) in answer["path"] and str(tmp_path / "Päckchen") in answer["path"]
    assert "/of/another/tool" not in answer["path"] and answer["home"] == "1"
    assert answer["cache"] == str(tmp_path / "cache")


def test_shutdown_ends_the_process(start):
    worker = start()
    worker.start()
    collect(worker, {"ready"})
    worker.shutdown()
    assert not worker.alive and worker.poll() == []


def test_a_log_that_cannot_be_written_stops_nothing(start, tmp_path):
    (tmp_path / "log").touch()  # where its folder should be
    worker = start()
    perform(worker)
    assert collect(worker, {"result", "died"})[-1]["event"] == "result"


def test_two_blenders_keep_one_log(start):
    one, other = start(), start()
    for worker, voice in ((one, "die.wav"), (other, "die.wav"), (one, "die.wav")):
        perform(worker, voice)
        collect(worker, {"died"})
    assert one.log.read_text(encoding="utf-8").count("the graphics card went away") == 3
