"""Head: add the built-in one, load a FLAME file, or use what is in the scene."""

import hashlib
from pathlib import Path
from typing import Any

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import rigs
from ..contract import HeadRequest, UtterError
from ..rigs import making
from ..work import jobs, paths
from .base import Panel, Starts, chosen, settings_of


def add_job(context: Any, path: str = "", mesh_object: Any = None, name: str | None = None, jaw: str = "keys") -> jobs.Job:
    """Job that adds a head: the built-in one, that of a file, or the mesh or FLAME object of the scene made one."""
    scene, folder = jobs.Reference(context.scene), jobs.temporary_folder()
    bundle, mesh, adopted = folder / "bundle.npz", None, None
    if mesh_object is not None:
        adopted = jobs.Reference(mesh_object)
        mesh = folder / "mesh.npz"
        making.export_mesh(mesh_object, mesh)
        # perform() wants the head's file again in later sessions, so it lies where it stays, named by what it was made of.
        digest = hashlib.sha256(mesh.read_bytes()).hexdigest()[:16]
        bundle = paths.folder("heads") / f"{digest}.npz"

    def apply(result):
        target = scene.get()
        if adopted is None:
            head = making.build(
                result["output"], name=name or result["name"], collection=collection_of(target), jaw=jaw, head_path=result.get("head") or ""
            )
            (rigs.armature(head) or head).location = target.cursor.location
        else:
            head = making.adopt(adopted.get(), result["output"], head_path=result.get("head") or "", jaw=jaw)
        choose(target, head)
        settings_of(head).jaw = jaw

    asked = HeadRequest(output=str(bundle), head=path or None, mesh=str(mesh) if mesh else None)
    return jobs.Job("Add Head", "head", "head", asked, apply, folder)


def collection_of(scene):
    """Where new objects go: the active collection if it is in that scene, or else the scene's own."""
    active = bpy.context.collection
    inside = scene == bpy.context.scene and active is not None
    return active if inside else scene.collection


def choose(scene, head):
    """Make head the one that performs, and the active object where it can be selected."""
    scene.utter.head = head
    layer = bpy.context.view_layer
    if (
        scene == bpy.context.scene
        and head.name in layer.objects
        and (layer.objects.active is None or layer.objects.active.mode == "OBJECT")
    ):
        for other in list(layer.objects.selected):
            other.select_set(False)
        head.select_set(True)
        layer.objects.active = head


class UTTER_OT_add_head(Starts, bpy.types.Operator):
    bl_idname = "utter.add_head"
    bl_label = "Add Built-in Head"
    bl_description = "Add Utter's own head, ready to perform"

    def job(self, context):
        return add_job(context)


class UTTER_OT_load_head(Starts, bpy.types.Operator, ImportHelper):
    bl_idname = "utter.load_head"
    bl_label = "Load FLAME File..."
    bl_description = "Add the head of a FLAME model file (.pkl or .npz) of any release"

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default="*.npz;*.pkl", options={"HIDDEN"})

    def job(self, context):
        path = bpy.path.abspath(self.filepath)
        if not Path(path).is_file():
            raise UtterError(f"{path} does not exist; choose a FLAME file (.pkl or .npz).")
        return add_job(context, path=path)


class UTTER_OT_use_selected(Starts, bpy.types.Operator):
    bl_idname = "utter.use_selected"
    bl_label = "Use Selected"
    bl_description = (
        "Let the active object perform: a head with ARKit's 52 shape keys, a FLAME object of another add-on, "
        "or a neutral mesh in FLAME's topology"
    )

    @classmethod
    def refusal(cls, context):
        if context.active_object is None:
            return "Select the object that should perform."
        seen = rigs.recognise(rigs.find(context, others=False) or context.active_object)
        return seen.reason if seen.state == "none" else ""

    def job(self, context):
        found = rigs.find(context, others=False)
        head = found if found is not None and rigs.ready(found) else context.active_object
        if rigs.ready(head):
            file = rigs.rig_of(head).head
            if not file or Path(file).is_file():
                choose(context.scene, head)
                return None
        return add_job(context, mesh_object=head)


def draw_ways(layout):
    """The three ways to a head."""
    layout.operator("utter.add_head", icon="MESH_MONKEY")
    layout.operator("utter.load_head", icon="FILE_FOLDER")
    layout.operator("utter.use_selected", icon="EYEDROPPER")


class UTTER_MT_add_head(bpy.types.Menu):
    bl_idname = "UTTER_MT_add_head"
    bl_label = "Another Head"
    bl_description = "Add another head, or choose one of the scene"

    def draw(self, _context):
        draw_ways(self.layout)


class UTTER_PT_head(Panel, bpy.types.Panel):
    bl_idname = "UTTER_PT_head"
    bl_label = "Head"

    def draw(self, context):
        layout, head, wanted = self.layout, chosen(context), context.scene.utter.head
        if head or wanted:
            row = layout.row(align=True)
            row.prop(context.scene.utter, "head", text="")
            row.menu("UTTER_MT_add_head", text="", icon="ADD")
            if head is None:
                jobs.draw_text(layout, rigs.recognise(wanted).reason, context.region.width, "ERROR")
            elif wanted != head:
                layout.label(text=f"Using {head.name}", icon="MESH_DATA")
        if not jobs.draw_progress(layout, "head") and head is None:
            column = layout.column(align=True)
            column.scale_y = 1.4
            draw_ways(column)
        jobs.draw_message(layout, "head", context.region.width)


CLASSES = (UTTER_OT_add_head, UTTER_OT_load_head, UTTER_OT_use_selected, UTTER_MT_add_head, UTTER_PT_head)
