"""A studio's recordings: curves of every kind become the same Motion, and bad files are named in a sentence."""

import argparse
import csv

import numpy as np
import pytest
import soundfile

from contract import ACTIONS, EYES, JAW, LIDS, NECK, UtterError
from model_runtime.capture import arkit
from model_runtime.emotion import LABELS
from model_runtime.flame import lbs
from model_runtime.flame.load import load_head
from model_runtime.motion import Motion, save_motion
from model_runtime.speech import content as content_module
from model_runtime.training import captures, dataset, recordings

SECONDS, RATE = 4, 16000
PLAIN = tuple(ACTIONS)
LIVE_LINK = (
    "Timecode",
    "BlendShapeCount",
    *(name[0].upper() + name[1:] for name in ACTIONS),
    "HeadYaw",
    "HeadPitch",
    "HeadRoll",
    "LeftEyeYaw",
    "LeftEyePitch",
    "LeftEyeRoll",
    "RightEyeYaw",
    "RightEyePitch",
    "RightEyeRoll",
)


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture
def folder(tmp_path):
    """A folder with one voice, take.wav."""
    time = np.arange(SECONDS * RATE) / RATE
    soundfile.write(tmp_path / "take.wav", 0.2 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(2 * np.pi * 2 * time)), RATE)
    return tmp_path


def jaw(moments):
    """A mouth that opens once a second."""
    return 0.3 + 0.25 * np.sin(2 * np.pi * moments)


def write_csv(path, fps, names=LIVE_LINK, first=(13, 59, 58), scale=1.0, **more):
    """What Live Link Face writes: frame numbers of a timecode that runs at fps."""
    with open(path, "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(names)
        for frame in range(SECONDS * fps):
            second = first[0] * 3600 + first[1] * 60 + first[2] + frame // fps
            values = {
                "Timecode": f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}:{frame % fps:02d}.000",
                "BlendShapeCount": 61,
                "JawOpen": scale * jaw(frame / fps),
                "jawOpen": scale * jaw(frame / fps),
            }
            values.update({name: curve(frame / fps) for name, curve in more.items()})
            rows.writerow(values.get(name, 0) for name in names)


def one(folder, head, **options):
    found = recordings.read(folder, head, report=lambda text: pytest.fail(text), **options)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_a_csv_of_any_rate_becomes_the_same_motion(folder, head, fps):
    write_csv(folder / "take.csv", fps, HeadPitch=lambda t: 0.1 * np.sin(t), HeadYaw=lambda t: 0.2)
    motion = one(folder, head).values
    moments = np.arange(SECONDS * 30 - 3) / 30
    expected = jaw(moments) * head.actions_motion[list(head.action_names).index("jawOpen"), JAW.start]
    assert motion.shape == (SECONDS * 30, 65)
    np.testing.assert_allclose(motion[:-3, JAW.start], expected, atol=0.01)
    np.testing.assert_allclose(motion[:-3, NECK.start], 0.1 * np.sin(moments), atol=0.01)
    np.testing.assert_allclose(motion[:-3, NECK.start + 1], -0.2, atol=1e-5)


def test_midnight_passes(folder, head):
    write_csv(folder / "take.csv", 60, first=(23, 59, 58))
    assert one(folder, head).values[:, JAW.start].std() > 0.02


def code(number, rate, drop):
    """The time code of a frame, counted one by one: dropped numbers are those that begin a minute, unless it is a tenth."""
    if drop:
        tens, rest = divmod(number, 600 * rate - 9 * rate // 15)
        number += tens * 9 * rate // 15 + max(0, rest - rate // 15) // (60 * rate - rate // 15) * (rate // 15)
    second, frame = divmod(number, rate)
    return f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}{';' if drop else ':'}{frame:02d}.000"


@pytest.mark.parametrize("drop, rate, fps", [(True, 30, 0), (True, 60, 0), (False, 30, 29.97), (False, 24, 23.976), (False, 60, 59.94)])
@pytest.mark.parametrize("start", [0, 23 * 3600 + 55 * 60])
def test_ten_minutes_of_ntsc_do_not_drift(drop, rate, fps, start):
    first = start * rate if not drop else start * rate * 1000 // 1001
    frames = np.arange(0, 600 * rate, 7)
    times = arkit.seconds_of([code(first + int(frame), rate, drop) for frame in frames], fps)
    np.testing.assert_allclose(times - times[0], frames * 1.001 / rate, atol=1e-3)


