"""How this performer performs: everything that stays the same through one performance and differs between seeds."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """One performer's habits. Gains are about 1."""

    articulation: float  # gain of all mouth targets
    jaw: float  # gain of the jaw ...
    lips: float  # ... and of the lips: JALI's two axes (Edwards et al. 2016, section 4.1)
    spread: float  # gain of what pulls the corners apart, besides that of the lips
    follows: float  # power of loudness that the jaw follows
    rounding: float  # share of funnel (0) or pucker (1) in rounded lips is moved by this, -1 to 1
    teeth: float  # gain of what bares the teeth
    asymmetry: float  # -1 to 1: the subject's left (+) or right side leads
    smile: float  # resting lip corners, about 0
    expression: float  # gain of the feeling
    mix: np.ndarray  # [52] this face's own gain of each action in a feeling
    brows: float  # gain of brow movement
    brow_rate: float  # probability that an accent moves the brows
    brow_seconds: float  # how long a raise takes to come up
    blinks: float  # per second
    contact: float  # probability that a fixation looks at the listener
    head: float  # gain of head movement
    nod_rate: float  # probability that an accent brings a nod
    sway: np.ndarray  # [3, 2] how pitch, yaw and roll of the head follow F0 and loudness, radians per unit
    breath: float  # probability that a pause ends in an audible breath


def style(rng):
    """A performer, drawn from rng.

    The blink rate is log-normal between people with a mean of 26 a minute in talk (Bentivoglio et al. 1997, table 2), here
    25.5 with the double blinks and a sigma of 0.2, because a clip of a few seconds adds spread of its own.
    Head gains stay near 1, so that the standard deviation over many performances is that of section "head" in head_motion.
    """
    jaw_share = rng.normal(0.12, 0.2)
    return Style(
        articulation=np.exp(rng.normal(0.12, 0.14)),
        jaw=np.exp(jaw_share),
        lips=np.exp(rng.normal(0.3, 0.25) - 0.3 * jaw_share),
        spread=np.exp(rng.normal(0.35, 0.35)),
        follows=rng.uniform(0.5, 1.4),
        rounding=rng.uniform(-1, 1),
        teeth=np.exp(rng.normal(0.05, 0.2)),
        asymmetry=float(np.clip(rng.normal(0, 0.4), -1, 1)),
        smile=float(np.clip(rng.normal(0.02, 0.03), 0, 0.08)),
        expression=float(np.exp(rng.normal(0, 0.1))),
        mix=np.exp(rng.normal(0, 0.15, 52)),
        brows=float(np.exp(rng.normal(-0.35, 0.45))),
        brow_rate=rng.uniform(0.1, 0.7),
        brow_seconds=rng.uniform(0.12, 0.25),
        blinks=float(np.clip(22.5 / 60 * np.exp(rng.normal(-0.1, 0.45)), 0.08, 1)),
        contact=rng.uniform(0.55, 0.85),
        head=float(np.exp(rng.normal(-0.8, 0.6))),
        nod_rate=rng.uniform(0.15, 0.6),
        sway=rng.normal([[-0.025, 0.02], [0, 0], [0, 0]], [[0.015, 0.012], [0.02, 0.015], [0.015, 0.012]]),
        breath=rng.uniform(0.3, 0.95),
    )
