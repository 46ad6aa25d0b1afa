"""Face actions read from Motion, the same on both sides: least squares within the bounds of what a face can do. Pure numpy."""

from collections.abc import Iterable
from typing import Any

from .layout import ACTIONS, OPPOSED_ACTIONS

_ROUNDS, _SWEEPS, _STILL = 30, 16, 1e-4
_CHUNK, _TOGETHER = 4096, 512  # frames; of Newton steps


def read_actions(motions: Any, seen: Any, values: Any, names: Iterable[str] = ACTIONS, start: Any = None) -> Any:
    """Motion values [T,65] to actions float32 [T,52] in 0..1, which are called names and are motions [52,65]: least squares within the
    bounds, of what is seen of a change of Motion [65,65].

    Of actions that undo each other (OPPOSED_ACTIONS) one is 0: least squares use both for what they do beside that, so the smaller is
    held at 0 in a second search. start [T,52]: where the search begins; None: at rest."""
    import numpy as np

    weighted = motions.astype(np.float64) @ seen
    hessian = weighted @ motions.T
    hessian[np.diag_indices_from(hessian)] *= 1 + 1e-6  # so that there is one answer even if an action moves nothing, or two move the same
    hessian[np.diag_indices_from(hessian)] += 1e-9
    pairs = _opposed(names)
    out = np.empty((len(motions), len(values)), np.float32)
    for first in range(0, len(values), _CHUNK):
        part = slice(first, first + _CHUNK)
        begin = None if start is None else start[part].T.astype(np.float64)
        target = weighted @ values[part].T
        found = bounded(hessian, target, begin)
        both = np.flatnonzero(np.any([np.minimum(found[one], found[other]) > 0 for one, other in pairs], axis=0))
        if len(both):
            most = np.ones((len(motions), len(both)))
            for one, other in pairs:
                less = np.where(found[one, both] < found[other, both], one, other)
                most[less, np.arange(len(both))] = 0
            found[:, both] = bounded(hessian, target[:, both], np.minimum(found[:, both], most), most)
        out[:, part] = found
    return np.ascontiguousarray(out.T)


def apart(actions: Any, held: Any) -> Any:
    """actions [T, 52] in the order of ACTIONS with one of each opposed pair at 0: a held one (bool [T, 52]) stays, and goes before one
    that is not."""
    import numpy as np

    actions = actions.copy()
    for one, other in _opposed(ACTIONS):
        less = np.minimum(actions[:, one], actions[:, other])
        for own, its in ((one, other), (other, one)):
            free = ~held[:, own]
            actions[:, own] = np.where(free & held[:, its] & (less > 0), 0, actions[:, own] - np.where(free & ~held[:, its], less, 0))
    return actions


def bounded(hessian: Any, target: Any, start: Any = None, most: Any = None) -> Any:
    """argmin of x H x / 2 - target x within 0..1, or 0..most [52,T], for each column of target [52,T], from start (or 0), all frames at
    once: cyclic coordinate descent, which finds what lies at its bounds, and in turn with it a Newton step of the rest (Bertsekas 1982,
    "Projected Newton methods"), without which actions that nearly undo each other take hundreds of sweeps. Frames that stand still
    leave."""
    import numpy as np

    x = np.zeros_like(target) if start is None else start.copy()
    most = np.ones_like(target) if most is None else most
    moving = np.arange(target.shape[1])
    for _ in range(_ROUNDS):
        now, goal, high = x[:, moving], target[:, moving], most[:, moving]
        for _ in range(_SWEEPS):
            before = now.copy()
            for row, diagonal in enumerate(np.diag(hessian)):
                now[row] = np.minimum(np.maximum(now[row] + (goal[row] - hessian[row] @ now) / diagonal, 0), high[row])
        going = np.abs(now - before).max(0) > _STILL
        x[:, moving] = now
        moving = moving[going]
        if not len(moving):
            break
        for part in np.array_split(moving, -(-len(moving) // _TOGETHER)):
            x[:, part] = newton(hessian, target[:, part], x[:, part], most[:, part])
    return x


def newton(hessian: Any, target: Any, x: Any, most: Any) -> Any:
    """x [52,T] with what is free to move where its slope is zero, clipped to 0..most; frames that this makes no better stay as they are."""
    import numpy as np

    slope = hessian @ x - target
    free = (((x > 0) | (slope < 0)) & ((x < most) | (slope > 0))).T
    held = np.where(free, 0, x.T)
    equations = np.where(free[:, :, None] & free[:, None, :], hessian, np.eye(len(x)))
    moved = np.linalg.solve(equations, np.where(free, target.T - held @ hessian, held)[..., None])[..., 0].T.clip(0, most)
    moved_error, error = (((0.5 * (hessian @ some) - target) * some).sum(0) for some in (moved, x))
    return np.where(moved_error < error, moved, x)


def _opposed(names: Iterable[str]) -> list[tuple[int, int]]:
    """Where the two of each of OPPOSED_ACTIONS stand in names."""
    place = {str(name): k for k, name in enumerate(names)}
    return [(place[one], place[other]) for one, other in OPPOSED_ACTIONS]
