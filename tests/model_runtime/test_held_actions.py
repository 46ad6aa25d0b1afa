"""Held keys on face actions: pins [T,117], through the Performer on the shipped models."""

import numpy as np
import pytest

from contract import ACTIONS, CHANNELS, FACE_ACTIONS, PERFORMANCE, PerformRequest, UtterError
from model_runtime.flame.actions import from_motion
from model_runtime.motion import load_motion, load_pins, save_motion
from model_runtime.pipeline import Performer

FRAMES = 60  # of the short voice
HELD = {("jawOpen", 20): 0.8, ("mouthSmileLeft", 35): 0.9, ("browInnerUp", 35): 0.5}


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


@pytest.fixture(scope="module")
def perform(performer, short_voice, tmp_path_factory):
    """Motion of the short voice with pins {(channel or action, frame): value}, [T,columns]."""
    path = tmp_path_factory.mktemp("pins") / "pins.npz"

    def run(pins=None, columns=PERFORMANCE):
        if pins is not None:
            write(path, pins, columns)
        request = PerformRequest(voice=str(short_voice), output="", quality="draft", pins=None if pins is None else str(path))
        return performer.perform(request)

    return run


@pytest.fixture(scope="module")
def free(perform):
    return perform()


def write(path, pins, columns=PERFORMANCE, frames=FRAMES):
    values, mask = np.zeros((frames, columns), np.float32), np.zeros((frames, columns), bool)
    for (column, frame), value in pins.items():
        at = frame, column if isinstance(column, int) else FACE_ACTIONS.start + ACTIONS.index(column)
        values[at], mask[at] = value, True
    np.savez(path, values=values, mask=mask)


def assert_held(motion, pins):
    for (column, frame), value in pins.items():
        values = motion.values[:, column] if isinstance(column, int) else motion.actions[:, ACTIONS.index(column)]
        assert values[frame] == np.float32(value), (column, frame, values[frame])


def test_a_motion_file_carries_the_actions(free, performer, tmp_path):
    save_motion(free, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert file["actions"].shape == (FRAMES, len(ACTIONS)) and file["actions"].dtype == np.float32
        assert tuple(file["action_names"]) == ACTIONS
    actions = load_motion(tmp_path / "m.npz").actions
    assert actions.min() >= 0 and actions.max() <= 1
    np.testing.assert_array_equal(actions, from_motion(performer.models.builtin, free.values))


def test_held_actions_are_met_exactly_and_the_rest_follows(perform, free, performer):
    motion = perform(HELD)
    assert_held(motion, HELD)
    assert motion.actions.min() >= 0 and motion.actions.max() <= 1
    shown = from_motion(performer.models.builtin, motion.values)  # the Motion says the same
    for (name, frame), value in HELD.items():
        k = ACTIONS.index(name)
        assert abs(shown[frame, k] - value) < 0.05, (name, shown[frame, k])
        change = motion.actions[:, k] - free.actions[:, k]
        assert change[frame - 1] * change[frame] > 0 and change[frame + 1] * change[frame] > 0, "neighbours follow"
        assert np.abs(np.diff(motion.actions[frame - 3 : frame + 4, k])).max() < 0.4, "without a dent"
    assert np.abs(motion.actions - shown)[50:].max() < 0.02, "what is added stays by its key"


def test_both_kinds_of_keys_at_once(perform):
    pins = {**HELD, (54, 40): 0.3, (0, 20): 1.5, (50, 35): 0.2}
    assert_held(perform(pins), pins)


def test_keys_on_every_frame_and_beyond_the_range(perform):
    pins = {("jawOpen", frame): 0.3 for frame in range(FRAMES)} | {("mouthPucker", 10): 1.25}
    motion = perform(pins)
    assert_held(motion, pins)
    assert np.isfinite(motion.values).all() and np.delete(motion.actions, ACTIONS.index("mouthPucker"), axis=1).max() <= 1


def test_without_held_actions_nothing_differs(perform):
    pins = {(54, 40): 0.3, (0, 20): 1.5}
    wide, narrow = perform(pins), perform(pins, CHANNELS)
    np.testing.assert_array_equal(wide.values, narrow.values)
    np.testing.assert_array_equal(wide.actions, narrow.actions)


@pytest.mark.parametrize("columns", (64, 66, len(ACTIONS), PERFORMANCE + 1))
def test_pins_of_other_widths_are_refused(tmp_path, columns):
    np.savez(tmp_path / "pins.npz", values=np.zeros((9, columns)), mask=np.zeros((9, columns), bool))
    with pytest.raises(UtterError, match=r"^pins.npz holds no pins: .* \[T, 65\] or \[T, 117\]\.$"):
        load_pins(tmp_path / "pins.npz", 9)


def test_pins_are_as_long_as_the_voice(tmp_path):
    write(tmp_path / "pins.npz", {("jawOpen", 3): 0.5, ("jawOpen", 8): 0.5}, frames=9)
    for frames in (5, 9, 20):
        pins = load_pins(tmp_path / "pins.npz", frames)
        assert pins.values.shape == pins.mask.shape == (frames, PERFORMANCE) and pins.mask.sum() == (1 if frames == 5 else 2)
    write(tmp_path / "pins.npz", {("jawOpen", 3): np.nan})
    with pytest.raises(UtterError, match=r"not finite numbers\.$"):
        load_pins(tmp_path / "pins.npz", FRAMES)


def test_soft_keys_and_keys_that_may_move(perform, free, performer, short_voice, tmp_path):
    """On channels and on face actions: within the tolerance; moved keys are told, and met where they went."""
    path, at, (lid, smile) = tmp_path / "p.npz", 30, (60, FACE_ACTIONS.start + ACTIONS.index("mouthSmileLeft"))
    shape = FRAMES, PERFORMANCE
    values, mask = np.zeros(shape, np.float32), np.zeros(shape, bool)
    tolerance, shift = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    for column, value in ((lid, 0.9), (smile, 0.8)):
        values[at, column], mask[at, column], tolerance[at, column] = value, True, 0.1
    shift[at, lid] = 6
    np.savez(path, values=values, mask=mask, tolerance=tolerance, shift=shift)
    motion = performer.perform(PerformRequest(voice=str(short_voice), output="", quality="draft", pins=str(path)))
    assert abs(motion.actions[at, ACTIONS.index("mouthSmileLeft")] - 0.8) <= 0.1 + 1e-6
    lids = free.values[at - 6 : at + 7, lid]
    nearest = at - 6 + int(np.lexsort((np.abs(np.arange(-6, 7)), np.abs(lids - 0.9)))[0])
    assert motion.shifted.tolist() == ([[at, nearest]] if nearest != at else [])
    assert abs(motion.values[nearest, lid] - 0.9) <= 0.1 + 1e-6
    save_motion(motion, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        assert file["shifted"].shape == motion.shifted.shape


def test_pins_of_another_head_or_without_their_numbers_are_refused(tmp_path):
    values, mask = np.zeros((FRAMES, CHANNELS), np.float32), np.ones((FRAMES, CHANNELS), bool)
    np.savez(tmp_path / "p.npz", values=values, mask=mask, basis="other")
    with pytest.raises(UtterError, match="belong to another head"):
        load_pins(tmp_path / "p.npz", FRAMES, "mine")
    np.savez(tmp_path / "p.npz", values=values, mask=mask, tolerance=values[:, :3])
    with pytest.raises(UtterError, match="tolerance must hold"):
        load_pins(tmp_path / "p.npz", FRAMES)
