"""Two takes side by side: a copy of the head stands beside it with another take, until it is no longer wanted."""

from typing import Any

import bpy
from mathutils import Matrix

from .. import rigs
from ..animation import bake
from ..rigs.base import armature
from ..work import jobs
from . import head as heads_room
from . import record, studio, takes
from .base import chosen, settings_of

OF = "utter_beside_head"  # custom property of what a comparison made: of its objects the head, of Actions that Blender copied True
APART = 1.15  # of the head's width, between the two


def copies(head: Any) -> list[Any]:
    """The objects of the copy that stands beside a head."""
    return [obj for obj in bpy.data.objects if obj.get(OF) == head]


def original(head: Any) -> Any:
    """The head that a copy was made of, or the head itself."""
    return head.get(OF) or head


def belonging(head: Any) -> list[Any]:
    """The objects that make a head: its mesh, its armature, and all that hangs on them or on what they hang on."""
    roots = {obj for obj in (head, armature(head)) if obj is not None}
    roots = {_top(obj) for obj in roots}
    return [obj for root in roots for obj in (root, *root.children_recursive)]


def _top(obj: Any) -> Any:
    return _top(obj.parent) if obj.parent is not None else obj


def begin(context: Any, head: Any, other: int) -> None:
    """Put a copy of the head beside it, which performs its take of that number."""
    layer, made = context.view_layer, set(bpy.data.actions)
    selected, parts = context.selected_objects, belonging(head)
    low, high = heads_room.box(head)
    aside = studio.face_matrix(head).col[0].to_3d() * float((high - low)[:2].max()) * APART
    bpy.ops.object.select_all(action="DESELECT")
    for obj in parts:
        obj.select_set(True)
    layer.objects.active = head
    bpy.ops.object.duplicate()
    twins = context.selected_objects
    for obj in twins:
        obj[OF] = head
        if obj.parent is None or obj.parent not in twins:
            obj.matrix_world = Matrix.Translation(aside) @ obj.matrix_world
    for action in set(bpy.data.actions) - made:
        action[OF] = True
    twin = next(obj for obj in twins if obj.type == "MESH" and rigs.ready(obj) and len(settings_of(obj).takes))
    settings_of(twin).strip = settings_of(twin).sound = ""  # the voice sounds once
    settings_of(twin).take = other
    for obj in parts:
        obj.select_set(True)
    heads_room.show(context.scene, head)
    bpy.ops.object.select_all(action="DESELECT")
    for obj in selected:
        obj.select_set(True)
    heads_room.choose(context.scene, head)


def end(head: Any) -> None:
    """Take the copy beside a head away, with all that was made for it."""
    blocks = []
    for obj in copies(head):
        blocks += [obj.data]
        bpy.data.objects.remove(obj)
    for block in dict.fromkeys(blocks):
        if block is not None and not block.users:
            bpy.data.batch_remove([block])
    for action in [action for action in bpy.data.actions if OF in action.keys() and not action.users]:
        bpy.data.actions.remove(action)


def next_of_voice(head: Any) -> int | None:
    """The number of the take after the present one, of the same voice; None where there is none."""
    takes.gather(head)
    settings, ours = settings_of(head), set(bake.actions(rigs.rig_of(head)))
    voices = [(record.read(takes.actions_of(take)) or {}).get("path") for take in settings.takes]
    present = next((number for number, take in enumerate(settings.takes) if ours & set(takes.actions_of(take))), settings.take)
    count = len(settings.takes)
    order = [(present + step) % count for step in range(1, count)]
    return next((number for number in order if voices[number] == voices[present] and takes.actions_of(settings.takes[number])), None)


def refusal(context: Any, head: Any) -> str:
    """Why a head cannot be compared now, or ""."""
    if head.library or head.override_library:
        return "This head is linked from another file; compare its takes one after the other."
    if context.mode != "OBJECT":
        return "Leave the mode first (Tab)."
    hidden = [obj.name for obj in belonging(head) if not obj.visible_get() or obj.hide_select]
    return f"{hidden[0]} is hidden or cannot be selected; show it first." if hidden else ""


class UTTER_OT_compare_takes(takes.OnTakes, bpy.types.Operator):
    bl_idname = "utter.compare_takes"
    bl_label = "Compare Side by Side"
    bl_description = (
        "Put a copy of the head beside it, which performs the next take. Select either to choose its take; Done takes the copy away"
    )
    least = 2

    @classmethod
    def poll(cls, context):
        return super().poll(context) and jobs.allowed(cls, refusal(context, chosen(context)))

    def execute(self, context):
        head = chosen(context)
        other = next_of_voice(head)
        if other is None:
            self.report({"ERROR"}, "There is no other take of this voice; perform it again with another seed first.")
            return {"CANCELLED"}
        begin(context, head, other)
        return {"FINISHED"}


class UTTER_OT_end_comparing(bpy.types.Operator):
    bl_idname = "utter.end_comparing"
    bl_label = "Done Comparing"
    bl_description = "Take the copy beside the head away"
    bl_options = {"REGISTER", "UNDO"}

    keep: bpy.props.BoolProperty(name="Keep", description="Let the head perform the take of the copy", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        there = head is not None and copies(original(head))
        return jobs.allowed(cls, jobs.busy() or ("" if there else "Nothing is compared."))

    def execute(self, context):
        head = original(chosen(context))
        twin = next((obj for obj in copies(head) if obj.type == "MESH" and len(settings_of(obj).takes)), None)
        take = settings_of(twin).take if twin is not None else -1
        end(head)
        heads_room.choose(context.scene, head)
        if self.keep and 0 <= take < len(settings_of(head).takes):
            settings_of(head).take = take
        return {"FINISHED"}


def draw(panel: Any, context: Any) -> None:
    """The buttons, below the takes."""
    if not copies(original(chosen(context))):
        panel.layout.operator("utter.compare_takes", icon="MOD_MIRROR")
        return
    row = panel.layout.row(align=True)
    row.operator("utter.end_comparing", text="Done", icon="CHECKMARK")
    row.operator("utter.end_comparing", text="Done, Keep Its Take", icon="FORWARD").keep = True


def register() -> None:
    takes.UTTER_PT_takes.append(draw)


def unregister() -> None:
    takes.UTTER_PT_takes.remove(draw)


CLASSES = (UTTER_OT_compare_takes, UTTER_OT_end_comparing)
