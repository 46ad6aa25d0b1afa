"""What is read from the words themselves: denials, parts, emoji, scripts, length; and what corpus files hold."""

import pytest
import torch

from contract import UtterError
from model_runtime.emotion.labels import LABELS
from model_runtime.emotion.reader import FEATURES, VOTERS, Reader
from model_runtime.emotion.words import LIMIT, cut, plain, split_denial, split_parts, unread_script, utmost
from model_runtime.training.words import FOLDS, fold, read, read_file


@pytest.mark.parametrize(
    "text, rest, denied",
    [
        ("not angry, just sad", "sad", ["angry"]),
        ("sad but not crying", "sad", ["crying"]),
        ("without any fear, proud", "proud", ["fear"]),
        ("she isn't scared, she is furious", "she is furious", ["scared"]),
        ("nicht traurig, sondern wütend", "wütend", ["traurig"]),
        ("not angry", "", ["angry"]),
        ("she is not angry", "", ["angry"]),
        ("fearless", "", ["fear"]),
        ("joyful", "joyful", []),
        ("not only sad but furious", "not only sad but furious", []),
        ("can't believe it", "can't believe it", []),
        ("please don't hurt me", "please don't hurt me", []),
        ("trying not to laugh", "trying not to laugh", []),
        ("can't hide his disgust", "can't hide his disgust", []),
        ("no longer holding her tears back", "no longer holding her tears back", []),
        ("not without fear", "not without fear", []),
    ],
)
def test_denials_are_taken_apart(text, rest, denied):
    assert split_denial(text) == (rest, denied)


def test_what_nothing_surpasses_is_no_denial():
    assert utmost("she couldn't be happier") == "she happier than ever"
    assert utmost("I can not possibly be any more afraid") == "I more afraid than ever"
    assert utmost("cannot be here") == "cannot be here" and utmost("it couldn't be helped") == "it couldn't be helped"


def test_prompts_are_divided_where_they_join_two_feelings():
    assert split_parts("sad but smiling") == ["sad", "smiling"]
    assert split_parts("half scared, half excited") == ["scared", "excited"]
    assert split_parts("happy/sad") == split_parts("happy & sad") == ["happy", "sad"]
    assert split_parts("furious") == split_parts("a and b " * 40) == []


def test_emoji_are_read_by_their_names():
    assert plain("😂") == "face with tears of joy"
    assert plain("so  sad\n❤️") == "so sad heavy black heart"
    assert plain("naïve und böse") == "naïve und böse"


def test_long_prompts_are_cut_and_say_where():
    kept, sentence = cut("happy people " * 1000)
    assert len(kept) <= LIMIT and "happy" in sentence and sentence.count(".") >= 1
    assert cut("short") == ("short", "")
    assert len(cut("x" * 10000)[0]) == LIMIT


@pytest.mark.parametrize(
    "text, multilingual, script",
    [("χαρούμενος", True, "Greek"), ("радость", True, ""), ("радость", False, "Cyrillic"), ("happy", False, ""), ("嬉しい", True, "")],
)
def test_scripts_that_nothing_reads_are_named(text, multilingual, script):
    assert unread_script(text, multilingual) == script


def test_the_corpus_is_read_and_its_folds_hang_on_names_alone():
    phrases = read()
    assert len(phrases) > 26000 and {int(p.shares.argmax()) for p in phrases} == set(range(len(LABELS) + 1))
    assert all(abs(p.shares.sum() - 1) < 1e-5 for p in phrases)
    assert {fold(p.family) for p in phrases} == {None, *range(FOLDS)}


def test_a_line_of_the_corpus_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "own.txt").write_text("[mine]\nhappy .5: yes / no\nhangry: maybe\n", encoding="utf-8")
    with pytest.raises(UtterError, match="own.txt, line 3"):
        read_file(tmp_path / "own.txt")
    (tmp_path / "own.txt").write_text("[lines: to a friend]\nhappy .5: yes / no\n", encoding="utf-8")
    with pytest.raises(UtterError, match="own.txt, line 1"):
        read_file(tmp_path / "own.txt")


def test_the_nearest_phrases_vote_and_each_encoder_votes_alone():
    torch.manual_seed(0)
    sizes = FEATURES | VOTERS
    features = {name: torch.nn.functional.normalize(torch.randn(200, size), dim=-1) for name, size in sizes.items()}
    shares = torch.eye(len(LABELS) + 1)[torch.arange(200) // 25]
    for name, size in sizes.items():  # phrases of a class lie near each other
        features[name] = torch.nn.functional.normalize(0.2 * features[name] + torch.eye(size)[torch.arange(200) // 25], dim=-1)
    reader = Reader(phrases=200).eval()
    reader.remember(features, shares, torch.full((200,), 0.1))
    for heard in (features, *({name: features[name]} for name in VOTERS)):
        voted = reader.vote(heard)
        torch.testing.assert_close(voted[:, :-1].sum(1), torch.ones(200))
        torch.testing.assert_close(voted[:, -1], torch.full((200,), 0.1))
        assert (voted[:, :-1].argmax(1) == shares.argmax(1)).all()
    torch.testing.assert_close(reader(features).shares.sum(1), torch.ones(200))
