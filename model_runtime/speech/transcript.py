"""Which words of a voice are used: the script's where they fit what the encoder hears, elsewhere those of the transcript that fit.

Each line of a transcript has its stretch of the voice, as a cue of subtitles has. One that does not fit what the encoder hears is left
out, and there the voice alone is heard: so noise, songs and languages that are heard badly do no harm.
"""

import numpy as np

from contract import UNSPOKEN, NotInstalled, Word, brief, language_name
from model_runtime.speech import content as layout
from model_runtime.speech import words
from model_runtime.speech.script import Cue, clock, in_window, place, window_of

WORTH = 1.0  # seconds from which a stretch without words is told of
TAKEN = 0.5  # of a stretch: where the script has words for so much of it, those stay
SURE = 0.25  # fit from which a script's word counts as found there
# Of 60 bursts of EmoGator (laughs, sobs, gasps) Whisper's words are believed in 7 without this, in 2 with it; of 26 single words and
# commands in 26 and 25.
FEW, EXPLAINED = 9, 0.55  # phones; the least share of the speech that fewer of them must explain
SHOWN = 90  # letters of what the recording says, in a sentence


def use(content, script, transcribe=None, language=None, step=lambda: None):
    """(Content [Tc,59] sharpened by the words, [Word], whether some are the transcript's, [sentence about what does not fit]).

    script: [Cue].  transcribe(): the voice's [transcribe.Line], asked for where there is no script, or one that does not fit, or None if it
    cannot be had; None: nobody is asked.  language, step: as script.sharpen() has them.
    """
    placed = place(content, script, language, step)
    phones, said, notes = placed.phones, [word(*found) for found in placed.words], [placed.sentence] if placed.sentence else []
    transcribed = False
    if transcribe is not None and (placed.sentence or not script):
        lines = transcribe()
        if lines is not None:
            taken = np.zeros(len(content), bool)
            for start, end, _, fit in placed.words:
                taken[frames(start, end)] |= fit > SURE
            more, heard, told = lines_in(content, lines, taken, step)
            phones, transcribed = phones + more, bool(heard)
            if heard:
                said = sorted([each for each in said if each["confidence"] > SURE] + heard, key=lambda each: each["start"])
            if not script:
                notes += told
            elif heard:
                notes = [instead(placed.sentence, heard, lines)]
    return (words.blend(content, phones) if phones else content), said, transcribed, notes


def without(error):
    """The sentence where there can be no transcript, by the UtterError that says why."""
    if isinstance(error, NotInstalled):
        return f"Performed without words, because {error.package} is not installed; install it, or write down what is said."
    return f"Performed without words: {error}"


def word(start, end, text, confidence):
    return Word(start=round(float(start), 3), end=round(float(end), 3), text=text, confidence=round(float(confidence), 3))


def frames(start, end):
    """The frames of Content between two seconds, one at least."""
    return slice(max(round(start * layout.FPS), 0), max(round(end * layout.FPS), round(start * layout.FPS) + 1))


def lines_in(content, lines, taken=None, step=lambda: None):
    """(phones, [Word], [sentence]) of the lines of a transcript that fit; taken: bool [Tc], where a script's words stay as they are."""
    taken = np.zeros(len(content), bool) if taken is None else taken
    phones, said, missed, unspoken, spoken, lacking = [], [], [], {}, {}, []
    for line in lines:
        step()
        if taken[frames(line.start, line.end)].mean() > TAKEN:
            continue
        if line.refused:
            missed.append(line)
            continue
        try:
            found = None if line.language in UNSPOKEN else heard_in(content, line)
        except NotInstalled as error:
            lacking = [f"The words are shown, and the voice alone is heard, because {error.package} is not installed."]
        if lacking or line.language in UNSPOKEN:
            unspoken.setdefault(line.language, line)
            said += spread([(text, probability) for text, _, probability in line.words], line.start, line.end)
        elif found is None:
            missed.append(line)
        else:
            spoken.setdefault(line.language, line)
            phones += [each for each in found.phones if not taken[frames(*each[:2])].any()]
            said += [each for each in written(found.words, line) if not taken[frames(each["start"], each["end"])].any()]
    return phones, said, [*languages(spoken), *(lacking or without_voice(unspoken)), *gaps(missed, bool(said))]


def heard_in(content, line):
    """The Placed of a line in its stretch; None where it does not fit."""
    return in_window(content, window_of(Cue("", line.start, line.end)), [plain for _, plain, _ in line.words], line.language, believed)


def believed(found):
    """Whether an Alignment, or None, is of words that a line says: a few sounds are soon found in any laugh or sob, so these must explain
    most of it."""
    return words.fits(found) and (len(found.phones) >= FEW or found.covered >= EXPLAINED)


def written(found, line):
    """The [Word] of a line, of which those of found [start, end, word, fit] have their times. Those between that were not found share the
    time that is left there, and are half as sure."""
    said, waiting, rest, last = [], [], iter(found), line.start
    each = next(rest, None)
    for text, plain, probability in line.words:
        if each is None or each[2] != plain:
            waiting.append((text, probability / 2))
            continue
        said += [*spread(waiting, last, each[0]), word(*each[:2], text, probability)]
        waiting, last, each = [], each[1], next(rest, None)
    return said + spread(waiting, last, max(line.end, last))


def spread(texts, start, end):
    """The [Word] of (text, confidence) that nobody found: evenly from start to end, by their letters."""
    letters, said = sum(len(text) for text, _ in texts), []
    for text, confidence in texts:
        until = start + (end - start) * len(text) / letters
        letters -= len(text)
        said.append(word(start, until, text, confidence))
        start = until
    return said


def languages(spoken):
    """A sentence where there are several languages {code: its first line}."""
    if len(spoken) < 2:
        return []
    return [
        "The voice changes its language: "
        + ", ".join(f"{language_name(code)} ({clock(line.start)})" for code, line in spoken.items())
        + "; each stretch is heard in its own."
    ]


def without_voice(unspoken):
    """A sentence where there are languages that espeak-ng does not speak."""
    if not unspoken:
        return []
    named = " and ".join(language_name(code) for code in unspoken)
    return [f"How {named} is spoken nobody here knows: its words are shown, and the voice alone is heard."]


def gaps(missed, any_found):
    """A sentence about the lines that were not believed or do not fit."""
    missed = [line for line in missed if line.end - line.start >= WORTH]
    if not missed:
        return []
    if not any_found:
        return ["No words were understood in the voice; the voice alone is heard."]
    named = ", ".join(f"{clock(line.start)} to {clock(line.end)}" for line in missed[:4]) + (", ..." if len(missed) > 4 else "")
    return [f"No words were understood from {named}; there the voice alone is heard."]


def instead(sentence, heard, lines):
    """The sentence about a misfit, with what the recording says where the script does not fit."""
    code = max(dict.fromkeys(line.language for line in lines), key=[line.language for line in lines].count)
    text = brief(" ".join(each["text"] for each in heard), SHOWN)
    return f"{sentence.rstrip('.').partition(';')[0]}; the recording says “{text}” instead ({language_name(code)})."
