"""Whisper finds out what is said, and nothing where nobody speaks; where it cannot be had a sentence says why, and the voice performs."""

import importlib.metadata
import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from contract import NotInstalled, PerformRequest, UtterError
from model_runtime import cli
from model_runtime.audio import load_voice
from model_runtime.pipeline import Performer
from model_runtime.speech import content as layout
from model_runtime.speech import transcribe
from model_runtime.speech.encoder import load_encoder
from model_runtime.speech.phones import ARTICULATORY
from model_runtime.speech.transcript import lines_in
from tests.model_runtime.speech.test_whisper import network, packed, tensors

JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


@pytest.fixture(scope="session")
def transcriber(tmp_path_factory):
    """The shipped one; tests that need it are skipped where its packages are not installed."""
    try:
        return transcribe.load_transcriber()
    except NotInstalled as error:
        pytest.skip(f"needs the transcriber: {error.package} is not installed")


@pytest.fixture(scope="session")
def encoder():
    return load_encoder()


def plain(text):
    return re.sub(r"[^\w' ]", " ", text.lower().replace("-", " ")).split()


def wrong(said, meant):
    """Share of the words meant that are wrong, lacking or too many."""
    row = list(range(len(meant) + 1))
    for number, word in enumerate(said, 1):
        before, row[0] = row[:], number
        for at, other in enumerate(meant, 1):
            row[at] = min(before[at] + 1, row[at - 1] + 1, before[at - 1] + (word != other))
    return row[-1] / len(meant)


def heard(samples, transcriber, encoder):
    """([Line], [Word], [sentence]) of float32 samples."""
    content = encoder.encode(samples)
    lines = transcriber.transcribe(samples, content)
    _, words, notes = lines_in(content, lines)
    return lines, words, notes


def speaking(*parts):
    """Content of (seconds, whether somebody speaks)."""
    content = np.zeros((sum(round(seconds * 50) for seconds, _ in parts), layout.COLUMNS), np.float32)
    content[:, 40 + ARTICULATORY.index("pause")] = np.concatenate([np.full(round(s * 50), not speaks) for s, speaks in parts])
    return content


def test_stretches_are_where_somebody_speaks():
    assert transcribe.stretches(speaking((5, False))) == []
    found = transcribe.stretches(speaking((1, False), (2, True), (0.4, False), (1, True), (5, False), (3, True), (2, False)))
    assert np.allclose(found, [(0.76, 4.64), (9.16, 12.64)])
    joined = transcribe.stretches(speaking((3, True), (1, False), (3, True)))
    assert np.allclose(joined, [(0, 6.98)]), "a short pause is heard along"
    long = speaking((100, True))
    long[1000, 40 + ARTICULATORY.index("pause")] = 0.4
    found = transcribe.stretches(long)
    assert all(end - start <= transcribe.LONGEST + 2 * transcribe.MARGIN + 0.01 for start, end in found)
    assert found[0][0] == 0 and found[-1][1] == 99.98 and abs(found[0][1] - 20) < 0.5, "cut where a pause is likeliest"


def test_windows_of_similar_length_go_together():
    assert transcribe.batched([]) == []
    batches = transcribe.batched([2, 13, 1.9, 15, 1, 14.5])
    assert batches == [[3, 5], [1], [0, 2], [4]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["door", "moon", "pie"])
def test_the_sample_voices_say_what_their_texts_say(name, sample, transcriber, encoder):
    samples = load_voice(sample.with_name(f"{name}.flac"))
    lines, words, notes = heard(samples, transcriber, encoder)
    meant = plain(sample.with_name(f"{name}.txt").read_text(encoding="utf-8"))
    assert wrong(plain(" ".join(word["text"] for word in words)), meant) <= 0.15 and notes == []
    assert {line.language for line in lines} == {"en"}
    times = [time for word in words for time in (word["start"], word["end"])]
    assert np.all(np.diff(times) > -0.021) and times[0] >= 0 and times[-1] <= len(samples) / 16000
    assert heard(samples, transcriber, encoder) == (lines, words, notes), "the same again"


