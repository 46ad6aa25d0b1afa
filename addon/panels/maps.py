"""Rig Map: which shape keys and poses of bones of a character follow which movements, by their names, matched by shape, recorded, or as
the artist writes."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from .. import rigs
from ..contract import ACTIONS, REGIONS, UtterError, beside
from ..maps import names, rows
from ..rigs import channels, mapped, matching, parts, poses, still
from ..work import jobs, paths
from .base import Panel, chosen, settings_of, shown_rig

SECONDS, STEPS = 1.2, 36  # that a wiggle lasts
DOUBTFUL = 0.5  # confidence: rows below are shown as doubtful
RECORDED = "recorded pose"
POSES = (RECORDED, "pose library", matching.FOUND)  # how the reasons begin for rows that are poses
_filling = False  # rows are put into the panel: no edit of the artist's


def character(context: Any) -> Any:
    """The mesh that stands for the character whose map the panel shows, or None: the head that performs where it moves by a map, or the
    active mesh with shape keys of its own."""
    head, active = chosen(context), context.view_layer.objects.active
    rig = shown_rig(head) if head is not None else None
    if isinstance(rig, rigs.MappedRig):
        return rig.obj
    for obj in (None if rig else head, None if active == head else active):
        if obj is not None and obj.type == "MESH" and rigs.recognise(obj).kind is rigs.MappedRig:
            return mapped.main_of(obj) or obj
    return None


def boned(context: Any) -> Any:
    """The character, or the mesh without shape keys that the active armature moves, or that is active and has one: what poses of bones may
    be recorded for; or None."""
    if found := character(context):
        return found
    active = context.view_layer.objects.active
    rig = active if active is not None and active.type == "ARMATURE" else None
    meshes = [obj for obj in context.scene.objects if obj.type == "MESH" and rigs.armature(obj) == rig] if rig else [active]
    fits = [obj for obj in meshes if obj and obj.type == "MESH" and rigs.armature(obj) and not obj.library and not obj.data.shape_keys]
    return max(fits, key=lambda obj: (mapped.PROPERTY in obj, len(obj.data.vertices)), default=None)


def rig_of(obj: Any) -> Any:
    """The rig of a character that may not be ready yet. UtterError if its map is damaged."""
    return rigs.MappedRig(obj)


def adopt(obj: Any) -> bool:
    """Let a character with shape keys of its own perform by these, matched by shape unless their names are ARKit's to the letter, which
    promise ARKit's numbers; False where it has none. UtterError where they are no face."""
    seen = rigs.recognise(obj)
    if seen.kind is not rigs.MappedRig or seen.state == "none":
        return False
    by_name = rig_of(obj).map.rows
    if mapped.PROPERTY not in obj and not (by_name and all(row.target in ACTIONS for row in by_name)):
        try:
            keep(obj, matching.match(rig_of(obj)))
        except UtterError as error:
            if seen.state != "ready":
                raise UtterError(f"{error} To move it by Utter's keys instead, tick Add Utter's Keys.") from error
    return rigs.ready(obj)


def unknown(obj: Any) -> bool:
    """Whether an object is a character whose shape keys have names that say nothing."""
    seen = rigs.recognise(obj)
    return seen.kind is rigs.MappedRig and seen.state == "usable"


def keep(obj: Any, told: rows.Map | None) -> None:
    """Give a character a map of its own, or take it away, and show its rows."""
    global _filling
    mapped.keep(obj, told)
    settings = settings_of(obj)
    _filling = True
    try:
        settings.map_rows.clear()
        for row in told.rows if told else ():
            item = settings.map_rows.add()
            item.name = item.target = row.target
            item.sources, item.gain, item.enabled = rows.to_text(row.sources), row.gain, row.enabled
            item.confidence, item.why = row.confidence, row.why
        for region in REGIONS:
            setattr(settings, f"map_gain_{region}", told.gains.get(region, 1.0) if told else 1.0)
        settings.map_row = min(settings.map_row, max(len(settings.map_rows) - 1, 0))
    finally:
        _filling = False


