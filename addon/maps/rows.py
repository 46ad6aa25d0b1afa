"""A rig map: for each target (a shape key, by its name) a sparse row over the columns of a performance.

A target's value is clip(offset + gain * sum(weight * source), low, high): all of them are one matrix product. Read backwards, values of
targets give the movements that they mean, as far as the rows tell. Where it is known how far each target parts the lips, they meet where
ours do.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..contract import ACTIONS, CHANNEL_NAMES, FACE_ACTIONS, PERFORMANCE, REGIONS, UtterError
from .ours import ours

KIND = "utter rig map 1"  # of file
SOURCES = {name: column for column, name in enumerate((*CHANNEL_NAMES, *ACTIONS))}  # column in a performance [T, 117]
STEPS = 300  # of the descent that reads rows backwards
CLOSE, APART = 0.05, 0.25  # of jawOpen's gap: lips that are less apart follow ours exactly, those that are further ever less
LEAST = 0.5  # of our gap: lips that are far apart are apart by as much at least
NOTABLE = 0.05  # of jawOpen's gap: what parts the lips less neither opens nor closes them
HELD = 100.0  # so much more does a held target count than one that is not
POSED = ("location", "rotation", "scale")  # of a bone in a pose: three numbers each
Pose = dict[str, tuple[float, ...]]  # {bone: nine numbers}: what POSED add to a bone at rest, see Map


class Row(NamedTuple):
    """One target. sources: {name of a column: weight}, that which it is there for first. limits: (low, high), or None for the slider's own.
    confidence: 0 to 1, how sure the row is right. why: what it rests on, or what is doubtful about it, a few words for a panel. parting:
    how far it parts the lips in full, as a share of what our jawOpen does; below 0 it shuts them."""

    target: str
    sources: dict[str, float]
    gain: float = 1.0
    offset: float = 0.0
    limits: tuple[float, float] | None = (0.0, 1.0)
    enabled: bool = True
    confidence: float = 1.0
    why: str = "name"
    parting: float = 0.0


class Map(NamedTuple):
    """kind: what was recognised, for people. rows: one for each target. lips: (upper, lower) vertex of the main mesh that touch at rest, or
    (). gains: {region: how strong its rows are}, 1 where there is none. poses: {target: bones in full}, each bone in its own axes: moved by
    (units of the armature), turned by (axis times angle, radians), grown by (0: as large as before)."""

    kind: str
    rows: tuple[Row, ...]
    lips: tuple[int, ...] = ()
    gains: dict[str, float] = {}  # a map is never changed
    poses: dict[str, Pose] = {}

    def on(self) -> list[Row]:
        """The rows that are enabled and read anything."""
        return [row for row in self.rows if row.enabled and row.sources]


def matrix(rows: Sequence[Row]) -> np.ndarray:
    """[K, 117]: weights with their gains."""
    weights = np.zeros((len(rows), PERFORMANCE))
    for index, row in enumerate(rows):
        for name, weight in row.sources.items():
            weights[index, SOURCES[name]] = row.gain * weight
    return weights


def solve(rows: Sequence[Row], samples: np.ndarray) -> np.ndarray:
    """Values of the targets [N, K] in a performance at scene frames [N, 117], within the rows' limits."""
    values = samples @ matrix(rows).T + [row.offset for row in rows]
    low, high = np.array([row.limits or (-np.inf, np.inf) for row in rows]).reshape(-1, 2).T
    values = np.clip(values, low, high)
    return meet(rows, values, samples[:, FACE_ACTIONS] @ ours().apart) if any(row.parting for row in rows) else values