@pytest.mark.slow
def test_jfk_and_german_alone_and_in_one_voice(shared, transcriber, encoder):
    english = load_voice(shared / "data" / "jfk" / "jfk.flac")
    _, words, notes = heard(english, transcriber, encoder)
    assert plain(" ".join(word["text"] for word in words)) == JFK.split() and notes == []
    folder = shared / "data" / "kerstin_de"
    german = load_voice(folder / "audio" / "de_rhasspy-0004.opus")
    lines, words, _ = heard(german, transcriber, encoder)
    assert [line.language for line in lines] == ["de"]
    meant = plain("Sie ist nach der Kreisstadt Weißenburg des Landkreises Weißenburg-Gunzenhausen benannt.")
    assert wrong(plain(" ".join(word["text"] for word in words)), meant) < 0.4
    both = np.concatenate([english, np.zeros(48000, np.float32), german])
    lines, words, notes = heard(both, transcriber, encoder)
    assert {line.language for line in lines} == {"en", "de"} and len(words) > 22
    assert [note for note in notes if note.startswith("The voice changes its language: English (0:0")]


@pytest.mark.slow
def test_where_nobody_speaks_no_words_are_taken(transcriber, encoder):
    rng, time = np.random.default_rng(0), np.arange(4 * 16000) / 16000
    chord = lambda base: sum(np.sin(2 * np.pi * base * k * ratio * time) / k for k in (1, 2, 3) for ratio in (1, 1.25, 1.5)) * np.exp(-time)
    sounds = {
        "silence": 1e-3 * rng.normal(size=3 * 16000),
        "noise": 0.1 * rng.normal(size=6 * 16000),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time),
        "music": 0.1 * np.concatenate([chord(220), chord(174.6), chord(261.6)]),
    }
    for name, samples in sounds.items():
        _, words, notes = heard(samples.astype(np.float32), transcriber, encoder)
        assert words == [], name
        assert all(note.startswith("No words were understood") for note in notes)


@pytest.mark.slow
def test_the_laughter_of_real_people_has_no_words(shared, transcriber, encoder):
    clips = sorted((shared / "data" / "emogator").rglob("*.opus"))
    for path in clips[:: len(clips) // 8]:
        assert heard(load_voice(path), transcriber, encoder)[1] == [], path


# Where it cannot be had


def performed(performer, voice, **options):
    notes = []
    request = PerformRequest(**{"voice": str(voice), "output": "", "quality": "draft", "transcribe": "on", **options})
    return performer.perform(request, note=notes.append), notes


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """packages(version, part1, part2): made-up packages of the transcriber, in place of any that are installed."""

    def make(version="1.0.0", parts=(b"some", b"weights")):
        for number, (package, data) in enumerate(zip(transcribe.PACKAGES, parts), 1):
            (tmp_path / package / "data").mkdir(parents=True)
            (tmp_path / package / "__init__.py").touch()
            (tmp_path / package / "data" / f"model.bin.part{number}").write_bytes(data)
            monkeypatch.delitem(sys.modules, package, raising=False)
        monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
        monkeypatch.syspath_prepend(str(tmp_path))

    monkeypatch.setenv("UTTER_CACHE", str(tmp_path / "cache"))
    return make


def test_without_the_packages_the_voice_performs_and_it_is_said_once(short_voice, monkeypatch):
    for package in transcribe.PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
    performer = Performer("cpu")
    motion, notes = performed(performer, short_voice)
    assert len(notes) == 1 and notes[0].startswith(f"Performed without words, because {transcribe.PACKAGES[0]} is not installed")
    assert motion.words == () and not motion.transcribed and len(motion.values) > 30
    again, notes = performed(performer, short_voice)
    assert notes == [] and np.array_equal(again.values, motion.values)
    assert (
        performed(Performer("cpu"), short_voice, transcribe="off")[1]
        == performed(Performer("cpu"), short_voice, transcribe="auto")[1]
        == []
    )


def test_packages_of_another_version_are_said(short_voice, packages):
    packages("2.0.0")
    _, notes = performed(Performer("cpu"), short_voice)
    assert notes == [
        f"Performed without words: {transcribe.PACKAGES[0]} is of version 2.0.0, and this Utter needs 1.0.0; install the extension again."
    ]


def test_damaged_weights_are_said_and_never_read(short_voice, packages, monkeypatch, tmp_path):
    packages()
    _, notes = performed(Performer("cpu"), short_voice)
    assert notes == ["Performed without words: The transcriber's weights are damaged; install the extension again."]
    (tmp_path / transcribe.PACKAGES[1] / "data" / "model.bin.part2").unlink()
    assert performed(Performer("cpu"), short_voice)[1] == notes


def test_weights_are_checked_once_for_each_state_of_the_files(packages, monkeypatch, tmp_path):
    packages()
    monkeypatch.setattr(transcribe, "SHA256", transcribe.hashlib.sha256(b"someweights").hexdigest())
    parts, folder = transcribe.packaged()
    assert folder == tmp_path / transcribe.PACKAGES[1] / "data" and [part.read_bytes() for part in parts] == [b"some", b"weights"]
    monkeypatch.setattr(transcribe.hashlib, "sha256", lambda: pytest.fail("hashed again"))
    transcribe.packaged()
    monkeypatch.undo()
    monkeypatch.setenv("UTTER_CACHE", str(tmp_path / "cache"))
    parts[0].write_bytes(b"somewhat else")
    with pytest.raises(UtterError, match="damaged"):
        transcribe.check(parts)


@pytest.fixture
def folder(tmp_path):
    """A tiny Whisper of CTranslate2 that says nothing in particular."""
    from tokenizers import Tokenizer, decoders, models

    marks = "<|endoftext|> <|startoftranscript|> <|transcribe|> <|nospeech|> <|notimestamps|>".split()
    words = [f"w{number}" for number in range(60 - len(marks))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate([*words, *marks])}, unk_token="w0"))
    tokenizer.add_special_tokens(marks)
    tokenizer.decoder = decoders.WordPiece()
    path = tmp_path / "tiny"
    path.mkdir()
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "model.bin").write_bytes(packed(tensors(network().state_dict())))
    (path / "config.json").write_text(json.dumps({"suppress_ids": [1], "suppress_ids_begin": [2]}))
    return path


