"""Nobody waits for the answer of a browser that was killed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext
from playwright.async_api import Error as PlaywrightError

from tandem.channels.browser.chromium import Chromium
from tandem.channels.browser.lifeline import attached
from tandem.domain.sales_order import SALES_ORDER_CREATE
from tandem.errors import NotOffered, Unavailable, UnknownOutcome
from tests.processes import is_chromium, is_driver, kill
from tests.sap_pages import attempt, sap_pages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
KILLS = 12
AMID_S = (0.05, 0.15, 0.3, 0.6)
"""From the start of some attempts to the kill: amid the start of the browser, the opening of pages, the pages' work."""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    lease = Chromium(None, headless=True)
    yield await lease.browser()
    await lease.aclose()


async def _wait_for_ever(to: Browser | BrowserContext, within_s: float | None = None) -> None:
    async with attached(to, within_s):
        await asyncio.Event().wait()


async def _wait_for_ever_within(outer: BrowserContext) -> None:
    async with attached(outer, within_s=60), attached(outer):
        await _wait_for_ever(outer, within_s=60)


async def test_what_waits_for_a_browser_ends_when_it_is_killed_and_at_once_afterwards(browser: Browser) -> None:
    context = await browser.new_context()
    waiting = [asyncio.create_task(_wait_for_ever(to)) for to in (browser, context, context)]
    waiting.append(asyncio.create_task(_wait_for_ever_within(context)))
    await asyncio.sleep(0)
    kill(is_chromium)
    for each in waiting:
        with pytest.raises(PlaywrightError, match="has been closed"):
            await each
    with pytest.raises(PlaywrightError, match="has been closed"):
        await _wait_for_ever(context)


async def test_browser_that_stays_silent_is_told_from_one_that_is_gone(browser: Browser) -> None:
    with pytest.raises(PlaywrightError, match="gives no answer"):
        await _wait_for_ever(browser, within_s=0.1)
    assert browser.is_connected()


async def test_other_errors_and_time_limits_of_the_body_go_on(browser: Browser) -> None:
    with pytest.raises(TimeoutError):
        async with attached(browser, within_s=60):
            raise TimeoutError
    with pytest.raises(PlaywrightError, match="no such element"):
        async with attached(browser):
            raise PlaywrightError("no such element")


async def test_cancelled_body_is_cancelled(browser: Browser) -> None:
    waiting = asyncio.create_task(_wait_for_ever(browser))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_attempts_end_whenever_their_browser_is_killed(tmp_path: Path) -> None:
    """Without its lifeline about one kill in ten left attempts without an end, for all the time they were given."""
    async with sap_pages() as pages:
        channel = pages.channel(tmp_path, pages=6)
        killed, broken_off = 0, 0
        for number in range(KILLS):
            orders = [pages.order(f"K-{number}-{each}") for each in range(6)]
            attempts = [asyncio.create_task(channel.perform(attempt(SALES_ORDER_CREATE, order))) for order in orders]
            await asyncio.sleep(AMID_S[number % len(AMID_S)])
            killed += kill(is_chromium)
            ends = await asyncio.gather(*attempts, return_exceptions=True)
            errors = [end for end in ends if isinstance(end, BaseException)]
            assert all(isinstance(error, (NotOffered, Unavailable, UnknownOutcome)) for error in errors), errors
            broken_off += len(errors)
        await channel.aclose()
    assert killed > KILLS // 2
    assert broken_off > KILLS


async def test_attempt_finds_a_browser_again_when_the_driver_was_killed(tmp_path: Path) -> None:
    async with sap_pages() as pages:
        channel = pages.channel(tmp_path)
        orders = [pages.order("D-1"), pages.order("D-2")]
        await channel.perform(attempt(SALES_ORDER_CREATE, orders[0]))
        assert kill(is_driver) == 1
        await channel.perform(attempt(SALES_ORDER_CREATE, orders[1]))
        await channel.aclose()
        assert [pages.stored(order) for order in orders] == [1, 1]
