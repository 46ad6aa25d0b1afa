"""Which tests the quick loop leaves out, and what holds for all of them."""

import os
import re
from pathlib import Path

import pytest

from tests import processor

# Our networks and heads are small: threads would wait for each other longer than they compute, on a busy machine by far.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TESTS = Path(__file__).parent
BEGAN = pytest.StashKey[float]()
FOLDERS = {
    "blender": "blender",
    "golden": "blender",
    "gui": "blender",
    "model_runtime/training": "training",
}  # folder -> what its tests are marked
TOGETHER = ("tests/tools/",)  # whose files share what takes long: a head to sculpt
FIRST = ("tools", "golden", "gui", "model_runtime/training", "blender")  # begin first: they take minutes, and none is left alone in the end


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: next((n for n, folder in enumerate(FIRST) if TESTS / folder in item.path.parents), len(FIRST)))
    for item in items:
        for folder, mark in FOLDERS.items():
            if TESTS / folder in item.path.parents:
                item.add_marker(getattr(pytest.mark, mark))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One process runs all tests of a file, so that its fixtures are made once, and all files of TOGETHER's folders; of a file whose tests
    run in several Blenders, those of one Blender."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            version = re.search(r"[\[-](\d+\.\d+\.\d+)[\]-]", test)
            return next((folder for folder in TOGETHER if file.startswith(folder)), file + (version[1] if version else ""))

    return ByFile(config, log)


def pytest_addoption(parser):
    parser.addoption("--processor", type=int, metavar="N", help="show the N files, tests and scenes that took most processor time")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """What a test takes, with the fixtures that are made for it."""
    item.stash[BEGAN] = processor.seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    if call.when == "teardown":
        item.user_properties.append(("processor", processor.seconds() - item.stash[BEGAN]))
    return (yield)


def pytest_terminal_summary(terminalreporter, config):
    if rows := config.getoption("processor"):
        reports = [report for found in terminalreporter.stats.values() for report in found if getattr(report, "when", "") == "teardown"]
        terminalreporter.section("processor seconds")
        for line in processor.table(reports, rows):
            terminalreporter.write_line(line)
