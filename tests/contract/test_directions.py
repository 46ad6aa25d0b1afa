"""Directions in the words: what is spoken, what they ask for, and what is said of those that cannot be read."""

import pytest

from contract import Passage, UtterError, check_directions, has_directions, import_passages, read_directions, without_directions


def told(text):
    """(what is spoken, [(words that it holds for, what it asks for)])."""
    spoken, found = read_directions(text)
    return spoken, [(spoken[each.begin : each.end].strip(), each.gesture or each.text) for each in found]


def test_brackets_and_stars():
    assert told("[holding back tears] I never said that. [laughs] *Never.*") == (
        "I never said that. Never.",
        [("I never said that. Never.", "holding back tears"), ("", "laugh"), ("Never.", "accent")],
    )
    assert told("Yes. [angry]  No! [] Well.") == ("Yes. No! Well.", [("No!", "angry")]), "empty brackets end it"
    assert told("[sad] a [proud] b")[1] == [("a", "sad"), ("b", "proud")], "the next one ends it"
    assert told("[quiet] [afraid] a")[1] == [("a", "quiet, afraid")], "two in a row are one"
    assert told("a [he sighs deeply] b")[1] == [("", "sigh")] and told("[laughing] b")[1] == [("b", "laughing")]
    assert told("**really** not")[1] == [("really", "accent")]


@pytest.mark.parametrize("text", ["5*3*2 and * a * b", "see [1] and [...]", "a [beat] b [Pause]", "nothing", "", "a ] b"])
def test_what_is_no_direction_asks_for_nothing(text):
    assert read_directions(text)[1] == ()


def test_scripts_without_directions_are_as_they_were():
    assert read_directions("  It's   5*3. ")[0] == "It's 5*3."
    text = "1\n00:00:00,000 --> 00:00:01,000\n[sad] *No*, [laughs] no\n"
    assert has_directions(text) and without_directions(text) == "1\n00:00:00,000 --> 00:00:01,000\n No,  no\n"


@pytest.mark.parametrize(
    "text", ["[sad I never", "a [b [c] d", "1\n00:00:00,000 --> 00:00:01,000\n[sad\n\n2\n00:00:02,000 --> 00:00:03,000\n] a"]
)
def test_a_bracket_that_is_not_closed(text):
    with pytest.raises(UtterError, match="is not closed .*close it with ], or leave it out"):
        check_directions(text)


def test_a_thousand_directions():
    with pytest.raises(UtterError, match="1000 directions, of which a performance takes 500"):
        read_directions("[sad] a " * 1000)


def test_passages_of_files(tmp_path):
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\n[sad] Oh [sighs] no\n\n00:03.000 --> 00:04.000\nproud\n")
    sad, sigh, proud = import_passages(tmp_path / "a.vtt")
    assert (sad.start, sad.end, sad.prompt) == (1.0, 2.0, "sad") and 1.2 < sigh.start < sigh.end == 2.0 and sigh.gesture == "sigh"
    assert proud == Passage(3.0, 4.0, "proud")
    (tmp_path / "b.csv").write_text("in,out,text,fade out\n00:00:01:12,0:02.5,sad,0.5\n")
    assert import_passages(tmp_path / "b.csv", fps=24) == [Passage(1.5, 2.5, "sad", fade_out=0.5)]
    for name, text, sentence in (
        ("c.csv", "start,end,prompt\n2,1,sad\n", "c.csv: Passage 1 must end after it starts"),
        ("d.csv", "start,end,prompt\nsoon,1,sad\n", "time or number that cannot be read"),
        ("e.csv", "start,end,prompt\n", "holds no passages"),
        ("f.csv", "a,b\n", "lacks start and end and prompt"),
        ("g.srt", "no times", "holds no times"),
        ("h.doc", "", "is no list of passages"),
        ("i.srt", "1\n00:00:00,000 --> 00:00:01,000\n[sad\n", "is not closed"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UtterError, match=sentence):
            import_passages(tmp_path / name)
