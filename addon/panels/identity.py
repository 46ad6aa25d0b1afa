"""Identity: who the built-in head is, by named sliders and random characters.

Everything an identity moves is linear in its 300 coefficients (beta, docs/architecture.md): vertices, joints, lids, and the jaw's
keys through both. So the add-on moves the head itself, straight from the head's file, and a slider shows while it is dragged.
The worker only hears of the identity when it performs.
"""

import functools
import hashlib
import json
import random
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np

from ..contract import UtterError
from ..rigs import rig
from ..work import jobs, paths
from .base import HeadPanel, chosen

FILE = paths.ROOT / "blender_assets" / "head" / "utter_head.npz"
COUNT = 300
FURTHEST = 0.75  # as in model_runtime/flame/identity.py
SLIDERS = {  # the names are the head's own (identity_names)
    "Age": "Young or old: cheeks sink, folds deepen, nose and ears grow, lips thin",
    "Masculine": "Feminine or masculine: jaw, chin, brow ridge, nose, lips, neck",
    "Weight": "Thin or heavy: cheeks, jowls, under the chin, neck",
    "Face Length": "Short or long from the eyes to the chin",
    "Jaw Width": "Narrow or wide jaw and chin",
    "Chin": "Receding or prominent chin",
    "Nose Length": "Short or long nose",
    "Nose Width": "Narrow or wide nose",
    "Lips": "Thin or full lips",
    "Eye Size": "Small or large eyes",
    "Eye Distance": "Eyes close together or far apart",
    "Brow": "Smooth or heavy brow",
    "Ears": "Small or large ears",
    "Asymmetry": "One side unlike the other, one way or the other",
}
_quiet = False  # while several sliders are set at once


def key(name):
    """The property of a slider."""
    return name.lower().replace(" ", "_")


@functools.cache
def model():
    """What the built-in head's file says of identities: basis, directions [I,300], shapes [N,3,300] and joints [5,3,300] (metres
    per unit of beta), jaw [N] (its weights), lids [N,3,2,E] and lids_amounts [E,300]. Skin first, then parts."""
    with np.load(FILE, allow_pickle=False) as file:
        skin, joints = file["shapedirs"].astype("<f4"), file["J_regressor"]
        of_parts = lambda name: file[f"parts_{name}"]
        behind = np.flatnonzero(joints.any(0))
        return SimpleNamespace(
            basis=hashlib.sha256(skin).hexdigest(),
            directions=file["identity_directions"].astype(float),
            shapes=np.concatenate([skin[..., :COUNT], of_parts("shapedirs")[..., :COUNT].astype(np.float32)]),
            joints=np.tensordot(joints[:, behind], skin[behind, :, :COUNT], 1),
            jaw=np.concatenate([file["weights"], of_parts("weights")])[:, 2],
            lids=np.concatenate([file["lids_identity"], of_parts("lids_identity")]).astype(np.float32),
            lids_amounts=file["lids_amounts"].astype(float),
        )


def refusal(head):
    """A sentence that says why this head has no sliders, or ""."""
    told = rig.describe(head)
    if told.kind != "utter":
        return told.reason
    if told.path:
        return "Only the built-in head has sliders; another head is who its file says."
    if told.basis != model().basis:
        return "This head was made by another version of Utter; add the built-in head again to change who it is."
    if len(head.data.vertices) != len(model().shapes):
        return "This head's mesh was edited; undo that, or add the built-in head again to change who it is."
    return ""


def beta(settings):
    """Coefficients [300] of the sliders and the character in settings (Object.utter.identity)."""
    directions = model().directions
    own = person(settings.character)[1] if settings.character >= 0 else 0
    return np.array([getattr(settings, key(name)) for name in SLIDERS]) @ directions + own


def person(seed):
    """Sliders [I] of the random character of that seed, and what they do not tell [300]. model_runtime/flame/identity.py does
    the same for the command line; a test holds the two together."""
    directions = model().directions
    drawn = np.random.default_rng(seed).standard_normal(COUNT)
    values = drawn @ np.linalg.pinv(directions)
    return np.clip(values, -FURTHEST, FURTHEST), drawn - values @ directions


