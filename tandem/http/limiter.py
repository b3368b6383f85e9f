"""The limiter of one system: calls per second, calls at once, and the pause a vendor asked for."""

import asyncio
import heapq
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

from tandem.domain.clock import Clock
from tandem.errors import Throttled
from tandem.http.settings import Quota

PATIENCE_S = 5.0
"""Longer waits are not slept through: the caller is told, so that a run can be suspended instead."""


class Limiter:
    """Enter it (``async with``) for every call, and its ``turn`` for every request; first come, first served.

    No second, wherever the vendor begins to count it, sees more than a second's worth of requests. Each request has a
    place, which is free again a second after the vendor can last have counted it. Nobody tells us when that was: we
    take it for the moment when the answer came, less half the time that the quickest answer so far took.
    """

    def __init__(self, system: str, quota: Quota, clock: Clock) -> None:
        self._system = system
        self._clock = clock
        self._slots = asyncio.Semaphore(quota.concurrent)
        self._places = max(1, int(quota.calls_per_s)) if quota.calls_per_s else 0
        self._period_s = self._places / quota.calls_per_s if quota.calls_per_s else 0.0
        self._free = asyncio.Semaphore(self._places)
        self._ended_at_s = [-math.inf] * self._places
        self._in_line = 0
        self._quickest_s = 3600.0
        self._open_at_s = 0.0

    def pause(self, seconds: float) -> None:
        """Let nobody in for so long; a longer pause already in force stays."""
        self._open_at_s = max(self._open_at_s, self._clock.monotonic_s() + seconds)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One request. Raises Throttled when the wait for it would exceed ``PATIENCE_S``."""
        if not self._places:
            await self._wait_until_open()
            yield
            return
        ended_at_s = await self._place()
        try:
            await self._sleep(self._free_in_s(ended_at_s))
            await self._wait_until_open()
            sent_at_s = self._clock.monotonic_s()
            try:
                yield
                self._quickest_s = min(self._quickest_s, self._clock.monotonic_s() - sent_at_s)
            finally:
                ended_at_s = self._clock.monotonic_s()
        finally:
            heapq.heappush(self._ended_at_s, ended_at_s)
            self._free.release()

    async def __aenter__(self) -> None:
        await self._slots.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()

    async def _place(self) -> float:
        """The place that is free first: when its last request ended."""
        self._bearable_s(self._expected_s())
        self._in_line += 1
        try:
            await self._free.acquire()
        finally:
            self._in_line -= 1
        return heapq.heappop(self._ended_at_s)

    def _expected_s(self) -> float:
        """How long the wait for a place will be, as far as it can be told now."""
        if self._ended_at_s:
            return self._free_in_s(self._ended_at_s[0])
        return self._period_s * (1 + self._in_line // self._places)

    def _free_in_s(self, ended_at_s: float) -> float:
        counted_at_s = ended_at_s - self._quickest_s / 2
        return counted_at_s + self._period_s - self._clock.monotonic_s()

    async def _wait_until_open(self) -> None:
        while (wait_s := self._open_at_s - self._clock.monotonic_s()) > 0:
            await self._sleep(self._bearable_s(wait_s))

    def _bearable_s(self, wait_s: float) -> float:
        if wait_s > PATIENCE_S:
            raise Throttled(
                "{system} takes no more calls for {retry_after_s} seconds: its quota is used up. Nothing was sent. "
                "The run goes on by itself after that time.",
                retry_after_s=round(wait_s, 1),
                system=self._system,
            )
        return wait_s

    async def _sleep(self, wait_s: float) -> None:
        if wait_s > 0:
            await self._clock.sleep(wait_s)
