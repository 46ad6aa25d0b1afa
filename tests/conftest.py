"""Which tests the quick loop leaves out, and what holds for all of them."""

import os
from pathlib import Path

import pytest

# Our networks and heads are small: threads would wait for each other longer than they compute, on a busy machine by far.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TESTS = Path(__file__).parent
FOLDERS = {"blender": "blender", "gui": "blender", "model_runtime/training": "training"}  # folder -> what its tests are marked
TOGETHER = ("blender", "tools")  # folders whose files share what takes long: a Blender to install, a head to sculpt


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        for folder, mark in FOLDERS.items():
            if place.startswith(folder + "/"):
                item.add_marker(getattr(pytest.mark, mark))
        shared = next((folder for folder in TOGETHER if place.startswith(folder + "/")), place)
        item.add_marker(pytest.mark.xdist_group(shared))  # what one process runs, one after another
