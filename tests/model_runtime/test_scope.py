"""Frames and regions of a performance drawn anew through the Performer, on the shipped models: what stays, what changes, what it costs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract import ACTIONS, FACE_ACTIONS, FPS, LIDS, NECK, PERFORMANCE, REGIONS, Passage, PerformRequest, UtterError, performed_in
from model_runtime.diffusion import sampler
from model_runtime.flame import lbs
from model_runtime.flame.actions import from_motion
from model_runtime.flame.load import load_head
from model_runtime.motion import load_motion, save_motion
from model_runtime.pipeline import Performer
from tests.golden import cases

ROOT = Path(__file__).resolve().parents[2]
VOICE = ROOT / "blender_assets" / "voices" / "moon.flac"
EDGES = 2  # steps on either side of an edge


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


@pytest.fixture(scope="module")
def present(performer, tmp_path_factory):
    """(the performance of the voice in draft, path of its file)"""
    path = tmp_path_factory.mktemp("present") / "m.npz"
    motion = performer.perform(PerformRequest(voice=str(VOICE), quality="draft"))
    save_motion(motion, path)
    return motion, path


@pytest.fixture
def anew(performer, present):
    """Motions with a part drawn anew."""
    return lambda **asked: performer.variations(
        PerformRequest(**{"voice": str(VOICE), "quality": "draft", "onto": str(present[1]), "seed": 1, **asked})
    )


def speed(head, values):
    """The fastest landmark's way from each frame to the next, metres [T - 1]."""
    points = lbs.pose(head, values, vertices=head.landmark_vertices)
    return np.linalg.norm(np.diff(points, axis=0), axis=-1).max(1)


def drawn(rng, length):
    """A random scope: (what is asked for, frames that it is)."""
    count, end = rng.integers(1, 3), (length - 1) / FPS
    spans = [(start, min(start + rng.uniform(0.4, 3), end)) for start in rng.uniform(0, end - 0.5, count)]
    asked = {"scope": tuple((round(start, 3), round(stop, 3)) for start, stop in spans)}
    if rng.random() < 0.3:
        passage = Passage(1 + 3 * rng.random(), 5 + rng.random(), "over the moon with joy", fade=0.4)
        asked = {"passages": (passage,), "scope": "passage 1"}
        spans = [(passage.start - 0.45, passage.end + 0.45)]
    if rng.random() < 0.6:
        asked["regions"] = tuple(rng.choice(list(REGIONS), rng.integers(1, 4), replace=False))
    asked["change"] = float(rng.choice([0.3, 1.0]))
    inside = np.zeros(length, bool)
    for start, stop in spans:
        inside |= (np.arange(length) >= start * FPS - 0.02) & (np.arange(length) <= stop * FPS + 0.02)
    return asked, inside


def check(head, present, motion, regions, inside):
    """What lies outside has its bits, and what is drawn goes on from it."""
    channels, actions = performed_in(regions)
    for now, was, moves in ((motion.values, present.values, channels), (motion.actions, present.actions, actions)):
        may = inside[:, None] & np.isin(np.arange(was.shape[1]), moves)
        assert now[~may].tobytes() == was[~may].tobytes()
        assert not may.any() or (now[may] != was[may]).any()
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    beside = np.unique(np.clip(edges[:, None] + np.arange(-EDGES, EDGES + 1), 0, len(inside) - 2))
    now, was = speed(head, motion.values), speed(head, present.values)
    rest = np.percentile(np.delete(now, beside), 99)
    assert (now[beside] <= np.maximum(rest, 1.25 * was[beside])).all(), (now[beside] / rest).max()


@pytest.mark.parametrize("seed", range(6))
def test_what_lies_outside_keeps_its_bits_and_edges_are_smooth(performer, present, anew, seed):
    asked, inside = drawn(np.random.default_rng(seed), len(present[0].values))
    (motion,) = anew(**asked)
    check(performer.models.builtin, present[0], motion, asked.get("regions", REGIONS), inside)