def test_another_whisper_of_a_folder(folder, tmp_path):
    ctranslate2 = transcribe.load_transcriber(folder=folder)
    assert ctranslate2.languages == {} and ctranslate2.never.tolist()[0] == 1
    network().save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    saved = transcribe.load_transcriber(folder=tmp_path / "saved")
    tokens = [[saved.start]]
    states = np.random.default_rng(0).normal(size=(1, 6, 16)).astype(np.float32)
    import torch

    with torch.inference_mode():
        logits = [each.next(tokens, torch.from_numpy(states))[0] for each in (ctranslate2, saved)]
    assert torch.allclose(*logits, atol=0.01)


def overwrite(path):
    """Put random bytes where weights are."""
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(whole)


@pytest.mark.parametrize(
    "harm, told",
    [
        (lambda folder: (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:5000]), r"model\.bin is damaged"),
        (lambda folder: overwrite(folder / "model.bin"), "The weights of tiny are damaged"),
        (lambda folder: (folder / "model.bin").unlink(), "tiny holds no Whisper"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), r"tiny has no tokenizer\.json of Whisper"),
        (lambda folder: (folder / "config.json").unlink(), r"tiny holds no config\.json"),
    ],
)
def test_a_folder_that_holds_none_is_said_and_the_voice_performs(folder, harm, told, short_voice):
    harm(folder)
    motion, notes = performed(Performer("cpu"), short_voice, transcriber=str(folder))
    assert len(notes) == 1 and notes[0].startswith("Performed without words: ") and re.search(told, notes[0]) and len(motion.values)
    with pytest.raises(UtterError, match="is no folder"):
        transcribe.load_transcriber(folder=folder / "gone")


# What a performance makes of it


class Knows:
    """A transcriber that knows what the sample voice says, and counts how often it is asked."""

    def __init__(self, text, language="en"):
        self.text, self.language, self.asked = text, language, []

    def knows(self, language):
        return language in ("en", "de", "zh")

    def transcribe(self, samples, content, language=None, progress=lambda fraction: None):
        self.asked.append(language)
        progress(1.0)
        words = [(word, word.strip(".!?,").lower(), 0.8) for word in self.text.split()]
        return [transcribe.Line(0.0, len(samples) / 16000, self.text, words, self.language)]


@pytest.fixture
def knowing(sample):
    performer = Performer("cpu")
    pie = sample.with_name("pie.flac")
    performer.models.loaded = None, Knows(pie.with_suffix(".txt").read_text(encoding="utf-8").strip())
    return SimpleNamespace(performer=performer, knows=performer.models.loaded[1], pie=pie)


