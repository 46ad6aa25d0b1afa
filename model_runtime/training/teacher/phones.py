"""How each phone's target (flame.poses.PHONES) meets its neighbours': how strong it is (its dominance), and when.

The rules are those of JALI (Edwards et al. 2016, section 4.2): non-nasal consonants part the lips, tongue-only phones leave the
lips to their neighbours, lip-heavy phones start early and end late. Targets meet with dominances as in Cohen and Massaro (1993,
section 4).
"""

from dataclasses import dataclass

import numpy as np

from contract import UtterError
from model_runtime.flame import poses
from model_runtime.speech.phones import GERMAN, GLIDES, bare

# The mouth's own tracks: symmetric actions, and the tongue. One group of tracks shares a dominance and its speed.
TRACKS = (
    "jawOpen",
    "jawForward",
    "mouthFunnel",
    "mouthPucker",
    "mouthSmile",
    "mouthStretch",
    "mouthLowerDown",
    "mouthUpperUp",
    "mouthRollLower",
    "mouthShrugLower",
    *poses.TONGUE_CHANNELS,
)
GROUPS = {"jaw": slice(0, 2), "round": slice(2, 4), "lips": slice(4, 8), "roll": slice(8, 10), "tongue": slice(10, 13)}
TRACK = {name: i for i, name in enumerate(TRACKS)}

LABIODENTAL = {"F", "V"}


@dataclass(frozen=True)
class Phone:
    label: str
    target: np.ndarray  # [13] by TRACKS
    dominance: np.ndarray  # [5] by GROUPS
    heavy: bool  # lip-heavy: its lips start early and end late
    vowel: bool
    aperture: float  # least lip gap, share of the gap at jawOpen 1


def _phone(label, dominance=(1, 1, 1, 1, 1), heavy=False, vowel=False, aperture=0.06):
    target = np.array([poses.PHONES[label].get(track, 0.0) for track in TRACKS])
    return Phone(label, target, np.array(dominance, float), heavy, vowel, aperture)


def _vowel(label, aperture=0.11, heavy=False):
    return _phone(label, (1, 1 if heavy else 0.7, 0.8, 0.5, 0.5), heavy, True, aperture)


def _bilabial(label):
    return _phone(label, (1.2, 0.15, 0.5, 1, 0.2))


def _labiodental(label):
    return _phone(label, (1, 0.4, 1, 2, 0.3), aperture=0.07)


def _tongue(label, insist=0.4, aperture=0.06):
    """l n t d k g ng: the lips stay with the neighbours."""
    return _phone(label, (insist, 0.06, 0.12, 0.1, 2), aperture=aperture)


# Vowel jaws are those of a loud, stressed vowel; coarticulation.loudness scales them down.
PHONES = {
    phone.label: phone
    for phone in (
        _vowel("AA", 0.14),
        _vowel("AE", 0.14),
        _vowel("AH"),
        _vowel("AO", 0.12),
        _vowel("EH", 0.12),
        _vowel("ER", 0.08),
        _vowel("IH", 0.08),
        _vowel("IY", 0.08),
        _vowel("UH", 0.08),
        _vowel("UW", 0.06, heavy=True),
        _bilabial("P"),
        _bilabial("B"),
        _bilabial("M"),
        _labiodental("F"),
        _labiodental("V"),
        _phone("TH", (0.8, 0.1, 0.4, 0.5, 2.5)),
        _phone("DH", (0.7, 0.1, 0.3, 0.5, 2.5)),
        _phone("S", (1.3, 0.35, 0.8, 0.6, 2), heavy=True),
        _phone("Z", (1.2, 0.35, 0.7, 0.6, 2), heavy=True),
        _phone("SH", (1.3, 1.2, 0.7, 0.6, 2), heavy=True),
        _phone("ZH", (1.3, 1.2, 0.7, 0.6, 2), heavy=True),
        _phone("CH", (1.2, 1.1, 0.7, 0.6, 2), heavy=True),
        _phone("JH", (1.2, 1.1, 0.7, 0.6, 2), heavy=True),
        _tongue("T", 0.5),
        _tongue("D", 0.45),
        _tongue("N", 0.35, 0.05),
        _tongue("L", 0.35),
        _tongue("K", 0.3),
        _tongue("G", 0.3),
        _tongue("NG", 0.25, 0.05),
        _phone("R", (0.5, 0.7, 0.3, 0.2, 1)),
        _phone("W", (0.8, 1.3, 0.6, 0.5, 1), heavy=True, aperture=0.05),
        _phone("Y", (0.6, 0.5, 0.5, 0.2, 1)),
        _phone("HH", (0.15, 0.05, 0.1, 0.1, 0.1)),
        _phone("sil", (1, 0.8, 0.8, 1, 0.7), aperture=0.0),
    )
}


def name(label):
    """ "AH0" -> "AH", pauses -> "sil", German sounds -> the ARPAbet phone that looks nearest. UtterError for any other label."""
    phone = GERMAN.get(label, (bare(label),))[0]
    if phone not in PHONES and phone not in GLIDES:
        raise UtterError(f"{label!r} is no phone; give ARPAbet phones such as AH0, and sil for a pause.")
    return phone


def stress(label):
    """1 primary, 0.5 secondary or unknown (no digit), 0 none: the label's digit is ARPAbet's 1, 2 or 0."""
    return {"1": 1.0, "0": 0.0}.get(label[-1:], 0.5)
