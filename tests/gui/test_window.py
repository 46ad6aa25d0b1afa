"""A windowed Blender: the panel, the button, the keys. Looks at out/gui/VERSION/*.png are part of a review."""

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


@pytest.mark.parametrize("version", FOLDERS)
def test_perform_in_a_window(version):
    home = Path(os.environ.get("BLENDER_GUI_HOME", "/var/tmp/blender-gui"))
    if not GUI.exists():
        pytest.skip("../shared/gui/blender-gui is not here")
    if not (home / FOLDERS[version] / ".ready").exists():
        pytest.skip(f"Blender {version} is not set up: run {GUI} setup {version}")
    out = ROOT / "out" / "gui" / version
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    archive = zip_tool.build(out)
    environment = dict(os.environ, UTTER_ZIP=f"/out/{archive.name}", BLENDER_USER_RESOURCES="/out/user")
    run = subprocess.run(
        [GUI, "run", version, "-o", out, "--python-exit-code", "1", "--python", "/project/tests/gui/window.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    shutil.rmtree(out / "user", ignore_errors=True)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    facts = json.loads((out / "facts.json").read_text())
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
    assert len(list(out.glob("*.png"))) == 12