@pytest.mark.slow
def test_forty_scopes(performer, present, anew):
    for seed in range(100, 140):
        asked, inside = drawn(np.random.default_rng(seed), len(present[0].values))
        (motion,) = anew(**asked, seed=seed)
        check(performer.models.builtin, present[0], motion, asked.get("regions", REGIONS), inside)


def test_only_windows_that_a_scope_touches_are_computed(anew, present, monkeypatch):
    windows, denoise = [], sampler.denoise
    monkeypatch.setattr(
        sampler, "denoise", lambda generator, branches, *rest: windows.extend(branches) or denoise(generator, branches, *rest)
    )
    anew(scope="4-5")
    assert len(windows) == sampler.SAMPLER_STEPS["draft"], "one window, at each step"
    windows.clear()
    anew(change=0.5)
    assert len(windows) == 3 * sampler.SAMPLER_STEPS["draft"], "all of the voice"
    windows.clear()
    anew(scope="4-5", change=0)
    assert not windows


def test_a_region_moves_alone(performer, present, anew):
    """Brows move as they would in a whole drawn anew, and lips and lids hardly."""
    head, was = performer.models.builtin, present[0].values
    named = lambda start: [head.landmark(name) for name in head.landmark_names if str(name).startswith(start)]
    far = lambda values, start: np.abs(lbs.pose(head, values, vertices=named(start)) - lbs.pose(head, was, vertices=named(start))).max(2)
    (alone,), (face,) = anew(scope="2-7", regions="brows"), anew(scope="2-7", regions="brows,eyes,cheeks,mouth")
    assert far(alone.values, "lip").mean() < 0.02 * far(face.values, "lip").mean() + 1e-6
    assert far(alone.values, "brow").mean() > 0.5 * far(face.values, "brow").mean()


def test_how_much_may_change_is_how_much_does(performer, present, anew):
    head, was = performer.models.builtin, present[0].values
    brows = [head.landmark(name) for name in head.landmark_names if str(name).startswith("brow")]
    still = lambda values: np.where(np.isin(np.arange(65), range(*NECK.indices(65)[:2])), 0, values)
    moved = [
        np.abs(lbs.pose(head, still(anew(change=change)[0].values), vertices=brows) - lbs.pose(head, still(was), vertices=brows)).mean()
        for change in (0.1, 0.3, 0.6, 0.999)
    ]
    assert moved[0] < 0.25 * moved[3] and moved == sorted(moved), moved
    (same,) = anew(change=0)
    assert same.values.tobytes() == was.tobytes()


def test_everything_anew_is_a_performance(performer, present, anew):
    plain = performer.perform(PerformRequest(voice=str(VOICE), quality="draft", seed=5))
    (motion,) = anew(seed=5)
    assert motion.values.tobytes() == plain.values.tobytes() and motion.actions.tobytes() == plain.actions.tobytes()


def test_variations_differ_where_people_do_and_not_on_the_lips(performer, anew):
    head = performer.models.builtin
    motions = anew(scope="1-8", variations=4)
    assert [motion.seed for motion in motions] == [1, 2, 3, 4]
    gaps = [lbs.lip_gap(head, motion.values)[40:230] for motion in motions]
    assert min(np.corrcoef(gaps[0], gap)[0, 1] for gap in gaps[1:]) > 0.9
    brows = [motion.actions[40:230, [k for k, name in enumerate(ACTIONS) if name.startswith("brow")]] for motion in motions]
    for one in range(4):
        for other in range(one):
            assert np.abs(brows[one] - brows[other]).mean() > 0.005
            assert np.abs(motions[one].values[40:230, NECK] - motions[other].values[40:230, NECK]).mean() > 0.005
    (third,) = anew(scope="1-8", seed=3)
    assert third.values.tobytes() == motions[2].values.tobytes(), "each is what its seed gives alone"


