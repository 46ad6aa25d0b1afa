"""The head that the sculptor makes, for all the tests that look at it: made once, since that takes ten seconds."""

import numpy as np
import pytest

from tools.sculpt import mesh
from tools.sculpt.rig import Rig


def kept(made):
    """The same thing, whose arrays no test can change for the next one."""
    for value in [*vars(made).values(), *getattr(made, "loops", {}).values()]:
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return made


@pytest.fixture(scope="session")
def skin():
    return kept(mesh.build())


@pytest.fixture(scope="session")
def rig(skin):
    return kept(Rig(skin))
