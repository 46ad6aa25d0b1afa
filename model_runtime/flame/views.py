"""What is seen of a mesh from one side: which triangle is hit in each pixel of a picture without perspective."""

from typing import NamedTuple

import numpy as np

_SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 512)  # pixels: triangles are drawn in groups of alike size
_AT_ONCE = 2_000_000  # samples


class View(NamedTuple):
    """triangle [H,W]: which is seen, -1 where none is; depth [H,W]: the z of that place, -inf where none is. The pixel in row r and
    column c lies at x = low[0] + c * pixel, y = low[1] + r * pixel: row 0 is the lowest."""

    triangle: np.ndarray
    depth: np.ndarray
    low: np.ndarray
    pixel: float

    def place(self, row, column):
        """[..., 3] of pixels."""
        return np.stack([self.low[0] + column * self.pixel, self.low[1] + row * self.pixel, self.depth[row, column]], -1)


def look(vertices, faces, low, high, pixel):
    """The View of a mesh (vertices [V,3], triangles [F,3]) from +z on the box low [2] to high [2]."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    width, height = (np.ceil((high - low) / pixel).astype(int) + 1).tolist()
    corners = vertices[faces]
    flat = (corners[..., :2] - low) / pixel
    first, last = np.floor(flat.min(1)).astype(int), np.ceil(flat.max(1)).astype(int)
    shown = (last >= 0).all(1) & (first < [width, height]).all(1)
    extent = (last - first).max(1) + 1
    hits = []
    for size, before in zip(_SIZES, (0, *_SIZES)):
        group = np.flatnonzero(shown & (extent <= size) & (extent > before))
        step = max(1, _AT_ONCE // size**2)
        for start in range(0, len(group), step):
            hits.append(_hit(group[start : start + step], flat, corners[..., 2], first, size, width, height))
    triangle, depth = np.full(width * height, -1), np.full(width * height, -np.inf)
    if hits:
        which, where, z = (np.concatenate(each) for each in zip(*hits))
        order = np.argsort(z, kind="stable")  # the last one written is the nearest
        triangle[where[order]], depth[where[order]] = which[order], z[order]
    return View(triangle.reshape(height, width), depth.reshape(height, width), low, pixel)


def _hit(group, flat, z, first, size, width, height):
    """(triangles, pixels, depths) that the triangles of a group cover."""
    offsets = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(-1, 2)
    at = first[group][:, None] + offsets
    a, b, c = np.moveaxis(flat[group], 1, 0)[:, :, None]
    area = _cross(b - a, c - a)
    flat_on = np.abs(area) < 1e-9  # seen edge on
    area = np.where(flat_on, 1, area)
    u, v = _cross(c - b, at - b) / area, _cross(a - c, at - c) / area
    inside = ~flat_on & (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (at >= 0).all(2) & (at < [width, height]).all(2)
    row, sample = np.nonzero(inside)
    za, zb, zc = z[group[row]].T
    u, v = u[row, sample], v[row, sample]
    spot = at[row, sample]
    return group[row], spot[:, 1] * width + spot[:, 0], u * za + v * zb + (1 - u - v) * zc


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
