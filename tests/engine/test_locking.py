"""A run's lock: over crashes and waits for time it is kept, for a ticket it is given up and taken anew."""

import asyncio
import itertools

import pytest
from sqlalchemy import Connection, select

from tandem.domain.sales_order import SALES_ORDER_CREATE, SALES_ORDER_FIND
from tandem.engine.bot import BotResult
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.settlement import Settlement
from tandem.store import tickets
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.store.schema import locks
from tandem.vault import Vault
from tests.engine.vendor import Crash, HandHeldClock, Office, OrderItem, order, work


class Warehouse:
    """Counts the runs that are in the block at once, and the reads made in it."""

    def __init__(self, office: Office) -> None:
        self.inside: set[str] = set()
        self.most = 0
        self.reads: list[tuple[str, str]] = []
        office.bot.__dict__["process"] = self.process

    async def process(self, run: Run) -> BotResult:
        assert isinstance(run.item, OrderItem)
        asked = order(run.item.reference)
        async with run.locked("erp", ["A1"]) as turn:
            self.inside.add(run.id)
            self.most = max(self.most, len(self.inside))
            await run.perform("erp", SALES_ORDER_FIND, asked.lookup(), key=turn)
            self.reads.append((asked.external_reference, turn))
            await asyncio.sleep(0)
            await run.perform("erp", SALES_ORDER_CREATE, asked)
            self.inside.discard(run.id)
        return BotResult(outcome="created")


async def test_one_run_at_a_time_is_in_the_block(engine: Engine, office: Office) -> None:
    warehouse = Warehouse(office)
    await engine.start("order", [work(f"R-{number}") for number in range(12)])
    assert (await engine.work(concurrency=8)).finished == {"created": 12}
    assert warehouse.most == 1
    assert len(office.books.live) == 12


async def test_lock_is_kept_while_an_unknown_outcome_is_settled(engine: Engine, office: Office) -> None:
    warehouse = Warehouse(office)
    office.use_ladder("api")
    office.api.script = ["lost_request"]
    await engine.start("order", [work("R-1"), work("R-2")])
    assert (await engine.work(patience_s=100)).finished == {"created": 2}
    in_the_block = [reference for reference, _ in itertools.groupby(warehouse.reads, key=lambda read: read[0])]
    assert sorted(in_the_block) == ["R-1", "R-2"]


async def test_lock_is_given_up_for_a_ticket_and_what_was_read_is_asked_anew(engine: Engine, office: Office) -> None:
    warehouse = Warehouse(office)
    office.use_ladder("api", round_waits_s=())
    office.api.script = ["refused"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work()).waiting == 1
    await engine.start("order", [work("R-2")])
    assert (await engine.work()).finished == {"created": 1}

    (ticket,) = await engine.database.read(lambda connection: tickets.list_newest(connection, 10))
    await Settlement(engine, "clerk").retry(ticket.id)
    assert (await engine.work()).finished == {"created": 1}
    turns = [turn for reference, turn in warehouse.reads if reference == "R-1"]
    assert len(set(turns)) == 2


async def test_lock_outlives_a_crash(engine: Engine, office: Office, database: Database, clock: HandHeldClock) -> None:
    warehouse = Warehouse(office)
    office.api.script = ["crash_after_commit"]
    await engine.start("order", [work("R-1")])
    with pytest.raises(Crash):
        await engine.work(concurrency=1)

    again = Engine(database, {"order": office.bot}, Codec(Vault(Vault.new_key())), systems=engine.systems, clock=clock)
    await again.recover()
    assert (await again.work()).finished == {"created": 1}
    assert len(set(warehouse.reads)) == 1
    assert len(office.books.documents) == 1


async def test_run_that_waits_for_a_second_lock_keeps_its_place_when_it_looks_again(
    engine: Engine, office: Office, clock: HandHeldClock
) -> None:
    async def twice(run: Run) -> BotResult:
        assert isinstance(run.item, OrderItem)
        async with run.locked("erp", ["A1"], shared=True, key="beside others"):
            await run.perform("erp", SALES_ORDER_FIND, order(run.item.reference).lookup())
        async with run.locked("erp", ["A1"], key="alone"):
            await run.perform("erp", SALES_ORDER_CREATE, order(run.item.reference))
        return BotResult(outcome="created")

    def places(connection: Connection) -> list[int]:
        return list(connection.execute(select(locks.c.place).order_by(locks.c.place)).scalars())

    office.bot.__dict__["process"] = twice
    office.use_ladder("api", settle_s=300.0)
    office.api.script = ["lost_request"]
    await engine.start("order", [work("R-1"), work("R-2")])
    assert (await engine.work(patience_s=10)).waiting == 2
    before = await engine.database.read(places)
    clock.advance(100)
    assert (await engine.work(patience_s=10)).finished == {}
    assert await engine.database.read(places) == before
    assert (await engine.work(patience_s=400)).finished == {"created": 2}


async def test_repeated_version_leaves_the_lock(engine: Engine, office: Office) -> None:
    async def versioned(run: Run) -> BotResult:
        async with run.locked("erp", ["A1"]):
            await run.version("order-7@v1")
        return BotResult(outcome="created")

    office.bot.__dict__["process"] = versioned
    await engine.start("order", [work("R-1"), work("R-2"), work("R-3")])
    assert (await engine.work(concurrency=1)).finished == {"created": 1, "repeated": 2}


async def test_dry_run_enters_each_block_as_another_one(engine: Engine, office: Office) -> None:
    async def twice(run: Run) -> BotResult:
        assert isinstance(run.item, OrderItem)
        for shared in (True, False):
            async with run.locked("erp", ["A1"], shared=shared, key=f"shared {shared}") as turn:
                await run.perform("erp", SALES_ORDER_FIND, order(run.item.reference).lookup(), key=turn)
        return BotResult(outcome="waiting")

    office.bot.__dict__["process"] = twice
    assert (await engine.preview("order", work("R-1"), lambda _: None)).outcome == "waiting"
