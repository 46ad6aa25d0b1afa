"""The scope of Re-diffuse: which frames and regions of the performance are drawn anew, and how much they may change. All else stays."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..animation import bake, curves
from ..contract import FACE_ACTIONS, FPS, REGIONS, Passage, UtterError, performed_in, seconds_at, touched

SCOPES = {
    "EVERYTHING": ("Everything", "The whole performance"),
    "KEYS": ("Selected Keys' Range", "From the first to the last selected key on the head's curves, and half a second beside them"),
    "PASSAGE": ("This Passage", "The passage that is chosen in the list of passages, with its fades"),
    "PREVIEW": ("Preview Range", "The preview range of the timeline"),
    "MARKERS": ("Between Two Markers", "From the first to the last selected timeline marker; without two, those beside the playhead"),
}
BESIDE = 0.5  # seconds beside selected keys: room for the face to come to them


class Part(NamedTuple):
    """What is performed anew: spans of frames of the scene (first, last), in order; regions, and how much may change. all: every frame."""

    spans: tuple[tuple[float, float], ...]
    regions: tuple[str, ...]
    change: float
    all: bool

    def columns(self) -> list[int]:
        """Of a performance, what may change."""
        channels, actions = performed_in(self.regions)
        return [*channels, *(FACE_ACTIONS.start + action for action in actions)]


def whole(settings: Any) -> bool:
    """Whether everything is performed anew, free of what is there."""
    return settings.scope == "EVERYTHING" and set(settings.scope_regions) >= set(REGIONS) and settings.scope_change == 1


def refusal(scene: Any, settings: Any) -> str:
    """Why there is no such scope now, or ""."""
    if not settings.scope_regions:
        return "Choose a region first."
    if settings.scope_change == 0:
        return "Nothing may change; raise How Much May Change."
    if settings.scope == "PREVIEW" and not scene.use_preview_range:
        return "Set a preview range in the timeline first (P)."
    if settings.scope == "MARKERS" and between(scene) is None:
        return "Select two markers on the timeline first, or put one on either side of the playhead (M)."
    if settings.scope == "PASSAGE" and not 0 <= settings.passage < len(settings.passages):
        return "Choose a passage first."
    return ""


def part_of(scene: Any, rig: Any, settings: Any, start: float, fps: float) -> Part:
    """What the settings say is performed anew; start: of the voice. UtterError if there is no such part of the performance."""
    if why := refusal(scene, settings):
        raise UtterError(why)
    if not bake.actions(rig):
        raise UtterError("Perform first.")
    end = start + (settings.frames - 1) * fps / FPS
    first, last = span(scene, rig, settings, start, fps) or (start, end)
    if first > end or last < start or last <= first:
        raise UtterError(f"Frames {first:.0f} to {last:.0f} hold nothing of the performance, which lasts from {start:.0f} to {end:.0f}.")
    regions = tuple(name for name in REGIONS if name in settings.scope_regions)
    return Part(((max(first, start), min(last, end)),), regions, settings.scope_change, settings.scope == "EVERYTHING")


def span(scene: Any, rig: Any, settings: Any, start: float, fps: float) -> tuple[float, float] | None:
    """The first and the last frame of the scope as it is chosen; None for all."""
    if settings.scope == "PREVIEW":
        return scene.frame_preview_start, scene.frame_preview_end
    if settings.scope == "MARKERS":
        return between(scene)
    if settings.scope == "PASSAGE":
        chosen = settings.passages[settings.passage]
        start, end, fade, fade_out = (seconds_at(frames, fps) for frames in (chosen.start, chosen.end, chosen.fade, chosen.fade_out))
        begin, end = touched(Passage(start, end, "", fade=fade, fade_out=fade_out))
        return np.ceil(begin * fps), np.floor(end * fps)
    if settings.scope == "KEYS":
        found = bake.selected(rig)
        if found is None:
            raise UtterError("Select keys on the head's curves first; their range is performed anew.")
        return found[0] - round(BESIDE * fps), found[1] + round(BESIDE * fps)
    return None


def between(scene: Any) -> tuple[float, float] | None:
    """The frames of the markers that a scope lies between; None where there are no two."""
    chosen = sorted(marker.frame for marker in scene.timeline_markers if marker.select)
    if len(set(chosen)) > 1:
        return chosen[0], chosen[-1]
    frames, now = sorted({marker.frame for marker in scene.timeline_markers}), scene.frame_current
    before, after = [frame for frame in frames if frame <= now], [frame for frame in frames if frame > now]
    return (before[-1], after[0]) if before and after else None


def write_present(path: Path, rig: Any, start: float, fps: float, frames: int) -> None:
    """Write the performance as the rig shows it, [frames, 65] at 30 fps, with face actions where it moves by those (its basis is none)."""
    shown = bake.sample(rig, start + np.arange(frames) / FPS * fps)
    curves.write(path, shown, rig.basis)


def of_another_length(settings: Any) -> bool:
    """Whether the voice is not as long as the performance on the head."""
    return bool(settings.seconds) and abs(settings.seconds * FPS - settings.frames) > FPS / 4


def check_voice(settings: Any) -> None:
    """UtterError where the voice is another than the one that the head performed, as far as its length tells."""
    if of_another_length(settings):
        lasts = settings.frames / FPS
        raise UtterError(f"The voice lasts {settings.seconds:.1f} s and the performance {lasts:.1f} s; perform the voice as a whole first.")
