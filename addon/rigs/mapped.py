"""Characters that move by what they have: a rig map says which shape keys, and which poses of bones, follow which movements, on one mesh
or on several.

The map is known by the keys' names (addon/maps/names.py), or it is the character's own: the custom property "utter_map" of its main
mesh, as JSON (docs/formats.md, "Rig map").
"""

import functools
import time
from collections.abc import Collection, Iterable
from typing import Any

import bpy
import numpy as np
from mathutils.kdtree import KDTree

from ..animation import tracks
from ..animation.tracks import Track
from ..contract import ACTIONS, FACE_ACTIONS, PERFORMANCE, REGIONS, UtterError
from ..maps import names, rows
from ..maps.ours import ours
from ..maps.rows import SOURCES, Map, Row
from . import bones, channels, parts, poses, sharing, turns
from .axes import guess, quarter_turns, told
from .base import OURS, Find, Recognition, Rig, armature, key_points, key_track, listed, neutral, triangles, unusable

PROPERTY = "utter_map"
OWN_SURE = 0.55  # surer than that it is a neutral head for having as many vertices, less than what is a head without being asked
BONED_SURE = 0.65  # a head by its bones' names, to be asked about
LEAST = 3  # rows: with fewer it is no face
OWN = 3  # moving keys that no preset knows: from here on a mesh has expressions of its own
NEAR = 0.02  # of the head's size: lips that touch at rest are no further apart
MOVED = 0.3  # of the most that an action moves: from here on a vertex follows it
TOUCH = 5  # so much less far may lips be parted by the jaw for each bit that they lie closer at rest
STILL = 0.2  # and up to here it hardly does
AGAIN = 0.3  # seconds: panels ask many times in one redraw
UPPER_LIP = ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthRollUpper", "mouthShrugUpper")  # actions of the upper lip alone

_told: dict[tuple, tuple[Recognition | None, float]] = {}  # in a window: what was recognised, and when


