"""Resampling: the motion is met, closures and blinks survive any frame rate, pins come back."""

import numpy as np
import pytest

from addon.animation import curves

RATES = [12, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120]


def talk(frames=300, seed=0):
    """A motion with one-frame lip closures and one-frame blinks, and its lip gap."""
    random = np.random.default_rng(seed)
    values = np.zeros((frames, 65), np.float32)
    time = np.arange(frames) / 30
    values[:, :50] = np.sin(time[:, None] * random.uniform(1, 6, 50) + random.uniform(0, 6, 50))
    values[:, 50] = 0.15 + 0.1 * np.sin(time * 9)
    values[:, 53:56] = 0.1 * np.sin(time[:, None] * [1, 1.3, 1.7])
    shut = np.sort(random.choice(np.arange(4, frames - 4, 5), 20, replace=False))
    blinks = np.sort(random.choice(np.arange(8, frames - 8, 20), 8, replace=False))
    gap = 0.2 + values[:, 50].copy()
    for closure in shut:  # open either side: nothing but the one frame is shut
        values[closure, 50], values[closure, 0], gap[closure] = 0, 3, 0
    for blink in blinks:
        values[blink - 1 : blink + 2, 60:62] = np.array([0.5, 1, 0.5])[:, None]
    return values, gap, shut, blinks


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("start", [1, 100, -7.5, 12.3])
def test_one_frame_closures_stay_shut_at_any_rate(fps, start):
    values, gap, shut, blinks = talk()
    frames, samples = curves.resample(values, fps, start, gap)
    u = (frames - start) / fps * 30
    if fps >= 15:
        for closure in shut:
            near = np.abs(u - closure) <= 15 / fps + 1e-6  # half a scene frame
            assert np.any((samples[near, 50] == 0) & (samples[near, 0] == 3)), f"/p/ at {closure} lost at {fps} fps"
        for blink in blinks:
            near = np.abs(u - blink) <= 15 / fps + 1e-6
            assert samples[near, 60].max() == 1 and samples[near, 61].max() == 1
    else:  # fewer samples than closures can claim: half of them at the very least
        met = sum(np.any(samples[np.abs(u - closure) <= 15 / fps + 1e-6, 50] == 0) for closure in shut)
        assert met >= len(shut) / 2


def test_without_care_closures_are_lost():
    values, gap, shut, _ = talk()
    u = np.arange(0, len(values) - 1, 30 / 24)
    plain = curves.interpolate(values, u)
    assert (plain[:, 50] == 0).sum() < len(shut) / 2


def test_thirty_fps_is_the_motion_itself():
    values, gap, _, _ = talk()
    frames, samples = curves.resample(values, 30, 1, gap)
    np.testing.assert_array_equal(frames, np.arange(1, len(values) + 1))
    np.testing.assert_array_equal(samples, values)


def test_sixty_fps_meets_every_frame_and_leaves_no_range():
    values, gap, _, _ = talk()
    frames, samples = curves.resample(values, 60, 10, gap)
    np.testing.assert_array_equal(samples[::2], values)
    low, high = np.minimum(values[:-1], values[1:]), np.maximum(values[:-1], values[1:])
    assert np.all(samples[1::2] >= low - 1e-6) and np.all(samples[1::2] <= high + 1e-6)


@pytest.mark.parametrize("fps", RATES)
def test_smooth_channels_are_followed_and_time_is_not_bent_far(fps):
    values, gap, _, _ = talk()
    frames, samples = curves.resample(values, fps, 1, gap)
    assert frames[0] == 1 and (frames[-1] - 1) / fps >= (len(values) - 1) / 30 - 1e-3
    assert (frames[-1] - 2) / fps < (len(values) - 1) / 30
    time = np.minimum((frames - 1) / fps, (len(values) - 1) / 30)
    truth = 0.1 * np.sin(time[:, None] * [1, 1.3, 1.7])  # the neck knows no closures
    np.testing.assert_allclose(samples[:, 53:56], truth, atol=3e-4)


@pytest.mark.parametrize("fps", RATES)
def test_meet_moves_no_sample_by_more_than_half_a_scene_frame(fps):
    _, gap, _, _ = talk()
    u = np.arange(0, len(gap) - 1, 30 / fps)
    met = curves.meet(u, gap)
    assert np.abs(met - u).max() <= 15 / fps + 1e-9
    assert np.all(np.diff(met) > 0)


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("fps", [24, 60])
def test_very_short_motions(frames, fps):
    values = np.full((frames, 65), 0.25, np.float32)
    _, samples = curves.resample(values, fps, 1)
    assert len(samples) >= 1
    np.testing.assert_allclose(samples, 0.25, atol=1e-6)


def test_a_mouth_that_never_opens_is_left_alone():
    values = np.zeros((60, 65), np.float32)
    _, samples = curves.resample(values, 24, 1, np.zeros(60))
    assert not samples.any()


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
def test_pins_on_motion_frames_are_exact_and_others_hold_both_neighbours(fps):
    step = fps / 30
    values, mask = curves.pins([5 + 20 * step, 5 + 40.5 * step], [3, 50], [1.25, 0.5], 5, fps, 100)
    assert mask.sum() == 3
    assert mask[20, 3] and values[20, 3] == np.float32(1.25)
    assert mask[40, 50] and mask[41, 50] and values[40, 50] == values[41, 50] == 0.5


def test_pins_outside_the_motion_are_ignored_and_exact_ones_win():
    values, mask = curves.pins([-3, 500, 10.5, 11], [0, 0, 7, 7], [9, 9, 2, 4], 0, 30, 100)
    assert not mask[:, 0].any()
    assert values[10, 7] == 2 and values[11, 7] == 4


def test_neighbouring_pins_at_24_fps_are_blended_by_nearness():
    values, mask = curves.pins([10, 11], [1, 1], [0, 1], 0, 24, 40)  # positions 12.5 and 13.75
    np.testing.assert_array_equal(np.flatnonzero(mask[:, 1]), [12, 13, 14])
    assert values[12, 1] == 0 and values[14, 1] == 1 and 0 < values[13, 1] < 0.5


def test_no_pins():
    values, mask = curves.pins([], [], [], 1, 24, 10)
    assert values.shape == mask.shape == (10, 65) and not mask.any()
