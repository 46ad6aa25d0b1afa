"""The list of prompts that readers are measured with, and how its figures are counted."""

import numpy as np
import pytest

from contract import UtterError
from model_runtime.emotion.labels import LABELS
from model_runtime.emotion.prompts import Prompt
from model_runtime.training.words import read
from tools.evaluate import words_read


def test_nothing_of_the_list_is_learned_from():
    listed = words_read.prompts()
    texts = {text.lower() for name in ("free", "languages", "denials", "mixtures", "nonsense") for _, text in listed[name]}
    assert len(texts) >= 160 and not texts & {phrase.text.lower() for phrase in read()}


def test_every_label_has_ten_free_prompts():
    labels = [label for label, _ in words_read.prompts()["free"]]
    assert {label: labels.count(label) for label in LABELS} == dict.fromkeys(LABELS, 10)


class Reads:
    """Reads what it is told: {text: ({label: share}, strength)}."""

    def __init__(self, told):
        self.told = told

    def read(self, text):
        shares, strength = self.told[text]
        return Prompt(np.array([shares.get(name, 0.0) for name in LABELS]), strength, 0.5)


def test_figures_are_shares_of_what_was_read_rightly(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text(
        "[free]\nsad: weeps / mourns\n[languages]\nsad: traurig\n[rising]\na < b < c\nc < b < a\n"
        "[denials]\nangry: not angry\n[mixtures]\nsad+angry: both / one\n[nonsense]\nnonsense: xx / yy\n",
        encoding="utf-8",
    )
    sad, angry, half = {"sad": 1.0}, {"angry": 1.0}, {"sad": 0.6, "angry": 0.4}
    told = {"weeps": (sad, 0.7), "mourns": (sad, 0.0), "traurig": (sad, 0.7), "a": (sad, 0.2), "b": (sad, 0.5), "c": (sad, 0.9)}
    told |= {"not angry": (angry, 0.7), "both": (half, 0.7), "one": (sad, 0.7), "xx": (sad, 0.6), "yy": (sad, 0.1)}
    said = []
    found = words_read.run(Reads(told), said.append, path)
    assert found["figures"]["first of eight labels"] == [0.5, 2]  # what is not understood is not read
    assert found["figures"]["other languages"] == [1.0, 1]
    assert found["figures"]["rising triples in order"] == [0.5, 2]
    assert found["figures"]["denied emotion not read"] == [0.0, 1]
    assert found["figures"]["both of a mixture"] == [0.5, 2]
    assert found["figures"]["nonsense read as strong"] == [0.5, 2]
    assert len(found["missed"]) == 5 and len(said) == len(found["figures"])


def test_a_line_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "own.txt").write_text("[free]\nsad weeps\n", encoding="utf-8")
    with pytest.raises(UtterError, match="own.txt, line 2"):
        words_read.prompts(tmp_path / "own.txt")


@pytest.mark.slow
def test_the_shipped_reader_reads_what_it_never_learned():
    """Floors below what was measured once: free .637, other languages .733, rising .933, nonsense .10."""
    from model_runtime.emotion import feelings

    shipped = feelings.load()
    found = words_read.run(shipped, lambda line: None)["figures"]
    both = "use" in shipped.prompts.encoders()
    assert found["first of eight labels"][0] >= (0.58 if both else 0.4)
    assert found["rising triples in order"][0] >= 0.7 and found["nonsense read as strong"][0] <= 0.25
    assert found["other languages"][0] >= 0.6 or not both
