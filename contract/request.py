"""What a performance may be asked for. Each field says what it is, its default and its limits; nothing else declares them."""

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from .console import brief
from .directions import GESTURES
from .errors import UtterError
from .identity import COEFFICIENTS
from .layout import REGIONS
from .options import BLENDER, RUNTIME, Option, is_text, option, options_of
from .text import find_file, is_file, read_json

MOST_VARIATIONS = 32
CSV_RATES = 24, 25, 30, 50, 60  # frames a second that a timecode counts
LAST_FRAME = 1048574  # Blender knows no later one, and none earlier than its negative
DEVICES = {
    "auto": ("Automatic", "The graphics card where there is one, else the processor"),
    "cpu": ("Processor", "Works everywhere"),
    "cuda": ("NVIDIA", "An NVIDIA graphics card"),
    "mps": ("Apple", "Apple's graphics processor"),
}


@dataclasses.dataclass(frozen=True)
class Passage:
    """A stretch of the voice with a prompt of its own, with the feeling of a clip or with a gesture; seconds from the voice's beginning."""

    start: float
    end: float
    prompt: str
    # 0 to 1; or points (seconds from the voice's beginning, strength) in order, straight between them and level beyond
    strength: float | tuple[tuple[float, float], ...] = 1.0
    fade: float = 0.25  # seconds over which it comes, and goes
    clip: str = ""  # in place of a prompt: path of a film, of ARKit curves (.csv), of a Motion (.npz) or of another voice
    fade_out: float | None = None  # seconds over which it goes; None: as it comes
    gesture: str = ""  # in place of a prompt: a sound that is no word, or an accent (GESTURES)
    regions: tuple[str, ...] = tuple(REGIONS)  # what of the face it is for; the others perform as if it were not there

    @property
    def fades(self) -> tuple[float, float]:
        """Seconds over which it comes, and over which it goes."""
        return self.fade, self.fade if self.fade_out is None else self.fade_out

    def to_message(self) -> dict[str, Any]:
        own = {field.name: field.default for field in dataclasses.fields(self) if field.name in ("clip", "fade_out", "gesture", "regions")}
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in own or value != own[name]}


def read_passage(given: object, number: int) -> Passage:
    """The Passage of an object with its fields; UtterError names its number (from 1) and what it needs."""
    if isinstance(given, Passage):
        given = given.to_message()
    try:
        fields = {name: value for name, value in dict(given).items() if name != "fade_out" or value is not None}  # type: ignore[call-overload]
        unknown = set(fields) - {field.name for field in dataclasses.fields(Passage)}
        numbers: dict[str, Any] = {name: float(fields[name]) for name in ("start", "end", "fade", "fade_out") if name in fields}
        if "strength" in fields:
            numbers["strength"] = read_strength(fields["strength"])
        if "regions" in fields:
            numbers["regions"] = check_regions(fields["regions"])
        clip, gesture = (str(fields.get(name) or "").strip() for name in ("clip", "gesture"))
        prompt = str(fields.get("prompt", "") if clip or gesture else fields["prompt"]).strip()
        passage = Passage(prompt=prompt, clip=clip, gesture=gesture, **numbers)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UtterError(f"Passage {number} needs start and end in seconds and a prompt in words or a clip.", repr(error)) from error
    if len(both := [name for name in ("prompt", "clip", "gesture") if getattr(passage, name)]) > 1:
        raise UtterError(f"Passage {number} has a {both[0]} and a {both[1]}; leave out one of them.")
    if gesture and gesture not in GESTURES:
        raise UtterError(f'Passage {number} has a gesture "{brief(gesture)}" that there is not; gestures are {", ".join(GESTURES)}.')
    if not is_text(passage.prompt):
        raise UtterError(f"Passage {number} has characters in its prompt that no text can have; write it anew.")
    if unknown:
        raise UtterError(
            f'Passage {number} has a field "{brief(min(map(str, unknown)))}"; it may have '
            "start, end, prompt, strength, fade, fade_out, clip, gesture and regions."
        )
    start, end, fades = passage.start, passage.end, passage.fades
    if not (all(map(math.isfinite, (start, end, *fades))) and end > start and min(fades) >= 0):
        raise UtterError(f"Passage {number} must end after it starts, with fades of 0 or more seconds.")
    points = passage.strength if isinstance(passage.strength, tuple) else ((start, passage.strength),)
    if not (points and all(math.isfinite(time) and 0 <= strength <= 1 for time, strength in points)):
        raise UtterError(f"Passage {number} needs a strength between 0 and 1, or points of [seconds, strength].")
    if any(after[0] < before[0] for before, after in zip(points, points[1:])):
        raise UtterError(f"Passage {number} has points of its strength that are not in order of time.")
    if not passage.regions:
        raise UtterError(f"Passage {number} is for no region; choose some of {', '.join(REGIONS)}.")
    return passage


