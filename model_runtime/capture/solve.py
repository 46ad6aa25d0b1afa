"""A Track -> Motion on the built-in head at 30 fps.

The tracker's blendshapes say what an expression is like, its points how far: the face actions of the mouth are those nearest to the
blendshapes, within 0 and 1, that bring our mesh's lips, corners and chin where the film's are (bounded least squares, in millimetres of
a head whose outer eye corners are as far apart as ours). Lips that touch on film touch on the mesh, lids that shut are shut.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import find_peaks, peak_widths
from scipy.spatial.transform import Rotation

from contract import ACTIONS, FPS, LIDS, NECK, bounded
from model_runtime.capture.track import (
    BLENDSHAPES,
    BROWS,
    OPEN_LID,
    PAIRS,
    ROW,
    SHUT_LID,
    TOUCH,
    Neutral,
    Track,
    in_face,
    measures,
    rotations,
)
from model_runtime.flame import lbs
from model_runtime.flame.actions import to_motion
from model_runtime.flame.head import Head
from model_runtime.motion import Motion

SOLVED = [  # what the points decide; all else is as the blendshapes say
    k for k, name in enumerate(ACTIONS) if name.startswith(("mouth", "brow")) or name in ("jawOpen", "jawLeft", "jawRight")
]
TRUST = 0.25  # how far an action may lie from its blendshape, standard deviation ...
LOOSE = {"mouthClose": 0.5, "mouthPucker": 0.4, "mouthFunnel": 0.4, "jawOpen": 0.4}  # ... more where the tracker's names mean other shapes
UNNAMED = ("mouthClose",)  # the tracker's goes with its jawOpen, not ours
# Standard deviations in mm of what is compared (rows()): lips that touch count for most.
SURE = {"gap": 0.15, "pairs": 0.5, "middle": 1.0, "width": 0.4, "corners": 1.0, "lips": 1.0, "protrusion": 1.0, "chin": 1.0, "brows": 0.7}
ROUNDS = 4  # of Gauss-Newton: opening is nearly linear in the actions
STEP = 0.3  # of an action, for slopes
NOISE = (0.1, 0.4)  # mm (of lids and gaze: percent) a frame: what moves slower is smoothed, what moves faster is not
QUIET = 1.5  # frames, standard deviation of the smoothing
NOTHING = 0.01  # of a column's greatest value: as good as 0
BLINK = 0.55  # a lid that falls so far, and opens again within BLINKING seconds, shuts
BLINKING = 0.6


def fit(track: Track, neutral: Neutral, head: Head, frames: int) -> Motion:
    """Track of a clip, its speaker's Neutral -> Motion of that many frames at 30 fps on the built-in head, with its face actions.

    Frames between those that show a face are on a smooth way from one to the other; before the first and after the last the face stands
    still. The neck is the turn from how the head mostly is; the torso is not seen."""
    eyes = 1000 * np.linalg.norm(head.v_template[head.landmark("eye_outer_left")] - head.v_template[head.landmark("eye_outer_right")])
    times = track.times[track.seen]
    points = in_face(track, neutral.points)
    found = measures(points)
    prior = acted(track.blendshapes[track.seen], neutral)
    lids = np.stack([shutting(found[f"lid_{side}"], neutral.lids[k]) for k, side in enumerate(("left", "right"))], 1)
    eyes_do = [k for k, name in enumerate(ACTIONS) if name.startswith("eye")]
    prior[:, eyes_do] = across_blinks(prior[:, eyes_do], lids.mean(1), times)
    for name in ("Down", "Up"):  # both eyes look the same way, and the mean of both is calmer
        both = index(f"eyeLook{name}Left", f"eyeLook{name}Right")
        prior[:, both] = prior[:, both].mean(1, keepdims=True)
    to_left, to_right = index("eyeLookOutLeft", "eyeLookInRight"), index("eyeLookInLeft", "eyeLookOutRight")
    yaw = (prior[:, to_left] - prior[:, to_right]).mean(1, keepdims=True)
    prior[:, to_left], prior[:, to_right] = np.maximum(yaw, 0), np.maximum(-yaw, 0)

    gap = eyes * contact(found["gap"], neutral.shut)[:, None]
    film, sure = pictured(gap)
    if neutral.points is not None:  # else there is but one picture
        resting = acted(neutral.blendshapes[None], neutral).astype(np.float32)
        own_gap = eyes * contact(measures(neutral.points[None])["gap"], neutral.shut)[:, None]
        resting[:, SOLVED] = solved(head, resting, *pictured(own_gap))
        film = eyes * (rows(points) - rows(neutral.points[None])) + on_mesh(head, to_motion(head, resting[:, order(head)]))
        film[:, :1], sure = gap, deviations()

    moments = np.arange(frames) / FPS
    film = smooth(on_frames(film, times, moments, least=(0,)))
    prior = smooth(100 * on_frames(prior, times, moments)) / 100
    lids = 1 - on_frames(1 - lids, times, moments, least=(0, 1))
    lids = smooth(100 * np.stack([blinking(lid) for lid in lids.T], 1)) / 100
    turns = Rotation.from_matrix(rotations(track.matrix[track.seen]) @ neutral.turned.T).as_rotvec()
    turns = smooth(eyes * on_frames(turns, times, moments)) / eyes

    actions = np.clip(prior, 0, 1).astype(np.float32)
    actions[:, index("eyeBlinkLeft", "eyeBlinkRight")] = 0
    actions[:, SOLVED] = solved(head, actions, film, sure)
    actions[:, index("eyeBlinkLeft", "eyeBlinkRight")] = lowered(head, actions, lids)
    values = to_motion(head, actions[:, order(head)])
    values[:, NECK] = turns
    return Motion(values.astype(np.float32), FPS, head.basis, actions=actions, filmed=True)


def index(*names):
    return [ACTIONS.index(name) for name in names]


def order(head):
    """[52] which of ACTIONS each of the head's actions is."""
    return index(*map(str, head.action_names))


