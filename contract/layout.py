"""Motion's layout (docs/formats.md, "Motion"), the joints and the face actions, in the order of their columns everywhere."""

from collections.abc import Iterable

FPS = 30  # frames a second of a Motion; frame i is the moment i / 30 s of the voice

EXPRESSION = slice(0, 50)  # FLAME expression coefficients, standard deviations of the head's basis
JAW = slice(50, 53)  # axis-angle, radians; +x opens, +y to the subject's left
NECK = slice(53, 56)  # axis-angle, radians
EYES = slice(56, 60)  # left pitch, left yaw, right pitch, right yaw, radians
LIDS = slice(60, 62)  # left, right; 0 open to 1 shut
TONGUE = slice(62, 65)  # tip up, back up, out; 0 to 1
CHANNELS = 65

CHANNEL_NAMES = (
    *(f"expression_{i:02d}" for i in range(50)),
    *("jaw_x", "jaw_y", "jaw_z", "neck_x", "neck_y", "neck_z"),
    *("eye_left_pitch", "eye_left_yaw", "eye_right_pitch", "eye_right_yaw"),
    *("lid_left", "lid_right", "tongue_tip_up", "tongue_back_up", "tongue_out"),
)

JOINTS = ("root", "neck", "jaw", "eye_left", "eye_right")  # FLAME's, in FLAME's order
LABELS = ("neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted", "contemptuous")  # names of emotions, of a Reading
LIP_LANDMARKS = ("lip_inner_upper_mid", "lip_inner_lower_mid")  # where it is measured how far the lips are apart

# Face actions: Apple's names in Apple's order; 0 at rest, 1 in full.
ACTIONS = tuple(
    """eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft mouthRight mouthSmileLeft mouthSmileRight
mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper
mouthShrugLower mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft
mouthUpperUpRight browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
cheekSquintRight noseSneerLeft noseSneerRight tongueOut""".split()
)
OPPOSED_ACTIONS = (  # the two of a pair undo each other: a face does one of them at a time
    *(("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")),
    *((f"eyeLook{one}{side}", f"eyeLook{other}{side}") for one, other in (("In", "Out"), ("Up", "Down")) for side in ("Left", "Right")),
)
PAIRED_ACTIONS = {name[:-4] for name in ACTIONS if name.endswith("Left") and name[:-4] + "Right" in ACTIONS} - {"jaw", "mouth"}

# Of a face, what an artist holds alone: {region: (label, what its actions begin with)}. No film shows the tongue.
REGIONS = {
    "brows": ("Brows", ("brow",)),
    "eyes": ("Eyes and Lids", ("eye",)),
    "cheeks": ("Cheeks and Nose", ("cheek", "nose")),
    "mouth": ("Mouth and Jaw", ("mouth", "jaw")),
    "head": ("Head", ()),
}

# A performance [T, 117]: Motion's channels and the face actions beside them.
FACE_ACTIONS = slice(CHANNELS, CHANNELS + len(ACTIONS))
PERFORMANCE = FACE_ACTIONS.stop


def actions_in(regions: Iterable[str]) -> list[int]:
    """Which of ACTIONS lie in REGIONS of those names."""
    starts = tuple(start for region in regions for start in REGIONS[region][1])
    return [k for k, name in enumerate(ACTIONS) if name.startswith(starts)]


MOVED = {  # by each region, of Motion's channels: expression mixes the regions of a face (model_runtime/flame/regions.py takes them apart)
    "brows": (EXPRESSION,),
    "eyes": (EXPRESSION, EYES, LIDS),
    "cheeks": (EXPRESSION,),
    "mouth": (EXPRESSION, JAW, TONGUE),
    "head": (NECK,),
}


def performed_in(regions: Iterable[str]) -> tuple[list[int], list[int]]:
    """Which of Motion's channels, and which of ACTIONS, a performance of those REGIONS moves. With the mouth goes the tongue."""
    regions = tuple(regions)
    channels = {channel for region in regions for moved in MOVED[region] for channel in range(moved.start, moved.stop)}
    actions = {*actions_in(regions), *((ACTIONS.index("tongueOut"),) if "mouth" in regions else ())}
    return sorted(channels), sorted(actions)
