"""Processor seconds of tests, for `build.py test --processor 40`: on a machine that others use, too, the clock tells little."""

import collections
import os
from pathlib import Path


def seconds():
    """Processor seconds of this process and its children so far, ended or (on Linux) living."""
    return sum(os.times()[:4]) + sum(map(_living, _children(os.getpid())))


def _children(process):
    try:
        return [int(child) for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()]
    except OSError:  # no Linux, or it ended in between
        return []


def _living(process):
    """Seconds of a process, its ended children and its living ones."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + sum(map(_living, _children(process)))


def table(reports, rows):
    """Lines that say which files, tests and scenes took most, of reports whose user_properties hold "processor" and "scene" seconds.

    A scene's seconds are its own; they are in those of the first test of its file and Blender, which plays all."""
    files, tests, scenes = collections.Counter(), collections.Counter(), collections.Counter()
    for report in reports:
        told = dict(report.user_properties)
        files[report.nodeid.partition("::")[0]] += told.get("processor", 0.0)
        tests[report.nodeid] += told.get("processor", 0.0)
        if "scene" in told:
            scenes[report.nodeid] += told["scene"]
    yield f"{files.total():8.1f} s  in all"
    for name, counted in (("files", files), ("tests", tests), ("scenes", scenes)):
        yield f"-- {name}, {counted.total():.1f} s"
        yield from (f"{spent:8.1f} s  {what}" for what, spent in counted.most_common(rows))
