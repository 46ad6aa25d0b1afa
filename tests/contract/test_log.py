"""The log file: it grows to a limit, and where it cannot be written nothing else suffers."""

import logging
from contextlib import contextmanager

import pytest

from contract import LogFile


@contextmanager
def logger(file):
    logger = logging.getLogger("utter-test")
    logger.addHandler(file)
    logger.propagate = False  # pytest would hand the lines on to another process, which cannot take lone surrogates
    try:
        yield logger
    finally:
        logger.propagate = True
        logger.removeHandler(file)
        file.close()


def test_three_files_at_most(tmp_path):
    path = tmp_path / "Päckchen" / "utter.log"
    file = LogFile(path)
    with logger(file) as log:
        assert not path.parent.exists(), "made with the first line"
        for number in range(400):
            log.error("%d 声 \udc80 %s", number, 10_000 * "x")
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["utter.log", "utter.log.1", "utter.log.2"]
    assert all(file.stat().st_size <= 1_000_000 for file in files)
    assert "ERROR 399 声" in path.read_text(encoding="utf-8") and not file.broken


@pytest.mark.parametrize("console", (True, False))
def test_a_place_that_cannot_be_written(tmp_path, capsys, console):
    (tmp_path / "taken").touch()
    file = LogFile(tmp_path / "taken" / "utter.log", console)
    with logger(file) as log:
        log.error("the graphics card went away")
    assert file.broken and ("the graphics card went away" in capsys.readouterr().err) == console


def test_what_cannot_be_renamed_is_written_on(tmp_path, monkeypatch):
    file = LogFile(tmp_path / "utter.log")

    def refuse(*_):
        raise PermissionError("open in another Blender")

    monkeypatch.setattr(file, "rotate", refuse)
    with logger(file) as log:
        for number in range(150):
            log.error("%d %s", number, 10_000 * "x")
    assert not file.broken and "ERROR 149" in (tmp_path / "utter.log").read_text(encoding="utf-8")
