"""Run scripts inside Blender's Python module (bpy), each in a process of its own: a crash or a leak stays there."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from filelock import FileLock

import build

ROOT = Path(build.ROOT)
OWN = build.requirements()["project"]["optional-dependencies"]["blender"][0].partition("==")[2]  # in the tests' own .venv
OTHERS = build.requirements()["tool"]["utter"]["bpy"]  # version -> the Python it needs
VERSIONS = sorted([OWN, *OTHERS])
ENDS = tuple(version for version in VERSIONS if version in (VERSIONS[0], OWN, VERSIONS[-1]))  # those between do nothing that these do not
SECONDS = {}  # (scene module, version) -> {scene: processor seconds}


def python_of(version):
    """Path of a Python with that bpy; makes .venv-bpy-VERSION the first time. Skips the test where its Python is missing."""
    if version == OWN:
        return sys.executable
    if build.find_python(OTHERS[version]) is None:
        pytest.skip(f"Blender {version} needs Python {OTHERS[version]}, which this machine lacks")
    with FileLock(ROOT / f".venv-bpy-{version}.lock"):  # the tests run in several processes
        python = build.make_venv(ROOT / f".venv-bpy-{version}", OTHERS[version])
        build.install(python, [f"bpy=={version}"])
    return python


def run(script, *arguments, python=None, timeout=300):
    """Run Python source with bpy at hand and `addon` importable; returns what its last stdout line holds, as JSON.

    arguments reach the script as sys.argv[1:]. Fails the test with the script's own output if it fails.
    """
    # bpy may crash on the way out, after the work is done (its libraries unload in any order): leave by the short door.
    source = textwrap.dedent(script) + "\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python or sys.executable, "-c", source, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        env=environment,
        cwd=ROOT,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    lines = done.stdout.strip().splitlines()
    try:
        return json.loads(lines[-1]) if lines else None
    except ValueError:
        return None


def play(scenes, version, *arguments, timeout=300):
    """Run every function of the module `scenes` (a name under tests.blender) whose name starts with "scene_", in one process with
    that bpy, each in an empty file; returns {name: "" or the traceback}. Blender starts once however many scenes there are. One that is
    marked as @once (tests/blender/marks.py) is played on the tests' own Blender alone.
    SECONDS keeps how long each took."""
    told = run(
        f"""
        import inspect, json, traceback
        import bpy
        from tests import processor
        from tests.blender import {scenes}
        told, seconds = {{}}, {{}}
        for name, scene in inspect.getmembers({scenes}, inspect.isfunction):
            if name.startswith("scene_") and ({version == OWN} or not getattr(scene, "once", False)):
                began = processor.seconds()
                bpy.ops.wm.read_factory_settings(use_empty=True)
                try:
                    scene()
                    told[name] = ""
                except Exception:
                    told[name] = traceback.format_exc()
                seconds[name] = processor.seconds() - began
        print(json.dumps([told, seconds]))
        """,
        *arguments,
        python=python_of(version),
        timeout=timeout,
    )
    SECONDS[scenes, version] = told[1]
    return told[0]


def play_with_worker(scenes, version, *arguments):
    """As play(), of scenes in which the worker runs: on the tests' own Python, whatever Blender's is."""
    os.environ["UTTER_PYTHON"] = sys.executable
    try:
        return play(scenes, version, *arguments)
    finally:
        del os.environ["UTTER_PYTHON"]


def scenes_of(scenes, version=OWN):
    """The names of a scene module's functions that a Blender plays; the tests' own plays all."""
    source = (ROOT / "tests" / "blender" / f"{scenes}.py").read_text(encoding="utf-8")
    return [name for once, name in re.findall(r"^(@once\n)?def (scene_\w+)", source, re.MULTILINE) if version == OWN or not once]


def each(scenes, versions=VERSIONS):
    """Parametrize a test with the Blenders (`version`) and what each of them plays of a scene module (`scene`)."""
    return pytest.mark.parametrize(("version", "scene"), [(version, name) for version in versions for name in scenes_of(scenes, version)])
