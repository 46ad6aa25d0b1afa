"""Named faces, as Motion: what each phone asks of the mouth, the 15 visemes, the 8 emotions (contract/faces.py).

pose(head, "aa");  pose(head, "happy", 2 / 3);  pose(head, {"mouthSmileLeft": 0.5})  -> Motion's row [65]
"""

import numpy as np

from contract import EMOTIONS as EMOTIONS
from contract import PARTED as PARTED
from contract import PHONES as PHONES
from contract import PROTOTYPES as PROTOTYPES
from contract import TONGUE, TONGUE_CHANNELS, UtterError, at_strength, sided
from contract import VISEMES as VISEMES
from contract import parting as parting
from model_runtime.flame.actions import to_motion

STRENGTHS = (1 / 3, 2 / 3, 1.0)


def pose(head, face, strength=1.0):
    """Motion's row float32 [65] of a viseme, an emotion or {action: amount} on that head."""
    if isinstance(face, str):
        if face not in VISEMES and face not in EMOTIONS:
            raise UtterError(f"{face!r} is no pose; choose one of {', '.join([*VISEMES, *EMOTIONS])}.")
        face = at_strength(face, strength) if face in EMOTIONS else {name: strength * x for name, x in VISEMES[face].items()}
    else:
        face = {name: strength * x for name, x in sided(face).items()}
    names = list(head.action_names)
    actions, tongue = np.zeros((1, len(names)), np.float32), np.zeros(len(TONGUE_CHANNELS), np.float32)
    for name, amount in face.items():
        if name in TONGUE_CHANNELS:
            tongue[TONGUE_CHANNELS.index(name)] += amount
        elif name in names:
            actions[0, names.index(name)] += amount
        else:
            raise UtterError(f"{name!r} is no face action of {head.name}.")
    row = to_motion(head, actions)[0]
    row[TONGUE] += tongue
    return row