class MappedRig(Rig):
    """A character that moves by its own shape keys or poses of its bones, and turns head and eyes by bones where it has these."""

    name = "Rig Map"
    columns = PERFORMANCE

    def __init__(self, obj: Any, others: list[Any] | None = None) -> None:
        super().__init__(obj)
        self.parts = [obj, *(parts.related(obj, siblings(obj)) if others is None else others)]
        self.map = map_of(obj, self.parts)
        self._turns: list[turns.Turn] | None = None
        there = {key for part in self.parts for key in parts.keys_of(part)}
        strong = lambda row: row._replace(gain=row.gain * self.map.gains.get(rows.region_of(row), 1.0))
        rig = armature(obj)
        posed = self.map.poses if rig and rig.pose else {}
        on = [row for row in self.map.on() if row.target in there or row.target in posed or channels.channel(row.target, rig)]
        self.rows = [strong(row) for row in on]
        self.posing = [k for k, row in enumerate(self.rows) if row.target in posed and row.target not in there]  # rows that pose bones
        self.plain = [row for k, row in enumerate(self.rows) if k not in self.posing]  # the others
        self.bones = poses.parts_of(rig, [posed[self.rows[k].target] for k in self.posing]) if self.posing else []

    @classmethod
    def recognise(cls, obj: Any) -> Recognition | None:
        if not parts.keys_of(obj) and PROPERTY not in obj:
            return cls._boned(obj)
        asked = obj.session_uid, len(parts.keys_of(obj)), str(obj.get(PROPERTY, "")), obj.name
        told, when = _told.get(asked, (None, 0.0))
        if told is None or bpy.app.background or time.monotonic() - when > AGAIN:
            if len(_told) > 100:
                _told.clear()
            told = cls._recognised(obj)
            _told[asked] = told, time.monotonic()
        return told

    @classmethod
    def _boned(cls, obj):
        """A mesh without shape keys whose armature has the bones of a face that Utter knows, or poses of one."""
        kind = bones.kind_of(obj)
        if kind is None or bones.main_of(obj) != obj:
            return None
        reason = f"{obj.name} has the face bones of {kind.name}; choose Match by Shape under Rig Map to find what poses them."
        return Recognition("usable", reason, BONED_SURE, cls)

    @classmethod
    def _recognised(cls, obj):
        main, others = _main(obj)
        if main is None:
            own = [key for key in parts.moving(obj) if not key.startswith("Exp")]
            if len(own) < OWN:
                return None
            reason = f"{obj.name} has {len(own)} shape keys of its own, whose names Utter does not know; match them by shape under Rig Map."
            return Recognition("usable", reason, OWN_SURE, cls)
        if main != obj:
            return Recognition("none", f"{obj.name} is a part of {main.name}; select that.", 0.6, cls)
        try:
            rig = cls(obj, others)
        except UtterError as error:
            return Recognition("none", str(error), 0.9, cls)
        return Recognition(*rig.judged(), cls)

    def judged(self) -> tuple[str, str, float]:
        """Of a Recognition: state, reason, and how sure."""
        obj = self.obj
        told, sure = describe(obj, self.parts, self.map, self.rows)
        first = obj.data.shape_keys.reference_key if parts.keys_of(obj) else None
        if first and (reason := unusable(obj, [first] if _known(first.name) else [])):
            return "none", reason, sure
        opens = [row for row in self.rows if _opens(row)]
        if not opens and not any(turn.joint == "jaw" for turn in self.turns()):
            return "none", f"{obj.name} cannot speak: {told}; choose which keys open its mouth under Rig Map.", sure
        moved = parts.driven(obj)
        if opens and all(row.target in moved for row in opens):
            return "none", f"The shape keys of {obj.name} are moved by drivers ({listed(sorted(moved))}); delete these to perform.", sure
        return "ready", f"{obj.name} is ready to perform with {told}.", sure

    def meshes(self) -> list[Any]:
        return self.parts

    def owners(self) -> list[Any]:
        used = {row.target for row in self.rows}
        told = [part for part in self.parts if part == self.obj or used & set(parts.keys_of(part))]
        moved = [turn.owner for turn in self.turns()] + [part.owner for part in self.bones]
        moved += [armature(self.obj) for row in self.rows if channels.is_path(row.target)]
        return [*(part.data.shape_keys for part in told if part.data.shape_keys), *dict.fromkeys(moved)]

    def turns(self) -> list[turns.Turn]:
        """The bones that turn head and eyes."""
        if self._turns is None:
            jaw = not any(_opens(row) for row in self.rows)
            posed = {part.bone.name for part in self.bones}
            found = turns.turns_of(self.obj, self.parts, self.axes, jaw, self.map.gains)
            self._turns = [turn for turn in found if turn.bone.name not in posed]
        return self._turns

    def joints(self) -> dict[str, Any]:
        return {turn.joint: turn.bone for turn in reversed(self.turns())}

    def tracks(self) -> list[Track]:
        by_rows = [track for row in self.rows for track, _ in self._tracks(row)]
        return by_rows + [track for moving in (self.bones, self.turns()) for one in moving for track in one.tracks()]

    def tracks_of(self, row: Row) -> list[Track]:
        """The tracks by which a row moves its target."""
        return [track for track, _ in self._tracks(row)] or [track for part in self._bones_of({row.target}) for track in part.tracks()]

    def plan(self, samples: np.ndarray, on: Collection[tuple] | None = None) -> dict[Track, np.ndarray]:
        self.cut = []
        values = rows.solve(self.rows, samples)
        posed = values[:, self.posing] @ np.hstack([part.full for part in self.bones]) if self.bones else values[:, :0]
        turned = [turn.write(samples) for turn in self.turns()]
        turned += [part.write(posed[:, 3 * number : 3 * number + 3]) for number, part in enumerate(self.bones)]
        return {track: column for each in turned for track, column in each.items()} | {
            track: self._held(track, key, row, column)
            for row, column in zip(self.rows, values.T)
            for track, key in self._tracks(row)
            if on is None or track[:3] in on
        }

    def pins(self, kind: int | None = None) -> tuple[list[float], list[int], list[float]]:
        held: dict[float, dict[int, float | None]] = {}  # frame: {row of back: value asked for, None: as its curve has it}
        back = self._back()
        for index, row in enumerate(self.plain):
            for track, _ in self._tracks(row):
                for frame, value in tracks.held(tracks.find(track), kind):
                    held.setdefault(float(frame), {})[index] = float(value)
        first = len(self.plain)
        for number, part in enumerate(self.bones):
            for frame in part.held(kind):
                held.setdefault(float(frame), {}).update(dict.fromkeys(range(first + 3 * number, first + 3 * number + 3)))
        frames, columns, wanted = self._turned(kind)
        if not held:
            return frames, columns, wanted
        moments = np.array(sorted(held))
        values, asked = self._values(moments), np.zeros((len(moments), len(back)), bool)
        for place, frame in enumerate(moments):
            for index, value in held[frame].items():
                asked[place, index] = True
                values[place, index] = values[place, index] if value is None else value
        meant = rows.recover(back, values, asked)
        for place, frame in enumerate(moments):
            for column in sorted({SOURCES[name] for index in held[frame] for name in back[index].sources}):
                frames.append(float(frame))
                columns.append(column)
                wanted.append(float(meant[place, column]))
        return frames, columns, wanted

    def _back(self):
        """The rows that curves are read back by: of each key and channel, then three of each property of a bone that poses move."""
        of = [self.rows[k] for k in self.posing]
        return self.plain + [row for part in self.bones for row in part.rows(of)]

    def _turned(self, kind):
        """The artist's keys on bones, as pins() gives them."""
        frames, columns, values = [], [], []
        for joint in dict.fromkeys(turn.joint for turn in self.turns()):
            of = [turn for turn in self.turns() if turn.joint == joint]
            moments = np.unique(np.concatenate([turn.held(kind) for turn in of]))
            for column, found in turns.read(of, moments).items() if len(moments) else ():
                frames.extend(moments.tolist())
                columns.extend([column] * len(moments))
                values.extend(found.tolist())
        return frames, columns, values

    def holds(self, samples: np.ndarray, columns: Iterable[int]) -> dict[Track, np.ndarray]:
        planned, columns = self.plan(samples), set(columns)
        held = {row.target for row in rows.reading(self.rows, columns, wholly=True)}
        found = [track for row in self.rows if row.target in held for track, _ in self._tracks(row)]
        found += [track for part in self._bones_of(held) for track in part.tracks()]
        found += [track for turn in self.turns() if set(turns.COLUMNS[turn.joint]) <= columns for track in turn.tracks()]
        return {track: planned[track] for track in found}

    def columns_of(self) -> dict[Track, int]:
        found = {track: turns.COLUMNS[turn.joint][0] for turn in self.turns() for track in turn.tracks()}
        for part in self.bones:  # by the pose that moves it most
            row = self.rows[self.posing[int(np.abs(part.full).max(axis=1).argmax())]]
            found |= dict.fromkeys(part.tracks(), SOURCES[next(iter(row.sources))])
        return found | {track: SOURCES[next(iter(row.sources))] for row in self.rows if row.sources for track, _ in self._tracks(row)}

    def by_poses(self) -> set[str]:
        return {part.bone.name for part in self.bones}

    def _bones_of(self, targets):
        """The properties of bones that any of these poses move."""
        mine = [place for place, k in enumerate(self.posing) if self.rows[k].target in targets]
        return [part for part in self.bones if np.abs(part.full[mine]).sum() > 0]

    def posable(self) -> set[int]:
        turned = {column for turn in self.turns() for column in turns.COLUMNS[turn.joint]}
        return turned | {SOURCES[name] for row in self.rows if len(row.sources) == 1 for name in row.sources}

    def moved(self, columns: Iterable[int]) -> set[Track]:
        columns = set(columns)
        read = {row.target for row in rows.reading(self.rows, columns, wholly=False)}
        turned = {track for turn in self.turns() if set(turns.COLUMNS[turn.joint]) & columns for track in turn.tracks()}
        turned |= {track for part in self._bones_of(read) for track in part.tracks()}
        return turned | {track for row in self.rows if row.target in read for track, _ in self._tracks(row)}

    def sample(self, frames: np.ndarray, find: Find = OURS) -> np.ndarray:
        values = rows.recover(self._back(), self._values(frames, find))
        for column, turned in turns.read(self.turns(), frames, find).items():
            values[:, column] = turned
        return values

    def rest(self) -> None:
        for row in self.rows:
            for _, key in self._tracks(row):
                if key is not None:
                    key.value = 0
                elif found := channels.channel(row.target, armature(self.obj)):
                    found.put(row.offset)
        turns.rest(self.turns())
        for part in self.bones:
            part.rest()

    def separate(self) -> list[str]:
        return [sentence for part in self.parts for sentence in sharing.own_mesh(part)]

    def losses(self) -> list[str]:
        there = {key for part in self.parts for key in parts.keys_of(part)}
        known = {row.target for row in self.rows}
        lost = [row.target for row in self.map.on() if row.target not in there | known]
        gone = sorted({bone for pose in self.map.poses.values() for bone in pose} - {*_bone_names(self.obj)})
        said = [f"{self.obj.name} lacks shape keys that its rig map moves ({listed(lost)}); rename them so, or match anew."] if lost else []
        if gone:
            said.append(f"The armature of {self.obj.name} lacks bones that its poses move ({listed(gone)}); rename them so, or match anew.")
        return [*super().losses(), *said]

    def lips(self) -> tuple[int, int] | None:
        """As the map says. Else of the upper lip (which only its own actions move) and the lower one (which follows the jaw, and closes):
        the two vertices that touch at rest and that the jaw parts furthest. Teeth move by none of the lips' own actions."""
        if self.map.lips:
            upper, lower = self.map.lips
            return (upper, lower) if max(upper, lower) < len(self.obj.data.vertices) else None
        return lips_by_rows(self.obj, self.rows) if parts.keys_of(self.obj) else None

    def axes(self) -> np.ndarray:
        """By where its keys move it, if the names of these are known; else as it stands in the scene."""
        centres = parts.centres(self.obj)
        alone = {row.target: next(iter(row.sources)) for row in self.rows if len(row.sources) == 1}
        pairs = [(ours().centres[ACTIONS.index(name)], centres[key]) for key, name in alone.items() if key in centres and name in ACTIONS]
        turn = told(*np.array(pairs).transpose(1, 0, 2)) if pairs else None
        if turn is not None:
            quarter = quarter_turns()
            return quarter[np.einsum("nij,ij->n", quarter, turn).argmax()]
        return guess(neutral(self.obj), triangles(self.obj), np.array(self.obj.matrix_world.to_3x3().normalized()))

    def shape_keys(self) -> dict[int, Any]:
        """Of the main mesh, by what each is there for first."""
        keys, found = self.obj.data.shape_keys.key_blocks if parts.keys_of(self.obj) else {}, {}
        for row in self.rows:
            column = SOURCES[next(iter(row.sources))]
            if row.target in keys and column not in found:
                found[column] = keys[row.target]
        return found

    def lip_gap(self, performance: np.ndarray) -> np.ndarray | None:
        lips, performance = self.lips(), np.asarray(performance)
        if self.posing and lips is not None and performance.shape[1] >= PERFORMANCE:  # in shares of how far the jaw opens them
            return np.maximum(rows.solve(self.rows, performance) @ [row.parting for row in self.rows], 0)
        if lips is None or performance.shape[1] < PERFORMANCE:
            return None
        up, keys = self.axes()[:, 1], self.obj.data.shape_keys.key_blocks
        apart = lambda points: np.subtract(points[lips[0]].co, points[lips[1]].co) @ up
        rest = apart(self.obj.data.shape_keys.reference_key.data)
        opening = [apart(keys[row.target].data) - rest if row.target in keys else 0.0 for row in self.rows]
        return np.maximum(rest + rows.solve(self.rows, performance) @ np.array(opening), 0)

    def _held(self, track, key, row, column):
        if key is None:
            return column
        return self.hold(track, key, column if row.limits else np.clip(column, key.slider_min, key.slider_max))

    def _tracks(self, row):
        """(track, shape key) of a row, on each mesh that has its key; (track, None) of a channel."""
        group = REGIONS[rows.region_of(row)][0]
        if found := channels.channel(row.target, armature(self.obj)):
            return [(found.track(group), None)]
        owners = [part.data.shape_keys for part in self.parts if part.data.shape_keys]
        return [(key_track(own, key, group), key) for own in owners if (key := own.key_blocks.get(row.target))]

    def _values(self, frames, find=OURS):
        """What the curves say of each row that they are read back by [N, K], 0 without one."""
        values = np.zeros((len(frames), len(self.plain) + 3 * len(self.bones)))
        for index, row in enumerate(self.plain):
            curve = next((curve for track, _ in self._tracks(row) if (curve := find(track))), None)
            if curve:
                values[:, index] = [curve.evaluate(frame) for frame in frames]
        for number, part in enumerate(self.bones):
            if (added := part.read(np.asarray(frames, float), find)) is not None:
                values[:, len(self.plain) + 3 * number :][:, :3] = added / part.size()
        return values


