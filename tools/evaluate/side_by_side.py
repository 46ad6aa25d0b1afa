"""Films to be looked at: what the tracker saw of a talker, his face put on the head, the head as it performs his voice, with the sound;
and of each film a sheet of the mouth, frame by frame, around its p, b, m, f, v, w and oo.

The pictures of the talkers are not here, so the left side is drawn from the tracked points. Heads are drawn by Blender's Workbench.
"""

import tempfile
from pathlib import Path

import bpy  # isort: skip  (first: it brings matplotlib's numpy)
import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from contract import FPS, NECK, PerformRequest, muted
from model_runtime.audio import load_voice
from model_runtime.capture import fit, neutral_of
from model_runtime.capture.track import BROWS, ROW
from model_runtime.flame import lbs
from model_runtime.speech import words
from model_runtime.training import corpus, films
from tools import render
from tools.evaluate.film import find

SIZE = 300, 360  # pixels of a face, width and height
TALL = 0.19  # metres of the head in the picture's height
BELOW = 0.2  # of TALL: how far the picture's middle lies below the eyes'
EYES_APART = 0.091  # metres, of the head's outer eye corners
LIPS_BELOW = 0.080  # metres, from the nose's root to the middle of the mouth on the sheet
CROP = 150, 120  # pixels of a mouth on the sheet
AROUND = (-4, -3, -2, -1, 0, 1, 2, 3, 4)  # frames on the sheet around the middle of a phone
SHAPES = {"P": "p", "B": "b", "M": "m", "F": "f", "V": "v", "W": "w", "UW": "oo"}
MOST = 14  # moments on a sheet
OUTER = (61, 37, 0, 267, 291, 314, 17, 84, 61)
INNER = (78, 80, 81, 82, 13, 312, 311, 310, 308, 318, 402, 317, 14, 87, 178, 88, 78)
EYES = ((33, 159, 133, 145, 33), (263, 386, 362, 374, 263))
COLOURS = {  # of the head's regions and parts, 0 to 1
    "": (0.70, 0.55, 0.47),
    "lips": (0.62, 0.25, 0.23),
    "mouth_inside": (0.25, 0.05, 0.05),
    "gums": (0.45, 0.15, 0.15),
    "tongue": (0.65, 0.28, 0.26),
    "teeth": (0.95, 0.93, 0.88),
    "eye": (0.95, 0.95, 0.95),
    "iris": (0.20, 0.30, 0.38),
    "pupil": (0.02, 0.02, 0.02),
    "brow": (0.16, 0.10, 0.08),
    "lashes": (0.08, 0.06, 0.05),
}
UNSEEN = ("tear", "cornea")  # what lies clear before an eye


def run(args, performer, models, report):
    """Films and sheets of args.clips of each speaker (one, if not said), as the first model performs them with seed 0."""
    whole, chosen = find(args)
    performer.models.generator = next(iter(models.values()))
    for speaker in dict.fromkeys(film.speaker for film in chosen):
        neutral = neutral_of([film.track for film in whole if film.speaker == speaker])
        for film in corpus.spread([film for film in chosen if film.speaker == speaker], args.clips or 1):
            values = performer.perform(PerformRequest(voice=str(film.sound), quality=args.quality)).values
            captured = fit(film.track, neutral, performer.models.builtin, len(values)).values
            for path in write(film, performer.models.builtin, captured, values, phones_of(film, performer), args.side_by_side):
                report(str(path))


def phones_of(film, performer):
    """[(start, end, phone, word), ...] of the sentence that the clip's name spells, as the encoder hears it."""
    found = words.align(performer.models.encoder.encode(load_voice(film.sound)), films.sentence(film.name))
    if not found:
        return []
    middle = lambda start, end: (start + end) / 2
    spoken = lambda moment: min(found.words, key=lambda word: max(word[0] - moment, moment - word[1]))[2]
    return [(start, end, sound.phone, spoken(middle(start, end))) for start, end, sound, _ in found.phones]


