"""Voice: the recording, where it begins, and its strip in the sequencer."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import compat
from ..animation import bake
from ..contract import FPS, SOUND_SUFFIXES, UtterError, frames_covering
from ..work import jobs
from . import sequencer, strengths, takes, words
from .base import HeadPanel, chosen, file_of, locked, settings_of


def path_of(head):
    """Absolute path of the head's voice. UtterError if there is none."""
    return file_of(head, settings_of(head).voice, "voice")


def place(scene, head):
    """Put the head's voice on the sequencer, in place of its earlier one, and make room for it in the scene's range.

    UtterError if Blender cannot read it; the earlier strip is gone then.
    """
    settings = settings_of(head)
    remove(scene, head)
    if not settings.voice.strip():
        return
    path = path_of(head)
    if settings.voice.startswith("//") and not head.library:
        path = settings.voice  # the strip finds it, too, when the folder moves
    if not bpy.app.build_options.audaspace:  # a Blender built without sound has no strips of it
        return
    if jobs.legible(path) != path:
        raise UtterError(f"{path} has letters that are not in UTF-8; rename the file and its folder, and choose it again.")
    taken = {strip.channel for strip in compat.strips(scene)}
    channel = next((number for number in range(1, 129) if number not in taken), 1)
    strip = compat.strips(scene).new_sound(sequencer.name_for(head), path, channel, settings.start)
    settings.strip, settings.sound = strip.name, strip.sound.name
    if strip.sound.channels == "INVALID":
        remove(scene, head)
        raise UtterError(f"{Path(path).name} cannot be read as sound; export it as WAV and choose that.")
    begin, end = compat.handles(strip)
    settings.seconds = (end - begin) / bake.scene_fps(scene)
    strip.show_waveform = True
    if not taken:
        scene.sync_mode = "AUDIO_SYNC"  # the lips keep to the voice when the viewport is slower than the clock
    include(scene, settings)


def include(scene, settings):
    """Extend the scene's frame range over the voice."""
    end = settings.start + frames_covering(settings.seconds, bake.scene_fps(scene))
    scene.frame_start, scene.frame_end = min(scene.frame_start, max(settings.start, 0)), max(scene.frame_end, end)


def remove(scene, head):
    """Take the head's voice off the sequencer."""
    settings = settings_of(head)
    found = sequencer.pieces(scene, head)
    sound = found[0].sound if found else None
    settings.strip, settings.sound, settings.seconds = "", "", 0.0
    for strip in found:
        meta = strip.parent_meta()
        (compat.strips(scene) if meta is None else compat.strips_in(meta)).remove(strip)
    if sound is not None and not sound.users:
        bpy.data.sounds.remove(sound)


def follow(scene, head):
    """Let Start Frame, the passages and the performance go where the strip is now, and keep pace with the scene's frame rate."""
    settings, fps = settings_of(head), bake.scene_fps(scene)
    begin, was = sequencer.begins(scene, head), settings.placed
    place, scale = round(begin), fps / settings.rate if settings.rate else 1.0
    scale = 1.0 if abs(scale - 1) < 1e-5 else scale
    if place != was or scale != 1 or not settings.rate:
        settings.placed, settings.rate = place, fps
        for passage in settings.passages:
            moved = lambda frame: place + (frame - was) * scale
            passage.start, passage.end = round(moved(passage.start)), round(moved(passage.end))
            strengths.retime(passage, moved)
            passage.fade = round(passage.fade * scale)
            passage.goes = round(passage.goes * scale) if passage.goes >= 0 else -1
        words.move_markers(scene, head)
    if settings.start != place:
        settings.start = place
    takes.keep_time(head, begin, fps, was)


