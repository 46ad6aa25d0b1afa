"""Pose: the face at the current frame by plain names. Whatever is set here shows at once and is held, as a key of the artist's is."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import bpy
import numpy as np

from .. import rigs
from ..animation import bake, posing
from ..contract import (
    ACTIONS,
    EMOTIONS,
    FACE_ACTIONS,
    NECK,
    PAIRED_ACTIONS,
    PERFORMANCE,
    REGIONS,
    TONGUE,
    TONGUE_CHANNELS,
    VISEMES,
    UtterError,
    actions_in,
    at_strength,
    sides,
)
from ..work import jobs
from . import pins, sequencer, takes
from .base import HeadPanel, chosen, deafen, listen, not_ready, of_changes, settings_of, shown_rig, torn

TONGUE_COLUMNS = [TONGUE.start, TONGUE.start + 1]  # what of the tongue is no face action
GAZE = re.compile("eye(Look|Blink)")  # what an emotion leaves as it is
CLIPBOARD = "utter_face"
Shares = dict[int, float]  # {column of a performance: how much of it the slider moves}


class Slider(NamedTuple):
    """label, region, tooltip; up, down: the columns that it raises above 0, and those below; turns: an angle, in radians."""

    label: str
    region: str
    about: str
    up: Shares
    down: Shares
    turns: bool = False


def column(name: str) -> int:
    """Of a face action, or a channel of the tongue, in a performance."""
    return TONGUE.start + TONGUE_CHANNELS.index(name) if name in TONGUE_CHANNELS else FACE_ACTIONS.start + ACTIONS.index(name)


def _moves(*names: str) -> Shares:
    return {column(side): 1.0 for name in names for side in sides(name)}


def _named() -> dict[str, Slider]:
    """{property: Slider}, in the order of the panel; of a pair also one for each side."""
    plain = (
        ("brows_up", "Up", "brows", "Raise the brows", ("browInnerUp", "browOuterUp")),
        ("brows_inner", "Inner Up", "brows", "Raise the inner ends, as in sorrow", ("browInnerUp",)),
        ("brows_outer", "Outer Up", "brows", "Raise the outer ends", ("browOuterUp",)),
        ("brows_down", "Down", "brows", "Lower the brows, as in anger", ("browDown",)),
        ("blink", "Blink", "eyes", "Shut the lids", ("eyeBlink",)),
        ("wide", "Wide", "eyes", "Open the eyes wide", ("eyeWide",)),
        ("squint", "Squint", "eyes", "Narrow the eyes", ("eyeSquint",)),
        ("cheeks_up", "Cheeks Up", "cheeks", "Raise the cheeks, as a true smile does", ("cheekSquint",)),
        ("puff", "Puff", "cheeks", "Fill the cheeks with air", ("cheekPuff",)),
        ("sneer", "Sneer", "cheeks", "Wrinkle the nose", ("noseSneer",)),
        ("smile", "Smile", "mouth", "Raise the corners of the mouth", ("mouthSmile",)),
        ("frown", "Frown", "mouth", "Lower the corners of the mouth", ("mouthFrown",)),
        ("dimple", "Dimple", "mouth", "Draw the corners in", ("mouthDimple",)),
        ("stretch", "Stretch", "mouth", "Draw the corners apart, as in fear", ("mouthStretch",)),
        ("press", "Press", "mouth", "Press the lips together", ("mouthPress",)),
        ("upper_up", "Upper Lip Up", "mouth", "Raise the upper lip", ("mouthUpperUp",)),
        ("lower_down", "Lower Lip Down", "mouth", "Lower the lower lip", ("mouthLowerDown",)),
        ("pucker", "Pucker", "mouth", "Gather the lips, as for a kiss", ("mouthPucker",)),
        ("funnel", "Funnel", "mouth", "Round and open the lips", ("mouthFunnel",)),
        ("lips_together", "Lips Together", "mouth", "Bring the lips together while the jaw is open", ("mouthClose",)),
        ("roll_upper", "Roll Upper", "mouth", "Roll the upper lip in", ("mouthRollUpper",)),
        ("roll_lower", "Roll Lower", "mouth", "Roll the lower lip in", ("mouthRollLower",)),
        ("shrug_upper", "Shrug Upper", "mouth", "Push the upper lip up", ("mouthShrugUpper",)),
        ("shrug_lower", "Shrug Lower", "mouth", "Push the lower lip up, as the chin does", ("mouthShrugLower",)),
        ("jaw_open", "Jaw Open", "mouth", "Open the jaw", ("jawOpen",)),
        ("jaw_forward", "Jaw Forward", "mouth", "Push the jaw forward", ("jawForward",)),
        ("tongue_out", "Tongue Out", "mouth", "Show the tongue", ("tongueOut",)),
        ("tongue_tip", "Tongue Tip Up", "mouth", "Raise the tip of the tongue", ("tongue_tip_up",)),
        ("tongue_back", "Tongue Back Up", "mouth", "Raise the back of the tongue", ("tongue_back_up",)),
    )
    found = {}
    for key, label, region, about, names in plain:
        found[key] = Slider(label, region, about, _moves(*names), {})
        if len(names) == 1 and names[0] in PAIRED_ACTIONS:
            for side in ("Left", "Right"):
                found[f"{key}_{side.lower()}"] = Slider(side, region, f"{about}, on the face's {side.lower()}", _moves(names[0] + side), {})
    both = lambda name: {column(name + side): 1.0 for side in ("Left", "Right")}
    left, right = ("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutRight")
    found["look_up"] = Slider("Look Up", "eyes", "Look up, or below 0 down", both("eyeLookUp"), both("eyeLookDown"))
    found["look_left"] = Slider("Look Left", "eyes", "Look to the face's left, or below 0 to its right", _moves(*left), _moves(*right))
    for key, label, name in (("mouth_left", "Mouth Left", "mouth"), ("jaw_left", "Jaw Left", "jaw")):
        found[key] = Slider(label, "mouth", "To the face's left, or below 0 to its right", _moves(name + "Left"), _moves(name + "Right"))
    for key, label, about, axis in (
        ("turn", "Turn", "Turn the head to the face's left, or below 0 to its right", 1),
        ("nod", "Nod", "Bend the head down, or below 0 up", 0),
        ("tilt", "Tilt", "Tilt the head to the face's right, or below 0 to its left", 2),
    ):
        found[key] = Slider(label, "head", about, {NECK.start + axis: 1.0}, {}, turns=True)
    return found


SLIDERS = _named()
SIDED = {key for key in SLIDERS if {f"{key}_left", f"{key}_right"} <= SLIDERS.keys()}
OF_SIDES = {f"{key}_{side}" for key in SIDED for side in ("left", "right")}
LEAST = 0.005  # of a slider: less is shown as 0, for Blender writes small numbers with more digits than fit
KNOWN = 32  # rows that are remembered: Blender itself reads sliders, of each head, when it compares library overrides

# Panels are drawn many times a second. (Head, frame) -> what it shows; head -> which columns it can pose.
_rows: dict[tuple[int, float], np.ndarray] = {}
_own: dict[tuple[int, float], bool] = {}  # heads at frames that share nothing while a slider is dragged
_posed: dict[int, set[int]] = {}
_mine: list[bool] = []  # not empty: the next change of an Action is one that a slider made


def row_of(head: Any) -> np.ndarray:
    """The performance [117] that a head shows at the current frame."""
    frame = bpy.context.scene.frame_current_final
    asked = head.session_uid, frame
    if asked not in _rows:
        if len(_rows) >= KNOWN:
            _rows.clear()
        _rows[asked] = rigs.rig_of(head).face(frame) if rigs.ready(head) else np.zeros(PERFORMANCE, np.float32)
    return _rows[asked]


def shown_row(head: Any) -> np.ndarray:
    """The same for the sliders, which rest while the animation plays: reading the face takes longer than drawing the panel."""
    playing = bpy.context.screen is not None and bpy.context.screen.is_animation_playing
    known = [row for (uid, _), row in _rows.items() if uid == head.session_uid] if playing else []
    return known[-1] if known else row_of(head)


def value_of(row: np.ndarray, slider: Slider) -> float:
    """What a slider shows of a row of a performance [117]."""
    mean = lambda shares: float(sum(row[k] / share for k, share in shares.items())) / len(shares) if shares else 0.0
    return mean(slider.up) - mean(slider.down)


def columns_for(slider: Slider, value: float) -> dict[int, float]:
    """The columns of a performance that a slider's value is."""
    if slider.turns:
        return {k: value * share for k, share in slider.up.items()}
    return {
        **{k: share * max(value, 0.0) for k, share in slider.up.items()},
        **{k: share * max(-value, 0.0) for k, share in slider.down.items()},
    }


