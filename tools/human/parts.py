"""What lies behind the skin as one mesh of named parts: teeth, gums, tongue and the wet line of the package, eyeballs of ours."""

import numpy as np

from tools.human import eyes
from tools.human.fields import rotation
from tools.human.jaw import SIDE, lower_teeth, turn_share
from tools.human.source import PARTS, SKIN

TONGUE = (16312, 17039)  # vertices of gums and tongue from here on are the tongue's own; its edge has them with others


class Parts:
    """names [P], rows [Vp]: vertices of the package (of its eyeballs for ours, which move as they do), vertices [Vp,3], faces [Fp,3],
    face_part [Fp], weights [Vp,5] (root, neck, jaw, eyes)."""

    def __init__(self, source, jaw):
        quads = source.quads[source.quads.max(1) >= SKIN]
        kinds = np.full(len(quads), "", "U16")
        centre = np.array([source.vertices[quad[quad >= 0]].mean(0) for quad in quads])
        first = quads[:, 0]
        lower = lower_teeth(source)
        share = turn_share(source.vertices, source.actions["jawOpen"], jaw.joint)
        share[lower] = 1
        within = lambda part: (first >= PARTS[part][0]) & (first < PARTS[part][1])
        teeth = within("teeth")
        kinds[teeth] = np.where(np.isin(first[teeth], lower), "teeth_lower", "teeth_upper")
        gums = within("gums_tongue")
        tongue = gums & (quads.max(1) >= TONGUE[0]) & (np.where(quads < 0, TONGUE[0], quads).min(1) >= TONGUE[0])
        kinds[gums] = np.where(share[np.maximum(quads[gums], 0)].mean(1) > 0.5, "gums_lower", "gums_upper")
        kinds[tongue] = "tongue"
        for side, sign in (("left", 1), ("right", -1)):
            kinds[within("wet") & (centre[:, 0] * sign > 0)] = f"tear_{side}"
        keep = kinds != ""
        quads, kinds = quads[keep], kinds[keep]
        self.names = list(dict.fromkeys(kinds.tolist()))
        number = np.array([self.names.index(kind) for kind in kinds])
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[quads[:, 3] >= 0][:, [0, 2, 3]]])
        self.face_part = np.concatenate([number, number[quads[:, 3] >= 0]])
        self.rows, faces = np.unique(triangles, return_inverse=True)
        self.faces = faces.reshape(-1, 3)
        self.vertices = source.vertices[self.rows]
        self.weights = np.zeros((len(self.rows), 5))
        self.weights[:, 2] = share[self.rows]
        self.weights[:, 1] = 1 - self.weights[:, 2]
        for name, vertices, faces in eyes.balls():
            self.add_eye(name, vertices, faces)

    def add_eye(self, name, vertices, faces):
        joint = 3 if name.endswith("left") else 4
        self.faces = np.concatenate([self.faces, faces + len(self.rows)])
        self.face_part = np.r_[self.face_part, np.full(len(faces), len(self.names))]
        self.names.append(name)
        self.rows = np.r_[self.rows, np.full(len(vertices), PARTS["eye_left" if joint == 3 else "eye_right"][0])]
        self.vertices = np.concatenate([self.vertices, vertices])
        self.weights = np.concatenate([self.weights, np.tile(np.eye(5)[joint], (len(vertices), 1))])

    def of(self, kind):
        """Rows [n] of the parts whose name begins so."""
        chosen = [k for k, name in enumerate(self.names) if name.startswith(kind)]
        return np.unique(self.faces[np.isin(self.face_part, chosen)])


def slide(source, parts, jaw, name):
    """[Vp,3]: what a jaw action moves the parts by beyond what its turn does."""
    move = source.actions[name][parts.rows]
    if name == "jawForward":
        return move
    turn = rotation((0, SIDE if name == "jawLeft" else -SIDE, 0))
    w = parts.weights[:, 2:3]
    blend = (1 - w)[..., None] * np.eye(3) + w[..., None] * turn
    place = parts.vertices + move - w * (jaw.joint - turn @ jaw.joint)
    return np.linalg.solve(blend, place[..., None])[..., 0] - parts.vertices
