"""The skin's mesh: sound, symmetric, on the surface, and laid out flat without overlap."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tools.sculpt import surface

pytestmark = pytest.mark.slow


def triangles(quads):
    """Corner indices [F,3] into quads [Q,4] flattened; a quad that repeats its last corner gives one."""
    corners = np.arange(quads.size).reshape(-1, 4)
    whole = quads[:, 2] != quads[:, 3]
    return np.concatenate([corners[:, [0, 1, 2]], corners[whole][:, [0, 2, 3]]])


def test_size(skin):
    assert 5000 <= len(skin.vertices) <= 12000
    assert (skin.quads[:, 2] != skin.quads[:, 3]).mean() > 0.97  # quads, except at the pockets' ends


def test_manifold_with_openings_at_the_foot_and_behind_the_eyes_only(skin):
    q = skin.quads
    edges = np.concatenate([q[:, [0, 1]], q[:, [1, 2]], q[:, [2, 3]], q[:, [3, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    assert len(np.unique(edges, axis=0)) == len(edges)  # each edge once in each direction: one side is out
    _, count = np.unique(np.sort(edges, 1), axis=0, return_counts=True)
    assert count.max() == 2
    foot, eye = skin.loops["grid"].shape[1], skin.loops["eye_left"].shape[1]
    assert (count == 1).sum() == foot + 2 * eye
    assert len(np.unique(np.sort(q, 1), axis=0)) == len(q)


def test_mirror_image(skin):
    assert np.abs(skin.vertices[skin.mirror] * (-1, 1, 1) - skin.vertices).max() < 1e-9
    flipped = np.sort(skin.mirror[skin.quads], 1)
    order = lambda rows: rows[np.lexsort(rows.T)]
    np.testing.assert_array_equal(order(flipped), order(np.sort(skin.quads, 1)))


def test_grid_lies_on_the_surface_without_folds(skin):
    grid = skin.loops["grid"][1:]  # row 0 is the cut, turned under
    on = np.unique(grid[grid >= 0])
    assert np.abs(surface.distance(skin.vertices[on])).max() < 5e-5
    rows = np.isin(skin.quads, on).all(1)
    corner = skin.vertices[skin.quads[rows]]
    normal = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
    outward = surface.gradient(corner.mean(1))
    assert ((normal * outward).sum(1) > 0.3 * np.linalg.norm(normal, axis=1) * np.linalg.norm(outward, axis=1)).all()
    far, _ = cKDTree(skin.vertices[on]).query(skin.vertices[on], 2)
    assert far[:, 1].min() > 0.0004


def test_uv_has_no_overlap(skin):
    assert skin.uv.min() >= 0 and skin.uv.max() <= 1
    size = 1400
    covered = np.zeros((size, size), int)
    for a, b, c in skin.uv.reshape(-1, 2)[triangles(skin.quads)] * size:
        low, high = np.floor(np.min((a, b, c), 0)).astype(int), np.ceil(np.max((a, b, c), 0)).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5137, np.arange(low[1], high[1]) + 0.4871)
        side = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
        inside = (np.min(side, 0) > 1e-9) | (np.max(side, 0) < -1e-9)
        covered[low[1] : high[1], low[0] : high[0]] += inside
    assert covered.max() == 1 and (covered == 1).mean() > 0.5
