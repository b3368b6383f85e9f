"""What the library of the command line says by itself, errors and the frame of a help page, in the chosen language.

The library has no translations. Its texts are recognised by their shape and told anew; one of another shape stays.
"""

import re
from collections.abc import Sequence
from functools import cache
from string import Formatter
from typing import Any

import typer

from tandem.text import phrase, tr

_SHAPES = (
    phrase("No such option: {option} (Possible options: {near})"),
    phrase("No such option: {option}"),
    phrase("No such command {name}. Did you mean {near}"),
    phrase("No such command {name}"),
    phrase("Missing command"),
    phrase("Missing argument {name}"),
    phrase("Missing option {name}"),
    phrase("Invalid value for {name}: {why}"),
    phrase("Option {name} requires an argument"),
    phrase("Option {name} does not take a value"),
    phrase("Got unexpected extra argument(s) ({arguments})"),
    phrase("Show this message and exit."),
    phrase("Usage: "),
    phrase("[OPTIONS]"),
    phrase("COMMAND"),
    phrase("[ARGS]..."),
    phrase("Arguments"),
    phrase("Options"),
    phrase("Commands"),
    phrase("default: {value}"),
    phrase("required"),
)
"""The more telling of two that fit stands first."""


def retold(text: str) -> str:
    """The text in the chosen language, if it has one of the shapes."""
    fits = ((shape, _pattern(shape).fullmatch(text)) for shape in _SHAPES)
    return next((tr(shape, **found.groupdict()) for shape, found in fits if found), text)


def in_readers_language(command: Any) -> Any:
    """The command and those below it, with help pages in the chosen language."""
    command.context_class = _Context
    for each in getattr(command, "commands", {}).values():
        in_readers_language(each)
    return command


@cache
def _pattern(shape: str) -> re.Pattern[str]:
    parts = Formatter().parse(shape)
    return re.compile("".join(re.escape(text) + (f"(?P<{name}>.+)" if name else "") for text, name, _, _ in parts))


class _Page(typer.Context.formatter_class):  # type: ignore[valid-type, misc]
    """A help page: usage, then lists under headings."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, " ".join(map(retold, args.split())), prefix or retold("Usage: "))

    def write_heading(self, heading: str) -> None:
        super().write_heading(retold(heading))

    def write_dl(self, rows: Sequence[tuple[str, str]], *args: Any, **options: Any) -> None:
        super().write_dl([(name, _with_extras(meaning)) for name, meaning in rows], *args, **options)


class _Context(typer.Context):
    formatter_class = _Page


def _with_extras(meaning: str) -> str:
    """A meaning that may end with ``[default: 20; required]``."""
    head, bracket, extras = meaning.rpartition("[")
    if not bracket or not extras.endswith("]"):
        return retold(meaning)
    return f"{head}[{'; '.join(map(retold, extras[:-1].split('; ')))}]"
