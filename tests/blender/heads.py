"""A made-up head small enough to read, as the worker's bundle: enough of a face for the rig and the bake to show what they do."""

import functools
import hashlib
from pathlib import Path

import numpy as np

KEYS = [
    *(f"Exp{i + 1}" for i in range(50)),
    "jaw_x",
    "jaw_y",
    "jaw_z",
    "lid_left",
    "lid_right",
    "tongue_tip_up",
    "tongue_back_up",
    "tongue_out",
]
CHANNELS = [*range(50), 50, 51, 52, 60, 61, 62, 63, 64]
JAW = np.array([0.0, -0.02, 0.01])  # the jaw's joint, metres


def sphere(rings=24, segments=32, radius=0.1):
    """Quads and polar triangles (last corner -1) of a sphere, +Y up; vertices run ring by ring from the top."""
    theta = np.pi * np.arange(1, rings) / rings
    phi = 2 * np.pi * np.arange(segments) / segments
    across, down = np.sin(theta)[:, None], np.cos(theta)[:, None]
    ring = np.stack([across * np.sin(phi), down + 0 * phi, across * np.cos(phi)], axis=-1)
    vertices = radius * np.vstack([[[0, 1, 0]], ring.reshape(-1, 3), [[0, -1, 0]]])
    at = lambda r, s: 1 + r * segments + s % segments
    polygons = [[0, at(0, s), at(0, s + 1), -1] for s in range(segments)]
    polygons += [[at(r, s), at(r + 1, s), at(r + 1, s + 1), at(r, s + 1)] for r in range(rings - 2) for s in range(segments)]
    polygons += [[len(vertices) - 1, at(rings - 2, s + 1), at(rings - 2, s), -1] for s in range(segments)]
    return vertices, np.array(polygons)


@functools.cache
def array(name):
    """An array of the built-in head's file, unpacked once."""
    with np.load(Path(__file__).resolve().parents[2] / "blender_assets" / "head" / "utter_head.npz", allow_pickle=False) as file:
        return file[name]


def skin():
    """The built-in head's skin in neutral: vertices [V,3], polygons [P,4]."""
    return array("v_template").astype(float), array("f")


@functools.cache
def actions():
    """{face action: displacements [V,3]} of that skin."""
    return {str(name): array("actions")[:, :, k].astype(float) for k, name in enumerate(array("action_names"))}


@functools.cache
def built_in():
    """The basis of the built-in head: what performs on a head without a file of its own is made for it."""
    return hashlib.sha256(np.ascontiguousarray(array("shapedirs"), "<f4").tobytes()).hexdigest()


def write(path, seed=0, basis=None):
    """Write the bundle to path; returns its arrays. basis: what it says of itself, else that it is the built-in head."""
    random = np.random.default_rng(seed)
    vertices, polygons = sphere()
    n = len(vertices)
    front = vertices[:, 2] > 0.05
    upper = int(np.argmin(np.linalg.norm(vertices - [0, -0.012, 0.0992], axis=1)))
    lower = int(np.argmin(np.linalg.norm(vertices - [0, -0.026, 0.0966], axis=1)))
    lower_jaw = (vertices[:, 1] < -0.02) & (vertices[:, 2] > -0.02)
    weights = np.zeros((n, 5))
    weights[:, 1] = 1
    weights[lower_jaw, 1:3] = [0.2, 0.8]
    weights[np.linalg.norm(vertices - [0.035, 0.03, 0.09], axis=1) < 0.02] = [0, 0, 0, 1, 0]
    weights[np.linalg.norm(vertices - [-0.035, 0.03, 0.09], axis=1) < 0.02] = [0, 0, 0, 0, 1]
    deltas = np.zeros((len(KEYS), n, 3))
    for i in range(50):
        centre = vertices[random.choice(np.flatnonzero(front))]
        deltas[i] = np.exp(-((vertices - centre) ** 2).sum(1) / 0.0006)[:, None] * random.normal(0, 0.002, 3)
    for i, axis in enumerate(np.eye(3)):
        deltas[50 + i] = weights[:, [2]] * np.cross(axis, vertices - JAW)
    for i, x in ((53, 0.035), (54, -0.035)):
        deltas[i] = np.exp(-((vertices - [x, 0.04, 0.09]) ** 2).sum(1) / 0.0002)[:, None] * [0, -0.01, 0]
    for i in (55, 56, 57):
        deltas[i, lower] = random.normal(0, 0.003, 3)
    arrays = dict(
        vertices=vertices.astype(np.float32),
        polygons=polygons,
        polygon_uv=random.random((len(polygons), 4, 2)).astype(np.float32),
        polygon_material=(vertices[polygons[:, 0], 1] < 0).astype(int),
        material_names=np.array(["skin", "eye"]),
        key_names=np.array(KEYS),
        key_channels=np.array(CHANNELS),
        key_deltas=deltas.astype(np.float32),
        joint_names=np.array(["root", "neck", "jaw", "eye_left", "eye_right"]),
        joint_positions=np.array([[0, -0.15, 0], [0, -0.1, -0.01], JAW, [0.035, 0.03, 0.07], [-0.035, 0.03, 0.07]]),
        joint_parents=np.array([-1, 0, 1, 1, 1]),
        weights=weights.astype(np.float32),
        basis=np.array(basis or built_in()),
        name=np.array("Test head"),
        landmark_names=np.array(["lip_inner_upper_mid", "lip_inner_lower_mid"]),
        landmark_vertices=np.array([upper, lower]),
    )
    np.savez(path, **arrays)
    return arrays


def motion(frames=90, seed=1):
    """A Motion [T,65] that uses every channel, at angles and strengths of speech."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 30
    values = np.sin(time * random.uniform(1, 8, 65) + random.uniform(0, 6, 65))
    values[:, 50:53] = 0.15 * values[:, 50:53] + [0.15, 0, 0]
    values[:, 53:60] *= 0.2
    values[:, 60:] = 0.5 + 0.5 * values[:, 60:]
    return values.astype(np.float32)
