"""The sliders over the identity basis: what each measures on the face, and the likeliest people of whom that is true.

A measure is linear in beta: g @ beta, in millimetres. As beta is standard normal over people, those of whom some measures G @ beta
have the values m are on average G.T @ inv(G @ G.T) @ m (the conditional mean): everything else is as it goes with them. A slider at 1
lies 2.5 standard deviations out, with what other sliders measure held as far as people allow it. Sex and weight are values of many
measures at once:

- sex: six tenths of the difference between the means of adult women and men, to either side. Face, nose, lips, eyes and ears: Farkas,
  Anthropometry of the Head and Face, 1994 (North American adults); neck: Vasavada, Danaraj and Siegmund, Head and neck anthropometry,
  2008; brow ridge and forehead: Garvin and Ruff, Sexual dimorphism in skeletal browridge and chin morphologies, 2012.
- weight: faces that are seen as heavy are wide below the cheekbones, with full cheeks and necks: Coetzee, Chen, Perrett and Stephen,
  Deciphering faces: quantifiable visual cues to weight, 2010.
- age: the column of age (features.py), and noses and ears that grow: Farkas 1994; Heathcote, Why do old men have big ears?, 1995.
"""

import numpy as np
from scipy.spatial import cKDTree

from contract import COEFFICIENTS, SLIDERS
from tools.human.features import NAMES
from tools.human.skin import CONTACT, HALF
from tools.human.source import MOUTH_SOCKET
from tools.human.strands import GROWN, SHAPES

FAR = 2.5  # standard deviations of a slider at 1
NEARER = {"Eye Size": 2.0}  # lids would shut
UNSURE = 0.4  # millimetres: how exactly measures are met that people cannot have together
HELD = 0.15  # of a measure's variance: how exactly other sliders' measures are held

# Places on the left half of the neutral skin, metres: the nearest vertex.
PLACES = {
    "nasion": (0, 0.0335, 0.0899),
    "nose tip": (0, -0.0019, 0.1139),
    "subnasale": (0, -0.0195, 0.0985),
    "wing": (0.0178, -0.0120, 0.0900),
    "bridge": (0.0075, 0.0180, 0.0920),
    "corner": (0.0253, -0.0412, 0.0852),
    "pogonion": (0, -0.0730, 0.0930),
    "gnathion": (0, -0.0842, 0.0835),
    "chin side": (0.0180, -0.0780, 0.0840),
    "throat": (0, -0.0955, 0.0420),
    "jaw angle": (0.0630, -0.0460, 0.0270),
    "jaw side": (0.0520, -0.0590, 0.0480),
    "cheekbone": (0.0680, 0.0020, 0.0430),
    "cheek": (0.0536, -0.0328, 0.0624),
    "inner corner": (0.0184, 0.0265, 0.0752),
    "outer corner": (0.0446, 0.0283, 0.0692),
    "upper lid": (0.0330, 0.0343, 0.0794),
    "lower lid": (0.0330, 0.0243, 0.0770),
    "brow": (0.0300, 0.0560, 0.0850),
    "over the brow": (0.0280, 0.0800, 0.0800),
    "glabella": (0, 0.0510, 0.0909),
    "ear top": (0.0840, 0.0300, -0.0190),
    "ear lobe": (0.0735, -0.0255, -0.0020),
    "ear rim": (0.0910, 0.0100, -0.0320),
    "behind the ear": (0.0675, 0.0125, -0.0510),
    "skull side": (0.0774, 0.0703, -0.0337),
    "skull back": (0, 0.0505, -0.1036),
    "neck": (0.0635, -0.1248, -0.0214),
}
LIPS = {"upper lip": (0, 0), "stomion": (CONTACT, 0), "lower lip": (0, HALF)}  # ring and place on it, of the skin's mouth
X, Y, Z = np.eye(3)

