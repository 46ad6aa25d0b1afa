"""Head: add the built-in one, load a FLAME file, or use what is in the scene."""

import hashlib
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy_extras.io_utils import ImportHelper
from mathutils import Vector

from .. import rigs
from ..contract import HeadRequest, UtterError
from ..rigs import making
from ..work import jobs, paths
from . import maps, shapes
from .base import Panel, Starts, chosen, not_ready, settings_of

ROOM = 4.0  # metres: what is larger is taken for a place that heads stand in
BESIDE = 0.25  # of a head's width: how far it stands from what is beside it


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
            place(target, head)
        else:
            head = making.adopt(adopted.get(), result["output"], head_path=result.get("head") or "", jaw=jaw)
        choose(target, head)
        settings_of(head).jaw = jaw
        if adopted is None:
            show(target, head)

    asked = HeadRequest(output=str(bundle), head=path or None, mesh=str(mesh) if mesh else None)
    return jobs.Job("Add Head", "head", "head", asked, apply, folder)


def collection_of(scene):
    """Where new objects go: the active collection if it is in that scene, or else the scene's own."""
    active = bpy.context.collection
    inside = scene == bpy.context.scene and active is not None
    return active if inside else scene.collection


def place(scene, head):
    """Put a new head at the 3D cursor, or beside the heads that are there; where the cursor is at its home, beside whatever is."""
    moved = rigs.armature(head) or head
    moved.location = scene.cursor.location
    at_home = not any(scene.cursor.location)
    avoid = [
        obj for obj in scene.objects if obj.type == "MESH" and obj != head and (at_home or rigs.ready(obj)) and max(obj.dimensions) < ROOM
    ]
    bpy.context.view_layer.update()
    boxes = [box(obj) for obj in avoid]
    least, most = box(head)
    while blocking := [high for low, high in boxes if (low < most).all() and (least < high).all()]:
        aside = max(high[0] for high in blocking) + BESIDE * (most[0] - least[0]) - least[0]
        moved.location.x += aside
        least[0], most[0] = least[0] + aside, most[0] + aside


def box(obj):
    """The corner of an object's box that is least in all coordinates of the world, and the one that is most."""
    corners = np.array([obj.matrix_world @ Vector(corner) for corner in obj.bound_box])
    return corners.min(0), corners.max(0)


def show(scene, head):
    """Bring a head that was just added into view, in the windows that show its scene."""
    for window in bpy.context.window_manager.windows if scene == bpy.context.scene else ():
        for area in window.screen.areas if window.scene == scene else ():
            if area.type != "VIEW_3D" or area.spaces.active.region_3d.view_perspective == "CAMERA":
                continue
            for region in (region for region in area.regions if region.type == "WINDOW"):
                with bpy.context.temp_override(window=window, area=area, region=region):
                    if bpy.ops.view3d.view_selected.poll() and head.select_get():
                        bpy.ops.view3d.view_selected()


def taken(settings, context):
    """The artist chose a head in the panel: it is selected too, for the panel shows what is selected."""
    if settings.head is not None and settings.id_data == context.scene:
        choose(context.scene, settings.head)


def choose(scene, head):
    """Make head the one that performs, and the active object where it can be selected."""
    if scene.utter.head != head:
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
        "Let the active object perform: a head with expressions of its own (ARKit, VRM and others, known by their names or matched by "
        "shape), a FLAME object of another add-on, or a neutral mesh in FLAME's topology"
    )

    add_keys: bpy.props.BoolProperty(
        name="Add Utter's Keys",
        description="Give a head that has shape keys of its own Utter's as well, and move it by these",
        options={"SKIP_SAVE"},
    )

    make_shapes: bpy.props.BoolProperty(
        name="Make the Shapes",
        description="Give a head the face actions that it lacks, as shape keys under ARKit's names; its eyes, teeth and lashes follow",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context, _event):
        own = self._unmatched(context)
        if own is not None or shapes.offered(context.active_object):  # asked, before it gets keys of ours
            self.make_shapes = own is None
            return context.window_manager.invoke_props_dialog(self, width=400)
        return self.execute(context)

    def draw(self, context):
        own = self._unmatched(context)
        if own is None:
            jobs.draw_text(self.layout, "This head has no expressions. Utter can make them: the face actions, as shape keys.", 400, "INFO")
            self.layout.prop(self, "make_shapes")
            return
        keyed = own.data.shape_keys is not None
        what = "shape keys of its own. They are matched by their shapes." if keyed else "bones that move its face. They are tried out."
        jobs.draw_text(self.layout, f"This head has {what}", 400, "INFO")
        self.layout.prop(self, "add_keys")
        self.layout.prop(self, "make_shapes")

    @staticmethod
    def _unmatched(context):
        """The selected character, where it has keys or bones of its own whose names say nothing; else None."""
        found = rigs.find(context, others=False)
        return found if found is not None and maps.unknown(found) else None

    @classmethod
    def refusal(cls, context):
        if context.active_object is None:
            return "Select the object that should perform."
        seen = rigs.recognise(rigs.find(context, others=False) or context.active_object)
        return seen.reason if seen.state == "none" else ""

    def job(self, context):
        if self.make_shapes:
            return shapes.shapes_job(context, context.active_object)
        found = rigs.find(context, others=False)
        head = found if found is not None and (rigs.ready(found) or maps.unknown(found)) else context.active_object
        if not self.add_keys and maps.adopt(head):
            choose(context.scene, head)
            return None
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


class UTTER_OT_open_manual(bpy.types.Operator):
    bl_idname = "utter.open_manual"
    bl_label = "Manual"
    bl_description = "Open the manual: what to do, task by task"

    def execute(self, _context):
        pages = [paths.ROOT / "docs" / name for name in ("manual.html", "manual.md")]  # the former in the extension alone
        bpy.ops.wm.path_open(filepath=str(next((page for page in pages if page.is_file()), pages[-1])))
        return {"FINISHED"}


class UTTER_MT_add_head(bpy.types.Menu):
    bl_idname = "UTTER_MT_add_head"
    bl_label = "Another Head"
    bl_description = "Add another head, or choose one of the scene"

    def draw(self, _context):
        draw_ways(self.layout)


class UTTER_PT_head(Panel, bpy.types.Panel):
    bl_idname = "UTTER_PT_head"
    bl_label = "Head"

    def draw_header_preset(self, _context):
        self.layout.operator("utter.open_manual", text="", icon="HELP", emboss=False)

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        if head is not None:
            row = layout.row(align=True)
            row.prop(context.scene.utter, "head", text="")
            row.prop(context.scene.utter, "pinned", text="", icon="PINNED" if context.scene.utter.pinned else "UNPINNED")
            row.menu("UTTER_MT_add_head", text="", icon="ADD")
            if context.scene.utter.head != head:
                layout.label(text=f"{head.name} performs", icon="RESTRICT_SELECT_OFF")
            if not_ready(head):
                jobs.draw_text(layout, not_ready(head), context.region.width, "ERROR")
        if not jobs.draw_progress(layout, "head") and head is None:
            column = layout.column(align=True)
            column.scale_y = 1.4
            draw_ways(column)
        jobs.draw_message(layout, "head", context.region.width)


CLASSES = (UTTER_OT_add_head, UTTER_OT_load_head, UTTER_OT_use_selected, UTTER_OT_open_manual, UTTER_MT_add_head, UTTER_PT_head)
