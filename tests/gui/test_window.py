"""A windowed Blender: the panel, the button, the keys. Looks at out/gui/*/VERSION/*.png are part of a review."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import zip as zip_tool

ROOT = Path(__file__).resolve().parents[2]
GUI = ROOT.parent / "shared" / "gui" / "blender-gui"
FOLDERS = {"4.3": "trixie", "5.2": "sid"}


def played(script, version, installed=False):
    """Play a script of this folder in a window of that Blender: what it noted as facts, and the names of its pictures. installed: it
    installs the extension, else it enables the checkout's add-on."""
    home = Path(os.environ.get("BLENDER_GUI_HOME", "/var/tmp/blender-gui"))
    if not GUI.exists():
        pytest.skip("../shared/gui/blender-gui is not here")
    if not (home / FOLDERS[version] / ".ready").exists():
        pytest.skip(f"Blender {version} is not set up: run {GUI} setup {version}")
    out = ROOT / "out" / "gui" / script / version
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    archive = {"UTTER_ZIP": f"/out/{zip_tool.build(out).name}"} if installed else {"UTTER_PYTHON": "/opt/site/bin/python3"}
    environment = dict(os.environ, BLENDER_USER_RESOURCES="/out/user", **archive)
    run = subprocess.run(
        [GUI, "run", version, "-o", out, "--python-exit-code", "1", "--python", f"/project/tests/gui/{script}.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    shutil.rmtree(out / "user", ignore_errors=True)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return json.loads((out / "facts.json").read_text()), sorted(picture.name for picture in out.glob("*.png"))


@pytest.mark.parametrize("version", FOLDERS)
def test_perform_in_a_window(version):
    facts, pictures = played("window", version, installed=True)
    assert facts["keys"] > 20, "the performance moves no shape keys"
    assert facts["actions_before"] == 0 and facts["actions_after_undo"] == 0, "one undo step takes a performance back"
    assert facts["actions_after_redo"] == facts["actions_after_cancel"] > 0
    assert facts["cancel_message"] == "Cancelled; nothing was changed."
    assert facts["pins"] == ["BREAKDOWN"]
    before, less, half, after = facts["finished"]
    assert before == after > less > half, "a slider of Finish, and back"
    assert facts["pictured"], "a take has a picture"
    assert [after - before for before, after in zip(facts["before"], facts["after"])] == [-9, -9], "a passage is dragged by its band"
    assert facts["made"] and all("pie.flac" in made for made in facts["made"])
    assert len(pictures) == 12


@pytest.mark.parametrize("version", FOLDERS)
def test_heads_of_others_in_a_window(version):
    facts, pictures = played("character", version)
    assert "VRM 1.0" in facts["known"]["Face"] and facts["use_selected"] == ["FINISHED"]
    assert facts["keys"] == [9, 3, 3], "no key was added, and all meshes move"
    assert len(facts["shut"]) >= 8 and max(facts["shut"]) < 0.03, "lips are shut in m, b and p"
    assert facts["points"] == 14 and facts["made"] >= 50, "shapes are made for a head without"
    assert "no line between two lips" in facts["refused"] and facts["places"] == ["Face: Look Here"] and facts["unchanged"]
    assert len(pictures) == 7
