"""The generator and its ablations: what each is made of and what it learns from. All use the same data and budget."""

from typing import NamedTuple

from contract import UtterError


class Variant(NamedTuple):
    """diffuses: from noise (False: a regression, one pass); aligned: content through the alignment mask; fusion: HIFB tokens of
    motion and feeling; sync, emotion: the losses of the sync expert and of the motion's own feeling."""

    diffuses: bool = True
    aligned: bool = True
    fusion: bool = True
    sync: bool = True
    emotion: bool = True

    @property
    def size(self):
        """Arguments of the Denoiser."""
        return {"diffuses": self.diffuses, "aligned": self.aligned, "fusion": self.fusion}


VARIANTS = {
    "full": Variant(),
    "regression": Variant(diffuses=False, sync=False, emotion=False),
    "regression_sync": Variant(diffuses=False, emotion=False),
    "regression_sync_emotion": Variant(diffuses=False),
    "no_mask": Variant(aligned=False),
    "no_sync_emotion": Variant(sync=False, emotion=False),
    "no_fusion": Variant(fusion=False),
}


def variant(name):
    """The Variant of that name; UtterError if there is none."""
    if name not in VARIANTS:
        raise UtterError(f"There is no variant {name!r}; use one of {', '.join(VARIANTS)}.")
    return VARIANTS[name]
