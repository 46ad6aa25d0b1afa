"""A video or a photo -> Track: pictures through FFmpeg (PyAV), the face by MediaPipe's face landmarker, which is an optional package.

The tracker's model is a file of Google's, which Utter does not bring: face_landmarker.task, of MediaPipe's Face Landmarker.
"""

import contextlib
import hashlib
import importlib.util
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from contract import FPS, VERSION, NotInstalled, UtterError, brief, muted
from model_runtime.audio import reachable
from model_runtime.cache import cache_folder
from model_runtime.capture import arkit
from model_runtime.capture.solve import fit
from model_runtime.capture.track import BLENDSHAPES, POINTS, UNKNOWN, Track, neutral_of, rotations
from model_runtime.flame.head import Head
from model_runtime.motion import Motion, load_motion, read_npz, save_motion

PACKAGE = "mediapipe==1.2.3"
DRAWS = ("cv2", "matplotlib", "matplotlib.pyplot")
MODEL = "face_landmarker.task"
VARIABLE = "UTTER_FACE_MODEL"  # of the environment: that file's path
# Of FFmpeg: containers of pictures, single ones, and sounds (to say that they hold no pictures); nothing that opens further files.
DEMUXERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,apng,ivf,mjpeg,h264,hevc,av1,obu,dv,mxf,yuv4mpegpipe,"
    "jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,tiff_pipe,ppm_pipe,webp,wav,flac,mp3,aac"
)
LARGEST = 1280  # pixels of a picture's longer side that the tracker needs at most
FASTEST = 65  # frames a second; of more some are left out
FACES = 4  # that are told apart
NEAREST = 1.0  # in sizes of a face: how far it may go from frame to frame and still be the same
LOOK = 1.0  # seconds after which it looks around for other faces
AROUND = 0.3  # of a face's size: how much more than its points is painted over
GAP = 0.25  # seconds without a face from which it is said
LEAST = 0.1  # share of the frames that must show a face
ASIDE = 50  # degrees from which a face is seen from the side
CUT = 1.0  # seconds that may be missing at the end
DAMAGED = 0.1  # share of the frames that may be unreadable


@dataclass
class Film:
    """What was read of a video: its Track on the sound's clock, seconds of sound (else of pictures), whether it is one picture, and notes:
    a sentence each about what an artist should know."""

    track: Track
    seconds: float
    photo: bool
    notes: list[str] = field(default_factory=list)


def capture(
    path: str | Path,
    head: Head,
    model: str | Path | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
    sound: str | Path | None = None,
) -> tuple[Motion, list[str]]:
    """A video, a photo or a CSV of ARKit curves -> (Motion on the built-in head, notes). model: the path of MODEL, else find_model's;
    sound: the voice that goes with a CSV. UtterError in a sentence for what cannot be used."""
    if Path(path).suffix.lower() == ".csv":
        return arkit.capture(path, head, sound)
    if sound:
        raise UtterError(f"{Path(path).name} has the time of its own sound; name a sound with a CSV of ARKit curves only.")
    check(path)  # what cannot be read is said before the tracker starts
    with contextlib.closing(Tracker(model)) as tracker:
        film = watch(path, tracker, progress)
    neutral = UNKNOWN if film.photo else neutral_of([film.track])
    if neutral.parted:
        film.notes.append("No frame shows the mouth shut, so how this face rests is guessed; shut lips at the film's beginning help.")
    frames = 1 if film.photo else max(1, int(np.ceil(film.seconds * FPS - 0.1)))
    return replace(fit(film.track, neutral, head, frames), voice=str(path)), film.notes


def check(path: str | Path) -> None:
    """UtterError, in a sentence, for what is no video, photo or CSV of ARKit curves, as far as its beginning tells."""
    if Path(path).suffix.lower() == ".csv":
        arkit.check(path)
        return
    with opened(path):
        pass