def set_sliders(head, values, character=-1):
    """Make the head who the sliders {name: value} (left out: 0) and the character of a seed (-1: none) say."""
    global _quiet
    if refusal(head):
        raise UtterError(refusal(head))
    settings, _quiet = head.utter.identity, True
    try:
        settings.character = character
        for name in SLIDERS:
            setattr(settings, key(name), values.get(name, 0))
    finally:
        _quiet = False
    show(head)


def become(head, seed):
    """Make the head the random character of that seed."""
    set_sliders(head, dict(zip(SLIDERS, person(seed)[0].tolist())), seed)


def changed(settings, _context):
    """The artist moved a slider."""
    if not _quiet and not refusal(settings.id_data):
        show(settings.id_data)


def show(head):
    """Move the head's mesh, shape keys and bones from who it was to who its sliders say."""
    told, is_now, who = rig.describe(head), model(), beta(head.utter.identity)
    change = who - (np.array(told.identity) if told.identity else 0)
    if not np.abs(change).max() > 1e-9:
        return
    shift, joints = is_now.shapes @ change.astype(np.float32), is_now.joints @ change
    lids = is_now.lids @ (is_now.lids_amounts @ change)
    # A turning jaw carries a vertex by weight * turn @ (vertex - joint): its keys change with both.
    away = is_now.jaw[:, None] * (shift - joints[2])
    keys = {50 + axis: away @ turn.T for axis, turn in enumerate(np.array(told.jaw_turns).reshape(3, 3, 3))}
    keys |= {60: lids[..., 0], 61: lids[..., 1]}
    rig.reshape(head, shift, joints, keys, who.tolist() if who.any() else ())


def read(given):
    """(sliders, seed or -1) of what a command line names: a seed, or the path of a JSON file with sliders and perhaps a seed."""
    if given.isdecimal():
        return dict(zip(SLIDERS, person(int(given))[0].tolist())), int(given)
    try:
        told = json.loads(Path(given).read_text(encoding="utf-8"))
        seed = told.pop("seed", -1)
        values = {name: float(told.pop(name)) for name in list(told) if name in SLIDERS}
    except FileNotFoundError as error:
        raise UtterError(f"{given} is neither a seed (a whole number) nor a file.") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UtterError(f'{given} must hold a JSON object of sliders, such as {{"Age": 0.5, "seed": 3}}.', repr(error)) from error
    if told or not isinstance(seed, int):
        raise UtterError(f"{given} names {', '.join(told) or 'no usable seed'}; there are {', '.join(SLIDERS)} and seed.")
    return values, seed


class UTTER_OT_random_character(bpy.types.Operator):
    bl_idname = "utter.random_character"
    bl_label = "Random Character"
    bl_description = "Make the head a person drawn at random"
    bl_options = {"REGISTER", "UNDO"}

    seed: bpy.props.IntProperty(name="Seed", min=0, description="Each seed is a person of its own")

    @classmethod
    def poll(cls, context):
        return _can_change(cls, context)

    def invoke(self, context, _event):
        self.seed = random.randrange(10000)
        return self.execute(context)

    def execute(self, context):
        become(chosen(context), self.seed)
        return {"FINISHED"}


class UTTER_OT_reset_identity(bpy.types.Operator):
    bl_idname = "utter.reset_identity"
    bl_label = "Reset"
    bl_description = "Make the head who it was at first"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        return _can_change(cls, context)

    def execute(self, context):
        set_sliders(chosen(context), {})
        return {"FINISHED"}


def _can_change(operator, context):
    head = chosen(context)
    return jobs.allowed(operator, jobs.busy() or ("Add a head first." if head is None else refusal(head)))


class UTTER_PT_identity(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_identity"
    bl_label = "Identity"
    bl_parent_id = "UTTER_PT_head"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        if refusal(head):
            jobs.draw_text(layout, refusal(head), context.region.width, "INFO")
            return
        row = layout.row(align=True)
        row.operator("utter.random_character", icon="COMMUNITY")
        row.operator("utter.reset_identity", text="", icon="LOOP_BACK")
        column = layout.column(align=True)
        column.enabled = not jobs.busy()  # who performs is decided when it starts
        for name in SLIDERS:
            column.prop(head.utter.identity, key(name), slider=True)


CLASSES = (UTTER_OT_random_character, UTTER_OT_reset_identity, UTTER_PT_identity)
