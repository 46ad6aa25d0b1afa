"""Filmed talkers: who is held out, and what is written of them to learn from."""

import csv

import numpy as np
import pytest

from contract import NECK, UtterError
from model_runtime.capture import fit, neutral_of
from model_runtime.emotion import LABELS
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.training import captures, films, recordings


@pytest.fixture(scope="module")
def clips(shared):
    if not (shared / "data" / "grid_film").is_dir():
        pytest.skip("needs the tracked films of ../shared/data/grid_film")
    return films.films(shared / "data" / "grid_film")


def test_speakers_and_a_fixed_slice_of_sentences_are_held_out(clips):
    dev = [clip for clip in clips if clip.split == "dev"]
    assert len(clips) == 1010 and {clip.speaker for clip in clips if clip.split == "train"} == {"s1"}
    assert sum(clip.speaker != "s1" for clip in dev) == 21 and 30 < sum(clip.speaker == "s1" for clip in dev) < 70
    assert films.split_of("s1_bbbs7a", "s1") == "dev" and films.split_of("s1_bbaf2n", "s1") == "train"


def test_films_become_recordings(clips, tmp_path):
    head = load_head()
    chosen = [next(clip for clip in clips if clip.split == split and clip.speaker == "s1") for split in ("train", "dev")]
    chosen.append(next(clip for clip in clips if clip.speaker == "s31"))
    assert captures.filmed(chosen, tmp_path, report=lambda line: None) == 3
    with open(tmp_path / "index.csv", newline="") as stream:
        assert [row["split"] for row in csv.DictReader(stream)] == ["train", "test", "test"]
    (recording,) = recordings.read(tmp_path, head)
    assert recording.share.argmax() == LABELS.index("neutral")
    assert recording.name == chosen[0].name and recording.text == chosen[0].text + "\n"
    assert not {"tongueOut", "eyeBlinkLeft"} & recording.captured and {"jawOpen", "browInnerUp", "neck"} <= recording.captured
    motion = fit(chosen[0].track, neutral_of([clip.track for clip in chosen[:2]]), head, len(recording.values)).values
    assert lbs.lip_gap(head, recording.values) == pytest.approx(lbs.lip_gap(head, motion), abs=0.02)
    assert np.abs(recording.values[:, NECK] - motion[:, NECK]).max() < 0.01


def test_another_folder_is_named_in_a_sentence(tmp_path):
    with pytest.raises(UtterError, match="grid_film"):
        captures.convert(tmp_path, tmp_path / "out")
