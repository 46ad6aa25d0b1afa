"""What the labels of a phone recogniser mean: its vocabulary mapped to Sounds (pronounce.Sound).

Three alphabets are understood: ARPAbet with or without stress digits, TIMIT's 61 and 39 (lower-case ARPAbet, closures apart; Lee
and Hon 1989, table 3), and the International Phonetic Alphabet as espeak-ng writes it, where a label may be several sounds.
"""

import re

from contract import UtterError
from model_runtime.speech.phones import PHONES, VOWELS, bare
from model_runtime.speech.pronounce import Sound, arpabet, from_ipa

SILENCE = Sound("sil", frozenset({"pause"}), True)
SILENCES = frozenset("sil sp pau epi h# silence".split())
# TIMIT's own. A closure counts as its stop; closures of no particular stop (cl, vcl) and the glottal stop (q) count as nothing.
TIMIT = dict(
    zip("ux ax ax-h ix axr hv dx nx em en eng el pcl bcl tcl dcl kcl gcl".split(), "UW AH AH IH ER HH D N M N NG L P B T D K G".split())
)
PHONETIC = re.compile("[\u0250-\u02af\u02b0\u02d0θβχŋ]")  # signs that no ordinary spelling has
KNOWN = 0.7  # share of the labels that must mean something


def from_english(label):
    """Sounds of a label in ARPAbet or TIMIT's alphabet; [] of any other."""
    phone = TIMIT.get(label.lower(), label.upper())
    return arpabet([phone]) if bare(phone) in PHONES else []


def sounds_of(labels, name):
    """For each label (str or None) the Sounds that it stands for: a tuple, () for blanks and what the mouth does not show.

    UtterError if the labels are letters or belong to an unknown alphabet; name: of the model, for the sentence.
    """
    special = [re.fullmatch(r"[<\[](.*)[>\]]", label or "<>") for label in labels]  # <pad>, [UNK], <sil> ...
    plain = [found[1] if found else label.removeprefix("▁") for label, found in zip(labels, special)]
    said = [label for label, found in zip(plain, special) if not found and label.lower() not in SILENCES and label.strip(" |_'’ˈˌː.,?!-")]
    english = {bare(label.upper()) for label in said if len(label) > 1}
    if len(english & VOWELS) >= 8:
        mean = from_english
    elif sum(bool(PHONETIC.search(label)) for label in said) >= 4:
        mean = from_ipa
    else:
        raise UtterError(
            f"{name} hears letters or word pieces; choose a CTC model whose vocabulary is phones: ARPAbet, TIMIT's, or "
            "IPA as espeak-ng writes it.",
            f"labels: {said[:60]}",
        )
    if sum(bool(mean(label)) for label in said) < KNOWN * len(said):
        raise UtterError(
            f"The phones of {name} are not known; choose a CTC model whose vocabulary is ARPAbet, TIMIT's, or IPA as espeak-ng writes it.",
            f"labels: {said[:60]}",
        )
    return [(SILENCE,) if label.lower() in SILENCES else () if found else tuple(mean(label)) for label, found in zip(plain, special)]
