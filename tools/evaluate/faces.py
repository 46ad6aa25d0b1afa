"""Whether a face shows what it should feel: its face actions against the prototypes of EMFACS (flame.poses.PROTOTYPES).

The face of a performance is its mean actions [52] less those of the same sentence, neutral. Where the eyes look and how far lids are
shut says nothing of the prototypes and is left out.
"""

import numpy as np

from contract import ACTIONS, FPS
from model_runtime.flame import poses

NAMES = tuple(poses.PROTOTYPES)
SHOWS = np.array([not action.startswith(("eyeBlink", "eyeLook", "tongue", "mouthClose")) for action in ACTIONS])
OWN = {
    name: np.array([action in poses.sided(dict.fromkeys(actions, 1)) for action in ACTIONS]) for name, actions in poses.PROTOTYPES.items()
}  # {emotion: [52] bool}
MOUTH = np.array([action.startswith(("mouth", "jaw")) for action in ACTIONS])
UNITS = np.array([own / np.sqrt(own.sum()) for own in OWN.values()])  # [7, 52]


def cosine(face, name):
    """Of a face [52] (a difference to neutral) with that emotion's prototype."""
    face = face * SHOWS
    return float(UNITS[NAMES.index(name)] @ face / max(np.linalg.norm(face), 1e-9))


def nearest(face):
    """The emotion whose prototype has the greatest cosine with a face [52]."""
    return NAMES[int((UNITS @ (face * SHOWS)).argmax())]


def rise(face, name, among=True):
    """Mean of the prototype's own actions in a face [52]; among [52] bool: of those alone."""
    return float(face[OWN[name] & among].mean())


def variation(acted, name):
    """Standard deviation over time of the emotion's own actions in acted [T, 52], as a share of their means."""
    own = acted[:, OWN[name]]
    return float((own.std(0) / np.maximum(own.mean(0), 1e-3)).mean())


def lasting(acted, neutral, name):
    """(seconds in which the emotion's prototype is the nearest, of how many) of acted, neutral [T, 52]."""
    seconds = [slice(first, first + FPS) for first in range(0, len(acted) - FPS + 1, FPS)]
    return sum(nearest((acted[part] - neutral[part]).mean(0)) == name for part in seconds), len(seconds)
