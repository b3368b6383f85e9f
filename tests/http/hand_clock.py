"""A clock that a test moves."""

import asyncio
from datetime import UTC, datetime, timedelta


class HandClock:
    """``sleep`` passes the time at once and remembers how long it was."""

    def __init__(self) -> None:
        self.at_s = 1000.0
        self.slept_s: list[float] = []

    def now(self) -> datetime:
        return datetime(2027, 3, 1, tzinfo=UTC) + timedelta(seconds=self.at_s)

    def monotonic_s(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.at_s += seconds
        await asyncio.sleep(0)
