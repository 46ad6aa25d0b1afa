"""What several players hand to their scenes."""

import pytest

from model_runtime.flame import bundle
from model_runtime.flame.load import load_head


@pytest.fixture(scope="session")
def built_in(tmp_path_factory):
    """Path of the built-in head's bundle."""
    path = tmp_path_factory.mktemp("built_in") / "bundle.npz"
    bundle.write_bundle(load_head(), path)
    return path
