"""A batch list means the same on both sides of the wall."""

import pytest

import addon.batch.lists
import addon.errors
import model_runtime.batch
from model_runtime.errors import UtterError

LIST = """\ufeffVoice;Words;Seed;head;out

Zeilen/a.wav;"Nein; nie.";3;;x/y
b.wav;b.srt;;Anna
c.wav;;;;;  ;zu viel
;hello;;;
"""


def test_both_sides_read_a_list_alike(tmp_path):
    (tmp_path / "l.csv").write_text(LIST, encoding="utf-8")
    (tmp_path / "b.srt").touch()
    told = []
    for side, refusal in ((addon.batch.lists, addon.errors.UtterError), (model_runtime.batch, UtterError)):
        rows = side.read_list(tmp_path / "l.csv")
        assert [title for title, _ in rows] == [f"l.csv row {number}" for number in (3, 4, 5, 6)]
        with pytest.raises(refusal, match="more cells"):
            side.row(rows[2][1], tmp_path)
        with pytest.raises(refusal, match="names no voice"):
            side.row(rows[3][1], tmp_path)
        told.append([side.row(cells, tmp_path) for _, cells in rows[:2]])
    assert (
        told[0]
        == told[1]
        == [
            {"voice": str(tmp_path / "Zeilen" / "a.wav"), "words": "Nein; nie.", "seed": "3", "out": "x/y"},
            {"voice": str(tmp_path / "b.wav"), "words": str(tmp_path / "b.srt"), "head": "Anna"},
        ]
    )
    assert set(model_runtime.batch.COLUMNS) - set(addon.batch.lists.COLUMNS) == {"pins"}, "one list serves both"
