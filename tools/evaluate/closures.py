"""Lip closures, f and v, and rounding against phone labels.

The definitions are those of the project's scorer score_closures.py, whose numbers these functions give. All intervals are
[[start, end], ...] in seconds.

    recall           p, b, m that a closed interval meets within TOLERANCE
    precision        share of the closed time that lies in a bilabial widened by WIDEN, or in silence
    speech precision the same of the closed time outside labelled silence
    false closures   open vowels with at least half of their middle third closed
    labiodental      f, v that meet a labiodental interval within TOLERANCE
    rounded          rounded vowels and w that meet a rounded interval within TOLERANCE
    onset error      start of the closed interval that fits a recalled bilabial best, minus the bilabial's; only for those that
                     follow neither silence nor another bilabial; seconds, + is late
"""

from pathlib import Path

import numpy as np

from model_runtime.speech.phones import bare

TOLERANCE, WIDEN, COVER = 0.040, 0.060, 0.5

# What each label says of the mouth, in the spelling of the two label sets. A stop is a closure and then its release.
LABELS = {
    "timit": {
        "silence": "h# pau epi",
        "nasal": "m em",
        "closure": {"pcl": "p", "bcl": "b"},
        "release": "p b",
        "approximant": "",
        "labiodental": "f v",
        "open": "aa ae ah ao aw ay eh ey ow",
        "rounded": "uw ux uh ow ao w",
    },
    "emodb": {
        "silence": ". ( (gef",
        "nasal": "m",
        "closure": {"p": "p", "_p": "p", "b": "b", "_b": "b"},
        "release": "!p !b",
        "approximant": "B",
        "labiodental": "f v V",
        "open": "a A a6 aI aU AO aO ao OY E E6 E@ e e6 e@ O O6 o o6 o@",
        "rounded": "U U6 u u6 O O6 o o6 o@ Y Y6 y y6 2 26 9 96",
    },
}
LABELS = {
    kind: {name: labels if name == "closure" else frozenset(labels.split()) for name, labels in sets.items()}
    for kind, sets in LABELS.items()
}


def read_emodb(path):
    """EmoDB's hand labels -> [(start, end, label)]. Marks on lines of their own (+x, -x, a bare "!") prolong the phone before."""
    labels = []
    for line in Path(path).read_text(errors="replace").splitlines():
        start, end, *rest = line.split("\t") if line.count("\t") >= 2 else (None, None)
        if not rest:
            continue
        name = (" ".join(rest).split() or ["-"])[0]
        if labels and (name[0] in "+-" or name == "!"):
            labels[-1] = (*labels[-1][:1], float(end), labels[-1][2])
        else:
            labels.append((float(start), float(end), name))
    return labels


def from_arpabet(phones):
    """Aligned ARPAbet phones [[start, end, "AH0"]] in TIMIT's spelling; an aligner's p or b is closure and release in one."""
    spelt = {"sil": "h#", "P": "pcl", "B": "bcl"}
    return [(start, end, spelt.get(bare(phone), bare(phone).lower())) for start, end, phone in phones]


def units(kind, labels, duration):
    """Labels -> {"bilabial", "approximant", "silence", "open", "labiodental", "rounded": intervals, "onset": of every bilabial
    whether its onset counts}."""
    sets = LABELS[kind]
    found = {name: [] for name in ("bilabial", "approximant", "silence", "open", "labiodental", "rounded", "onset")}
    before, stop = "silence", None  # stop: (phone, end) of a closure that waits for its release
    for start, end, label in labels:
        closing = label if label in sets["nasal"] else sets["closure"].get(label)
        if closing:
            found["bilabial"].append([start, end])
            found["onset"].append(before == "other")
            stop = (closing, end) if label in sets["closure"] else None
        elif label in sets["release"]:
            if stop and stop[0] == label.lstrip("!") and start - stop[1] < 0.005:
                found["bilabial"][-1][1] = end
                stop = stop[0], end
            else:
                found["bilabial"].append([start, end])
                found["onset"].append(False)
        else:
            stop = None
            for name in ("approximant", "silence", "open", "labiodental", "rounded"):
                if label in sets[name]:
                    found[name].append([start, end])
        before = "bilabial" if closing or label in sets["release"] else "silence" if label in sets["silence"] else "other"
    if labels:  # unlabelled time at either end is silence
        if labels[0][0] > 0:
            found["silence"].insert(0, [0.0, labels[0][0]])
        if duration > labels[-1][1]:
            found["silence"].append([labels[-1][1], duration])
    return found


