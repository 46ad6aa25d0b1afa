"""What the worker and Blender say to each other (docs/protocol.md): its version, and what the worker sends. Requests: request.py."""

from typing import Any, Literal, NotRequired, TypedDict

PROTOCOL = 3

JobId = str | int | None  # as the request had it; None: it had none


class Word(TypedDict):
    """A word that was found in a voice."""

    start: float  # seconds
    end: float
    text: str
    confidence: float  # 0 to 1: of a script, how well the word fits what is heard; of a transcript, how probable it is


class Reading(TypedDict):
    """What a prompt, a clip or a voice feels like."""

    emotion: dict[str, float]  # {name: probability}
    strength: float  # 0 to 1
    arousal: float  # 0 drowsy, 0.3 calm talk, 1 beside oneself
    control: float  # 0 held back, 0.5 plain, 1 let go


class HelloEvent(TypedDict):
    event: Literal["hello"]
    protocol: int
    version: str
    device: str
    pid: int


class ProgressEvent(TypedDict):
    event: Literal["progress"]
    id: JobId
    stage: str  # a word or two for the artist
    fraction: float  # 0 to 1 over the whole job


class ResultEvent(TypedDict):
    event: Literal["result"]
    id: JobId
    output: str  # path of the file that was asked for
    basis: str
    notes: NotRequired[list[str]]  # sentences for the artist


class HeadResult(ResultEvent):
    name: str
    head: str | None  # path of a head file to perform on, None: the built-in one


class Variation(TypedDict):
    """One of several performances that were asked for at once."""

    output: str
    seed: int


class PerformResult(ResultEvent):
    frames: int
    fps: float
    seconds: float
    words: list[Word]  # in order of time
    phones: list[Word]  # the phones that are heard, in order of time: text is ARPAbet's, confidence the mean posterior
    transcribed: bool  # whether Utter found some of them out itself
    variations: list[Variation]  # all performances, the one in output first
    directed: list[dict[str, Any]]  # the passages (contract.Passage) that the directions in the words became
    readings: dict[str, Reading]  # by a prompt's text or a clip's path; "": the voice in the mean, where no prompt is in its place


class CaptureResult(ResultEvent):
    frames: int
    fps: float
    seconds: float


class ExportResult(ResultEvent):
    frames: int


class ShapesResult(ResultEvent):
    points: dict[str, list[float]]  # of the face, by name: where they are, or where one would look for them
    refused: str  # why there are no shapes, one sentence; "" where there are
    place: list[float] | None  # where on the mesh that is


class ErrorEvent(TypedDict):
    event: Literal["error"]
    id: JobId
    message: str  # one sentence
    detail: str  # for the log
    unexpected: NotRequired[bool]  # a defect of ours


class CancelledEvent(TypedDict):
    event: Literal["cancelled"]
    id: JobId


class ByeEvent(TypedDict):
    event: Literal["bye"]


Event = (
    HelloEvent
    | ProgressEvent
    | HeadResult
    | PerformResult
    | CaptureResult
    | ExportResult
    | ShapesResult
    | ErrorEvent
    | CancelledEvent
    | ByeEvent
)


def check_protocol(theirs: object, side: str) -> str:
    """A sentence that says what to do if that side ("The worker", "Blender") speaks another version than ours; "" if not."""
    if theirs == PROTOCOL:
        return ""
    if not isinstance(theirs, int):
        return f"{side} does not say which protocol it speaks; install the same version of Utter on both sides."
    age = "a newer protocol" if theirs > PROTOCOL else "an older protocol"
    return f"{side} speaks {age} ({theirs}) than this side ({PROTOCOL}); install the same version of Utter on both sides."
