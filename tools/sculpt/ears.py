"""The ears' loops of quads (the left one)."""
import numpy as np


def rings(edge):
    angle = np.arange(len(edge)) * 2 * np.pi / len(edge)
    # From the back edge, upward, to the front and round below: the loop starts at the greatest column, which is behind.
    back, up = np.cos(angle), np.sin(angle)
    root = edge.mean(0)
    outward = np.array([0.94, 0.02, -0.25])
    outward /= np.linalg.norm(outward)
    width = np.where(up > 0, 0.0165, 0.0165 - 0.0065 * up ** 2)
    height = np.where(up > 0, 0.0285, 0.0275)
    rings = []
    for scale, out, lean in ((0.72, 0.002, 0.0), (0.76, 0.007, 0.002), (0.92, 0.011, 0.004), (1.0, 0.0145, 0.005),
                             (0.97, 0.0165, 0.005), (0.86, 0.0165, 0.005), (0.76, 0.0135, 0.005),
                             (0.66, 0.0135, 0.0045), (0.50, 0.0105, 0.003), (0.34, 0.0070, 0.001), (0.16, 0.0060, 0.0)):
        flat = np.zeros((len(edge), 3))
        flat[:, 2] = -back * width * scale - 0.001 - up * 0.004 * scale
        flat[:, 1] = up * height * scale
        lift = out + lean * back - 0.004 * (back < 0) * back ** 2 * np.minimum(scale, 1)
        rings.append(root + flat + outward * lift[:, None])
    return np.array(rings)
