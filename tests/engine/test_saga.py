"""Sagas: all or nothing, and where a compensation fails, exactly what is left in tickets."""

import asyncio

import pytest

from tandem.domain.sales_order import SALES_ORDER_CREATE
from tandem.engine.bot import BotResult
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.settlement import Settlement
from tandem.errors import StockShort, UsageError
from tandem.store import journal, tickets
from tandem.store.database import Database
from tandem.store.tickets import Ticket
from tests.engine.vendor import Crash, HandHeldClock, Office, order, work


async def failing_saga(run: Run) -> BotResult:
    try:
        async with run.saga():
            await run.perform("erp", SALES_ORDER_CREATE, order("R-1"), key="1")
            await run.perform("erp", SALES_ORDER_CREATE, order("R-2"), key="2")
            raise StockShort("Order {order}: short.", order="R-2")
    except StockShort:
        return BotResult(outcome="waiting", final=False)


async def test_saga_undoes_its_writes_last_first_when_refused(engine: Engine, office: Office) -> None:
    office.bot.__dict__["process"] = failing_saga
    (run_id,) = await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert tally.finished == {"waiting": 1}
    assert office.books.live == []
    entries = await engine.database.read(lambda connection: journal.load(connection, run_id))
    undone = [entry.step for entry in entries if entry.kind == "undone"]
    assert undone == ["erp.sales_order.create[2]", "erp.sales_order.create[1]"]


async def test_compensation_that_is_refused_becomes_a_ticket_that_says_what_is_left(
    engine: Engine, office: Office
) -> None:
    office.api.cancel_script = ["ok", "credit"]
    office.bot.__dict__["process"] = failing_saga
    await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert tally.waiting == 1
    (ticket,) = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    assert ticket.kind == "not_compensated"
    assert "sales_order_id=1" in ticket.error["fields"]["document"]
    assert [document.sales_order_id for document in office.books.live] == ["1"]


async def test_crash_inside_a_compensation_goes_on_undoing(
    engine: Engine, office: Office, database: Database, clock: HandHeldClock
) -> None:
    office.api.cancel_script = ["ok", "crash_before_commit"]
    office.bot.__dict__["process"] = failing_saga
    await engine.start("order", [work("R-1")])
    with pytest.raises(Crash):
        await engine.work()
    again = Engine(database, {"order": office.bot}, engine.codec, systems=engine.systems, clock=clock)
    await again.recover()
    tally = await again.work(patience_s=3600)
    assert tally.finished == {"waiting": 1}
    assert office.books.live == []


async def open_tickets(engine: Engine) -> list[Ticket]:
    return await engine.database.read(lambda connection: tickets.list_newest(connection, 5))


@pytest.mark.parametrize("failure", ["credit", "access"])
async def test_compensation_that_fails_keeps_none_of_the_others(engine: Engine, office: Office, failure: str) -> None:
    office.bot.__dict__["process"] = failing_saga
    office.api.cancel_script = [failure]
    await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert tally.waiting == 1
    assert [document.sales_order_id for document in office.books.live] == ["2"]
    (ticket,) = await open_tickets(engine)
    assert [link.step for link in ticket.runs] == ["erp.sales_order.create[2]~undo"]


async def test_each_compensation_that_is_refused_has_its_ticket_that_says_what_is_left(
    engine: Engine, office: Office
) -> None:
    office.bot.__dict__["process"] = failing_saga
    office.api.cancel_script = ["credit", "credit"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    left = {ticket.reference: ticket.error["fields"]["document"] for ticket in await open_tickets(engine)}
    assert left == {
        "R-1": "sales_order_id=1, external_reference=R-1",
        "R-2": "sales_order_id=2, external_reference=R-2",
    }


async def test_run_that_two_residues_stop_ends_once_both_are_settled(engine: Engine, office: Office) -> None:
    office.bot.__dict__["process"] = failing_saga
    office.api.cancel_script = ["credit", "credit"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    later, first = await open_tickets(engine)
    await Settlement(engine, "clerk").retry(later.id)
    assert (await engine.work()).waiting == 1
    assert [(ticket.id, ticket.count) for ticket in await open_tickets(engine)] == [(first.id, 1)]
    await Settlement(engine, "clerk").retry(first.id)
    assert (await engine.work()).finished == {"waiting": 1}
    assert office.books.live == []


async def test_two_residues_settled_at_once_are_settled_one_after_the_other(engine: Engine, office: Office) -> None:
    office.bot.__dict__["process"] = failing_saga
    office.api.cancel_script = ["credit", "credit"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    settlement = Settlement(engine, "clerk")
    at_once = [settlement.retry(ticket.id) for ticket in await open_tickets(engine)]
    outcomes = await asyncio.gather(*at_once, return_exceptions=True)
    assert list in map(type, outcomes)
    assert {type(outcome) for outcome in outcomes} <= {list, UsageError}  # refused where the other is under way
    left = await open_tickets(engine)
    assert len(left) == sum(isinstance(outcome, UsageError) for outcome in outcomes)
    for ticket in left:
        await settlement.retry(ticket.id)
    assert (await engine.work()).finished == {"waiting": 1}
    assert office.books.live == []


async def test_compensation_that_waits_for_an_instant_is_made_before_those_of_earlier_writes(
    engine: Engine, office: Office
) -> None:
    office.bot.__dict__["process"] = failing_saga
    office.api.cancel_script = ["throttled_long"]
    await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert tally.waiting == 1
    assert len(office.books.live) == 2
    assert (await engine.work(patience_s=3600)).finished == {"waiting": 1}
    assert office.books.live == []
