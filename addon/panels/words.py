"""Words: what is said in the voice, written down by the artist or found out by Utter. They make the lips sharper, and may be wrong.

The words that a performance found are a list with their times. What the artist changes there is theirs: it is kept, and the list is then
what the next performance takes the voice to say.
"""

import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import compat
from ..animation import bake
from ..contract import (
    LANGUAGES,
    SOUND_SUFFIXES,
    WORDS_SUFFIXES,
    UtterError,
    Word,
    check_directions,
    check_words_file,
    frame_at,
    has_directions,
    is_file,
    names_file,
    read_text,
    to_srt,
    without_directions,
)
from ..work import jobs
from . import sequencer
from .base import HeadPanel, chosen, locked, settings_of

# A .blend keeps an item's number: it must not change when another language comes between.
ITEMS = (
    ("auto", "Automatic", "Found out from the words and the voice", "NONE", 0),
    *((code, name, f"The words are {name}", "NONE", zlib.crc32(code.encode()) >> 1) for code, name in LANGUAGES),
)
DOUBTED = 0.5  # confidence below which a word is marked


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
    or of another kind. Words that only mention a file are words. Where it is empty, a transcript that the artist has changed is meant, as
    subtitles.
    """
    given = settings_of(head).words.strip()
    if not given:
        return script_of(settings_of(head)) if changed(settings_of(head)) else None
    if given in bpy.data.texts:
        return bpy.data.texts[given].as_string().strip() or None
    path = bpy.path.abspath(given, library=head.library)
    if names_file(given, path):
        if not is_file(path):
            raise UtterError(f"The file of words {path} does not exist; choose it again, or write the words themselves.")
        check_words_file(path)
        return str(Path(path).absolute())
    return given or None


def directions_in(said, voice):
    """(a key of words with directions, or "" where there are none; the words without them). said: as of() gives it; voice: its path.
    UtterError where a direction cannot be read."""
    if not said:
        return "", said
    text = read_text(said) if names_file(said) else said
    if not has_directions(text):
        return "", said
    check_directions(text)
    return hashlib.sha256(f"{voice}\n{text}".encode("utf-8", "replace")).hexdigest()[:16], without_directions(text)


def changed(settings):
    """Whether the artist has changed a word of the transcript."""
    return any(word.text != word.heard for word in settings.transcript)


def script_of(settings):
    """The transcript as subtitles, or None where it is another voice's, or nothing is left of it."""
    if settings.transcript_of != jobs.legible(bpy.path.abspath(settings.voice, library=settings.id_data.library)):
        return None
    said = [Word(start=w.start, end=w.end, text=w.text.strip(), confidence=w.confidence) for w in settings.transcript if w.text.strip()]
    return to_srt(said) or None


def keep(settings, found, voice):
    """Show the contract's Words that a performance found in a voice, unless the artist has changed the transcript."""
    if changed(settings):
        return
    settings.transcript.clear()
    settings.transcript_of = jobs.legible(voice)  # a property takes no other letters
    for each in found:
        word = settings.transcript.add()
        word.text = word.heard = each["text"]
        word.start, word.end, word.confidence = each["start"], each["end"], each["confidence"]


def keep_phones(settings, found, voice):
    """Remember the phones that a performance heard in a voice."""
    settings.phones = json.dumps([jobs.legible(voice), [[each["start"], each["text"]] for each in found]])


def phones_of(settings):
    """[(second, phone)] of the head's voice, in order of time; [] where none are known, or they are another voice's."""
    try:
        voice, found = json.loads(settings.phones or '["", []]')
        mine = voice == jobs.legible(bpy.path.abspath(settings.voice, library=settings.id_data.library))
        return [(float(start), str(phone)) for start, phone in found] if mine else []
    except (ValueError, TypeError):
        return []


def chosen_word(settings, _context):
    """The artist chose a word of the list: show the frame at which it begins."""
    if 0 <= settings.word < len(settings.transcript):
        scene = sequencer.scene_of(settings.id_data)
        scene.frame_set(frame_at(settings.transcript[settings.word].start, bake.scene_fps(scene), settings.start))


def markers(scene, head):
    """[(marker, what the head knows of it)] of the words that a head speaks. A marker has no custom properties from Blender 5.0 on, so it
    is known by its name and frame; one that the artist has moved or renamed is theirs. Of several alike the latest are ours."""
    there: dict[tuple[str, int], list[Any]] = {}
    for marker in scene.timeline_markers:
        there.setdefault((marker.name, marker.frame), []).append(marker)
    put = settings_of(head).word_markers
    return [(there[known.text, known.frame].pop(), known) for known in put if there.get((known.text, known.frame))]


def put_markers(scene, head):
    """A marker for each word, and for each phone where that is chosen, in place of earlier ones; returns how many. A phone joins what
    begins in the same frame."""
    remove_markers(scene, head)
    settings, fps = settings_of(head), bake.scene_fps(scene)
    frame = lambda time: frame_at(time, fps, settings.start)
    said = [[word.start, word.text.strip()] for word in settings.transcript if word.text.strip()]
    there = {frame(each[0]): each for each in said}
    for time, phone in phones_of(settings) if settings.phone_markers else ():
        if with_ := there.get(frame(time)):
            with_[1] += f" {phone}"
        else:
            said.append([time, phone])
            there[frame(time)] = said[-1]
    for time, text in said:
        marker = scene.timeline_markers.new(text, frame=frame(time))
        known = settings.word_markers.add()
        known.text, known.frame, known.time = marker.name, marker.frame, time
    return len(said)