def edited(changed: Any, _context: Any) -> None:
    """The artist changed a row or a region's gain: the map follows. A row that cannot be read stays as it was."""
    obj = changed.id_data
    if _filling or mapped.PROPERTY not in obj:
        return
    told, settings = rig_of(obj).map, settings_of(obj)
    shown = {item.target: item for item in settings.map_rows}
    made, wrong = [], ""
    for row in told.rows:
        if item := shown.get(row.target):
            try:
                sources = rows.from_text(item.sources)
            except UtterError as error:
                sources, wrong = row.sources, str(error)
            by_hand = sources != row.sources
            row = row._replace(sources=sources, gain=item.gain, enabled=item.enabled)
            row = row._replace(confidence=1.0, why="artist") if by_hand else row
        made.append(row)
    gains = {region: getattr(settings, f"map_gain_{region}") for region in REGIONS}
    keep(obj, told._replace(rows=tuple(made), gains={region: gain for region, gain in gains.items() if gain != 1}))
    if wrong:
        jobs.say("maps", wrong, "ERROR")


class OfCharacter:
    """An operator that needs a character with shape keys of its own."""

    bl_options = {"REGISTER", "UNDO"}
    report: Callable[..., None]  # an Operator's
    change: Callable[[Any, Any], str | None]  # (context, character): what the button does; a sentence that says so, if it is not seen
    of: Callable[[Any], Any] = staticmethod(character)  # context: for whom

    @classmethod
    def poll(cls, context):
        found = character(context)
        why = "" if found else "Select a head with shape keys of its own."
        if found and found.library:
            why = f"{found.name} is linked from another file; make a library override of it first."
        return jobs.allowed(cls, jobs.busy() or why)

    def execute(self, context):
        try:
            said = self.change(context, self.of(context))
        except UtterError as error:
            self.report({"ERROR"}, jobs.legible(str(error)))
            return {"CANCELLED"}
        if said:
            jobs.say("maps", said, "INFO")
            self.report({"INFO"}, jobs.legible(said))
        return {"FINISHED"}


class OfBones(OfCharacter):
    """An operator that needs a character with an armature."""

    of = staticmethod(boned)

    @classmethod
    def poll(cls, context):
        found = boned(context)
        rig = rigs.armature(found) if found else None
        why = "" if rig and rig.pose else "Select a character that an armature moves."
        if rig and (rig.library or found.library):
            why = f"{rig.name} is linked from another file; make a library override of it first."
        return jobs.allowed(cls, jobs.busy() or why)

    @staticmethod
    def take(obj, posed, made):
        """Let a character have poses {name: pose}, and rows for them; those of the same names go."""
        told = rig_of(obj).map
        kept = tuple(row for row in told.rows if row.target not in posed)
        keep(obj, told._replace(kind=told.kind if told.rows else "recorded poses", rows=kept + tuple(made), poses=told.poses | posed))


class UTTER_OT_record_pose(OfBones, bpy.types.Operator):
    bl_idname = "utter.record_pose"
    bl_label = "Record the Pose Now"
    bl_description = "What the bones are posed as now is what this movement does in full; pose the face for it first, from rest"

    action: bpy.props.EnumProperty(name="Movement", items=[(name, name, "") for name in ACTIONS], default="jawOpen")

    def change(self, context, obj):
        action = settings_of(obj).pose_of if not self.properties.is_property_set("action") else self.action
        turning = {turn.bone.name for turn in rig_of(obj).turns() if turn.joint == "neck"}
        pose = poses.recorded(rigs.armature(obj), turning)
        if not pose:
            raise UtterError(f"No bone of {rigs.armature(obj).name} is posed; pose the face for {action} in Pose Mode first.")
        name = f"{action} pose" if any(action in parts.keys_of(part) for part in rig_of(obj).parts) else action
        self.take(obj, {name: pose}, [rows.Row(name, {action: 1.0}, why=RECORDED)])
        return f"{action} poses {len(pose)} bone{'s' if len(pose) != 1 else ''} of {obj.name} from now on."


class UTTER_OT_read_poses(OfBones, bpy.types.Operator):
    bl_idname = "utter.read_poses"
    bl_label = "From Pose Library"
    bl_description = (
        "Take the poses of this file that are marked as assets, those whose names are of a movement, as names of shape keys are"
    )

    def change(self, _context, obj):
        found = poses.library(rigs.armature(obj))
        if not found:
            raise UtterError(f"This file has no pose asset for {rigs.armature(obj).name}; append some, or record poses one by one.")
        told = names.match(found)
        if not told.rows:
            raise UtterError(f"No pose is called like a movement ({', '.join(list(found)[:3])}); rename them, such as jawOpen or Blink_L.")
        made = [row._replace(why=f"pose library; {row.why}") for row in told.rows]
        self.take(obj, {row.target: found[row.target] for row in made}, made)
        return f"{len(told.rows)} of {len(found)} poses of the library move {obj.name} from now on."


