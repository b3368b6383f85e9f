"""One running client: its windows, its tree, its picture, and hands that act on it."""

import asyncio
import re
import time
from collections.abc import Sequence

from tandem.channels.desktop.accessibility import Tree
from tandem.channels.desktop.driver import Action, Driver, Picture, Window
from tandem.channels.desktop.eyes import Eyes
from tandem.channels.desktop.picture import is_blank, same
from tandem.channels.desktop.settings import ANSWERS_WITHIN_S
from tandem.channels.looks import Looks
from tandem.channels.notation import Notation
from tandem.errors import ScreenNotReady, Unavailable
from tandem.text import phrase

_POLL_S = 0.03
_STILL_WITHIN_S = 1.0
_OPENS_WITHIN_S = 1.0
"""For some milliseconds a window that opens has not got the focus that another one has lost, and covers windows of its
own program as a stranger would."""


class Program:
    """``tree`` is None when the client offers none: then it is driven by its picture alone.

    ``notation`` is how its user's numbers and days are written.
    ``answers_within_s``: one that answers no sooner is frozen; a client that waits for its server is not.
    """

    def __init__(
        self,
        system: str,
        driver: Driver,
        pid: int,
        tree: Tree | None,
        eyes: Eyes,
        notation: Notation = Notation(),  # noqa: B008 - frozen
        answers_within_s: float = ANSWERS_WITHIN_S,
    ) -> None:
        self.system = system
        self.driver = driver
        self.pid = pid
        self.tree = tree
        self.eyes = eyes
        self.notation = notation
        self._answers_within_s = answers_within_s
        self._lost_at_s: float | None = None

    async def window(self, title: str | None, screen: str) -> Window:
        """The program's active window, if its title fits this pattern; one that is about to open is waited for.

        Raises ScreenNotReady.
        """
        active = await self._active()
        if active is None or active.pid != self.pid or not _fits(active, title):
            raise ScreenNotReady(
                "{system}, screen {screen}: its window is not in front; in front is {what}.",
                system=self.system,
                screen=screen,
                what=self._named(active),
            )
        return active

    async def shows(self, title: str) -> Window | None:
        """The program's newest window with this title, in front or not."""
        fitting = [window for window in await self.driver.windows(self.pid) if _fits(window, title)]
        return fitting[-1] if fitting else None

    async def look(self, window: Window, still_s: float = _POLL_S) -> Picture:
        """The window's picture once it has stood still for ``still_s``, or as it is after a second."""
        before, looks = await self.driver.picture(window.box), 0
        for _ in range(int(_STILL_WITHIN_S / _POLL_S)):
            await asyncio.sleep(_POLL_S)
            now = await self.driver.picture(window.box)
            looks = looks + 1 if same(before, now) else 0
            if looks * _POLL_S >= still_s:
                break
            before = now
        return before

    async def act(self, window: Window, actions: Sequence[Action]) -> None:
        """Act, and return when the program has worked through it."""
        await self.driver.act(window, actions)
        if any(action.leaves for action in actions):
            await self.settle(window)

    async def settle(self, window: Window) -> None:
        """Wait until the program has handled everything sent to it so far. Raises Unavailable when it is frozen."""
        if not await self.driver.answers(window, self._answers_within_s) and await self._stands(window):
            raise Unavailable("{system}: its desktop client does not answer, it is frozen.", system=self.system)

    async def check_usable(self) -> None:
        """Before the first click: in front, answering, and, once it is open, neither covered nor blank.

        Raises ScreenNotReady, Unavailable.
        """
        looks = Looks(_OPENS_WITHIN_S, _POLL_S)
        while await looks.again():
            window = await self.window(None, "any")
            await self.settle(window)
            try:
                await self._check_seen(window)
            except Unavailable:
                if looks.last:
                    raise
            else:
                return

    async def _check_seen(self, window: Window) -> None:
        if await self.driver.covered(window):
            raise Unavailable(
                "{system}: another window lies over its desktop client (a screen lock, say). Unlock the session.",
                system=self.system,
            )
        if is_blank(await self.look(window)):
            raise Unavailable("{system}: its desktop client shows a blank window.", system=self.system)

    async def _active(self) -> Window | None:
        """The active window. Ours is waited for once each time it was lost, however often it is asked for."""
        while True:
            active, now_s = await self.driver.active(), time.monotonic()
            if active is not None and active.pid == self.pid:
                self._lost_at_s = None
                return active
            if self._lost_at_s is None:
                self._lost_at_s = now_s
            if now_s - self._lost_at_s >= _OPENS_WITHIN_S:
                return active
            await asyncio.sleep(_POLL_S)

    def _named(self, window: Window | None) -> str:
        if window is None:
            return phrase("no window")
        return repr(window.title) if window.pid == self.pid else phrase("a window of another program")

    async def _stands(self, window: Window) -> bool:
        return any(each.id == window.id for each in await self.driver.windows(self.pid))


def _fits(window: Window, pattern: str | None) -> bool:
    return pattern is None or re.fullmatch(pattern, window.title) is not None
