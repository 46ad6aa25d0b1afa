"""Run inside bpy by test_demo.py: renders a stand-in head, films it and lays it out; writes what it saw as JSON."""

import json
import sys
from pathlib import Path

import bpy

# isort: split
import aud  # part of bpy: there only once that is imported
import numpy as np
import soundfile

from addon.panels import studio
from tools import render, sheet

FPS, FRAMES = 24, 12
VOICE_RATE = 16000


def make_head():
    """A dark ball that faces -Y, with a white nose and a red ball that moves up and away from it from frame to frame."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.1)
    head = bpy.context.object
    head["utter_head"] = {
        "axes": [1.0, 0, 0, 0, 0, -1, 0, 1, 0],
        "lips": [0, 0],
        "channels": {"jaw_x": 50},
        "basis": "",
        "head": "",
        "jaw": "keys",
    }
    for key in ("Basis", "jaw_x"):
        head.shape_key_add(name=key)
    front = min(range(len(head.data.vertices)), key=lambda i: head.data.vertices[i].co.y)
    head["utter_head"]["lips"] = [front, front]
    head.data.materials.append(paint("dark", (0.02, 0.02, 0.02)))
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.02, location=(0, -0.1, 0))
    bpy.context.object.data.materials.append(paint("white", (0.9, 0.9, 0.9)))
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.02, location=(0, -0.1, 0))
    ball = bpy.context.object
    ball.data.materials.append(paint("red", (0.8, 0.0, 0.0)))
    for frame, height in ((1, 0.03), (FRAMES, 0.09)):
        ball.location.z = height
        ball.keyframe_insert("location", index=2, frame=frame)
    return head


def paint(name, colour):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*colour, 1)
    return material


def find(picture, colour):
    """Mean place (x, y from the top, 0 to 1) of the pixels that are that colour; None if there are none."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    mask = (red > 2 * green + 0.1) if colour == "red" else (np.minimum(np.minimum(red, green), blue) > 0.5)
    y, x = np.nonzero(mask)
    return [x.mean() / picture.shape[1], y.mean() / picture.shape[0]] if len(x) else None


def main(folder):
    head = make_head()
    scene = bpy.context.scene
    scene.render.fps, scene.frame_end = FPS, FRAMES
    studio.build(scene, head)
    render.choose_engine(scene)
    scene.render.resolution_percentage = 25
    pictures = render.render_frames(scene, range(1, FRAMES + 1), folder / "frames")
    seen = [sheet.read_picture(path) for path in (pictures[0], pictures[-1])]

    times = np.arange(FRAMES) / FPS
    now = np.arange(VOICE_RATE // 2)
    samples = np.sin(now * 0.2) * (now > VOICE_RATE // 4)  # the second half is loud
    soundfile.write(folder / "voice.wav", samples, VOICE_RATE)
    render.write_film(pictures, FPS, folder / "voice.wav", folder / "film.mp4")
    clip = bpy.data.movieclips.load(str(folder / "film.mp4"))
    sound = np.asarray(aud.Sound.file(str(folder / "film.mp4")).data())
    sheet.write_sheet(folder / "sheet.png", pictures, times, ["here"] * FRAMES, samples, VOICE_RATE, times * 2, times, title="A title")
    page = sheet.read_picture(folder / "sheet.png")
    band = page[-sheet.BAND - sheet.CAPTION - sheet.SPACE : -sheet.CAPTION - sheet.SPACE]
    blue = (np.abs(band - sheet.VOICE).max(axis=-1) < 0.02).sum(axis=0)
    long = "a caption that is a good deal wider than the picture it belongs to " * 2
    sheet.write_grid(folder / "grid.png", pictures[:2], [long, "short"], 2)
    grid = sheet.read_picture(folder / "grid.png")
    width, under = (grid.shape[1] - 3 * sheet.SPACE) // 2, sheet.SPACE + sheet.read_picture(pictures[0]).shape[0]
    ink = lambda column, row: int((grid[under + row :, column : column + width].mean(axis=-1) < 0.5).sum())
    (folder / "seen.json").write_text(
        json.dumps(
            {
                "nose": find(seen[0], "white"),
                "red": [find(picture, "red") for picture in seen],
                "corner": seen[0][0, 0].tolist(),
                "scenes": len(bpy.data.scenes),
                "film_frames": clip.frame_duration,
                "film_fps": clip.fps,
                "film_size": list(clip.size),
                "sound_start": float(np.abs(sound[: len(sound) // 5]).max()),
                "sound_end": float(np.abs(sound[-len(sound) // 3 :]).max()),
                "sheet": page.shape[:2],
                "wave_left": int(blue[: len(blue) // 3].max()),
                "wave_right": int(blue[len(blue) * 2 // 3 :].max()),
                "long_caption_ink": ink(sheet.SPACE, sheet.CAPTION),
                "beside_short_caption_ink": ink(2 * sheet.SPACE + width, sheet.CAPTION),
                "title_ink": int((page[: sheet.CAPTION + sheet.SPACE, :200].mean(axis=-1) < 0.5).sum()),
            }
        ),
        encoding="utf-8",
    )


main(Path(sys.argv[1]))
