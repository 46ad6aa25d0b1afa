"""What the generator draws of one request: performances of a whole voice, or of a part of the present one, around what is held."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from contract import CHANNELS, FPS, REGIONS
from model_runtime.diffusion import accents, redraw, sample, settled
from model_runtime.diffusion.scope import ramp
from model_runtime.flame.actions import from_motion
from model_runtime.flame.calibrate import HeadMap
from model_runtime.flame.head import Head
from model_runtime.held import generate_on_other_head, generate_with_actions
from model_runtime.motion import Motion, Pins
from model_runtime.scope import Stretch, redrawn

if TYPE_CHECKING:
    from model_runtime.diffusion.generator import Generator

FROM, TO = 0.3, 0.97  # of a performance's progress, what drawing takes
Performed = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # values on the target [T, 65], on the built-in head, face actions


@dataclass(frozen=True)
class Drawing:
    """All that drawing needs.

    content [T, 59]; given: what the generator hears, Content or hidden states [T, C]; feels(seed) [T, 130]; prompted [T]; accent [T, 65]
    or None: what stressed words add; held: Pins of face actions; seeds: one for each variation. step(stage, fraction) hears of progress
    and raises Cancelled. regions, change, apart: as diffusion.redraw() has them."""

    generator: "Generator"
    builtin: Head
    target: Head
    head_map: HeadMap | None  # from the built-in head to the target; None where they have one basis
    beta: np.ndarray
    content: np.ndarray
    given: np.ndarray
    feels: Callable[[int], np.ndarray]
    prompted: np.ndarray
    accent: np.ndarray | None
    pins: Pins | None
    held: Pins | None
    seeds: Sequence[int]
    quality: str
    regions: Sequence[str]
    change: float
    apart: bool
    step: Callable[[str, float], None]
    cancelled: Callable[[], bool]

    def motions(self, present: Motion | None, stretches: Sequence[Stretch]) -> list[Motion]:
        """One Motion for each seed: of those stretches of the present performance, or of all where there is none."""
        everything = stretches == [(0, len(self.content))] and set(self.regions) >= set(REGIONS) and self.change == 1
        if present is None or everything:
            return [self._whole(number) for number in range(len(self.seeds))]
        if self.change == 0:
            return [present] * len(self.seeds)
        return self._part(present, stretches)

    # ---- the whole

    def _whole(self, number: int) -> Motion:
        """The performance of the seed with that number."""
        seed, count = self.seeds[number], len(self.seeds)
        share = lambda fraction: FROM + (TO - FROM) * (number + (fraction - FROM) / (TO - FROM)) / count
        free: np.ndarray | None = None  # what is performed without keys: they are put into it
        feeling = self.feels(seed)

        def generate(pins: Pins | None, low: float, high: float) -> np.ndarray:
            nonlocal free
            values: np.ndarray = sample(
                self.generator,
                self.given,
                feeling,
                self.prompted,
                self.beta,
                pins=pins,
                seed=seed,
                quality=self.quality,
                progress=self._performing(share(low), share(high)),
                cancelled=self.cancelled,
                heard=self.content,
                free=free,
            )
            free = values if pins is None or not pins.mask.any() else free
            return values if self.accent is None else values + self.accent

        keys, kept, moved = self.pins, self.held, None
        if self._may_move():
            bare = generate(None, FROM, 0.6)
            keys, kept, moved = self._settled(self._on_target(bare), lambda: from_motion(self.builtin, bare))
        values, own, actions = self._around(generate, keys, kept)
        self.step("Writing", share(TO))
        actions = from_motion(self.builtin, own) if actions is None else actions
        return Motion(values.astype(np.float32), FPS, self.target.basis, actions=actions, shifted=moved)

    # ---- a part

    def _part(self, present: Motion, stretches: Sequence[Stretch]) -> list[Motion]:
        pins, held, shifted = self.pins, self.held, None
        if self._may_move():
            acted = lambda: from_motion(self.builtin, present.values) if present.actions is None else present.actions
            pins, held, shifted = self._settled(present.values, acted)

        def anew(number: int, *stretch: Any) -> list[tuple[np.ndarray, np.ndarray]]:
            return self._stretch(number, len(stretches), *stretch)

        count = len(self.seeds)
        found = redrawn(anew, present, stretches, self.regions, self.change, count, self.builtin, self.head_map, self.beta, pins, held)
        return [replace(motion, shifted=shifted) for motion in found]

    def _stretch(
        self, number: int, of: int, frames: slice, own: np.ndarray, inner: slice, pins: Pins | None, held: Pins | None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each seed (values on the target, the same on the built-in head) of the stretch with that number, as scope.redrawn asks."""

        def generate(seed: int, pins: Pins | None, low: float, high: float) -> np.ndarray:
            turn, turns = number * len(self.seeds) + self.seeds.index(seed), of * len(self.seeds)
            share = lambda fraction: FROM + (TO - FROM) * (turn + (fraction - FROM) / (TO - FROM)) / turns
            values: np.ndarray = redraw(
                self.generator,
                self.given[frames],
                self.feels(seed)[frames],
                self.prompted[frames],
                self.beta,
                own,
                inner.start,
                inner.stop,
                regions=self.regions,
                change=self.change,
                pins=pins,
                seeds=(seed,),
                at=frames.start,
                quality=self.quality,
                progress=self._performing(share(low), share(high)),
                cancelled=self.cancelled,
                heard=self.content[frames],
                apart=self.apart,
            )[0]
            if self.accent is None:
                return values
            first, stop = frames.start + inner.start, frames.start + inner.stop
            weight = self.change * ramp(first, stop, len(self.content))[frames]  # what stays of the present performance has its own
            return values + accents.within(self.accent[frames], self.builtin, self.regions, weight)

        if pins is None and held is None:
            drawn = [generate(seed, None, FROM, TO)[inner] for seed in self.seeds]
            return [(self._on_target(values), values) for values in drawn]
        found = [self._around(lambda *asked, seed=seed: generate(seed, *asked), pins, held) for seed in self.seeds]
        return [(values[inner], new[inner]) for values, new, _ in found]

    # ---- what is held

    def _around(self, generate: Callable[..., np.ndarray], pins: Pins | None, held: Pins | None) -> Performed:
        """What generate(pins, from, to) gives around what is held."""
        if pins is None and held is not None:
            none = np.zeros((len(held.mask), CHANNELS), np.float32)
            pins = Pins(none, none.astype(bool))
        if self.head_map is None and pins is not None and held is not None:
            values, actions = generate_with_actions(generate, self.builtin, pins, held)
            return values, values, actions
        if self.head_map is not None and pins is not None:
            return *generate_on_other_head(generate, self.builtin, self.head_map, self.beta, pins, held), None
        own = generate(pins, FROM, TO)
        return self._on_target(own), own, None

    def _may_move(self) -> bool:
        return any(some is not None and some.shift is not None and some.shift.any() for some in (self.pins, self.held))

    def _settled(self, values: np.ndarray, actions: Callable[[], np.ndarray]) -> tuple[Pins | None, Pins | None, np.ndarray]:
        """(Pins, face actions, from which frame to which they moved): those that may go where values and actions [T, 52] have them."""
        keys, moved = settled(self.pins, values) if self.pins is not None else (None, [])
        kept, more = settled(self.held, actions()) if self.held is not None else (None, [])
        return keys, kept, np.unique(np.array([*moved, *more], int).reshape(-1, 2), axis=0)

    def _on_target(self, values: np.ndarray) -> np.ndarray:
        return values if self.head_map is None else self.head_map.apply(values, self.beta)

    def _performing(self, low: float, high: float) -> Callable[[str, float], None]:
        return lambda stage, fraction: self.step("Performing", low + (high - low) * fraction)
