"""Readers of SRT, VTT, CSV and JSON against a second statement of the formats: writers that know nothing of the readers.

UTTER_EXAMPLES=10000 reads as many files of each kind; without it a few hundred."""

import json
import os
import random
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import read_identity, read_list, read_passages
from model_runtime.speech.script import read_script

many = settings(
    max_examples=int(os.environ.get("UTTER_EXAMPLES", 300)),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
WORD = st.text("abcdefgzäöüßéñ一二三жя'?!", min_size=1, max_size=6).map(lambda word: "w" + word)
SAID = st.lists(st.lists(WORD, min_size=1, max_size=4), max_size=3)  # lines of words
CUES = st.lists(st.tuples(st.integers(0, 9_000_000), st.integers(0, 9_000), SAID), min_size=1, max_size=5)
FOLDER = Path(tempfile.mkdtemp())


def write(name, text, encoding, end):
    path = FOLDER / name
    path.write_bytes(text.replace("\n", end).encode(encoding))
    return path


def stamp(ms, comma, draw):
    hours, minutes, seconds, rest = ms // 3_600_000, ms // 60_000 % 60, ms // 1000 % 60, ms % 1000
    space = draw.choice(["", "", " "])
    parts = [f"{minutes:02d}", f"{seconds:02d}"]
    if hours or draw.random() < 0.7:
        parts.insert(0, f"{hours:02d}" if draw.random() < 0.8 else f"{hours}")
    tail = "" if not rest and draw.random() < 0.5 else f"{draw.choice([',', '.', comma])}{space}{rest:03d}"
    return f":{space}".join(parts) + tail


def dressed(word, draw):
    """A word as subtitles write it: its letters as entities, in tags."""
    word = draw.choice([word, word, word.replace("'", "&#39;"), word.replace("'", "&apos;"), word.replace("é", "&eacute;")])
    return draw.choice([word, word, f"<i>{word}</i>", f"<b>{word}</b>", f'<font color="#fff">{word}</font>', f"{{\\an8}}{word}"])


def block(cue, comma, draw, inner, tail=""):
    """The line of times and the lines of words; blank lines lie between them. inner: how a blank line looks."""
    start, lasts, said = cue
    sign = "-" if start == 0 and draw.random() < 0.3 else ""
    text = f"{sign}{stamp(start, comma, draw)} --> {stamp(start + lasts, comma, draw)}{tail}\n"
    text += draw.choice(["", "", inner])
    for line in said:
        text += draw.choice([" ", "&nbsp;", "  "]).join(dressed(word, draw) for word in line) + "\n" + draw.choice(["", "", "", inner])
    return text


def expected(cues):
    told = [(start / 1000, (start + lasts) / 1000, " ".join(" ".join(line) for line in said)) for start, lasts, said in cues]
    return sorted(told, key=lambda cue: cue[:2])


def same(read, cues):
    told = expected(cues)
    assert [cue.text for cue in read] == [text for _, _, text in told]
    assert all(abs(cue.start - start) < 1e-6 and abs(cue.end - end) < 1e-6 for cue, (start, end, _) in zip(read, told))


@pytest.mark.slow
@many
@given(CUES, ENCODINGS, ENDS, st.integers(0, 2**32), st.booleans())
def test_srt(cues, encoding, end, seed, numbered):
    draw = random.Random(seed)
    blank = draw.choice(["\n", "\n", " \n", "\n\n"])
    # Without numbers nothing tells a last line after a blank one from the name of the next cue.
    inner, between = (blank, draw.choice(["", blank, blank])) if numbered else ("", blank)
    text = draw.choice(["", "\n"])
    for count, cue in enumerate(cues, draw.choice([0, 1, 7])):
        text += (f"{count}\n" if numbered else "") + block(cue, ",", draw, inner) + between
    same(read_script(write("a.srt", text, encoding, end)), cues)


@pytest.mark.slow
@many
@given(CUES, ENCODINGS, ENDS, st.integers(0, 2**32))
def test_vtt(cues, encoding, end, seed):
    draw = random.Random(seed)
    text = "WEBVTT" + draw.choice(["", " - a title", "\tKind: captions"]) + "\n" + draw.choice(["", "Language: en\n"]) + "\n"
    for count, cue in enumerate(cues):
        aside = ["", "", "NOTE no words\nof it\n\n", "NOTE\n7\n\n", "STYLE\n::cue { color: red }\n\n", "REGION\nid:a\n\n"]
        text += draw.choice(aside) + draw.choice(["", "", f"{count}\n", "intro - one\n"])
        text += block(cue, ".", draw, "", draw.choice(["", " align:start position:10%", "\tline:0"])) + "\n" + draw.choice(["", "\n"])
    same(read_script(write("a.vtt", text, encoding, end)), cues)


CELL = st.text(string.ascii_letters + "äß一;,\t\"' .-!", max_size=12)


@pytest.mark.slow
@many
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), ENCODINGS, ENDS, st.sampled_from(",;\t"), st.booleans(), st.booleans())
def test_csv(rows, encoding, end, delimiter, named, everywhere):
    def quoted(cell):
        needs = everywhere or any(sign in cell for sign in f'{delimiter}"')
        return '"' + cell.replace('"', '""') + '"' if needs else cell

    lines = ["voice,words,prompt".replace(",", delimiter)] + [delimiter.join(map(quoted, ("a.wav", *cells))) for cells in rows]
    text = (f"sep={delimiter}\n" if named else "") + "\n".join(lines) + "\n"
    read = read_list(write("a.csv", text, encoding, end))
    assert [(cells["voice"], cells["words"], cells["prompt"]) for _, cells in read] == [("a.wav", a.strip(), b.strip()) for a, b in rows]
    assert [title for title, _ in read] == [f"a.csv row {number}" for number in range(2 + named, 2 + named + len(rows))]


@pytest.mark.slow
@many
@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 90), WORD), max_size=4),
    st.integers(0, 9),
    ENCODINGS,
    ENDS,
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_json(given_passages, seed, encoding, end, indent, escaped):
    def dump(value):
        return json.dumps(value, indent=indent, ensure_ascii=escaped)

    fields = [{"start": start / 10, "end": (start + lasts) / 10, "prompt": word} for start, lasts, word in given_passages]
    read = read_passages(write("a.json", dump(fields), encoding, end))
    assert [{"start": p.start, "end": p.end, "prompt": p.prompt} for p in read] == fields
    assert read_identity(str(write("b.json", dump({"Age": seed % 20 / 10, "seed": seed}), encoding, end))) == (
        {"Age": seed % 20 / 10},
        seed,
    )