def columns_in(regions: Any) -> list[int]:
    """The columns of a performance that are posed with REGIONS of those names."""
    found = {FACE_ACTIONS.start + k for k in actions_in(regions)}
    found |= {column("tongueOut"), *TONGUE_COLUMNS} if "mouth" in regions else set()
    found |= set(range(NECK.start, NECK.stop)) if "head" in regions else set()
    return sorted(found)


def columns_of(rig: Any) -> set[int]:
    """The columns of a performance that a rig can pose."""
    if rig.obj.session_uid not in _posed:
        found, neck = rig.posable(), set(range(NECK.start, NECK.stop))
        _posed[rig.obj.session_uid] = found | neck if found & neck else found
    return _posed[rig.obj.session_uid]


def set_face(head: Any, columns: dict[int, float]) -> None:
    """Let the head show these columns of a performance at the current frame, and hold them. UtterError if it cannot be animated."""
    scene, first = bpy.context.scene, not bake.actions(rigs.rig_of(head))
    if why := torn(head):
        raise UtterError(why)
    frame, start, row = scene.frame_current_final, sequencer.begins(scene, head), row_of(head)
    if first or (head.session_uid, frame) not in _own:
        takes.own(head)
        _own.clear()
        _own[head.session_uid, frame] = True
    rig, fps = rigs.rig_of(head), bake.scene_fps(scene)
    shown = posing.pose(rig, frame, columns, start, before=row, fps=fps, name=f"{head.name} posed")
    _rows[head.session_uid, frame] = shown  # known while a slider is dragged
    if first:
        takes.remember(head)
    _mine.append(True)
    pins.later()


