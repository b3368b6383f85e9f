"""What a browser is asked ends with the browser.

Playwright leaves a question unanswered for ever when the browser is killed at the wrong moment, a new page and a page
to go to among them, whatever time limit the question has; it does tell that the browser is gone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext
from playwright.async_api import Error as PlaywrightError

_GONE = "The browser has been closed."
_SILENT = "The browser gives no answer, as if it has been closed."


@asynccontextmanager
async def attached(to: Browser | BrowserContext, within_s: float | None = None) -> AsyncIterator[None]:
    """Raises PlaywrightError as soon as the browser is gone, and when the body takes longer than this time."""
    browser = to if isinstance(to, Browser) else to.browser
    assert browser is not None, "Tandem opens no context that has no browser"
    limit = asyncio.timeout(within_s)

    def cut(_: Browser) -> None:
        if not limit.expired():
            limit.reschedule(asyncio.get_running_loop().time())

    browser.on("disconnected", cut)
    try:
        async with limit:
            if not browser.is_connected():
                raise PlaywrightError(_GONE)
            yield
    except (PlaywrightError, TimeoutError) as error:
        if not browser.is_connected():
            raise PlaywrightError(_GONE) from error
        if limit.expired():
            raise PlaywrightError(_SILENT) from error
        raise
    finally:
        browser.remove_listener("disconnected", cut)
