"""Codes of languages, as espeak-ng and Whisper have them."""

from contract import LANGUAGES, UNSPOKEN, language_code, language_name, whisper_code


def test_codes_of_whisper():
    assert [whisper_code(code) for code in ("DE", "pt-br", "es_MX", "zh-CN", "yue", "nn", "en_US.UTF-8")] == [
        "de",
        "pt",
        "es",
        "zh",
        "zh",
        "no",
        "en",
    ]
    assert [language_code(code) for code in ("zh", "no", "de")] == ["cmn", "nb", "de"], "and back"


def test_what_languages_are_called():
    assert [language_name(code) for code in ("de", "zh", "no", "pt-br", "en-us", "tl", "jw", "xx")] == [
        *("German", "Mandarin", "Norwegian", "Portuguese (Brazil)", "English", "Tagalog", "Javanese", "xx")
    ]
    assert not set(UNSPOKEN) & set(dict(LANGUAGES)) and len(dict(LANGUAGES)) == len(LANGUAGES)
