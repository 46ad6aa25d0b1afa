"""ARKit curves through the same door as films; lists of films; captured motions on other heads, onto performances, and as feelings."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from contract import ACTIONS, EXPRESSION, JAW, NECK, CaptureRequest, Passage, PerformRequest, actions_in
from model_runtime import cli
from model_runtime.audio import RATE
from model_runtime.capture import film
from model_runtime.flame import lbs
from model_runtime.flame.actions import from_motion, to_motion
from model_runtime.flame.head import save_head
from model_runtime.motion import load_motion, save_motion
from model_runtime.pipeline import Performer

SECONDS = 2


def write(path, fps=60, columns=ACTIONS, clock=None, **curves):
    """A CSV of ARKit curves, at rest but for those given as name=function of seconds; returns its path."""
    with open(path, "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["Timecode", *columns])
        for frame in range(SECONDS * fps):
            told = f"10:59:{58 + frame // fps:02d}:{frame % fps:02d}.000" if clock is None else clock(frame)
            rows.writerow([told, *(curves.get(name, lambda t: 0)(frame / fps) for name in columns)])
    return path


def run(*arguments):
    return cli.main([str(argument) for argument in ("capture", *arguments)])


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("UTTER_CACHE", str(tmp_path_factory.mktemp("cache")))


def test_arkit_curves_become_a_motion(tmp_path, head, capsys):
    columns = ("HeadPitch", "HeadYaw", "HeadRoll", *ACTIONS[:-1])
    path = write(
        tmp_path / "take.csv",
        columns=columns,
        jawOpen=lambda t: 0.4 * t / 2,
        browInnerUp=lambda t: 0.5,
        HeadYaw=lambda t: 0.2,
        HeadPitch=lambda t: 0.1 * t,
    )
    assert run(path, "-o", tmp_path / "m.npz") == 0 and capsys.readouterr().err == "", "nothing to say of a whole take"
    motion = load_motion(tmp_path / "m.npz")
    assert motion.values.shape == (60, 65) and motion.filmed and motion.voice == str(path) and motion.basis == head.basis
    moments = np.arange(60) / 30
    assert np.abs(motion.actions[:, ACTIONS.index("jawOpen")] - 0.2 * moments)[:-1].max() < 1e-3
    assert np.abs(motion.actions[:, ACTIONS.index("browInnerUp")] - 0.5).max() < 1e-6
    expected = to_motion(head, motion.actions)
    np.testing.assert_allclose(motion.values[:, EXPRESSION], expected[:, EXPRESSION], atol=1e-5)
    np.testing.assert_allclose(motion.values[:-1, NECK.start], 0.1 * moments[:-1], atol=1e-3)
    np.testing.assert_allclose(motion.values[:, NECK.start + 1], -0.2, atol=1e-6)


def test_what_a_csv_lacks_is_said_and_its_gaps(tmp_path, capsys):
    path = write(tmp_path / "few.csv", columns=("jawOpen", "browInnerUp"))
    assert run(path, "-o", tmp_path / "m.npz") == 0
    assert "lacks browDownLeft, browDownRight, browOuterUpLeft ...; there the face rests." in capsys.readouterr().err
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:40], *lines[90:]]))
    assert run(path, "-o", tmp_path / "m.npz") == 0 and "0.8 s there is no face" in capsys.readouterr().err


def test_a_sound_tells_the_clock(tmp_path, capsys):
    """60 frames a second on NTSC's clock: what is 400 s by their numbers lasts 0.4 s more."""
    code = lambda frame: f"10:{frame // 3600:02d}:{frame // 60 % 60:02d}:{frame % 60:02d}.000"
    rows = (f"{code(frame)},{frame % 7 / 10}\n" for frame in range(0, 24000, 6))
    (tmp_path / "long.csv").write_text("Timecode,jawOpen\n" + "".join(rows))
    noise = 0.1 * np.random.default_rng(0).standard_normal(round(400.4 * RATE))
    soundfile.write(tmp_path / "long.wav", noise, RATE)
    soundfile.write(tmp_path / "short.wav", noise[: RATE // 2], RATE)
    assert run(tmp_path / "long.csv", "-o", tmp_path / "a.npz") == 0
    assert run(tmp_path / "long.csv", "--sound", tmp_path / "long.wav", "-o", tmp_path / "b.npz") == 0
    assert (len(load_motion(tmp_path / "a.npz").values), len(load_motion(tmp_path / "b.npz").values)) == (12000, 12012)
    assert load_motion(tmp_path / "b.npz").voice == str(tmp_path / "long.wav")
    capsys.readouterr()
    assert run(write(tmp_path / "s.csv"), "--sound", tmp_path / "short.wav", "-o", tmp_path / "c.npz") == 0
    assert "s.csv lasts 2.0 s and short.wav 0.5 s" in capsys.readouterr().err


BAD = {
    "other columns": ("item,price\napples,3\npears,4\n", "holds no column jawOpen"),
    "empty": ("", "needs a line of names"),
    "one frame": ("time,jawOpen\n0,0.5\n", "two frames at least"),
    "no clock": ("jawOpen\n0.1\n0.2\n0.3\n", "says nothing of time"),
    "percent": ("time,jawOpen\n0,10\n0.1,50\n0.2,90\n", "scale them to 0..1"),
    "words": ("time,jawOpen\n0,open\n0.1,shut\n0.2,shut\n", "no number"),
    "backwards": ("time,jawOpen\n0.2,0\n0.1,0\n0,0\n", "times do not run forwards"),
    "a list": ("film,out\na.mp4,x\nb.mp4,y\n", "name the columns as ARKit does"),
    "cut off": ("time,jawOpen,browInnerUp\n0,0.1,0\n0.1,0.2,0\n0.2,0.3\n", "line 4"),
}


@pytest.mark.parametrize("kind", BAD)
def test_another_csv_is_one_sentence_and_nothing_is_written(tmp_path, capsys, kind):
    text, sentence = BAD[kind]
    (tmp_path / "take.csv").write_text(text)
    assert run(tmp_path / "take.csv", "-o", tmp_path / "m.npz") == 2
    told = capsys.readouterr().err.strip()
    assert sentence in told and "take.csv" in told and "\n" not in told and not (tmp_path / "m.npz").exists()


def test_a_csv_of_other_bytes_or_none(tmp_path, capsys):
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)) * 8)
    for name in ("bytes.csv", "gone.csv"):
        assert run(tmp_path / name, "-o", tmp_path / "m.npz") == 2
        told = capsys.readouterr().err.strip()
        assert name in told and "\n" not in told and "unexpected" not in told


