"""The same words, said and filmed another time: how well people follow people, the most that words alone could tell.

A take of a GRID sentence is put together of other clips, word by word: of those that say the word at the same place of the sentence, one
that shares most of the neighbouring words. Time is stretched piecewise linearly, from the word's start there to the next word's start as
here; before the first word and after the last it runs as it did there. Where the words' times are not known, they are those at which the
encoder hears the sentence that the clip's name spells.
"""

from dataclasses import dataclass

import numpy as np

from contract import FPS
from model_runtime.speech import words
from model_runtime.training import films

MEAN = 8  # takes whose mean is a column of its own


@dataclass(frozen=True)
class Take:
    """spoken: [(start, end, word), ...] in seconds; times [n] s; curves {name: [n]} in mm beyond the neutral face."""

    name: str
    spoken: list
    times: np.ndarray
    curves: dict

    @property
    def sentence(self):
        return [word for _, _, word in self.spoken]


def spoken(film, content):
    """[(start, end, word), ...] of a GRID clip without its pauses; content() -> its Content, where no times are known. [] if they are
    not found."""
    if film.words:
        return [entry for entry in film.words if entry[2] not in ("sil", "sp")]
    found = words.align(content(), films.sentence(film.name))
    return [(start, end, word) for start, end, word, _ in found.words] if found else []


def ranked(here, place, takes):
    """Takes that say the word at that place of the take `here`, those first that share most neighbours; never itself."""
    sentence = here.sentence
    same = [
        take for take in takes if take.name != here.name and len(take.spoken) == len(sentence) and take.sentence[place] == sentence[place]
    ]
    beside = [k for k in (place - 1, place + 1) if 0 <= k < len(sentence)]
    return sorted(same, key=lambda take: -sum(take.sentence[k] == sentence[k] for k in beside))


def again(here, takes, moments, which=0):
    """{name: [T]} at moments [T] s: the sentence of the take `here` in other takes, for each word the one ranked `which`. None where a word
    is said in too few."""
    chosen = [ranked(here, place, takes) for place in range(len(here.spoken))]
    if not chosen or min(map(len, chosen)) <= which:
        return None
    chosen = [found[which] for found in chosen]
    starts = np.array([start for start, _, _ in here.spoken])
    at = np.clip(np.searchsorted(starts, moments, "right") - 1, 0, None)  # the word of each moment; the first before it
    out = {name: np.zeros(len(moments)) for name in here.curves}
    for place, take in enumerate(chosen):
        own = at == place
        there = moved(moments[own], *span(here, place), *span(take, place), before=place == 0, after=place == len(chosen) - 1)
        for name, curve in take.curves.items():
            out[name][own] = np.interp(there, take.times, curve)
    return out


def span(take, place):
    """(start of the word, start of the next; of the last word its end) in seconds."""
    start, end, _ = take.spoken[place]
    return start, take.spoken[place + 1][0] if place + 1 < len(take.spoken) else end


def moved(moments, start, end, there_start, there_end, before, after):
    """Moments of a word here -> there, s; before the first word and after the last by the shift of its start and end."""
    there = there_start + (moments - start) * (there_end - there_start) / max(end - start, 1e-3)
    if before:
        there = np.where(moments < start, there_start + moments - start, there)
    return np.where(moments > end, there_end + moments - end, there) if after else there


def columns(here, speaker, takes, frames):
    """{column: curves at 30 fps [frames]} of the takes {speaker: [Take]}: one take of the speaker himself and one of other speakers, and of
    both the mean of MEAN, where all words are found so often."""
    moments = np.arange(frames) / FPS
    others = [take for name, found in takes.items() if name != speaker for take in found]
    found = {}
    for whose, pool in (("own", takes[speaker]), ("another's", others)):
        found[f"{whose} take"] = again(here, pool, moments)
        several = [again(here, pool, moments, which) for which in range(MEAN)]
        if all(several):
            found[f"{whose}, mean of {MEAN}"] = {name: np.mean([take[name] for take in several], 0) for name in here.curves}
    return {column: curves for column, curves in found.items() if curves}
