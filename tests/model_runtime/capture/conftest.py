"""A tracker that looks at our own head, so that what it saw is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from contract import ACTIONS, FPS, NECK
from model_runtime.capture.solve import inner_pairs
from model_runtime.capture.track import BLENDSHAPES, BROWS, PAIRS, POINTS, ROW, Track
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.motion import read_npz

PIXELS = 700  # a metre
NAMED = {
    13: "lip_inner_upper_mid",
    14: "lip_inner_lower_mid",
    61: "lip_corner_right",
    291: "lip_corner_left",
    0: "lip_outer_upper_mid",
    17: "lip_outer_lower_mid",
    33: "eye_outer_right",
    263: "eye_outer_left",
    133: "eye_inner_right",
    362: "eye_inner_left",
    159: "lid_upper_right",
    145: "lid_lower_right",
    386: "lid_upper_left",
    374: "lid_lower_left",
    1: "nose_tip",
    4: "nose_tip",
    152: "chin",
    **dict(zip(BROWS, (f"brow_{part}_{side}" for side in ("left", "right") for part in ("inner", "mid", "outer")))),
    10: "nose_tip",
    168: "nose_tip",
}


@pytest.fixture(scope="session")
def head():
    return load_head()


@pytest.fixture(scope="session")
def watch(head):
    """watch(values [T, 65], actions [T, 52], fps=25) -> the Track of a camera that films them at that rate."""
    upper, lower = inner_pairs(head)
    vertices = [head.landmark(NAMED.get(point, "nose_tip")) for point in POINTS]
    for pair, *places in zip(PAIRS, upper, lower):
        for point, place in zip(pair, places):
            vertices[ROW[point]] = place

    def see(values, actions, fps=25):
        times = np.arange(round((len(values) - 1) / FPS * fps) + 1) / fps
        filmed = lambda rows: np.stack([np.interp(times, np.arange(len(rows)) / FPS, column) for column in rows.T], 1)
        values, actions = filmed(values).astype(np.float32), filmed(actions)
        points = lbs.pose(head, values, None, vertices) * PIXELS * (1, -1, -1) + (180, 144, 0)
        named = dict(zip(ACTIONS, actions.T))
        blendshapes = np.stack([named.get(name, np.zeros(len(times))) for name in BLENDSHAPES], 1)
        matrix = np.tile(np.eye(4), (len(times), 1, 1))
        matrix[:, :3, :3] = Rotation.from_rotvec(values[:, NECK]).as_matrix()
        return Track(times, points.astype(float), blendshapes, matrix)

    return see


@pytest.fixture(scope="session")
def grid_film():
    """grid_film(speaker) -> [Track] of ../shared/data/grid_film."""
    from pathlib import Path

    folder = Path(__file__).resolve().parents[4] / "shared" / "data" / "grid_film"
    if not folder.is_dir():
        pytest.skip("needs the tracked films of ../shared/data/grid_film")

    def tracks(speaker, most=None):
        with read_npz(folder / f"tracks_{speaker}.npz") as kept:
            arrays = {name: kept[name][:most] for name in ("frames", "time", "points", "blendshapes", "matrix")}
        named = ("time", "points", "blendshapes", "matrix")
        return [Track(*(arrays[name][k, :count].astype(float) for name in named)) for k, count in enumerate(arrays["frames"])]

    return tracks
