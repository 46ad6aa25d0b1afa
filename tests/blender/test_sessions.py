"""Random sessions of artists, in every Blender that the project names (tests/blender/sessions.py); UTTER_EXAMPLES=200 plays 200."""

import os
import sys

import numpy as np
import pytest

from model_runtime.flame import bundle
from model_runtime.flame.load import load_head
from tests.blender import blender

SESSIONS = int(os.environ.get("UTTER_EXAMPLES", 3))


@pytest.mark.parametrize("version", blender.VERSIONS)
def test_faces_settings_and_takes_are_what_they_should_be(version, tmp_path, monkeypatch):
    monkeypatch.setenv("UTTER_PYTHON", sys.executable)  # the worker runs on the tests' own Python, whatever Blender's is
    bundle.write_bundle(load_head(), tmp_path / "head.npz", np.zeros(300))
    told = blender.run(
        """
        import json, sys
        import addon
        addon.register()
        from addon.work import jobs
        from tests.blender import sessions
        told = [sessions.play(seed, sys.argv[1]) for seed in range(int(sys.argv[2]))]
        jobs.stop()
        print(json.dumps([text for text in told if text]))
        """,
        tmp_path / "head.npz",
        SESSIONS,
        python=blender.python_of(version),
        timeout=120 + 20 * SESSIONS,
    )
    assert not told, "\n\n".join(told)