def acted(blendshapes, neutral):
    """The tracker's blendshapes [n, 52] as face actions [n, 52], of somebody with that Neutral."""
    named = dict(zip(BLENDSHAPES, np.clip((blendshapes - neutral.face) / (1 - neutral.face), 0, 1).T))
    nothing = np.zeros(len(blendshapes))
    return np.stack([nothing if name in UNNAMED else named.get(name, nothing) for name in ACTIONS], 1)


# ---- what is compared


def rows(points):
    """Points [n, 47, 3] in the face's frame -> what is compared with the mesh [n, K]: `compared` of them."""
    at = lambda point: points[:, ROW[point]]
    upper, lower = (np.stack([at(pair[side]) for pair in PAIRS], 1) for side in (0, 1))
    brows = np.stack([at(point) for point in BROWS], 1)
    return compared(upper, lower, brows, at(291), at(61), at(0), at(17), at(152))


def compared(upper, lower, brows, left, right, above, below, chin):
    """Inner lips upper and lower [n, 3, 3], brows [n, 6, 3], corners, outer lips' midpoints and chin [n, 3] -> [n, K] in the unit of the
    points."""
    gaps = (upper - lower)[:, :, 1]
    middle = (upper[:, 0, 1] + lower[:, 0, 1]) / 2
    return np.concatenate(
        [
            gaps,
            middle[:, None],
            (left - right)[:, :1],
            (left + right)[:, :1] / 2,
            left[:, 1:2],
            right[:, 1:2],
            (above - upper[:, 0])[:, 1:2],
            (lower[:, 0] - below)[:, 1:2],
            (above + below)[:, 2:] / 2,
            chin[:, 1:2],
            brows[:, :, 1],
        ],
        1,
    )


def deviations():
    """[K] standard deviations in mm of compared()."""
    names = "gap pairs pairs middle width corners corners corners lips lips protrusion chin".split()
    return np.array([SURE[name] for name in names + ["brows"] * len(BROWS)])


def pictured(gap):
    """(film [n, K], sure [K]) of single pictures, which tell the lips' gap [n, 1] in mm and nothing of how the face rests."""
    known = np.arange(len(deviations())) == 0
    return gap * known, np.where(known, deviations(), np.inf)


