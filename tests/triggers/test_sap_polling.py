"""A schedule that polls the SAP sandbox over real HTTP: nothing missed, nothing started twice."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from api_clients.sap_s4hana.operations import sales_order_changed, sales_order_create
from fixtures.sap_s4hana.sales_order import SalesOrder as BookedOrder
from tandem.channels.api import ApiChannel
from tandem.domain.changes import ORDERS_CHANGED, OrdersChanged
from tandem.engine.bot import Bot, BotResult, Changes
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.store import runs
from tandem.store.codec import Codec
from tandem.store.opening import open_database
from tandem.triggers.rule import Every, Rule
from tandem.triggers.schedule import Schedule
from tandem.triggers.scheduler import Scheduler
from tandem.vault import Vault
from tests.engine.vendor import OrderItem
from tests.vendors.test_sap_s4hana import Sap, Switches, order, running
from tests.wrong_clock import WrongClock

POLLING = Schedule("erp", "watch", Rule(Every(timedelta(seconds=1), ZoneInfo("UTC"))), "every 1s UTC")


class Watch:
    """A worker that polls SAP by a schedule."""

    def __init__(self, sap: Sap, folder: Path, ahead: timedelta = timedelta(0)) -> None:
        channel = ApiChannel("erp", sap.port, sap.client, {"sales_order.changed": cast(Any, sales_order_changed)})
        system = System("erp", "sap", {"api": channel}, {"sales_order.changed": Rungs(("api",))})
        bot = Bot("watch", OrderItem, self._seen, self._poll, {"erp": system})
        self.clock = WrongClock(ahead)
        self.engine = Engine(
            open_database(folder / "tandem.db"),
            {"watch": bot},
            Codec(Vault(Vault.new_key())),
            systems={},
            clock=self.clock,
        )
        self.scheduler = Scheduler(self.engine, POLLING)

    async def _poll(self, run: Run, since: datetime | None) -> Changes:
        changed = await run.perform("erp", ORDERS_CHANGED, OrdersChanged(since=since))
        items = tuple(OrderItem(reference=number) for number in changed.order_ids)
        return Changes(items=items, watermark=changed.watermark, stamps=changed.stamps)

    async def _seen(self, run: Run) -> BotResult:
        return BotResult(outcome="seen", final=False)

    async def look(self) -> list[str]:
        """Poll once; the orders for which runs were started, all executed."""
        before = set(await self._ids())
        self.clock.ahead += timedelta(seconds=2)
        await self.scheduler.look()
        await self.engine.work()
        rows = await self.engine.database.read(lambda books: runs.list_newest(books, 1000))
        return sorted(row.business_key.removeprefix("order ") for row in rows if row.id not in before)

    async def _ids(self) -> list[str]:
        rows = await self.engine.database.read(lambda books: runs.list_newest(books, 1000))
        return [row.id for row in rows]


@pytest.fixture(params=[0, 3], ids=["whole", "pages of 3"])
async def sap(request: pytest.FixtureRequest) -> AsyncIterator[Sap]:
    async with running(switches=Switches(page_size=request.param)) as started:
        yield started


async def create(sap: Sap, *references: str) -> list[str]:
    """The numbers of new orders."""
    return [
        (await sales_order_create(sap.client, order(reference, lines=1))).sales_order_id for reference in references
    ]


def booked(sap: Sap, number: str) -> BookedOrder:
    """The order in SAP's own books."""
    found = sap.books.order_or_none(number)
    assert found is not None
    return found


@pytest.fixture
async def watch(sap: Sap, tmp_path: Path) -> AsyncIterator[Watch]:
    watch = Watch(sap, tmp_path)
    await watch.look()
    yield watch
    await watch.engine.close()


async def test_every_change_starts_one_run_however_often_it_is_polled(sap: Sap, watch: Watch) -> None:
    numbers = await create(sap, *(f"EXT-{number}" for number in range(8)))
    assert await watch.look() == numbers
    assert await watch.look() == []
    (one,) = await create(sap, "EXT-9")
    assert await watch.look() == [one]
    assert await watch.look() == []


async def test_order_changed_again_is_started_again(sap: Sap, watch: Watch) -> None:
    (number,) = await create(sap, "EXT-1")
    assert await watch.look() == [number]
    booked(sap, number).changed_at += timedelta(seconds=1)
    assert await watch.look() == [number]
    assert await watch.look() == []


@pytest.mark.parametrize("lag_s", [1, 60, 299])
async def test_change_committed_behind_the_watermark_is_found(lag_s: int, sap: Sap, watch: Watch) -> None:
    (first,) = await create(sap, "EXT-1")
    assert await watch.look() == [first]
    (late,) = await create(sap, "EXT-2")
    booked(sap, late).changed_at = booked(sap, first).changed_at - timedelta(seconds=lag_s)
    assert await watch.look() == [late]
    assert await watch.look() == []


@pytest.mark.parametrize("ahead", [timedelta(hours=-2), timedelta(hours=2)])
async def test_clock_that_differs_from_that_of_sap_misses_nothing(ahead: timedelta, sap: Sap, tmp_path: Path) -> None:
    watch = Watch(sap, tmp_path, ahead)
    try:
        await watch.look()
        numbers = await create(sap, "EXT-1", "EXT-2")
        assert await watch.look() == numbers
        (one,) = await create(sap, "EXT-3")
        assert await watch.look() == [one]
    finally:
        await watch.engine.close()


async def test_watermark_is_before_what_changes_while_the_pages_are_read() -> None:
    async with running(switches=Switches(page_size=2)) as sap:
        numbers = await create(sap, *(f"EXT-{number}" for number in range(6)))
        changed = await sales_order_changed(sap.client, OrdersChanged())
        assert changed.watermark == max(booked(sap, number).changed_at for number in numbers)
        again = await sales_order_changed(sap.client, OrdersChanged(since=changed.watermark))
        assert again == changed


async def test_books_without_an_order_have_no_changes() -> None:
    async with running() as sap:
        since = datetime(2026, 1, 1, tzinfo=UTC)
        changed = await sales_order_changed(sap.client, OrdersChanged(since=since))
        assert (changed.order_ids, changed.watermark) == ((), since)
