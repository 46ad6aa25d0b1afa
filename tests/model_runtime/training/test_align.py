"""Phone times: read, aligned, spelt, and turned into labels."""

import argparse
import json

import numpy as np
import pytest
import soundfile

from model_runtime.speech import phones
from model_runtime.training import align, corpus, speech

HAND = """0.080\t0.119\t_t
0.119\t0.144\t!t\t+asp
0.144\t0.244\tE6\t\t1
0.244\t0.350\ty
0.350\t0.420\t+nas
0.420\t0.500\tp
0.500\t0.540\t!p
0.540\t0.560\tpasp
0.560\t0.640\ta\t\t2
0.640\t0.700\tm
0.700\t0.800\t.
"""


@pytest.fixture
def emodb(tmp_path):
    """A folder like EmoDB's with one clip."""
    (tmp_path / "emodb" / "audio").mkdir(parents=True)
    (tmp_path / "emodb" / "phones").mkdir()
    (tmp_path / "emodb" / "phones" / "03a01Fa.tsv").write_text(HAND)
    soundfile.write(
        tmp_path / "emodb" / "audio" / "03a01Fa.opus",
        np.random.default_rng(0).standard_normal(16000) * 0.1,
        16000,
        format="OGG",
        subtype="OPUS",
    )
    (tmp_path / "emodb" / "index.csv").write_text(
        "clip,speaker,sex,emotion,text_code,text,seconds,has_phones\n03a01Fa,03,M,happiness,a01,Der Lappen.,1.0,1\n"
    )
    return tmp_path


def test_hand_labels_become_phones(emodb):
    (clip,) = corpus.clips(emodb)
    assert (clip.speaker, clip.split, clip.kind, clip.emotion) == ("emodb_03", "test", "phones", "happy")
    found = align.read_emodb(clip)
    assert [phone for _, _, phone in found["phones"]] == ["sil", "T", "EH1", "UW0", "P", "AA1", "M", "sil", "sil"]
    assert found["phones"][4][:2] == [0.42, 0.56]  # closure, release and aspiration are one phone
    assert found["sounds"][3] == "y:" and found["sounds"][4] is None
    assert found["releases"] == [[0.119, 0.144], [0.5, 0.54], [0.54, 0.56]]
    assert align.sane(found["phones"])


def test_labels_say_what_the_mouth_does_and_when(emodb):
    found = align.read_emodb(corpus.clips(emodb)[0])
    phone_of, made = speech.labels(found, 1.0)
    fact = lambda second, name: made[int(second * speech.GRID), phones.ARTICULATORY.index(name)]
    assert phone_of[int(0.46 * speech.GRID)] == phones.PHONES.index("P")
    assert fact(0.46, "bilabial") == 1 and fact(0.52, "bilabial") == 0 and fact(0.67, "bilabial") == fact(0.67, "nasal") == 1
    assert fact(0.3, "rounded") == 1 and fact(0.6, "open") == fact(0.6, "voiced") == 1 and fact(0.6, "pause") == 0
    assert fact(0.02, "pause") == fact(0.9, "pause") == 1


def test_stops_without_marked_releases_open_before_their_end():
    _, made = speech.labels({"phones": [[0.0, 0.2, "sil"], [0.2, 0.3, "B"], [0.3, 0.5, "OY1"]]}, 0.6)
    fact = lambda second, name: made[int(second * speech.GRID), phones.ARTICULATORY.index(name)]
    assert fact(0.24, "bilabial") == 1 and fact(0.29, "bilabial") == 0 and fact(0.29, "voiced") == 1
    assert fact(0.35, "rounded") == 1 and fact(0.48, "rounded") == 0 and fact(0.48, "spread") == 1


def test_spelling():
    say = lambda word, letters: " ".join(align.spell(word, letters))
    assert say("blenkin", align.ENGLISH_LETTERS) == "B L EH NG K IH N"
    assert say("phipp", align.ENGLISH_LETTERS) == "F IH P"
    assert say("schiff", align.GERMAN_LETTERS) == "SH IH F"
    assert say("zeichen", align.GERMAN_LETTERS) == "T S AY C AH N"
    assert say("buch", align.GERMAN_LETTERS) == "B UW x"
    known = set(phones.PHONES) | set(phones.GERMAN)
    for letters in (align.ENGLISH_LETTERS, align.GERMAN_LETTERS):
        assert {sound for sounds in letters.values() for sound in sounds.split()} <= known
        assert all(letter in letters for letter in "abcdefghijklmnopqrstuvwxyz")


def test_nonsense_is_not_kept():
    assert not align.sane([[0, 1, "sil"]])
    assert not align.sane([[0, 2, "AA"]])
    assert not align.sane([[0, 0.5, "AA"], [0.4, 0.6, "B"]])


def test_a_stopped_run_goes_on_and_repeats_nothing(emodb, capsys):
    args = argparse.Namespace(data=emodb, cache=emodb / "cache", clips=None)
    align.main(args)
    first = align.path_of(args.cache).read_text()
    assert json.loads(first)["clip"] == "emodb/03a01Fa"
    align.path_of(args.cache).write_text('{"clip": "half a li')
    align.main(args)
    align.main(args)
    assert [record["clip"] for record in align.load(args.cache)] == ["emodb/03a01Fa"]
    assert align.load(args.cache, "train") == [] and len(align.load(args.cache, "test")) == 1


def test_splits_do_not_share_speakers():
    data = corpus.Path(__file__).resolve().parents[3].parent / "shared" / "data"
    if not data.exists():
        pytest.skip("needs the recordings of ../shared/data")
    clips = corpus.clips(data)
    speakers = {split: {clip.speaker for clip in clips if clip.split == split} for split in ("train", "dev", "test")}
    assert speakers["test"] == corpus.TEST_SPEAKERS and speakers["dev"] == corpus.DEV_SPEAKERS
    assert len(speakers["train"]) > 500 and not speakers["train"] & (speakers["dev"] | speakers["test"])
    assert len({clip.name for clip in clips}) == len(clips)


def test_forced_alignment_finds_the_boundaries_of_the_montreal_aligner():
    data = corpus.Path(__file__).resolve().parents[3].parent / "shared" / "data"
    clips = [clip for clip in corpus.clips(data) if clip.name in ("ljspeech/LJ001-0002", "ljspeech/LJ001-0008")]
    if not clips:
        pytest.skip("needs the recordings of ../shared/data/ljspeech")
    aligner, errors = align.Aligner(), []
    for clip in clips:
        theirs = {(word, i) for i, (_, _, word) in enumerate(align.read_textgrid(clip)["words"])}
        ours = aligner.align(clip)["words"]
        assert {(word, i) for i, (_, _, word) in enumerate(ours)} == theirs
        errors += [abs(a[0] - b[0]) for a, b in zip(ours, align.read_textgrid(clip)["words"])]
    assert np.median(errors) < 0.03
