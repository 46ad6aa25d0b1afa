"""Motion -> F-curves of our own, and back.

(signatures; bodies follow)
"""
from typing import NamedTuple


class Baked(NamedTuple):
    """actions: the Actions that hold the performance (one, or two before Blender 4.4).
    set_aside: names of the artist's Actions that were active and now play below ours in the NLA (with a fake user)."""

    actions: list
    set_aside: list


def bake(obj, values, start_frame=1.0, *, fps=None, jaw=None, name=None, lip_gap=None):
    """Write a performance onto our head obj as F-curves of an Action of our own: Baked.

    values: Motion [T,65] at 30 fps. start_frame: scene frame of the voice's first sample. fps: the scene's, default the
    context scene's. jaw: "KEYS", "BONE" or None, as the head remembers. name: the Action's. lip_gap [T]: default from the mesh.
    Our own earlier performance on obj is replaced (its pins too); an artist's Action is never written to.
    UtterError if obj is no head of ours, is linked without an override, or values are no Motion.
    """
    raise NotImplementedError


def rebake(obj, values, start_frame=1.0, *, fps=None, jaw=None, lip_gap=None):
    """As bake(), but the artist's keys (pins) stay exactly as they are and our keys make room for them: Baked."""
    raise NotImplementedError


def read_pins(obj, start_frame, length, *, fps=None):
    """The artist's keys on our channels: (values [length,65] float32, mask [length,65] bool) at 30 fps.

    A pin is a key whose type is not GENERATED, or one of ours whose value was changed by hand. Empty mask if none.
    """
    raise NotImplementedError


def clear(obj):
    """Remove our performance from obj: our F-curves go, channels return to rest, the artist's Action is active again.
    Returns False if there was none."""
    raise NotImplementedError


def owned(action):
    """True if the Action is one that bake() made."""
    raise NotImplementedError


def actions(obj):
    """Our Actions on obj now (list; empty if none)."""
    raise NotImplementedError


def sample(obj, frames):
    """Evaluate our F-curves at scene frames: values [len(frames),65] float32; 0 for a channel without a curve."""
    raise NotImplementedError


def scene_fps(scene=None):
    """The scene's frames a second: render.fps / render.fps_base."""
    raise NotImplementedError
