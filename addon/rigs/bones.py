"""Faces that move by bones: which rigs' face bones Utter knows (addon/maps/bones/, as data), and a pose for each face action, found by what
the bones do to the skin.

Each bone is moved and turned a little about its own axes, and how the skin follows is looked at. A pose is what moves the skin as our
face action moves ours, carried over: least squares with limits, then once more from where the pose has really come to.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np

from ..animation.rotations import to_rotation_vector
from ..contract import ACTIONS, UtterError
from ..maps import shapes
from ..maps.ours import Ours, outward
from ..maps.rows import Pose
from . import poses
from .axes import align
from .base import armature, object_mode, triangles

FOLDER = Path(__file__).resolve().parents[1] / "maps" / "bones"
KNOWN = 0.6  # of a kind's marks: with so many of its bones an armature is of that kind
STEP, ANGLE = 0.01, 0.1  # of a head's size, radians: how far a bone is tried
STILL = 5e-4  # of a head's size: a bone that moves the skin less is not needed
RIDGE = 0.1  # of the mean of what is squared: how much small movements are preferred
MOST = 1.5  # times as far as the action moves anything may one bone move the skin
TURN = 0.6  # radians: so far may a bone turn in a pose
LEAST = 0.06  # of the most that any bone of a pose moves the skin: bones that do less are left out
EXPLAINED = 0.35  # cosine: a pose that comes no nearer to its action is none
FACING = 0.006  # metres: so far away is what faces another way by a right angle and a half
RIM = 2.0  # so much more does it count where the edges of the lids go
SIZE = 0.2  # metres: our head
STEPS = 400  # of the descent
AGAIN = 2  # times: a pose is looked at in full and mended


class Kind(NamedTuple):
    """Face bones of a kind of rig. marks: {landmark of ours: bone, at its head, or with > at its tail}. bones: those that may move.
    aims: {left, right: (what an eye looks at, the bone that turns the eye)}, where eyes are turned so."""

    name: str
    marks: dict[str, str]
    bones: tuple[str, ...]
    aims: dict[str, tuple[str, str]] = {}  # never changed


@functools.cache
def kinds() -> tuple[Kind, ...]:
    """The kinds that are known, in their order."""
    told = sorted((json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")), key=lambda one: one["order"])
    return tuple(Kind(one["name"], one["marks"], tuple(one["bones"]), one.get("aims", {})) for one in told)


def kind_of(obj: Any) -> Kind | None:
    """Of which kind the face bones are that move a mesh object, or None."""
    rig = armature(obj)
    if rig is None or rig.library or obj.type != "MESH":
        return None
    names = set(rig.data.bones.keys())
    share = lambda kind: sum(bone.rstrip(">") in names for bone in kind.marks.values()) / len(kind.marks)
    best = max(kinds(), key=share)
    return best if share(best) >= KNOWN else None


def main_of(obj: Any) -> Any:
    """Of the meshes that an armature moves, the one that has most bones of the face: groups that are called like these, or contain them."""
    rig, kind = armature(obj), kind_of(obj)
    if kind is None:
        return None
    meshes = [other for other in bpy.context.scene.objects if other.type == "MESH" and armature(other) == rig]
    plain = {bone.removeprefix("c_").rpartition(".")[0] for bone in kind.bones}
    of_face = lambda other: sum(any(part and part in group.name for part in plain) for group in other.vertex_groups)
    return max(meshes, key=lambda other: (of_face(other), len(other.data.vertices)), default=None)


class Skin:
    """A mesh whose armature is at rest while it is tried out: what its bones do to it, in the mesh's own axes."""

    def __init__(self, obj: Any) -> None:
        self.obj, self.rig = obj, armature(obj)
        self.rest = self.places()

    def places(self) -> np.ndarray:
        """Where its vertices are now [V, 3]."""
        bpy.context.view_layer.update()
        shown = self.obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.empty(3 * len(shown.data.vertices), np.float32)
        shown.data.vertices.foreach_get("co", points)
        return points.reshape(-1, 3).astype(float)

    def posed(self, pose: Pose) -> np.ndarray:
        """How far a pose moves each vertex [V, 3]."""
        there = {name: self.rig.pose.bones[name] for name in pose if name in self.rig.pose.bones}
        for name, bone in there.items():
            poses.put(bone, pose[name])
        moved = self.places() - self.rest
        for bone in there.values():
            poses.put(bone, (0.0,) * 9)
        return moved