def property_of(key: str) -> Any:
    """The property that shows a slider."""
    slider = SLIDERS[key]

    def get(settings):
        value = value_of(shown_row(settings.id_data), slider)
        return value if slider.turns or abs(value) >= LEAST else 0.0

    def put(settings, value):
        try:
            set_face(settings.id_data, columns_for(slider, value))
        except UtterError as error:
            jobs.say("pose", str(error), "ERROR")

    low = -1.0 if slider.down or slider.turns else 0.0
    kind = {"subtype": "ANGLE"} if slider.turns else {"subtype": "FACTOR"}
    return bpy.props.FloatProperty(
        name=slider.label,
        description=f"{slider.about}, at the current frame, and hold it there",
        min=low,
        max=1.0,
        get=get,
        set=put,
        **kind,
    )


def regions_of(head: Any) -> list[str]:
    """The regions that Copy, Paste, Flip and the faces take."""
    return [name for name in REGIONS if name in settings_of(head).pose_regions]


def refusal(context: Any) -> str:
    """Why the chosen head cannot be posed, or ""."""
    head = chosen(context)
    return not_ready(head) or ("" if regions_of(head) else "Choose a region first.")


class Poses:
    """An operator that sets the face at the current frame."""

    bl_options = {"REGISTER", "UNDO"}
    report: Callable[..., None]  # an Operator's
    face: Callable[[Any, np.ndarray], np.ndarray]  # (head, the row that it shows) -> the row that it is to show

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, refusal(context))

    def execute(self, context):
        head = chosen(context)
        try:
            wanted, columns = self.face(head, row_of(head)), self.columns(head)
            set_face(head, {k: float(wanted[k]) for k in columns})
        except UtterError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def columns(self, head):
        return columns_in(regions_of(head))


class UTTER_OT_pose_as(Poses, bpy.types.Operator):
    bl_idname = "utter.pose_as"
    bl_label = "Pose As"
    pose: bpy.props.StringProperty(options={"HIDDEN"})

    @classmethod
    def description(cls, _context, properties):
        where = "mouth" if properties.pose in VISEMES else "face"
        return f"Set the {where} to {properties.pose} at the current frame, in the chosen regions and at the chosen strength, and hold it"

    def face(self, head, row):
        strength = settings_of(head).pose_strength
        viseme = self.pose in VISEMES
        amounts = {name: strength * amount for name, amount in VISEMES[self.pose].items()} if viseme else at_strength(self.pose, strength)
        wanted = np.zeros_like(row)
        for name, amount in amounts.items():
            wanted[column(name)] = amount
        return wanted

    def columns(self, head):
        regions = regions_of(head)
        if self.pose in VISEMES:
            return columns_in([name for name in regions if name == "mouth"])
        face = columns_in([name for name in regions if name != "head"])
        return [k for k in face if k in TONGUE_COLUMNS or not GAZE.match(ACTIONS[k - FACE_ACTIONS.start])]


class UTTER_MT_visemes(bpy.types.Menu):
    bl_idname = "UTTER_MT_visemes"
    bl_label = "Viseme"
    bl_description = "Mouth shapes of speech"

    def draw(self, _context):
        for name in VISEMES:
            self.layout.operator("utter.pose_as", text=name).pose = name


class UTTER_MT_emotions(bpy.types.Menu):
    bl_idname = "UTTER_MT_emotions"
    bl_label = "Emotion"
    bl_description = "Faces of emotions"

    def draw(self, _context):
        for name in EMOTIONS:
            self.layout.operator("utter.pose_as", text=name.capitalize()).pose = name


