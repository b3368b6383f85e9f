"""A display of its own for each test, and small windows on it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tandem.channels.desktop.driver import Picture, Window
from tandem.channels.desktop.x11.driver import X11Driver
from tests.displays import somebodys_display

SCRIPT = Path(__file__).with_name("small_window.py")
Opened = Callable[..., Awaitable[Window]]
OpenedOn = Callable[..., Awaitable[Window]]


@pytest.fixture
async def driver() -> AsyncIterator[X11Driver]:
    driver = await X11Driver.on(None, (1280, 800))
    yield driver
    await driver.aclose()


@pytest.fixture
async def persons_display(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[X11Driver, int]]:
    """On a display that is there already, with a window manager as it is installed: its process id."""
    with somebodys_display(monkeypatch) as session:
        session.stop(next(child.pid for child in session._children if "openbox" in child.args))
        manager = session.start(["openbox", "--sm-disable"], {})
        driver = await X11Driver.on(session.display, (1280, 800))
        yield driver, manager
        await driver.aclose()


@pytest.fixture
def opened(driver: X11Driver, opened_on: OpenedOn) -> Opened:
    """Starts a small window, and returns it when it is in front."""
    return partial(opened_on, driver)


@pytest.fixture
def opened_on() -> OpenedOn:
    """The same, on any display."""

    async def open_window(driver: X11Driver, title: str, *options: str) -> Window:
        pid = await driver.start([sys.executable, str(SCRIPT), title, *options], {})
        return await shown(driver, pid)

    return open_window


async def seen(driver: X11Driver, window: Window) -> Picture:
    """The window once it is drawn and in its place: seen twice alike, in more than one colour."""
    before = np.zeros(0, np.uint8)
    async with asyncio.timeout(30):
        while True:
            (shown,) = await driver.windows(window.pid)
            picture = await driver.picture(shown.box)
            if picture.std() and np.array_equal(before, picture):
                return picture
            before = picture
            await asyncio.sleep(0.1)


async def shown(driver: X11Driver, pid: int) -> Window:
    """The program's window, once it is in front and answers."""
    async with asyncio.timeout(60):
        while True:
            active = await driver.active()
            if active is not None and active.pid == pid and await driver.answers(active, 5):
                return active
            await asyncio.sleep(0.05)


async def cover(driver: X11Driver, window: Window) -> int:
    """Start a program that lies over the window, as a screen lock does: its process id, once it does."""
    pid = await driver.start([sys.executable, str(SCRIPT), "Lock", "--over"], {})
    async with asyncio.timeout(60):
        while not await driver.covered(window):  # noqa: ASYNC110 - the window system tells nobody
            await asyncio.sleep(0.1)
    return pid
