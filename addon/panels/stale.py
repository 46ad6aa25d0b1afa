"""What of a performance is out of date: what its take's record says made it is not what the panel asks for now."""

import time
from types import SimpleNamespace
from typing import Any, NamedTuple

import bpy

from ..animation import bake
from ..contract import FPS, REGIONS, Passage, touched
from . import passages, record, strengths, takes
from .base import deafen, listen, of_changes, settings_of, shown_rig

APART = {"seed", "quality", "curves", "jaw", "variations"}  # options that ask for another take, or show the same one otherwise
WHOLE = {"path": "voice", "identity": "identity", **{name: name.replace("_", " ") for name in record.SHOWN if name not in APART}}
NEAR = 0.05  # seconds by which a passage may lie elsewhere: its frames are whole, at any frame rate
BLANK = {
    "on": True,
    "gesture": "NONE",
    "action": None,
    "clip": "",
    "prompt": "",
    "regions": list(REGIONS),
}  # what a passage of a damaged record lacks
AGAIN = 0.3  # seconds in which it is asked once, however much changes: while something is dragged

# In a window: by a head's session uid what was found, and when; and heads of which something has changed since.
_known: dict[int, tuple["Stale", float]] = {}
_changed: set[int] = set()


class Stale(NamedTuple):
    """What is out of date: all of it, or regions in spans of scene frames (first, last); what: in a few words, "" where nothing is."""

    all: bool = False
    spans: tuple[tuple[float, float], ...] = ()
    what: str = ""
    regions: tuple[str, ...] = tuple(REGIONS)


def of(head: Any) -> Stale:
    """What is out of date of the take that a head performs. Of takes of earlier versions, and of what was not performed, nothing is."""
    uid = head.session_uid
    found, when = _known.get(uid, (Stale(), 0.0))
    if bpy.app.background or uid not in _known or (uid in _changed and time.monotonic() - when > AGAIN):
        found = _of(head)
        _known[uid] = found, time.monotonic()
        _changed.discard(uid)
    return found


@bpy.app.handlers.persistent
def _after_update(_scene, depsgraph):
    if _known and any(depsgraph.id_type_updated(kind) for kind in ("OBJECT", "ACTION", "SCENE")):
        _changed.update(_known)


@bpy.app.handlers.persistent
def _forget(*_):
    _known.clear()
    _changed.clear()


def _of(head):
    settings = settings_of(head)
    take = settings.takes[settings.take] if 0 <= settings.take < len(settings.takes) else None
    told = record.read(takes.actions_of(take)) if take else None
    if told is None:
        return Stale()
    now = record.asked(settings)
    changed = [label for name, label in WHOLE.items() if name in told and differs(told[name], now[name])]
    if [word.get("text") for word in told.get("transcript", ())] != [word.text for word in settings.transcript]:
        changed.append("words found")
    if changed:
        return Stale(all=True, what=", ".join(dict.fromkeys(changed)))
    before, after = felt(told), felt(now)
    fps, start, last = now["fps"], now["start"], now["start"] + max(settings.frames - 1, 0) * now["fps"] / FPS
    lacks = lambda passage, those: not any(alike(passage, one) for one in those)
    other = [one for one in before if lacks(one, after)] + [one for one in after if lacks(one, before)]
    spans = sorted((max(start, start + first * fps), min(last, start + end * fps)) for first, end in (reach(*one.times) for one in other))
    spans = [(first, end) for first, end in spans if end - first >= 1]
    joined: list[tuple[float, float]] = []
    for first, end in spans:
        if joined and first <= joined[-1][1] + 1:
            first, end = joined[-1][0], max(end, joined.pop()[1])
        joined.append((first, end))
    if not joined:
        return Stale()
    regions = tuple(name for name in REGIONS if any(name in one.regions for one in other))
    return Stale(spans=tuple(joined), what=f"{len(joined)} {'passages' if len(joined) > 1 else 'passage'}", regions=regions)


def differs(one, other):
    """Whether two values of an option differ by more than JSON does."""
    if isinstance(one, float) or isinstance(other, float):
        return abs(float(one) - float(other)) > 1e-5
    return one != other


class Felt(NamedTuple):
    """Of a passage of a record that asks for anything: times(), its strength (a number, or the keys of it), what it asks for, of whom."""

    times: tuple[float, float, float, float]
    strength: tuple[Any, ...]
    asks: tuple[str, ...]
    regions: frozenset[str]


def felt(told):
    """The Felt of a record's passages."""
    start, fps = told.get("start", 0), float(told.get("fps") or 24)
    keyed = lambda row: strengths.moved(row.get(record.KEYED, ()), lambda frame: (frame - start) / fps)
    return [
        Felt(
            times(row, told),
            tuple(value for key in keyed(row) for value in key) or (row.get("strength", 1.0),),
            tuple(str(row.get(name, "")) for name in ("prompt", "clip", "action", "gesture")),
            frozenset(row.get("regions", REGIONS)),
        )
        for row in told.get("passages", ())
        if passages.asks(SimpleNamespace(**{**BLANK, **row}))
    ]


def times(row, told):
    """(start, end, fade, fade out (below 0: the same)) of a passage of a record, in seconds from the voice's start."""
    start, fps = told.get("start", 0), float(told.get("fps") or 24)
    return (row["start"] - start) / fps, (row["end"] - start) / fps, row.get("fade", 0) / fps, row.get("goes", -1) / fps


def alike(one, other):
    """Whether two Felt ask for the same, as far as frames of another rate tell."""
    if one.asks != other.asks or one.regions != other.regions or len(one.strength) != len(other.strength):
        return False
    near = lambda a, b: a == b if isinstance(a, str) or isinstance(b, str) else abs(a - b) < NEAR
    return all(map(near, (*one.times, *one.strength), (*other.times, *other.strength)))


def reach(start, end, fade, goes):
    """(first, last second) that a passage with those times() touches, with its fades."""
    return touched(Passage(start, end, "", fade=fade, **({"fade_out": goes} if goes >= 0 else {})))


def partly(before, now, spans):
    """The record of a take of which spans (first, last seconds) alone were performed anew: elsewhere it is still made of what it was.
    before: its record, or None."""
    if before is None or any(differs(before.get(name), now[name]) for name in ("start", "fps")):
        return now

    def within(row):
        begin, end = reach(*times(row, now))
        return any(first <= end and begin <= last for first, last in spans)

    kept = [row for row in before.get("passages", ()) if not within(row)] + [row for row in now["passages"] if within(row)]
    return {**now, **{name: before[name] for name in (*WHOLE, "transcript") if name in before}, "passages": kept}


def draw(layout: Any, head: Any) -> None:
    """A button, where something is out of date."""
    if bake.actions(shown_rig(head)) and (stale := of(head)).what:
        row = layout.row(align=True)
        row.operator("utter.update", text=f"Bring Up to Date: {stale.what}", icon="FILE_REFRESH")


HANDLERS = of_changes(_after_update, _forget)


def register():
    listen(HANDLERS)


def unregister():
    deafen(HANDLERS)
    _forget()
