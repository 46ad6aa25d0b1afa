"""Words sharpen what is heard where they fit, and do no harm where they do not."""

import unicodedata

import numpy as np
import pytest

from contract import LANGUAGES, UtterError
from model_runtime.speech import content as layout
from model_runtime.speech import words
from model_runtime.speech.phones import ARTICULATORY, PHONES
from model_runtime.speech.pronounce import arpabet, from_ipa, pronounce, words_of

TEXT = "Please bring the big paper bag from my room before five"
GERMAN = "Heute Abend könnte ich es ihm sagen bevor wir schlafen"


def voice(text, language="en-us", frames=4, sure=0.6, pause=10, seed=0):
    """(Content as a doubtful encoder hears the text, [[start, end, phone], ...]): every phone that long, a pause at both ends."""
    rng = np.random.default_rng(seed)
    told, at, rows = [], pause, []
    silence = np.zeros(layout.COLUMNS)
    silence[[PHONES.index("sil"), len(PHONES) + ARTICULATORY.index("pause")]] = 1
    rows += [silence] * pause
    for way in pronounce(words_of(text), language):
        for sound in way[0]:
            row = np.zeros(layout.COLUMNS)
            row[PHONES.index(sound.phone)] = 1
            row[[len(PHONES) + ARTICULATORY.index(name) for name in sound.classes]] = 1
            rows += [row] * frames
            told.append([at / 50, (at + frames) / 50, sound.phone])
            at += frames
    rows += [silence] * pause
    exact = np.array(rows, np.float32)
    doubt = rng.random(exact.shape).astype(np.float32) ** 3
    doubt[:, layout.PHONES] /= doubt[:, layout.PHONES].sum(1, keepdims=True)
    heard = sure * exact + (1 - sure) * doubt
    heard[:, layout.PROSODY] = 0.5
    return heard, told


def accuracy(content, told):
    right = [PHONES[content[int((start + end) * 25), layout.PHONES].argmax()] == phone for start, end, phone in told]
    return np.mean(right)


def sharpen(heard, text, language=None):
    """(Content sharpened by the text, its Alignment or None, the sentence about a misfit)."""
    found, note = words.find(heard, text, language)
    return words.blend(heard, found.phones) if found else heard, found, note


@pytest.mark.parametrize("text, language", [(TEXT, None), (GERMAN, "de"), (GERMAN, None)])
def test_words_are_found_where_they_are_said(text, language):
    heard, told = voice(text, "de" if text is GERMAN else "en-us")
    sharp, found, note = sharpen(heard, text, language)
    assert note == "" and found.found == 1 and [word for _, _, word, _ in found.words] == words_of(text)
    mine = np.array([start for start, _, _, _ in found.phones])
    true = np.array([start for start, _, _ in told])
    assert len(mine) == len(true) and np.median(np.abs(mine - true)) <= 0.02


def test_words_settle_what_the_ears_doubt():
    heard, told = voice(TEXT, sure=0.09)
    sharp, found, _ = sharpen(heard, TEXT)
    assert accuracy(heard, told) + 0.05 < accuracy(sharp, told)
    assert (sharp[:, layout.PROSODY] == heard[:, layout.PROSODY]).all()
    np.testing.assert_allclose(sharp[:, layout.PHONES].sum(1), 1, atol=1e-3)


def test_words_of_another_voice_change_nothing():
    heard, _ = voice(TEXT)
    sharp, found, note = sharpen(heard, "Yesterday nobody could have known how the ocean sleeps until winter", "en-us")
    assert found is None and (sharp == heard).all() and note.endswith("the voice alone is heard.")
    assert words.find(heard, " ... ")[0] is None


def test_missing_words_leave_the_sound_as_it_is():
    """The text lacks the middle of what is said: the rest is still found in its place."""
    heard, told = voice(TEXT)
    sharp, found, note = sharpen(heard, "Please bring the from my room before five")
    assert note == "" and found.found == 1
    start = next(s for s, _, word, _ in found.words if word == "from")
    spelt = [len(way[0]) for way in pronounce(words_of(TEXT))]
    assert abs(start - told[sum(spelt[: words_of(TEXT).index("from")])][0]) < 0.05
    assert accuracy(sharp, told) > 0.95


def test_words_that_are_not_said_are_passed_over():
    heard, told = voice(TEXT)
    sharp, found, _ = sharpen(heard, "Please bring the wonderful elephants big paper bag from my room before five")
    assert found.found < 1 and accuracy(sharp, told) > 0.95


SCENE = """Somebody left the window open again and now the kitchen is freezing. I told you that yesterday.
    {} Then we should leave at once, otherwise everything has been for nothing. Do you hear the others laughing?"""


