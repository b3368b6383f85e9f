"""The limiter of one system: calls per second, calls at once, and the pause a vendor asked for."""

import asyncio
from types import TracebackType

from tandem.domain.clock import Clock
from tandem.errors import Throttled
from tandem.http.settings import Quota

PATIENCE_S = 5.0
"""Longer waits are not slept through: the caller is told, so that a run can be suspended instead."""


class Limiter:
    """Enter it (``async with``) for every call; callers are let in first come, first served.

    Calls may burst up to one second's worth. Entering raises Throttled when the wait exceeds ``PATIENCE_S``.
    """

    def __init__(self, system: str, quota: Quota, clock: Clock) -> None:
        self._system = system
        self._clock = clock
        self._slots = asyncio.Semaphore(quota.concurrent)
        self._interval_s = 1 / quota.calls_per_s if quota.calls_per_s else 0.0
        self._burst_s = max(1.0, self._interval_s)
        self._free_at_s = 0.0
        self._open_at_s = 0.0

    def pause(self, seconds: float) -> None:
        """Let nobody in for so long; a longer pause already in force stays."""
        self._open_at_s = max(self._open_at_s, self._clock.monotonic_s() + seconds)

    async def turn(self) -> None:
        """Wait for the next turn. For a caller inside that sends once more: it keeps its place before those outside.

        Raises Throttled as entering does.
        """
        if self._interval_s:
            await self._sleep(self._reserve_s())
        while (wait_s := self._open_at_s - self._clock.monotonic_s()) > 0:
            await self._sleep(self._bearable_s(wait_s))

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        try:
            await self.turn()
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()

    def _reserve_s(self) -> float:
        """Take the next place in the bucket; the seconds until it is due."""
        now = self._clock.monotonic_s()
        due = max(self._free_at_s, now - self._burst_s + self._interval_s)
        wait_s = self._bearable_s(due - now)
        self._free_at_s = due + self._interval_s
        return wait_s

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