def test_what_was_heard_is_kept_and_gives_the_same_bits(performer, present, monkeypatch):
    """Another seed of a voice that was heard does not hear it again; a Performer that never heard it gives the same."""
    request = PerformRequest(voice=str(VOICE), quality="draft", seed=11, prompt="proud")
    monkeypatch.setattr(type(performer.models.encoder), "encode", lambda *_, **__: pytest.fail("it hears again"))
    monkeypatch.setattr(type(performer.models.feelings), "hear", lambda *_: pytest.fail("it feels again"))
    kept = [performer.perform(each) for each in (request, replace(request, prompt=None))]
    monkeypatch.undo()
    fresh = [Performer("cpu").perform(each) for each in (request, replace(request, prompt=None))]
    for one, other in zip(kept, fresh):
        assert one.values.tobytes() == other.values.tobytes() and one.actions.tobytes() == other.actions.tobytes()


def test_a_transcript_that_could_not_be_had_is_asked_for_again(performer, monkeypatch):
    asked = []
    monkeypatch.setattr(performer.listener, "lines", lambda *_, **__: asked.append(1) or (_ for _ in ()).throw(UtterError("It is gone.")))
    request = PerformRequest(voice=str(VOICE), quality="draft", transcribe="on")
    for _ in range(2):
        performer.perform(request)
    assert len(asked) == 2
    monkeypatch.setattr(performer.listener, "lines", lambda *_, **__: asked.append(1) or [])
    for _ in range(2):
        performer.perform(request)
    assert len(asked) == 3


def test_the_face_goes_to_held_face_actions_and_stays_between_them(performer, present, anew, tmp_path):
    frames, at = len(present[0].values), range(60, 121, 5)
    values, mask = np.zeros((frames, PERFORMANCE), np.float32), np.zeros((frames, PERFORMANCE), bool)
    held = [FACE_ACTIONS.start + ACTIONS.index(f"browDown{side}") for side in ("Left", "Right")]
    values[np.ix_(at, held)], mask[np.ix_(at, held)] = 0.9, True
    np.savez(tmp_path / "pins.npz", values=values, mask=mask)
    (motion,) = anew(pins=str(tmp_path / "pins.npz"), scope="1.5-4.5", regions=("brows",))
    for shown in (motion.actions, from_motion(performer.models.builtin, motion.values)):
        assert shown[60:121, np.array(held) - FACE_ACTIONS.start].min() > 0.6, "keys are no spikes"


def test_held_keys_inside_are_met_and_those_outside_are_as_they_are(present, anew, tmp_path):
    values, mask = np.zeros((2, len(present[0].values), PERFORMANCE), np.float32)
    smile = 65 + ACTIONS.index("mouthSmileLeft")
    for frame, column, value in (
        (120, NECK.start, 0.1),
        (120, LIDS.start, 0.5),
        (20, NECK.start, 0.3),
        (140, smile, 0.8),
        (250, smile, 0.9),
    ):
        values[frame, column], mask[frame, column] = value, 1
    np.savez(tmp_path / "pins.npz", values=values, mask=mask > 0)
    (motion,) = anew(scope="3-6", pins=str(tmp_path / "pins.npz"))
    assert motion.values[120, NECK.start] == np.float32(0.1) and motion.values[120, LIDS.start] == 0.5
    assert motion.actions[140, smile - 65] == np.float32(0.8)
    outside = np.r_[0:90, 181 : len(motion.values)]
    assert motion.values[outside].tobytes() == present[0].values[outside].tobytes()
    assert motion.actions[outside].tobytes() == present[0].actions[outside].tobytes()


def test_neighbours_follow_a_key_however_little_may_change(present, anew, tmp_path):
    values, mask = np.zeros((2, len(present[0].values), 65), np.float32)
    values[135, NECK.start], mask[135, NECK.start] = present[0].values[135, NECK.start] + 0.2, 1
    np.savez(tmp_path / "pins.npz", values=values, mask=mask > 0)
    (motion,) = anew(scope="3-6", change=0.1, pins=str(tmp_path / "pins.npz"))
    moved = (motion.values - present[0].values)[:, NECK.start]
    assert motion.values[135, NECK.start] == values[135, NECK.start] and moved[[133, 137]].min() > 0.1