def test_a_voice_says_one_line_of_a_script():
    heard, told = voice(TEXT)
    alone, _, _ = sharpen(heard, TEXT)
    sharp, found, note = sharpen(heard, SCENE.format(TEXT))
    said, told_words = len(words_of(TEXT)), len(words_of(SCENE.format(TEXT)))
    assert note == f"The voice says a part of the words, about {said} of {told_words}; the others were left out."
    assert [word for _, _, word, fit in found.words if fit > 0.25] == words_of(TEXT) and accuracy(sharp, told) > 0.95
    assert np.abs(sharp - alone).mean() < 0.01
    sharp, found, note = sharpen(heard, SCENE.format(""))
    assert found is None and (sharp == heard).all() and note.endswith("the voice alone is heard.")


def test_any_text_is_survived():
    heard, _ = voice(TEXT)
    for text in ("42", "a", "?!", "\x00\x01", "مرحبا", "𝔘𝔫𝔦", "hm " * 500, "x" * 3000, TEXT.replace(" ", ""), "1" * 400, "-.'" * 50):
        for content in (heard, heard[:1], heard[:0]):
            sharp, found, note = sharpen(content, text, "de")
            assert sharp.shape == content.shape and np.isfinite(sharp).all() and (found is not None or note)


def test_a_word_is_spoken_the_way_that_fits():
    def say(phones):
        row = np.full((len(phones) * 5, layout.COLUMNS), 0.01, np.float32)
        for k, sound in enumerate(arpabet(phones)):
            row[5 * k : 5 * k + 5, PHONES.index(sound.phone)] = 0.9
            row[5 * k : 5 * k + 5, [40 + ARTICULATORY.index(name) for name in sound.classes]] = 0.9
        return row

    for vowel in ("IY", "EH"):  # to read, has read
        found = words.align(say(["R", vowel, "D"]), ["read"])
        assert [sound.phone for _, _, sound, _ in found.phones] == ["R", vowel, "D"]


def test_words_of_a_text():
    assert words_of("[laughs] Don't — well-known, o'clock (softly) 42!") == ["Don't", "well-known", "o'clock", "42"]
    assert words_of("{\\an8}<i>Don’t</i> “say” don\u02bct… I\u00adch: 'tis 3.5, 1,000.") == [
        "Don't",
        "say",
        "don't",
        "Ich",
        "tis",
        "3.5",
        "1,000",
    ]
    assert words_of(unicodedata.normalize("NFD", "Größe könnte")) == ["Größe", "könnte"]
    assert words_of("wait--what नमस्ते दुनिया, well…") == ["wait", "what", "नमस्ते", "दुनिया", "well"]
    assert words_of("$5 & 10 %, l’été") == ["5", "$", "&", "10", "%", "l'été"]
    assert words_of(" ...\n--- 【♪】 ♪ \u200b") == []


@pytest.mark.parametrize(
    "text, language, spoken",
    [
        ("42", "en-us", "F AO R D IY T UW"),
        ("$5", "en-us", "F AY V D AA L ER"),
        ("10%", "en-us", "T EH N P ER S EH N T"),
        ("1,000", "en-us", "W AH N TH AW Z AH N D"),
        ("3 €", "de", "D HH AY OY HH OW"),
        ("don’t", "en-us", "D OW N T"),
    ],
)
def test_numbers_and_signs_are_spoken(text, language, spoken):
    assert [sound.phone for ways in pronounce(words_of(text), language) for sound in ways[0]] == spoken.split()


def test_every_language_of_the_panel_is_spoken():
    codes = [code for code, _ in LANGUAGES]
    assert len(codes) > 40 and {"en", "de", "es-419"} <= set(codes)
    assert [code for code in codes if not pronounce(["2"], code)[0]] == []


def test_a_language_is_known_by_other_codes():
    for given, code in (("zh-CN", "cmn"), ("de_DE", "de"), ("de-AT", "de"), ("en_US", "en"), ("pt-BR", "pt-br")):
        assert pronounce(["2"], given) == pronounce(["2"], code)


def test_an_unknown_language_is_said_in_a_sentence():
    with pytest.raises(UtterError, match="no language"):
        pronounce(["hello"], "klingon-north")


def test_ipa_says_what_the_mouth_does():
    assert [sound.phone for sound in from_ipa("ˈpaɪpɐ")] == ["P", "AY", "P", "AH"]
    assert [set(sound.classes) for sound in from_ipa("yːpf")] == [{"rounded", "voiced"}, {"labiodental"}]


def test_long_voices_are_walked_in_a_beam():
    long = " ".join([TEXT] * 40)
    heard, told = voice(long)
    assert sum(len(way[0]) for way in pronounce(words_of(long))) * 1.3 > 1000
    found = words.align(heard, words_of(long))
    mine = np.array([start for start, _, _, _ in found.phones])
    assert found.found == 1 and np.median(np.abs(mine - np.array([s for s, _, _ in told])[: len(mine)])) <= 0.03


def test_mandarins_tones_are_no_vowels_and_its_dots_no_letters():
    (way,) = pronounce(["直"], "cmn")[0]
    assert [sound.phone for sound in way] == ["CH", "IH"]
    assert pronounce(["興", "ベ"], "ja")[0] == [], "espeak-ng reads kana alone"