def fit(scene, head, seconds):
    """Let the strip end with the voice, as long as it was heard: Blender believes what the file's header says. A cut of the artist's
    stays. Blender and a performance count whole frames, of which less than one each is no difference."""
    settings, found, fps = settings_of(head), sequencer.pieces(scene, head), bake.scene_fps(scene)
    settings.seconds = settings.seconds or seconds
    if len(found) != 1 or sequencer.retimed(found[0], settings.seconds, fps) or compat.cut(found[0])[1]:
        return
    begin, (_, end) = compat.first_sample(found[0], fps), compat.handles(found[0])
    if abs((end - begin) / fps - seconds) >= 1 / fps + 1 / FPS:
        compat.end_strip(found[0], round(begin) + frames_covering(seconds, fps))
        settings.seconds = seconds


def changed(settings, _context):
    """The artist named another voice: show it on the sequencer, or keep the reason why not."""
    settings.refusal = ""
    try:
        place(sequencer.scene_of(settings.id_data), settings.id_data)
    except UtterError as error:
        settings.refusal = jobs.legible(str(error))


def moved(settings, context):
    """The artist moved the voice: its strip, the passages and the performance go along."""
    if settings.start == settings.placed:  # as follow() leaves it
        return
    head = settings.id_data
    scene = sequencer.scene_of(head)
    if found := sequencer.pieces(scene, head):
        shift = settings.start - sequencer.begins(scene, head)
        for strip in found:
            compat.move_strip(strip, shift)
        include(scene, settings)
    else:
        changed(settings, context)
    follow(scene, head)


@bpy.app.handlers.persistent
def _after_update(scene, depsgraph):
    """The artist moved a strip in the sequencer, or chose another frame rate: whoever speaks it follows."""
    if depsgraph.id_type_updated("SCENE"):
        _before_frame(scene)


@bpy.app.handlers.persistent
def _before_frame(scene, *_):
    """And when another frame is shown: of a move in the sequencer that is cancelled Blender tells nothing."""
    if scene.sequence_editor is not None:
        for head in sequencer.part(scene):
            if not head.library and sequencer.pieces(scene, head):
                follow(scene, head)
    fps = bake.scene_fps(scene)
    if _rates.get(scene.session_uid) != fps:
        _rates[scene.session_uid] = fps
        for head in unheard(scene):
            if abs(settings_of(head).rate - fps) > bake.RATE_STEP:
                follow(scene, head)


_rates: dict[int, float] = {}  # the frame rate that each scene had when it was last looked at


def unheard(scene):
    """The heads of this scene alone that perform a voice without a strip: duplicates, where it was deleted, in a Blender without sound."""
    heads = [obj for obj in scene.objects if obj.type == "MESH" and not obj.library and settings_of(obj).rate and settings_of(obj).voice]
    return [head for head in heads if len(head.users_scene) == 1 and not sequencer.pieces(scene, head)]


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
        layout, head = self.layout, chosen(context)
        settings = settings_of(head)
        layout.enabled = not locked()
        row = layout.row(align=True)
        row.alert = bool(settings.refusal)
        row.scale_y = 1.0 if settings.voice else 1.4
        row.operator("utter.choose_voice", icon="SPEAKER", text=jobs.legible(Path(settings.voice).name) or "Choose Voice...")
        if settings.refusal:
            jobs.draw_text(layout, settings.refusal, context.region.width, icon="ERROR")
        elif settings.voice:
            row = layout.row()
            row.prop(settings, "start")
            if settings.seconds:
                row.label(text=f"{settings.seconds:.2f} s")
            for sentence in sequencer.sentences(context.scene, head):
                jobs.draw_text(layout, sentence, context.region.width, icon="ERROR")


def register():
    bpy.app.handlers.depsgraph_update_post.append(_after_update)
    bpy.app.handlers.frame_change_pre.append(_before_frame)


def unregister():
    for handler, handlers in ((_after_update, bpy.app.handlers.depsgraph_update_post), (_before_frame, bpy.app.handlers.frame_change_pre)):
        if handler in handlers:
            handlers.remove(handler)


CLASSES = (UTTER_OT_choose_voice, UTTER_FH_voice, UTTER_PT_voice)
