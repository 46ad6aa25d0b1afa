"""What made a take: kept with its Action as JSON, and shown in the panel when the take is chosen.

Frames in it are those of the scene when the take was made, which `start` and `fps` tell; they are shown where the voice lies now.
"""

import functools
import json
from pathlib import Path
from typing import Any

import bpy

from ..animation import bake
from ..animation.finish import amounts_of, looks_at
from ..contract import OPTIONS, SLIDERS, UtterError
from . import sequencer, strengths

MADE, PLACED = "utter_take", "utter_place"  # custom properties of the Actions of a take: its record, the frame at which its voice begins
SHOWN = tuple(name for name, option in OPTIONS.items() if option.panel and name not in ("voice", "start"))  # these have a place in time
LISTS = ("passages", "transcript", "readings")  # what else of a head's settings belongs to a take
FRAMES = {"passages": ("start", "end"), "transcript": (), "readings": ()}  # fields that lie on the timeline
KEYED = "keys"  # of a passage: its strength, where it is keyed
LASTING = ("fade", "goes")  # and those that are a number of frames


def of(settings: Any) -> dict[str, Any]:
    """What the settings of a head (Object.utter) ask for now, and what was found for it, as JSON can hold it."""
    return {**asked(settings), **found(settings)}


def asked(settings: Any) -> dict[str, Any]:
    """What the settings of a head ask for now: of of() what an artist gives."""
    return {
        **{name: getattr(settings, name) for name in SHOWN},
        "voice": settings.voice,
        "path": path_of(settings),
        "start": settings.start,
        "fps": bake.scene_fps(sequencer.scene_of(settings.id_data)),
        "identity": face(settings),
        "passages": passages_of(settings),
    }


def passages_of(settings: Any) -> list[dict[str, Any]]:
    """The rows of the passages, with the keys of their strengths."""
    return [{**row(item), **({KEYED: keys} if (keys := strengths.rows(item)) else {})} for item in settings.passages]


def face(settings: Any) -> str:
    """Who the head is: its sliders and seed, in a line."""
    values = [getattr(settings.identity, name.lower().replace(" ", "_")) for name in SLIDERS]
    return " ".join([*(f"{value:.3g}" for value in values), str(settings.identity.seed)])


def found(settings: Any) -> dict[str, Any]:
    """What a performance adds to that: words, readings, how long it is; and the passages, which directions may have made."""
    return {
        "frames": settings.frames,
        "transcript_of": settings.transcript_of,
        "directed": settings.directed,
        **{name: [row(item) for item in getattr(settings, name)] for name in LISTS[1:]},
        "passages": passages_of(settings),
    }


def path_of(settings: Any) -> str:
    """The absolute path of the voice, or ""."""
    return bpy.path.abspath(settings.voice, library=settings.id_data.library) if settings.voice else ""


def row(item: Any) -> dict[str, Any]:
    """{field: value} of an item of a list; an Action by its name, regions in order."""
    values = {name: getattr(item, name) for name in fields(item)}
    kept = lambda value: value.name if isinstance(value, bpy.types.Action) else sorted(value) if isinstance(value, set) else value
    return {name: kept(value) for name, value in values.items()}


def fields(item: Any) -> list[str]:
    kind: Any = type(item)
    return _fields(kind)


@functools.cache
def _fields(kind: Any) -> list[str]:
    names = (told.identifier for told in kind.bl_rna.properties)
    return [name for name in names if name not in ("rna_type", "name", "fade_out")]  # which shows another


def keep(actions: Any, record: dict[str, Any]) -> None:
    """Keep a record with the Actions of a take."""
    text = json.dumps(record)
    for action in actions:
        action[MADE] = text


def read(actions: Any) -> dict[str, Any] | None:
    """The record of a take's Actions; None where an earlier version made them, or it is damaged."""
    return next((told for action in actions if (told := _parsed(str(action.get(MADE, "")))) is not None), None)


@functools.lru_cache(maxsize=16)  # panels ask in every redraw, and of a long voice a record has thousands of words
def _parsed(text):
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def told(record: dict[str, Any]) -> str:
    """A line about a record, for the list of takes."""
    feels = f"\u201c{record['prompt']}\u201d" if record.get("prompt") else ""
    count = len(record.get("passages", ()))
    passages = f"{count} passage{'s' if count > 1 else ''}" if count else ""
    voice = Path(record.get("path", "")).name.encode("utf-8", "replace").decode()
    return ", ".join(filter(None, (voice, feels, passages, f"seed {record.get('seed', 0)}", record.get("quality", ""))))


