"""The pictures: the main figures of the table."""

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from contract import FPS, JAW
from tools.evaluate import mouth
from tools.evaluate.table import BESIDE


def write(bench, rows, folder):
    """evaluate_lips.png, evaluate_gap.png and evaluate_capture.png, as far as they were measured; -> their paths."""
    plt.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130})
    return [path for path in (lips(rows, folder), gaps(bench, folder), captured(bench, folder)) if path]


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
    return path


def lips(rows, folder):
    """Closures, biting and rounding of every model in every condition, with intervals and targets."""
    names = ("closure recall", "false closures", "speech precision", "labiodental", "rounding")
    sections = list(dict.fromkeys(row["section"] for row in rows if row["figure"] == "closure recall"))
    if not sections:
        return None
    figure, axes = plt.subplots(len(names), 1, figsize=(7, 1.7 * len(names)), sharex=True)
    models = list({model: 0 for row in rows if row["section"] in sections for model in row["values"]})
    models.sort(key=lambda model: BESIDE.get(model, 0))
    for axis, name in zip(axes, names):
        for x, section in enumerate(sections):
            row = next((row for row in rows if (row["section"], row["figure"]) == (section, name)), None)
            if row is None:
                continue
            for i, model in enumerate(models):
                entry = row["values"].get(model)
                if entry:
                    at = x + (i + 0.5) / len(models) * 0.8 - 0.4
                    axis.vlines(at, entry["low"], entry["high"], color=f"C{i}")
                    axis.plot(at, entry["value"], "o", ms=4, color=f"C{i}", label=model if axis is axes[0] and x == 0 else None)
            for bound in row["values"].get(models[0], {}).get("target", ()):
                if bound is not None:
                    axis.hlines(bound, x - 0.4, x + 0.4, color="0.6", lw=1, ls="--")
        axis.set_ylabel(f"{name}, %")
    axes[-1].set_xticks(range(len(sections)), [section.replace(", ", "\n") for section in sections])
    axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=len(models), frameon=False)
    return save(figure, folder / "evaluate_lips.png")


def gaps(bench, folder):
    """Lip gap of a clip of each language beside the teacher's, with the labelled p, b, m, f and v."""
    played = [voice for voice in bench.voices if ("teacher", voice.name) in bench.played]
    clips = list({voice.language: voice for voice in reversed(played)}.values())  # the first of each language
    if not clips:
        return None
    figure, axes = plt.subplots(len(clips), 1, figsize=(9, 2.4 * len(clips)), squeeze=False)
    for axis, voice in zip(axes[:, 0], clips):
        for start, end in voice.units["bilabial"]:
            axis.axvspan(start, end, color="C3", alpha=0.2, lw=0)
        for start, end in voice.units["labiodental"]:
            axis.axvspan(start, end, color="C2", alpha=0.2, lw=0)
        for i, model in enumerate((*bench.models, "teacher")):
            gap = mouth.curves(bench.head, bench.played[model, voice.name][0])["gap"]
            axis.plot(np.arange(len(gap)) / FPS, gap, lw=1, color="0.5" if model == "teacher" else f"C{i}", label=model)
        axis.axhline(mouth.SHUT, color="k", lw=0.5)
        axis.set_title(f"{voice.name}: lip gap; red p, b, m; green f, v", loc="left")
        axis.set(xlabel="s", xlim=(0, min(8, voice.seconds)))
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncol=8)
    return save(figure, folder / "evaluate_gap.png")


def captured(bench, folder):
    """Ten seconds of every take: captured and performed jaw, both from 0 to 1 of their own range."""
    takes = [name for kind, name in bench.played if kind == "capture"]
    if not takes:
        return None
    figure, axes = plt.subplots(len(takes), 1, figsize=(9, 1.6 * len(takes)), squeeze=False)
    for axis, take in zip(axes[:, 0], takes):
        part = slice(5 * FPS, 15 * FPS)
        curves = {model: bench.played[model, take][0][:, JAW.start] for model in bench.models}
        for i, (name, curve) in enumerate([*curves.items(), ("captured", bench.played["capture", take])]):
            low, high = np.percentile(curve, (1, 99))
            shown = ((curve - low) / (high - low))[part]
            axis.plot(5 + np.arange(len(shown)) / FPS, shown, lw=1, color="k" if name == "captured" else f"C{i}", label=name)
        axis.set_title(f"{take}: jaw", loc="left")
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncol=8)
    return save(figure, folder / "evaluate_capture.png")
