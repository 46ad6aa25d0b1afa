"""What capture itself keeps of a film: the captured Motion against the tracker's own points."""

import time

import numpy as np
from scipy.signal import find_peaks

from contract import FPS, LIDS
from model_runtime.capture import fit, measures
from model_runtime.capture.track import PAIRS, ROW, in_face, moving
from model_runtime.flame import lbs
from tools.evaluate import mouth

CONTACT = 1.5  # pixels of the film between lips that touch
STILL = 0.0015  # distances of the outer eye corners a frame: mouth and chin that move less stand still
BLINK = 0.04  # the same unit: the lids' distance in a blink, and by how much it must fall
SHUT_LID = 0.9  # of 1


def timed(track, neutral, head, frames):
    """(Motion, seconds of this process that the fit took)."""
    began = time.process_time()
    motion = fit(track, neutral, head, frames)
    return motion, time.process_time() - began


def figures(head, track, neutral, values, seconds):
    """What is counted of values [T, 65] captured in so many seconds from a Track: r of the lip gap, the film's contacts and blinks that are
    kept, mm by which the still lower lip trembles from frame to frame (second difference), frames a second of one core."""
    moments = np.arange(len(values)) / FPS
    points = in_face(track, neutral.points)
    film, times = measures(points), track.times[track.seen]
    gap = lbs.lip_gap(head, values)
    upper, lower = (track.points[track.seen][:, ROW[point], :2] for point in PAIRS[0])
    near = np.flatnonzero(np.diff(np.r_[0, np.linalg.norm(upper - lower, axis=1) < CONTACT, 0]))
    kept = [around(gap, times[a], times[b - 1]).min(initial=1) < mouth.SHUT for a, b in zip(near[::2], near[1::2])]
    lid = film["lid_left"]
    blinks = find_peaks(-np.r_[1, lid, 1], height=-BLINK, prominence=BLINK)[0] - 1
    shut = [around(values[:, LIDS.start], times[k], times[k]).max(initial=0) > SHUT_LID for k in blinks]
    calm = np.interp(moments, times, moving(points)) < STILL
    lip = 1000 * lbs.pose(head, mouth.still(values), None, [head.landmark("lip_inner_lower_mid")])[:, 0]
    tremor = np.linalg.norm(np.diff(lip, 2, axis=0), axis=1)[calm[2:] & calm[1:-1] & calm[:-2]]
    return {
        "r": (np.corrcoef(np.interp(moments, times, film["gap"]), gap)[0, 1] if gap.std() else 0.0, 1),
        "contacts": (sum(kept), len(kept)),
        "blinks": (sum(shut), len(shut)),
        "tremor": (tremor.sum(), len(tremor)),
        "speed": (len(times), max(seconds, 1e-6)),
    }


def around(curve, first, last):
    """The part of a curve [T] from a frame before `first` to two after `last`, in s."""
    return curve[max(0, int(first * FPS) - 1) : int(last * FPS) + 3]
