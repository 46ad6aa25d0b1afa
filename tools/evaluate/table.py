"""What was counted, and the table made of it: means over seeds, 95 % intervals over clips, targets."""

from dataclasses import dataclass

import numpy as np

from tools.evaluate import faces

BOOTSTRAP = 1000
INTERVAL = (2.5, 97.5)


class Tally:
    """counts[section][figure][model][clip][seed]: (hits, of how many), or a list of numbers if the figure is the median."""

    def __init__(self):
        self.counts = {}

    def add(self, section, figure, model, clip, seed, hits, count=1.0):
        entry = [float(x) for x in hits] if isinstance(hits, list) else (float(hits), float(count))
        self.counts.setdefault(section, {}).setdefault(figure, {}).setdefault(model, {}).setdefault(clip, {})[seed] = entry

    def add_all(self, section, model, clip, seed, figures):
        for figure, entry in figures.items():
            if isinstance(entry, list):
                self.add(section, figure, model, clip, seed, entry)
            else:
                self.add(section, figure, model, clip, seed, *entry)

    def clips(self, section, figure, model):
        return self.counts.get(section, {}).get(figure, {}).get(model, {})


def summary(clips, how):
    """(value, low, high, how many counted) of {clip: {seed: entry}}, or None where nothing was counted.

    The figure of all clips together for each seed, mean over seeds, and a 95 % bootstrap interval over clips. how: ratio, median
    or absolute (median of the absolute values).
    """
    seeds = sorted({seed for entries in clips.values() for seed in entries})
    picks = np.random.default_rng(0).integers(0, len(clips), (BOOTSTRAP, len(clips)))
    figure = ratio(clips, seeds) if how == "ratio" else median(clips, seeds, np.abs if how == "absolute" else np.array)
    value, count = figure(np.arange(len(clips)))
    if not count:
        return None
    low, high = np.nanpercentile([figure(pick)[0] for pick in picks], INTERVAL)
    return float(value), float(low), float(high), float(count)


def ratio(clips, seeds):
    """figure(chosen clips) -> (hits over how many, mean over seeds; how many)."""
    counts = np.array([[entries.get(seed, (0, 0)) for seed in seeds] for entries in clips.values()])  # [clips, seeds, 2]

    def figure(chosen):
        hits, of = counts[chosen].sum(0).T
        return (np.mean(hits[of > 0] / of[of > 0]) if (of > 0).any() else np.nan), of.mean()

    return figure


def median(clips, seeds, change):
    """figure(chosen clips) -> (median of their changed numbers, mean over seeds; how many)."""
    found = [[change(entries.get(seed, [])) for entries in clips.values()] for seed in seeds]

    def figure(chosen):
        together = [np.concatenate([seed[i] for i in chosen]) for seed in found]
        medians = [np.median(numbers) for numbers in together if len(numbers)]
        return (np.mean(medians) if medians else np.nan), np.mean([len(numbers) for numbers in together])

    return figure


@dataclass(frozen=True)
class Figure:
    """One row. key: in the tally; scale: of the tally's numbers to unit; better: more or less, where one of them is."""

    key: str
    name: str
    unit: str
    better: str = ""
    how: str = "ratio"
    scale: float = 1.0