# ---- intervals


def below(curve, fps, threshold):
    """Where a curve [T], sample i at i / fps seconds, is at or under the threshold; crossings interpolated between samples."""
    curve = np.asarray(curve, float)
    edges = np.diff(np.r_[False, curve <= threshold, False].astype(int))
    cross = lambda inside, outside: (threshold - curve[inside]) / (curve[outside] - curve[inside])
    last = len(curve) - 1
    return [
        [(i if i == 0 else i - cross(i, i - 1)) / fps, (j if j == last else j + cross(j, j + 1)) / fps]
        for i, j in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1)
    ]


def union(intervals):
    """Sorted, overlapping ones joined."""
    joined = []
    for start, end in sorted((float(start), float(end)) for start, end in intervals if end >= start):
        if joined and start <= joined[-1][1] + 1e-6:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined


def cut(intervals, low, high):
    return [[max(start, low), min(end, high)] for start, end in intervals if end >= low and start <= high]


def common(first, second):
    """Where both hold."""
    return union([max(a, c), min(b, d)] for a, b in first for c, d in second if min(b, d) > max(a, c))


def without(intervals, holes):
    """intervals less the holes (a union)."""
    for start, end in holes:
        intervals = [part for a, b in intervals for part in ([a, min(b, start)], [max(a, end), b]) if part[1] > part[0]]
    return intervals


def length(intervals):
    return sum(end - start for start, end in intervals)


def meets(start, end, intervals, tolerance):
    return any(a < end + tolerance and b > start - tolerance for a, b in intervals)


# ---- the score of one clip


def score(found, closed, duration, labiodental=None, rounded=None):
    """units() and what the mouth did -> {figure: (hits, of how many)} and under "onset error" a list of seconds.

    Precisions count seconds. labiodental and rounded are scored where they are given. Beyond the scorer: "false labiodental",
    open vowels with half of their middle third labiodental, and "rounded time", the share of the clip that is rounded: they show
    a mouth that bites or pouts all the time.
    """
    closed = cut(union(closed), 0, duration)
    silence = union(found["silence"])
    lips = union([start - WIDEN, end + WIDEN] for start, end in found["bilabial"] + found["approximant"])
    right, still = length(common(closed, union(lips + silence))), length(common(closed, silence))
    middles = [(start + (end - start) / 3, end - (end - start) / 3) for start, end in found["open"]]
    covered = lambda intervals: sum(length(cut(intervals, start, end)) >= COVER * (end - start) for start, end in middles)
    met_by = lambda name, intervals: (sum(meets(*span, intervals, TOLERANCE) for span in found[name]), len(found[name]))
    figures = {
        "recall": met_by("bilabial", closed),
        "precision": (right, length(closed)),
        "speech precision": (right - still, length(closed) - still),
        "false closures": (covered(closed), len(middles)),
    }
    if labiodental is not None:
        labiodental = cut(union(labiodental), 0, duration)
        figures["labiodental"] = met_by("labiodental", labiodental)
        figures["false labiodental"] = (covered(labiodental), len(middles))
    if rounded is not None:
        rounded = cut(union(rounded), 0, duration)
        figures["rounded"] = met_by("rounded", rounded)
        figures["rounded time"] = (length(rounded), duration)
    figures["onset error"] = []
    for (start, end), usable in zip(found["bilabial"], found["onset"]):
        met = [
            (length(cut([one], start - TOLERANCE, end + TOLERANCE)), -abs(one[0] - start), one[0])
            for one in closed
            if meets(start, end, [one], TOLERANCE)
        ]
        if usable and met:
            figures["onset error"].append(max(met)[2] - start)
    return figures
