"""What a performance may be asked for. Each field says what it is, its default and its limits; nothing else declares them."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, Self

from .console import brief
from .errors import UtterError
from .identity import COEFFICIENTS
from .layout import REGIONS
from .options import BLENDER, RUNTIME, Option, option, options_of
from .passages import Passage, check_passages, check_regions, touched

MOST_VARIATIONS = 32
CSV_RATES = 24, 25, 30, 50, 60  # frames a second that a timecode counts
LAST_FRAME = 1048574  # Blender knows no later one, and none earlier than its negative
DEVICES = {
    "auto": ("Automatic", "The graphics card where there is one, else the processor"),
    "cpu": ("Processor", "Works everywhere"),
    "cuda": ("NVIDIA", "An NVIDIA graphics card"),
    "mps": ("Apple", "Apple's graphics processor"),
}


def check_identity(given: object) -> tuple[float, ...]:
    """The coefficients of an identity. UtterError if they are none."""
    try:
        beta = tuple(float(value) for value in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError) as error:
        raise UtterError(f"An identity is a list of {COEFFICIENTS} numbers.", repr(error)) from error
    if len(beta) != COEFFICIENTS or not all(map(math.isfinite, beta)):
        raise UtterError(f"An identity is a list of {COEFFICIENTS} numbers.")
    return beta


SCOPE = re.compile(r"(-?\d+(?:\.\d*)?)\s*(?:-|to)\s*(-?\d+(?:\.\d*)?)")


def check_scope(given: object) -> tuple[tuple[float, float] | int, ...]:
    """The stretches of a scope: (start, end) in seconds, or the number of a passage, from 1. They may be written: "2-3.5, passage 1".
    UtterError if it is none, or a stretch does not end after it starts."""
    parts = [part for part in given.split(",") if part.strip()] if isinstance(given, str) else given
    found: list[tuple[float, float] | int] = []
    try:
        for part in parts:  # type: ignore[attr-defined]
            text = part.strip().lower() if isinstance(part, str) else ""
            if text.startswith("passage") or isinstance(part, int):
                found.append(int(text.removeprefix("passage")) if text else part)
                continue
            matched = SCOPE.fullmatch(text)
            if isinstance(part, str) and not matched:
                raise ValueError(part)
            start, end = map(float, matched.groups() if matched else part)
            if not (math.isfinite(start) and math.isfinite(end)):
                raise ValueError(part)
            if end <= start:
                raise UtterError(f"The scope {start:g} to {end:g} s must end after it starts.")
            found.append((start, end))
    except (TypeError, ValueError, OverflowError) as error:
        raise UtterError(
            "A scope is stretches in seconds such as 2-3.5 or 2-3.5,8-9, or passages by their number such as passage 1.", repr(error)
        ) from error
    if not found:
        raise UtterError("The scope is empty; name a stretch in seconds such as 2-3.5, or leave it out.")
    return tuple(found)


def check_owner(identity: tuple[float, ...] | None, head: str | None) -> None:
    """UtterError if an identity is asked for on a head other than the built-in one."""
    if identity is not None and head:
        raise UtterError("Only the built-in head takes an identity; another head has that of its file.")


class Request:
    """What the worker is asked for. Making one checks every field: UtterError says what is wrong with the first."""

    def __post_init__(self) -> None:
        for name, about in options_of(type(self)).items():
            object.__setattr__(self, name, about.checked(getattr(self, name)))

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """The request of a message's fields (docs/protocol.md). UtterError names a field that this version does not know."""
        unknown = sorted(set(message) - set(options_of(cls)))
        if unknown:
            raise UtterError(
                f'The request has a field "{unknown[0]}" that this version of Utter does not know; install the same version on both sides.'
            )
        request = cls(**message)
        if not getattr(request, "output", None):
            raise UtterError("The request names no output; name the file to write.")
        return request

    def to_message(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as JSON can hold them."""
        given = {name: getattr(self, name) for name, about in options_of(type(self)).items() if getattr(self, name) != about.default}
        return {name: [p.to_message() for p in value] if name == "passages" else value for name, value in given.items()}


TRACKER: dict[str, Any] = dict(
    label="Tracker",
    help="The file face_landmarker.task of MediaPipe's Face Landmarker, which follows a filmed face. Empty: the variable UTTER_FACE_MODEL, "
    "or else the one in Utter's cache",
    metavar="FILE",
    panel=False,
    column=False,
)


@dataclasses.dataclass(frozen=True)
class PerformRequest(Request):
    """One performance."""

    voice: str = option(
        "", label="Voice", help="The recording to perform: WAV, FLAC, OGG, MP3 or M4A", metavar="VOICE", commands=(), path="always"
    )
    output: str = option("", label="Output", help="The file that the performance is written to", panel=False, column=False, commands=())
    words: str | None = option(
        None,
        label="Words",
        help="What is said in the voice, for sharper lips: the words, a .txt, .srt or .vtt file, in Blender the name of a text of the "
        "file, for several voices a folder of files named like them. Words that do not fit do no harm. [holding back tears] among them is "
        "a prompt from there on, [laughs] a sound, *never* an accent",
        metavar="TEXT|FILE|FOLDER",
        path="perhaps",
    )
    language: str | None = option(
        None,
        label="Language",
        help="The language of the words, given or found out: en, de, fr, es ... Default: found out, too",
        metavar="CODE",
    )
    prompt: str | None = option(
        None,
        label="Prompt",
        help="What the face should feel throughout, in your own words. Empty: Utter hears it in the voice",
        aliases=("emotion",),
    )
    passages: tuple[Passage, ...] = option(
        (),
        label="Passages",
        help="A JSON list of {start, end, prompt, strength, fade, fade_out, regions} in seconds: stretches with a prompt of their own; "
        "or with a clip, the path of a film of a face or of another voice, or with a gesture in place of the prompt",
        kind=tuple,
        metavar="P.json",
        panel=False,
        path="always",
        check=check_passages,
    )
    intensity: float = option(
        1.0,
        label="Strength",
        help="How much of what is felt shows, of the prompt or the voice and of all passages: 0 nothing, 1 as it is meant",
        kind=float,
        low=0,
        high=1,
    )
    mouth: float = option(
        0.0,
        label="Mouth",
        help="How much of the mouth the feeling may have in speech: -1 nothing, 0 as much as leaves the lips true to the words, 1 all",
        kind=float,
        low=-1,
        high=1,
    )
    pins: str | None = option(
        None,
        label="Pins",
        help="A file with values and mask (.npz), [T, 65] or with face actions [T, 117]: motion to keep exactly",
        metavar="PINS.npz",
        panel=False,
        commands=(RUNTIME,),
        path="always",
    )
    neutral_voice: str | None = option(
        None,
        label="Neutral Voice",
        help="A recording of the same speaker who feels nothing in particular, a few sentences: what is heard in the voice is measured "
        "against it. Empty: against the speaker's other recordings, or the voice itself",
        metavar="VOICE",
        path="always",
    )
    speaker: str | None = option(
        None,
        label="Speaker",
        help="A folder of recordings of the same speaker, in which all kinds of feelings may occur: what is heard in the voice is measured "
        "against them all. Neutral Voice goes before it",
        metavar="FOLDER",
        path="always",
    )
    quality: str = option(
        "final",
        label="Quality",
        help="How many diffusion steps are taken",
        choices={"draft": ("Draft", "A quick look: few diffusion steps"), "final": ("Final", "Best quality: all diffusion steps")},
    )
    seed: int = option(
        0, label="Seed", help="The same seed gives the same performance, another seed a new take", kind=int, low=-(2**63), high=2**63 - 1
    )
    onto: str | None = option(
        None,
        label="Onto",
        help="The present performance of the same voice and head (.npz): what lies outside the scope and the regions keeps every bit of it",
        metavar="M.npz",
        panel=False,
        commands=(RUNTIME,),
        path="always",
    )
    scope: tuple[tuple[float, float] | int, ...] | None = option(
        None,
        label="Scope",
        help="What is performed anew, in seconds such as 2-3.5,8-9, or passages such as passage 1. Default: everything",
        kind=tuple,
        metavar="START-END",
        panel=False,
        commands=(RUNTIME,),
        check=check_scope,
    )
    regions: tuple[str, ...] = option(
        tuple(REGIONS),
        label="Regions",
        help=f"What of the face is performed anew: {', '.join(REGIONS)}. Default: all of it",
        kind=tuple,
        metavar="REGION,...",
        panel=False,
        commands=(RUNTIME,),
        check=check_regions,
    )
    change: float = option(
        1.0,
        label="How Much May Change",
        help="From a touch-up of the present performance at 0.2 to one that is free of it at 1",
        kind=float,
        low=0,
        high=1,
        panel=False,
        commands=(RUNTIME,),
    )
    variations: int = option(
        1,
        label="Variations",
        help="How many performances are made at once: of this seed, and of those that follow it",
        kind=int,
        low=1,
        high=MOST_VARIATIONS,
        panel=False,
        commands=(RUNTIME,),
    )
    head: str | None = option(
        None,
        label="Head",
        help="A FLAME-format head (.npz, .pkl) or a neutral mesh (.obj, .ply); in Blender also a head object's name. Default: the "
        "built-in head",
        metavar="HEAD",
        panel=False,
        path="perhaps",
    )
    identity: tuple[float, ...] | None = option(
        None,
        label="Identity",
        help="Identity of the built-in head: the seed of a random one, the name of a character such as Amara, or a file of sliders from "
        '-1 to 1 such as {"Age": 0.5, "seed": 3}',
        kind=tuple,
        metavar="SEED|NAME|I.json",
        panel=False,
        path="perhaps",
        check=check_identity,
    )
    encoder: str | None = option(
        None,
        label="Encoder",
        help="Folder of a speech model in the format of transformers (wav2vec2, HuBERT, WavLM ...) that hears phones. Empty: Utter's "
        "own. Larger ones hear better and need longer",
        metavar="FOLDER",
        panel=False,
        column=False,
        aliases=("ears",),
    )
    text_encoder: str | None = option(
        None,
        label="Text Encoder",
        help="Folder of a text model in the format of transformers (CLIP, RoBERTa ...) that reads prompts, once build.py train words "
        "--text-encoder FOLDER has taught it. Empty: Utter's own",
        metavar="FOLDER",
        panel=False,
        column=False,
    )
    transcribe: str = option(
        "auto",
        label="Transcribe",
        help="Whether Utter finds out what is said, where no words are given or they do not fit",
        choices={
            "auto": ("Automatic", "In final quality"),
            "on": ("On", "In every quality"),
            "off": ("Off", "Never: where no words are given the voice alone is heard"),
        },
    )
    transcriber: str | None = option(
        None,
        label="Transcriber",
        help="Folder of another Whisper, in the format of transformers or as a model.bin of CTranslate2. Empty: the installed one, "
        "multilingual base",
        metavar="FOLDER",
        panel=False,
        column=False,
    )
    tracker: str | None = option(None, **TRACKER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.voice:
            raise UtterError("Choose a voice first.")
        check_owner(self.identity, self.head)
        if not self.regions:
            raise UtterError(f"No region is chosen; choose some of {', '.join(REGIONS)}.")
        if not self.onto and (self.scope or set(self.regions) != set(REGIONS) or self.change < 1):
            raise UtterError(
                "A scope, regions or how much may change need the performance that is kept outside; name its Motion with --onto."
            )
        for number in (part for part in self.scope or () if isinstance(part, int)):
            if not 1 <= number <= len(self.passages):
                raise UtterError(f"The scope names passage {number}; {len(self.passages)} are given.")

    def stretches(self) -> tuple[tuple[float, float], ...]:
        """The scope in seconds; the whole voice where there is none."""
        if self.scope is None:
            return ((-math.inf, math.inf),)
        return tuple(touched(self.passages[part - 1]) if isinstance(part, int) else part for part in self.scope)


def check_rate(fps: object) -> int:
    """The rate of a timecode, as a number. UtterError for another."""
    if fps not in CSV_RATES or not isinstance(fps, int):
        raise UtterError(f"Frame Rate is {', '.join(map(str, CSV_RATES[:-1]))} or {CSV_RATES[-1]}, not {brief(fps)}.")
    return fps


@dataclasses.dataclass(frozen=True)
class HeadRequest(Request):
    """A head that Blender asks the worker for: the built-in one, that of a file, or a neutral mesh of the scene made one."""

    output: str = option("", label="Output", help="The file that the bundle is written to")
    head: str | None = option(None, label="Head", help="A FLAME-format head (.npz, .pkl) or a neutral mesh (.obj, .ply)")
    mesh: str | None = option(
        None, label="Mesh", help="A mesh of the scene (.npz): vertices [V,3], faces [F,3], perhaps key_names and key_deltas [K,V,3]"
    )
    identity: tuple[float, ...] | None = option(
        None, label="Identity", help="Identity of the built-in head: 300 coefficients", kind=tuple, check=check_identity
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_owner(self.identity, self.head or self.mesh)


@dataclasses.dataclass(frozen=True)
class CaptureRequest(Request):
    """A filmed face that becomes a Motion."""

    film: str = option(
        "",
        label="Film",
        help="A video or a photo of a face, or a CSV of ARKit curves (Live Link Face)",
        metavar="FILM",
        commands=(),
        path="always",
    )
    output: str = option("", label="Output", help="The file that the Motion is written to", panel=False, column=False, commands=())
    sound: str | None = option(
        None,
        label="Sound",
        help="The voice that goes with a CSV and begins with it: tells how the clock of its timecode runs",
        metavar="VOICE",
        path="always",
    )
    head: str | None = option(
        None,
        label="Head",
        help="The head that the Motion is for: FLAME format (.npz, .pkl) or a neutral mesh (.obj, .ply). Default: the built-in head",
        metavar="HEAD",
        path="always",
    )
    tracker: str | None = option(None, **TRACKER, aliases=("model",))
    onto: str | None = option(
        None,
        label="Onto",
        help="What the head does meanwhile (.npz with motion [T, 65]): the result holds this with the regions as filmed, `shown`",
        column=False,
        commands=(),
    )
    regions: tuple[str, ...] = option(
        tuple(REGIONS), label="Regions", help="Of the face", kind=tuple, column=False, commands=(), check=check_regions
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.film:
            raise UtterError("Choose a film first.")


@dataclasses.dataclass(frozen=True)
class ExportRequest(Request):
    """Face actions of a Motion that become a file for other programs."""

    motion: str = option("", label="Motion", help="The Motion (.npz) whose face actions are written")
    output: str = option("", label="Output", help="The file to write: .csv (Live Link Face's), .json or .npz")
    head: str | None = option(None, label="Head", help="The file of the head that the Motion is for; default: the built-in head")
    fps: int = option(60, label="Frame Rate", help="Of a CSV", kind=int, check=check_rate)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.motion or not self.output:
            raise UtterError("Name a Motion, and the file that its face actions are written to.")


SHAPES = {"shapes": ("Shapes", "Make the face actions"), "points": ("Points", "Look for the points of the face only")}
EYEBALLS = {"keys": ("Shape Keys", "Eyeballs turn by shape keys"), "bones": ("Bones", "Bones turn the eyeballs; they get no keys")}


@dataclasses.dataclass(frozen=True)
class ShapesRequest(Request):
    """A head of the scene that is to get face actions as shape keys, or on which only the face is looked for."""

    mesh: str = option(
        "", label="Mesh", help="The head's meshes (.npz): vertices [V,3], faces [F,3], others of the character, perhaps points"
    )
    output: str = option("", label="Output", help="The file (.npz) that the shapes are written to")
    asked: str = option("shapes", label="Asked", help="What for", choices=SHAPES)
    eyes: str = option("keys", label="Eyes", help="What turns the eyeballs", choices=EYEBALLS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.mesh or not self.output:
            raise UtterError("Name a mesh, and the file that its shapes are written to.")


@dataclasses.dataclass(frozen=True)
class BakeOptions:
    """What only Blender needs to know: where in the scene a performance goes, and how."""

    start: int = option(
        1,
        label="Start Frame",
        help="Frame at which the voice begins",
        kind=int,
        low=-LAST_FRAME,
        high=LAST_FRAME,
        metavar="FRAME",
        commands=(BLENDER,),
    )
    fps: float | None = option(
        None,
        label="Frame Rate",
        help="The scene's frame rate. Default: as in the file, or 24",
        kind=float,
        low=1,
        high=960,
        panel=False,
        column=False,
        commands=(BLENDER,),
    )
    curves: str = option(
        "channels",
        label="Curves",
        help="How the face of a FLAME head is baked",
        choices={
            "channels": ("Channels", "A shape key for each of FLAME's expressions: the performance to the last detail"),
            "actions": (
                "Actions",
                "Face actions: shape keys under ARKit's 52 names, all from 0 to 1, easy to edit, and exported into engines as they are. "
                "The jaw moves by shape keys",
            ),
        },
        commands=(BLENDER,),
    )
    jaw: str = option(
        "keys",
        label="Jaw",
        help="How the jaw of a FLAME head is baked",
        choices={
            "keys": ("Shape Keys", "The jaw moves by shape keys; every exporter keeps them"),
            "bone": ("Bone", "The jaw moves by its bone in the armature"),
        },
        commands=(BLENDER,),
    )
    actions: str = option(
        "none",
        label="Face Actions",
        help="Also write the face actions beside each .blend, csv as Live Link Face does",
        choices={
            "none": ("None", "Only the .blend"),
            "csv": ("CSV", "As Live Link Face writes a take: 52 face actions, head and eyes, with a timecode"),
            "json": ("JSON", "Numbers that any script reads"),
            "npz": ("NPZ", "numpy arrays"),
        },
        panel=False,
        commands=(BLENDER,),
    )
    out: str | None = option(
        None, label="Output", help="Where the result goes, from the folder of --out or of the list", panel=False, commands=()
    )


OPTIONS: dict[str, Option] = {**options_of(PerformRequest), **options_of(BakeOptions)}
CAPTURE_OPTIONS: dict[str, Option] = {**options_of(CaptureRequest), "out": options_of(BakeOptions)["out"]}  # of a list of films