def remembered(
    path: str | Path,
    head: Head,
    model: str | Path | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
    sound: str | Path | None = None,
) -> tuple[Motion, list[str]]:
    """As capture(), but a film that was followed before comes from Utter's cache, until it is another file."""
    path = Path(path)
    if path.suffix.lower() == ".csv" or sound or not path.is_file():
        return capture(path, head, model, progress, sound)
    about = path.stat()
    told = f"{path.absolute()} {about.st_size} {about.st_mtime_ns} {head.basis} {VERSION}"
    kept = cache_folder() / f"capture-{hashlib.sha256(told.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.npz"
    with contextlib.suppress(UtterError):
        motion = load_motion(kept)
        with read_npz(kept) as arrays:
            return motion, list(map(str, arrays["notes"]))
    motion, notes = capture(path, head, model, progress)
    with contextlib.suppress(UtterError):  # a cache that cannot be written costs time only
        save_motion(motion, kept, notes=np.array(notes, np.str_))
    return motion, notes


# ---- the tracker


def find_model(path: str | Path | None = None) -> Path:
    """The path of the tracker's model: that one, else VARIABLE's, else the one in Utter's cache. UtterError says how to get it."""
    own = cache_folder() / MODEL
    named = path or os.environ.get(VARIABLE)
    found = Path(named) if named else own
    if not found.is_file():
        missing = f"{found} does not exist. " if named else ""
        raise UtterError(
            f"{missing}Following a face needs {MODEL}, the model of MediaPipe's Face Landmarker, which Google gives away; put it into "
            f"{own.parent}, or choose it as Tracker: in Utter's preferences, or with --tracker."
        )
    return found


class Tracker:
    """MediaPipe's face landmarker, twice: it smooths what it follows only where it looks for one face. A face is (points [47, 3] in
    pixels, blendshapes [52], matrix [4, 4]); images are RGB [H, W, 3] uint8. NeedsTracker without mediapipe, UtterError if the model (as
    find_model takes it) cannot be used."""

    def __init__(self, model=None):
        try:
            with undrawn():
                import mediapipe
                from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise NeedsTracker(error) from error
        path = find_model(model)

        def landmarker(mode, faces):
            return vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
                    running_mode=mode,
                    num_faces=faces,
                    output_face_blendshapes=True,
                    output_facial_transformation_matrixes=True,
                )
            )

        self.picture = lambda image: mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
        try:
            with muted(2):  # it logs how it starts, and when it first looks
                self.one, self.all = landmarker(vision.RunningMode.VIDEO, 1), landmarker(vision.RunningMode.IMAGE, FACES)
                nothing = np.zeros((64, 64, 3), np.uint8)
                self.around(nothing), self.follow(nothing, -1)
        except OSError as error:  # a server without a screen may lack libEGL.so.1
            raise UtterError(f"mediapipe cannot start here ({brief(error)}); install what it lacks in the system.", str(error)) from error
        except Exception as error:
            raise UtterError(f"{path.name} is not MediaPipe's {MODEL}; choose that file.", str(error)) from error

    def around(self, image):
        """All faces in an image."""
        return self.faces(self.all.detect(self.picture(image)), image)

    def follow(self, image, milliseconds):
        """The face in the next image of a film, or None; milliseconds rise."""
        return next(iter(self.faces(self.one.detect_for_video(self.picture(image), 1 + milliseconds), image)), None)

    @staticmethod
    def faces(seen, image):
        height, width = image.shape[:2]
        return [
            (
                np.array([[marks[k].x * width, marks[k].y * height, marks[k].z * width] for k in POINTS]),
                np.array([{shape.category_name: shape.score for shape in shapes}.get(name, 0.0) for name in BLENDSHAPES]),
                np.array(matrix),
            )
            for marks, shapes, matrix in zip(seen.face_landmarks, seen.face_blendshapes, seen.facial_transformation_matrixes)
        ]

    def close(self):
        self.one.close()
        self.all.close()


@contextlib.contextmanager
def undrawn():
    """What mediapipe imports to draw with is 90 MB that it needs for nothing here: where it is missing, empty modules stand for it."""
    missing = [name for name in DRAWS if importlib.util.find_spec(name.partition(".")[0]) is None]
    sys.modules.update({name: types.ModuleType(name) for name in missing})
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


class NeedsTracker(NotInstalled):
    def __init__(self, error):
        UtterError.__init__(
            self,
            f"Following a face needs mediapipe, which is not installed; python -m pip install {PACKAGE} brings it to a Python of "
            "your own, and to Blender's an extension that python build.py zip --tracker yes makes.",
            "" if getattr(error, "name", "") == "mediapipe" else repr(error),
        )
        self.package = "mediapipe"


