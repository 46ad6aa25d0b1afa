"""What is kept of voices, and how work is spread over cores."""

import time

import numpy as np
import pytest
import torch

from model_runtime import cores
from model_runtime.memory import Memory, digest


def test_what_was_asked_for_last_is_kept_within_its_limit():
    made, memory = [], Memory(limit=3 * 8000)
    ask = lambda key: memory.recall(key, lambda: made.append(key) or np.zeros(1000))
    for key in "abcaab":
        ask(key)
    assert made == ["a", "b", "c"]
    ask("d")
    assert made == ["a", "b", "c", "d"] and list(memory.kept) == ["a", "b", "d"], "c was asked for least lately"
    ask("c")
    assert made[-1] == "c"
    assert len(memory.recall("larger than all", lambda: np.zeros(9999))) == 9999 and len(memory.kept) == 1


def test_what_could_not_be_had_is_asked_for_again():
    memory = Memory()
    assert memory.recall("x", lambda: None) is None
    assert memory.recall("x", lambda: 3) == 3 and memory.recall("x", lambda: 4) == 3


def test_files_are_told_apart_by_what_is_in_them(tmp_path):
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).write_text(text)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


@pytest.mark.parametrize("count", (1, 3))
def test_work_comes_back_in_order_whoever_does_it(monkeypatch, count):
    monkeypatch.setattr(cores, "free", lambda: count)
    slower_first = lambda number: (time.sleep(0.02 * (3 - number)), number, torch.get_num_threads())[1:]
    found = list(cores.spread(slower_first, range(3)))
    assert [number for number, _ in found] == [0, 1, 2] and (count == 1 or all(threads == 1 for _, threads in found))


def test_a_failure_of_a_part_is_raised_and_the_rest_is_not_begun(monkeypatch):
    monkeypatch.setattr(cores, "free", lambda: 2)
    begun = []

    def do(number):
        begun.append(number)
        time.sleep(0.01)
        if number == 0:
            raise ValueError
        return number

    with pytest.raises(ValueError):
        list(cores.spread(do, range(100)))
    assert len(begun) < 50


def test_free_cores_are_those_that_nobody_else_uses(monkeypatch):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.setattr(cores, "_since", [])
    for load, free in ((0.0, 4), (1.2, 3), (9.0, 1)):
        monkeypatch.setattr(cores.os, "getloadavg", lambda load=load: (load, 0, 0), raising=False)
        assert cores.free() == free
