"""The identity basis: how heads differ. Named features, how they vary between people, and their principal components.

A feature is a smooth displacement of places. People differ in each feature by some millimetres of its own, and by what comes with
sex, age and weight. The spreads follow published standard deviations of adults (Farkas, Anthropometry of
the Head and Face, 1994), about 4 % of breadths and lengths, 7 % of nose and mouth; what age does follows Mendelson and Wong,
Changes in the facial skeleton with aging, 2012, and Farkas for the growing nose and ears.
"""

import numpy as np

from model_runtime.flame.fit import signs
from tools.sculpt.basis import SEED, wave
from tools.sculpt.rig import smoothstep
from tools.sculpt.surface import EYE, EYE_RADIUS, MOUTH_Y

MM = 0.001
FACTORS = ("masculine", "age", "weight")
SMALL = 0.00002  # metres: the size of the waves that fill those of the 300 components that the features leave empty
NEAR_EYE = EYE_RADIUS + 0.0035, 0.006  # metres from an eye's centre: up to the first all moves with the eyeball, then less over the second

# The panel's sliders: at 1, these many standard deviations of each feature (or of a factor).
SLIDERS = {
    "Age": {"age": 3.0},
    "Masculine": {"masculine": 2.2},
    "Weight": {"weight": 3.0},
    "Face Length": {"midface": 1.8, "lower face": 1.8, "tall": 1.0},
    "Jaw Width": {"jaw width": 2.2, "gonial": 1.8, "chin width": 1.2},
    "Chin": {"chin out": 2.4, "chin height": 1.8},
    "Nose Length": {"nose length": 2.4, "nose out": 2.2},
    "Nose Width": {"wings": 2.6, "tip width": 2.0, "bridge width": 1.6},
    "Lips": {"upper lip": 2.6, "lower lip": 2.6},
    "Eye Size": {"eye size": 2.4, "eye opening": 2.0},
    "Eye Distance": {"eye distance": 2.4},
    "Brow": {"brow ridge": 2.2, "brow height": -1.8, "glabella": 1.0},
    "Ears": {"ear size": 2.2, "ear out": 2.2},
    "Asymmetry": {"chin aside": 2.6, "nose bent": 2.6, "mouth tilt": 2.2, "brow tilt": 2.2, "jaw uneven": 1.8, "eye uneven": 1.5},
}


def bump(centre, radius, vector, odd=False):
    """Field: a soft push by vector about centre, on both sides unless centre lies in the middle; odd: against each other."""
    centre, vector = np.asarray(centre, float), np.asarray(vector, float)

    def field(p):
        d = np.zeros_like(p)
        for sign in (1, -1) if centre[0] else (1,):
            q = (p - centre * (sign, 1, 1)) / radius
            d += np.exp(-(q * q).sum(-1, keepdims=True)) * vector * (sign, 1, 1) * (sign if odd else 1)
        return d

    return field


