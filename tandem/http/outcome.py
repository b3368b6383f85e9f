"""What a failed call means for a write: the table from httpx's exceptions to Tandem's."""

import httpx

from tandem.errors import TandemError, Unavailable, UnknownOutcome, Unreachable

BEFORE_SENDING: tuple[type[Exception], ...] = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.CookieConflict,
)
"""The request cannot have reached the vendor."""

PERHAPS_SENT: tuple[type[Exception], ...] = (
    httpx.ReadTimeout,
    httpx.ReadError,
    httpx.WriteTimeout,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
    httpx.StreamError,
    httpx.HTTPError,
)
"""Bytes have left, or may have. The bases stand last, for what a later httpx may add."""


def failure(error: Exception, *, system: str, url: str, safe: bool) -> TandemError:
    """The Tandem error for an httpx exception. ``url`` without its query; ``safe``: the request changes nothing."""
    kind = type(error).__name__
    if isinstance(error, BEFORE_SENDING):
        return Unreachable(
            "System {system} cannot be reached at {url}: {why}. Nothing was sent. Check the address and the network.",
            system=system,
            url=url,
            why=_reason(error),
        )
    if safe:
        return Unavailable(
            "System {system} gave no answer to a read at {url} ({kind}). It can be asked again.",
            system=system,
            url=url,
            kind=kind,
        )
    return UnknownOutcome(
        "System {system} gave no answer to a write at {url} ({kind}). Whether it was carried out has to be read back.",
        system=system,
        url=url,
        kind=kind,
    )


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else ""
    return text or type(error).__name__
