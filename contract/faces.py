"""Named faces, as combinations of face actions: what each phone asks of the mouth, the 15 visemes, the 8 emotions.

Amounts are 0 to 1 of a face action (the 52 ARKit names; a paired one named without its side stands for both sides) or of the
tongue's channels tongue_tip_up, tongue_back_up, tongue_out. The teacher (model_runtime.training.teacher) feels with
the same table; what it asks of a phone in running speech is smaller (teacher.phones).
"""

from typing import Any

from .layout import CHANNEL_NAMES, PAIRED_ACTIONS, TONGUE

TONGUE_CHANNELS = CHANNEL_NAMES[TONGUE]


def sides(name: str) -> tuple[str, ...]:
    """The actions that a name stands for: both sides of a pair that is named without its side, or the one action."""
    return (name + "Left", name + "Right") if name in PAIRED_ACTIONS else (name,)


# What each phone asks for; vowels as when spoken loud and stressed. After JALI (Edwards et al. 2016, section 4.2): bilabials
# close, labiodentals put the lower lip on the upper teeth, sibilants narrow the jaw, rounded phones gather the lips.
PHONES: dict[str, dict[str, float]] = {
    "AA": dict(jawOpen=0.95, mouthLowerDown=0.16, mouthUpperUp=0.30),
    "AE": dict(jawOpen=0.88, mouthSmile=0.14, mouthStretch=0.08, mouthLowerDown=0.22, mouthUpperUp=0.36),
    "AH": dict(jawOpen=0.66, mouthLowerDown=0.14, mouthUpperUp=0.24),
    "AO": dict(jawOpen=0.72, mouthFunnel=0.42, mouthPucker=0.16, mouthLowerDown=0.06, mouthUpperUp=0.10, tongue_back_up=0.2),
    "EH": dict(jawOpen=0.68, mouthSmile=0.14, mouthStretch=0.08, mouthLowerDown=0.20, mouthUpperUp=0.32, tongue_tip_up=0.1),
    "ER": dict(jawOpen=0.40, mouthFunnel=0.34, mouthPucker=0.18, mouthLowerDown=0.10, tongue_tip_up=0.45),
    "IH": dict(jawOpen=0.40, mouthSmile=0.16, mouthStretch=0.10, mouthLowerDown=0.18, mouthUpperUp=0.20, tongue_tip_up=0.2),
    "IY": dict(jawOpen=0.26, mouthSmile=0.34, mouthStretch=0.34, mouthLowerDown=0.22, mouthUpperUp=0.26, tongue_tip_up=0.3),
    "UH": dict(jawOpen=0.40, mouthFunnel=0.34, mouthPucker=0.26, mouthLowerDown=0.06, tongue_back_up=0.35),
    "UW": dict(jawOpen=0.20, jawForward=0.04, mouthFunnel=0.12, mouthPucker=0.84, tongue_back_up=0.5),
    "P": dict(jawOpen=0.07, mouthShrugLower=0.10),
    "B": dict(jawOpen=0.07, mouthShrugLower=0.08),
    "M": dict(jawOpen=0.07, mouthShrugLower=0.05),
    "F": dict(jawOpen=0.06, mouthUpperUp=0.36, mouthRollLower=0.75, mouthShrugLower=0.10),
    "V": dict(jawOpen=0.06, mouthUpperUp=0.32, mouthRollLower=0.65, mouthShrugLower=0.08),
    "TH": dict(jawOpen=0.26, mouthLowerDown=0.12, mouthUpperUp=0.06, tongue_out=0.46, tongue_tip_up=0.3),
    "DH": dict(jawOpen=0.24, mouthLowerDown=0.10, mouthUpperUp=0.05, tongue_out=0.42, tongue_tip_up=0.3),
    "S": dict(jawOpen=0.05, mouthSmile=0.14, mouthStretch=0.10, mouthLowerDown=0.26, mouthUpperUp=0.10, tongue_tip_up=0.75),
    "Z": dict(jawOpen=0.06, mouthSmile=0.12, mouthStretch=0.08, mouthLowerDown=0.24, mouthUpperUp=0.09, tongue_tip_up=0.75),
    "SH": dict(jawOpen=0.06, mouthFunnel=0.58, mouthPucker=0.25, mouthLowerDown=0.14, mouthUpperUp=0.14, tongue_tip_up=0.6),
    "ZH": dict(jawOpen=0.06, mouthFunnel=0.54, mouthPucker=0.25, mouthLowerDown=0.14, mouthUpperUp=0.12, tongue_tip_up=0.6),
    "CH": dict(jawOpen=0.06, mouthFunnel=0.55, mouthPucker=0.25, mouthLowerDown=0.14, mouthUpperUp=0.12, tongue_tip_up=0.8),
    "JH": dict(jawOpen=0.06, mouthFunnel=0.52, mouthPucker=0.25, mouthLowerDown=0.14, mouthUpperUp=0.12, tongue_tip_up=0.8),
    "T": dict(jawOpen=0.12, mouthLowerDown=0.26, mouthUpperUp=0.18, tongue_tip_up=1.0),
    "D": dict(jawOpen=0.14, mouthLowerDown=0.26, mouthUpperUp=0.18, tongue_tip_up=1.0),
    "N": dict(jawOpen=0.13, tongue_tip_up=1.0),
    "L": dict(jawOpen=0.22, mouthLowerDown=0.12, mouthUpperUp=0.20, tongue_tip_up=0.9),
    "K": dict(jawOpen=0.22, mouthStretch=0.08, mouthUpperUp=0.14, tongue_back_up=1.0),
    "G": dict(jawOpen=0.22, mouthStretch=0.08, mouthUpperUp=0.14, tongue_back_up=1.0),
    "NG": dict(jawOpen=0.20, tongue_back_up=0.9),
    "R": dict(jawOpen=0.16, mouthFunnel=0.36, mouthPucker=0.28, tongue_tip_up=0.5),
    "W": dict(jawOpen=0.07, jawForward=0.04, mouthFunnel=0.12, mouthPucker=0.90, tongue_back_up=0.4),
    "Y": dict(jawOpen=0.14, mouthSmile=0.22, mouthStretch=0.12, mouthLowerDown=0.10, tongue_tip_up=0.35),
    "HH": dict(jawOpen=0.30),
    "sil": {},
}

