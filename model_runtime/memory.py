"""What was computed of a voice and may be asked for again: another seed, or a passage of it, costs no second hearing."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 256 * 2**20  # bytes: two hours of voices
SMALL = 4096  # bytes that what holds no arrays counts as


class Memory:
    """Keeps what was asked for last, as long as its arrays fit into limit bytes. What it gives is shared: nobody may change it."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit, self.kept = limit, OrderedDict[Hashable, Any]()

    def recall(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What make() gave for that key; it is called if that is not known any more. None is not kept: it could not be had."""
        if key not in self.kept:
            made = make()
            if made is None:
                return None
            self.kept[key] = made
            while len(self.kept) > 1 and sum(map(size, self.kept.values())) > self.limit:
                self.kept.popitem(last=False)
            return made
        self.kept.move_to_end(key)
        return self.kept[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self.kept

    def forget(self, key: Hashable) -> None:
        """Let what there is for that key be made again."""
        self.kept.pop(key, None)


def size(kept: Any) -> int:
    """Bytes of the arrays in what is kept."""
    if isinstance(kept, np.ndarray):
        return kept.nbytes
    return SMALL + sum(map(size, kept)) if isinstance(kept, tuple) else SMALL


def digest(path: str | Path) -> bytes:
    """What tells one file from another: a hash of all that is in it."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
