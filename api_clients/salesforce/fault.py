"""What Salesforce says when it refuses, in all the shapes it says it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tandem.log import scrub

HALTED = "PROCESSING_HALTED"
LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"
SEVERAL_MATCH = "DUPLICATE_EXTERNAL_ID"
"""Given to a 300 whose body is a mere list of addresses, as older versions answer."""

_LONGEST_MESSAGE = 220


@dataclass(frozen=True)
class Fault:
    """``code`` never changes; ``message`` is in the language of the user and may name values."""

    code: str
    message: str = ""
    fields: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The vendor's words without personal data, at most 220 characters, and the code."""
        text = scrub(" ".join(self.message.split())).rstrip(".")
        shown = text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"
        return f"{shown} ({self.code})" if shown else self.code


class Refused(Exception):
    """Salesforce understood the request and refused it. Nothing was changed.

    ``position``: which change of a composite call was refused; None: the call as a whole was.
    ``retry_after_s``: only with the code REQUEST_LIMIT_EXCEEDED.
    """

    def __init__(self, status: int, fault: Fault, *, position: int | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(status, fault.code)
        self.status = status
        self.fault = fault
        self.position = position
        self.retry_after_s = retry_after_s


def parsed(content: bytes) -> Any:
    """The JSON of a body; None for HTML, XML, plain text and nothing at all."""
    try:
        return json.loads(content)
    except ValueError:
        return None


def fault_of(body: Any) -> Fault | None:
    """The first fault of a parsed body that is not merely the consequence of another; None when it tells of none.

    Shapes: ``[{"message", "errorCode", "fields"}]``, the same with ``statusCode`` under ``errors`` (collections),
    ``{"error", "error_description"}`` (OAuth).
    """
    faults = list(_faults(body))
    return next((fault for fault in faults if fault.code != HALTED), faults[0] if faults else None)


def _faults(body: Any) -> Iterator[Fault]:
    if isinstance(body, list):
        for entry in body:
            yield from _faults(entry)
    elif isinstance(body, dict):
        code = body.get("errorCode") or body.get("statusCode") or body.get("error")
        if isinstance(code, str):
            message = body.get("message") or body.get("error_description") or ""
            yield Fault(code, str(message), tuple(map(str, body.get("fields") or ())))
        elif isinstance(body.get("errors"), list):
            yield from _faults(body["errors"])
