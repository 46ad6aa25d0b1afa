"""Fewer or more blinks of a take. Pure numpy; knows nothing of Blender.

Those that shut least go first. New ones come where people blink: at the end of a phrase and in pauses (Nakano and Kitazawa, "Eyeblink
entrainment at breakpoints of speech", Experimental Brain Research 205, 2010), and look as one that is there, or as blinks do.
"""

import numpy as np

SHUT = 0.5  # of the furthest that lids shut: a peak above that is a blink
OPEN = 0.15  # of a blink's height: below that it is over
LONGEST = 0.8  # seconds: what lasts longer are eyes that stay shut
USUAL = 15.0  # a minute, of a take that has none
APART = 0.7  # seconds between the middles of two blinks
PAUSE = 0.25  # seconds: lips that hardly move for so long are at a pause
STILL = 0.05  # of the widest: so far lips move within a pause
BESIDE = 0.3  # seconds beside a key of the artist in which finishing fades: no blink comes or goes there
SHUTS, STAYS, OPENS = 0.08, 0.03, 0.18  # seconds that lids take


def found(lids: np.ndarray, times: np.ndarray) -> list[tuple[int, int, int]]:
    """(first, furthest, last frame) of each blink in how far lids are shut [N], at times [N] in seconds."""
    if not len(lids) or lids.max() <= 0:
        return []
    before, after = np.append(-np.inf, lids[:-1]), np.append(lids[1:], -np.inf)
    told: list[tuple[int, int, int]] = []
    for peak in np.flatnonzero((lids >= before) & (lids > after) & (lids > SHUT * lids.max())).tolist():
        if told and peak <= told[-1][2]:
            continue
        first = last = peak
        while first > 0 and lids[first] > OPEN * lids[peak] and times[peak] - times[first] < LONGEST:
            first -= 1
        while last < len(lids) - 1 and lids[last] > OPEN * lids[peak] and times[last] - times[peak] < LONGEST:
            last += 1
        if times[last] - times[first] <= LONGEST:
            told.append((first, peak, last))
    return told


def rated(moved: np.ndarray, times: np.ndarray, gap: np.ndarray, rate: float, seed: int, held: np.ndarray) -> np.ndarray:
    """moved [K, N]: of lids, about rest, with rate times as many blinks. gap [N]: of the lips. held: seconds of the artist's keys on lids,
    at which all stays as it is."""
    furthest = moved[np.arange(len(moved)), np.abs(moved).argmax(1)] if moved.size else np.zeros(0)
    full = np.where(np.abs(furthest) > SHUT * max(np.abs(furthest).max(initial=0), 1e-9), furthest, 0.0)
    lids = np.mean([row / whole for row, whole in zip(moved, full) if whole] or [np.zeros(moved.shape[1])], axis=0)
    there = found(lids, times) if np.abs(furthest).max(initial=0) > SHUT / 2 else []
    out, random = moved.copy(), np.random.default_rng(seed)
    if rate < 1:
        least = sorted(there, key=lambda blink: lids[blink[1]] - (lids[blink[0]] + lids[blink[2]]) / 2)
        for first, _, last in least[: round((1 - rate) * len(there))]:
            if not _near(held, times[first] - BESIDE, times[last] + BESIDE):
                way = (times[first : last + 1] - times[first]) / (times[last] - times[first])
                out[:, first : last + 1] = moved[:, [first]] + way * (moved[:, [last]] - moved[:, [first]])
        return out
    lasts = times[-1] - times[0]
    more = round((rate - 1) * (len(there) or USUAL * lasts / 60))
    model = there[int(random.integers(len(there)))] if there else None
    at = [times[peak] for _, peak, _ in there]
    for time in _places(times, gap, random):
        first, last = time - SHUTS, time + STAYS + OPENS
        if (
            more
            and not _near(np.array(at), time - APART, time + APART)
            and not _near(held, first - BESIDE, last + BESIDE)
            and times[0] < first < last < times[-1]
        ):
            at.append(time)
            more -= 1
            shape = _like(moved, times, model, time) if model else np.outer(np.where(full, full, 1.0), _usual(times - time))
            out = np.where(np.abs(shape) > np.abs(out), shape, out)
    return out


def _places(times, gap, random):
    """Seconds at which blinks may come, the best first: ends of phrases, pauses, and anywhere."""
    step = float(np.median(np.diff(times)))
    reach = max(1, round(PAUSE / step))
    moving = np.abs(np.diff(gap, prepend=gap[0])) > STILL * max(gap.max(), 1e-9)
    quiet = np.convolve(moving, np.ones(2 * reach + 1), "same") == 0
    edges = np.diff(quiet.astype(int), prepend=0, append=0)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    of_phrases = [times[begin] - PAUSE + 0.1 for begin in begins]
    in_pauses = [(times[begin] + times[end]) / 2 for begin, end in zip(begins, ends) if times[end] - times[begin] > APART]
    parted = list(times[1:-1][(gap[1:-1] <= gap[:-2]) & (gap[1:-1] < gap[2:])])  # where lips come together, as between words
    for some in (of_phrases, in_pauses, parted, list(times[:: max(1, round(APART / step))])):
        random.shuffle(some)
    return [*of_phrases, *in_pauses, *parted, *times[:: max(1, round(APART / step))]]


def _usual(away):
    """[N]: how far lids are shut in a blink that is shut at 0 seconds."""
    closing, opening = np.clip((away + SHUTS) / SHUTS, 0, 1), np.clip((STAYS + OPENS - away) / OPENS, 0, 1)
    return closing**2 * (3 - 2 * closing) * opening**2 * (3 - 2 * opening)


def _like(moved, times, model, time):
    """moved [K, N] of a blink like that one, shut at a time."""
    first, peak, last = model
    there = times - time + times[peak]
    inside = (there >= times[first]) & (there <= times[last])
    shape = np.zeros_like(moved)
    base = np.minimum(np.abs(moved[:, first]), np.abs(moved[:, last]))
    for row, column in enumerate(moved):
        read = np.interp(there, times, column)
        shape[row] = np.where(
            inside, np.sign(read) * np.maximum(np.abs(read) - base[row], 0) / max(np.abs(column[peak]) - base[row], 1e-9), 0
        )
        shape[row] *= abs(column[peak])
    return shape


def _near(held, first, last):
    return bool(((held >= first) & (held <= last)).any())
