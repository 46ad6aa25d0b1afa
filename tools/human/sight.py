"""How the tracker sees the built-in head (model_runtime/capture/identity.py, `Sight`), learned from pictures of identities that we know.

    python build.py head --sight FOLDER

renders them into FOLDER (what is there already stays), follows each picture by MediaPipe's face landmarker, and writes
blender_assets/head/sight.npz. Which vertex each point is: the nearest where the tracker sees it on average. How much of a change it sees:
per coordinate, the slope of what it sees over what there is, drawn to 1 where the pictures do not tell it. What remains is what it sees
wrongly: its covariance, the WRONG strongest directions and the rest of each coordinate.
"""

import contextlib

import numpy as np

from model_runtime.capture import film
from model_runtime.capture.identity import SIGHT, Sight, laid, resting, slopes
from model_runtime.capture.track import POINTS, ROW, Track
from model_runtime.flame.fit import kabsch, signs
from model_runtime.flame.load import load_head
from model_runtime.motion import write_npz
from tools.human.source import MOUTH_SOCKET

PEOPLE, KNOWN = 220, 24  # identities that teach; random identities of the panel, held out
SURE = 25.0  # pictures that a gain of 1 is worth
WRONG = 12
PLACES = {61: "lip_corner_right", 291: "lip_corner_left", 33: "eye_outer_right", 263: "eye_outer_left", 4: "nose_tip", 152: "chin"}


def make(path, folder):
    """Render, follow and learn for the head file at path; the path of what is written. Needs mediapipe beside bpy."""
    from tools.human import portraits

    head = load_head(path)
    for _ in portraits.draw(head, folder, PEOPLE, KNOWN):
        pass
    tracks, betas = [], []
    with contextlib.closing(film.Tracker()) as tracker:
        for name, seed, raw in portraits.names(PEOPLE, KNOWN):
            with film.opened(folder / name) as reel:
                faces = tracker.around(next(iter(reel.pictures()))[1])
            if raw and seed >= KNOWN and faces:  # of the first few the random identities are held out: they come of the same draws
                tracks.append([single(*film.choose(faces, None))])
                betas.append(portraits.beta_of(head, seed, raw))
    sight = learn(head, tracks, np.stack(betas))
    target = path.with_name(SIGHT.name)
    write_npz(target, **{name: getattr(sight, name) for name in Sight.__dataclass_fields__})
    return target


def learn(head, tracks, betas):
    """The Sight of tracks (a list of Tracks for each picture or person) of heads with betas [n, 300]."""
    points = np.stack([resting(one) for one in tracks])
    mean = points.mean(0)
    for _ in range(3):
        mean = laid(points, mean).mean(0)
        mean /= np.linalg.norm(mean[ROW[263]] - mean[ROW[33]])
    vertices = nearest(head, mean)
    there = betas @ slopes(head, vertices, mean).T  # [n, 141]
    seen = (laid(points, mean) - mean).reshape(len(points), -1)
    mean = mean + (seen.mean(0) - there.mean(0)).reshape(mean.shape)  # these people are not quite the average
    there, seen = there - there.mean(0), seen - seen.mean(0)
    spread = there.var(0)
    gain = ((there * seen).mean(0) + SURE / len(seen) * spread) / ((1 + SURE / len(seen)) * spread)
    wrong = seen - gain * there
    size, ways = np.linalg.eigh(wrong.T @ wrong / len(wrong))
    loadings = ways[:, -WRONG:] * np.sqrt(size[-WRONG:])
    loadings *= signs(loadings)
    own = np.sqrt(np.maximum((wrong**2).mean(0) - (loadings**2).sum(1), 1e-8))
    return Sight(vertices, *(np.float32(array) for array in (mean, gain.reshape(mean.shape), loadings, own)))


def nearest(head, mean):
    """[47]: the vertices of the skin that lie nearest to the points [47, 3] of the average face, once they are laid over the head."""
    skin = head.v_template[:MOUTH_SOCKET].astype(float)
    rows, vertices = [ROW[point] for point in PLACES], [head.landmark(name) for name in PLACES.values()]
    for _ in range(3):
        factor, turn, shift = kabsch(mean[rows], skin[vertices], scale=True)
        placed = factor * mean @ turn.T + shift
        found = np.linalg.norm(placed[:, None] - skin, axis=2).argmin(1)
        rows, vertices = list(range(len(POINTS))), found
    return np.int32(found)


def single(points, blendshapes, matrix):
    """The Track of one picture: what a Tracker says of a face."""
    return Track(np.zeros(1), points[None], blendshapes[None], matrix[None])