class UTTER_OT_match_map(OfCharacter, bpy.types.Operator):
    bl_idname = "utter.match_map"
    bl_label = "Match by Shape"
    bl_description = (
        "Try every shape key and look what it moves: rows by name are checked, keys with other names are matched, and the lips are made to "
        "meet where Utter's do. Rows that you wrote stay"
    )

    def change(self, _context, obj):
        parts.forget()
        rig = rig_of(obj)
        own = {row.target: row for row in rig.map.rows if row.why == "artist"} if mapped.PROPERTY in obj else {}
        wait = bpy.context.window_manager
        wait.progress_begin(0, 100)
        try:
            told = matching.match(rig, lambda share: wait.progress_update(100 * share))
        finally:
            wait.progress_end()
        targets = {row.target for row in told.rows}
        kept = tuple(own.get(row.target, row) for row in told.rows) + tuple(row for key, row in own.items() if key not in targets)
        keep(obj, told._replace(rows=kept))
        doubtful = sum(row.confidence < DOUBTFUL for row in kept)
        said = f"{len(kept)} {'poses of bones' if told.poses else 'shape keys'} of {obj.name} are matched"
        lips = "" if told.lips else "; its lips were not found, so look whether they meet"
        return f"{said}{f', {doubtful} of them doubtful' if doubtful else ''}{lips}."


class UTTER_OT_own_map(OfCharacter, bpy.types.Operator):
    bl_idname = "utter.own_map"
    bl_label = "Edit"
    bl_description = "Keep the rows that the names of the keys say with this character, to change them"

    def change(self, _context, obj):
        keep(obj, rig_of(obj).map)


class UTTER_OT_forget_map(OfCharacter, bpy.types.Operator):
    bl_idname = "utter.forget_map"
    bl_label = "By Names Again"
    bl_description = "Forget this character's own map; what its keys are called says what they do again"

    def change(self, _context, obj):
        parts.forget()
        keep(obj, None)


class UTTER_OT_add_map_row(OfCharacter, bpy.types.Operator):
    bl_idname = "utter.add_map_row"
    bl_label = "Add Row"
    bl_description = "Let another shape key of this character move; write down what it follows then"
    bl_property = "target"

    def keys(self, context):
        obj = character(context) if context else None
        there = {row.target for row in rig_of(obj).map.rows} if obj else set()
        UTTER_OT_add_map_row.items = [(key, key, "") for key in (parts.keys_of(obj) if obj else ()) if key not in there]
        return UTTER_OT_add_map_row.items  # Blender keeps no hold of them itself

    target: bpy.props.EnumProperty(name="Shape Key", items=keys)

    def invoke(self, context, _event):
        context.window_manager.invoke_search_popup(self)
        return {"FINISHED"}

    def change(self, _context, obj):
        told = rig_of(obj).map
        keep(obj, told._replace(rows=(*told.rows, rows.Row(self.target, {}, why="artist"))))
        settings_of(obj).map_row = len(told.rows)


class UTTER_OT_add_map_channel(OfCharacter, bpy.types.Operator):
    bl_idname = "utter.add_map_channel"
    bl_label = "Add Channel"
    bl_description = "Let a bone's channel or a custom property of the armature follow movements; its path is what Copy Data Path gives"

    target: bpy.props.StringProperty(name="Data Path", description='Such as pose.bones["Jaw"].rotation_euler[0]')

    def invoke(self, context, _event):
        return context.window_manager.invoke_props_dialog(self, width=400)

    def change(self, _context, obj):
        told, target = rig_of(obj).map, self.target.strip()
        if not channels.channel(target, rigs.armature(obj)):
            raise UtterError(
                f'{target or "That"} is no channel of the armature of {obj.name}; write it as pose.bones["Jaw"].rotation_euler[0].'
            )
        if any(row.target == target for row in told.rows):
            raise UtterError(f"{target} has a row already.")
        keep(obj, told._replace(rows=(*told.rows, rows.Row(target, {}, limits=None, why="artist"))))
        settings_of(obj).map_row = len(told.rows)


class UTTER_OT_save_map(OfCharacter, bpy.types.Operator, ExportHelper):
    bl_idname = "utter.save_map"
    bl_label = "Save Map..."
    bl_description = "Save this character's rig map as a file, for others of its kind"
    bl_options = {"REGISTER"}

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context, event):
        self.filepath = str(paths.folder("maps") / f"{bpy.path.clean_name(character(context).name)}.json")
        return ExportHelper.invoke(self, context, event)

    def change(self, _context, obj):
        path = Path(bpy.path.abspath(self.filepath))
        with beside(path, ".json") as part:
            part.write_text(rows.to_json(rig_of(obj).map._replace(lips=())), encoding="utf-8")  # another mesh has other vertices
        return f"Saved {path.name}; it is among the saved maps where it lies in their folder."


