"""Words: what is said in the voice, where somebody has written it down. They make the lips sharper, and may be wrong."""

import re
import zlib
from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import compat
from ..contract import LANGUAGES, SOUND_SUFFIXES, WORDS_SUFFIXES, UtterError, check_words_file, is_file, names_file
from ..work import jobs
from . import sequencer
from .base import HeadPanel, chosen, settings_of

# A .blend keeps an item's number: it must not change when another language comes between.
ITEMS = (
    ("auto", "Automatic", "Found out from the words and the voice", "NONE", 0),
    *((code, name, f"The words are {name}", "NONE", zlib.crc32(code.encode()) >> 1) for code, name in LANGUAGES),
)


def suggest(settings, _context, _typed):
    """What the field offers while it is edited: the sentence that the strip is called, and the texts of the file."""
    sentence = sentence_in(name_of(settings.id_data))
    return ([sentence] if sentence else []) + [text.name for text in bpy.data.texts]


def language(settings):
    """The code for the worker; None: found out."""
    return None if settings.language == "auto" else settings.language


def of(head):
    """What the head's words field means to the worker: the words themselves, the absolute path of a file of them, or None.

    The field holds words, the name of one of the file's texts, or the path of a .txt, .srt or .vtt file. UtterError if it is not there,
    or of another kind. Words that only mention a file are words.
    """
    given = settings_of(head).words.strip()
    if given in bpy.data.texts:
        return bpy.data.texts[given].as_string().strip() or None
    path = bpy.path.abspath(given, library=head.library)
    if names_file(given, path):
        if not is_file(path):
            raise UtterError(f"The file of words {path} does not exist; choose it again, or write the words themselves.")
        check_words_file(path)
        return str(Path(path).absolute())
    return given or None


def name_of(head):
    """What the artist calls the voice: the name of its strip if it was given one, else of the recording."""
    path = Path(bpy.path.abspath(settings_of(head).voice, library=head.library))
    names = [
        strip.name
        for strip in compat.strips(sequencer.scene_of(head))
        if strip.type == "SOUND"
        and strip.sound is not None
        and Path(bpy.path.abspath(strip.sound.filepath, library=strip.sound.library)) == path
    ]
    return next((name for name in names if not name.startswith(sequencer.STRIP)), jobs.legible(path.name))


def sentence_in(name):
    """The words of a name such as "SC03_we-will_not_go_02.wav": at least three, without numbers; "" if it says nothing."""
    name = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SOUND_SUFFIXES else name
    words = [word for word in re.split(r"[\s_.\-–]+", name) if word and not re.search(r"[\d\ufffd]", word)]
    return " ".join(words) if len(words) >= 3 else ""


class UTTER_OT_choose_words(bpy.types.Operator, ImportHelper):
    bl_idname = "utter.choose_words"
    bl_label = "Choose Words..."
    bl_description = "Choose a file with the words of the voice: plain text (.txt) or subtitles (.srt, .vtt), whose times are used"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".txt"
    filter_glob: bpy.props.StringProperty(default=";".join(f"*{s}" for s in WORDS_SUFFIXES), options={"HIDDEN"})

    @classmethod
    def poll(cls, context):
        return jobs.allowed(cls, "" if chosen(context) else "Add a head first.")

    def execute(self, context):
        path = bpy.path.abspath(self.filepath)
        try:
            check_words_file(path)
        except UtterError as error:
            self.report({"ERROR"}, jobs.legible(str(error)))
            return {"CANCELLED"}
        if not (Path(path).suffix.lower() in WORDS_SUFFIXES and is_file(path)):
            self.report({"ERROR"}, "Choose a text file (.txt) or subtitles (.srt, .vtt).")
            return {"CANCELLED"}
        if jobs.legible(self.filepath) != self.filepath:
            self.report({"ERROR"}, f"{jobs.legible(path)} has letters that are not in UTF-8; rename the file and its folder.")
            return {"CANCELLED"}
        settings_of(chosen(context)).words = self.filepath
        return {"FINISHED"}


class UTTER_OT_words_from_strip(bpy.types.Operator):
    bl_idname = "utter.words_from_strip"
    bl_label = "Words from Strip Name"
    bl_description = "Take the words from the name of the voice's strip, or of its file, where that is the sentence"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        return jobs.allowed(
            cls,
            "Add a head first."
            if head is None
            else "Choose a voice first."
            if not settings_of(head).voice
            else ""
            if sentence_in(name_of(head))
            else "The voice is not called by the words that are said in it.",
        )

    def execute(self, context):
        head = chosen(context)
        settings_of(head).words = sentence_in(name_of(head))
        return {"FINISHED"}


class UTTER_PT_words(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_words"
    bl_label = "Words"
    bl_parent_id = "UTTER_PT_voice"

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings = settings_of(head)
        row = layout.row(align=True)
        row.prop(settings, "words", text="", icon="TEXT", placeholder="What is said, if written down")
        row.operator("utter.choose_words", text="", icon="FILE_FOLDER")
        if settings.words:
            layout.prop(settings, "language")
        elif sentence_in(name_of(head)):
            layout.operator("utter.words_from_strip")


CLASSES = (UTTER_OT_choose_words, UTTER_OT_words_from_strip, UTTER_PT_words)
