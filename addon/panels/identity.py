"""Identity: who the built-in head is, by named sliders and random identities.

Everything an identity moves is linear in its 300 coefficients (beta; docs/formats.md, "Identity"): vertices, joints, lids, and the jaw's
keys through both. So the add-on moves the head itself, straight from the head's file, and a slider shows while it is dragged.
The worker is told the identity when it performs.
"""

import functools
import hashlib
import random
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np

from .. import rigs
from ..contract import CHARACTERS, COEFFICIENTS, JAW, LIDS, SLIDERS, UtterError, draw_identity, find_character
from ..rigs.base import PROPERTY, armature, listed
from ..rigs.flame import FlameRig, place
from ..rigs.reshape import reshape
from ..work import jobs, paths
from .base import HeadPanel, briefly, chosen, not_ready, settings_of

FILE = paths.ROOT / "blender_assets" / "head" / "utter_head.npz"
FAR = 0.01  # metres, root mean square: what was sculpted lies nearer to where it was, what was reordered or stretched does not
LOOK = ("skin_tone", "eye_colour", "hair_colour", "hair_style", "age", "stubble")  # of a character, as Object.utter has them
_quiet = False  # while several sliders are set at once


def key(name):
    """The property of a slider."""
    return name.lower().replace(" ", "_")


@functools.cache
def model():
    """What the built-in head's file says of identities: basis, directions [I,300], used [U] (numbers of beta that move anything),
    shapes [N,3,U] and joints [5,3,U] (metres per unit of these), jaw [N] (its weights), lids [N,3,2,E] and lids_amounts [E,U]. Skin
    first, then parts."""
    with np.load(FILE, allow_pickle=False) as file:
        skin, joints = file["shapedirs"], file["J_regressor"]
        behind = np.flatnonzero(joints.any(0))
        whole = lambda name: np.concatenate([file[name], file[f"parts_{name}"]])
        shapes = np.concatenate([skin[..., :COEFFICIENTS], file["parts_shapedirs"][..., :COEFFICIENTS]])
        used = np.flatnonzero(shapes.any((0, 1)))
        shapes = np.ascontiguousarray(shapes[..., used], np.float32)
        return SimpleNamespace(
            basis=hashlib.sha256(np.ascontiguousarray(skin, "<f4").data).hexdigest(),
            directions=file["identity_directions"].astype(float),
            used=used,
            shapes=shapes,
            joints=np.tensordot(joints[:, behind], shapes[behind], 1),
            jaw=whole("weights")[:, 2],
            lids=np.ascontiguousarray(whole("lids_identity"), np.float32),
            lids_amounts=file["lids_amounts"][:, used].astype(float),
        )


def refusal(head):
    """A sentence that says why this head has no sliders, or ""."""
    if not_ready(head):
        return not_ready(head)
    rig = rigs.rig_of(head)
    if not isinstance(rig, FlameRig) or rig.head:
        return "Only the built-in head has sliders; another head has the identity of its file."
    if outdated(rig):
        return "This head was made by another version of Utter; add the built-in head again to change its identity."
    if head.override_library or (armature(head) and (armature(head).override_library or armature(head).data.library)):
        return f"{head.name} is an override of a head in another file; its identity is changed in that file."
    if armature(head) and (lost := [bone for joint, bone in head[PROPERTY]["bones"].items() if joint not in rig.bone_names()]):
        return f"{armature(head).name} has lost bones that an identity moves ({listed(lost)}); undo that, or add the built-in head again."
    if len(head.data.vertices) != len(model().shapes) or place(head)[2] > FAR:
        return "This head's mesh was edited; undo that, or add the built-in head again to change its identity."
    return ""


def outdated(rig: Any) -> bool:
    """Whether that is the built-in head of another version of Utter: its coefficients move another face."""
    return isinstance(rig, FlameRig) and not rig.head and rig.basis != model().basis


def beta(settings):
    """Coefficients [300] of the sliders and the seed in settings (Object.utter.identity)."""
    directions = model().directions
    own = draw_identity(directions, settings.seed)[1] if settings.seed >= 0 else 0
    return np.array([getattr(settings, key(name)) for name in SLIDERS]) @ directions + own


def sliders_of(seed: int) -> dict[str, float]:
    """{name: value} of the random identity of that seed."""
    return dict(zip(SLIDERS, draw_identity(model().directions, seed)[0].tolist()))


