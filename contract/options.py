"""An option of a performance, and what follows from its one declaration: checks, command lines, columns, and what a panel shows.

A dataclass's field made by `option()` carries an Option in its metadata. `options_of` reads them back.
"""

import argparse
import dataclasses
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from .console import brief
from .errors import UtterError
from .text import is_file

RUNTIME, BLENDER = "runtime", "blender"  # the commands: python -m model_runtime perform; blender --command utter perform and bake


@dataclasses.dataclass(frozen=True)
class Option:
    """One option.

    label, help: for the panel, the tooltip, --help and the docs (help is one sentence without a full stop).
    kind: str, int, float, or tuple where the option has its own check.  choices: {value: (label, help)}.  low, high: limits, included.
    panel: a property of Object.utter.  column: a column of a batch list.  commands: which command lines take it.
    path: in a list, "always": a path relative to the list's folder; "perhaps": one only if such a file exists.
    aliases: further names on command lines and in lists.
    """

    label: str
    help: str
    kind: type
    default: Any = None
    name: str = ""
    choices: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    metavar: str | None = None
    panel: bool = True
    column: bool = True
    commands: tuple[str, ...] = (RUNTIME, BLENDER)
    path: str = ""
    aliases: tuple[str, ...] = ()
    check: Callable[[Any], Any] | None = None

    @property
    def called(self) -> str:
        """Its label and, where that is another word, the name under which a command line or a list has it."""
        return self.label if self.label.lower().replace(" ", "_") == self.name else f"{self.label} ({self.name})"

    def checked(self, value: Any) -> Any:
        """The value as the request holds it. UtterError names the option and what it may be."""
        if value is None and self.default is None:
            return None
        if self.check is not None:
            return self.check(value)
        if self.kind is str:
            if not isinstance(value, str):
                raise UtterError(f"{self.called} is a text, not {value!r}.")
            value = value.strip() or self.default
            if self.choices and value not in self.choices:
                raise UtterError(f"{self.called} is {' or '.join(self.choices)}, not {brief(value)}.")
            if value and self.column and self.path != "always" and not is_text(value) and not is_file(value):
                raise UtterError(f"{self.called} has characters that no text can have; write it anew.", repr(value))
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value) or value != self.kind(value):
            raise UtterError(f"{self.called} is a {'whole ' if self.kind is int else ''}number, not {shown(value)}.")
        low, high = self.low, self.high
        if (low is not None and value < low) or (high is not None and value > high):
            between = f"from {low} to {high}" if high is not None else f"{low} or more"
            raise UtterError(f"{self.called} is {between}, not {brief(value)}.")
        return self.kind(value)


def is_text(value: str) -> bool:
    """Whether every character is one: half a pair of UTF-16 is none, nor is a byte of a file's name that is no UTF-8, nor a zero."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def shown(value: object) -> str:
    """A value as code writes it, for a sentence."""
    return brief(value) if isinstance(value, int) else brief(repr(value))


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def option(default: Any, **about: Any) -> Any:
    """A dataclass field with that default and an Option (see there) made of the rest."""
    about.setdefault("kind", str)
    return dataclasses.field(default=default, metadata={"option": Option(default=default, **about)})


def options_of(cls: type) -> dict[str, Option]:
    """{name: Option} of a dataclass whose fields option() made."""
    return {field.name: dataclasses.replace(field.metadata["option"], name=field.name) for field in dataclasses.fields(cls)}


class Parser(argparse.ArgumentParser):
    """argparse that says what is wrong in one sentence, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"\S{80,}", lambda word: brief(word[0]), message)
        raise UtterError(f"{message[0].upper()}{message[1:]}; see {self.prog} --help.")


class VerbParser(Parser):
    """The Parser of a verb: its arguments may come in any order, and voices before and after the options."""

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._mixing:  # parse_known_intermixed_args calls this method in its turn
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False


def add_arguments(parser: argparse.ArgumentParser, options: Iterable[Option], command: str) -> None:
    """Give a command line the options it takes: --name VALUE. What is not given is None, so that a default is filled in by the
    request (or, in Blender, by what the file holds)."""
    for option in options:
        if command not in option.commands:
            continue
        number = option.kind in (int, float)
        has_default = command == RUNTIME and option.default is not None and (number or option.choices)
        parser.add_argument(
            *(f"--{name}" for name in dict.fromkeys((option.name.replace("_", "-"), option.name, *option.aliases))),
            dest=option.name,
            type=option.kind if number else str,
            choices=tuple(option.choices) or None,
            metavar=None if option.choices else option.metavar or option.name.upper(),
            help=option.help[0].lower() + option.help[1:].replace("%", "%%") + (f" (default {option.default})" if has_default else ""),
        )
