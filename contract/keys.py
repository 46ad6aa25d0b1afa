"""An artist's keys: what is doubtful about them, said in sentences. They are met all the same."""

from collections.abc import Iterable

from .layout import ACTIONS, CHANNEL_NAMES, CHANNELS, EXPRESSION, EYES, FACE_ACTIONS, FPS, JAW, LIDS, NECK, PERFORMANCE, TONGUE

# By column of a performance: a full movement, in the column's unit.
FULL = [1.0] * PERFORMANCE
for _angles in (JAW, NECK, EYES):
    FULL[_angles] = [0.3] * (_angles.stop - _angles.start)
FURTHEST = 6.0  # standard deviations of an expression: no face goes as far
APART, TOGETHER = 0.6, 2 / FPS  # of a full movement within so many seconds: a face that jumps
JUMPS = {*range(EYES.start, LIDS.stop), *(FACE_ACTIONS.start + k for k, name in enumerate(ACTIONS) if name.startswith("eye"))}  # they may
SHARES = {*range(LIDS.start, LIDS.stop), *range(TONGUE.start, TONGUE.stop), *range(FACE_ACTIONS.start, FACE_ACTIONS.stop)}  # 0 to 1

Key = tuple[float, int, float]  # frame, column of a performance, value


def named(column: int) -> str:
    """The name of a column of a performance."""
    return CHANNEL_NAMES[column] if column < CHANNELS else ACTIONS[column - CHANNELS]


def doubts(keys: Iterable[Key], fps: float, first: float, last: float) -> list[str]:
    """A sentence for each kind of doubt about keys, in frames of fps a second; the voice lasts from the frame first to the frame last."""
    ordered = sorted(keys, key=lambda key: (key[1], key[0]))
    outside = sorted(frame for frame, _, _ in ordered if not first - 1e-3 <= frame <= last + 1e-3)
    beyond = [key for key in ordered if not lowest(key[1]) <= key[2] <= highest(key[1])]
    pairs = [
        (one, next_)
        for one, next_ in zip(ordered, ordered[1:])
        if one[1] == next_[1] and one[1] not in JUMPS
        if next_[0] - one[0] <= TOGETHER * fps + 1e-3 and abs(next_[2] - one[2]) > APART * FULL[one[1]]
    ]
    said = []
    if outside:
        what = "A key of yours lies" if len(outside) == 1 else f"{len(outside)} keys of yours lie"
        where = f"frame {outside[0]:g}" if len(set(outside)) == 1 else f"frames {outside[0]:g} to {outside[-1]:g}"
        said.append(f"{what} outside the voice, which is at frames {first:g} to {last:g}: {where}; nothing is performed around that.")
    if beyond:
        frame, column, value = beyond[0]
        said.append(
            f"The key of {named(column)} at frame {frame:g} is {value:.3g}, beyond {lowest(column):g} to {highest(column):g}"
            f"{others(beyond)}; it is met all the same."
        )
    if pairs:
        (frame, column, value), (after, _, then) = pairs[0]
        said.append(
            f"The keys of {named(column)} at frames {frame:g} and {after:g} contradict each other ({value:.2f} and {then:.2f})"
            f"{others(pairs)}; both are met, and the face jumps there."
        )
    return said


def lowest(column: int) -> float:
    return 0.0 if column in SHARES else -FURTHEST if column < EXPRESSION.stop else -3.2


def highest(column: int) -> float:
    return 1.0 if column in SHARES else FURTHEST if column < EXPRESSION.stop else 3.2


def others(found: list) -> str:  # type: ignore[type-arg]
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