def show(settings: Any, record: dict[str, Any], actions: Any) -> None:
    """Let the settings of a head ask for what made a take again, and put its voice on the sequencer. What this version does not know, or
    what was damaged, is left as it is."""
    for name in SHOWN:
        put(settings, name, record.get(name))
    show_voice(settings, record, actions)
    scale = bake.scene_fps(sequencer.scene_of(settings.id_data)) / float(record.get("fps") or bake.scene_fps())
    moved = lambda frame: settings.start + (frame - record.get("start", 0)) * scale
    for name in LISTS:
        if not isinstance(record.get(name), list):
            continue
        items = getattr(settings, name)
        if name == "passages":
            strengths.clear(settings.id_data)
        items.clear()
        for told in record[name]:
            item = items.add()
            for field in fields(item):
                value = told.get(field)
                if field in FRAMES[name] and value is not None:
                    value = round(moved(value))
                elif field in LASTING and value is not None and value >= 0:
                    value = round(value * scale)
                put(item, field, value)
            if told.get(KEYED):
                strengths.put(item, strengths.moved(told[KEYED], moved))
    settings.passage = max(0, min(settings.passage, len(settings.passages) - 1))
    for name in ("frames", "transcript_of", "directed"):
        put(settings, name, record.get(name))


_showing = False  # values that are kept; nobody asks for them anew


def quiet() -> bool:
    """Whether a take's finishing is being shown, so that its sliders ask for nothing."""
    return _showing


def show_finish(settings: Any, actions: Any) -> None:
    """Let the sliders of Finish show what the keys of a take show; [] neutral."""
    global _showing
    _showing = True
    try:
        for name, value in amounts_of(actions)._asdict().items():
            put(settings.finish, name, value)
        settings.look_at = bpy.data.objects.get(looks_at(actions))
    finally:
        _showing = False


def show_voice(settings: Any, record: dict[str, Any], actions: Any) -> None:
    """Name the voice of a record, where it is another one; it lies where it last lay with the take. A file that was moved with its folder
    is found beside the scene, one of another scene's folder at its whole path."""
    given, whole = record.get("voice"), record.get("path") or ""
    if given is None or same(whole, path_of(settings)):
        return
    placed = [action[PLACED] for action in actions if isinstance(action.get(PLACED), int)]
    settings.placed = placed[0] if placed else record.get("start", settings.start)
    settings.start = settings.placed
    settings.voice = voice_of(record)


def voice_of(record: dict[str, Any]) -> str:
    """Where the voice of a record is, as a head's settings name it."""
    given, whole = record.get("voice") or "", record.get("path") or ""
    there = not given.startswith("//") or Path(bpy.path.abspath(given)).is_file() or not Path(whole).is_file()
    return given if there else whole


def check_voice(record: dict[str, Any]) -> None:
    """UtterError where the voice of a record is gone, before the settings ask for it."""
    path = bpy.path.abspath(voice_of(record))
    if path and not Path(path).is_file():
        raise UtterError(f"The voice of this take is gone ({path}); put the file back there, or choose another voice and press Perform.")


def place(settings: Any, actions: Any) -> None:
    """Remember that a take begins where the head's voice does now, unless it is of another voice: that one has its own place."""
    told = read(actions)
    if told and same(told.get("path") or "", path_of(settings)):
        for action in actions:
            if action.get(PLACED) != settings.start:
                action[PLACED] = settings.start


def same(one: str, other: str) -> bool:
    return bool(one) == bool(other) and (not one or Path(one) == Path(other))


def put(owner: Any, name: str, value: Any) -> None:
    """Set a property to a value that was kept, if it still takes such a value."""
    if value is None or not hasattr(owner, name):
        return
    if name == "action":
        value = bpy.data.actions.get(value)
    if name == "regions" and isinstance(value, list):
        value = set(value)
    try:
        if getattr(owner, name) != value:
            setattr(owner, name, value)
    except (TypeError, ValueError, AttributeError):
        return