# ---- following one face


def watch(path: str | Path, tracker: Tracker, progress: Callable[[float], None] = lambda fraction: None) -> Film:
    """A video or photo as a Film; tracker: a Tracker. The largest face of the first frame with one is followed, then the nearest to where
    it was: the others are painted over. UtterError for a file without pictures, damaged, or without a face."""
    name = Path(path).name
    with opened(path) as reel:
        times: list[float] = []
        found: list = []  # a face or None for each of times
        others, last, crowd, looked = [], None, 0, -np.inf
        for seconds, image in reel.pictures():
            if seconds - looked > LOOK or not found or found[-1] is None:
                faces, looked = tracker.around(image), seconds
                chosen, crowd = choose(faces, last), max(crowd, len(faces))
                others = [face for face in faces if face is not chosen]
            face = tracker.follow(without(image, others), round(1000 * (seconds - reel.first)))
            last = face if face is not None else last
            times.append(seconds)
            found.append(face)
            progress(min(1.0, (seconds - reel.first) / reel.length) if reel.length else 0.0)
    seen = np.array([face is not None for face in found], bool)
    photo = len(found) == 1 and reel.still
    if not seen.any() or seen.mean() < LEAST:
        what = "no face" if not seen.any() else f"a face in only {seen.sum()} of {len(seen)} frames"
        raise UtterError(f"{name} shows {what} that can be followed; choose a film of one real face, large and from the front.")
    nothing = np.full((len(POINTS), 3), np.nan), np.full(len(BLENDSHAPES), np.nan), np.full((4, 4), np.nan)
    points, blendshapes, matrix = (np.stack([(face or nothing)[k] for face in found]) for k in range(3))
    film = Film(Track(np.array(times), points, blendshapes, matrix), reel.seconds, photo)
    film.notes += notes(film, crowd, reel.silent)
    return film


def choose(faces, last):
    """Of the faces in a frame the one that is nearest to where the last was, the largest where that is too far, or None."""
    if not faces:
        return None
    if last is not None:
        nearest = min(faces, key=lambda face: np.linalg.norm(face[0].mean(0)[:2] - last[0].mean(0)[:2]))
        if np.linalg.norm(nearest[0].mean(0)[:2] - last[0].mean(0)[:2]) < NEAREST * size(last):
            return nearest
    return max(faces, key=size)


def size(face):
    """Of a face in pixels."""
    return np.ptp(face[0][:, :2], 0).max()


def without(image, faces):
    """The image with those faces painted over."""
    if not faces:
        return image
    image = image.copy()
    for face in faces:
        (left, top), (right, bottom) = face[0][:, :2].min(0), face[0][:, :2].max(0)
        edge = AROUND * size(face)
        image[max(0, int(top - edge)) : max(0, int(bottom + edge)), max(0, int(left - edge)) : max(0, int(right + edge))] = 0
    return image


def notes(film, crowd, silent):
    """What an artist should know of a Film, a sentence each; crowd: how many faces there are at once."""
    track, seen = film.track, film.track.seen
    if crowd > 1:
        yield f"There are {crowd} faces; the largest is followed."
    if film.photo:
        return
    if silent:
        yield "The film has no sound; time begins with its first frame."
    edges = [track.times[0], *track.times[seen], track.times[-1]]
    gap = np.diff(edges).max()
    if gap > GAP:
        yield f"For up to {gap:.1f} s there is no face; it moves straight on there."
    aside = np.degrees(np.abs(np.arcsin(np.clip(rotations(track.matrix[seen])[:, 0, 2], -1, 1)))) > ASIDE
    if aside.mean() > 0.02:
        yield f"In {aside.mean():.0%} of the frames the face is seen from the side, where half of it is guessed."


# ---- pictures


