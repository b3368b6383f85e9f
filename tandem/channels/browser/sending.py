"""A request that writes is sent once.

Chromium repeats a request of any method, POST included, when a connection it used before is reset or closed without
an answer: one click on Save made three orders in our sandbox. So from the commit step on, requests that are not safe
leave by Playwright's own HTTP client (same cookies), which repeats nothing.
"""

from contextlib import suppress

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Route

_ALL = "**/*"
_SAFE = ("GET", "HEAD", "OPTIONS")


async def send_once(page: Page) -> None:
    """From now on the page's unsafe requests are sent once, whatever happens to the connection."""
    await page.route(_ALL, _send)


async def stop_sending_once(page: Page) -> None:
    """Leave requests to the browser again. The page must have been left: what is under way would be sent anew."""
    await page.unroute(_ALL, _send)


async def _send(route: Route) -> None:
    if route.request.method in _SAFE:
        await route.continue_()
        return
    try:
        answer = await route.fetch(max_redirects=0, max_retries=0, timeout=0)
    except PlaywrightError:
        with suppress(PlaywrightError):
            await route.abort("connectionfailed")
    else:
        with suppress(PlaywrightError):  # the page was left meanwhile: nobody waits for the answer
            await route.fulfill(response=answer)
