"""A channel of screens: it stops before its commit step, at it, or behind it, and what it claims may be wrong."""

import asyncio
from typing import Any

from tandem.channels.guarded import Guarded
from tandem.domain.channel import Attempt
from tandem.domain.clock import Clock
from tandem.domain.hold import confirm_hold
from tandem.domain.operation import ChannelName
from tandem.domain.record import Record
from tandem.errors import LoginExpired, ScreenNotReady, Throttled, Unavailable, UnknownOutcome, Unreachable
from tests.simulation.network import said
from tests.simulation.site import Site
from tests.simulation.vendor import Answer, Vendor

_PATIENCE_S = 30.0


class Screen:
    """The Channel port. One replay at a time, as one browser or one desktop allows."""

    def __init__(self, name: ChannelName, system: str, vendor: Vendor, site: Site) -> None:
        self._name, self._system, self._vendor, self._site = name, system, vendor, site
        self._process, self._random, self._weather = site.process, site.random, site.weather
        self._turn = asyncio.Lock()

    @property
    def name(self) -> ChannelName:
        return self._name

    async def perform(self, attempt: Attempt) -> Record:
        async with self._turn:
            await self._before_commit()
            body = attempt.request.model_dump()
            if not attempt.operation.writes:
                return await self._read(attempt, body)
            self._site.may_stop("before it asks whether it may press the button")
            await asyncio.sleep(0)
            asked_s = self._process.loop.time()
            await confirm_hold()
            self._site.may_stop("with its finger on the button")
            await asyncio.sleep(0)
            return await self._commit(attempt, body, asked_s)

    async def login(self) -> None:
        await asyncio.sleep(self._random.random() * 3)

    async def aclose(self) -> None: ...

    async def _before_commit(self) -> None:
        await asyncio.sleep(self._random.random() * 4)
        strikes = self._weather.strikes
        if strikes("screen unreachable"):
            raise self._random.choice((Unreachable, Unavailable))("{system} is down.", system=self._system)
        if strikes("screen not ready"):
            raise ScreenNotReady("{system} shows another screen.", system=self._system)
        if strikes("screen logged out"):
            raise LoginExpired("{system} logged us out.", system=self._system)

    async def _commit(self, attempt: Attempt, body: dict[str, Any], asked_s: float) -> Record:
        can_be_seen = attempt.operation.read_back is not None
        if can_be_seen and self._weather.strikes("screen does nothing"):
            number = body.get("document_id", "?-0")
            return attempt.operation.result(document_id=number, external_reference=attempt.reference)
        if can_be_seen and "amount" in body and self._weather.strikes("screen writes another field"):
            body["amount"] += 1
        try:
            answer = await self._submit(attempt, body, asked_s)
        except TimeoutError:
            raise self._unknown() from None
        if answer.status in (200, 403, 409, 422):
            if self._weather.strikes("screen dies after commit"):
                raise self._unknown()
            return self._result(attempt, answer)
        if answer.status == 429:
            raise Throttled("{system} answers 429.", retry_after_s=answer.retry_after_s or 1.0, system=self._system)
        raise self._unknown()

    async def _read(self, attempt: Attempt, body: dict[str, Any]) -> Record:
        try:
            return self._result(attempt, await self._submit(attempt, body, self._process.loop.time()))
        except TimeoutError:
            raise Unavailable("{system} shows nothing.", system=self._system) from None

    async def _submit(self, attempt: Attempt, body: dict[str, Any], asked_s: float) -> Answer:
        answered: asyncio.Future[Answer | None] = self._process.loop.create_future()
        sending = self._site.witness.sees(self._process, attempt.operation.name, body, asked_s)

        def respond(answer: Answer) -> None:
            self._process.later(0.1, _settle, answered, answer)

        self._process.loop.world(0.1, self._vendor.arrive, sending, respond)
        self._site.may_die(f"having sent {attempt.operation.name}")
        self._process.later(_PATIENCE_S, _settle, answered, None)
        answer = await answered
        if answer is None:
            raise TimeoutError
        sending.learn(answer)
        return answer

    def _result(self, attempt: Attempt, answer: Answer) -> Record:
        if answer.status == 200:
            return attempt.operation.result.model_validate(answer.body)
        if answer.code is not None:
            raise said(answer.code, self._system)
        raise Unavailable("{system} shows an error page.", system=self._system)

    def _unknown(self) -> UnknownOutcome:
        return UnknownOutcome("{system} broke off at or after its commit step.", system=self._system)


def screen_channel(screen: Screen, system: str, clock: Clock) -> Guarded:
    """Behind the real circuit breaker."""
    return Guarded(system, screen, clock)


def _settle(answered: "asyncio.Future[Answer | None]", answer: Answer | None) -> None:
    if not answered.done():
        answered.set_result(answer)
