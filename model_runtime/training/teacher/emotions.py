"""What a feeling does to the face, the head and the speech, and how it lives: it comes, swells and ebbs with what is said, and goes.

The faces themselves are flame.poses.EMOTIONS. How a feeling shows is its control (-1 held back, 0 plain, 1 let go) and the mouth's share
(-1 nothing of the mouth while it speaks, 0 as much as leaves the words their shapes, 1 all). Who holds a feeling back governs the mouth
and the nose better than brows and lids (Ekman and Friesen 1969; Porter and ten Brinke 2008); a smile that is put on lacks the cheeks.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d

from contract import ACTIONS, FPS, UtterError
from model_runtime.emotion import LABELS
from model_runtime.emotion.life import surges
from model_runtime.flame import poses
from model_runtime.training.teacher.layout import INDEX, columns, face
from model_runtime.training.teacher.upper_face import wander


@dataclass(frozen=True)
class Emotion:
    """pause: actions added while the mouth rests; loose: when it is let go. kept: shares of brows and lids, nose and cheeks, mouth that
    are left when it is held back; effort: how hard the mouth then holds. The rest are gains (1) and offsets (0) of the other layers."""

    pause: dict = field(default_factory=dict)
    loose: dict = field(default_factory=dict)
    kept: tuple = (0.78, 0.4, 0.12)
    effort: float = 1.0
    part: float = 0.0  # how far resting lips stay apart, 0 to 1
    jaw: float = 1.0  # gain of the jaw in speech
    consonants: float = 1.0  # gain of consonants' lips
    lids: float = 0.0  # droop
    gaze: tuple = (0.0, 0.0)  # pitch, yaw offset, radians
    restless: float = 1.0  # gain of the saccade rate
    blinks: float = 1.0  # gain of the blink rate
    head: tuple = (0.0, 0.0, 0.0)  # posture, radians
    lively: float = 1.0  # gain of head movement and brows
    tempo: float = 1.0  # gain of the speed at which it swells and ebbs
    freezes: float = 0.0  # how far head and eyes stand still for moments, and dart between them


EMOTIONS = {
    "neutral": Emotion(),
    "happy": Emotion(
        pause={"mouthSmile": 0.10},
        loose={"jawOpen": 0.22, "mouthUpperUp": 0.35, "eyeSquint": 0.35, "noseSneer": 0.1},
        kept=(0.0, 0.06, 0.75),
        effort=0.12,
        jaw=1.1,
        blinks=1.1,
        head=(-0.03, 0, 0.03),
        lively=1.3,
        tempo=1.2,
    ),
    "sad": Emotion(
        pause={"mouthShrugLower": 0.2, "mouthPress": 0.10},
        loose={"mouthStretch": 0.4, "eyeSquint": 0.45, "mouthUpperUp": 0.3, "cheekSquint": 0.35, "mouthLowerDown": 0.25, "jawOpen": 0.12},
        jaw=0.75,
        consonants=0.85,
        lids=0.15,
        gaze=(0.14, 0.03),
        restless=0.5,
        blinks=1.05,
        head=(0.13, 0, 0.05),
        lively=0.55,
        tempo=0.6,
    ),
    "angry": Emotion(
        pause={"mouthPress": 0.3, "mouthRollLower": 0.2, "mouthRollUpper": 0.12, "jawForward": 0.1},
        loose={"noseSneer": 0.45, "mouthLowerDown": 0.5, "mouthUpperUp": 0.45, "mouthStretch": 0.3, "jawOpen": 0.12},
        kept=(0.7, 0.2, 0.3),
        jaw=1.15,
        consonants=1.25,
        gaze=(-0.04, 0),
        restless=0.45,
        blinks=0.6,
        head=(0.09, 0, 0),
        lively=1.25,
        tempo=1.3,
    ),
    "surprised": Emotion(
        pause={"jawOpen": 0.12},
        loose={"jawOpen": 0.3, "mouthFunnel": 0.1},
        part=0.8,
        jaw=1.15,
        restless=0.7,
        blinks=0.7,
        head=(-0.08, 0, 0),
        lively=1.1,
        tempo=1.2,
    ),
    "afraid": Emotion(
        pause={"mouthStretch": 0.08},
        loose={"jawOpen": 0.3, "mouthLowerDown": 0.4, "mouthUpperUp": 0.15},
        kept=(0.75, 0.3, 0.35),
        part=0.6,
        jaw=0.95,
        restless=1.8,
        blinks=1.2,
        head=(-0.06, 0.03, 0),
        lively=1.0,
        tempo=1.5,
        freezes=1.0,
    ),
    "disgusted": Emotion(
        pause={"mouthShrugUpper": 0.15, "mouthShrugLower": 0.15},
        loose={"mouthUpperUp": 0.5, "jawOpen": 0.18, "eyeSquint": 0.35, "browDown": 0.3},
        jaw=0.95,
        lids=0.08,
        gaze=(0.03, 0.07),
        head=(-0.05, 0.12, 0.05),
        lively=0.85,
    ),
    "contemptuous": Emotion(
        pause={"mouthPressRight": 0.12},
        loose={"mouthUpperUpRight": 0.45, "noseSneerRight": 0.35, "browOuterUpRight": 0.2},
        kept=(0.8, 0.3, 0.4),
        effort=0.4,
        jaw=0.9,
        lids=0.07,
        gaze=(0.0, -0.03),
        restless=0.7,
        blinks=0.8,
        head=(-0.11, 0.05, -0.07),
        lively=0.75,
        tempo=0.8,
    ),
}
# How much of a feeling is suppressed in rounded lips, and of what would part them against a consonant.
YIELDS = {"mouthSmile": 0.7, "mouthStretch": 0.75, "mouthDimple": 0.7, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "mouthFrown": 0.3}
JAW_YIELDS = 0.4  # of the feeling's jaw, in speech
INERTIA = 3.5  # frames: a face takes about half a second from one feeling to the next
FACES = np.array([face(poses.EMOTIONS[name]) for name in LABELS])  # [8, 52]
PARTED = [k for name in poses.PARTED for k in columns(name)]
PAUSES = np.array([face(EMOTIONS[name].pause) for name in LABELS])  # [8, 52]
LOOSE = np.array([face(EMOTIONS[name].loose) for name in LABELS])  # [8, 52]
HOLDING = face(  # the mouth that holds a feeling back: pressed, rolled in, the chin tense
    {"mouthPress": 0.55, "mouthRollLower": 0.40, "mouthRollUpper": 0.28, "mouthShrugLower": 0.5, "mouthDimple": 0.18}
)
SPOKEN_HOLDING = 0.5  # of that, while it speaks
BOTH = 0.6  # power of each emotion's share in a mixture: both halves of one are to be seen
REGIONS = ("brow", "eye"), ("nose", "cheek"), ("mouth", "jaw", "tongue")
REGION = np.array([next(k for k, starts in enumerate(REGIONS) if action.startswith(starts)) for action in ACTIONS])  # [52]
MOUTH = REGION == 2
KEPT = np.array([np.array(EMOTIONS[name].kept)[REGION] for name in LABELS])  # [8, 52]
LEFT = np.array([1.0 if a.endswith("Left") else -1.0 if a.endswith("Right") else 0.0 for a in ACTIONS])  # [52]
EBB, SWELL = 0.14, 1.2  # how much of a feeling is there between its waves, and what a whole wave adds
LAGS = 0.0, 0.04, 0.10  # seconds: brows and lids come first, then nose and cheeks, then the mouth


def weights(emotion, strength, T):
    """[T, 8] how much of each emotion: from a label, or an array [T, 8] for a timeline, times strength (number or [T]); smoothed,
    because no face changes suddenly."""
    if isinstance(emotion, str):
        if emotion not in LABELS:
            raise UtterError(f"{emotion!r} is no emotion; choose one of {', '.join(LABELS)}.")
        share = np.tile(np.eye(len(LABELS))[LABELS.index(emotion)], (T, 1))
    else:
        share = np.array(emotion, float)
        if share.shape != (T, len(LABELS)):
            raise UtterError(f"An emotion is a label or weights of shape [{T}, {len(LABELS)}], not {share.shape}.")
    share = share * per_frame(strength, T, 0)[:, None]
    return gaussian_filter1d(share, INERTIA, axis=0, mode="nearest")


def per_frame(value, T, least=-1):
    """A number or [T] -> [T] between `least` and 1."""
    return np.clip(np.broadcast_to(np.asarray(value, float), (T,)), least, 1)


def smooth(value, T):
    """Control or the mouth's share, a number or [T], as a face follows it -> [T]."""
    return gaussian_filter1d(per_frame(value, T), INERTIA, mode="nearest")