def test_a_list_says_each_rows_sentence_and_the_others_go_on(tmp_path, capsys):
    write(tmp_path / "a.csv", jawOpen=lambda t: 0.3)
    write(tmp_path / "b.csv")
    (tmp_path / "other.csv").write_text("item,price\napples,3\npears,4\n")
    (tmp_path / "list.csv").write_text("film,out\na.csv,one/anna\nother.csv,\ngone.mp4,\nb.csv,one/anna\nb.csv,\n")
    assert run("--list", tmp_path / "list.csv") == 3
    told = capsys.readouterr()
    for row, sentence in ((3, "holds no column jawOpen"), (4, "does not exist"), (5, "An earlier row goes to one/anna as well.")):
        assert any(f"list.csv row {row}: " in line and sentence in line for line in told.err.splitlines()), told.err
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.npz")} == {"one/anna.npz", "b.npz"}
    assert load_motion(tmp_path / "one" / "anna.npz").actions[5, ACTIONS.index("jawOpen")] == pytest.approx(0.3)
    (tmp_path / "list.csv").write_text("voice,out\na.csv,x\n")
    assert run("--list", tmp_path / "list.csv") == 2 and "film among them" in capsys.readouterr().err


def test_several_films_and_folders_go_to_a_folder(tmp_path, capsys):
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name)
    assert run(tmp_path, "-o", tmp_path / "out") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.npz", "b.npz"}
    assert (
        run(tmp_path / "a.csv", tmp_path / "b.csv", "-o", tmp_path / "m.npz") == 2
        and "several films need a folder" in capsys.readouterr().err
    )
    assert run(tmp_path / "a.csv", "-o", tmp_path / "a.csv") == 2 and "a.csv" in capsys.readouterr().err
    assert run("-o", tmp_path / "m.npz") == 2 and "Name films" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", "-o", tmp_path / "out") == 2 and "holds no films" in capsys.readouterr().err


