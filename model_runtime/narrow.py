"""Passages for some regions of the face alone: those regions are drawn anew with them, onto a performance without them."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from contract import REGIONS, PerformRequest, touched
from model_runtime.motion import Motion, save_motion

FIRST = 0.6  # share of the progress that the performance itself has, the parts that are drawn onto it the rest


def in_parts(
    draw: Callable[..., list[Motion]],
    request: PerformRequest,
    progress: Callable[[str, float], None],
    cancelled: Callable[[], bool],
    note: Callable[[str], None],
) -> list[Motion]:
    """What draw (a Performer's drawn()) gives for a request whose passages may each be for some regions alone.

    Regions that have the same passages are drawn together, with these. Where nothing is there yet, all is performed with the passages that
    are for the whole face, and the others cost a drawing of their frames. Of a scope each part of its regions is drawn by itself."""
    parts = parts_of(request)
    if len(parts) == 1 and len(parts[0][1]) == len(request.passages):
        return draw(request, progress, cancelled, note)
    said: set[str] = set()

    def once(sentence: str) -> None:
        if sentence not in said:
            note(sentence)
            said.add(sentence)

    stretches = None if request.scope is None else request.stretches()
    whole = [passage for passage in request.passages if set(passage.regions) >= set(REGIONS)]
    narrow = lambda passages: len(passages) > len(whole)
    if request.onto:
        regions, passages = parts.pop(0)
        first, apart = replace(request, passages=passages, regions=regions, scope=stretches), narrow(passages)
    else:
        first, apart = replace(request, passages=tuple(whole)), False
        parts = [(regions, passages) for regions, passages in parts if narrow(passages)]
    found = draw(first, lambda stage, f: progress(stage, FIRST * f), cancelled, once, apart=apart)
    with tempfile.TemporaryDirectory(prefix="utter-") as folder:
        present = Path(folder) / "present.npz"
        turns = [(number, regions, passages) for number in range(len(found)) for regions, passages in parts]
        for turn, (number, regions, passages) in enumerate(turns):
            before = found[number]
            spans = stretches
            if not request.onto:
                spans = within([touched(passage) for passage in passages if passage not in whole], before)
                if not spans:
                    continue  # they lie beyond the voice
            save_motion(before, present)
            asked = replace(request, passages=passages, onto=str(present), scope=spans, regions=regions, seed=before.seed, variations=1)
            share = lambda stage, f, turn=turn: progress(stage, FIRST + (1 - FIRST) * (turn + f) / len(turns))
            (after,) = draw(asked, share, cancelled, once, apart=narrow(passages))
            found[number] = replace(after, shifted=joined(before.shifted, after.shifted), readings={**before.readings, **after.readings})
    return found


def parts_of(request: PerformRequest) -> list[tuple[tuple[str, ...], tuple]]:
    """[(regions, the passages that are for them)] of the request's regions, those with the same passages together; each passage is then for
    the whole face, of which those regions alone are drawn."""
    found: dict[tuple[int, ...], list[str]] = {}
    for region in request.regions:
        mine = tuple(number for number, passage in enumerate(request.passages) if region in passage.regions)
        found.setdefault(mine, []).append(region)
    everywhere = lambda number: replace(request.passages[number], regions=tuple(REGIONS))
    return [(tuple(regions), tuple(map(everywhere, mine))) for mine, regions in found.items()]


def within(spans: list[tuple[float, float]], motion: Motion) -> tuple[tuple[float, float], ...]:
    """Those spans (seconds), as far as the Motion lasts."""
    last = (len(motion.values) - 1) / motion.fps
    cut = [(max(0.0, start), min(last, end)) for start, end in spans]
    return tuple((start, end) for start, end in cut if end - start > 1 / motion.fps)


def joined(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """Which soft pins were moved, of both."""
    both = [each for each in (one, other) if each is not None and len(each)]
    return np.unique(np.concatenate(both), axis=0) if both else one if one is not None else other
