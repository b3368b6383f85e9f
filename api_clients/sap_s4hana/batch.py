"""The multipart ``$batch`` of OData V2: reads side by side, writes in changesets that stand or fall as one.

Gateway wants CRLF. A changeset that fails is answered by one single part; everything in it was rolled back.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api_clients.sap_s4hana.answer import Answer

_BOUNDARY = re.compile(r'boundary="?([^";,\s]+)"?', re.IGNORECASE)
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"--|[ \t]*\r?\n")

Headers = dict[str, str]


@dataclass(frozen=True)
class Change:
    """One write of a changeset; ``resource`` is relative to the service root."""

    method: str
    resource: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class MalformedBatch(ValueError):
    """The answer is no multipart batch response, or has not one part for each part asked."""


def encode_reads(resources: Sequence[str], headers: Mapping[str, str]) -> tuple[str, bytes]:
    """Content type and body of a batch of GETs, each with these headers."""
    boundary = _new_boundary("batch")
    parts = [_application_http(_request("GET", resource, headers, b"")) for resource in resources]
    return _content_type(boundary), _multipart(boundary, parts)


def encode_changeset(changes: Sequence[Change], headers: Mapping[str, str]) -> tuple[str, bytes]:
    """Content type and body of a batch of one changeset; Content-IDs count from 1."""
    inner, outer = _new_boundary("changeset"), _new_boundary("batch")
    parts = [_change(number, change, headers) for number, change in enumerate(changes, 1)]
    nested = f"Content-Type: {_content_type(inner)}\r\n\r\n".encode() + _multipart(inner, parts)
    return _content_type(outer), _multipart(outer, [nested])


def decode(content_type: str, body: bytes) -> list[Answer | list[Answer]]:
    """The parts of a batch answer in the order asked; a list stands for a changeset that succeeded.

    Raises MalformedBatch.
    """
    return [_decoded(headers, content) for headers, content in _parts(content_type, body)]


def stopped(parts: Sequence[Answer | list[Answer]], expected: int) -> bool:
    """Whether the server left off at its last part because that one failed, as OData V4 has it (11.7.2)."""
    last = parts[-1] if parts else []
    return len(parts) < expected and isinstance(last, Answer) and last.status >= 400


def _new_boundary(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"


def _content_type(boundary: str) -> str:
    return f"multipart/mixed; boundary={boundary}"


def _multipart(boundary: str, parts: Iterable[bytes]) -> bytes:
    line = f"--{boundary}\r\n".encode()
    return b"".join(line + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def _application_http(request: bytes, *extra: str) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", *extra]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + request


def _change(number: int, change: Change, headers: Mapping[str, str]) -> bytes:
    body = b"" if change.body is None else json.dumps(change.body, ensure_ascii=False).encode()
    sent = {**headers, **change.headers}
    if body:
        sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return _application_http(_request(change.method, change.resource, sent, body), f"Content-ID: {number}")


def _request(method: str, resource: str, headers: Mapping[str, str], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {resource} HTTP/1.1\r\n{head}\r\n".encode() + body


def _parts(content_type: str, body: bytes) -> Iterator[tuple[Headers, bytes]]:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise MalformedBatch("no boundary in the content type")
    pieces = _split(b"\n" + body, b"\n--" + found[1].encode())
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise MalformedBatch("the closing boundary is missing")
    for piece in pieces[1:-1]:
        yield _split_head(piece.lstrip(b" \t").removeprefix(b"\r").removeprefix(b"\n").removesuffix(b"\r"))


def _split(body: bytes, delimiter: bytes) -> list[bytes]:
    """At every line that is the delimiter: one that only begins like it belongs to another boundary.

    Without a pattern made of the boundary, which is another in each answer: compiling it took longer than all else.
    """
    pieces: list[bytes] = []
    for piece in body.split(delimiter):
        if pieces and _LINE_END.match(piece) is None:
            pieces[-1] += delimiter + piece
        else:
            pieces.append(piece)
    return pieces


def _split_head(piece: bytes) -> tuple[Headers, bytes]:
    blank = _BLANK_LINE.search(piece)
    head, rest = (piece[: blank.start()], piece[blank.end() :]) if blank else (piece, b"")
    pairs = (line.partition(b":") for line in head.splitlines() if b":" in line)
    return {name.strip().lower().decode("latin-1"): value.strip().decode("latin-1") for name, _, value in pairs}, rest


def _decoded(headers: Headers, content: bytes) -> Answer | list[Answer]:
    kind = headers.get("content-type", "")
    if kind.lower().startswith("multipart/mixed"):
        return [_answer(inner) for _, inner in _parts(kind, content)]
    return _answer(content)


def _answer(content: bytes) -> Answer:
    found = _STATUS_LINE.match(content)
    if found is None:
        raise MalformedBatch("a part has no HTTP status line")
    headers, body = _split_head(content)
    return Answer(int(found[1]), headers, body)