# The mouth shapes of the common lip-sync set, each by the phone that shows it best, and the contact that the teacher makes:
# shut lips for PP, the lower lip on the teeth for FF.
LEAD = dict(sil="sil", PP="P", FF="F", TH="TH", DD="D", kk="K", CH="CH", SS="S", nn="N", RR="R", aa="AA", E="EH", ih="IY", oh="AO", ou="UW")
CONTACT: dict[str, dict[str, float]] = {
    "PP": dict(mouthClose=0.07, mouthPress=0.35, mouthRollLower=0.12, mouthRollUpper=0.12),
    "FF": dict(mouthClose=0.02),
}
SPOKEN = 0.6  # of a loud vowel's jaw: an ordinary stressed one

# Action units of EMFACS (Friesen and Ekman 1983): happy 6+12, sad 1+4+15, surprised 1+2+5+26, afraid 1+2+4+5+7+20+26, angry
# 4+5+7+23, disgusted 9+15+16, contemptuous 12+14 on the right; each written with the action that shows it.
PROTOTYPES = {
    "happy": ("cheekSquint", "mouthSmile"),
    "sad": ("browInnerUp", "browDown", "mouthFrown"),
    "angry": ("browDown", "eyeWide", "eyeSquint", "mouthPress"),
    "surprised": ("browInnerUp", "browOuterUp", "eyeWide", "jawOpen"),
    "afraid": ("browInnerUp", "browOuterUp", "browDown", "eyeWide", "eyeSquint", "mouthStretch", "jawOpen"),
    "disgusted": ("noseSneer", "mouthFrown", "mouthLowerDown"),
    "contemptuous": ("mouthSmileRight", "mouthDimpleRight"),
}
# The faces at the height of the feeling: the prototype's own actions, and a little of what makes it a person's.
FACES: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": dict(mouthSmile=1.0, cheekSquint=0.82, eyeSquint=0.06, mouthDimple=0.1, mouthUpperUp=0.45, browOuterUp=0.08),
    "sad": dict(browInnerUp=1.0, browDown=0.54, mouthFrown=0.95, eyeSquint=0.2, mouthShrugLower=0.35, mouthRollLower=0.06),
    "angry": dict(
        browDown=1.0, eyeWide=1.0, eyeSquint=0.85, mouthPress=1.0, noseSneer=0.26, mouthFrown=0.2, mouthRollLower=0.12, jawForward=0.14
    ),
    "surprised": dict(browInnerUp=1.0, browOuterUp=1.0, eyeWide=0.95, jawOpen=0.5, mouthFunnel=0.06),
    "afraid": dict(
        browInnerUp=1.0,
        browOuterUp=0.8,
        browDown=0.75,
        eyeWide=1.0,
        eyeSquint=0.68,
        mouthStretch=1.0,
        jawOpen=0.65,
        mouthLowerDown=0.2,
        mouthFrown=0.1,
    ),
    "disgusted": dict(
        noseSneer=1.0,
        mouthFrown=0.9,
        mouthLowerDown=1.0,
        mouthUpperUp=0.15,
        cheekSquint=0.25,
        browDown=0.32,
        eyeSquint=0.3,
        mouthShrugLower=0.25,
    ),
    "contemptuous": dict(
        mouthSmileRight=0.78,
        mouthDimpleRight=0.95,
        mouthPressRight=0.15,
        cheekSquintRight=0.12,
        browOuterUpRight=0.22,
        browDownLeft=0.06,
        mouthFrownLeft=0.08,
        eyeSquint=0.18,
    ),
}
PARTED = ("jawOpen", "mouthUpperUp", "mouthLowerDown")  # a weak feeling keeps the lips together
PARTS_AT = 1 / 3  # the strength from which it parts them


def sided(amounts: dict[str, float]) -> dict[str, float]:
    """{action, with or without its side: amount} with every paired action named by its side."""
    return {side: amount for name, amount in amounts.items() for side in sides(name)}


def _viseme(name: str) -> dict[str, float]:
    spoken = dict(PHONES[LEAD[name]])
    if LEAD[name] in ("AA", "EH", "IY", "AO", "UW"):
        spoken["jawOpen"] *= SPOKEN
    return sided(spoken | CONTACT.get(name, {}))


VISEMES = {name: _viseme(name) for name in LEAD}
EMOTIONS = {name: sided(face) for name, face in FACES.items()}


def at_strength(emotion: str, strength: float) -> dict[str, float]:
    """The emotion's {action: amount} at a strength of 0 to 1: in proportion, but a weak one does not part the lips."""
    return {name: amount * float(parting(strength) if name.startswith(PARTED) else strength) for name, amount in EMOTIONS[emotion].items()}


def parting(strength: Any) -> Any:
    """How much of what parts the lips an emotion of that strength shows (numbers or arrays)."""
    import numpy as np

    return np.clip((strength - PARTS_AT) / (1 - PARTS_AT), 0, 1)