@pytest.mark.slow
def test_on_another_head(performer, present, tmp_path):
    cases.inputs(ROOT, tmp_path)
    asked = dict(voice=str(VOICE), quality="draft", head=str(tmp_path / "other.npz"))
    was = performer.perform(PerformRequest(**asked))
    save_motion(was, tmp_path / "was.npz")
    head = load_head(tmp_path / "other.npz")
    inside = (np.arange(len(was.values)) >= 60) & (np.arange(len(was.values)) <= 210)
    for regions in (tuple(REGIONS), ("brows",), ("mouth", "head")):
        (now,) = performer.variations(PerformRequest(**asked, onto=str(tmp_path / "was.npz"), scope="2-7", seed=1, regions=regions))
        check(performer.models.fit(asked["head"])[0], was, now, regions, inside)
        shut = lbs.lip_gap(performer.models.fit(asked["head"])[0], was.values) < 0.03
        assert lbs.lip_gap(performer.models.fit(asked["head"])[0], now.values)[shut & inside].mean() < 0.06
    assert head.basis == now.basis
    with pytest.raises(UtterError, match="belongs to another head"):
        performer.variations(PerformRequest(**asked, onto=str(present[1]), scope="2-7"))


def test_of_a_head_that_moves_by_face_actions_alone(present, anew, tmp_path):
    """Blender knows no Motion of an ARKit head: its curves are face actions."""
    motion = present[0]
    save_motion(replace(motion, values=np.zeros_like(motion.values), basis=""), tmp_path / "m.npz")
    (now,) = anew(onto=str(tmp_path / "m.npz"), scope="2-7", regions="brows")
    brows = [k for k, name in enumerate(ACTIONS) if name.startswith("brow")]
    moved = now.actions != motion.actions
    assert moved[60:211, brows].any() and not np.delete(moved, brows, 1).any() and not moved[:60].any() and not moved[211:].any()
    assert np.abs(np.diff(now.actions[:, brows], axis=0))[[59, 210]].max() < 0.1


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"scope": ""}, "The scope is empty"),
        ({"scope": ()}, "The scope is empty"),
        ({"scope": "soon"}, "A scope is stretches in seconds"),
        ({"scope": "3-2"}, "The scope 3 to 2 s must end after it starts."),
        ({"scope": "20-30"}, "The scope 20 to 30 s lies outside the voice, which lasts 9.1 s."),
        ({"scope": "2.001-2.002"}, "holds no frame"),
        ({"scope": "passage 2"}, "The scope names passage 2; 0 are given."),
        ({"scope": "2-3", "regions": "nose"}, "There is no region nose; regions are brows"),
        ({"scope": "2-3", "regions": ""}, "No region is chosen"),
        ({"scope": "2-3", "change": 1.5}, "How Much May Change (change) is from 0 to 1"),
        ({"scope": "2-3", "onto": None}, "name its Motion with --onto"),
        ({"regions": "brows", "onto": None}, "name its Motion with --onto"),
        ({"variations": 0}, "Variations is from 1 to"),
        ({"scope": "1-2", "voice": str(VOICE.with_name("pie.flac"))}, "so it belongs to another voice"),
    ],
)
def test_what_cannot_be_is_said(anew, asked, said):
    with pytest.raises(UtterError) as caught:
        anew(**asked)
    assert said in str(caught.value)


def test_a_scope_across_the_end_is_cut_and_said(performer, present):
    told = []
    request = PerformRequest(voice=str(VOICE), quality="draft", onto=str(present[1]), scope="8-12")
    (motion,) = performer.variations(request, note=told.append)
    assert told == ["The scope 8 to 12 s is cut to the voice, which lasts 9.1 s."]
    assert motion.values[:240].tobytes() == present[0].values[:240].tobytes()
    assert load_motion(present[1]).values.tobytes() == present[0].values.tobytes()
