"""Videos and photos: when each picture is, which face is followed, and what is said of films that cannot be used."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from contract import UtterError
from model_runtime import cli
from model_runtime.audio import RATE
from model_runtime.capture import film
from model_runtime.capture.track import ROW
from model_runtime.flame import lbs
from model_runtime.motion import load_motion

av = pytest.importorskip("av")
ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT.parent / "shared" / "models" / film.MODEL


def save(path, times, image=None, sound=None, options=None, codec="libx264"):
    """A video with a picture at each of times (seconds); sound: (begin, seconds) of noise."""
    image = np.full((96, 128, 3), 90, np.uint8) if image is None else image
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(codec, rate=30)
        video.height, video.width, video.pix_fmt = *image.shape[:2], "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        heard = container.add_stream("pcm_s16le" if Path(path).suffix == ".mkv" else "aac", rate=RATE) if sound else None
        if sound:
            heard.layout = "mono"
        for seconds in times:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound:
            noise = 3000 * np.random.default_rng(0).standard_normal((1, round(RATE * sound[1])))
            kind = heard.codec_context.format.name
            noise = noise.astype(np.int16) if kind.startswith("s16") else (noise / 32768).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format=kind, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, round(RATE * sound[0]), Fraction(1, RATE)
            container.mux(heard.encode(frame))
            container.mux(heard.encode(None))
    return path


@pytest.fixture(scope="module")
def face(watch):
    """A face (points, blendshapes, matrix) at rest."""
    track = watch(np.zeros((2, 65), np.float32), np.zeros((2, 52)))
    return track.points[0], track.blendshapes[0], track.matrix[0]


class Sees:
    """A tracker that sees what faces(image, milliseconds) says."""

    def __init__(self, faces):
        self.faces, self.now = faces, []

    def around(self, image):
        return self.faces(image, None)

    def follow(self, image, milliseconds):
        return next(iter(self.faces(image, milliseconds)), None)

    def close(self):
        pass


class InTurn(Sees):
    """Each frame's face of a Track."""

    def __init__(self, track):
        self.rows = iter(zip(track.points, track.blendshapes, track.matrix))

    def around(self, image):
        return []

    def follow(self, image, milliseconds):
        return next(self.rows)


def always(face):
    return Sees(lambda image, at: [face])


def moved(face, by=(0, 0), size=1.0):
    points, *rest = face
    centre = points.mean(0)
    return (centre + size * (points - centre) + (*by, 0), *rest)


def test_frames_have_the_sounds_time_at_any_rate(tmp_path, face):
    times = np.cumsum([0.3, *np.random.default_rng(1).uniform(0.02, 0.09, 40)])
    found = film.watch(save(tmp_path / "phone.mkv", times, sound=(0.5, 2.0)), always(face))
    assert found.track.times == pytest.approx(times - 0.5, abs=0.0015) and found.seconds == pytest.approx(2.0, abs=0.05)
    assert not found.photo and not found.notes


def test_without_sound_time_begins_with_the_first_frame(tmp_path, face):
    found = film.watch(save(tmp_path / "mute.mp4", np.arange(30) / 25 + 1), always(face))
    assert found.track.times == pytest.approx(np.arange(30) / 25, abs=0.002) and found.seconds == pytest.approx(1.2, abs=0.05)
    assert "no sound" in found.notes[0]


