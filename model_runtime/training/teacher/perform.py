"""The teacher: aligned phones, prosody and a feeling -> what a face does. Rules from the literature, with the randomness of people."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from contract import ACTIONS, FPS, UtterError
from model_runtime.training.teacher import coarticulation, contact, emotions, head_motion, upper_face, voice
from model_runtime.training.teacher.follow import follow
from model_runtime.training.teacher.layout import APERTURE, CHANNELS, CLOSURE, EYES, INDEX, LABIODENTAL, LIDS, NECK, TONGUE, columns
from model_runtime.training.teacher.phones import TRACK
from model_runtime.training.teacher.styles import style as draw_style

HELD_HEAD, HELD_GAZE = np.array([0.05, 0.03, 0.0]), np.array([0.10, 0.09])  # radians: who holds a feeling back looks down and aside
# Actions that part the lips: reduced where the lips must be shut.
PARTING = {"mouthLowerDown": 1.0, "mouthUpperUp": 1.0, "mouthFunnel": 0.75, "mouthStretch": 0.3, "mouthShrugUpper": 0.8, "noseSneer": 0.4}


def perform(phones, prosody, emotion, strength, seed, head, beta=None, T=None, curves=None, control=0.0, mouth=0.0):
    """Motion values float32 [T, 65] at 30 fps on that head and identity: `actions`, with contact solved on its geometry.

    phones: [[start, end, "AH0"], ...] in seconds. prosody: see voice.on_frames; None: invented from the rhythm. emotion: one
    of emotions.LABELS or weights [T, 8]; strength 0 to 1, a number or [T]. T defaults to the end of the phones. curves: the mouth
    curves [T, 4] of the voice (follow.py), where they are known. control, mouth: how the feeling shows, numbers or [T] (emotions.py).
    The same arguments give the same values. UtterError for an unknown phone or emotion.
    """
    return contact.solve(head, *actions(phones, prosody, emotion, strength, seed, T, curves, control, mouth), beta=beta)


def actions(phones, prosody, emotion, strength, seed, T=None, curves=None, control=0.0, mouth=0.0):
    """(actions float32 [T, 52], channels float32 [T, 15]) by layout: the performance before it is put on a head."""
    if not len(phones) or (T is not None and T < 1):
        raise UtterError("There is nothing to perform: give at least one phone (sil for silence) and one frame.")
    T = max(1, int(np.ceil(phones[-1][1] * FPS))) if T is None else T
    for_style, for_voice, for_mouth, for_feeling, for_brows, for_eyes, for_head = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(7)
    )
    style = draw_style(for_style)
    energy, f0 = voice.on_frames(prosody, phones, T, for_voice)
    share = emotions.weights(emotion, strength, T)
    control, mouth = emotions.smooth(control, T), emotions.smooth(mouth, T)
    felt = share[:, 1:].sum(1)
    loose, back = np.maximum(control, 0) * felt, np.maximum(-control, 0) * felt

    opens = emotions.blend(share, "jaw", 1) * (1 + 0.25 * loose - 0.15 * back)
    tracks, shut, rest, breath, teeth, aperture = coarticulation.mouth(
        phones, energy, T, style, for_mouth, opens, emotions.blend(share, "consonants", 1)
    )
    if curves is not None:
        wide, far = style.articulation * style.jaw * opens, style.articulation * style.lips + 0 * opens
        tracks, rest = follow(tracks, rest, np.asarray(curves, float), np.stack(np.broadcast_arrays(wide, far, wide, far), -1))
    rest = rest * (1 - emotions.blend(share, "part", 0) * (1 - back))
    speaking = 1 - gaussian_filter1d(rest, 2, mode="nearest")
    speech = np.maximum(mouth_actions(tracks, breath, style), idle(rest, for_mouth))
    found = voice.accents(phones, energy, f0, for_brows)
    feeling = emotions.layer(share, control, speaking, energy, found, style, for_feeling)
    face = emotions.join(speech, feeling, speaking, mouth)

    lively = emotions.blend(share, "lively", 1) * (1 + 0.6 * loose - 0.4 * back)
    upper = upper_face.brows(found, T, style, lively, for_brows)
    face = 1 - (1 - face) * (1 - upper)

    channels = np.zeros((T, CHANNELS))
    posture, aside = emotions.blend(share, "head", np.zeros(3)), emotions.blend(share, "gaze", np.zeros(2))
    pace, side = emotions.pace(share, for_head), for_eyes.choice([-1, 1])
    posture = posture + back[:, None] * HELD_HEAD * [1, side, 1]
    aside = aside + back[:, None] * HELD_GAZE * [1, side]
    neck = head_motion.neck(found, energy, f0, speaking, style, lively, posture, for_head, pace)
    eyes, saccades = upper_face.gaze(T, style, emotions.blend(share, "restless", 1) * pace, aside, neck, for_eyes)
    pauses = np.flatnonzero(np.diff((rest > 0.5).astype(int)) == 1) / FPS  # people blink as a phrase ends
    blink = upper_face.blinks(T, style.blinks * emotions.blend(share, "blinks", 1), [*saccades, *pauses], for_eyes)
    wide = face[:, INDEX["eyeWideLeft"]]
    channels[:, NECK], channels[:, EYES] = neck, eyes
    channels[:, LIDS] = upper_face.lids(blink, eyes, emotions.blend(share * felt[:, None], "lids", 0), wide)  # a faint feeling droops little
    channels[:, TONGUE] = tracks[:, TRACK["tongue_tip_up"] :]
    channels[:, CLOSURE], channels[:, LABIODENTAL], channels[:, APERTURE] = np.maximum(shut, rest), teeth, aperture
    face[:, columns("eyeWide")] *= (1 - blink)[:, None]

    shut_lips(face, channels, shut)
    eyes_as_actions(face, channels)
    return np.clip(face, 0, 1).astype(np.float32), channels.astype(np.float32)


def mouth_actions(tracks, breath, style):
    """Symmetric tracks [T, 13] -> actions [T, 52], with the performer's leading side."""
    face = np.zeros((len(tracks), len(ACTIONS)))
    side = 0.12 * style.asymmetry
    for name, column in TRACK.items():
        if column < TRACK["tongue_tip_up"]:
            places = columns(name)
            face[:, places] = tracks[:, [column]] * ((1 + side, 1 - side) if len(places) == 2 else (1,))
    face[:, INDEX["jawOpen"]] += 0.07 * breath
    face[:, columns("mouthSmile")] += style.smile
    face[:, INDEX["mouthLeft" if side > 0 else "mouthRight"]] += 0.25 * abs(side) * tracks[:, TRACK["jawOpen"]]
    return np.clip(face, 0, 1)


