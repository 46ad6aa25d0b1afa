"""What each phone asks of the mouth, in face actions, and how much it insists (its dominance).

The rules are those of JALI (Edwards et al. 2016, section 4.2): bilabials close, labiodentals put the lower lip
on the upper teeth, sibilants narrow the jaw, non-nasal consonants part the lips, tongue-only phones leave the lips to their
neighbours, lip-heavy phones start early and end late. Targets meet with dominances as in Cohen and Massaro (1993, section 4).
"""
from dataclasses import dataclass

import numpy as np

from model_runtime.errors import UtterError
from model_runtime.speech.phones import GERMAN, GLIDES, bare

# The mouth's own tracks: symmetric actions, and the tongue. One group of tracks shares a dominance and its speed.
TRACKS = ("jawOpen", "jawForward", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthStretch", "mouthLowerDown", "mouthUpperUp",
          "mouthRollLower", "mouthShrugLower", "tipUp", "backUp", "out")
GROUPS = {"jaw": slice(0, 2), "round": slice(2, 4), "lips": slice(4, 8), "roll": slice(8, 10), "tongue": slice(10, 13)}
TRACK = {name: i for i, name in enumerate(TRACKS)}

LABIODENTAL = {"F", "V"}


@dataclass(frozen=True)
class Phone:
    target: np.ndarray     # [13] by TRACKS
    dominance: np.ndarray  # [5] by GROUPS
    heavy: bool            # lip-heavy: its lips start early and end late
    vowel: bool
    aperture: float        # least lip gap, share of the gap at jawOpen 1


def _phone(jaw=0.0, forward=0.0, funnel=0.0, pucker=0.0, smile=0.0, stretch=0.0, lower=0.0, upper=0.0, roll=0.0, shrug=0.0,
           tip=0.0, back=0.0, out=0.0, dominance=(1, 1, 1, 1, 1), heavy=False, vowel=False, aperture=0.06):
    target = np.array([jaw, forward, funnel, pucker, smile, stretch, lower, upper, roll, shrug, tip, back, out])
    return Phone(target, np.array(dominance, float), heavy, vowel, aperture)


def _vowel(jaw, aperture=0.11, heavy=False, **target):
    dominance = (1, 1 if heavy else 0.7, 0.8, 0.5, 0.5)
    return _phone(jaw=jaw, dominance=dominance, vowel=True, aperture=aperture, heavy=heavy, **target)


def _tongue(jaw, insist=0.4, **target):
    """l n t d k g ng: the lips stay with the neighbours."""
    return _phone(jaw=jaw, dominance=(insist, 0.06, 0.12, 0.1, 2), **target)