def test_one_face_of_several_is_followed_until_it_is_lost(tmp_path, face):
    """A small face on the left, a large one on the right that goes at 0.8 s; both are there when the picture is not painted over."""
    small, large = moved(face, (-120, 0)), moved(face, (150, 0), 1.4)

    class Crowd(Sees):
        def around(self, image):
            return [small, *([large] if self.count < 20 else [])]

        def follow(self, image, milliseconds):
            self.count += 1
            shown = lambda one: image[int(one[0][ROW[1], 1]), int(one[0][ROW[1], 0])].any()
            return next((one for one in self.around(image) if shown(one)), None) if not 20 < self.count < 30 else None

    tracker = Crowd(None)
    tracker.count = 0
    image = np.full((320, 480, 3), 90, np.uint8)
    found = film.watch(save(tmp_path / "two.mp4", np.arange(50) / 25, image, sound=(0, 2)), tracker)
    x = found.track.points[:, ROW[1], 0] - face[0][ROW[1], 0]
    assert (x[:19] > 100).all() and not found.track.seen[21:28].any() and (x[31:] < -100).all()
    assert "2 faces" in found.notes[0] and "no face" in found.notes[1]


def test_profile_views_are_said(tmp_path, watch):
    values = np.zeros((60, 65), np.float32)
    values[20:50, 54] = 1.2
    track = watch(values, np.zeros((60, 52)), 30)
    found = film.watch(save(tmp_path / "side.mp4", np.arange(60) / 30, sound=(0, 2)), InTurn(track))
    assert "from the side" in found.notes[-1]


def test_a_phone_that_was_held_upright(tmp_path, face):
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, :64] = 255  # on the left: on top, once it is turned by a quarter with the clock
    path = save(tmp_path / "upright.mp4", np.arange(5) / 25, image)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44  # the matrix of display
    data[at : at + 36] = b"".join(int(n).to_bytes(4, "big", signed=True) for n in (0, 1 << 16, 0, -1 << 16, 0, 0, 96 << 16, 0, 1 << 30))
    path.write_bytes(data)
    seen = []
    film.watch(path, Sees(lambda image, at: seen.append(image) or [face]))
    assert seen[0].shape == (128, 96, 3) and seen[0][:50].min() > 200 and seen[0][78:].max() < 50


def test_large_and_fast_films_are_seen_small_and_at_most_every_sixtieth(tmp_path, face):
    path = save(tmp_path / "4k.mp4", np.arange(16) / 120, np.full((2160, 3840, 3), 90, np.uint8))
    seen = []
    found = film.watch(path, Sees(lambda image, at: seen.append((image.shape, at)) or [face]))
    seen = [each for each in seen if each[1] is not None]
    assert {shape for shape, _ in seen} == {(720, 1280, 3)} and len(seen) == 8 and np.diff([at for _, at in seen]).min() >= 15
    assert found.track.times[1] == pytest.approx(1 / 60, abs=0.002)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_photo_is_one_frame(tmp_path, face, suffix):
    path = tmp_path / f"100%d.{suffix}"
    with av.open(str(path).replace("%", "%%"), "w", format="image2") as container:
        video = container.add_stream("png" if suffix == "png" else "mjpeg", rate=1)
        video.width, video.height, video.pix_fmt = 128, 96, "rgb24" if suffix == "png" else "yuvj420p"
        frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 90, np.uint8), format="rgb24")
        container.mux(video.encode(frame))
        container.mux(video.encode(None))
    (written,) = tmp_path.iterdir()
    written.rename(path)
    found = film.watch(path, Sees(lambda image, at: [face, moved(face, (300, 0), 0.5), moved(face, (0, 300), 0.5)]))
    assert found.photo and len(found.track.times) == 1 and "3 faces" in found.notes[0]


def test_a_photo_without_a_face_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(film, "Tracker", lambda model: Sees(lambda image, at: []))
    photo = ROOT / "docs" / "pictures" / "head.jpg"
    assert cli.main(["capture", str(photo), "-o", str(tmp_path / "m.npz")]) == 2 and not list(tmp_path.iterdir())
    assert capsys.readouterr().err.strip().startswith("head.jpg shows no face that can be followed; choose ")


