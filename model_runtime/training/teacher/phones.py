"""What each phone asks of the mouth in running speech (its target), how strong that is against its neighbours (its dominance), and when.

The rules are those of JALI (Edwards et al. 2016, section 4.2): non-nasal consonants part the lips, tongue-only phones leave the
lips to their neighbours, lip-heavy phones start early and end late. Targets meet with dominances as in Cohen and Massaro (1993,
section 4). Dominances of jaw, rounding and lips were fitted with the times of coarticulation.py, each by class of phones and within a
third to four times what the rules had; those of R, Y and HH are set by hand, for the search took R for HH.
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

# Fitted by tools.fit_teacher to 160 training sentences of GRID's s1: targets of a man who reads calmly, drawn towards shares of the
# rules' (flame.poses.PHONES), which rare phones keep. Not from the fit: p, b and m share a pose; AO has the pucker of his captured face
# (0.28 there) and UH the rules' share, because with what was fitted five of 87 rounded vowels and w of 60 aligned recordings no longer
# looked round. Other tracks are the rules'.
FITTED = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthStretch", "mouthLowerDown", "mouthUpperUp")
TARGETS = {
    "AA": dict(jawOpen=0.51, mouthSmile=0.06, mouthLowerDown=0.21, mouthUpperUp=0.3),
    "AE": dict(jawOpen=0.3, mouthSmile=0.05, mouthLowerDown=0.2, mouthUpperUp=0.3),
    "AH": dict(jawOpen=0.28, mouthLowerDown=0.16, mouthUpperUp=0.23),
    "AO": dict(jawOpen=0.15, mouthFunnel=0.08, mouthPucker=0.25, mouthLowerDown=0.04, mouthUpperUp=0.06),
    "EH": dict(jawOpen=0.3, mouthSmile=0.13, mouthStretch=0.01, mouthLowerDown=0.28, mouthUpperUp=0.35),
    "ER": dict(jawOpen=0.1, mouthFunnel=0.1, mouthPucker=0.08, mouthLowerDown=0.08),
    "IH": dict(jawOpen=0.19, mouthSmile=0.1, mouthLowerDown=0.16, mouthUpperUp=0.18),
    "IY": dict(jawOpen=0.06, mouthFunnel=0.01, mouthSmile=0.16, mouthLowerDown=0.2, mouthUpperUp=0.25),
    "UH": dict(jawOpen=0.1, mouthFunnel=0.1, mouthPucker=0.12),
    "UW": dict(mouthPucker=0.23),
    "P": dict(jawOpen=0.1, mouthPucker=0.12),
    "B": dict(jawOpen=0.1, mouthPucker=0.12),
    "M": dict(jawOpen=0.1, mouthPucker=0.12),
    "F": dict(jawOpen=0.12, mouthFunnel=0.03, mouthPucker=0.08, mouthLowerDown=0.04, mouthUpperUp=0.18),
    "V": dict(jawOpen=0.11, mouthLowerDown=0.01, mouthUpperUp=0.15),
    "TH": dict(mouthSmile=0.04, mouthStretch=0.02, mouthLowerDown=0.04, mouthUpperUp=0.02),
    "DH": dict(mouthFunnel=0.01, mouthPucker=0.09, mouthLowerDown=0.02),
    "S": dict(jawOpen=0.09, mouthSmile=0.03, mouthLowerDown=0.15, mouthUpperUp=0.11),
    "Z": dict(jawOpen=0.06, mouthPucker=0.03, mouthSmile=0.11, mouthStretch=0.02, mouthLowerDown=0.18, mouthUpperUp=0.1),
    "SH": dict(jawOpen=0.02, mouthFunnel=0.17, mouthPucker=0.11, mouthLowerDown=0.11, mouthUpperUp=0.11),
    "ZH": dict(jawOpen=0.02, mouthFunnel=0.16, mouthPucker=0.11, mouthLowerDown=0.11, mouthUpperUp=0.1),
    "CH": dict(jawOpen=0.02, mouthFunnel=0.16, mouthPucker=0.11, mouthLowerDown=0.11, mouthUpperUp=0.1),
    "JH": dict(jawOpen=0.01, mouthFunnel=0.16, mouthPucker=0.11, mouthLowerDown=0.11, mouthUpperUp=0.1),
    "T": dict(jawOpen=0.17, mouthSmile=0.03, mouthLowerDown=0.21, mouthUpperUp=0.15),
    "D": dict(jawOpen=0.04, mouthFunnel=0.01, mouthLowerDown=0.22, mouthUpperUp=0.15),
    "N": dict(jawOpen=0.03, mouthSmile=0.02),
    "L": dict(jawOpen=0.12, mouthFunnel=0.03, mouthPucker=0.06, mouthLowerDown=0.13, mouthUpperUp=0.17),
    "K": dict(jawOpen=0.21, mouthSmile=0.03, mouthStretch=0.04, mouthLowerDown=0.02, mouthUpperUp=0.14),
    "G": dict(jawOpen=0.1, mouthUpperUp=0.11),
    "NG": dict(jawOpen=0.05),
    "R": dict(mouthPucker=0.23),
    "W": dict(mouthPucker=0.29),
    "Y": dict(jawOpen=0.04, mouthSmile=0.13, mouthStretch=0.03, mouthLowerDown=0.08),
    "HH": dict(jawOpen=0.08),
    "sil": dict(),
}


@dataclass(frozen=True)
class Phone:
    label: str
    target: np.ndarray  # [13] by TRACKS
    dominance: np.ndarray  # [5] by GROUPS
    heavy: bool  # lip-heavy: its lips start early and end late
    vowel: bool
    aperture: float  # least lip gap, share of the gap at jawOpen 1


def _phone(label, dominance=(1, 1, 1, 1, 1), heavy=False, vowel=False, aperture=0.06):
    rules = {track: amount for track, amount in poses.PHONES[label].items() if track not in FITTED}
    target = np.array([(rules | TARGETS[label]).get(track, 0.0) for track in TRACKS])
    return Phone(label, target, np.array(dominance, float), heavy, vowel, aperture)


def _vowel(label, aperture=0.11, heavy=False):
    return _phone(label, (1, 1 if heavy else 0.7, 0.8, 0.5, 0.5), heavy, True, aperture)


def _bilabial(label):
    return _phone(label, (4.8, 0.35, 1.5, 1, 0.2))


def _labiodental(label):
    return _phone(label, (1, 0.9, 3, 2, 0.3), aperture=0.07)


def _tongue(label, insist=0.9, aperture=0.06):
    """l n t d k g ng: the lips stay with the neighbours."""
    return _phone(label, (insist, 0.14, 0.27, 0.1, 2), aperture=aperture)


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
        _vowel("UH", 0.10),
        _vowel("UW", 0.10, heavy=True),
        _bilabial("P"),
        _bilabial("B"),
        _bilabial("M"),
        _labiodental("F"),
        _labiodental("V"),
        _phone("TH", (1.8, 0.22, 1.2, 0.5, 2.5)),
        _phone("DH", (1.6, 0.22, 0.9, 0.5, 2.5)),
        _phone("S", (1.3, 0.8, 1.8, 0.6, 2), heavy=True),
        _phone("Z", (1.2, 0.8, 1.6, 0.6, 2), heavy=True),
        _phone("SH", (1.3, 1.2, 2.1, 0.6, 2), heavy=True),
        _phone("ZH", (1.3, 1.2, 2.1, 0.6, 2), heavy=True),
        _phone("CH", (1.2, 1.1, 2.1, 0.6, 2), heavy=True),
        _phone("JH", (1.2, 1.1, 2.1, 0.6, 2), heavy=True),
        _tongue("T", 1.12),
        _tongue("D", 1.01),
        _tongue("N", 0.79, 0.05),
        _tongue("L", 0.79),
        _tongue("K", 0.67),
        _tongue("G", 0.67),
        _tongue("NG", 0.56, 0.05),
        _phone("R", (0.6, 0.9, 0.9, 0.2, 1)),
        _phone("W", (2.7, 1.95, 1.8, 0.5, 1), heavy=True, aperture=0.05),
        _phone("Y", (0.6, 1.1, 1.5, 0.2, 1)),
        _phone("HH", (0.15, 0.11, 0.2, 0.1, 0.1)),
        _phone("sil", (1, 1.8, 0.8, 1, 0.7), aperture=0.0),
    )
}


def name(label):
    """ "AH0" -> "AH", pauses -> "sil", German sounds -> the ARPAbet phone that looks nearest. UtterError for any other label."""
    phone = bare(label)
    if phone not in PHONES and phone not in GLIDES:  # R and Y are ARPAbet's before they are German sounds
        phone = GERMAN.get(label, (phone,))[0]
    if phone not in PHONES and phone not in GLIDES:
        raise UtterError(f"{label!r} is no phone; give ARPAbet phones such as AH0, and sil for a pause.")
    return phone


def stress(label):
    """1 primary, 0.5 secondary or unknown (no digit), 0 none: the label's digit is ARPAbet's 1, 2 or 0."""
    return {"1": 1.0, "0": 0.0}.get(label[-1:], 0.5)
