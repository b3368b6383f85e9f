"""The wire between one process and one vendor's API: an httpx transport whose every phase may fail."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tandem.channels.api import ApiChannel
from tandem.domain.clock import Clock
from tandem.domain.record import Record
from tandem.errors import AccessRefused, error_named
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings, ClientCredentialsAuth, Quota
from tests.simulation.business import OPERATIONS
from tests.simulation.site import Site
from tests.simulation.vendor import Answer, Vendor

PLACES = 4
_READ_TIMEOUT_S = 30.0
Trace = Callable[[str, dict[str, Any]], Awaitable[None]]
_IDLE_S = 60.0
"""A server closes a connection on which it has waited so long for a request."""


class Wire(httpx.AsyncBaseTransport):
    """``sent``: when each request but logins left this process; ``told``: each 429, when, and for how long."""

    def __init__(self, vendor: Vendor, site: Site) -> None:
        self._vendor, self._site = vendor, site
        self._process, self._random, self._weather = site.process, site.random, site.weather
        self.sent: list[float] = []
        self.told: list[tuple[float, float]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = self._process.loop
        await asyncio.sleep(self._random.random() * 0.05)
        if self._weather.strikes("refused"):
            raise httpx.ConnectError("refused")
        if self._weather.strikes("connect timeout"):
            await asyncio.sleep(5)
            raise httpx.ConnectTimeout("no connection")
        connected_s = loop.time()
        asked_s = await self._ask(request.extensions.get("trace"))
        if loop.time() - connected_s > _IDLE_S or self._weather.strikes("reset before sending"):
            raise httpx.WriteError("reset")
        path = request.url.path.strip("/")
        if path == "token":
            return httpx.Response(200, json={"access_token": self._vendor.new_token(), "token_type": "Bearer"})
        return await self._exchange(request, path, asked_s)

    async def _ask(self, trace: Trace | None) -> float:
        """When the right to send was asked for. The process may be stopped right before it and right behind it."""
        if trace is None:
            return self._process.loop.time()
        self._site.may_stop("before it asks whether it may send")
        await asyncio.sleep(0)
        asked_s = self._process.loop.time()
        await trace("http11.send_request_headers.started", {})
        self._site.may_stop("between its question and the first byte")
        await asyncio.sleep(0)
        return asked_s

    async def _exchange(self, request: httpx.Request, operation: str, asked_s: float) -> httpx.Response:
        loop = self._process.loop
        self.sent.append(loop.time())
        answered: asyncio.Future[Answer | Exception] = loop.create_future()
        token = request.headers["authorization"].removeprefix("Bearer ")
        sending = self._site.witness.sees(self._process, operation, json.loads(request.content), asked_s)
        loop.world(self._latency_s(), self._vendor.arrive, sending, self._towards(answered), token)
        self._site.may_die(f"having sent {operation}")
        if self._weather.strikes("reset after sending"):
            self._process.later(self._random.random() * 2, _settle, answered, httpx.ReadError("reset"))
        self._process.later(_READ_TIMEOUT_S, _settle, answered, httpx.ReadTimeout("no answer"))
        outcome = await answered
        if isinstance(outcome, Exception):
            raise outcome
        sending.learn(outcome)
        return self._response(outcome)

    def _towards(self, answered: "asyncio.Future[Answer | Exception]") -> Callable[[Answer], None]:
        """How the vendor's answer comes to this process: soon, late, or never."""

        def respond(answer: Answer) -> None:
            if self._weather.strikes("answer lost"):
                return
            late_s = (
                self._random.uniform(_READ_TIMEOUT_S, 3 * _READ_TIMEOUT_S)
                if self._weather.strikes("answer late")
                else 0.0
            )
            self._process.later(self._latency_s() + late_s, _settle, answered, answer)

        return respond

    def _response(self, answer: Answer) -> httpx.Response:
        headers = {}
        if answer.retry_after_s is not None:
            headers["retry-after"] = f"{answer.retry_after_s:.0f}"
            self.told.append((self._process.loop.time(), answer.retry_after_s))
        return httpx.Response(answer.status, headers=headers, json=answer.body | {"code": answer.code})

    def _latency_s(self) -> float:
        return self._random.random() * 0.2


def _settle(answered: "asyncio.Future[Any]", outcome: Any) -> None:
    if not answered.done():
        answered.set_result(outcome)


def api_channel(system: str, wire: Wire, clock: Clock, calls_per_s: float) -> ApiChannel:
    """The real API channel over the real port, on a simulated wire."""
    auth = ClientCredentialsAuth(kind="client_credentials", token_url="/token", client_id="us", client_secret="secret")
    settings = ApiSettings(url="http://vendor", auth=auth, quota=Quota(calls_per_s=calls_per_s, concurrent=PLACES))
    client = httpx.AsyncClient(transport=wire, trust_env=False, timeout=None)
    port = HttpPort(system, settings, clock, client)
    return ApiChannel(system, port, port, _RUNGS)


def _rung(name: str) -> Callable[[Any, Record], Awaitable[Record]]:
    operation = OPERATIONS[name]

    async def rung(port: HttpPort, request: Record) -> Record:
        answer = await port.send("POST", f"/{name}", json=request.model_dump(), safe=not operation.writes)
        body = answer.json()
        code = body.pop("code")
        if answer.status_code == 200:
            result: Record = operation.result.model_validate(body)
            return result
        raise said(code, port.system)

    return rung


_RUNGS = {name: _rung(name) for name in OPERATIONS}


def said(code: str, system: str) -> Exception:
    """What the vendor's no means."""
    kind = AccessRefused if code == "access_refused" else error_named(code)
    return kind("{system} says {code}.", system=system, code=code)
