"""The log: one constant per event, fields bound, text constant; personal data and secrets never in clear.

A terminal shows events readably; a file gets them as JSON lines. ``register_secret`` makes a value unprintable.
"""

import json
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

_MASK = "***"
_PERSONAL = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an e-mail address
    r"|(?<![\w.:/-])\+?\d{1,3}[ -]\(?\d{2,4}\)?(?:[ -]\d{2,8}){1,4}(?![\w.:-])"  # a phone number in groups
    r"|(?<!\d)1[3-9]\d{9}(?!\d)"  # a Chinese mobile number
)
_CREDENTIAL = re.compile(r"(?i)\b(bearer|basic|session|oauth)\s+[\w.~+/=!-]{8,}")
_SUSPECT = re.compile(r"(?i)@|\d[ (-]|\d{11}|bearer|basic|session|oauth")
"""Without any of these there is nothing to mask; most texts have none, and this is much the cheaper search."""
_NO_FIELDS = ("event", "shown", "trace")
_secrets: set[str] = set()
_correlation: ContextVar[str | None] = ContextVar("correlation", default=None)


def event(name: str, /, *, level: str = "INFO", **fields: object) -> None:
    """Log one event. ``name`` is its constant, such as ``rung.descended``; fields are scrubbed before any sink."""
    run = _correlation.get()
    bound = fields if run is None or "run" in fields else {"run": run, **fields}
    logger.bind(event=name, **bound).log(level, name)


@contextmanager
def correlated(run_id: str) -> Iterator[None]:
    """Everything logged inside, in this task, carries the run's id."""
    token = _correlation.set(run_id)
    try:
        yield
    finally:
        _correlation.reset(token)


def correlation() -> str | None:
    """The id of the run this task works for, if any."""
    return _correlation.get()


def register_secret(value: str) -> None:
    """Mask this value wherever it appears from now on. Values under four characters are not masked."""
    if len(value) >= 4:
        _secrets.add(value)


def scrub(text: str) -> str:
    """The text without registered secrets, credentials, e-mail addresses and phone numbers."""
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, _MASK)
    if _SUSPECT.search(text) is None:
        return text
    return _PERSONAL.sub(_MASK, _CREDENTIAL.sub(rf"\1 {_MASK}", text))


def configure(*, level: str = "WARNING", terminal: TextIO | None = None, file: Path | None = None) -> None:
    """Set the sinks of this process: a terminal (stderr by default) and, if given, a JSON lines file."""
    logger.remove()
    logger.configure(patcher=_patch)
    stream = terminal or sys.stderr
    logger.add(stream, level=level, format=_line, diagnose=False, backtrace=False)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        logger.add(_JsonLines(file), level="DEBUG", format="{message}", diagnose=False, backtrace=False)


def _patch(record: "Record") -> None:
    record["message"] = scrub(record["message"])
    for name, value in list(record["extra"].items()):
        record["extra"][name] = _scrubbed(value)


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {key: _scrubbed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(item) for item in value]
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    return scrub(str(value))


def _line(record: "Record") -> str:
    """A loguru format that shows the fields behind the event, each escaped, and what was raised, scrubbed."""
    extra, raised = record["extra"], record["exception"]
    extra["shown"] = " ".join(f"{name}={value}" for name, value in extra.items() if name not in _NO_FIELDS)
    extra["trace"] = scrub("".join(traceback.format_exception(raised.value))) if raised else ""
    return "{time:HH:mm:ss.SSS} {level: <7} {message} {extra[shown]}\n{extra[trace]}"


class _JsonLines:
    """A sink of one JSON object a line, flushed with every line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def write(self, message: "Message") -> None:
        record = message.record
        entry = {"at": record["time"].isoformat(), "level": record["level"].name, "event": record["message"]}
        fields = {name: value for name, value in record["extra"].items() if name not in _NO_FIELDS}
        if record["exception"] is not None:
            fields["exception"] = scrub(repr(record["exception"].value))
        self._file.write(json.dumps(entry | fields, ensure_ascii=False) + "\n")
        self._file.flush()

    def stop(self) -> None:
        """Called when the sink is removed."""
        self._file.close()
