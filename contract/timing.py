"""Seconds to frames and back, in this one place. fps: frames a second of the scene."""

import math


def frame_at(seconds: float, fps: float, start: float = 0) -> int:
    """The frame nearest to that moment of a voice that begins at the frame start."""
    return round(start + seconds * fps)


def frames_covering(seconds: float, fps: float) -> int:
    """How many frames a stretch takes so that none of it is cut off."""
    return math.ceil(seconds * fps)


def seconds_at(frame: float, fps: float, start: float = 0) -> float:
    """The moment of a frame, in seconds from the frame start."""
    return (frame - start) / fps
