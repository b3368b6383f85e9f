"""A display of its own for each test, and small windows on it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tandem.channels.desktop.driver import Window
from tandem.channels.desktop.x11.driver import X11Driver

SCRIPT = Path(__file__).with_name("small_window.py")
Opened = Callable[..., Awaitable[Window]]


@pytest.fixture
async def driver() -> AsyncIterator[X11Driver]:
    driver = await X11Driver.on(None, (1280, 800))
    yield driver
    await driver.aclose()


@pytest.fixture
def opened(driver: X11Driver) -> Opened:
    """Starts a small window, and returns it when it is in front."""

    async def open_window(title: str, *options: str) -> Window:
        pid = await driver.start([sys.executable, str(SCRIPT), title, *options], {})
        async with asyncio.timeout(60):
            while True:
                active = await driver.active()
                if active is not None and active.pid == pid and await driver.answers(active, 5):
                    return active
                await asyncio.sleep(0.05)

    return open_window
