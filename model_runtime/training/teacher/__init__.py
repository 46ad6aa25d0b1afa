"""The teacher: aligned phones, prosody and a feeling -> face actions, and Motion on any head."""

from model_runtime.training.teacher.contact import solve
from model_runtime.training.teacher.perform import actions, perform
from model_runtime.training.teacher.voice import prosody, rhythm

__all__ = ["actions", "perform", "prosody", "rhythm", "solve"]