# name: {place: vector}: what the measure adds up, millimetres a millimetre; a place of the left half stands for both unless `aside`.
MEASURES = {
    "head breadth": {"skull side": 2 * X},
    "head length": {"glabella": Z, "skull back": -Z},
    "face breadth": {"cheekbone": 2 * X},
    "face length": {"nasion": Y, "gnathion": -Y},
    "jaw width": {"jaw angle": 1.2 * X, "jaw side": 0.8 * X},
    "chin width": {"chin side": 2 * X},
    "chin out": {"pogonion": Z, "subnasale": -Z},
    "nose length": {"nasion": Y, "subnasale": -0.5 * Y, "nose tip": -0.5 * Y},
    "nose out": {"nose tip": Z, "wing": -Z},
    "nose width": {"wing": 2 * X},
    "bridge width": {"bridge": 2 * X},
    "upper lip": {"upper lip": Y, "stomion": -Y},
    "lower lip": {"stomion": Y, "lower lip": -Y},
    "lips out": {"upper lip": 0.5 * Z, "lower lip": 0.5 * Z, "subnasale": -0.5 * Z, "pogonion": -0.5 * Z},
    "white lip": {"subnasale": Y, "upper lip": -Y},
    "mouth width": {"corner": 2 * X},
    "eye width": {"outer corner": X, "inner corner": -X},
    "eye height": {"upper lid": Y, "lower lid": -Y},
    "eye distance": {"inner corner": X, "outer corner": X},
    "brow height": {"brow": Y, "upper lid": -Y},
    "brow ridge": {"brow": 0.6 * Z, "glabella": 0.4 * Z, "over the brow": -0.5 * Z, "cheekbone": -0.5 * Z},
    "ear length": {"ear top": Y, "ear lobe": -Y},
    "ear out": {"ear rim": X, "behind the ear": -X},
    "cheek": {"cheek": 0.7 * X + 0.7 * Z, "cheekbone": -0.5 * X},
    "throat": {"throat": 0.5 * Z - 0.85 * Y},
    "neck": {"neck": 2 * X},
    "chin aside": {"pogonion": X, "nasion": -X},
    "nose aside": {"nose tip": X, "nasion": -X},
    "mouth tilt": {"corner": 2 * Y},
    "brow tilt": {"brow": 2 * Y},
    "jaw aside": {"jaw angle": 2 * X},
}
ASIDE = ("chin aside", "nose aside", "mouth tilt", "brow tilt", "jaw aside")  # the left side less the right one

# Of a slider: its measures with their shares. What others measure is held.
ONES = {
    "Face Length": {"face length": 1},
    "Jaw Width": {"jaw width": 1, "chin width": 0.4},
    "Chin": {"chin out": 1},
    "Nose Length": {"nose length": 1, "nose out": 0.7},
    "Nose Width": {"nose width": 1, "bridge width": 0.3},
    "Lips": {"upper lip": 1, "lower lip": 1, "lips out": 0.3},
    "Eye Size": {"eye height": 1, "eye width": 1},
    "Eye Distance": {"eye distance": 1},
    "Brow": {"brow ridge": 1, "brow height": -0.5},
    "Ears": {"ear length": 1, "ear out": 0.8},
    "Asymmetry": {"chin aside": 1, "nose aside": 1, "mouth tilt": 0.7, "brow tilt": 0.7, "jaw aside": 0.6},
}
# Of brows and lashes, which no measure tells of: the shape that grows them, standard deviations of it at 1.
GROWING = {"Eyebrow Fullness": "Brow Fullness", "Eyebrow Arch": "Brow Arch", "Eyebrow Tilt": "Brow Tilt", "Lash Length": "Lash Length"}
STRONG = 2.0
# Of others: millimetres of many measures at 1, and standard deviations of columns of ours.
MANY = {
    "Masculine": (
        {
            "head breadth": 3.7, "head length": 5.0, "face breadth": 4.3, "face length": 7.4, "jaw width": 6.2, "chin width": 3.1,
            "chin out": 0.9, "nose length": 2.6, "nose out": 0.9, "nose width": 2.1, "bridge width": 1.0, "upper lip": -0.7,
            "lower lip": -0.6, "white lip": 1.4, "mouth width": 2.5, "eye width": 0.2, "eye height": -0.4, "eye distance": 0.6,
            "brow height": -1.6, "brow ridge": 2.1, "ear length": 2.0, "cheek": -0.7, "neck": 8.7, "throat": 0.3,
        },
        {"brow ridge": 0.9, "thin upper lip": 0.7, "thin lower lip": 0.7, "larynx": 1.6, "jaw angles": 1.0, "thick neck": 1.0,
         "cheekbones": -0.3},
    ),
    "Weight": (
        {
            "face breadth": 5.0, "jaw width": 10.0, "chin width": 3.0, "cheek": 6.5, "throat": 8.0, "neck": 14.0, "face length": 0.0,
            "head breadth": 0.5, "head length": 0.5, "nose width": 1.0, "nose length": 0.0, "eye distance": 0.0, "eye height": -0.3,
        },
        {"full under the chin": 1.2, "full cheeks": 1.3, "thick neck": 1.0, "hollow cheeks": -1.0, "hollow temples": -0.8,
         "cheekbones": -0.5},
    ),
    "Age": (
        {"nose length": 1.6, "nose width": 1.2, "ear length": 3.0, "white lip": 1.6, "head breadth": 0.0, "head length": 0.0,
         "face length": 0.8, "neck": 0.0, "eye distance": 0.0, "jaw width": 0.5},
        {"age": 2.0},
    ),
}  # fmt: skip


