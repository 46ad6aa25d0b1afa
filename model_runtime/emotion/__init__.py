"""Feelings: what the face should feel, from a prompt, a label, a voice or a Motion, in one space.

A Feeling is a point of the 128-d unit sphere (which emotion) times a strength 0..1 (how much); per frame it is [T, 128].
"""

from model_runtime.emotion.labels import CONTROL, LABELS, MANNER, MOUTH, POINT, SIZE

__all__ = ["CONTROL", "LABELS", "MANNER", "MOUTH", "POINT", "SIZE", "load_feelings"]


def load_feelings(device="cpu", encoder=None):
    """The shipped Feelings (model_runtime/emotion/feelings.py). UtterError if the weights are missing or damaged."""
    from model_runtime.emotion.feelings import load

    return load(device=device, encoder=encoder)
