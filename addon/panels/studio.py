"""Portrait Studio: four soft lights, a backdrop and a portrait camera round a head, in a collection of their own."""

import math

import bpy
import numpy as np
from mathutils import Matrix, Vector

from .. import compat, rigs
from ..look import shaders
from ..rigs import hair
from ..rigs.base import neutral
from ..work import jobs
from .base import HeadPanel, briefly, chosen, not_ready, settings_of

MARK = "utter_studio"  # on the collection and on what we put into it
LENS, SENSOR = 85.0, 24.0  # mm, mm high: a portrait lens, which leaves the nose its size
TURN = 8.0  # degrees by which the camera stands to the subject's left: enough for depth
FRAMES = {"PORTRAIT": (1.72, 0.30), "FACE": (1.10, 0.10)}  # height of the view and how far its middle is above the lips,
#                                                            both over the lips' distance from the crown
# Lights: degrees around the head from its front (to its left +), degrees up, size in view heights, strength, colour.
LIGHTS = {
    "Key": (-37, 21, 0.70, 1.10, (1.0, 0.92, 0.83)),
    "Fill": (46, -4, 1.6, 0.22, (0.90, 0.95, 1.0)),
    "Mouth": (4, -7, 0.3, 0.07, (1.0, 0.96, 0.92)),  # low beside the camera: it sees into an open mouth
    "Rim": (148, 28, 0.8, 1.0, (1.0, 0.95, 0.90)),
}
LIGHT_DISTANCE = 2.2
LIGHT_WATTS = 74.0  # of the key light, for a view one metre high
BACKDROP = ((0.105, 0.115, 0.125), (0.018, 0.021, 0.026))  # behind the head, and towards the corners


def build(scene, head, turn=TURN, frame="PORTRAIT"):
    """Put lights, backdrop and camera round a head of ours (its mesh object), in place of an earlier studio of ours; the camera
    becomes the scene's. Nothing else of the scene changes. Returns the collection.

    turn: degrees by which the camera stands to the head's left. frame: "PORTRAIT" from above the scalp to below the chin with
    room for the head to move, "FACE" from the forehead to the chin.
    """
    clear(scene)
    bpy.context.view_layer.update()  # a head that was moved or made just now stands where it is said to
    face, middle, view = framed(head, frame)
    room = framed(head, "PORTRAIT")[2]  # metres from the picture's lower edge to its upper one, of the set

    collection = bpy.data.collections.new("Portrait Studio")
    collection[MARK] = True
    scene.collection.children.link(collection)

    def add(name, data, around, upwards, distance):
        obj = bpy.data.objects.new(name, data)
        obj[MARK] = True
        collection.objects.link(obj)
        aim(obj, middle, face, around, upwards, distance)
        return obj

    camera = bpy.data.cameras.new("Portrait")
    camera.lens, camera.sensor_fit, camera.sensor_height = LENS, "VERTICAL", SENSOR
    camera.clip_start, camera.clip_end = view / 50, view * 50
    scene.camera = add("Portrait", camera, turn, 3.0, view * LENS / SENSOR)
    for name, (around, upwards, wide, strength, colour) in LIGHTS.items():
        light = bpy.data.lights.new(name, "AREA")
        light.shape, light.size, light.color, light.energy = "DISK", wide * room, colour, LIGHT_WATTS * strength * room**2
        light.use_shadow_jitter, light.shadow_jitter_overblur = True, 10.0  # else EEVEE's shadows let the rim through in specks
        lamp = add(name, light, around, upwards, LIGHT_DISTANCE * room)
        if name in ("Fill", "Mouth"):  # one light in each eye is enough
            lamp.visible_glossy, light.specular_factor = False, 0.2
    backdrop = add("Backdrop", _make_backdrop(room), turn, 3.0, -2.5 * room)
    backdrop.visible_diffuse = backdrop.visible_glossy = backdrop.visible_shadow = False  # a picture, it lights nothing
    backdrop.hide_select = True
    return collection


def framed(head, frame):
    """(face_matrix(), the middle of a picture of the head, and its height in metres): see FRAMES."""
    face = face_matrix(head)
    lips, up, forward = face.translation, face.col[1].to_3d(), face.col[2].to_3d()
    crown = (neutral(head) @ np.array(up @ head.matrix_world.to_3x3())).max() + up.dot(head.matrix_world.translation)
    above = crown - up.dot(lips)  # metres
    high, raised = FRAMES[frame]
    return face, lips + up * (raised * above) - forward * (0.22 * above), high * above