@pytest.mark.parametrize("rate", [24, 30, 60])
@pytest.mark.parametrize("slower", [True, False])
def test_the_voice_tells_the_clock_of_codes_that_do_not(rate, slower):
    frames = range(600 * rate)
    codes, lasts = [code(frame, rate, False) for frame in frames], 600 * (1.001 if slower else 1)
    times = arkit.seconds_of(codes, 0.0, lasts + 0.05)
    assert abs(times[-1] - times[0] + 1 / rate - lasts) < 0.01
    assert np.array_equal(arkit.seconds_of(codes), arkit.seconds_of(codes, 0.0, 900.0)), "a voice of another length says nothing"


def test_a_take_within_a_second_takes_the_rate_that_fps_says():
    times = arkit.seconds_of([f"10:00:00:{frame:02d}" for frame in range(20)], 60.0)
    np.testing.assert_allclose(np.diff(times), 1 / 60)


def test_a_face_lost_at_the_end_stands_still(folder, head):
    write_csv(folder / "take.csv", 30)
    whole = one(folder, head).values
    lines = (folder / "take.csv").read_text().splitlines()
    for at in range(len(lines) - 40, len(lines)):
        lines[at] = f"{lines[at].split(',')[0]},0"
    (folder / "take.csv").write_text("\n".join(lines))
    found = one(folder, head).values
    kept = len(lines) - 42
    np.testing.assert_allclose(found[:kept], whole[:kept], atol=1e-5)
    assert np.ptp(found[kept + 1 :], axis=0).max() < 1e-5


@pytest.mark.parametrize("rest", ["", ",,,", "," + ",".join(["0"] * (len(LIVE_LINK) - 2))])
def test_frames_in_which_no_face_was_seen_are_filled(folder, head, rest):
    write_csv(folder / "take.csv", 30)
    whole = one(folder, head).values
    lines = (folder / "take.csv").read_text().splitlines()
    for at in range(40, 43):
        lines[at] = f"{lines[at].split(',')[0]},0{rest}"
    (folder / "take.csv").write_text("\n".join(lines))
    np.testing.assert_allclose(one(folder, head).values, whole, atol=0.02)
    for at in range(40, 55):
        lines[at] = f"{lines[at].split(',')[0]},0{rest}"
    (folder / "take.csv").write_text("\n".join(lines))
    recordings.record(folder, head, FakeEncoder(), FakeFeelings(), report=(said := []).append)
    assert "take: for up to 0.5 s no face was captured; the curves go straight there." in said
    (folder / "take.csv").write_text("\n".join([lines[0], *(f"{line.split(',')[0]},0{rest}" for line in lines[1:])]))
    with pytest.raises(UtterError):
        recordings.read(folder, head, report=(said := []).append)
    assert "fewer than two frames" in said[0]


def test_rows_without_weights_are_filled_and_time_codes_may_have_commas(tmp_path):
    path = tmp_path / "take.csv"
    rows = [f"10:00:00:{frame:02d},000\t{'' if frame in (3, 4) else '0,1'}\t61" for frame in range(20)]
    path.write_text("\n".join(["Timecode\tJawOpen\tBlendshapeCount", *rows]))
    weights, times, _ = arkit.read_csv(path)
    assert weights.shape == (18, 1) and (weights == np.float32(0.1)).all() and abs(np.diff(times).max() - 3 / 24) < 1e-6


def test_our_own_names_and_weights_in_npz_say_the_same(folder, head):
    write_csv(folder / "take.csv", 30)
    from_csv = one(folder, head).values
    (folder / "take.csv").unlink()
    weights = np.zeros((SECONDS * 30, 52), np.float32)
    weights[:, PLAIN.index("jawOpen")] = jaw(np.arange(len(weights)) / 30)
    shuffled = np.random.default_rng(0).permutation(52)
    np.savez(folder / "take.npz", weights=weights[:, shuffled], names=np.array(PLAIN)[shuffled], fps=30)
    np.testing.assert_allclose(one(folder, head).values, from_csv, atol=1e-4)


def test_a_motion_comes_back_as_it_is(folder, head):
    values = np.random.default_rng(0).normal(0, 0.1, (SECONDS * 30, 65)).astype(np.float32)
    save_motion(Motion(values, 30.0, head.basis), folder / "take.npz")
    np.testing.assert_array_equal(one(folder, head).values, values)


