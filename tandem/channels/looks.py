"""Looking repeatedly at something that takes time to appear."""

import asyncio
import time

_PAUSE_SHARE = 0.1
"""A pause lasts this share of the wait so far: each look at a large page costs CPU that the page then lacks."""
_LONGEST_PAUSE_S = 0.25


class Looks:
    """Looks within so many seconds, ``every_s`` at first and less often the longer it takes, down to ``longest_s``.

    The last one begins when they have passed, however long each takes: a slow reader too sees what appeared in time.
    """

    def __init__(self, within_s: float, every_s: float, longest_s: float = _LONGEST_PAUSE_S) -> None:
        self._from = time.monotonic()
        self._until = self._from + within_s
        self._every_s, self._longest_s = every_s, longest_s
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
            await asyncio.sleep(max(self._every_s, min(self.for_s * _PAUSE_SHARE, self._longest_s)))
        self._begun = True
        self.last = time.monotonic() >= self._until
        return True