def blend(share, field_name, neutral):
    """A gain or offset of the emotions, [T] or [T, n], as far from neutral as the shares [T, 8] say."""
    values = np.array([getattr(EMOTIONS[name], field_name) for name in LABELS], float)
    return neutral + share @ (values - neutral)


def amounts(share):
    """share [T, 8] times strength -> how much of each emotion's face there is: of a mixture more than its shares, so that each is seen."""
    felt = share * (np.arange(len(LABELS)) > 0)
    total = felt.sum(1, keepdims=True)
    return total * (felt / np.maximum(total, 1e-6)) ** BOTH


def life(share, control, speaking, energy, found, style, rng):
    """How much of the feeling is there at each moment, [T, 52], about 1: waves that brows, cheeks and mouth have mostly in common, loudness
    and breath, and sides that do not do quite the same."""
    T = len(share)
    tempo = blend(share, "tempo", 1) * (1 + 0.6 * np.maximum(control, 0) - 0.4 * np.maximum(-control, 0))
    u = np.cumsum(tempo) / FPS
    accents = [u[min(max(int(at * FPS), 0), T - 1)] for at, _ in found]
    shared = surges(u, accents, rng)
    loud = gaussian_filter1d(energy, 8, mode="nearest")
    breath = 0.35 * (loud - loud.mean()) * speaking
    out = np.empty((T, len(ACTIONS)))
    for region, lag in enumerate(LAGS):
        wave = np.interp(np.arange(T) - lag * FPS, np.arange(T), 0.65 * shared + 0.45 * surges(u, accents, rng))
        out[:, region == REGION] = (EBB + SWELL * wave + breath)[:, None]
    sides = 0.10 * wander(rng, T, 0.2) + 0.10 * style.asymmetry
    out += 0.3 * np.maximum(control, 0)[:, None]
    return np.maximum(out * (1 + LEFT * sides[:, None]), 0.1)


