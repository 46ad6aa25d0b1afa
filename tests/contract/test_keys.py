"""What is said about an artist's keys that cannot all be what is meant."""

from contract import ACTIONS, CHANNEL_NAMES, FACE_ACTIONS, doubts

JAW, LID, SMILE = CHANNEL_NAMES.index("jaw_x"), CHANNEL_NAMES.index("lid_left"), FACE_ACTIONS.start + ACTIONS.index("mouthSmileLeft")


def test_ordinary_keys_are_not_doubted():
    keys = [(1, JAW, 0.0), (11, JAW, 0.3), (12, JAW, 0.31), (30, LID, 0), (31, LID, 1), (40, SMILE, 1), (90, 3, -2.5)]
    assert doubts(keys, 30, 1, 90) == []


def test_keys_outside_the_voice_are_counted():
    (said,) = doubts([(0, JAW, 0.1), (50, JAW, 0.1), (120.5, 3, 1)], 30, 1, 90)
    assert "2 keys of yours lie outside the voice, which is at frames 1 to 90: frames 0 to 120.5" in said
    (said,) = doubts([(91, JAW, 0.1)], 30, 1, 90)
    assert said.startswith("A key of yours lies outside") and "frame 91" in said


def test_values_beyond_their_range_are_named():
    (said,) = doubts([(5, LID, 1.4), (9, 2, 9)], 30, 1, 90)
    assert "expression_02 at frame 9 is 9, beyond -6 to 6 (and 1 more)" in said and "met all the same" in said


def test_keys_that_contradict_each_other_are_named_with_their_frames():
    """Within two frames of the Motion, at any frame rate."""
    keys = [(10, SMILE, 0.1), (11, SMILE, 0.9), (60, SMILE, 0), (70, SMILE, 1)]
    (said,) = doubts(keys, 30, 1, 90)
    assert "mouthSmileLeft at frames 10 and 11 contradict each other (0.10 and 0.90)" in said and "both are met" in said
    assert doubts([(10, JAW, 0), (12, JAW, 0.4)], 24, 1, 90) == [] and doubts([(10, JAW, 0), (12, JAW, 0.4)], 60, 1, 90)
