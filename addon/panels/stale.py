"""What of a performance is out of date: what its take's record says made it is not what the panel asks for now."""

import functools
import json
import time
from typing import Any, NamedTuple

import bpy

from .. import rigs
from ..animation import bake
from ..contract import FPS, Passage, touched
from . import record, takes
from .base import settings_of

APART = {"seed", "quality", "curves", "jaw", "variations"}  # options that ask for another take, or show the same one otherwise
WHOLE = {"path": "voice", "identity": "identity", **{name: name.replace("_", " ") for name in record.SHOWN if name not in APART}}
NEAR = 0.05  # seconds by which a passage may lie elsewhere: its frames are whole, at any frame rate
AGAIN = 0.3  # seconds: panels ask many times in one redraw

_known: dict[int, tuple["Stale", float]] = {}  # in a window: by a head's session uid, and when it was found


class Stale(NamedTuple):
    """What is out of date: all of it, or spans of scene frames (first, last); what: in a few words, "" where nothing is."""

    all: bool = False
    spans: tuple[tuple[float, float], ...] = ()
    what: str = ""


def of(head: Any) -> Stale:
    """What is out of date of the take that a head performs. Of takes of earlier versions, and of what was not performed, nothing is."""
    found, when = _known.get(head.session_uid, (Stale(), 0.0))
    if bpy.app.background or time.monotonic() - when > AGAIN:
        found = _of(head)
        _known.clear()
        _known[head.session_uid] = found, time.monotonic()
    return found


def _of(head):
    settings = settings_of(head)
    take = settings.takes[settings.take] if 0 <= settings.take < len(settings.takes) else None
    text = next((action[record.MADE] for action in takes.actions_of(take) if record.MADE in action), "") if take else ""
    told = _parsed(text) if isinstance(text, str) else None
    if told is None:
        return Stale()
    now = record.of(settings)
    changed = [label for name, label in WHOLE.items() if name in told and differs(told[name], now[name])]
    if spoken(told) != spoken(now):
        changed.append("words found")
    if changed:
        return Stale(all=True, what=", ".join(dict.fromkeys(changed)))
    before, after = felt(told), felt(now)
    fps, start, last = now["fps"], now["start"], now["start"] + max(settings.frames - 1, 0) * now["fps"] / FPS
    lacks = lambda passage, those: not any(alike(passage, one) for one in those)
    other = [one for one in before if lacks(one, after)] + [one for one in after if lacks(one, before)]
    spans = sorted((max(start, start + first * fps), min(last, start + end * fps)) for first, end in map(reach, other))
    spans = [(first, end) for first, end in spans if end - first >= 1]
    joined: list[tuple[float, float]] = []
    for first, end in spans:
        if joined and first <= joined[-1][1] + 1:
            first, end = joined[-1][0], max(end, joined.pop()[1])
        joined.append((first, end))
    count = len(joined)
    return Stale(spans=tuple(joined), what=f"{count} {'passages' if count > 1 else 'passage'}" if count else "")


@functools.lru_cache(maxsize=4)
def _parsed(text):
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def differs(one, other):
    """Whether two values of an option differ by more than JSON does."""
    if isinstance(one, float) or isinstance(other, float):
        return abs(float(one) - float(other)) > 1e-5
    return one != other


def spoken(told):
    """The words of a record."""
    return [word.get("text") for word in told.get("transcript", ())]


def felt(told):
    """Of each passage of a record that asks for anything: (start, end, fade, fade out (None: the same)) in seconds from the voice's start,
    strength, and what it asks for."""
    start, fps = told.get("start", 0), float(told.get("fps") or 24)
    found = []
    for row in told.get("passages", ()):
        named = row.get("gesture", "NONE") != "NONE" or row.get("action") or row.get("clip") or row.get("prompt", "").strip()
        if row.get("on", True) and named:
            times = [(row["start"] - start) / fps, (row["end"] - start) / fps, row.get("fade", 0) / fps, row.get("goes", -1) / fps]
            found.append((*times, row.get("strength", 1.0), *(str(row.get(name, "")) for name in ("prompt", "clip", "action", "gesture"))))
    return found


def alike(one, other):
    """Whether two of felt() ask for the same, as far as frames of another rate tell."""
    return one[5:] == other[5:] and max(abs(a - b) for a, b in zip(one[:5], other[:5])) < NEAR


def reach(passage):
    """(first, last second) that a passage of felt() touches, with its fades."""
    start, end, fade, goes = passage[:4]
    return touched(Passage(start, end, "", fade=fade, **({"fade_out": goes} if goes >= 0 else {})))


def partly(before, now, spans):
    """The record of a take of which spans (first, last seconds) alone were performed anew: elsewhere it is still made of what it was.
    before: its record, or None."""
    if before is None or any(differs(before.get(name), now[name]) for name in ("start", "fps")):
        return now
    within = lambda row: any(first <= last_of and begin <= last for first, last in spans for begin, last_of in [_reach_of(row, now)])
    kept = [row for row in before.get("passages", ()) if not within(row)] + [row for row in now["passages"] if within(row)]
    return {**now, **{name: before[name] for name in (*WHOLE, "transcript") if name in before}, "passages": kept}


def _reach_of(row, told):
    return reach(felt({**told, "passages": [{**row, "on": True, "prompt": row.get("prompt") or "."}]})[0])


def draw(layout: Any, head: Any) -> None:
    """A button, where something is out of date."""
    if bake.actions(rigs.rig_of(head)) and (stale := of(head)).what:
        row = layout.row(align=True)
        row.operator("utter.update", text=f"Bring Up to Date: {stale.what}", icon="FILE_REFRESH")
