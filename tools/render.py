"""Pictures and films of a head, rendered with bpy alone: no display, no graphics card, no ffmpeg.

Cycles on the processor is the one engine that works on every machine. A few samples and the denoiser make a clean picture,
because the studio holds nothing but a head and soft lights.
"""
import contextlib
import math
import os
import sys

import bpy
import numpy as np
from mathutils import Matrix, Vector

from addon.rig import PROPERTY

WIDTH, HEIGHT = 384, 480
SAMPLES = 6
LENS, SENSOR = 85.0, 24.0  # mm, mm high: a portrait lens, which leaves the nose its size
TURN = 6.0       # degrees by which the camera stands to the subject's left: enough for depth, and heads that turn stay in view
BACKDROP = (0.055, 0.06, 0.07)
# Lights: degrees around the head from its front (to its left +), degrees up, size in view heights, strength, colour.
LIGHTS = {
    "Key": (-36, 26, 0.8, 1.0, (1.0, 0.93, 0.86)),
    "Fill": (55, 8, 1.6, 0.32, (0.86, 0.93, 1.0)),
    "Rim": (160, 20, 0.7, 0.5, (1.0, 0.97, 0.94)),
}
LIGHT_DISTANCE = 2.2
LIGHT_WATTS = 75.0  # of the key light, for a view one metre high


def set_stage(scene, head):
    """Put camera, lights and backdrop around a head of ours (its mesh object) and choose how the scene renders.

    The view is cut to the face: from above the scalp to below the chin, with room for the head to move.
    """
    face = face_matrix(head)
    lips, up, forward = face.translation, face.col[1].to_3d(), face.col[2].to_3d()
    above = max(up.dot(head.matrix_world @ vertex.co - lips) for vertex in head.data.vertices)
    view = 1.68 * above  # metres from the picture's lower edge to its upper one
    middle = lips + up * (0.31 * above) - forward * (0.22 * above)

    collection = bpy.data.collections.new("Studio")
    scene.collection.children.link(collection)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.lens, camera.data.sensor_fit, camera.data.sensor_height = LENS, "VERTICAL", SENSOR
    aim(camera, middle, face, TURN, 4.0, view * LENS / SENSOR)
    camera.data.clip_start, camera.data.clip_end = view / 50, view * 50
    collection.objects.link(camera)
    scene.camera = camera
    for name, (around, upwards, size, strength, colour) in LIGHTS.items():
        light = bpy.data.objects.new(name, bpy.data.lights.new(name, "AREA"))
        light.data.size, light.data.color, light.data.energy = size * view, colour, LIGHT_WATTS * strength * view ** 2
        aim(light, middle, face, around, upwards, LIGHT_DISTANCE * view)
        collection.objects.link(light)
    scene.world = bpy.data.worlds.new("Backdrop")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (*BACKDROP, 1)
    choose_engine(scene)


def choose_engine(scene):
    """Cycles on the processor, quick and clean."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.use_persistent_data = True  # only what moved is handed over again
    render.use_sequencer = False       # the voice's strip is for the ears
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", SAMPLES, False
    cycles.max_bounces, cycles.use_light_tree = 2, False  # three lights need no tree, one head little more than direct light
    cycles.use_denoising, cycles.denoiser, cycles.denoising_quality = True, "OPENIMAGEDENOISE", "FAST"
    cycles.denoising_prefilter = "FAST"
    cycles.use_animated_seed = False   # what noise is left stands still instead of boiling
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"


def face_matrix(head):
    """FLAME's axes at rest of our head object, at its lips, in the world: columns left, up, forward, and the lips' place."""
    told = head["utter_head"]
    axes = head.matrix_world.to_3x3() @ Matrix(np.array(told["axes"]).reshape(3, 3).tolist())
    lips = sum((head.matrix_world @ head.data.vertices[i].co for i in told["lips"]), Vector()) / len(told["lips"])
    return Matrix.LocRotScale(lips, axes.normalized().to_quaternion(), None)


def aim(obj, target, face, around, upwards, distance):
    """Place obj at distance from target, around degrees to the face's left and upwards degrees above it, looking at target."""
    left, up, forward = (face.col[i].to_3d() for i in range(3))
    around, upwards = math.radians(around), math.radians(upwards)
    away = (forward * math.cos(around) + left * math.sin(around)) * math.cos(upwards) + up * math.sin(upwards)
    right = up.cross(away).normalized()
    turn = Matrix((right, away.cross(right), away)).transposed()  # cameras and lights look along their -Z
    obj.matrix_world = Matrix.LocRotScale(target + away * distance, turn.to_quaternion(), None)


def render_frames(scene, frames, folder, progress=lambda fraction: None):
    """Render scene frames to numbered PNGs in folder (made if missing): list of their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, frame in enumerate(frames):
        progress(number / len(frames))
        scene.frame_set(frame)
        paths.append(folder / f"{frame:05d}.png")
        scene.render.filepath = str(paths[-1])
        with quiet():
            bpy.ops.render.render(write_still=True, scene=scene.name)
    progress(1.0)
    return paths


def write_film(pictures, fps, voice, path):
    """Write pictures (paths of PNGs in one folder, in order) and a voice that begins with the first as an H.264 and AAC .mp4."""
    scene = bpy.data.scenes.new("Film")
    try:
        strips = scene.sequence_editor_create().strips
        images = strips.new_image("Pictures", str(pictures[0]), 2, 1)
        for picture in pictures[1:]:
            images.elements.append(picture.name)
        images.frame_final_duration = len(pictures)
        strips.new_sound("Voice", str(voice), 1, 1)
        scene.frame_start, scene.frame_end = 1, len(pictures)
        scene.view_settings.view_transform = "Standard"  # the pictures are finished
        render = scene.render
        render.fps, render.fps_base = max(1, round(fps)), max(1, round(fps)) / fps
        size = images.elements[0]
        render.resolution_x, render.resolution_y, render.resolution_percentage = size.orig_width, size.orig_height, 100
        render.image_settings.file_format = "FFMPEG"
        render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.constant_rate_factor = "MPEG4", "H264", "HIGH"
        render.ffmpeg.audio_codec, render.ffmpeg.audio_bitrate, render.ffmpeg.audio_mixrate = "AAC", 160, 48000
        render.filepath, render.use_file_extension = str(path), False
        with quiet():
            bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)


@contextlib.contextmanager
def quiet():
    """Keep Blender's chatter about every sample off stdout."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
