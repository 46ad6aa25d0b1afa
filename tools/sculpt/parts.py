"""Eyes, teeth, gums, tongue, brows, lashes and hair as one mesh of named parts."""

import numpy as np
from scipy.sparse import csr_matrix, vstack

from tools.sculpt import eyes, hair, scalp, teeth


def build(skin):
    """names [P], vertices [Vp,3], triangles [Fp,3], part of each triangle [Fp], joint of each vertex [Vp],
    tongue shapes [Vp,3,3], and the skin that brows, lashes and hair grow on, a sparse [Vp,V] of weights.
    """
    names, vertices, faces, part, joint, moves, grows = [], [], [], [], [], [], []
    count = 0

    def add(name, v, f, bone, on=None, shapes=None):
        nonlocal count
        used, f = np.unique(f, return_inverse=True)
        if name not in names:
            names.append(name)
        vertices.append(v[used])
        faces.append(f.reshape(-1, 3) + count)
        part.append(np.full(len(faces[-1]), names.index(name)))
        joint.append(np.full(len(used), bone))
        moves.append(np.zeros((len(used), 3, 3)) if shapes is None else shapes[used])
        grows.append(csr_matrix((len(used), len(skin.vertices))) if on is None else on[used])
        count += len(used)

    for name, v, f, bone in (*eyes.balls(), *teeth.rows()):
        add(name, v, f, bone)
    v, f, shapes = teeth.tongue()
    add("tongue", v, f, 2, shapes=shapes)
    for name, (v, f, on) in (("brow", hair.brow(skin)), ("lashes", hair.lashes(skin)), ("caruncle", eyes.caruncle(skin))):
        add(f"{name}_left", v, f, 1, on)
        add(f"{name}_right", v * (-1, 1, 1), f[:, ::-1], 1, on[:, skin.mirror])
    v, f, on = scalp.hair(skin)
    add("hair", v, f, 1, on)
    return (
        names,
        np.concatenate(vertices),
        np.concatenate(faces),
        np.concatenate(part),
        np.concatenate(joint),
        np.concatenate(moves),
        vstack(grows).tocsr(),
    )
