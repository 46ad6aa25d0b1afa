"""Pictures of the head for the docs: contact sheets of what it can do, and the banner of the README."""

import math
import tempfile
from pathlib import Path

import bpy
import numpy as np

from addon.panels import studio
from addon.rigs import making
from addon.rigs.axes import TO_BLENDER
from contract import EYES, muted
from model_runtime.flame import bundle, identity, lbs, poses
from model_runtime.flame.load import load_head
from tools import bake, render, sheet

NAMES = ("turntable", "actions", "visemes", "emotions", "identities", "banner")
SAMPLES = 10
TILE, WIDE = (216, 250), (250, 312)  # pixels: close on the face; head and shoulders
TURN = 14.0  # degrees: shows depth and both sides
IRISES = ((0.060, 0.030, 0.014), (0.075, 0.125, 0.115), (0.050, 0.105, 0.165), (0.080, 0.100, 0.040))  # brown, grey, blue, green
HAIR = np.array(((0.018, 0.012, 0.009), (0.420, 0.240, 0.095)))  # darkest, fairest
STYLES = ("LONG", "BOB", "PONYTAIL", "BUN", "CURLY"), ("SHORT", "CROP", "BUZZ", "CURLY")
BANNER = ("happy", "surprised", "ou", "angry", "aa", "sad")


def draw(path, folder, names=()):
    """Draw the named sheets of the head file at path, or all, into folder; yields their paths one by one."""
    head = load_head(path)
    folder.mkdir(parents=True, exist_ok=True)
    with bake.enabled(), tempfile.TemporaryDirectory() as scratch:
        stage = Stage(head, Path(scratch))
        for name, (columns, tiles) in contents(head).items():
            if names and name not in names:
                continue
            pictures = [stage.shoot(**tile) for tile in tiles.values()]
            sheet.write_grid(folder / f"head_{name}.jpg", pictures, list(tiles), columns)
            yield folder / f"head_{name}.jpg"
        if not names or "banner" in names:
            write_banner(folder / "head.jpg", stage, head)
            yield folder / "head.jpg"


def contents(head):
    """{sheet: (columns, {caption: what Stage.shoot takes})}."""
    actions = {name: {name: 1.0} for name in head.action_names.tolist()}
    actions["mouthClose"] = {"jawOpen": 0.5, "mouthClose": 0.5}  # it shuts what the jaw opens
    actions["tongueOut"] = {"jawOpen": 0.5, "tongueOut": 1}  # and the tongue needs a way out
    shown = {name: f"{name}, jawOpen" if name in ("mouthClose", "tongueOut") else name for name in actions}
    return {
        "turntable": (4, {f"{spin} degrees": {"turn": 0, "spin": spin} for spin in range(0, 360, 45)}),
        "actions": (9, {shown[name]: {"motion": poses.pose(head, face), "frame": "FACE"} for name, face in actions.items()}),
        "visemes": (5, {name: {"motion": poses.pose(head, name), "frame": "FACE"} for name in poses.VISEMES}),
        "emotions": (
            6,
            {
                f"{name} {strength:.2f}": {"motion": poses.pose(head, name, strength), "frame": "FACE"}
                for name in poses.EMOTIONS
                for strength in poses.STRENGTHS
            },
        ),
        "identities": (6, {f"identity {seed}": person(head, seed) | {"turn": 24} for seed in range(12)}),
    }


def person(head, seed):
    """What Stage.shoot takes of the random person of that seed."""
    sliders, beta = identity.random(head, seed)
    return {"beta": beta, "looks": looks(seed, sliders["Masculine"])}


def looks(seed, masculine=0.0):
    """Skin, eyes and hair (a man's or a woman's) for a random identity, as Object.utter's properties; dark skin has dark eyes and hair."""
    draw = np.random.default_rng(seed)
    tone = draw.uniform(0.05, 0.95)
    light = draw.uniform(0, 1) ** 2 * max(0, 1 - 1.6 * tone)
    eyes = IRISES[int(draw.integers(len(IRISES)))] if tone < 0.55 else IRISES[0]
    return {
        "skin_tone": tone,
        "eye_colour": eyes,
        "hair_colour": HAIR[0] * (1 - light) + HAIR[1] * light,
        "hair_style": str(draw.choice(STYLES[int(masculine > 0)])),
    }


