"""Which way a head lies: FLAME's axes (+Y up, +Z out of the face, +X to the subject's left) against Blender's. Arrays only."""

from itertools import permutations, product

import numpy as np

from ..contract import LIP_LANDMARKS, flame_landmarks

TO_BLENDER = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)  # FLAME's axes -> Z up, face towards -Y
MOUTH = {"lip_corner_left", "lip_corner_right", *LIP_LANDMARKS}
FLAME_MOUTH = (0.0, -0.77, 0.64)  # direction from the vertices' mean to the mouth, in FLAME's axes

TELLING, ALIKE = 12, 0.35  # places that tell how a head lies, if of how they are spread no more is left than so much


def guess(vertices, faces, world):
    """Rotation [3,3] from FLAME's axes to those of a mesh (vertices [V,3], triangles [F,3]) whose rotation in the scene is world [3,3].

    FLAME's topology tells by its mouth. Any other head is taken to stand upright in the scene and to look towards -Y. Quarter
    turns only.
    """
    quarter = quarter_turns()
    landmarks, _ = flame_landmarks(vertices, faces)
    if landmarks.keys() >= MOUTH:
        left = vertices[landmarks["lip_corner_left"]] - vertices[landmarks["lip_corner_right"]]
        mouth = vertices[[landmarks[lip] for lip in LIP_LANDMARKS]].mean(axis=0) - vertices.mean(axis=0)
        agreement = quarter[:, :, 0] @ left / np.linalg.norm(left) + quarter @ FLAME_MOUTH @ mouth / np.linalg.norm(mouth)
    else:
        agreement = np.einsum("nij,ij->n", quarter, world.T @ TO_BLENDER)
    return quarter[np.argmax(agreement)]


def quarter_turns():
    """The 24 rotations that carry axes onto axes [24,3,3]."""
    signed = [np.eye(3)[list(order)] * signs for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
    return np.array([matrix for matrix in signed if np.linalg.det(matrix) > 0])


def told(source, target):
    """What turns source [V,3] onto target, a rotation [3,3], or None where places are too few, or too little alike, to tell."""
    if len(source) < TELLING:
        return None
    turn, scale, _, error = align(source, target)
    spread = np.sqrt(((target - target.mean(axis=0)) ** 2).sum(axis=1).mean())
    return turn if scale > 0 and error < ALIKE * spread else None


def align(source, target):
    """Similarity that carries source [V,3] onto target: rotation [3,3], scale, offset [3], and the root-mean-square error left.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", equations 40-42.
    """
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = (s * sign).sum() / (a**2).sum()
    error = np.sqrt(((scale * a @ rotation.T - b) ** 2).sum(axis=1).mean())
    return rotation, scale, target.mean(axis=0) - scale * rotation @ source.mean(axis=0), error
