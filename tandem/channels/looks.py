"""Looking repeatedly at something that takes time to appear."""

import asyncio
import time


class Looks:
    """Looks within so many seconds.

    The last one begins when they have passed, however long each takes: a slow reader too sees what appeared in time.
    """

    def __init__(self, within_s: float, every_s: float) -> None:
        self._from = time.monotonic()
        self._until = self._from + within_s
        self._every_s = every_s
        self._begun = False
        self.last = False

    @property
    def for_s(self) -> float:
        """How long it has been looked for."""
        return time.monotonic() - self._from

    async def again(self) -> bool:
        """Wait for the next look; False after the last one."""
        if self.last:
            return False
        if self._begun:
            await asyncio.sleep(self._every_s)
        self._begun = True
        self.last = time.monotonic() >= self._until
        return True