def write_banner(path, stage, head):
    """A large portrait with six small faces beside it."""
    shoot = lambda motion, turn, **options: sheet.read_picture(stage.shoot(to_camera(motion, turn), turn=turn, **options))
    large = shoot(np.zeros(65), -26, size=(520, 652), samples=24)
    small = [shoot(poses.pose(head, name), TURN, frame="FACE", size=(320, 322), samples=16) for name in BANNER]
    gap = 8
    column = lambda tiles: np.concatenate([tiles[0], np.ones((gap, tiles[0].shape[1], 3), np.float32), tiles[1]])
    columns = [large] + [column(small[k : k + 2]) for k in range(0, len(small), 2)]
    between = np.ones((len(large), gap, 3), np.float32)
    sheet.write_captioned(path, np.concatenate([part for tiles in columns for part in (between, tiles)][1:], axis=1), [])


def to_camera(motion, turn):
    """The motion [65] with the eyes turned to a camera that stands so many degrees to the head's left."""
    motion = motion.copy()
    motion[[EYES.start + 1, EYES.start + 3]] += 0.9 * math.radians(turn)  # their yaw
    return motion


class Stage:
    """A head in an empty scene that takes any pose and identity, with the studio round it."""

    def __init__(self, head, folder):
        self.head, self.folder, self.count = head, folder, 0
        bundle.write_bundle(head, folder / "bundle.npz")
        self.obj = making.build(folder / "bundle.npz")
        keys = self.obj.data.shape_keys.key_blocks
        for key in [key for key in keys if key.name not in ("Basis", "jaw_x")]:  # a head without that has no lips
            self.obj.shape_key_remove(key)
        self.obj.modifiers.remove(self.obj.modifiers["Utter"])  # the model poses the vertices here, exactly
        self.looks = {name: getattr(self.obj.utter, name) for name in looks(0)}  # its own
        self.looks = {name: value if isinstance(value, float | str) else tuple(value) for name, value in self.looks.items()}
        self.smooth = self.obj.modifiers.new("Smooth", "SUBSURF")
        self.smooth.levels, self.smooth.render_levels = 0, 1

    def shoot(self, motion=None, beta=None, looks=None, turn=TURN, spin=0, frame="PORTRAIT", size=None, samples=SAMPLES):
        """Path of a picture of one pose: motion [65], beta [300], looks {Object.utter's property: value}, turn: degrees by which
        the camera stands to the head's left, spin: by which the head turns away to its right under the lights."""
        scene = bpy.context.scene
        self.obj.rotation_euler = (0, 0, 0)
        self._pose(np.zeros(65), beta)
        studio.build(scene, self.obj, turn, frame)
        for name, value in {**self.looks, **(looks or {})}.items():
            setattr(self.obj.utter, name, value)  # its hair grows anew, on the neutral face of this identity
        self._pose(np.zeros(65) if motion is None else motion, beta)
        self.obj.rotation_euler = (0, 0, math.radians(-spin))
        self.smooth.show_render = size is not None  # large pictures alone are worth the time
        render.choose_engine(scene, size or (TILE if frame == "FACE" else WIDE), samples)
        self.count += 1
        path = self.folder / f"{self.count:03d}.png"
        scene.render.filepath = str(path)
        with muted(1):
            bpy.ops.render.render(write_still=True)
        return path

    def _pose(self, motion, beta):
        motion = np.asarray(motion, np.float32)[None]
        vertices = lbs.pose(self.head, motion, beta)[0]
        if self.head.parts_v is not None:
            vertices = np.concatenate([vertices, lbs.pose_parts(self.head, motion, beta)[0]])
        mesh, place = self.obj.data, np.float32(vertices @ TO_BLENDER.T).ravel()
        mesh.vertices.foreach_set("co", place)
        mesh.shape_keys.reference_key.points.foreach_set("co", place)
        mesh.update()
