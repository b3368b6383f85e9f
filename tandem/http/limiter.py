"""Keeping within a vendor's quota: so many calls a second and at once, and a pause when it asks for one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tandem.domain.clock import Clock
from tandem.errors import Throttled
from tandem.http.settings import Quota

PATIENCE_S = 5.0
"""A pause up to this long is waited for here; a longer one is the engine's to wait for."""


class Limiter:
    """One for each system. Callers are served in the order they came."""

    def __init__(self, system: str, quota: Quota, clock: Clock) -> None:
        self._system, self._clock = system, clock
        self._interval_s = 1.0 / quota.calls_per_s if quota.calls_per_s else 0.0
        self._places = asyncio.Semaphore(quota.concurrent)
        self._next_at_s = 0.0
        self._paused_until_s = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold one of the places for a call, once it is due. Raises Throttled when the vendor's pause is long."""
        async with self._places:
            await self._wait_for_turn()
            yield

    def pause(self, seconds: float) -> None:
        """The vendor asks everybody to wait."""
        self._paused_until_s = max(self._paused_until_s, self._clock.monotonic_s() + seconds)

    async def _wait_for_turn(self) -> None:
        if not self._interval_s and not self._paused_until_s:
            return
        now_s = self._clock.monotonic_s()
        pause_s = self._paused_until_s - now_s
        if pause_s > PATIENCE_S:
            raise Throttled(
                "System {system} asked for a pause; it ends in {pause} s. Nothing was sent.",
                system=self._system,
                pause=f"{pause_s:.0f}",
                retry_after_s=pause_s,
            )
        due_s = max(now_s, self._next_at_s, self._paused_until_s)
        self._next_at_s = due_s + self._interval_s
        if due_s > now_s:
            await self._clock.sleep(due_s - now_s)
