"""Tickets are settled by people: retried, or resolved with the document made by hand, which the books must show."""

import asyncio
from typing import cast

import pytest
from sqlalchemy import select

from tandem.domain.sales_order import SALES_ORDER_CREATE, SALES_ORDER_FIND
from tandem.engine.bot import BotResult
from tandem.engine.engine import Engine
from tandem.engine.journal import Journal
from tandem.engine.run import Run
from tandem.engine.settlement import Settlement
from tandem.engine.system import Rungs
from tandem.errors import StockShort, UsageError
from tandem.store import runs, schema, tickets
from tandem.store.tickets import Ticket
from tests.engine.vendor import Office, order, work


async def only_ticket(engine: Engine) -> Ticket:
    (ticket,) = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    return ticket


async def test_retry_continues_where_the_run_stopped(engine: Engine, office: Office) -> None:
    office.api.script = ["access"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    ticket = await only_ticket(engine)
    await Settlement(engine, "clerk").retry(ticket.id)
    tally = await engine.work()
    assert tally.finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_retry_of_an_unknown_outcome_reads_back_before_anything_else(engine: Engine, office: Office) -> None:
    office.use_ladder("api")
    office.api.script = ["lost_answer"]
    office.api.find_script = ["unavailable"] * 40
    office.browser.find_script = ["unavailable"] * 40
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=3600)).waiting == 1
    office.api.find_script, office.browser.find_script, office.api.calls[:] = [], [], []
    await Settlement(engine, "clerk").retry((await only_ticket(engine)).id)
    assert (await engine.work(patience_s=100)).finished == {"created": 1}
    assert office.api.calls == ["sales_order.find"]
    assert len(office.books.documents) == 1


async def exhausted(engine: Engine, office: Office, *references: str) -> Ticket:
    for channel in (office.api, office.browser, office.desktop):
        channel.script = ["refused"] * 50
    await engine.start("order", [work(reference) for reference in references])
    await engine.work(patience_s=3600)
    return await only_ticket(engine)


