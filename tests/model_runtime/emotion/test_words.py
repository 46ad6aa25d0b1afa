"""The degree and what is denied, read from the words themselves."""

import pytest

from model_runtime.emotion.words import degree, split_denial


@pytest.mark.parametrize(
    "less, more",
    [
        ("a hint of sadness", "slightly sad"),
        ("slightly sad", "somewhat sad"),
        ("somewhat sad", "sad"),
        ("a bit angry", "very angry"),
        ("Slightly annoyed", "annoyed"),
        ("barely smiling", "smiling"),
    ],
)
def test_degrees_are_ordered(less, more):
    assert 0 < degree(less) < degree(more) <= 1


@pytest.mark.parametrize(
    "text, rest, denied",
    [
        ("not angry, just sad", "sad", ["angry"]),
        ("sad but not crying", "sad but", ["crying"]),
        ("without any fear, proud", "proud", ["fear"]),
        ("joyful", "joyful", []),
        ("not angry", "not angry", []),
        ("not only sad but furious", "not only sad but furious", []),
    ],
)
def test_denials_are_taken_apart(text, rest, denied):
    assert split_denial(text) == (rest, denied)
