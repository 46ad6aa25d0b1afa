"""What is said, when somebody has written it down: words are aligned with what the encoder hears, and sharpen Content.

The words become phones (pronounce.py); a hidden Markov model walks through them along the voice. Its emissions are the encoder's
posteriors, so no other recogniser is needed, and every language works whose sounds espeak-ng knows. Between two words there may be a
pause, or speech that the text lacks. A word that is not spoken may be skipped, and so may everything before or after the words that
are, because a voice may say one line of a whole script. Words that fit what is heard replace it, as far as they fit; where they do
not, the sound alone counts. So wrong, partial or missing words do no harm.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from model_runtime.speech import content as layout
from model_runtime.speech.phones import ARTICULATORY, MADE_WITH, PHONES, VOWELS
from model_runtime.speech.pronounce import ENGLISH, pronounce, share_known, words_of

# In log-likelihood per frame of 20 ms unless said otherwise; tuned on LibriSpeech's and EmoDB's training speakers.
PHONE, MADE = 0.6, 0.9  # how much the phone itself counts, and what makes it
FLOOR = 0.02  # the encoder is never taken to be surer than this
STRAY = 1.4  # cost of speech that the text lacks, against the best phone heard
LEAVE = 1.2  # for the whole phone: going on to the next
SKIP = 12.0  # for the whole word: skipping it; also for all words before those that are said, and all after them
BEAM = 1500  # states looked at around the best one, and more where the voice is short:
WORK = 5e7  # states times frames that are looked at in all
DOUBTED, TRUSTED = -0.9, -0.2  # fit of a word (against the best phones heard) from which it counts for nothing, for everything
FITTING, COVERED = 0.35, 0.45  # how well the text's phones must fit in the mean, or how much of the speech it must explain;
# or else it belongs to another voice (dev speakers: 0 of 27 texts refused, 1 of 81 wrong ones taken)
NOTED = 0.55  # share of the words below which it is said how many were found; the encoder doubts some words of most texts
FEW = 80  # words that tell the language
ENGLISH_ENOUGH = 0.7  # share of the words in the English dictionary from which the text is English
BLUR = 0.7  # frames: phones do not begin at once


ENGLISH_SOUNDS = [(phone, classes) for phone, classes in MADE_WITH.items() if phone != "sil"]


@dataclass(frozen=True)
class Alignment:
    """words: [start, end, word, fit 0..1] in seconds, skipped words left out; phones: [start, end, Sound, fit]; found: the share of
    the text's words that fit; fit: of all its phones, in the mean; covered: of the frames in which somebody speaks, in the mean;
    language: as espeak-ng names it."""

    words: list
    phones: list
    found: float
    fit: float
    covered: float
    language: str


def find(content, text, language=None):
    """Where a text is said in Content [Tc,59]: (Alignment or None where it does not fit, a sentence about a misfit or "").

    language: espeak-ng's code; None: English where its dictionary knows most of the words, else the best fitting of LANGUAGES.
    """
    words = words_of(text)
    if not words:
        return None, "There are no words in the text; the voice alone is heard."
    found = align(content, words, language) if language else guess(content, words)
    if not fits(found):
        return None, "The words do not fit the voice; the voice alone is heard."
    note = "" if found.found > NOTED else f"{found.found:.0%} of the words were found in the voice; elsewhere the voice alone is heard."
    if found.fit < FITTING:
        note = f"The voice says a part of the words, about {round(found.found * len(words))} of {len(words)}; the others were left out."
    return found, note


def fits(found):
    """Whether an Alignment, or None, is of words that were said. Long words count for more: short ones are soon found anywhere."""
    return found is not None and (found.fit >= FITTING or found.covered >= COVERED)


LANGUAGES = ("de", "fr", "es", "it", "pt-br", "nl", "pl", "ru", "cmn", "ja")  # tried for words that are not English


def guess(content, words):
    """The alignment in the language that fits best."""
    if share_known(words) > ENGLISH_ENOUGH:
        return align(content, words, ENGLISH)
    beginning = content[: FEW * layout.FPS]  # nobody speaks slower
    heard = Heard(beginning)
    tried = {language: align(beginning, words[:FEW], language, heard) for language in (ENGLISH, *LANGUAGES)}
    return align(
        content, words, max(tried, key=lambda language: max(tried[language].fit, tried[language].covered) if tried[language] else 0)
    )


def align(content, words, language=ENGLISH, heard=None):
    """Alignment of words (list of str) with Content [Tc,59]; None if nothing of them can be spoken in that time. heard: the Heard of
    that Content, where it was made before."""
    ways = pronounce(words, language)
    spoken = [k for k, way in enumerate(ways) if way]
    if not spoken or len(content) < 3:
        return None
    heard = heard or Heard(content)
    chain = Chain([ways[k][0] for k in spoken])
    path = walk(heard, chain)
    if any(len(ways[k]) > 1 for k in spoken):  # each word is spoken in the way that fits best where it was found
        chain = Chain([best_way(heard, ways[k], where) for k, where in zip(spoken, spans(path, chain))])
        path = walk(heard, chain)
    return told(heard, path, chain, [words[k] for k in spoken], language, len(words))


class Heard:
    """Log-likelihoods of a voice: of any Sound, of silence, and of the best that could be said, each [Tc]."""

    def __init__(self, content):
        self.speech = content[:, layout.ARTICULATORY][:, ARTICULATORY.index("pause")] < 0.5
        self.phones = np.log(np.clip(content[:, layout.PHONES], FLOOR, 1))
        made = np.clip(content[:, layout.ARTICULATORY], FLOOR, 1 - FLOOR)
        self.yes, self.no = np.log(made), np.log(1 - made)
        self.known = {}
        self.silence = PHONE * self.phones[:, PHONES.index("sil")] + MADE * self._made(frozenset({"pause"}))
        self.best = np.max([self.of(phone, frozenset(classes), True) for phone, classes in ENGLISH_SOUNDS] + [self.silence], 0)

    def __len__(self):
        return len(self.phones)

    def _made(self, classes):
        held = np.array([name in classes for name in ARTICULATORY])
        return (self.yes[:, held].sum(1) + self.no[:, ~held].sum(1)) / 3

    def of(self, phone, classes, exact):
        key = phone, classes, exact
        if key not in self.known:
            share = 1.0 if exact else 0.3  # a phone that only looks like the sound may sound different
            self.known[key] = PHONE * share * self.phones[:, PHONES.index(phone)] + MADE * (2 - share) * self._made(classes)
        return self.known[key]


class Chain:
    """The states of words (lists of Sounds): before each word and after the last a gap, then its phones, a vowel's twice.

    states: (number of the word, Sound or None for the gap, number of the phone or -1); starts: the place of each word's gap.
    """

    def __init__(self, words):
        self.words, self.states, self.starts = words, [], []
        for number, word in enumerate([*words, []]):
            self.starts.append(len(self.states))
            self.states.append((number, None, -1))
            for place, sound in enumerate(word):
                self.states += [(number, sound, place)] * (2 if sound.phone in VOWELS else 1)


def walk(heard, chain):
    """The best way [Tc] through the states of a Chain: Viterbi search in a beam around the best state. A phone lasts a frame at least,
    a vowel two."""
    states, starts = chain.states, chain.starts
    sounds = [_key(state) for state in states]
    kinds = list(dict.fromkeys(sounds))
    gap = np.maximum(heard.silence, heard.best - STRAY)
    table = np.stack([gap if kind is None else heard.of(*kind) for kind in kinds])  # [kinds, Tc]
    row = np.array([kinds.index(sound) for sound in sounds])
    S, T = len(states), len(heard)
    beam = max(BEAM, int(WORK / T))
    back, cost = _ways_in(states, starts)  # [S, 4] each
    score = np.full(S + 1, -np.inf)  # the last: nowhere
    # The voice may begin and end with any word, if all of them can be looked at.
    firsts, lasts = (np.array(starts),) * 2 if beam >= S else (np.array(starts[:1]), np.array(starts[-1:]))
    for first in (firsts, np.minimum(firsts + 1, S - 1)):
        score[first] = np.maximum(score[first], table[row[first], 0] - SKIP * (firsts > 0))
    came = np.zeros((T, min(beam, S)), np.int8)
    low = np.zeros(T, int)
    for t in range(1, T):
        middle = int(score[:S].argmax())
        low[t] = min(max(middle - beam // 3, 0), max(S - beam, 0))
        window = slice(low[t], min(low[t] + beam, S))
        options = score[back[window]] - cost[window]
        best = options.argmax(1)
        fresh = np.full(S + 1, -np.inf)
        fresh[window] = options[np.arange(len(best)), best] + table[row[window], t]
        came[t, : len(best)] = best
        score = fresh
    ends = np.concatenate([lasts, np.maximum(lasts - 1, 0)])
    state = int(ends[(score[ends] - SKIP * (np.tile(lasts, 2) < S - 1)).argmax()])
    if not np.isfinite(score[state]):
        state = int(score[:S].argmax())
    path = np.empty(T, int)
    for t in range(T - 1, -1, -1):
        path[t] = state
        if t:
            state = back[state, came[t, state - low[t]]]
    return path


def _key(state):
    sound = state[1]
    return None if sound is None else (sound.phone, sound.classes, sound.exact)


def _ways_in(states, starts):
    """For each state up to four states before it, and what each way costs: itself, the one before, past the gap, past a word."""
    S = len(states)
    back, cost = np.full((S, 4), S), np.zeros((S, 4))
    for s in range(S):
        back[s, 0] = s
        if s:
            back[s, 1] = s - 1
            cost[s, 1] = LEAVE if states[s - 1][2] != states[s][2] or states[s - 1][0] != states[s][0] else 0
    for number, start in enumerate(starts):
        if start and start + 1 < S:
            back[start + 1, 2], cost[start + 1, 2] = start - 1, LEAVE
        if number:
            back[start, 3], cost[start, 3] = starts[number - 1], SKIP
    return back, cost


def spans(path, chain):
    """Where each word was found: (first frame, frame after the last), or None."""
    owner = np.array([number for number, _, _ in chain.states])[path]
    spoken = np.array([sound is not None for _, sound, _ in chain.states])[path]
    bounds = np.searchsorted(owner, np.arange(len(chain.words) + 1))
    found = []
    for first, last in zip(bounds, bounds[1:]):
        frames = first + np.flatnonzero(spoken[first:last])
        found.append((frames[0], frames[-1] + 1) if len(frames) else None)
    return found


def best_way(heard, ways, where):
    """Which of the ways to speak a word fits the frames where it was found."""
    if len(ways) == 1 or where is None:
        return ways[0]
    first, last = where
    scores = []
    for way in ways:
        table = np.stack([heard.of(sound.phone, sound.classes, sound.exact)[first:last] for sound in way])
        score = np.full(len(way), -np.inf)
        score[0] = table[0, 0]
        for t in range(1, last - first):
            score = np.maximum(score, np.append(-np.inf, score[:-1] - LEAVE)) + table[:, t]
        scores.append(score[-1])
    return ways[int(np.argmax(scores))]


def told(heard, path, chain, words, language, asked):
    """The Alignment of a path; asked: of how many words."""
    states = chain.states
    found, phones, fitting, whole, covered = [], [], 0, 0.0, 0.0
    for number, where in enumerate(spans(path, chain)):
        if where is None:
            continue
        first, last = where
        frames = np.arange(first, last)
        own = np.array([heard.of(*_key(states[s]))[t] for t, s in zip(frames, path[frames]) if states[s][1] is not None])
        fit = float(np.clip(((own - heard.best[frames][: len(own)]).mean() - DOUBTED) / (TRUSTED - DOUBTED), 0, 1))
        fitting += fit > 0.25
        whole += fit * len(chain.words[number])
        covered += fit * heard.speech[first:last].sum()
        found.append([first / layout.FPS, last / layout.FPS, words[number], fit])
        place = np.array([states[s][2] for s in path[frames]])
        for k, sound in enumerate(chain.words[number]):
            inside = frames[place == k]
            if len(inside):
                phones.append([(inside[0] - 0.5) / layout.FPS, (inside[-1] + 0.5) / layout.FPS, sound, len(found) - 1])
    # A word that is heard badly between words that are heard well was still said.
    fits = np.array([word[3] for word in found])
    around = np.convolve(np.pad(fits, 2, mode="edge"), np.ones(5) / 5, "valid") if len(fits) else fits
    trust = np.clip(3 * np.maximum(fits, around), 0, 1)
    phones = [[start, end, sound, float(trust[number])] for start, end, sound, number in phones]
    return Alignment(
        found,
        phones,
        fitting / asked,
        whole / max(sum(map(len, chain.words)), 1),
        covered / max(heard.speech.sum(), layout.FPS // 2),
        language,
    )


def blend(content, phones):
    """Content with the phones [start, end, Sound, fit] written into it, each as far as it fits."""
    said, weight = np.zeros_like(content), np.zeros(len(content), np.float32)
    for start, end, sound, fit in phones:
        inside = slice(max(0, math.ceil(start * layout.FPS)), math.ceil(end * layout.FPS))
        said[inside, PHONES.index(sound.phone)] = 1
        for name in sound.classes:
            said[inside, len(PHONES) + ARTICULATORY.index(name)] = 1
        weight[inside] = fit
    said = gaussian_filter1d(said, BLUR, axis=0)
    weight = gaussian_filter1d(weight, BLUR)[:, None]
    out = content.copy()
    heard = slice(0, layout.ARTICULATORY.stop)
    out[:, heard] = content[:, heard] * (1 - weight) + said[:, heard] * weight
    out[:, layout.PHONES] /= np.maximum(out[:, layout.PHONES].sum(1, keepdims=True), 1e-6)
    return out
