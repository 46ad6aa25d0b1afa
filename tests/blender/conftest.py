"""What several players hand to their scenes."""

import pytest

from model_runtime.flame import bundle
from model_runtime.flame.load import load_head
from tests.blender import blender


@pytest.fixture(scope="session")
def built_in(tmp_path_factory):
    """Path of the built-in head's bundle."""
    path = tmp_path_factory.mktemp("built_in") / "bundle.npz"
    bundle.write_bundle(load_head(), path)
    return path


@pytest.fixture(autouse=True)
def scene_seconds(request, record_property):
    """Tell how long the test's scene took (tests/processor.py)."""
    yield
    told = getattr(getattr(request.node, "callspec", None), "params", {})
    for (_, version), seconds in blender.SECONDS.items():
        if version == told.get("version") and told.get("scene") in seconds:
            record_property("scene", seconds[told["scene"]])