def remove_markers(scene, head):
    for marker, _ in markers(scene, head):
        scene.timeline_markers.remove(marker)
    settings_of(head).word_markers.clear()


def move_markers(scene, head):
    """Put the markers where the voice is now."""
    for marker, known in markers(scene, head):
        marker.frame = known.frame = frame_at(known.time, bake.scene_fps(scene), settings_of(head).placed)


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


class UTTER_OT_put_word_markers(bpy.types.Operator):
    bl_idname = "utter.put_word_markers"
    bl_label = "Put Markers"
    bl_description = (
        "Put a marker on the timeline for each word that was found in the voice, and each phone if that is on, in place of earlier ones"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        if head is None:
            return jobs.allowed(cls, "Add a head first.")
        settings = settings_of(head)
        found = len(settings.transcript) or (settings.phone_markers and settings.phones)
        lacking = "Perform in Final quality, or switch Phones on" if settings.phones else "Perform first"
        return jobs.allowed(cls, "" if found else f"{lacking}: no words were found yet.")

    def execute(self, context):
        self.report({"INFO"}, f"{put_markers(context.scene, chosen(context))} markers.")
        return {"FINISHED"}


class UTTER_OT_remove_word_markers(bpy.types.Operator):
    bl_idname = "utter.remove_word_markers"
    bl_label = "Remove Markers"
    bl_description = "Take the markers of this head's words and phones off the timeline; others stay"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        there = head is not None and markers(context.scene, head)
        return jobs.allowed(cls, "Add a head first." if head is None else "" if there else "There are no markers of words or phones.")

    def execute(self, context):
        remove_markers(context.scene, chosen(context))
        return {"FINISHED"}


class UTTER_OT_clear_transcript(bpy.types.Operator):
    bl_idname = "utter.clear_transcript"
    bl_label = "Clear Transcript"
    bl_description = "Forget the words of the list and what was changed in it; the next performance finds them out anew"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        head = chosen(context)
        found = head is not None and len(settings_of(head).transcript)
        return jobs.allowed(cls, "Add a head first." if head is None else "" if found else "There are no words in the list.")

    def execute(self, context):
        settings_of(chosen(context)).transcript.clear()
        return {"FINISHED"}


class UTTER_UL_transcript(bpy.types.UIList):
    bl_idname = "UTTER_UL_transcript"

    def draw_item(self, _context, layout, _settings, word, _icon, _active, _property, _index=0, _flag=0):
        split = layout.split(factor=0.28, align=True)
        time = split.row()
        time.active = False
        time.label(text=f"{int(word.start) // 60}:{word.start % 60:05.2f}")
        row = split.row(align=True)
        row.prop(word, "text", text="", emboss=False)
        if word.text != word.heard:
            row.label(text="", icon="USER")
        else:
            row.label(text=f"{word.confidence:.0%}", icon="ERROR" if word.confidence < DOUBTED else "NONE")


class UTTER_PT_words(HeadPanel, bpy.types.Panel):
    bl_idname = "UTTER_PT_words"
    bl_label = "Words"
    bl_parent_id = "UTTER_PT_voice"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, head = self.layout, chosen(context)
        settings = settings_of(head)
        layout.enabled = not locked()
        row = layout.row(align=True)
        row.prop(settings, "words", text="", icon="TEXT", placeholder="What is said, if written down")
        row.operator("utter.choose_words", text="", icon="FILE_FOLDER")
        if settings.words:
            layout.prop(settings, "language")
        elif sentence_in(name_of(head)):
            layout.operator("utter.words_from_strip")
        row = layout.split(factor=0.42)
        row.label(text="Transcribe")
        row.prop(settings, "transcribe", text="")
        if settings.transcript:
            self.draw_list(layout, settings)
        if settings.transcript or settings.phones:
            row = layout.row(align=True)
            row.operator("utter.put_word_markers", icon="MARKER_HLT")
            row.prop(settings, "phone_markers", toggle=True)
            row.operator("utter.remove_word_markers", text="", icon="X")

    def draw_list(self, layout, settings):
        if changed(settings):
            mine = not settings.words.strip() and script_of(settings)
            layout.label(text="Your changes are used" if mine else "Your changes are kept, not used", icon="USER")
        row = layout.row()
        row.template_list("UTTER_UL_transcript", "", settings, "transcript", settings, "word", rows=4)
        row.column(align=True).operator("utter.clear_transcript", text="", icon="X")


CLASSES = (
    UTTER_OT_choose_words,
    UTTER_OT_words_from_strip,
    UTTER_OT_put_word_markers,
    UTTER_OT_remove_word_markers,
    UTTER_OT_clear_transcript,
    UTTER_UL_transcript,
    UTTER_PT_words,
)
