"""Load a head from any file that holds one; what the file lacks is added."""

from dataclasses import replace
from pathlib import Path

from contract import UtterError
from model_runtime.flame.calibrate import complete
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
    if suffix not in (".npz", ".pkl"):
        raise UtterError(f"{path.name} is no head: choose a FLAME model (.npz or .pkl) or a neutral mesh (.obj or .ply).")
    head = read_head(path)
    if head.actions is None and path != BUILT_IN:
        head = complete(head, load_head())
    return head
