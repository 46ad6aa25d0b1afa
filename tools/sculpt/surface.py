"""The head as a signed distance field: smooth unions of ellipsoids placed by anthropometry.

Distances follow published means for adults (Farkas, Anthropometry of the Head and Face, 1994): nasion to menton 0.120 m,
head breadth 0.152, head length 0.197, bizygomatic breadth 0.134, bigonial breadth 0.105, pupils 0.063 apart.
Axes are FLAME's: +Y up, +Z out of the face, +X to the subject's left; metres. Everything is symmetric about x = 0,
so the field is written for |x|.
"""
import numpy as np

EYE = np.array([0.0322, 0.0300, 0.0630])   # the left eyeball's centre
EYE_RADIUS = 0.0132
MOUTH_Y = -0.0420                          # where the lips meet
JAW = np.array([0.0, -0.0020, 0.0120])     # the axis through the jaw joints
NECK = np.array([0.0, -0.1000, -0.0300])


def ellipsoid(p, centre, radii):
    q = p - np.asarray(centre)
    k0 = np.linalg.norm(q / radii, axis=-1)
    k1 = np.linalg.norm(q / np.square(radii), axis=-1)
    return np.where(k1 > 1e-9, k0 * (k0 - 1) / np.maximum(k1, 1e-9), -np.min(radii))


def capsule(p, a, b, radius_a, radius_b):
    a, b = np.asarray(a), np.asarray(b)
    t = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(p - a - t[..., None] * (b - a), axis=-1) - (radius_a + (radius_b - radius_a) * t)


def union(a, b, k):
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b + (a - b) * h - k * h * (1 - h)


def carve(a, b, k):
    return -union(-a, b, k)


def distance(p):
    """Signed distance [N] (negative inside) of points [N,3] from the skin, lips and ears aside."""
    p = np.concatenate([np.abs(p[..., :1]), p[..., 1:]], -1)
    d = ellipsoid(p, (0, 0.062, -0.014), (0.0755, 0.083, 0.0925))                      # cranium
    d = union(d, ellipsoid(p, (0, 0.055, 0.030), (0.056, 0.055, 0.058)), 0.030)        # forehead
    d = union(d, ellipsoid(p, (0, -0.012, 0.020), (0.0585, 0.070, 0.060)), 0.030)      # face
    d = union(d, capsule(p, (0.042, -0.012, 0.010), (0.039, -0.046, 0.014), 0.016, 0.012), 0.025)  # ramus
    d = union(d, capsule(p, (0.039, -0.047, 0.014), (0.012, -0.070, 0.062), 0.012, 0.013), 0.022)  # jaw line
    d = union(d, capsule(p, (0, -0.103, -0.004), (0, -0.240, -0.032), 0.045, 0.052), 0.024)  # neck
    d = union(d, capsule(p, (0, -0.010, -0.040), (0, -0.240, -0.052), 0.042, 0.050), 0.030)  # nape
    d = union(d, ellipsoid(p, (0, -0.043, 0.056), (0.036, 0.034, 0.032)), 0.020)       # muzzle
    d = union(d, ellipsoid(p, (0.030, -0.026, 0.042), (0.024, 0.030, 0.025)), 0.020)   # cheek
    d = union(d, ellipsoid(p, (0, -0.0745, 0.070), (0.019, 0.0125, 0.0155)), 0.014)    # chin
    d = union(d, ellipsoid(p, (0.043, 0.000, 0.044), (0.022, 0.017, 0.019)), 0.018)    # cheekbone
    d = union(d, capsule(p, (0.008, 0.050, 0.080), (0.046, 0.050, 0.056), 0.008, 0.007), 0.014)  # brow ridge
    d = carve(d, ellipsoid(p, (0.031, 0.029, 0.083), (0.0185, 0.0115, 0.0145)), 0.012)  # socket
    d = union(d, ellipsoid(p, EYE, np.full(3, EYE_RADIUS + 0.0016)), 0.004)            # lids over the eyeball
    d = union(d, capsule(p, (0, 0.036, 0.080), (0, -0.004, 0.100), 0.0055, 0.0066), 0.013)  # bridge of the nose
    d = union(d, ellipsoid(p, (0, -0.0075, 0.0990), (0.0092, 0.0085, 0.0092)), 0.009)  # tip
    d = union(d, ellipsoid(p, (0.0118, -0.0115, 0.0875), (0.0066, 0.0068, 0.0095)), 0.008)  # wings
    d = carve(d, ellipsoid(p, (0.0070, -0.0200, 0.0930), (0.0034, 0.0036, 0.0060)), 0.005)  # nostrils
    return d


def gradient(p, step=2e-4):
    eye = np.eye(3) * step
    return np.stack([distance(p + e) - distance(p - e) for e in eye], -1) / (2 * step)


def project(p, rounds=25):
    """Points [N,3] moved along the gradient onto the skin."""
    for _ in range(rounds):
        g = gradient(p)
        p = p - 0.8 * (distance(p) / np.maximum((g * g).sum(-1), 0.1))[:, None] * g
    return p


def trace(p, direction):
    """Points [...,3] outside moved along the unit direction until they meet the skin."""
    p = np.array(np.broadcast_to(p, np.broadcast_shapes(p.shape, direction.shape)))
    for _ in range(80):
        p += 0.7 * distance(p)[..., None] * direction
    return p


def front(x, y):
    """z of the skin seen from the front at x, y (any shape)."""
    return trace(np.stack([x, y, np.full_like(x, 0.14)], -1), np.array([0.0, 0.0, -1.0]))[..., 2]
