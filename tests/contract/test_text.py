"""Text files as artists' machines write them, and which file is meant."""

import os
import unicodedata
from pathlib import Path

import pytest

from contract import (
    CHARACTERS,
    OPTIONS,
    SLIDERS,
    UtterError,
    find_voices,
    language_code,
    names_file,
    offered_language,
    read_identity,
    read_list,
    read_number,
    read_passages,
    read_text,
    row,
    words_for,
)

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_reader_takes_every_encoding_and_line_end(tmp_path, encoding, end):
    path = tmp_path / "file"

    def wrote(text):
        path.write_bytes(text.replace("\n", end).encode(encoding))
        return path

    assert read_text(wrote("Grüß dich, 一二\nAnna\n")) == "Grüß dich, 一二\nAnna\n"
    assert read_passages(wrote('[\n{"start": 1, "end": 2, "prompt": "glücklich"}\n]'))[0].prompt == "glücklich"
    assert read_identity(str(wrote('{"Age": 0.5,\n"seed": 3}'))) == ({"Age": 0.5}, 3)
    with pytest.raises(UtterError, match="The slider Age is from -2 to 2, not 5"):
        read_identity(str(wrote('{"Age": 5}')))
    assert [cells["words"] for _, cells in read_list(wrote("voice;words\na.wav;Grüß dich\n"))] == ["Grüß dich"]


def test_a_character_is_named_and_an_unknown_name_hears_of_all():
    for name, character in CHARACTERS.items():
        assert read_identity(name) == read_identity(name.upper()) == (character.sliders, character.seed)
        assert set(character.sliders) <= set(SLIDERS) and all(abs(value) <= 1 for value in character.sliders.values())
    with pytest.raises(UtterError) as caught:
        read_identity("Nobody")
    assert all(name in str(caught.value) for name in CHARACTERS) and "Nobody" in str(caught.value)