def write(film, head, captured, performed, phones, folder):
    """Write FOLDER/NAME.mp4 and FOLDER/NAME.png of a Film; captured, performed: values [T, 65]; phones: [(start, end, phone, word), ...] in
    seconds, for the captions. -> their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept:
        stage = Stage(head, Path(kept))
        heads = [[stage.shoot(frame) for frame in values] for values in (captured, performed)]
        seen = nearest(film.track, len(performed))
        drawn = [schematic(film.track.points[row], caption(phones, i / FPS)) for i, row in enumerate(seen)]
        pictures = []
        for i, row in enumerate(zip(drawn, *heads)):
            pictures.append(Path(kept) / f"film{i:05d}.png")
            plt.imsave(pictures[-1], np.concatenate(row, 1))
        render.write_film(pictures, FPS, film.sound, folder / f"{film.name}.mp4")
        stage.close()
    middles = [mouth_middle(head, values) for values in (captured, performed)]
    sheet(film, phones, drawn, heads, [film.track.points[row] for row in seen], middles, folder / f"{film.name}.png")
    return folder / f"{film.name}.mp4", folder / f"{film.name}.png"


def nearest(track, frames):
    """[T] the row of the seen frame nearest to each of our frames."""
    there = np.flatnonzero(track.seen)
    return there[np.abs(track.times[there][None] - np.arange(frames)[:, None] / FPS).argmin(1)]


def caption(phones, moment):
    """Word and phone that are spoken then."""
    return next((f"{moment:.2f} s   {word}   {phone}" for start, end, phone, word in phones if start <= moment < end), f"{moment:.2f} s")


# ---- the filmed face


def on_picture(points):
    """Points [47, 3] in pixels of the film -> [47, 2] in pixels of SIZE: the outer eye corners as far apart as on the head."""
    left, right = points[ROW[263], :2], points[ROW[33], :2]
    return (points[:, :2] - (left + right) / 2) * (EYES_APART * SIZE[1] / TALL / np.linalg.norm(left - right)) + (
        SIZE[0] / 2,
        (0.5 - BELOW) * SIZE[1],
    )


def schematic(points, text):
    """The tracked points of a frame [47, 3], drawn as a face: float32 [H, W, 3]."""
    at = on_picture(points)
    figure = plt.figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, SIZE[0]), ylim=(SIZE[1], 0))
    axes.axis("off")
    path = lambda names: at[[ROW[name] for name in names]].T
    axes.fill(*path(OUTER), color=COLOURS["lips"])
    axes.fill(*path(INNER), color=COLOURS["mouth_inside"], ec="k", lw=0.8)
    for eye in EYES:
        axes.fill(*path(eye), color="0.85", ec="k", lw=1.2)
    for brow in (BROWS[:3], BROWS[3:]):
        axes.plot(*path(brow), color=COLOURS["brow"], lw=4, solid_capstyle="round")
    axes.plot(*path((168, 4)), color="0.6", lw=2)
    axes.plot(*at[[ROW[name] for name in (10, 152, 50, 280, 205, 425, 1)]].T, ".", color="0.6", ms=4)
    axes.text(6, SIZE[1] - 10, text, fontsize=9, family="monospace")
    axes.text(6, 14, "film (tracked points)        then: captured, performed", fontsize=6, color="0.4")
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(np.float32) / 255
    plt.close(figure)
    return image


# ---- the head


class Stage:
    """A Blender scene with the built-in head, seen from its front."""

    def __init__(self, head, folder):
        self.head, self.folder = head, folder
        self.scene = scene = bpy.data.scenes.new("Side by side")
        vertices, faces, colours = body(head)
        self.mesh = bpy.data.meshes.new("Head")
        self.mesh.from_pydata(vertices.tolist(), [], faces.tolist())
        self.mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
        self.mesh.color_attributes.new("Colour", "FLOAT_COLOR", "POINT").data.foreach_set("color", colours.ravel())
        scene.collection.objects.link(bpy.data.objects.new("Head", self.mesh))
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        camera.data.type, camera.data.ortho_scale = "ORTHO", TALL
        middle = eyes_middle(head)[1] - BELOW * TALL
        camera.location = (0, middle, 1)
        scene.collection.objects.link(camera)
        scene.camera = camera
        scene.render.engine = "BLENDER_WORKBENCH"
        scene.display.shading.color_type, scene.display.render_aa = "VERTEX", "FXAA"
        scene.view_settings.view_transform = "Standard"
        scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = *SIZE, 100
        scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"

    def shoot(self, frame):
        """The head as one frame [65] moves it: float32 [H, W, 3]."""
        posed = [pose(self.head, frame[None])[0] for pose in (lbs.pose, lbs.pose_parts)]
        self.mesh.vertices.foreach_set("co", np.concatenate(posed).astype(np.float32).ravel())
        self.mesh.update()
        self.scene.render.filepath = str(self.folder / "head.png")
        with muted(1), muted(2):  # Blender tells of every picture, the display of what it lacks
            bpy.ops.render.render(write_still=True, scene=self.scene.name)
        return plt.imread(self.scene.render.filepath)[..., :3]

    def close(self):
        bpy.data.scenes.remove(self.scene)
        bpy.data.meshes.remove(self.mesh)


def body(head):
    """(vertices [V, 3], triangles [F, 3], colours [V, 4]) of the head and its parts but for what is UNSEEN."""
    V = len(head.v_template)
    colours = np.ones((V + len(head.parts_v), 4), np.float32)
    colours[:, :3] = COLOURS[""]
    for region in ("lips", "mouth_inside"):
        colours[:V][head.region(region), :3] = COLOURS[region]
    kept = np.ones(len(head.parts_f), bool)
    for k, name in enumerate(map(str, head.part_names)):
        own, kind = head.parts_face == k, name.split("_")[0]
        if kind in UNSEEN:
            kept &= ~own
        else:
            colours[V + np.unique(head.parts_f[own]), :3] = COLOURS[kind]
    return np.concatenate([head.v_template, head.parts_v]), np.concatenate([head.f, V + head.parts_f[kept]]), colours


def eyes_middle(head):
    return (head.v_template[head.landmark("eye_outer_left")] + head.v_template[head.landmark("eye_outer_right")]) / 2


def mouth_middle(head, values):
    """[T, 2] pixels of the lips' middle on the pictures; of lips that do not speak, turned as the head is."""
    still = np.zeros_like(values)
    still[:, NECK] = values[:, NECK]
    at = lbs.pose(head, still, None, [head.landmark("lip_inner_upper_mid")])[:, 0, :2]
    middle = np.array([0, eyes_middle(head)[1] - BELOW * TALL])
    return (at - middle) * (1, -1) * SIZE[1] / TALL + np.array(SIZE) / 2


