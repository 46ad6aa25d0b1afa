"""Where the directions in the words are meant: as passages, in seconds, by when the words beside them are said.

The words that were found in the voice are matched with those of the script by their text (longest common blocks, difflib), so it does not
matter whether the script or a transcript was heard. Words between that were not found share the time that is left there by their letters.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from contract import ACCENT, Direction, Passage, Word
from model_runtime.speech import content as layout
from model_runtime.speech.phones import ARTICULATORY
from model_runtime.speech.pronounce import words_of
from model_runtime.speech.script import SLACK, Cue

LEAD = 0.15  # seconds before its first word in which a face has come to a feeling; and after its last one
FADE, BRIEF = 0.3, 0.15  # seconds over which a feeling comes and goes, and a sound or an accent
SHORT, LONG = 0.4, 2.0  # seconds that a sound lasts at least, where words leave it no room, and at most
PAUSE = layout.ARTICULATORY.start + ARTICULATORY.index("pause")


def passages(script: Sequence[Cue], said: Sequence[Word], content: np.ndarray, fps: float) -> list[Passage]:
    """The Passages of a script's directions. said: the words that were found in the voice; content: [T, 59] at fps."""
    speaking = np.flatnonzero(content[:, PAUSE] < 0.5) / fps
    whole = (float(speaking[0]), float(speaking[-1])) if len(speaking) else (0.0, len(content) / fps)
    found: list[Passage] = []
    for cue in script:
        if cue.directions:
            timed = cue.start is not None and cue.end is not None
            bounds = (float(cue.start or 0), float(cue.end or 0)) if timed else whole
            near = [word for word in said if not timed or (word["end"] > bounds[0] - SLACK and word["start"] < bounds[1] + SLACK)]
            limits = bounds if timed else (0.0, len(content) / fps)
            found += [placed(each, cue.text, moments(cue.text, near, bounds), limits) for each in cue.directions]
    return sorted(found, key=lambda passage: passage.start)


def moments(text: str, said: Sequence[Word], bounds: tuple[float, float]) -> list[tuple[float, float]]:
    """When each word of a text is said: (start, end) in seconds, in order of time."""
    words = words_of(text)
    spoken = [(each["start"], each["end"], word.lower()) for each in said for word in words_of(each["text"])]
    times: list[tuple[float, float] | None] = [None] * len(words)
    blocks = SequenceMatcher(None, [word.lower() for word in words], [word for *_, word in spoken], autojunk=False).get_matching_blocks()
    for block in blocks:
        for step in range(block.size):
            times[block.a + step] = spoken[block.b + step][:2]
    filled: list[tuple[float, float]] = []
    for number, found in enumerate(times):
        if found is None:
            after = next((other for other in range(number, len(words)) if times[other] is not None), len(words))
            later = times[after][0] if after < len(words) and times[after] else bounds[1]  # type: ignore[index]
            begin = filled[-1][1] if filled else min(bounds[0], later)
            letters = sum(map(len, words[number:after]))
            found = begin, begin + max(later - begin, 0) * len(words[number]) / letters
        filled.append(found)
    return filled


def placed(direction: Direction, text: str, times: list[tuple[float, float]], limits: tuple[float, float]) -> Passage:
    """The Passage of a Direction in a text whose words are said at those times; limits: of its cue, or of the voice."""
    first, stop = (len(words_of(text[:place])) for place in (direction.begin, direction.end))
    low, high = limits
    before = times[first - 1][1] if 0 < first <= len(times) else low
    after = times[first][0] if first < len(times) else high
    if direction.gesture == ACCENT:
        begin, end = (times[first][0], times[max(stop, first + 1) - 1][1]) if first < len(times) else (before, high)
        return Passage(begin, max(end, begin + BRIEF), "", fade=BRIEF, gesture=ACCENT)
    if direction.gesture:
        middle, room = (before + after) / 2, max(after - before, 0)
        begin, end = (before, min(after, before + LONG)) if room >= SHORT else (middle - SHORT / 2, middle + SHORT / 2)
        begin = max(begin, 0.0)
        return Passage(begin, max(end, begin + SHORT), "", fade=BRIEF, gesture=direction.gesture)
    begin = low if first == 0 else max(after - LEAD, before, low)
    end = high if stop >= len(times) else max(times[stop][0] - LEAD, times[stop - 1][1] if stop else low)
    return Passage(begin, max(end, begin + BRIEF), direction.text, fade=FADE)


def told(found: Sequence[Passage], most: int = 5) -> str:
    """What the directions became, for the artist; "" where there are none."""
    kind = lambda passage: f"{'an' if passage.gesture == ACCENT else 'a'} {passage.gesture}"
    some = [f"{f'“{passage.prompt}”' if passage.prompt else kind(passage)} at {passage.start:.1f} s" for passage in found[:most]]
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f"Directions in the words: {', '.join(some)}{more}." if some else ""