SPOKEN = (
    Figure("phone", "phones of speech frames", "%", "more", scale=100),
    Figure("viseme", "15 visemes of speech frames", "%", "more", scale=100),
    Figure("recall", "closure recall", "%", "more", scale=100),
    Figure("false closures", "false closures", "%", "less", scale=100),
    Figure("speech precision", "speech precision", "%", "more", scale=100),
    Figure("precision", "precision", "%", "more", scale=100),
    Figure("onset error", "onset error, median, + late", "ms", how="median", scale=1000),
    Figure("onset error", "onset error, median absolute", "ms", "less", how="absolute", scale=1000),
    Figure("labiodental", "labiodental", "%", "more", scale=100),
    Figure("false labiodental", "open vowels that bite", "%", "less", scale=100),
    Figure("rounded", "rounding", "%", "more", scale=100),
    Figure("rounded time", "time that is rounded", "%", scale=100),
    Figure("unheard", "p, b, m not heard and not shut", "%", "less", scale=100),
    Figure("unperformed", "p, b, m heard and not shut", "%", "less", scale=100),
)
MOTION = (
    Figure("LVE", "LVE: mean of the frames' largest lip error", "mm", "less"),
    Figure("MVE", "MVE: mean vertex error, face", "mm", "less"),
    Figure("LMD", "LMD: mean lip landmark distance", "mm", "less"),
    Figure("FDD", "FDD: teacher's - own upper-face std", "mm"),
    Figure("MEE", "MEE: lip error of the samples' mean", "mm", "less"),
    Figure("CE", "CE: lip error of the best sample", "mm", "less"),
    Figure("diversity lips", "Diversity, lips: distance of two samples", "mm"),
    Figure("diversity upper face", "Diversity, upper face", "mm", "more"),
    Figure("blinks", "blink rate", "1/s"),
    Figure("AU-std", "AU-std: std of the 52 actions over time", "1"),
    Figure("AU-std upper face", "AU-std, upper face", "1"),
    Figure("head beats", "beat consistency, head", "1", "more"),
    Figure("head beats by chance", "the same, beats moved at random", "1"),
    Figure("brow beats", "beat consistency, brows", "1", "more"),
    Figure("brow beats by chance", "the same, beats moved at random", "1"),
    Figure("sync", "sync-expert confidence", "1", "more"),
)
FEELINGS = (
    Figure("Emo-sim", "Emo-sim: cosine of felt and asked", "1", "more"),
    Figure("felt as asked", "felt as asked, of 8", "%", "more", scale=100),
)
EXPRESSIONS = (
    *(Figure(f"cosine {name}", f"cosine with the prototype: {name}", "1", "more") for name in faces.NAMES),
    *(Figure(f"rise {name}", f"rise of its own actions: {name}", "1", "more") for name in faces.NAMES),
    Figure("rise", "the same, of all", "1", "more"),
    Figure("variation", "their variation over time, share of the mean", "1"),
    Figure("nearest", "nearest prototype, at three strengths", "%", "more", scale=100),
    Figure("lasting", "seconds in which it is the nearest", "%", "more", scale=100),
    Figure("monotone", "rises with strength", "%", "more", scale=100),
    Figure("held back, upper", "held back: brows and lids, of plain", "%", scale=100),
    Figure("held back, mouth", "held back: mouth, of plain", "%", "less", scale=100),
    Figure("let go", "let go: own actions, of plain", "%", "more", scale=100),
)
SEEDS = (
    Figure("lips", "lips agree: r of the lip gap, pairs of seeds", "r", "more"),
    Figure("brows", "diversity of brows / the teacher's", "x", "more"),
    Figure("head", "diversity of head / the teacher's", "x", "more"),
    Figure("gaze", "diversity of gaze / the teacher's", "x", "more"),
)
CAPTURE = (
    Figure("jaw", "jaw angle, lag 0", "r", "more"),
    Figure("jaw, best lag", "jaw angle, best lag of 2 frames", "r", "more"),
    Figure("jaw lag", "that lag, + early", "frames"),
    Figure("gap", "lip gap, lag 0", "r", "more"),
    Figure("gap, best lag", "lip gap, best lag of 2 frames", "r", "more"),
)
FILM = (
    Figure("r gap", "lip gap, best lag of 0.12 s", "r", "more"),
    Figure("r width", "mouth width, best lag", "r", "more"),
    Figure("r jaw", "jaw, best lag", "r", "more"),
    Figure("r protrusion", "protrusion, best lag", "r", "more"),
    Figure("lag", "lip gap's best lag, median, + early", "ms", how="median", scale=1000),
    Figure("error gap", "lip gap, mean error about the means", "mm", "less"),
    Figure("error width", "mouth width, the same", "mm", "less"),
    Figure("error jaw", "jaw, the same", "mm", "less"),
    Figure("error protrusion", "protrusion, the same", "mm", "less"),
    Figure("scaled gap", "lip gap, after one scale per speaker", "mm", "less"),
    Figure("scaled width", "mouth width, the same", "mm", "less"),
    Figure("scaled jaw", "jaw, the same", "mm", "less"),
    Figure("scaled protrusion", "protrusion, the same", "mm", "less"),
    Figure("spread gap", "lip gap, spread over the film's, median", "x", how="median"),
    Figure("spread width", "mouth width, the same", "x", how="median"),
    Figure("spread jaw", "jaw, the same", "x", how="median"),
    Figure("spread protrusion", "protrusion, the same", "x", how="median"),
    Figure("evened gap", "lip gap, spread after one scale, median", "x", how="median"),
    Figure("evened width", "mouth width, the same", "x", how="median"),
    Figure("evened jaw", "jaw, the same", "x", how="median"),
    Figure("alike gap", "clips within 15 % of it then: gap", "%", "more", scale=100),
    Figure("alike width", "the same: width", "%", "more", scale=100),
    Figure("alike jaw", "the same: jaw", "%", "more", scale=100),
    Figure("closures", "the film's contacts that meet", "%", "more", scale=100),
    Figure("false closures", "shut where the film is well open", "%", "less", scale=100),
)
SPEAKER = tuple(figure for figure in FILM if figure.key.startswith(("r ", "lag", "spread", "closures", "false")))
LIFE = (
    Figure("blinks", "blink rate", "1/s"),
    Figure("head", "head speed", "deg/s"),
    Figure("brows", "brow height, std over the clip", "mm"),
    Figure("within blinks", "film's blink rate within the seeds' range", "%", "more", scale=100),
    Figure("within head", "the same, head speed", "%", "more", scale=100),
    Figure("within brows", "the same, brow height's std", "%", "more", scale=100),
    Figure("apart blinks", "Wasserstein distance, between blinks", "s", "less"),
    Figure("apart lids", "the same, lids", "1", "less"),
    Figure("apart head", "the same, head speed", "deg/s", "less"),
    Figure("apart brows", "the same, brow height", "mm", "less"),
    Figure("FDD", "FDD: film's - own upper-face std", "mm"),
    Figure("head beats", "beat consistency, head", "1", "more"),
    Figure("head beats by chance", "the same, beats moved at random", "1"),
    Figure("brow beats", "beat consistency, brows", "1", "more"),
    Figure("brow beats by chance", "the same, beats moved at random", "1"),
)
TRACKED = (
    Figure("r", "lip gap against the tracker's, lag 0", "r", "more"),
    Figure("contacts", "contacts within 1.5 pixels that are kept", "%", "more", scale=100),
    Figure("blinks", "blinks that shut", "%", "more", scale=100),
    Figure("tremor", "lower lip's tremor in still stretches", "mm", "less"),
    Figure("speed", "frames a second of one core, the fit alone", "1/s", "more"),
)
LAYOUT = {  # of the sections before their comma; else SPOKEN
    "Motion": MOTION,
    "Feelings asked for": FEELINGS,
    "Faces": EXPRESSIONS,
    "Ten seeds": SEEDS,
    "Capture": CAPTURE,
    "Film": FILM,
    "Speaker": SPEAKER,
    "Life on film": LIFE,
    "Capture of films": TRACKED,
}