def read_strength(given: Any) -> float | tuple[tuple[float, float], ...]:
    """A strength, or its points, as a Passage has it: a number, [[seconds, strength], ...], or that as a table has it:
    "1 0.2, 2.5 0.9". TypeError and ValueError if it is neither."""
    if isinstance(given, str):
        parts = [part.split() for part in given.split(",")]
        given = parts[0][0] if len(parts) == 1 and len(parts[0]) == 1 else parts
    if isinstance(given, (list, tuple)):
        return tuple((float(time), float(strength)) for time, strength in given)
    return float(given)


def check_passages(given: object) -> tuple[Passage, ...]:
    """The passages that have a prompt, a clip or a gesture. UtterError names the first one that cannot be used."""
    if not isinstance(given, (list, tuple)):
        raise UtterError("Passages must be a list of objects with start, end and prompt.")
    passages = [read_passage(passage, number) for number, passage in enumerate(given, 1)]
    return tuple(passage for passage in passages if passage.prompt or passage.clip or passage.gesture)


def read_passages(path: str | Path) -> tuple[Passage, ...]:
    """The passages of a JSON file, to which the paths of its clips are relative. UtterError if it is no such list, or a clip is missing."""
    given = read_json(path, unreadable=f"{path} must hold a JSON list of passages, each with start, end and prompt.")
    try:
        passages = [dataclasses.replace(passage, clip=found(passage.clip, Path(path).parent)) for passage in check_passages(given)]
    except UtterError as error:
        raise UtterError(f"{path}: {error}", error.detail) from error
    return tuple(passages)


def found(clip: str, folder: Path) -> str:
    """The path of a clip (or "") that is relative to a folder. UtterError if it does not exist."""
    there = find_file(folder / clip)
    if clip and not is_file(there):
        raise UtterError(f"the clip {there} does not exist.")
    return str(there) if clip else ""


def check_identity(given: object) -> tuple[float, ...]:
    """The coefficients of an identity. UtterError if they are none."""
    try:
        beta = tuple(float(value) for value in given)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError) as error:
        raise UtterError(f"An identity is a list of {COEFFICIENTS} numbers.", repr(error)) from error
    if len(beta) != COEFFICIENTS or not all(map(math.isfinite, beta)):
        raise UtterError(f"An identity is a list of {COEFFICIENTS} numbers.")
    return beta


def check_regions(given: object) -> tuple[str, ...]:
    """The names of regions, in a list or parted by commas. UtterError for one that there is not."""
    parts: list[Any] = given.split(",") if isinstance(given, str) else list(given)  # type: ignore[call-overload]
    names = tuple(filter(None, (part.strip() if isinstance(part, str) else part for part in parts)))
    if unknown := [name for name in names if name not in REGIONS]:
        raise UtterError(f"There is no region {brief(str(unknown[0]))}; regions are {', '.join(REGIONS)}.")
    return names


SCOPE = re.compile(r"(-?\d+(?:\.\d*)?)\s*(?:-|to)\s*(-?\d+(?:\.\d*)?)")
AROUND = 0.25  # seconds beside a passage's fades in which the face comes to it and leaves it


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


def touched(passage: Passage) -> tuple[float, float]:
    """The stretch that a change of a passage touches: the passage with its fades, and what the face needs to come to it."""
    comes, goes = passage.fades
    return passage.start - comes / 2 - AROUND, passage.end + goes / 2 + AROUND


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
