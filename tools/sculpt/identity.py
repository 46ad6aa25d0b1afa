"""The identity basis: how heads differ, as named fields in space and their principal components."""
import numpy as np

from tools.sculpt.basis import SEED, wave
from tools.sculpt.surface import EYE


def fields():
    """[(name, metres or ratio at one SD, function places [N,3] -> [N,3])]: how heads differ, each a field in space."""
    found = []

    def add(name, sd, function):
        found.append((name, sd, function))

    def stretch(name, sd, axis, centre, radius):
        def f(p):
            q = p - np.asarray(centre)
            fall = np.exp(-((q / radius) ** 2).sum(-1, keepdims=True))
            d = np.zeros_like(p)
            d[:, axis] = q[:, axis]
            return d * fall
        add(name, sd, f)

    def push(name, sd, centre, radius, vector, pair=True, odd=False):
        def f(p):
            d = np.zeros_like(p)
            for sign in ((1, -1) if pair else (1,)):
                q = (p - np.asarray(centre) * (sign, 1, 1)) / radius
                v = np.asarray(vector, float) * (sign, 1, 1) * (sign if odd else 1)
                d += np.exp(-(q * q).sum(-1, keepdims=True)) * v
            return d
        add(name, sd, f)

    big = 10.0
    middle = (0, 0.02, 0)
    for axis, name in enumerate("xyz"):
        stretch(f"size {name}", 0.022, axis, middle, big)
    add("size", 0.030, lambda p: p - np.array([0, 0.02, 0]))
    low, high = (0, -0.07, 0.03), (0, 0.11, 0)
    stretch("jaw width", 0.07, 0, low, (0.09, 0.045, 0.09)), stretch("skull width", 0.05, 0, high, (0.12, 0.06, 0.12))
    stretch("face width", 0.05, 0, (0, 0.0, 0.04), (0.1, 0.04, 0.08))
    stretch("neck width", 0.08, 0, (0, -0.15, -0.02), (0.1, 0.05, 0.1))
    stretch("neck depth", 0.08, 2, (0, -0.15, -0.02), (0.1, 0.05, 0.1)), stretch("skull length", 0.04, 2, high, (0.2, 0.08, 0.2))
    add("chin height", 0.0045,
        lambda p: -np.exp(-((p - (0, -0.09, 0.06)) / (0.07, 0.030, 0.08)) ** 2 @ np.ones((3, 1))) * (0, 1, 0))
    add("forehead", 0.004, lambda p: np.exp(-((p - (0, 0.08, 0.08)) / (0.06, 0.04, 0.05)) ** 2 @ np.ones((3, 1))) * (0, 0, 1))
    weight = [((0.042, -0.028, 0.045), 0.028, (0.7, 0, 0.5)), ((0.030, -0.075, 0.035), 0.028, (0.5, -0.5, 0.3)),
              ((0, -0.098, 0.045), 0.030, (0, -1.0, 0.3)), ((0.05, -0.13, 0), 0.05, (0.8, 0, 0.3))]
    for k, (centre, radius, vector) in enumerate(weight):
        push(f"weight {k}", 0.0022, centre, radius, vector)

    def weigh(p):
        d = np.zeros_like(p)
        for centre, radius, vector in weight:
            for sign in ((1, -1) if centre[0] else (1,)):
                q = (p - np.array(centre) * (sign, 1, 1)) / radius
                d += np.exp(-(q * q).sum(-1, keepdims=True)) * np.array(vector) * (sign, 1, 1)
        return d
    add("weight", 0.0042, weigh)
    for name, sd, centre, radius, vector in (
            ("cheekbones", 0.0025, (0.045, 0.000, 0.055), 0.022, (0.7, 0, 0.7)),
            ("brow ridge", 0.0022, (0.024, 0.049, 0.084), (0.026, 0.013, 0.03), (0, 0, 1)),
            ("brow height", 0.0020, (0.026, 0.050, 0.080), (0.026, 0.013, 0.03), (0, 1, 0)),
            ("temples", 0.0020, (0.066, 0.055, 0.035), 0.030, (1, 0, 0.2)),
            ("gonial", 0.0030, (0.047, -0.055, 0.012), 0.024, (1, -0.3, 0)),
            ("jaw line", 0.0020, (0.030, -0.072, 0.045), 0.020, (0.5, -0.6, 0.3)),
            ("eye distance", 0.0016, (0.0315, 0.030, 0.065), 0.020, (1, 0, 0)),
            ("eye height", 0.0014, (0.0315, 0.030, 0.065), 0.020, (0, 1, 0)),
            ("eye depth", 0.0014, (0.0315, 0.030, 0.065), 0.020, (0, 0, 1)),
            ("under eye", 0.0010, (0.032, 0.014, 0.072), (0.016, 0.008, 0.02), (0, 0, 1)),
            ("wings", 0.0014, (0.0125, -0.011, 0.092), 0.010, (1, 0, 0.2)),
            ("wings height", 0.0010, (0.0125, -0.011, 0.092), 0.010, (0, 1, 0)),
            ("mouth width", 0.0017, (0.0262, -0.042, 0.080), (0.014, 0.016, 0.02), (1, 0, -0.3)),
            ("mouth corners", 0.0012, (0.0262, -0.042, 0.080), (0.013, 0.012, 0.02), (0, 1, 0)),
            ("nasolabial", 0.0010, (0.026, -0.024, 0.080), (0.010, 0.014, 0.02), (0.3, 0, -1)),
            ("ear out", 0.0030, (0.078, 0.010, -0.010), (0.014, 0.035, 0.03), (1, 0, 0)),
            ("ear up", 0.0025, (0.078, 0.040, -0.010), (0.016, 0.025, 0.03), (0, 1, 0)),
            ("ear lobe", 0.0020, (0.078, -0.020, -0.010), (0.016, 0.018, 0.03), (0, -1, 0))):
        push(name, sd, centre, radius, vector)
        if sd < 0.0026:
            push(name + " odd", sd * 0.22, centre, radius, vector, odd=True)
    for name, sd, centre, radius, vector in (
            ("chin out", 0.0030, (0, -0.075, 0.085), (0.030, 0.020, 0.03), (0, 0, 1)),
            ("chin width", 0.0020, (0.014, -0.076, 0.080), 0.014, (1, 0, 0)),
            ("nose length", 0.0022, (0, -0.010, 0.103), (0.016, 0.018, 0.024), (0, -1, 0)),
            ("nose out", 0.0026, (0, -0.008, 0.105), (0.016, 0.018, 0.024), (0, 0, 1)),
            ("nose tip up", 0.0014, (0, -0.004, 0.108), 0.010, (0, 1, 0)),
            ("bridge", 0.0020, (0, 0.018, 0.092), (0.012, 0.018, 0.020), (0, 0, 1)),
            ("bridge width", 0.0010, (0.007, 0.016, 0.086), (0.007, 0.018, 0.02), (1, 0, 0)),
            ("nasion", 0.0016, (0, 0.034, 0.085), 0.014, (0, 0, 1)),
            ("mouth height", 0.0018, (0, -0.042, 0.092), (0.036, 0.018, 0.03), (0, 1, 0)),
            ("mouth out", 0.0018, (0, -0.042, 0.092), (0.036, 0.018, 0.03), (0, 0, 1)),
            ("upper lip", 0.0010, (0, -0.035, 0.095), (0.020, 0.005, 0.02), (0, 0.7, 0.7)),
            ("lower lip", 0.0011, (0, -0.049, 0.095), (0.020, 0.006, 0.02), (0, -0.7, 0.7)),
            ("sulcus", 0.0012, (0, -0.060, 0.087), (0.024, 0.007, 0.02), (0, 0, 1)),
            ("occiput", 0.0050, (0, 0.060, -0.105), 0.050, (0, 0, -1)),
            ("crown", 0.0040, (0, 0.150, -0.010), 0.060, (0, 1, 0)),
            ("nose bent", 0.0006, (0, 0.000, 0.100), (0.014, 0.022, 0.024), (1, 0, 0)),
            ("chin aside", 0.0008, (0, -0.080, 0.080), 0.030, (1, 0, 0))):
        push(name, sd, centre, radius, vector, pair=centre[0] != 0)

    def eye_size(p):
        d = np.zeros_like(p)
        for sign in (1, -1):
            q = p - EYE * (sign, 1, 1)
            d += q * np.exp(-np.maximum(np.linalg.norm(q, axis=1, keepdims=True) - 0.016, 0) ** 2 / 0.007 ** 2)
        return d
    add("eye size", 0.030, eye_size)
    return found


