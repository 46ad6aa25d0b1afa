"""A batch list, which both sides read with the same code; each uses the columns that it can."""

import pytest

from contract import BLENDER, COLUMNS, RUNTIME, UtterError, find_voices, name_output, read_list, row, usable, words_for

LIST = """\ufeffVoice;Words;Seed;head;Emotion;pins;out

Zeilen/a.wav;"Nein; nie.";3;;cold;;x/y
b.wav;b.srt;;Anna;;p.npz;
c.wav;;;;;;;  ;zu viel
;hello;;;;;
"""


def test_a_list_is_read(tmp_path):
    (tmp_path / "l.csv").write_text(LIST, encoding="utf-8")
    (tmp_path / "b.srt").touch()
    rows = read_list(tmp_path / "l.csv")
    assert [title for title, _ in rows] == [f"l.csv row {number}" for number in (3, 4, 5, 6)]
    assert [row(cells, tmp_path) for _, cells in rows[:2]] == [
        {"voice": str(tmp_path / "Zeilen" / "a.wav"), "words": "Nein; nie.", "seed": "3", "prompt": "cold", "out": "x/y"},
        {"voice": str(tmp_path / "b.wav"), "words": str(tmp_path / "b.srt"), "head": "Anna", "pins": str(tmp_path / "p.npz")},
    ]
    with pytest.raises(UtterError, match="more cells"):
        row(rows[2][1], tmp_path)
    with pytest.raises(UtterError, match="names no voice"):
        row(rows[3][1], tmp_path)


@pytest.mark.parametrize(
    "text, sentence",
    [("words\nhi\n", "voice among them"), ("voice,colour\n", '"colour"'), ("voice,ears\n", '"ears"'), ("voice,seed,seed\n", "each once")],
)
def test_columns_that_cannot_be_used_are_named(tmp_path, text, sentence):
    (tmp_path / "l.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UtterError, match=sentence):
        read_list(tmp_path / "l.csv")


def test_each_command_leaves_out_what_it_cannot_use():
    asked = {"voice": "a.wav", "pins": "p.npz", "jaw": "bone", "out": "x"}
    assert usable(asked, RUNTIME) == ({"voice": "a.wav", "pins": "p.npz", "out": "x"}, "This command leaves out what the list says of jaw.")
    assert usable(asked, BLENDER)[0] == {"voice": "a.wav", "jaw": "bone", "out": "x"}


def test_voices_words_and_outputs_are_named(tmp_path):
    for name in ("b.WAV", "a.flac", "a.txt"):
        (tmp_path / name).touch()
    voices = find_voices([tmp_path])
    assert [path.name for path in voices] == ["a.flac", "b.WAV"]
    assert words_for(voices[0], str(tmp_path)) == str(tmp_path / "a.txt") and words_for(voices[1], str(tmp_path)) is None
    taken = {}
    assert name_output(tmp_path, None, "a.flac", ".npz", taken).name == "a.npz"
    assert name_output(tmp_path, None, "A.wav", ".npz", taken).name == "A_2.npz"
    with pytest.raises(UtterError, match="earlier row"):
        name_output(tmp_path, "a.npz", "c.wav", ".npz", taken)


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
