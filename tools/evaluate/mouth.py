"""What the mouth of a Motion does on the built-in head: shut, biting, rounded."""

import numpy as np

from contract import EYES, FPS, NECK
from model_runtime.flame import lbs
from model_runtime.flame.teeth import teeth_edge
from tools.evaluate.closures import below, union, without

SHUT = 0.03  # lip gap under this share of an open jaw's
BITE = 2.0  # mm between lower lip and the upper teeth's edge
NARROW, OUT = 35, 65  # percentiles of mouth width and protrusion in that performance
POINTS = ("lip_inner_lower_mid", "lip_outer_upper_mid", "lip_outer_lower_mid", "lip_corner_left", "lip_corner_right")


def still(values):
    """values [T, 65] with the head and the eyes at rest: what the face alone does."""
    values = np.array(values, np.float32)
    values[:, NECK] = values[:, EYES] = 0
    return values


def curves(head, values):
    """{"gap": lip gap, "bite": mm from the lower inner lip's midpoint to the upper incisors' edge (in the midplane), "width": mm
    between the mouth's corners, "protrusion": mm, mean of the outer lips' midpoints along the face's axis}, each [T]."""
    posed = lbs.pose(head, still(values), None, [head.landmark(name) for name in POINTS]) * 1000
    bite = np.linalg.norm(posed[:, 0, 1:] - np.array(teeth_edge(head)) * 1000, axis=1)
    return {
        "gap": lbs.lip_gap(head, values),
        "bite": bite,
        "width": np.linalg.norm(posed[:, 3] - posed[:, 4], axis=1),
        "protrusion": posed[:, 1:3, 2].mean(1),
    }


def events(found, fps=FPS):
    """curves() -> {"closed", "labiodental", "rounded": intervals in seconds}, crossings interpolated."""
    closed = union(below(found["gap"], fps, SHUT))
    narrow, out = np.percentile(found["width"], NARROW), np.percentile(found["protrusion"], OUT)
    rounded = union(below(found["width"], fps, narrow) + below(-found["protrusion"], fps, -out))
    return {"closed": closed, "labiodental": without(below(found["bite"], fps, BITE), closed), "rounded": rounded}