def test_flame_curves_need_their_head_and_get_it(folder, head):
    T = SECONDS * 50
    jaw_pose = np.zeros((T, 3), np.float32)
    jaw_pose[:, 0] = 0.1 + 0.1 * np.sin(2 * np.pi * np.arange(T) / 50)
    eyes = np.zeros((T, 6), np.float32)
    eyes[:, [0, 3]] = 0.2
    np.savez(folder / "take.npz", expression=np.zeros((T, 100)), jaw_pose=jaw_pose, eye_pose=eyes, eyelids=np.full((T, 2), 0.5), fps=50)
    with pytest.raises(UtterError, match="no recordings to learn from"):
        recordings.read(folder, head, report=(said := []).append)
    assert "--flame" in said[0]
    motion = one(folder, head, flame=head).values  # here FLAME's head is ours, so it must come back
    gap = lbs.lip_gap(head, motion)
    moments = np.arange(len(motion)) / 30
    assert np.corrcoef(gap[:-2], np.sin(2 * np.pi * moments)[:-2])[0, 1] > 0.97
    np.testing.assert_allclose(motion[:, EYES][:, [0, 2]], 0.2, atol=1e-5)
    np.testing.assert_allclose(motion[:, LIDS], 0.5, atol=1e-5)


def spoil(kind, folder):
    weights = np.zeros((SECONDS * 30, 2))
    if kind == "short":
        np.savez(folder / "take.npz", weights=weights[:20], names=["jawOpen", "mouthFunnel"], fps=30)
    elif kind == "no fps":
        np.savez(folder / "take.npz", weights=weights, names=["jawOpen", "mouthFunnel"])
    elif kind == "no jaw":
        np.savez(folder / "take.npz", weights=weights, names=["blah", "mouthFunnel"], fps=30)
    elif kind == "names":
        np.savez(folder / "take.npz", weights=weights, names=["jawOpen"], fps=30)
    elif kind == "percent":
        write_csv(folder / "take.csv", 30, scale=100)
    elif kind == "columns":
        write_csv(folder / "take.csv", 30)
        with open(folder / "take.csv", "a") as stream:
            stream.write("14:00:02:00.000,61,0.5\n")
    elif kind == "timeless":
        write_csv(folder / "take.csv", 30, names=PLAIN)
    elif kind == "words":
        (folder / "take.csv").write_text("time,jawOpen\n0,0.1\n0.03,open\n")
    elif kind == "not finite":
        np.savez(folder / "take.npz", expression=np.full((60, 50), np.nan), jaw_pose=np.zeros((60, 3)), fps=15)
    elif kind == "lengths":
        np.savez(folder / "take.npz", expression=np.zeros((60, 50)), jaw_pose=np.zeros((59, 3)), fps=15)
    elif kind == "emotion":
        write_csv(folder / "take.csv", 30)
        (folder / "index.csv").write_text("clip,emotion\ntake,hangry\n")


@pytest.mark.parametrize(
    "kind, says",
    [
        ("nothing", "neither take.npz nor take.csv"),
        ("short", "cut both to the same take"),
        ("no fps", "lacks fps"),
        ("no jaw", "jawOpen"),
        ("names", "a name for each weight"),
        ("percent", "scale them to 0..1"),
        ("columns", "line 122 of take.csv has 3 columns"),
        ("timeless", "add a column Timecode"),
        ("words", "no number"),
        ("not finite", "finite numbers"),
        ("lengths", "differ in length"),
        ("emotion", "hangry"),
    ],
)
def test_a_bad_file_is_named_in_a_sentence(folder, head, kind, says):
    spoil(kind, folder)
    said = []
    with pytest.raises(UtterError, match="no recordings to learn from"):
        recordings.read(folder, head, report=said.append)
    assert len(said) == 1 and said[0].startswith("take is left out: ") and says in said[0] and "\n" not in said[0]


class FakeEncoder:
    """Hears a p for a tenth of a second every half second, vowels elsewhere."""

    def encode(self, samples, progress=None):
        content = np.zeros((content_module.frames_of(len(samples)), content_module.COLUMNS), np.float32)
        shut = np.arange(len(content)) % 25 < 6
        content[:, content_module.NAMES.index("AA")] = ~shut
        content[:, content_module.NAMES.index("P")] = shut
        content[:, content_module.NAMES.index("bilabial")] = shut
        content[:, content_module.NAMES.index("energy")] = 0.5
        return content


class FakeFeelings:
    def voice(self, samples, T):
        return np.ones((T, 130), np.float32)

    def describe(self, vector):
        return {name: float(name == "sad") for name in LABELS}, 0.25


@pytest.fixture
def recorded(folder, head):
    write_csv(folder / "take.csv", 60, names=("Timecode", "JawOpen", "MouthFunnel"))
    for name in ("glad", "kept"):
        (folder / f"{name}.wav").write_bytes((folder / "take.wav").read_bytes())
        (folder / f"{name}.csv").write_bytes((folder / "take.csv").read_bytes())
    (folder / "index.csv").write_text("clip,emotion,strength,split\nglad,happy,0.5,\nkept,,,test\n")
    return recordings.record(folder, head, FakeEncoder(), FakeFeelings(), report=lambda text: None)


