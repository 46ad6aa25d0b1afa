"""What a face tracker saw of a clip, and what of it is the face alone: pose apart, in distances of the outer eye corners.

Points have the numbers of MediaPipe's face mesh, blendshapes its names (ARKit's without tongueOut, and `_neutral`), and the pose is its
matrix: the canonical face in centimetres, x to the picture's right (the subject's left), y up, z towards the camera, as FLAME's axes are.
"""

from dataclasses import dataclass

import numpy as np

POINTS = (
    *(13, 14, 78, 308, 61, 291, 0, 17, 33, 263, 133, 362, 159, 145, 386, 374, 1, 4, 152, 10, 168, 70, 105, 107, 336, 334, 300),
    *(80, 81, 82, 312, 311, 310, 88, 178, 87, 317, 402, 318, 37, 267, 84, 314, 50, 280, 205, 425),
)
ROW = {point: row for row, point in enumerate(POINTS)}
BLENDSHAPES = tuple(
    """_neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight
eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight eyeLookUpLeft
eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft
mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft
mouthPressRight mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight
mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight""".split()
)
STILL = (33, 263, 133, 362, 168, 1, 4, 10)  # points that expressions hardly move: eye corners, nose, forehead
PAIRS = ((13, 14), (81, 178), (311, 402))  # inner lips, upper and lower: the middle, the subject's right and left
BROWS = (336, 334, 300, 107, 105, 70)  # the left from the nose outwards, the right
LIDS = ((386, 374), (159, 145))  # upper and lower, of the subject's left and right eye

# In distances of the outer eye corners, over the three speakers of grid_film:
TOUCH = 0.019  # of the inner lips in the middle of words' b and p, more than 90 % of them
PARTED = 2 * TOUCH  # from here on lips do not touch
OPEN_LID = 0.105  # median of the lids' distance while somebody looks ahead
SHUT_LID = 0.012  # the same at the bottom of blinks that fall on a frame
CALM = 5  # frames at least that tell a neutral face
# Of a blendshape at rest: so much is the tracker's view of a face, what is more is its expression (somebody smiles throughout).
LIMIT = np.array([0.3 if name.startswith(("mouth", "jaw", "cheek")) else 0.6 for name in BLENDSHAPES])
USUAL = {"eyeSquint": 0.4, "eyeLook": 0.1, "browDown": 0.1}  # of the three speakers at rest


@dataclass(frozen=True)
class Track:
    """times [N] seconds on the sound's clock, rising; points [N, 47, 3] pixels (x right, y down, z negative towards the camera) as POINTS
    name them; blendshapes [N, 52] 0..1 as BLENDSHAPES name them; matrix [N, 4, 4]. A frame without a face is nan throughout."""

    times: np.ndarray
    points: np.ndarray
    blendshapes: np.ndarray
    matrix: np.ndarray

    @property
    def seen(self):
        """bool [N]: frames in which there is a face."""
        return np.isfinite(self.points).all((1, 2)) & np.isfinite(self.blendshapes).all(1) & np.isfinite(self.matrix).all((1, 2))


@dataclass(frozen=True)
class Neutral:
    """A speaker's face at rest, or as near to it as he comes. points [47, 3] in the face's frame, None of a single picture; blendshapes
    [52] as the tracker reads them then; lids [2] left and right eye's opening while open; shut: distance of lips that touch; turned [3, 3]
    how the head mostly is. Lengths in distances of the outer eye corners."""

    points: np.ndarray | None
    blendshapes: np.ndarray
    lids: np.ndarray
    shut: float
    turned: np.ndarray

    @property
    def parted(self):
        """Whether the mouth is not shut even at rest."""
        return self.points is not None and measures(self.points[None])["gap"][0] >= PARTED

    @property
    def face(self):
        """[52] how the tracker sees a face without expression, of BLENDSHAPES."""
        return np.minimum(self.blendshapes, LIMIT)


# Of somebody of whom there is one picture.
UNKNOWN = Neutral(
    None,
    np.array([sum(amount for start, amount in USUAL.items() if name.startswith(start)) for name in BLENDSHAPES]),
    np.full(2, OPEN_LID),
    0.008,
    np.eye(3),
)


def rotations(matrix):
    """[..., 4, 4] -> the nearest rotations [..., 3, 3]."""
    u, _, vt = np.linalg.svd(np.asarray(matrix, float)[..., :3, :3])
    return u @ vt