@pytest.fixture(scope="module")
def other_head(head, tmp_path_factory):
    """Our head with its expressions in another basis: the first two changed places, all are half as strong, it is taller."""
    shapes = head.shapedirs.copy()
    shapes[:, :, 300:] *= 0.5
    shapes[:, :, [300, 301]] = shapes[:, :, [301, 300]]
    path = tmp_path_factory.mktemp("other") / "other.npz"
    save_head(replace(head, shapedirs=shapes, v_template=head.v_template * np.array([1, 1.05, 1], np.float32)), path)
    return path


@pytest.mark.slow
def test_a_film_on_another_head(tmp_path, head, other_head, capsys):
    path = write(tmp_path / "take.csv", jawOpen=lambda t: 0.5 * (t > 1), browInnerUp=lambda t: 0.6)
    assert run(path, "-o", tmp_path / "ours.npz") == 0 and run(path, "--head", other_head, "-o", tmp_path / "theirs.npz") == 0
    from model_runtime.flame.load import load_head

    target, ours, theirs = load_head(other_head), load_motion(tmp_path / "ours.npz"), load_motion(tmp_path / "theirs.npz")
    assert theirs.basis == target.basis != ours.basis and np.array_equal(ours.actions, theirs.actions)
    assert np.abs(lbs.lip_gap(head, ours.values) - lbs.lip_gap(target, theirs.values)).max() < 0.06
    end = [head.landmark("brow_inner_left")]
    rise = lambda one, values: 1000 * (lbs.pose(one, values, None, end)[:, 0, 1] - one.v_template[one.landmark("brow_inner_left"), 1])
    assert rise(head, ours.values)[5] > 3 and np.abs(rise(head, ours.values) - rise(target, theirs.values)).max() < 1.5
    assert (
        run(path, "--head", tmp_path / "gone.npz", "-o", tmp_path / "m.npz") == 2 and "gone.npz does not exist" in capsys.readouterr().err
    )


def hold(path, frames, filmed, names, first, last):
    """A pins file with those face actions of a Motion held from frame to frame."""
    values, mask = np.zeros((frames, 117), np.float32), np.zeros((frames, 117), bool)
    columns = [65 + ACTIONS.index(name) for name in names]
    mask[first:last, columns] = True
    values[mask] = np.concatenate([filmed.values, filmed.actions], 1)[:frames][mask]
    np.savez(path, values=values, mask=mask)
    return path


@pytest.mark.slow
def test_my_own_brows_on_another_head(tmp_path, head, other_head, performer, short_voice):
    brows = [ACTIONS[k] for k in actions_in(["brows"])]
    run(write(tmp_path / "take.csv", browInnerUp=lambda t: 0.5 + 0.4 * np.sin(5 * t)), "-o", tmp_path / "m.npz")
    filmed = load_motion(tmp_path / "m.npz")
    pins = hold(tmp_path / "pins.npz", 60, filmed, brows, 15, 45)
    asked = {"voice": str(short_voice), "output": "", "quality": "draft", "head": str(other_head)}
    free, held = performer.perform(PerformRequest(**asked)), performer.perform(PerformRequest(**asked, pins=str(pins)))
    wrong = lambda motion: np.abs(motion.actions[15:45] - filmed.actions[15:45])[:, [ACTIONS.index(name) for name in brows]].max()
    assert wrong(held) < 0.08 < wrong(free)
    assert np.abs(held.values[:, JAW.start] - free.values[:, JAW.start]).max() < 0.15, "the mouth speaks as before"