def on_mesh(head, values):
    """compared() of Motion values [T, 65] in mm, with the head at rest and beyond the neutral face."""
    pairs = inner_pairs(head)
    names = ("lip_corner_left", "lip_corner_right", "lip_outer_upper_mid", "lip_outer_lower_mid", "chin")
    brows = [f"brow_{part}_{side}" for side in ("left", "right") for part in ("inner", "mid", "outer")]
    places = [*pairs[0], *pairs[1], *(head.landmark(name) for name in (*brows, *names))]
    still = np.concatenate([np.zeros((1, values.shape[1]), np.float32), values])
    still[:, NECK] = 0
    posed = 1000 * lbs.pose(head, still, None, places).astype(float)
    found = compared(posed[:, :3], posed[:, 3:6], posed[:, 6:12], *posed[:, 12:].transpose(1, 0, 2))
    return found[1:] - found[0]


def lengths(head, actions):
    """Lip gap, mouth width, jaw (downwards) and protrusion of face actions [T, 52], in mm beyond the neutral face, [T, 4]."""
    seen = on_mesh(head, to_motion(head, actions[:, order(head)]))
    return np.stack([seen[:, 0], seen[:, 4], -seen[:, 11], seen[:, 10]], 1)  # of compared()


def inner_pairs(head):
    """(upper [3], lower [3]) vertices of PAIRS: the midpoints, and the pairs halfway to each corner."""
    count = len(head.lip_inner_upper)
    beside = [round(0.71 * (count - 1)), round(0.29 * (count - 1))]  # from the subject's left to right
    middle = [head.landmark("lip_inner_upper_mid")], [head.landmark("lip_inner_lower_mid")]
    return [*middle[0], *head.lip_inner_upper[beside]], [*middle[1], *head.lip_inner_lower[beside]]


def contact(gap, shut):
    """The film's lip gap -> that of lips which touch where the film's nearly do; from twice TOUCH on it is the gap beyond `shut`, where the
    tracker sees touching lips. In distances of the outer eye corners."""
    return np.clip(np.minimum(gap - shut, 2 * (gap - TOUCH)), 0, None)


def shutting(distance, opened):
    """The lids' distance [n] -> 0 open to 1 shut, a little below 0 where wide; opened: the speaker's while open."""
    return np.clip((opened - distance) / max(opened - SHUT_LID, OPEN_LID / 4), -0.3, 1)


# ---- time


def on_frames(values, times, moments, least=()):
    """values [n, K] at times -> [T, K] at moments, 1/30 s apart: a curve without overshoot through all frames (Fritsch and Carlson 1980);
    of more frames a second than ours their mean around each moment, but of columns `least` 0 where one of them is: a short contact
    stays."""
    if len(times) < 2:
        return np.tile(values, (len(moments), 1))
    out = PchipInterpolator(times, values)(np.clip(moments, times[0], times[-1]))
    if np.median(np.diff(times)) > 0.75 / FPS:
        return out
    first, last = (np.searchsorted(times, moments + side / FPS) for side in (-1, 1))
    for i in np.flatnonzero(last - first > 1):
        part, weights = values[first[i] : last[i]], 1 - np.abs(times[first[i] : last[i]] - moments[i]) * FPS
        if weights.sum() < 0.5:  # a gap; the curve crosses it
            continue
        out[i] = weights @ part / weights.sum()
        shut = (part[weights >= 0.5] < NOTHING * np.abs(values).max(0)).any(0)
        out[i, [column for column in least if shut[column]]] = 0
    return out


def smooth(values):
    """values [T, K] without the tracker's tremor: where a column stands nearly still, its mean around; where it moves, as it is. No lag."""
    if len(values) < 3:
        return values
    speed = np.abs(np.gradient(gaussian_filter1d(values, 1, axis=0, mode="nearest"), axis=0))
    moves = np.clip((maximum_filter1d(speed, 5, axis=0) - NOISE[0]) / (NOISE[1] - NOISE[0]), 0, 1)
    moves = gaussian_filter1d(moves, 1, axis=0, mode="nearest")
    return moves * values + (1 - moves) * gaussian_filter1d(values, QUIET, axis=0, mode="nearest")


