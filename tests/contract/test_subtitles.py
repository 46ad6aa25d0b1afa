"""Words with their times as subtitles, which are read again as they were written."""

import pytest

from contract import Word, subtitles, text_of, to_srt, to_vtt
from model_runtime.speech.script import Cue, read_script


def said(text, start=0.0, each=0.3):
    return [Word(start=start + k * each, end=start + (k + 1) * each, text=word, confidence=1.0) for k, word in enumerate(text.split())]


WORDS = [*said("My father promised. But he"), *said("never came", start=3.0)]


def test_subtitles_end_with_a_sentence_and_before_a_pause():
    assert [text_of(cue) for cue in subtitles(WORDS)] == ["My father promised.", "But he", "never came"]
    long = subtitles(said("on and " * 60))
    assert len(long) > 5 and all(len(text_of(cue)) <= 80 and cue[-1]["end"] - cue[0]["start"] <= 6.01 for cue in long)
    assert subtitles([]) == [] and to_srt([]) == ""


@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_what_is_written_is_read_again(write):
    assert read_script(write(WORDS)) == [Cue("My father promised.", 0, 0.9), Cue("But he", 0.9, 1.5), Cue("never came", 3.0, 3.6)]
    assert "01:00:00" in write(said("late", start=3600))


def test_scripts_without_spaces_have_none():
    assert text_of(said("我 不 去")) == "我不去" and text_of(said("나는 안 가")) == "나는 안 가" and text_of(said("OK 我 去")) == "OK 我去"
