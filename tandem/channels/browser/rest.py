"""Whether a page rests: its requests are answered, and its document does not change."""

import asyncio

from playwright.async_api import Locator, Page, Request

from tandem.channels.browser.page_scripts import UNCHANGED
from tandem.channels.looks import Looks

STILL_MS = 150
"""How long a document must stay as it is: longer than what a page does between an answer and showing it."""
_ASKING = ("xhr", "fetch")
_POLL_S = 0.02


class Requests:
    """What a page's scripts have asked for: how often, and what is not answered yet."""

    def __init__(self, page: Page) -> None:
        self._open: set[Request] = set()
        self._asked = 0
        page.on("request", self._sent)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)

    def forget(self) -> None:
        """Wait no longer for answers to a page that was left."""
        self._open.clear()

    async def rest(self, document: Locator, within_s: float) -> bool:
        """Whether the page comes to rest within this time. ``document``: the html element that is looked at."""
        try:
            return await asyncio.wait_for(self._rest(document, within_s), within_s + 1.0)
        except TimeoutError:
            return False

    async def _rest(self, document: Locator, within_s: float) -> bool:
        """Its caller limits it, also while the page gives no answer. A gap between two requests may be short."""
        looks = Looks(within_s, _POLL_S, longest_s=_POLL_S)
        while await looks.again():
            asked = self._asked
            if not self._open and await document.evaluate(UNCHANGED, STILL_MS, timeout=0) and asked == self._asked:
                return True
        return False

    def _sent(self, request: Request) -> None:
        if request.resource_type in _ASKING:
            self._asked += 1
            self._open.add(request)

    def _answered(self, request: Request) -> None:
        self._open.discard(request)
