"""What was counted, and the table made of it: means over seeds, 95 % intervals over clips, targets."""
from dataclasses import dataclass

import numpy as np

BOOTSTRAP = 1000
INTERVAL = (2.5, 97.5)


class Tally:
    """counts[section][figure][model][clip][seed]: (hits, of how many), or a list of numbers where the median is the figure."""

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


def summary(clips, how, seed=0):
    """(value, low, high, how many counted) of {clip: {seed: entry}}: the figure of all clips together for each seed, mean over
    seeds; a 95 % bootstrap interval over clips. how: ratio, median or absolute (median of the absolute values)."""
    if not clips:
        return None
    seeds = sorted({seed for entries in clips.values() for seed in entries})
    picks = np.random.default_rng(seed).integers(0, len(clips), (BOOTSTRAP, len(clips)))
    if how == "ratio":
        counts = np.array([[entries.get(seed, (0, 0)) for seed in seeds] for entries in clips.values()])   # [clips, seeds, 2]
        total = counts.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = lambda sums: np.nanmean(np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan), -1)
            if not (total[:, 1] > 0).any():
                return None
            value, drawn, number = float(share(total)), share(counts[picks].sum(1)), float(total[:, 1].mean())
    else:
        change = np.abs if how == "absolute" else np.asarray
        found = [[change(np.array(entries.get(seed, []), float)) for entries in clips.values()] for seed in seeds]
        median = lambda chosen: np.mean([np.median(all_) for seed in found if len(all_ := np.concatenate([seed[i] for i in chosen]))] or [np.nan])
        value = float(median(range(len(clips))))
        if np.isnan(value):
            return None
        drawn, number = np.array([median(pick) for pick in picks[:BOOTSTRAP // 4]]), float(np.mean([sum(map(len, seed)) for seed in found]))
    low, high = np.nanpercentile(drawn, INTERVAL)
    return value, float(low), float(high), number


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
LAYOUT = {"Motion": MOTION, "Feelings asked for": FEELINGS, "Ten seeds": SEEDS, "Capture": CAPTURE}   # else SPOKEN

# What the issue asks for: (section, name) -> (least, most); None is no bound.
TARGETS = {(f"{language}, {condition}", name): bound for condition, name, *both in (
    ("voice only", "closure recall", (85, None), (87, None)), ("with its words", "closure recall", (95, None), (94, None)),
    ("voice only", "false closures", (None, 2)), ("with its words", "false closures", (None, 1)),
    ("voice only", "speech precision", (60, None)), ("with its words", "speech precision", (75, None)),
    ("voice only", "labiodental", (75, None)), ("with its words", "labiodental", (92, None)),
    ("voice only", "rounding", (75, None)), ("with its words", "rounding", (88, None)),
    ("voice only", "onset error, median absolute", (None, 20)), ("with its words", "onset error, median absolute", (None, 15)),
) for language, bound in zip(("English", "German"), both * 2)}
TARGETS |= {
    ("English, voice only", "15 visemes of speech frames"): (72, None),
    ("Motion", "blink rate"): (0.28, 0.45),
    ("Ten seeds", "lips agree: r of the lip gap, pairs of seeds"): (0.95, None),
    ("Ten seeds", "diversity of brows / the teacher's"): (0.5, None),
    ("Ten seeds", "diversity of head / the teacher's"): (0.5, None),
    ("Ten seeds", "diversity of gaze / the teacher's"): (0.5, None),
    ("Capture", "jaw angle, best lag of 2 frames"): (0.75, None)}
NOISE = 5   # points that a rate may be worse at 10 dB than in quiet


def figures(tally):
    """Every row, [{"section", "figure", "unit", "better", "target", "values": {model: {"value", "low", "high", "count", "met"}}}]."""
    rows = []
    for section in tally.counts:
        for figure in LAYOUT.get(section, SPOKEN):
            found = {model: summary(clips, figure.how) for model, clips in tally.counts[section].get(figure.key, {}).items()}
            found = {model: [x * figure.scale for x in entry[:3]] + [entry[3]] for model, entry in found.items() if entry}
            if not found and figure.key != "sync":
                continue
            row = {"section": section, "figure": figure.name, "unit": figure.unit, "better": figure.better, "values": {}}
            for model, (value, low, high, count) in found.items():
                least, most = bounds(rows, section, figure, model)
                met = None if least is None and most is None else bool((least is None or value >= least) and (most is None or value <= most))
                row["values"][model] = {"value": value, "low": low, "high": high, "count": count, "met": met}
                row.setdefault("target", [least, most])
            rows.append(row)
    return rows


def bounds(rows, section, figure, model):
    """(least, most) that the issue asks for; in noise it is the value in quiet, less NOISE points."""
    quiet = section.removesuffix(", noise")
    if quiet == section:
        return TARGETS.get((section, figure.name), (None, None))
    if (quiet, figure.name) in TARGETS and figure.unit == "%":
        for row in rows:
            if (row["section"], row["figure"]) == (quiet, figure.name) and model in row["values"]:
                value = row["values"][model]["value"]
                return (value - NOISE, None) if figure.better == "more" else (None, value + NOISE)
    return None, None


def number(value, unit):
    return f"{value:.1f}" if unit in ("%", "ms") else f"{value:.2f}" if unit in ("mm", "r", "x", "1/s") else f"{value:.3f}"


def lines(rows):
    """The table, line by line. Of the first model that has the figure its interval too, and whether it meets the target."""
    section = None
    for row in rows:
        if row["section"] != section:
            section = row["section"]
            models = list(dict.fromkeys(model for other in rows if other["section"] == section for model in other["values"]))
            models.sort(key=lambda model: (model in ("teacher", "loudness"), model == "ears"))
            yield ""
            yield f"{section:<44}{'unit':>7} {'better':<6}" + "".join(f"{model[:14]:>{25 if i == 0 else 15}}" for i, model in enumerate(models)) + "  target"
        cells, met, first = "", "", True
        for i, model in enumerate(models):
            entry = row["values"].get(model)
            cell = "-" if entry is None else number(entry["value"], row["unit"])
            if i == 0:
                cell += "" if entry is None else f" [{number(entry['low'], row['unit'])}, {number(entry['high'], row['unit'])}]"
            cells += f"{cell:>{25 if i == 0 else 15}}"
            if entry is not None and first and entry["met"] is not None:
                least, most = row["target"]
                bound = " to ".join(number(x, row["unit"]) for x in (least, most) if x is not None)
                sign = "" if None not in (least, most) else ">= " if most is None else "<= "
                met, first = f"  {sign}{bound}  {'met' if entry['met'] else 'MISSED'}", False
        yield f"{row['figure']:<44}{row['unit']:>7} {row['better']:<6}{cells}{met}"
