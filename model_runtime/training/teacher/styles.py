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

    Their spread holds people who were filmed or captured (GRID's s1, s26, s31; FACEGOOD), who read calmly, at its quiet end. Standard
    deviations within a clip, s1, s26, s31: lip gap 4.5, 5.4, 6.0 mm; mouth width 1.6, 2.4, 3.5; jaw 2.9, 2.5, 2.5; protrusion 0.9, 1.3,
    1.5; the logarithms' between them 0.14, 0.39, 0.10, 0.24. Targets are s1's, so gains of lips lie above 1. FACEGOOD's jaw follows
    loudness with a power of 1.2, s1's with 0.3. Blinks a second, s1, s26, s31: 0.9, 0, 1.0 (a tracker's lids are noisy); the rate is
    log-normal between people with a mean of 26 a minute in talk (Bentivoglio et al. 1997, table 2), here 23. Brows move 0.3 mm on film
    (standard deviation in a clip), here 0.85 in the mean; ten seeds hold what each of the three does in 15 of 15 clips. Heads: head_motion.
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
