"""Pictures and films of a head, rendered with bpy alone: no display, no graphics card, no ffmpeg.

Cycles on the processor is the one engine that works on every machine. A few samples and the denoiser make a clean picture,
because the studio holds nothing but a head and soft lights.
"""

import bpy

from contract import muted

WIDTH, HEIGHT = 320, 400
SAMPLES = 4


def choose_engine(scene, size=(WIDTH, HEIGHT), samples=SAMPLES):
    """Cycles on the processor, quick and clean; size: width and height in pixels."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
    render.use_persistent_data = True  # only what moved is synchronised again
    render.use_sequencer = False  # the sequencer holds the voice only
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
    cycles.max_bounces, cycles.use_light_tree = (
        2,
        False,
    )  # a few lights need no light tree, and one head needs little more than direct light
    cycles.use_denoising, cycles.denoiser, cycles.denoising_quality = True, "OPENIMAGEDENOISE", "FAST"
    cycles.denoising_prefilter = "FAST"
    cycles.use_animated_seed = False  # the noise that remains is the same in every frame
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Punchy"
    scene.view_settings.exposure = 0.5  # in stops; the look Punchy is dark


def render_frames(scene, frames, folder, progress=lambda fraction: None):
    """Render scene frames to numbered PNGs in folder (made if missing): list of their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, frame in enumerate(frames):
        progress(number / len(frames))
        scene.frame_set(frame)
        paths.append(folder / f"{frame:05d}.png")
        scene.render.filepath = str(paths[-1])
        with muted(1):  # Blender tells of every sample
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
        with muted(1):  # Blender tells of every sample
            bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.data.scenes.remove(scene)
