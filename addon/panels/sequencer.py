"""The strip of a head's voice in the sequencer, as the artist left it: moved, cut, renamed, copied, muted, in a meta strip."""

import functools
import time

import bpy

from .. import compat
from ..animation import bake
from ..contract import is_file
from .base import settings_of

STRIP = "Voice of "  # what our strips are called, before the head's name


def scene_of(head):
    """The scene in which the head speaks: the current one if the head is in it."""
    scenes = head.users_scene
    return bpy.context.scene if bpy.context.scene in scenes or not scenes else scenes[0]


def name_for(head):
    """What the strip of a head's voice is called, as long as Blender lets it be."""
    return f"{STRIP}{head.name}".encode()[:63].decode(errors="ignore")


def speakers(scene):
    """The heads of a scene that have a strip."""
    return [obj for obj in scene.objects if obj.type == "MESH" and settings_of(obj).strip]


def pieces(scene, head):
    """The strips that play the head's voice, the one that Utter made first; none where a duplicated head names its original's."""
    settings = settings_of(head)
    if not settings.strip:
        return []
    others = [settings_of(other) for other in speakers(scene) if other != head]
    if any(other.strip == settings.strip for other in others) and settings.strip != name_for(head):
        return []
    sounds = [strip for strip in compat.all_strips(scene) if strip.type == "SOUND"]
    made = next((strip for strip in sounds if strip.name == settings.strip), None)
    sound = settings.sound or (made.sound.name if made and made.sound else "")
    alone = bool(sound) and all(other.sound != sound for other in others)  # else the same recording plays for another head, too
    found = [strip for strip in sounds if strip == made or (alone and strip.sound is not None and strip.sound.name == sound)]
    return sorted(found, key=lambda strip: (strip != made, compat.handles(strip)[0]))


def part(scene):
    """The speakers of a scene, once duplicated heads have forgotten the strips of their originals, which they would take over when these
    are deleted."""
    heads = speakers(scene)
    owned = {settings_of(head).strip for head in heads if settings_of(head).strip == name_for(head)}
    for head in heads:
        settings = settings_of(head)
        if settings.strip in owned and settings.strip != name_for(head) and not head.library:
            settings.strip = settings.sound = ""
    return [head for head in heads if settings_of(head).strip]


def begins(scene, head):
    """The frame at which the first sample of the voice lies; a fraction where Blender cut the strip at another frame rate."""
    strips = pieces(scene, head)
    return compat.first_sample(strips[0], bake.scene_fps(scene)) if strips else float(settings_of(head).start)


def sentences(scene, head):
    """What the artist did to the strip that the face does not follow, a sentence each."""
    settings, strips = settings_of(head), pieces(scene, head)
    if strips:
        return list(_told(scene, strips, settings.seconds))
    shared = any(settings_of(other).strip == settings.strip for other in speakers(scene) if other != head)
    if not settings.strip or shared:  # a duplicated head has its own strip as soon as it has its own Start Frame
        return []
    if any(pieces(other, head) for other in head.users_scene):  # of a copied scene, which shares the head and has no strips
        return []
    return ["The voice's strip is no longer in the sequencer; choose the voice again to hear it. The face begins at Start Frame."]


def retimed(strip, seconds, fps):
    """Whether a strip plays its sound at another speed. In Blender 4.2 and 4.3 its length alone tells: without a cut it is the voice's."""
    begin, end = compat.handles(strip)
    longer = compat.cut(strip) == (0, 0) and abs((end - begin) - seconds * fps) > 2
    return len(strip.retiming_keys) > 0 if hasattr(strip, "retiming_keys") else longer


def _told(scene, strips, seconds):
    fps, name = bake.scene_fps(scene), strips[0].name
    begin, handles = compat.first_sample(strips[0], fps), sorted(compat.handles(strip) for strip in strips)
    heard, gaps = (handles[0][0], handles[-1][1]), any(after[0] > before[1] for before, after in zip(handles, handles[1:]))
    if any(retimed(strip, seconds, fps) for strip in strips):
        yield f"The strip {name} is retimed, which the face does not follow; export the voice at its new speed and choose that."
    elif len({round(compat.first_sample(strip, fps), 1) for strip in strips}) > 1:
        yield f"The strip {name} was cut and its parts moved, or copied; the face follows {name}. Export what is heard and choose that."
    elif gaps or heard[0] >= begin + 1 or heard[1] <= begin + seconds * fps - 1:
        where = "in parts only" if gaps else f"from frame {heard[0]:.0f} to {heard[1]:.0f} only"
        yield f"The strip {name} was cut: the voice is heard {where}, and the face speaks all of it."
    for strip in strips:
        if strip.sound is not None and not strip.sound.packed_file and not _there(_path(strip.sound), int(time.monotonic())):
            yield f"The file of the strip {name} is gone ({_path(strip.sound)}), so it is silent; choose the voice again."
            break
    for strip in strips:
        if _silent(scene, strip):
            yield f"The strip {strip.name} is muted: by itself, its channel, its meta strip, or its volume."
    if scene.render.frame_map_old != scene.render.frame_map_new:
        yield "The scene's time is stretched, its sound is not; set Time Stretching in the Output properties to 100 and 100."


@functools.lru_cache(maxsize=16)
def _there(path, _second):
    """Whether a file is there, asked once a second: panels are drawn more often, and a disk may be slow."""
    return is_file(path)


def _path(sound):
    return bpy.path.abspath(sound.filepath, library=sound.library)


def _silent(scene, strip):
    meta = strip.parent_meta()
    channels = (scene.sequence_editor if meta is None else meta).channels
    return strip.mute or channels[strip.channel].mute or getattr(strip, "volume", 1) == 0 or (meta is not None and _silent(scene, meta))
