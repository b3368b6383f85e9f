"""A client's window while other windows come and go, on a real X server."""

import asyncio

import pytest

from tandem.channels.desktop.driver import Window
from tandem.channels.desktop.eyes import Eyes
from tandem.channels.desktop.ocr import Ocr
from tandem.channels.desktop.program import Program
from tandem.channels.desktop.x11.driver import X11Driver
from tandem.errors import ScreenNotReady, Unavailable
from tests.channels.desktop.conftest import Opened, cover, seen

pytestmark = pytest.mark.desktop
_FOR_A_MOMENT_S = 0.05


async def client(driver: X11Driver, opened: Opened) -> tuple[Program, Window]:
    window = await opened("Client")
    await seen(driver, window)
    return Program("erp", driver, window.pid, None, Eyes(Ocr())), window


async def stop_soon(driver: X11Driver, pid: int) -> None:
    await asyncio.sleep(_FOR_A_MOMENT_S)
    await driver.stop(pid)


async def test_focus_that_is_elsewhere_for_a_moment_is_waited_for(driver: X11Driver, opened: Opened) -> None:
    program, window = await client(driver, opened)
    other = await opened("Other")
    found, _ = await asyncio.gather(program.window("Client", "order"), stop_soon(driver, other.pid))
    assert found.id == window.id


async def test_focus_that_stays_elsewhere_is_said(driver: X11Driver, opened: Opened) -> None:
    program, _ = await client(driver, opened)
    await opened("Other")
    with pytest.raises(ScreenNotReady, match="screen order: its window is not in front"):
        await program.window("Client", "order")


async def test_window_covered_for_a_moment_is_usable(driver: X11Driver, opened: Opened) -> None:
    program, window = await client(driver, opened)
    locked = await cover(driver, window)
    await asyncio.gather(program.check_usable(), stop_soon(driver, locked))
    assert not await driver.covered(window)


async def test_window_that_stays_covered_is_not_usable(driver: X11Driver, opened: Opened) -> None:
    program, window = await client(driver, opened)
    await cover(driver, window)
    with pytest.raises(Unavailable, match="another window lies over"):
        await program.check_usable()
