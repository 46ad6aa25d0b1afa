"""The surface has the published proportions (Farkas 1994, means for adults)."""

import numpy as np
import pytest

from tools.sculpt import surface


def reach(place, direction):
    """Where the skin is first met along an axis from that place outside, in metres on this axis."""
    direction = np.array(direction, float)
    return surface.trace(np.array([place], float), direction)[0] @ np.abs(direction)


def width(heights, depths):
    return 2 * max(reach((0.16, y, z), (-1, 0, 0)) for y in heights for z in depths)


def test_breadths():
    assert width((0.06, 0.07, 0.08), (-0.03, -0.02, -0.01)) == pytest.approx(0.152, abs=0.004)  # head
    assert width((0.0, 0.005, 0.01), (0.02, 0.03)) == pytest.approx(0.134, abs=0.006)  # cheekbones
    assert width((-0.05,), (0.01,)) == pytest.approx(0.103, abs=0.006)  # angles of the jaw
    assert width((-0.012,), (0.088,)) == pytest.approx(0.034, abs=0.002)  # wings of the nose
    assert width((-0.11,), (-0.025,)) < width((-0.05,), (0.01,)) - 0.01  # a slender neck


def test_length_and_heights():
    front = max(reach((0, y, 0.16), (0, 0, -1)) for y in (0.045, 0.050, 0.055))
    back = min(reach((0, y, -0.16), (0, 0, 1)) for y in np.arange(0.03, 0.08, 0.01))
    assert front - back == pytest.approx(0.197, abs=0.006)
    assert reach((0, 0.2, -0.015), (0, -1, 0)) == pytest.approx(0.145, abs=0.002)  # crown
    chin = reach((0, -0.13, 0.070), (0, 1, 0))
    heights = np.arange(0.024, 0.046, 0.001)
    nasion = heights[np.argmin([reach((0, y, 0.16), (0, 0, -1)) for y in heights])]
    assert nasion - chin == pytest.approx(0.120, abs=0.006)


def test_profile_has_its_turns():
    """From the nose's tip down: in under the nose, out to the lips' base, in above the chin, out at the chin, in below."""
    depth = {y: reach((0, y * 1e-3, 0.16), (0, 0, -1)) for y in (-8, -28, -58, -74, -88)}
    assert depth[-8] > depth[-28] + 0.012 and depth[-28] > depth[-58] + 0.003
    assert depth[-74] > depth[-58] + 0.002 and depth[-74] > depth[-88] + 0.010


def test_symmetric():
    rng = np.random.default_rng(0)
    p = rng.uniform(-0.1, 0.1, (200, 3))
    np.testing.assert_allclose(surface.distance(p), surface.distance(p * (-1, 1, 1)), atol=1e-12)