def _opens(row):
    """Whether a row is there for opening the mouth."""
    return row.sources.get("jawOpen", 0) > 0


def _bone_names(obj):
    rig = armature(obj)
    return rig.data.bones.keys() if rig else []


def lips_by_rows(obj: Any, of_rows: Iterable[Row]) -> tuple[int, int] | None:
    """The two vertices of the lips, by what the rows that are there for jaw, closing and the upper lip alone move; or None."""
    of_rows = list(of_rows)
    rest, blocks = neutral(obj), obj.data.shape_keys.key_blocks
    of = lambda *sources: [row.target for row in of_rows if row.target in blocks and next(iter(row.sources)) in sources]
    moved = lambda keys: sum((np.linalg.norm(key_points(blocks[key]) - rest, axis=1) for key in keys), np.zeros(len(rest)))
    follows, closes, raised = moved(of("jawOpen")), moved(of("mouthClose")), moved(of(*UPPER_LIP))
    if not (follows.max() > 0 and closes.max() > 0 and raised.max() > 0):
        return None
    upper = np.flatnonzero((raised > MOVED * raised.max()) & (follows < STILL * follows.max()))
    lower = np.flatnonzero((closes > MOVED * closes.max()) & (follows > MOVED * follows.max()))
    if not (len(upper) and len(lower)):
        return None
    tree = KDTree(len(lower))
    for row in lower:
        tree.insert(rest[row], int(row))
    tree.balance()
    pairs = [(int(row), *tree.find(rest[row])[1:]) for row in upper]  # upper, nearest lower, distance
    near = NEAR * np.ptp(rest, axis=0).max()
    touching = [pair for pair in pairs if pair[2] < near]
    best = max(touching, key=lambda pair: follows[pair[1]] - follows[pair[0]] - TOUCH * pair[2], default=None)
    return best[:2] if best else None


