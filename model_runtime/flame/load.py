"""Load a head from any file that holds one; what the file lacks is added."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from contract import UtterError
from model_runtime.flame.calibrate import complete
from model_runtime.flame.files import TORCH
from model_runtime.flame.head import BUILT_IN, read_head
from model_runtime.flame.mesh import head_from_mesh, load_mesh


def load_head(path=None):
    """Read a head; None is the built-in one.

    .npz and .pkl hold FLAME's fields, .obj and .ply a neutral mesh. What a file lacks after kintree_table is carried over from
    the built-in head (calibrate.complete). Raises UtterError in one sentence for anything that is not a head.
    """
    path = Path(path or BUILT_IN)
    suffix = path.suffix.lower()
    if suffix in (".obj", ".ply"):
        return replace(head_from_mesh(*load_mesh(path), load_head()), name=path.stem)
    if suffix in (".pt", ".pth", ".ckpt"):
        raise UtterError(TORCH.format(name=path.name))
    if suffix not in (".npz", ".pkl", ".pickle"):
        raise UtterError(f"{path.name} is no head: choose a FLAME model (.npz or .pkl) or a neutral mesh (.obj or .ply).")
    if path == BUILT_IN and path.exists():
        return _built_in(path.stat().st_mtime_ns)
    head = read_head(path)
    if head.actions is None and path != BUILT_IN:
        head = complete(head, load_head())
    return head


@lru_cache(maxsize=1)
def _built_in(changed):
    """The built-in head, kept until its file changes: a performance asks for it in four places, and reading takes 0.4 s."""
    head = read_head(BUILT_IN)
    for value in vars(head).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)  # everybody reads the same one
    return head