@contextlib.contextmanager
def tried(obj: Any):
    """A Skin: all bones of its armature at rest, nothing else deforming it; put back afterwards. UtterError where its points cannot be
    followed."""
    rig = armature(obj)
    with object_mode():
        before = {bone.name: poses.now(bone) for bone in rig.pose.bones}
        modifiers = [(one, one.show_viewport) for one in obj.modifiers]
        position, hidden = rig.data.pose_position, (obj.hide_viewport, obj.hide_get())
        values = [(key, key.value) for key in obj.data.shape_keys.key_blocks] if obj.data.shape_keys else []
        try:
            rig.data.pose_position = "POSE"
            obj.hide_viewport = False
            obj.hide_set(False)
            for one, _ in modifiers:
                one.show_viewport = one.type == "ARMATURE"
            for key, _ in values:
                key.value = 0
            for bone in rig.pose.bones:
                poses.put(bone, (0.0,) * 9)
            skin = Skin(obj)
            if len(skin.rest) != len(obj.data.vertices):
                raise UtterError(f"The modifiers of {obj.name} change how many vertices it has; apply them or switch them off first.")
            yield skin
        finally:
            for bone in rig.pose.bones:
                poses.put(bone, before[bone.name])
            for one, shown in modifiers:
                one.show_viewport = shown
            for key, value in values:
                key.value = value
            rig.data.pose_position, obj.hide_viewport = position, hidden[0]
            obj.hide_set(hidden[1])
            bpy.context.view_layer.update()