def clear(scene):
    """Remove the studio that build() made in the scene, and nothing of the artist's."""
    for collection in [c for c in scene.collection.children_recursive if c.get(MARK)]:
        for obj in [obj for obj in collection.objects if obj.get(MARK)]:
            data = [obj.data, *getattr(obj.data, "materials", ())]
            bpy.data.objects.remove(obj)
            for block in data:
                if block.users == 0:
                    bpy.data.batch_remove([block])
        if not collection.objects and not collection.children:
            bpy.data.collections.remove(collection)


def face_matrix(head):
    """FLAME's axes at rest of our head object, at its lips, in the world: columns left, up, forward, and the lips' place (of a rig that
    knows none, the middle of its vertices)."""
    rig = rigs.rig_of(head)
    axes = head.matrix_world.to_3x3() @ Matrix(rig.axes().tolist())
    vertices = rig.lips() or range(len(head.data.vertices))
    lips = sum((head.matrix_world @ head.data.vertices[i].co for i in vertices), Vector()) / len(vertices)
    return Matrix.LocRotScale(lips, axes.normalized().to_quaternion(), None)


def aim(obj, target, face, around, upwards, distance):
    """Place obj at distance from target, around degrees to the face's left and upwards degrees above it, looking at target."""
    left, up, forward = (face.col[i].to_3d() for i in range(3))
    around, upwards = math.radians(around), math.radians(upwards)
    away = (forward * math.cos(around) + left * math.sin(around)) * math.cos(upwards) + up * math.sin(upwards)
    right = up.cross(away).normalized()
    turn = Matrix((right, away.cross(right), away)).transposed()  # cameras and lights look along their -Z
    obj.matrix_world = Matrix.LocRotScale(target + away * distance, turn.to_quaternion(), None)


def _make_backdrop(view):
    """A sheet far larger than the view that shines by itself, lighter behind the head."""
    mesh = bpy.data.meshes.new("Backdrop")
    reach = 8 * view
    mesh.from_pydata([(-reach, -reach, 0), (reach, -reach, 0), (reach, reach, 0), (-reach, reach, 0)], [], [(0, 1, 2, 3)])
    mesh.materials.append(shaders.backdrop(*BACKDROP, 1.6 * view))
    return mesh


class UTTER_OT_studio(bpy.types.Operator):
    bl_idname = "utter.studio"
    bl_label = "Portrait Studio"
    bl_description = "Put four lights, a backdrop and a portrait camera round the head, in place of an earlier studio"
    bl_options = {"REGISTER", "UNDO"}

    turn: bpy.props.FloatProperty(
        name="Turn",
        description="How far the camera stands to the head's left",
        subtype="ANGLE",
        min=-math.pi,
        max=math.pi,
        default=math.radians(TURN),
    )
    frame: bpy.props.EnumProperty(
        name="Frame",
        items=(("PORTRAIT", "Portrait", "From above the scalp to below the chin"), ("FACE", "Face", "From the forehead to the chin")),
    )
    engine: bpy.props.EnumProperty(
        name="Render Engine",
        items=(("KEEP", "As It Is", "Leave the scene's render engine"), ("EEVEE", "EEVEE", "Quick"), ("CYCLES", "Cycles", "True to light")),
    )

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, not_ready(chosen(context)))

    def execute(self, context):
        build(context.scene, chosen(context), math.degrees(self.turn), self.frame)
        if self.engine != "KEEP":
            context.scene.render.engine = compat.EEVEE if self.engine == "EEVEE" else "CYCLES"
        return {"FINISHED"}


class UTTER_PT_look(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_look"
    bl_label = "Look"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        head = chosen(context)
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings_of(head), "skin_tone", slider=True)
        column.prop(settings_of(head), "age", slider=True)
        column.prop(settings_of(head), "freckles", slider=True)
        column.prop(settings_of(head), "stubble", slider=True)
        column.prop(settings_of(head), "blush", slider=True)
        column.prop(settings_of(head), "eye_colour")
        column.prop(settings_of(head), "hair_colour")
        row = column.row()
        row.active = briefly(hair.fits, head)
        row.prop(settings_of(head), "hair_style")
        column.prop(settings_of(head), "hair_grey", slider=True)
        self.layout.operator("utter.studio", icon="OUTLINER_OB_CAMERA")


CLASSES = (UTTER_OT_studio, UTTER_PT_look)
