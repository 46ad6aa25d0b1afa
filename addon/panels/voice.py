"""Voice: the recording, where it begins, and its strip in the sequencer."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import compat
from ..animation import bake
from ..contract import SOUND_SUFFIXES, UtterError, frames_covering
from ..work import jobs
from .base import HeadPanel, chosen, settings_of

STRIP = "Voice of "  # what our strips are called, before the head's name


def path_of(head):
    """Absolute path of the head's voice. UtterError if there is none."""
    settings = settings_of(head)
    if not settings.voice.strip():
        raise UtterError("Choose a voice first.")
    path = bpy.path.abspath(settings.voice, library=head.library)
    if not Path(path).is_file():
        raise UtterError(f"The voice {path} does not exist; choose it again.")
    return path


def place(scene, head):
    """Put the head's voice on the sequencer, in place of its earlier one, and make room for it in the scene's range.

    UtterError if Blender cannot read it; the earlier strip is gone then.
    """
    settings = settings_of(head)
    remove(scene, head)
    if not settings.voice.strip():
        return
    path, settings.placed = path_of(head), settings.start
    if not bpy.app.build_options.audaspace:  # a Blender built without sound has no strips of it
        return
    taken = {strip.channel for strip in compat.strips(scene)}
    channel = next((number for number in range(1, 129) if number not in taken), 1)
    strip = compat.strips(scene).new_sound(f"{STRIP}{head.name}", path, channel, settings.start)
    settings.strip = strip.name
    if strip.sound.channels == "INVALID":
        remove(scene, head)
        raise UtterError(f"{Path(path).name} cannot be read as sound; export it as WAV and choose that.")
    settings.seconds = strip.frame_final_duration / bake.scene_fps(scene)
    strip.show_waveform = True
    if not taken:
        scene.sync_mode = "AUDIO_SYNC"  # the lips keep to the voice when the viewport is slower than the clock
    include(scene, settings)


def include(scene, settings):
    """Extend the scene's frame range over the voice."""
    end = settings.start + frames_covering(settings.seconds, bake.scene_fps(scene))
    scene.frame_start, scene.frame_end = min(scene.frame_start, max(settings.start, 0)), max(scene.frame_end, end)


def strip_of(scene, head):
    """The strip of the head's voice, or None; a duplicated head names its original's, which is not its own."""
    name = settings_of(head).strip
    if not name or any(settings_of(other).strip == name for other in scene.objects if other != head):
        return None
    return next((strip for strip in compat.strips(scene) if strip.name == name), None)


def remove(scene, head):
    """Take the head's voice off the sequencer."""
    strip = strip_of(scene, head)
    if strip is not None:
        sound = strip.sound
        compat.strips(scene).remove(strip)
        if sound is not None and not sound.users:
            bpy.data.sounds.remove(sound)
    settings_of(head).strip, settings_of(head).seconds = "", 0.0


def scene_of(head):
    """The scene in which the head speaks: the current one if the head is in it."""
    scenes = head.users_scene
    return bpy.context.scene if bpy.context.scene in scenes or not scenes else scenes[0]


def changed(settings, _context):
    """The artist named another voice: show it on the sequencer, or keep the reason why not."""
    settings.refusal = ""
    try:
        place(scene_of(settings.id_data), settings.id_data)
    except UtterError as error:
        settings.refusal = str(error)


def moved(settings, context):
    """The artist moved the voice: its strip and the passages go along."""
    scene, shift = scene_of(settings.id_data), settings.start - settings.placed
    strip = strip_of(scene, settings.id_data)
    if strip is None:
        changed(settings, context)
    else:
        strip.frame_start = settings.start
        include(scene, settings)
    settings.placed = settings.start
    for passage in settings.passages:
        passage.start += shift
        passage.end += shift


class UTTER_OT_choose_voice(bpy.types.Operator, ImportHelper):
    bl_idname = "utter.choose_voice"
    bl_label = "Choose Voice..."
    bl_description = "Choose the recording to perform; it also goes on the sequencer"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".wav"
    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=";".join(f"*{s}" for s in SOUND_SUFFIXES), options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, "" if chosen(context) else "Add a head first.")

    def invoke(self, context, event):
        return self.execute(context) if self.filepath else ImportHelper.invoke(self, context, event)  # a dropped file has its path

    def execute(self, context):
        settings = settings_of(chosen(context))
        before, settings.voice = settings.voice, self.filepath
        if settings.refusal:
            self.report({"ERROR"}, settings.refusal)
            settings.voice = before
            return {"CANCELLED"}
        return {"FINISHED"}


class UTTER_FH_voice(bpy.types.FileHandler):
    """A recording dropped into the 3D viewport becomes the voice."""

    bl_idname = "UTTER_FH_voice"
    bl_label = "Voice"
    bl_import_operator = "utter.choose_voice"
    bl_file_extensions = ";".join(SOUND_SUFFIXES)

    @classmethod
    def poll_drop(cls, context):
        return context.area is not None and context.area.type == "VIEW_3D" and chosen(context) is not None


class UTTER_PT_voice(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_voice"
    bl_label = "Voice"

    def draw(self, context):
        layout, settings = self.layout, settings_of(chosen(context))
        row = layout.row(align=True)
        row.alert = bool(settings.refusal)
        row.scale_y = 1.0 if settings.voice else 1.4
        row.operator("utter.choose_voice", icon="SPEAKER", text=Path(settings.voice).name or "Choose Voice...")
        if settings.refusal:
            jobs.draw_text(layout, settings.refusal, context.region.width, icon="ERROR")
        elif settings.voice:
            row = layout.row()
            row.prop(settings, "start")
            if settings.seconds:
                row.label(text=f"{settings.seconds:.2f} s")


CLASSES = (UTTER_OT_choose_voice, UTTER_FH_voice, UTTER_PT_voice)