def test_brows_onto_a_performance(tmp_path, head, performer, short_voice):
    """What is to be seen before the next performance: the film's brows, and of all else what the head does."""
    performed = performer.perform(PerformRequest(voice=str(short_voice), output="", quality="draft"))
    save_motion(replace(performed, values=performed.values[:30]), tmp_path / "onto.npz")
    path = write(tmp_path / "take.csv", browInnerUp=lambda t: 0.7, jawOpen=lambda t: 0.9)
    asked = CaptureRequest(film=str(path), onto=str(tmp_path / "onto.npz"), regions=("brows", "head"))
    stages = []
    motion, shown = performer.capture(asked, lambda stage, fraction: stages.append((fraction, stage)))
    assert shown.shape == motion.values.shape == (60, 65) and stages == sorted(stages) and len(stages) >= 3
    seen, meanwhile = from_motion(head, shown), from_motion(head, performed.values[np.minimum(np.arange(60), 29)])
    brows = actions_in(["brows"])
    assert np.abs(seen[:, brows] - motion.actions[:, brows]).max() < 0.03
    rest = [k for k in range(len(ACTIONS)) if k not in brows]
    assert np.abs(seen[:, rest] - meanwhile[:, rest]).max() < 0.05


def test_a_film_is_followed_once_until_it_changes(tmp_path, head, monkeypatch, performer):
    path, followed = tmp_path / "face.mp4", []
    path.write_bytes(b"one")
    motion = performer.capture(CaptureRequest(film=str(write(tmp_path / "take.csv"))))[0]
    monkeypatch.setattr(
        film, "capture", lambda *args: followed.append(args[0]) or (motion, ["There are 2 faces; the largest is followed."])
    )
    asked, notes = CaptureRequest(film=str(path)), []
    for _ in range(2):
        again, _ = performer.capture(asked, note=notes.append)
        assert np.array_equal(again.values, motion.values) and again.filmed and again.actions.shape == (60, 52)
    assert len(followed) == 1 and notes == ["There are 2 faces; the largest is followed."] * 2
    path.write_bytes(b"another")
    performer.capture(asked)
    performer.capture(asked, anew=True)
    assert len(followed) == 3


def test_a_passage_feels_as_a_clip_does(tmp_path, performer, short_voice, head):
    """A film with a smile: the face smiles in that passage, more than with a film that frowns."""
    smiles = write(tmp_path / "smile.csv", **{name: lambda t: 0.8 for name in ACTIONS if name.startswith(("mouthSmile", "cheekSquint"))})
    frowns = write(
        tmp_path / "frown.csv",
        **{name: lambda t: 0.8 for name in ACTIONS if name.startswith(("mouthFrown", "browInnerUp", "mouthShrugLower"))},
    )
    assert run(frowns, "-o", tmp_path / "frown.npz") == 0

    def corners(clip):
        passage = Passage(0.0, 2.0, "", 1.0, 0.1, str(clip))
        values = performer.perform(PerformRequest(voice=str(short_voice), output="", quality="draft", passages=(passage,))).values
        values[:, NECK] = 0
        places = [head.landmark(f"lip_corner_{side}") for side in ("left", "right")]
        return 1000 * (lbs.pose(head, values, None, places)[:, :, 1] - head.v_template[places, 1]).mean()

    assert corners(smiles) > corners(tmp_path / "frown.npz") + 2, "millimetres"
    felt = lambda clip: performer.models.feelings.describe(performer.clip(str(clip), None, lambda stage, fraction: None))[0]
    assert max(felt(smiles), key=felt(smiles).get) == "happy" and max(felt(frowns), key=felt(frowns).get) == "sad"


def test_a_sound_goes_with_a_csv_only(tmp_path, capsys, sample):
    (tmp_path / "a.mp4").write_bytes(b"film")
    assert run(tmp_path / "a.mp4", "--sound", sample, "-o", tmp_path / "m.npz") == 2
    assert not (tmp_path / "m.npz").exists() and capsys.readouterr().err.count("\n") == 1
