"""The names of feelings, and the size of the space that they lie in."""

LABELS = ("neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted", "contemptuous")
SIZE = 128
