"""The zip that is shipped, installed in bpy as an artist installs it."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from tests.blender import blender
from tools import zip as zip_tool

INSTALLED = """
    import json, os, sys, time
    import bpy
    import numpy
    bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
    import importlib
    room = "bl_ext.user_default.utter.addon."
    paths, bake, rigs = (importlib.import_module(room + name) for name in ("work.paths", "animation.bake", "rigs"))
    told = {"torch": "torch" in sys.modules, "runtime": [m for m in sys.modules if m.startswith("model_runtime")],
            "root": str(paths.ROOT), "preferences": paths.get() is not None, "folder": str(paths.folder())}
    bpy.ops.utter.add_head()
    head = bpy.context.scene.utter.head
    head.utter.quality = "draft"
    head.utter.voice = str(paths.ROOT / "blender_assets" / "voices" / "pie.flac")
    bpy.ops.utter.perform()
    values = bake.sample(rigs.rig_of(head), range(1, 78))
    told["moving"] = int((values.std(axis=0) > 1e-3).sum())
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.utter")
    told["left"] = [name for name in dir(bpy.types) if name.startswith("UTTER_")] + dir(bpy.ops.utter)
    told["worker"] = importlib.import_module(room + "work.jobs").worker is not None
    print(json.dumps(told), flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module", params=blender.VERSIONS)
def told(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    archive = zip_tool.build(folder)
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "user"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    if request.param != blender.OWN:
        environment["UTTER_PYTHON"] = sys.executable  # the other Blenders' environments hold bpy alone
    run = subprocess.run(
        [blender.python_of(request.param), "-c", textwrap.dedent(INSTALLED), str(archive)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    return json.loads(run.stdout.strip().splitlines()[-1])


def test_enabling_imports_nothing_that_computes(told):
    assert not told["torch"] and not told["runtime"]


def test_it_performs_from_where_it_is_installed(told):
    assert "user_default" in told["root"] and str(blender.ROOT) not in told["root"]
    assert told["moving"] > 30


def test_it_is_an_extension_with_preferences_and_files_of_its_own(told):
    assert told["preferences"] and told["folder"].endswith("utter") and ".user" in told["folder"]


def test_disabling_leaves_nothing_behind(told):
    assert told["left"] == [] and not told["worker"]
