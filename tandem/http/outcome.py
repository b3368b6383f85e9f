"""What a failed call means for the vendor's books: one row for every exception of httpx, one rule for every status.

What cannot have been sent is Unreachable. What may have been is Unavailable for a safe request (ask again) and
UnknownOutcome for any other: bytes that left may have been acted upon.
"""

from dataclasses import dataclass

import httpcore
import httpx

from tandem.errors import TandemError, Unavailable, UnknownOutcome, Unreachable
from tandem.http.answer import AnswerTooLarge
from tandem.log import scrub


@dataclass(frozen=True)
class Call:
    """What a sentence about a call needs. ``safe``: it changes nothing in the vendor's books."""

    system: str
    url: str
    method: str
    path: str
    safe: bool


@dataclass(frozen=True)
class Row:
    """``sent``: whether the vendor may have received the request, wholly or in part."""

    sent: bool
    why: str


_NO_CONNECTION = Row(False, "no connection (refused, name not found, or its certificate is not trusted)")
_CONNECT_SLOW = Row(False, "no connection in time")
_POOL = Row(False, "all connections are busy")
_PROXY = Row(False, "the proxy gives no connection")
_ADDRESS = Row(False, "the address is not valid")
_READ_SLOW = Row(True, "no answer in time")
_READ_CUT = Row(True, "the connection broke before the answer was complete")
_WRITE_CUT = Row(True, "the connection broke while sending")
_PROTOCOL = Row(True, "what was exchanged is not proper HTTP")
_UNREADABLE = Row(True, "the answer cannot be decoded")
_REDIRECTED = Row(True, "it redirects elsewhere")
_UNFORESEEN = Row(True, "an unforeseen failure of the connection")

TABLE: dict[type[Exception], Row] = {
    httpx.ConnectError: _NO_CONNECTION,
    httpx.ConnectTimeout: _CONNECT_SLOW,
    httpx.PoolTimeout: _POOL,
    httpx.ProxyError: _PROXY,
    httpx.UnsupportedProtocol: _ADDRESS,
    httpx.InvalidURL: _ADDRESS,
    httpx.ReadTimeout: _READ_SLOW,
    httpx.WriteTimeout: Row(True, "the request was not taken in time"),
    httpx.TimeoutException: _READ_SLOW,
    httpx.ReadError: _READ_CUT,
    httpx.WriteError: _WRITE_CUT,
    httpx.CloseError: _READ_CUT,
    httpx.NetworkError: _READ_CUT,
    httpx.LocalProtocolError: _PROTOCOL,
    httpx.RemoteProtocolError: _READ_CUT,
    httpx.ProtocolError: _PROTOCOL,
    httpx.DecodingError: _UNREADABLE,
    httpx.TooManyRedirects: _REDIRECTED,
    httpx.HTTPStatusError: _UNREADABLE,
    httpx.CookieConflict: _UNREADABLE,
    httpx.StreamConsumed: _UNREADABLE,
    httpx.StreamClosed: _READ_CUT,
    httpx.ResponseNotRead: _UNREADABLE,
    httpx.RequestNotRead: _UNREADABLE,
    httpx.StreamError: _UNREADABLE,
    httpx.TransportError: _UNFORESEEN,
    httpx.RequestError: _UNFORESEEN,
    httpx.HTTPError: _UNFORESEEN,
    httpcore.ConnectionNotAvailable: _UNFORESEEN,
    httpcore.ConnectError: _NO_CONNECTION,
    httpcore.ConnectTimeout: _CONNECT_SLOW,
    httpcore.PoolTimeout: _POOL,
    httpcore.ProxyError: _PROXY,
    httpcore.UnsupportedProtocol: _ADDRESS,
    httpcore.ReadTimeout: _READ_SLOW,
    httpcore.WriteTimeout: Row(True, "the request was not taken in time"),
    httpcore.TimeoutException: _READ_SLOW,
    httpcore.ReadError: _READ_CUT,
    httpcore.WriteError: _WRITE_CUT,
    httpcore.NetworkError: _READ_CUT,
    httpcore.LocalProtocolError: _PROTOCOL,
    httpcore.RemoteProtocolError: _READ_CUT,
    httpcore.ProtocolError: _PROTOCOL,
    AnswerTooLarge: Row(True, "the answer is too large"),
}


def of_failure(error: Exception, call: Call) -> TandemError:
    """The error to raise when no answer came. An exception nobody foresaw counts as sent."""
    known = (TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    return _told(next(known, _UNFORESEEN), call)


def of_status(status: int, call: Call) -> TandemError | None:
    """The error to raise for an answer that says nothing to believe: 5xx or a redirect; else None."""
    if status >= 500:
        return _told(Row(True, f"HTTP {status}"), call)
    if status in (301, 302, 303, 307, 308):
        return _told(_REDIRECTED, call)
    return None


def _told(row: Row, call: Call) -> TandemError:
    if not row.sent:
        return Unreachable(
            "{system} cannot be reached at {url}: {why}. Nothing was sent. Check that it runs, and the address and "
            "certificates in tandem.yaml.",
            system=call.system,
            url=call.url,
            why=row.why,
        )
    if call.safe:
        return Unavailable(
            "{system} did not answer {method} {path} usefully: {why}. Nothing was changed. Try again later.",
            system=call.system,
            method=call.method,
            path=scrub(call.path),
            why=row.why,
        )
    return UnknownOutcome(
        "{system} gave no answer to believe to {method} {path}: {why}. Whether it was carried out is not known; "
        "the books are read before anything else.",
        system=call.system,
        method=call.method,
        path=scrub(call.path),
        why=row.why,
    )
