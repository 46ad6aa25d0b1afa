"""From the spikes of a CTC model to posteriors of every frame.

Connectionist temporal classification (Graves et al. 2006) leaves open when a sound begins and ends: its posteriors are a spike
somewhere in a phone, and blank otherwise. So the model says what was said, and the shipped encoder, which has learned from phone
times, says when: a Viterbi path through the spikes' sounds, whose emissions are the CTC posteriors (a sound's state may emit its
label or blank) and the likelihood of what makes the sound at each frame. Between two sounds there may be a gap, a pause or something
that the model did not hear: there the shipped encoder alone counts. A model may spike early or late throughout, so first its lag is
found: the one with which the shipped encoder agrees best.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from model_runtime.speech import content as layout
from model_runtime.speech.content import HOP
from model_runtime.speech.phones import ARTICULATORY, PHONES
from model_runtime.speech.words import BLUR, LEAVE, STRAY, Heard

MADE = layout.ARTICULATORY.stop  # columns that are posteriors
SPIKE = 0.3  # posterior of all sounds from which something was said
FLOOR = 0.01  # the posteriors are never surer than this
ANCHOR = 1.0  # how much they count against the shipped encoder's
LAG, ENOUGH, CLEARLY = 5, 12, 0.1  # frames at most; spikes to tell it by; how much better, in log-likelihood, than none


@dataclass(frozen=True)
class Reduced:
    """Posteriors [T, V] of a CTC model, reduced to what is needed of them."""

    heard: np.ndarray  # float32 [T]: of all labels that are sounds
    label: np.ndarray  # [T]: the likeliest of those
    said: np.ndarray  # float32 [T, 52]: what they say of the frame
    sounds: list  # [V] of tuples, as vocabulary.sounds_of gives them

    def __getitem__(self, frames):
        return Reduced(self.heard[frames], self.label[frames], self.said[frames], self.sounds)


def vector(sound):
    """The posteriors [52] of a Sound that is certain."""
    out = np.zeros(MADE, np.float32)
    out[PHONES.index(sound.phone)] = 1
    for name in sound.classes:
        out[len(PHONES) + ARTICULATORY.index(name)] = 1
    return out


def matrix(sounds):
    """What each label says of a frame: float32 [V, 52]."""
    return np.stack([np.mean([vector(sound) for sound in several], 0) if several else np.zeros(MADE, np.float32) for several in sounds])


def reduce(posteriors, sounds, meaning):
    """Reduced of posteriors [T, V]; meaning: matrix(sounds)."""
    spoken = np.where([bool(several) for several in sounds], posteriors, 0)
    return Reduced(spoken.sum(1), spoken.argmax(1), spoken @ meaning, sounds)


def joined(parts):
    whole = (np.concatenate([getattr(part, name) for part in parts]) for name in ("heard", "label", "said"))
    return Reduced(*whole, parts[0].sounds)


def resample(reduced, stride, frames):
    """A Reduced of frames centred on k * stride samples -> one of so many Content frames.

    Each takes the nearest frame, or of several within half a frame the one that heard most: no spike is lost or moved.
    """
    near = max(stride, HOP) / 2
    centre = np.arange(frames) * HOP
    lowest = np.ceil((centre - near) / stride).astype(int)
    choices = np.stack([lowest + k for k in range(int(2 * near / stride) + 1)])
    choices = np.clip(np.where(choices * stride <= centre + near, choices, lowest), 0, len(reduced.heard) - 1)
    return reduced[choices[reduced.heard[choices].argmax(0), np.arange(frames)]]


@dataclass(frozen=True)
class Spike:
    first: int
    last: int  # frames in which its label was heard
    sounds: tuple
    said: np.ndarray  # [52]
    sure: float  # posterior that it is a sound at all


def spikes(reduced):
    """The labels that were heard, in order: neighbouring frames of the same label count as one, and a blank separates two.

    A label of several sounds keeps as many as there are frames until the next is heard.
    """
    label = np.where(reduced.heard >= SPIKE, reduced.label, -1)
    edges = np.flatnonzero(np.diff(label, prepend=-2, append=-2))
    runs = [(first, after) for first, after in zip(edges[:-1], edges[1:]) if label[first] >= 0]
    found = []
    for (first, after), (following, _) in zip(runs, [*runs[1:], (len(label), 0)]):
        own = reduced[first:after]
        found.append(
            Spike(first, after - 1, reduced.sounds[label[first]][: following - first], own.said.sum(0) / own.heard.sum(), own.heard.max())
        )
    return found


def spread(reduced, content):
    """Content float32 [T, 59]: what the CTC model heard, placed in time; content [T, 59]: what the shipped encoder heard."""
    heard = Heard(content)
    reduced = reduced[np.clip(np.arange(len(content)) + lag(spikes(reduced), heard), 0, len(content) - 1)]
    found = spikes(reduced)
    if not found:
        return content
    states = [(k, sound) for k, spike in enumerate(found) for sound in (None, *spike.sounds)]
    states.append((len(found), None))  # gaps, whose sound is None, before each spike and after the last
    path = walk(reduced, found, states, heard)
    # A label of one sound keeps all posteriors of the model, its doubts included.
    means = np.stack(
        [
            np.zeros(MADE, np.float32) if sound is None else found[k].said if len(found[k].sounds) == 1 else vector(sound)
            for k, sound in states
        ]
    )
    sure = np.array([0.0 if sound is None else found[k].sure for k, sound in states], np.float32)[path]
    said, sure = gaussian_filter1d(means[path] * sure[:, None], BLUR, axis=0), gaussian_filter1d(sure, BLUR)[:, None]
    out = content.copy()
    out[:, :MADE] = content[:, :MADE] * (1 - sure) + said
    out[:, layout.PHONES] /= np.maximum(out[:, layout.PHONES].sum(1, keepdims=True), 1e-6)
    return out


def likelihood(heard, sound):
    """Log-likelihood [T] that the shipped encoder gives a Sound, or a gap where it is None."""
    if sound is None:
        return np.maximum(heard.silence, heard.best - STRAY)
    return heard.silence if sound.phone == "sil" else heard.of(sound.phone, sound.classes, sound.exact)


def lag(found, heard):
    """How many frames after the sounds the spikes come: the lag at which the shipped encoder agrees best with them."""
    if len(found) < ENOUGH:
        return 0
    shifts = sorted(range(-LAG, LAG + 1), key=abs)
    when = np.array([(spike.first + spike.last) // 2 for spike in found])
    agreed = np.zeros(len(shifts))
    for sound in {spike.sounds[0] for spike in found}:
        own = when[[spike.sounds[0] == sound for spike in found]]
        agreed += [likelihood(heard, sound)[np.clip(own - shift, 0, len(heard) - 1)].sum() for shift in shifts]
    return shifts[agreed.argmax()] if agreed.max() > agreed[0] + CLEARLY * len(found) else 0


def walk(reduced, found, states, heard):
    """The state (index into states) of each frame [T]: Viterbi in a band, because a sound lies between its neighbours' spikes."""
    T, S = len(heard), len(states)
    number = np.array([k for k, _ in states])
    gap = np.array([sound is None for _, sound in states])
    first, last = (np.array([getattr(spike, end) for spike in found]) for end in ("first", "last"))
    opens, closes = np.append(0, first)[number], np.append(last, T - 1)[np.minimum(number + ~gap, len(found))]
    low, high = np.searchsorted(closes, np.arange(T)), np.searchsorted(opens, np.arange(T), side="right")
    own = np.full(T, -1)
    for k, spike in enumerate(found):
        own[spike.first : spike.last + 1] = k
    foreign = ANCHOR * np.log(np.clip(1 - reduced.heard, FLOOR, 1))  # what a spike costs states that are not its own
    kinds = list(dict.fromkeys(sound for _, sound in states))
    table = np.stack([likelihood(heard, sound) for sound in kinds])
    row = np.array([kinds.index(sound) for _, sound in states])
    leap = np.where(np.append(False, gap[:-1]), LEAVE, np.inf)  # into s from s - 2, past a gap
    score = np.full(S + 2, -np.inf)  # state s stands at s + 2
    score[2:4] = 0
    begin = np.append(0, np.cumsum(high - low))
    came = np.zeros(begin[-1], np.int8)  # how many states back each was come from
    for t in range(T):
        a, z = low[t], high[t]
        if t:
            options = np.stack([score[a + 2 : z + 2], score[a + 1 : z + 1] - LEAVE, score[a:z] - leap[a:z]])
            came[begin[t] : begin[t + 1]] = best = options.argmax(0)
            score[a : a + 2] = -np.inf  # closed
            score[a + 2 : z + 2] = options[best, np.arange(z - a)]
        score[a + 2 : z + 2] += table[row[a:z], t] + (own[t] >= 0) * (number[a:z] != own[t]) * foreign[t]
    path = np.empty(T, int)
    state = S - 1 if score[-1] > score[-2] else S - 2
    for t in range(T - 1, -1, -1):
        path[t] = state
        state -= int(came[begin[t] + state - low[t]])  # numpy 2 would stay within int8
    return path
