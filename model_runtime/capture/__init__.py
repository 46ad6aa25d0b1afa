"""Faces from film: what a face tracker saw of a video or a photo -> Motion on the built-in head."""

from model_runtime.capture.solve import fit
from model_runtime.capture.track import Neutral, Track, measures, neutral_of

__all__ = ["Neutral", "Track", "fit", "measures", "neutral_of"]