# What a character is


def siblings(obj: Any) -> list[Any]:
    """Mesh objects with shape keys that lie in the scenes that obj lies in."""
    scenes = [scene for scene in bpy.data.scenes if scene.objects.get(obj.name) == obj] or [bpy.context.scene]
    return [other for scene in scenes for other in scene.objects if other.type == "MESH" and other.data.shape_keys]


def main_of(obj: Any) -> Any:
    """The mesh that stands for the character that a mesh object belongs to: the one with a map, or of which most keys are known; None
    where the character is none that Utter knows."""
    return _main(obj)[0]


def _main(obj):
    """(main_of(), what is related to obj)."""
    others = parts.related(obj, siblings(obj))
    group = [obj, *others]
    if own := [part for part in group if PROPERTY in part]:
        return obj if obj in own else own[0], others
    known = lambda part: len(_matched(tuple(parts.keys_of(part)), parts.moving(part)).rows)
    best = max(group, key=lambda part: (known(part), part == obj, len(part.data.vertices)))
    return best if known(best) >= LEAST else None, others


def map_of(obj: Any, of_parts: list[Any]) -> Map:
    """The character's own map, or the one that its keys' names say. UtterError if its own is damaged."""
    if PROPERTY in obj:
        return _read(str(obj[PROPERTY]), obj.name)
    matched = matched_of(of_parts)
    return Map(matched.main.name if matched.main else "unknown", matched.rows)


