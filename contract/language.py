"""Languages of the words, and the many ways in which their codes are written."""

from .errors import UtterError

LANGUAGES = (
    ("af", "Afrikaans"),
    ("sq", "Albanian"),
    ("am", "Amharic"),
    ("ar", "Arabic"),
    ("hy", "Armenian"),
    ("as", "Assamese"),
    ("az", "Azerbaijani"),
    ("ba", "Bashkir"),
    ("eu", "Basque"),
    ("be", "Belarusian"),
    ("bn", "Bengali"),
    ("bs", "Bosnian"),
    ("bg", "Bulgarian"),
    ("my", "Burmese"),
    ("yue", "Cantonese"),
    ("ca", "Catalan"),
    ("hr", "Croatian"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("nl", "Dutch"),
    ("en", "English"),
    ("et", "Estonian"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("ka", "Georgian"),
    ("de", "German"),
    ("el", "Greek"),
    ("gu", "Gujarati"),
    ("ht", "Haitian Creole"),
    ("haw", "Hawaiian"),
    ("he", "Hebrew"),
    ("hi", "Hindi"),
    ("hu", "Hungarian"),
    ("is", "Icelandic"),
    ("id", "Indonesian"),
    ("ga", "Irish"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("kn", "Kannada"),
    ("kk", "Kazakh"),
    ("ko", "Korean"),
    ("la", "Latin"),
    ("lv", "Latvian"),
    ("lt", "Lithuanian"),
    ("lb", "Luxembourgish"),
    ("mk", "Macedonian"),
    ("ms", "Malay"),
    ("ml", "Malayalam"),
    ("mt", "Maltese"),
    ("cmn", "Mandarin"),
    ("mi", "Maori"),
    ("mr", "Marathi"),
    ("ne", "Nepali"),
    ("nb", "Norwegian"),
    ("fa", "Persian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("pt-br", "Portuguese (Brazil)"),
    ("pa", "Punjabi"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sr", "Serbian"),
    ("sd", "Sindhi"),
    ("si", "Sinhala"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("es", "Spanish"),
    ("es-419", "Spanish (Latin America)"),
    ("sw", "Swahili"),
    ("sv", "Swedish"),
    ("ta", "Tamil"),
    ("tt", "Tatar"),
    ("te", "Telugu"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("tk", "Turkmen"),
    ("uk", "Ukrainian"),
    ("ur", "Urdu"),
    ("uz", "Uzbek"),
    ("vi", "Vietnamese"),
    ("cy", "Welsh"),
)  # codes as espeak-ng has them; all that it speaks and Whisper knows, and some more
UNSPOKEN = {  # languages that a transcript may be in, and espeak-ng does not speak, by Whisper's codes
    "br": "Breton",
    "fo": "Faroese",
    "gl": "Galician",
    "ha": "Hausa",
    "jw": "Javanese",
    "km": "Khmer",
    "lo": "Lao",
    "ln": "Lingala",
    "mg": "Malagasy",
    "mn": "Mongolian",
    "oc": "Occitan",
    "ps": "Pashto",
    "sa": "Sanskrit",
    "sn": "Shona",
    "so": "Somali",
    "su": "Sundanese",
    "tl": "Tagalog",
    "tg": "Tajik",
    "bo": "Tibetan",
    "yi": "Yiddish",
    "yo": "Yoruba",
}
WHISPERS = {"cmn": "zh", "yue": "zh", "nb": "no", "fil": "tl"}  # codes that Whisper has otherwise
_ALIASES = {  # codes of ISO 639, of systems and of other tools -> espeak-ng's
    **dict.fromkeys("zh zh-cn zh-hans zh-hans-cn zh-sg zh-tw zh-hant zh-hant-tw zho chi zh-cmn cmn-hans cmn-hant cmn-cn".split(), "cmn"),
    **dict.fromkeys("zh-hk zh-mo zh-hant-hk zh-yue".split(), "yue"),
    **dict.fromkeys("no nn nb-no nn-no no-no nor nob nno".split(), "nb"),
    **dict.fromkeys("es-mx es-ar es-co es-cl es-pe es-ve es-us es-la es-uy es-ec".split(), "es-419"),
    "iw": "he", "in": "id", "ji": "yi", "pt-pt": "pt", "es-es": "es", "tl": "fil", "jp": "ja", "cz": "cs", "dk": "da", "gr": "el",
}  # fmt: skip
_THREE = (  # ISO 639-2 and 639-3
    "ara:ar bul:bg cat:ca hrv:hr ces:cs cze:cs dan:da nld:nl dut:nl eng:en est:et fin:fi fra:fr fre:fr deu:de ger:de ell:el gre:el heb:he "
    "hin:hi hun:hu isl:is ice:is ind:id gle:ga ita:it jpn:ja kor:ko lav:lv lit:lt msa:ms may:ms fas:fa per:fa pol:pl por:pt ron:ro rum:ro "
    "rus:ru srp:sr slk:sk slo:sk slv:sl spa:es swa:sw swe:sv tam:ta tha:th tur:tr ukr:uk urd:ur vie:vi cym:cy wel:cy"
)
_ALIASES |= dict(pair.split(":") for pair in _THREE.split())
_ALIASES |= {name.lower(): code for code, name in LANGUAGES}


def language_code(given: str) -> str:
    """A code such as zh, zh-CN, de_DE or de_DE.UTF-8 as espeak-ng has it; one that is not known here as it came, in small letters."""
    code = given.strip().lower().partition(".")[0].replace("_", "-")
    first, _, region = code.partition("-")
    return _ALIASES.get(code) or (code if code in dict(LANGUAGES) or first not in _ALIASES else f"{_ALIASES[first]}-{region}")


def offered_language(given: str) -> str:
    """The code in LANGUAGES of one such as DE or en-US. UtterError if there is none."""
    code = language_code(given)
    found = next((code for code in (code, code.partition("-")[0]) if code in dict(LANGUAGES)), None)
    if found is None:
        raise UtterError(f'"{given}" is no language that Utter offers; give a code such as en, de or pt-br.')
    return found


def whisper_code(given: str) -> str:
    """A code such as DE, pt-br or cmn as Whisper has it."""
    code = language_code(given)
    return WHISPERS.get(code) or code.partition("-")[0]


def language_name(given: str) -> str:
    """What a language is called; its code where nobody knows."""
    code = language_code(given)
    return UNSPOKEN.get(given) or dict(LANGUAGES).get(code) or dict(LANGUAGES).get(code.partition("-")[0]) or given
