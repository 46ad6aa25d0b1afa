"""What shape keys are, by their names: presets of the rigs that people have, compared whatever the spelling.

A name is cut into its words (at signs, and where small letters turn to capital ones); l and r are left and right, and sides go to the
end: `Eye_L_Look_Up`, `eyeLookUp.L` and `EyeLookUpLeft` are one. What stands in front of several keys alike (`blendShape1.`, `Face.`,
`head_lod0_mesh__`) and numbers (`A25_`) may be left out.
"""

import functools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .rows import Row

FOLDER = Path(__file__).parent / "presets"
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
SIDES = {"l": "left", "r": "right", "left": "left", "right": "right", "lt": "left", "rt": "right"}
SHARED = 4  # keys that begin alike: from here on that is a prefix
NUMBER = re.compile(r"[a-z]{0,3}\d+")  # A25_, AK_04_: where it stands in a list


class Preset(NamedTuple):
    """name: of the rig. what: its keys are called. rows: {target: Row}; a row's first source is what it is there for."""

    name: str
    what: str
    rows: dict[str, Row]

    def count(self, targets: Iterable[str]) -> int:
        """How many movements these targets are: two halves of one action are one."""
        return len({tuple(self.rows[target].sources) or target for target in targets})


class Matched(NamedTuple):
    """rows: of the keys that are there. kinds: {preset's name: how many of its movements are there, and how many of these move}. main: the
    preset that most keys are of, or None. also: keys that a preset knows, but what they would do other keys do. named: all keys that
    any preset knows."""

    rows: tuple[Row, ...]
    kinds: dict[str, tuple[int, int]]
    main: Preset | None
    also: tuple[str, ...]
    named: tuple[str, ...]


@functools.cache
def presets() -> tuple[Preset, ...]:
    """The shipped presets, those first that say most about a face."""
    found = []
    for path in FOLDER.glob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = {target: _row(target, sources) for target, sources in told["rows"].items()}
        found.append((told["order"], Preset(told["name"], told["what"], rows)))
    return tuple(preset for _, preset in sorted(found, key=lambda pair: pair[0]))


def _row(target, sources):
    if isinstance(sources, str):
        sources = {sources: 1.0}
    limits = tuple(sources["limits"]) if "limits" in sources else (0.0, 1.0)
    return Row(target, {name: weight for name, weight in sources.items() if name != "limits"}, limits=limits)


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters, sides as they are: `Mouth_Smile.L` -> mouth, smile, left."""
    words = WORDS.findall(unicodedata.normalize("NFKC", name))
    return [SIDES.get(word.lower(), word.lower()) for word in words]


def plain(words: Iterable[str]) -> str:
    """Words as one name to compare, the sides at its end."""
    words = list(words)
    return "".join([word for word in words if word not in ("left", "right")] + [word for word in words if word in ("left", "right")])


def match(keys: Iterable[str], moves: Iterable[str] | None = None) -> Matched:
    """Rows for the shape keys of a character, by name. moves: those of them that move anything, None: all.

    Each key is of the presets that know most of its name. The preset with most moving keys comes first; a row of a later one is left
    out where earlier rows read what it is there for."""
    keys = list(dict.fromkeys(keys))
    moving = set(keys if moves is None else moves)
    of = _of(keys)
    kinds = {preset.name: {target for key in keys for name, target in of[key] if name == preset.name} for preset in presets()}
    live = {
        preset.name: {target for key in keys if key in moving for name, target in of[key] if name == preset.name} for preset in presets()
    }
    ranked = sorted(presets(), key=lambda preset: -len(live[preset.name]))
    rows: list[Row] = []
    read: set[str] = set()
    also: list[str] = []
    for preset in ranked:
        mine = set()
        for key in keys:
            for target in (target for name, target in of[key] if name == preset.name and key in moving):
                row = preset.rows[target]
                first = next(iter(row.sources), None)
                if any(row.target == key for row in rows) or first is None:
                    continue
                if first in read:
                    also.append(key)
                    continue
                rows.append(row._replace(target=key, why=f"name: {preset.name} {target}"))
                mine |= set(row.sources)
        read |= mine
    single = {source for row in rows if len(row.sources) == 1 for source in row.sources}
    whole = [row.target for row in rows if len(row.sources) > 1 and min(row.sources.values()) > 0 and set(row.sources) <= single]
    rows, also = [row for row in rows if row.target not in whole], also + whole  # Blink, where Blink_L and Blink_R are
    best = next((preset for preset in ranked if live[preset.name]), None) or next((p for p in presets() if kinds[p.name]), None)
    also = [key for key in dict.fromkeys(also) if all(row.target != key for row in rows)]
    counts = {
        preset.name: (preset.count(kinds[preset.name]), preset.count(live[preset.name])) for preset in presets() if kinds[preset.name]
    }
    return Matched(tuple(rows), counts, best, tuple(also), tuple(key for key in keys if of[key]))


def _of(keys):
    """{key: [(preset's name, target)]} by the longest part of its name that a preset knows."""
    known: dict[str, list[tuple[str, str]]] = {}
    for preset in presets():
        for target in preset.rows:
            known.setdefault(plain(words_of(target)), []).append((preset.name, target))
    words = {key: words_of(key) for key in keys}
    begin = Counter(tuple(told[:count]) for told in words.values() for count in range(1, len(told)))
    found: dict[str, list[tuple[str, str]]] = {}
    for key, told in words.items():
        found[key] = []
        for cut in range(len(told)):
            left_out, rest = tuple(told[:cut]), told[cut:]
            prefix = not cut or begin[left_out] >= SHARED or NUMBER.fullmatch("".join(left_out))
            everywhere = not cut or begin[left_out] >= len(keys) - 1
            name = plain(rest)
            if prefix and (len(name) > 1 or everywhere) and name in known:
                found[key] = known[name]
                break
    return found
