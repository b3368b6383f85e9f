"""What SAP says when it refuses: the OData error body as JSON, Atom XML, plain text or an HTML page."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

from tandem.log import scrub

_XML_CODE = re.compile(r"<(?:\w+:)?code>([^<]*)</")
_XML_MESSAGE = re.compile(r"<(?:\w+:)?message\b[^>]*>([^<]*)</")
_LONGEST_MESSAGE = 220


@dataclass(frozen=True)
class Fault:
    """One refusal. ``code`` is ``<message class>/<number>`` or a Gateway code; empty when the body is no OData error.

    ``details`` are (code, message) of the error details of severity error, without the repeated main one.
    ``transaction_id`` finds the case in SAP's own error log (transaction /IWFND/ERROR_LOG).
    """

    code: str = ""
    message: str = ""
    details: tuple[tuple[str, str], ...] = ()
    transaction_id: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """The code and those of the details, the most specific last."""
        return (self.code, *(code for code, _ in self.details))

    @property
    def sentence(self) -> str:
        """All messages in the vendor's words, without personal data, at most 220 characters."""
        said = [self.message, *(message for _, message in self.details)]
        text = scrub("; ".join(dict.fromkeys(part.strip().rstrip(".") for part in said if part)))
        return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


class Refused(Exception):
    """SAP answered 4xx to a request it understood. Nothing was changed."""

    def __init__(self, status: int, fault: Fault) -> None:
        super().__init__(status, fault.code)
        self.status = status
        self.fault = fault


def fault_of(content: bytes) -> Fault:
    """The fault in an answer's body; an empty one for plain text, HTML and anything else without an OData error."""
    text = content.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        return _from_json(text)
    if text.startswith("<") and (code := _XML_CODE.search(text)) is not None:
        message = _XML_MESSAGE.search(text)
        return Fault(code=unescape(code[1]).strip(), message=unescape(message[1]).strip() if message else "")
    return Fault()


def _from_json(text: str) -> Fault:
    try:
        body = json.loads(text)
    except ValueError:
        return Fault()
    error = body.get("error")
    if not isinstance(error, dict):
        return Fault()
    inner = error.get("innererror")
    inner = inner if isinstance(inner, dict) else {}
    code, message = str(error.get("code") or ""), _text(error.get("message"))
    listed = inner.get("errordetails") or error.get("details") or []
    details = tuple(detail for detail in _details(listed) if detail != (code, message))
    return Fault(code, message, details, str(inner.get("transactionid") or ""))


def _details(listed: Any) -> Iterator[tuple[str, str]]:
    for detail in listed if isinstance(listed, list) else ():
        if isinstance(detail, dict) and detail.get("severity", "error") == "error":
            yield str(detail.get("code") or ""), _text(detail.get("message"))


def _text(message: Any) -> str:
    """V2 says ``{"lang", "value"}``, V4 a plain string."""
    if isinstance(message, dict):
        message = message.get("value")
    return str(message or "")