class UTTER_OT_load_map(OfCharacter, bpy.types.Operator, ImportHelper):
    bl_idname = "utter.load_map"
    bl_label = "Load Map..."
    bl_description = "Give this character a rig map from a file"

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def change(self, _context, obj):
        path = Path(bpy.path.abspath(self.filepath))
        try:
            told = rows.from_json(path.read_text(encoding="utf-8"), path.name)
        except (OSError, UnicodeDecodeError) as error:
            raise UtterError(f"{path} cannot be read; choose a rig map that Utter saved.") from error
        there = {key for part in rig_of(obj).parts for key in parts.keys_of(part)}
        rig = rigs.armature(obj)
        bones = set(rig.data.bones.keys()) if rig else set()
        posed = {name for name, pose in told.poses.items() if bones & set(pose)}
        fitting = [row for row in told.rows if row.target in there | posed or channels.channel(row.target, rig)]
        if not fitting:
            raise UtterError(f"{path.name} is a map for another rig: {obj.name} has none of its {len(told.rows)} {_targets(told)}.")
        keep(obj, told)
        all_ = len(fitting) == len(told.rows)
        return "" if all_ else f"{obj.name} has {len(fitting)} of the {len(told.rows)} {_targets(told)} of this map."


def _targets(told):
    """What a map moves."""
    return "poses and shape keys" if told.poses else "shape keys"


class UTTER_OT_why_row_still(bpy.types.Operator):
    bl_idname = "utter.why_row_still"
    bl_label = "Why Does It Not Move?"
    bl_description = "Follow the chosen row from its movement to what is seen, and say where the way is broken first"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        found = character(context)
        return jobs.allowed(cls, "" if found and chosen_row(found) else "Choose a row first.")

    def execute(self, context):
        obj = character(context)
        said = still.first_break(rig_of(obj), chosen_row(obj).target)
        jobs.say("maps", said, "INFO")
        self.report({"INFO"}, jobs.legible(said))
        return {"FINISHED"}


class UTTER_MT_maps(bpy.types.Menu):
    bl_idname = "UTTER_MT_maps"
    bl_label = "Saved Maps"
    bl_description = "Rig maps that were saved in Utter's folder"

    def draw(self, _context):
        saved = sorted(paths.folder("maps").glob("*.json"))
        for path in saved:
            self.layout.operator("utter.load_map", text=path.stem).filepath = str(path)
        if not saved:
            self.layout.label(text="None yet.")
        self.layout.separator()
        self.layout.operator_context = "INVOKE_DEFAULT"
        self.layout.operator("utter.save_map")
        self.layout.operator("utter.load_map")


