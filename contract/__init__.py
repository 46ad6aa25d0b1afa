"""What `addon` and `model_runtime` share: names, layout, defaults and the checks of a performance's options, each declared once.

Both import this package and never each other. Pure Python: importing it imports neither bpy, torch nor numpy.
"""

from .batch import COLUMNS, Task, find_voices, name_output, read_list, row, tasks_of, usable, words_for
from .errors import Cancelled, UtterError
from .identity import COEFFICIENTS, FURTHEST, SLIDERS, draw_identity, read_identity
from .layout import (
    ACTIONS,
    CHANNEL_NAMES,
    CHANNELS,
    EXPRESSION,
    EYES,
    FACE_ACTIONS,
    FPS,
    JAW,
    JOINTS,
    LIDS,
    LIP_LANDMARKS,
    NECK,
    PAIRED_ACTIONS,
    PERFORMANCE,
    TONGUE,
)
from .log import LOG_LINE, LOGGER, LogFile
from .options import BLENDER, RUNTIME, Option, add_arguments, options_of
from .protocol import (
    PROTOCOL,
    ByeEvent,
    CancelledEvent,
    ErrorEvent,
    Event,
    HeadResult,
    HelloEvent,
    JobId,
    PerformResult,
    ProgressEvent,
    ResultEvent,
    check_protocol,
)
from .request import DEVICES, OPTIONS, BakeOptions, HeadRequest, Passage, PerformRequest, Request, read_passages
from .sounds import SOUND_SUFFIXES, WORDS_SUFFIXES
from .timing import frame_at, frames_covering, seconds_at

VERSION = "0.2.0"  # of Utter; pyproject.toml and the extension's manifest take it from here

__all__ = [
    "ACTIONS",
    "BLENDER",
    "CHANNELS",
    "CHANNEL_NAMES",
    "COEFFICIENTS",
    "COLUMNS",
    "DEVICES",
    "EXPRESSION",
    "EYES",
    "FACE_ACTIONS",
    "FPS",
    "FURTHEST",
    "JAW",
    "JOINTS",
    "LIDS",
    "LIP_LANDMARKS",
    "LOGGER",
    "LOG_LINE",
    "NECK",
    "OPTIONS",
    "PAIRED_ACTIONS",
    "PERFORMANCE",
    "PROTOCOL",
    "RUNTIME",
    "SLIDERS",
    "SOUND_SUFFIXES",
    "TONGUE",
    "VERSION",
    "WORDS_SUFFIXES",
    "BakeOptions",
    "ByeEvent",
    "Cancelled",
    "CancelledEvent",
    "ErrorEvent",
    "Event",
    "HeadRequest",
    "HeadResult",
    "HelloEvent",
    "JobId",
    "LogFile",
    "Option",
    "Passage",
    "PerformRequest",
    "PerformResult",
    "ProgressEvent",
    "Request",
    "ResultEvent",
    "Task",
    "UtterError",
    "add_arguments",
    "check_protocol",
    "draw_identity",
    "find_voices",
    "frame_at",
    "frames_covering",
    "name_output",
    "options_of",
    "read_identity",
    "read_list",
    "read_passages",
    "row",
    "seconds_at",
    "tasks_of",
    "usable",
    "words_for",
]
