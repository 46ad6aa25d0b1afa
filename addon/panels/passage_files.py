"""Passages from files and timeline markers, and presets: what a passage feels, kept for other scenes."""

import json
from typing import Any

import bpy
from bpy_extras.io_utils import ImportHelper

from ..animation import bake
from ..contract import IMPORTED_SUFFIXES, Passage, UtterError, import_passages, read_json, seconds_at
from ..work import jobs, paths
from . import passages, record, strengths, words
from .base import chosen, settings_of

KEPT = ("prompt", "strength", "fade", "goes", "gesture", "regions")  # of a passage in a preset; fades in seconds
FADES = ("fade", "goes")
LASTS = 2.0  # seconds of a passage after the last marker, where the voice does not end


class Adds(passages.Edit):
    """An operator that adds passages."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def refusal(cls, _settings):
        return ""


class UTTER_OT_import_passages(Adds, bpy.types.Operator, ImportHelper):
    bl_idname = "utter.import_passages"
    bl_label = "Import Passages..."
    bl_description = (
        "Add a passage for each subtitle (.srt, .vtt: what stands in brackets, or all of it, is the prompt), each row of a table "
        "(.csv with start, end, prompt) or each passage of a list (.json); times count from the voice's beginning"
    )

    filename_ext = ".srt"
    filter_glob: bpy.props.StringProperty(default=";".join(f"*{suffix}" for suffix in IMPORTED_SUFFIXES), options={"HIDDEN"})

    def execute(self, context):
        settings, fps = settings_of(chosen(context)), bake.scene_fps(context.scene)
        try:
            found = import_passages(bpy.path.abspath(self.filepath), fps)
        except UtterError as error:
            self.report({"ERROR"}, jobs.legible(str(error)))
            return {"CANCELLED"}
        passages.add_from_seconds(settings, found, fps)
        settings.passage = len(settings.passages) - len(found)
        self.report({"INFO"}, f"{len(found)} {'passage' if len(found) == 1 else 'passages'} added.")
        return {"FINISHED"}


class UTTER_OT_passages_from_markers(Adds, bpy.types.Operator):
    bl_idname = "utter.passages_from_markers"
    bl_label = "Passages from Markers"
    bl_description = (
        "Add a passage for each marker of the timeline: its name is the prompt, and it lasts until the next one or the voice's end"
    )

    def execute(self, context):
        head, scene = chosen(context), context.scene
        settings, fps = settings_of(head), bake.scene_fps(scene)
        ours = [marker for marker, _ in words.markers(scene, head)]
        marked = sorted((marker.frame, marker.name) for marker in scene.timeline_markers if marker not in ours and marker.name.strip())
        if not marked:
            self.report({"ERROR"}, "Set markers on the timeline first (M), each named by what the face should feel from there on.")
            return {"CANCELLED"}
        ends = [frame for frame, _ in marked[1:]] + [max(passages.last_frame(settings, fps), marked[-1][0] + round(LASTS * fps))]
        at = lambda frame: seconds_at(frame, fps, settings.start)
        found = [Passage(at(frame), at(end), name) for (frame, name), end in zip(marked, ends) if end > frame]
        passages.add_from_seconds(settings, found, fps)
        settings.passage = len(settings.passages) - len(found)
        self.report({"INFO"}, f"{len(found)} {'passage' if len(found) == 1 else 'passages'} added.")
        return {"FINISHED"}


def presets() -> dict[str, dict[str, Any]]:
    """{name: what a passage has} of the presets that are kept; those that are damaged are left out."""
    try:
        told = read_json(file())
    except UtterError:
        return {}
    kept = told.items() if isinstance(told, dict) else ()
    return {name: fields for name, fields in kept if isinstance(fields, dict) and set(fields) <= set(KEPT)}


def file():
    return paths.folder() / "passages.json"


def write(kept):
    """Keep the presets. UtterError if the folder cannot be written."""
    try:
        file().write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise UtterError(f"{file()} cannot be written ({error.strerror}).", str(error)) from error


class UTTER_OT_save_preset(passages.Edit, bpy.types.Operator):
    bl_idname = "utter.save_preset"
    bl_label = "Save as Preset"
    bl_description = "Keep what this passage feels, its strength and fades, for other passages and scenes"
    bl_options = {"REGISTER", "INTERNAL"}

    name: bpy.props.StringProperty(name="Name", description="A preset of that name is replaced", options={"SKIP_SAVE"})

    def invoke(self, context, _event):
        settings = settings_of(chosen(context))
        self.name = passages.label(settings.passages[settings.passage])
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context):
        settings, fps = settings_of(chosen(context)), bake.scene_fps(context.scene)
        passage = settings.passages[settings.passage]
        name = self.name.strip() or passages.label(passage)
        if not name:
            self.report({"ERROR"}, "Give the preset a name, or the passage a prompt.")
            return {"CANCELLED"}
        fields = {field: getattr(passage, field) for field in KEPT} | {"regions": sorted(passage.regions)}
        fields |= {field: fields[field] / fps if fields[field] >= 0 else -1 for field in FADES}
        try:
            write({**presets(), name: fields})
        except UtterError as error:
            self.report({"ERROR"}, jobs.legible(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}


class UTTER_OT_load_preset(passages.Edit, bpy.types.Operator):
    bl_idname = "utter.load_preset"
    bl_label = "Use Preset"
    bl_description = "Let the chosen passage feel as this preset says"

    name: bpy.props.StringProperty(options={"HIDDEN"})

    def execute(self, context):
        settings, fps = settings_of(chosen(context)), bake.scene_fps(context.scene)
        fields = presets().get(self.name)
        if fields is None:
            self.report({"ERROR"}, f"There is no preset {self.name}.")
            return {"CANCELLED"}
        passage = settings.passages[settings.passage]
        passage.clip, passage.action = "", None
        strengths.put(passage, [])
        for field, value in fields.items():  # what only a newer version knows is left out
            record.put(passage, field, round(value * fps) if field in FADES and value >= 0 else value)
        return {"FINISHED"}


class UTTER_OT_remove_preset(bpy.types.Operator):
    bl_idname = "utter.remove_preset"
    bl_label = "Remove Preset"
    bl_description = "Forget this preset; passages that used it stay as they are"
    bl_options = {"INTERNAL"}

    name: bpy.props.StringProperty(options={"HIDDEN"})

    def execute(self, _context):
        try:
            write({name: fields for name, fields in presets().items() if name != self.name})
        except UtterError as error:
            self.report({"ERROR"}, jobs.legible(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}


class UTTER_MT_passages(bpy.types.Menu):
    bl_idname = "UTTER_MT_passages"
    bl_label = "Passages"
    bl_description = "Duplicate, split, move, import, presets"

    def draw(self, _context):
        layout = self.layout
        layout.operator("utter.duplicate_passage", icon="DUPLICATE")
        layout.operator("utter.split_passage", icon="MOD_EDGESPLIT")
        layout.operator("utter.move_passage", text="Move Up", icon="TRIA_UP").step = -1
        layout.operator("utter.move_passage", text="Move Down", icon="TRIA_DOWN").step = 1
        layout.separator()
        layout.operator("utter.import_passages", icon="IMPORT")
        layout.operator("utter.passages_from_markers", icon="MARKER_HLT")
        layout.separator()
        layout.operator("utter.save_preset", icon="ADD", text="Save as Preset...")
        kept = sorted(presets())
        for name in kept:
            layout.operator("utter.load_preset", text=name, icon="PRESET").name = name
        if kept:
            layout.menu("UTTER_MT_remove_preset", icon="REMOVE")


class UTTER_MT_remove_preset(bpy.types.Menu):
    bl_idname = "UTTER_MT_remove_preset"
    bl_label = "Remove Preset"

    def draw(self, _context):
        for name in sorted(presets()):
            self.layout.operator("utter.remove_preset", text=name, icon="X").name = name


CLASSES = (
    UTTER_OT_import_passages,
    UTTER_OT_passages_from_markers,
    UTTER_OT_save_preset,
    UTTER_OT_load_preset,
    UTTER_OT_remove_preset,
    UTTER_MT_passages,
    UTTER_MT_remove_preset,
)
