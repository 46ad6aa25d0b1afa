"""Scripts: text anywhere in the voice, subtitles each in their time."""

import csv

import numpy as np
import pytest
import soundfile

from contract import UtterError
from model_runtime.speech import content as layout
from model_runtime.speech.phones import BILABIALS, PHONES
from model_runtime.speech.script import Cue, read_script, sharpen
from tests.model_runtime.speech.test_words import TEXT, accuracy, voice

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Hello</i> there,
Anna.

2
00:01:03,000 --> 00:01:04,250

3
01:00:05.5 --> 01:00:06.75
Goodbye.
"""


def test_texts_and_subtitles_are_read(tmp_path):
    told = [Cue("Hello there, Anna.", 1.0, 2.5), Cue("", 63.0, 64.25), Cue("Goodbye.", 3605.5, 3606.75)]
    assert read_script(SRT) == told
    for name, encoding in (("a.srt", "utf-8-sig"), ("b.SRT", "utf-16")):
        (tmp_path / name).write_bytes(SRT.replace("\n", "\r\n").encode(encoding))
        assert read_script(tmp_path / name) == read_script(str(tmp_path / name)) == told
    assert read_script("WEBVTT\n\nNOTE no --> cue\n\n00:01.000 --> 00:02.000 align:start\nHi\n") == [Cue("Hi", 1.0, 2.0)]
    (tmp_path / "a.txt").write_text("Grüß\n dich", encoding="utf-8-sig")
    assert read_script(tmp_path / "a.txt") == [Cue("Grüß dich")] and read_script("just words") == [Cue("just words")]
    assert read_script(None) == read_script("") == []


def test_a_file_that_is_no_text_is_said_in_a_sentence(tmp_path):
    (tmp_path / "latin.srt").write_bytes("Grüß dich".encode("latin-1"))
    with pytest.raises(UtterError, match="UTF-8"):
        read_script(tmp_path / "latin.srt")
    with pytest.raises(UtterError, match="missing.txt does not exist"):
        read_script(tmp_path / "missing.txt")


@pytest.mark.parametrize(
    "text, told",
    [
        ("1\n0:0:0 --> 0:0:1\n\nI like\n\npie\n\n2\n00:00:01 --> 00:00:02\n7\n\n3\n0:03 --> 0:04\nnow\n", ["I like pie", "7", "now"]),
        ("1\n00:00:00 --> 00:00:01\nI like\n2\n00:00:01 --> 00:00:02\npie\n", ["I like", "pie"]),
        ("1\n-00: 00: 00, 200 --> 00:00:01,5\n{\\an8}<i>Tom &amp; Jerry</i>&nbsp;don&#39;t<br>go <3\n", ["Tom & Jerry don't go <3"]),
        (
            "WEBVTT\n\nNOTE\nno words\n\nSTYLE\n::cue {}\n\none - intro\n00:01.000 --> 00:02.000 line:0\n<v Anna>Hi\n\n"
            "b\n00:03.000 --> 00:04.000\n- you\n\nNOTE not\n",
            ["Hi", "- you"],
        ),
        ("1\n00:00:00,000 -> 00:00:01,000\na\n\n2\n00:00:01,000 → 00:00:02,000\nb\n\n3\n0:02–>0:03\nc\n", ["a", "b", "c"]),
        ("WEBVTT\n\nNOTE nobody speaks\n", [""]),
        ("1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:03,000 --> 00:00:04,000\n\n", ["", ""]),
    ],
)
def test_subtitles_as_tools_and_hands_make_them(text, told):
    script = read_script(text)
    assert [cue.text for cue in script] == told
    assert all(cue.start is None or 0 <= cue.start <= cue.end for cue in script)


def test_words_and_files_of_other_kinds(tmp_path):
    assert read_script("See readme.txt") == [Cue("See readme.txt")] and read_script("Tom &amp; Anna") == [Cue("Tom & Anna")]
    for name in ("a.docx", "a.ass", "b.sbv"):
        (tmp_path / name).write_text("no")
        with pytest.raises(UtterError, match=f"{name} is a .*; save"):
            read_script(str(tmp_path / name))


@pytest.mark.parametrize("times", ["0:00:00.000,0:00:01.500", "00:00:00:000 --> 00:00:01:500", "00：00：00 --> 00：00：01"])
def test_no_times_are_spoken(tmp_path, times):
    (tmp_path / "a.srt").write_text(f"1\n{times}\nHi\n", encoding="utf-8")
    with pytest.raises(UtterError, match="a.srt holds no times as subtitles"):
        read_script(tmp_path / "a.srt")
    (tmp_path / "a.srt").write_text("Hi, and no times.\n")
    assert read_script(tmp_path / "a.srt") == [Cue("Hi, and no times.")]


FIRST, SECOND, OTHER = TEXT, "Nobody gave them any more soup for the whole evening", "Yesterday you could have known how the ocean sleeps"


def two_sentences():
    """(Content, [[start, end, phone]]): two sentences, two seconds of silence between them; seconds at which the second begins."""
    (one, told), (two, later) = voice(FIRST), voice(SECOND, seed=1)
    silence = np.repeat(one[:1], 100, 0)
    shift = (len(one) + len(silence)) / 50
    return np.concatenate([one, silence, two]), told, [[start + shift, end + shift, phone] for start, end, phone in later], shift


def test_a_cue_is_found_in_its_time_and_a_wrong_one_falls_back_alone():
    heard, first, second, at = two_sentences()
    script = [Cue(FIRST, 0.4, at - 2.5), Cue(SECOND, at - 0.3, len(heard) / 50)]  # subtitles are never exact
    sharp, note = sharpen(heard, script)
    assert note == "" and accuracy(sharp, first) > 0.95 and accuracy(sharp, second) > 0.95
    alone, note = sharpen(heard, [script[0], Cue(OTHER, script[1].start, script[1].end)])
    assert note == f"Subtitle 2 (0:0{int(at - 0.3)}) does not fit the voice; there the voice alone is heard."
    frames = slice(round(at * 50), None)
    assert np.allclose(alone[frames], heard[frames], atol=1e-6) and np.allclose(alone[: frames.start], sharp[: frames.start], atol=1e-6)


def test_the_times_matter():
    """A cue is looked for only in its own time; where all the times are wrong the words are found without them."""
    heard, first, second, at = two_sentences()
    sharp, note = sharpen(heard, [Cue(SECOND, 0, at - 2), Cue(SECOND, at, len(heard) / 50)])
    assert note.startswith("Subtitle 1 (0:00) does not fit") and accuracy(sharp, second) > 0.95
    assert np.allclose(sharp[: round((at - 1) * 50)], heard[: round((at - 1) * 50)], atol=1e-6)
    sharp, note = sharpen(heard, [Cue(FIRST, 3600, 3605), Cue(SECOND, 3606, 3610)])  # the clock of another cut
    assert note.startswith("The times of the subtitles do not fit") and accuracy(sharp, second) > 0.95


def test_scripts_without_words():
    heard, *_ = two_sentences()
    for script in ([], [Cue("")], [Cue("...", 0, 1), Cue("(sighs)", 2, 3)]):
        sharp, note = sharpen(heard, script)
        assert (sharp == heard).all() and ("no words" in note) == bool(script)


def test_every_cue_may_be_interrupted():
    heard, _, _, at = two_sentences()

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sharpen(heard, [Cue(FIRST, 0, at)], step=stop)


def test_two_read_sentences_with_a_pause(shared, tmp_path):
    """Real voices, the real encoder: each sentence's lips close where its P, B and M are written, the wrong cue's stay as heard."""
    from model_runtime.pipeline import Performer

    folder = shared / "data" / "librispeech"
    with open(folder / "index.csv", encoding="utf-8", newline="") as stream:
        rows = {row["clip"]: row for row in csv.DictReader(stream)}
    clips = [rows[name] for name in ("1688-142285-0003", "2033-164914-0005")]
    sound = [soundfile.read(folder / row["subset"] / f"{row['clip']}.opus")[0] for row in clips]
    pause = np.zeros(24000)
    soundfile.write(tmp_path / "two.wav", np.concatenate([sound[0], pause, sound[1]]), 16000)
    begins = len(sound[0]) / 16000 + 1.5
    times = [(0.0, begins - 1.5), (begins, begins + len(sound[1]) / 16000)]

    def srt(texts):
        stamp = lambda t: f"00:00:{int(t):02d},{int(t % 1 * 1000):03d}"
        path = tmp_path / "two.srt"
        path.write_text("".join(f"{k}\n{stamp(s)} --> {stamp(e)}\n{text}\n\n" for k, ((s, e), text) in enumerate(zip(times, texts), 1)))
        return path

    performer, notes = Performer("cpu"), []
    heard = performer.listener.content(tmp_path / "two.wav")
    right = performer.listener.content(tmp_path / "two.wav", srt([row["text"] for row in clips]), note=notes.append)
    assert notes == []
    lips = [PHONES.index(phone) for phone in sorted(BILABIALS)]
    second = slice(round(begins * layout.FPS), None)
    surely = [(c[:, lips].sum(1) > 0.7).mean() for c in (heard, right)]
    assert surely[1] > surely[0] and np.abs(right - heard)[second].max() > 0.3
    half = performer.listener.content(
        tmp_path / "two.wav", srt([clips[0]["text"], "then said the eunuch art thou he who repeated poetry"]), note=notes.append
    )
    assert len(notes) == 1 and notes[0].startswith("Subtitle 2 (0:06)")
    assert np.allclose(half[second], heard[second], atol=1e-6) and np.abs(half - heard)[: second.start].max() > 0.3