def across_blinks(seen, lid, times):
    """What the eyes do [n, K], straight on where a blink hides them; lid [n]: 0 open to 1 shut. (The tracker sees shut eyes look down and
    squint.)"""
    hidden = lid > 0.35
    edges = np.flatnonzero(np.diff(np.r_[0, hidden, 0]))
    for first, last in zip(edges[::2], edges[1::2]):
        if times[last - 1] - times[first] > BLINKING:
            hidden[first:last] = False
    if hidden.all():
        return seen
    wider = maximum_filter1d(hidden, 3)
    hidden = hidden if wider.all() else wider
    return np.stack([np.interp(times, times[~hidden], column[~hidden]) for column in seen.T], 1)


def blinking(lid):
    """A lid [T] at 30 fps, 0 open to 1 shut, with blinks that shut: the film's frames may miss the moment at which they did. Each keeps
    its length: what is less than a third of it shut stays as it is."""
    out = lid.copy()
    padded = np.r_[0, lid, 0]
    peaks, about = find_peaks(padded, height=BLINK, prominence=BLINK / 2)
    lasting = peak_widths(padded, peaks, 0.5)[0] / FPS if len(peaks) else ()
    for peak, seconds, left, right in zip(peaks, lasting, about["left_bases"], about["right_bases"]):
        if seconds < BLINKING:
            part = slice(max(left - 1, 0), right)
            share = np.clip((lid[part] / padded[peak] - 1 / 3) * 1.5, 0, 1)
            out[part] = np.maximum(out[part], lid[part] + (1 - padded[peak]) * share)
    return out


# ---- the mesh


def solved(head, actions, film, sure):
    """The actions SOLVED [T, 29] that come nearest to those given in actions [T, 52] and bring compared() of the mesh to film [T, K]; sure
    [K]: standard deviations. Bounded Gauss-Newton, all frames at once."""
    face = actions.copy()
    motion = lambda: to_motion(head, face[:, order(head)])
    probe = np.zeros((1 + len(SOLVED), len(ACTIONS)), np.float32)
    probe[1:, SOLVED] = STEP * np.eye(len(SOLVED))
    seen = on_mesh(head, to_motion(head, probe[:, order(head)]))
    slope = ((seen[1:] - seen[0]) / STEP / sure).T  # [K, 29]
    loose = np.array([1 / LOOSE.get(ACTIONS[k], TRUST) ** 2 for k in SOLVED])
    hessian = slope.T @ slope + np.diag(loose)
    prior = actions[:, SOLVED].astype(float)
    for _ in range(ROUNDS):
        now = face[:, SOLVED].astype(float)
        miss = (film - on_mesh(head, motion())) / sure
        target = slope.T @ (miss.T + slope @ now.T) + loose[:, None] * prior.T
        face[:, SOLVED] = bounded(hessian, target, now.T).T
    return face[:, SOLVED]


def lowered(head, actions, shut):
    """eyeBlinkLeft and Right [T, 2] with which the mesh's lids are as far shut as shut [T, 2] says, whatever squint and gaze do to them."""
    places = [head.landmark(f"lid_{part}_{side}") for side in ("left", "right") for part in ("upper", "lower")]
    motion = to_motion(head, actions[:, order(head)])
    motion[:, NECK] = 0
    neutral = np.zeros_like(motion[:1])
    opening = lambda posed: np.stack([np.linalg.norm(posed[:, k] - posed[:, k + 1], axis=1) for k in (0, 2)], 1)
    opened, now = (opening(lbs.pose(head, values, None, places)) for values in (neutral, motion))
    neutral[:, LIDS] = motion[:, LIDS] = 1
    closed, then = (opening(lbs.pose(head, values, None, places)) for values in (neutral, motion))
    wanted = closed + (opened - closed) * (1 - np.clip(shut, 0, 1))
    return np.where(shut > 0.97, 1, np.clip((now - wanted) / np.maximum(now - then, 1e-4), 0, 1))
