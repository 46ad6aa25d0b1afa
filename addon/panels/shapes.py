"""Make the Shapes: face actions for a head that has no expressions, guided by points that the artist may drag."""

from typing import Any

import bpy

from .. import rigs
from ..contract import ShapesRequest, UtterError
from ..rigs import shaping
from ..work import jobs
from .base import Panel, Starts, briefly

FLAME = 0.5  # of a mesh recognised: as sure is one with FLAME's number of vertices
FEW = 20  # face actions that a head lacks: from here on it is offered more


def head_of(context: Any) -> Any:
    """The mesh whose shapes are meant: the active one, or the head of the point that is active."""
    active = context.view_layer.objects.active
    if active is not None and active.parent and (shaping.POINT in active or shaping.PLACE in active):
        return active.parent
    return active


def offered(head: Any) -> bool:
    """Whether *Use Selected* offers to make the shapes of a mesh: it has no expressions, and is none of FLAME's meshes."""
    seen = rigs.recognise(head)
    return seen.state == "usable" and seen.sure < FLAME and shaping.bare(head)


def lacks(head: Any) -> bool:
    """Whether a mesh, which is none of Utter's own heads, lacks many face actions."""
    seen = rigs.recognise(head)
    own = seen.state == "ready" and seen.kind is not rigs.MappedRig
    return not own and len(shaping.lacking(head)) >= FEW


def shapes_job(context: Any, head: Any, find: bool = False) -> jobs.Job:
    """Job that makes the face actions of a head that lacks them, or that only finds the points of its face. UtterError if it cannot get
    any."""
    if reason := shaping.refusal(head):
        raise UtterError(reason)
    folder = jobs.temporary_folder()
    others = shaping.others_of(head)
    shaping.write(head, others, folder / "mesh.npz")
    scene, meant = jobs.Reference(context.scene), [jobs.Reference(each) for each in (head, *others)]

    def apply(result):
        obj, *rest = (each.get() for each in meant)
        if find or result["refused"]:
            shaping.show_points(obj, result["points"])
            shaping.show_place(obj, result["place"])
        if result["refused"]:
            if not bpy.app.background:
                bpy.ops.ed.undo_push(message="Points")
            raise UtterError(f"{obj.name} {result['refused']}.")
        if find:
            return "Drag the points where they are off, then make the shapes."
        made, said = shaping.add(obj, rest, folder / "shapes.npz")
        shaping.remove_points(obj)
        if rigs.ready(obj):
            scene.get().utter.head = obj
        return " ".join([f"{obj.name} has {len(made)} face actions now.", *said])

    eyes, wanted = "bones" if shaping.turns_by_bones(head) else "keys", "points" if find else "shapes"
    asked = ShapesRequest(mesh=str(folder / "mesh.npz"), output=str(folder / "shapes.npz"), asked=wanted, eyes=eyes)
    return jobs.Job("Find Points" if find else "Make the Shapes", "shapes", "shapes", asked, apply, folder)


class OfHead(Starts):
    """An operator that needs a head that lacks face actions."""

    @classmethod
    def refusal(cls, context):
        return shaping.refusal(head_of(context))


class UTTER_OT_find_points(OfHead, bpy.types.Operator):
    bl_idname = "utter.find_points"
    bl_label = "Find Points"
    bl_description = "Find eyes, mouth, nose and chin on the head, and put points there that you can drag before the shapes are made"

    def job(self, context):
        return shapes_job(context, head_of(context), find=True)


class UTTER_OT_make_shapes(OfHead, bpy.types.Operator):
    bl_idname = "utter.make_shapes"
    bl_label = "Make the Shapes"
    bl_description = (
        "Give the head the face actions that it lacks, as shape keys under ARKit's names, carried over from Utter's own head. Its own keys "
        "stay; eyes, teeth, lashes and brows follow. Points that lie on it guide this, else its face is found"
    )

    def job(self, context):
        return shapes_job(context, head_of(context))


class UTTER_OT_remove_points(bpy.types.Operator):
    bl_idname = "utter.remove_points"
    bl_label = "Remove Points"
    bl_description = "Take the points off the head, so that its face is found anew"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = head_of(context)
        there = head is not None and any(shaping.POINT in child or shaping.PLACE in child for child in head.children)
        return jobs.allowed(cls, jobs.busy() or ("" if there else "There are no points on it."))

    def execute(self, context):
        head = head_of(context)
        shaping.remove_points(head)
        context.view_layer.objects.active = head
        return {"FINISHED"}


class UTTER_PT_shapes(Panel, bpy.types.Panel):
    bl_idname = "UTTER_PT_shapes"
    bl_label = "Make the Shapes"

    @classmethod
    def poll(cls, context):
        head = head_of(context)
        if head is None or head.type != "MESH" or len(head.data.vertices) < shaping.LEAST:
            return False
        if jobs.Message.panel == "shapes" and jobs.Message.text:
            return True
        return briefly(lacks, head)

    def draw(self, context):
        layout = self.layout
        if not jobs.draw_progress(layout, "shapes"):
            column = layout.column(align=True)
            column.operator("utter.make_shapes", icon="SHAPEKEY_DATA")
            row = column.row(align=True)
            row.operator("utter.find_points", icon="EMPTY_AXIS")
            row.operator("utter.remove_points", text="", icon="X")
        jobs.draw_message(layout, "shapes", context.region.width)


CLASSES = (UTTER_OT_find_points, UTTER_OT_make_shapes, UTTER_OT_remove_points, UTTER_PT_shapes)