IDLE, ASIDE = 0.05, 0.05  # of a resting mouth: how far the lips press, and go to a side


def idle(rest, rng):
    """A mouth that rests is shut and loose, not frozen: its actions [T, 52] drift a little. (A chin that rises or a jaw that hangs in
    pauses takes the lips away from where filmed ones rest: r of the width .82 without, .72 with them.)"""
    face = np.zeros((len(rest), len(ACTIONS)))
    press, side = (upper_face.wander(rng, len(rest), hertz) for hertz in (0.25, 0.15))
    face[:, columns("mouthPress")] = (IDLE * np.clip(0.35 + 0.5 * press, 0, 1.5) * rest)[:, None]
    face[:, INDEX["mouthLeft"]], face[:, INDEX["mouthRight"]] = ASIDE * np.maximum(side, 0) * rest, ASIDE * np.maximum(-side, 0) * rest
    return face


def shut_lips(face, channels, shut):
    """Make contacts happen in actions, in place. Shut lips: what parts them is reduced, mouthClose equals jawOpen (as in ARKit), with
    a little press in p, b and m. In f and v the lower lip rolls in, the upper one goes up, and rounding is held back."""
    closure, teeth = channels[:, CLOSURE], channels[:, LABIODENTAL]
    for name, share in PARTING.items():
        face[:, columns(name)] *= (1 - share * closure)[:, None]
    press = columns("mouthPress")
    face[:, press] = np.clip(face[:, press] * (1 - 0.4 * (1 - closure))[:, None] + 0.07 * (shut**4)[:, None], 0, 1)
    for name, least in (("mouthUpperUp", 0.12), ("mouthRollLower", 0.45)):  # however short the f or v
        places = columns(name)
        face[:, places] = np.maximum(face[:, places], (least * teeth * (1 - closure))[:, None])
    face[:, [INDEX["mouthFunnel"], INDEX["mouthPucker"]]] *= (1 - 0.6 * teeth)[:, None]
    jaw = face[:, INDEX["jawOpen"]]
    face[:, INDEX["jawOpen"]] = jaw = jaw * (1 - 0.35 * closure) * (1 - 0.4 * teeth * (1 - closure))
    face[:, INDEX["mouthClose"]] = np.maximum(closure * jaw, teeth * np.maximum(jaw - 0.07, 0))


def eyes_as_actions(face, channels):
    """Lids, gaze and tongue also as their face actions, so that the actions alone drive a rig. In place."""
    for side, out in (("Left", 1), ("Right", -1)):
        pitch, yaw = channels[:, EYES][:, [0, 1] if side == "Left" else [2, 3]].T / upper_face.REACH[:, None]
        face[:, INDEX[f"eyeBlink{side}"]] = channels[:, LIDS][:, 0 if side == "Left" else 1]
        for look, amount in (("Down", pitch), ("Up", -pitch), ("Out", yaw * out), ("In", -yaw * out)):
            face[:, INDEX[f"eyeLook{look}{side}"]] = np.maximum(amount, 0)
    face[:, INDEX["tongueOut"]] = channels[:, TONGUE][:, 2]
