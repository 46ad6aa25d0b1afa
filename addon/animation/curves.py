"""Motion at 30 fps <-> samples at the scene's frame rate. Pure numpy; knows nothing of Blender.

A position u is a time in frames of the Motion: u = 30 t. Scene frame F shows u = (F - start_frame) / fps * 30.
"""

from bisect import bisect_left

import numpy as np

from ..contract import ACTIONS, CHANNELS, EXPRESSION, FACE_ACTIONS, FPS, JAW, LIDS, TONGUE

# Columns of a performance that are read at the lips' closures, and at the lids'.
_ACTIONS = [(FACE_ACTIONS.start + k, name) for k, name in enumerate(ACTIONS)]
MOUTH = np.array([*range(EXPRESSION.start, JAW.stop), *range(TONGUE.start, TONGUE.stop), *(k for k, n in _ACTIONS if n[:3] != "eye")])
BLINK = np.array([*range(LIDS.start, LIDS.stop), *(k for k, n in _ACTIONS if n.startswith("eyeBlink"))])

SHUT = 0.2  # minima below this share of the widest gap are closures worth keeping
TOUCHING = 0.02  # and count as met within this share of the widest gap
SNAP = 1e-3  # frames: closer than this is the same moment


def resample(values, fps, start_frame, gap=None):
    """A performance [T,C] at 30 fps, C 65 or 117 -> (frames [N] whole scene frames, samples [N,C] float32) at fps.

    The first frame shows the moment 0 (or is the last one before it, where start_frame is not whole), the last one the end
    of the motion. Between frames of the Motion a monotone cubic is read, which never leaves the range of its neighbours.
    A frame that a closure or blink falls beside is read at the closure instead: see meet().
    gap [T]: how far the lips are apart, any unit; None: the jaw's opening.
    """
    values = np.asarray(values, np.float32)
    first = np.floor(start_frame + SNAP)
    last = np.ceil(start_frame + (len(values) - 1) * fps / FPS - SNAP)
    frames = np.arange(first, last + 1)
    u = np.clip((frames - start_frame) / fps * FPS, 0, len(values) - 1)
    u = np.where(np.abs(u - np.round(u)) < SNAP, np.round(u), u)
    lips = values[:, JAW.start] if gap is None else np.asarray(gap, np.float64)
    samples = interpolate(values, u)
    mouth, lids = meet(u, lips), meet(u, 1 - values[:, LIDS].max(axis=1))
    for positions, columns in ((mouth, MOUTH), (lids, BLINK)):
        columns = columns[columns < values.shape[1]]
        moved = np.flatnonzero(positions != u)
        samples[np.ix_(moved, columns)] = interpolate(values, positions[moved])[:, columns]
    return frames, samples


def meet(u, gap):
    """Bend the sampling positions u [N] so that no closure of gap [T] falls between two of them: positions [N].

    A closure that lasts one frame of 30 fps may lie between two frames of 24: sampled as it comes, the lips of a /p/ would
    stay apart. So the nearest sample is read at the closure itself, all channels of the mouth alike. It moves by half a scene
    frame at most (21 ms at 24 fps), below what a viewer notices, and the order of the samples is kept.
    Where two closures claim the same sample (below 15 fps) the tighter one gets it.
    """
    gap = np.asarray(gap, np.float64) - np.min(gap)
    widest = gap.max()
    if len(u) < 2 or widest <= 0:
        return u
    before, after = np.r_[np.inf, gap[:-1]], np.r_[gap[1:], np.inf]
    minima = np.flatnonzero((gap <= before) & (gap < after) & (gap < SHUT * widest))
    minima = minima[np.searchsorted(u, minima, side="right") == np.searchsorted(u, minima)]  # no sample meets these as it is
    met, taken = u.copy(), set()
    height, times = gap.tolist(), u.tolist()
    for m in minima[np.argsort(gap[minima], kind="stable")].tolist():
        a = b = m  # the closure lasts from frame a to frame b
        while a > 0 and height[a - 1] <= height[m] + TOUCHING * widest:
            a -= 1
        while b < len(height) - 1 and height[b + 1] <= height[m] + TOUCHING * widest:
            b += 1
        right = bisect_left(times, a)
        if right < len(times) and times[right] <= b:
            continue  # a sample lies within
        right = min(right, len(times) - 1)
        nearest = right - 1 if a - times[right - 1] <= times[right] - b else right
        if nearest not in taken:
            met[nearest] = min(max(times[nearest], a), b)
            taken.add(nearest)
    return met


def interpolate(values, u):
    """Read values [T,C] at positions u [N] (0..T-1): [N,C] float32. Exact at whole positions.

    Monotone piecewise cubic: Hermite with the harmonic-mean slopes of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5(2),
    1984).
    """
    values, u = np.asarray(values, np.float32), np.asarray(u, np.float64)
    i = np.floor(u).astype(int)
    whole = u == i
    if whole.all():
        return values[i].copy()
    last = len(values) - 1
    at = lambda j: values[np.clip(j, 0, last)]
    before, secant, after = at(i) - at(i - 1), at(i + 1) - at(i), at(i + 2) - at(i + 1)
    before[i == 0], after[i + 1 >= last] = secant[i == 0], secant[i + 1 >= last]  # straight on at the ends
    enter, leave = _slope(before, secant), _slope(secant, after)
    s = (u - i).astype(np.float32)[:, None]
    cubic = at(i) + s * (enter + s * (3 * secant - 2 * enter - leave + s * (enter + leave - 2 * secant)))
    return np.where(whole[:, None], at(i), cubic)


def _slope(left, right):
    """Harmonic mean of the secants on both sides of a sample, 0 at an extreme."""
    product, total = left * right, left + right
    return np.divide(2 * product, total, out=np.zeros_like(total), where=product > 0)


def write(path, performance, basis):
    """Write a performance [T,65], or with face actions [T,117], as a Motion file at 30 fps; basis "" is that of a head that moves by
    these alone."""
    acted = {"actions": performance[:, FACE_ACTIONS], "action_names": np.array(ACTIONS)} if performance.shape[1] > CHANNELS else {}
    np.savez(path, motion=performance[:, :CHANNELS], fps=float(FPS), basis=basis, **acted)


def pins(frames, columns, values, start_frame, fps, length, width=CHANNELS):
    """Keys of the artist -> (values [length,width] float32, mask [length,width] bool) at 30 fps.

    frames, columns, values [K]: scene frame, column of a performance and value of each key. A key on a frame of the Motion pins that
    frame; one between two pins both, where several meet weighted by nearness. Keys outside the motion pin nothing.
    """
    pinned, weight = np.zeros((length, width)), np.zeros((length, width))
    exact = np.zeros((length, width), bool)
    columns, values = np.asarray(columns, int), np.asarray(values, np.float64)
    u = (np.asarray(frames, np.float64) - start_frame) / fps * FPS
    on = np.abs(u - np.round(u)) < SNAP
    for i, w in ((np.floor(u), 1 - (u - np.floor(u))), (np.floor(u) + 1, u - np.floor(u))):
        use = ~on & (i >= 0) & (i < length)
        where = i[use].astype(int), columns[use]
        np.add.at(pinned, where, w[use] * values[use])
        np.add.at(weight, where, w[use])
    np.divide(pinned, weight, out=pinned, where=weight > 0)
    use = on & (np.round(u) >= 0) & (np.round(u) < length)
    where = np.round(u[use]).astype(int), columns[use]
    pinned[where], exact[where] = values[use], True
    return pinned.astype(np.float32), exact | (weight > 0)
