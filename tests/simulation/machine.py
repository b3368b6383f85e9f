"""A machine's clock and ids: virtual, and the wall clock may jump."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

from tests.simulation.loop import SimulatedLoop

_START = datetime(2027, 1, 4, 8, tzinfo=UTC)
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class Machine:
    """The Clock port. ``jump`` moves the wall clock only; the monotonic clock goes on."""

    def __init__(self, loop: SimulatedLoop, random: Random) -> None:
        self._loop, self._random = loop, random
        self._offset_s = 0.0

    def now(self) -> datetime:
        return _START + timedelta(seconds=self._loop.time() + self._offset_s)

    def monotonic_s(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def jump(self, seconds: float) -> None:
        self._offset_s += seconds

    def new_id(self) -> str:
        """Sorted by the millisecond of this machine's wall clock, as the real ids are."""
        millis = int(self.now().timestamp() * 1000)
        return _base32(millis, 10) + _base32(self._random.getrandbits(80), 16)


def _base32(number: int, length: int) -> str:
    return "".join(_DIGITS[(number >> 5 * place) & 31] for place in reversed(range(length)))