@pytest.mark.parametrize("data", ["Grüß".encode("latin-1"), b"PK\3\4\0\0\0\0\x08\0word", b"\0\1\2\3", b"\xff\xfea"])
def test_what_is_no_text_is_said_in_a_sentence(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(UtterError, match="save it as UTF-8"):
        read_text(tmp_path / "a.txt")
    with pytest.raises(UtterError, match="does not exist"):
        read_text(tmp_path / "b.txt")


def test_a_list_as_excel_writes_it(tmp_path):
    (tmp_path / "l.csv").write_text("sep=;\r\nvoice;words\r\na.wav;No, not, me, at, all\r\n", encoding="utf-8-sig", newline="")
    assert read_list(tmp_path / "l.csv") == [("l.csv row 3", {"voice": "a.wav", "words": "No, not, me, at, all", "": ""})]
    assert (read_number("0,5"), read_number(" 1.5"), read_number("-2")) == (0.5, 1.5, -2)
    with pytest.raises(ValueError):
        read_number("1,000.5")


def test_words_are_found_whatever_their_file_is_called(tmp_path):
    wide, narrow = unicodedata.normalize("NFC", "Café"), unicodedata.normalize("NFD", "Café")
    for name in (
        "anna.SRT",
        "ben.en.srt",
        "ben.take.srt",
        "cleo.wav.srt",
        f"{narrow}.srt",
        "dora.Txt",
        "._eve.txt",
        "eve.zh-CN.vtt",
        "g.en.forced.srt",
    ):
        (tmp_path / name).touch()
    found = {voice: words_for(f"{voice}.wav", str(tmp_path)) for voice in ("anna", "ben", "cleo", wide, "Dora", "eve", "fay", "g")}
    assert {voice: path and path.removeprefix(f"{tmp_path}/") for voice, path in found.items()} == {
        "anna": "anna.SRT",
        "ben": "ben.en.srt",
        "cleo": "cleo.wav.srt",
        wide: f"{narrow}.srt",
        "Dora": "dora.Txt",
        "eve": "eve.zh-CN.vtt",
        "fay": None,
        "g": "g.en.forced.srt",
    }
    (tmp_path / "ben.srt").touch()
    assert words_for("ben.wav", str(tmp_path)).endswith("ben.srt")
    assert row({"voice": f"{wide}.SRT", "words": "DORA.txt"}, tmp_path) == {
        "voice": str(tmp_path / f"{narrow}.srt"),
        "words": str(tmp_path / "dora.Txt"),
    }
    (tmp_path / "anna").mkdir()
    assert row({"voice": "a.wav", "words": "Anna"}, tmp_path)["words"] == "Anna"


def test_hidden_files_are_no_voices(tmp_path):
    for name in ("a.wav", "._a.wav", ".b.wav"):
        (tmp_path / name).touch()
    assert [path.name for path in find_voices([tmp_path])] == ["a.wav"]


def test_words_that_mention_a_file_are_words(tmp_path):
    (tmp_path / "my line.srt").touch()
    for words in (
        "See readme.txt",
        "Open it and/or read notes.txt",
        "I like pie",
        "Hello.\nreadme.txt",
        "word " * 200 + ".txt",
        "",
        "www.utter",
    ):
        assert not names_file(words), words
    for path in ("gone.srt", "lines/gone.vtt", "/my lines/gone 1.srt", "//my lines/gone 1.SRT", r"C:\my lines\gone 1.txt", "../a b.txt"):
        assert names_file(path), path
    assert names_file("anything like.srt", tmp_path / "my line.srt") and names_file(str(tmp_path / "my line.srt"))


@pytest.mark.parametrize(
    "given, code",
    [
        *[(given, "cmn") for given in ("zh", "zh-CN", "zh_CN", "cmn", "ZH-Hans", "zho", "Mandarin", "zh_TW.UTF-8")],
        *[(given, "de") for given in ("de_DE", "DE", "de-at", "deu", "ger", "German")],
        *[(given, "pt-br") for given in ("pt-BR", "pt_br")],
        *[
            ("pt-PT", "pt"),
            ("en-US", "en"),
            ("en_GB", "en"),
            ("eng", "en"),
            ("es_MX", "es-419"),
            ("no", "nb"),
            ("zh-HK", "yue"),
            ("iw", "he"),
        ],
    ],
)
def test_languages_are_known_by_every_usual_code(given, code):
    assert offered_language(given) == code and language_code(given).partition("-")[0] == code.partition("-")[0]


def test_other_languages():
    assert language_code("la") == "la" and language_code("fr_BE") == "fr-be" and OPTIONS["language"].checked("zh") == "zh"
    with pytest.raises(UtterError, match='"klingon" is no language'):
        offered_language("klingon")


def test_words_of_an_unreadable_kind_beside_a_voice_are_said(tmp_path):
    for name in ("ben.docx", "ben.ass", "anna.sbv", "anna.txt", "cleo.en.SBV"):
        (tmp_path / name).touch()
    assert words_for("anna.wav", str(tmp_path)).endswith("anna.txt") and words_for("dora.wav", str(tmp_path)) is None
    for voice, name in (("ben.wav", "ben.docx"), ("cleo.wav", "cleo.en.SBV")):
        with pytest.raises(UtterError, match=f"^{name} is a"):
            words_for(voice, str(tmp_path))


def test_a_folder_of_words_is_listed_once_for_a_batch(tmp_path, monkeypatch):
    listed, iterdir = [], Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    for number in range(100):
        (tmp_path / f"line_{number}.en.srt").touch()
    os.utime(tmp_path, (0, 0))
    for number in range(100):
        assert words_for(f"line_{number}.wav", tmp_path) == str(tmp_path / f"line_{number}.en.srt")
    assert words_for("none.wav", tmp_path) is None and listed == [tmp_path]
    (tmp_path / "none.txt").touch()
    assert words_for("none.wav", tmp_path) == str(tmp_path / "none.txt"), "what has come since is found"
