"""What is saved with the file: the chosen head on the scene, everything that makes a performance on the head's object."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import look
from .look import shaders
from .panels import identity, takes, voice, words
from .rigs import rig

FEELINGS = (
    "happy",
    "sad",
    "angry",
    "surprised",
    "afraid",
    "disgusted",
    "contemptuous",
    "neutral",
    "holding back tears",
    "barely hiding his anger",
    "warm and reassuring",
    "tired and resigned",
    "nervous, forcing a smile",
    "proud",
    "in love",
)


def suggest_feelings(_settings, _context, _typed):
    return FEELINGS


class Passage(bpy.types.PropertyGroup):
    """A stretch of the voice with a feeling of its own; start, end and fade in frames of the scene."""

    start: IntProperty(name="Start", description="First frame of the passage")
    end: IntProperty(name="End", description="Last frame of the passage")
    prompt: StringProperty(
        name="Feeling",
        description="What the face should feel here, in your own words",
        search=suggest_feelings,
        search_options={"SUGGESTION"},
    )
    strength: FloatProperty(name="Strength", description="How much of it shows", subtype="FACTOR", min=0, max=1, default=1)
    fade: IntProperty(name="Fade", description="Frames over which the feeling comes and goes at both ends", min=0, soft_max=48, default=6)


class Take(bpy.types.PropertyGroup):
    """A performance that was made; before Blender 4.4 it takes two Actions, one for the keys and one for the bones."""

    keys: PointerProperty(type=bpy.types.Action)
    bones: PointerProperty(type=bpy.types.Action)


class Identity(bpy.types.PropertyGroup):
    """Who the built-in head is; nobody keys it, for a face changes its expression and not its owner."""

    __annotations__ = {
        identity.key(name): FloatProperty(
            name=name, description=description, soft_min=-1, soft_max=1, min=-2, max=2, options=set(), update=identity.changed
        )
        for name, description in identity.SLIDERS.items()
    }
    __annotations__["character"] = IntProperty(default=-1, options={"HIDDEN"})  # seed of what the sliders do not tell, -1 nothing


class HeadSettings(bpy.types.PropertyGroup):
    """Settings of one head: Object.utter."""

    voice: StringProperty(
        name="Voice", subtype="FILE_PATH", update=voice.changed, description="The recording to perform: WAV, FLAC, OGG or MP3"
    )
    start: IntProperty(name="Start Frame", description="Frame at which the voice begins", default=1, update=voice.moved)
    strip: StringProperty(options={"HIDDEN"})  # name of the voice's strip in the sequencer
    placed: IntProperty(default=1, options={"HIDDEN"})  # where it was put: `start` before its last change
    seconds: FloatProperty(options={"HIDDEN"})  # length of the voice; 0 unknown
    refusal: StringProperty(options={"HIDDEN"})  # why the voice cannot be used, ""
    frames: IntProperty(options={"HIDDEN"})  # 30-fps frames of the last performance

    words: StringProperty(
        name="Words",
        search=words.suggest,
        search_options={"SUGGESTION"},
        description="What is said in the voice, for "
        "sharper lips: the words, a .txt or .srt file, or the name of a text of this file. Words that do not fit "
        "do no harm",
    )
    language: EnumProperty(name="Language", description="Language of the words", items=words.ITEMS)

    identity: PointerProperty(type=Identity)

    emotion: StringProperty(
        name="Feeling",
        description="What the face should feel throughout, in your own words. Empty: Utter hears it in the voice",
        search=suggest_feelings,
        search_options={"SUGGESTION"},
    )
    passages: CollectionProperty(type=Passage)
    passage: IntProperty(name="Passage")

    quality: EnumProperty(
        name="Quality",
        items=(("draft", "Draft", "A quick look: few diffusion steps"), ("final", "Final", "Best quality: all diffusion steps")),
        default="final",
    )
    seed: IntProperty(name="Seed", min=0, description="The same seed gives the same performance, another one a new take")
    jaw: EnumProperty(
        name="Jaw",
        items=(
            ("KEYS", "Shape Keys", "The jaw moves by shape keys; every exporter keeps them"),
            ("BONE", "Bone", "The jaw moves by its bone in the armature"),
        ),
    )

    skin_tone: FloatProperty(
        name="Skin", description="From fair to dark", subtype="FACTOR", min=0, max=1, default=shaders.DEFAULT_TONE, update=look.changed
    )
    eye_colour: FloatVectorProperty(
        name="Eyes", description="Colour of the irises", subtype="COLOR", min=0, max=1, default=shaders.DEFAULT_EYES, update=look.changed
    )
    hair_colour: FloatVectorProperty(
        name="Hair",
        description="Colour of hair, brows and lashes",
        subtype="COLOR",
        min=0,
        max=1,
        default=shaders.DEFAULT_HAIR,
        update=look.changed,
    )
    show_hair: BoolProperty(name="Show Hair", description="Hair on the scalp", default=True, update=look.changed)

    takes: CollectionProperty(type=Take)
    take: IntProperty(name="Take", update=takes.chosen)


class SceneSettings(bpy.types.PropertyGroup):
    """Settings of one scene: Scene.utter."""

    head: PointerProperty(
        name="Head",
        type=bpy.types.Object,
        description="The head that performs",
        poll=lambda _self, obj: obj.type == "MESH" and rig.describe(obj).kind == "utter",
    )


def register():
    bpy.types.Object.utter = PointerProperty(type=HeadSettings)
    bpy.types.Scene.utter = PointerProperty(type=SceneSettings)


def unregister():
    for owner in (bpy.types.Object, bpy.types.Scene):
        if hasattr(owner, "utter"):
            del owner.utter


CLASSES = (Passage, Take, Identity, HeadSettings, SceneSettings)