def matched_of(of_parts: list[Any]) -> names.Matched:
    """The rows that the names of a character's shape keys say."""
    keys = tuple(dict.fromkeys(key for part in of_parts for key in parts.keys_of(part)))
    found = _matched(keys, tuple(dict.fromkeys(key for part in of_parts for key in parts.moving(part))))
    own = set(parts.keys_of(of_parts[0]))
    blocks = of_parts[0].data.shape_keys.key_blocks if own else {}
    below = {name: (blocks[name].slider_min, 0.0) for name in own if blocks[name].slider_max <= 0 > blocks[name].slider_min}
    first: dict[str, str] = {}
    for row in found.rows:
        if row.target in own:
            first.setdefault(row.why, row.target)  # of two keys of one mesh that are called alike the first
    chosen = [row for row in found.rows if row.target not in own or first[row.why] == row.target]
    turned = [row._replace(gain=-row.gain, limits=below[row.target]) if row.target in below else row for row in chosen]  # works backwards
    return found._replace(rows=tuple(turned))


def keep(obj: Any, told: Map | None) -> None:
    """Let a character have that map of its own from now on; None: the one that its keys' names say."""
    _told.clear()
    if told is not None:
        obj[PROPERTY] = rows.to_json(told)
    elif PROPERTY in obj:
        del obj[PROPERTY]