async def test_resolve_with_the_document_made_by_hand_finishes_the_run(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    made = office.books.commit(order("R-1"))
    await Settlement(engine, "clerk").resolve(ticket.id, document=made.sales_order_id)
    assert (await engine.work()).finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_resolve_with_a_document_that_is_not_in_the_books_is_refused(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    with pytest.raises(UsageError, match="does not carry the external reference R-1"):
        await Settlement(engine, "clerk").resolve(ticket.id, document="4711")
    assert (await only_ticket(engine)).status == "open"


async def test_resolve_with_a_document_of_other_values_names_them(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    made = office.books.commit(order("R-1").model_copy(update={"currency": "USD"}))
    with pytest.raises(UsageError, match="currency: asked 'EUR', found 'USD'"):
        await Settlement(engine, "clerk").resolve(ticket.id, document=made.sales_order_id)


async def test_ticket_of_several_runs_is_resolved_one_reference_at_a_time(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1", "R-2")
    made = office.books.commit(order("R-2"))
    settlement = Settlement(engine, "clerk")
    with pytest.raises(UsageError, match="one of R-1, R-2"):
        await settlement.resolve(ticket.id, document=made.sales_order_id)
    await settlement.resolve(ticket.id, document=made.sales_order_id, reference="R-2")
    assert (await engine.work()).finished == {"created": 1}
    assert [link.reference for link in (await only_ticket(engine)).runs] == ["R-1"]


async def looking_up(run: Run) -> BotResult:
    await run.perform("erp", SALES_ORDER_FIND, order("R-1").lookup())
    return BotResult(outcome="found")


@pytest.mark.parametrize("document", [None, "4711"])
@pytest.mark.parametrize("references", [["R-1"], ["R-1", "R-2"]])
async def test_ticket_of_a_read_can_only_be_retried(
    engine: Engine, office: Office, document: str | None, references: list[str]
) -> None:
    office.bot.__dict__["process"] = looking_up
    office.api.find_script, office.browser.find_script = ["unavailable"] * 20, ["unavailable"] * 20
    await engine.start("order", [work(reference) for reference in references])
    await engine.work(patience_s=3600)
    ticket = await only_ticket(engine)
    with pytest.raises(UsageError, match=r"sales_order\.find, which had nothing to write: it can only be retried"):
        await Settlement(engine, "clerk").resolve(ticket.id, document=document)
    office.api.find_script = []
    await Settlement(engine, "clerk").retry(ticket.id)
    assert (await engine.work(patience_s=3600)).finished == {"found": len(references)}


async def test_ticket_of_a_bot_that_broke_off_can_only_be_retried(engine: Engine, office: Office) -> None:
    async def broken(run: Run) -> BotResult:
        raise RuntimeError("a mistake in the bot")

    office.bot.__dict__["process"] = broken
    await engine.start("order", [work("R-1")])
    await engine.work()
    with pytest.raises(UsageError, match="stopped order, which had nothing to write"):
        await Settlement(engine, "clerk").resolve((await only_ticket(engine)).id, document="4711")


async def test_settled_ticket_cannot_be_settled_again(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    for channel in (office.api, office.browser, office.desktop):
        channel.script = []
    await Settlement(engine, "clerk").retry(ticket.id)
    with pytest.raises(UsageError, match="is settled already"):
        await Settlement(engine, "clerk").retry(ticket.id)


async def test_ticket_that_two_people_settle_at_once_is_settled_by_one(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    made = office.books.commit(order("R-1"))
    told = await asyncio.gather(
        *(Settlement(engine, name).resolve(ticket.id, document=made.sales_order_id) for name in ("Li", "Wang")),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in told) == ["UsageError", "list"]
    recorded = await engine.database.read(lambda connection: connection.execute(select(schema.audit.c.action)).all())
    assert [row.action for row in recorded if row.action.startswith("ticket.")] == ["ticket.resolved"]
    for channel in (office.api, office.browser, office.desktop):
        channel.script = []
    assert (await engine.work()).finished == {"created": 1}


class Slowly(Settlement):
    """Settles, while another order meets the same fault."""

    async def _reopen(self, journal: Journal, step: str) -> None:
        await super()._reopen(journal, step)
        await self._engine.start("order", [work("R-2")])
        await self._engine.work(patience_s=3600)


async def test_run_that_meets_the_fault_while_it_is_settled_keeps_the_ticket_open(
    engine: Engine, office: Office
) -> None:
    ticket = await exhausted(engine, office, "R-1")
    first = await Slowly(engine, "clerk").retry(ticket.id)
    still_open = await only_ticket(engine)
    assert (still_open.id, [link.reference for link in still_open.runs]) == (ticket.id, ["R-2"])
    for channel in (office.api, office.browser, office.desktop):
        channel.script = []
    second = await Settlement(engine, "clerk").retry(ticket.id)
    assert len({*first, *second}) == 2
    assert (await engine.work(patience_s=3600)).finished == {"created": 2}


async def test_run_stopped_by_two_tickets_goes_on_once_both_are_retried(engine: Engine, office: Office) -> None:
    async def looks_twice(run: Run) -> BotResult:
        lookup = order("R-1").lookup()
        await run.together(
            run.perform("erp", SALES_ORDER_FIND, lookup, key="1"), run.perform("erp", SALES_ORDER_FIND, lookup, key="2")
        )
        return BotResult(outcome="found")

    office.bot.__dict__["process"] = looks_twice
    cast(dict[str, Rungs], office.system.operations)["sales_order.find"] = Rungs(("api", "browser"), round_waits_s=())
    office.api.find_script = ["access"] + ["refused"] * 20
    office.browser.find_script = ["refused"] * 20
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=3600)).waiting == 1
    opened = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    assert len(opened) == 2
    office.api.find_script, office.browser.find_script = [], []
    for ticket in opened:
        await Settlement(engine, "clerk").retry(ticket.id)
    assert (await engine.work()).finished == {"found": 1}


async def test_one_cause_that_stops_three_steps_at_once_is_one_ticket_whose_retry_continues_all(
    engine: Engine, office: Office
) -> None:
    async def looks_and_writes(run: Run) -> BotResult:
        lookup = order("R-1").lookup()
        await run.together(
            run.perform("erp", SALES_ORDER_FIND, lookup, key="1"),
            run.perform("erp", SALES_ORDER_FIND, lookup, key="2"),
            run.perform("erp", SALES_ORDER_CREATE, order("R-1")),
        )
        return BotResult(outcome="created")

    office.bot.__dict__["process"] = looks_and_writes
    cast(dict[str, Rungs], office.system.operations)["sales_order.find"] = Rungs(("api",))
    office.api.find_script, office.api.script = ["login"] * 2, ["login"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=3600)).waiting == 1
    ticket = await only_ticket(engine)
    assert (ticket.kind, ticket.count, ticket.operation) == (
        "access_refused",
        3,
        "sales_order.create, sales_order.find",
    )
    assert [link.step for link in ticket.runs] == [
        "erp.sales_order.create",
        "erp.sales_order.find[1]",
        "erp.sales_order.find[2]",
    ]
    await Settlement(engine, "clerk").retry(ticket.id)
    assert (await engine.work(patience_s=3600)).finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_two_permissions_that_are_missing_are_two_tickets(engine: Engine, office: Office) -> None:
    async def looks_and_writes(run: Run) -> BotResult:
        await run.together(
            run.perform("erp", SALES_ORDER_FIND, order("R-1").lookup()),
            run.perform("erp", SALES_ORDER_CREATE, order("R-1")),
        )
        return BotResult(outcome="created")

    office.bot.__dict__["process"] = looks_and_writes
    cast(dict[str, Rungs], office.system.operations)["sales_order.find"] = Rungs(("api",))
    office.api.find_script, office.api.script = ["access"], ["access"]
    await engine.start("order", [work("R-1")])
    await engine.work(patience_s=3600)
    opened = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    assert sorted(ticket.operation for ticket in opened) == ["sales_order.create", "sales_order.find"]


async def test_retry_after_a_refused_permission_sends_at_once_since_nothing_is_in_doubt(
    engine: Engine, office: Office
) -> None:
    office.api.script = ["access"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    office.api.calls.clear()
    before = engine.clock.now()
    await Settlement(engine, "clerk").retry((await only_ticket(engine)).id)
    assert (await engine.work()).finished == {"created": 1}
    assert office.api.calls == ["sales_order.create"]
    assert engine.clock.now() == before


async def test_resolve_with_a_cancelled_document_is_refused(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    made = office.books.commit(order("R-1"))
    office.books.cancel(made.sales_order_id)
    with pytest.raises(UsageError, match="does not carry the external reference R-1"):
        await Settlement(engine, "clerk").resolve(ticket.id, document=made.sales_order_id)


async def test_resolve_while_two_documents_stand_is_refused_and_names_both(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    for _ in range(2):
        office.books.commit(order("R-1"))
    with pytest.raises(UsageError, match="stands 2 times: 1, 2"):
        await Settlement(engine, "clerk").resolve(ticket.id, document="2")
    office.books.cancel("1")
    await Settlement(engine, "clerk").resolve(ticket.id, document="2")
    assert (await engine.work()).finished == {"created": 1}


async def test_order_keyed_otherwise_by_a_person_is_settled_with_its_number_once_corrected(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api", look_first=True)
    office.books.commit(order("R-1").model_copy(update={"currency": "USD"}))
    await engine.start("order", [work("R-1")])
    await engine.work()
    ticket = await only_ticket(engine)
    assert ticket.kind == "written_differently"
    office.books.documents[0] = office.books.documents[0].model_copy(update={"order": order("R-1")})
    await Settlement(engine, "clerk").resolve(ticket.id, document="1")
    assert (await engine.work()).finished == {"created": 1}
    assert len(office.books.documents) == 1


async def two_orders_or_none(run: Run) -> BotResult:
    async with run.saga():
        await run.perform("erp", SALES_ORDER_CREATE, order("R-1"), key="1")
        await run.perform("erp", SALES_ORDER_CREATE, order("R-2"), key="2")
    return BotResult(outcome="created")


async def test_saga_refused_again_after_a_retry_undoes_what_the_retry_made(engine: Engine, office: Office) -> None:
    office.bot.__dict__["process"] = two_orders_or_none
    office.api.script = ["ok", "credit", "ok", "credit"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    assert office.books.live == []
    await Settlement(engine, "clerk").retry((await only_ticket(engine)).id)
    await engine.work(patience_s=3600)
    assert len(office.books.documents) == 2
    assert office.books.live == []


async def test_saga_that_a_person_released_is_carried_out_once_on_retry(engine: Engine, office: Office) -> None:
    office.bot.__dict__["process"] = two_orders_or_none
    office.api.script = ["ok", "credit"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    await Settlement(engine, "clerk").retry((await only_ticket(engine)).id)
    assert (await engine.work(patience_s=1)).finished == {"created": 1}
    assert sorted(document.order.external_reference for document in office.books.live) == ["R-1", "R-2"]


async def test_retry_of_a_failed_compensation_undoes_and_makes_nothing_again(engine: Engine, office: Office) -> None:
    async def short_of_stock(run: Run) -> BotResult:
        try:
            async with run.saga():
                await run.perform("erp", SALES_ORDER_CREATE, order("R-1"), key="1")
                await run.perform("erp", SALES_ORDER_CREATE, order("R-2"), key="2")
                raise StockShort("Order {order}: short.", order="R-2")
        except StockShort:
            return BotResult(outcome="waiting", final=False)

    office.bot.__dict__["process"] = short_of_stock
    office.api.cancel_script = ["ok", "credit"]
    await engine.start("order", [work("R-1")])
    await engine.work()
    await Settlement(engine, "clerk").retry((await only_ticket(engine)).id)
    assert (await engine.work(patience_s=3600)).finished == {"waiting": 1}
    assert len(office.books.documents) == 2
    assert office.books.live == []


async def test_order_keyed_by_a_person_is_adopted_on_retry_too(engine: Engine, office: Office) -> None:
    office.use_ladder("api", "browser", "desktop", look_first=True)
    ticket = await exhausted(engine, office, "R-1")
    office.books.commit(order("R-1"))
    for channel in (office.api, office.browser, office.desktop):
        channel.script = []
    await Settlement(engine, "clerk").retry(ticket.id)
    assert (await engine.work(patience_s=3600)).finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_duplicate_reference_that_a_person_has_cleared_may_be_retried(engine: Engine, office: Office) -> None:
    office.use_ladder("api")
    office.api.script = ["duplicate"]
    await engine.start("order", [work("R-1")])
    await engine.work(patience_s=3600)
    await Settlement(engine, "clerk").retry((await only_ticket(engine)).id)
    assert (await engine.work(patience_s=3600)).finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_ticket_of_a_run_that_is_under_way_is_not_settled(engine: Engine, office: Office) -> None:
    ticket = await exhausted(engine, office, "R-1")
    (run_id,) = [link.run_id for link in ticket.runs]
    await engine.database.write(lambda connection: runs.make_ready(connection, [run_id]))
    await engine.database.write(lambda connection: runs.claim(connection, 1, engine.clock.now()))
    with pytest.raises(UsageError, match="worked on at this moment"):
        await Settlement(engine, "clerk").retry(ticket.id)
    assert (await only_ticket(engine)).status == "open"