# Targets: (section, name) -> (least, most); None is no bound.
TARGETS = {
    (f"{language}, {condition}", name): bound
    for condition, name, *both in (
        ("with its transcript", "closure recall", (96, None), (97, None)),
        ("with its words", "closure recall", (98, None)),
        ("with its transcript", "false closures", (None, 1)),
        ("with its words", "false closures", (None, 0.6)),
        ("with its transcript", "speech precision", (88, None)),
        ("with its words", "speech precision", (92, None)),
        ("with its transcript", "labiodental", (93, None)),
        ("with its words", "labiodental", (97, None)),
        ("with its transcript", "rounding", (92, None)),
        ("with its words", "rounding", (96, None)),
        ("with its transcript", "onset error, median absolute", (None, 12)),
        ("with its words", "onset error, median absolute", (None, 10)),
    )
    for language, bound in zip(("English", "German"), both * 2)
}
TARGETS |= {
    ("English, voice only", "15 visemes of speech frames"): (80, None),
    ("German, voice only", "15 visemes of speech frames"): (78, None),
    ("Motion", "blink rate"): (0.28, 0.45),
    **{("Faces", f"cosine with the prototype: {name}"): (0.85, None) for name in faces.NAMES},
    ("Faces", "the same, of all"): (0.6, None),
    ("Faces", "nearest prototype, at three strengths"): (100, None),
    ("Faces", "seconds in which it is the nearest"): (95, None),
    ("Faces", "rises with strength"): (100, None),
    ("Ten seeds", "lips agree: r of the lip gap, pairs of seeds"): (0.95, None),
    ("Ten seeds", "diversity of brows / the teacher's"): (0.5, None),
    ("Ten seeds", "diversity of head / the teacher's"): (0.5, None),
    ("Ten seeds", "diversity of gaze / the teacher's"): (0.5, None),
    ("Capture", "jaw angle, best lag of 2 frames"): (0.75, None),
    ("Capture of films", "lip gap against the tracker's, lag 0"): (0.95, None),
    ("Capture of films", "contacts within 1.5 pixels that are kept"): (97, None),
    ("Capture of films", "blinks that shut"): (95, None),
    ("Capture of films", "lower lip's tremor in still stretches"): (None, 0.1),
    ("Capture of films", "frames a second of one core, the fit alone"): (25, None),
}
NAME = 44  # characters
BESIDE = {  # columns that are not a model come last, in this order
    "encoder": 1,
    "teacher": 2,
    "loudness": 3,
    "own take": 4,
    "own, mean of 8": 5,
    "another's take": 6,
    "another's, mean of 8": 7,
    "captured": 8,
}
NOISE = 3  # points that a rate may be worse at 10 dB than in quiet