def line(points, width, vector, odd=False):
    """Field: a soft push by vector along a line through points, on both sides of the face; width: a number or one per axis."""
    points, vector, width = np.asarray(points, float), np.asarray(vector, float), np.broadcast_to(width, 3)

    def field(p):
        d = np.zeros_like(p)
        for sign in (1, -1):
            q, nearest = p * (sign, 1, 1) / width, np.full(len(p), np.inf)
            for a, b in zip(points / width, points[1:] / width):
                t = np.clip((q - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
                nearest = np.minimum(nearest, ((q - a - t[:, None] * (b - a)) ** 2).sum(1))
            d += np.exp(-nearest)[:, None] * vector * (sign, 1, 1) * (sign if odd else 1)
        return d

    return field


def grow(centre, radius, amount):
    """Field: growth about centre by amount [3] a metre, on both sides unless centre lies in the middle."""
    centre = np.asarray(centre, float)

    def field(p):
        d = np.zeros_like(p)
        for sign in (1, -1) if centre[0] else (1,):
            q = p - centre * (sign, 1, 1)
            d += np.exp(-((q / radius) ** 2).sum(-1, keepdims=True)) * q * amount
        return d

    return field


def slide(vector, start, end, front=True):
    """Field: what lies beyond the height end moves by vector, before start nothing; front: only the face and the throat."""

    def field(p):
        amount = smoothstep(start, end, p[:, 1])
        if front:
            amount = amount * smoothstep(-0.075, 0.030, p[:, 2]) * smoothstep(-0.165, -0.095, p[:, 1])
        return amount[:, None] * np.asarray(vector, float)

    return field


def lip(sign):
    """Field: the upper (1) or lower (-1) lip's red grows fuller: away from where the lips meet, and forward."""

    def field(p):
        up = (p[:, 1] - MOUTH_Y) * sign
        within = np.exp(-((p[:, 0] / 0.019) ** 4) - ((p[:, 2] - 0.090) / 0.022) ** 4)
        height = smoothstep(-0.001, 0.008, up) * (1 - smoothstep(0.008, 0.020, up))
        swell = np.exp(-(((up - 0.0045) / 0.0048) ** 2))
        return within[:, None] * np.stack([0 * up, sign * height, 0.75 * swell], -1)

    return field


def neck(p):
    """Field: the neck grows thicker, 1 at its skin."""
    q = p - (0, 0, -0.030)
    q = q * (1, 0, 1)
    across = np.linalg.norm(q, axis=1, keepdims=True)
    amount = smoothstep(-0.078, -0.110, p[:, 1]) * smoothstep(-0.270, -0.165, p[:, 1])
    return amount[:, None] * q / 0.052 * np.exp(-(np.maximum(across / 0.065 - 1, 0) ** 2) * 8)


BROW = [(0.007, 0.046, 0.088), (0.022, 0.050, 0.086), (0.036, 0.051, 0.079), (0.049, 0.046, 0.066)]
FOLD = [(0.017, -0.013, 0.088), (0.024, -0.024, 0.085), (0.032, -0.040, 0.076)]  # nasolabial
MARIONETTE = [(0.0295, -0.046, 0.080), (0.0300, -0.060, 0.074)]
JAWLINE = [(0.048, -0.050, 0.012), (0.036, -0.066, 0.042), (0.020, -0.080, 0.066)]
EAR = (0.074, 0.010, -0.012)

# name: (millimetres of its own, with one SD more masculine, older, heavier; field of one millimetre)
FEATURES = {
    # The whole
    "size": (1.5, 2, 0.29, 0.43, grow((0, 0.02, 0), 9, 10)),
    "wide": (1.9, 0, 0, 0.64, grow((0, 0.02, 0), 9, (10, 0, 0))),
    "tall": (1.7, 0, 0, 0, grow((0, 0.02, 0), 9, (0, 10, 0))),
    "deep": (1.6, 0, 0, 0, grow((0, 0.02, 0), 9, (0, 0, 10))),
    "skull width": (2.2, 0, 0, 0, grow((0, 0.085, -0.015), (0.15, 0.060, 0.13), (14, 0, 0))),
    "occiput": (3.6, 0.5, 0, 0, bump((0, 0.050, -0.105), 0.060, (0, 0, -1))),
    "crown": (2.6, 0, 0, 0, slide((0, 1, 0), 0.055, 0.150, front=False)),
    "forehead": (2.4, -1.4, 0, 0, bump((0, 0.092, 0.075), (0.060, 0.034, 0.050), (0, 0.1, 1))),
    "temples": (1.6, 0, -1.5, 0.79, bump((0.064, 0.052, 0.040), 0.026, (1, 0, 0.3))),
    "midface": (1.7, 0.5, 0.36, 0, slide((0, -1, 0), 0.026, -0.020)),
    "lower face": (2, 1.3, 0, 0, slide((0, -1, 0), -0.018, -0.070)),
    "profile": (2, 0, 0.5, 0, slide((0, 0, 1), 0.020, -0.060)),
    # Jaw and chin
    "jaw width": (2, 1.7, 0, 0.79, grow((0, -0.058, 0.020), (0.12, 0.036, 0.080), (22, 0, 0))),
    "gonial": (1.8, 1.5, 0, 0, bump((0.050, -0.050, 0.010), 0.024, (0.85, -0.5, 0))),
    "jaw line": (1, 1, -0.64, -1.1, line(JAWLINE, 0.013, (0.5, -0.6, 0.3))),
    "chin out": (2, 0.9, 0.5, -0.29, bump((0, -0.078, 0.085), (0.030, 0.021, 0.036), (0, 0, 1))),
    "chin height": (1.8, 1.2, 0, 0, slide((0, -1, 0), -0.052, -0.080)),
    "chin width": (1.3, 1.1, 0, 0.29, bump((0.016, -0.077, 0.080), (0.015, 0.014, 0.03), (1, 0, 0.2))),
    "cleft": (0.35, 0.25, 0, 0, bump((0, -0.077, 0.090), (0.004, 0.010, 0.03), (0, 0, -1))),
    "sulcus": (0.8, 0.3, 0.29, 0.29, bump((0, -0.061, 0.087), (0.022, 0.007, 0.03), (0, 0, -1))),
    # Cheeks
    "cheekbones": (1.7, -0.2, 0.36, -0.43, bump((0.050, 0.002, 0.052), (0.022, 0.018, 0.028), (0.8, 0.1, 0.6))),
    "cheek height": (1.2, 0, -0.64, 0, bump((0.042, -0.004, 0.060), (0.022, 0.020, 0.03), (0, 1, 0.3))),
    "cheeks": (1, -0.3, -2.1, 3.1, bump((0.046, -0.032, 0.048), (0.022, 0.022, 0.032), (0.8, 0, 0.6))),
    "apples": (0.9, -0.4, -0.86, 1.2, bump((0.033, -0.012, 0.074), (0.015, 0.014, 0.026), (0.3, 0, 1))),
    "jowls": (0.5, 0, 1.6, 2.3, bump((0.036, -0.068, 0.044), (0.017, 0.017, 0.030), (0.6, -0.8, 0.2))),
    "fold": (0.25, 0.1, 0.83, 0.21, line(FOLD, (0.0045, 0.006, 0.03), (-0.1, 0, -1))),
    "over the fold": (
        0.2,
        0,
        0.55,
        0.57,
        line([(0.023, -0.010, 0.086), (0.031, -0.023, 0.080), (0.039, -0.040, 0.070)], (0.006, 0.008, 0.03), (0.1, -0.3, 1)),
    ),
    "marionette": (0.1, 0, 0.65, 0, line(MARIONETTE, (0.004, 0.006, 0.03), (0, 0, -1))),
    # Eyes and brows
    "eye distance": (1.3, 0, 0, 0, bump(EYE + (0, 0, 0.005), 0.022, (1, 0, 0))),
    "eye height": (0.9, 0, 0, 0, bump(EYE + (0, 0, 0.005), 0.022, (0, 1, 0))),
    "eye depth": (0.9, -0.5, -0.41, 0.18, bump(EYE + (0, 0, 0.005), 0.022, (0, 0, 1))),
    "under eye": (
        0.35,
        0,
        0.43,
        0.21,
        line([(0.020, 0.011, 0.080), (0.034, 0.008, 0.076), (0.046, 0.013, 0.066)], (0.02, 0.006, 0.03), (0, 0, 1)),
    ),
    "tear trough": (
        0.3,
        0.1,
        0.4,
        -0.21,
        line([(0.018, 0.006, 0.082), (0.030, 0.000, 0.078), (0.040, 0.001, 0.070)], (0.02, 0.006, 0.03), (0, 0, -1)),
    ),
    "brow ridge": (1.2, 1.6, 0.29, -0.29, line(BROW, (0.012, 0.010, 0.03), (0, 0, 1))),
    "brow height": (1.5, -0.9, -1.1, 0, line(BROW, (0.014, 0.010, 0.04), (0, 1, -0.3))),
    "brow slant": (1, 0, -0.63, 0, bump((0.046, 0.050, 0.068), (0.017, 0.013, 0.04), (0, 1, -0.3))),
    "glabella": (0.8, 0.8, 0.14, 0, bump((0, 0.047, 0.090), (0.013, 0.012, 0.03), (0, 0, 1))),
    # Nose
    "nose length": (1.4, 0.6, 1.1, 0, bump((0, -0.012, 0.100), (0.018, 0.017, 0.030), (0, -1, 0.1))),
    "nose out": (1.6, 0.9, 0.29, 0, bump((0, -0.009, 0.106), (0.014, 0.016, 0.024), (0, 0, 1))),
    "tip up": (1.1, -0.4, -0.86, 0, bump((0, -0.006, 0.110), (0.010, 0.009, 0.015), (0, 1, 0))),
    "bridge": (1.3, 0.9, 0.14, 0, line([(0, 0.034, 0.090), (0, 0.004, 0.104)], (0.009, 0.010, 0.03), (0, 0, 0.5))),
    "hump": (0.9, 0.5, 0.36, 0, bump((0, 0.016, 0.098), (0.008, 0.010, 0.03), (0, 0, 1))),
    "bridge width": (0.7, 0.3, 0, 0, line([(0.008, 0.030, 0.086), (0.009, 0.006, 0.094)], (0.007, 0.009, 0.03), (1, 0, 0))),
    "nasion": (1, -0.2, 0, 0, bump((0, 0.034, 0.088), (0.010, 0.009, 0.03), (0, 0, 1))),
    "tip width": (0.8, 0.3, 0.29, 0.14, bump((0.007, -0.007, 0.103), (0.007, 0.008, 0.014), (1, 0, 0.2))),
    "wings": (1.2, 0.6, 0.36, 0.29, bump((0.015, -0.012, 0.090), (0.009, 0.011, 0.016), (1, 0, 0))),
    "wings height": (0.7, 0, -0.29, 0, bump((0.014, -0.012, 0.092), (0.009, 0.009, 0.016), (0, 1, 0))),
    # Mouth
    "mouth width": (1.7, 0.6, 0.64, 0, bump((0.0262, MOUTH_Y, 0.080), (0.014, 0.016, 0.022), (1, 0, -0.35))),
    "mouth corners": (0.8, 0, -0.75, 0, bump((0.0262, MOUTH_Y, 0.080), (0.011, 0.012, 0.022), (0, 1, 0))),
    "mouth height": (1.1, 0, -0.5, 0, bump((0, MOUTH_Y, 0.085), (0.038, 0.017, 0.050), (0, 1, 0))),
    "mouth out": (1.3, 0, -0.79, 0, bump((0, MOUTH_Y, 0.085), (0.036, 0.022, 0.050), (0, 0, 1))),
    "upper lip": (0.75, -0.7, -0.51, 0.14, lip(1)),
    "lower lip": (0.85, -0.65, -0.46, 0.14, lip(-1)),
    "bow": (0.35, 0, -0.29, 0, bump((0.0055, MOUTH_Y + 0.010, 0.095), (0.0035, 0.005, 0.02), (0, 1, 0.4))),
    "philtrum": (0.3, 0, -0.29, 0, bump((0, MOUTH_Y + 0.015, 0.095), (0.003, 0.007, 0.02), (0, 0, -1))),
    # Neck and ears
    "neck": (1.6, 2.6, -0.29, 2.6, neck),
    "under chin": (0.8, 0, 1.3, 4.1, bump((0, -0.094, 0.040), (0.034, 0.022, 0.036), (0, -0.9, 0.35))),
    "larynx": (0.4, 1.3, 0.14, -0.43, bump((0, -0.122, 0.030), (0.010, 0.013, 0.03), (0, 0, 1))),
    "ear out": (2.2, 0.2, 0.29, 0, bump(EAR + np.array([0.012, 0.006, -0.010]), (0.020, 0.034, 0.022), (1, 0, 0.25))),
    "ear size": (1.5, 0.6, 1.3, 0, grow(EAR, (0.024, 0.042, 0.030), (0, 40, 28))),
    "ear lobe": (1.2, 0.2, 1.1, 0.29, bump((0.076, -0.021, -0.004), (0.016, 0.014, 0.018), (0, -1, 0))),
    "ear top": (1.3, 0, 0, 0, bump((0.080, 0.040, -0.016), (0.018, 0.018, 0.024), (0.3, 0.9, -0.3))),
    # Left and right
    "chin aside": (0.7, 0, 0, 0, bump((0, -0.080, 0.070), 0.034, (1, 0, 0))),
    "nose bent": (0.6, 0, 0, 0, bump((0, -0.002, 0.102), (0.016, 0.022, 0.030), (1, 0, 0))),
    "mouth tilt": (0.5, 0, 0, 0, bump((0.0262, MOUTH_Y, 0.080), (0.015, 0.015, 0.030), (0, 1, 0), odd=True)),
    "brow tilt": (0.6, 0, 0, 0, line(BROW, (0.014, 0.010, 0.04), (0, 1, -0.3), odd=True)),
    "jaw uneven": (0.6, 0, 0, 0, bump((0.044, -0.055, 0.020), 0.030, (1, 0, 0), odd=True)),
    "cheeks uneven": (0.4, 0, 0, 0, bump((0.045, -0.015, 0.055), 0.026, (1, 0, 0.5), odd=True)),
    "eye uneven": (0.45, 0, 0, 0, bump(EYE + (0, 0, 0.005), 0.022, (0, 1, 0), odd=True)),
    "wings uneven": (0.25, 0, 0, 0, bump((0.015, -0.012, 0.090), (0.009, 0.011, 0.016), (0, 1, 0), odd=True)),
    "ears uneven": (0.8, 0, 0, 0, bump(EAR + np.array([0.012, 0.006, -0.010]), (0.020, 0.034, 0.022), (1, 0, 0), odd=True)),
}


def opened(q):
    """Field about an eyeball's centre: the upper lid lies higher and the lower one a little lower, 1 on the upper margin."""
    amount = smoothstep(-0.002, 0.005, q[:, 1]) * (1 - 0.5 * smoothstep(0.007, 0.012, q[:, 1]))
    amount = (amount - 0.4 * smoothstep(-0.001, -0.005, q[:, 1])) * np.exp(-((q[:, 0] / 0.0125) ** 4))
    amount = amount * smoothstep(-0.001, 0.006, q[:, 2])
    return amount[:, None] * np.cross((-1, 0, 0), q) / EYE_RADIUS


# The same for what happens at the eyeball itself, of places [N,3] from its centre (left). The ball grows and turns; lids also open.
EYE_FEATURES = {
    "eye size": (0.5, -0.11, -0.14, -0.09, lambda q: q / EYE_RADIUS),
    "eye slant": (0.55, 0, -0.45, 0, lambda q: np.cross((0, 0, 1), q) / EYE_RADIUS),
    "eye opening": (0.45, -0.14, -0.36, -0.23, opened),
}


def basis(skin, parts, eye_of, contact, lips, inside, lids, count=300):
    """(shapedirs [V,3,count], of the parts [Vp,3,count], slider names [I], directions [I,count], lids_identity, lids_amounts).

    skin [V,3], parts [Vp,3]: places; lids [V,3,2]; eye_of [Vp]: 0 for what moves with the left eyeball, 1 the right, -1 neither;
    contact [C,3]: where the lips meet; lips [L,3]: lips and skin near; inside [V]: 1 deep in the mouth, 0 at the lips. Features are
    Gaussian and independent, so the principal components over all people are computed directly, without drawing any; a beta of
    standard normals is one of these people.
    """
    rng = np.random.default_rng(SEED + 1)
    ends = np.cumsum([len(skin), len(parts), len(contact), len(lips)])
    places = np.concatenate([skin, parts, contact, lips, [EYE, EYE * (-1, 1, 1)]])
    line = np.linalg.pinv(np.column_stack([contact[:, 0], np.ones(len(contact))]))
    sheet = np.linalg.pinv(np.column_stack([lips[:, 1] - MOUTH_Y, np.ones(len(lips))]))
    within = [near_eye(skin, sign) for sign in (1, -1)]

    def finish(d, own=np.zeros_like):
        """[3(V+Vp)] of a field [N,3] at places: lids follow the eyeballs; teeth and tongue follow the line where the lips meet up,
        down and sideways, and lean forward and back with the lips."""
        body, bits, d_contact, d_lips, eyes = np.split(d.copy(), ends)
        for k, sign in enumerate((1, -1)):
            at_eye = lambda p: own((p - EYE * (sign, 1, 1)) * (sign, 1, 1)) * (sign, 1, 1) + eyes[k]
            body += within[k] * (at_eye(skin) - body)
            bits[eye_of == k] = eyes[k] if own is opened else at_eye(parts[eye_of == k])
        (wide, tilt), (x, y) = line @ d_contact[:, :2]
        lean, z = sheet @ d_lips[:, 2]
        at_mouth = lambda p: np.stack([x + wide * p[:, 0], y + tilt * p[:, 0], z + lean * (p[:, 1] - MOUTH_Y)], 1)
        body += inside[:, None] * (at_mouth(skin) - body)
        bits[eye_of < 0] = at_mouth(parts[eye_of < 0])
        return np.concatenate([body, bits]).ravel()

    unit = {name: finish(row[-1](places) * MM) for name, row in FEATURES.items()}
    unit |= {name: finish(0 * places, row[-1]) * MM for name, row in EYE_FEATURES.items()}
    table = {name: row[:-1] for name, row in (FEATURES | EYE_FEATURES).items()}
    people = {factor: sum(table[name][1 + k] * unit[name] for name in table) for k, factor in enumerate(FACTORS)}
    people |= {name: table[name][0] * unit[name] for name in table}
    for k in range(count + 20 - len(people)):
        length, seed = rng.uniform(0.010, 0.022), rng.integers(1 << 31)
        even = wave(np.random.default_rng(seed), places, length)
        odd = wave(np.random.default_rng(seed), places * (-1, 1, 1), length) * (-1, 1, 1)
        people[f"wave {k}"] = finish(((even + odd) / 2 if k % 4 else even) * SMALL)

    fields = np.stack(list(people.values()), 1)
    body = fields[: 3 * len(skin)]
    _, axes = np.linalg.eigh(body.T @ body)
    axes = axes[:, ::-1][:, :count]
    whole = fields @ axes
    flip = signs(whole[: len(body)])
    axes, whole = axes * flip, (whole * flip).reshape(-1, 3, count)
    names = list(people)
    directions = np.stack([sum(sd * axes[names.index(name)] for name, sd in slider.items()) for slider in SLIDERS.values()])
    loads = np.array([[table[name][1 + k] for k in range(len(FACTORS))] for name in EYE_FEATURES]) @ axes[: len(FACTORS)]
    amounts = loads + np.stack([table[name][0] * axes[names.index(name)] for name in EYE_FEATURES])
    return whole[: len(skin)], whole[len(skin) :], list(SLIDERS), directions, lid_ways(skin, lids), amounts


def lid_ways(skin, lids):
    """[V,3,2,E]: by how much the lids' way from open to shut changes with a millimetre of each of EYE_FEATURES.

    A lid of another eye arrives where the feature carries the place at which it arrives here."""
    ways = np.zeros(lids.shape + (len(EYE_FEATURES),))
    for side, sign in enumerate((1, -1)):
        lid, mirror = np.abs(lids[:, :, side]).max(1) > 0, (sign, 1, 1)
        start = (skin[lid] - EYE * mirror) * mirror
        end = start + lids[lid, :, side] * mirror
        near = near_eye(skin[lid], sign)
        for k, row in enumerate(EYE_FEATURES.values()):
            ways[lid, :, side, k] = near * (row[-1](end) - row[-1](start)) * mirror * MM
    return ways


def near_eye(p, sign):
    """How much places move with the eyeball on that side [N,1]."""
    away = np.linalg.norm(p - EYE * (sign, 1, 1), axis=1, keepdims=True)
    return np.exp(-((np.maximum(away - NEAR_EYE[0], 0) / NEAR_EYE[1]) ** 2))