def test_a_transcript_performs_as_the_words_themselves_do(knowing, tmp_path):
    from model_runtime.motion import load_motion, save_motion

    performer, pie = knowing.performer, knowing.pie
    alone, _ = performed(performer, pie, transcribe="off")
    given, _ = performed(performer, pie, words=str(pie.with_suffix(".txt")))
    found, notes = performed(performer, pie)
    assert notes == [] and found.transcribed and not given.transcribed and alone.words == ()
    assert [word["text"] for word in found.words] == knowing.knows.text.split()
    assert np.abs(found.values - given.values).mean() < 0.2 * np.abs(alone.values - given.values).mean()
    save_motion(found, tmp_path / "m.npz")
    again = load_motion(tmp_path / "m.npz").words
    assert [word["text"] for word in again] == knowing.knows.text.split() and again[3]["start"] == pytest.approx(found.words[3]["start"])


def test_it_is_asked_in_final_quality_and_once_for_each_voice(knowing):
    performed(knowing.performer, knowing.pie, transcribe="auto")
    assert knowing.knows.asked == [], "a draft is quick"
    performed(knowing.performer, knowing.pie)
    performed(knowing.performer, knowing.pie, seed=1)
    assert knowing.knows.asked == [None], "the same voice again"
    performed(knowing.performer, knowing.pie, language="zh-CN")
    assert knowing.knows.asked == [None, "zh"]


def test_a_language_without_words_is_that_of_the_transcript_or_it_is_said(knowing):
    performer, knows, pie = knowing.performer, knowing.knows, knowing.pie
    assert performed(performer, pie, language="DE")[1] == [] and knows.asked == ["de"]
    _, notes = performed(performer, pie, language="ga")
    assert notes == ["The transcriber does not know Irish, and finds the language out."] and knows.asked == ["de", None]
    assert performed(performer, pie, language="ga", seed=1)[1] == [], "said once"
    _, notes = performed(performer, pie, language="de", transcribe="off")
    assert len(notes) == 1 and notes[0].startswith("A language counts where there are words")
    assert performed(performer, pie, language="en", transcribe="off", words=knows.text)[1] == []


def test_a_script_that_does_not_fit_hears_what_the_recording_says(knowing):
    _, notes = performed(knowing.performer, knowing.pie, words="Nobody utters these extraordinary syllables, neither today nor tomorrow")
    assert notes == [f"The words do not fit the voice; the recording says “{knowing.knows.text}” instead (English)."]


def test_the_command_writes_words_with_their_times(knowing, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("model_runtime.pipeline.Performer", lambda device: knowing.performer)
    run = lambda *arguments: cli.main(["transcribe", str(knowing.pie), *map(str, arguments)])
    assert run() == 0 and "00:00:00," in capsys.readouterr().out
    for ending, begins in ((".srt", "1\n00:00:0"), (".vtt", "WEBVTT\n\n00:00:0"), (".json", '[\n {\n  "start": 0.')):
        assert run("-o", tmp_path / f"w{ending}") == 0
        assert (tmp_path / f"w{ending}").read_text(encoding="utf-8").startswith(begins)
    words = json.loads((tmp_path / "w.json").read_text(encoding="utf-8"))
    assert [word["text"] for word in words] == knowing.knows.text.split() and words[0]["confidence"] == 0.8
    assert run("-o", tmp_path / "w.docx") == 2 and "no .srt, .vtt, .json" in capsys.readouterr().err


def test_the_command_says_in_a_sentence_why_there_can_be_none(short_voice, monkeypatch, capsys):
    for package in transcribe.PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["transcribe", str(short_voice), "--device", "cpu"]) == 2
    assert f"{transcribe.PACKAGES[0]} is not installed" in capsys.readouterr().err


def test_a_recording_cannot_be_replaced_by_its_words(tmp_path, sample, capsys):
    samples, rate = soundfile.read(sample)
    soundfile.write(tmp_path / "v.wav", samples[:rate], rate)
    assert cli.main(["transcribe", str(tmp_path / "v.wav"), "-o", str(tmp_path / "no" / "such" / "v.txt")]) == 2