def meet(rows: Sequence[Row], values: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Values of the targets [N, K] such that the lips are as far apart as ours, gap [N] (of jawOpen's full gap), where that is little, and
    not far less anywhere. Where they would be further, what is there to close them does, and the rest comes from all that parts them, in
    proportion; where less far, first what closes them gives way, then what opens the mouth opens it."""
    ways = np.array([-1.0 if row.gain < 0 else 1.0 for row in rows])  # of keys that work below 0
    values, gap = ways * values, np.maximum(gap, 0)
    parting = ways * [row.parting for row in rows]
    first = [next(iter(row.sources), "") for row in rows]
    high = np.array([row.limits[int(way > 0)] * way if row.limits else 1.0 for row, way in zip(rows, ways.astype(int))])
    near = np.clip((APART - gap) / (APART - CLOSE), 0, 1)
    closers = [k for k, name in enumerate(first) if name == "mouthClose" and parting[k] < -NOTABLE]
    openers = [k for k, name in enumerate(first) if name == "jawOpen" and parting[k] > NOTABLE]
    over = np.maximum(values @ parting - gap, 0) * near
    for k in closers:
        more = np.minimum(over / -parting[k], high[k] - values[:, k])
        values[:, k] += more
        over += more * parting[k]
    parts = np.maximum(values * np.maximum(parting, 0), 0)
    share = np.minimum(over / np.maximum(parts.sum(1), 1e-9), 1)
    values -= share[:, None] * np.where(parting > 0, np.maximum(values, 0), 0)
    under = np.maximum(gap * (near + (1 - near) * LEAST) - values @ parting, 0)
    for k in closers:
        less = np.clip(np.minimum(under / -parting[k], values[:, k]), 0, None)
        values[:, k] -= less
        under += less * parting[k]
    for k in openers:
        more = np.clip(np.minimum(under / parting[k], high[k] - values[:, k]), 0, None)
        values[:, k] += more
        under -= more * parting[k]
    return ways * values


def recover(rows: Sequence[Row], values: np.ndarray, held: np.ndarray | None = None) -> np.ndarray:
    """The performance [N, 117] that values of targets [N, K] mean: of those within the sources' limits the one that comes nearest, 0 where
    no row reads. held bool [N, K]: which targets count most.

    A source that one row alone reads, and that row nothing else, is read exactly. Others by least squares, with a small weight on
    their size; projected gradient with Nesterov's momentum (Beck and Teboulle 2009, FISTA)."""
    weights = matrix(rows)
    values = np.asarray(values, float) - [row.offset for row in rows]
    found = np.zeros((len(values), PERFORMANCE), np.float32)
    read = weights != 0
    alone = (read.sum(1) == 1) & ((read & (read.sum(0) == 1)).sum(1) == 1)
    for index in np.flatnonzero(alone):
        column = int(np.flatnonzero(read[index])[0])
        found[:, column] = values[:, index] / weights[index, column]
    mixed, columns = np.flatnonzero(~alone), np.flatnonzero(read[~alone].any(0))
    if len(mixed) and len(columns):
        count = np.ones((len(values), len(mixed))) if held is None else np.where(held[:, mixed], HELD, 1.0)
        found[:, columns] = _bounded(weights[np.ix_(mixed, columns)], values[:, mixed], count, columns >= FACE_ACTIONS.start)
    return found


def _bounded(weights, values, count, shares):
    """s [N, C] that minimises sum count (weights s - values)^2 + a little s^2, 0 <= s <= 1 where shares [C]."""
    small = 1e-4
    steep = np.linalg.norm(weights, 2) ** 2 * count.max(axis=1, keepdims=True) + small
    low, high = np.where(shares, 0.0, -np.inf), np.where(shares, 1.0, np.inf)
    now = ahead = np.zeros((len(values), weights.shape[1]))
    pace = 1.0
    for _ in range(STEPS):
        slope = (count * (ahead @ weights.T - values)) @ weights + small * ahead
        then = np.clip(ahead - slope / steep, low, high)
        faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        ahead, now, pace = then + (pace - 1) / faster * (then - now), then, faster
    return now


def region_of(row: Row) -> str:
    """Which of REGIONS a row moves most: that of its heaviest source; "head" for the neck, "mouth" for jaw and tongue."""
    if not row.sources:
        return "mouth"
    name = max(row.sources, key=lambda source: abs(row.sources[source]))
    starts = {**{start: region for region, (_, all_) in REGIONS.items() for start in all_}, "neck": "head", "lid": "eyes"}
    return next((region for start, region in starts.items() if name.startswith(start)), "mouth")


def to_json(told: Map) -> str:
    """A map as text (docs/formats.md, "Rig map")."""
    rows = [{key: value for key, value in row._asdict().items() if value != Row._field_defaults.get(key, ())} for row in told.rows]
    rows = [{**row, "sources": {name: round(weight, 4) for name, weight in row["sources"].items()}} for row in rows if "sources" in row]
    poses = {name: {bone: _parts(numbers) for bone, numbers in pose.items()} for name, pose in told.poses.items()}
    whole = {"format": KIND, "kind": told.kind, "lips": list(told.lips), "gains": told.gains, "rows": rows}
    return json.dumps({**whole, **({"poses": poses} if poses else {})}, indent=1, ensure_ascii=False)


def _parts(numbers):
    """Nine numbers of a bone as {"location": [..]} and so on, without what is at rest."""
    cut = {part: [round(number, 5) for number in numbers[3 * k : 3 * k + 3]] for k, part in enumerate(POSED)}
    return {part: three for part, three in cut.items() if any(three)}


def from_json(text: str, of: str = "The rig map") -> Map:
    """What to_json() wrote, or anybody wrote in that form. UtterError says what is wrong with it; of: what it is called there."""
    try:
        told = json.loads(text)
    except ValueError as error:
        raise UtterError(f"{of} is no rig map: it cannot be read as JSON.", repr(error)) from error
    if not isinstance(told, dict) or told.get("format") != KIND:
        raise UtterError(f"{of} is no rig map; choose a file that Utter saved.")
    try:
        rows = tuple(_row(row) for row in told["rows"])
        kind, lips = str(told.get("kind", "own")), tuple(int(vertex) for vertex in told.get("lips", ()))
        gains = {name: float(gain) for name, gain in told.get("gains", {}).items() if name in REGIONS}
        poses = {name: {bone: _numbers(parts) for bone, parts in pose.items()} for name, pose in told.get("poses", {}).items()}
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UtterError(f"{of} is damaged; save it again.", repr(error)) from error
    unknown = [name for row in rows for name in row.sources if name not in SOURCES]
    if unknown:
        raise UtterError(f"{of} names a movement that does not exist, {unknown[0]}; change it to one of the 52 face actions.")
    if len({row.target for row in rows}) < len(rows):
        raise UtterError(f"{of} has two rows for the same target; leave one of them.")
    return Map(kind, rows, lips if len(lips) == 2 else (), gains, poses)


def _numbers(parts):
    numbers = tuple(float(number) for part in POSED for number in parts.get(part, (0, 0, 0)))
    if len(numbers) != 9 or not np.isfinite(numbers).all():
        raise ValueError(f"a bone's pose {parts}")
    return numbers


def _row(told: dict[str, Any]) -> Row:
    number = lambda name: float(told[name] if name in told else Row._field_defaults[name])
    limits = told.get("limits", (0.0, 1.0))
    if limits is not None:
        low, high = (float(limit) for limit in limits)
        if low > high:
            raise ValueError(f"limits {limits}")
        limits = (low, high)
    row = Row(
        str(told["target"]),
        {str(name): float(weight) for name, weight in told["sources"].items()},
        number("gain"),
        number("offset"),
        limits,
        bool(told.get("enabled", True)),
        number("confidence"),
        str(told.get("why", "name")),
        number("parting"),
    )
    if not np.isfinite([row.gain, row.offset, row.confidence, row.parting, *row.sources.values(), *(limits or ())]).all():
        raise ValueError("not finite")
    return row


def to_text(sources: dict[str, float]) -> str:
    """Sources as an artist writes them: "jawOpen, mouthClose -0.5"."""
    return ", ".join(name if weight == 1 else f"{name} {weight:g}" for name, weight in sources.items())


def from_text(text: str) -> dict[str, float]:
    """What to_text() gives, or an artist wrote. UtterError for what is no movement or no number."""
    sources = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, weight = part.partition(" ")
        if name not in SOURCES:
            raise UtterError(f"{name} is no movement; write one of the 52 face actions, such as jawOpen or mouthSmileLeft 0.5.")
        try:
            sources[name] = float(weight or 1)
        except ValueError as error:
            raise UtterError(f"{part} is no movement with a number; write it as {name} 0.5.") from error
        if not np.isfinite(sources[name]):
            raise UtterError(f"{part} is no movement with a number; write it as {name} 0.5.")
    return sources


def reading(rows: Iterable[Row], columns: Iterable[int], wholly: bool) -> list[Row]:
    """Those rows that read any of these columns of a performance; wholly: that read nothing else."""
    asked = set(columns)
    reads = [(row, {SOURCES[name] for name, weight in row.sources.items() if weight}) for row in rows]
    return [row for row, read in reads if (read and read <= asked if wholly else read & asked)]