class UTTER_OT_copy_face(bpy.types.Operator):
    bl_idname = "utter.copy_face"
    bl_label = "Copy Face"
    bl_description = "Copy the face at the current frame to the clipboard, as face actions: for other frames, takes, heads and files"

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, not_ready(chosen(context)))

    def execute(self, context):
        row = row_of(chosen(context))
        face = {name: round(float(row[column(name)]), 5) for name in (*ACTIONS, *TONGUE_CHANNELS[:2])}
        context.window_manager.clipboard = json.dumps({CLIPBOARD: face, "neck": [round(float(x), 5) for x in row[NECK]]})
        return {"FINISHED"}


class UTTER_OT_paste_face(Poses, bpy.types.Operator):
    bl_idname = "utter.paste_face"
    bl_label = "Paste Face"
    bl_description = "Set the chosen regions to the face in the clipboard, at the current frame, and hold them"

    def face(self, head, row):
        return pasted(bpy.context.window_manager.clipboard, row)


def pasted(text: str, row: np.ndarray) -> np.ndarray:
    """The row [117] with the face that a text holds, as Copy Face writes it. UtterError if it holds none."""
    try:
        told = json.loads(text)
        wanted = row.copy()
        for name, value in told[CLIPBOARD].items():
            wanted[column(name)] = min(max(float(value), 0.0), 1.0)
        wanted[NECK] = np.clip([float(value) for value in told["neck"]], -1, 1)
        if not np.isfinite(wanted).all():
            raise ValueError("not finite")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UtterError("The clipboard holds no face; press Copy Face first.", repr(error)) from error
    return wanted


class UTTER_OT_flip_face(Poses, bpy.types.Operator):
    bl_idname = "utter.flip_face"
    bl_label = "Flip Sides"
    bl_description = "Exchange left and right of the face at the current frame, in the chosen regions, and hold it"

    def face(self, head, row):
        return flipped(row)


def flipped(row: np.ndarray) -> np.ndarray:
    """A row of a performance [117] with its left and right exchanged."""
    other = {"Left": "Right", "Right": "Left"}
    mirrored = [re.sub("(Left|Right)$", lambda side: other[side[1]], name) for name in ACTIONS]
    wanted = row.copy()
    wanted[FACE_ACTIONS] = row[[column(name) for name in mirrored]]
    wanted[NECK] *= np.array([1, -1, -1])
    return wanted


class UTTER_PT_pose(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_pose"
    bl_label = "Pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings, rig = settings_of(head), shown_rig(head)
        row = layout.row(align=True)
        row.menu("UTTER_MT_visemes")
        row.menu("UTTER_MT_emotions")
        row.prop(settings, "pose_strength", text="", slider=True)
        row = layout.row(align=True)
        row.operator("utter.copy_face", text="Copy", icon="COPYDOWN")
        row.operator("utter.paste_face", text="Paste", icon="PASTEDOWN")
        row.operator("utter.flip_face", text="Flip", icon="MOD_MIRROR")
        row.prop(settings, "pose_linked", text="", icon="LINKED" if settings.pose_linked else "UNLINKED")
        layout.grid_flow(row_major=True, columns=2, align=True).prop(settings, "pose_regions", expand=True)
        there = columns_of(rig)
        for region, (label, _) in REGIONS.items():
            shown = [key for key, slider in SLIDERS.items() if slider.region == region and set(slider.up) <= there]
            if not shown:
                continue
            header, body = layout.panel(f"UTTER_PT_pose_{region}", default_closed=region in ("cheeks", "head"))
            header.label(text=label)
            if body:
                self.sliders(body, settings, shown)
        jobs.draw_message(layout, "pose", context.region.width)

    def sliders(self, layout, settings, keys):
        column = layout.column(align=True)
        for key in keys:
            if key in OF_SIDES:
                continue
            if key in SIDED and not settings.pose_linked:
                row = column.row(align=True)
                for side in ("left", "right"):
                    row.prop(settings.pose, f"{key}_{side}", text=f"{SLIDERS[key].label} {side[0].upper()}", slider=True)
            else:
                column.prop(settings.pose, key, slider=True)


@bpy.app.handlers.persistent
def _forget(*_):
    for known in (_rows, _own, _posed, _mine):
        known.clear()


@bpy.app.handlers.persistent
def _after_update(_scene, depsgraph):
    if depsgraph.id_type_updated("ACTION"):
        if not _mine:
            _rows.clear()
        _mine.clear()


HANDLERS = of_changes(_after_update, _forget)


def register():
    listen(HANDLERS)


def unregister():
    deafen(HANDLERS)
    _forget()


CLASSES = (
    UTTER_OT_pose_as,
    UTTER_OT_copy_face,
    UTTER_OT_paste_face,
    UTTER_OT_flip_face,
    UTTER_MT_visemes,
    UTTER_MT_emotions,
    UTTER_PT_pose,
)