class UTTER_OT_wiggle(bpy.types.Operator):
    bl_idname = "utter.wiggle"
    bl_label = "Wiggle"
    bl_description = "Move the chosen row's shape key or pose there and back, to see what it does; nothing is keyed"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context):
        found = character(context)
        row = chosen_row(found) if found else None
        return jobs.allowed(cls, "" if row and not channels.is_path(row.target) else "Choose the row of a shape key or a pose first.")

    def execute(self, context):
        """Without a window: there and back at once."""
        self.begin(context)
        self.show(1.0)
        self.end(context)
        return {"FINISHED"}

    def invoke(self, context, _event):
        self.begin(context)
        self.step, self.timer = 0, context.window_manager.event_timer_add(SECONDS / STEPS, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC" or self.step > STEPS:
            context.window_manager.event_timer_remove(self.timer)
            self.end(context)
            return {"FINISHED"}
        if event.type == "TIMER":
            self.step += 1
            self.show(math.sin(math.pi * min(self.step / STEPS, 1.0)))
        return {"PASS_THROUGH"}

    def begin(self, context):
        obj = character(context)
        target = chosen_row(obj).target
        meshes = [jobs.Reference(part) for part in rig_of(obj).parts if target in parts.keys_of(part)]
        self.moved = [(mesh, target, mesh.get().data.shape_keys.key_blocks[target].value) for mesh in meshes]
        rig = rigs.armature(obj)
        self.rig: Any = jobs.Reference(rig) if rig else None
        self.pose = {} if meshes else rig_of(obj).map.poses.get(target, {})
        self.rested = {name: poses.now(rig.pose.bones[name]) for name in self.pose if name in rig.pose.bones}

    def show(self, share):
        for name, was in self.rested.items():
            moved = tuple(one + share * more for one, more in zip(was, self.pose[name]))
            poses.put(self.rig.get().pose.bones[name], moved)
        for mesh, target, was in self.moved:
            key = mesh.get().data.shape_keys.key_blocks[target]
            key.value = was + share * (key.slider_max - was)

    def end(self, context):
        for mesh, target, was in self.moved:
            mesh.get().data.shape_keys.key_blocks[target].value = was
        for name, was in self.rested.items():
            poses.put(self.rig.get().pose.bones[name], was)


def chosen_row(obj: Any) -> Any:
    """The row that is chosen in the list, or None."""
    settings = settings_of(obj)
    return settings.map_rows[settings.map_row] if 0 <= settings.map_row < len(settings.map_rows) else None


class UTTER_UL_map_rows(bpy.types.UIList):
    bl_idname = "UTTER_UL_map_rows"

    def draw_item(self, _context, layout, _settings, row, _icon, _active, _property, _index=0, _flag=0):
        line = layout.row(align=True)
        line.prop(row, "enabled", text="")
        line = line.split(factor=0.75)
        line.active = row.enabled
        icon = "ERROR" if row.confidence < DOUBTFUL else "POSE_HLT" if row.why.startswith(POSES) else "SHAPEKEY_DATA"
        line.label(text=row.target, icon=icon)
        line.prop(row, "gain", text="", emboss=False)


class UTTER_PT_maps(Panel, bpy.types.Panel):
    bl_idname = "UTTER_PT_maps"
    bl_label = "Rig Map"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context):
        return boned(context) is not None

    def draw(self, context):
        layout, obj = self.layout, boned(context)
        if rigs.armature(obj):
            self.draw_poses(layout, obj)
        if obj == character(context):
            self.draw_map(context, layout, obj)
        jobs.draw_message(layout, "maps", context.region.width)

    def draw_poses(self, layout, obj):
        """How poses of bones get into the map."""
        column = layout.column(align=True)
        row = column.row(align=True)
        row.prop(settings_of(obj), "pose_of", text="")
        row.operator("utter.record_pose", icon="REC", text="Record the Pose Now")
        column.operator("utter.read_poses", icon="ASSET_MANAGER")

    def draw_map(self, context, layout, obj):
        settings, seen = settings_of(obj), rigs.recognise(obj)
        jobs.draw_text(layout, seen.reason, context.region.width, "CHECKMARK" if seen.state == "ready" else "INFO")
        row = layout.row(align=True)
        row.operator("utter.match_map", icon="VIEWZOOM")
        if mapped.PROPERTY in obj:
            row.operator("utter.forget_map", text="", icon="LOOP_BACK")
        else:
            row.operator("utter.own_map", text="", icon="GREASEPENCIL")
        row.menu("UTTER_MT_maps", text="", icon="PRESET")
        if len(settings.map_rows):
            row = layout.row()
            row.template_list("UTTER_UL_map_rows", "", settings, "map_rows", settings, "map_row", rows=6)
            column = row.column(align=True)
            column.operator("utter.add_map_row", text="", icon="ADD")
            column.operator("utter.add_map_channel", text="", icon="BONE_DATA")
            column.operator("utter.wiggle", text="", icon="PLAY")
            column.operator("utter.why_row_still", text="", icon="QUESTION")
            if one := chosen_row(obj):
                column = layout.column()
                column.use_property_split = True
                column.use_property_decorate = False
                column.prop(one, "sources")
                column.prop(one, "gain")
                jobs.draw_text(layout, f"{one.why} ({one.confidence:.0%} sure)", context.region.width, "INFO")
            column = layout.column(align=True)
            column.use_property_split = True
            column.use_property_decorate = False
            for region in REGIONS:
                column.prop(settings, f"map_gain_{region}")


CLASSES = (
    UTTER_OT_record_pose,
    UTTER_OT_read_poses,
    UTTER_OT_match_map,
    UTTER_OT_own_map,
    UTTER_OT_forget_map,
    UTTER_OT_add_map_row,
    UTTER_OT_add_map_channel,
    UTTER_OT_save_map,
    UTTER_OT_load_map,
    UTTER_MT_maps,
    UTTER_OT_wiggle,
    UTTER_OT_why_row_still,
    UTTER_UL_map_rows,
    UTTER_PT_maps,
)