# ---- the sheet


def moments(phones):
    """[(frame, text), ...] of the phones in SHAPES, at most MOST, spread."""
    found = [(round((start + end) / 2 * FPS), f"{SHAPES[phone]} in {word}") for start, end, phone, word in phones if phone in SHAPES]
    return [found[k] for k in np.unique(np.linspace(0, len(found) - 1, min(MOST, len(found))).astype(int))] if found else []


def sheet(film, phones, drawn, heads, points, middles, path):
    """Rows of moments(); each shows film, captured and performed mouths one above the other, the frames AROUND from left to right."""
    chosen = moments(phones)
    columns = 2
    rows = -(-max(len(chosen), 1) // columns)
    wide, high = CROP[0] * len(AROUND), CROP[1] * 3
    page = np.ones((rows * (high + 30), columns * (wide + 20), 3), np.float32)
    for k, (frame, _) in enumerate(chosen):
        top, left = k // columns * (high + 30) + 22, k % columns * (wide + 20)
        for column, offset in enumerate(AROUND):
            i = int(np.clip(frame + offset, 0, len(drawn) - 1))
            lips = on_picture(points[i])[[ROW[13], ROW[168]]]
            lips = np.array(
                [lips[0, 0], lips[1, 1] + LIPS_BELOW * SIZE[1] / TALL]
            )  # below the nose's root, so that the jaw is seen to move
            for row, (image, middle) in enumerate([(drawn[i], lips), *((heads[n][i], middles[n][i]) for n in (0, 1))]):
                page[top + row * CROP[1] : top + (row + 1) * CROP[1] - 2, left + column * CROP[0] : left + (column + 1) * CROP[0] - 2] = (
                    cut(image, middle)[:-2, :-2]
                )
    figure = plt.figure(figsize=(page.shape[1] / 100, page.shape[0] / 100), dpi=100)
    figure.figimage(page)
    for k, (frame, text) in enumerate(chosen):
        x, y = k % columns * (wide + 20) + 6, page.shape[0] - (k // columns * (high + 30) + 16)
        label = f"{film.name}   {text}   {frame / FPS:.2f} s is column {AROUND.index(0) + 1}; rows: film, captured, performed"
        figure.text(x / page.shape[1], y / page.shape[0], label, fontsize=11)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def cut(image, middle):
    """The part of image [H, W, 3] around middle (x, y), CROP wide and high; beyond the edge white."""
    x, y = (round(middle[k] - CROP[k] / 2) for k in (0, 1))
    padded = np.pad(image, ((CROP[1],) * 2, (CROP[0],) * 2, (0, 0)), constant_values=1)
    return padded[y + CROP[1] : y + 2 * CROP[1], x + CROP[0] : x + 2 * CROP[0]]