def set_sliders(head: Any, values: dict[str, float], seed: int = -1) -> None:
    """Give the head the identity of the sliders {name: value} (left out: 0) and of a seed (-1: none)."""
    global _quiet
    if refusal(head):
        raise UtterError(refusal(head))
    settings, _quiet = settings_of(head).identity, True
    try:
        settings.seed = seed
        for name in SLIDERS:
            setattr(settings, key(name), values.get(name, 0))
    finally:
        _quiet = False
    show(head)


def randomise(head: Any, seed: int) -> None:
    """Give the head the random identity of that seed."""
    set_sliders(head, sliders_of(seed), seed)


def play(head: Any, name: str) -> None:
    """Give the head the face and the look of a character of that name (contract.CHARACTERS)."""
    character = find_character(name)
    assert character
    set_sliders(head, character.sliders, character.seed)
    settings = settings_of(head)
    for part in LOOK:
        setattr(settings, part, getattr(character, part))


def changed(settings, _context):
    """The artist moved a slider."""
    if not _quiet and not refusal(settings.id_data):
        show(settings.id_data)


def show(head):
    """Move the head's mesh, shape keys and bones from the identity that it shows to that of its sliders."""
    rig, known, wanted = rigs.rig_of(head), model(), beta(settings_of(head).identity)
    assert isinstance(rig, FlameRig)  # refusal() has said so
    change = wanted - (np.array(rig.identity) if rig.identity else 0)
    if not np.abs(change).max() > 1e-9:
        return
    change = change[known.used]
    shift, joints = known.shapes @ change.astype(np.float32), known.joints @ change
    lids = known.lids @ (known.lids_amounts @ change)
    # A turning jaw carries a vertex by weight * turn @ (vertex - joint): its keys change with both.
    away = known.jaw[:, None] * (shift - joints[2])
    keys = {JAW.start + axis: away @ turn.T for axis, turn in enumerate(np.array(rig.jaw_turns).reshape(3, 3, 3))}
    keys |= {LIDS.start + side: lids[..., side] for side in (0, 1)}
    reshape(rig, shift, joints, keys, wanted.tolist() if wanted.any() else ())


class UTTER_OT_random_identity(bpy.types.Operator):
    bl_idname = "utter.random_identity"
    bl_label = "Random Identity"
    bl_description = "Give the head an identity drawn at random"
    bl_options = {"REGISTER", "UNDO"}

    seed: bpy.props.IntProperty(name="Seed", min=0, description="Each seed is another identity")

    @classmethod
    def poll(cls, context):
        return _can_change(cls, context)

    def invoke(self, context, _event):
        self.seed = random.randrange(10000)
        return self.execute(context)

    def execute(self, context):
        randomise(chosen(context), self.seed)
        return {"FINISHED"}


class UTTER_OT_character(bpy.types.Operator):
    bl_idname = "utter.character"
    bl_label = "Character"
    bl_description = "Give the head the face, the colours and the hair of a character, to go on from"
    bl_options = {"REGISTER", "UNDO"}

    name: bpy.props.EnumProperty(
        name="Character",
        description="Who the head becomes",
        items=[(name, name, character.about) for name, character in CHARACTERS.items()],
    )

    @classmethod
    def poll(cls, context):
        return _can_change(cls, context)

    def execute(self, context):
        play(chosen(context), self.name)
        return {"FINISHED"}


class UTTER_OT_reset_identity(bpy.types.Operator):
    bl_idname = "utter.reset_identity"
    bl_label = "Reset"
    bl_description = "Give the head its own identity back"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return _can_change(cls, context)

    def execute(self, context):
        set_sliders(chosen(context), {})
        return {"FINISHED"}


def _can_change(operator, context):
    head = chosen(context)
    return jobs.allowed(operator, jobs.busy() or (briefly(refusal, head) if head else not_ready(head)))


class UTTER_PT_identity(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_identity"
    bl_label = "Identity"
    bl_parent_id = "UTTER_PT_head"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        if why := briefly(refusal, head):
            jobs.draw_text(layout, why, context.region.width, "INFO")
            return
        layout.operator_menu_enum("utter.character", "name", icon="USER")
        row = layout.row(align=True)
        row.operator("utter.random_identity", icon="COMMUNITY")
        row.operator("utter.reset_identity", text="", icon="LOOP_BACK")
        column = layout.column(align=True)
        column.enabled = not jobs.busy()  # the identity that performs is read when the job starts
        for name in SLIDERS:
            column.prop(settings_of(head).identity, key(name), slider=True)


CLASSES = (UTTER_OT_random_identity, UTTER_OT_character, UTTER_OT_reset_identity, UTTER_PT_identity)