def marks(obj: Any, kind: Kind, model: Ours) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks [C, 3] of ours, and where a character's bones say that they are, in its mesh's own axes."""
    rig = armature(obj)
    over = obj.matrix_world.inverted_safe() @ rig.matrix_world
    here, there = [], []
    for mark, name in kind.marks.items():
        if bone := rig.data.bones.get(name.rstrip(">")):
            here.append(model.marks[mark])
            there.append(over @ (bone.tail_local if name.endswith(">") else bone.head_local))
    return np.array(here), np.array(there, float)


def laid_by(obj: Any, kind: Kind, model: Ours) -> tuple[np.ndarray, float, np.ndarray, np.ndarray, np.ndarray]:
    """How a character lies over our head: (turn [3,3], scale, offset [3]) so that these carry ours to its own axes, and the
    landmarks of ours and of it, both in ours. Marks that lie far from the rest do not count."""
    here, there = marks(obj, kind, model)
    kept = np.ones(len(here), bool)
    for _ in range(3):
        turn, scale, offset, _ = align(here[kept], there[kept])
        own = (there - offset) @ turn / scale
        far = np.linalg.norm(own - here, axis=1)
        kept = far <= 2.5 * np.median(far) + 1e-9
    return turn, scale, offset, here[kept], own[kept]


def found_poses(skin: Skin, kind: Kind, model: Ours, lies: tuple, tell: Callable[[float], None] = lambda share: None) -> dict[str, Pose]:
    """{face action: pose}. lies: what laid_by() gave. tell: gets how much is done, 0 to 1."""
    turn, scale, offset, here, there = lies
    over = lambda moves: moves @ turn / scale
    places, ours = np.concatenate([model.places, model.rims]), np.concatenate([model.moves, model.rim_moves], axis=1)
    carried, own = shapes.carried(places, here, there), (skin.rest - offset) @ turn / scale
    facing = outward(own, triangles(skin.obj))  # so that no place on the one lip is looked for on the other
    nearest, _ = shapes.nearest(np.hstack([carried, FACING * model.normals]), np.hstack([own, FACING * facing]))
    far = np.linalg.norm(own[nearest] - carried, axis=1)
    seen = (far < shapes.REACH) * np.where(np.arange(len(places)) < len(model.places), 1.0, RIM)
    bones = [name for name in kind.bones if name in skin.rig.pose.bones]
    size = SIZE * scale / np.abs(skin.rig.matrix_world.to_scale()).max() * np.abs(skin.obj.matrix_world.to_scale()).max()
    tries, fields = [], []
    for count, name in enumerate(bones):
        bone = skin.rig.pose.bones[name]
        for axis in range(6):
            if (bone.lock_location if axis < 3 else bone.lock_rotation)[axis % 3]:
                continue
            step = STEP * size if axis < 3 else ANGLE
            pose = {name: tuple(step if k == axis else 0.0 for k in range(9))}
            moved = over(skin.posed(pose)[nearest] * seen[:, None])
            most = np.linalg.norm(moved, axis=1).max()
            if most > STILL * SIZE:
                tries.append((name, axis, step / most))  # per metre of skin
                fields.append(moved.ravel() / most)
        tell(0.8 * (count + 1) / len(bones))
    if not fields:
        raise UtterError(f"The bones of {skin.rig.name} move nothing of {skin.obj.name}; bind it to the armature first.")
    basis = np.array(fields)
    wanted = (ours * seen[None, :, None]).reshape(len(ACTIONS), -1)
    turns = np.array([TURN / unit if axis > 2 else np.inf for _, axis, unit in tries])
    most = np.minimum(MOST * np.linalg.norm(ours, axis=2).max(axis=1)[:, None], turns)
    whole = [looking(skin, kind, model.looks[k], turn) for k in range(len(ACTIONS))]
    aims = [dict(pose) for pose in whole]
    amounts = np.zeros((len(ACTIONS), len(tries)))
    for again in range(2 + AGAIN):
        told = np.array([over(skin.posed(pose)[nearest] * seen[:, None]).ravel() if pose else 0 * wanted[0] for pose in whole])
        tell(0.8 + 0.05 * again)
        if again <= AGAIN:
            amounts = fit(basis, wanted - told + amounts @ basis, most)
            whole = [aim | _pose(amount, tries) for aim, amount in zip(aims, amounts)]
    cosine = (told * wanted).sum(1) / np.maximum(np.linalg.norm(told, axis=1) * np.linalg.norm(wanted, axis=1), 1e-12)
    return {name: whole[k] for k, name in enumerate(ACTIONS) if whole[k] and cosine[k] > EXPLAINED}


def looking(skin: Skin, kind: Kind, look: np.ndarray, turn: np.ndarray) -> Pose:
    """A pose that lets the eyes look [4] (as Motion's EYES), by moving what they look at; turn [3,3]: our axes in the mesh's own."""
    pose: dict[str, tuple[float, ...]] = {}
    for side, (aim, eye) in kind.aims.items():
        wanted = look[:2] if side == "left" else look[2:]
        there = skin.rig.pose.bones
        if aim not in there or eye not in there or not np.abs(wanted).max() > STILL:
            continue
        away = (there[aim].bone.head_local - there[eye].bone.head_local).length
        over = turn.T @ np.array((skin.obj.matrix_world.inverted_safe() @ skin.rig.matrix_world).to_3x3().normalized())
        amount, slope = np.zeros(3), np.zeros((2, 3))
        turned = lambda moved: _turned(skin, aim, eye, moved, over)
        for axis in range(3):
            slope[:, axis] = turned(ANGLE * away * np.eye(3)[axis]) / (ANGLE * away)
        for _ in range(1 + AGAIN):
            amount = amount + np.linalg.pinv(slope, rcond=0.1) @ (wanted - turned(amount))
        pose[aim] = (*map(float, amount), *(0.0,) * 6)
    return pose


def _turned(skin, aim, eye, moved, over):
    """Pitch and yaw by which an eye's bone turns when what it looks at is moved."""
    bone = skin.rig.pose.bones[eye]
    poses.put(skin.rig.pose.bones[aim], (*moved, *(0.0,) * 6))
    bpy.context.view_layer.update()
    turn = np.array(bone.matrix.to_3x3().normalized() @ bone.bone.matrix_local.to_3x3().normalized().inverted())
    poses.put(skin.rig.pose.bones[aim], (0.0,) * 9)
    return to_rotation_vector((over @ turn @ over.T)[None])[0, :2]


def fit(basis: np.ndarray, wanted: np.ndarray, most: np.ndarray) -> np.ndarray:
    """How much of each field [D,P] comes nearest to what is wanted [A,P], none more than most [A,D]: [A,D]. First of all of them, then of
    those that do much (projected gradient, as in maps.rows.recover)."""
    square, onto = basis @ basis.T, wanted @ basis.T
    small = RIDGE * np.trace(square) / len(square)
    steep = np.linalg.norm(square, 2) + small
    allowed = most
    for _ in range(2):
        now = ahead = np.zeros_like(onto)
        pace = 1.0
        for _ in range(STEPS):
            then = np.clip(ahead - (ahead @ square - onto + small * ahead) / steep, -allowed, allowed)
            faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
            ahead, now, pace = then + (pace - 1) / faster * (then - now), then, faster
        allowed = np.where(np.abs(now) >= LEAST * np.abs(now).max(axis=1, keepdims=True), allowed, 0.0)
    return now


def _pose(amounts: Iterable[float], tries: list[tuple[str, int, float]]) -> Pose:
    made: dict[str, list[float]] = {}
    for amount, (name, axis, unit) in zip(amounts, tries):
        if amount:
            made.setdefault(name, [0.0] * 9)[axis] = float(amount * unit)
    return {name: tuple(numbers) for name, numbers in made.items()}
