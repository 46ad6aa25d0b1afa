"""The sounds of speech and what the mouth does for each.

PHONES are the 39 ARPAbet phones of the CMU dictionary and `sil`. ARTICULATORY are twelve yes-or-no facts about a moment of
speech; MADE_WITH says which of them hold for each phone (after Ladefoged and Johnson, A Course in Phonetics, ch. 2-4, with lip
shapes as seen on General American speakers). VISEMES are the fifteen mouth shapes of the common lip-sync set.
"""

PHONES = tuple("AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH sil".split())

ARTICULATORY = (
    "bilabial",
    "labiodental",
    "dental",
    "alveolar",
    "postalveolar",
    "velar",
    "rounded",
    "spread",
    "open",
    "nasal",
    "voiced",
    "pause",
)

MADE_WITH = {
    phone: frozenset(classes.split())
    for phone, classes in {
        "P": "bilabial",
        "B": "bilabial voiced",
        "M": "bilabial nasal voiced",
        "F": "labiodental",
        "V": "labiodental voiced",
        "TH": "dental",
        "DH": "dental voiced",
        "T": "alveolar",
        "D": "alveolar voiced",
        "N": "alveolar nasal voiced",
        "L": "alveolar voiced",
        "S": "alveolar spread",
        "Z": "alveolar spread voiced",
        "SH": "postalveolar rounded",
        "ZH": "postalveolar rounded voiced",
        "CH": "postalveolar rounded",
        "JH": "postalveolar rounded voiced",
        "R": "postalveolar rounded voiced",
        "Y": "spread voiced",
        "W": "velar rounded voiced",
        "K": "velar",
        "G": "velar voiced",
        "NG": "velar nasal voiced",
        "HH": "",
        "AA": "open voiced",
        "AE": "open spread voiced",
        "AH": "open voiced",
        "AO": "open rounded voiced",
        "EH": "open spread voiced",
        "ER": "rounded voiced",
        "IH": "spread voiced",
        "IY": "spread voiced",
        "UH": "rounded voiced",
        "UW": "rounded voiced",
        "AW": "open voiced",
        "AY": "open voiced",
        "EY": "spread voiced",
        "OW": "rounded voiced",
        "OY": "rounded voiced",
        "sil": "pause",
    }.items()
}

# A diphthong is made like its first vowel and then like its second.
GLIDES = {"AW": ("AA", "UH"), "AY": ("AA", "IH"), "EY": ("EH", "IH"), "OW": ("AO", "UW"), "OY": ("AO", "IH")}

STOPS = frozenset("P B T D K G CH JH".split())  # a closure, then a release
VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
BILABIALS = frozenset("P B M".split())

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
VISEME_OF = {
    phone: viseme
    for viseme, phones in {
        "sil": "sil",
        "PP": "P B M",
        "FF": "F V",
        "TH": "TH DH",
        "DD": "T D",
        "kk": "K G NG HH",
        "CH": "SH ZH CH JH",
        "SS": "S Z",
        "nn": "N L",
        "RR": "R ER",
        "aa": "AA AE AH AW AY",
        "E": "EH EY",
        "ih": "IH IY Y",
        "oh": "AO OW OY",
        "ou": "UH UW W",
    }.items()
    for phone in phones.split()
}

# German sounds that English lacks -> (the ARPAbet phone that looks nearest, what makes it). Names in X-SAMPA.
GERMAN = {
    phone: (nearest, frozenset(classes.split()))
    for phone, nearest, classes in (
        ("y:", "UW", "rounded voiced"),
        ("Y", "UH", "rounded voiced"),
        ("2:", "ER", "rounded voiced"),
        ("9", "ER", "rounded voiced"),
        ("C", "HH", "spread"),
        ("x", "HH", "velar"),
        ("R", "HH", "velar voiced"),
        ("6", "AH", "open voiced"),
        ("?", "sil", ""),
    )
}


def bare(phone):
    """The phone without its stress digit: "AH0" -> "AH". Pauses, however they are written, become `sil`."""
    phone = phone.rstrip("012")
    return "sil" if phone in ("", "SIL", "sil", "sp", "spn", "+SPN+", "+NSN+") else phone
