"""Looking repeatedly at something that takes time to appear."""

import asyncio
import time

_PAUSE_BY_WAIT = 0.1
"""Of what was waited so far: every look at a large page costs its renderer CPU, which the page then lacks."""
_LONGEST_PAUSE_S = 0.25


class Looks:
    """Looks within so many seconds, ``every_s`` at first and less often the longer it takes.

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
            await asyncio.sleep(max(self._every_s, min(self.for_s * _PAUSE_BY_WAIT, _LONGEST_PAUSE_S)))
        self._begun = True
        self.last = time.monotonic() >= self._until
        return True
