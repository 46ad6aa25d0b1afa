"""How prompts that nothing was learned from are read: which emotion, how strongly, what is denied, both of a mixture, nonsense.

The list is prompts.txt beside this file. Its figures: the emotion read first (of eight labels); triples whose strengths rise; denials after
which the denied emotion has less than .2; mixtures whose two emotions both have .2; nonsense read at a strength above .5.
"""

from pathlib import Path

import numpy as np

from contract import UtterError
from model_runtime.emotion.labels import LABELS

FILE = Path(__file__).with_name("prompts.txt")
SECTIONS = ("free", "rising", "denials", "mixtures", "nonsense", "languages")
SHOWS = 0.2  # the share from which an emotion is seen
STRONG = 0.5


def prompts(path=FILE):
    """{section: [(what is before the colon, text)]}; triples are tuples of three texts. UtterError names a line that cannot be read."""
    found, section = {name: [] for name in SECTIONS}, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        before, colon, texts = line.partition(": ")
        if section not in found or (not colon and section != "rising"):
            raise UtterError(f"{path.name}, line {number}: write a section of {', '.join(SECTIONS)}, then labels, a colon and prompts.")
        if section == "rising":
            found[section].append(tuple(text.strip() for text in line.split(" < ")))
        else:
            found[section] += [(before, text.strip()) for text in texts.split(" / ")]
    return found


def run(feelings, say, path=FILE):
    """-> figures by section {name: [share, n]}, and the prompts that were missed; the figures are said."""
    listed = prompts(path)
    hits, missed, by_label = {}, [], {name: [] for name in LABELS}

    def note(section, text, hit, prompt):
        hits.setdefault(section, []).append(hit)
        if not hit:
            first = int(np.argmax(prompt.shares))
            missed.append(f"{section}: {text} -> {LABELS[first]} {prompt.shares[first]:.2f}, strength {prompt.strength:.2f}")

    for section in ("free", "languages"):
        for label, text in listed[section]:
            prompt = feelings.read(text)
            hit = LABELS[int(np.argmax(prompt.shares))] == label and (prompt.strength > 0 or label == "neutral")
            note(section, f"{text} ({label})", hit, prompt)
            if section == "free":
                by_label[label].append(hit)
    for texts in listed["rising"]:
        read = [feelings.read(text) for text in texts]
        strengths = " < ".join(f"{prompt.strength:.2f}" for prompt in read)
        note("rising", f"{' < '.join(texts)}: {strengths}", read[0].strength < read[1].strength < read[2].strength, read[2])
    for label, text in listed["denials"]:
        prompt = feelings.read(text)
        note("denials", text, prompt.shares[LABELS.index(label)] < SHOWS, prompt)
    for labels, text in listed["mixtures"]:
        prompt = feelings.read(text)
        note("mixtures", text, all(prompt.shares[LABELS.index(label)] >= SHOWS for label in labels.split("+")), prompt)
    for _, text in listed["nonsense"]:
        prompt = feelings.read(text)
        note("nonsense", text, prompt.strength <= STRONG, prompt)
    rate = lambda values: [round(float(np.mean(values)), 3), len(values)]
    figures = {
        "first of eight labels": rate(hits["free"]),
        **{f"  {label}": rate(values) for label, values in by_label.items() if values},
        "other languages": rate(hits["languages"]),
        "rising triples in order": rate(hits["rising"]),
        "denied emotion not read": rate(hits["denials"]),
        "both of a mixture": rate(hits["mixtures"]),
        "nonsense read as strong": [round(1 - rate(hits["nonsense"])[0], 3), len(hits["nonsense"])],
    }
    for name, (share, n) in figures.items():
        say(f"{name:26s} {share:5.3f}  of {n}")
    return {"figures": figures, "missed": missed}