def layer(share, control, speaking, energy, found, style, rng):
    """The feeling's own actions [T, 52].

    share [T, 8] times strength; control [T]; speaking [T]: 0 while the mouth rests, 1 in speech; found: the voice's accents.
    """
    back, loose = np.maximum(-control, 0)[:, None], np.maximum(control, 0)[:, None]
    felt, total = amounts(share), share[:, 1:].sum(1, keepdims=True)
    faces = FACES * style.mix * style.expression
    face = np.zeros((len(share), len(ACTIONS)))
    alive = life(share, control, speaking, energy, found, style, rng)
    alive[:, MOUTH] += back * 0.7 * (alive[:, MOUTH].mean() - alive[:, MOUTH])  # a mouth that is governed is still
    parted = poses.parting(total) / np.maximum(total, 1e-6)
    for k, amount in enumerate(felt.T[:, :, None]):
        if not amount.any():
            continue
        own = amount * (faces[k] * (1 + 0.25 * loose) + loose * LOOSE[k]) * (1 - back * (1 - KEPT[k]))
        own[:, PARTED] *= parted
        own = np.clip(own * alive, 0, 1)
        rests = amount * (1 - speaking[:, None]) * (1 - back) * PAUSES[k] * alive
        face = 1 - (1 - face) * (1 - own) * (1 - np.clip(rests, 0, 1))
    effort = blend(share, "effort", 0) - share[:, 0]
    swallow = 0.75 + 0.35 * surges(np.arange(len(share)) / FPS, [], rng)
    holding = (back[:, 0] * np.clip(effort, 0, 1) * swallow * (1 - (1 - SPOKEN_HOLDING) * speaking))[:, None] * HOLDING
    return 1 - (1 - face) * (1 - np.clip(holding, 0, 1))


def join(speech, feeling, speaking, share=0.0):
    """Speech and feeling in one face, [T, 52].

    Speech decides what the mouth does: rounded lips drop the smile and whatever else spreads or bares them, and lose little of
    their own; the feeling's jaw yields to the voice's. share [T]: the mouth's share of the feeling, -1 to 1 (0: this).
    """
    smile = (feeling[:, INDEX["mouthSmileLeft"]] + feeling[:, INDEX["mouthSmileRight"]]) / 2
    stretch = feeling[:, INDEX["mouthStretchLeft"]]
    speech, feeling = speech.copy(), feeling.copy()
    rounded = [INDEX["mouthFunnel"], INDEX["mouthPucker"]]
    roundness = np.clip(1.5 * speech[:, rounded].sum(1), 0, 1)
    yielding, less = 1 - np.maximum(share, 0), np.maximum(-share, 0)
    speech[:, rounded] *= (1 - 0.12 * np.maximum(smile, stretch))[:, None]
    for name, give in YIELDS.items():
        feeling[:, columns(name)] *= (1 - give * roundness * yielding)[:, None]
    feeling[:, INDEX["jawOpen"]] *= 1 - JAW_YIELDS * speaking * yielding
    feeling[:, MOUTH] *= (1 - less * speaking)[:, None]
    return 1 - (1 - np.clip(speech, 0, 1)) * (1 - np.clip(feeling, 0, 1))


def pace(share, rng):
    """How fast head and eyes go, [T]: 1, but who is afraid stands still for moments and darts between them."""
    T = len(share)
    frozen, at = np.zeros(T), rng.uniform(-1, 0.5)
    while at < T / FPS:
        stands = rng.uniform(0.6, 1.8)
        frozen[max(int(at * FPS), 0) : max(int((at + stands) * FPS), 0)] = 1
        at += stands + rng.uniform(0.3, 0.9)
    frozen = gaussian_filter1d(frozen, 2, mode="nearest")
    return 1 + np.clip(blend(share, "freezes", 0), 0, 1) * (0.6 - 1.45 * frozen)