@contextlib.contextmanager
def opened(path):
    """`with opened(path) as reel:` a video or photo as a Reel. UtterError, in a sentence, for what is none."""
    path = Path(path)
    try:
        import av
    except ImportError as error:
        raise NotInstalled("av", repr(error)) from error
    try:
        with open(reachable(path), "rb") as stream:
            if not stream.read(1):
                raise UtterError(f"{path.name} is empty; export the film again.")
            stream.seek(0)
            with av.open(Unnamed(stream), options={"format_whitelist": DEMUXERS}) as container:
                yield Reel(path.name, container, av)
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist; choose the film again.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise UtterError(
            f"{path} is a folder; choose a film in it." if path.is_dir() else f"{path.name} may not be read; check its permissions."
        ) from error
    except av.error.FFmpegError as error:
        raise UtterError(
            f"{path.name} is no video or photo that can be read, or is cut off; export it again as MP4.", str(error)
        ) from error


class Unnamed:
    """A stream without its file's name, by which FFmpeg would take it for one picture of a series."""

    def __init__(self, stream):
        self.read, self.seek, self.tell = stream.read, stream.seek, stream.tell


class Reel:
    """An open film. first: the time of its first picture; length, seconds: of its pictures, of its sound (or else pictures); silent:
    without sound; still: a format of single pictures. The clock is that of the sound's first sample."""

    def __init__(self, name, container, av):
        self.name, self.container, self.av = name, container, av
        pictures = [video for video in container.streams.video if not video.disposition & av.stream.Disposition.attached_pic]
        if not pictures:
            raise UtterError(f"{name} holds no pictures; choose a video or a photo.")
        self.video = pictures[0]
        self.video.thread_type = "NONE" if os.environ.get("OMP_NUM_THREADS") == "1" else "AUTO"
        self.sound = container.streams.audio[0] if container.streams.audio else None
        self.silent = self.sound is None
        self.still = container.format.name.endswith("_pipe") and container.format.name != "yuv4mpegpipe"
        self.length = (container.duration or 0) / av.time_base
        self.first = self.seconds = 0.0

    def begins(self):
        """When the sound's first sample is, on the container's clock: as it is decoded, because coders begin with samples that are cut."""
        with contextlib.suppress(self.av.error.FFmpegError):
            for frame in self.container.decode(self.sound):
                self.container.seek(0)
                return frame.time or 0.0
        self.container.seek(0)
        return 0.0

    def pictures(self):
        """(seconds on the sound's clock, rising; RGB [H, W, 3] uint8, upright and at most LARGEST wide) of the pictures, at most FASTEST a
        second; then `seconds` is known. UtterError if the film breaks off, or is damaged."""
        zero = np.nan if self.silent else self.begins()
        count, lost, end, last, heard = 0, 0, 0.0, -np.inf, 0.0
        for packet in self.container.demux([stream for stream in (self.video, self.sound) if stream]):
            if packet.pts is not None:
                until = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                end, heard = max(end, until), (max(heard, until) if packet.stream is self.sound else heard)
            if packet.stream is not self.video:
                continue
            try:
                frames = packet.decode()
            except self.av.error.InvalidDataError:
                lost += 1
                continue
            for frame in frames:
                time = frame.time if frame.time is not None else count / float(self.video.average_rate or FPS)
                zero = time if np.isnan(zero) else zero
                count += 1
                if time - zero - last < 1 / FASTEST:
                    continue
                last = time - zero
                self.first = last if count == 1 else self.first
                yield last, upright(frame, self.video.sample_aspect_ratio)
        if not count:
            raise UtterError(f"{self.name} holds no picture that can be read; export it again as MP4.")
        start = (self.container.start_time or 0) / self.av.time_base
        if self.length and end - start < self.length - CUT:
            raise UtterError(f"{self.name} is cut off: of {self.length:.1f} s only {end - start:.1f} s can be read; export it again.")
        if lost > DAMAGED * count:
            raise UtterError(f"{self.name} is damaged: {lost} of {lost + count} frames cannot be read; export it again.")
        self.seconds = heard - zero if heard else last + 1 / float(self.video.average_rate or FPS)


def upright(frame, shape):
    """A frame as RGB [H, W, 3] uint8: turned as a phone was held, no larger than the tracker needs, its pixels square; shape: of a pixel in
    the file, width over height, or None."""
    width = frame.width * float(shape or 1)
    scale = min(1.0, LARGEST / max(width, frame.height))
    image = frame.to_ndarray(format="rgb24", width=max(2, round(width * scale)), height=max(2, round(frame.height * scale)))
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