def test_layers_are_a_dataset(recorded, head):
    assert [row["clip"] for row in recorded.performances] == ["recordings/glad", "recordings/take"]  # not what is `test`
    content, values, share, strength = recorded.slices(1, 0, SECONDS * 30)
    assert recorded.basis == head.basis and content.shape == (SECONDS * 30, 59) and values.shape == (SECONDS * 30, 65)
    assert share[0, LABELS.index("sad")] == 1 and strength[0] == 0.25  # as the voice feels
    _, _, share, strength = recorded.slices(0, 0, 30)
    assert share[0, LABELS.index("happy")] == 1 and strength[0] == 0.5  # as the index says


def test_lips_meet_where_p_is_heard_and_follow_the_capture_elsewhere(recorded, head):
    content, values, _, _ = recorded.slices(1, 0, SECONDS * 30)
    gap, shut = lbs.lip_gap(head, values), content[:, content_module.NAMES.index("bilabial")].astype(float)
    assert gap[shut > 0.95].max() < 0.03
    free = shut[:-3] < 0.01
    np.testing.assert_allclose(gap[:-3][free], jaw(np.arange(len(values) - 3) / 30)[free], atol=0.05)


def test_the_teacher_performs_what_no_camera_saw(recorded):
    values = recorded.values
    assert values[:, LIDS].max() > 0.8 and values[:, EYES].std() > 0.01 and values[:, NECK].std() > 0.005


def test_recordings_stand_beside_the_teachers_in_their_share(recorded):
    T = 3000
    performed = dataset.Dataset(
        np.zeros((T, 59), np.float16),
        np.zeros((T, 59), np.float16),
        np.zeros((T, 65), np.float32),
        np.zeros((T, 8), np.float16),
        np.zeros(T, np.float16),
        np.ones((1, 300), np.float32),
        [{"content_start": 0, "start": 0, "length": T}],
        recorded.basis,
    )
    both = recordings.join(performed, recorded, share=0.5)
    lengths = np.array([row["length"] for row in both.performances])
    assert lengths[1:].sum() / lengths.sum() == pytest.approx(0.5, abs=0.05) and len(both.betas) == len(lengths)
    for number in (1, 2, len(lengths) - 1):
        heard, values, _, _ = both.slices(number, 0, 50)
        own, true, _, _ = recorded.slices((number - 1) % 2, 0, 50)
        np.testing.assert_array_equal(values, true)
        np.testing.assert_array_equal(heard, own)


def test_recordings_alone_are_a_cache_to_train_from(folder, head, monkeypatch):
    write_csv(folder / "take.csv", 30)
    monkeypatch.setattr("model_runtime.speech.encoder.load_encoder", lambda device: FakeEncoder())
    monkeypatch.setattr("model_runtime.emotion.load_feelings", lambda device: FakeFeelings())
    args = argparse.Namespace(recordings=folder, cache=folder / "cache", only=True, flame=None)
    path = recordings.write(args, report=lambda text: None)
    dataset.ensure(path, head, report=lambda text: pytest.fail("nothing is left to build"))
    data = dataset.load_dataset(path)
    assert data.values.shape == (SECONDS * 30, 65) and len(data.performances) == len(data.betas) == 1


def test_a_film_rig_becomes_face_actions(tmp_path, head):
    source = tmp_path / "facegood_mocap"
    (source / "bs").mkdir(parents=True), (source / "audio").mkdir()
    names = ["brow_lower_l", *captures.RIG]
    weights = np.zeros((60, len(names)), np.float32)
    weights[:, names.index("mouth_stretch_c")] = np.linspace(0, 0.5, 60)
    weights[:, names.index("mouth_lipCornerPull_l")] = 0.3
    np.savez(source / "bs" / "1.npz", weights=weights, names=names, fps=np.array([30]))
    soundfile.write(source / "audio" / "1.opus", 0.1 * np.sin(np.arange(2 * RATE) / 20), RATE, format="OGG", subtype="OPUS")
    assert captures.convert(source, tmp_path / "out") == 1
    taken = recordings.read(tmp_path / "out", head)[0]
    np.testing.assert_allclose(taken.actions[:59, ACTIONS.index("jawOpen")], np.linspace(0, 0.5, 60)[:59], atol=1e-3)
    assert taken.actions[:, ACTIONS.index("mouthSmileLeft")].min() > 0.29
    assert not taken.actions[:, ACTIONS.index("mouthSmileRight")].any()
    assert "browInnerUp" not in taken.captured and "jawOpen" in taken.captured
