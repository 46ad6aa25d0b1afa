"""What is saved with the file: the chosen head on the scene, everything that makes a performance on the head's object."""

from typing import Any

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

from . import contract, look, rigs
from .contract import OPTIONS, Option
from .look import shaders
from .panels import base, capture, clips, finish, head, identity, layers, maps, passages, pose, readings, scope, takes, voice, words
from .rigs import hair

PROMPTS = (
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


def suggest_prompts(_settings, _context, _typed):
    return PROMPTS


def overridable(group):
    """The class with its properties such that a head of a library override keeps what is set in the shot. An identity is its file's."""
    for declared in group.__annotations__.values():
        inner = declared.function == PointerProperty and issubclass(declared.keywords["type"], bpy.types.PropertyGroup)
        more = {"USE_INSERTION"} if declared.function == CollectionProperty else set()
        declared.keywords["override"] = set() if inner else {"LIBRARY_OVERRIDABLE"} | more
    return group


def regions(description: str, default: set[str]):
    """The property that shows some regions of the face."""
    named = [(name, label, "", 1 << bit) for bit, (name, (label, _)) in enumerate(contract.REGIONS.items())]
    return EnumProperty(name="Regions", description=description, items=named, options={"ENUM_FLAG"}, default=default)


@overridable
class Passage(bpy.types.PropertyGroup):
    """A stretch of the voice with a prompt of its own; start, end and fades in frames of the scene."""

    on: BoolProperty(name="On", description="Whether the passage counts", default=True)
    start: IntProperty(name="Start", description="First frame of the passage")
    end: IntProperty(name="End", description="Last frame of the passage")
    prompt: StringProperty(
        name="Prompt",
        description="What the face should feel here, in your own words",
        search=suggest_prompts,
        search_options={"SUGGESTION"},
    )
    clip: StringProperty(
        name="Clip",
        description="A film of a face, a Motion file or another voice, whose feeling the face has here, in place of a prompt",
        subtype="FILE_PATH",
    )
    action: PointerProperty(
        name="Action",
        type=bpy.types.Action,
        poll=clips.may_feel,
        description="An Action of a head, by Utter or by hand, whose feeling the face has here, in place of a prompt",
    )
    strength: FloatProperty(
        name="Strength",
        description="How much of it shows. Key it (I over the field) to let it change",
        subtype="FACTOR",
        min=0,
        max=1,
        default=contract.Passage.strength,
    )
    fade: IntProperty(
        name="Fade In",
        description="Frames over which the passage comes, half of them before its start",
        min=0,
        soft_max=48,
        default=contract.frame_at(contract.Passage.fade, 24),
    )
    goes: IntProperty(default=-1, options={"HIDDEN"})  # frames over which it goes; below 0 as many as it comes in
    fade_out: IntProperty(
        name="Fade Out",
        description="Frames over which the passage goes, half of them after its end",
        min=0,
        soft_max=48,
        get=lambda passage: passage.goes if passage.goes >= 0 else passage.fade,
        set=lambda passage, frames: setattr(passage, "goes", frames),
    )
    gesture: EnumProperty(name="Gesture", description="What the face does here in place of a feeling", items=passages.GESTURE_ITEMS)
    regions: regions("What of the face the passage is for; the rest performs as if it were not there", set(contract.REGIONS))
    directed: StringProperty(options={"HIDDEN"})  # the direction in the words that it was made of, as it was made


@overridable
class Word(bpy.types.PropertyGroup):
    """A word that was found in the voice; start and end in seconds from the voice's beginning."""

    text: StringProperty(name="Word", description="What is said; the artist's change becomes the words of the next performance")
    heard: StringProperty(options={"HIDDEN"})  # as it was found: another text is the artist's
    start: FloatProperty(name="Start", unit="TIME_ABSOLUTE", options={"HIDDEN"})
    end: FloatProperty(name="End", unit="TIME_ABSOLUTE", options={"HIDDEN"})
    confidence: FloatProperty(name="Confidence", description="How sure Utter is of the word", subtype="FACTOR", min=0, max=1)


@overridable
class WordMarker(bpy.types.PropertyGroup):
    """A marker that was put on the timeline for words and phones: its name and frame, by which it is known, and the second of the voice."""

    text: StringProperty()
    frame: IntProperty()
    time: FloatProperty()


@overridable
class Take(bpy.types.PropertyGroup):
    """A performance that was made; before Blender 4.4 it takes two Actions, one for the keys and one for the bones."""

    keys: PointerProperty(type=bpy.types.Action)
    bones: PointerProperty(type=bpy.types.Action)
    star: BoolProperty(name="Star", description="A take to keep: Remove Unused Takes leaves it")
    note: StringProperty(name="Note", description="What you want to remember of this take")
    made: StringProperty(options={"HIDDEN"})  # what made it, in a line
    face: StringProperty(options={"HIDDEN"})  # whose face it was made for


@overridable
class Finish(bpy.types.PropertyGroup):
    """How the present take is finished: animation.finish.Amounts, one slider each."""

    __annotations__ = {
        name: FloatProperty(
            name=label,
            description=tooltip,
            default=default,
            min=low,
            max=2,
            subtype="FACTOR",
            options={"ANIMATABLE"} if name in finish.KEYED else set(),
            update=finish.changed,
        )
        for name, label, tooltip, default, low in (
            ("strength", "Strength", "How far all of the face moves but its blinks; lips that shut stay shut. It may have keys", 1, 0),
            ("mouth", "Mouth", "How far the mouth moves; where the lips shut they stay shut", 1, 0),
            ("jaw", "Jaw", "How far the jaw moves; where the lips shut they stay shut", 1, 0),
            ("brows", "Brows", "How far the brows move", 1, 0),
            ("blinks", "Blinks", "How far the lids shut in blinks; 0 none", 1, 0),
            ("rate", "Blink Rate", "How many blinks there are: below 1 fewer, above 1 more, in pauses and at the ends of phrases", 1, 0),
            ("gaze", "Gaze", "How far the eyes turn", 1, 0),
            ("head", "Head", "How far the head turns; 0 still", 1, 0),
        )
    } | {
        "look": FloatProperty(
            name="Influence",
            description="How far the eyes and the head follow what they look at; 0 as the take has it. It may have keys",
            default=1,
            min=0,
            max=1,
            subtype="FACTOR",
            update=finish.changed,
        ),
        "turn": FloatProperty(
            name="Head's Share",
            description="How much of the way to what it looks at the head turns; the eyes go the rest, as far as eyes can",
            default=0.3,
            min=0,
            max=1,
            subtype="FACTOR",
            options=set(),
            update=finish.changed,
        ),
        "smoothing": FloatProperty(
            name="Smoothing",
            description="Take the small movements out; blinks and shut lips stay",
            min=0,
            max=1,
            subtype="FACTOR",
            options=set(),
            update=finish.changed,
        ),
        "timing": IntProperty(
            name="Timing",
            description="Frames by which the face comes later than the voice; below 0 earlier",
            soft_min=-6,
            soft_max=6,
            min=-48,
            max=48,
            options=set(),
            update=finish.changed,
        ),
        "lips": FloatProperty(
            name="Lips Shut",
            description="Above 0 the lips come together more, below 0 they part more; where they shut they stay shut",
            min=-1,
            max=1,
            subtype="FACTOR",
            options=set(),
            update=finish.changed,
        ),
    }


@overridable
class Reading(bpy.types.PropertyGroup):
    """What a prompt, a clip or the voice (`of` "") felt like when it was last performed (contract.Reading)."""

    __annotations__ = {"of": StringProperty(options={"HIDDEN"})} | {
        name: FloatProperty(min=0, max=1, options={"HIDDEN"}) for name in readings.NAMES
    }


@overridable
class MapRow(bpy.types.PropertyGroup):
    """A row of the head's own rig map, to be edited; the map itself is the custom property (addon/rigs/mapped.py)."""

    target: StringProperty(name="Shape Key", options={"HIDDEN"})
    sources: StringProperty(name="Follows", description="The movements that it follows, each with a weight", update=maps.edited)
    gain: FloatProperty(
        name="Gain", description="How strongly it follows them", soft_min=0, soft_max=2, min=-10, max=10, default=1, update=maps.edited
    )
    enabled: BoolProperty(name="Move It", description="Whether performances move it", default=True, update=maps.edited)
    confidence: FloatProperty(options={"HIDDEN"})
    why: StringProperty(options={"HIDDEN"})


@overridable
class Identity(bpy.types.PropertyGroup):
    """Who the built-in head is, by sliders and a seed. Not animatable: a face changes its expression, not its owner."""

    __annotations__ = {
        identity.key(name): FloatProperty(
            name=name,
            description=description,
            soft_min=-1,
            soft_max=1,
            min=-contract.SLIDER_LIMIT,
            max=contract.SLIDER_LIMIT,
            options=set(),
            update=identity.changed,
        )
        for name, description in contract.SLIDERS.items()
    }
    __annotations__["seed"] = IntProperty(default=-1, options={"HIDDEN"})  # of what the sliders do not tell, -1 nothing


class Pose(bpy.types.PropertyGroup):
    """The face at the current frame, by plain names: read from the curves, and written to them."""

    __annotations__ = {key: pose.property_of(key) for key in pose.SLIDERS}


def items(named):
    """{value: (label, tooltip)} as an EnumProperty takes it."""
    return [(value, label, tooltip) for value, (label, tooltip) in named.items()]


def prop(option: Option, **more):
    """The property that shows an option of the contract: its label, tooltip, default and limits."""
    about = {"name": option.label, "description": option.help, **more}
    if "items" in more:
        return EnumProperty(**about)
    if option.choices:
        items = tuple((value, *named) for value, named in option.choices.items())
        return EnumProperty(items=items, default=option.default, **about)
    limits = {key: value for key, value in (("min", option.low), ("max", option.high)) if value is not None and key not in more}
    if option.kind is int:
        return IntProperty(**{"default": option.default, **{key: int(value) for key, value in limits.items()}, **about})
    if option.kind is float:
        return FloatProperty(default=option.default, **limits, **about)
    return StringProperty(**about)


# What a panel's property of an option needs besides what the contract says.
WITH: dict[str, dict[str, Any]] = {
    "voice": {"subtype": "FILE_PATH", "update": voice.changed},
    "start": {"update": voice.moved},
    "words": {"search": words.suggest, "search_options": {"SUGGESTION"}},
    "language": {"items": words.ITEMS},
    "seed": {"min": 0, "max": 2**31 - 1},  # what a Blender property can hold
    "prompt": {"search": suggest_prompts, "search_options": {"SUGGESTION"}},
    "intensity": {"subtype": "FACTOR"},
    "mouth": {"subtype": "FACTOR"},
}


@overridable
class HeadSettings(bpy.types.PropertyGroup):
    """Settings of one head: Object.utter. Every option of the contract that a panel shows, and what belongs to this head."""

    __annotations__ = {name: prop(option, **WITH.get(name, {})) for name, option in OPTIONS.items() if option.panel}
    __annotations__ |= {
        "strip": StringProperty(options={"HIDDEN"}),  # name of the voice's strip in the sequencer
        "sound": StringProperty(options={"HIDDEN"}),  # name of the sound that it plays; a pointer to it crashes Blender's undo
        "placed": IntProperty(default=1, options={"HIDDEN"}),  # where it was put: `start` before its last change
        "rate": FloatProperty(options={"HIDDEN"}),  # frames a second of the scene then; 0 unknown
        "seconds": FloatProperty(options={"HIDDEN"}),  # length of the voice; 0 unknown
        "refusal": StringProperty(options={"HIDDEN"}),  # why the voice cannot be used, ""
        "frames": IntProperty(options={"HIDDEN"}),  # 30-fps frames of the last performance
        "identity": PointerProperty(type=Identity),
        "transcript": CollectionProperty(type=Word),
        "word_markers": CollectionProperty(type=WordMarker),
        "phones": StringProperty(options={"HIDDEN"}),  # that were heard: JSON of the voice's path, and of each its second and name
        "phone_markers": BoolProperty(name="Phones", description="Put Markers marks each phone (ARPAbet) as well as each word"),
        "transcript_of": StringProperty(options={"HIDDEN"}),  # the voice in which its words were found
        "word": IntProperty(name="Word", update=words.chosen_word),
        "readings": CollectionProperty(type=Reading),
        "passages": CollectionProperty(type=Passage),
        "passage": IntProperty(name="Passage"),
        "skin_tone": FloatProperty(
            name="Skin", description="From fair to dark", subtype="FACTOR", min=0, max=1, default=shaders.DEFAULT_TONE, update=look.changed
        ),
        "eye_colour": FloatVectorProperty(
            name="Eyes",
            description="Colour of the irises",
            subtype="COLOR",
            min=0,
            max=1,
            default=shaders.DEFAULT_EYES,
            update=look.changed,
        ),
        "hair_colour": FloatVectorProperty(
            name="Hair",
            description="Colour of hair, brows and lashes",
            subtype="COLOR",
            min=0,
            max=1,
            default=shaders.DEFAULT_HAIR,
            update=look.changed,
        ),
        "hair_grey": FloatProperty(
            name="Grey", description="Share of hairs that have gone grey", subtype="FACTOR", min=0, max=1, default=0, update=look.changed
        ),
        "hair_style": EnumProperty(
            name="Hair Style",
            description="Hair on the scalp, an object of its own",
            items=tuple((style, title, "") for style, title in hair.STYLES.items()),
            default=hair.DEFAULT,
            update=hair.changed,
        ),
        **{
            name: FloatProperty(name=label, description=tooltip, subtype="FACTOR", min=0, max=1, default=default, update=look.changed)
            for name, label, tooltip, default in (
                ("age", "Aged Skin", "Mottled, dull, finely lined; pale lips, dark under the eyes. The face's own age is a slider", 0),
                ("blush", "Blush", "Red that rises in cheeks, nose and ears", 0),
                ("stubble", "Stubble", "Shaved beard on upper lip, chin, jaw and throat", 0),
                ("freckles", "Freckles", "On nose and cheeks and, fewer, all over the face", shaders.DEFAULT_FRECKLES),
            )
        },
        "film": StringProperty(name="Film", description=contract.CAPTURE_OPTIONS["film"].help, subtype="FILE_PATH"),
        "film_as": EnumProperty(name="As", description="What becomes of the film", items=items(capture.USES)),
        "film_at": EnumProperty(name="From", description="Where the film begins", items=items(capture.PLACES)),
        "film_regions": regions("What of the face the film decides; the rest is performed", {"brows"}),
        "pose": PointerProperty(type=Pose),
        "pose_linked": BoolProperty(name="Both Sides", description="Pose left and right together", default=True),
        "pose_strength": FloatProperty(
            name="Strength", description="How much of a viseme or an emotion", subtype="FACTOR", min=0, max=1, default=1
        ),
        "pose_regions": regions("What of the face Copy, Paste, Flip and the faces are for", set(contract.REGIONS)),
        "scope": EnumProperty(
            name="Scope", description="Which frames are performed anew; the others keep their keys", items=items(scope.SCOPES)
        ),
        "scope_regions": regions("What of the face is performed anew; the rest keeps its keys", set(contract.REGIONS)),
        "scope_change": prop(OPTIONS["change"], subtype="FACTOR"),
        "soft_tolerance": FloatProperty(
            name="Tolerance",
            description="How far from a soft key the performance may stay, as a share of a full movement",
            default=0.1,
            min=0,
            max=1,
            subtype="FACTOR",
        ),
        "soft_shift": IntProperty(
            name="May Shift",
            description="By how many frames a soft key may be moved to where the performance comes nearest to it",
            default=0,
            min=0,
            max=12,
        ),
        "map_rows": CollectionProperty(type=MapRow),
        "map_row": IntProperty(name="Row"),
        "pose_of": EnumProperty(
            name="Movement",
            description="The face action that the bones are posed for",
            items=[(name, name, "") for name in contract.ACTIONS],
            default="jawOpen",
        ),
        **{
            f"map_gain_{region}": FloatProperty(
                name=label,
                description="How strongly this region moves",
                soft_min=0,
                soft_max=2,
                min=0,
                max=5,
                default=1,
                update=maps.edited,
            )
            for region, (label, _) in contract.REGIONS.items()
        },
        "variations": prop(OPTIONS["variations"], default=4, min=2),
        "as_take": BoolProperty(
            name="New Take", description="Re-diffuse makes a new take, and the present one stays as it is; else it changes the present one"
        ),
        "directed": StringProperty(options={"HIDDEN"}),  # the words whose directions have become passages
        "finish": PointerProperty(type=Finish),
        "look_at": PointerProperty(
            name="Look At",
            description="An object that the eyes follow, and the head by its share: an empty, a camera, another head",
            type=bpy.types.Object,
            poll=finish.can_be_looked_at,
            update=finish.changed_target,
        ),
        "feeling": FloatProperty(
            name="Feeling",
            description="How much of the layer Feeling shows: the influence of its strips in the NLA, where it can have keys instead",
            default=1,
            min=0,
            max=1,
            subtype="FACTOR",
            options=set(),
            update=layers.dimmed,
        ),
        "within": FloatProperty(
            name="Tolerance",
            description="How far Simplify may move the face, in millimetres of a head of usual size",
            default=0.5,
            min=0.05,
            soft_max=2,
            max=10,
            step=10,
            precision=2,
            options=set(),
        ),
        "takes": CollectionProperty(type=Take),
        "take": IntProperty(name="Take", update=takes.chosen),
    }


@overridable
class SceneSettings(bpy.types.PropertyGroup):
    """Settings of one scene: Scene.utter."""

    head: PointerProperty(
        name="Head",
        type=bpy.types.Object,
        description="The head that performs where none is selected",
        update=head.taken,
        poll=lambda _self, obj: obj.type == "MESH" and rigs.ready(obj),
    )
    pinned: BoolProperty(name="Hold On", description="The panel holds on to this head, whatever is selected; else it follows the selection")


@bpy.app.handlers.persistent
def _take_over(*_):
    """After a file was opened or appended, and once Utter is enabled."""
    for obj in bpy.data.objects:
        if obj.type == "MESH" and not obj.library:
            base.take_over(obj)


@bpy.app.handlers.persistent
def _before_save(*_):
    """An override is saved as what differs from the linked object. From Blender 5.0 on that would be the settings as a whole, which are
    lost when the file is read, if only one of both has any: an object has them once it is asked."""
    for obj in bpy.data.objects:
        if obj.override_library and obj.override_library.reference:
            base.settings_of(obj), base.settings_of(obj.override_library.reference)


IMPORTED = getattr(bpy.app.handlers, "blend_import_post", None)  # from Blender 4.3 on


def register():
    bpy.types.Object.utter = PointerProperty(type=HeadSettings, override={"LIBRARY_OVERRIDABLE"})
    bpy.types.Scene.utter = PointerProperty(type=SceneSettings)
    bpy.app.handlers.load_post.append(_take_over)
    bpy.app.handlers.save_pre.append(_before_save)
    if IMPORTED is not None:
        IMPORTED.append(_take_over)
    if not bpy.app.background:  # with a window Utter may be enabled while a file is open, whose objects cannot be reached just now
        bpy.app.timers.register(_take_over, first_interval=0)


def unregister():
    for handlers, handler in (
        (bpy.app.handlers.load_post, _take_over),
        (IMPORTED or [], _take_over),
        (bpy.app.handlers.save_pre, _before_save),
    ):
        if handler in handlers:
            handlers.remove(handler)
    if bpy.app.timers.is_registered(_take_over):
        bpy.app.timers.unregister(_take_over)
    for owner in (bpy.types.Object, bpy.types.Scene):
        if hasattr(owner, "utter"):
            del owner.utter


CLASSES = (Passage, Word, WordMarker, Take, Finish, Reading, MapRow, Identity, Pose, HeadSettings, SceneSettings)
