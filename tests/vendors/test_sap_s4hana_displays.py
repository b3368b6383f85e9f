"""The SAP client on other displays and in other looks, and displays on which nothing may be keyed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.channels.desktop.driver import Window
from tandem.channels.desktop.x11.driver import X11Driver
from tandem.domain.sales_order import SALES_ORDER_CREATE, SALES_ORDER_FIND, SalesOrder
from tandem.domain.stock import STOCK_CHECK, Demand, StockCheck
from tandem.errors import NotOffered, ScreenNotReady, Unavailable
from tests.channels.desktop.conftest import SCRIPT, cover
from tests.displays import somebodys_display
from tests.sap_desktop import SapDesktop, sap_desktop
from tests.sap_pages import attempt

pytestmark = [pytest.mark.desktop, pytest.mark.timeout(1200)]


async def ask_stock(desktop: SapDesktop) -> bool:
    """Whether the client shows the stock that stands in the books."""
    material = desktop.sandbox.order("X").lines[0].material
    asked = StockCheck(demands=(Demand(material=material, quantity=5, unit="PC"),))
    answer = await desktop.channel.perform(attempt(STOCK_CHECK, asked))
    return bool(answer.answers[0].available == desktop.sandbox.books.availability(material, "1710"))


async def keyed_right(desktop: SapDesktop, order: SalesOrder) -> bool:
    await desktop.channel.perform(attempt(SALES_ORDER_CREATE, order))
    (document,) = (await desktop.channel.perform(attempt(SALES_ORDER_FIND, order.lookup()))).documents
    return desktop.sandbox.stored(order) == 1 and order.differences(document) == ()


async def window_of(desktop: SapDesktop) -> Window:
    screen, driver = desktop.channel._screen, desktop.channel._driver
    assert screen is not None
    assert driver is not None
    (window,) = await driver.windows(screen.program.pid)
    return window


@pytest.fixture
async def users_display(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[X11Driver]:
    """A display with a window manager that somebody else started and works on."""
    with somebodys_display(monkeypatch) as session:
        onlooker = await X11Driver.on(session.display, (1280, 800))
        yield onlooker
        await onlooker.aclose()


async def test_order_is_keyed_by_pixels_in_the_dark_theme(tmp_path: Path) -> None:
    async with sap_desktop(tmp_path, language="zh", tree=False, options=("--theme", "dark")) as desktop:
        assert await keyed_right(desktop, desktop.sandbox.order("CRM-0901"))


async def test_client_runs_on_the_users_display_and_leaves_it_standing(
    tmp_path: Path, users_display: X11Driver
) -> None:
    async with sap_desktop(tmp_path, display="user") as desktop:
        assert await keyed_right(desktop, desktop.sandbox.order("CRM-0902"))
        client = await window_of(desktop)
        assert [window.title for window in await users_display.windows(client.pid)] == [client.title]
    assert await users_display.windows(client.pid) == ()


async def test_without_a_display_of_the_user_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    async with sap_desktop(tmp_path, display="user") as desktop:
        with pytest.raises(NotOffered, match=r"no display to use\. Set desktop\.display: own"):
            await ask_stock(desktop)


async def test_display_of_the_user_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    async with sap_desktop(tmp_path, display="user") as desktop:
        with pytest.raises(Unavailable, match=r"display :4711 cannot be used"):
            await ask_stock(desktop)


async def test_nothing_is_keyed_under_a_screen_lock(tmp_path: Path) -> None:
    async with sap_desktop(tmp_path) as desktop:
        assert await ask_stock(desktop)
        driver, window = desktop.channel._driver, await window_of(desktop)
        assert driver is not None
        await cover(driver, window)

        order = desktop.sandbox.order("CRM-0904")
        with pytest.raises(Unavailable, match=r"another window lies over .* Unlock the session"):
            await desktop.channel.perform(attempt(SALES_ORDER_CREATE, order))
        assert desktop.sandbox.stored(order) == 0


async def test_blank_window_is_refused_before_the_first_click(tmp_path: Path) -> None:
    async with sap_desktop(tmp_path) as desktop:
        settings = desktop.channel._settings
        blank = (sys.executable, str(SCRIPT), "SAP 登录", "--blank")
        desktop.channel._settings = settings.model_copy(update={"command": blank})
        with pytest.raises(Unavailable, match="shows a blank window") as refused:
            await ask_stock(desktop)
        assert {evidence.kind for evidence in refused.value.evidence} >= {"screenshot"}


async def test_frozen_client_is_refused_before_the_first_click_and_replaced(tmp_path: Path) -> None:
    async with sap_desktop(tmp_path) as desktop:
        assert await ask_stock(desktop)
        frozen = (await window_of(desktop)).pid
        os.kill(frozen, signal.SIGSTOP)
        order = desktop.sandbox.order("CRM-0905")
        with pytest.raises(Unavailable, match="it is frozen"):
            await desktop.channel.perform(attempt(SALES_ORDER_CREATE, order))
        assert desktop.sandbox.stored(order) == 0
        assert await keyed_right(desktop, order)
        assert (await window_of(desktop)).pid != frozen


async def test_client_hidden_behind_another_program_is_refused(tmp_path: Path) -> None:
    async with sap_desktop(tmp_path) as desktop:
        assert await ask_stock(desktop)
        driver = desktop.channel._driver
        assert driver is not None
        other = await driver.start([sys.executable, str(SCRIPT), "Mail"], {})
        async with asyncio.timeout(60):
            while (active := await driver.active()) is None or active.pid != other:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        with pytest.raises(ScreenNotReady, match="in front is a window of another program"):
            await ask_stock(desktop)