def basis(skin_places, part_places, part_eye, part_mouth, contact, count=300):
    """(shapedirs [V,3,count], of the parts [Vp,3,count]): principal components of heads drawn from the named fields.

    Each field is independent and Gaussian, so the covariance is known and no sampling is needed. Smooth waves fill the rank.
    Lids follow the eyeballs, which only move and grow; teeth and tongue follow the line where the lips meet.
    """
    rng = np.random.default_rng(SEED + 1)
    varied = fields()
    skin, parts = [], []
    everything = np.concatenate([skin_places, part_places, contact, [EYE, EYE * (-1, 1, 1)]])
    n, m, c = len(skin_places), len(part_places), len(contact)

    def finish(d, grows=False):
        body, bits, lips, eyes = d[:n].copy(), d[n:n + m].copy(), d[n + m:n + m + c], d[-2:]
        for k, sign in enumerate((1, -1)):
            if not grows:
                away = np.linalg.norm(skin_places - EYE * (sign, 1, 1), axis=1)
                near = np.exp(-(np.maximum(away - 0.0165, 0) / 0.006) ** 2)[:, None]
                body = body * (1 - near) + eyes[k] * near
                bits[part_eye == k] = eyes[k]
        shift = lips.mean(0)
        wide = (contact[:, 0] @ (lips[:, 0] - shift[0])) / (contact[:, 0] @ contact[:, 0])
        moved = np.tile(shift, (m, 1))
        moved[:, 0] += wide * part_places[:, 0]
        bits[part_mouth] = moved[part_mouth]
        return body, bits

    for name, sd, f in varied:
        body, bits = finish(f(everything) * sd, grows=name == "eye size")
        skin.append(body.ravel()), parts.append(bits.ravel())
    for k in range(count + 60 - len(varied)):
        length = 0.045 * rng.uniform(0.6, 1.6)
        seed = rng.integers(1 << 31)
        even = wave(np.random.default_rng(seed), everything, length)
        swapped = wave(np.random.default_rng(seed), everything * (-1, 1, 1), length) * (-1, 1, 1)
        d = (even + swapped) * 0.5 if k % 6 else even * 0.35
        body, bits = finish(d * 0.00022)
        skin.append(body.ravel()), parts.append(bits.ravel())
    skin, parts = np.stack(skin, 1), np.stack(parts, 1)
    gram = skin.T @ skin
    variance, axes = np.linalg.eigh(gram)
    order = np.argsort(-variance)[:count]
    axes = axes[:, order]
    basis = skin @ axes
    flip = np.where(basis[np.abs(basis).argmax(0), np.arange(count)] < 0, -1, 1)
    axes = axes * flip
    return (skin @ axes).reshape(n, 3, count), (parts @ axes).reshape(m, 3, count)