@pytest.fixture(scope="module")
def bad_films(tmp_path_factory, sample):
    folder = tmp_path_factory.mktemp("films")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no film\n" * 50)
    whole = save(folder / "whole.mp4", np.arange(200) / 25, np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8), sound=(0, 8))
    (folder / "half.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    early = save(folder / "early.mp4", np.arange(200) / 25, sound=(0, 8), options={"movflags": "faststart"})
    (folder / "cut.mp4").write_bytes(early.read_bytes()[: early.stat().st_size * 2 // 3])
    return {
        "missing": (folder / "missing.mp4", "does not exist"),
        "folder": (folder, "several films need a folder"),
        "empty": (folder / "empty.mp4", "is empty"),
        "text": (folder / "text.mp4", "no video or photo"),
        "sound alone": (sample, "holds no pictures"),
        "half": (folder / "half.mp4", "cut off"),
        "cut": (folder / "cut.mp4", "cut off"),
        "no face": (whole, "no face"),
    }


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "sound alone", "half", "cut", "no face"])
def test_what_cannot_be_used_is_one_sentence_and_nothing_is_written(bad_films, kind, tmp_path, capsys, monkeypatch):
    path, sentence = bad_films[kind]
    monkeypatch.setattr(film, "Tracker", lambda model: Sees(lambda image, at: []))
    assert cli.main(["capture", str(path), "-o", str(tmp_path / "m.npz")]) == 2
    told = capsys.readouterr().err.strip()
    assert sentence in told and told.count("\n") == 0 and not list(tmp_path.iterdir())


def test_a_face_in_a_few_frames_only_is_refused(tmp_path, face):
    path = save(tmp_path / "glimpse.mp4", np.arange(50) / 25, sound=(0, 2))
    with pytest.raises(UtterError, match="in only 3 of 50 frames"):
        film.watch(path, Sees(lambda image, at: [face] if at is not None and at < 100 else []))


def test_the_command_writes_a_motion_and_says_what_was_seen(tmp_path, capsys, monkeypatch, watch, head):
    values, actions = np.zeros((60, 65), np.float32), np.zeros((60, 52))
    values[20:40, 50] = 0.2
    track = watch(values, actions, 30)
    monkeypatch.setattr(film, "Tracker", lambda model: InTurn(track))
    path = save(tmp_path / "talk.mp4", np.arange(60) / 30)
    assert cli.main(["capture", str(path), "-o", str(tmp_path / "m.npz")]) == 0
    motion = load_motion(tmp_path / "m.npz")
    gap = lbs.lip_gap(head, motion.values)
    assert motion.values.shape == (60, 65) and motion.actions.shape == (60, 52) and motion.voice == str(path)
    assert gap[25:35].min() > 0.2 and gap[:15].max() < 0.03 and "no sound" in capsys.readouterr().err


def test_what_is_missing_is_said_with_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "mediapipe", None)
    assert cli.main(["capture", str(save(tmp_path / "a.mp4", [0, 0.1])), "-o", str(tmp_path / "m.npz")]) == 2
    assert f"pip install {film.PACKAGE}" in capsys.readouterr().err and not (tmp_path / "m.npz").exists()
    monkeypatch.setenv("UTTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(film.VARIABLE, raising=False)
    with pytest.raises(UtterError, match=re.escape(str(tmp_path / "cache"))):
        film.find_model()
    with pytest.raises(UtterError, match="does not exist"):
        film.find_model(tmp_path / "nothing.task")
    monkeypatch.setenv(film.VARIABLE, str(tmp_path / "a.mp4"))
    assert film.find_model() == tmp_path / "a.mp4"


def test_the_real_tracker_sees_a_face(head):
    pytest.importorskip("mediapipe", reason="needs mediapipe")
    if not MODEL.is_file():
        pytest.skip("needs face_landmarker.task of ../shared/models")
    motion, notes = film.capture(ROOT / "docs" / "pictures" / "head.jpg", head, MODEL)
    assert motion.values.shape == (1, 65) and lbs.lip_gap(head, motion.values)[0] < 0.03 and " faces" in notes[0]
