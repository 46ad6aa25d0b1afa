"""The evaluation: known answers on small arrays, the scorer's own numbers, and the whole verb on two clips."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contract import EYES, JAW, NECK
from model_runtime.flame.load import load_head
from model_runtime.training import teacher
from tools.evaluate import closures, metrics, mouth, table

ROOT = Path(__file__).parents[2]
SHARED = next((folder / "shared" for folder in ROOT.parents if (folder / "shared" / "tools").is_dir()), None)
needs_shared = pytest.mark.skipif(SHARED is None, reason="../shared is not here")


@pytest.fixture
def rng():
    return np.random.default_rng(5)


# ---- metrics


def test_errors_are_the_distance_in_millimetres_not_squared(rng):
    true = rng.normal(0, 10, (7, 12, 3))
    shifted = true + [0, 3.0, 4.0]
    one = true.copy()
    one[:, 2] += [6.0, 0, 0]
    for error in (metrics.lip_errors, metrics.mean_errors):
        assert error(true, true).max() == 0
        np.testing.assert_allclose(error(shifted, true), 5.0)
    np.testing.assert_allclose(metrics.lip_errors(one, true), 6.0)  # the largest
    np.testing.assert_allclose(metrics.mean_errors(one, true), 6.0 / 12)  # the mean


def test_dynamics_deviation_is_positive_for_too_little_movement():
    neutral = np.zeros((4, 3))
    wave = np.zeros((100, 4, 3))
    wave[:, :, 1] = 1 + np.tile([1.0, -1.0], 50)[:, None]  # 2, 0, 2, 0: std 1 mm
    assert metrics.dynamics_deviation(wave, wave, neutral) == 0
    assert metrics.dynamics_deviation(0 * wave, wave, neutral) == pytest.approx(1.0)
    assert metrics.dynamics_deviation(3 * wave, wave, neutral) == pytest.approx(-2.0)


def test_mean_and_best_of_samples(rng):
    true = rng.normal(0, 10, (5, 6, 3))
    samples = np.stack([true + [4.0, 0, 0], true - [4.0, 0, 0], true + [0, 1.0, 0]])
    np.testing.assert_allclose(metrics.mean_estimate_errors(samples[:2], true), 0, atol=1e-9)
    np.testing.assert_allclose(metrics.coverage_errors(samples, true), 1.0)
    assert metrics.diversity([true, true]) == 0
    assert metrics.diversity(samples[:2]) == pytest.approx(8.0)
    assert metrics.diversity(samples) == pytest.approx((8 + 2 * np.sqrt(17)) / 3)


def test_agreement_and_lag(rng):
    curve = rng.normal(size=200)
    assert metrics.agreement([curve, 2 * curve + 1, curve]) == pytest.approx(1)
    assert metrics.agreement([curve, -curve]) == pytest.approx(-1)
    r = metrics.lagged(curve, np.roll(curve, 2))  # the truth comes two frames later: the curve is early
    assert max(r, key=r.get) == 2 and r[2] == pytest.approx(1) and set(r) == {-2, -1, 0, 1, 2}
    late = metrics.lagged(np.roll(curve, 1), curve)
    assert max(late, key=late.get) == -1


def test_blinks_are_counted_and_droops_are_not():
    lids = np.full(90, 0.1)
    lids[10:14] = [0.5, 1.0, 0.9, 0.4]
    lids[60] = 0.8
    lids[30:50] = 0.35
    np.testing.assert_allclose(metrics.blinks(lids, 30), [11 / 30, 2.0])
    assert len(metrics.blinks(np.full(50, 0.6), 30)) <= 1  # lids half shut from end to end
    assert len(metrics.blinks(0 * lids, 30)) == 0


def test_beats_that_fall_on_accents_are_consistent():
    t = np.arange(300) / 30
    nod = (1 - np.cos(2 * np.pi * t))[:, None]  # rests at whole and half seconds
    moved = metrics.movement_beats(nod, 30)
    np.testing.assert_allclose(moved, np.arange(0.5, 9.8, 0.5), atol=0.02)
    assert metrics.beat_consistency([1.0, 2.5], moved) > 0.95
    assert metrics.beat_consistency([1.25], moved) < 0.1
    assert metrics.beat_consistency([], moved) == metrics.beat_consistency([1.0], []) == 0
    energy = np.clip(np.sin(2 * np.pi * 2 * np.arange(150) / 50), 0, 1)  # a loud syllable every half second
    np.testing.assert_allclose(metrics.accents(energy, np.zeros(150), 50), np.arange(0.125, 3, 0.5), atol=0.011)


def test_spread_and_cosine():
    assert metrics.action_spread(np.ones((9, 52))) == 0
    assert metrics.action_spread(np.tile([[0.0], [1.0]], (8, 52))) == pytest.approx(0.5)
    assert metrics.cosine(np.array([2.0, 0]), np.array([0.5, 0])) == pytest.approx(1)
    assert metrics.cosine(np.array([2.0, 0]), np.array([0, 1.0])) == pytest.approx(0)


# ---- the mouth of the head


def test_the_mouth_is_shut_at_rest_and_neither_bites_nor_rounds_when_open():
    head = load_head()
    values = np.zeros((30, 65), np.float32)
    values[10:, JAW.start] = np.linspace(0, 0.25, 20)
    values[:, NECK] = values[:, EYES] = 0.2  # where it looks says nothing of the mouth
    found = mouth.curves(head, values)
    assert np.ptp(found["width"][:10]) < 1e-3 and found["gap"][0] < 1e-3 < mouth.SHUT < found["gap"][-1]
    closed = mouth.events(found)["closed"]
    assert len(closed) == 1 and closed[0][0] == 0 and 9 / 30 < closed[0][1] < 15 / 30
    assert mouth.events(found)["labiodental"] == []


def test_the_teacher_bites_in_f_shuts_in_m_and_rounds_in_uw():
    head = load_head()
    phones = [
        [0, 0.3, "sil"],
        [0.3, 0.6, "AA1"],
        [0.6, 0.75, "F"],
        [0.75, 1.05, "AE1"],
        [1.05, 1.2, "M"],
        [1.2, 1.5, "AA1"],
        [1.5, 1.8, "UW1"],
        [1.8, 2.1, "AE1"],
        [2.1, 2.4, "sil"],
    ]
    found = mouth.events(mouth.curves(head, teacher.perform(phones, None, "neutral", 0, 1, head)))
    inside = lambda name, start, end: any(a < end and b > start for a, b in found[name])
    assert inside("labiodental", 0.62, 0.73) and not inside("labiodental", 0.4, 0.5) and not inside("labiodental", 1.06, 1.19)
    assert inside("closed", 1.07, 1.18) and not inside("closed", 0.6, 0.75)
    assert inside("rounded", 1.6, 1.75) and not inside("rounded", 0.85, 0.95)


def test_interval_arithmetic():
    assert closures.below([1, 0, 0, 1], 10, 0.5) == [[pytest.approx(0.05), pytest.approx(0.25)]]
    assert closures.below([0, 1], 10, 0.5) == [[0, pytest.approx(0.05)]]
    assert closures.without([[0, 10]], [[-1, 1], [4, 5], [9, 12]]) == [[1, 4], [5, 9]]
    assert closures.common([[0, 3]], [[1, 2], [2.5, 9]]) == [[1, 2], [2.5, 3]]


# ---- the scorer's own numbers


def theirs(folder, kind, **inputs):
    command = [
        sys.executable,
        str(SHARED / "tools" / "score_closures.py"),
        "--labels",
        f"{kind}:{folder}",
        "--chance",
        "0",
        "--out",
        str(folder / "theirs.json"),
    ]
    for name, value in inputs.items():
        command += [f"--{name}", str(value)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return json.loads((folder / "theirs.json").read_text())["figures"]


def ours(clips):
    """{figure: value} of [closures.score(...)]: all clips together, as table.summary does it."""
    names = {figure for clip in clips for figure in clip}
    how = {"onset error": ("median", "absolute")}
    return {
        (name, kind): table.summary({i: {0: clip[name]} for i, clip in enumerate(clips)}, kind)[0]
        for name in names
        for kind in how.get(name, ("ratio",))
    }


def same(mine, scorer):
    for name, key in (
        ("recall", "recall"),
        ("precision", "precision"),
        ("speech precision", "speech_precision"),
        ("false closures", "false_closure"),
        ("labiodental", "labiodental"),
        ("rounded", "rounded"),
    ):
        if key in scorer:
            assert mine[name, "ratio"] == pytest.approx(scorer[key]["value"], abs=1e-6), name
    assert 1000 * mine["onset error", "median"] == pytest.approx(scorer["onset_ms"]["median"], abs=1e-6)
    assert 1000 * mine["onset error", "absolute"] == pytest.approx(scorer["onset_ms"]["median_abs"], abs=1e-6)


def curve(rng, seconds, labels, shut):
    """A lip gap that is often, and not always, shut where the label says so, and sometimes elsewhere."""
    gap = np.convolve(rng.uniform(0, 0.4, int(seconds * 30) + 1), [0.25, 0.5, 0.25], "same")
    for start, end, label in labels:
        if label.lstrip("_!") in shut and rng.random() < 0.8:
            gap[int(start * 30) : int(end * 30) + 2] = rng.uniform(0, 0.05)
    return gap


@needs_shared
@pytest.mark.parametrize("kind", ["emodb", "timit"])
def test_the_scorer_gives_the_same_numbers(tmp_path, rng, kind):
    shut, labelled = {"p", "b", "m", "pcl", "bcl"}, {}
    if kind == "emodb":
        for path in sorted((SHARED / "data" / "emodb" / "phones").glob("*.tsv"))[::6]:
            (tmp_path / path.name).write_bytes(path.read_bytes())
            labelled[path.stem] = closures.read_emodb(path)
    else:  # aligned ARPAbet, written in TIMIT's way, as evaluate scores LibriSpeech
        for path in sorted((ROOT / "blender_assets" / "voices").glob("*.phones")):
            phones = [
                (round(float(start) * 16000) / 16000, round(float(end) * 16000) / 16000, name.upper().replace("PAU", "sil"))
                for start, end, name in map(str.split, path.read_text().splitlines())
            ]
            labels = closures.from_arpabet(phones)
            (tmp_path / "x").mkdir(exist_ok=True)
            lines = [f"{round(start * 16000)} {round(end * 16000)} {name}\n" for start, end, name in labels]
            (tmp_path / "x" / f"{path.stem}.phn").write_text("".join(lines))
            labelled[f"x_{path.stem}"] = labels
    gaps = {clip: curve(rng, labels[-1][1], labels, shut) for clip, labels in labelled.items()}
    events, scores = {}, []
    for clip, labels in labelled.items():
        closed = closures.below(gaps[clip], 30, 0.03)
        marks = {name: [[a, a + 0.08] for a in rng.uniform(0, labels[-1][1], 6)] for name in ("labiodental", "rounded")}
        events[clip] = {"closed": closed, **marks}
        units = closures.units(kind, labels, labels[-1][1])
        scores.append(closures.score(units, closed, labels[-1][1], **marks))
    np.savez(tmp_path / "gaps.npz", **gaps)
    (tmp_path / "cues.json").write_text(json.dumps(events))
    assert sum(len(score["onset error"]) for score in scores) > 2
    same(ours(scores), theirs(tmp_path, kind, aperture=tmp_path / "gaps.npz", fps=30, threshold=0.03))
    same(ours(scores), theirs(tmp_path, kind, cues=tmp_path / "cues.json"))


# ---- the table


def test_summary_is_the_mean_over_seeds_and_its_interval_is_over_clips():
    clips = {"a": {0: (1, 2), 1: (2, 2)}, "b": {0: (3, 4), 1: (0, 4)}}
    value, low, high, count = table.summary(clips, "ratio")
    assert value == pytest.approx((4 / 6 + 2 / 6) / 2) and count == 6
    assert low == pytest.approx(0.375) and high == pytest.approx(0.75)  # clip b alone, clip a alone
    assert table.summary({"a": {0: [1.0, -3.0]}, "b": {0: [2.0]}}, "median")[0] == 1
    assert table.summary({"a": {0: [1.0, -3.0]}, "b": {0: [2.0]}}, "absolute")[0] == 2
    assert table.summary({"a": {0: (0, 0)}}, "ratio") is table.summary({"a": {0: []}}, "median") is None


def test_targets_and_what_meets_them():
    tally = table.Tally()
    for section, hits in (
        ("English, with its transcript", 96),
        ("English, with its transcript, noise", 92),
        ("German, with its words", 80),
    ):
        tally.add(section, "recall", "shipped", "clip", 0, hits, 100)
    rows = {row["section"]: row for row in table.figures(tally)}
    assert [row["values"]["shipped"]["met"] for row in rows.values()] == [True, False, False]
    assert rows["English, with its transcript, noise"]["values"]["shipped"]["target"] == (93, None)  # three points less than in quiet
    assert any("MISSED" in line and "closure recall" in line for line in table.lines(list(rows.values())))


# ---- the verb


@pytest.mark.slow
@needs_shared
def test_the_verb_measures_two_clips(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tools.evaluate",
            "--quick",
            "--clips",
            "1",
            "--quality",
            "draft",
            "--conditions",
            "voice",
            "words",
            "noise",
            "--models",
            "shipped",
            "--data",
            str(SHARED / "data"),
            "--cache",
            str(tmp_path / "cache"),
            "--out",
            str(tmp_path / "out"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "evaluate.json").read_text())
    rows = {(row["section"], row["figure"]): row["values"] for row in record["figures"]}
    for section in ("English, voice only", "English, with its words", "German, voice only, noise"):
        assert 0 <= rows[section, "closure recall"]["shipped"]["value"] <= 100
    assert rows["German, voice only", "closure recall"]["teacher"]["value"] == 100
    assert rows["Motion", "CE: lip error of the best sample"]["shipped"]["value"] > 0
    assert -1 <= rows["Capture", "jaw angle, lag 0"]["shipped"]["value"] <= 1
    assert len(record["counts"]["English, voice only"]["recall"]["shipped"]) == 1
    for name in ("lips", "gap", "capture"):
        assert (tmp_path / "out" / f"evaluate_{name}.png").stat().st_size > 5000
    for section, figure in rows:
        assert figure in done.stdout and section in done.stdout


def test_what_is_missing_is_said_in_a_sentence(tmp_path):
    from tools.evaluate.__main__ import main

    assert main(["--data", str(tmp_path), "--cache", str(tmp_path), "--models", "shipped"]) == 2
    assert main(["--data", str(tmp_path), "--cache", str(tmp_path), "--models", "nobody"]) == 2


class Trainer:
    """Stands in for a training process: writes its output when it is first looked at, or fails."""

    running, most, commands = 0, 0, []

    def __init__(self, command, **_):
        self.command, self.asked = command, 0
        Trainer.commands.append(command)
        Trainer.running += 1
        Trainer.most = max(Trainer.most, Trainer.running)

    def poll(self):
        self.asked += 1
        if self.asked == 1:
            return None
        Trainer.running -= 1
        self.returncode = int("no_mask" in self.command)
        if not self.returncode:
            Path(self.command[self.command.index("--output") + 1]).write_text("weights")
        return self.returncode

    def terminate(self):
        Trainer.running -= 1


def test_ablations_that_are_missing_are_trained_two_at_a_time(tmp_path, monkeypatch):
    from tools.evaluate import __main__ as verb

    monkeypatch.setattr(verb.subprocess, "Popen", Trainer)
    monkeypatch.setattr(verb.time, "sleep", lambda seconds: None)
    chosen = ["shipped", "full", "regression", "no_fusion", "regression_sync"]
    args = verb.parse(["--ablations", "70", "--ablated", str(tmp_path), "--cache", "kept", "--models", *chosen])
    (tmp_path / "full.safetensors").write_text("weights of before")
    verb.train_ablations(args)
    assert Trainer.most == 2 and len(Trainer.commands) == 3  # neither what is shipped nor what is there
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == sorted(chosen[1:])
    assert (tmp_path / "full.safetensors").read_text() == "weights of before"
    for command in Trainer.commands:
        assert command[command.index("--steps") + 1] == "70" and command[command.index("--cache") + 1] == "kept"
    with pytest.raises(verb.UtterError, match="no_mask could not be trained"):
        verb.train_ablations(verb.parse(["--ablations", "70", "--ablated", str(tmp_path), "--models", "no_mask"]))
    assert not (tmp_path / "no_mask.safetensors").exists()


# ---- against film


def test_a_curve_is_compared_at_its_best_lag_and_its_own_size(rng):
    from tools.evaluate import film

    times = np.arange(75) / 25
    wave = lambda t: 5 * np.sin(7 * t) + 2 * np.sin(11 * t)
    r, lag, error, spread = film.against(2 * wave(np.arange(90) / 30 - 0.05), times, wave(times))
    assert r > 0.99 and lag == pytest.approx(-0.05, abs=0.011) and error > 2 and spread == pytest.approx(2, abs=0.1)
    assert film.against(np.zeros(90), times, wave(times))[0] == 0


def test_contacts_on_film_and_lips_that_meet_elsewhere():
    from tools.evaluate import film

    times, moments = np.arange(75) / 25, np.arange(90) / 30
    gap = np.where((np.abs(times - 1) < 0.05) | (np.abs(times - 2) < 0.05), 0.005, 0.1)
    shut = np.where(np.abs(moments - 1.07) < 0.03, 0.0, 0.5)
    assert film.closures(shut, times, gap)[0] == (1, 2) and film.closures(shut, times, gap)[1][0] <= 2
    assert film.closures(np.zeros(90), times, gap) == ((2, 2), ((gap > 0.05).sum(),) * 2)


@needs_shared
@pytest.mark.slow
def test_the_captured_film_itself_is_nearly_the_film(tmp_path):
    """The whole verb on a clip of each speaker: what is captured follows the film, and the table says so of all that is compared."""
    if not (SHARED / "data" / "grid_film").is_dir():
        pytest.skip("needs the tracked films of ../shared/data/grid_film")
    command = [
        sys.executable,
        "-m",
        "tools.evaluate",
        "--film",
        "--prompts",
        "happy",
        "--clips",
        "1",
        "--seeds",
        "1",
        "--quality",
        "draft",
        "--models",
        "shipped",
    ]
    command += ["--out", str(tmp_path), "--data", str(SHARED / "data")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "film.json").read_text())
    rows = {row["figure"]: row["values"] for row in kept["figures"] if row["section"] == "Film"}
    assert kept["clips"] == 3 and "lip gap, best lag of 0.12 s" in done.stdout
    gap = rows["lip gap, best lag of 0.12 s"]
    assert set(gap) >= {"shipped", "loudness", "captured", "teacher", "own take", "another's take"} and gap["captured"]["value"] > 0.95
    assert gap["shipped, happy"]["value"] < 1 and rows["lip gap, after one scale per speaker"]["captured"]["value"] < 0.5
    life = {row["figure"]: row["values"]["captured"]["value"] for row in kept["figures"] if row["section"] == "Life on film"}
    assert life["FDD: film's - own upper-face std"] == 0 and life["the same, lids"] == 0
    assert rows["lip gap, mean error about the means"]["captured"]["value"] < 0.5
    assert rows["the film's contacts that meet"]["captured"]["value"] > 95
