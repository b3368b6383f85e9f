"""A screen channel behind a circuit breaker: screens that are down are not opened again for every operation."""

from tandem.domain.channel import Attempt, Channel
from tandem.domain.clock import Clock, SystemClock
from tandem.domain.operation import ChannelName
from tandem.domain.record import Record
from tandem.errors import NotSent, Rejected, TandemError, Unavailable, Unreachable
from tandem.http.breaker import CircuitBreaker

FAILURES = 2
"""Fewer than for an API: each vain try of a screen costs seconds."""


class Guarded:
    """Passes attempts on to ``channel``, unless it was unreachable or in maintenance several times in a row."""

    def __init__(self, system: str, channel: Channel, clock: Clock | None = None) -> None:
        self.channel = channel
        self._breaker = CircuitBreaker(f"{system} ({channel.name})", clock or SystemClock(), failures=FAILURES)

    @property
    def name(self) -> ChannelName:
        return self.channel.name

    async def perform(self, attempt: Attempt) -> Record:
        """What the channel returns and raises; CircuitOpen at once while it is left alone."""
        self._breaker.admit()
        try:
            result = await self.channel.perform(attempt)
        except TandemError as error:
            self._report(error)
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return result

    async def login(self) -> None:
        await self.channel.login()

    async def aclose(self) -> None:
        await self.channel.aclose()

    def _report(self, error: TandemError) -> None:
        if isinstance(error, (Unreachable, Unavailable)):
            self._breaker.failed(error)
        elif isinstance(error, (NotSent, Rejected)):
            self._breaker.succeeded()
        else:
            self._breaker.abandoned()
