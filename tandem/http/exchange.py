"""One HTTP exchange of one system: counted, logged, read to its end."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tandem.domain.clock import Clock
from tandem.domain.hold import Hold, current_hold
from tandem.http.answer import read_whole
from tandem.http.outcome import Call
from tandem.log import event

Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""Told by the transport what it is about to do (httpcore's ``trace`` extension)."""

_REQUEST_ID = frozenset((b"x-request-id", b"request-id", b"x-ms-service-request-id", b"x-sfdc-request-id", b"x-ecid"))


@dataclass(frozen=True)
class Message:
    """What travels besides method and address. At most one of ``json`` and ``content``."""

    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | str | None = None


class Exchange:
    """Sends requests over one client. ``count`` is how many were sent."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.count = 0

    async def send(self, call: Call, url: str, message: Message, login: Mapping[str, str]) -> httpx.Response:
        """The answer, with ``login`` among the request's headers. Raises what httpx raises, and AnswerTooLarge."""
        hold = None if call.safe else current_hold()
        request = self._client.build_request(
            call.method,
            f"{url}?{httpx.QueryParams(message.params)}" if message.params else url,
            headers={**message.headers, **login},
            json=message.json,
            content=message.content,
            extensions=None if hold is None else {"trace": _confirming(hold)},
        )
        self.count += 1
        started_s = self._clock.monotonic_s()
        try:
            streamed = await self._client.send(request, stream=True)
            try:
                response = await read_whole(streamed)
            finally:
                await streamed.aclose()
        except Exception as error:
            self._log(call, started_s, level="WARNING", failure=type(error).__name__)
            raise
        self._log(call, started_s, status=response.status_code, request_id=_request_id(response))
        return response

    def _log(self, call: Call, started_s: float, *, level: str = "DEBUG", **fields: object) -> None:
        ms = round((self._clock.monotonic_s() - started_s) * 1000, 1)
        event("http.called", level=level, system=call.system, method=call.method, path=call.path, ms=ms, **fields)


def _confirming(hold: Hold) -> Trace:
    """Confirms the hold once the connection stands, right before the first byte of the request."""

    async def trace(event_name: str, _: Mapping[str, Any]) -> None:
        if event_name.endswith(".send_request_headers.started"):
            await hold.confirm()

    return trace


def _request_id(response: httpx.Response) -> str | None:
    """The vendor's own name of the call, for its support."""
    for name, value in response.headers.raw:
        if name.lower() in _REQUEST_ID:
            return value.decode("latin-1")
    return None