def figures(tally):
    """Every row: {"section", "figure", "unit", "better", "values": {model: {"value", "low", "high", "count", "target": (least,
    most), "met"}}}."""
    rows = []
    for section in tally.counts:
        for figure in LAYOUT.get(section.partition(",")[0], SPOKEN):
            row = {"section": section, "figure": figure.name, "unit": figure.unit, "better": figure.better, "values": {}}
            for model, clips in tally.counts[section].get(figure.key, {}).items():
                found = summary(clips, figure.how)
                if found:
                    value, low, high = (x * figure.scale for x in found[:3])
                    target = bounds(rows, section, figure, model)
                    row["values"][model] = {
                        "value": value,
                        "low": low,
                        "high": high,
                        "count": found[3],
                        "target": target,
                        "met": meets(value, *target),
                    }
            if row["values"]:
                rows.append(row)
    return rows


def bounds(rows, section, figure, model):
    """The target (least, most); of a rate in noise, the model's own in quiet less NOISE points."""
    quiet = section.removesuffix(", noise")
    if quiet == section or (quiet, figure.name) not in TARGETS or figure.unit != "%":
        return TARGETS.get((section, figure.name), (None, None))
    value = next(
        (
            row["values"][model]["value"]
            for row in rows
            if (row["section"], row["figure"]) == (quiet, figure.name) and model in row["values"]
        ),
        None,
    )
    if value is None:
        return None, None
    return (value - NOISE, None) if figure.better == "more" else (None, value + NOISE)


def meets(value, least, most):
    """Whether a value is within its bounds; None where it has none."""
    if least is None and most is None:
        return None
    return (least is None or value >= least) and (most is None or value <= most)


def number(value, unit):
    return f"{value:.{1 if unit in ('%', 'ms') else 2}f}"


def asked(entry, unit):
    """A value's target and whether it is met, as printed; "" where it has none."""
    if entry["met"] is None:
        return ""
    least, most = (None if bound is None else number(bound, unit) for bound in entry["target"])
    bound = f"{least} to {most}" if least and most else f">= {least}" if least else f"<= {most}"
    return f"{bound}  {'met' if entry['met'] else 'MISSED'}"


def lines(rows):
    """The table, line by line. The first model's interval is printed too, and whether the first that has the figure meets it."""
    for section in dict.fromkeys(row["section"] for row in rows):
        own = [row for row in rows if row["section"] == section]
        models = sorted({model: 0 for row in own for model in row["values"]}, key=lambda model: BESIDE.get(model, 0))
        widths = [25] + [max(11, len(model) + 2) for model in models[1:]]
        yield ""
        heads = "".join(f"{model:>{width}}" for model, width in zip(models, widths))
        yield f"{section:<{NAME}}{'unit':>7} {'better':<6}{heads}  target"
        for row in own:
            cells = ""
            for model, width in zip(models, widths):
                entry, cell = row["values"].get(model), "-"
                if entry:
                    value, low, high = (number(entry[name], row["unit"]) for name in ("value", "low", "high"))
                    cell = f"{value} [{low}, {high}]" if model == models[0] else value
                cells += f"{cell:>{width}}"
            first = next(row["values"][model] for model in models if model in row["values"])
            yield f"{row['figure']:<{NAME}}{row['unit']:>7} {row['better']:<6}{cells}  {asked(first, row['unit'])}".rstrip()