def describe(obj: Any, of_parts: list[Any], told: Map, used: list[Row]) -> tuple[str, float]:
    """(What was recognised, what is missing, for a sentence; how sure, 0 to 1)."""
    matched = matched_of(of_parts)
    preset = matched.main
    there, live = matched.kinds[preset.name] if preset else (0, 0)
    total = preset.count(preset.rows) if preset else 0
    if told.kind == "ARKit" and preset is not None:
        said = f"{len({tuple(row.sources) for row in used})} ARKit shape keys"
    elif preset is not None and told.kind == preset.name:
        said = f"{there} of {total} {preset.what}"
    elif told.poses:
        said = f"{len(used)} poses of its bones ({told.kind})"
    else:
        said = f"{len(used)} shape keys by its own rig map"
    lacking = missing(used)
    live_keys = set(parts.moving(obj)) if parts.keys_of(obj) else set()
    empty = [key for key in parts.keys_of(obj) if key not in live_keys and _known(key)]
    without = (
        [f"it lacks {', '.join(lacking[:3])}{' ...' if len(lacking) > 3 else ''}"] if lacking and told.kind == "ARKit" else lacks(used)
    )
    if empty:
        without.append(f"{len(empty)} of its keys move nothing ({listed(empty)})")
    sure = 0.9 if PROPERTY in obj else max(0.6, live / max(total, 1))
    return "; ".join([said, *without]), min(sure, 1.0)


def missing(used: Iterable[Row]) -> list[str]:
    """The face actions that no row reads."""
    read = {name for row in used for name in row.sources}
    return [name for name, column in SOURCES.items() if column >= FACE_ACTIONS.start and name not in read]


def lacks(used: Iterable[Row]) -> list[str]:
    """What a character cannot do, in words."""
    lacking = set(missing(used))
    checks = (
        ("no key moves the jaw", {"jawOpen"}),
        ("no key shuts the eyes", {"eyeBlinkLeft", "eyeBlinkRight"}),
        ("no key moves the brows", {"browDownLeft", "browInnerUp", "browOuterUpLeft"}),
        ("no key rounds the lips", {"mouthFunnel", "mouthPucker"}),
        ("no key lets it smile", {"mouthSmileLeft", "mouthSmileRight"}),
    )
    return [sentence for sentence, all_ in checks if all_ <= lacking]


@functools.lru_cache(64)
def _matched(keys, moves):
    return names.match(keys, moves)


@functools.lru_cache(512)
def _known(key):
    return bool(names.match([key]).kinds)


@functools.lru_cache(16)
def _read(text, name):
    return rows.from_json(text, f"The rig map of {name}")
