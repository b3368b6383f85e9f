"""Time and identity, injected, so that a test or a simulation can hold them in its hand."""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """``now`` is aware UTC; ``monotonic_s`` never goes back; ``sleep`` suspends the calling task only."""

    def now(self) -> datetime: ...

    def monotonic_s(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


NewId = Callable[[], str]


def new_id() -> str:
    """26 characters, unique, sorted by the millisecond they were made in."""
    millis = time.time_ns() // 1_000_000
    return _base32(millis, 10) + _base32(secrets.randbits(80), 16)


def _base32(number: int, length: int) -> str:
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    return "".join(digits[(number >> 5 * place) & 31] for place in reversed(range(length)))
