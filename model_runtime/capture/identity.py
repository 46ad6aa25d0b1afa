"""Tracks of one person -> beta of the built-in head: who is filmed, as far as 47 points of a face tell.

The points of a face at rest are compared with what the tracker sees, on average, of our own head in many identities (`Sight`), not with
our mesh: the tracker has an average face of its own, and draws what it sees towards it. beta is a priori standard normal over people; the
points are as uncertain as the tracker was on our head, whose beta is known. So the depth, which it guesses, counts for little, and what
no point tells (ears, neck, skull, hair) is as it mostly goes with the rest of such a face.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract import SLIDER_LIMIT, UtterError
from model_runtime.capture import film
from model_runtime.capture.track import BLENDSHAPES, CALM, PARTED, POINTS, TOUCH, Track, in_face, measures, moving, rotations
from model_runtime.flame import identity
from model_runtime.flame.head import BUILT_IN, IDENTITY, Head
from model_runtime.motion import read_npz

SIGHT = BUILT_IN.with_name("sight.npz")
FRONT = 12.0  # degrees: standard deviation of how far a face may be turned from the camera to count
ASIDE = 35.0  # from which nothing is told of who it is
SHARE = 20  # one of so many frames tells, of those in which the mouth is most at rest
STEP = 0.5  # of a coefficient, for slopes
EXPRESSED = 0.012  # how far a resting mouth's or brow's point is from a neutral one's, standard deviation; 1.1 mm. An assumption
MOVED = tuple(k for k, point in enumerate(POINTS) if point not in (33, 263, 133, 362, 168, 1, 4, 10, 50, 280))


@dataclass(frozen=True)
class Sight:
    """How the tracker sees the built-in head, in distances of the outer eye corners and the face's frame. vertices [47] of the mesh that
    lie where its points do; mean [47, 3]: the points that it sees of all identities on average; gain [47, 3]: how much of what an
    identity changes it sees; loadings [141, K] and own [141]: the covariance of what it sees wrongly, loadings @ loadings.T +
    diag(own^2)."""

    vertices: np.ndarray
    mean: np.ndarray
    gain: np.ndarray
    loadings: np.ndarray
    own: np.ndarray

    @property
    def covariance(self):
        """[141, 141] of what is seen wrongly, with what a face at rest expresses nevertheless."""
        expressed = np.zeros((len(POINTS), 3))
        expressed[list(MOVED), :2] = EXPRESSED
        return self.loadings @ self.loadings.T + np.diag(self.own**2 + expressed.ravel() ** 2)


def read_sight(path: Path = SIGHT) -> Sight:
    """The shipped Sight; `python build.py head --sight` makes it."""
    with read_npz(path) as arrays:
        return Sight(**{name: np.array(arrays[name]) for name in Sight.__dataclass_fields__})


def identify(tracks: list[Track], head: Head, sight: Sight | None = None) -> np.ndarray:
    """Tracks of the same person (of a photo it is one frame) -> beta float32 [300]. UtterError where no frame shows the face from the
    front."""
    sight = sight or read_sight()
    seen = laid(resting(tracks)[None], sight.mean)[0] - sight.mean
    slope = sight.gain.ravel()[:, None] * slopes(head, sight.vertices, sight.mean)
    return likeliest(seen.ravel(), slope, sight.covariance).astype(np.float32)


def sliders_of(films: list[Path], head: Head, model: str | None = None) -> tuple[dict[str, float], list[str]]:
    """Films and photos of one person -> (sliders {name: value} of who it is, notes: a sentence each). UtterError for bad input."""
    for path in films:
        if path.suffix.lower() == ".csv":
            raise UtterError(f"{path.name} holds curves, which do not tell who it is; choose a film or a photo.")
        film.check(path)
    watched = []
    for path in films:
        with contextlib.closing(film.Tracker(model)) as tracker:  # its clock runs forwards only: each film takes another
            watched.append((path.name, film.watch(path, tracker)))
    notes = [f"{name}: {sentence}" for name, each in watched for sentence in each.notes]
    tracks = [each.track for _, each in watched]
    if parted(resting(tracks)):
        notes.append("No frame shows the mouth shut, so lips and chin are guessed; a photo with shut lips helps.")
    return described(head, identify(tracks, head)), notes


def described(head: Head, beta: np.ndarray) -> dict[str, float]:
    """beta [300] as sliders, within SLIDER_LIMIT; what sliders do not describe of it is left out."""
    values = beta.astype(float) @ np.linalg.pinv(head.identity_directions.astype(float))
    return {name: round(float(np.clip(value, -SLIDER_LIMIT, SLIDER_LIMIT)), 3) + 0.0 for name, value in zip(identity.names(head), values)}


def likeliest(seen, slope, covariance):
    """[S]: the mean of beta, a priori standard normal, given seen [K] = slope @ beta [K, S] + what has that covariance [K, K]."""
    return slope.T @ np.linalg.solve(slope @ slope.T + covariance, seen)


def resting(tracks: list[Track]) -> np.ndarray:
    """[47, 3]: the points of a face at rest, the mean over the frames in which the mouth is shut, at rest and does not move, or nearest to
    it; the more a face looks at the camera, the more a frame counts. UtterError where none does."""
    points = [in_face(track) for track in tracks]
    angle = np.concatenate([turned(track.matrix[track.seen]) for track in tracks])
    if not len(angle) or angle.min() > ASIDE:
        raise UtterError("The face is never seen from the front; choose a film or a photo in which it looks at the camera.")
    shapes = np.concatenate([track.blendshapes[track.seen] for track in tracks])
    mouth = [k for k, name in enumerate(BLENDSHAPES) if name.startswith(("mouth", "jaw", "cheek"))]
    speed = np.concatenate([moving(here) for here in points])
    found = np.concatenate(points)
    effort = measures(found)["gap"] / TOUCH + 2 * shapes[:, mouth].sum(1) + speed / TOUCH + (angle / FRONT) ** 2
    calm = np.argsort(effort, kind="stable")[: max(CALM, len(found) // SHARE)]
    weights = np.exp(-((angle[calm] / FRONT) ** 2) / 2)
    return np.tensordot(weights / weights.sum(), found[calm], 1)


def parted(points: np.ndarray) -> bool:
    """Whether the lips of a face at rest [47, 3] are apart."""
    return bool(measures(points[None])["gap"][0] >= PARTED)


def turned(matrix):
    """By how many degrees heads [n, 4, 4] look away from the camera [n], to a side or up and down."""
    return np.degrees(np.arccos(np.clip(rotations(matrix)[:, 2, 2], -1, 1)))


def laid(points, template):
    """points [n, 47, 3] laid over template [47, 3] by the nearest similarity of each (Umeyama 1991)."""
    goal = template - template.mean(0)
    centred = points - points.mean(1, keepdims=True)
    u, size, vt = np.linalg.svd(goal.T @ centred)
    sign = np.ones_like(size)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    factor = (sign * size).sum(1) / (centred**2).sum((1, 2))
    return factor[:, None, None] * centred @ np.swapaxes(u * sign[:, None] @ vt, 1, 2) + template.mean(0)


def slopes(head, vertices, template):
    """[141, 300]: what a unit of each coefficient does to those vertices, once they are laid over template."""
    at = head.v_template[vertices].astype(float)
    shapes = np.moveaxis(head.shapedirs[vertices, :, :IDENTITY].astype(float), 2, 0)
    base = laid(at[None], template)[0]  # to which each change is laid, as a tracked face is to the template
    change = laid(at + STEP * shapes, base) - laid(at - STEP * shapes, base)
    return change.reshape(len(change), -1).T / (2 * STEP)