# Vowel jaws are those of a loud, stressed vowel; coarticulation.loudness scales them down.
PHONES = {
    "AA": _vowel(0.95, 0.14, lower=0.16, upper=0.10), "AE": _vowel(0.88, 0.14, lower=0.22, upper=0.14, smile=0.14, stretch=0.08),
    "AH": _vowel(0.66, lower=0.14, upper=0.07), "AO": _vowel(0.72, 0.12, funnel=0.38, pucker=0.12, lower=0.06, back=0.2),
    "EH": _vowel(0.68, 0.12, lower=0.20, upper=0.10, smile=0.14, stretch=0.06, tip=0.1),
    "ER": _vowel(0.40, 0.08, funnel=0.34, pucker=0.18, lower=0.10, tip=0.45),
    "IH": _vowel(0.40, 0.08, lower=0.18, upper=0.07, smile=0.18, stretch=0.06, tip=0.2),
    "IY": _vowel(0.28, 0.08, lower=0.18, upper=0.08, smile=0.34, stretch=0.16, tip=0.3),
    "UH": _vowel(0.40, 0.08, funnel=0.34, pucker=0.26, lower=0.06, back=0.35),
    "UW": _vowel(0.28, 0.06, heavy=True, funnel=0.22, pucker=0.78, forward=0.04, back=0.5),
    "P": _phone(jaw=0.07, shrug=0.10, dominance=(1.2, 0.15, 0.5, 1, 0.2)),
    "B": _phone(jaw=0.07, shrug=0.08, dominance=(1.2, 0.15, 0.5, 1, 0.2)),
    "M": _phone(jaw=0.07, shrug=0.05, dominance=(1.2, 0.15, 0.5, 1, 0.2)),
    "F": _phone(jaw=0.06, roll=0.75, upper=0.30, shrug=0.10, dominance=(1, 0.4, 1, 2, 0.3), aperture=0.07),
    "V": _phone(jaw=0.06, roll=0.65, upper=0.26, shrug=0.08, dominance=(1, 0.4, 1, 2, 0.3), aperture=0.07),
    "TH": _phone(jaw=0.15, lower=0.12, upper=0.06, tip=0.25, out=0.45, dominance=(0.8, 0.1, 0.4, 0.5, 2.5)),
    "DH": _phone(jaw=0.14, lower=0.10, upper=0.05, tip=0.25, out=0.35, dominance=(0.7, 0.1, 0.3, 0.5, 2.5)),
    "S": _phone(jaw=0.05, lower=0.26, upper=0.10, smile=0.14, stretch=0.10, tip=0.75,
                dominance=(1.3, 0.35, 0.8, 0.6, 2), heavy=True),
    "Z": _phone(jaw=0.06, lower=0.24, upper=0.09, smile=0.12, stretch=0.08, tip=0.75,
                dominance=(1.2, 0.35, 0.7, 0.6, 2), heavy=True),
    "SH": _phone(jaw=0.06, funnel=0.58, pucker=0.25, lower=0.14, upper=0.14, tip=0.6,
                 dominance=(1.3, 1.2, 0.7, 0.6, 2), heavy=True),
    "ZH": _phone(jaw=0.06, funnel=0.54, pucker=0.25, lower=0.14, upper=0.12, tip=0.6,
                 dominance=(1.3, 1.2, 0.7, 0.6, 2), heavy=True),
    "CH": _phone(jaw=0.06, funnel=0.55, pucker=0.25, lower=0.14, upper=0.12, tip=0.8,
                 dominance=(1.2, 1.1, 0.7, 0.6, 2), heavy=True),
    "JH": _phone(jaw=0.06, funnel=0.52, pucker=0.25, lower=0.14, upper=0.12, tip=0.8,
                 dominance=(1.2, 1.1, 0.7, 0.6, 2), heavy=True),
    "T": _tongue(0.10, 0.5, tip=1.0, lower=0.12), "D": _tongue(0.12, 0.45, tip=1.0, lower=0.12),
    "N": _tongue(0.15, 0.35, tip=1.0, aperture=0.05), "L": _tongue(0.18, 0.35, tip=0.9, lower=0.08),
    "K": _tongue(0.16, 0.3, back=1.0, lower=0.08), "G": _tongue(0.16, 0.3, back=1.0, lower=0.08),
    "NG": _tongue(0.16, 0.25, back=0.9, aperture=0.05),
    "R": _phone(jaw=0.16, funnel=0.36, pucker=0.28, tip=0.5, dominance=(0.5, 0.7, 0.3, 0.2, 1)),
    "W": _phone(jaw=0.07, funnel=0.12, pucker=0.90, forward=0.04, back=0.4,
                dominance=(0.8, 1.3, 0.6, 0.5, 1), heavy=True, aperture=0.05),
    "Y": _phone(jaw=0.14, smile=0.24, stretch=0.10, lower=0.10, tip=0.35, dominance=(0.6, 0.5, 0.5, 0.2, 1)),
    "HH": _phone(jaw=0.30, dominance=(0.15, 0.05, 0.1, 0.1, 0.1)),
    "sil": _phone(dominance=(1, 0.8, 0.8, 1, 0.7), aperture=0.0),
}


def name(label):
    """"AH0" -> "AH", pauses -> "sil", German sounds -> the ARPAbet phone that looks nearest. UtterError for any other label."""
    phone = GERMAN.get(label, (bare(label),))[0]
    if phone not in PHONES and phone not in GLIDES:
        raise UtterError(f"{label!r} is no phone; give ARPAbet phones such as AH0, and sil for a pause.")
    return phone


def stress(label):
    """1 primary, 0.5 secondary or unknown (no digit), 0 none: the label's digit is ARPAbet's 1, 2 or 0."""
    return {"1": 1.0, "0": 0.0}.get(label[-1:], 0.5)
