"""One batch list serves all commands: what one of them cannot use it leaves out with a note."""

import pytest

from contract import BLENDER, COLUMNS, RUNTIME, UtterError, read_list, row, usable

LIST = """\ufeffVoice;Words;Seed;head;out

Zeilen/a.wav;"Nein; nie.";3;;x/y
b.wav;b.srt;;Anna
c.wav;;;;;  ;zu viel
;hello;;;
"""


def test_a_list_is_read(tmp_path):
    (tmp_path / "l.csv").write_text(LIST, encoding="utf-8")
    (tmp_path / "b.srt").touch()
    rows = read_list(tmp_path / "l.csv")
    assert [title for title, _ in rows] == [f"l.csv row {number}" for number in (3, 4, 5, 6)]
    with pytest.raises(UtterError, match="more cells"):
        row(rows[2][1], tmp_path)
    with pytest.raises(UtterError, match="names no voice"):
        row(rows[3][1], tmp_path)
    assert [row(cells, tmp_path) for _, cells in rows[:2]] == [
        {"voice": str(tmp_path / "Zeilen" / "a.wav"), "words": "Nein; nie.", "seed": "3", "out": "x/y"},
        {"voice": str(tmp_path / "b.wav"), "words": str(tmp_path / "b.srt"), "head": "Anna"},
    ]


def test_every_command_takes_every_column(tmp_path):
    """A list with all columns there are: both commands read it, and each says what it leaves out."""
    cells = dict.fromkeys(COLUMNS, "1")
    (tmp_path / "l.csv").write_text(",".join(cells) + "\n" + ",".join(cells.values()), encoding="utf-8")
    ((_, told),) = read_list(tmp_path / "l.csv")
    asked = row(told, tmp_path)
    kept, note = usable(asked, RUNTIME)
    assert set(asked) - set(kept) == {"start", "jaw"} and "start and jaw" in note
    kept, note = usable(asked, BLENDER)
    assert set(asked) - set(kept) == {"pins"} and "pins" in note
    assert usable({"voice": "a.wav", "seed": "1"}, BLENDER) == ({"voice": "a.wav", "seed": "1"}, "")


def test_the_old_name_of_a_column(tmp_path):
    (tmp_path / "l.csv").write_text("voice,emotion\na.wav,happy\n")
    assert row(read_list(tmp_path / "l.csv")[0][1], tmp_path)["prompt"] == "happy"
    (tmp_path / "l.csv").write_text("voice,emotion,prompt\na.wav,happy,sad\n")
    with pytest.raises(UtterError, match="each once"):
        read_list(tmp_path / "l.csv")
