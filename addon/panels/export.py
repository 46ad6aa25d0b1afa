"""Export: the performance's face actions as a file for other programs."""

from pathlib import Path
from typing import Any

import bpy

from .. import rigs
from ..animation import bake
from ..contract import CSV_RATES, OPTIONS, ExportRequest, UtterError
from ..work import jobs
from . import scope, sequencer
from .base import HeadPanel, Starts, chosen, not_performed

FORMATS = {f".{name}": told for name, told in OPTIONS["actions"].choices.items() if name != "none"}


def export_job(scene: Any, head: Any, path: str | Path, rate: int = 60) -> jobs.Job:
    """Job that writes the face actions of what the head performs now, from the voice's start on, as its curves have it. path: .csv, .json
    or .npz; rate: frames a second of a CSV. UtterError if there is nothing to write."""
    rig, fps, start = rigs.rig_of(head), bake.scene_fps(scene), sequencer.begins(scene, head)
    if not bake.actions(rig):
        raise UtterError("Perform first.")
    folder = jobs.temporary_folder()
    scope.write_present(folder / "motion.npz", rig, start, fps, bake.lasts(rig, start, fps=fps))
    asked = ExportRequest(motion=str(folder / "motion.npz"), output=str(path), head=rig.head, fps=rate)
    return jobs.Job("Export", "export", "export", asked, lambda _: f"Wrote {Path(path).name}.", folder)


class UTTER_OT_export(Starts, bpy.types.Operator):
    bl_idname = "utter.export"
    bl_label = "Export Face Actions"
    bl_description = (
        "Write the 52 face actions of the performance, as its curves have it now, for other programs: Live Link Face's CSV, JSON or .npz"
    )

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default="*.csv;*.json;*.npz", options={"HIDDEN"})
    form: bpy.props.EnumProperty(name="Format", items=[(suffix, *told) for suffix, told in FORMATS.items()])
    rate: bpy.props.EnumProperty(
        name="Frame Rate", description="Of a CSV", items=[(str(rate), f"{rate} fps", "") for rate in CSV_RATES], default="60"
    )

    @classmethod
    def refusal(cls, context):
        return not_performed(chosen(context), voice=False)

    def invoke(self, context, _event):
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / f"{bpy.path.clean_name(chosen(context).name)}{self.form}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context):
        path = Path(self.filepath)
        named = str(path.with_suffix(self.form)) if path.suffix.lower() in FORMATS or not path.suffix else self.filepath + self.form
        changed, self.filepath = named != self.filepath, named
        return changed

    def draw(self, _context):
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "form")
        if self.form == ".csv":
            column.prop(self, "rate")

    def job(self, context):
        if Path(self.filepath).suffix.lower() not in FORMATS:
            raise UtterError("Name a file that ends in .csv, .json or .npz.")
        return export_job(context.scene, chosen(context), bpy.path.abspath(self.filepath), int(self.rate))


class UTTER_PT_export(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_export"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        if not jobs.draw_progress(self.layout, "export"):
            self.layout.operator("utter.export", icon="EXPORT")
        jobs.draw_message(self.layout, "export", context.region.width)


CLASSES = (UTTER_OT_export, UTTER_PT_export)