def in_face(track: Track, template: np.ndarray | None = None) -> np.ndarray:
    """The seen frames' points [n, 47, 3] in the face's frame: x to the subject's left, y up, z out of the face, in distances of the outer
    eye corners. With a template [47, 3] each frame is laid over it by the points that stay STILL (Umeyama 1991, as flame.fit.kabsch does
    for one), else turned back by the tracker's matrix."""
    points = track.points[track.seen].astype(float) * (1, -1, -1)
    rows = [ROW[point] for point in STILL]
    centre = points[:, rows].mean(1, keepdims=True)
    if template is None:
        turned = (points - centre) @ rotations(track.matrix[track.seen])
        return turned / np.linalg.norm(turned[:, ROW[263]] - turned[:, ROW[33]], axis=1)[:, None, None]
    goal = template[rows] - template[rows].mean(0)
    still = points[:, rows] - centre
    u, size, vt = np.linalg.svd(goal.T @ still)
    size[:, 2] *= np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    factor = size.sum(1) / (still**2).sum((1, 2))
    return factor[:, None, None] * (points - centre) @ np.swapaxes(u @ vt, 1, 2) + template[rows].mean(0)


def measures(points: np.ndarray) -> dict[str, np.ndarray]:
    """points [n, 47, 3] in the face's frame -> {"gap": of the inner lips' midpoints, "width": of the mouth's corners, "jaw": of the chin
    from the eyes, downwards, "protrusion": of the outer lips' midpoints out of the face, "lid_left", "lid_right": of the lids}, each [n]
    in distances of the outer eye corners."""
    at = lambda point: points[:, ROW[point]]
    eyes = np.mean([at(point) for point in STILL[:4]], 0)
    found = {
        "gap": np.linalg.norm(at(13) - at(14), axis=1),
        "width": np.linalg.norm(at(61) - at(291), axis=1),
        "jaw": (eyes - at(152))[:, 1],
        "protrusion": ((at(0) + at(17)) / 2 - eyes)[:, 2],
    }
    return found | {f"lid_{side}": np.linalg.norm(at(up) - at(low), axis=1) for side, (up, low) in zip(("left", "right"), LIDS)}


def neutral_of(tracks: list[Track]) -> Neutral:
    """A speaker's Neutral: of Tracks of the same person, from the frames in which the mouth is shut, at rest and does not move, or nearest
    to it."""
    points = [in_face(track) for track in tracks]
    seen = np.concatenate([track.blendshapes[track.seen] for track in tracks]).astype(float)
    matrices = np.concatenate([track.matrix[track.seen] for track in tracks])
    speed = np.concatenate([moving(here) for here in points])
    points = np.concatenate(points)
    if not len(points):
        return UNKNOWN
    found = measures(points)
    mouth = [k for k, name in enumerate(BLENDSHAPES) if name.startswith(("mouth", "jaw", "cheek"))]
    effort = found["gap"] / TOUCH + 2 * seen[:, mouth].sum(1) + speed / TOUCH
    calm = np.argsort(effort, kind="stable")[: max(CALM, len(points) // 50)]
    lids = np.stack([found["lid_left"], found["lid_right"]], 1)
    lids = np.median(lids[lids.min(1) > OPEN_LID / 2], 0) if (lids.min(1) > OPEN_LID / 2).any() else UNKNOWN.lids
    turned = rotations(np.median(matrices, 0))
    if len(points) < CALM:
        return Neutral(None, UNKNOWN.blendshapes, lids, UNKNOWN.shut, turned)
    # Eyes and brows rest when the mouth does not, too: what they mostly are is neutral. Lips that are shut for a b may be rounded as well.
    rest = np.median(seen, 0)
    rest[mouth] = np.minimum(rest, np.median(seen[calm], 0))[mouth]
    gap = float(np.median(found["gap"][calm]))
    return Neutral(np.median(points[calm], 0), rest, lids, min(gap, TOUCH) if gap < PARTED else UNKNOWN.shut, turned)


def moving(points):
    """How far the mouth's and chin's points move from frame to frame [n], in the unit of points [n, 47, 3]."""
    if len(points) < 2:
        return np.zeros(len(points))
    rows = [ROW[point] for point in (13, 14, 61, 291, 0, 17, 152)]
    return np.linalg.norm(np.gradient(points[:, rows], axis=0), axis=2).mean(1)
