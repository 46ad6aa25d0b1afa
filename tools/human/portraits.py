"""Pictures of many identities of the built-in head: what the face tracker is shown to learn how it sees them (tools/human/sight.py)."""

import tempfile
from pathlib import Path

import bpy
import numpy as np

from addon.panels import studio
from contract import COEFFICIENTS, muted
from model_runtime.flame import identity
from tools import bake, render
from tools.human import sheets

SIZE = (288, 360)  # pixels; a face is about as large as in the films of GRID
SAMPLES = 4
TURNS = 8.0  # degrees: standard deviation of how far the camera stands aside
STYLED = 5  # people in a row who have the same hair, which takes longest


def names(people, known):
    """[(file name, seed, whether the beta is a raw draw)]: two pictures each of `known` random identities, one each of `people`."""
    shown = [(f"random_{seed:04d}_{view}.png", seed, False) for seed in range(known) for view in range(2)]
    return shown + [(f"drawn_{seed:04d}_0.png", seed, True) for seed in range(people)]


def beta_of(head, seed, raw):
    """beta [300] of a seed: raw, as spread as people are; else the random identity that the panel draws, which is nearer to the middle."""
    if not raw:
        return identity.random(head, seed)[1]
    return np.random.default_rng(seed).standard_normal(COEFFICIENTS).astype(np.float32)


def draw(head, folder, people, known):
    """Render into folder what of names() is not there yet; yields each path."""
    wanted = [one for one in names(people, known) if not (folder / one[0]).exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with bake.enabled(), tempfile.TemporaryDirectory() as scratch:
        stage, scene, styled = sheets.Stage(head, Path(scratch)), bpy.context.scene, None
        stage.smooth.show_render = False
        for name, seed, raw in wanted:
            beta, view = beta_of(head, seed, raw), np.random.default_rng([seed, raw, int(name[-5])])
            looks = sheets.looks(seed)
            stage.obj.utter.skin_tone, stage.obj.utter.eye_colour = looks["skin_tone"], looks["eye_colour"]
            if styled != (raw, seed // STYLED):
                stage.obj.utter.hair_colour, stage.obj.utter.hair_style = looks["hair_colour"], "BUZZ" if seed // STYLED % 2 else "CROP"
                styled = raw, seed // STYLED
            stage._pose(np.zeros(65), beta)
            studio.build(scene, stage.obj, TURNS * view.standard_normal(), "PORTRAIT")
            render.choose_engine(scene, SIZE, SAMPLES)
            scene.render.filepath = str(folder / name)
            with muted(1):
                bpy.ops.render.render(write_still=True)
            yield folder / name