def directions(skin, shapes):
    """[I,300]: the beta of each slider of contract.SLIDERS at 1. shapes [V,3,K]: metres that a unit of beta moves the skin by."""
    measured = {name: gradient(skin, shapes, name) for name in MEASURES}
    found = {name: NEARER.get(name, FAR) * one(measured, shares) for name, shares in ONES.items()}
    found |= {name: many(measured, *told) for name, told in MANY.items()}
    rows = np.zeros((len(SLIDERS), COEFFICIENTS))
    for row, name in zip(rows, SLIDERS):
        if name in GROWING:
            row[GROWN + SHAPES.index(GROWING[name])] = STRONG
        else:
            row[: len(found[name])] = found[name]
    return rows


def gradient(skin, shapes, name):
    """[K]: millimetres of a measure that each unit of beta makes."""
    total, mirrored = 0, np.array([-1, 1, 1])
    for place, vector in MEASURES[name].items():
        vertex = landmark(skin, place)
        left = vector @ shapes[vertex]
        right = (vector * mirrored) @ shapes[skin.mirror[vertex]]
        if name not in ASIDE:
            total = total + (left + right) / 2
        else:
            total = total + ((left - right) / 2 if skin.mirror[vertex] != vertex else left)
    return 1000 * total


def landmark(skin, place):
    if place in LIPS:
        return skin.mouth[LIPS[place]]
    return cKDTree(skin.vertices[:MOUTH_SOCKET]).query(PLACES[place])[1]


def one(measured, shares):
    """[K]: the likeliest beta of one standard deviation along some measures while the others stay."""
    unit = {name: g / np.linalg.norm(g) for name, g in measured.items()}
    wanted = sum(share * unit[name] for name, share in shares.items())
    held = np.stack([g for name, g in unit.items() if name not in shares])
    wanted = wanted - held.T @ np.linalg.solve(held @ held.T + HELD * np.eye(len(held)), held @ wanted)
    return wanted / np.linalg.norm(wanted)


def many(measured, values, columns):
    """[K]: the likeliest beta of whom measures have these values (millimetres), of those with these columns of ours."""
    known = np.zeros(len(measured["face length"]))
    for name, value in columns.items():
        known[100 + NAMES.index(name)] = value
    g = np.stack([measured[name] for name in values])
    rest = np.array(list(values.values())) - g @ known
    free = g * (known == 0)
    return known + free.T @ np.linalg.solve(free @ free.T + UNSURE**2 * np.eye(len(g)), rest)
