"""Besides the lips: blinks, head and brows of a performance beside the filmed speaker's."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import wasserstein_distance

from contract import FPS
from model_runtime.flame import lbs
from tools.evaluate import metrics, mouth
from tools.evaluate.measure import beats, places


@dataclass(frozen=True)
class Life:
    """upper: the upper face's vertices [T, V, 3] mm, without the head's turns; lids [T] 0 open to 1 shut; head [T] degrees a second;
    brows [T] their mean height in mm; beats: {figure: score}, of measure.beats()."""

    upper: np.ndarray
    lids: np.ndarray
    head: np.ndarray
    brows: np.ndarray
    beats: dict

    @property
    def rates(self):
        """{"blinks": a second, "head": mean speed in degrees a second, "brows": mm, std of their height}."""
        count = len(metrics.blinks(self.lids, FPS))
        return {"blinks": count / (len(self.lids) / FPS), "head": float(self.head.mean()), "brows": float(self.brows.std())}


def life(head, values, curves, prosody, seed=0):
    """Life of values [T, 65] with curves film.on_head() of them; prosody [Tc, 3] of the voice."""
    every, where = places(head)
    posed = 1000 * lbs.pose(head, mouth.still(values), None, every)
    found = beats(prosody, len(values) / FPS, values, posed[:, where["brows"]], seed)
    return Life(posed[:, where["upper"]], curves["lids"], curves["head"], curves["brows"], found)


def figures(head, ours, film):
    """What is counted of a performance's Life and the film's: rates, distances of the distributions of a clip's frames (Wasserstein, the
    area between both cumulative distributions, in the curve's unit), the upper face's dynamics deviation FDD, beats.

    FDD (Xing et al. 2023, CodeTalker): metrics.dynamics_deviation. Beats: beat consistency (Park and Cho 2024, SAiD; accents of the voice,
    movement beats of Li et al. 2021, AIST++), the mean over the voice's accents a of exp(-min over movements b of (a - b)^2 / 2 s^2),
    s = 0.1 s; and by chance: the same of movements turned round in time."""
    every, where = places(head)
    neutral = 1000 * head.v_template[every][where["upper"]]
    counted = {name: (rate, 1) for name, rate in ours.rates.items()}
    for name, here, there in (
        ("lids", ours.lids, film.lids),
        ("head", ours.head, film.head),
        ("brows", ours.brows - np.median(ours.brows), film.brows - np.median(film.brows)),
    ):
        counted[f"apart {name}"] = (wasserstein_distance(there, here), 1)
    counted["FDD"] = (metrics.dynamics_deviation(ours.upper, film.upper, neutral), 1)
    return counted | {name: (score, 1) for name, score in ours.beats.items()}


def intervals(lives):
    """Seconds from blink to blink within each clip, of all of them."""
    return np.concatenate([np.diff(metrics.blinks(each.lids, FPS)) for each in lives] or [np.zeros(0)])


def apart_blinks(ours, film):
    """Wasserstein distance in s of the intervals() of a speaker's clips, or None where one of both has none."""
    here, there = intervals(ours), intervals(film)
    return wasserstein_distance(there, here) if len(here) and len(there) else None


def within(seeds, film):
    """{"within NAME": (whether the film's rate lies between the least and the greatest of the seeds', 1)}; seeds: [Life]."""
    return {
        f"within {name}": (min(each.rates[name] for each in seeds) <= rate <= max(each.rates[name] for each in seeds), 1)
        for name, rate in film.rates.items()
    }
