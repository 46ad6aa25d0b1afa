"""Files are written whole or not at all, whoever else writes there; names are printed on any console."""

import io
import os
import sys

import pytest

from contract import UtterError, beside, check_output, complain, own_folder, same_place, say


def test_two_machines_with_one_process_id_never_meet(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 2)
    with beside(tmp_path / "sub" / "a.txt") as one:
        with beside(tmp_path / "sub" / "a.txt") as other:
            one.write_text("one")
            other.write_text("other")
        assert (tmp_path / "sub" / "a.txt").read_text() == "other" and one.read_text() == "one"
    assert (tmp_path / "sub" / "a.txt").read_text() == "one" and [path.name for path in (tmp_path / "sub").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ValueError(), KeyboardInterrupt()])
def test_what_fails_leaves_the_earlier_file(tmp_path, error):
    (tmp_path / "a.txt").write_text("earlier")
    with pytest.raises(UtterError if isinstance(error, OSError) else type(error)), beside(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "earlier"


def test_a_name_of_255_bytes(tmp_path):
    for name in ("声" * 85, "a" * 255):
        check_output(tmp_path / name, {})
        with beside(tmp_path / name) as part:
            part.touch()
        assert (tmp_path / name).exists()
    with pytest.raises(UtterError, match="255 bytes"):
        check_output(tmp_path / ("声" * 86), {})
    with pytest.raises(UtterError, match="shorter"), beside(tmp_path / ("声" * 86)) as part:
        part.touch()


@pytest.mark.parametrize("path", ["\0", "\ud800", "folder", "file/a", "new/../file/a", "given.npz", "GIVEN.npz", "x/../given.npz"])
def test_an_output_that_cannot_be_is_said_before(tmp_path, path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UtterError, match=r"^[^\n]*\.$"):
        check_output(tmp_path / path, {same_place(tmp_path / "given.npz"): "given.npz"})
    check_output(tmp_path / "new" / "folder" / "a", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"], "a check leaves nothing behind"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_every_name_is_printed_on_every_console(encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
    say("grüße 你好 \udce9 \ud800 a\nb\rc\0", stream)
    said = stream.buffer.getvalue().decode(encoding)
    assert said.count("\n") == 1 and r"\udce9 \ud800 a\nb\rc\x00" in said


def test_a_console_that_is_gone_stops_nothing(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        say("nobody hears this", gone)
        say("nor this", gone)
    for stream in (None, gone):
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        say("nobody hears this")
        complain("nor this")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="has no numbers of users")
def test_each_user_has_a_folder_of_his_own(tmp_path, monkeypatch):
    """Another's file or folder of that name is left alone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = own_folder()
    assert mine == own_folder() and str(os.getuid()) in mine.name and mine.stat().st_mode & 0o77 == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / mine.name).touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "other"))
    assert own_folder() == own_folder() != tmp_path / "other" / mine.name and own_folder().is_dir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "third"))
    (tmp_path / "third").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 4711)  # and the folder is not his
    (tmp_path / "third" / "utter-4711").mkdir()
    assert own_folder() != tmp_path / "third" / "utter-4711"
